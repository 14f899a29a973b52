"""What many runs have in common: tables, JSON, CSV, a page, and the difference of conditions.

    python attractor.py report logs                        tables on the terminal
    python attractor.py report logs --compare tools        do runs with other tools go elsewhere?
    python attractor.py report logs --html report.html     pictures and transcripts, in one file
    python attractor.py report logs --by model             pool all that have the same models
    python attractor.py report logs --json > report.json   (--csv: one row per run)

Runs are grouped by condition: all settings that could change how a conversation goes. Scripted
demos are never pooled with real models. Intervals are 95%; how each is made stands in
harness/report/stats.py, and what a state is in harness/states/detect.py.
"""

import itertools
import json
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from statistics import mean, median
from typing import Any

from harness.judge import agreement
from harness.judge.labels import label_file
from harness.report import patterns, stats
from harness.report.runs import SOON, Run, read_runs
from harness.report.tables import as_csv, notes, tables
from harness.states.names import STATES
from harness.talk.options import Parser
from harness.text import UserError

BINS = 8  # of the message lengths over a run

Key = tuple[bool, tuple[tuple[str, str], ...]]
Groups = dict[Key, list[Run]]
Figures = dict[str, Any]


def command(arguments: list[str]) -> int:
    """Tables, JSON, CSV or a page of logs, by condition."""
    parser = Parser(prog="attractor.py report", description=__doc__)
    add = parser.add_argument
    add("logs", nargs="+", type=Path, metavar="LOG|FOLDER", help="logs; of a folder all *.jsonl")
    add("--compare", metavar="SETTING", help="test conditions that differ in this setting alone")
    add("--by", metavar="SETTING,...", help="group by these settings only (default: by all)")
    add(
        "--labels",
        choices=("rules", "judge"),
        help="whose states (default: the rules'); where a judge has labelled, how far both agree",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="all figures, for machines")
    form.add_argument("--csv", action="store_true", help="one row per run, for a spreadsheet or R")
    form.add_argument("--html", metavar="FILE", type=Path, help="one page that needs no network")
    args = parser.parse_args(arguments)
    if args.csv and (args.by or args.compare):
        raise UserError("--csv has one row per run: leave --by and --compare out")
    from harness.screen.console import Console  # rich: a third of --help's time

    if args.html:
        return _page(args)
    runs, skipped = gather(read_runs(args.logs, labels=args.labels or "rules"))
    groups = group(runs, _by(args))
    report = build(groups, skipped, args.compare)
    judged = _judged(args, runs)
    report |= agreement.figures(judged, args.labels) if args.labels else {}
    if args.json:
        Console().output(json.dumps(report, indent=1, default=asdict))
    elif args.csv:
        Console().output(as_csv(runs))
    else:
        Console().report(
            tables(report) + patterns.tables(report["patterns"]) + agreement.tables(judged),
            notes(report) + patterns.notes(report["patterns"]),
        )
    return 0


def _page(args: Any) -> int:
    from harness.report import page
    from harness.screen.console import Console
    from harness.text import many

    with page.Spool() as spool:
        found = read_runs(args.logs, page.transcript, args.labels or "rules")
        runs, skipped = gather(spool.keep(found))
        groups = group(runs, _by(args))
        report = build(groups, skipped, args.compare)
        judged = _judged(args, runs)
        report |= agreement.figures(judged, args.labels) if args.labels else {}
        page.write(args.html, report, groups, spool)
    made = f"{many(len(runs), 'run')}: {args.html}"
    Console().report(agreement.tables(judged), [made, *notes(report)])
    return 0


def _judged(args: Any, runs: list[Run]) -> dict[Path, Path]:
    """Where labels by a judge would be, if they were asked for."""
    return {Path(run.path): label_file(Path(run.path)) for run in runs} if args.labels else {}


def _by(args: Any) -> list[str] | None:
    return args.by.split(",") if args.by else None


