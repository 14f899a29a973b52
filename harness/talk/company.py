"""What many conversations decide together: when to ask a model, and whether that can be paid."""

import contextlib
from typing import Protocol


class Company(Protocol):
    """The others that a conversation is held beside."""

    def request(self, begun: bool) -> contextlib.AbstractAsyncContextManager[None]:
        """Around each request; `begun` = it goes on with a message that has had an answer, such as
        the words after a tool's result: it is let through where nothing new is."""
        ...

    def affords(self, expected: float, spending: float | None) -> bool:
        """Whether all have money for one more request: `expected` is what it should cost,
        `spending` what its message has cost by now (USD; None = unknown)."""
        ...


class Alone:
    """No company: a request is made at once, and nobody else's money is spent."""

    def request(self, begun: bool) -> contextlib.AbstractAsyncContextManager[None]:
        """Nothing to wait for."""
        return contextlib.nullcontext()

    def affords(self, expected: float, spending: float | None) -> bool:
        """Always."""
        return True
