"""Streams of our own making, as each provider would send them: JSON text, event by event.

sse(chat({"content": "Hi"}), chat(finish="stop"), DONE)      -> the body as one text
"""

import json

DONE = "[DONE]"
MODELS = {  # a model for each dialect
    "anthropic": "anthropic/claude-opus-4-6",
    "chat": "openai/gpt-5.4",
    "gemini": "gemini/gemini-2.5-flash",
    "ollama": "ollama_chat/llama3.1",
}
PUPPIES, INTERN = "kill_puppies_to_exit_loop", "make_intern_run_across_office"


def sse(*events: object, end: str = "\n\n") -> str:
    """Server-sent events; what is no text goes out as JSON with nothing escaped."""
    return "".join(
        f"data: {event if isinstance(event, str) else dump(event)}{end}" for event in events
    )


def lines(*events: object) -> str:
    """Ollama's lines of JSON."""
    return "".join(f"{dump(event)}\n" for event in events)


def dump(event: object) -> str:
    return json.dumps(event, ensure_ascii=False)


def chat(delta: dict | None = None, finish: str | None = None, **more: object) -> dict:
    """A chunk of chat completions."""
    head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    choice = {"index": 0, "delta": delta or {}, "finish_reason": finish}
    return {**head, "choices": [choice], **more}


def used(prompt: object = 100, out: object = 10, **more: object) -> dict:
    """The last chunk of chat completions: what was counted."""
    usage = {"prompt_tokens": prompt, "completion_tokens": out, **more}
    return {"id": "c", "object": "chat.completion.chunk", "choices": [], "usage": usage}


def chatted(*deltas: dict, finish: str | None = "stop", usage: dict | None = None) -> str:
    """A whole stream of chat completions."""
    end = [usage or used(), DONE]
    return sse(*map(chat, deltas), *([chat(finish=finish)] if finish else []), *end)


def anthropic(*blocks: tuple[str, str], stop: str | None = "end_turn", **usage: object) -> str:
    """A whole stream of the Messages API. A block is (kind, words): text, thinking (signed with
    "signed: " and its words), or the name of a tool with its arguments."""
    start = {"input_tokens": 100, "output_tokens": 1, **usage}
    events: list[dict] = [
        {
            "type": "message_start",
            "message": {
                "id": "m",
                "type": "message",
                "role": "assistant",
                "model": "m",
                "content": [],
                "usage": start,
            },
        }
    ]
    for index, (kind, words) in enumerate(blocks):
        events += _block(index, kind, words)
    if stop:
        delta = {"stop_reason": stop, "stop_sequence": None}
        events.append({"type": "message_delta", "delta": delta, "usage": {"output_tokens": 10}})
        events.append({"type": "message_stop"})
    return "".join(f"event: {event['type']}\n{sse(event)}" for event in events)


def _block(index: int, kind: str, words: str) -> list[dict]:
    at = {"index": index}
    opened: dict = {"type": "tool_use", "id": f"toolu_{index}", "name": kind, "input": {}}
    deltas: list[dict] = [{"type": "input_json_delta", "partial_json": words}]
    if kind == "text":
        opened, deltas = {"type": kind, "text": ""}, [{"type": "text_delta", "text": words}]
    elif kind == "thinking":
        opened = {"type": kind, "thinking": "", "signature": ""}
        deltas = [
            {"type": "thinking_delta", "thinking": words},
            {"type": "signature_delta", "signature": f"signed: {words}"},
        ]
    return [
        {"type": "content_block_start", **at, "content_block": opened},
        *({"type": "content_block_delta", **at, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", **at},
    ]


def gemini(*parts: dict, finish: str | None = "STOP", **more: object) -> str:
    """A whole stream of Gemini's, a chunk for each part."""
    usage = {"promptTokenCount": 100, "candidatesTokenCount": 10, "totalTokenCount": 110}
    chunks: list[dict] = [
        {
            "candidates": [{"content": {"parts": [part], "role": "model"}, "index": 0}],
            "usageMetadata": usage,
        }
        for part in parts
    ]
    if finish:
        last = {"candidates": [{"finishReason": finish, "index": 0}], "usageMetadata": usage}
        chunks.append(last | more)
    return sse(*chunks, end="\r\n\r\n")


def ollama(*messages: dict, done: bool = True, **counts: object) -> str:
    """A whole stream of Ollama's."""
    head = {"model": "x", "created_at": "2026-01-01T00:00:00Z"}
    rows = [
        {**head, "message": {"role": "assistant", "content": "", **one}, "done": False}
        for one in messages
    ]
    tail = {"done": True, "done_reason": "stop", "prompt_eval_count": 100, "eval_count": 10}
    end = {**head, "message": {"role": "assistant", "content": ""}, **tail, **counts}
    return lines(*rows, *([end] if done else []))


def saying(dialect: str, *pieces: str, ended: bool = True) -> str:
    """A message of these pieces in a dialect; `ended` = the provider says that it ends."""
    if dialect == "anthropic":
        return anthropic(*(("text", piece) for piece in pieces), stop="end_turn" if ended else None)
    if dialect == "gemini":
        return gemini(*({"text": piece} for piece in pieces), finish="STOP" if ended else None)
    if dialect == "ollama":
        return ollama(*({"content": piece} for piece in pieces), done=ended)
    body = chatted(*({"content": piece} for piece in pieces))
    return body if ended else sse(*(chat({"content": piece}) for piece in pieces))
