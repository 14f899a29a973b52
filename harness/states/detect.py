"""Which attractor states a conversation is in: live, message by message, and after the fact.

    detector = Detector()
    for text, seat, interjected in messages:
        badges = detector.add(text, seat, interjected)
    detector.spans(), detector.path(), detector.ending(), detector.recurrence()

Of a longer text only the first HEAD and last TAIL characters are read, and a message is compared
with the LOOK_BACK before it: it costs the same at the start of a run and after thousands.

Layer 1, recurrence, in any language. A text is reduced to letters, digits (all as 0, so that "step
7" is "step 8") and symbols, NFKC and case folded, then to the set of its SHINGLE-grams, of whose
hashes the SKETCH smallest are kept. Likeness is the Jaccard index |A and B| / |A or B| of two such
sets, estimated from the hashes up to the smaller sketch's last (Broder 1997, "On the resemblance
and containment of documents"; exact for short texts, standard error below 0.045 for others). Two
messages recur if it is NEAR or more. As in recurrence plots (Eckmann, Kamphorst & Ruelle 1987,
Europhys. Lett. 4; Marwan, Romano, Thiel & Kurths 2007, Physics Reports 438), LOOK_BACK from the
diagonal: rate = recurrent pairs / pairs; determinism = share of the recurrent pairs on diagonal
lines of two or more; lock-in = start of the first LOOK_BACK messages of which LOCKED recur.

Layer 2, states. Each message is read by itself; a hit is (worth, the words that show it).
- silence: no letter, digit or symbol (empty, invisible, "...", "[ ]"), or staged in a few words.
- emoji_collapse: at most 40 letters; symbols are a tenth of both together (.5) or 3 tenths (1).
- verbatim_loop: NEAR (1) or NEARISH (it holds a loop but begins none) to one of the PERIOD messages
  before, or to the last one if silent; it starts at the message that is repeated.
- bliss: words of gratitude, stillness, oneness, cosmos (common ones count half) per 100 words and
  PRIOR more, which keep one word of ten from proving much; the BLISSFUL rates hold it, are .6, 1.
- the other five: families of cues (cues.txt); worth is the sum over the different families, at most
  2, and nothing below SHOWS. Of goodbye_loop the last FAREWELL characters count. RIFF emoji in a
  long text, and COMPOUNDS hyphenated words, are .7 each of a creative escape. Of a claim to be the
  assistant and one to be the user in one message the stronger counts.
A state begins when hits worth `need`, each HOLD or more, fall within `window` messages, backdated
to the first of them. It ends when more than `gap` messages show nothing of it (wordless or repeated
ones are half a message to states of words), at the last that did. With `deepen`, 20 hits add as
many gaps: the more of a regime, the longer the pause it outlasts. So one stray goodbye is no loop,
one stray word ends none. The terminal state is the one with the largest sum over the last
TAIL_MESSAGES of `weight`, recency (1, 2, 3...) and how much it shows (half and up to half more); a
state of words that still holds counts to the end. It is "none" below ENOUGH of what a state that
fills them would have.

The definitions are those of the project's labelled transcripts. The cues are English: other
languages get silence, emoji and verbatim loops and no other verdict. Cues and thresholds were
chosen on labelled runs, all of which have been looked at by now, and on tests/voices.txt, which is
made up: figures on these (tests/score_states.py) flatter.
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from harness.states.cues import anywhere, compiled, heads, starting
from harness.states.names import FORMS, STATES, THEMES
from harness.states.path import Ending, Evidence, Span, Stretch, path_words, stretches

WORDED = {
    "identity_standoff",
    "identity_collapse",
    "goodbye_loop",
    "meta_awareness",
    "creative_escape",
}  # the states of words

HEAD, TAIL, WALL = 800, 500, "\0" * 8  # the wall keeps a cue from matching across the cut
SHINGLE, SKETCH, LOOK_BACK, LOCKED = 4, 128, 8, 4
NEAR, NEARISH, PERIOD = 0.7, 0.5, 3
SHOWS, HOLD = 0.3, 0.5  # a hit worth less than HOLD holds a state but begins none
BLISSFUL, PRIOR, RIFF, COMPOUNDS, FAREWELL = (3, 4, 8), 4, 5, 14, 400
TAIL_MESSAGES, ENOUGH = 8, 0.45


@dataclass(frozen=True)
class Change:
    state: str
    kind: str  # begins, holds or ends
    since: int
    length: int


@dataclass(frozen=True)
class Rule:
    need: float
    window: int
    gap: int
    deepen: int
    weight: float


# In order of dominance: where several hold, a message belongs to the first.
RULES = {
    "silence": Rule(1, 1, 1, 0, 1.6),
    "emoji_collapse": Rule(2.5, 4, 2, 0, 1.55),
    "verbatim_loop": Rule(2, 3, 1, 0, 1.5),
    "bliss": Rule(2, 4, 5, 0, 1.1),
    "goodbye_loop": Rule(2.5, 3, 3, 1, 1.05),
    "identity_collapse": Rule(1, 2, 8, 0, 1.2),
    "identity_standoff": Rule(3, 2, 1, 0, 1),
    "creative_escape": Rule(2.5, 4, 4, 0, 1),
    "meta_awareness": Rule(1, 1, 3, 2, 0.7),
    "degenerate": Rule(1, 1, 1, 0, 1),
}

COMPOUND = re.compile(r"\b[^\W\d_]{3,}-[^\W\d_]{3,}")
BLANKS = frozenset("\u115f\u1160\u2800\u3164\uffa0")  # letters and a symbol that show as nothing

Hit = tuple[float, str]  # worth, words


@lru_cache(4096)
def _kind(char: str) -> str:
    """Blank, letter, symbol (emoji and the like) or mark (punctuation)."""
    category = unicodedata.category(char)
    if char in BLANKS or category[0] in "CZM":
        return "blank"
    if category[0] in "LN":
        return "letter"
    return "symbol" if category[0] == "S" and char > "\x7f" else "mark"


class _Heard(dict):
    """For str.translate: letters, symbols and each digit as 0 stay of a text, the rest goes."""

    def __missing__(self, code: int) -> str | None:
        char = chr(code)
        kept = "0" if char.isdigit() else char
        self[code] = kept if _kind(char) in ("letter", "symbol") else None
        return self[code]


_HEARD = _Heard()


def _clip(text: str) -> str:
    return text if len(text) <= HEAD + TAIL else text[:HEAD] + WALL + text[-TAIL:]


def _lower(text: str) -> str:
    """Lower case of the same length, so that words can be cut from the original."""
    low = text.lower()
    if len(low) != len(text):
        low = "".join(c.lower() if len(c.lower()) == 1 else c for c in text)
    return low.replace("\u2019", "'").replace("_", " ")


def _sketch(clip: str) -> array[int]:
    folded = unicodedata.normalize("NFKC", clip).casefold()
    folded = folded[: 2 * (HEAD + TAIL)]  # one character can become 18
    heard = folded.translate(_HEARD)
    edge = [0] * (SHINGLE - 1)
    said = [*edge, *map(ord, heard), *edge] if heard else []
    # The hash of a tuple of numbers, unlike that of a string, is the same in every process.
    grams = zip(*(said[k:] for k in range(SHINGLE)), strict=False)
    return array("I", sorted({gram & 0xFFFFFFFF for gram in map(hash, grams)})[:SKETCH])


def _likeness(a: array[int], b: array[int], of_a: set[int]) -> float:
    if a == b or not a or not b:
        return float(a == b)
    # Up to the smaller of two full sketches' last hashes both are complete samples.
    bound = min((s[-1] for s in (a, b) if len(s) == SKETCH), default=0xFFFFFFFF)
    common = sum([h <= bound for h in of_a.intersection(b)])
    return common / (bisect_right(a, bound) + bisect_right(b, bound) - common)


def _found(low: str) -> dict[str, dict[int, tuple[float, int, int]]]:
    """Per state the different cues, each where it stands first, and every place of bliss."""
    found: dict[str, dict[int, tuple[float, int, int]]] = {}
    last_words = max(0, len(low) - FAREWELL)
    for cue in anywhere():
        start = last_words if cue.state == "goodbye_loop" else 0
        if match := compiled(cue).search(low, start):
            found.setdefault(cue.state, {}).setdefault(cue.number, (cue.worth, *match.span()))
    for head in heads().finditer(low):
        start = head.start()
        for cue in starting(head[0]):
            if cue.state == "goodbye_loop" and start < last_words:
                continue
            if match := compiled(cue).match(low, start):
                number = -start if cue.state == "bliss" else cue.number
                found.setdefault(cue.state, {}).setdefault(number, (cue.worth, *match.span()))
    return found


def _wordless(clip: str, staged: bool) -> dict[str, Hit]:
    heard = clip.translate(_HEARD)
    symbols = 0 if clip.isascii() else sum(_kind(char) == "symbol" for char in heard)
    letters, short = len(heard) - symbols, clip.strip()
    hits = {}
    if not letters and not symbols and not set("?!") & set(clip):
        hits["silence"] = (1, short[:40])
    elif (
        staged
        and not symbols
        and "?" not in clip
        and (letters < (80 if short[:1] in "[(*_`<{" else 20))
    ):
        hits["silence"] = (1, short[:120])
    if symbols and letters <= 40 and symbols >= 0.1 * (symbols + letters):
        hits["emoji_collapse"] = (1 if symbols >= 0.3 * (symbols + letters) else 0.5, short[:40])
    return hits


def _weak(hit: Hit) -> Hit:
    return min(hit[0], HOLD - 0.1), hit[1]


def _bliss(places: int, weight: float, low: str) -> float:
    # Some scripts have no spaces: a word is at most eight characters. The added words are a prior:
    # one word of ten proves little.
    rate = 100 * weight / (max(len(low.split()), len(low) / 8) + PRIOR)
    hold, count, full = BLISSFUL
    if rate < hold:
        return 0
    return HOLD - 0.1 if rate < count else 1 if rate >= full and places > 1 else 0.6


def _riff(clip: str) -> float:
    """Exuberance: a long text with many emoji, or with many compounds made up on the way."""
    if len(clip) < 200:
        return 0
    emoji = 0 if clip.isascii() else sum(char >= "\U0001f300" for char in clip)
    hyphens = clip.count("-")
    compounds = len(COMPOUND.findall(clip)) if hyphens >= COMPOUNDS else 0
    return 0.7 * (emoji >= RIFF) + 0.7 * (compounds >= COMPOUNDS)


def _read(clip: str) -> dict[str, Hit]:
    """What one message shows by itself: per state its worth and the words that show it."""
    low = _lower(clip)
    found = _found(low)
    hits = {}
    for state, cues in found.items():
        worth, (_, start, end) = sum(cue[0] for cue in cues.values()), max(cues.values())
        if worth >= SHOWS:
            hits[state] = (min(2, worth), clip[start:end].partition(WALL)[0][:120])
    if riff := _riff(clip):
        worth, words = hits.get("creative_escape", (0, clip[:40]))
        hits["creative_escape"] = (min(2, worth + riff), words)
    blissful = [cue[0] for cue in found.get("bliss", {}).values()]
    wordless = _wordless(clip, hits.pop("silence", None) is not None and len(blissful) < 3)
    if blissful and (bliss := _bliss(len(blissful), sum(blissful), low)):
        hits["bliss"] = (bliss, hits["bliss"][1])
        if "silence" in wordless:  # "*silence*" is no rapture
            hits["bliss"] = _weak(hits["bliss"])
        if bliss == 1:  # a litany is no story
            hits.pop("creative_escape", None)
    else:
        hits.pop("bliss", None)
    claim, accept = hits.get("identity_standoff"), hits.get("identity_collapse")
    if claim and accept:
        del hits["identity_collapse" if claim[0] > accept[0] else "identity_standoff"]
    return hits | wordless


@lru_cache(256)
def _reading(clip: str) -> tuple[array[int], dict[str, Hit]]:
    """A message's sketch and what it shows; kept for a while, as loops say the same again."""
    return _sketch(clip), _read(clip)


