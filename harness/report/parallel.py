"""Many logs read at once, by several processes."""

import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import TypeVar

MANY = 40  # logs from which on more processes pay
Found = TypeVar("Found")


def each(paths: list[Path], read: Callable[[Path], Found]) -> Iterator[Found]:
    """What `read`, which can be pickled, makes of each log, in order."""
    workers = min(os.cpu_count() or 1, 8)
    if len(paths) < MANY or workers < 2:
        yield from map(read, paths)
        return
    pool = ProcessPoolExecutor(workers, initializer=_begin)
    try:
        yield from pool.map(partial(_held, read), paths, chunksize=4)
    except BaseException:  # Ctrl+C: nobody waits for what is half read
        pool.shutdown(wait=False, cancel_futures=True)
        for worker in multiprocessing.active_children():
            worker.terminate()
        pool.shutdown()
        raise
    pool.shutdown()


class _Worker:
    """A process that reads logs. It gives up its log when it is told to end, but never dies with
    the pool's queue in its hands, which would leave the others waiting for ever."""

    def __init__(self) -> None:
        self._reading = self._ending = False

    def end(self, *_: object) -> None:
        """It is told to end, by a signal."""
        self._ending = True
        if self._reading:
            raise KeyboardInterrupt

    def hold(self, read: Callable[[Path], Found], path: Path) -> Found:
        """Read one log, unless it has been told to end."""
        self._reading = True
        try:
            if self._ending:
                raise KeyboardInterrupt
            return read(path)
        finally:
            self._reading = False


_worker = _Worker()  # this process, where it is one


def _begin() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is the parent's to handle
    signal.signal(signal.SIGTERM, _worker.end)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """A parent that was killed asks for nothing more, and cannot say so."""
    parent = multiprocessing.parent_process()
    assert parent
    parent.join()
    os._exit(1)


def _held(read: Callable[[Path], Found], path: Path) -> Found:
    return _worker.hold(read, path)
