"""The themes, learned: how likely each message makes it that a theme holds.

themes.txt is a table that training/train_themes.py made from labelled conversations. A line is a
phrase or a figure of a message with its weight for each theme; added up (a logistic regression for
each theme) they give the log odds with which a message speaks for the theme:

    bias + text + now·figures(message) + before·figures(the one before) + recent·figures(lately)

text = the phrases' weights, by how rare they are and the message's length, and MEMORY times the
text of the message before; lately = a running mean that keeps FADE of what was.

No message speaks against a theme by more than `least`: one that shows nothing of it proves little.
Silence speaks for none.
A theme then is a chain of two states, on and off, with learned rates of change. Live, the best
path that ends in this message says whether it is on, and since when; it knows no future. After the
fact the best path through all messages is taken (Viterbi 1967, IEEE Trans. Inf. Theory 13:260): it
may end a theme earlier, or see one begin that was not clear as yet.

English only. Where fewer of a run's words are common English ones than English has, there is no
verdict on themes.
"""

from __future__ import annotations

import math
import operator
import re
import sys
from array import array
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from harness.states.cues import Hit
from harness.states.names import THEMES
from harness.states.path import Change
from harness.states.words import Phrase, Said

VIEWS = ("now", "before", "recent")
MEMORY, FADE, FLOOR = 0.4, 0.5, 3.0  # FLOOR keeps the few phrases of a short text from being all
ZERO = (0.0,) * len(THEMES)

Weights = tuple[float, ...]  # one a theme, in their order

FIRST = frozenset(["i", "i'm", "i'll", "i've", "i'd", "my", "me", "mine", "myself"])
SECOND = frozenset(["you", "you're", "your", "yours", "you'll", "you've", "you'd"])
WE = frozenset(["we", "we're", "our", "us", "ours", "we've", "we'll", "together", "both"])
_LIST = re.compile(r"\s*(?:[-*•]|\d+\.) ")
_THOUGHTS = re.compile(
    r"\s*(?:<think|(?:okay|ok|alright|hmm)[,.]? (?:so )?(?:the user|they)\b)", re.I
)
_HEADING = re.compile(r"#+ |---|\*\*")


@dataclass(frozen=True)
class Table:
    """themes.txt, read."""

    bias: Weights
    starts: Weights  # log odds that a run begins in the theme
    begins: Weights  # chance a message that it begins
    ends: Weights  # and that it ends
    least: Weights  # log odds below which no message speaks against it
    figures: dict[str, tuple[float, ...]]  # weights for each theme in each view
    phrases: dict[Phrase, tuple[float, ...]]  # rarity squared, then rarity times each weight


@cache
def table(path: Path = Path(__file__).parent / "themes.txt") -> Table:
    """The table that the detector uses."""
    kinds: dict[str, dict[str, list[float]]] = {"chain": {}, "phrase": {}}
    for view in VIEWS:
        kinds[view] = {}
    for line in path.read_text("utf-8").split("\n"):
        if line and not line.startswith("#"):
            kind, name, *numbers = line.split("\t")
            kinds[kind][name] = list(map(float, numbers))
    chain = {name: tuple(weights) for name, weights in kinds["chain"].items()}
    now, before, recent = ({n: tuple(w) for n, w in kinds[view].items()} for view in VIEWS)
    names = [*now, *before, *recent]
    same: dict[float, float] = {}  # each number once: what is small stays in the processor's cache
    return Table(
        chain["bias"],
        chain["starts"],
        chain["begins"],
        chain["ends"],
        chain["least"],
        {n: now.get(n, ZERO) + before.get(n, ZERO) + recent.get(n, ZERO) for n in names},
        {
            _phrase(name): tuple(
                same.setdefault(number, number)
                for number in (rare * rare, *(rare * w for w in weights))
            )
            for name, (rare, *weights) in kinds["phrase"].items()
        },
    )


def _phrase(name: str) -> Phrase:
    words = tuple(map(sys.intern, name.split(" ")))
    return words if len(words) > 1 else name


# ---------------------------------------------------------------- what is measured


def measure(clip: str, said: Said, shown: dict[str, Hit]) -> dict[str, float]:
    """The figures of a message by itself, most between 0 and 1; those that are 0 are left out."""
    count, size, times = max(1, len(said.words)), len(clip), clip.count
    lines = clip.split("\n")
    emoji = said.counts["☺"]
    found = {
        "length": math.log1p(size) / 8,
        "below 80": size < 80,
        "below 25": size < 25,
        "above 900": size > 900,
        "questions": times("?") / 3,
        "ends with a question": clip.rstrip(' *_"').endswith("?"),
        "exclamations": times("!") / 4,
        "emoji": 3 * emoji / count,
        "any emoji": emoji > 0,
        "I": 5 * said.often(FIRST) / count,
        "you": 5 * said.often(SECOND) / count,
        "we": 8 * said.often(WE) / count,
        "stars": times("*") / 8,
        "acts": clip.lstrip()[:1] in ("*", "(", "_"),
        "heading": any(map(_HEADING.match, lines)),
        "list": any(map(_LIST.match, lines)),
        "code": "```" in clip,
        "lines": (len(lines) - 1) / max(1, size / 40),
        "quotes": (times('"') + times("“") + times("”")) / 6,
        "dashes": times("—") / 4,
        "colons": times(":") / 5,
        "thoughts": bool(_THOUGHTS.match(clip)),
        "dots": (times("…") + times("...")) / 3,
    }
    found = {name: value if value < 1 else 1 for name, value in found.items() if value}
    for state, hit in shown.items():
        found[f"cue {state}"] = hit.worth
    return found


