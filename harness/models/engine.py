"""LiteLLM itself: imported in the background, set up so that it keeps quiet and asks nobody.

It takes two to eight seconds to import: `warm` begins in a thread while the screen is drawn.
"""

import asyncio
import gc
import importlib.metadata
import importlib.util
import logging
import os
import sys
import threading
import warnings
from collections.abc import AsyncIterator
from concurrent.futures import Future
from typing import Any

from harness.models import demo

# ---------------------------------------------------------------- LiteLLM itself

_litellm: Future = Future()


def warm() -> None:
    """Begin to import LiteLLM in the background (once)."""
    if not _litellm.running() and not _litellm.done():
        _litellm.set_running_or_notify_cancel()
        threading.Thread(target=_import, daemon=True).start()


def loading() -> bool:
    """Whether the background import is still at work."""
    return _litellm.running() and not _litellm.done()


async def ready() -> Any:
    """The litellm module, once it has been imported."""
    warm()
    return await asyncio.shield(asyncio.wrap_future(_litellm))


def version() -> str:
    """LiteLLM's version, without importing it."""
    try:
        return importlib.metadata.version("litellm")
    except importlib.metadata.PackageNotFoundError:
        return "missing"


def _import() -> None:
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else it fetches prices over the network
    os.environ["LITELLM_MODE"] = "PRODUCTION"  # else it loads any stray .env by itself
    for name in ("LiteLLM", "LiteLLM Proxy", "LiteLLM Router"):  # they would print on the console
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    warnings.filterwarnings("ignore", module=r"(litellm|pydantic)")
    gc.disable()  # a third of the import's time is the collector looking at new classes
    try:
        import litellm

        _configure(litellm)
        _litellm.set_result(litellm)
    except Exception as error:  # whatever a broken installation raises, the loop must hear of it
        _litellm.set_exception(error)
    finally:
        gc.freeze()  # and never look at those hundred thousand objects again
        gc.enable()


def _configure(litellm: Any) -> None:
    litellm.suppress_debug_info = True
    # Repetition is what this program looks for: --max-tokens bounds a reply, not LiteLLM's guard.
    litellm.REPEATED_STREAMING_CHUNK_LIMIT = sys.maxsize
    free = {"litellm_provider": "demo", "mode": "chat", "input_cost_per_token": 0.0}
    free |= {"output_cost_per_token": 0.0, "supports_function_calling": True}
    free |= {"cache_read_input_token_cost": 0.0, "cache_creation_input_token_cost": 0.0}
    names = [*demo.SCRIPTS, demo.JUDGE]
    litellm.register_model({f"demo/{name}": dict(free) for name in names})
    litellm.custom_provider_map = [{"provider": "demo", "custom_handler": _demo_handler(litellm)}]


def _demo_handler(litellm: Any) -> Any:
    """The scripts of demo.py as a LiteLLM provider, so that they take the whole real path."""

    class Demo(litellm.CustomLLM):
        async def astreaming(
            self, model: str, messages: list, *args: Any, optional_params: dict, **kwargs: Any
        ) -> AsyncIterator[dict]:
            pace, seed = optional_params["demo_pace"], optional_params["demo_seed"]
            tools = optional_params.get("tools") or []
            text, calls = demo.compose(model, messages, tools, seed)
            pieces = demo.chunks(text)
            for piece in pieces:
                await asyncio.sleep(pace)
                yield _demo_chunk(text=piece)
            for index, (name, arguments) in enumerate(calls):
                function = {"name": name, "arguments": arguments}
                call = {"id": f"demo_{len(messages)}_{index}", "type": "function", "index": index}
                yield _demo_chunk(tool_use=call | {"function": function}, index=index)
            usage = {"prompt_tokens": len(str(messages)) // 4, "completion_tokens": len(pieces)}
            usage["total_tokens"] = sum(usage.values())
            yield _demo_chunk(finish_reason="tool_calls" if calls else "stop", usage=usage)

    return Demo()


def _demo_chunk(**values: Any) -> dict:
    chunk = {"text": "", "is_finished": False, "finish_reason": "", "usage": None, "index": 0}
    return chunk | {"tool_use": None} | values | {"is_finished": bool(values.get("usage"))}