@dataclass
class _Regime:
    """Persistence and hysteresis of one state."""

    state: str
    recent: deque[tuple[int, int, float, str]] = field(default_factory=deque)
    since: int | None = None
    last: int = 0
    hits: int = 0
    quiet: float = 0
    evidence: list[Evidence] = field(default_factory=list)
    closed: list[Span] = field(default_factory=list)

    def step(self, index: int, hit: Hit | None, cost: float, start: int) -> Change | None:
        """One message: `cost` is how quiet it is without a hit, `start` where its hit begins."""
        rule = RULES[self.state]
        if hit and hit[0] >= HOLD:
            self.recent.append((index, start, *hit))
        while self.recent and self.recent[0][0] <= index - rule.window:
            self.recent.popleft()
        if self.since is None:
            ready = hit and sum(worth for _, _, worth, _ in self.recent) >= rule.need
            return self._begin(index) if ready else None
        self._go_on(index, hit, cost)
        if self.quiet > rule.gap * (1 + rule.deepen * min(1, self.hits / 20)):
            return self._end()
        return Change(self.state, "holds", self.since, index - self.since + 1)

    def _begin(self, index: int) -> Change:
        floor = self.closed[-1].end + 1 if self.closed else 0
        self.since, self.last = max(self.recent[0][1], floor), index
        self.hits, self.quiet = len(self.recent), 0
        self.evidence = [Evidence(i, words) for i, _, _, words in self.recent]
        return Change(self.state, "begins", self.since, index - self.since + 1)

    def _go_on(self, index: int, hit: Hit | None, cost: float) -> None:
        if not hit:
            self.quiet += cost
            return
        self.last, self.hits, self.quiet = index, self.hits + 1, 0
        if len(self.evidence) < 5:  # enough to judge a verdict by, however long it holds
            self.evidence.append(Evidence(index, hit[1]))

    def _end(self) -> Change:
        span = self.span()
        self.closed.append(span)
        self.since = None
        self.recent.clear()
        return Change(self.state, "ends", span.start, span.end - span.start + 1)

    def span(self) -> Span:
        return Span(self.state, self.since, self.last, tuple(self.evidence))


