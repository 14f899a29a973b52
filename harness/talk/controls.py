"""What a person or a sweep can do to a conversation while it goes on: end it, pause it, take over
the message that is being made."""

import asyncio
import contextlib
import signal
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, TypeVar

from harness.talk.show import Show

T = TypeVar("T")


def hear_signals(stop: Callable[[int], None]) -> None:
    """Let `stop(number)` be called in the running loop where a signal asks the program to end.

    Only then may LiteLLM be imported: what Ctrl+C raises could be lost in a callback of an import,
    whose lock is then held for ever."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT"):
        with contextlib.suppress(NotImplementedError, AttributeError):  # Windows has none of it
            number = getattr(signal, name)
            if name == "SIGHUP" and signal.getsignal(number) == signal.SIG_IGN:
                continue  # as `nohup` wants it
            asyncio.get_running_loop().add_signal_handler(number, stop, number)


class Controls:
    """The wishes so far, and the message in the making that they may cut short."""

    def __init__(self, show: Show):
        self.show = show
        self.ending = False  # after the message in the making
        self.taking_over = False  # a person speaks in the model's place
        self.interrupted = False  # ... of which the console shows the beginning
        self._making: asyncio.Task[Any] | None = None
        self._counting_down = self._paused = False
        self._wake = asyncio.Event()  # something was wished for

    def on_key(self, key: str) -> bool:
        """A key that no editor took; returns whether what is typed next is for an editor."""
        if key == " ":
            self.take_over()
            return True
        if key == "q":
            if not self._counting_down:
                making = self._making and not self._making.done()
                self.show.aside("ending after this message" if making else "ending")
            self.end()
        elif key == "p":
            self.pause()
        elif key == "?":
            self.show.help()
        elif key == "suspend":
            self.show.edited()
        elif key == "gone" and self._paused:  # nobody is there to go on
            self.end()
        return False

    def end(self) -> None:
        """End after this message; at once where it only waits for another try."""
        self.ending, self._paused = True, False
        self._wake.set()
        if self._counting_down:
            self._cut()

    def take_over(self) -> None:
        """Break off the message in the making: a person will speak in its place."""
        self.taking_over = True
        self.interrupted = self._cut()
        self._wake.set()

    def taken(self, spoken: bool) -> None:
        """The person has spoken, and the talk goes on; or hands back, and all is as it was."""
        self.taking_over = self.interrupted = False
        self._paused = self._paused and not spoken

    def pause(self) -> None:
        """Pause before the next message, or go on."""
        self._paused = not self._paused
        self._wake.set()
        self.show.aside("pausing after this message" if self._paused else "going on")

    async def paused(self) -> bool:
        """Wait while the conversation is paused; returns whether it was."""
        if not self._waits():
            return False
        self.show.notice("paused; p goes on, Space lets you speak for the next one, q ends")
        while self._waits():
            self._wake.clear()
            await self._wake.wait()
        return True

    def _waits(self) -> bool:
        return self._paused and not self.taking_over

    async def make(self, message: Coroutine[Any, Any, T]) -> T | None:
        """Await a message, as the task that these controls can cut short; None where a person
        takes it over. A message that is whole when all is stopped is still returned."""
        outer, self._making = asyncio.current_task(), asyncio.create_task(message)
        try:
            made = await self._making
        except asyncio.CancelledError:
            stopped = bool(outer and outer.cancelling())
            if stopped and self._making.done() and not self._making.cancelled():
                made = self._making.result()
            elif self.taking_over and not stopped:  # before it had begun
                return None
            else:
                raise
        if outer and outer.cancelling():
            if made is None:  # stopped while it was being cut short
                raise asyncio.CancelledError
            self.ending = True
        return made

    @contextlib.contextmanager
    def counting_down(self) -> Iterator[None]:
        """Around the wait for another try, in which an end loses nothing."""
        self._counting_down = True
        try:
            yield
        finally:
            self._counting_down = False

    def _cut(self) -> bool:
        return bool(self._making and self._making.cancel())
