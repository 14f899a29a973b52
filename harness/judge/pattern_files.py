"""The file beside a log that keeps the patterns which `judge --open` has named in it."""

from pathlib import Path
from typing import Any, NotRequired, TypedDict, cast

from harness import files

SUFFIX = ".patterns.json"


class Digest(TypedDict):
    """Who merges what: `of` is a hash of the names."""

    of: str
    model: str
    demo: bool


class MergeAbout(Digest):
    """What came of it: how many names and groups, how many pairs are in doubt, USD."""

    names: int
    groups: int
    stable: bool
    unsure: int
    cost_usd: float | None


class Namer(TypedDict):
    """Who named them: `prompt` is its hash."""

    model: str
    prompt: NotRequired[str]
    demo: NotRequired[bool]


class Pattern(TypedDict):
    """What a judge has named in some messages of a run; `group` once its name was merged."""

    name: str
    sentence: str
    from_message: int
    to_message: int
    quote: str
    quote_message: int
    group: NotRequired[str | None]


class Patterns(TypedDict):
    """What a pattern file holds; of one that others wrote only what `_whole` asks for is sure."""

    type: NotRequired[str]
    file: NotRequired[str]
    timestamp: NotRequired[str]
    n_messages: int
    patterns: list[Pattern]
    more: NotRequired[int]  # patterns beyond the MOST that are kept
    judge: Namer
    dropped: NotRequired[int]
    usage: NotRequired[dict[str, int]]  # tokens: input, output
    cost_usd: NotRequired[float | None]
    merge: NotRequired[MergeAbout]


def file_of(log: Path, folder: Path | None = None) -> Path:
    """Where the patterns of a log are: beside it, or in `folder`."""
    return (folder or log.parent) / (log.stem + SUFFIX)


def patterns_of(log: Path, file: Path | None = None) -> Patterns | None:
    """What was found in a log, or None where nothing is that can be read."""
    try:
        found = files.parse(files.read(file or file_of(log)))
    except (OSError, ValueError):
        return None
    return cast(Patterns, found) if _whole(found) else None


def _whole(found: Any) -> bool:
    """Whether this is what `name` makes, whoever wrote it."""
    if not isinstance(found, dict) or not isinstance(found.get("judge"), dict):
        return False
    size, patterns = found.get("n_messages"), found.get("patterns")
    if type(size) is not int or not isinstance(patterns, list) or "model" not in found["judge"]:
        return False
    for one in patterns:
        words = isinstance(one, dict) and [one.get(n) for n in ("name", "sentence", "quote")]
        if not words or not all(isinstance(word, str) for word in words):
            return False
        places = [one.get(n) for n in ("from_message", "quote_message", "to_message")]
        if any(type(n) is not int for n in places) or not 0 <= places[0] <= places[2] < size:
            return False
        if not isinstance(one.get("group"), str | None):
            return False
    return True
