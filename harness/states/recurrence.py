"""Which messages recur: how alike two texts are, in any language, and when a run locks in.

A text is reduced to letters, digits (all as 0, so that "step 7" is "step 8") and symbols, NFKC and
case folded, then to the set of its SHINGLE-grams, of whose hashes the SKETCH smallest are kept.
Likeness is the Jaccard index |A and B| / |A or B| of two such sets, estimated from the hashes up to
the smaller sketch's last (Broder 1997, "On the resemblance and containment of documents"; exact for
short texts, standard error below 0.045 for others). Two messages recur if it is NEAR or more. As in
recurrence plots (Eckmann, Kamphorst & Ruelle 1987, Europhys. Lett. 4; Marwan, Romano, Thiel &
Kurths 2007, Physics Reports 438), LOOK_BACK from the diagonal: rate = recurrent pairs / pairs;
determinism = share of the recurrent pairs on diagonal lines of two or more; lock-in = start of the
first LOOK_BACK messages of which LOCKED recur.
"""

from __future__ import annotations

import unicodedata
from array import array
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable
from functools import lru_cache

from harness.states.words import HEAD, TAIL

SHINGLE, SKETCH, LOOK_BACK, LOCKED = 4, 128, 8, 4
NEAR, NEARISH = 0.7, 0.5
BLANKS = frozenset("\u115f\u1160\u2800\u3164\uffa0")  # letters and a symbol that show as nothing


@lru_cache(4096)
def kind(char: str) -> str:
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
        self[code] = kept if kind(char) in ("letter", "symbol") else None
        return self[code]


HEARD = _Heard()


class _Symbols(dict[str, bool]):
    """Which characters are symbols, emoji and the like."""

    def __missing__(self, char: str) -> bool:
        self[char] = kind(char) == "symbol"
        return self[char]


SYMBOLS = _Symbols()


def sketch(clip: str) -> array[int]:
    folded = unicodedata.normalize("NFKC", clip).casefold()
    folded = folded[: 2 * (HEAD + TAIL)]  # one character can become 18
    heard = folded.translate(HEARD)
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


class Recurrence:
    """The sketches of a run's messages, and which of them recur."""

    def __init__(self) -> None:
        self._sketches: list[array[int]] = []
        self._sets: deque[set[int]] = deque(maxlen=LOOK_BACK)  # the latest sketches', newest first
        self._recurs: list[int] = []  # per message, a bit for each lag at which it recurs

    def __len__(self) -> int:
        return len(self._sketches)

    def add(self, new: array[int]) -> list[float]:
        """Takes in a message's sketch; how alike it is to those before it, the latest first. What
        is less than NEARISH counts as 0."""
        hashes = set(new)
        before = reversed(self._sketches[-LOOK_BACK:])
        # Likeness is at most what two share over what either has: most pairs need no closer look.
        near = [
            _likeness(new, old, hashes)
            if len(hashes & known) >= NEARISH * max(len(hashes), len(known))
            else 0.0
            for old, known in zip(before, self._sets, strict=True)
        ]
        self._sketches.append(new)
        self._sets.appendleft(hashes)
        self._recurs.append(sum(1 << k for k, like in enumerate(near) if like >= NEAR))
        return near

    def alike(self, i: int, others: Iterable[int]) -> list[float]:
        """How alike a message is to each of the others: a row of the recurrence plot."""
        sketch, hashes = self._sketches[i], set(self._sketches[i])
        return [_likeness(sketch, self._sketches[j], hashes) for j in others]

    def figures(self) -> dict[str, float | int | None]:
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
