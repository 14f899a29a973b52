"""Files that are whole or not there: `with replacing(path) as file: file.write(...)`."""

import contextlib
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from harness import files
from harness.talk import transcript
from harness.text import UserError


@contextlib.contextmanager
def beside(path: Path) -> Iterator[Path]:
    """A name beside `path` to write to. It takes the place of `path` when all went well, and is
    gone when not (an error, Ctrl+C). Raises UserError where the disk or a folder says no, and where
    a log would be lost."""
    with _refusing(path):
        path = path.resolve()  # what a link points to is written, the link stays
        if _is_log(path):
            raise UserError(f"{path} is a log, which nothing is written over: give another name")
        with files.whole(path, path.suffix) as draft:
            yield draft


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[IO[str]]:
    """An open text file that takes the place of `path` when it was written whole; UTF-8, newlines
    as they are. Raises UserError where the disk or a folder says no."""
    with _refusing(path):
        special = path.exists() and not path.is_file()  # /dev/stdout takes no other's place
    with _refusing(path), contextlib.ExitStack() as stack:
        draft = path if special else stack.enter_context(beside(path))
        with open(draft, "w", encoding="utf-8", newline="", errors="backslashreplace") as file:
            yield file


def _is_log(path: Path) -> bool:
    """Whether a conversation is in this file, as far as its first lines tell."""
    if not path.is_file():
        return False
    begun = itertools.islice(transcript.lines(path), 100)
    return any(isinstance(e, dict) and e["type"] in ("config", "turn") for _, e in begun)


@contextlib.contextmanager
def _refusing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from None
