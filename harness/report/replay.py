"""A log played again, as it looked.

    python attractor.py replay logs/run_….jsonl --speed 10 --at 5
    python attractor.py replay logs/run_….jsonl --speed 0 > run.txt

Works without LiteLLM: states are derived from the messages, as they are live. While it plays:
Space pauses, n goes to the next message, s to the next change of state, + and - double and halve
the speed, 0 shows the rest at once, q ends.
"""

import asyncio
import contextlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from harness.parser import Parser, amount
from harness.states.detect import Change, Detector
from harness.talk import transcript
from harness.talk.controls import hear_signals
from harness.talk.events import Aborted, Attempt, End, Event, Totals, Turn, seat_of
from harness.talk.logs import load
from harness.talk.settings import Settings
from harness.talk.show import NOT_ENDED, how_it_ended
from harness.talk.transcript import Transcript
from harness.text import UserError

if TYPE_CHECKING:
    from harness.screen.console import Console

WORDS_A_SECOND = 25  # where a log does not tell how long a message took
TOO_FAST = 2000  # words a second that nobody has said: a demo that nobody watched
LONGEST = 2.0  # seconds between two words
KEYS_LINE = "Space pause · n next message · s next state · + - speed · 0 rest at once · q end"

UNTOLD: Attempt = {"tool": "?", "reason": "", "arguments": "", "outcome": "?"}


def command(arguments: list[str]) -> int:
    """Play a log on the console as it looked."""
    parser = Parser(prog="attractor.py replay", description=__doc__)
    add = parser.add_argument
    add("log", type=Path, metavar="LOG")
    speed = "1 = as fast as it was, 10 = ten times that, 0 = at once"
    add("--speed", type=amount, default=1.0, metavar="X", help=speed)
    turn = "begin with this turn (message 2 x TURN)"
    add("--at", type=int, default=0, metavar="TURN", help=turn)
    add("--plain", action="store_true", help="no colours, no keys: for pipes")
    args = parser.parse_args(arguments)
    from harness.screen.console import Console

    read = load(args.log, transcript.follow)  # it may be long: its beginning is shown at once
    if args.at and args.at not in range((last := max(read.turns(), default=0)) + 1):
        raise UserError(f"--at {args.at}: the log has turns 0 to {last}")
    return asyncio.run(watch(read, Console(args.plain), args.speed, args.at))


async def watch(read: Transcript, show: "Console", speed: float, at: int) -> int:
    """Play a log until it ends or a signal comes; returns the exit code."""
    playing, code = asyncio.ensure_future(play(read, show, speed, at)), 0

    def stop(number: int) -> None:
        nonlocal code
        code = 128 + number
        playing.cancel()

    hear_signals(stop)
    with contextlib.suppress(asyncio.CancelledError):
        await playing
    return code


async def play(read: Transcript, show: "Console", speed: float, at: int) -> None:
    """Play a transcript on a display, from turn `at` on; 0 = at once, where nobody has a key."""
    from harness.screen.keys import Keys

    settings, pace = Settings.from_config(read.settings()), Tempo(show, speed)
    on = not show.plain and sys.stdin is not None and sys.stdin.isatty() and speed > 0
    show.header(settings, read.path, KEYS_LINE if on else "")
    detector, totals = Detector(), transcript.no_totals()
    end: End | None = None
    turns: list[int] = []  # of each message
    counted = True  # whether tokens were: other programs' logs, and old ones, may not tell
    with Keys(pace.on_key, show.control, on):
        for event, changes in steps(read, detector, totals):
            end = transcript.end_after(end, event)
            turns += [event["turn"]] if event["type"] == "turn" else []
            await asyncio.sleep(0)  # keys and signals are heard also where nothing waits
            if pace.ended:
                break
            if event["type"] in ("turn", "aborted") and event["turn"] < at:
                continue
            pace.arrived("message")
            if event["type"] == "turn":
                counted = counted and is_counted(event)
                await say(event, totals["messages"] - 1, settings, show, pace)
                show.end(event, totals)
                show.states(changes, turns)
                if any(change.kind != "holds" for change in changes):
                    pace.arrived("state")
            elif event["type"] == "aborted":
                break_off(event, totals["messages"], settings, show)
    reason = how_it_ended(end, settings) if end else NOT_ENDED
    show.closing(
        "the replay was left" if pace.ended else reason,
        totals,
        detector,
        read.path,
        counted=counted or bool(totals["input"] or totals["output"]),
        resumable="imported" not in read.config,
        turns=turns,
    )


