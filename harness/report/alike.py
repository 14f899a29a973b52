"""How alike a run's messages are, each with each: the recurrence plot of the page.

    digits([Heard("Hello there"), Heard("Hello, there!"), Heard("Goodbye")])    ["", "f", "00"]

It is `nearish` (harness/states/recurrence.py) of all pairs, most of which are never looked at: the
pieces that a text has in common with others are counted for all of them at once.
"""

from collections import Counter
from collections.abc import Iterator
from itertools import chain

from harness.states.recurrence import NEARISH, PIECES, Heard, likeness, probable


def digits(heard: list[Heard]) -> list[str]:
    """Per text one hexadecimal digit for each text before it: 0 (not NEARISH) to f (the same)."""
    known = [*{one.text: one for one in heard}.values()]
    table = [["0"] * len(known) for _ in known]
    for number, row in enumerate(table):
        row[number] = "f"
    for one, other in _probable(known):
        like = likeness(known[one], known[other])
        if known[one].text and known[other].text and like >= NEARISH:
            table[one][other] = table[other][one] = f"{round(15 * like):x}"
    place = {one.text: number for number, one in enumerate(known)}
    order = [place[one.text] for one in heard]
    return ["".join([table[it][other] for other in order[:i]]) for i, it in enumerate(order)]


def _probable(known: list[Heard]) -> Iterator[tuple[int, int]]:
    """The pairs of texts, by number, that may be NEARISH."""
    holders: dict[str, list[int]] = {}  # of each piece: the texts before that have it
    short: list[int] = []  # the texts before of few pieces
    for number, one in enumerate(known):
        common = Counter(chain.from_iterable([holders.setdefault(p, []) for p in one.pieces]))
        few = len(one.pieces) < PIECES
        others = {*common, *short} if few else common
        yield from ((number, k) for k in others if probable(common[k], one, known[k]))
        for piece in one.pieces:
            holders[piece].append(number)
        if few:
            short.append(number)
