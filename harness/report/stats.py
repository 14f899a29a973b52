"""The numbers of the report: shares, onsets, and differences, each with how sure it is.

Intervals are 95%. Wilson's, Newcombe's, the median's and Holm's need nothing; the rest needs SciPy
(pip install -r requirements-report.txt), which takes 0.6 s to import: see `load`.
"""

import bisect
import importlib
import importlib.util
import itertools
import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from statistics import mean, stdev

from harness.report.shapes import OnsetCurve, Share
from harness.text import install

Z = 1.959963984540054  # the normal distribution's 97.5% point
ALPHA = 0.05
LEAST = 6  # runs; with fewer all come later than the true median in over 2.5% of cases: 0.5 ** n
LARGE = 500  # runs from which on Boschloo's test is slow, and Fisher's as good
NOTE = (
    "SciPy is missing, so onsets (?), tests and the intervals of means are left out: "
    f"{install('report')}"
)

Interval = tuple[float, float]


def available() -> bool:
    """Whether SciPy is installed."""
    return importlib.util.find_spec("scipy") is not None


@cache
def load() -> None:
    """Import what the report will need of SciPy, if it is there, while other processes read."""
    if available():
        importlib.import_module("scipy.stats")


# ---------------------------------------------------------------- shares and averages


def wilson(count: int, total: int) -> Interval | None:
    """The score interval of a share (Wilson 1927, JASA 22:209; Newcombe 1998, Statist. Med.
    17:857, method 3); None of nothing."""
    if not total:
        return None
    share, square = count / total, Z * Z / total
    middle = share + square / 2
    spread = Z * math.sqrt(share * (1 - share) / total + square / (4 * total))
    low = 0.0 if count == 0 else (middle - spread) / (1 + square)
    return low, 1.0 if count == total else (middle + spread) / (1 + square)


def share(count: int, total: int) -> Share:
    """A share of runs with Wilson's interval, as the report's JSON has it; None of nothing."""
    low, high = wilson(count, total) or (None, None)
    return {
        "count": count,
        "of": total,
        "share": count / total if total else None,
        "low": low,
        "high": high,
    }


def newcombe(count: int, total: int, other: int, other_total: int) -> Interval:
    """The interval of the difference of two shares, from both their Wilson intervals (Newcombe
    1998, Statist. Med. 17:873, method 10)."""
    p, q = count / total, other / other_total
    low, high = wilson(count, total) or (0.0, 1.0)
    other_low, other_high = wilson(other, other_total) or (0.0, 1.0)
    return (
        p - q - math.hypot(p - low, other_high - q),
        p - q + math.hypot(high - p, q - other_low),
    )


def mean_interval(values: Sequence[float]) -> Interval | None:
    """Student's interval of a mean; needs SciPy and two different values: where all are the same
    nothing shows how they vary."""
    if len(set(values)) < 2 or not available():
        return None
    from scipy.stats import t

    spread = t.ppf(0.975, len(values) - 1) * stdev(values) / math.sqrt(len(values))
    return mean(values) - float(spread), mean(values) + float(spread)


def median_interval(values: Sequence[float]) -> Interval | None:
    """The interval of a median between two order statistics, from the binomial distribution
    (Conover 1999, Practical Nonparametric Statistics, 3.2); None below six values, of which even
    the smallest and largest hold it less than 95% of the time."""
    ordered, size = sorted(values), len(values)
    below, rank = 0.5**size if size < 1000 else 0.0, 0
    if size >= 1000:  # the powers underflow; the normal approximation is exact enough
        rank = int(size / 2 - Z * math.sqrt(size) / 2)
        return ordered[rank], ordered[-1 - rank]
    while below <= ALPHA / 2:
        rank += 1
        below += math.comb(size, rank) * 0.5**size
    return (ordered[rank - 1], ordered[-rank]) if rank else None


# ---------------------------------------------------------------- onsets


@dataclass(frozen=True)
class Curve:
    """A Kaplan-Meier curve: after times[k], survival[k] have not had their onset, low to high.
    `median` and its band are times; None where the curve or the band does not come down so far."""

    times: list[float]
    survival: list[float]
    low: list[float]
    high: list[float]

    @property
    def median(self) -> float | None:
        return self._falls(self.survival)

    @property
    def band(self) -> tuple[float | None, float | None]:
        """Brookmeyer & Crowley 1982 (Biometrics 38:29), on the log-log scale."""
        return self._falls(self.low), self._falls(self.high)

    def _falls(self, curve: list[float]) -> float | None:
        # Rounding: a share of exactly one half must count as reached.
        return next((t for t, s in zip(self.times, curve, strict=True) if s <= 0.5 + 1e-9), None)


