"""A run's course: its spans, the path through its themes with the forms that lie over them, and
what it ends in.

    path = stretches(spans, messages)
    path_words(path)      standoff 1-8 → meta 9-15 → goodbye 16-40, verbatim from 22
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from harness.states.names import FORMS, SHORT, THEMES


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
    kind: str  # begins, holds or ends
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


def stretches(spans: Iterable[Span], messages: int) -> list[Stretch]:
    """The path of a run: what is too short to be a stretch goes with what is before; messages
    without theme and without form are left out. Where themes overlap, the later one is shown."""
    spans, short = list(spans), max(2, messages // 50)  # a blip is no stretch
    ruler: list[str | None] = [None] * messages
    for span in sorted(spans, key=lambda span: (span.start, -span.end)):
        if span.state in THEMES:
            ruler[span.start : span.end + 1] = [span.state] * (span.end - span.start + 1)
    for _, start, end in _runs(ruler):
        if end - start + 1 < short:
            ruler[start : end + 1] = [ruler[start - 1] if start else None] * (end - start + 1)
    forms = [span for span in spans if span.state in FORMS]
    found = []
    for theme, start, end in _runs(ruler):
        clipped = ((s.state, max(s.start, start), min(s.end, end)) for s in forms)
        over = sorted((f for f in clipped if f[2] - f[1] + 1 >= short), key=lambda f: f[1:])
        if theme is None:
            found += _alone(over)
        elif end - start + 1 >= short:
            found.append(Stretch(theme, start, end, tuple(over)))
    return found


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


def reached(path: Iterable[Stretch]) -> set[str]:
    """The states that a path goes through."""
    path = list(path)
    found = {stretch.theme for stretch in path if stretch.theme}
    return found | {form for stretch in path for form, _, _ in stretch.forms}


def path_words(path: Iterable[Stretch]) -> str:
    """The path in words; empty where no state was found."""
    return " → ".join(map(str, path))
