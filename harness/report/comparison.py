"""Do runs with other settings go elsewhere? Pairs of conditions, tested state by state."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, cast

from harness.report import stats
from harness.report.figures import survival
from harness.report.groups import ConditionKey, Groups, belongs, differing, must_be_known
from harness.report.shapes import Compared, Difference, OnsetTest, Pair, RateTest
from harness.report.stats import share
from harness.report.summary import Summary
from harness.states.names import STATES
from harness.text import UserError


def comparisons(groups: Groups, called: list[str], settings: list[str]) -> Compared:
    """All pairs of conditions that differ in `settings` alone. Raises UserError if none do."""
    must_be_known("--compare", settings, {name for _, kept in groups for name, _ in kept})
    pairs = list(_pairs(groups, called, settings))
    said = ",".join(settings)
    if not pairs:
        raise UserError(
            f"--compare {said}: no two conditions differ in that alone"
            f"{_also(groups, settings)}; try --by {said}, which pools all other settings"
        )
    if not stats.available():
        return {"settings": settings, "pairs": [], "missing": stats.NOTE}
    told = [_pair(*pair) for pair in pairs]
    tests = [row for pair in told for row in pair["states"]]
    _correct([row["rate"] for row in tests])
    _correct([row["onset"] for row in tests if row["onset"]])
    for pair in told:  # the smallest of Holm's p-values is the smallest p times their number
        pair["least_p_holm"] = min(1, pair["least_p"] * len(tests))
    onsets = sum(row["onset"] is not None for row in tests)
    return {
        "settings": settings,
        "pairs": told,
        "tests": len(tests),
        "onset_tests": onsets,
        "missing": None,
    }


def _correct(family: Sequence[RateTest | OnsetTest]) -> None:
    for test, p in zip(family, stats.holm([test["p"] for test in family]), strict=True):
        test["p_holm"] = p


def _pairs(groups: Groups, called: list[str], settings: list[str]) -> Iterator[tuple[Any, ...]]:
    named = zip(groups, called, strict=True)
    for (key, name), (other, other_name) in itertools.combinations(named, 2):
        differ = _differ(dict(key[1]), dict(other[1]))
        if key[0] == other[0] and all(_meant(setting, settings) for setting in differ):
            yield name, key, groups[key], other_name, other, groups[other]


def _differ(mine: dict[str, str], theirs: dict[str, str]) -> set[str]:
    return {name for name in mine | theirs if mine.get(name) != theirs.get(name)}


def _meant(name: str, settings: list[str]) -> bool:
    return any(belongs(name, setting) for setting in settings)


def _also(groups: Groups, settings: list[str]) -> str:
    """In what else the closest two conditions differ that differ in these settings."""
    closest: set[str] | None = None
    for (demo, mine), (other, theirs) in itertools.combinations(groups, 2):
        differ = _differ(dict(mine), dict(theirs))
        more = {name for name in differ if not _meant(name, settings)} | (
            {"demo or not"} if demo != other else set()
        )
        if differ - more and (closest is None or len(more) < len(closest)):
            closest = more
    return f" (the closest two also differ in {', '.join(sorted(closest))})" if closest else ""


def _pair(
    name: str,
    key: ConditionKey,
    runs: list[Summary],
    other_name: str,
    other_key: ConditionKey,
    others: list[Summary],
) -> Pair:
    mine, theirs = dict(key[1]), dict(other_key[1])
    differ = _differ(mine, theirs)
    return {
        "a": name,
        "b": other_name,
        "n_a": len(runs),
        "n_b": len(others),
        "differ": sorted(differ),
        "differ_a": differing(mine, differ),
        "differ_b": differing(theirs, differ),
        "states": [row for state in STATES if (row := _row(state, runs, others))],
        "least_p": stats.least_p(len(runs), len(others)),
        "least_rate": stats.least_rate(len(runs), len(others)),
    }


def _row(state: str, runs: list[Summary], others: list[Summary]) -> Difference | None:
    count, other = (sum(run.onset(state) is not None for run in g) for g in (runs, others))
    if not count + other:
        return None  # nobody reached it: there is nothing to test, and nothing to correct for
    p, test = stats.rates_test(count, len(runs), other, len(others))
    low, high = stats.newcombe(count, len(runs), other, len(others))
    times = [[survival(run.onset(state), run) for run in group] for group in (runs, others)]
    curve = stats.logrank(*times)
    onset = cast(OnsetTest, asdict(curve)) if curve else None
    return {
        "state": state,
        "a": share(count, len(runs)),
        "b": share(other, len(others)),
        "rate": {
            "p": p,
            "test": test,
            "low": low,
            "high": high,
            "difference": count / len(runs) - other / len(others),
        },
        "onset": onset,
    }
