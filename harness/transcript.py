"""The log: one conversation's events in one append-only JSONL file, and what can be read from it.

    log = Log.create(folder, config)            # or Log.reopen(path), which repairs a torn end
    log.write({"type": "turn", ...})            # on disk when it returns
    transcript = read(path)                     # never raises on damage; says what it skipped
    History("A", transcript.config, tools)      # what one seat has seen and said

Everything else (histories, totals, states, pictures) is derived from these events.
"""

import contextlib
import hashlib
import json
import os
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

SCHEMA = 2
SEATS = ("A", "B")
SILENCE = "…"  # what stands for an empty message in histories, unless --empty-as says otherwise

# Control, format, separator and surrogate characters: legal in JSON, but they would act on a
# terminal that shows the log, or split a line for readers that follow Unicode's line breaks.
_UNSEEN = re.compile(
    "[\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)


class LogError(Exception):
    """The log can't be opened, is in use, or can't be written; the text is a line for the user."""


class LogBusy(LogError):
    """Another process is writing the log."""


def partner(seat: str) -> str:
    """The other seat."""
    return "B" if seat == "A" else "A"


def now() -> str:
    """The time as the log writes it: UTC, ISO 8601, microseconds."""
    return datetime.now(UTC).isoformat()


def encode(event: dict[str, Any]) -> bytes:
    """One event as one line of UTF-8 that any reader sees as exactly one line."""
    text = json.dumps(event, ensure_ascii=False)
    return _UNSEEN.sub(lambda found: json.dumps(found[0])[1:-1], text).encode() + b"\n"


def whole(text: str) -> str:
    """`text` with surrogate pairs that a stream had cut in two joined again."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def sendable(text: str) -> str:
    """`text` with lone surrogates, which UTF-8 can't carry, replaced by U+FFFD."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


# ---------------------------------------------------------------- writing


class Log:
    """The only thing that writes a conversation's log. Holds a lock, so that no one else does."""

    def __init__(self, path: Path, flags: int):
        self.path = path
        # A sweep syncs by itself, in a thread, before it asks the next model: for a disk's few
        # milliseconds all its other conversations would have to stop.
        self.lazy = self._unsynced = False
        try:
            self._file = os.open(path, flags | getattr(os, "O_BINARY", 0), 0o644)
        except OSError as error:
            raise LogError(f"{path}: cannot write the log: {error.strerror}") from None
        if not _lock(self._file):
            os.close(self._file)
            raise LogBusy(f"{path}: another process is writing this log; stop that one first")

    @classmethod
    def create(cls, folder: Path, name: str = "") -> "Log":
        """A new log in `folder`, named after the time unless `name` is given.

        Raises LogError."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LogError(f"{folder}: cannot make the log folder: {error.strerror}") from None
        stamp = datetime.now().strftime("%Y%m%d_%H%M%S")
        name = name or f"run_{stamp}_{secrets.token_hex(2)}"
        return cls(folder / f"{name}.jsonl", os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND)

    @classmethod
    def reopen(cls, path: Path) -> "Log":
        """An existing log, its torn last line cut off, ready to append. Raises LogError."""
        log = cls(path, os.O_RDWR | os.O_APPEND)
        size = os.fstat(log._file).st_size
        raw = path.read_bytes()
        kept, _, torn = raw.rpartition(b"\n")  # a kill can leave half a line
        if torn:
            if _parse(torn) is None:
                os.ftruncate(log._file, len(kept) + (b"\n" in raw))
            elif size:
                log._append(b"\n")
        return log

    def write(self, event: dict[str, Any]) -> dict[str, Any]:
        """Append one event and put it on disk before returning it. Raises LogError."""
        event = {"type": event["type"], "timestamp": now()} | event
        self._append(encode(event))
        return event

    def copy(self, events: list[dict[str, Any]]) -> None:
        """Append events of another log, synced once. Raises LogError."""
        self._append(b"".join(encode(event) for event in events))

    def _append(self, line: bytes) -> None:
        start = os.fstat(self._file).st_size
        try:
            rest = memoryview(line)
            while rest:
                rest = rest[os.write(self._file, rest) :]
            self._unsynced = True
            if not self.lazy:
                self.sync()
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, start)  # a full disk takes half a line
            raise LogError(f"{self.path}: cannot write the log: {error.strerror}") from None

    def check_room(self, needed: int = 1 << 20) -> None:
        """Raise LogError when the disk has less than `needed` bytes left: no model should be
        asked for words that could not be kept."""
        if os.name == "posix" and not os.fstat(self._file).st_nlink:
            raise LogError(f"{self.path}: somebody has deleted the log; nothing more is asked")
        if not hasattr(os, "fstatvfs"):
            return
        disk = os.fstatvfs(self._file)
        if disk.f_bavail * disk.f_frsize < needed:
            raise LogError(f"{self.path}: the disk is full; free some space, then resume")

    def sync(self) -> None:
        """Put on the disk what is not there yet. Raises OSError."""
        if self._unsynced:
            os.fsync(self._file)
            self._unsynced = False

    def close(self) -> None:
        """Let go of the log, all of it on the disk."""
        with contextlib.suppress(OSError):  # a disk that failed has said so before
            self.sync()
        os.close(self._file)


def _lock(file: int) -> bool:
    """Take the advisory lock that ends with the process, however it ends."""
    try:
        import fcntl
    except ImportError:
        import msvcrt

        os.lseek(file, 1 << 40, os.SEEK_SET)  # Windows' locks forbid reading: lock past the end
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


# ---------------------------------------------------------------- reading


@dataclass
class Transcript:
    """What a log holds. `skipped` lists (line number from 1, why)."""

    path: Path
    events: list[dict[str, Any]] = field(default_factory=list)
    skipped: list[tuple[int, str]] = field(default_factory=list)

    @property
    def config(self) -> dict[str, Any]:
        """The first config event, or {} where the log has none."""
        return next((event for event in self.events if event["type"] == "config"), {})

    @property
    def messages(self) -> list[dict[str, Any]]:
        """The turn events, in order: index in this list = message index."""
        return [event for event in self.events if event["type"] == "turn"]

    def settings(self) -> dict[str, Any]:
        """The config, with what later resumptions changed of it."""
        settings = dict(self.config)
        for event in self.of("resumed"):
            settings |= event["settings"] if isinstance(event.get("settings"), dict) else {}
        return settings

    def until(self, turn: int) -> list[dict[str, Any]]:
        """What a branch before `turn` shares: its messages, marked as inherited."""
        kept = [e for e in self.events if e["type"] in ("turn", "slide") and e["turn"] < turn]
        return [event | {"inherited": True} for event in kept]

    def of(self, kind: str) -> list[dict[str, Any]]:
        """The events of one type."""
        return [event for event in self.events if event["type"] == kind]


def read(path: Path) -> Transcript:
    """Read a log of either schema. Raises only OSError."""
    transcript = Transcript(path)
    for number, event in lines(path):
        if isinstance(event, dict):
            transcript.events.append(event)
        else:
            transcript.skipped.append((number, event))
    return transcript


def lines(path: Path) -> Iterator[tuple[int, dict[str, Any] | str]]:
    """Each line's number and its event, or why it is none. Splits on newline bytes only."""
    with open(path, "rb") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                event = _parse(line)
                yield number, (event or "not a JSON event") if event is None else _checked(event)


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) and isinstance(event.get("type"), str) else None


