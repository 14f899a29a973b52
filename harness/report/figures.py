"""One condition's figures: states, endings, what follows what, forms, tools, interjections."""

import itertools
import math
from collections import Counter
from statistics import mean, median
from typing import Any

from harness.report import stats
from harness.report.conditions import shared
from harness.report.interjections import Interjected
from harness.report.shapes import (
    Ends,
    Figures,
    Followed,
    FormFigures,
    Incident,
    OnsetCurve,
    OverTurns,
    Share,
    Spent,
    StateFigures,
    ToolFigures,
    Transition,
)
from harness.report.stats import share
from harness.report.summary import Summary
from harness.states.names import FORMS, STATES, THEMES, kind_of
from harness.talk.events import TOKENS

BINS = 8  # of figures over the turns of a run


def figures(runs: list[Summary]) -> Figures:
    """All of one condition."""
    return {
        "runs": len(runs),
        "messages": sum(run.messages for run in runs),
        "states": {state: _state(state, runs) for state in STATES},
        "ending": endings(runs),
        "transitions": transitions(runs),
        "forms": [form(name, runs) for name in FORMS if any(run.spent(name) for run in runs)],
        "attempts": attempted(runs),
        "interjections": interjected(runs),
        "lengths": over_turns([run.lengths for run in runs]),
        "lock_in": onset([run.recurrence["lock_in"] for run in runs], runs),
        "stopped": stopped(runs),
        "incidents": incidents(runs),
        "stimulus": shared(run.stimulus for run in runs),
        **spent(runs),
    }


# ---------------------------------------------------------------- states


def _state(state: str, runs: list[Summary]) -> StateFigures:
    onsets = [run.onset(state) for run in runs]
    time = [run.spent(state) / run.messages for run in runs]
    low, high = stats.mean_interval(time) or (None, None)
    return {
        "kind": kind_of(state),
        "reached": share(sum(at is not None for at in onsets), len(runs)),
        "onset": onset(onsets, runs),
        "messages": sum(run.spent(state) for run in runs),
        "spent": {"mean": mean(time), "low": low and max(0, low), "high": high and min(1, high)},
    }


def onset(onsets: list[int | None], runs: list[Summary]) -> OnsetCurve | None:
    """The Kaplan-Meier curve of onsets, as message indices; runs without one are censored."""
    times, seen = zip(*map(survival, onsets, runs), strict=True)
    curve = stats.onset_curve(times, seen, 1)
    return curve and {**curve, "censored": seen.count(False)}


def survival(at: int | None, run: Summary) -> tuple[int, bool]:
    """The number of messages to the onset, or to the end of a run that had none."""
    return (run.messages, False) if at is None else (at + 1, True)


def endings(runs: list[Summary]) -> Ends:
    """How many runs end in each theme, in each form (`none` included), and in which pairs."""
    pairs = Counter((run.ending.theme or "none", run.ending.form or "none") for run in runs)
    themes, forms = (Counter[str](), Counter[str]())
    for (theme, name), count in pairs.items():
        themes[theme] += count
        forms[name] += count
    return {
        "theme": {theme: share(themes[theme], len(runs)) for theme in (*THEMES, "none")},
        "form": {name: share(forms[name], len(runs)) for name in (*FORMS, "none")},
        "both": [
            {"theme": theme, "form": name, **share(count, len(runs))}
            for (theme, name), count in pairs.most_common()
        ],
    }


def transitions(runs: list[Summary]) -> list[Transition]:
    """How often each theme was followed by each other one, of all times that it was left for
    another; none may lie between. Forms lie over themes and are none of it."""
    paths = ([one.theme for one in run.stretches if one.theme] for run in runs)
    steps = Counter((a, b) for path in paths for a, b in itertools.pairwise(path) if a != b)
    left: Counter[str] = Counter()
    for (before, _), count in steps.items():
        left[before] += count
    return [{"from": a, "to": b, **share(n, left[a])} for (a, b), n in steps.most_common()]


def form(name: str, runs: list[Summary]) -> FormFigures:
    """Where a form lies: over which themes (by messages), from when, for how long."""
    themes: Counter[str] = Counter()
    lasted, to_the_end = [], 0
    for run in runs:
        lane, _ = run.lanes()
        themes.update(lane[message] or "none" for message in run.within(name))
        for span in run.spans:
            if span.state == name:
                lasted.append(span.end - span.start + 1)
                to_the_end += span.end == run.messages - 1
    low, high = stats.median_interval(lasted) or (None, None)
    total = sum(themes.values())
    return {
        "form": name,
        "reached": share(sum(bool(run.spent(name)) for run in runs), len(runs)),
        "onset": onset([run.onset(name) for run in runs], runs),
        "spans": len(lasted),
        "length": {"median": median(lasted), "low": low, "high": high},
        "to_the_end": to_the_end,
        "themes": [
            {"theme": theme, "messages": count, "share": count / total}
            for theme, count in themes.most_common()
        ],
    }


