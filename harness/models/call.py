"""One request to a model: its arguments, and the one place that calls LiteLLM."""

import asyncio
import contextlib
import importlib.util
import os
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable
from typing import Any

from harness.models import demo_call, engine
from harness.models.catalogue import entry, key_names
from harness.models.dialects import Dialect, spoken_at, whole_message
from harness.models.failures import Failure, failure_of, foreign, refusal_of, said_failed
from harness.models.marks import mark, wants_marks
from harness.models.reply import Reply
from harness.models.said import Said
from harness.models.seat import Seat
from harness.models.wire import Foreign, Garbled, Sent, Wire
from tools import Message

LOOK = 0.5  # seconds between two looks whether this process was held up
REPLY_LIMIT = 16_000  # tokens a reply may have where --max-tokens is silent; LiteLLM asks for 128k


def check_installed(*seats: Seat) -> None:
    """Raise ModuleNotFoundError where one of the seats needs LiteLLM and it is not installed."""
    if _asked(seats) and importlib.util.find_spec("litellm") is None:
        raise ModuleNotFoundError(name="litellm")


def warm(*seats: Seat) -> None:
    """Begin to import LiteLLM in the background, where one of the seats will need it, and to
    prepare it for each."""
    if asked := _asked(seats):
        engine.warm([request(seat, engine.HELLO, [], 10.0, {}) for seat in asked])


async def ready(*seats: Seat) -> None:
    """Wait until these seats can be asked: until LiteLLM is there, where one needs it."""
    if _asked(seats):
        await engine.ready()


def _asked(seats: Iterable[Seat]) -> list[Seat]:
    """Those that LiteLLM is needed for."""
    return [seat for seat in seats if not (seat.demo or seat.human)]


def reply_limit(model: str) -> int:
    """The tokens that a reply may have where --max-tokens is silent."""
    return min(REPLY_LIMIT, entry(model).get("max_output_tokens") or REPLY_LIMIT)


def request(
    seat: Seat,
    messages: list[Message],
    tools: list[Message],
    timeout: float,
    extra: Sent,
    cache: bool = False,
) -> Sent:
    """The arguments for `litellm.acompletion`, which take over the list `messages`; with `cache`,
    marked for the provider's cache where it wants marks (the log's request_sha256 is over the
    messages without them)."""
    if cache and wants_marks(seat.model):
        mark(messages)
    limit = {}
    if "max_tokens" not in seat.params and entry(seat.model).get("max_output_tokens"):
        limit["max_tokens"] = reply_limit(seat.model)
    sent = {"model": seat.model, "messages": messages, "stream": True, "max_retries": 0}
    sent |= {"stream_options": {"include_usage": True}, "timeout": timeout + 5} | limit
    if tools:
        sent["tools"] = tools
    if seat.api_base:
        sent["api_base"] = seat.api_base
        names = key_names(seat.model) or ()
        if names and not any(os.environ.get(name) for name in names):
            sent["api_key"] = "none"  # a local server needs no key, but the client wants a string
    return sent | seat.params | extra


async def complete(
    sent: Sent, reply: Reply, idle_timeout: float, hear: Callable[[str, str], None]
) -> None:
    """Make one streamed request, filling in `reply`; hear("text" | "thinking", piece) is called
    for each piece as it comes, and what it raises is raised here.

    Raises Failure; `reply` then holds what had come by then, as it does when cancelled."""
    if sent["model"].startswith("demo/"):
        return await demo_call.complete(sent, reply, hear)
    litellm, loop = await engine.rehearsed(sent), asyncio.get_running_loop()
    started, said, limit = time.monotonic(), Said(), asyncio.timeout(idle_timeout)
    wire = Wire(beat=lambda: limit.reschedule(loop.time() + idle_timeout))
    try:
        async with (
            limit,
            _fair(limit, idle_timeout),
            contextlib.aclosing(_pieces(litellm, sent, wire, said)) as pieces,
        ):
            async for kind, piece in pieces:
                reply.begin(time.monotonic() - started)
                hear(kind, piece)
    except TimeoutError:
        if not limit.expired():
            raise
        waited = f"{sent['model']}: the provider sent nothing for {idle_timeout:g} s"
        if not said.ended:  # else it only forgot to hang up
            raise Failure("idle", f"{waited} (--idle-timeout)", True) from None
    finally:
        reply.take(said)
        reply.settle(said, sent, litellm)
        await wire.close()
    _check_end(reply, said, sent["model"])


@contextlib.asynccontextmanager
async def _fair(limit: asyncio.Timeout, seconds: float) -> AsyncIterator[None]:
    """Begin the `seconds` of this limit anew where nobody listened meanwhile: this process had been
    stopped (Ctrl+Z), or its output had (Ctrl+S)."""
    loop = asyncio.get_running_loop()
    next_look: asyncio.Handle

    def look(due: float) -> None:
        nonlocal next_look
        now = loop.time()
        if now > due + LOOK and not limit.expired():
            limit.reschedule(now + seconds)
        next_look = loop.call_at(now + LOOK, look, now + LOOK)

    next_look = loop.call_soon(look, loop.time())
    try:
        yield
    finally:
        next_look.cancel()


async def _pieces(
    litellm: Any, sent: Sent, wire: Wire, said: Said
) -> AsyncGenerator[tuple[str, str], None]:
    """What can be shown of the answer, as it comes. Raises Failure for all that LiteLLM, its many
    providers and the network raise."""
    parts = None
    try:
        with wire.listening():
            parts = await litellm.acompletion(**sent)
            if hasattr(parts, "fetch_stream"):  # for Gemini the request leaves only here
                await parts.fetch_stream()
        if wire.status not in (None, 200):  # a redirect, which is not followed with a key
            raise refusal_of(wire, sent)
        dialect = spoken_at(wire.path) if wire.status else None
        read = _read(wire, dialect, said) if dialect else engine.chunks(parts, said)
        async for piece in read:
            yield piece
    except Failure:
        raise
    except Foreign as other:
        raise foreign(str(other), wire, sent) from None
    except Exception as error:  # its many providers raise anything; `failure_of` sorts it
        if not said.ended or isinstance(error, Garbled):
            raise failure_of(error, sent, wire) from None
    finally:
        if parts is not None:
            with contextlib.suppress(Exception):  # closing what is broken already may complain
                await parts.aclose()


async def _read(wire: Wire, dialect: Dialect, said: Said) -> AsyncGenerator[tuple[str, str], None]:
    """The pieces of an answer in a dialect that is read here."""
    async with contextlib.aclosing(dialect.events(wire.lines())) as events:
        try:
            async for event in events:
                for piece in dialect.read(event, said):
                    yield piece
                if said.failed or said.done:
                    break
        except Foreign as other:  # some servers answer with a whole message, streamed or not
            message = whole_message(str(other)) if dialect.name == "chat" else None
            if message is None:
                raise
            for piece in dialect.read(message, said):
                yield piece
    for piece in said.flush():
        yield piece
    if said.done and not said.failed:
        await wire.rest()


def _check_end(reply: Reply, said: Said, model: str) -> None:
    """Refuse a message that its provider did not end: it is broken, however whole it looks."""
    if said.failed:
        raise said_failed(said.failed, model)
    if not said.ended and not reply.unended:
        raise Failure("cut", f"{model}: the stream ended before its end marker", True)
