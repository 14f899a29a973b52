"""How alike a run's messages are, each with each: the recurrence plot of the page.

    digits([Heard("Hello there"), Heard("Hello, there!"), Heard("Goodbye")])    ["", "f", "00"]

It is `nearish` (harness/states/recurrence.py) of all pairs, most of which are never looked at: the
pieces of long texts that `nearish` looks for in a shorter one are looked for all at once, and only
pairs that share FEW of them can be NEARISH.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import chain

from harness.states.recurrence import ENOUGH, LONG, NEARISH, PROBE, VARIED, Heard, nearish

FEW = ENOUGH[NEARISH][0]


def digits(heard: list[Heard]) -> list[str]:
    """Per text one hexadecimal digit for each text before it: 0 (not NEARISH) to f (the same)."""
    known = sorted({one.text: one for one in heard}.values(), key=lambda h: (len(h.text), h.text))
    table = [["0"] * len(known) for _ in known]
    for short, long in _candidates(known):
        like = nearish(known[short], known[long])
        table[short][long] = table[long][short] = f"{round(15 * like):x}"
    for number, row in enumerate(table):
        row[number] = "f"
    place = {one.text: number for number, one in enumerate(known)}
    order = [place[one.text] for one in heard]
    return ["".join([table[it][other] for other in order[:i]]) for i, it in enumerate(order)]


def _candidates(known: list[Heard]) -> Iterator[tuple[int, int]]:
    """The pairs (shorter, longer) of texts, from the shortest on, that may be NEARISH."""
    holders: dict[str, list[int]] = {}  # of each piece: the texts that it was taken from
    short_ones: list[int] = []  # and texts of which no pieces are looked for
    for number, one in enumerate(known):
        if len(one.text) < LONG or len(set(chain(*one.probes))) < VARIED:
            short_ones.append(number)
        else:
            for piece in one.probes[0]:
                holders.setdefault(piece, []).append(number)
    pieces = frozenset(holders)
    for short, one in enumerate(known):
        there = [one.text[at : at + PROBE] for at in range(len(one.text) - PROBE + 1)]
        shared = chain.from_iterable([holders[piece] for piece in pieces.intersection(there)])
        likely = [long for long, count in Counter(shared).items() if count >= FEW]
        yield from ((short, long) for long in chain(short_ones, likely) if long > short)
