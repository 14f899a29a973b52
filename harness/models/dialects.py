"""The protocols that providers stream in: what each event of them says.

Each reader takes one event (a JSON object) into a `Said` and returns what can be shown of it.
Four protocols carry nearly all models; what comes in another one is read by LiteLLM.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any, NamedTuple

from harness.files import Json
from harness.models.said import Pieces, Said
from harness.models.wire import DONE, json_lines, json_object, sent_events

# Ends that are no ordinary end, in each provider's own words.
REFUSALS = frozenset[str]().union(
    ("refusal", "content_filter", "sensitive", "guardrail_intervened", "content_filtered"),
    ("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "LANGUAGE", "MODEL_ARMOR"),
    ("IMAGE_SAFETY", "IMAGE_PROHIBITED_CONTENT", "IMAGE_RECITATION"),
)
BROKEN = frozenset[str]().union(
    ("error", "network_error", "insufficient_system_resource", "abort"),
    ("MALFORMED_FUNCTION_CALL", "UNEXPECTED_TOOL_CALL", "MALFORMED_RESPONSE", "OTHER"),
    ("TOO_MANY_TOOL_CALLS", "MISSING_THOUGHT_SIGNATURE", "FINISH_REASON_UNSPECIFIED"),
)
FULL = frozenset(("model_context_window_exceeded", "context_length_exceeded"))
ORDINARY = {  # the words of the log for an ordinary end
    **dict.fromkeys(("end_turn", "stop_sequence", "STOP", "eos"), "stop"),
    **dict.fromkeys(("max_tokens", "MAX_TOKENS", "model_length"), "length"),
    "tool_use": "tool_calls",
}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _dict(value: Any) -> Json:
    return value if isinstance(value, dict) else {}


def _dicts(value: Any) -> list[Json]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _finish(said: Said, reason: Any, why: Any = "") -> None:
    """The provider says that, and why, the message ends here."""
    if not isinstance(reason, str) or not reason:
        return
    said.end(ORDINARY.get(reason, reason))
    if reason in REFUSALS:
        said.refuse(_text(why) or reason)
    elif reason in BROKEN:
        said.fail(said.failed or _text(why) or f"it ended with {reason!r}")


# ---------------------------------------------------------------- Anthropic


def anthropic(event: Json, said: Said) -> Pieces:
    """An event of Anthropic's Messages API."""
    kind, index = event.get("type"), event.get("index")
    if kind == "error":
        said.fail(event.get("error") or event)
    elif kind == "message_start":
        said.counted.update(_dict(_dict(event.get("message")).get("usage")))
    elif kind == "content_block_start":
        return _block_start(said, index, _dict(event.get("content_block")))
    elif kind == "content_block_delta":
        return _block_delta(said, index, _dict(event.get("delta")))
    elif kind == "message_delta":
        delta = _dict(event.get("delta"))
        details = _dict(delta.get("stop_details"))
        _finish(said, delta.get("stop_reason"), _reason(details))
        counted = _dict(event.get("usage"))
        said.counted.update((n, value) for n, value in counted.items() if value is not None)
    elif kind == "message_stop":
        said.no_more()
    return []


def _reason(details: Json) -> str:
    words = [_text(details.get(name)) for name in ("category", "explanation")]
    return ": ".join(word for word in words if word)


def _block_start(said: Said, index: Any, block: Json) -> Pieces:
    if block.get("type") == "text":
        return said.text(_text(block.get("text")))
    if block.get("type") == "thinking":
        return said.think(_text(block.get("thinking")), index, _text(block.get("signature")))
    if block.get("type") == "redacted_thinking":
        said.redacted(_text(block.get("data")))
    elif block.get("type") == "tool_use":
        given = block.get("input") or None
        said.call(index, _text(block.get("id")), _text(block.get("name")), given, new=True)
    return []


def _block_delta(said: Said, index: Any, delta: Json) -> Pieces:
    kind = delta.get("type")
    if kind == "text_delta":
        return said.text(_text(delta.get("text")))
    if kind == "thinking_delta":
        return said.think(_text(delta.get("thinking")), index)
    if kind == "signature_delta":
        return said.think("", index, _text(delta.get("signature")))
    ours = any(part.kind == "call" and part.key == index for part in said.parts)
    if kind == "input_json_delta" and ours:  # tools that run at the provider's are not ours
        said.call(index, "", "", _text(delta.get("partial_json")))
    return []


# ---------------------------------------------------------------- OpenAI and all who do likewise


def chat(event: Json, said: Said) -> Pieces:
    """A chunk of OpenAI's chat completions, in the many ways in which it is spoken."""
    if event is DONE:
        said.no_more()
        return []
    said.fail(event.get("error"))
    if isinstance(event.get("usage"), dict) and event["usage"]:
        said.count(dict(event["usage"]))
    for name in ("service_tier", "x_groq"):
        if event.get(name):
            said.counted.setdefault(name, event[name])
    said.counted.update(_dict(_dict(event.get("x_groq")).get("usage")))
    if not (choices := _dicts(event.get("choices"))):
        return []
    choice = choices[0]
    delta = _dict(choice.get("delta")) or _dict(choice.get("message"))
    said.take_thoughts_back()
    pieces = _chat_words(said, delta)
    for call in _dicts(delta.get("tool_calls")):
        function = _dict(call.get("function"))
        id, name = _text(call.get("id")), _text(function.get("name"))
        said.call(call.get("index"), id, name, function.get("arguments"), _signed(call))
    said.fail(choice.get("error"))
    native = _text(choice.get("native_finish_reason"))
    reason = native if native in REFUSALS | FULL else choice.get("finish_reason")
    _finish(said, reason, said.refusal)
    return pieces


