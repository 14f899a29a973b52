"""Words for numbers: shares, intervals, p-values, in units that people read."""

import math

from harness.report.shapes import OnsetCurve, Share


def percent(row: Share) -> str:
    """7/10 70% [40–89]."""
    if row["share"] is None:
        return "–"
    interval = span(row["low"], row["high"])
    return f"{row['count']}/{row['of']} {100 * row['share']:.0f}% {interval}"


def brief(row: Share) -> str:
    """The same where there is little room: 7/10 [40–89%]."""
    if row["low"] is None or row["high"] is None:
        return "–"
    return f"{row['count']}/{row['of']} [{100 * row['low']:.0f}–{100 * row['high']:.0f}%]"


def span(
    low: float | None, high: float | None, scale: float = 100, form: str = ".0f", sign: bool = False
) -> str:
    """An interval in brackets, nothing where there is none."""
    if low is None or high is None:
        return ""
    form = "+" + form if sign else form
    return f"[{scale * low:{form}}{' to ' if sign else '–'}{scale * high:{form}}]"


def when(curve: OnsetCurve | None) -> str:
    """The median onset with its interval, as message indices: 8 [6, 11]; – is no limit."""
    if curve is None:
        return "?"
    if curve["median"] is None:
        return "<half"
    low, high = ("–" if t is None else f"{t}" for t in (curve["low"], curve["high"]))
    return f"{curve['median']} [{low}, {high}]"


def pvalue(p: float) -> str:
    """A p-value with two digits, or that it is tiny."""
    return "<.0001" if p < 0.0001 else f"{p:.2g}"


def plain(value: float, digits: int = 2) -> str:
    """A positive figure with so many digits that count, never with an exponent: 3.2, 160, <.01."""
    if value < 0.01:
        return "<.01"
    if value > 1000:
        return ">1,000"
    places = max(0, digits - 1 - math.floor(math.log10(value)))
    return f"{value:.{places}f}"


def ratio(value: float, low: float, high: float) -> str:
    """A ratio with its interval: 22 [3, 160]. The ends of a wide one are known to a digit."""
    digits = 1 if high > 10 * low else 2
    return f"{plain(value)} [{plain(low, digits)}, {plain(high, digits)}]"
