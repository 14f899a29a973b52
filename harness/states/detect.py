"""Which attractor states a conversation is in: live, message by message, and after the fact.

    detector = Detector()
    for text, interjected in messages:
        badges = detector.add(text, interjected)
    detector.spans(), detector.path(), detector.ending(), detector.recurrence()

What recurs is in recurrence.py, the forms in forms.py, the themes in themes.py. Of a longer text
only the head and the tail are read, and a message is compared with few before it: it costs the same
at the start of a run and after thousands. What `add` and `holding` say is known live and looks
back only; `spans`, `path` and `ending` weigh all messages in both directions, so that a theme may
begin or end at another message than it did live. How often either is right: docs/states.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from operator import itemgetter
from typing import Any

from harness.states import cues, forms, themes
from harness.states.forms import Form, Hit
from harness.states.names import FORMS, THEMES
from harness.states.path import Change, Ending, Evidence, Span, Stretch, path_words, stretches
from harness.states.recurrence import Figures, Heard, Recurrence
from harness.states.themes import Themes, Weights
from harness.states.words import WALL, Phrase, Said, clip, core, english, lower, place, telling

TAIL_MESSAGES, ENOUGH, LATE = 8, 0.45, 3
# Which of two forms that fill the end it is said to end in: silence and emoji are verbatim loops
# as a rule.
WEIGHTS = {"silence": 1.1, "emoji_collapse": 1.05}
CLEAR = 5.0  # one message speaks for or against a theme by no more than this
AWARE = 1.0  # so much less for meta: two AIs that say goodbye know that they are two
FOREIGN = -3.0  # what a message says for a theme that is not in English
SAYS = 1.0  # a cue of this worth says it in so many words: it is the evidence
FEW, WHILE = 5, 40  # so much evidence is kept within so many messages, of a theme that goes on


@dataclass(frozen=True)
class Seen:
    """What one message shows by itself, before the table of themes says what that weighs."""

    heard: Heard
    said: Said
    forms: dict[str, Hit]
    cues: dict[str, cues.Hit]  # by state
    figures: dict[str, float]


def see(clipped: str) -> Seen:
    """Looks at one message; what a theme is learned from is seen so too."""
    low = lower(clipped)
    heard, said = Heard(clipped), Said(low)
    hits = cues.found(low, said.spelled)
    shown = cues.worths(clipped, low, hits)
    blissful = sum([hit.times for hit in hits.get("bliss", {}).values()])
    staged = shown.pop("silence", None) is not None and blissful < 3
    of_form = forms.shown(clipped, heard.text, said, staged)
    return Seen(heard, said, of_form, shown, themes.measure(clipped, said, shown))


@dataclass(frozen=True)
class Reading:
    """What one message says."""

    heard: Heard
    forms: dict[str, Hit]
    common: tuple[int, int]
    size: float  # of its known phrases
    text: Weights
    views: tuple[float, ...]
    rows: dict[Phrase, tuple[float, ...]]  # its known phrases
    cues: dict[str, cues.Hit]  # by state

    def evidence(self, number: int, clipped: str) -> str:
        """The words, of the phrase or the cue, that speak most for a theme; empty if none do that
        would mean something to a reader."""
        weights = [(row[number + 1] * telling[name], name) for name, row in self.rows.items()]
        weight, best = max([(0.0, ""), *weights], key=itemgetter(0))
        low, where = lower(clipped), None
        cue = self.cues.get(THEMES[number])
        known = themes.table().figures.get(f"cue {THEMES[number]}")
        if cue and known and (cue.worth >= SAYS or cue.worth * known[number] >= weight / self.size):
            where = place(cue.where, low) if isinstance(cue.where, str) else cue.where
        elif best:
            where = place(core(best), low)
        start, end = where or (0, 0)
        return clipped[start:end].partition(WALL)[0][:120]


@lru_cache(32)
def read(clipped: str) -> Reading:
    """Reads a message; kept for a while, as loops say the same again."""
    seen = see(clipped)
    rows = themes.known(seen.said)
    return Reading(
        seen.heard,
        seen.forms,
        seen.said.common(),
        *themes.text_of(rows),
        themes.weighed(seen.figures),
        rows,
        seen.cues,
    )


class Detector:
    """Reads messages one by one; the same object answers live and after the fact."""

    def __init__(self) -> None:
        self._recurrence, self._themes = Recurrence(), Themes()
        self._forms = {form: Form(form) for form in FORMS}
        self._evidence: dict[str, list[Evidence]] = {theme: [] for theme in THEMES}
        self._against = dict.fromkeys(THEMES, -1)  # the latest message that did not speak for it
        self._common = self._words = 0
        self._path: list[Stretch] | None = None  # as far as it has been asked for

    def add(self, text: str, interjected: bool = False) -> list[Change]:
        """Reads one message; tells which states begin, hold or end with it."""
        clipped, index, self._path = clip(text), len(self._recurrence), None
        reading = read(clipped)
        near = self._recurrence.add(reading.heard)
        changes = self._see_forms(index, clipped, reading, near, interjected)
        if interjected:
            changes += self._themes.skip()
        else:
            changes += self._see_themes(index, clipped, reading, near)
        return [change for change in changes if change]

    def turn(self, event: Mapping[str, Any]) -> list[Change]:
        """Reads one `turn` event of a log."""
        # What a provider would not let a model say shows nothing of the model.
        aside = event.get("interjected") or "refused" in (event.get("flags") or [])
        return self.add(event["response"], bool(aside))

    def _see_forms(
        self, index: int, clipped: str, reading: Reading, near: list[float], interjected: bool
    ) -> list[Change | None]:
        hits = {} if interjected else dict(reading.forms)
        again, lag = forms.repeated(near, forms.silent(hits), clipped[:60])
        if again and not interjected:
            hits["verbatim_loop"] = again
        changes = []
        for name, form in self._forms.items():
            hit = hits.get(name)
            if hit or form.since is not None:
                start = index - lag if name == "verbatim_loop" else index
                changes.append(form.step(index, hit, start))
        return changes

    def _see_themes(
        self, index: int, clipped: str, reading: Reading, near: list[float]
    ) -> list[Change | None]:
        self._common += reading.common[0]
        self._words += reading.common[1]
        if not self.english:
            return self._themes.skip(FOREIGN)
        placed = themes.weighed_place(index, near)
        silent = forms.silent(reading.forms)
        changes = self._themes.add(reading.text, reading.views, placed, silent)
        for number, theme in enumerate(THEMES):
            if self._themes.ratios[number][-1] <= 0:
                self._against[theme] = index
            elif not self._crowded(theme, index) and (said := reading.evidence(number, clipped)):
                self._evidence[theme].append(Evidence(index, said))
        return changes

    def _crowded(self, theme: str, index: int) -> bool:
        """Whether there is evidence enough of a theme, also of this time that it shows."""
        kept = self._evidence[theme]
        enough = len(kept) >= FEW and kept[-FEW].message > index - WHILE
        return enough and kept[-1].message > self._against[theme]

    @property
    def english(self) -> bool:
        """Whether the run is in English so far; if not there is no verdict on themes."""
        return english(self._common, self._words)

    def repeats(self, index: int) -> int | None:
        """The latest of the few messages before a message that is near-identical to it."""
        return self._recurrence.repeats(index)

    def recurrence(self) -> Figures:
        """Recurrence rate, determinism and the moment of lock-in (a message index, or None)."""
        return self._recurrence.figures()

    def holding(self) -> dict[str, int]:
        """The states that hold now and since when, as seen live."""
        found = {c.theme: c.since for c in self._themes.courses if c.since is not None}
        return found | {f.state: f.since for f in self._forms.values() if f.since is not None}

    def held(self, state: str) -> int:
        """For how many messages a state has held without a break, as seen live; 0 where it does
        not. What may be a form's end does not count yet."""
        if state in self._forms:
            return self._forms[state].length
        since = self.holding().get(state)
        return 0 if since is None else len(self._recurrence) - since

    def spans(self) -> list[Span]:
        """All spans so far, by start, in the light of what followed."""
        spans = [span for form in self._forms.values() for span in form.spans()]
        if self.english:
            spans += [span for course in self._themes.courses for span in self._spans(course)]
        return sorted(spans, key=lambda span: (span.start, span.end))

    def reached(self) -> set[str]:
        """The states that the run has been in, also beside one that the path shows instead."""
        return {span.state for span in self.spans()}

    def _spans(self, course: themes.Course) -> list[Span]:
        found = []
        for start, end in course.stretches():
            within = [e for e in self._evidence[course.theme] if start <= e.message <= end]
            found.append(Span(course.theme, start, end, tuple(within[:FEW])))
        return found

    def path(self) -> list[Stretch]:
        """The run's themes in order, with the forms that lie over them."""
        if self._path is None:
            self._path = stretches(self.spans(), len(self._recurrence), self._speaks)
        return self._path.copy()

    def _speaks(self, theme: str, index: int) -> float:
        """How much a message speaks for a theme."""
        ratio = self._themes.ratios[THEMES.index(theme)][index]
        return max(-CLEAR, min(CLEAR, ratio)) - AWARE * (theme == "meta_awareness")

    def path_words(self) -> str:
        """The path in words: `standoff 1-8 → goodbye 16-40, verbatim from 22`."""
        return path_words(self.path())

    def ending(self) -> Ending:
        """The theme of the path's last stretch, if that lasts to within the last LATE messages,
        and the form that the run ends in."""
        form, form_since = self._last_form()
        themed = [one for one in self.path() if one.theme]
        if not themed or themed[-1].end < len(self._recurrence) - LATE:
            return Ending(None, form, None, form_since)
        return Ending(themed[-1].theme, form, themed[-1].start, form_since)

    def _last_form(self) -> tuple[str | None, int | None]:
        """The form that fills most of the last messages, the later ones counting for more."""
        size = len(self._recurrence)
        first = max(0, size - TAIL_MESSAGES)
        scores, since = dict.fromkeys(FORMS, 0.0), dict.fromkeys(FORMS, 0)
        for state, form in self._forms.items():
            for span in form.spans():
                since[state] = span.start
                for i in range(max(span.start, first), span.end + 1):
                    scores[state] += (i - first + 1) * WEIGHTS.get(state, 1.0)
        best = max(scores, key=scores.__getitem__)
        enough = scores[best] > ENOUGH * sum(range(size - first + 1))
        return (best, since[best]) if enough else (None, None)


def detect(messages: Iterable[tuple[str, bool]]) -> Detector:
    """A detector that has read all the messages: (text, interjected)."""
    detector = Detector()
    for text, interjected in messages:
        detector.add(text, interjected)
    return detector


def detect_in(events: Iterable[Mapping[str, Any]]) -> Detector:
    """A detector that has read the messages among a log's events."""
    detector = Detector()
    for event in events:
        if event["type"] == "turn":
            detector.turn(event)
    return detector
