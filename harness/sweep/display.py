"""A sweep on the screen: its plan, its table while it goes, how it ended."""

import shlex
from collections import Counter
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from harness.screen.paper import Paper
from harness.screen.wrap import one_line
from harness.states.names import SHORT
from harness.sweep import standings
from harness.sweep.run import Run
from harness.sweep.sweep import Sweep
from harness.talk.estimate import CHARS, REPLY, Estimate
from harness.text import many, money, program, tokens, visible


class Display:
    """A sweep as it goes: a table that is redrawn, or with `plain` a line per finished run."""

    def __init__(self, plain: bool, quiet: bool):
        self.paper = Paper(plain)
        self.plain, self.quiet = self.paper.plain or quiet, quiet
        self._live: Any = None

    def __enter__(self) -> "Display":
        if not self.plain:
            from rich.live import Live

            self._live = Live(console=self.paper.rich, auto_refresh=False, transient=True)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def line(self, text: str) -> None:
        """A line about the sweep."""
        if not self.quiet:
            self._say(text)

    def _say(self, text: str, whole: bool = False) -> None:
        """Words in lines; `whole` = to be copied, so the terminal may cut them but we don't."""
        self.paper.say(Text(visible(text)), soft_wrap=whole or self.paper.plain)

    def plan(self, folder: Path, runs: list[Run], estimates: dict[str, Estimate]) -> None:
        """What a sweep would do: its grid, its size, what it would cost, on what assumptions.
        `estimates` are of one run each, by the condition's key."""
        table, total, left = plan_table(runs, estimates)
        self.paper.say(table)
        known = total.uncached_cost is not None and total.uncached_cost != total.cost
        uncached = f" (uncached {money(total.uncached_cost)})" if known else ""
        self._say(
            f"{many(len(estimates), 'condition')}, {many(left, 'conversation')} to do, at most "
            f"{many(total.requests, 'message')}, {money(total.cost)}{uncached}\n"
            f"assumed: all turns are held, {REPLY} tokens a reply (or --max-tokens), {CHARS} "
            f"characters a token, no tool calls, no retries\nfolder: {folder}"
        )

    def draw(self, sweep: Sweep) -> None:
        """Redraw the table."""
        if self._live:
            self._live.update(standings.fitting(sweep, self.paper.rich), refresh=True)

    def finished(self, run: Run) -> None:
        """A run has ended, or was left alone: a line where no table shows it."""
        if self.quiet or self._live:
            return
        totals = run.totals
        states = " ".join(sorted(SHORT.get(state, state) for state in run.reached)) or "–"
        line = f"{run.state}  {run.path.name}  {many(totals['messages'], 'message')}  {states}  "
        line += money(totals["cost_usd"]) if totals["input"] else "–"
        if run.problem:
            line += "  " + one_line(run.problem)
        self._say(line)

    def closing(self, sweep: Sweep, again: str) -> None:
        """What was done, what failed and why, what to do about it."""
        say = self._say
        if self.quiet:
            say(str(sweep.folder))
            return
        if self._live:  # what the screen had no room for, too
            self.paper.say(standings.table(sweep, standings.by_condition(sweep.runs), 0))
        states = Counter(run.state for run in sweep.runs)
        done = ", ".join(f"{n} {name}" for name, n in states.most_common())
        say(f"{done}; {money(sweep.cost())}; folder: {sweep.folder}")
        if sweep.judging:
            say(sweep.judging.words())
        problems: dict[str, list[str]] = {}
        for run in sweep.runs:
            if run.state == "failed":
                problem = one_line(run.problem.removeprefix(f"{run.path}: "))
                problems.setdefault(problem, []).append(run.path.name)
        for problem, names in problems.items():
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            say(f"failed: {problem}\n  in {', '.join(names[:3])}{more}")
        if broke := sweep.purse.words():
            say(broke)
        if states["elsewhere"]:
            say("elsewhere = another process is holding it")
        if set(states) - {"done"} or any(map(sweep.unjudged, sweep.runs)):
            say(f"go on with what is missing: {again}", whole=True)
        if states["done"]:
            report = f"{program()} report {shlex.quote(str(sweep.folder))}"
            say(f"see what came of it: {report}", whole=True)


def plan_table(runs: list[Run], estimates: dict[str, Estimate]) -> tuple[Table, Estimate, int]:
    """A row per condition, the sum of what is to be done, and how many runs that is."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    for name in ("condition", "runs", "missing", "requests", "in", "cached", "out", "cost"):
        table.add_column(name, overflow="fold")
    total, left = Estimate(), 0
    for key, estimate in estimates.items():
        mine = [run for run in runs if run.condition.key == key]
        missing = sum(not run.ended for run in mine)
        sums, left = Estimate(), left + missing
        sums.add(estimate, missing)
        total.add(sums)
        name = one_line(str(mine[0].condition)) if mine else key
        table.add_row(Text(name), str(len(mine)), str(missing), *_sums(sums))
    table.add_row("all", str(len(runs)), str(left), *_sums(total), style="bold")
    return table, total, left


def _sums(estimate: Estimate) -> list[str]:
    counts = (estimate.requests, estimate.input, estimate.cached, estimate.output)
    return [*map(tokens, counts), money(estimate.cost)]
