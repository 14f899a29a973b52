"""The server: HTTP/1.1 on loopback, with every request kept as it arrived."""

import asyncio
import json
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from fake.cache import Cache, prefix_blocks, usage_of
from fake.dialects import (
    FRAMES,
    KINDS,
    Answer,
    completion_of,
    compose,
    error_frame,
    error_of,
    message_of,
    wire_of,
)
from fake.rules import CHECKS
from fake.script import Fault, Refusal, Reply, Request, Script, status

JUNK = 'data: {"type": "content_block_delta", oops\n\n'


class Connection(asyncio.Protocol):
    """One client: HTTP/1.1 with keep-alive, a request at a time."""

    def __init__(self, provider: "Provider"):
        self.provider, self.buffer = provider, bytearray()
        self.request: Request | None = None  # the one that is being answered
        self.task: asyncio.Task | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport
        # asyncio leaves this out for a socket that it did not make; without it the client's
        # delayed acknowledgement holds each body back for 40 ms
        peer = transport.get_extra_info("socket")
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.provider.connections.add(self)

    def connection_lost(self, _: Exception | None) -> None:
        self.provider.connections.discard(self)
        if self.request:
            self.request.time_ended = time.monotonic()
            self.request.closed_early = not self.provider.stop.is_set()
            self.task.cancel()

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        self.next_request()

    def next_request(self) -> None:
        """Start to answer if a whole request is there and none is being answered."""
        head, found, _ = self.buffer.partition(b"\r\n\r\n")
        if self.request or not found:
            return
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {
            name.lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines)
        }
        start = len(head) + 4
        end = start + int(headers.get("content-length", 0))
        if len(self.buffer) >= end:
            path = first.split(" ")[1].partition("?")[0]
            self.request = Request(path, headers, bytes(self.buffer[start:end]))
            del self.buffer[:end]
            self.task = asyncio.get_running_loop().create_task(self.answer(self.request))

    async def answer(self, request: Request) -> None:
        """Answer one request, then look whether the next is already here."""
        wire = wire_of(request.path)
        try:
            if wire:
                await self.answer_model(request, wire)
            else:
                self.send_json(200, self.provider.totals)
        except Exception as error:  # a defect in here must not look like a provider that hangs
            request.error, self.request = repr(error), None
            self.transport.abort()
            raise
        request.time_ended, self.request = time.monotonic(), None
        if not self.provider.keep:
            request.raw, request.body = b"", None
        self.next_request()

    async def answer_model(self, request: Request, wire: str) -> None:
        """One call of a model: check, ask the script, account, send."""
        try:
            reply = self.provider.admit(request, wire)
        except Refusal as refusal:
            request.error, reply = str(refusal), Reply(fault=refusal.fault)
        fault = reply.fault
        await asyncio.sleep(reply.delay)
        while reply.until and not reply.until():
            await asyncio.sleep(0.01)
        if fault and fault.kind == "hang":
            await asyncio.Future()
        if fault and fault.kind == "status":
            request.status = fault.code
            body = error_of(fault, wire) if fault.value is None else fault.value
            self.send_json(fault.code, body, fault.headers)
            return
        request.status = 200
        if reply.raw is not None:
            await self.send_raw(reply)
            return
        request.usage = usage_of(self.provider.cache, request.body, wire, reply)
        answer = compose(reply, request, request.usage)
        request.usage = answer.usage
        self.provider.count(request)
        if wire not in ("gemini", "bedrock") and not request.body.get("stream"):
            await self.send_whole(answer, fault, wire)
            return
        frames = FRAMES[wire](answer, request.body)
        await self.send_stream(frames, reply, wire)

    def send_head(self, code: int, headers: dict[str, str]) -> None:
        """The status line and the headers."""
        lines = [f"HTTP/1.1 {code} -", *(f"{name}: {value}" for name, value in headers.items())]
        self.transport.write("\r\n".join([*lines, "", ""]).encode("latin-1"))

    def send_json(self, code: int, body: object, headers: dict[str, str] | None = None) -> None:
        """A whole answer; a str is sent as it is."""
        data = (body if isinstance(body, str) else json.dumps(body)).encode()
        kind = "text/html" if isinstance(body, str) else "application/json"
        self.send_head(
            code, {"content-type": kind, "content-length": str(len(data)), **(headers or {})}
        )
        self.transport.write(data)

    async def send_whole(self, answer: Answer, fault: Fault | None, wire: str) -> None:
        """A reply that is not streamed; a fault of the stream has its nearest likeness."""
        body = completion_of(answer) if wire == "openai" else message_of(answer, answer.blocks)
        kind = fault.kind if fault else ""
        if kind == "error_event":
            self.send_json(529, error_of(status(529), wire))
        elif kind in ("junk", "eof"):
            self.send_json(200, json.dumps(body)[:40])
        elif kind in ("stall", "cut", "reset"):
            self.send_head(200, {"content-type": "application/json", "content-length": "9999"})
            self.transport.write(json.dumps(body)[:40].encode())
            await self.break_off(kind)
        else:
            self.send_json(200, body)

    async def send_stream(self, frames: list[str | bytes], reply: Reply, wire: str) -> None:
        """Events of whatever form, at once or paced, as far as the fault lets them."""
        kind, after = (reply.fault.kind, reply.fault.after) if reply.fault else ("", 0)
        if kind == "junk":
            frames.insert(min(after + 1, len(frames) - 1), JUNK)
        elif kind in ("stall", "cut", "reset", "eof", "error_event"):
            del frames[min(after + 1, len(frames) - 1) :]
        if kind == "error_event":
            frames.append(error_frame(status(529), wire))
        kind_of = KINDS.get(wire, "text/event-stream; charset=utf-8")
        self.send_head(200, {"content-type": kind_of, "transfer-encoding": "chunked"})
        sent = [frame.encode() if isinstance(frame, str) else frame for frame in frames]
        chunks = [b"%x\r\n%b\r\n" % (len(data), data) for data in sent]
        paced = [b"".join(chunks[:2]), *chunks[2:]] if reply.pace else [b"".join(chunks)]
        for chunk in paced:  # the head comes with the first piece
            self.transport.write(chunk)
            await asyncio.sleep(reply.pace)
        if kind in ("stall", "cut", "reset"):
            await self.break_off(kind)
        else:
            self.transport.write(b"0\r\n\r\n")

    async def send_raw(self, reply: Reply) -> None:
        """These very bytes, chunk by chunk."""
        self.send_head(200, {"content-type": reply.kind, "transfer-encoding": "chunked"})
        for piece in reply.raw or ():
            data = piece.encode("utf-8", "surrogatepass") if isinstance(piece, str) else piece
            self.transport.write(b"%x\r\n%b\r\n" % (len(data), data))
            await asyncio.sleep(reply.pace)
        if reply.fault:
            await self.break_off(reply.fault.kind)
        else:
            self.transport.write(b"0\r\n\r\n")

    async def break_off(self, kind: str) -> None:
        """Leave the client with half an answer."""
        if kind == "stall":
            await asyncio.Future()
        self.request = None  # it is we who close
        if kind == "reset":  # lingering for no time sends RST in place of FIN
            peer = self.transport.get_extra_info("socket")
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.transport.close()


