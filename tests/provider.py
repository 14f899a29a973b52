"""A fake model provider: a real HTTP server on loopback, as strict as the real ones.

    with Provider(["Hello", Reply("Bye", delay=0.2), Reply(fault=status(429))]) as provider:
        litellm.acompletion("anthropic/claude-x", api_base=provider.url, api_key="k", ...)
        litellm.acompletion("openai/gpt-x", api_base=provider.url + "/v1", api_key="k", ...)

    python tests/provider.py --port 0 --delay 2 --chunks 10     # its own process, for benchmarks

It speaks the Anthropic Messages API and OpenAI's chat completions, streamed or not, keeps every
request as it arrived, misbehaves where a `Fault` says so, and keeps a prompt cache with the real
accounting rules. Tokens are an estimate everywhere: four UTF-8 bytes make one.
"""

import argparse
import asyncio
import base64
import contextlib
import hashlib
import json
import re
import signal
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

PATHS = {
    "/v1/messages": "anthropic",
    "/chat/completions": "openai",
    "/v1/chat/completions": "openai",
}
NO_CREDIT = (
    "Your credit balance is too low to access the Anthropic API. "
    "Please go to Plans & Billing to upgrade or purchase credits."
)
NO_QUOTA = "You exceeded your current quota, please check your plan and billing details."
ERRORS = {  # status: the published error type, and what is said where a fault says nothing
    400: ("invalid_request_error", "Error"),
    401: ("authentication_error", "invalid x-api-key"),
    402: ("billing_error", "There is an issue with your billing or payment information."),
    403: ("permission_error", "Your API key does not have permission to use this resource."),
    404: ("not_found_error", "model: no-such-model"),
    413: ("request_too_large", "Request exceeds the maximum size"),
    429: ("rate_limit_error", "This request would exceed your account's rate limit."),
    500: ("api_error", "Internal server error"),
    502: ("api_error", "Bad gateway"),
    503: ("api_error", "Service unavailable"),
    504: ("timeout_error", "Request timed out"),
    529: ("overloaded_error", "Overloaded"),
}
OPENAI_ERRORS = {  # status: code and message, where OpenAI's differ
    401: ("invalid_api_key", "Incorrect API key provided: bad-key."),
    403: ("unsupported_country", "Country, region, or territory not supported"),
    404: ("model_not_found", "The model `no-such-model` does not exist"),
    429: ("rate_limit_exceeded", "Rate limit reached. Please try again in 1s."),
}
OPENAI_KEYS = {  # of a message; the last is DeepSeek's
    "role",
    "content",
    "name",
    "tool_calls",
    "tool_call_id",
    "refusal",
    "reasoning_content",
}
FINISH = {"tool_use": "tool_calls", "max_tokens": "length", "refusal": "content_filter"}
NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
NO_TEMPERATURE = re.compile(r"opus-(4-[78]|5)")  # models that choose their own sampling
NO_PREFILL = re.compile(r"-(4-[678]|5)")  # models that want the last word to be the user's
JUNK = 'data: {"type": "content_block_delta", oops\n\n'


# What to answer ------------------------------------------------------------------------------


@dataclass(frozen=True)
class Fault:
    """One way to misbehave. `after` counts the chunks that go out first, of whatever kind."""

    kind: str
    after: int = 0
    code: int = 500
    message: str = ""
    type: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    value: str | None = None


hang = partial(Fault, "hang")  # read the request and say nothing, not even headers
stall = partial(Fault, "stall")  # stop mid-stream with the connection open
cut = partial(Fault, "cut")  # close the connection mid-stream, without the last HTTP chunk
reset = partial(Fault, "reset")  # the same with a TCP reset
eof = partial(Fault, "eof")  # end the HTTP body properly, but without stop reason and end marker
error_event = partial(Fault, "error_event")  # an overloaded_error inside the stream
junk = partial(Fault, "junk")  # a data line that is not JSON, and on it goes