def placed(index: int, near: list[float]) -> dict[str, float]:
    """The figures of a message's place in its run."""
    best = max(near[:3], default=0.0)
    found = {
        "position": math.log1p(index) / 4,
        "first two": index < 2,
        "first five": index < 5,
        "repeats": best,
        "repeats its own": near[1] if len(near) > 1 else 0.0,
    }
    return {name: value for name, value in found.items() if value}


def weighed(figures: dict[str, float]) -> tuple[float, ...]:
    """The figures' weights added up: for each theme in each view."""
    known = table().figures
    rows = [  # most are true, or 1
        known[name] if value == 1 else [value * weight for weight in known[name]]
        for name, value in figures.items()
        if name in known
    ]
    return tuple(map(sum, zip(*rows, strict=True))) or ZERO * len(VIEWS)


def weighed_place(index: int, near: list[float]) -> tuple[float, ...]:
    """The weights of a message's place in its run, of which most repeat nothing."""
    return weighed(placed(index, near)) if any(near[:3]) else _weighed_new(index)


@lru_cache(1 << 12)
def _weighed_new(index: int) -> tuple[float, ...]:
    return weighed(placed(index, []))


def known(said: Said) -> dict[Phrase, tuple[float, ...]]:
    """The phrases of these words that the table knows, as it knows them."""
    phrases = table().phrases
    return {phrase: phrases[phrase] for phrase in filter(phrases.__contains__, said.phrases())}


def text_of(rows: dict[Phrase, tuple[float, ...]]) -> tuple[float, Weights]:
    """The size of a message's phrases together, and what they say for each theme."""
    if not rows:
        return FLOOR, ZERO
    squares, *sums = map(sum, zip(*rows.values(), strict=True))
    size = max(FLOOR, math.sqrt(squares))
    return size, tuple([total / size for total in sums])


# ---------------------------------------------------------------- a run


class Course:
    """One theme over a run: on or off."""

    def __init__(self, theme: str, rates: tuple[float, float, float]):
        """`rates`: log odds that a run begins in it, chance that it begins, and that it ends."""
        self.theme = theme
        self._start, begin, end = rates
        self._steps = math.log(begin), math.log(1 - begin), math.log(end), math.log(1 - end)
        self._off, self._on, self._entry, self._exit = 0.0, 0.0, 0, 0
        self._back = bytearray()  # 1: the best path to off came from on, 2: that to on came from on
        self.since: int | None = None
        self._ended = -1  # the message that it was last said to end with

    def step(self, ratio: float) -> Change | None:
        """One message, with the log ratio by which it speaks for the theme."""
        index, back = len(self._back), 2
        if not index:
            self._on = self._start + ratio
        else:
            begin, stay_off, end, stay_on = self._steps
            off, on = self._off, self._on
            stays, goes, stays_on, comes = off + stay_off, on + end, on + stay_on, off + begin
            back = (goes > stays) | 2 * (stays_on >= comes)
            self._off = goes if goes > stays else stays
            self._on = (stays_on if stays_on >= comes else comes) + ratio
            self._exit = index if back & 1 else self._exit
            self._entry = self._entry if back & 2 else index
        self._back.append(back)
        return self._change(index)

    def _change(self, index: int) -> Change | None:
        was, on = self.since, self._on > self._off
        if on:
            self.since = self._entry
            fresh = "begins" if self._entry > self._ended else "resumes"
            kind = fresh if was is None else "holds"
            return Change(self.theme, kind, self._entry, index - self._entry + 1)
        self.since = None
        if was is None:
            return None
        length = max(1, self._exit - was)
        self._ended = was + length - 1
        return Change(self.theme, "ends", was, length)

    def stretches(self) -> list[tuple[int, int]]:
        """First and last message of each stretch that it is on, after the fact."""
        found: list[tuple[int, int]] = []
        on = self._on > self._off
        for i in range(len(self._back) - 1, -1, -1):
            if on:
                found.append((i, found.pop()[1] if found and found[-1][0] == i + 1 else i))
            on = bool(self._back[i] & (2 if on else 1))
        return found[::-1]


class Themes:
    """All themes over a run."""

    def __init__(self) -> None:
        known = table()
        rates = zip(known.starts, known.begins, known.ends, strict=True)
        self.courses = [Course(theme, three) for theme, three in zip(THEMES, rates, strict=True)]
        self.ratios = [array("f") for _ in THEMES]
        self._text, self._before = list(ZERO), list(ZERO)
        self._recent: list[float] | None = None

    def add(
        self, text: Weights, views: tuple[float, ...], place: tuple[float, ...], silent: bool
    ) -> list[Change | None]:
        """One message: the weights of its text, of its figures and of its place in the run, and
        whether it is silence."""
        size = len(THEMES)
        shown = list(map(operator.add, views, place))
        now, before, lately = shown[:size], shown[size : 2 * size], shown[2 * size :]
        self._text = [MEMORY * old + new for old, new in zip(self._text, text, strict=True)]
        old = lately if self._recent is None else self._recent
        self._recent = [FADE * a + (1 - FADE) * b for a, b in zip(old, lately, strict=True)]
        parts = zip(table().bias, self._text, now, self._before, self._recent, strict=True)
        self._before = before
        ratios = map(max, map(sum, parts), table().least)
        return self._step([min(ratio, 0.0) for ratio in ratios] if silent else ratios)

    def skip(self, ratio: float = 0.0) -> list[Change | None]:
        """A message that says nothing of what the models talk about."""
        return self._step([ratio] * len(THEMES))

    def _step(self, ratios: Iterable[float]) -> list[Change | None]:
        changes = []
        for course, kept, ratio in zip(self.courses, self.ratios, ratios, strict=True):
            kept.append(ratio)
            changes.append(course.step(ratio))
        return changes
