"""The forms, measured: how a message is said, whatever it is about, in any language.

- silence: no letter, digit or symbol (empty, invisible, "...", "[ ]"), or staged: a few words that
  tell of it, all of them within marks ("*says nothing*"), or very few. A few words within marks
  that do not tell of it ("*enough*") go on with a silence, and begin none.
- emoji_collapse: at most 40 letters; symbols are a tenth of both together (.5) or 3 tenths (1).
- verbatim_loop: NEAR (1) or NEARISH (a template whose words change, .67) to one of the PERIOD
  messages before, or to the last one if silent; it starts at the message that is repeated.
- degenerate: most of the pairs of words in a message stand in it before (SALAD of them; to go on,
  half), or it shrinks to a small part when it is compressed: one phrase over and over, or few words
  shuffled. (Word salad that repeats nothing is not seen.)

A form begins when hits worth `need` fall within `window` messages, backdated to the first of them.
It ends when more than `gap` messages show nothing of it, at the last that did.
"""

from __future__ import annotations

import re
import zlib
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from harness.states.path import Change, Evidence, Span
from harness.states.recurrence import NEAR, NEARISH, SYMBOLS
from harness.states.words import Said

PERIOD, TEMPLATE = 3, 0.67
LONG, SALAD, STILL, SHRUNK = 40, 0.6, 0.5, 0.12  # words; shares
# The most letters of a silence within marks and outside of them, and of one that goes on.
STAGED, OPEN, ASIDE = 80, 20, 60


@dataclass(frozen=True)
class Rule:
    need: float
    window: int
    gap: int


RULES = {
    "verbatim_loop": Rule(2, 3, 1),
    "emoji_collapse": Rule(2.5, 4, 2),
    "silence": Rule(1, 1, 1),
    "degenerate": Rule(1, 1, 1),
}

NOT_ASCII = re.compile(r"[^\x00-\x7f]")  # no other is a symbol
_MARKED = re.compile(r"([*_`]+)[^*_`]+\1|\[[^\]]*\]|\([^)]*\)|<[^>]*>|\{[^}]*\}|//[^/\n]+//")

Hit = tuple[float, str]  # worth, words


def shown(clip: str, heard: str, said: Said, staged: bool) -> dict[str, Hit]:
    """What one message shows by itself: per form its worth and the words that show it. `heard` is
    what is compared of it (recurrence.py)."""
    symbols = 0 if clip.isascii() else sum(map(SYMBOLS.__getitem__, NOT_ASCII.findall(heard)))
    letters, short = len(heard) - symbols, clip.strip()
    hits: dict[str, Hit] = {}
    if not letters and not symbols and not set("?!") & set(clip):
        hits["silence"] = (1, short[:40])
    elif letters < STAGED and "?" not in clip and (worth := _staged(short, letters, staged)):
        hits["silence"] = (worth, short[:120])
    if symbols and letters <= 40 and symbols >= 0.1 * (symbols + letters):
        hits["emoji_collapse"] = (1 if symbols >= 0.3 * (symbols + letters) else 0.5, short[:40])
    if worth := _broken(clip, said):
        hits["degenerate"] = (worth, short[:60])
    return hits


def silent(hits: Mapping[str, Hit]) -> bool:
    """Whether a message that shows this is silence by itself."""
    return "silence" in hits and hits["silence"][0] >= 1


def _staged(short: str, letters: int, told: bool) -> float:
    """How much a few words are a silence: whether they tell of one or not, and stand in marks."""
    if told and letters < OPEN:
        return 1.0
    if any(map(str.isalnum, _MARKED.sub("", short))):
        return 0.0
    return 1.0 if told else 0.5 if letters and letters <= ASIDE else 0.0


def _broken(clip: str, said: Said) -> float:
    """How much a message is broken text."""
    words, pairs = len(said.words), len(set(said.in_row(2)))
    # All numbers are one word here, so that a table of them would seem to repeat itself.
    enough = words >= LONG and said.counts["0"] < words / 2
    repeated = 1 - pairs / (words - 1) if enough else 0.0
    if repeated >= SALAD:
        return 1.0
    raw = clip.encode("utf-8", "replace")
    # Each pair of words takes a byte at the least: where there are many nothing need be compressed.
    few = len(raw) >= 400 and pairs < SHRUNK * len(raw)
    if few and len(zlib.compress(raw)) < SHRUNK * len(raw):
        return 1.0
    return 0.5 if repeated >= STILL else 0.0


def repeated(near: list[float], silent: bool, words: str) -> tuple[Hit | None, int]:
    """The hit of a message that repeats one of those before it, and how far back that is."""
    best = max(near[: 1 if silent else PERIOD], default=0.0)
    lag = near.index(best) + 1 if near else 0
    return ((1 if best >= NEAR else TEMPLATE, words) if best >= NEARISH else None), lag


@dataclass
class Form:
    """Persistence and hysteresis of one form."""

    state: str
    recent: deque[tuple[int, int, float, str]] = field(default_factory=deque)
    since: int | None = None
    last: int = 0
    quiet: int = 0
    evidence: list[Evidence] = field(default_factory=list)
    closed: list[Span] = field(default_factory=list)

    def step(self, index: int, hit: Hit | None, start: int) -> Change | None:
        """One message; `start` is where its hit begins."""
        rule = RULES[self.state]
        if hit:
            self.recent.append((index, start, *hit))
        while self.recent and self.recent[0][0] <= index - rule.window:
            self.recent.popleft()
        if self.since is None:
            ready = hit and sum(worth for _, _, worth, _ in self.recent) >= rule.need
            return self._begin(index) if ready else None
        self._go_on(index, hit)
        if self.quiet > rule.gap:
            return self._end()
        return Change(self.state, "holds", self.since, self.length)

    @property
    def length(self) -> int:
        """Messages up to the last that showed it; 0 where it does not hold."""
        return 0 if self.since is None else self.last - self.since + 1

    def _begin(self, index: int) -> Change:
        floor = self.closed[-1].end + 1 if self.closed else 0
        self.since, self.last = max(self.recent[0][1], floor), index
        self.quiet = 0
        self.evidence = [Evidence(i, words) for i, _, _, words in self.recent if words.strip()]
        return Change(self.state, "begins", self.since, index - self.since + 1)

    def _go_on(self, index: int, hit: Hit | None) -> None:
        if not hit:
            self.quiet += 1
            return
        self.last, self.quiet = index, 0
        # Five are enough to judge a verdict by, however long it holds.
        if len(self.evidence) < 5 and hit[1].strip():
            self.evidence.append(Evidence(index, hit[1]))

    def _end(self) -> Change:
        assert self.since is not None
        span = self._span(self.since)
        self.closed.append(span)
        self.since = None
        self.recent.clear()
        return Change(self.state, "ends", span.start, span.end - span.start + 1)

    def _span(self, since: int) -> Span:
        return Span(self.state, since, self.last, tuple(self.evidence))

    def spans(self) -> list[Span]:
        """All spans so far."""
        return self.closed + ([] if self.since is None else [self._span(self.since)])