def status(
    code: int, message: str = "", type: str = "", raw: str | None = None, **headers: object
) -> Fault:
    """An HTTP error; `retry_after="2"` sends that header, `raw` a body that is not JSON."""
    names = {name.replace("_", "-"): str(value) for name, value in headers.items()}
    return Fault("status", code=code, message=message, type=type, headers=names, value=raw)


def wrong_tool_id(value: str = "") -> Fault:
    """Every tool call of the reply gets this id."""
    return Fault("wrong_tool_id", value=value)


@dataclass(frozen=True)
class Reply:
    """What the fake model says to one request. `stop` is in Anthropic's words."""

    text: str = ""
    chunks: list[str] | None = None  # these very chunks, one token each, in place of `text`
    tools: tuple[tuple[str, object], ...] = ()  # (name, arguments); a str goes out as it is
    thinking: str = ""
    stop: str | None = None
    delay: float = 0.0  # before the headers
    pace: float = 0.0  # between chunks
    fault: Fault | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None


Script = Callable[[dict, int], Reply | str] | list[Reply | str]


@dataclass
class Request:
    """One request as it arrived, and what became of it. Times are `time.monotonic`."""

    path: str
    headers: dict[str, str]
    raw: bytes
    body: Any = None
    status: int | None = None
    error: str | None = None  # why it was refused
    usage: dict | None = None  # as answered
    closed_early: bool = False  # the client went away before the end
    time_received: float = field(default_factory=time.monotonic)
    time_ended: float | None = None  # answered in full, or the client gone


class Refusal(Exception):
    """A request that the real provider would answer with an error."""

    def __init__(self, message: str, code: int = 400, type: str = ""):
        super().__init__(message or ERRORS[code][1])
        self.fault = status(code, message, type)


def require(ok: object, message: str) -> None:
    """Refuse the request unless `ok`."""
    if not ok:
        raise Refusal(message)


# What the real ones refuse ---------------------------------------------------------------------


def blocks_of(content: Any) -> list[dict]:
    """Content as a list of blocks; a bare string is one text block."""
    return [{"type": "text", "text": content}] if isinstance(content, str) else content or []


def check_anthropic(body: dict) -> None:
    """Everything that the Messages API refuses, with its own words where they are known."""
    for name in ("model", "max_tokens", "messages"):
        require(name in body, f"{name}: Field required")
    require(body["max_tokens"] >= 1, "max_tokens: Input should be greater than or equal to 1")
    tools = [tool["name"] for tool in body.get("tools") or []]
    require(
        all(map(NAME.fullmatch, tools)),
        "tools.0.custom.name: String should match pattern '^[a-zA-Z0-9_-]{1,128}$'",
    )
    require(len(set(tools)) == len(tools), "tools: Tool names must be unique.")
    for block in blocks_of(body.get("system")):
        check_text(block, "system")
    check_roles(body["messages"])
    check_turns(body["messages"], set(tools))
    check_model(body)
    check_thinking(body)
    check_cache_marks(body)


def check_text(block: dict, where: str) -> None:
    """No text block may be empty or blank."""
    if block["type"] == "text":
        require(block["text"], f"{where}: text content blocks must be non-empty")
        require(
            not block["text"].isspace(),
            f"{where}: text content blocks must contain non-whitespace text",
        )


def check_roles(messages: list[dict]) -> None:
    """The user first, then in turns. (Today's API merges a doubled role; LiteLLM does too,
    before it sends, so that one which arrives here is a defect.)"""
    require(messages, "messages: at least one message is required")
    roles = [message["role"] for message in messages]
    for before, role in zip(["", *roles], roles, strict=False):
        require(role in ("user", "assistant"), f'messages: Unexpected role "{role}".')
        require(
            role != before,
            f'messages: roles must alternate, but found multiple "{role}" roles in a row',
        )
    require(roles[0] == "user", 'messages: first message must use the "user" role')


