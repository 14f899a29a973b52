"""Tokens (an estimate: four bytes of UTF-8 make one) and the prompt cache."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

from fake.script import Reply


def blocks_of(content: Any) -> list[dict]:
    """Content as a list of blocks; a bare string is one text block."""
    return [{"type": "text", "text": content}] if isinstance(content, str) else content or []


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
    if wire in ("gemini", "ollama", "cohere", "bedrock"):  # without a cache here
        rest, read, written, hour = tokens(json.dumps(prompt_of(body))), 0, 0, False
    else:
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


def prompt_of(body: dict) -> list:
    """All that a model reads of a request."""
    names = ("system_instruction", "contents", "messages", "tools")
    return [body[name] for name in names if body.get(name)]
