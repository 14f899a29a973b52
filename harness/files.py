"""Files that others have made: only regular ones are opened, so that nothing waits for a pipe,
a terminal or a device that never says anything. And files of ours that are whole or not there.

    with files.open_regular(path) as file: ...
    data = files.read(path)
    value = files.parse(data)          JSON that can be handled further without running out of stack
    files.check_room(path)
    with files.whole(path) as draft: draft.write_bytes(data)
    with files.replacing(path) as file: file.write(text)      the same of a file that a user names
"""

import contextlib
import errno
import itertools
import json
import os
import signal
import stat
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any, BinaryIO

from harness.text import UserError

KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}

FULL = (errno.ENOSPC, errno.EDQUOT, errno.EIO)  # no other name would help

Json = dict[str, Any]  # an object of JSON: of what others wrote nothing is taken for granted

# What reading a file raises that may hold anything.
DAMAGE = (ValueError, TypeError, KeyError, AttributeError, IndexError, RecursionError)

_drafts = set[Path]()  # that this process is writing

DEEPEST = 100  # levels of nesting; copying and encoding take several frames for each


class DiskError(UserError):
    """A disk takes no more, or fails."""

    code = 1


def open_regular(path: Path) -> BinaryIO:
    """The regular file at `path`, open for reading. Raises OSError: IsADirectoryError for a
    folder, one that says what it is for a pipe, a socket or a device."""
    try:
        _refuse(os.stat(path).st_mode, path)  # opening alone makes some devices act
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _BINARY)
    except ValueError as error:  # a name that no file can have
        raise OSError(errno.EINVAL, str(error), str(path)) from None
    try:
        _refuse(os.fstat(descriptor).st_mode, path)  # it may have changed in between
        return open(descriptor, "rb")
    except OSError:
        os.close(descriptor)
        raise


def read(path: Path, most: int = -1) -> bytes:
    """The bytes of the regular file at `path`, at most so many of them. Raises OSError."""
    with open_regular(path) as file:
        return file.read(most)


@contextlib.contextmanager
def whole(path: Path, suffix: str = "") -> Iterator[Path]:
    """A name beside `path` to write to. It takes the place of `path` when all went well, and is
    gone when not (an error, Ctrl+C, with `clean_up` a signal). Raises OSError."""
    draft = path.with_name(f".{path.stem[:80]}.{os.getpid()}.part{suffix}")
    _drafts.add(draft)
    try:
        yield draft
        draft.replace(path)
    finally:
        _remove(draft)


def clean_up() -> None:
    """Let no draft stay where a signal ends the program at once."""
    for name in ("SIGTERM", "SIGHUP", "SIGQUIT"):
        number = getattr(signal, name, None)  # Windows has SIGTERM alone
        if number and signal.getsignal(number) == signal.SIG_DFL:  # `nohup` ignores it
            signal.signal(number, end)


def end(number: int, _: object) -> None:
    """End with this signal, without drafts."""
    for draft in [*_drafts]:
        _remove(draft)
    signal.signal(number, signal.SIG_DFL)  # nothing is raised: it could be lost in a callback
    os.kill(os.getpid(), number)


def _remove(draft: Path) -> None:
    with contextlib.suppress(OSError):
        draft.unlink(missing_ok=True)
    _drafts.discard(draft)


def check_room(path: Path, needed: int = 1 << 16) -> None:
    """Raise OSError where no file of `needed` bytes can be written at `path`: nobody should be paid
    for what can't be kept. The folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=path.parent) as file:
        file.write(bytes(needed))
        file.flush()


@contextlib.contextmanager
def beside(path: Path) -> Iterator[Path]:
    """As `whole`, of a file that a user has named: what a link points to is written, the link
    stays. Raises UserError where the disk or a folder says no, and where a log would be lost."""
    with _refusing(path):
        path = path.resolve()
        if _is_log(path):
            raise UserError(f"{path} is a log, which nothing is written over: give another name")
        with whole(path, path.suffix) as draft:
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
    with open_regular(path) as file:
        begun = map(parse_object, itertools.islice(file, 100))
        return any(event and event.get("type") in ("config", "turn") for event in begun)


@contextlib.contextmanager
def _refusing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        kind = DiskError if error.errno in FULL else UserError
        raise kind(f"cannot write {path}: {error.strerror or error}") from None


def named(paths: Iterable[Path], pattern: str, wanted: Callable[[Path], bool]) -> list[Path]:
    """The files that were named, and those wanted in folders that were; each once, by the name
    that comes first of all that lead to it. Raises UserError."""
    found: dict[str, Path] = {}
    for path in paths:
        if not path.exists():
            raise UserError(f"there is no {path}")
        inside = filter(wanted, path.rglob(pattern))
        for one in sorted(inside) if path.is_dir() else [path]:
            found.setdefault(os.path.realpath(one), one)
    return list(found.values())


def parse(data: bytes | str, deepest: int = DEEPEST) -> Any:
    """The JSON value in `data`. Raises ValueError where it is none, or nested more deeply."""
    try:
        value = json.loads(data)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    raw = data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass")
    if raw.count(b"[") + raw.count(b"{") > deepest and _depth(value) > deepest:
        raise ValueError("nested too deeply")
    return value


def parse_object(data: bytes | str) -> Json | None:
    """The JSON object in `data`, as `parse` reads it, or None."""
    try:
        value = parse(data)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def text_of(value: Any) -> str:
    """A value that should be a text, as one; "" where it is none."""
    return value if isinstance(value, str) else ""


def object_of(value: Any) -> Json:
    """A value that should be an object, as one; {} where it is none."""
    return value if isinstance(value, dict) else {}


def list_of(value: Any) -> list[Any]:
    """A value that should be a list, as one; [] where it is none."""
    return value if isinstance(value, list) else []


def objects_of(value: Any) -> list[Json]:
    """The objects in a value that should be a list of them."""
    return [item for item in list_of(value) if isinstance(item, dict)]


def _depth(value: Any) -> int:
    """How many lists and objects lie within each other, counted without recursion."""
    depth, level = 0, [value]
    while level := [inner for inner in level if isinstance(inner, dict | list)]:
        depth += 1
        level = [
            x for inner in level for x in (inner.values() if isinstance(inner, dict) else inner)
        ]
    return depth


def _refuse(mode: int, path: Path) -> None:
    if stat.S_ISREG(mode):
        return
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    kind = KINDS.get(stat.S_IFMT(mode), "something else")
    raise OSError(errno.EINVAL, f"it is {kind}, not a file", str(path))


_BINARY = getattr(os, "O_BINARY", 0)
