"""A run's course: its spans, the path through its themes with the forms that lie over them, and
what it ends in.

    path = stretches(spans, messages, speaks)
    path_words(path)      standoff 1-8 → meta 9-15 → goodbye 16-40, verbatim from 22
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from harness.states.names import FORMS, SHORT, THEMES

SWITCH = 6.0  # log odds by which another of two themes must be clearer to be shown instead


@dataclass(frozen=True)
class Evidence:
    message: int
    words: str  # as they stand in the message


@dataclass(frozen=True)
class Span:
    state: str
    start: int
    end: int  # inclusive
    evidence: tuple[Evidence, ...]


@dataclass(frozen=True)
class Change:
    """What a message did to a state, as it was seen live."""

    state: str
    kind: str  # begins, holds, ends, or resumes: it was said to have ended, and had not
    since: int
    length: int


@dataclass(frozen=True)
class Stretch:
    """Messages under one theme, or under none, with the forms that lie over them."""

    theme: str | None
    start: int
    end: int  # inclusive
    forms: tuple[tuple[str, int, int], ...] = ()  # (form, first, last), within the stretch

    def __str__(self) -> str:
        if self.theme is None:
            return ", ".join(f"{SHORT[form]} {a}-{b}" for form, a, b in self.forms)
        over = (
            f", {SHORT[form]} from {a}" if b == self.end else f", {SHORT[form]} {a}-{b}"
            for form, a, b in self.forms
        )
        return f"{SHORT[self.theme]} {self.start}-{self.end}" + "".join(over)


@dataclass(frozen=True)
class Ending:
    """What a run ends in, and since which message."""

    theme: str | None = None
    form: str | None = None
    theme_since: int | None = None
    form_since: int | None = None

    def __str__(self) -> str:
        return ", ".join(SHORT[state] for state in self.states) or "none"

    @property
    def states(self) -> tuple[str, ...]:
        """The theme and the form, as far as there are any."""
        return tuple(state for state in (self.theme, self.form) if state)

    @property
    def terminal(self) -> str:
        """One word for it: the theme, or else the form, or `none`."""
        return self.theme or self.form or "none"


def stretches(
    spans: Iterable[Span], messages: int, speaks: Callable[[str, int], float]
) -> list[Stretch]:
    """The path of a run: what is too short to be a stretch goes with what is before; messages
    without theme and without form are left out. Where themes overlap, the one is shown for which
    the messages speak more (`speaks`: how much for a theme at a message)."""
    spans, short = list(spans), max(2, messages // 50)  # a blip is no stretch
    ruler = _ruler(spans, messages, speaks)
    for _, start, end in _runs(ruler):
        least = 2 if end == messages - 1 else short  # what it ends in, if only of late
        if end - start + 1 < least:
            ruler[start : end + 1] = [ruler[start - 1] if start else None] * (end - start + 1)
    forms = [span for span in spans if span.state in FORMS]
    found = []
    for theme, start, end in _runs(ruler):
        clipped = ((s.state, max(s.start, start), min(s.end, end)) for s in forms)
        over = sorted((f for f in clipped if f[2] - f[1] + 1 >= short), key=lambda f: f[1:])
        if theme is None:
            found += _alone(over)
        else:
            found.append(Stretch(theme, start, end, tuple(over)))
    return found


def _ruler(
    spans: list[Span], messages: int, speaks: Callable[[str, int], float]
) -> list[str | None]:
    """For each message the theme that is shown: the best way through those that hold, where a
    change from one that still holds costs SWITCH."""
    holding: list[set[str]] = [set() for _ in range(messages)]
    for span in spans:
        if span.state in THEMES:
            for i in range(span.start, span.end + 1):
                holding[i].add(span.state)
    best: dict[str | None, float] = {None: 0.0}
    back: list[dict[str | None, str | None]] = []
    for i, now in enumerate(holding):
        before, best = best, {}
        came: dict[str | None, str | None] = {}
        shown: list[str | None] = [theme for theme in THEMES if theme in now]
        for theme in shown or [None]:
            costs = {b: score - SWITCH * (b != theme) for b, score in before.items()}
            came[theme] = max(costs, key=costs.__getitem__)
            best[theme] = costs[came[theme]] + (speaks(theme, i) if theme else 0.0)
        back.append(came)
    ruler: list[str | None] = []
    last = max(best, key=best.__getitem__)
    for came in reversed(back):
        ruler.append(last)
        last = came[last]
    return ruler[::-1]


def _alone(forms: list[tuple[str, int, int]]) -> list[Stretch]:
    """Forms without a theme, those that touch together."""
    found: list[Stretch] = []
    for form in forms:
        if found and form[1] <= found[-1].end + 1:
            last = found.pop()
            end = max(last.end, form[2])
            found.append(Stretch(None, last.start, end, (*last.forms, form)))
        else:
            found.append(Stretch(None, form[1], form[2], (form,)))
    return found


def _runs(ruler: list[str | None]) -> list[tuple[str | None, int, int]]:
    found: list[tuple[str | None, int, int]] = []
    for i, state in enumerate(ruler):
        start = found.pop()[1] if found and found[-1][0] == state else i
        found.append((state, start, i))
    return found


def path_words(path: Iterable[Stretch]) -> str:
    """The path in words; empty where no state was found."""
    return " → ".join(map(str, path))


def path_told(path: Iterable[Stretch], english: bool) -> str:
    """The same for a reader, who is told also where there is none, or no verdict on themes."""
    words = path_words(path) or "no attractor state"
    return words if english else f"{words} (not in English: no verdict on themes)"
