"""One request to a model: its arguments, and the one place that calls LiteLLM."""

import asyncio
import contextlib
import os
import time
from collections.abc import Callable
from typing import Any

from harness.models import demo_call, engine
from harness.models.catalogue import entry, key_names
from harness.models.failures import Failure, failure_of
from harness.models.marks import mark, wants_marks
from harness.models.reply import Calls, Reply, Thoughts, ended, settle, take
from harness.models.seat import Seat
from harness.text import whole

REPLY_LIMIT = 16_000  # tokens a reply may have where --max-tokens is silent; LiteLLM asks for 128k


def warm(*seats: Seat) -> None:
    """Begin to import LiteLLM in the background, where one of the seats will need it."""
    if any(not (seat.demo or seat.human) for seat in seats):
        engine.warm()


async def ready(*seats: Seat) -> None:
    """Wait until these seats can be asked: until LiteLLM is there, where one needs it."""
    if any(not (seat.demo or seat.human) for seat in seats):
        await engine.ready()


def reply_limit(model: str) -> int:
    """The tokens that a reply may have where --max-tokens is silent."""
    return min(REPLY_LIMIT, entry(model).get("max_output_tokens") or REPLY_LIMIT)


def request(
    seat: Seat,
    messages: list[dict],
    tools: list[dict],
    timeout: float,
    extra: dict,
    cache: bool = False,
) -> dict[str, Any]:
    """The arguments for `litellm.acompletion`; with `cache`, marked for the provider's cache
    where it wants marks (the log's request_sha256 is over the messages without them)."""
    if cache and wants_marks(seat.model):
        messages = mark(messages)
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
    sent: dict[str, Any], reply: Reply, idle_timeout: float, hear: Callable[[str, str], None]
) -> None:
    """Make one streamed request, filling in `reply`; hear("text" | "thinking", piece) is called
    for each piece as it comes.

    Raises Failure; `reply` then holds what had come by then, as it does when cancelled."""
    if sent["model"].startswith("demo/"):
        return await demo_call.complete(sent, reply, hear)
    litellm = await engine.ready()
    started, parts = time.monotonic(), None
    texts, thoughts, calls = [], Thoughts(), Calls()
    try:
        async with asyncio.timeout(idle_timeout) as limit:
            parts = await litellm.acompletion(**sent)
            async for chunk in parts:
                limit.reschedule(asyncio.get_running_loop().time() + idle_timeout)
                for kind, piece in take(reply, chunk, thoughts, calls):
                    reply.ttft = reply.ttft or time.monotonic() - started
                    if kind == "text":
                        texts.append(piece)
                    hear(kind, piece)
                # The count is the last thing to come. Reading on would only start LiteLLM's own
                # logging, which takes milliseconds of every message, more as the history grows.
                if reply.finish_reason and getattr(chunk, "usage", None):
                    break
    except TimeoutError:
        waited = f"the provider sent nothing for {idle_timeout:g} s (--idle-timeout)"
        raise Failure("idle", waited, True) from None
    except Exception as error:  # its many providers raise anything; `failure_of` sorts it
        raise failure_of(error, sent) from None
    finally:
        reply.text = whole("".join(texts))
        reply.thinking, reply.thinking_blocks = thoughts.text(), thoughts.blocks()
        reply.calls = calls.complete()
        settle(reply, sent, parts, litellm)
        if parts is not None:
            with contextlib.suppress(Exception):  # closing what is broken already may complain
                await parts.aclose()
    if not ended(reply, parts):
        raise Failure("cut", f"{sent['model']}: the stream ended before its end marker", True)
