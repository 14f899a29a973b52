"""The HTTP transport that LiteLLM's clients are handed: all that comes passes a `Wire` first."""

from collections.abc import AsyncIterator
from typing import Any

import httpx

from harness.models import wire as wires
from harness.models.wire import Wire

RECODED = ("content-encoding", "content-length", "transfer-encoding")


class Tap(httpx.AsyncBaseTransport):
    """Shows each answer to the wire of the request that asked for it. It lives as long as the
    process: closing one client leaves the requests of the others alone."""

    def __init__(self, inner: httpx.AsyncBaseTransport):
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        wire = wires.current()
        if wire is None:
            return await self._inner.handle_async_request(request)
        wire.asked(request)
        if wire.rehearsal:
            return httpx.Response(200, headers={"content-type": "text/event-stream"}, content=b"")
        try:
            response = await self._inner.handle_async_request(request)
        except Exception as error:
            wire.failed(error)
            raise
        body = await wire.answered(response)
        headers = [pair for pair in response.headers.items() if pair[0] not in RECODED]
        given: dict[str, Any] = {"stream": _Body(wire)} if body is None else {"content": body}
        return httpx.Response(response.status_code, headers=headers, **given)

    async def aclose(self) -> None:
        """Nothing: see above."""


class _Body(httpx.AsyncByteStream):
    """The body for LiteLLM, where it is LiteLLM that reads it."""

    def __init__(self, wire: Wire):
        self._wire = wire

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._wire.pieces():
            yield chunk

    async def aclose(self) -> None:
        await self._wire.close()
