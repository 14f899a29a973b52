"""How alike a run's messages are, each with each: the recurrence plot of the page.

    digits([Heard("Hello there"), Heard("Hello, there!"), Heard("Goodbye")])    ["", "f", "00"]

It is `nearish` (harness/states/recurrence.py) of all pairs, most of which are never looked at: the
pieces of long texts that `nearish` looks for in a shorter one are looked for all at once.
"""

import sys
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from itertools import chain

from harness.states.recurrence import ENOUGH, LONG, NEARISH, PROBE, Heard, likeness

FEW, ALL = ENOUGH[NEARISH]


def digits(heard: list[Heard]) -> list[str]:
    """Per text one hexadecimal digit for each text before it: 0 (not NEARISH) to f (the same)."""
    known = sorted({one.text: one for one in heard}.values(), key=lambda h: (len(h.text), h.text))
    table = [["0"] * len(known) for _ in known]
    for short, long in _probable(known):
        like = likeness(known[short], known[long])
        if known[short].text and like >= NEARISH:
            table[short][long] = table[long][short] = f"{round(15 * like):x}"
    for number, row in enumerate(table):
        row[number] = "f"
    place = {one.text: number for number, one in enumerate(known)}
    order = [place[one.text] for one in heard]
    return ["".join([table[it][other] for other in order[:i]]) for i, it in enumerate(order)]


def _probable(known: list[Heard]) -> Iterator[tuple[int, int]]:
    """The pairs (shorter, longer) of texts, from the shortest on, that may be NEARISH."""
    holders: dict[Hashable, list[int]] = {}  # of each of the first pieces: the texts that it is of
    short_ones: list[int] = []  # and texts of which no pieces are looked for
    for number, one in enumerate(known):
        if len(one.text) < LONG or not one.probes[0]:
            short_ones.append(number)
            continue
        for piece in one.probes[0]:
            for form in (piece, int.from_bytes(piece.encode(), sys.byteorder)):
                holders.setdefault(form, []).append(number)
    pieces = frozenset(holders)
    for short, one in enumerate(known):
        found = [holders[piece] for piece in pieces.intersection(_pieces(one.text))]
        for long, count in Counter(chain.from_iterable(found)).items():
            if count >= FEW and long > short:
                more = [piece for piece in known[long].probes[1] if piece in one.text]
                if count + len(more) >= ALL:
                    yield short, long
        yield from ((short, long) for long in short_ones if long > short)


def _pieces(text: str) -> Iterable[Hashable]:
    """Every PROBE characters in a row; of ASCII as numbers, which takes half the time."""
    if not text.isascii():
        return [text[at : at + PROBE] for at in range(len(text) - PROBE + 1)]
    raw = memoryview(text.encode())
    starts = range(min(PROBE, len(raw)))
    cut = [raw[at : len(raw) - (len(raw) - at) % PROBE].cast("Q") for at in starts]
    return chain.from_iterable(cut)
