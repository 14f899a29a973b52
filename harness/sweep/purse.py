"""The money of a sweep: one budget for the runs of one process, with what others spend on them."""

import asyncio
import contextlib
from collections.abc import Callable

from harness.models.gate import Gate
from harness.sweep.run import Run
from harness.talk.log import Log
from harness.text import add_costs, money


class Purse:
    """What may be spent, what has been, and what is set aside for messages in the making (USD;
    no budget = no end of money)."""

    def __init__(self, budget: float | None, runs: list[Run]):
        self.budget, self.runs, self.broke = budget, runs, False
        self._beside: Callable[[], tuple[float | None, float]] = lambda: (0.0, 0.0)
        self._aside: dict[str, float] = {}  # by the run's file name

    def share_with(self, beside: Callable[[], tuple[float | None, float]]) -> None:
        """From now on pay somebody beside the conversations, a judge: `beside` tells USD spent, and
        under way."""
        self._beside = beside

    def affords(self, run: Run, expected: float, spending: float | None) -> bool:
        """Whether one more request of this run fits, beside all that is set aside; if so, that is
        set aside too. Once one does not, none does: nothing new is begun."""
        if self.budget is None:
            return True
        self._aside[run.path.name] = (spending or 0.0) + expected
        self.broke = self.broke or spending is None
        self.has_room(0.0)
        if self.broke:
            self.free(run)
        return not self.broke

    def has_room(self, expected: float) -> bool:
        """Whether so many USD more fit beside all that is set aside; once they don't, nothing
        does. What became unknown can't be bounded: then nothing fits either."""
        aside = sum(self._aside.values()) + self._beside()[1] + expected
        if self.budget is not None:
            spent = self.spent()
            self.broke = self.broke or spent is None or spent + aside > self.budget
        return not self.broke

    def free(self, run: Run) -> None:
        """What was set aside for a run is in its log by now, or not needed."""
        self._aside.pop(run.path.name, None)

    def spent(self) -> float | None:
        """USD so far, None from the first request of unknown price on."""
        return add_costs([self._beside()[0], *(run.totals["cost_usd"] for run in self.runs)])

    def words(self) -> str:
        """Why nothing more is asked for, "" while there is money. By how much the budget was
        overshot: messages in flight could not be foreseen."""
        spent = self.spent()
        if self.budget is None or not (self.broke or (spent or 0.0) > self.budget):
            return ""
        if spent is None:
            return (
                "--max-cost cannot be kept: what was spent is unknown by now; leave it out to go on"
            )
        over = f", overshot by {money(spent - self.budget)}" if spent > self.budget else ""
        return f"--max-cost reached{over}; raise it to go on"

    async def count_others(self) -> None:
        """Take in what other processes have spent on runs of this folder."""
        if self.budget is None:
            return
        away = [run for run in self.runs if run.away]
        seen = await asyncio.to_thread(lambda: [run.read_on() for run in away])
        for run, found in zip(away, seen, strict=True):
            if found and run.away:  # it may have been begun here meanwhile
                run.take_in(found)


class Member:
    """One conversation's place in a sweep: it asks through the gate, and pays from the purse."""

    def __init__(self, run: Run, log: Log, gate: Gate, purse: Purse):
        self.run, self.log, self.gate, self.purse = run, log, gate, purse

    def request(self, begun: bool) -> contextlib.AbstractAsyncContextManager[None]:
        """Around each request: the log goes to the disk first, in a thread."""
        return self.gate.request(self.log.sync, begun)

    def affords(self, expected: float, spending: float | None) -> bool:
        """Whether the sweep has money for one more request."""
        return self.purse.affords(self.run, expected, spending)
