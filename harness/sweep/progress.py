"""A sweep on the screen: its plan, its table while it goes, how it ended."""

import re
import shlex
from collections import Counter
from pathlib import Path
from typing import Any

from rich.table import Table
from rich.text import Text

from harness.screen.paper import Paper
from harness.screen.wrap import one_line
from harness.states.names import SHORT
from harness.sweep.plan import Run
from harness.talk.estimate import CHARS, REPLY, Estimate
from harness.text import add_costs, many, money, program, tokens


class Progress:
    """A sweep as it goes: a table that is redrawn, or with `plain` a line per finished run."""

    def __init__(self, plain: bool = False, quiet: bool = False):
        self.paper = Paper(plain)
        self.plain, self.quiet = self.paper.plain or quiet, quiet
        self._live: Any = None

    def __enter__(self) -> "Progress":
        if not self.plain:
            from rich.live import Live

            self._live = Live(console=self.paper.rich, auto_refresh=False)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def line(self, text: str) -> None:
        """A line about the sweep."""
        if not self.quiet:
            self.paper.say(Text(text), soft_wrap=True)

    def plan(self, folder: Path, runs: list[Any], estimates: dict[str, Any]) -> None:
        """What a sweep would do: its grid, its size, what it would cost, on what assumptions."""
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
        self.paper.say(table)
        known = total.uncached_cost is not None and total.uncached_cost != total.cost
        uncached = f" (uncached {money(total.uncached_cost)})" if known else ""
        self.paper.say(
            Text(
                f"{many(len(estimates), 'condition')}, {many(left, 'conversation')} to do, at most "
                f"{many(total.requests, 'message')}, {money(total.cost)}{uncached}\n"
                f"assumed: all turns are held, {REPLY} tokens a reply (or --max-tokens), {CHARS} "
                f"characters a token, no tool calls, no retries\nfolder: {folder}"
            ),
            soft_wrap=True,
        )

    def draw(self, sweep: Any) -> None:
        """Redraw the table."""
        if not self._live:
            return
        rows = _rows(sweep.runs)
        shown, screen = len(rows), self.paper.rich
        table = self._table(sweep, rows, 0)
        while shown and (over := len(screen.render_lines(table)) + 1 - screen.height) > 0:
            shown = max(0, shown - max(1, over // 4))  # a row may take several lines
            table = self._table(sweep, rows[:shown], len(rows) - shown)
        self._live.update(table, refresh=True)

    def _table(self, sweep: Any, rows: list[dict[str, Any]], hidden: int) -> Table:
        """The table with these conditions' rows; so many are hidden."""
        states = Counter(run.state for run in sweep.runs)
        table = Table(box=None, padding=(0, 1, 0, 0), title_justify="left", caption_justify="left")
        table.title = Text(f"{sweep.folder.name}: {self._how_it_goes(sweep, states)}")
        more = f"{many(hidden, 'more condition')}: a taller screen shows them\n" if hidden else ""
        table.caption = Text(
            f"{more}done, going and failed conversations; "
            "states: conversations that have been in each"
        )
        for name in ("condition", "done", "going", "failed", "states", "tokens", "cost"):
            table.add_column(name, overflow="fold", no_wrap=name in ("done", "tokens", "cost"))
        # first, where a screen that is too small for all conditions still shows it
        total = tokens(sum(run.totals["input"] + run.totals["output"] for run in sweep.runs))
        counts = str(states["running"]), str(states["failed"])
        table.add_row(
            "all",
            f"{states['done']}/{len(sweep.runs)}",
            *counts,
            "",
            total,
            money(sweep.cost()),
            style="bold",
        )
        for row in rows:
            runs = row["runs"]
            reached = " ".join(f"{SHORT.get(s, s)} {n}" for s, n in row["reached"].most_common())
            name = re.sub(r"\b(model_[ab]|tools|system|seed|interject|puppet)=", "", row["name"])
            table.add_row(
                Text(one_line(name)),
                f"{runs['done']}/{sum(runs.values())}",
                str(runs["running"]),
                str(runs["failed"]),
                reached or "–",
                tokens(row["tokens"]),
                money(row["cost"]) if row["tokens"] else "–",
            )
        return table

    def _how_it_goes(self, sweep: Any, states: Counter[str]) -> str:
        """How far, how fast, how long still; or what it waits for."""
        if sweep.stopping and states["running"]:
            return "stopping; Ctrl+C again stops now"
        if (shut := sweep.gate.shut_for()) > 1:
            return f"the provider asks to wait {_span(shut)}"
        rate, left = sweep.pace(), sweep.seconds_left()
        if rate is None or left is None:
            return "begun"
        words = f"{60 * rate:,.0f} messages a minute"
        return f"{words}, about {_span(left)} left" if states["running"] else words

    def finished(self, run: Any) -> None:
        """A run has ended, or was left alone: a line where no table shows it."""
        if self.quiet or self._live:
            return
        totals = run.totals
        states = " ".join(sorted(SHORT.get(state, state) for state in run.reached)) or "–"
        line = f"{run.state}  {run.path.name}  {many(totals['messages'], 'message')}  {states}  "
        line += money(totals["cost_usd"]) if totals["input"] else "–"
        if run.problem:
            line += "  " + one_line(run.problem)
        self.paper.say(Text(line), soft_wrap=True)

    def closing(self, sweep: Any, again: str) -> None:
        """What was done, what failed and why, what to do about it."""
        say = lambda text: self.paper.say(Text(text), soft_wrap=True)  # noqa: E731
        if self.quiet:
            say(str(sweep.folder))
            return
        states = Counter(run.state for run in sweep.runs)
        done = ", ".join(f"{n} {name}" for name, n in states.most_common())
        say(f"{done}; {money(sweep.cost())}; folder: {sweep.folder}")
        if sweep.judging:
            say(sweep.judging.words())
        problems: dict[str, list[str]] = {}
        for run in sweep.runs:
            if run.state == "failed":
                problems.setdefault(one_line(run.problem), []).append(run.path.name)
        for problem, names in problems.items():
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            say(f"failed: {problem}\n  in {', '.join(names[:3])}{more}")
        if broke := sweep.purse.words():
            say(broke)
        if states["elsewhere"]:
            say("elsewhere = another process is holding it")
        if set(states) - {"done"} or any(map(sweep.unjudged, sweep.runs)):
            say(f"go on with what is missing: {again}")
        if states["done"]:
            say(f"see what came of it: {program()} report {shlex.quote(str(sweep.folder))}")


def _sums(estimate: Any) -> list[str]:
    counts = (estimate.requests, estimate.input, estimate.cached, estimate.output)
    return [*map(tokens, counts), money(estimate.cost)]


def _span(seconds: float) -> str:
    """A length of time for people."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def _rows(runs: list[Run]) -> list[dict[str, Any]]:
    """One row per condition: its name, states of its runs, states reached, tokens, cost."""
    rows: dict[str, dict[str, Any]] = {}
    for run in runs:
        row = rows.setdefault(
            run.condition.key,
            {
                "name": str(run.condition),
                "runs": Counter(),
                "reached": Counter(),
                "tokens": 0,
                "cost": 0.0,
            },
        )
        row["runs"][run.state] += 1
        row["reached"].update(run.so_far())
        row["tokens"] += run.totals["input"] + run.totals["output"]
        row["cost"] = add_costs([row["cost"], run.totals["cost_usd"]])
    return list(rows.values())