def check_turns(messages: list[dict], tools: set[str]) -> None:
    """Nothing empty, and each tool call answered in the very next message, and there only."""
    asked: list[str] = []  # the calls in the message before
    seen: set[str] = set()
    for i, message in enumerate(messages):
        blocks, where = blocks_of(message["content"]), f"messages.{i}"
        optional = i == len(messages) - 1 and message["role"] == "assistant"
        require(
            message["content"] or optional,
            f"{where}: all messages must have non-empty "
            "content except for the optional final assistant message",
        )
        check_results(blocks, asked, i)
        for j, block in enumerate(blocks):
            check_block(block, message["role"], f"{where}.content.{j}", tools)
        asked = [block["id"] for block in blocks if block["type"] == "tool_use"]
        require(len({*asked} - seen) == len(asked), f"{where}: `tool_use` ids must be unique")
        seen.update(asked)
    check_results([], asked, len(messages))


def check_results(blocks: list[dict], asked: list[str], i: int) -> None:
    """A message starts with the results that the one before it asked for."""
    results = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
    for name in results:
        require(
            name in asked,
            f"messages.{i}.content: unexpected `tool_use_id` found in `tool_result` blocks: {name}",
        )
        require(
            results.count(name) == 1,
            "each tool_use must have a single result. Found "
            f"multiple `tool_result` blocks with id: {name}",
        )
    first = all(block["type"] == "tool_result" for block in blocks[: len(results)])
    missing = [name for name in asked if name not in results or not first]
    require(
        not missing,
        f"messages.{i - 1}: `tool_use` ids were found without `tool_result` "
        f"blocks immediately after: {', '.join(missing)}",
    )


def check_block(block: dict, role: str, where: str, tools: set[str]) -> None:
    """One content block by itself."""
    kind = block["type"]
    check_text(block, "messages")
    foreign = ("tool_result",) if role == "assistant" else ("tool_use", "thinking")
    require(kind not in foreign, f"{where}: `{kind}` blocks are not allowed for role `{role}`")
    if kind == "tool_use":
        require(
            NAME.fullmatch(block["id"]),
            f"{where}.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'",
        )
        require(
            isinstance(block["input"], dict),
            f"{where}.tool_use.input: Input should be a valid dictionary",
        )
        # a name that is not among them is taken, as the real API does: models invent tools
        require(tools, f"{where}: unknown tool: {block['name']}: no tools are defined")
    if kind == "thinking":
        require(
            block["signature"] == signature(block["thinking"]),
            f"{where}: Invalid `signature` in `thinking` block",
        )


def check_model(body: dict) -> None:
    """What newer models no longer take: a temperature, words put in their mouth."""
    last, model = body["messages"][-1], body["model"]
    require(
        "temperature" not in body or not NO_TEMPERATURE.search(model),
        "`temperature` is deprecated for this model.",
    )
    if last["role"] == "assistant":
        require(
            not NO_PREFILL.search(model),
            "This model does not support assistant message "
            "prefill. The conversation must end with a user message.",
        )
        text = (blocks_of(last["content"]) or [{}])[-1].get("text", "")
        require(
            text == text.rstrip(),
            "messages: final assistant content cannot end with trailing whitespace",
        )


def check_thinking(body: dict) -> None:
    """With thinking on it opens the turn that it is in, and tools go on in the same turn."""
    thinking, messages = body.get("thinking") or {}, body["messages"]
    if thinking.get("type") not in ("enabled", "adaptive"):
        return
    require(
        body["max_tokens"] > thinking.get("budget_tokens", 0),
        "`max_tokens` must be greater than `thinking.budget_tokens`.",
    )
    require(
        body.get("temperature", 1) == 1,
        "`temperature` may only be set to 1 when thinking is enabled.",
    )
    for i, message in enumerate(messages):
        if message["role"] == "assistant":
            kinds = [block["type"] for block in blocks_of(message["content"])]
            needed = "thinking" in kinds or ("tool_use" in kinds and i == len(messages) - 2)
            require(
                kinds[:1] == ["thinking"] or not needed,
                f"messages.{i}.content.0.type: "
                f"Expected `thinking` or `redacted_thinking`, but found `{kinds[:1]}`.",
            )


