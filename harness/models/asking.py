"""Questions to one model whose answers stay outside the dialogue: a judge's and the like.

    asker = Asker(seat, Gate(4, RETRY_FOR), max_cost=2.0)
    text = await asker.ask([{"role": "system", ...}, {"role": "user", ...}], bill)

All of an asker's questions pass one gate and share one budget; a failure that the next question
would meet too (a refused key, no credit) is kept, and ends all of them.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from harness.models import call
from harness.models.catalogue import uncached_cost
from harness.models.failures import Failure
from harness.models.gate import Gate
from harness.models.reply import Reply
from harness.models.seat import Seat
from harness.models.tries import Tries
from harness.text import add_costs, money

IDLE, RETRY_FOR = 180.0, 600.0  # seconds; see --idle-timeout and --retry-for of `run`
CHARS = 4  # characters that a token is taken for before it is counted
HOPELESS = ("auth", "no_credit", "permission", "not_found", "max_cost")  # the next one fails too

Question = list[dict[str, str]]


@dataclass
class Bill:
    """What was used, and what it cost (None from the first request of unknown price on)."""

    input: int = 0
    output: int = 0
    cost: float | None = 0.0

    def add(self, reply: Reply) -> None:
        self.input += reply.usage.get("input", 0)
        self.output += reply.usage.get("output", 0)
        if reply.usage:
            self.cost = add_costs([self.cost, reply.cost])

    def merge(self, other: "Bill") -> None:
        """Add what is on another one."""
        self.input, self.output = self.input + other.input, self.output + other.output
        self.cost = add_costs([self.cost, other.cost])

    def words(self) -> str:
        """The same for people."""
        return f"{self.input:,} tokens in, {self.output:,} out · {money(self.cost)}"


class Asker:
    """One model that is asked, within a budget of `max_cost` USD or of whoever says `room`:
    whether so many USD more may be spent."""

    def __init__(
        self,
        seat: Seat,
        gate: Gate,
        max_cost: float | None = None,
        room: Callable[[float], bool] | None = None,
    ):
        self.seat, self.gate, self.max_cost = seat, gate, max_cost
        self.room = room or self._room
        self.total, self.pending = Bill(), 0.0  # USD that requests under way are expected to cost
        self.hopeless: Failure | None = None

    def expected(self, questions: list[Question], answer: int) -> float | None:
        """USD that these should cost with answers of `answer` tokens; None = a price is unknown."""
        read = sum(map(question_tokens, questions))
        return uncached_cost(self.seat, read, answer * len(questions))

    def stop(self) -> None:
        """Ask nothing new."""
        self.gate.close()

    async def ask(self, question: Question, bill: Bill, answer: int) -> str:
        """One answer, of about `answer` tokens, tried again for as long as that makes sense.

        Raises Failure."""
        tries = Tries(RETRY_FOR)
        while True:
            began = time.monotonic()
            try:
                async with self.gate.request():  # a refusal for load slows all of them down
                    began = time.monotonic()
                    return await self._try(question, bill, answer)
            except Failure as failure:
                if failure.kind in HOPELESS:
                    self.hopeless = failure
                wait = tries.wait(failure, time.monotonic() - began)
                await asyncio.sleep(0 if failure.busy else wait)  # the gate waits for all

    async def _try(self, question: Question, bill: Bill, answer: int) -> str:
        """One request, unless it would fail or cost too much; what it cost is counted."""
        expected = self.expected([question], answer) or 0.0
        if not self.hopeless and not self.room(expected):
            self.hopeless = Failure("max_cost", self._broke())
        if self.hopeless:
            raise self.hopeless
        extra = {"demo_seed": "0", "demo_pace": 0.0} if self.seat.demo else {}
        reply = Reply()
        self.pending += expected
        try:
            sent = call.request(self.seat, list(question), [], IDLE, extra)
            await call.complete(sent, reply, IDLE, lambda kind, piece: None)
        finally:
            self.pending -= expected
            self.total.add(reply)
            bill.add(reply)
        return reply.text

    def _room(self, expected: float) -> bool:
        if self.max_cost is None:
            return True
        spent = self.total.cost  # what became unknown can't be bounded
        return spent is not None and spent + self.pending + expected <= self.max_cost

    def _broke(self) -> str:
        if self.total.cost is None:
            return "--max-cost cannot be kept: what was spent is unknown by now"
        named = "" if self.max_cost is None else f" {self.max_cost:g}"
        return f"--max-cost{named} is reached"


def question_tokens(question: Question) -> int:
    """Tokens that a question should have."""
    return sum(len(message["content"]) for message in question) // CHARS
