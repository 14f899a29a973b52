"""The protocols that providers stream in: what each event of them says.

Each reader takes one event (a JSON object) into a `Said` and returns what can be shown of it.
Five protocols carry nearly all models; what comes in another one is read by LiteLLM.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import Any, NamedTuple

from harness.files import Json, object_of, objects_of, text_of
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
    ("ERROR", "TIMEOUT"),
)
FULL = frozenset(("model_context_window_exceeded", "context_length_exceeded"))
ORDINARY = {  # the words of the log for an ordinary end
    **dict.fromkeys(("end_turn", "stop_sequence", "STOP", "eos"), "stop"),
    **dict.fromkeys(("COMPLETE", "STOP_SEQUENCE"), "stop"),
    **dict.fromkeys(("max_tokens", "MAX_TOKENS", "model_length"), "length"),
    **dict.fromkeys(("tool_use", "TOOL_CALL"), "tool_calls"),
}


def _finish(said: Said, reason: Any, why: Any = "") -> None:
    """The provider says that, and why, the message ends here."""
    if not isinstance(reason, str) or not reason:
        return
    said.end(ORDINARY.get(reason, reason))
    if reason in REFUSALS:
        said.refuse(text_of(why) or reason)
    elif reason in BROKEN:
        said.fail(said.failed or text_of(why) or f"it ended with {reason!r}")


# ---------------------------------------------------------------- Anthropic


def anthropic(event: Json, said: Said) -> Pieces:
    """An event of Anthropic's Messages API."""
    kind, index = event.get("type"), event.get("index")
    if kind == "error":
        said.fail(event.get("error") or event)
    elif kind == "message_start":
        said.counted.update(object_of(object_of(event.get("message")).get("usage")))
    elif kind == "content_block_start":
        return _block_start(said, index, object_of(event.get("content_block")))
    elif kind == "content_block_delta":
        return _block_delta(said, index, object_of(event.get("delta")))
    elif kind == "message_delta":
        delta = object_of(event.get("delta"))
        details = object_of(delta.get("stop_details"))
        _finish(said, delta.get("stop_reason"), _reason(details))
        counted = object_of(event.get("usage"))
        said.counted.update((n, value) for n, value in counted.items() if value is not None)
    elif kind == "message_stop":
        said.no_more()
    return []


def _reason(details: Json) -> str:
    words = [text_of(details.get(name)) for name in ("category", "explanation")]
    return ": ".join(word for word in words if word)


def _block_start(said: Said, index: Any, block: Json) -> Pieces:
    if block.get("type") == "text":
        return said.text(text_of(block.get("text")))
    if block.get("type") == "thinking":
        return said.think(text_of(block.get("thinking")), index, text_of(block.get("signature")))
    if block.get("type") == "redacted_thinking":
        said.redacted(text_of(block.get("data")))
    elif block.get("type") == "tool_use":
        given = block.get("input") or None
        said.call(index, text_of(block.get("id")), text_of(block.get("name")), given, new=True)
    return []


def _block_delta(said: Said, index: Any, delta: Json) -> Pieces:
    kind = delta.get("type")
    if kind == "text_delta":
        return said.text(text_of(delta.get("text")))
    if kind == "thinking_delta":
        return said.think(text_of(delta.get("thinking")), index)
    if kind == "signature_delta":
        return said.think("", index, text_of(delta.get("signature")))
    ours = any(part.kind == "call" and part.key == index for part in said.parts)
    if kind == "input_json_delta" and ours:  # tools that run at the provider's are not ours
        said.call(index, "", "", text_of(delta.get("partial_json")))
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
    said.counted.update(object_of(object_of(event.get("x_groq")).get("usage")))
    if not (choices := objects_of(event.get("choices"))):
        return []
    choice = choices[0]
    delta = object_of(choice.get("delta")) or object_of(choice.get("message"))
    said.take_thoughts_back()
    pieces = _chat_words(said, delta)
    for call in objects_of(delta.get("tool_calls")):
        said.call(call.get("index"), *_called(call), _signed(call))
    said.fail(choice.get("error"))
    native = text_of(choice.get("native_finish_reason"))
    reason = native if native in REFUSALS | FULL else choice.get("finish_reason")
    _finish(said, reason, said.refusal)
    return pieces