def check_cache_marks(body: dict) -> None:
    """At most four, none on thinking, the longer-lived ones first."""
    marked = [block for _, block in prefix_blocks(body) if block.get("cache_control")]
    count = len(marked) + bool(body.get("cache_control"))
    require(count <= 4, f"A maximum of 4 blocks with cache_control may be provided. Found {count}.")
    require(
        all(block.get("type") != "thinking" for block in marked),
        "messages: cache_control cannot be set for thinking blocks",
    )
    short = [block["cache_control"].get("ttl") != "1h" for block in marked]
    require(
        short == sorted(short),
        "a ttl='1h' cache_control block must not come after a ttl='5m' cache_control block",
    )


def check_openai(body: dict) -> None:
    """What chat completions refuse."""
    require(body.get("model"), "you must provide a model parameter")
    require(body.get("messages"), "Invalid 'messages': empty array.")
    tools = {tool["function"]["name"] for tool in body.get("tools") or []}
    require(all(map(NAME.fullmatch, tools)), "Invalid 'tools[0].function.name'")
    asked: list[str] = []
    for i, message in enumerate([*body["messages"], {"role": "user", "content": ""}]):
        role, calls = message["role"], message.get("tool_calls") or []
        require(
            role in ("system", "developer", "user", "assistant", "tool"),
            f"Invalid value: '{role}'.",
        )
        foreign = sorted(message.keys() - OPENAI_KEYS)
        require(not foreign, f"Unknown parameter: 'messages[{i}].{'.'.join(foreign)}'.")
        if role == "tool":
            require(
                message.get("tool_call_id") in asked,
                "Invalid parameter: messages with role "
                "'tool' must be a response to a preceding message with 'tool_calls'.",
            )
            asked.remove(message["tool_call_id"])
            continue
        require(
            not asked,
            "An assistant message with 'tool_calls' must be followed by tool "
            f"messages responding to each 'tool_call_id'. Without one: {', '.join(asked)}",
        )
        require(
            isinstance(message.get("content"), str | list) or calls,
            f"Invalid value for 'content' of messages[{i}]: expected a string, got null.",
        )
        for call in calls:
            check_call(call, f"messages[{i}].tool_calls", tools)
        asked = [call["id"] for call in calls]
        require(len(set(asked)) == len(asked), f"Duplicate id in messages[{i}].tool_calls")


def check_call(call: dict, where: str, tools: set[str]) -> None:
    """One tool call in the history."""
    require(call.get("id"), f"Missing required parameter: '{where}.id'.")
    require(
        isinstance(call["function"]["arguments"], str),
        f"Invalid type for '{where}.function.arguments': expected a string.",
    )
    require(tools, f"unknown tool: {call['function']['name']}: no tools are defined")


# Tokens and the prompt cache -------------------------------------------------------------------


