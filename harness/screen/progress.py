"""One line on standard error that says how far long work has come, and what is left of it.

    with Progress("reading", len(paths), "log") as progress:
        for path in progress.over(paths):
            ...

Only where a person watches: nothing is written unless standard error is a terminal, nor before
the work has taken SOON seconds. The line is gone when the work ends, however it ends.
"""

import shutil
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from harness.text import many, redraws

SOON, EVERY = 0.5, 0.1  # seconds until the line comes, and between two looks of it
SURE = 2.0  # seconds from which on the pace says something of what is left
Item = TypeVar("Item")


class Progress:
    """How far work on `total` things has come."""

    def __init__(self, doing: str, total: int, thing: str):
        self.doing, self.total, self.thing, self.done = doing, total, thing, 0
        self._file = sys.stderr
        self._on = redraws(self._file)
        self._drawn = False

    def __enter__(self) -> "Progress":
        self._began = time.monotonic()
        self._next = self._began + SOON
        return self

    def __exit__(self, *_: object) -> None:
        self.clear()

    def over(self, items: Iterable[Item]) -> Iterator[Item]:
        """The items, each counted as done when the next one is asked for."""
        for item in items:
            yield item
            self.step()

    def step(self) -> None:
        """One more is done."""
        self.done += 1
        now = time.monotonic()
        if self._on and now >= self._next:
            self._next = now + EVERY
            self._drawn = True
            width = shutil.get_terminal_size().columns - 1
            self._write(f"\r\x1b[2K{self.line(now - self._began)[:width]}")

    def after(self, tell: Callable[[str], None]) -> Callable[[str], None]:
        """`tell`, with the line out of its way; what it tells is that one more is done."""

        def told(text: str) -> None:
            self.clear()
            tell(text)
            self.step()

        return told

    def line(self, seconds: float) -> str:
        """What the line says after so many seconds of work."""
        left = self.total - self.done
        text = f"{self.doing}: {self.done:,} of {many(self.total, self.thing)}"
        if seconds < SURE or left <= 0 or not self.done:
            return text
        return f"{text}, about {_span(seconds / self.done * left)} left"

    def clear(self) -> None:
        """Take the line away, as before other output."""
        if self._drawn:
            self._drawn = False
            self._write("\r\x1b[2K")

    def _write(self, text: str) -> None:
        self._file.write(text)
        self._file.flush()


def _span(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{round(seconds / 60)} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
