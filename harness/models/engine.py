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
from concurrent.futures import Future
from typing import Any

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