def kaplan_meier(times: Sequence[float], seen: Sequence[bool]) -> Curve:
    """The curve of times to onset, where `seen` is False for a run that ended without one
    (Kaplan & Meier 1958, JASA 53:457), with Greenwood's variance on the log-log scale
    (Kalbfleisch & Prentice 2002, 1.4); where the curve is 0 that has no limits, and those of none
    among all that were left are taken (Clopper & Pearson 1934, Biometrika 26:404)."""
    import numpy
    from scipy.stats import CensoredData, ecdf

    onsets = [t for t, saw in zip(times, seen, strict=True) if saw]
    ends = [t for t, saw in zip(times, seen, strict=True) if not saw]
    sf = ecdf(CensoredData(uncensored=onsets, right=ends)).sf
    with warnings.catch_warnings():  # the band is undefined where the curve is 0 or 1
        warnings.simplefilter("ignore")
        band = sf.confidence_interval(method="log-log")
    left = sum(t >= max(onsets, default=0) for t in times)
    none = 1 - (ALPHA / 2) ** (1 / max(1, left))
    undefined = numpy.where(sf.probabilities > 0, 1, none)
    low, high = (
        numpy.clip(numpy.where(numpy.isnan(b.probabilities), fill, b.probabilities), 0, 1).tolist()
        for b, fill in ((band.low, 0), (band.high, undefined))
    )
    high = itertools.accumulate(high, min)  # a curve that only falls stays below an earlier bound
    steps = zip(sf.quantiles.tolist(), sf.probabilities.tolist(), low, high, strict=True)
    kept = [step for step in steps if step[0] in set(onsets)]  # the curve is flat at other ends
    return Curve(*([step[k] for step in kept] for k in range(4)))


def onset_curve(times: Sequence[int], seen: Sequence[bool], before: int = 0) -> OnsetCurve | None:
    """The same as the report's JSON has it, in times less `before`; None without SciPy, or where
    no onset was seen. Fewer than LEAST runs set the median no lower limit, as the curve's band,
    which is none before the first onset, would have it."""
    if not available() or not any(seen):
        return None
    curve = kaplan_meier(times, seen)
    median, low, high = (
        None if t is None else int(t) - before for t in (curve.median, *curve.band)
    )
    low = low if len(times) >= LEAST else None
    return {
        "median": median,
        "low": low,
        "high": high,
        "times": [int(t) - before for t in curve.times],
        "without": curve.survival,
        "without_low": curve.low,
        "without_high": curve.high,
    }


@dataclass(frozen=True)
class Logrank:
    p: float
    hazard_ratio: float  # of the first group to the second
    interval: Interval


def logrank(a: Sequence[tuple[float, bool]], b: Sequence[tuple[float, bool]]) -> Logrank | None:
    """Do two groups of (time, seen) differ in their onsets (Mantel 1966; Peto & Peto 1972, J. R.
    Stat. Soc. A 135:185)? The hazard ratio is Peto's, exp((O - E) / V), which stays finite when
    one group has no onset. None where nothing can be said."""
    from scipy.stats import chi2

    surplus = variance = 0.0
    for time in sorted({t for t, seen in [*a, *b] if seen}):
        risk_a, risk_b = (sum(t >= time for t, _ in group) for group in (a, b))
        came_a, came_b = (sum(t == time and seen for t, seen in group) for group in (a, b))
        risk, came = risk_a + risk_b, came_a + came_b
        surplus += came_a - came * risk_a / risk
        if risk > 1:
            variance += came * risk_a * risk_b * (risk - came) / (risk * risk * (risk - 1))
    if not variance:
        return None
    log, spread = surplus / variance, Z / math.sqrt(variance)
    low, high = (math.exp(max(-700, min(700, x))) for x in (log - spread, log + spread))
    return Logrank(float(chi2.sf(surplus**2 / variance, 1)), math.exp(log), (low, high))


# ---------------------------------------------------------------- differences


@cache
def rates_test(count: int, total: int, other: int, other_total: int) -> tuple[float, str]:
    """The two-sided p of a difference between two shares, and whose test it is: Boschloo's
    (1970, Statistica Neerlandica 24:1), which is exact and never weaker than Fisher's; Fisher's
    from LARGE runs on."""
    from scipy.stats import boschloo_exact, fisher_exact

    table = [[count, other], [total - count, other_total - other]]
    if total + other_total >= LARGE:
        return float(fisher_exact(table)[1]), "Fisher"
    if count + other in (0, total + other_total):
        return 1.0, "Boschloo"
    return min(1.0, float(boschloo_exact(table).pvalue)), "Boschloo"


def least_p(total: int, other_total: int) -> float:
    """The smallest p that the test of two shares could give for groups of these sizes."""
    return rates_test(total, total, 0, other_total)[0]


def least_rate(total: int, other_total: int) -> int | None:
    """The fewest of the second group that, against none of the first, give p < ALPHA; None where
    not even all do."""
    counts = range(1, other_total + 1)
    found = bisect.bisect_left(
        counts, True, key=lambda count: rates_test(0, total, count, other_total)[0] < ALPHA
    )
    return counts[found] if found < other_total else None


def holm(ps: Sequence[float]) -> list[float]:
    """p-values adjusted for there being several (Holm 1979, Scand. J. Statist. 6:65)."""
    adjusted, running = [0.0] * len(ps), 0.0
    for rank, index in enumerate(sorted(range(len(ps)), key=lambda i: ps[i])):
        running = max(running, min(1.0, (len(ps) - rank) * ps[index]))
        adjusted[index] = running
    return adjusted
