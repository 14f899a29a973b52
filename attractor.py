#!/usr/bin/env python3
"""Put two language models into one conversation and watch where it gets stuck.

    python attractor.py -a demo/goodbye -b demo/standoff      no key needed: scripted demo models
    python attractor.py -a opus -b opus                       two real ones; keys from .env
    python attractor.py -a opus -b human                      you hold seat B
    python attractor.py --resume logs/run_….jsonl             go on with a run that ended
    python attractor.py --resume LOG --at 12 --system-b firm  branch off before turn 12
    python attractor.py sweep -a opus -b opus --tools none all --runs 20 --max-turns 30
    python attractor.py report logs --html report.html        many runs: tables and pictures
    python attractor.py states|replay|export LOG              one run, after the fact
    python attractor.py judge logs --model opus               states as a model sees them
    python attractor.py models                                aliases, keys found, prices

While it runs: Space take over a message, p pause, q end after this message, ? help, Ctrl+C stop.
Each verb has a --help of its own; the options below are those of `run`, the verb by default.
"""

import signal

if __name__ == "__main__":  # Ctrl+C during the imports below ends without a traceback
    signal.signal(signal.SIGINT, signal.SIG_DFL)

import asyncio
import contextlib
import functools
import itertools
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.models import call, catalogue, engine
from harness.models.failures import Failure, wait_before_retry
from harness.models.reply import Reply
from harness.models.seat import Seat
from harness.states.detect import Detector
from harness.talk import transcript
from harness.talk.draft import ROUNDS, Draft, spoken, unsaid
from harness.talk.history import History
from harness.talk.log import SCHEMA, Log, LogError
from harness.talk.settings import Interjection, Settings, state_and_count
from harness.talk.transcript import Transcript

if TYPE_CHECKING:  # rich takes a third of --help's time: it is imported when something is drawn
    from harness.screen.console import Console, Silent

VERSION = "1.0.0"
EMPTY_TRIES = 3  # how often --on-empty retry asks again


