"""Whose states a report shows, the detector's or a judge's: always one kind for all its runs.

A judge's labels are used where every run has them, by one and the same judge; `--labels` asks for
one kind. How accurate each kind is stands in harness/states/accuracy.py.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from harness.judge.labels import Labels, judge_of, labels_of, trouble
from harness.report import parallel, stats
from harness.report.spool import Spool
from harness.report.summary import Skipped, Summary
from harness.screen.progress import Progress
from harness.states.accuracy import ACCURACY
from harness.text import UserError

STALE = "older labels"


@dataclass(frozen=True)
class Verdicts:
    """Whose states are used: `of` is rules or judge. `why` says why not the judge's; `demo` = the
    judge is a script."""

    of: str
    judges: str = ""
    why: str = ""
    demo: bool = False

    @property
    def by(self) -> str:
        """Who made them, in a word."""
        return self.judges if self.of == "judge" else "rules"

    @property
    def words(self) -> str:
        """What a reader must know of the verdicts: who made them, and how far they can be
        trusted."""
        judge = f"the labels of {self.judges}, not the detector's"
        who = judge if self.of == "judge" else "the detector's"
        why = f" ({self.why})" if self.why else ""
        known = "a script, whose accuracy says nothing" if self.demo else ACCURACY[self.of]
        return f"states are {who}{why}; {known}"


def read(
    paths: list[Path],
    asked: str | None,
    read_log: Callable[..., Summary | Skipped],
    spool: Spool,
) -> tuple[list[Summary], list[Skipped], Verdicts]:
    """All logs' summaries with verdicts of one kind, what is left out, and whose they are.
    `read_log` is `summarise`, or a `partial` of it; the `extra` that it makes goes to the spool.
    Raises UserError when there is no run at all."""
    verdicts = _chosen(paths, asked)
    runs, skipped = _read(paths, partial(read_log, labels=verdicts.of), spool)
    stale = any(why.startswith(STALE) for _, why in skipped)
    if asked is None and verdicts.of == "judge" and stale:
        verdicts = Verdicts("rules", why="a judge's labels are older than a log: judge it again")
        runs, skipped = _read(paths, partial(read_log, labels=verdicts.of), spool)
    if not runs:
        why = f" ({skipped[0][0]}: {skipped[0][1]})" if skipped else ""
        none = "there is no log with messages to report on"
        if verdicts.of == "judge":
            none = "no log has a judge's labels that fit it: let `judge` read them first"
        raise UserError(none + why)
    return runs, skipped, verdicts


def _chosen(paths: list[Path], asked: str | None) -> Verdicts:
    damaged = next(filter(None, map(trouble, paths)), "")
    if asked == "rules":
        return Verdicts("rules", why=damaged)
    known = [labels_of(path) for path in paths]
    judges = {_who(labels): judge_of(labels) for labels in known if labels}
    names = ", ".join(sorted(set(judges.values())))
    if asked == "judge":
        if len(judges) > 1:
            raise UserError(
                f"--labels judge: these logs were labelled by more than one ({names}), which must "
                "not be mixed: judge them with one model and rubric, or use --labels rules"
            )
        return Verdicts("judge", names, demo=_scripted(known))
    if not judges:
        return Verdicts("rules", why=damaged)
    if len(judges) > 1:
        return Verdicts("rules", why=f"labelled by more than one judge: {names}")
    lack = sum(labels is None for labels in known)
    if lack:
        why = f"{lack} of {len(known)} logs have no labels by {names}"
        return Verdicts("rules", why=f"{why}; {damaged}" if damaged else why)
    if _scripted(known):
        return Verdicts("rules", why="the labels beside the logs are a scripted demo's")
    return Verdicts("judge", names)


def _scripted(known: list[Labels | None]) -> bool:
    return any(labels and labels["judge"]["demo"] for labels in known)


def _who(labels: Labels) -> tuple[str, ...]:
    judge = labels["judge"]
    return judge["model"], str(judge.get("rubric")), str(judge["demo"])


def _read(
    paths: list[Path], read_log: Callable[[Path], Summary | Skipped], spool: Spool
) -> tuple[list[Summary], list[Skipped]]:
    runs: list[Summary] = []
    skipped: list[Skipped] = []
    with Progress("reading", len(paths), "log") as progress:
        for found in progress.over(spool.keep(parallel.each(paths, read_log))):
            if isinstance(found, Summary):
                runs.append(found)
            else:
                skipped.append(found)
            stats.load()
    return runs, skipped