def tokens(text: str) -> int:
    """An estimate: four bytes of UTF-8 each."""
    return -(-len(text.encode("utf-8", "surrogatepass")) // 4)


def prefix_blocks(body: dict) -> list[tuple[str, dict]]:
    """All blocks of a prompt in the order of the prefix: tools, system, messages."""
    messages = body["messages"]
    return [
        *(("tools", tool) for tool in body.get("tools") or []),
        *(("system", block) for block in blocks_of(body.get("system"))),
        *(
            (f"{i} {message['role']}", block)
            for i, message in enumerate(messages)
            for block in blocks_of(message.get("content"))
        ),
        *(
            (f"{i} call", call)
            for i, message in enumerate(messages)  # OpenAI's tool calls
            for call in message.get("tool_calls") or []
        ),
    ]


class Cache:
    """Prefixes of prompts, written once at a mark and read until five minutes after last use."""

    def __init__(self, minimum: int, clock: Callable[[], float]):
        self.minimum, self.clock = minimum, clock
        self.entries: dict[tuple[str, bytes], tuple[float, float]] = {}  # -> expiry, lifetime

    def account(self, body: dict, automatic: bool = False) -> tuple[int, int, int, bool]:
        """Tokens not cached, read and written, and whether written for an hour.

        `automatic` is OpenAI's way: no marks, each block ends a prefix.
        """
        blocks = prefix_blocks(body)
        marks = [block.get("cache_control") for _, block in blocks]
        if automatic:
            marks = [{} for _ in blocks]
        elif body.get("cache_control"):
            kinds = [block.get("type") for _, block in blocks]
            last = max(i for i, kind in enumerate(kinds) if kind != "thinking")
            marks[last] = marks[last] or body["cache_control"]
        keys, sizes = self.prefixes(body, blocks)
        marked = [
            i for i, mark in enumerate(marks) if mark is not None and sizes[i] >= self.minimum
        ]
        if not marked:
            return sizes[-1], 0, 0, False
        read = sizes[hit] if (hit := self.find(keys, marked)) is not None else 0
        for i in marked:
            lifetime = 3600.0 if marks[i].get("ttl") == "1h" else 300.0
            self.entries[keys[i]] = (self.clock() + lifetime, lifetime)
        end = sizes[marked[-1]]
        return sizes[-1] - end, read, end - read, marks[marked[-1]].get("ttl") == "1h"

    def prefixes(self, body: dict, blocks: list) -> tuple[list[tuple[str, bytes]], list[int]]:
        """For each block the key and the size of the prefix that it ends."""
        digest, total, keys, sizes = b"", 0, [], []
        settings = json.dumps([body.get("tool_choice"), body.get("thinking")])
        for where, block in blocks:
            bare = {name: value for name, value in block.items() if name != "cache_control"}
            text = json.dumps([where, bare])
            if where[0].isdigit():  # these two settings are part of the messages' prefix
                text += settings
            digest = hashlib.blake2b(digest + text.encode(), digest_size=16).digest()
            total += tokens(bare["text"] if bare.get("type") == "text" else json.dumps(bare))
            keys.append((body["model"], digest))
            sizes.append(total)
        return keys, sizes

    def find(self, keys: list, marked: list[int]) -> int | None:
        """The longest living prefix at most 20 blocks back from a mark, refreshed."""
        now = self.clock()
        near = {i for mark in marked for i in range(max(0, mark - 19), mark + 1)}
        for i in sorted(near, reverse=True):
            expiry, lifetime = self.entries.get(keys[i], (0.0, 0.0))
            if lifetime and expiry > now:
                self.entries[keys[i]] = (now + lifetime, lifetime)
                return i
        return None


def usage_of(cache: Cache, body: dict, wire: str, reply: Reply) -> dict:
    """The input side of the usage, in Anthropic's words."""
    rest, read, written, hour = cache.account(body, automatic=wire == "openai")
    if wire == "openai":  # it does not bill writing
        rest, written = rest + written, 0
    return {
        "input_tokens": rest if reply.input_tokens is None else reply.input_tokens,
        "cache_creation_input_tokens": written,
        "cache_read_input_tokens": read,
        "cache_creation": {
            "ephemeral_5m_input_tokens": 0 if hour else written,
            "ephemeral_1h_input_tokens": written if hour else 0,
        },
    }


# The reply on the wire -------------------------------------------------------------------------


def signature(thinking: str) -> str:
    """The same text has the same signature, in every server: a resumed run can go on."""
    return base64.b64encode(hashlib.sha256(b"fake" + thinking.encode()).digest()).decode()


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
    limit = body.get("max_tokens") or body.get("max_completion_tokens") or 1_000_000_000
    spent, whole = fit(blocks, limit, one_each=reply.chunks is not None)
    natural = "tool_use" if reply.tools else "end_turn"
    spent = max(1, spent) if reply.output_tokens is None else reply.output_tokens
    return Answer(
        f"msg_{stamp}",
        body["model"],
        blocks,
        (reply.stop or natural) if whole else "max_tokens",
        {**usage, "output_tokens": spent},
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
    if (body.get("stream_options") or {}).get("include_usage"):
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


def error_of(fault: Fault, wire: str) -> dict:
    """An error in the published JSON of either provider."""
    kind, message = ERRORS.get(fault.code, ("api_error", "Error"))
    if wire == "anthropic":
        error = {"type": fault.type or kind, "message": fault.message or message}
        return {"type": "error", "error": error}
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


# The server ------------------------------------------------------------------------------------


class Connection(asyncio.Protocol):
    """One client: HTTP/1.1 with keep-alive, a request at a time."""

    def __init__(self, provider: "Provider"):
        self.provider, self.buffer = provider, bytearray()
        self.request: Request | None = None  # the one that is being answered
        self.task: asyncio.Task | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport
        # asyncio leaves this out for a socket that it did not make; without it the client's
        # delayed acknowledgement holds each body back for 40 ms
        peer = transport.get_extra_info("socket")
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.provider.connections.add(self)

    def connection_lost(self, _: Exception | None) -> None:
        self.provider.connections.discard(self)
        if self.request:
            self.request.time_ended = time.monotonic()
            self.request.closed_early = not self.provider.stop.is_set()
            self.task.cancel()

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        self.next_request()

    def next_request(self) -> None:
        """Start to answer if a whole request is there and none is being answered."""
        head, found, _ = self.buffer.partition(b"\r\n\r\n")
        if self.request or not found:
            return
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines)
        }
        start = len(head) + 4
        end = start + int(headers.get("content-length", 0))
        if len(self.buffer) >= end:
            path = first.split(" ")[1].partition("?")[0]
            self.request = Request(path, headers, bytes(self.buffer[start:end]))
            del self.buffer[:end]
            self.task = asyncio.get_running_loop().create_task(self.answer(self.request))

    async def answer(self, request: Request) -> None:
        """Answer one request, then look whether the next is already here."""
        wire = PATHS.get(request.path)
        try:
            if wire:
                await self.answer_model(request, wire)
            else:
                self.send_json(200, self.provider.totals)
        except Exception as error:  # a defect in here must not look like a provider that hangs
            request.error, self.request = repr(error), None
            self.transport.abort()
            raise
        request.time_ended, self.request = time.monotonic(), None
        if not self.provider.keep:
            request.raw, request.body = b"", None
        self.next_request()

    async def answer_model(self, request: Request, wire: str) -> None:
        """One call of a model: check, ask the script, account, send."""
        try:
            reply = self.provider.admit(request, wire)
        except Refusal as refusal:
            request.error, reply = str(refusal), Reply(fault=refusal.fault)
        fault = reply.fault
        await asyncio.sleep(reply.delay)
        if fault and fault.kind == "hang":
            await asyncio.Future()
        if fault and fault.kind == "status":
            request.status = fault.code
            body = error_of(fault, wire) if fault.value is None else fault.value
            self.send_json(fault.code, body, fault.headers)
            return
        request.status = 200
        request.usage = usage_of(self.provider.cache, request.body, wire, reply)
        answer = compose(reply, request, request.usage)
        request.usage = answer.usage
        self.provider.count(request)
        if not request.body.get("stream"):
            await self.send_whole(answer, fault, wire)
            return
        frames = (anthropic_frames if wire == "anthropic" else openai_frames)(answer, request.body)
        await self.send_stream(frames, reply, wire)

    def send_head(self, code: int, headers: dict[str, str]) -> None:
        """The status line and the headers."""
        lines = [f"HTTP/1.1 {code} -", *(f"{name}: {value}" for name, value in headers.items())]
        self.transport.write("\r\n".join([*lines, "", ""]).encode("latin-1"))

    def send_json(self, code: int, body: object, headers: dict[str, str] | None = None) -> None:
        """A whole answer; a str is sent as it is."""
        data = (body if isinstance(body, str) else json.dumps(body)).encode()
        kind = "text/html" if isinstance(body, str) else "application/json"
        self.send_head(
            code, {"content-type": kind, "content-length": str(len(data)), **(headers or {})}
        )
        self.transport.write(data)

    async def send_whole(self, answer: Answer, fault: Fault | None, wire: str) -> None:
        """A reply that is not streamed; a fault of the stream has its nearest likeness."""
        body = completion_of(answer) if wire == "openai" else message_of(answer, answer.blocks)
        kind = fault.kind if fault else ""
        if kind == "error_event":
            self.send_json(529, error_of(status(529), wire))
        elif kind in ("junk", "eof"):
            self.send_json(200, json.dumps(body)[:40])
        elif kind in ("stall", "cut", "reset"):
            self.send_head(200, {"content-type": "application/json", "content-length": "9999"})
            self.transport.write(json.dumps(body)[:40].encode())
            await self.break_off(kind)
        else:
            self.send_json(200, body)

    async def send_stream(self, frames: list[str], reply: Reply, wire: str) -> None:
        """Server-sent events, at once or paced, as far as the fault lets them."""
        kind, after = (reply.fault.kind, reply.fault.after) if reply.fault else ("", 0)
        if kind == "junk":
            frames.insert(min(after + 1, len(frames) - 1), JUNK)
        elif kind in ("stall", "cut", "reset", "eof", "error_event"):
            del frames[min(after + 1, len(frames) - 1) :]
        if kind == "error_event":
            error = json.dumps(error_of(status(529), wire))
            frames.append(("event: error\n" if wire == "anthropic" else "") + f"data: {error}\n\n")
        self.send_head(
            200,
            {"content-type": "text/event-stream; charset=utf-8", "transfer-encoding": "chunked"},
        )
        chunks = [b"%x\r\n%b\r\n" % (len(data), data) for data in map(str.encode, frames)]
        for chunk in chunks if reply.pace else [b"".join(chunks)]:
            self.transport.write(chunk)
            await asyncio.sleep(reply.pace)
        if kind in ("stall", "cut", "reset"):
            await self.break_off(kind)
        else:
            self.transport.write(b"0\r\n\r\n")

    async def break_off(self, kind: str) -> None:
        """Leave the client with half an answer."""
        if kind == "stall":
            await asyncio.Future()
        self.request = None  # it is we who close
        if kind == "reset":  # lingering for no time sends RST in place of FIN
            peer = self.transport.get_extra_info("socket")
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.close()


