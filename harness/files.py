"""Files that others have made: only regular ones are opened, so that nothing waits for a pipe,
a terminal or a device that never says anything.

    with files.open_regular(path) as file: ...
    data = files.read(path)
"""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

KINDS = {
    stat.S_IFIFO: "a named pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device", stat.S_IFDIR: "a folder",
}  # fmt: skip


def check(path: Path) -> None:
    """Raise OSError unless `path` is a regular file, or there is none of that name yet."""
    try:
        _refuse(os.stat(path).st_mode, path)
    except FileNotFoundError:
        return
    except ValueError as error:  # a name that no file can have
        raise OSError(errno.EINVAL, str(error), str(path)) from None


def open_regular(path: Path) -> BinaryIO:
    """The regular file at `path`, open for reading. Raises OSError: IsADirectoryError for a
    folder, one that says what it is for a pipe, a socket or a device."""
    try:
        _refuse(os.stat(path).st_mode, path)  # opening alone makes some devices act
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _BINARY)
    except ValueError as error:
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


def _refuse(mode: int, path: Path) -> None:
    if stat.S_ISREG(mode):
        return
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    kind = KINDS.get(stat.S_IFMT(mode), "something else")
    raise OSError(errno.EINVAL, f"it is {kind}, not a file", str(path))


_BINARY = getattr(os, "O_BINARY", 0)
