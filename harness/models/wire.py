"""What a provider answers, byte for byte, before LiteLLM sees any of it.

LiteLLM knows where each request goes and how each provider takes a history. What comes back is
read here, because on its way through LiteLLM words are lost: lines are split at U+2028, calls are
merged, and who ended a message and why is hidden. `tap.Tap` is the transport of the HTTP clients
that LiteLLM is handed (see engine.py); it finds the `Wire` of the request that is being made
through a context variable.
"""

import asyncio
import codecs
import contextlib
import json
import re
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextvars import ContextVar
from typing import Any

from harness.files import Json

Sent = dict[str, Any]  # a request: the arguments of litellm.acompletion

LONGEST_BODY = 1 << 20  # bytes that are read of an answer that is no stream
LINGER = 0.2  # seconds for the rest of a body that has said its last, so that its connection lives
_BREAK = re.compile(rb"\r\n|\n|\r")

_current: ContextVar["Wire | None"] = ContextVar("wire", default=None)


class Wire:
    """The answer to one request, as it came.

    `path` is where the request went, `status` the HTTP status (None = no answer), `body` the
    words of an answer that is no stream of events, `fault` why no answer came."""

    def __init__(self, beat: Callable[[], None], rehearsal: bool = False):
        self._beat = beat  # called whenever bytes come: the provider is alive
        self.rehearsal = rehearsal  # nothing is sent: see engine.rehearsed
        self._response: Any = None
        self._chunks: AsyncIterator[bytes] | None = None
        self.host, self.path, self.body = "", "", ""
        self.status: int | None = None
        self.headers: dict[str, str] = {}
        self.fault: Exception | None = None

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """While LiteLLM makes the request: what it sends and gets is this wire's."""
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)

    def asked(self, request: Any) -> None:
        """A request (an httpx.Request) goes out."""
        self.host = request.url.netloc.decode("ascii", "replace")
        self.path, self.status, self.fault = request.url.path, None, None
        self._beat()

    def failed(self, error: Exception) -> None:
        """No answer came."""
        self.fault = error

    async def answered(self, response: Any) -> bytes | None:
        """Take in the head of an answer (an httpx.Response), and the whole of one that is an
        error: its body, or None for one that is still to be read."""
        self._beat()
        self.status, self.headers = response.status_code, dict(response.headers)
        self._response, self._chunks = response, response.aiter_bytes()
        if response.status_code == 200:
            return None
        data = b""
        with contextlib.suppress(Exception):  # half an explanation is better than none
            async for chunk in self.pieces():
                data += chunk
                if len(data) > LONGEST_BODY:
                    break
        await self.close()
        self.body = data.decode("utf-8-sig", "replace")
        return data

    async def pieces(self) -> AsyncIterator[bytes]:
        """The body as it comes."""
        if self._chunks is None:
            return
        async for chunk in self._chunks:
            self._beat()
            yield chunk

    async def lines(self) -> AsyncIterator[str]:
        """The lines of the body. Text may hold any other separator; only CR and LF end a line, and
        a byte order mark, which some servers begin with, belongs to none."""
        kept, begun = b"", False
        async for chunk in self.pieces():
            kept += chunk
            if not begun and len(kept) >= len(codecs.BOM_UTF8):
                kept, begun = kept.removeprefix(codecs.BOM_UTF8), True
            if b"\n" not in chunk and b"\r" not in chunk:
                continue
            end = kept.endswith(b"\r")  # its LF may be on the way
            *whole, kept = _BREAK.split(kept[: len(kept) - end])
            kept += b"\r" * end
            for line in whole:
                yield _text(line)
        for line in _BREAK.split(kept):
            yield _text(line)

    async def rest(self) -> None:
        """Read on to the end of the body, briefly: a connection that is read out can be used
        again."""
        with contextlib.suppress(Exception):
            async with asyncio.timeout(LINGER):
                async for _ in self.pieces():
                    pass

    async def close(self) -> None:
        """Let go of the connection, whatever state it is in."""
        if self._response is not None:
            with contextlib.suppress(Exception):  # closing what is broken already may complain
                await self._response.aclose()


def current() -> Wire | None:
    """The wire of the request that is being made, if any."""
    return _current.get()


def _text(line: bytes) -> str:
    try:
        return line.decode("utf-8", "surrogatepass")  # half a surrogate is kept: see text.whole
    except UnicodeDecodeError:
        return line.decode("utf-8", "replace")


# ---------------------------------------------------------------- events


class Garbled(Exception):
    """A piece of a stream that can't be read: what it held is lost."""


class Foreign(Exception):
    """A body that is no stream of events at all; its text is the argument."""


DONE: Json = {"[DONE]": True}  # the end marker of OpenAI's dialect


async def sent_events(lines: AsyncIterator[str]) -> AsyncGenerator[Json, None]:
    """The JSON objects of a stream of server-sent events.

    Raises Garbled where one can't be read, Foreign where the body holds something else."""
    data: list[str] = []
    other: list[str] = []
    came = False
    async for line in lines:
        name, colon, value = line.partition(":")
        if name == "data" and colon:
            data.append(value.removeprefix(" "))
            came = True
        elif line and name not in ("", "event", "id", "retry"):  # "" = a comment, a keepalive
            other.append(line)
        event = _parsed(data) if data else None
        if event is not None:
            data = []
            yield event
        elif data and not line and any(map(str.strip, data)):
            raise Garbled("\n".join(data))
        elif not line:
            data = []
    if any(map(str.strip, data)):
        raise Garbled("\n".join(data))
    if other and not came:
        raise Foreign("\n".join(other))


async def json_lines(lines: AsyncIterator[str]) -> AsyncGenerator[Json, None]:
    """The JSON objects of a stream that has one on each line. Raises as `sent_events` does."""
    came = False
    async for line in lines:
        if not line.strip():
            continue
        event = _parsed([line])
        if event is None:
            rest = [line] + [more async for more in lines]
            raise Garbled(line) if came else Foreign("\n".join(rest))
        came = True
        yield event


def _parsed(data: list[str]) -> Json | None:
    """The object that these lines hold, or None while they hold none."""
    text = "\n".join(data)
    return DONE if text.strip() == "[DONE]" else json_object(text)


def json_object(text: str) -> Json | None:
    """The JSON object that a text is, or None."""
    try:
        event = json.loads(text, strict=False)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) else None
