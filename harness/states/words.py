"""A message as words, and the phrases in it: what a theme is learned from.

    said = Said("goodbye, claude!")
    said.words                             ["goodbye", "name", "!"]
    said.phrases()                         {"goodbye", "name", "!", "goodbye name", ...}

What a model thought aloud before it spoke (`<think>...</think>`) is not read, unless it said
nothing else. Of a longer text only the first HEAD and the last TAIL characters are read. Words are
lower case; a number is `0`, a model's or its maker's name `name`, an emoji `☺`; words for an AI are
one word; fillers are left out. So a phrase fits whoever speaks, and however they hedge.
"""

from __future__ import annotations

import itertools
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any

HEAD, TAIL, WALL = 800, 500, "\0" * 8  # the wall keeps a cue from matching across the cut
ENGLISH, ENOUGH, FEW = 0.04, 12, 5  # see `english`
MANY = 1 << 16

# What ends a thought: one that the text begins with, or whose beginning stands in a prompt. Where a
# sentence goes on, before it and behind it, the tag is but spoken of.
THOUGHT = "</think>"
_AFTER = re.compile(
    rf"(?:\A\s*<think>.*?{THOUGHT}|(?<!\w ){THOUGHT}|{THOUGHT}(?! [a-z—–(-]|-))"
    r"(?![`'\"’”.,;:!?)\]])",
    re.S,
)
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?|\d+|[?!*]+|[\u2600-\u27bf\U0001f000-\U0001faff]+")
_ASCII_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?|\d+|[?!*]+", re.A)  # the same, and faster
_NAMES = (
    "claude chatgpt gpt gemini gemma grok qwen llama glm kimi deepseek olmo mistral trinity arcee "
    "anthropic openai google deepmind xai alibaba moonshot zhipu"
)
_SAME = dict.fromkeys(_NAMES.split(), "name")
_SAME |= dict.fromkeys(("llm", "chatbot", "bot"), "ai")
_SAME |= dict.fromkeys(("llms", "chatbots", "bots"), "ais")
_FILLERS = (
    "actually just really indeed also very so quite truly genuinely certainly definitely simply "
    "absolutely perhaps maybe basically honestly literally clearly totally completely"
)
# Words that half of all English sentences have, and those of its neighbours hardly ever.
_COMMON = (
    "the and of to you it that for this with what are your we i'm it's not have be can here our "
    "how but they there from when about"
)
# Longer words that say nothing by themselves.
_EMPTY = (
    "about after again also among another around away back because been before being between both "
    "could does doing done down each else even ever every from have having here into it's just "
    "keep like made make many more most much must never next once only other over quite rather "
    "really same shall should since some something still such than that that's their them then "
    "there there's these they they're thing things this those though through thus till time "
    "under until upon using very want well were we're what what's when where whether which while "
    "will with within without would you're your yours you've you'll i've i'll they've let's don't "
    "isn't doesn't won't can't wasn't aren't didn't got get name yes"
)
Phrase = str | tuple[str, ...]  # one word, or several in a row
FILLERS, COMMON = frozenset(_FILLERS.split()), frozenset(_COMMON.split())
EMPTY = COMMON | FILLERS | frozenset(_EMPTY.split())
LETTERS = 4  # a word that tells something has as many, or more


def clip(text: str) -> str:
    """What is read of a text."""
    if THOUGHT in text:
        said = _AFTER.split(text)[-1]
        text = said if said.strip() else text
    return text if len(text) <= HEAD + TAIL else text[:HEAD] + WALL + text[-TAIL:]


def lower(text: str) -> str:
    """Lower case of the same length, so that words can be cut from the original."""
    low = text.lower()
    if len(low) != len(text):
        low = "".join(c.lower() if len(c.lower()) == 1 else c for c in text)
    return low.replace("\u2019", "'").replace("_", " ")


