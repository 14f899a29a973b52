"""Words for people, and text made safe: to look at (`visible`), and to send (`sendable`)."""

import math
import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, TextIO


class UserError(Exception):
    """What the user can mend: its text is one line that says what to do; `code` the exit code."""

    code = 2


def redraws(file: TextIO | None) -> bool:
    """Whether this is a terminal that can draw a line anew."""
    return file is not None and file.isatty() and os.environ.get("TERM") != "dumb"


def program() -> str:
    """How the program is called from here, so that a line that tells what to type can be typed."""
    return "attractor" if Path(sys.argv[0]).name == "attractor" else "python attractor.py"


def install(extra: str) -> str:
    """The command that brings what an optional part needs."""
    if program() == "attractor":
        return f"pip install 'attractor[{extra}]'"
    return f"pip install -r requirements-{extra}.txt"


_ODD = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u115f\u1160\u17b4\u17b5"
    "\u180b-\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u2800\u3164\ufeff\uffa0\ufff0-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
_JOINERS = ("\u200c", "\u200d")


def visible(text: str) -> str:
    """`text` with everything that is invisible or would act on a terminal shown by name."""
    return _ODD.sub(_name, text.replace("\r\n", "\n")).replace("\t", "    ")


def _name(found: re.Match[str]) -> str:
    before, after = found.string[: found.start()][-1:], found.string[found.end() :][:1]
    # Joiners inside an emoji or an Indic or Persian word are part of a letter that is seen.
    if found[0] in _JOINERS and before > "\u02ff" and after > "\u02ff" and not _ODD.match(after):
        return found[0]
    return f"⟨U+{ord(found[0]):04X}⟩"


def whole(text: str) -> str:
    """`text` with surrogate pairs that a stream had cut in two joined again."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def sendable(text: str) -> str:
    """`text` with lone surrogates, which UTF-8 can't carry, replaced by U+FFFD."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text  # itself, not a copy: histories share the words of the log


def reworded(value: Any, words: Callable[[str], str]) -> Any:
    """A JSON value with each text in it, names too, as `words` has it; a number that JSON has no
    way to write is None."""
    if isinstance(value, str):
        return words(value)
    if isinstance(value, dict):
        return {_named(words, name): reworded(inner, words) for name, inner in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return [reworded(one, words) for one in value] if isinstance(value, list | tuple) else value


@lru_cache(1000, typed=True)  # the same few, over and over
def _named(words: Callable[[str], str], name: object) -> str:
    return words(str(name))


def flat(text: str) -> str:
    """`text` on one line, with one blank for any white space."""
    return " ".join(text.split())


def tokens(count: float) -> str:
    """A token count for people: 950, 12.3k, 4.56M."""
    if count < 10_000:
        return f"{count:,.0f}"
    return f"{count / 1000:.4g}k" if count < 1_000_000 else f"{count / 1e6:.3g}M"


def money(cost: float | None) -> str:
    """A cost for people; None is unknown, never 0."""
    if cost is None:
        return "cost unknown"
    if 0 < cost < 0.0001:
        return "<$0.0001"
    return "free" if cost == 0 else f"${cost:.4f}" if cost < 1 else f"${cost:,.2f}"


def add_costs(costs: Iterable[float | None]) -> float | None:
    """The sum of costs in USD; None (unknown) where one of them is."""
    known = list(costs)
    return None if None in known else sum(cost for cost in known if cost is not None)


def many(count: int, thing: str) -> str:
    """A count with its noun: 1 run, 2 runs."""
    return f"{count:,} {thing}{'s' * (count != 1)}"


def place(message: int, turns: Sequence[int] = ()) -> str:
    """A message by its index, with the turn that it belongs to, as options take it; `turns` has
    each message's, where an imported log may have other ones than their indices give."""
    return f"message {message} (turn {turns[message] if turns else message // 2})"


def places(first: int, last: int, turn: int, until: int) -> str:
    """Messages by their indices, with the turns that they belong to."""
    messages = f"message {first}" if first == last else f"messages {first}-{last}"
    return f"{messages} (turn {turn})" if turn == until else f"{messages} (turns {turn}-{until})"