class Detector:
    """Reads messages one by one; the same object answers live and after the fact."""

    def __init__(self) -> None:
        self._sketches: list[array[int]] = []
        self._sets: deque[set[int]] = deque(maxlen=LOOK_BACK)  # the latest sketches', newest first
        self._recurs: list[int] = []  # per message, a bit for each lag at which it recurs
        self._shown: list[dict[str, float]] = []
        self._regimes = {state: _Regime(state) for state in STATES}

    def add(self, text: str, seat: str, interjected: bool = False) -> list[Change]:
        """Reads one message; tells which states begin, hold or end with it, whosever seat it is."""
        clip, index = _clip(text), len(self._sketches)
        sketch, shows = _reading(clip)
        self._sketches.append(sketch)
        hits = {} if interjected else dict(shows)
        near, lag = self._recur(index, 1 if "silence" in hits else PERIOD)
        if near >= NEARISH and not interjected:
            hits["verbatim_loop"] = (1 if near >= NEAR else HOLD - 0.1, clip[:60])
        self._shown.append({state: min(1, worth) for state, (worth, _) in hits.items()})
        wordless = near >= NEAR or "silence" in hits or "emoji_collapse" in hits
        changes = []
        for state, regime in self._regimes.items():
            hit = hits.get(state)
            if not hit and regime.since is None:
                continue
            cost = 0.5 if wordless and state in WORDED else 1
            start = index - lag if state == "verbatim_loop" else index
            changes.append(regime.step(index, hit, cost, start))
        return [change for change in changes if change]

    def turn(self, event: Mapping[str, Any]) -> list[Change]:
        """Reads one `turn` event of a log."""
        seat = event["label"][-1]
        # What a provider would not let a model say shows nothing of the model.
        aside = event.get("interjected") or "refused" in (event.get("flags") or [])
        return self.add(event["response"], seat, bool(aside))

    def _recur(self, index: int, period: int) -> tuple[float, int]:
        """Notes where a message recurs; how near it is within the period, and how far back."""
        new, hashes = self._sketches[index], set(self._sketches[index])
        before = reversed(self._sketches[max(0, index - LOOK_BACK) : index])
        # Likeness is at most what two share over what either has: most pairs need no closer look.
        near = [
            _likeness(new, old, hashes)
            if len(hashes & known) >= NEARISH * max(len(hashes), len(known))
            else 0.0
            for old, known in zip(before, self._sets, strict=True)
        ]
        self._sets.appendleft(hashes)
        self._recurs.append(sum(1 << k for k, like in enumerate(near) if like >= NEAR))
        best = max(near[:period], default=0)
        return best, near.index(best) + 1 if near else 0

    def likeness(self, i: int, j: int) -> float:
        """How alike two messages are, 0 to 1: the estimated Jaccard index of their shingles."""
        return self.alike(i, [j])[0]

    def alike(self, i: int, others: Iterable[int]) -> list[float]:
        """How alike a message is to each of the others: a row of the recurrence plot."""
        sketch, hashes = self._sketches[i], set(self._sketches[i])
        return [_likeness(sketch, self._sketches[j], hashes) for j in others]

    def holding(self) -> dict[str, int]:
        """The states that hold now and since when."""
        return {s: r.since for s, r in self._regimes.items() if r.since is not None}

    def spans(self) -> list[Span]:
        """All spans so far, by start."""
        spans = [span for r in self._regimes.values() for span in r.closed]
        spans += [self._regimes[state].span() for state in self.holding()]
        return sorted(spans, key=lambda span: (span.start, span.end))

    def path(self) -> list[Stretch]:
        """The run's themes in order, with the forms that lie over them."""
        return stretches(self.spans(), len(self._sketches))

    def path_words(self) -> str:
        """The path in words: `standoff 1-8 → goodbye 16-40, verbatim from 22`."""
        return path_words(self.path())

    def ending(self) -> Ending:
        """The theme and the form that the run ends in."""
        theme, theme_since = self._last(THEMES)
        form, form_since = self._last(FORMS)
        return Ending(theme, form, theme_since, form_since)

    def _last(self, kind: tuple[str, ...]) -> tuple[str | None, int | None]:
        size = len(self._sketches)
        first = max(0, size - TAIL_MESSAGES)
        scores, since = dict.fromkeys(kind, 0.0), dict.fromkeys(kind, 0)
        for span in self.spans():
            if span.state not in kind:
                continue
            since[span.state] = span.start
            open_ = span.state in WORDED and self.holding().get(span.state) == span.start
            end = size if open_ else span.end + 1
            for i in range(max(span.start, first), end):
                share = (1 + self._shown[i].get(span.state, 0)) / 2
                scores[span.state] += RULES[span.state].weight * share * (i - first + 1)
        best = max(scores, key=scores.__getitem__)
        enough = scores[best] > ENOUGH * sum(range(size - first + 1))
        return (best, since[best]) if enough else (None, None)

    def recurrence(self) -> dict[str, float | int | None]:
        """Recurrence rate, determinism and the moment of lock-in (a message index, or None)."""
        bits = self._recurs
        points = sum(row.bit_count() for row in bits)
        pairs = sum(min(i, LOOK_BACK) for i in range(len(bits)))
        lines = sum(
            (row & (before | after)).bit_count()
            for before, row, after in zip([0, *bits], bits, [*bits[1:], 0], strict=False)
        )
        locked = (
            i
            for i, row in enumerate(bits)
            if row and sum(map(bool, bits[i : i + LOOK_BACK])) >= LOCKED
        )
        return {
            "rate": points / pairs if pairs else 0.0,
            "determinism": lines / points if points else 0.0,
            "lock_in": next(locked, None),
        }


def detect(messages: Iterable[tuple[str, str, bool]]) -> Detector:
    """A detector that has read all the messages: (text, seat, interjected)."""
    detector = Detector()
    for text, seat, interjected in messages:
        detector.add(text, seat, interjected)
    return detector


def heard(events: Iterable[Mapping[str, Any]], detector: Detector | None = None) -> Detector:
    """A detector that has read the messages among a log's events."""
    detector = detector or Detector()
    for event in events:
        if event["type"] == "turn":
            detector.turn(event)
    return detector