class Once(dict[Any, Any]):
    """What there is to say of a word, a phrase or a character, found out once; of MANY at the
    most."""

    def __init__(self, look_up: Callable[[Any], Any]):
        self._look_up = look_up

    def __missing__(self, what: Any) -> Any:
        if len(self) >= MANY:
            self.clear()
        self[what] = found = self._look_up(what)
        return found


def _known_as(word: str) -> str:
    first = word[0]
    if word in FILLERS:
        return ""
    if first in "?!*":
        return first
    if not first.isalpha():
        return "0" if first.isdigit() else "☺"
    return sys.intern(_SAME.get(word, word))


KNOWN_AS = Once(_known_as)  # a word as the model knows it; a filler is nothing


class Said:
    """The words of a clipped text in lower case: as they are spelled, and as the model knows them,
    all in order, and how often each."""

    def __init__(self, low: str):
        self.spelled: list[str] = (_ASCII_WORD if low.isascii() else _WORD).findall(low)
        self.words = list(filter(None, map(KNOWN_AS.__getitem__, self.spelled)))
        self.counts = Counter(self.words)

    def in_row(self, size: int) -> Iterator[tuple[str, ...]]:
        """Every so many words in a row."""
        return zip(*(self.words[k:] for k in range(size)), strict=False)

    def phrases(self) -> Iterator[Phrase]:
        """Every one, two or three words in a row."""
        return itertools.chain(self.counts, self.in_row(2), self.in_row(3))

    def often(self, words: Iterable[str]) -> int:
        """How often these are said, together."""
        return sum([self.counts[word] for word in words if word in self.counts])

    def common(self) -> tuple[int, int]:
        """How many of the words are common English ones, and how many are words at all; none of
        either of a few words, which sound alike in many languages."""
        real = len(self.words) - self.often("?!*0☺")
        return (self.often(COMMON), real) if real >= FEW else (0, 0)


def tells(phrase: Phrase) -> bool:
    """Whether a phrase has a word that means something by itself."""
    return any(w not in EMPTY and sum(map(str.isalpha, w)) >= LETTERS for w in as_words(phrase))


# How much a phrase tells a reader: the longer the more.
telling = Once(lambda phrase: 1 + len(as_words(phrase)) if tells(phrase) else 0)


def as_words(phrase: Phrase) -> tuple[str, ...]:
    """A phrase's words."""
    return (phrase,) if isinstance(phrase, str) else phrase


def core(phrase: Phrase) -> Phrase:
    """A phrase without the words and marks at its ends that mean nothing by themselves."""
    words = as_words(phrase)
    means = [k for k, w in enumerate(words) if w[0].isalpha() and w not in EMPTY]
    return words[means[0] : means[-1] + 1] if means else phrase


def place(phrase: Phrase, low: str) -> tuple[int, int] | None:
    """Where in a text in lower case a phrase stands."""
    wanted = as_words(phrase)
    as_is = " ".join(wanted)
    at = low.find(as_is)
    end = at + len(as_is)
    if at >= 0 and not low[at - 1 : at].isalnum() and not low[end : end + 1].isalnum():
        return at, end
    said, places = _placed(low)
    for i, word in enumerate(said):
        if word == wanted[0] and said[i : i + len(wanted)] == wanted:
            return places[i][0], places[i + len(wanted) - 1][1]
    return None


@lru_cache(1)  # the themes' evidence is looked for one after another in one message
def _placed(low: str) -> tuple[tuple[str, ...], list[tuple[int, int]]]:
    """The words of a text, and where each stands."""
    found = [(KNOWN_AS[match[0]], match.span()) for match in _WORD.finditer(low)]
    return tuple(w for w, _ in found if w), [span for w, span in found if w]


def english(common: int, real: int) -> bool:
    """Whether a text with so many common words of so many is English; unless there are ENOUGH
    words to tell it is taken to be."""
    return real < ENOUGH or common >= ENGLISH * real
