"""A message as words, and the phrases in it: what a theme is learned from.

    found = words("Goodbye, Claude!")      ["goodbye", "name", "!"]
    phrases(found)                         {"goodbye", "name", "!", "goodbye name", ...}

Of a longer text only the first HEAD and the last TAIL characters are read. Words are lower case;
a number is `0`, a model's or its maker's name `name`, an emoji `☺`; words for an AI are one word;
fillers are left out. So a phrase fits whoever speaks, and however they hedge.
"""

from __future__ import annotations

import itertools
import re
from functools import lru_cache

HEAD, TAIL, WALL = 800, 500, "\0" * 8  # the wall keeps a cue from matching across the cut
ENGLISH, ENOUGH, FEW = 0.04, 12, 5  # see `english`

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?|\d+|[?!*]+|[\u2600-\u27bf\U0001f000-\U0001faff]+")
_NAMES = (
    "claude chatgpt gpt gemini gemma grok qwen llama glm kimi deepseek olmo mistral trinity arcee "
    "anthropic openai google deepmind xai alibaba moonshot zhipu"
)
_SAME = dict.fromkeys(_NAMES.split(), "name") | {
    "llm": "ai", "chatbot": "ai", "bot": "ai", "llms": "ais", "chatbots": "ais", "bots": "ais",
}  # fmt: skip
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
FILLERS, COMMON = frozenset(_FILLERS.split()), frozenset(_COMMON.split())
EMPTY = COMMON | FILLERS | frozenset(_EMPTY.split())
LETTERS = 4  # a word that tells something has as many, or more


def clip(text: str) -> str:
    """What is read of a text."""
    return text if len(text) <= HEAD + TAIL else text[:HEAD] + WALL + text[-TAIL:]


def lower(text: str) -> str:
    """Lower case of the same length, so that words can be cut from the original."""
    low = text.lower()
    if len(low) != len(text):
        low = "".join(c.lower() if len(c.lower()) == 1 else c for c in text)
    return low.replace("\u2019", "'").replace("_", " ")


def words(low: str) -> list[str]:
    """The words of a clipped text in lower case, as the model knows them."""
    return list(filter(None, map(_known_as, _WORD.findall(low))))


@lru_cache(1 << 16)
def _known_as(word: str) -> str:
    """One word as the model knows it; a filler is nothing."""
    first = word[0]
    if word in FILLERS:
        return ""
    if first in "?!*":
        return first
    if not first.isalpha():
        return "0" if first.isdigit() else "☺"
    return _SAME.get(word, word)


def phrases(said: list[str]) -> set[str]:
    """Every one, two or three words in a row."""
    pairs = map(" ".join, itertools.pairwise(said))
    threes = map(" ".join, zip(said, said[1:], said[2:], strict=False))
    return {*said, *pairs, *threes}


def tells(phrase: str) -> bool:
    """Whether a phrase has a word that means something by itself."""
    return any(w not in EMPTY and sum(map(str.isalpha, w)) >= LETTERS for w in phrase.split(" "))


def place(phrase: str, low: str) -> tuple[int, int] | None:
    """Where in a text in lower case a phrase stands."""
    said, places = _placed(low)
    wanted = tuple(phrase.split(" "))
    for i, word in enumerate(said):
        if word == wanted[0] and said[i : i + len(wanted)] == wanted:
            return places[i][0], places[i + len(wanted) - 1][1]
    return None


@lru_cache(1)  # the themes' evidence is looked for one after another in one message
def _placed(low: str) -> tuple[tuple[str, ...], list[tuple[int, int]]]:
    """The words of a text, and where each stands."""
    found = [(_known_as(match[0]), match.span()) for match in _WORD.finditer(low)]
    return tuple(w for w, _ in found if w), [span for w, span in found if w]


def common(said: list[str]) -> tuple[int, int]:
    """How many of these words are common English ones, and how many are words at all; none of
    either of a few words, which sound alike in many languages."""
    real = [word for word in said if word[0].isalpha()]
    if len(real) < FEW:
        return 0, 0
    return sum(word in COMMON for word in real), len(real)


def english(common: int, real: int) -> bool:
    """Whether a text with so many common words of so many is English; unless there are ENOUGH
    words to tell it is taken to be."""
    return real < ENOUGH or common >= ENGLISH * real
