"""The cues of cues.txt, by the first letters of the words that they can begin with.

    for cue, pattern in table().get(word[:3], ()):
        pattern.match(text, start_of_word)

A message has some hundred words and the file some hundred patterns: only those that can match at a
word are tried there.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple


class Cue(NamedTuple):
    state: str
    number: int
    worth: float
    pattern: str


@cache
def cues() -> tuple[Cue, ...]:
    """The cues of cues.txt; other forms of a cue have its number."""
    words, found, state = {}, [], ""
    for line in (Path(__file__).parent / "cues.txt").read_text("utf-8").split("\n"):
        first, _, rest = line.partition(" ")
        if line.startswith("["):
            state = line.strip("[]")
        elif state == "words" and line:
            words[first] = rest.strip()
        elif state and line:
            number, worth = (len(found), float(first)) if first else found[-1][1:3]
            found.append(Cue(state, number, worth, rest.strip()))
    return tuple(cue._replace(pattern=_filled(cue.pattern, words)) for cue in found)


def _filled(pattern: str, words: dict[str, str]) -> str:
    for _ in range(2):      # an entry of words may use another
        pattern = re.sub(r"<(\w+)>", lambda key: words[key[1]], pattern)
    return pattern.replace(" ", r"[^\w\n.!?;:]{1,4}")


def _keys(pattern: str) -> set[str]:
    """The first letters, up to three, of the words a pattern can begin with; "" for any place."""
    if pattern[0] in "^[\\":
        return {""}
    body = re.sub(r"^\(\?<!.*?\)", "", pattern)
    starts = [body]
    if body.startswith("(?:"):
        body = body[3:]
        while (flat := re.sub(r"\([^()]*\)", "", body)) != body:
            body = flat
        starts = body.partition(")")[0].split("|")
    return {re.match(r"\w{1,3}(?![?*{])", start)[0] for start in starts}


@cache
def table() -> dict[str, list[tuple[Cue, re.Pattern[str]]]]:
    """The cues by their first letters. Made at first use: it takes longer than an import should."""
    found: dict[str, list[tuple[Cue, re.Pattern[str]]]] = {}
    for cue in cues():
        for key in _keys(cue.pattern):
            found.setdefault(key, []).append((cue, re.compile(cue.pattern, re.M)))
    return found