def _chat_words(said: Said, delta: Json) -> Pieces:
    pieces: Pieces = []
    details = objects_of(delta.get("reasoning_details"))
    said.details.extend(details)
    thoughts = (delta.get(name) for name in ("reasoning_content", "reasoning", "thinking"))
    thought = next(filter(None, map(text_of, thoughts)), "")
    if not thought:
        kinds = ("text", "summary")
        thought = "".join(text_of(detail.get(kind)) for detail in details for kind in kinds)
    pieces += said.think(thought)
    content = delta.get("content")
    for part in objects_of(content):
        if part.get("type") in ("thinking", "reasoning"):
            pieces += said.think(_thinking(part))
        elif part.get("type") == "refusal":
            pieces += said.decline(text_of(part.get("refusal")))
        else:
            pieces += said.text(text_of(part.get("text")))
    pieces += said.tagged(text_of(content))
    return pieces + said.decline(text_of(delta.get("refusal")))


def _thinking(part: Json) -> str:
    """The words of a thinking part: a text, or a list of texts."""
    inner = part.get("thinking") or part.get("text") or part.get("summary")
    return text_of(inner) or "".join(text_of(piece.get("text")) for piece in objects_of(inner))


def _called(call: Json) -> tuple[str, str, Any]:
    """The id, the name and the arguments of a call, as OpenAI and others write it."""
    function = object_of(call.get("function"))
    return text_of(call.get("id")), text_of(function.get("name")), function.get("arguments")


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
    feedback = object_of(event.get("promptFeedback"))
    if blocked := text_of(feedback.get("blockReason")):
        said.end(blocked)
        said.refuse(text_of(feedback.get("blockReasonMessage")) or f"prompt blocked: {blocked}")
    pieces: Pieces = []
    for candidate in objects_of(event.get("candidates"))[:1]:
        for part in objects_of(object_of(candidate.get("content")).get("parts")):
            pieces += _gemini_part(said, part)
        _finish(said, candidate.get("finishReason"), candidate.get("finishMessage"))
    said.end_in_calls()
    return pieces


def _gemini_part(said: Said, part: Json) -> Pieces:
    signature = text_of(part.get("thoughtSignature"))
    if isinstance(call := part.get("functionCall"), dict):
        signed = {"provider_specific_fields": {"thought_signature": signature}}
        extra = signed if signature else {}  # a history without it is refused
        name, id = text_of(call.get("name")), text_of(call.get("id"))
        said.call(None, id, name, call.get("args") or {}, extra, new=True)
        return []
    if part.get("thought"):
        return said.think(text_of(part.get("text")))
    return said.text(text_of(part.get("text")), signature) if "text" in part else []


# ---------------------------------------------------------------- Ollama


def ollama(event: Json, said: Said) -> Pieces:
    """A line of Ollama's /api/chat."""
    said.fail(event.get("error"))
    message = object_of(event.get("message"))
    said.take_thoughts_back()
    pieces = said.think(text_of(message.get("thinking")))
    pieces += said.tagged(text_of(message.get("content")))
    for call in objects_of(message.get("tool_calls")):
        id, name, arguments = _called(call)
        said.call(None, id, name, arguments or {}, new=True)
    if event.get("done") is True:
        said.no_more()
        said.count(event)
        _finish(said, event.get("done_reason") or "stop")
        said.end_in_calls()
    return pieces


# ---------------------------------------------------------------- Cohere


def cohere(event: Json, said: Said) -> Pieces:
    """An event of Cohere's v2/chat."""
    kind, delta = event.get("type"), object_of(event.get("delta"))
    message = object_of(delta.get("message"))
    if kind in ("content-start", "content-delta"):
        content = object_of(message.get("content"))
        thought, words = text_of(content.get("thinking")), text_of(content.get("text"))
        return said.think(thought) + said.text(words)
    if kind == "tool-plan-delta":  # what it thinks of the calls that it is about to make
        return said.think(text_of(message.get("tool_plan")))
    if kind in ("tool-call-start", "tool-call-delta"):
        said.call(event.get("index"), *_called(object_of(message.get("tool_calls"))))
    elif kind == "message-end":
        usage = object_of(delta.get("usage"))
        said.count(object_of(usage.get("billed_units")) or object_of(usage.get("tokens")))
        _finish(said, delta.get("finish_reason"), delta.get("error"))
        said.no_more()
    return []


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
    ("/v2/chat", Dialect("cohere", sent_events, cohere)),
)


def spoken_at(path: str) -> Dialect | None:
    """The dialect that is spoken at this path of a server; None where it is no one of these."""
    return next((dialect for end, dialect in _BY_PATH if path.rstrip("/").endswith(end)), None)


def whole_message(body: str) -> Json | None:
    """A chat completion that came in one piece, though a stream was asked for."""
    answer = json_object(body)
    return answer if answer and objects_of(answer.get("choices")) else None
