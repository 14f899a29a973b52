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
    words: dict[str, str] = {}
    found: list[Cue] = []
    state = ""
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
        heads = (re.match(r"\w{1,3}(?![?*{])", branch) for branch in branches)
        for key in {head[0] for head in heads if head}:
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


# ---------------------------------------------------------------- what a message shows

FAREWELL, SHOWS = 400, 0.3
BLISSFUL, PRIOR, RIFF, COMPOUNDS = (3, 4, 8), 4, 5, 14
COMPOUND = re.compile(r"\b[^\W\d_]{3,}-[^\W\d_]{3,}")

Found = dict[str, dict[int, tuple[float, int, int]]]  # state: cue: worth, first, last character


def found(low: str) -> Found:
    """Per state the different cues, each where it stands first, and every place of bliss."""
    hits: Found = {}
    last_words = max(0, len(low) - FAREWELL)
    for cue in anywhere():
        start = last_words if cue.state == "goodbye_loop" else 0
        if match := compiled(cue).search(low, start):
            hits.setdefault(cue.state, {}).setdefault(cue.number, (cue.worth, *match.span()))
    for head in heads().finditer(low):
        start = head.start()
        for cue in starting(head[0]):
            if cue.state == "goodbye_loop" and start < last_words:
                continue
            if match := compiled(cue).match(low, start):
                number = -start if cue.state == "bliss" else cue.number
                hits.setdefault(cue.state, {}).setdefault(number, (cue.worth, *match.span()))
    return hits


def worths(clip: str, low: str, hits: Found) -> dict[str, tuple[float, int, int]]:
    """How much a message shows of each state: the sum over its different cues, at most 2, and the
    words of the weightiest. Of a claim to be the assistant and one to be the user in one message
    the stronger counts. Bliss is a rate: its words per 100 words and PRIOR more."""
    shown = {}
    for state, cues_ in hits.items():
        worth, (_, start, end) = sum(cue[0] for cue in cues_.values()), max(cues_.values())
        if worth >= SHOWS:
            shown[state] = (min(2.0, worth), start, end)
    if riff := _riff(clip):
        worth, start, end = shown.get("creative_escape", (0.0, 0, 40))
        shown["creative_escape"] = (min(2.0, worth + riff), start, end)
    places = hits.get("bliss", {})
    rate = _bliss(len(places), sum(cue[0] for cue in places.values()), low)
    if rate:
        shown["bliss"] = (rate, *shown["bliss"][1:])
    else:
        shown.pop("bliss", None)
    claim, accept = shown.get("identity_standoff"), shown.get("identity_collapse")
    if claim and accept:
        del shown["identity_collapse" if claim[0] > accept[0] else "identity_standoff"]
    return shown


def _bliss(places: int, weight: float, low: str) -> float:
    # Some scripts have no spaces: a word is at most eight characters. The added words are a prior:
    # one word of ten proves little.
    rate = 100 * weight / (max(len(low.split()), len(low) / 8) + PRIOR)
    hold, count, full = BLISSFUL
    if rate < hold:
        return 0
    return 0.4 if rate < count else 1 if rate >= full and places > 1 else 0.6


def _riff(clip: str) -> float:
    """Exuberance: a long text with many emoji, or with many compounds made up on the way."""
    if len(clip) < 200:
        return 0
    emoji = 0 if clip.isascii() else sum(map("\U0001f300".__le__, clip))
    hyphens = clip.count("-")
    compounds = len(COMPOUND.findall(clip)) if hyphens >= COMPOUNDS else 0
    return 0.7 * (emoji >= RIFF) + 0.7 * (compounds >= COMPOUNDS)