def gather(found: Iterable[Run | tuple[str, str]]) -> tuple[list[Run], list[tuple[str, str]]]:
    """Runs, and (path, why) of what is none. Raises UserError when there is no run at all."""
    runs, skipped = [], []
    for one in found:
        (runs if isinstance(one, Run) else skipped).append(one)
        stats.load()
    if not runs:
        why = f" ({skipped[0][0]}: {skipped[0][1]})" if skipped else ""
        raise UserError(f"there is no log with messages to report on{why}")
    return runs, skipped


# ---------------------------------------------------------------- conditions


def group(runs: list[Run], by: list[str] | None = None) -> Groups:
    """Runs by condition, demos apart, real ones first. With `by` only these settings count."""
    for setting in by or ():
        _must_be_one("--by", setting, {name for run in runs for name in run.condition})
    groups: Groups = {}
    for run in runs:
        kept = {name: value for name, value in run.condition.items()
                if by is None or any(belongs(name, setting) for setting in by)}  # fmt: skip
        groups.setdefault((run.demo, tuple(sorted(kept.items()))), []).append(run)
    return dict(sorted(groups.items(), key=lambda item: item[0]))


def belongs(name: str, setting: str) -> bool:
    """Whether a setting's name (`system_a`) is meant by what the user calls it (`system`)."""
    return name == setting.strip() or name in (f"{setting.strip()}_a", f"{setting.strip()}_b")


def _must_be_one(flag: str, setting: str, known: set[str]) -> None:
    if not any(belongs(name, setting) for name in known):
        use = ", ".join(sorted(known))
        raise UserError(f"{flag} {setting}: no run has that setting; use {use}")


def names(groups: Groups) -> list[str]:
    """What to call each condition: its models, and the settings in which conditions differ."""
    values: dict[str, set[str | None]] = {}
    for name in {name for _, pairs in groups for name, _ in pairs}:
        values[name] = {dict(pairs).get(name) for _, pairs in groups}
    telling = {name for name, seen in values.items() if len(seen) > 1} - {"model_a", "model_b"}
    return [_name(dict(pairs), demo, telling) for demo, pairs in groups]


def _name(condition: dict[str, str], demo: bool, telling: set[str]) -> str:
    words = [" × ".join(condition[m] for m in ("model_a", "model_b") if m in condition)]
    for name in sorted(telling & set(condition)):
        base, seat = name[:-2], name[-2:]
        twin = base + ("_b" if seat == "_a" else "_a")
        if seat in ("_a", "_b") and condition.get(twin) == condition[name]:
            both = f"{base} {_cut(condition[name])}"
            words += [] if both in words else [both]
        else:
            words.append(f"{name} {_cut(condition[name])}")
    return " · ".join([word for word in words if word] + ["scripted demo"] * demo) or "all runs"


