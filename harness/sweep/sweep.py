"""Many conversations: a grid of conditions times repeats, unattended, at a known price.

    python attractor.py sweep -a opus sonnet -b same --tools none all --runs 20 --max-turns 30

Each conversation is a normal log in logs/<sweep>/, named after its condition and its repeat, so
that the same command again does only what is missing and goes on with what was cut.
"""

import asyncio
import contextlib
import hashlib
import shlex
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from harness.models import call, catalogue
from harness.models.gate import LONGEST_CLOSED, Gate
from harness.models.seat import Seat
from harness.sweep.plan import (
    Condition,
    Run,
    grid,
    keep_plan,
    load_plan,
    look_back,
    parse,
    runs,
    unfinished,
)
from harness.talk import estimate, transcript
from harness.talk.log import Log, LogBusy
from harness.talk.settings import Settings
from harness.talk.transcript import Transcript
from harness.text import UserError

# ---------------------------------------------------------------- doing it


class Sweep:
    """The runs of one process, `concurrency` of them at a time."""

    def __init__(self, todo: list[Run], args: Any, folder: Path, open_talk: Callable[..., Any]):
        self.runs, self.args, self.folder, self.open_talk = todo, args, folder, open_talk
        patience = max((run.settings.retry_for for run in todo), default=LONGEST_CLOSED)
        self.gate = Gate(args.concurrency, patience)
        self.budget: float | None = None  # USD, of this process
        self.workers: list[asyncio.Task] = []
        self.pledged: dict[Any, float] = {}  # USD, by conversation
        self.broke = self.stopping = False
        self.code = 0
        self.began, self.already = time.monotonic(), 0

    async def go(self, show: Any) -> int:
        """Do what is to be done; returns the exit code."""
        self.already = self.messages()
        missing = [run for run in self.runs if not run.ended]
        waiting = iter(missing)
        for name in ("SIGINT", "SIGTERM", "SIGHUP"):
            with contextlib.suppress(NotImplementedError, AttributeError):  # Windows
                number = getattr(signal, name)
                asyncio.get_running_loop().add_signal_handler(number, self.stop, number)
        beside = [asyncio.create_task(act) for act in (self.tick(show), self.look_up(show))]
        await call.ready(*seats_of(self.runs))
        for _ in missing[: self.args.concurrency]:
            if not self.stopping:
                self.workers.append(asyncio.create_task(self.work(waiting, show)))
        await asyncio.gather(*self.workers, return_exceptions=True)
        for task in beside:
            task.cancel()
        show.draw(self)
        return self.code or int(any(run.state == "failed" for run in self.runs))

    async def tick(self, show: Any) -> None:
        """Draw the table once a second."""
        while True:
            show.draw(self)
            await asyncio.sleep(1)

    async def look_up(self, show: Any) -> None:
        """Find the states of what earlier commands did, if a table wants them."""
        for run in [] if show.plain else [run for run in self.runs if run.state == "done"]:
            await asyncio.to_thread(run.look_up)

    async def work(self, waiting: Iterator[Run], show: Any) -> None:
        """Take one run after another, until none is left or no more are to be begun."""
        for run in waiting:
            if self.stopping or self.broke:
                return
            try:
                await self.hold(run)
            except LogBusy:
                run.state = "elsewhere"
            except Exception as error:  # one failure ends one conversation, never the sweep
                run.state, run.problem = "failed", catalogue.scrub(str(error) or repr(error))
            run.talk = None
            show.finished(run)

    async def hold(self, run: Run) -> None:
        """Hold one conversation, from where its log ends."""
        log = self.open_log(run)
        try:
            past = transcript.read(run.path)
            if past.config and not unfinished(past, run.settings):
                run.close(past.events[-1])  # another process was here in the meantime
                return
            more = {"sweep": self.folder.name, "condition": run.condition.varies}
            run.talk = talk = self.open_talk(run.settings, log, past if past.config else None, more)
            talk.gate, talk.affordable = partial(self.gate.request, log.sync), self.affordable
            talk.broke = self.spent_all
            log.lazy = True
            run.state, run.totals = "running", talk.totals
            run.close(await talk.finish())
        finally:
            self.pledged.pop(run.talk, None)
            log.close()

    def open_log(self, run: Run) -> Log:
        if run.path.exists():
            return Log.reopen(run.path)
        return Log.create(self.folder, run.path.stem)

    def stop(self, number: int) -> None:
        """A signal: the first Ctrl+C lets what is in flight end, anything else stops now."""
        gently = number == signal.SIGINT and not self.stopping
        self.code, self.stopping, self.gate.closed = 128 + number, True, True
        if not gently:
            for worker in self.workers:
                worker.cancel()
        for talk in self.talks():
            talk.ending = True
            if talk.counting_down:
                talk.cancel_making()

    def talks(self) -> list[Any]:
        """The conversations that are being held."""
        return [run.talk for run in self.runs if run.talk]

    def affordable(self, talk: Any) -> bool:
        """Whether the next message fits the budget, beside all that are in flight. A message's
        estimate is set aside until its conversation comes for the next one: then it is paid."""
        self.pledged.pop(talk, None)
        needed = self.spent() + sum(self.pledged.values()) + next_cost(talk)
        if self.budget is not None and needed > self.budget:
            self.broke = True
        self.pledged[talk] = next_cost(talk)
        return not self.broke

    def spent_all(self, spending: float) -> bool:
        """Whether the budget is gone, with what a message in the making has cost by now."""
        gone = self.budget is not None and self.spent() + spending >= self.budget
        self.broke = self.broke or gone
        return gone

    def cost(self) -> float | None:
        """USD so far, None where a price is unknown."""
        costs = [run.totals["cost_usd"] for run in self.runs]
        return None if None in costs else sum(costs)

    def spent(self) -> float:
        """USD so far, as far as prices are known."""
        return sum(run.totals["cost_usd"] or 0.0 for run in self.runs)

    def messages(self) -> int:
        """Messages so far, in all runs."""
        return sum(run.totals["messages"] for run in self.runs)

    def seconds_left(self) -> float | None:
        """As long as the messages that are missing will take at the pace so far."""
        made = self.messages() - self.already
        missing = sum(2 * run.settings.max_turns - run.totals["messages"]
                      for run in self.runs if not run.ended)  # fmt: skip
        enough = made >= 2 * self.args.concurrency  # at first nobody can tell
        return (time.monotonic() - self.began) / made * missing if enough else None

    def rows(self) -> list[dict[str, Any]]:
        """One row per condition: its name, states of its runs, states reached, tokens, cost."""
        rows: dict[str, dict[str, Any]] = {}
        for run in self.runs:
            row = rows.setdefault(run.condition.key, {
                "name": str(run.condition), "runs": Counter(), "reached": Counter(),
                "tokens": 0, "cost": 0.0,
            })  # fmt: skip
            row["runs"][run.state] += 1
            row["reached"].update(run.so_far())
            row["tokens"] += run.totals["input"] + run.totals["output"]
            cost = run.totals["cost_usd"]
            row["cost"] = None if cost is None or row["cost"] is None else row["cost"] + cost
        return list(rows.values())


