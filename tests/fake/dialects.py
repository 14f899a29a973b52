"""How the fake provider speaks: a reply on the wire, in each provider's own dialect.

Anthropic's Messages API, OpenAI's chat completions, Gemini's streamGenerateContent, Ollama's
/api/chat, Cohere's v2/chat, and Bedrock's converse-stream.
"""

import hashlib
import json
import struct
import zlib
from dataclasses import dataclass

from fake.cache import tokens
from fake.rules import signature
from fake.script import ERRORS, Fault, Reply, Request

PATHS = {
    "/v1/messages": "anthropic",
    "/chat/completions": "openai",
    "/v1/chat/completions": "openai",
    "/api/chat": "ollama",
    "/v2/chat": "cohere",
}
OPENAI_ERRORS = {  # status: code and message, where OpenAI's differ
    401: ("invalid_api_key", "Incorrect API key provided: bad-key."),
    403: ("unsupported_country", "Country, region, or territory not supported"),
    404: ("model_not_found", "The model `no-such-model` does not exist"),
    429: ("rate_limit_exceeded", "Rate limit reached. Please try again in 1s."),
}
GEMINI_ERRORS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}
FINISH = {"tool_use": "tool_calls", "max_tokens": "length", "refusal": "content_filter"}
GEMINI_FINISH = {"end_turn": "STOP", "tool_use": "STOP", "max_tokens": "MAX_TOKENS"}
COHERE_FINISH = {"end_turn": "COMPLETE", "tool_use": "TOOL_CALL", "max_tokens": "MAX_TOKENS"}


