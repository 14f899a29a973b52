"""Who can speak a message: a script, a person, a model, a puppeteer. Each has one verb, `say`."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, Protocol

from harness.models import call
from harness.models.failures import Failure, kind_of
from harness.models.seat import Seat
from harness.models.tries import Tries
from harness.models.wire import Sent
from harness.talk.company import Company
from harness.talk.controls import Controls
from harness.talk.draft import ROUNDS, Draft, granted, spoken, unsaid
from harness.talk.events import Event, Turn, seat_label
from harness.talk.history import History
from harness.talk.interjections import Interjection
from harness.talk.puppets import Puppet
from harness.talk.settings import Settings
from harness.talk.show import Show, ticking
from harness.talk.state import State
from harness.text import place

# What of a puppeteer's message goes with its words; its own thinking is no part of the seat's.
CARRIED = (
    "thinking",
    "finish_reason",
    "usage",
    "cost_usd",
    "ttft_s",
    "seconds",
    "retries",
    "request_sha256",
    "flags",
)
EMPTY_TRIES = 3  # how often --on-empty retry asks again


class Keyboard(Protocol):
    """What a person types on."""

    async def edit(self, draw: Callable[[str, int], None], can_cancel: bool) -> str | None:
        """Let a person type a message; see Keys.edit."""
        ...

    def unsent(self) -> str:
        """What was typed and not sent, handed out once."""
        ...


class Broke(Failure):
    """The money of the `run` or of its `sweep` is spent."""

    def __init__(self, whose: Literal["run", "sweep"]):
        super().__init__("max_cost", "--max-cost is reached")
        self.whose = whose


@dataclass(frozen=True)
class Stage:
    """What every speaker stands on. `note` puts an event that is no message into the log;
    `check_room` raises where the log could not keep another message."""

    settings: Settings
    state: State
    show: Show
    controls: Controls
    company: Company
    note: Callable[[Event], None]
    check_room: Callable[[], None]

    def pay(self, expected: float, spending: float | None = 0.0) -> None:
        """Set money aside for a request that should cost `expected`, in a message that has cost
        `spending` by now (USD). Raises Broke where there is not enough."""
        most, spent = self.settings.max_cost, self.state.totals["cost_usd"]
        if most is not None and (  # a cost that became unknown can't be bounded
            spent is None or spending is None or spent + spending + expected > most
        ):
            raise Broke("run")
        if not self.company.affords(expected, spending):
            raise Broke("sweep")


class Script:
    """Says what was prepared for this moment."""

    def __init__(self, stage: Stage):
        self.stage = stage

    async def say(self, seat: Seat, turn: int, rule: Interjection) -> Turn:
        """The words of an interjection that is due."""
        stage = self.stage
        stage.show.begin(seat, turn, "script")
        stage.show.piece("text", rule.words)
        since = stage.state.onset(rule.state)
        why = {"when": rule.when, "name": rule.name, "since": since}
        return spoken(seat, turn, rule.words, "script", interjection=why)


class Person:
    """Types a message, in a seat of their own or in the model's place."""

    def __init__(self, stage: Stage, keys: Keyboard | None):
        self.stage, self.keys = stage, keys

    async def say(self, seat: Seat, turn: int) -> Turn | None:
        """What is typed, or None where nothing is: then the message is the model's again."""
        controls, show = self.stage.controls, self.stage.show
        if not controls.interrupted:
            show.begin(seat, turn, "live")
        try:
            words = await self._typed(seat)
        finally:
            show.edited()
        controls.taken(bool(words.strip()))
        if words.strip():
            return spoken(seat, turn, words, "live")
        if seat.human:
            show.notice("nothing to send: type a message, or Ctrl+C to stop")
        else:
            show.notice("nothing was sent: the message is the model's again")
        return None

    async def _typed(self, seat: Seat) -> str:
        def draw(text: str, at: int) -> None:
            self.stage.show.editing(seat.letter, text, at, taken=not seat.human)

        assert self.keys is not None  # without a terminal nobody holds a seat or takes one over
        return await self.keys.edit(draw, not seat.human) or ""  # Esc goes back to the model

    def leave(self) -> None:
        """The conversation ends: what was typed and will not be sent is put into the log."""
        words = self.keys.unsent() if self.keys else ""
        if words.strip():
            self.stage.note(unsaid(*self.stage.state.next_person(), words))


class Model:
    """Speaks for the seat that it holds."""

    def __init__(self, stage: Stage):
        self.stage, self.maker = stage, Maker(stage)

    async def say(self, seat: Seat, turn: int) -> Turn | None:
        """The model's message, or None where a person takes it over. Raises Broke where there is
        no money for it, and Failure."""
        # Each request is paid for where it is made; here, so that no headline stands over nothing.
        self.stage.pay(self.stage.state.next_cost(seat))
        self.stage.show.begin(seat, turn)
        return await self.stage.controls.make(self._message(seat, turn))

    async def _message(self, seat: Seat, turn: int) -> Turn | None:
        """A message; an empty one is asked for again where the user wants that."""
        stage, retries = self.stage, 0
        while True:
            history = stage.state.histories[seat.letter]
            expected = stage.state.next_cost(seat)
            draft = Draft(stage.settings, seat, turn, history, retries=retries, expected=expected)
            if not await self.maker.make(draft):
                return None
            event = draft.event()
            again = "empty" in event["flags"] and stage.settings.on_empty == "retry"
            if not again or granted(event["tool_attempts"]) or retries == EMPTY_TRIES:
                return event
            retries += 1
            stage.note(draft.aborted("empty"))
            stage.show.notice("an empty message; asking again")


