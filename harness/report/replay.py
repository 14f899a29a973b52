"""A log played again, as it looked.

    python attractor.py replay LOG [--speed 0] [--at TURN]

Works without LiteLLM: states are derived from the messages, as they are live.
"""

import asyncio
import contextlib
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness.report.listing import load
from harness.states.detect import Change, Detector
from harness.talk import transcript
from harness.talk.options import Parser, amount
from harness.talk.settings import Settings
from harness.talk.transcript import Transcript, seat_of
from harness.text import UserError

WORDS_A_SECOND = 25  # where a log does not tell how long a message took


def command(arguments: list[str]) -> int:
    """Play a log on the console as it looked. Space pauses, q ends."""
    parser = Parser(prog="attractor.py replay", description=command.__doc__)
    parser.add_argument("log", type=Path, metavar="LOG")
    parser.add_argument(
        "--speed",
        type=amount,
        default=1.0,
        metavar="X",
        help="1 = as fast as it was, 10 = ten times that, 0 = at once",
    )
    parser.add_argument("--at", type=int, default=0, metavar="TURN", help="begin with this turn")
    parser.add_argument("--plain", action="store_true", help="no colours, no keys: for pipes")
    args = parser.parse_args(arguments)  # fmt: skip
    from harness.screen.console import Console

    read = load(args.log)
    if args.at and all(message["turn"] < args.at for message in read.messages):
        raise UserError(f"--at {args.at}: the log has no such turn")
    show = Console(args.plain)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(play(read, show, args.speed, args.at))
        return 0
    return 128 + signal.SIGINT


async def play(read: Transcript, show: Any, speed: float, at: int) -> None:
    """Play a transcript on a display."""
    from harness.screen.keys import Keys

    settings = Settings.from_config(read.settings())
    going, ended = asyncio.Event(), asyncio.Event()
    going.set()

    def on_key(key: str) -> None:
        if key == " ":
            paused = going.is_set()
            (going.clear if paused else going.set)()
            show.notice("paused; Space goes on" if paused else "going on")
        elif key == "q":
            ended.set()
            going.set()

    on = not show.plain and sys.stdin is not None and sys.stdin.isatty() and speed > 0
    show.header(settings, read.path, False)
    detector, totals = Detector(), transcript.no_totals()
    with Keys(on_key, show.control, on):
        for event, changes in steps(read, detector, totals):
            if event["type"] == "turn" and event["turn"] >= at and not ended.is_set():
                await say(event, settings, show, speed, going, ended)
                show.end(event, totals)
                show.states(changes)
            elif event["type"] == "aborted" and event["turn"] >= at and not ended.is_set():
                show.begin(settings.seat(seat_of(event)), event["turn"])
                show.piece("text", str(event.get("partial") or ""))
                show.notice(f"broken off: {event.get('why')}")
    end = next(iter(reversed(read.of("end"))), {})
    reason = str(end.get("reason", "the log has no end"))
    show.closing(reason, totals, detector.path_words(), read.path)


def steps(
    read: Transcript, detector: Detector, totals: dict[str, Any]
) -> Iterator[tuple[dict[str, Any], list[Change]]]:
    """Each event with the changes of state that it brought; detector and totals are kept at it."""
    for event in read.events:
        transcript.tally(totals, event)
        changes: list[Change] = []
        if event["type"] == "turn":
            changes = detector.turn(event)
        yield event, changes


async def say(
    event: dict[str, Any], settings: Settings, show: Any, speed: float,
    going: asyncio.Event, ended: asyncio.Event,
) -> None:  # fmt: skip
    """Show one message, in pieces, at its pace."""
    source = event.get("source") or ("live" if event.get("interjected") else "model")
    show.begin(settings.seat(seat_of(event)), event["turn"], source)
    if thinking := event.get("thinking"):
        show.piece("thinking", str(thinking))
    words = max(1, len(event["response"].split(" ")))
    seconds = event.get("seconds")
    took = seconds if type(seconds) in (int, float) else words / WORDS_A_SECOND
    wait = min(2.0, took / words / speed) if speed else 0.0
    for part in parts(event):
        if isinstance(part, dict):
            show.attempt({"tool": "?", "reason": "", "arguments": "", "outcome": "?"} | part)
            continue
        for piece in re.findall(r"[^ ]* ?", part):
            await going.wait()
            if wait and not ended.is_set():
                await asyncio.sleep(wait)
            show.piece("text", piece)


def parts(event: dict[str, Any]) -> list[str | dict[str, Any]]:
    """A message as it came: its texts, and the tool attempts between them."""
    attempts = [attempt for attempt in event["tool_attempts"] if isinstance(attempt, dict)]
    own = [m for m in event["messages"] if isinstance(m, dict) and m.get("role") == "assistant"]
    if not attempts or not own:
        return [event["response"], *attempts]
    shown: list[str | dict[str, Any]] = []
    for message in own:
        words = message.get("content")
        if isinstance(words, str) and words in event["response"]:  # not what stands for silence
            shown.append(words)
        calls = len(message.get("tool_calls") or [])
        shown += attempts[:calls]
        attempts = attempts[calls:]
    return shown + attempts
