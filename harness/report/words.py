"""Words and emoji over many runs: what stands out in a condition, what a user asks for, variety.

Counted are the words that models said, not what a person or a script put into their mouths. A word
is letters with apostrophes inside, its case folded; an emoji is one picture with its modifiers.
Per word: average uses a transcript, the share of transcripts that have it, the most in one (the
figures of the Claude 4 system card, section 5.5).

What stands out (`standing_out`) is ranked by Welch's t of log(1 + uses per 1,000 words), a
transcript counting once, so that one run that says a word a thousand times is one run; SOFT is
added to the standard error, which keeps words that never vary from standing out by that alone
(Tusher, Tibshirani & Chu 2001, PNAS 98:5116). It is an order, not a test.

Variety at a message is the share of different words among the last SAMPLE, both seats together
(a moving type-token ratio: Covington & McFall 2010, J. Quant. Linguist. 17:94).
"""

import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal, TypedDict

from harness.report.shapes import Counted, Word
from harness.states.detect import Detector
from harness.talk.transcript import Transcript
from harness.text import flat

SAMPLE = 100  # words in which variety is measured
SOFT = 0.2
TOP = 10  # words, and emoji, that are shown of a condition
LEAST = 2  # transcripts that a word must stand in to stand out

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
_ASCII_WORD = re.compile(r"[a-z]+(?:'[a-z]+)*")  # the same of such texts, in half the time
_PICTURE = (
    "[\u2600-\u27bf\u2b00-\u2bff\u231a-\u23ff\u25a0-\u25ff\u2934\u2935\u3030\u303d\u3297\u3299"
    "\U0001f000-\U0001f1e5\U0001f200-\U0001f3fa\U0001f400-\U0001faff]"
)
_TONE = "[\ufe0f\U0001f3fb-\U0001f3ff]?"
EMOJI = re.compile(
    f"[\U0001f1e6-\U0001f1ff]{{2}}|{_PICTURE}{_TONE}(?:\u200d{_PICTURE}{_TONE})*|[0-9#*]\ufe0f?\u20e3"
)


class RunCounts(TypedDict):
    """One run's uses of words, emoji and what was asked for; its variety at each message."""

    words: dict[str, int]
    emoji: dict[str, int]
    asked: dict[str, int]
    variety: list[int | None]


def _folded(text: str) -> str:
    """A text as words are looked for in it: its case folded, one kind of apostrophe."""
    return text.casefold().replace("\u2019", "'")


def words_in(text: str) -> list[str]:
    """The words of a text, case folded."""
    folded = _folded(text)
    return (_ASCII_WORD if folded.isascii() else _WORD).findall(folded)


def emoji_in(text: str) -> list[str]:
    """The emoji of a text."""
    return [] if text.isascii() else [found.replace("\ufe0f", "") for found in EMOJI.findall(text)]


def asked(text: str) -> tuple[str, ...]:
    """The list of `--words`: words, phrases or emoji, with commas between them."""
    parts = (flat(_folded(part)) for part in text.split(","))
    return tuple(dict.fromkeys(part.replace("\ufe0f", "") for part in parts if part))


def count(log: Transcript, _: Detector, asked: tuple[str, ...] = ()) -> str:
    """One run's counts, as JSON; made where the log is read."""
    uses: Counter[str] = Counter()
    pictures: Counter[str] = Counter()
    sought: Counter[str] = Counter()
    latest: list[str] = []
    variety: list[int | None] = []
    patterns = [(name, _pattern(name)) for name in asked]
    for event in log.one_by_one():
        if event.get("interjected"):
            variety.append(None)
            continue
        text = event["response"]
        said = words_in(text)
        uses.update(said)
        pictures.update(emoji_in(text))
        folded = _folded(text).replace("\ufe0f", "") if patterns else ""
        for name, pattern in patterns:
            sought[name] += len(pattern.findall(folded))
        latest = (latest + said)[-SAMPLE:]
        variety.append(round(100 * len(set(latest)) / SAMPLE) if len(latest) == SAMPLE else None)
    return json.dumps({"words": uses, "emoji": pictures, "asked": sought, "variety": variety})


