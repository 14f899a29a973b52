"""Reading a log: `read(path)` never raises on damage; it says what it skipped."""

import io
import os
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import BinaryIO, cast

from harness import files
from harness.files import Json, object_of
from harness.talk.checked import checked
from harness.talk.events import End, Event, Totals, Turn
from harness.text import add_costs, sendable

SETTLING = ("config", "resumed")  # events that hold settings
GOING_ON = ("resumed", "turn", "aborted")  # events after which an end before them is none
ANOTHER = "of another conversation in the same file"
TWICE = "the same message as on a line before"

UNKNOWN = "not recorded"  # what stands for a model that an imported transcript does not name
SILENCE = "…"  # what stands for an empty message in histories, unless --empty-as says otherwise


# ---------------------------------------------------------------- reading


@dataclass
class Transcript:
    """What a log holds. `skipped` lists (line number from 1, why); where the events are a `Stored`
    it is filled as they are gone through."""

    path: Path
    events: "list[Event] | Stored" = field(default_factory=list)
    skipped: list[tuple[int, str]] = field(default_factory=list)

    @property
    def config(self) -> Json:
        """The first config event, or {} where the log has none."""
        found = (event for event in self.settled() if event["type"] == "config")
        return cast(Json, next(found, {}))

    @property
    def messages(self) -> list[Turn]:
        """The turn events, in order: index in this list = message index."""
        return list(self.one_by_one())

    def one_by_one(self) -> Iterator[Turn]:
        """The same, without holding them all where the log's events stay on the disk."""
        return (event for event in self.events if event["type"] == "turn")

    @property
    def end(self) -> End | None:
        """The event with which the log ends, where its run has ended and did not go on."""
        return reduce(end_after, self.events, None)

    def turns(self) -> list[int]:
        """The turns that there are messages of, in order, each once."""
        return sorted({event["turn"] for event in self.one_by_one()})

    def settings(self) -> Json:
        """The config, with what later resumptions changed of it."""
        settings = dict(self.config)
        for event in self.settled():
            if event["type"] == "resumed":
                settings |= object_of(event.get("settings"))
        return settings

    def settled(self) -> "list[Event]":
        """The events that hold settings, and maybe others."""
        return self.events.settled if isinstance(self.events, Stored) else self.events

    def until(self, turn: int) -> list[Event]:
        """What a branch before `turn` shares: its messages, marked as inherited."""
        kept = [e for e in self.events if e["type"] in ("turn", "slide") and e["turn"] < turn]
        return [event | {"inherited": True} for event in kept]

    def of(self, kind: str) -> list[Event]:
        """The events of one type."""
        return [event for event in self.events if event["type"] == kind]


class Stored:
    """A log's events on the disk: each time that they are gone through they are read, one at a
    time, so that a long log takes no memory and its first event is there at once. They are the same
    each time: what is written after the first time is none of them."""

    def __init__(self, path: Path, skipped: list[tuple[int, str]]):
        self.path, self.skipped, self._told = path, skipped, set[int]()
        self._size: int | None = None  # bytes, once they were gone through
        self.settled: list[Event] = []  # config and resumed, found without reading the others
        with files.open_regular(path) as file:
            for number, line in enumerate(file, 1):
                if b'"config"' in line or b'"resumed"' in line:
                    found = parse(line)
                    if found and found["type"] == "config" and self.settled:
                        break  # of another conversation
                    if found and found["type"] in SETTLING:
                        self.settled.append(cast(Event, found))
                if not line.endswith(b"\n") and parse(line) is None:
                    self._skip(number, "not a JSON event")  # who writes on cuts it off first

    def _skip(self, number: int, why: str) -> None:
        if number not in self._told:
            self._told.add(number)
            self.skipped.append((number, why))

    def __iter__(self) -> Iterator[Event]:
        if self._size is None:
            self._size = os.stat(self.path).st_size
        for number, event in lines(self.path, self._size):
            if isinstance(event, dict):
                yield event
            else:
                self._skip(number, event)


def end_after(end: End | None, event: Event) -> End | None:
    """The end that holds after an event, `end` being the one before it."""
    if event["type"] == "end":
        return event
    return None if event["type"] in GOING_ON else end


def read(path: Path) -> Transcript:
    """Read a log of either schema. Raises only OSError."""
    return _gathered(path, lines(path))


