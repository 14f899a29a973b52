"""The cues of cues.txt, by the first letters of the words that they can begin with.

    for head in heads().finditer(text):
        for cue in starting(head[0]):
            compiled(cue).match(text, head.start())

A message has some hundred words and the file some hundred patterns: one pattern made of them all
finds the few words where any can match, and only those that begin like the word are tried there.
"""

from __future__ import annotations

import itertools
import re
from functools import cache, lru_cache
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
    for _ in range(2):  # an entry of words may use another
        pattern = re.sub(r"<(\w+)>", lambda key: words[key[1]], pattern)
    return pattern.replace(" ", r"[^\w\n.!?;:]{1,4}")


def _branches(pattern: str) -> list[str]:
    """The pattern as texts that begin with a letter each: a group at its start taken apart, and
    without a look-behind, so that together they match wherever it does, and maybe elsewhere."""
    body = re.sub(r"^\(\?<!.*?\)", "", pattern)
    if not body.startswith("(?:"):
        return [body]
    depth, cuts = 0, [2]
    for mark in re.finditer(r"\\.|\[[^\]]*\]|[()|]", body):
        depth += {"(": 1, ")": -1}.get(mark[0], 0)
        if (mark[0] == "|" and depth == 1) or not depth:
            cuts.append(mark.start())
        if not depth:
            break
    rest = body[cuts[-1] + 1 :]
    heads = [body[a + 1 : b] for a, b in itertools.pairwise(cuts)]
    return [branch for head in heads for branch in _branches(head + rest)]


def _tree(branches: list[str], depth: int = 0) -> str:
    """One pattern for any of them, the first letters shared, as `re` is quick to rule out."""
    groups: dict[str, list[str]] = {}
    for branch in branches:
        first = branch[0] if depth < 3 and re.match(r"\w(?![?*+{])", branch) else ""
        groups.setdefault(first, []).append(branch[len(first) :])
    plain = groups.pop("", [])
    deeper = [first + _tree(rests, depth + 1) for first, rests in groups.items()]
    return f"(?:{'|'.join(dict.fromkeys(deeper + plain))})"


@cache
def anywhere() -> list[Cue]:
    """The cues to search for in the whole text."""
    return [cue for cue in cues() if cue.pattern[0] in "^[\\"]


@cache
def _at_words() -> list[tuple[Cue, list[str]]]:
    """The others, which begin at a word, with their branches."""
    return [(cue, _branches(cue.pattern)) for cue in cues() if cue not in anywhere()]


@cache
def _by_head() -> dict[str, list[Cue]]:
    """These by the first letters, up to three, of the words they can begin with."""
    found: dict[str, list[Cue]] = {}
    for cue, branches in _at_words():
        for key in {re.match(r"\w{1,3}(?![?*{])", branch)[0] for branch in branches}:
            found.setdefault(key, []).append(cue)
    return found


@lru_cache(4096)
def starting(head: str) -> list[Cue]:
    """The cues that may stand at a word that begins with `head`."""
    keys = (head, head[:2])[: len(head) - 1 or 1]
    return [cue for key in keys for cue in _by_head().get(key, ())]


@cache
def heads() -> re.Pattern[str]:
    """Finds the first letters, up to three, of each word at which a cue stands. (Now and
    then at one more: the tree knows no look-behind.)"""
    every = [branch for _, branches in _at_words() for branch in branches]
    return re.compile(rf"\b(?={_tree(every)})\w{{1,3}}", re.M)


@cache
def compiled(cue: Cue) -> re.Pattern[str]:
    """A cue's pattern. Made at its first use: all of them take longer than an import should."""
    return re.compile(cue.pattern, re.M)