class Conversation:
    """Two seats talking: what was said so far, and the verbs that add to it."""

    def __init__(self, settings: Settings, log: Log, show: "Console | Silent"):
        self.settings, self.log, self.show = settings, log, show
        self.totals, self.detector = transcript.no_totals(), Detector()
        self.histories = {
            s.letter: History(s.letter, s.system, settings.seed, s.model, settings.tools)
            for s in (settings.a, settings.b)
        }
        self.last: dict[str, Any] | None = None  # the latest message
        self.last_cost = {"A": 0.0, "B": 0.0}
        self.spent: set[tuple[str, str, int]] = set()  # `on:` interjections that were made
        self.keys: Any = None
        # What a sweep decides for all its conversations: when to ask, and whether it can pay.
        self.gate: Callable[..., Any] = contextlib.nullcontext
        self.affordable: Callable[[Conversation], bool] = lambda talk: True
        self.broke: Callable[[float], bool] = lambda spending: False  # within a message
        self.making: asyncio.Task | None = None
        self.taking_over = self.ending = self.counting_down = self.begun = False
        self.going = asyncio.Event()
        self.going.set()

    # -- the loop

    async def converse(self) -> str:
        """Let A and B speak in turn until something ends it; returns the `end` reason."""
        while not (reason := self.over()):
            if not self.going.is_set():
                self.show.notice("paused; p goes on, q ends")
                await self.going.wait()
                continue  # q may have ended it
            event = await self.speak(*self.next_up())
            self.record(event)
        return reason

    def next_up(self) -> tuple[Seat, int]:
        """The seat that speaks next, and the turn that it speaks in."""
        if self.last is None:
            return self.settings.a, 0
        turn, spoke = self.last["turn"], self.last["label"][-1]
        return (self.settings.b, turn) if spoke == "A" else (self.settings.a, turn + 1)

    def over(self) -> str | None:
        """Why the conversation is over, or None while it is not."""
        settings, seat, turn = self.settings, *self.next_up()
        last = (self.last or {}) if self.begun else {}  # an end is no end of a resumption
        if any(attempt.get("outcome") == "granted" for attempt in last.get("tool_attempts", [])):
            return "exit_tool"
        if self.ending:
            return "stopped"
        if settings.on_empty == "end" and "empty" in last.get("flags", []):
            return "empty"
        if settings.max_turns is not None and turn >= settings.max_turns:
            return "max_turns"
        spent = self.totals["cost_usd"]
        if settings.max_cost is not None and (  # a cost that became unknown can't be bounded
            spent is None or spent + self.last_cost[seat.letter] >= settings.max_cost
        ):
            return "max_cost"
        if settings.stop_on is not None:
            state, after = state_and_count(settings.stop_on, 1)
            since = self.onset(state)
            if since is not None and self.totals["messages"] - since >= after:
                return "state"
        return None if self.affordable(self) else "stopped"

    async def finish(self) -> dict[str, Any]:
        """Converse to the end; returns the `end` event, which is in the log by then.

        Raises LogError, and whatever is a defect of ours."""
        problem: dict[str, str] = {}
        try:
            reason = await self.converse()
        except asyncio.CancelledError:
            reason = "stopped"
        except Failure as failure:
            reason = failure.kind if failure.kind in ("context_window", "max_cost") else "error"
            if reason != "max_cost":
                problem = {"error": failure.kind, "message": str(failure)}
        except LogError:
            raise  # then the end can't be written either
        except Exception as error:  # a defect of ours: the log must not look as if it went on
            text = catalogue.scrub(f"{type(error).__name__}: {error}")
            self.note({"type": "end", "reason": "error", "error": "defect", "message": text})
            raise
        return self.log.write({"type": "end", "reason": reason} | problem | {"totals": self.totals})

    async def speak(self, seat: Seat, turn: int) -> dict[str, Any]:
        """One message: prepared by the user, typed by a person, or made by the model."""
        if rule := self.due(seat, turn):
            self.show.begin(seat, turn, "script")
            self.show.piece("text", rule.words)
            why = {"when": rule.when, "name": rule.name, "since": self.onset(rule.state)}
            return spoken(seat, turn, rule.words, "script", interjection=why)
        begun = False
        while True:
            if seat.human or self.taking_over:
                if not begun:
                    self.show.begin(seat, turn, "live")
                words = await self.type_in(seat, turn)
                if words.strip():
                    return spoken(seat, turn, words, "live")
            if not seat.human:
                self.show.begin(seat, turn)
                begun = True
                self.making = asyncio.create_task(self.generate(seat, turn))
                with contextlib.suppress(TakenOver):
                    return await self.making

    def due(self, seat: Seat, turn: int) -> Interjection | None:
        """The interjection whose moment this is: a turn, each Nth one, or a state that has held
        for so many messages (once for each time that it takes hold)."""
        for rule in self.settings.interject:
            if rule.seat != seat.letter:
                continue
            if rule.state is None and rule.comes(turn):
                return rule
            since = self.onset(rule.state)
            held = 0 if since is None else self.totals["messages"] - since
            if held >= rule.after > 0 and (rule.when, seat.letter, since) not in self.spent:
                return rule
        return None

    def onset(self, state: str | None) -> int | None:
        """Since which message a state holds, or None where it does not."""
        return self.detector.holding().get(state) if state else None

    async def type_in(self, seat: Seat, turn: int) -> str:
        """A person's words for this message; nothing hands it back to the model."""
        typed = ""

        def draw(text: str, at: int) -> None:
            nonlocal typed
            typed = text
            self.show.editing(seat.letter, text, at)

        try:
            words = await self.keys.edit(draw, can_cancel=not seat.human) or ""
        except asyncio.CancelledError:
            if typed.strip():
                self.note(unsaid(seat, turn, typed))
            raise
        self.show.edited()
        self.taking_over = False
        if seat.human and not words.strip():
            self.show.notice("nothing to send: type a message, or Ctrl+C to stop")
        return words

    # -- a model's message

    async def generate(self, seat: Seat, turn: int) -> dict[str, Any]:
        """Ask the model for one message; an empty one again where the user wants that."""
        for tried in range(EMPTY_TRIES + 1):
            draft = Draft(self.settings, seat, turn, self.histories[seat.letter], retries=tried)
            try:
                async with self.ticking("loading LiteLLM"):
                    await call.ready(seat)
                draft.started = time.monotonic()
                await self.make(draft)
            except Failure as failure:
                if draft.usage:  # rounds of tools that were paid for
                    self.note(draft.aborted(failure.kind))
                raise
            except asyncio.CancelledError:
                self.note(draft.aborted("taken over" if self.taking_over else "stopped"))
                if self.taking_over:
                    self.show.notice("taken over; what it said so far is only in the log")
                    raise TakenOver from None
                raise
            event = draft.event()
            if "empty" not in event["flags"] or self.settings.on_empty != "retry":
                break
            if tried < EMPTY_TRIES:
                self.note(draft.aborted("empty"))
                self.show.notice("an empty message; asking again")
        return event

    async def make(self, draft: Draft) -> None:
        """One message, through its rounds of tool calls."""
        for _ in range(ROUNDS):
            await self.ask(draft)
            attempts = draft.take()
            for attempt in attempts:
                self.show.attempt(attempt)
            if not attempts or any(attempt["outcome"] == "granted" for attempt in attempts):
                return

    async def ask(self, draft: Draft) -> None:
        """One reply into `draft.reply`, tried again for as long as that makes sense."""
        trying = 0.0  # seconds, without those spent at a sweep's gate
        for tried in itertools.count():
            self.log.check_room()
            if tried or draft.own or draft.retries:
                self.check_budget(draft)
            draft.reply = Reply()
            began = time.monotonic()
            try:
                waiting = self.ticking(f"waiting for {draft.seat.name}")
                async with waiting, self.gate(bool(draft.own)):
                    began = time.monotonic()
                    sent, idle = self.request(draft), self.settings.idle_timeout
                    await call.complete(sent, draft.reply, idle, self.show.piece)
                return
            except Failure as failure:
                trying += time.monotonic() - began
                if draft.reply.usage:
                    self.note(draft.aborted(failure.kind, draft.reply))
                    draft.reply = Reply()
                if failure.kind == "context_window" and self.slide(draft):
                    continue
                wait = wait_before_retry(failure, tried)
                if not failure.retry:
                    raise
                trying += wait
                if trying > self.settings.retry_for:
                    text = f"{failure}; gave up after {tried + 1} tries (--retry-for)"
                    raise Failure(failure.kind, text) from None
                draft.retries += 1
                await self.wait_out(failure, wait, draft)

    def request(self, draft: Draft) -> dict[str, Any]:
        """The arguments of the next request."""
        settings, seat = self.settings, draft.seat
        extra = {}
        if seat.demo:  # a script needs its seed, and how fast to talk
            pace = 0.0 if self.show.plain else 0.04
            extra = {"demo_seed": f"{settings.rng_seed}/{seat.letter}", "demo_pace": pace}
        return call.request(
            seat, draft.messages(), settings.schemas(), settings.idle_timeout, extra, settings.cache
        )

    def check_budget(self, draft: Draft) -> None:
        """Before a further request of the same message. Raises Failure when the money is spent,
        CancelledError when a sweep's is."""
        if self.broke(draft.cost or 0.0):
            raise asyncio.CancelledError
        most, spent = self.settings.max_cost, self.totals["cost_usd"]
        if most is None:
            return
        if spent is None or draft.cost is None or spent + draft.cost >= most:
            raise Failure("max_cost", f"--max-cost {most:g} is reached within a message")

    def slide(self, draft: Draft) -> bool:
        """Leave the oldest turns out of what is sent, where the user wants that and it helps."""
        first = draft.history.next_slide()
        if self.settings.on_full != "slide" or first is None:
            return False
        self.note({"type": "slide", "turn": draft.turn, "label": f"Model {draft.seat.letter}",
                   "from_message": first})  # fmt: skip
        self.show.notice(f"context window full: Model {draft.seat.letter} no longer sees what "
                         f"came before message {first}")  # fmt: skip
        return True

    async def wait_out(self, failure: Exception, wait: float, draft: Draft) -> None:
        """Wait before the next try, counting down where somebody watches."""
        self.note({
            "type": "retry", "turn": draft.turn, "label": f"Model {draft.seat.letter}",
            "error": failure.kind, "message": str(failure), "wait": round(wait, 3),
        })  # fmt: skip
        self.show.notice(f"{failure}; asking again in {wait:.0f} s")
        if self.ending:  # the message that was to be the last one may never come
            raise asyncio.CancelledError
        self.counting_down = True
        try:
            async with self.ticking("asking again in", wait):
                await asyncio.sleep(wait)
        finally:
            self.counting_down = False

    @contextlib.asynccontextmanager
    async def ticking(self, text: str, until: float | None = None) -> Any:
        """Show a line with the seconds that pass, or that are left, while the body waits."""

        async def tick() -> None:
            for second in itertools.count():
                shown = second if until is None else max(0, round(until) - second)
                self.show.waiting(f"{text} {shown} s")
                await asyncio.sleep(1)

        task = None if self.show.plain else asyncio.create_task(tick())
        try:
            yield
        finally:
            if task:
                task.cancel()

    # -- what happened

    def record(self, event: dict[str, Any]) -> None:
        """Put a message on disk, then show and remember it."""
        event = self.log.write(event)
        changes, self.begun = self.fold(event), True
        self.show.end(event, self.totals)
        self.show.states(changes)

    def note(self, event: dict[str, Any]) -> None:
        """Put an event on disk that is no message."""
        self.fold(self.log.write(event))

    def fold(self, event: dict[str, Any]) -> list[Any]:
        """Let one event of the log change what is known; returns the changes of state."""
        transcript.tally(self.totals, event)
        if event["type"] == "slide":
            self.histories[event["label"][-1]].slide(event["from_message"])
        if event["type"] != "turn":
            return []
        for history in self.histories.values():
            history.add(event, self.settings.empty_as)
        seat = transcript.seat_of(event)
        if isinstance(why := event.get("interjection"), dict):
            self.spent.add((why.get("when"), seat, why.get("since")))
        self.last, self.last_cost[seat] = event, event.get("cost_usd") or 0.0
        return self.detector.add(event["response"], seat, bool(event.get("interjected")))

    # -- keys

    def on_key(self, key: str) -> None:
        """A key that no editor took."""
        if key == " ":
            self.taking_over = True
            self.keys.hold()
            self.going.set()
            self.cancel_making()
        elif key == "q":
            self.ending = True
            self.going.set()
            if self.counting_down:
                self.cancel_making()
            else:
                self.show.notice("ending after this message")
        elif key == "p":
            paused = self.going.is_set()
            (self.going.clear if paused else self.going.set)()
            self.show.notice("pausing after this message" if paused else "going on")
        elif key == "?":
            self.show.help()
        elif key == "suspend":
            self.show.edited()

    def cancel_making(self) -> None:
        """Cancel the message that is being made."""
        if self.making and not self.making.done():
            self.making.cancel()