def _pattern(name: str) -> re.Pattern[str]:
    inner = r"\s+".join(map(re.escape, name.split()))
    first, last = _kind(name[:1]), _kind(name[-1:])
    start = f"(?<!{first})(?<!{first}')" if first else ""
    end = f"(?!'?{last})" if last else ""
    return re.compile(start + inner + end)


def _kind(character: str) -> str:
    """What may not stand beside it, as the word or the number would be another."""
    return r"[^\W\d_]" if character.isalpha() else r"\d" if character.isdecimal() else ""


# ---------------------------------------------------------------- over many runs


@dataclass
class Sums:
    """What transcripts have of one word."""

    uses: int = 0
    inside: int = 0  # transcripts that have it
    most: int = 0
    first: float = 0.0  # sum over transcripts of log(1 + uses per 1,000 words)
    second: float = 0.0  # and of its square

    def add(self, times: int, size: int) -> None:
        """One transcript of `size` words that has it so many times."""
        rate = math.log1p(1000 * times / max(1, size))
        self.uses += times
        self.inside += 1
        self.most = max(self.most, times)
        self.first += rate
        self.second += rate * rate


@dataclass
class Lexicon:
    """The words, or the emoji, of some transcripts."""

    transcripts: int
    sums: dict[str, Sums]


def lexicon(runs: Iterable[RunCounts], kind: Literal["words", "emoji", "asked"]) -> Lexicon:
    """Counts of runs (see `count`) put together; kind is `words`, `emoji` or `asked`."""
    sums: dict[str, Sums] = {}
    transcripts = 0
    for run in runs:
        transcripts += 1
        size = sum(run["words"].values()) + sum(run["emoji"].values())
        for word, times in run[kind].items():
            if times:
                sums.setdefault(word, Sums()).add(times, size)
    return Lexicon(transcripts, sums)


def row(word: str, here: Lexicon) -> Word:
    """A word's figures in some transcripts."""
    sums = here.sums.get(word, Sums())
    return {
        "word": word,
        "average": sums.uses / max(1, here.transcripts),
        "inside": sums.inside,
        "of": here.transcripts,
        "most": sums.most,
    }


def standing_out(here: Lexicon, every: Lexicon) -> list[Word]:
    """The TOP words that tell these transcripts from the others of `every`, the strongest first,
    with their average in the others (`elsewhere`)."""
    others = every.transcripts - here.transcripts
    if here.transcripts < LEAST or others < LEAST:
        return []
    scored = []
    for word, sums in here.sums.items():
        score = _welch(sums, here.transcripts, every.sums[word], others)
        if sums.inside >= LEAST and score > 0:
            scored.append((-score, word))
    return [
        {
            **row(word, here),
            "elsewhere": (every.sums[word].uses - here.sums[word].uses) / others,
            "t": -score,
        }
        for score, word in sorted(scored)[:TOP]
    ]


def _welch(here: Sums, size: int, every: Sums, others: int) -> float:
    mean, square = here.first / size, here.second / size
    other_mean = (every.first - here.first) / others
    other_square = (every.second - here.second) / others
    spread = max(0.0, square - mean**2) / (size - 1)
    spread += max(0.0, other_square - other_mean**2) / (others - 1)
    return (mean - other_mean) / (math.sqrt(spread) + SOFT)


def commonest(here: Lexicon) -> list[Word]:
    """The TOP ones: what most transcripts have, then what is used most."""
    order = sorted(here.sums, key=lambda w: (-here.sums[w].inside, -here.sums[w].uses, w))
    return [row(word, here) for word in order[:TOP]]


def figures(
    conditions: Callable[[], Iterator[Iterable[RunCounts]]], asked: tuple[str, ...]
) -> list[Counted]:
    """Per condition `out` (words that stand out), `emoji`, `asked`. `conditions()` gives, each
    time, the counts of each condition's runs: no more than one condition's words are held at once,
    beside the sums over all."""
    every = lexicon((run for runs in conditions() for run in runs), "words")
    told: list[Counted] = []
    for runs in conditions():
        held = list(runs)
        sought = lexicon(held, "asked")
        told.append(
            {
                "out": standing_out(lexicon(held, "words"), every),
                "emoji": commonest(lexicon(held, "emoji")),
                "asked": [row(word, sought) for word in asked],
            }
        )
    return told
