"""What a conversation needs of whatever shows it: a console, a recorder, or nobody at all."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Protocol

from harness.models.seat import Seat
from harness.states.detect import Change
from harness.talk.events import Attempt, End, Totals, Turn
from harness.talk.settings import Settings


class Show(Protocol):
    """The verbs of a display. `plain` = it has no live line that could be redrawn."""

    plain: bool

    def header(self, settings: Settings, log: Path, keys: str = "") -> None: ...
    def begin(self, seat: Seat, turn: int, by: str = "model") -> None: ...
    def piece(self, kind: str, text: str) -> None: ...
    def attempt(self, attempt: Attempt) -> None: ...
    def end(self, event: Turn, totals: Totals) -> None: ...
    def states(self, changes: list[Change]) -> None: ...
    def waiting(self, text: str) -> None: ...
    def notice(self, text: str) -> None: ...
    def aside(self, text: str, now: bool = False) -> None: ...
    def help(self) -> None: ...
    def editing(self, seat: str, text: str, at: int, taken: bool) -> None: ...
    def edited(self) -> None: ...


NOT_ENDED = "no end recorded"  # in a log


def how_it_ended(end: End, settings: Settings) -> str:
    """The reason of an end, with what it stands for where it names an option."""
    option = {"state": settings.stop_on, "max_cost": end.get("limit")}.get(end["reason"])
    return f"{end['reason']} {option}" if option else str(end["reason"])


@contextlib.asynccontextmanager
async def ticking(show: Show, text: str, until: float | None = None) -> AsyncIterator[None]:
    """Show a line with the seconds that pass, or that are left, while the body waits."""

    async def tick() -> None:
        for second in itertools.count():
            shown = second if until is None else max(0, round(until) - second)
            show.waiting(f"{text} {shown} s")
            await asyncio.sleep(1)

    task = None if show.plain else asyncio.create_task(tick())
    try:
        yield
    finally:
        if task:
            task.cancel()