def _cut(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 50 else text[:49] + "…"


# ---------------------------------------------------------------- figures


def build(groups: Groups, skipped: list[tuple[str, str]], compare: str | None = None) -> Figures:
    """Everything that the report says, as JSON takes it."""
    called = names(groups)
    conditions = [
        {"name": name, "demo": demo, "settings": dict(pairs)} | figures(runs)
        for name, ((demo, pairs), runs) in zip(called, groups.items(), strict=True)
    ]
    lines = [(run.path, line, why) for runs in groups.values() for run in runs
             for line, why in run.skipped]  # fmt: skip
    return {
        "conditions": conditions,
        "compared": comparisons(groups, called, compare) if compare else None,
        "skipped_logs": skipped, "skipped_lines": lines,
        "patterns": patterns.figures(groups, called),
        "branches": sum(run.branch for runs in groups.values() for run in runs),
        "missing": None if stats.available() else stats.NOTE,
    }  # fmt: skip


def share(count: int, total: int) -> Figures:
    """A share with Wilson's interval."""
    low, high = stats.wilson(count, total) or (None, None)
    return {"count": count, "of": total, "share": count / total if total else None,
            "low": low, "high": high}  # fmt: skip


def figures(runs: list[Run]) -> Figures:
    """One condition's figures."""
    size, ends = (
        len(runs),
        Counter(state for run in runs for state in run.ending.states or ("none",)),
    )
    costs = [run.cost for run in runs if run.cost is not None]
    counted = [run.tokens for run in runs if run.tokens is not None]
    reasons = Counter(run.end + (f": {run.error}" if run.error else "") for run in runs)
    return {
        "runs": size, "messages": sum(run.messages for run in runs),
        "states": {state: _state(state, runs) for state in STATES},
        "terminal": {state: share(ends[state], size) for state in (*STATES, "none")},
        "transitions": transitions(runs),
        "attempts": attempted(runs),
        "interjections": interjected(runs),
        "lengths": lengths(runs),
        "lock_in": onset([run.recurrence["lock_in"] for run in runs], runs),
        "tokens": {name: sum(t[name] for t in counted) for name in counted[0]} if counted else None,
        "tokens_known": len(counted), "cost_usd": sum(costs) if costs else None,
        "cost_known": len(costs),
        "ended": {reason: share(n, size) for reason, n in reasons.most_common()},
    }  # fmt: skip


def _state(state: str, runs: list[Run]) -> Figures:
    onsets = [run.onset(state) for run in runs]
    spent = [run.spent(state) / run.messages for run in runs]
    low, high = stats.mean_interval(spent) or (None, None)
    return {
        "reached": share(sum(at is not None for at in onsets), len(runs)),
        "onset": onset(onsets, runs),
        "messages": sum(run.spent(state) for run in runs),
        "spent": {"mean": mean(spent), "low": low and max(0, low), "high": high and min(1, high)},
    }  # fmt: skip


def onset(onsets: list[int | None], runs: list[Run]) -> Figures | None:
    """The Kaplan-Meier curve of onsets, as message indices; runs without one are censored."""
    if not stats.available() or not any(at is not None for at in onsets):
        return None
    pairs = [_survival(at, run) for at, run in zip(onsets, runs, strict=True)]
    curve = stats.kaplan_meier(*zip(*pairs, strict=True))
    low, high = curve.band
    back = [None if t is None else int(t) - 1 for t in (curve.median, low, high)]
    return {"median": back[0], "low": back[1], "high": back[2],
            "times": [int(t) - 1 for t in curve.times], "without": curve.survival,
            "without_low": curve.low, "without_high": curve.high}  # fmt: skip


def _survival(at: int | None, run: Run) -> tuple[int, bool]:
    """The number of messages to the onset, or to the end of a run that had none."""
    return (run.messages, False) if at is None else (at + 1, True)


def transitions(runs: list[Run]) -> list[Figures]:
    """How often each theme was followed by each other one, of all times that it was left."""
    themes = ([one.theme for one in run.stretches if one.theme] for run in runs)
    pairs = (pair for path in themes for pair in itertools.pairwise(path))
    steps = Counter((a, b) for a, b in pairs if a != b)  # none may lie between
    left = Counter(before for before, _ in steps.elements())
    return [{"from": a, "to": b} | share(n, left[a]) for (a, b), n in steps.most_common()]


def attempted(runs: list[Run]) -> list[Figures]:
    """Tool attempts by tool: how many, in how many runs, what came of them, the reasons given."""
    found = []
    for tool in sorted({attempt["tool"] for run in runs for attempt in run.attempts}):
        tried = [[a for a in run.attempts if a["tool"] == tool] for run in runs]
        every = list(itertools.chain(*tried))
        found.append({
            "tool": tool, "attempts": len(every), "runs": share(sum(map(bool, tried)), len(runs)),
            "outcomes": Counter(a["outcome"] for a in every),
            "aborted": sum(a["during"] == "aborted" for a in every),
            "first": [a[0]["message"] for a in tried if a],
            "reasons": Counter(a["reason"] or "(none given)" for a in every).most_common(),
        })  # fmt: skip
    return found


def interjected(runs: list[Run]) -> list[Figures]:
    """What followed interjections, by who spoke (live or script) and with which words."""
    kinds: dict[tuple[str, str], list[Any]] = {}
    for run in runs:
        for one in run.interjections:
            kinds.setdefault((one.source, one.name), []).append(one)
    found = []
    for (source, name), every in sorted(kinds.items()):
        judged = [one for one in every if one.state and one.judged]
        ended = [one for one in judged if one.ended_after is not None and one.ended_after <= SOON]
        found.append({
            "source": source, "name": name, "count": len(every),
            "ended": share(len(ended), len(judged)),
            "ended_after": [one.ended_after for one in judged],
            "returned": share(sum(one.returned_after is not None for one in ended), len(ended)),
            "returned_after": [o.returned_after for o in ended if o.returned_after is not None],
            "tool": share(sum(one.tool is not None for one in every), len(every)),
            "tools": Counter(one.tool for one in every if one.tool),
            "tool_after": [one.tool_after for one in every if one.tool],
            "declines": share(sum(one.declines for one in every), len(every)),
            "names_it": share(sum(one.names_it for one in every), len(every)),
        })  # fmt: skip
    return found


def lengths(runs: list[Run]) -> list[Figures]:
    """Characters per message over the turns: the median run's median, in at most BINS stretches."""
    turns = (max(run.messages for run in runs) + 1) // 2
    width, found = math.ceil(turns / BINS), []
    for first in range(0, turns, width):
        cut = [run.lengths[2 * first : 2 * (first + width)] for run in runs]
        middles = [median(part) for part in cut if part]
        low, high = stats.median_interval(middles) or (None, None)
        found.append(
            {
                "from_turn": first,
                "to_turn": min(first + width, turns) - 1,
                "runs": len(middles),
                "median": median(middles),
                "low": low,
                "high": high,
            }
        )
    return found  # fmt: skip


# ---------------------------------------------------------------- differences


def comparisons(groups: Groups, called: list[str], setting: str) -> Figures:
    """All pairs of conditions that differ in `setting` alone. Raises UserError if none do."""
    _must_be_one("--compare", setting, {name for _, kept in groups for name, _ in kept})
    pairs = []
    for (key, name), (other, other_name) in itertools.combinations(zip(groups, called), 2):  # noqa: B905
        mine, theirs = dict(key[1]), dict(other[1])
        differ = [n for n in mine | theirs if mine.get(n) != theirs.get(n)]
        if key[0] == other[0] and all(belongs(n, setting) for n in differ):
            pairs.append((name, groups[key], other_name, groups[other]))
    if not pairs:
        raise UserError(f"--compare {setting}: no two conditions differ in that alone; try "
                         f"--by {setting}, which pools all other settings")  # fmt: skip
    if not stats.available():
        return {"setting": setting, "pairs": [], "missing": stats.NOTE}
    found = [_pair(*pair) for pair in pairs]
    tests = [row for pair in found for row in pair["states"]]
    for kind in ("rate", "onset"):
        asked = [row[kind] for row in tests if row[kind]]
        for row, p in zip(asked, stats.holm([row["p"] for row in asked]), strict=True):
            row["p_holm"] = p
    for pair in found:  # the smallest of Holm's p-values is the smallest p times their number
        pair["least_p_holm"] = min(1, pair["least_p"] * len(tests))
    return {"setting": setting, "pairs": found, "tests": len(tests), "missing": None}


def _pair(name: str, runs: list[Run], other_name: str, others: list[Run]) -> Figures:
    rows = []
    for state in STATES:
        count, other = (sum(run.onset(state) is not None for run in g) for g in (runs, others))
        if not count + other:
            continue  # nobody reached it: there is nothing to test, and nothing to correct for
        p, test = stats.rates_test(count, len(runs), other, len(others))
        low, high = stats.newcombe(count, len(runs), other, len(others))
        found = stats.logrank(*([_survival(run.onset(state), run) for run in g]
                                for g in (runs, others)))  # fmt: skip
        rows.append({
            "state": state, "a": share(count, len(runs)), "b": share(other, len(others)),
            "rate": {"p": p, "test": test, "low": low, "high": high,
                     "difference": count / len(runs) - other / len(others)},
            "onset": asdict(found) if found else None,
        })  # fmt: skip
    return {"a": name, "b": other_name, "n_a": len(runs), "n_b": len(others), "states": rows,
            "least_p": stats.least_p(len(runs), len(others))}  # fmt: skip