class Provider:
    """The server, on a thread of its own while the `with` block lasts.

    `reply` is a list of replies used in order and followed by "Message N", or a function of the
    request's body and its index. The index counts the requests that passed the checks, faults
    included: a refused request uses nothing up.
    """

    def __init__(
        self,
        reply: Script | None = None,
        *,
        port: int = 0,
        context: int | None = None,
        cache_minimum: int = 1024,
        clock: Callable[[], float] = time.monotonic,
        keep: bool = True,
    ):
        self.reply, self.port, self.context, self.keep = reply or [], port, context, keep
        self.cache = Cache(cache_minimum, clock)
        self.requests: list[Request] = []
        self.totals: Counter[str] = Counter()  # also at GET /, for benchmarks
        self.connections: set[Connection] = set()
        self.asked = 0

    def __enter__(self) -> "Provider":
        self.socket = socket.create_server(("127.0.0.1", self.port), backlog=1024)
        self.port = self.socket.getsockname()[1]
        self.loop, self.stop = asyncio.new_event_loop(), asyncio.Event()
        self.thread = threading.Thread(target=self.loop.run_until_complete, args=[self.serve()])
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self.stop.set)
        self.thread.join()
        self.loop.close()

    async def serve(self) -> None:
        """Answer until the `with` block ends, then drop every connection."""
        loop = asyncio.get_running_loop()
        server = await loop.create_server(lambda: Connection(self), sock=self.socket)
        await self.stop.wait()
        server.close()
        for connection in self.connections:
            connection.transport.abort()
        while self.connections:
            await asyncio.sleep(0)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def wait_for(self, n: int, timeout: float = 60.0) -> list[Request]:
        """Block until n requests have arrived."""
        self.wait_until(lambda: len(self.requests) >= n, timeout)
        return self.requests

    def wait_until(self, true: Callable[[], object], timeout: float = 60.0) -> None:
        """Block until something holds, such as `lambda: request.closed_early`."""
        end = time.monotonic() + timeout
        while not true():
            if time.monotonic() > end:
                raise TimeoutError(f"after {timeout} s with {len(self.requests)} requests")
            time.sleep(0.002)

    def admit(self, request: Request, wire: str) -> Reply:
        """Record a request, refuse it or find the reply to it."""
        self.requests.append(request)
        names = ("x-api-key", "x-goog-api-key", "authorization")
        key = next((request.headers[name] for name in names if name in request.headers), "")
        if wire != "ollama" and key.removeprefix("Bearer ") in ("", "bad-key"):
            raise Refusal("", 401)
        try:
            request.body = json.loads(request.raw)
            if wire == "gemini":
                request.body["model"] = request.path.rpartition("/")[2].partition(":")[0]
            if wire == "bedrock":
                request.body["model"] = request.path.split("/")[-2]
            CHECKS[wire](request.body)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise Refusal(f"The request body is malformed: {error!r}") from error
        self.check_context(request.body, wire)
        index, self.asked = self.asked, self.asked + 1
        try:
            reply = self.choose(request.body, index)
        except Exception as error:  # a test's own mistake is shown to it, not swallowed
            raise Refusal(f"the reply function failed: {error!r}", 500) from error
        return Reply(reply) if isinstance(reply, str) else reply

    def choose(self, body: dict, index: int) -> Reply | str:
        """The script's reply, or the default one."""
        if callable(self.reply):
            return self.reply(body, index)
        return self.reply[index] if index < len(self.reply) else f"Message {index}"

    def check_context(self, body: dict, wire: str) -> None:
        """Refuse what does not fit the window, in either provider's words."""
        if self.context is None or wire in ("gemini", "ollama", "cohere", "bedrock"):
            return
        _, sizes = self.cache.prefixes(body, prefix_blocks(body))
        if sizes[-1] > self.context and wire == "anthropic":
            raise Refusal(f"prompt is too long: {sizes[-1]} tokens > {self.context} maximum")
        if sizes[-1] > self.context:
            raise Refusal(
                f"This model's maximum context length is {self.context} tokens. "
                f"However, your messages resulted in {sizes[-1]} tokens.",
                type="context_length_exceeded",
            )

    def count(self, request: Request) -> None:
        """Add an answered request to the totals."""
        self.totals["requests"] += 1
        self.totals.update({k: v for k, v in request.usage.items() if isinstance(v, int)})