class Tempo:
    """How fast a log is played, and the keys that change it."""

    def __init__(self, show: "Console", speed: float):
        self.show, self.speed, self.ended = show, speed, False
        self._until = ""  # what is hurried on to: the next message, the next state, the end
        self._going, self._hurry = asyncio.Event(), asyncio.Event()
        self._going.set()

    def on_key(self, key: str) -> None:
        """A key that was pressed."""
        if key == " ":
            paused = self._going.is_set()
            (self._going.clear if paused else self._going.set)()
            self.show.aside("paused; Space goes on" if paused else "going on", now=True)
        elif key in ("+", "=", "up", "-", "down"):
            self.speed *= 0.5 if key in ("-", "down") else 2
            self.show.aside(f"speed {self.speed:g}", now=True)
        elif key in ("n", "right"):
            self._on_to("message")
        elif key == "s":
            self._on_to("state")
        elif key in ("0", "q"):
            self.ended = key == "q"
            self._on_to("end")
        elif key == "?":
            self.show.aside(KEYS_LINE, now=True)
        elif key == "gone" and not self._going.is_set():  # nobody is there to go on
            self.on_key("q")

    def _on_to(self, what: str) -> None:
        self._until = what
        self._hurry.set()
        self._going.set()

    def arrived(self, what: str) -> None:
        """A message begins, or a state has begun or ended."""
        if self._until == what:
            self._hurry.clear()

    async def word(self, seconds: float) -> None:
        """Wait as long as a word took, as fast as it is wanted."""
        await self._going.wait()
        if self.speed and not self._hurry.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(LONGEST, seconds / self.speed)):
                    await self._hurry.wait()


def steps(
    read: Transcript, detector: Detector, totals: Totals
) -> Iterator[tuple[Event, list[Change]]]:
    """Each event with the changes of state that it brought; detector and totals are kept at it."""
    for event in read.events:
        transcript.tally(totals, event)
        changes: list[Change] = []
        if event["type"] == "turn":
            changes = detector.turn(event)
        yield event, changes


def is_counted(event: Turn) -> bool:
    """Whether a message's tokens were counted, if a model was asked for it."""
    made = event.get("source", "model") == "model" and not event.get("interjected")
    return bool(event.get("usage") or not made)


async def say(event: Turn, message: int, settings: Settings, show: "Console", pace: Tempo) -> None:
    """Show one message, of this index, in pieces, at its pace."""
    source = event.get("source") or ("live" if event.get("interjected") else "model")
    show.begin(settings.seat(seat_of(event)), event["turn"], source, message)
    if thinking := event.get("thinking"):
        show.piece("thinking", str(thinking))
    words = max(1, len(event["response"].split(" ")))
    took = event.get("seconds", 0.0)
    if took < words / TOO_FAST:
        took = words / WORDS_A_SECOND
    for part in parts(event):
        if isinstance(part, dict):
            show.attempt({**UNTOLD, **part})
            continue
        for piece in re.findall(r"[^ ]* ?", part) if pace.speed else [part]:
            await pace.word(took / words)
            show.piece("text", piece)


def break_off(event: Aborted, message: int, settings: Settings, show: "Console") -> None:
    """Show what there is of a message of this index that was broken off, and why."""
    source = event.get("source") or "model"
    show.begin(settings.seat(seat_of(event)), event["turn"], source, message)
    show.piece("text", str(event.get("partial") or ""))
    show.notice(f"broken off: {event.get('why')}")


def parts(event: Turn) -> list[str | Attempt]:
    """A message as it came: its texts, and the tool attempts between them."""
    attempts = event["tool_attempts"]
    own = [message for message in event["messages"] if message["role"] == "assistant"]
    if not attempts or not own:
        return [event["response"], *attempts]
    shown: list[str | Attempt] = []
    for message in own:
        words = message.get("content")
        if isinstance(words, str) and words in event["response"]:  # not what stands for silence
            shown.append(words)
        calls = len(message.get("tool_calls") or [])
        shown += attempts[:calls]
        attempts = attempts[calls:]
    return [*shown, *attempts]
