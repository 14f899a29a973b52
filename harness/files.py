"""Files that others have made: only regular ones are opened, so that nothing waits for a pipe,
a terminal or a device that never says anything. And files of ours that are whole or not there.

    with files.open_regular(path) as file: ...
    data = files.read(path)
    value = files.parse(data)          JSON that can be handled further without running out of stack
    files.check_room(path)
    with files.whole(path) as draft: draft.write_bytes(data)
"""

import contextlib
import errno
import json
import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

KINDS = {
    stat.S_IFIFO: "a named pipe",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a folder",
}

Json = dict[str, Any]  # an object as somebody else wrote it: nothing of it is taken for granted

DEEPEST = 100  # levels of nesting; copying and encoding take several frames for each


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
    gone when not (an error, Ctrl+C). Raises OSError."""
    draft = path.with_name(f".{path.stem[:80]}.{os.getpid()}.part{suffix}")
    try:
        yield draft
        draft.replace(path)
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)


def check_room(path: Path, needed: int = 1 << 16) -> None:
    """Raise OSError where no file of `needed` bytes can be written at `path`: nobody should be paid
    for what can't be kept. The folder is made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=path.parent) as file:
        file.write(bytes(needed))
        file.flush()


def parse(data: bytes | str) -> Any:
    """The JSON value in `data`. Raises ValueError where it is none, or nested too deeply."""
    try:
        value = json.loads(data)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    raw = data if isinstance(data, bytes) else data.encode("utf-8", "surrogatepass")
    if raw.count(b"[") + raw.count(b"{") > DEEPEST and _depth(value) > DEEPEST:
        raise ValueError("nested too deeply")
    return value


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