class Provider:
    """The server, on a thread of its own while the `with` block lasts.

    `reply` is a list of replies used in order and followed by "Message N", or a function of the
    request's body and its index. The index counts the requests that passed the checks, faults
    included: a refused request uses nothing up.
    """

    def __init__(
        self,
        reply: Script | None = None,
        *,
        port: int = 0,
        context: int | None = None,
        cache_minimum: int = 1024,
        clock: Callable[[], float] = time.monotonic,
        keep: bool = True,
    ):
        self.reply, self.port, self.context, self.keep = reply or [], port, context, keep
        self.cache = Cache(cache_minimum, clock)
        self.requests: list[Request] = []
        self.totals: Counter[str] = Counter()  # also at GET /, for benchmarks
        self.connections: set[Connection] = set()
        self.asked = 0

    def __enter__(self) -> "Provider":
        self.socket = socket.create_server(("127.0.0.1", self.port), backlog=1024)
        self.port = self.socket.getsockname()[1]
        self.loop, self.stop = asyncio.new_event_loop(), asyncio.Event()
        self.thread = threading.Thread(target=self.loop.run_until_complete, args=[self.serve()])
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self.stop.set)
        self.thread.join()
        self.loop.close()

    async def serve(self) -> None:
        """Answer until the `with` block ends, then drop every connection."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Connection(self), sock=self.socket)
        await self.stop.wait()
        server.close()
        for connection in self.connections:
            connection.transport.abort()
        while self.connections:
            await asyncio.sleep(0)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def wait_for(self, n: int, timeout: float = 10.0) -> list[Request]:
        """Block until n requests have arrived."""
        self.wait_until(lambda: len(self.requests) >= n, timeout)
        return self.requests

    def wait_until(self, true: Callable[[], object], timeout: float = 10.0) -> None:
        """Block until something holds, such as `lambda: request.closed_early`."""
        end = time.monotonic() + timeout
        while not true():
            if time.monotonic() > end:
                raise TimeoutError(f"after {timeout} s with {len(self.requests)} requests")
            time.sleep(0.002)

    def admit(self, request: Request, wire: str) -> Reply:
        """Record a request, refuse it or find the reply to it."""
        self.requests.append(request)
        key = request.headers.get("x-api-key") or request.headers.get("authorization", "")
        if key.removeprefix("Bearer ") in ("", "bad-key"):
            raise Refusal("", 401)
        try:
            request.body = json.loads(request.raw)
            (check_anthropic if wire == "anthropic" else check_openai)(request.body)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Refusal(f"The request body is malformed: {error!r}") from error
        self.check_context(request.body, wire)
        index, self.asked = self.asked, self.asked + 1
        try:
            reply = self.choose(request.body, index)
        except Exception as error:  # a test's own mistake is shown to it, not swallowed
            raise Refusal(f"the reply function failed: {error!r}", 500) from error
        return Reply(reply) if isinstance(reply, str) else reply

    def choose(self, body: dict, index: int) -> Reply | str:
        """The script's reply, or the default one."""
        if callable(self.reply):
            return self.reply(body, index)
        return self.reply[index] if index < len(self.reply) else f"Message {index}"

    def check_context(self, body: dict, wire: str) -> None:
        """Refuse what does not fit the window, in either provider's words."""
        if self.context is None:
            return
        _, sizes = self.cache.prefixes(body, prefix_blocks(body))
        if sizes[-1] > self.context and wire == "anthropic":
            raise Refusal(f"prompt is too long: {sizes[-1]} tokens > {self.context} maximum")
        if sizes[-1] > self.context:
            raise Refusal(
                f"This model's maximum context length is {self.context} tokens. "
                f"However, your messages resulted in {sizes[-1]} tokens.",
                type="context_length_exceeded",
            )

    def count(self, request: Request) -> None:
        """Add an answered request to the totals."""
        self.totals["requests"] += 1
        self.totals.update({k: v for k, v in request.usage.items() if isinstance(v, int)})


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before the headers")
    parser.add_argument("--pace", type=float, default=0.0, help="seconds between chunks")
    parser.add_argument("--chunks", type=int, default=10, help="chunks of 20 characters a reply")
    parser.add_argument("--cache-minimum", type=int, default=1024, help="tokens")
    args = parser.parse_args()

    def reply(_: dict, index: int) -> Reply:
        chunks = [f"{index:>8} part {i:>5}. " for i in range(args.chunks)]
        return Reply(chunks=chunks, delay=args.delay, pace=args.pace)

    signal.signal(signal.SIGTERM, signal.default_int_handler)
    server = Provider(reply, port=args.port, cache_minimum=args.cache_minimum, keep=False)
    with server as provider, contextlib.suppress(KeyboardInterrupt):
        print(provider.url, flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
