"""LiteLLM itself: imported in the background, set up so that it keeps quiet and asks nobody.

It takes two to eight seconds to import: `warm` begins in a thread while the screen is drawn.
"""

import asyncio
import contextlib
import gc
import importlib.metadata
import importlib.util
import logging
import os
import sys
import threading
import warnings
from collections.abc import AsyncGenerator, Sequence
from concurrent.futures import Future
from typing import Any

from harness.models.catalogue import provider
from harness.models.said import Pieces, Said
from harness.models.wire import Sent, Wire
from harness.states import detect

_litellm: Future = Future()
_rehearsals: dict[str, Future] = {}  # by provider
HELLO = [{"role": "user", "content": "Hello"}]
ALONE = {  # else it fetches prices, tokenizers and lists of its own from other people's servers
    "LITELLM_OFFLINE_MODE": "true",
    "LITELLM_MODE": "PRODUCTION",  # else it loads any stray .env by itself
    # Repetition is what this program looks for: --max-tokens bounds a reply, not LiteLLM's guard.
    "REPEATED_STREAMING_CHUNK_LIMIT": str(sys.maxsize),
}


def warm(requests: Sequence[Sent] = ()) -> None:
    """Begin to import LiteLLM in the background (once), and to rehearse these requests."""
    if not _litellm.running() and not _litellm.done():
        _litellm.set_running_or_notify_cancel()
        threading.Thread(target=_import, args=(requests,), daemon=True).start()


def loading() -> bool:
    """Whether the background import, or a rehearsal, is still at work."""
    waited = [_litellm] if _litellm.running() else []
    return not all(future.done() for future in [*waited, *_rehearsals.values()])


async def ready() -> Any:
    """The litellm module, once it has been imported."""
    warm()
    return await _outcome(_litellm)


async def rehearsed(sent: Sent) -> Any:
    """The litellm module, once it has made a request of this kind that goes nowhere.

    The first one to a provider imports and compiles for up to a second; on a thread that holds
    up neither the keys nor the other conversations."""
    litellm = await ready()
    if done := _begun(sent):
        threading.Thread(target=_rehearse, args=(litellm, sent, done), daemon=True).start()
    await _outcome(_rehearsals[provider(sent["model"])])
    return litellm


async def _outcome(future: Future) -> Any:
    """A thread's result; at once where it is there: waiting takes turns of the event loop."""
    return future.result() if future.done() else await asyncio.shield(asyncio.wrap_future(future))


def _begun(sent: Sent) -> Future | None:
    """A future for the rehearsal of this kind of request, or None where there is one already."""
    kind = provider(sent["model"])
    if kind in _rehearsals:
        return None
    done: Future = Future()
    _rehearsals[kind] = done
    return done


def _rehearse(litellm: Any, sent: Sent, done: Future) -> None:
    async def act() -> None:
        with Wire(beat=lambda: None, rehearsal=True).listening():
            parts = await litellm.acompletion(**sent | {"messages": HELLO})
            await parts.fetch_stream()

    with contextlib.suppress(Exception):  # whatever is wrong with it, the real one will say
        asyncio.run(act())
    done.set_result(None)


def version() -> str:
    """LiteLLM's version, without importing it."""
    try:
        return importlib.metadata.version("litellm")
    except importlib.metadata.PackageNotFoundError:
        return "missing"


def _import(requests: Sequence[Sent]) -> None:
    os.environ.update(ALONE)
    for name in ("LiteLLM", "LiteLLM Proxy", "LiteLLM Router"):  # they would print on the console
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    warnings.filterwarnings("ignore", module=r"(litellm|pydantic)")
    gc.disable()  # a third of the import's time is the collector looking at new classes
    try:
        import litellm

        _configure(litellm)
        for sent in requests:
            if done := _begun(sent):
                _rehearse(litellm, sent, done)
        detect.read("")  # loads what messages are looked at with, which takes a while too
        _litellm.set_result(litellm)
    except Exception as error:  # whatever a broken installation raises, the loop must hear of it
        _litellm.set_exception(error)
    finally:
        gc.freeze()  # and never look at those hundred thousand objects again
        gc.enable()


def _configure(litellm: Any) -> None:
    litellm.suppress_debug_info = True
    litellm.disable_hf_tokenizer_download = True  # it would ask a model hub, within the event loop
    litellm.disable_token_counter = True  # the providers count
    _ = litellm.main.encoding  # it builds these tables anyway, holding everything up for 0.3 s
    _tap(litellm)


def _tap(litellm: Any) -> None:
    """Have every HTTP client that LiteLLM uses send through a transport of ours, which shows what
    comes back to `wire` and follows no redirect: a key goes nowhere but where it was sent."""
    import httpx
    from litellm.caching.llm_caching_handler import LLMClientCache
    from litellm.llms.custom_httpx.http_handler import (
        AsyncHTTPHandler,
        HTTPHandler,
        get_ssl_configuration,
    )

    from harness.models.tap import Tap

    class Clients(LLMClientCache):
        """LiteLLM's store of clients, in which its own HTTP client is always ours."""

        def get_cache(self, key: str, *args: Any, **kwargs: Any) -> Any:
            if key.startswith("async_httpx_client"):
                return client
            return super().get_cache(key, *args, **kwargs)

    verified: Any = get_ssl_configuration()  # a context, or False where LiteLLM is told so
    how = {"ssl_verify": verified} if isinstance(verified, bool) else {"ssl_context": verified}
    inner: Any = AsyncHTTPHandler.create_async_transport(**how)
    tap = Tap(inner)
    client = AsyncHTTPHandler(transport=tap, follow_redirects=False)
    litellm.in_memory_llm_clients_cache = Clients()
    litellm.module_level_aclient = client
    litellm.aclient_session = httpx.AsyncClient(transport=tap, trust_env=False)
    # With this one it would ask an Ollama at its usual address about each model, at each request.
    nobody = httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(503)))
    litellm.module_level_client = HTTPHandler(client=nobody)


async def chunks(parts: Any, said: Said) -> AsyncGenerator[tuple[str, str], None]:
    """The pieces of a stream as LiteLLM reads it, in a protocol that `dialects` does not know. The
    end counts where the provider gave a reason for it."""
    finish = None
    async for chunk in parts:
        for choice in chunk.choices[:1]:
            for piece in _delta(choice.delta, said):
                yield piece
            finish = choice.finish_reason or finish
        if finish and getattr(chunk, "usage", None):
            break  # reading on would only start LiteLLM's own logging
    if finish and getattr(parts, "received_finish_reason", "") is not None:
        said.end(finish)
    # What LiteLLM yields at the end may be its own guess; the provider's count is on the chunks.
    counted = [c.usage for c in getattr(parts, "chunks", ()) if getattr(c, "usage", None)]
    said.count(counted[-1].model_dump() if counted else {})


def _delta(delta: Any, said: Said) -> Pieces:
    pieces: Pieces = []
    blocks = getattr(delta, "thinking_blocks", None) or []
    for block in map(dict, blocks):
        if block.get("type") == "redacted_thinking":
            said.redacted(block.get("data") or "")
        else:
            signature = block.get("signature") or ""
            pieces += said.think(block.get("thinking") or "", signature=signature)
    if not blocks:
        pieces += said.think(getattr(delta, "reasoning_content", None) or "")
    pieces += said.text(delta.content or "")
    for call in delta.tool_calls or []:
        function = call.function
        said.call(call.index, call.id or "", function.name or "", function.arguments)
    return pieces