def split(text: str) -> list[str]:
    """Text in at most 64 pieces of at least 12 characters."""
    size = max(12, -(-len(text) // 64))
    return [text[i : i + size] for i in range(0, len(text), size)]


@dataclass
class Block:
    """A block of a reply: thinking, text or tool_use."""

    kind: str
    chunks: list[str]
    name: str = ""
    id: str = ""

    @property
    def whole(self) -> str:
        """Its text, or the JSON of its arguments."""
        return "".join(self.chunks)


@dataclass
class Answer:
    """A reply made ready: its blocks within `max_tokens`, its usage, why it ends."""

    id: str
    model: str
    blocks: list[Block]
    stop: str
    usage: dict
    counted: bool = True


def compose(reply: Reply, request: Request, usage: dict) -> Answer:
    """Lay a reply out in blocks, and cut it where `max_tokens` ends it.

    Ids come from the request's bytes: the same request gets the same answer, also in a run that
    was killed and resumed.
    """
    body, stamp = request.body, hashlib.sha256(request.raw).hexdigest()[:20]
    blocks = [Block("thinking", split(reply.thinking))] if reply.thinking else []
    chunks = split(reply.text) if reply.chunks is None else reply.chunks
    blocks += [Block("text", list(chunks))] if chunks else []
    for i, (name, value) in enumerate(reply.tools):
        wrong = reply.fault is not None and reply.fault.kind == "wrong_tool_id"
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        blocks.append(
            Block(
                "tool_use", split(text), name, reply.fault.value if wrong else f"toolu_{stamp}{i}"
            )
        )
    limit = body.get("max_tokens") or body.get("max_completion_tokens")
    limit = limit or (body.get("generationConfig") or {}).get("max_output_tokens")
    limit = limit or (body.get("inferenceConfig") or {}).get("maxTokens")
    limit = limit or (body.get("options") or {}).get("num_predict") or 1_000_000_000
    spent, whole = fit(blocks, limit, one_each=reply.chunks is not None)
    natural = "tool_use" if reply.tools else "end_turn"
    spent = max(1, spent) if reply.output_tokens is None else reply.output_tokens
    return Answer(
        f"msg_{stamp}",
        body["model"],
        blocks,
        (reply.stop or natural) if whole else "max_tokens",
        {**usage, "output_tokens": spent},
        reply.counted,
    )


def fit(blocks: list[Block], limit: int, one_each: bool) -> tuple[int, bool]:
    """Cut the blocks at `limit` tokens; the tokens spent, and whether all went in."""
    spent = 0
    for i, block in enumerate(blocks):
        for j, chunk in enumerate(block.chunks):
            cost = 1 if one_each and block.kind == "text" else tokens(chunk)
            if spent + cost > limit:
                block.chunks[j:] = [chunk[: 4 * (limit - spent)]] if limit > spent else []
                del blocks[i + 1 :]
                return limit, False
            spent += cost
    return spent, True


def event(type: str, **data: object) -> str:
    """One server-sent event of the Messages API."""
    return f"event: {type}\ndata: {json.dumps({'type': type, **data})}\n\n"


def anthropic_frames(answer: Answer, _: dict) -> list[str]:
    """The stream in pieces: the head, one for each delta, the tail."""
    start = {
        **message_of(answer, []),
        "stop_reason": None,
        "usage": {**answer.usage, "output_tokens": 1},
    }
    frames = [event("message_start", message=start) + event("ping")]
    pending = ""  # what goes out together with the next delta
    for i, block in enumerate(answer.blocks):
        pending += event("content_block_start", index=i, content_block=block_of(block, True))
        name = {"text": "text", "thinking": "thinking", "tool_use": "partial_json"}[block.kind]
        kind = {"tool_use": "input_json_delta"}.get(block.kind, f"{block.kind}_delta")
        for chunk in block.chunks:
            delta = {"type": kind, name: chunk}
            frames.append(pending + event("content_block_delta", index=i, delta=delta))
            pending = ""
        if block.kind == "thinking":
            delta = {"type": "signature_delta", "signature": signature(block.whole)}
            pending += event("content_block_delta", index=i, delta=delta)
        pending += event("content_block_stop", index=i)
    delta = {"stop_reason": answer.stop, "stop_sequence": None}
    tail = event(
        "message_delta", delta=delta, usage={"output_tokens": answer.usage["output_tokens"]}
    )
    return [*frames, pending + tail + event("message_stop")]


def block_of(block: Block, empty: bool = False) -> dict:
    """A block in Anthropic's JSON, or as a stream opens it."""
    text = "" if empty else block.whole
    if block.kind == "text":
        return {"type": "text", "text": text}
    if block.kind == "thinking":
        return {"type": "thinking", "thinking": text, "signature": "" if empty else signature(text)}
    try:
        arguments = json.loads(text or "{}")
    except ValueError:  # not streamed there is no way to be malformed
        arguments = {"raw": text}
    return {"type": "tool_use", "id": block.id, "name": block.name, "input": arguments}


def message_of(answer: Answer, blocks: list[Block]) -> dict:
    """The whole message in Anthropic's JSON."""
    return {
        "id": answer.id,
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "content": [block_of(block) for block in blocks],
        "stop_reason": answer.stop,
        "stop_sequence": None,
        "usage": answer.usage,
    }


def openai_usage(usage: dict) -> dict:
    """The same usage in OpenAI's words, where cached tokens are part of the prompt's."""
    cached, out = usage["cache_read_input_tokens"], usage["output_tokens"]
    prompt = usage["input_tokens"] + cached
    return {
        "prompt_tokens": prompt,
        "completion_tokens": out,
        "total_tokens": prompt + out,
        "prompt_tokens_details": {"cached_tokens": cached},
    }


def openai_frames(answer: Answer, body: dict) -> list[str]:
    """The stream in pieces: the head, one for each delta, the tail."""
    base = {
        "id": answer.id,
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": answer.model,
    }

    def data(delta: dict, finish: str | None = None) -> str:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return f"data: {json.dumps({**base, 'choices': [choice]})}\n\n"

    frames = [data({"role": "assistant", "content": ""})]
    names = {"text": "content", "thinking": "reasoning_content"}
    calls = [block for block in answer.blocks if block.kind == "tool_use"]
    for block in answer.blocks:
        if block.kind in names:
            frames += [data({names[block.kind]: chunk}) for chunk in block.chunks]
            continue
        i = calls.index(block)
        frames.append(data({"tool_calls": [call_of(block, i, "")]}))
        frames += [
            data({"tool_calls": [{"index": i, "function": {"arguments": chunk}}]})
            for chunk in block.chunks
        ]
    tail = data({}, FINISH.get(answer.stop, "stop"))
    if answer.counted and (body.get("stream_options") or {}).get("include_usage"):
        last = {**base, "choices": [], "usage": openai_usage(answer.usage)}
        tail += f"data: {json.dumps(last)}\n\n"
    return [*frames, tail + "data: [DONE]\n\n"]


def call_of(block: Block, i: int, arguments: str) -> dict:
    """A tool call in OpenAI's JSON."""
    return {
        "index": i,
        "id": block.id,
        "type": "function",
        "function": {"name": block.name, "arguments": arguments},
    }


def completion_of(answer: Answer) -> dict:
    """The whole message in OpenAI's JSON."""
    parts = {
        kind: "".join(b.whole for b in answer.blocks if b.kind == kind)
        for kind in ("text", "thinking")
    }
    calls = [block for block in answer.blocks if block.kind == "tool_use"]
    message: dict = {"role": "assistant", "content": parts["text"] or (None if calls else "")}
    if parts["thinking"]:
        message["reasoning_content"] = parts["thinking"]
    if calls:
        message["tool_calls"] = [call_of(block, i, block.whole) for i, block in enumerate(calls)]
    choice = {"index": 0, "message": message, "finish_reason": FINISH.get(answer.stop, "stop")}
    return {
        "id": answer.id,
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": answer.model,
        "choices": [choice],
        "usage": openai_usage(answer.usage),
    }


# Gemini


def gemini_frames(answer: Answer, body: dict) -> list[str]:
    """The stream in pieces; a model of the third generation signs its calls and its last words."""
    signs = answer.model.startswith("gemini-3")
    usage = {"promptTokenCount": answer.usage["input_tokens"]}
    usage["totalTokenCount"] = sum(usage.values())

    def data(parts: list[dict], **more: object) -> str:
        candidate = {"content": {"role": "model", **({"parts": parts} if parts else {})}, **more}
        chunk = {"candidates": [candidate | {"index": 0}], "modelVersion": answer.model}
        if answer.counted:
            chunk["usageMetadata"] = usage
        return f"data: {json.dumps(chunk, ensure_ascii=False)}\r\n\r\n"

    frames = [data([])]
    for block in answer.blocks:
        if block.kind == "tool_use":
            call = {"name": block.name, "args": json.loads(block.whole or "{}")}
            what = f"{call['name']} {json.dumps(call['args'])}"
            signed = {"thoughtSignature": signature(what)} if signs else {}
            frames.append(data([{"functionCall": call, **signed}]))
        else:
            mark = {"thought": True} if block.kind == "thinking" else {}
            frames += [data([{"text": chunk, **mark}]) for chunk in block.chunks]
    text = "".join(block.whole for block in answer.blocks if block.kind == "text")
    last = [{"text": "", "thoughtSignature": signature(text)}] if signs and text else []
    usage |= {"candidatesTokenCount": answer.usage["output_tokens"]}
    usage["totalTokenCount"] += answer.usage["output_tokens"]
    reason = GEMINI_FINISH.get(answer.stop, answer.stop)
    return [*frames, data(last, finishReason=reason)]


# Ollama


def ollama_frames(answer: Answer, body: dict) -> list[str]:
    """The stream in lines of JSON: each call is whole, and has neither id nor index."""

    def line(message: dict, **more: object) -> str:
        head = {"model": answer.model, "created_at": "2026-01-01T00:00:00Z"}
        head["message"] = {"role": "assistant", "content": "", **message}
        return json.dumps({**head, "done": False, **more}, ensure_ascii=False) + "\n"

    frames = [line({})]
    names = {"text": "content", "thinking": "thinking"}
    for block in answer.blocks:
        if block.kind == "tool_use":
            call = {"name": block.name, "arguments": json.loads(block.whole or "{}")}
            frames.append(line({"tool_calls": [{"function": call}]}))
        else:
            frames += [line({names[block.kind]: chunk}) for chunk in block.chunks]
    counts = {"prompt_eval_count": answer.usage["input_tokens"]}
    counts["eval_count"] = answer.usage["output_tokens"]
    reason = {"max_tokens": "length"}.get(answer.stop, "stop")
    tail = line({}, done=True, done_reason=reason, **(counts if answer.counted else {}))
    return [*frames, tail]


# Cohere


def cohere_frames(answer: Answer, _: dict) -> list[str]:
    """The stream in pieces. What is thought before calls is a plan, beside them thinking."""
    calls = any(block.kind == "tool_use" for block in answer.blocks)

    def event(kind: str, index: int | None = None, **delta: object) -> str:
        place = {} if index is None else {"index": index}
        more = {"delta": delta} if delta else {}
        data = json.dumps({"type": kind, **place, **more}, ensure_ascii=False)
        return f"event: {kind}\ndata: {data}\n\n"

    def said(kind: str, i: int, **content: str) -> str:
        return event(kind, i, message={"content": content})

    def called(kind: str, i: int, **call: object) -> str:
        return event(kind, i, message={"tool_calls": call})

    frames = [event("message-start", message={"role": "assistant", "content": []})]
    for i, block in enumerate(answer.blocks):
        if block.kind == "tool_use":
            first = {"name": block.name, "arguments": ""}
            frames.append(
                called("tool-call-start", i, id=block.id, type="function", function=first)
            )
            frames += [
                called("tool-call-delta", i, function={"arguments": chunk})
                for chunk in block.chunks
            ]
            frames.append(event("tool-call-end", i))
        elif block.kind == "thinking" and calls:
            plan = [{"tool_plan": chunk} for chunk in block.chunks]
            frames += [event("tool-plan-delta", message=words) for words in plan]
        else:
            kind = block.kind
            frames.append(said("content-start", i, **{"type": kind, kind: ""}))
            frames += [said("content-delta", i, **{kind: chunk}) for chunk in block.chunks]
            frames.append(event("content-end", i))
    billed = {name: answer.usage[name] for name in ("input_tokens", "output_tokens")}
    every = {name: count + 500 for name, count in billed.items()}  # with Cohere's own prompt
    usage = {"billed_units": billed, "tokens": every} if answer.counted else {}
    reason = COHERE_FINISH.get(answer.stop, answer.stop)
    return [*frames, event("message-end", finish_reason=reason, usage=usage)]


# Bedrock


def packed(kind: str, **payload: object) -> bytes:
    """One message of an AWS event stream: lengths, headers, JSON, and checksums of both."""
    about = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    head = b"".join(
        struct.pack("B", len(name)) + name.encode() + struct.pack(">BH", 7, len(value)) + value
        for name, value in ((name, text.encode()) for name, text in about.items())
    )
    body = json.dumps(payload, ensure_ascii=False).encode()
    sizes = struct.pack(">II", 16 + len(head) + len(body), len(head))
    whole = sizes + struct.pack(">I", zlib.crc32(sizes)) + head + body
    return whole + struct.pack(">I", zlib.crc32(whole))


def bedrock_frames(answer: Answer, _: dict) -> list[bytes]:
    """The stream in pieces: the head, one for each delta, the tail."""

    def delta(i: int, **what: object) -> bytes:
        return packed("contentBlockDelta", contentBlockIndex=i, delta=what)

    frames = [packed("messageStart", role="assistant")]
    for i, block in enumerate(answer.blocks):
        if block.kind == "tool_use":
            call = {"toolUse": {"toolUseId": block.id, "name": block.name}}
            frames.append(packed("contentBlockStart", contentBlockIndex=i, start=call))
            frames += [delta(i, toolUse={"input": chunk}) for chunk in block.chunks]
        elif block.kind == "thinking":
            frames += [delta(i, reasoningContent={"text": chunk}) for chunk in block.chunks]
            frames.append(delta(i, reasoningContent={"signature": signature(block.whole)}))
        else:
            frames += [delta(i, text=chunk) for chunk in block.chunks]
        frames.append(packed("contentBlockStop", contentBlockIndex=i))
    read, out = answer.usage["input_tokens"], answer.usage["output_tokens"]
    usage = {"inputTokens": read, "outputTokens": out, "totalTokens": read + out}
    tail = packed("messageStop", stopReason=answer.stop)
    return [*frames, tail + packed("metadata", usage=usage, metrics={"latencyMs": 1})]


FRAMES = {
    "anthropic": anthropic_frames,
    "openai": openai_frames,
    "gemini": gemini_frames,
    "ollama": ollama_frames,
    "cohere": cohere_frames,
    "bedrock": bedrock_frames,
}
KINDS = {  # of a stream, where it is no server-sent events
    "ollama": "application/x-ndjson",
    "bedrock": "application/vnd.amazon.eventstream",
}


def wire_of(path: str) -> str | None:
    """The dialect that is spoken at a path, or None."""
    if path.endswith((":streamGenerateContent", ":generateContent")):
        return "gemini"
    if path.endswith("/converse-stream"):
        return "bedrock"
    return PATHS.get(path)


def error_frame(fault: Fault, wire: str) -> str:
    """An error within a stream."""
    error = json.dumps(error_of(fault, wire))
    if wire == "ollama":
        return error + "\n"
    return ("event: error\n" if wire == "anthropic" else "") + f"data: {error}\n\n"


def error_of(fault: Fault, wire: str) -> dict:
    """An error in the published JSON of its provider."""
    kind, message = ERRORS.get(fault.code, ("api_error", "Error"))
    if wire == "anthropic":
        error = {"type": fault.type or kind, "message": fault.message or message}
        return {"type": "error", "error": error}
    if wire == "ollama":
        return {"error": fault.message or message}
    if wire in ("cohere", "bedrock"):
        return {"message": fault.message or message}
    if wire == "gemini":
        status = fault.type or GEMINI_ERRORS.get(fault.code, "UNKNOWN")
        said = {"code": fault.code, "message": fault.message or message, "status": status}
        return {"error": said}
    code, message = OPENAI_ERRORS.get(fault.code, (None, message))
    kind = "invalid_request_error" if fault.code < 500 else "server_error"
    return {
        "error": {
            "message": fault.message or message,
            "type": kind,
            "param": None,
            "code": fault.type or code,
        }
    }
