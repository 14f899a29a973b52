"""Many logs read by a judge, for labels or for patterns: those that are to be read, all at once."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path

from harness.models.failures import Failure
from harness.talk import transcript
from harness.talk.events import Turn


def messages_in(log: Path) -> list[Turn]:
    """A log's messages; none where it can't be read, which is said when it is to be judged."""
    with contextlib.suppress(OSError):
        return transcript.read(log).messages
    return []


def is_read(log: Path, found: Mapping[str, object] | None, judge: Mapping[str, object]) -> bool:
    """Whether `found` is what this judge has found in the log as it is."""
    if found is None or found["judge"] != judge:
        return False
    return found["n_messages"] == len(messages_in(log))


async def read_each(
    logs: Iterable[Path],
    read: Callable[[Path], Awaitable[str]],
    concurrency: int,
    tell: Callable[[str], None],
) -> dict[Path, str]:
    """Read logs, `concurrency` of them at the same time, and tell what `read` says of each; returns
    why it failed for those where it did."""
    seats, failures = asyncio.Semaphore(concurrency), {}

    async def one(log: Path) -> None:
        async with seats:
            try:
                tell(await read(log))
            except OSError as error:
                failures[log] = error.strerror or str(error)
            except Failure as failure:
                failures[log] = str(failure)

    await asyncio.gather(*map(one, logs))
    return failures
