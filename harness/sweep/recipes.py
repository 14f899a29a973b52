"""Recipes: the write-up's experiments as words for `sweep`, one small file each.

In prompts/recipes/NAME.txt lines that start with # say what it tests, how many runs that takes and
what it costs; the others hold one option of `sweep` each, with its values.
"""

import math
import shlex
from statistics import NormalDist

from harness import prompts
from harness.text import UserError


def words(name: str) -> list[str]:
    """The command-line words of a recipe. Raises UserError with a line for the user."""
    known = prompts.names("recipes")
    if name not in known:
        raise UserError(f"--recipe {name}: there are {', '.join(known)}")
    lines = prompts.words(f"@{name}", "recipes").split("\n")
    return [word for line in lines if not line.startswith("#") for word in shlex.split(line)]


def runs_needed(p: float, q: float, power: float = 0.8, alpha: float = 0.05) -> int:
    """Runs per condition to see that rates `p` and `q` differ, two-sided, with that power.

    n = (z(1 - alpha/2) sqrt(2 m (1-m)) + z(power) sqrt(p (1-p) + q (1-q)))^2 / (p - q)^2, m the
    mean of p and q (Fleiss, Levin & Paik 2003, ch. 4, without the correction for continuity)."""
    z, mean = NormalDist().inv_cdf, (p + q) / 2
    spread = z(1 - alpha / 2) * math.sqrt(2 * mean * (1 - mean))
    spread += z(power) * math.sqrt(p * (1 - p) + q * (1 - q))
    return math.ceil(spread**2 / (p - q) ** 2)


def detectable(runs: int, p: float) -> float | None:
    """The smallest rate above `p`, in whole percents, that so many runs per condition tell from it
    (see runs_needed); None where not even 100% is."""
    rates = (percent / 100 for percent in range(math.floor(100 * p) + 1, 101))
    return next((q for q in rates if runs_needed(p, q) <= runs), None)