class TakenOver(Exception):
    """A person wants to speak in the model's place."""


def begin(talk: Conversation, past: Transcript | None, at: int | None = None, **more: Any) -> None:
    """Write the log's opening event (`more` goes into its config), and take in what was said
    before."""
    about = {
        "schema": SCHEMA,
        "run_id": talk.log.path.stem,
        "versions": {"attractor": VERSION, "litellm": engine.version(),
                     "python": platform.python_version()},
        "git": git_revision(),
    }  # fmt: skip
    if past is None:
        talk.note({"type": "config"} | about | more | talk.settings.to_config())
    elif at is None:
        for event in past.events:
            talk.fold(event)
        talk.note({"type": "resumed"} | about | {"settings": talk.settings.to_config()})
        for line, why in past.skipped:
            talk.show.notice(f"line {line} of the log was skipped: {why}")
        talk.show.notice(f"going on after {talk.totals['messages']} messages")
    else:
        parent = {"log": past.path.name, "turn": at}
        talk.note({"type": "config"} | about | {"parent": parent} | talk.settings.to_config())
        shared = past.until(at)
        talk.log.copy(shared)
        for event in shared:
            talk.fold(event)
        talk.show.notice(f"a branch of {past.path.name}, whose first {talk.totals['messages']} "
                         "messages it shares")  # fmt: skip


@functools.cache
def git_revision() -> str | None:
    """The commit of this harness, with a mark when its files differ from it."""
    command = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=5)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found.stdout.strip() or None


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    from harness.cli import main

    sys.exit(main(sys.argv[1:]))