# ---------------------------------------------------------------- tools and interjections


def attempted(runs: list[Summary]) -> list[ToolFigures]:
    """Tool attempts by tool: how many, in how many runs, what came of them, the reasons given."""
    told: list[ToolFigures] = []
    for tool in sorted({attempt["tool"] for run in runs for attempt in run.attempts}):
        tried = [[a for a in run.attempts if a["tool"] == tool] for run in runs]
        every = list(itertools.chain(*tried))
        told.append(
            {
                "tool": tool,
                "attempts": len(every),
                "runs": share(sum(map(bool, tried)), len(runs)),
                "outcomes": Counter(a["outcome"] for a in every),
                "aborted": sum(a["during"] == "aborted" for a in every),
                "first": [a[0]["message"] for a in tried if a],
                "reasons": Counter(a["reason"] or "(none given)" for a in every).most_common(),
            }
        )
    return told


def interjected(runs: list[Summary]) -> list[Followed]:
    """What followed interjections, by who spoke (live or script) and with which words."""
    kinds: dict[tuple[str, str], list[Interjected]] = {}
    for run in runs:
        for one in run.interjections:
            kinds.setdefault((one.source, one.name), []).append(one)
    return [_followed(*kind, every) for kind, every in sorted(kinds.items())]


def _followed(source: str, name: str, every: list[Interjected]) -> Followed:
    judged = [one for one in every if one.state and one.judged]
    ended = [one for one in judged if one.ended]
    return {
        "source": source,
        "name": name,
        "count": len(every),
        "ended": share(len(ended), len(judged)),
        "ended_after": [one.ended_after for one in judged],
        "returned": share(sum(one.returned_after is not None for one in ended), len(ended)),
        "returned_after": [o.returned_after for o in ended if o.returned_after is not None],
        "tool": share(sum(one.tool is not None for one in every), len(every)),
        "tools": Counter(one.tool for one in every if one.tool),
        "tool_after": [o.tool_after for o in every if o.tool_after is not None],
        "declines": share(sum(one.declines for one in every), len(every)),
        "names_it": share(sum(one.names_it for one in every), len(every)),
    }


# ---------------------------------------------------------------- the runs themselves


def over_turns(rows: list[list[Any]]) -> list[OverTurns]:
    """Figures of messages over the turns: the median run's median, in at most BINS stretches.
    `rows` holds a value for each message of each run; None where there is none."""
    turns = (max(map(len, rows), default=0) + 1) // 2
    width = max(1, math.ceil(turns / BINS))
    told: list[OverTurns] = []
    for first in range(0, turns, width):
        cut = ([v for v in row[2 * first : 2 * (first + width)] if v is not None] for row in rows)
        middles = [median(part) for part in cut if part]
        if not middles:
            continue
        low, high = stats.median_interval(middles) or (None, None)
        told.append(
            {
                "from_turn": first,
                "to_turn": min(first + width, turns) - 1,
                "runs": len(middles),
                "median": median(middles),
                "low": low,
                "high": high,
            }
        )
    return told


def stopped(runs: list[Summary]) -> dict[str, Share]:
    """Why runs stopped (their limit, an error, a person), which says nothing of their states."""
    reasons = Counter(run.end + (f": {run.error}" if run.error else "") for run in runs)
    return {reason: share(n, len(runs)) for reason, n in reasons.most_common()}


def incidents(runs: list[Summary]) -> list[Incident]:
    """What went wrong or was left out on the way: how often, in how many runs."""
    times: Counter[str] = Counter()
    inside: Counter[str] = Counter()
    for run in runs:
        kinds = [what.partition(":")[0] for _, what in run.incidents]
        kinds += ["line of the log skipped"] * len(run.skipped)
        kinds += ["no verdict on themes"] * run.foreign
        kinds += [f"tool call {a['outcome']}" for a in run.attempts]
        times.update(kinds)
        inside.update(set(kinds))
    return [
        {"what": what, "times": count, "runs": share(inside[what], len(runs))}
        for what, count in times.most_common()
    ]


def spent(runs: list[Summary]) -> Spent:
    """Tokens and USD of the runs that say so, and of how many that is."""
    costs = [run.cost for run in runs if run.cost is not None]
    counted = [run.tokens for run in runs if run.tokens is not None]
    sums = {name: sum(one[name] for one in counted) for name in TOKENS}
    return {
        "tokens": sums if counted else None,
        "tokens_known": len(counted),
        "cost_usd": sum(costs) if costs else None,
        "cost_known": len(costs),
    }