def seats_of(todo: list[Run]) -> list[Seat]:
    """All seats of these runs."""
    return [seat for run in todo for seat in (run.settings.a, run.settings.b)]


def next_cost(talk: Any) -> float:
    """The estimate of a conversation's next message."""
    seat, _ = talk.next_up()
    words = len((talk.last or {}).get("response", talk.settings.seed))
    return estimate.next_message(talk.settings, seat, talk.last_cost[seat.letter], words)


def prepare(args: Any, conversation: Any, begin: Callable[..., None]) -> tuple[Sweep, Any, Any]:
    """The sweep that the arguments mean, its conditions, and what sweep.json says by now; nothing
    is written yet. Raises UserError."""
    catalogue.load_keys()
    conditions = grid(args)
    digests = "".join(sorted(condition.digest for condition in conditions))
    name = args.name or "sweep_" + hashlib.sha256(digests.encode()).hexdigest()[:8]
    folder = args.log_dir / name
    old = load_plan(folder)
    known = {digest: about["key"] for digest, about in old.get("conditions", {}).items()}
    # A grid that grew may name its conditions otherwise; the logs keep their names.
    conditions = [replace(c, key=known.get(c.digest, c.key)) for c in conditions]
    everything = runs(conditions, args, folder)
    mine = everything[args.shard[0] - 1 :: args.shard[1]]
    look_back(mine)

    def open_talk(settings: Settings, log: Log, past: Transcript | None, more: dict) -> Any:
        from harness.screen.console import Silent

        talk = conversation(settings, log, Silent())
        begin(talk, past, None, **more)
        return talk

    sweep = Sweep(mine, args, folder, open_talk)
    if args.budget is not None:  # each shard has its part of the money
        sweep.budget = args.budget * len(mine) / len(everything)
    return sweep, conditions, old


def check_prices(args: Any, conditions: list[Condition]) -> None:
    """A budget needs prices. Raises UserError where one is unknown."""
    for condition in conditions:
        for seat in (condition.settings.a, condition.settings.b):
            if args.budget is not None and not catalogue.priced(seat.model):
                raise UserError(f"--max-cost: the price of {seat.model} is unknown; leave it out")


def command(arguments: list[str], conversation: Any, begin: Callable[..., None]) -> int:
    """The verb: hold the conversations of a grid that are missing; returns the exit code."""
    args = parse(arguments, __doc__)
    sweep, conditions, old = prepare(args, conversation, begin)
    from harness.sweep.progress import Progress

    show = Progress(args.plain, args.quiet)
    if args.dry_run:
        each = {c.key: estimate.conversation(c.settings) for c in conditions}
        show.plan(sweep.folder, sweep.runs, each)
        return 0
    check_prices(args, conditions)
    keep_plan(sweep.folder, args, conditions, old)
    with show:
        if args.ray is not None:
            from harness.sweep import cluster as spread

            code = spread.go(sweep, arguments, conversation, show)
        else:
            call.warm(*seats_of(sweep.runs))
            code = asyncio.run(sweep.go(show))
    show.closing(sweep, " ".join(["python attractor.py sweep", *map(shlex.quote, arguments)]))
    return code
