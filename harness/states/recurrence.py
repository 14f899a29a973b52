"""Which messages recur: how alike two texts are, in any language, and when a run locks in.

A text is reduced to letters, digits (all as 0, so that "step 7" is "step 8") and symbols, NFKC and
case folded, then to the set of its SHINGLE-grams. Likeness is the Jaccard index |A and B| /
|A or B| of two such sets (Broder 1997, "On the resemblance and containment of documents"). Two
messages recur if it is NEAR or more. As in recurrence plots (Eckmann, Kamphorst & Ruelle 1987,
Europhys. Lett. 4; Marwan, Romano, Thiel & Kurths 2007, Physics Reports 438), LOOK_BACK from the
diagonal: rate = recurrent pairs / pairs; determinism = share of the recurrent pairs on diagonal
lines of two or more; lock-in = start of the first LOOK_BACK messages of which LOCKED recur.
"""

from __future__ import annotations

import re
import unicodedata
from collections import deque
from functools import cached_property, lru_cache
from typing import TypedDict

from harness.states.words import HEAD, TAIL, Once

SHINGLE, LOOK_BACK, LOCKED = 4, 8, 4
NEAR, NEARISH, CLOSE = 0.7, 0.36, 3  # NEARISH tells of the CLOSE latest messages only
# Most pairs need no close look: a text is cut at letters that are common in its script, wherever
# these stand, so that where two texts are the same their pieces are. So much of the pieces must be
# common; of recorded pairs that are just NEARISH one in 500 is missed so. Two texts of fewer than
# PIECES, which have 4 characters or more, are always looked at.
PIECES, ALIKE = 6, {NEARISH: 0.1, NEAR: 0.35}
PIECE = re.compile("[^aeοαоеיוالरकतรานのいにをは的一是不了在我이다는고에]{4,}")
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


def _kept(code: int) -> str | None:
    char = chr(code)
    if kind(char) not in ("letter", "symbol"):
        return None
    return "0" if char.isdigit() else char


KEPT = Once(_kept)  # for str.translate: letters, symbols and each digit as 0; the rest goes
_PARTS = re.compile(r"[\x00-\x7f]+|[^\x00-\x7f]+")  # ASCII is quick to translate
SYMBOLS = Once(lambda char: kind(char) == "symbol")  # which characters are emoji and the like


class Heard:
    """What of a text is compared."""

    def __init__(self, clip: str):
        folded = unicodedata.normalize("NFKC", clip).casefold()
        # One character can become 18.
        parts = _PARTS.findall(folded[: 2 * (HEAD + TAIL)])
        self.text = "".join([part.translate(KEPT) for part in parts])

    @cached_property
    def shingles(self) -> frozenset[str]:
        """Every SHINGLE characters in a row; the edges count as characters."""
        edge = "\0" * (SHINGLE - 1)
        text = f"{edge}{self.text}{edge}" if self.text else ""
        return frozenset(map("".join, zip(*(text[k:] for k in range(SHINGLE)), strict=False)))

    @cached_property
    def pieces(self) -> frozenset[str]:
        """The longer of the pieces that the text is cut into."""
        return frozenset(PIECE.findall(self.text))


def likeness(a: Heard, b: Heard) -> float:
    """How alike two texts are, 0 to 1: the Jaccard index of their shingles."""
    if a.text == b.text:
        return 1.0
    common = len(a.shingles & b.shingles)
    return common / (len(a.shingles) + len(b.shingles) - common)


def nearish(a: Heard, b: Heard, least: float = NEARISH) -> float:
    """Their likeness, if it is at the least NEARISH, or NEAR; else 0."""
    if a.text == b.text:
        return 1.0
    short, long = (a, b) if len(a.text) < len(b.text) else (b, a)
    if not short.text or not probable(len(a.pieces & b.pieces), a, b, least):
        return 0.0
    if len(short.text) + SHINGLE - 1 < least * len(long.shingles):  # so many are common at most
        return 0.0
    like = likeness(a, b)
    return like if like >= least else 0.0


def probable(common: int, a: Heard, b: Heard, least: float = NEARISH) -> bool:
    """Whether two texts with so many common pieces may be as alike."""
    one, other = len(a.pieces), len(b.pieces)
    few = one < PIECES and other < PIECES
    return few or common >= ALIKE[least] * (one + other - common)


class Figures(TypedDict):
    """Of a run: shares, and the index of a message, if any."""

    rate: float
    determinism: float
    lock_in: int | None


class Recurrence:
    """Which of a run's messages recur."""

    def __init__(self) -> None:
        self._latest: deque[Heard] = deque(maxlen=LOOK_BACK)  # newest first
        self._recurs: list[int] = []  # per message, a bit for each lag at which it recurs

    def __len__(self) -> int:
        return len(self._recurs)

    def add(self, new: Heard) -> list[float]:
        """Takes in a message; how alike it is to those before it, the latest first. What is less
        than NEARISH counts as 0, and what is less than NEAR to one before the CLOSE latest."""
        near = [
            nearish(new, old, NEARISH if lag < CLOSE else NEAR)
            for lag, old in enumerate(self._latest)
        ]
        self._latest.appendleft(new)
        self._recurs.append(sum([1 << k for k, like in enumerate(near) if like >= NEAR]))
        return near

    def repeats(self, i: int) -> int | None:
        """The latest of the LOOK_BACK messages before a message that it recurs to."""
        bits = self._recurs[i]
        return i - (bits & -bits).bit_length() if bits else None

    def figures(self) -> Figures:
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
