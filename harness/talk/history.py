"""What one seat has seen and said, folded from the log's events."""

import copy
import hashlib
import json
from collections.abc import Sequence

from harness.talk.events import Turn, seat_of
from harness.talk.transcript import SILENCE, received
from tools import Message


class History:
    """One seat's side of the conversation in OpenAI message form, folded from the log's events.

    The seat's own words come back exactly as it said them, with its tool calls and results in
    place; the partner's arrive as `user`. What a *different* model said in this seat before a
    branch comes back without that model's signed thinking, and calls of tools where the seat has
    no tools any more come back as text only: no provider takes either.
    """

    def __init__(self, seat: str, system: str, seed: str, model: str, tools: tuple[str, ...]):
        self.seat, self.model, self.tools = seat, model, tools
        self._head = [{"role": "system", "content": system}] if system else []
        self._tail = [{"role": "user", "content": seed}] if seat == "A" and seed else []
        self._starts: list[int] = []  # where in the tail each message of the log begins
        self._first = 0  # the first message of the log that is still sent (see slide)
        self.call_ids: set[str] = set()
        self._counted, self._told = 0, False  # tokens of the prompt at the last count; see `cut`
        self._offered: list[Message] = []  # tool schemas, and how they are hashed
        self._hashed = b""
        self._rehash()

    def sent(self, added: Sequence[Message] = ()) -> list[Message]:
        """The messages that a request sends, system prompt first (`added` are this message's own
        tool rounds), in a list of the caller's own."""
        begin = self._starts[self._first] if self._first else 0
        sent = self._tail[begin:]  # the one copy: a long history is mostly this list
        sent[:0] = self._head
        sent += added
        return sent

    def add(self, event: Turn, empty_as: str = SILENCE) -> None:
        """Fold in one turn event."""
        self._starts.append(len(self._tail))
        for message in self._messages(event, empty_as):
            self._tail.append(message)
            self.call_ids.update(call["id"] for call in message.get("tool_calls") or [])
            self._hash.update(_canonical(message))
        own = seat_of(event) == self.seat and event.get("model") == self.model
        if own and not event.get("interjected"):  # a puppeteer's counts are of its own prompt
            self._count(event)

    def _count(self, event: Turn) -> None:
        flags = event["flags"]
        if len(event["messages"]) == 1 and "estimated" not in flags:
            usage = event.get("usage")
            self._counted = (usage.get("input") if usage else 0) or self._counted
        self._told = self._told or "prompt_cut" in flags

    def cut(self, counted: int) -> bool:
        """Whether a prompt of `counted` tokens must have been cut on its way into the model: it
        grew, and counts for less than the last one. True once."""
        return not self._told and 0 < counted < self._counted

    def _messages(self, event: Turn, empty_as: str) -> list[Message]:
        said = received(event, empty_as)
        if seat_of(event) != self.seat:
            return [{"role": "user", "content": said}]
        own = event["messages"]
        called = any(message.get("tool_calls") for message in own)
        if not own or (called and not self.tools):
            return [{"role": "assistant", "content": said}]
        return own if event.get("model") == self.model else [_plain(message) for message in own]

    def next_slide(self) -> int | None:
        """The message to begin with once the window is full: a quarter less than now, beginning
        with words of the partner; None when nothing more can be left out."""
        left = len(self._starts) - self._first
        for first in range(self._first + max(1, left // 4), len(self._starts) - 1):
            if self._tail[self._starts[first]]["role"] == "user":
                return first
        return None

    def slide(self, first: int) -> None:
        """From now on send nothing before message `first` but the system prompt."""
        self._first, self._counted = first, 0
        self._rehash()

    def digest(self, added: list[Message], tools: list[Message]) -> str:
        """SHA-256 over the request's messages (`added` are this message's own tool rounds) and
        tool schemas, each as compact JSON with sorted keys and a newline behind it."""
        total = self._hash.copy()
        for item in added:
            total.update(_canonical(item))
        total.update(self._schemas(tools))
        return total.hexdigest()

    def _schemas(self, tools: list[Message]) -> bytes:
        """The tool schemas as they are hashed: the same for every message, so they are kept."""
        if tools != self._offered:
            self._offered = copy.deepcopy(tools)
            self._hashed = b"".join(map(_canonical, tools))
        return self._hashed

    def _rehash(self) -> None:
        self._hash = hashlib.sha256()
        for message in self.sent():
            self._hash.update(_canonical(message))


def _plain(message: Message) -> Message:
    kept = ("role", "content", "tool_calls", "tool_call_id")
    plain = {name: message[name] for name in kept if name in message}
    if isinstance(blocks := plain.get("content"), list):  # words between thoughts
        plain["content"] = "".join(block.get("text") or "" for block in blocks)
    if calls := plain.get("tool_calls"):
        bare = ("id", "type", "function")  # without what else a provider wants back beside them
        plain["tool_calls"] = [{n: call[n] for n in bare if n in call} for call in calls]
    return plain


_COMPACT = json.JSONEncoder(sort_keys=True, separators=(",", ":"))


def _canonical(item: Message) -> bytes:
    return _COMPACT.encode(item).encode() + b"\n"
