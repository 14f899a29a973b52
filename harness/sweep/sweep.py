"""A sweep's conversations: begun, kept within the budget, ended.

Each is a normal log in logs/<sweep>/, named after its condition and its repeat.
"""

import asyncio
import hashlib
import re
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from attractor import Conversation
from harness import defects
from harness.files import Json
from harness.models import call, catalogue
from harness.models.failures import Failure
from harness.models.gate import LONGEST_CLOSED, Gate
from harness.models.seat import Seat
from harness.screen.silent import Silent
from harness.sweep.judging import Judging
from harness.sweep.pace import Pace
from harness.sweep.plan import grid, load_plan, runs
from harness.sweep.purse import Member, Purse
from harness.sweep.run import Condition, Run, read_logs
from harness.talk import transcript
from harness.talk.controls import Controls, hear_signals
from harness.talk.log import LogBusy
from harness.text import UserError, add_costs


class Onlooker(Protocol):
    """Who sees how a sweep goes. `plain` = it has no table that could be redrawn."""

    plain: bool

    def draw(self, sweep: "Sweep") -> None: ...
    def finished(self, run: Run) -> None: ...


class Sweep:
    """The runs of one process, `concurrency` of them at a time. Budget in USD, None = no limit."""

    def __init__(
        self,
        todo: list[Run],
        folder: Path,
        concurrency: int,
        budget: float | None,
        judge: str | None,
    ):
        """`judge` names the model that labels runs as they end."""
        self.runs, self.folder, self.concurrency = todo, folder, concurrency
        patience = max((run.settings.retry_for for run in todo), default=LONGEST_CLOSED)
        self.gate, self.purse = Gate(concurrency, patience), Purse(budget, todo)
        self.judging = Judging(judge, concurrency, self.purse, todo) if judge else None
        self.loading: asyncio.Task[None] | None = None  # what is needed before the first request
        self.workers: list[asyncio.Task[None]] = []
        self.stopping, self.code = False, 0
        self.pace = Pace(todo, 2 * concurrency)

    async def go(self, show: Onlooker) -> int:
        """Do what is to be done; returns the exit code."""
        missing = [run for run in self.runs if not run.ended or self.unjudged(run)]
        waiting = iter(missing)
        hear_signals(self.stop)
        call.warm(*seats_of(self.runs))
        beside = [asyncio.create_task(act) for act in (self.tick(show), self.find_states(show))]
        self.loading = asyncio.create_task(call.ready(*seats_of(self.runs)))
        await asyncio.wait([self.loading])
        if not self.stopping:  # else it was cancelled: there is nothing to lose as yet
            self.loading.result()
        for _ in missing[: self.concurrency]:
            if not self.stopping:
                self.workers.append(asyncio.create_task(self.work(waiting, show)))
        try:
            if self.workers:
                await self._all_done(self.workers)
        finally:
            for task in beside:
                task.cancel()
        await self._all_done(beside)
        show.draw(self)
        return self.code or self.outcome()

    async def _all_done(self, tasks: list[asyncio.Task[None]]) -> None:
        """Wait for these to end. Raises what ends one of them, once the others are cancelled."""
        _, left = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in left:
            self.stopping = True  # else it would go on with the next run
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, BaseException) and not isinstance(result, asyncio.CancelledError):
                raise result

    def outcome(self) -> int:
        """The exit code that its runs and their labels make."""
        if any(run.defect for run in self.runs) or (self.judging and self.judging.defect):
            return defects.DEFECT
        return int(any(run.state == "failed" or self.unjudged(run) for run in self.runs))

    def unjudged(self, run: Run) -> bool:
        """Whether a run has ended, and the judge of the sweep has yet to label it."""
        return self.judging is not None and self.judging.lacks(run)

    async def tick(self, show: Onlooker) -> None:
        """Once a second, draw the table, and see what other processes have spent."""
        while True:
            show.draw(self)
            await self.purse.count_others()
            await asyncio.sleep(1)

    async def find_states(self, show: Onlooker) -> None:
        """Find the states of what earlier commands did, if a table wants them."""
        for run in [] if show.plain else [run for run in self.runs if run.state == "done"]:
            await asyncio.to_thread(run.find_states)

    async def work(self, waiting: Iterator[Run], show: Onlooker) -> None:
        """Take one run after another, until none is left or no more are to be begun."""
        for run in waiting:
            if self.stopping or self.purse.broke:
                return
            try:
                if not run.ended:
                    await self.hold(run)
                if self.judging:
                    await self.judging.label(run)
            except LogBusy:
                run.leave_to_others()
            except (UserError, Failure) as error:
                run.fail(str(error))
            except OSError as error:
                run.fail(error.strerror or repr(error))
            except Exception as error:  # it ends one conversation, never the sweep
                run.fail(defects.told(error), defect=True)
            run.leave()
            show.finished(run)

    async def hold(self, run: Run) -> None:
        """Hold one conversation, from where its log ends."""
        log = run.open_log()
        try:
            past = transcript.read(run.path)
            run.take_log(past)
            if run.ended:  # another process was here in the meantime
                return
            member, show = Member(run, log, self.gate, self.purse), Silent()
            controls = Controls(show)
            talk = Conversation(run.settings, log, show, controls, company=member)
            if past.config:
                talk.open(past)
            else:
                talk.open(sweep=self.folder.name, condition=run.condition.varies)
            run.begin(talk.state, controls)
            end = await talk.finish()
            await asyncio.to_thread(log.sync)
            run.close(end)
        finally:
            self.purse.free(run)
            log.close()

    def stop(self, number: int) -> None:
        """A signal: the first Ctrl+C lets what is in flight end, anything else stops now."""
        gently = number == signal.SIGINT and not self.stopping
        self.code, self.stopping = 128 + number, True
        self.gate.close()
        if self.judging:
            self.judging.stop()
        if self.loading:
            self.loading.cancel()
        if not gently:
            for worker in self.workers:
                worker.cancel()
        for run in self.runs:
            run.end_soon()

    def cost(self) -> float | None:
        """USD so far, None where a price is unknown."""
        return add_costs(run.totals["cost_usd"] for run in self.runs)