def _checked(event: dict[str, Any]) -> dict[str, Any] | str:
    """A turn is usable when it says who spoke, when and what; the rest is mended or left out."""
    kind = event["type"]
    if kind == "slide" and not _slides(event):
        return "a slide without a seat or a message"
    if kind not in ("turn", "aborted"):
        return event
    if event.get("label") not in ("Model A", "Model B") or not _count(event.get("turn")):
        return f"{'a turn' if kind == 'turn' else 'an aborted message'} without a seat or number"
    if kind == "turn" and not isinstance(event.get("response"), str):
        return "a turn without words"
    attempts = [a for a in _list(event.get("tool_attempts")) if isinstance(a, dict)]
    mended = {
        "usage": _usage(event.get("usage")),
        "cost_usd": event["cost_usd"] if _number(event.get("cost_usd")) else None,
        "seconds": event["seconds"] if _number(event.get("seconds")) else 0.0,
        "flags": [flag for flag in _list(event.get("flags")) if isinstance(flag, str)],
        "messages": own if _own(own := _list(event.get("messages"))) else [],
        "tool_attempts": [a | {"tool": str(a.get("tool", "?"))} for a in attempts],
    }
    if not isinstance(event.get("source", ""), str):
        mended["source"] = "live" if event.get("interjected") else "model"
    return event | mended


def _count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 10**12