def of_bytes(path: Path, data: bytes) -> Transcript:
    """The log that these bytes of the file at `path` are."""
    return _gathered(path, _events(io.BytesIO(data)))


def _gathered(path: Path, found: Iterable[tuple[int, Event | str]]) -> Transcript:
    events, skipped = list[Event](), []
    for number, event in found:
        if isinstance(event, str):
            skipped.append((number, event))
        else:
            events.append(event)
    return Transcript(path, events, skipped)


def follow(path: Path) -> Transcript:
    """A log whose events stay on the disk. Raises only OSError, also later where it is gone."""
    skipped: list[tuple[int, str]] = []
    return Transcript(path, Stored(path, skipped), skipped)


def lines(path: Path, size: int = sys.maxsize) -> Iterator[tuple[int, Event | str]]:
    """Each line's number and its event, or why it is none, of the first `size` bytes. Splits on
    newline bytes only."""
    with files.open_regular(path) as file:
        yield from _events(_first(file, size))


def _first(file: BinaryIO, size: int) -> Iterator[bytes]:
    """The lines of a file's first `size` bytes."""
    for line in file:
        if line := line[:size]:
            size -= len(line)
            yield line
        else:
            return


def _events(file: Iterable[bytes]) -> Iterator[tuple[int, Event | str]]:
    heard, begun = set[int](), False  # hashes of the messages' lines
    for number, line in enumerate(file, 1):
        if line.strip():
            event = parse(line)
            found = "not a JSON event" if event is None else checked(event)
            if isinstance(found, str):
                yield number, found
            elif found["type"] == "config" and begun:  # somebody has put logs into one file
                yield number, ANOTHER
                for rest, _ in enumerate(file, number + 1):
                    yield rest, ANOTHER
            elif found["type"] == "slide" and found["from_message"] >= len(heard):
                yield number, "a slide to nowhere"
            elif found["type"] == "turn" and (mark := hash(line.strip())) in heard:
                yield number, TWICE
            else:
                if found["type"] == "turn":
                    heard.add(mark)
                begun = True
                yield number, cast(Event, found)  # checked here, trusted from here on


def parse(line: bytes) -> Json | None:
    """The event on a line, or None."""
    event = files.parse_object(line)
    return event if event and isinstance(event.get("type"), str) else None


def received(event: Turn, empty_as: str = SILENCE) -> str:
    """The words that the partner received for this message, in logs of either schema."""
    sent = event.get("sent")
    if isinstance(sent, str):
        return sent
    return sendable(event["response"]) if event["response"].strip() else empty_as


def no_totals() -> Totals:
    """The totals of a conversation that has not begun; see `tally`."""
    return {
        "messages": 0,
        "input": 0,
        "output": 0,
        "cache_read": 0,
        "cache_write": 0,
        "cost_usd": 0.0,
        "tool_attempts": {},
    }


def totals(transcript: Transcript) -> Totals:
    """The totals of a whole log."""
    sums = no_totals()
    for event in transcript.events:
        tally(sums, event)
    return sums


def tally_more(path: Path, start: int, totals: Totals) -> int:
    """Add to the totals the events of all whole lines from byte `start` on (one that stands there
    twice counts twice); returns where these end. Raises OSError."""
    with files.open_regular(path) as file:
        file.seek(start)
        for line in file:
            if not line.endswith(b"\n"):
                break  # who writes it is not done
            start += len(line)
            event = checked(found) if (found := parse(line)) else None
            if isinstance(event, dict):
                tally(totals, cast(Event, event))
    return start


def tally(totals: Totals, event: Event) -> None:
    """Add one event to the totals: messages, tokens, tool attempts by tool, cost.

    The cost is None from the first request on whose price is unknown."""
    if event["type"] != "turn" and event["type"] != "aborted":
        return
    totals["messages"] += event["type"] == "turn"
    for attempt in event.get("tool_attempts") or []:
        name = attempt["tool"]
        totals["tool_attempts"][name] = totals["tool_attempts"].get(name, 0) + 1
    usage = event.get("usage")
    if not usage or event.get("inherited"):
        return  # nothing was asked for, or a branch's parent has paid for it
    totals["input"] += usage["input"]
    totals["output"] += usage["output"]
    totals["cache_read"] += usage["cache_read"]
    totals["cache_write"] += usage["cache_write"]
    totals["cost_usd"] = add_costs([totals["cost_usd"], event.get("cost_usd")])
