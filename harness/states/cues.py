"""The cues of cues.txt, and where they stand in a text.

A message has some hundred words and the file some hundred patterns. A cue of one word is looked up
by the word, whose cues are kept. One pattern made of all others finds the few words where one of
these can stand, and only those that begin like the word are tried there.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from functools import cache, lru_cache
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

GAP = r"[^\w\n.!?;:]"
SPACE = f"{GAP}{{1,4}}"


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
    return pattern.replace(" ?", f"{GAP}{{0,4}}").replace(" ", SPACE)


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


@cache
def anywhere() -> list[Cue]:
    """The cues to search for in the whole text."""
    return [cue for cue in cues() if cue.pattern[0] in "^[\\"]


class Branch(NamedTuple):
    """One way to begin a cue: its first letters, and how it goes on."""

    cue: Cue
    head: str
    tail: str


@cache
def _at_words() -> tuple[list[Branch], list[Branch]]:
    """The others, which begin at a word: the branches of one word, and those of more."""
    short: list[Branch] = []
    longer: list[Branch] = []
    for cue in cues():
        for branch in _branches(cue.pattern) if cue not in anywhere() else ():
            head = re.match(r"\w+(?![?*{])", branch)
            assert head, f"{cue.pattern}: a cue begins with letters"
            one = Branch(cue, head[0], branch[head.end() :])
            # Of a farewell it matters where in the message it stands.
            more = cue.state == "goodbye_loop" or re.search(r"\[\^|\\W|\\d|\?[!<=]|,", one.tail)
            (longer if more else short).append(one)
    return short, longer


@cache
def _of_one_word() -> dict[str, list[Branch]]:
    found: dict[str, list[Branch]] = {}
    for branch in _at_words()[0]:
        found.setdefault(branch.head, []).append(branch)
    return found


@lru_cache(1 << 14)
def cues_of(word: str) -> tuple[Cue, ...]:
    """The cues of one word that this word is."""
    found = {
        branch.cue: None
        for size in range(1, len(word) + 1)
        for branch in _of_one_word().get(word[:size], ())
        if re.match(branch.head + branch.tail, word)
    }
    return tuple(found)


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
def _by_letters() -> dict[str, list[Cue]]:
    """The cues of more words by the first letters, up to three, of the word they begin with."""
    found: dict[str, dict[Cue, None]] = {}
    for branch in _at_words()[1]:
        found.setdefault(branch.head[:3], {})[branch.cue] = None
    return {letters: list(cues) for letters, cues in found.items()}


@lru_cache(4096)
def starting(letters: str) -> list[Cue]:
    """The cues of more words that may stand at a word that begins with these letters."""
    keys = (letters, letters[:2], letters[:1])[: len(letters)]
    return [cue for key in keys for cue in _by_letters().get(key, ())]


@cache
def places() -> re.Pattern[str]:
    """Finds the first letters, up to three, of each word at which a cue of more words stands. (Now
    and then at one more: the tree knows no look-behind.)"""
    every = [branch.head + branch.tail for branch in _at_words()[1]]
    return re.compile(rf"\b(?={_tree(every)})\w{{1,3}}", re.M)


@cache
def compiled(cue: Cue) -> re.Pattern[str]:
    """A cue's pattern. Made at its first use: all of them take longer than an import should."""
    return re.compile(cue.pattern, re.M)


# ---------------------------------------------------------------- what a message shows

FAREWELL, SHOWS = 400, 0.3
BLISSFUL, PRIOR, RIFF, COMPOUNDS = (3, 4, 8), 4, 5, 14
COMPOUND = re.compile(r"\b[^\W\d_]{3,}-[^\W\d_]{3,}")


class Hit(NamedTuple):
    """A cue in a message: its worth, where it stands first (first, last character) or as which
    word, and how often."""

    worth: float
    where: tuple[int, int] | str
    times: int = 1


Found = dict[str, dict[int | str, Hit]]  # by state and cue; of bliss by word


def found(low: str, words: Mapping[str, int]) -> Found:
    """Per state the different cues in a text of these words, each so many times."""
    hits: Found = {}
    last_words = max(0, len(low) - FAREWELL)
    for cue in _tried_anywhere(low.isascii(), "*" in low):
        start = last_words if cue.state == "goodbye_loop" else 0
        if match := compiled(cue).search(low, start):
            hits.setdefault(cue.state, {}).setdefault(cue.number, Hit(cue.worth, match.span()))
    for word, times in words.items():
        for cue in cues_of(word):
            number = word if cue.state == "bliss" else cue.number
            hits.setdefault(cue.state, {}).setdefault(number, Hit(cue.worth, word, times))
    for place in places().finditer(low):
        start = place.start()
        for cue in starting(place[0]):
            if cue.state == "goodbye_loop" and start < last_words:
                continue
            if match := compiled(cue).match(low, start):
                hits.setdefault(cue.state, {}).setdefault(cue.number, Hit(cue.worth, match.span()))
    return hits


@cache
def _tried_anywhere(ascii_only: bool, starred: bool) -> list[Cue]:
    """Those of them that a text can have which is ASCII, or has a star."""
    possible = [cue for cue in anywhere() if not (ascii_only and cue.pattern[0] == "[")]
    return [cue for cue in possible if starred or r"\*" not in cue.pattern]


def worths(clip: str, low: str, hits: Found) -> dict[str, Hit]:
    """How much a message shows of each state: the sum over its different cues, at most 2, and the
    words of the weightiest. Of a claim to be the assistant and one to be the user in one message
    the stronger counts. Bliss is a rate: its words per 100 words and PRIOR more."""
    shown = {}
    for state, cues_ in hits.items():
        worth = sum([hit.worth for hit in cues_.values()])
        if worth >= SHOWS:
            best = max(cues_.values(), key=itemgetter(0))
            shown[state] = Hit(min(2.0, worth), best.where)
    if riff := _riff(clip):
        worth, where, _ = shown.get("creative_escape", Hit(0.0, (0, 40)))
        shown["creative_escape"] = Hit(min(2.0, worth + riff), where)
    if blissful := hits.get("bliss"):
        times = sum([hit.times for hit in blissful.values()])
        rate = _bliss(times, sum([hit.times * hit.worth for hit in blissful.values()]), low)
        where = shown.pop("bliss", Hit(0.0, "")).where
        if rate:
            shown["bliss"] = Hit(rate, where)
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