def _chat_words(said: Said, delta: Json) -> Pieces:
    pieces: Pieces = []
    details = _dicts(delta.get("reasoning_details"))
    said.details.extend(details)
    thoughts = (delta.get(name) for name in ("reasoning_content", "reasoning", "thinking"))
    thought = next(filter(None, map(_text, thoughts)), "")
    if not thought:
        kinds = ("text", "summary")
        thought = "".join(_text(detail.get(kind)) for detail in details for kind in kinds)
    pieces += said.think(thought)
    content = delta.get("content")
    for part in _dicts(content):
        if part.get("type") in ("thinking", "reasoning"):
            pieces += said.think(_thinking(part))
        elif part.get("type") == "refusal":
            pieces += said.decline(_text(part.get("refusal")))
        else:
            pieces += said.text(_text(part.get("text")))
    pieces += said.tagged(_text(content))
    return pieces + said.decline(_text(delta.get("refusal")))


def _thinking(part: Json) -> str:
    """The words of a thinking part: a text, or a list of texts."""
    inner = part.get("thinking") or part.get("text") or part.get("summary")
    return _text(inner) or "".join(_text(piece.get("text")) for piece in _dicts(inner))


def _signed(call: Json) -> Json:
    """Where Gemini signs a call when it is spoken to in OpenAI's dialect."""
    extra = call.get("extra_content")
    return {"extra_content": extra} if isinstance(extra, dict) and extra else {}


# ---------------------------------------------------------------- Gemini


def gemini(event: Json, said: Said) -> Pieces:
    """A chunk of Gemini's streamGenerateContent."""
    said.fail(event.get("error"))
    if isinstance(event.get("usageMetadata"), dict):
        said.count(event["usageMetadata"])
    feedback = _dict(event.get("promptFeedback"))
    if blocked := _text(feedback.get("blockReason")):
        said.end(blocked)
        said.refuse(_text(feedback.get("blockReasonMessage")) or f"prompt blocked: {blocked}")
    pieces: Pieces = []
    for candidate in _dicts(event.get("candidates"))[:1]:
        for part in _dicts(_dict(candidate.get("content")).get("parts")):
            pieces += _gemini_part(said, part)
        _finish(said, candidate.get("finishReason"), candidate.get("finishMessage"))
    said.end_in_calls()
    return pieces


def _gemini_part(said: Said, part: Json) -> Pieces:
    signature = _text(part.get("thoughtSignature"))
    if isinstance(call := part.get("functionCall"), dict):
        signed = {"provider_specific_fields": {"thought_signature": signature}}
        extra = signed if signature else {}  # a history without it is refused
        name, id = _text(call.get("name")), _text(call.get("id"))
        said.call(None, id, name, call.get("args") or {}, extra, new=True)
        return []
    if part.get("thought"):
        return said.think(_text(part.get("text")))
    return said.text(_text(part.get("text")), signature) if "text" in part else []


# ---------------------------------------------------------------- Ollama


def ollama(event: Json, said: Said) -> Pieces:
    """A line of Ollama's /api/chat."""
    said.fail(event.get("error"))
    message = _dict(event.get("message"))
    said.take_thoughts_back()
    pieces = said.think(_text(message.get("thinking")))
    pieces += said.tagged(_text(message.get("content")))
    for call in _dicts(message.get("tool_calls")):
        function = _dict(call.get("function"))
        name, arguments = _text(function.get("name")), function.get("arguments")
        said.call(None, _text(call.get("id")), name, arguments or {}, new=True)
    if event.get("done") is True:
        said.no_more()
        said.count(event)
        _finish(said, event.get("done_reason") or "stop")
        said.end_in_calls()
    return pieces


# ---------------------------------------------------------------- which is spoken


class Dialect(NamedTuple):
    """How a body is taken apart into events, and how one is read."""

    name: str
    events: Callable[[AsyncIterator[str]], AsyncGenerator[Json, None]]
    read: Callable[[Json, Said], Pieces]


_BY_PATH = (  # what the path of a request that streams ends with, or holds
    ("/messages", Dialect("anthropic", sent_events, anthropic)),
    (":streamRawPredict", Dialect("anthropic", sent_events, anthropic)),
    ("/chat/completions", Dialect("chat", sent_events, chat)),
    (":streamGenerateContent", Dialect("gemini", sent_events, gemini)),
    ("/api/chat", Dialect("ollama", json_lines, ollama)),
)


def spoken_at(path: str) -> Dialect | None:
    """The dialect that is spoken at this path of a server; None where it is no one of these."""
    return next((dialect for end, dialect in _BY_PATH if path.rstrip("/").endswith(end)), None)


def whole_message(body: str) -> Json | None:
    """A chat completion that came in one piece, though a stream was asked for."""
    answer = json_object(body)
    return answer if answer and _dicts(answer.get("choices")) else None
