"""The gate that all requests of many conversations pass."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable

from harness.models.failures import Failure

PEEK = 0.05  # seconds between two looks at a closed gate

LONGEST_CLOSED = 60.0  # seconds for which the gate closes where no run would wait for so long

LATELY = 64  # requests over which the gate averages what a message costs this process


class Gate:
    """What all requests of a sweep pass: when a provider is overloaded, all slow down together.

    At most `limit` requests are in flight. After a refusal for load the limit is half of what was
    in flight (once for all of these), and the gate is closed for the time that the provider names;
    as many successes as the limit raise it by one.

    Requests pass one by one, and no faster than this process can deal with their answers. What is
    sent at once is answered at once, and then all answers wait for each other, message after
    message: asyncio works at each a little, so that none is done before nearly all are."""

    def __init__(self, most: int, patience: float = LONGEST_CLOSED):
        self.patience = patience  # a wait that is longer is more than any run will bear
        self.most, self.limit, self.flying, self.successes = most, most, 0, 0
        self.opens, self.slowed, self.closed = 0.0, 0.0, False
        self.turnstile = asyncio.Lock()  # first come, first served
        self.cost, self.used, self.passed = 0.0, 0.0, 0.0  # CPU seconds a message, and so far

    @contextlib.asynccontextmanager
    async def request(
        self, sync: Callable[[], None] | None = None, begun: bool = False
    ) -> AsyncIterator[None]:
        """Around each request: `sync` puts the log on the disk; then it waits for its turn, and
        learns from how it went. Once it is closed, only what belongs to a message that was
        `begun` passes, and that only while no provider asks to wait."""
        if sync is not None:
            await asyncio.to_thread(sync)
        async with self.turnstile:
            await self._pass(begun)
            self.flying += 1
        began = time.monotonic()
        try:
            yield
            self._quicken()
        except Failure as failure:
            if failure.busy:
                self._slow(began, failure.wait)
            if failure.retry and self.closed:
                raise Failure("stopped", "stopped while a provider failed") from failure
            raise
        finally:
            self.flying -= 1

    async def _pass(self, begun: bool) -> None:
        """Wait until a request may leave."""
        await asyncio.sleep(self.passed + self.cost - time.monotonic())
        while True:
            shut = self.shut_for() > 0
            if self.closed and (shut or not begun):
                raise Failure("stopped", "stopped before it was asked for")
            if self.flying < self.limit and not shut:
                break
            await asyncio.sleep(PEEK)
        before, self.used, self.passed = self.used, time.process_time(), time.monotonic()
        self.cost += (self.used - (before or self.used) - self.cost) / LATELY

    def close(self) -> None:
        """From now on nothing passes but what belongs to messages that have begun."""
        self.closed = True

    def shut_for(self) -> float:
        """Seconds for which a provider has asked to be left alone."""
        return self.opens - time.monotonic()

    def _slow(self, began: float, wait: float | None) -> None:
        now = time.monotonic()
        if wait is not None and wait > self.patience:  # the refused run gives up; the others ask
            wait = min(wait, LONGEST_CLOSED)
        self.opens = max(self.opens, now + (1.0 if wait is None else wait))
        if began > self.slowed:  # what was in flight by then is the same news
            self.limit, self.successes, self.slowed = max(1, self.flying // 2), 0, now

    def _quicken(self) -> None:
        self.successes += 1
        if self.successes >= self.limit:
            self.limit, self.successes = min(self.most, self.limit + 1), 0