class Maker:
    """Makes a message of a model's replies: asks, runs its rounds of tool calls, tries again."""

    def __init__(self, stage: Stage):
        self.stage = stage

    async def make(self, draft: Draft) -> bool:
        """Make the draft's message; False where a person has taken it over. Raises Failure."""
        stage = self.stage
        try:
            async with ticking(stage.show, "loading LiteLLM"):
                await call.ready(draft.seat)
            draft.begin()
            await self._rounds(draft)
        except Exception as error:
            if draft.paid:  # rounds of tools that were paid for
                stage.note(draft.aborted(kind_of(error)))
            raise
        except asyncio.CancelledError:
            taken = stage.controls.taking_over
            half = draft.aborted("taken over" if taken else "stopped")
            stage.note(half)
            if not taken:
                raise
            begun = half["partial"] or half["thinking"] or half["tool_attempts"]
            kept = "; what it had begun is in the log, not in the dialogue" if begun else ""
            stage.show.notice(f"taken over{kept}")
            return False
        return True

    async def _rounds(self, draft: Draft) -> None:
        """One reply after another, for as long as they call tools."""
        for _ in range(ROUNDS):
            await self._ask(draft)
            attempts = draft.take()
            for attempt in attempts:
                self.stage.show.attempt(attempt)
            if not attempts or granted(attempts):
                return

    async def _ask(self, draft: Draft) -> None:
        """One reply into `draft.reply`, tried again for as long as that makes sense."""
        stage, tries = self.stage, Tries(self.stage.settings.retry_for, "--retry-for")
        while True:
            stage.check_room()
            stage.pay(draft.expected, draft.cost)
            reply, began = draft.ask(), time.monotonic()
            try:
                waiting = ticking(stage.show, f"waiting for {draft.seat.name}")
                async with waiting, stage.company.request(bool(draft.own)):
                    began = time.monotonic()  # the wait at a sweep's gate is no try
                    sent, idle = self._request(draft), stage.settings.idle_timeout
                    await call.complete(sent, reply, idle, stage.show.piece)
                return
            except Failure as failure:
                took = time.monotonic() - began
                if lost := draft.lost(failure.kind):
                    stage.note(lost)
                if failure.kind != "context_window" or not self._slide(draft):
                    await self._wait_out(failure, tries.wait(failure, took), draft)

    def _request(self, draft: Draft) -> Sent:
        """The arguments of the next request."""
        settings, seat = self.stage.settings, draft.seat
        extra = {}
        if seat.demo:  # a script needs its seed, and how fast to talk
            pace = 0.0 if self.stage.show.plain else 0.04
            extra = {"demo_seed": f"{settings.rng_seed}/{seat.letter}", "demo_pace": pace}
        return call.request(
            seat,
            draft.messages(),
            draft.settings.schemas(),
            settings.idle_timeout,
            extra,
            draft.settings.cache,
        )

    def _slide(self, draft: Draft) -> bool:
        """Leave the oldest turns out of what is sent, where the user wants that and it helps."""
        stage, first = self.stage, draft.history.next_slide()
        if stage.settings.on_full != "slide" or first is None:
            return False
        who = seat_label(draft.seat.letter)
        stage.note({"type": "slide", "turn": draft.turn, "label": who, "from_message": first})
        stage.show.notice(
            f"context window full: {who} no longer sees what came before {place(first)}"
        )
        return True

    async def _wait_out(self, failure: Failure, wait: float, draft: Draft) -> None:
        """Wait before the next try, counting down where somebody watches."""
        stage = self.stage
        draft.tried_again()
        stage.note(
            {
                "type": "retry",
                "turn": draft.turn,
                "label": seat_label(draft.seat.letter),
                "error": failure.kind,
                "message": str(failure),
                "wait": round(wait, 3),
            }
        )
        told = f"{failure}" if f"{failure}".endswith("?") else f"{failure};"
        stage.show.notice(f"{told} asking again in {wait:.0f} s")
        if stage.controls.ending:  # the message that was to be the last one may never come
            raise Failure("stopped", "ended while a provider failed")
        with stage.controls.counting_down():
            async with ticking(stage.show, "asking again in", wait):
                await asyncio.sleep(wait)


class Puppeteer:
    """Has a third model write a seat's message, shown the conversation as data and a goal."""

    def __init__(self, stage: Stage):
        self.stage, self.maker = stage, Maker(stage)

    async def say(self, seat: Seat, turn: int, rule: Puppet) -> Turn | None:
        """What it writes, spoken as the seat; None where a person takes it over, or where it
        writes nothing: then the message is the model's. Raises Broke and Failure."""
        self.stage.pay(self.stage.state.puppet_cost(rule.actor))
        self.stage.show.begin(seat, turn, "puppet")
        return await self.stage.controls.make(self._message(seat, turn, rule))

    async def _message(self, seat: Seat, turn: int, rule: Puppet) -> Turn | None:
        stage, actor = self.stage, rule.actor
        asked = rule.question(stage.state.turns, stage.settings.seed, stage.settings.tools)
        history = History("A", actor.system, asked, actor.model, ())  # a prompt and one message
        settings = replace(stage.settings, tools=(), tool_schemas=(), cache=False)
        expected = stage.state.puppet_cost(actor)
        draft = Draft(settings, actor, turn, history, expected=expected, source="puppet")
        since = stage.state.onset(rule.state)
        if not await self.maker.make(draft):
            return None
        event = draft.event()
        if not event["response"].strip():
            stage.note(draft.aborted("empty"))
            stage.show.notice("the puppeteer wrote nothing; the model speaks for itself")
            return None
        why = {"when": rule.when, "name": rule.name, "since": since, "model": actor.model}
        kept = {name: value for name, value in event.items() if name in CARRIED}
        return spoken(seat, turn, event["response"], "puppet", puppet=why, **kept)