def seats_of(todo: list[Run]) -> list[Seat]:
    """All seats of these runs."""
    return [seat for run in todo for seat in run.settings.everybody]


def default_name(conditions: list[Condition]) -> str:
    """A folder's name that tells who talks, the same for every command that means this grid."""
    seats = [seat for c in conditions for seat in (c.settings.a, c.settings.b)]
    models = "-".join(dict.fromkeys(sorted(seat.model.rpartition("/")[2] for seat in seats)))
    digests = "".join(sorted(condition.digest for condition in conditions))
    digest = hashlib.sha256(digests.encode()).hexdigest()[:8]
    return f"{re.sub(r'[^A-Za-z0-9.]+', '-', models)[:60].strip('-.')}_{digest}"


def prepare(args: Any, shard: tuple[int, int] | None = None) -> tuple[Sweep, list[Condition], Json]:
    """The sweep that the arguments mean, or its Kth of N parts (`shard`, else as they say), its
    conditions, and what sweep.json says by now; nothing is written yet. Raises UserError."""
    catalogue.load_keys()
    conditions = grid(args)
    folder = args.log_dir / (args.name or default_name(conditions))
    old = load_plan(folder)
    known = {digest: about["key"] for digest, about in old.get("conditions", {}).items()}
    # A grid that grew may name its conditions otherwise; the logs keep their names.
    conditions = [replace(c, key=known.get(c.digest, c.key)) for c in conditions]
    everything = runs(conditions, args, folder)
    k, parts = shard or args.shard
    mine = everything[k - 1 :: parts]
    read_logs(mine)
    # Each shard has its part of the money.
    budget = None if args.budget is None else args.budget * len(mine) / len(everything)
    return Sweep(mine, folder, args.concurrency, budget, args.judge), conditions, old