def _number(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value < 10**12


def _usage(value: Any) -> dict[str, int]:
    """The four counts, or {} where nothing was counted."""
    if not isinstance(value, dict) or not any(_count(n) for n in value.values()):
        return {}
    names = ("input", "output", "cache_read", "cache_write")
    return {name: value[name] if _count(value.get(name)) else 0 for name in names}


def _own(messages: list[Any]) -> bool:
    """Whether these are assistant and tool messages that can be sent back as they are."""
    for message in messages:
        if not isinstance(message, dict) or message.get("role") not in ("assistant", "tool"):
            return False
        if not isinstance(message.get("content", ""), str | None):
            return False
        calls = message.get("tool_calls") or []
        if not isinstance(calls, list) or not all(
            isinstance(call, dict) and isinstance(call.get("id"), str)
            and isinstance(call.get("function"), dict) for call in calls
        ):  # fmt: skip
            return False
    return True


def _slides(event: dict[str, Any]) -> bool:
    numbers = type(event.get("from_message")) is int and type(event.get("turn")) is int
    return numbers and event["from_message"] > 0 and event.get("label") in ("Model A", "Model B")


def _list(value: Any) -> list:
    return value if isinstance(value, list) else []


def seat_of(event: dict[str, Any]) -> str:
    """The seat that a turn's message belongs to."""
    return event["label"][-1]


def received(event: dict[str, Any], empty_as: str = SILENCE) -> str:
    """The words that the partner received for this message, in logs of either schema."""
    sent = event.get("sent")
    if isinstance(sent, str):
        return sent
    return sendable(event["response"]) if event["response"].strip() else empty_as


def no_totals() -> dict[str, Any]:
    """The totals of a conversation that has not begun; see `tally`."""
    counts = dict.fromkeys(("messages", "input", "output", "cache_read", "cache_write"), 0)
    return counts | {"cost_usd": 0.0, "tool_attempts": {}}


def tally(totals: dict[str, Any], event: dict[str, Any]) -> None:
    """Add one event to the totals: messages, tokens, tool attempts by tool, cost.

    The cost is None from the first request on whose price is unknown."""
    if event["type"] not in ("turn", "aborted"):
        return
    totals["messages"] += event["type"] == "turn"
    for attempt in event.get("tool_attempts") or []:
        name = attempt.get("tool", "?") if isinstance(attempt, dict) else str(attempt)
        totals["tool_attempts"][name] = totals["tool_attempts"].get(name, 0) + 1
    usage = event.get("usage")
    if not usage or event.get("inherited"):
        return  # nothing was asked for, or a branch's parent has paid for it
    for name in ("input", "output", "cache_read", "cache_write"):
        totals[name] += usage.get(name) or 0
    known = totals["cost_usd"] is not None and event.get("cost_usd") is not None
    totals["cost_usd"] = totals["cost_usd"] + event["cost_usd"] if known else None


# ---------------------------------------------------------------- histories


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
        self._tail = [{"role": "user", "content": seed}] if seat == "A" else []
        self._starts: list[int] = []  # where in the tail each message of the log begins
        self._first = 0  # the first message of the log that is still sent (see slide)
        self.call_ids: set[str] = set()
        self._rehash()

    def sent(self) -> list[dict[str, Any]]:
        """The messages that a request sends, system prompt first."""
        return self._head + self._tail[self._cut() :]

    def add(self, event: dict[str, Any], empty_as: str = SILENCE) -> None:
        """Fold in one turn event."""
        self._starts.append(len(self._tail))
        for message in self._messages(event, empty_as):
            self._tail.append(message)
            self.call_ids.update(call["id"] for call in message.get("tool_calls") or [])
            self._hash.update(_canonical(message))

    def _messages(self, event: dict[str, Any], empty_as: str) -> list[dict[str, Any]]:
        said = received(event, empty_as)
        if seat_of(event) != self.seat:
            return [{"role": "user", "content": said}]
        own = event.get("messages") or []
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
        self._first = first
        self._rehash()

    def digest(self, added: list[dict[str, Any]], tools: list[dict[str, Any]]) -> str:
        """SHA-256 over the request's messages (`added` are this message's own tool rounds) and
        tool schemas, each as compact JSON with sorted keys and a newline behind it."""
        total = self._hash.copy()
        for item in [*added, *tools]:
            total.update(_canonical(item))
        return total.hexdigest()

    def _cut(self) -> int:
        return self._starts[self._first] if self._first else 0

    def _rehash(self) -> None:
        self._hash = hashlib.sha256()
        for message in self.sent():
            self._hash.update(_canonical(message))


def _plain(message: dict[str, Any]) -> dict[str, Any]:
    kept = ("role", "content", "tool_calls", "tool_call_id")
    return {name: message[name] for name in kept if name in message}


def _canonical(item: dict[str, Any]) -> bytes:
    return json.dumps(item, sort_keys=True, separators=(",", ":")).encode() + b"\n"
