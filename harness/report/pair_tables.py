"""The tests of pairs of conditions as tables for people, and what they rest on."""

from harness.report import numbers, stats
from harness.report.numbers import pvalue, span
from harness.report.shapes import Compared, Difference, Pair
from harness.screen.sheet import Sheet
from harness.states.names import SHORT
from harness.text import many


def compared(told: Compared | None) -> list[Sheet]:
    """A table for each pair of conditions."""
    columns = ["state", "A", "B", "A − B", "p", "p (Holm)", "hazard A/B", "p", "p (Holm)"]
    return [
        Sheet(
            _pair_title(pair), columns, [_difference(row) for row in pair["states"]], _small(pair)
        )
        for pair in (told or {"pairs": ()})["pairs"]
    ]


def _pair_title(pair: Pair) -> str:
    sides = (f"A: {pair['a']} (n = {pair['n_a']})", f"B: {pair['b']} (n = {pair['n_b']})")
    differ = " against ".join(
        ", ".join(pair[side]) or "without" for side in ("differ_a", "differ_b")
    )
    return f"{sides[0]}  against  {sides[1]}\nthey differ in {', '.join(pair['differ'])}: {differ}"


def _small(pair: Pair) -> str:
    """What is too small to be seen with so many runs."""
    p, corrected, least = pair["least_p"], pair["least_p_holm"], pair["least_rate"]
    if max(p, corrected) >= stats.ALPHA:
        told = f", {pvalue(corrected)} after Holm's correction" if p < stats.ALPHA else ""
        return (
            "too few runs to find any difference of rates: even all against none would give "
            f"p = {pvalue(p)}{told}"
        )
    return (
        f"too small to be seen with so many runs: rates closer than 0/{pair['n_a']} against "
        f"{least}/{pair['n_b']}, the least that gives p < {stats.ALPHA} before any correction"
    )


def _difference(row: Difference) -> list[str]:
    rate, onset = row["rate"], row["onset"]
    cells = [
        SHORT[row["state"]],
        f"{row['a']['count']}/{row['a']['of']}",
        f"{row['b']['count']}/{row['b']['of']}",
        f"{100 * rate['difference']:+.0f} {span(rate['low'], rate['high'], sign=True)}",
        pvalue(rate["p"]),
        pvalue(rate["p_holm"]),
    ]
    if not onset:
        return [*cells, "–", "–", "–"]
    hazard = numbers.ratio(onset["hazard_ratio"], *onset["interval"])
    return [*cells, hazard, pvalue(onset["p"]), pvalue(onset["p_holm"])]


def notes(told: Compared | None) -> list[str]:
    """Which tests they are, and how many."""
    if not told or told["missing"]:
        return []
    tests = {row["rate"]["test"] for pair in told["pairs"] for row in pair["states"]}
    pairs = many(len(told["pairs"]), "pair")
    return [
        f"rates: {' or '.join(sorted(tests)) or 'no'} exact test, difference in percentage points "
        "with Newcombe's interval; onsets: log-rank test, above 1 is earlier or oftener in A "
        "(–: nothing to test, as where all reach it with the same message); "
        f"Holm's correction: over one family of {many(told['tests'], 'test')} of rates, and one of "
        f"{many(told['onset_tests'], 'test')} of onsets ({pairs} of conditions, each with the "
        "states that either reaches)"
    ]
