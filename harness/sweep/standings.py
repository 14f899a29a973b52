"""How far a sweep is, as a table: a row per condition, and one for all."""

from collections import Counter
from dataclasses import dataclass, field

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from harness.screen.wrap import one_line
from harness.states.names import SHORT
from harness.sweep.run import Run
from harness.sweep.sweep import Sweep
from harness.text import add_costs, many, money, tokens


@dataclass
class Standing:
    """How far the runs of one condition are: states of runs, attractor states, tokens, USD."""

    name: str
    runs: Counter[str] = field(default_factory=Counter)
    reached: Counter[str] = field(default_factory=Counter)
    tokens: int = 0
    cost: float | None = 0.0

    def add(self, run: Run) -> None:
        """One more run of this condition."""
        self.runs[run.state] += 1
        self.reached.update(run.so_far())
        self.tokens += run.totals["input"] + run.totals["output"]
        self.cost = add_costs([self.cost, run.totals["cost_usd"]])


def by_condition(runs: list[Run]) -> list[Standing]:
    """One standing per condition, in the runs' order."""
    found: dict[str, Standing] = {}
    for run in runs:
        found.setdefault(run.condition.key, Standing(str(run.condition))).add(run)
    return list(found.values())


def fitting(sweep: Sweep, screen: Console) -> Group:
    """The table with as many conditions as fit on the screen."""
    rows = by_condition(sweep.runs)
    shown, made = len(rows), table(sweep, rows, 0)
    while shown and (over := len(screen.render_lines(made)) + 1 - screen.height) > 0:
        shown = max(0, shown - max(1, over // 4))  # a row may take several lines
        made = table(sweep, rows[:shown], len(rows) - shown)
    return made


def table(sweep: Sweep, rows: list[Standing], hidden: int) -> Group:
    """How it goes, the table with these rows, how it is to be read; so many are hidden."""
    states = Counter(run.state for run in sweep.runs)
    more = f"{many(hidden, 'more condition')}: a taller screen shows them\n" if hidden else ""
    title = Text(f"{sweep.folder.name}: {how_it_goes(sweep, states)}", "italic")
    about = "done, going and failed conversations; states: conversations that have been in each"
    made = Table(box=None, padding=(0, 1, 0, 0))
    for name in ("condition", "done", "going", "failed", "states", "tokens", "cost"):
        made.add_column(name, overflow="fold", no_wrap=name in ("done", "tokens", "cost"))
    spent = sum(run.totals["input"] + run.totals["output"] for run in sweep.runs)
    made.add_row(  # first, where a screen that is too small for all conditions still shows it
        "all",
        f"{states['done']}/{len(sweep.runs)}",
        str(states["running"]),
        str(states["failed"]),
        "",
        tokens(spent),
        money(sweep.cost()) if spent else "–",
        style="bold",
    )
    for row in rows:
        made.add_row(*cells(row))
    return Group(title, made, Text(f"{more}{about}", "dim italic"))  # as wide as the screen


def cells(row: Standing) -> list[str | Text]:
    """A condition's cells."""
    reached = " ".join(f"{SHORT.get(s, s)} {n}" for s, n in row.reached.most_common())
    return [
        Text(one_line(row.name)),
        f"{row.runs['done']}/{sum(row.runs.values())}",
        str(row.runs["running"]),
        str(row.runs["failed"]),
        reached or "–",
        tokens(row.tokens),
        money(row.cost) if row.tokens else "–",
    ]


def how_it_goes(sweep: Sweep, states: Counter[str]) -> str:
    """How far, how fast, how long still; or what it waits for."""
    if sweep.stopping and states["running"]:
        return "stopping; Ctrl+C again stops now"
    if (shut := sweep.gate.shut_for()) > 1:
        return f"the provider asks to wait {duration(shut)}"
    rate, left = sweep.pace.rate(), sweep.pace.seconds_left()
    if rate is None or left is None:
        return "begun"
    words = f"{60 * rate:,.0f} messages a minute"
    return f"{words}, about {duration(left)} left" if states["running"] else words


def duration(seconds: float) -> str:
    """A length of time for people."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
