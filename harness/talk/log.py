"""The log: one conversation's events in one append-only JSONL file, on disk when `write` returns.

log = Log.create(folder)                    # or Log.reopen(path), which repairs a torn end
log.write({"type": "turn", ...})
"""

import contextlib
import json
import os
import re
import secrets
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar, cast

from harness.talk.events import Event
from harness.talk.transcript import parse
from harness.text import UserError

SCHEMA = 2
ROOM = 1 << 20  # bytes that a message may take
PATIENCE = 10.0  # seconds for which another process may hold a lock file
E = TypeVar("E", bound=Mapping[str, Any])

# Control, format, separator and surrogate characters: legal in JSON, but they would act on a
# terminal that shows the log, or split a line for readers that follow Unicode's line breaks.
_UNSEEN = re.compile(
    "[\x7f-\x9f\xad\u0600-\u0605\u061c\u06dd\u070f\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)


class LogError(UserError):
    """The log can't be opened, is in use, or can't be written."""

    code = 1


class LogBusy(LogError):
    """Another process is writing the log."""


def now() -> str:
    """The time as the log writes it: UTC, ISO 8601, microseconds."""
    return datetime.now(UTC).isoformat()


def encode(event: Mapping[str, Any]) -> bytes:
    """One event as one line of UTF-8 that any reader sees as exactly one line."""
    text = json.dumps(event, ensure_ascii=False)
    return _UNSEEN.sub(lambda found: json.dumps(found[0])[1:-1], text).encode() + b"\n"


# ---------------------------------------------------------------- writing


class Log:
    """The only thing that writes a conversation's log. Holds a lock, so that no one else does.

    A `lazy` one leaves it to its owner to `sync`: a sweep does that in a thread, before it asks
    the next model, as all its other conversations would stop for a disk's few milliseconds."""

    def __init__(self, path: Path, flags: int, lazy: bool = False):
        self.path, self._new = path, bool(flags & os.O_CREAT)
        self._lazy, self._unsynced = lazy, False
        try:
            self._file = os.open(path, flags | getattr(os, "O_BINARY", 0), 0o644)
        except OSError as error:
            raise LogError(f"{path}: cannot write the log: {error.strerror}") from None
        if not _lock(self._file):
            os.close(self._file)
            raise LogBusy(f"{path}: another process is writing this log; stop that one first")

    @classmethod
    def create(cls, folder: Path, name: str = "", lazy: bool = False) -> "Log":
        """A new log in `folder`, named after the time unless `name` is given.

        Raises LogError."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LogError(f"{folder}: cannot make the log folder: {error.strerror}") from None
        stamp = datetime.now().strftime("%Y%m%d_%H%M%S")
        name = name or f"run_{stamp}_{secrets.token_hex(2)}"
        new = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_APPEND
        return cls(folder / f"{name}.jsonl", new, lazy)

    @classmethod
    def reopen(cls, path: Path, lazy: bool = False) -> "Log":
        """An existing log, its torn last line cut off, ready to append. Raises LogError."""
        log = cls(path, os.O_RDWR | os.O_APPEND, lazy)
        start, torn = _last_line(log._file)
        if torn:  # a kill can leave half a line
            if parse(torn) is None:
                os.ftruncate(log._file, start)
            else:
                log._append(b"\n")
        return log

    def write(self, event: E) -> E:
        """Append one event and put it on disk (a lazy log: with `sync`) before returning it.

        Raises LogError."""
        stamped = _stamped(event)
        self._append(encode(stamped))
        return stamped

    def copy(self, events: Iterable[Event]) -> None:
        """Append events at once, those of another log with the time that they have. Raises
        LogError."""
        self._append(b"".join(encode(_stamped(event)) for event in events))

    def _append(self, line: bytes) -> None:
        start = os.fstat(self._file).st_size
        try:
            rest = memoryview(line)
            while rest:
                rest = rest[os.write(self._file, rest) :]
            self._unsynced = True
            if not self._lazy:
                self._flush()
        except OSError as error:
            with contextlib.suppress(OSError):
                os.ftruncate(self._file, start)  # a full disk takes half a line
            raise LogError(f"{self.path}: cannot write the log: {error.strerror}") from None

    def check_room(self) -> None:
        """Raise LogError when the disk has less than ROOM bytes left: no model should be asked
        for words that could not be kept."""
        if os.name == "posix" and not os.fstat(self._file).st_nlink:
            raise LogError(f"{self.path}: somebody has deleted the log; nothing more is asked")
        if not hasattr(os, "fstatvfs"):
            return
        disk = os.fstatvfs(self._file)
        if disk.f_bavail * disk.f_frsize < ROOM:
            raise LogError(f"{self.path}: the disk is full; free some space, then resume")

    def sync(self) -> None:
        """Put on the disk what is not there yet. Raises LogError."""
        try:
            self._flush()
        except OSError as error:
            raise LogError(f"{self.path}: cannot write the log: {error.strerror}") from None

    def _flush(self) -> None:
        if self._unsynced:
            self._unsynced = False  # first: what is written meanwhile is for the next time
            try:
                os.fsync(self._file)
            except OSError:
                self._unsynced = True
                raise

    def close(self) -> None:
        """Let go of the log, all of it on the disk; a new one in which nothing stands is no
        log."""
        with contextlib.suppress(OSError):
            if self._new and not os.fstat(self._file).st_size:
                self.path.unlink()
        with contextlib.suppress(LogError):  # a disk that failed has said so before
            self.sync()
        os.close(self._file)


@contextlib.contextmanager
def alone(path: Path) -> Iterator[None]:
    """Hold the lock file at `path`, once no other process does; the file stays. Raises LogError
    where it can't be made, and LogBusy after PATIENCE seconds."""
    try:
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise LogError(f"{path}: cannot lock it: {error.strerror}") from None
    until = time.monotonic() + PATIENCE
    try:
        while not _lock(file):
            if time.monotonic() > until:
                raise LogBusy(f"{path}: another process holds it; try again when that has ended")
            time.sleep(0.02)
        yield
    finally:
        os.close(file)


def _last_line(file: int) -> tuple[int, bytes]:
    """Where the last line begins, and what is behind the last newline."""
    start, parts = os.fstat(file).st_size, [b""]
    end = start
    while start and b"\n" not in parts[-1]:
        step = min(start, 1 << 16)
        start -= step
        os.lseek(file, start, os.SEEK_SET)
        parts.append(os.read(file, step))
    line = b"".join(reversed(parts)).rpartition(b"\n")[2]
    return end - len(line), line


def _stamped(event: E) -> E:
    return cast(E, {"type": event["type"], "timestamp": now(), **event})


def _lock(file: int) -> bool:
    """Take the advisory lock that ends with the process, however it ends."""
    if sys.platform == "win32":
        import msvcrt

        os.lseek(file, 1 << 40, os.SEEK_SET)  # Windows' locks forbid reading: lock past the end
        try:
            msvcrt.locking(file, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True
