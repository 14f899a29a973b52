"""Models: their names, keys and prices, and the one place that calls LiteLLM.

LiteLLM takes two to eight seconds to import, so that happens in a background thread (`warm`)
while the screen is already drawn. What the loop needs of a provider is `complete`, which hands
on pieces as they come and raises `Failure` with one line that says what to do. Traps that the code
steps around are told at the line.
"""

import asyncio
import base64
import contextlib
import difflib
import email.utils
import gc
import html
import importlib.metadata
import importlib.util
import json
import logging
import math
import os
import random
import re
import sys
import threading
import time
import urllib.parse
import warnings
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from harness import demo
from harness.settings import Seat
from harness.transcript import sendable, whole

KEYS = {
    "anthropic": ("ANTHROPIC_API_KEY",),
    "openai": ("OPENAI_API_KEY",),
    "gemini": ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    "xai": ("XAI_API_KEY",),
    "deepseek": ("DEEPSEEK_API_KEY",),
    "openrouter": ("OPENROUTER_API_KEY",),
    "groq": ("GROQ_API_KEY",),
    "mistral": ("MISTRAL_API_KEY",),
    "together_ai": ("TOGETHERAI_API_KEY", "TOGETHER_API_KEY"),
    "fireworks_ai": ("FIREWORKS_API_KEY", "FIREWORKS_AI_API_KEY"),
    "cohere": ("COHERE_API_KEY",),
    "cohere_chat": ("COHERE_API_KEY",),
    "perplexity": ("PERPLEXITYAI_API_KEY", "PERPLEXITY_API_KEY"),
    "moonshot": ("MOONSHOT_API_KEY",),
    "ollama": (),
    "ollama_chat": (),
    "demo": (),
    "human": (),
}
REPLY_LIMIT = 16_000  # tokens a reply may have where --max-tokens is silent; LiteLLM asks for 128k
MARK = {"type": "ephemeral"}  # five minutes from its last use
MARKING = ("bedrock", "bedrock_converse", "vertex_ai", "vertex_ai-anthropic_models", "azure_ai")
LONGEST_WAIT = 60.0  # seconds between tries where the provider names no time


# ---------------------------------------------------------------- names and prices


@cache
def price_map() -> dict[str, dict[str, Any]]:
    """LiteLLM's table of models and prices, read from its file: no import, no network."""
    spec = importlib.util.find_spec("litellm")
    if spec is None or not spec.submodule_search_locations:
        return {}
    folder = Path(spec.submodule_search_locations[0])
    return json.loads((folder / "model_prices_and_context_window_backup.json").read_bytes())


@cache
def aliases() -> dict[str, str]:
    """Alias -> LiteLLM id, the patterns of aliases.txt resolved to their newest model."""
    found = {}
    for line in Path(__file__).with_name("aliases.txt").read_text("utf-8").splitlines():
        alias, _, target = line.partition(" ")
        target = target.strip()
        if not line or line.startswith("#"):
            continue
        if found_pattern := re.fullmatch(r"/(\S+)/(?:\s+(\S+))?", target):
            target = (found_pattern[2] or "") + _newest(found_pattern[1])
        found[alias] = target
    return found


def _newest(pattern: str) -> str:
    """The id with the highest numbers among those that match in full."""
    matches = [found for name in price_map() if (found := re.fullmatch(pattern, name))]
    best = max(matches, key=lambda m: [int(n or 0) for n in m.groups()], default=None)
    return best[0] if best else f"no-model-matches-{pattern}"


def resolve(name: str) -> str:
    """The LiteLLM id for what a user typed; anything that is no alias is passed on as it is.

    Raises ValueError for a name that LiteLLM could not know whom to send to."""
    if name.startswith("demo/") and name[5:] not in demo.SCRIPTS:
        known = ", ".join(f"demo/{script}" for script in demo.SCRIPTS)
        raise ValueError(f"no demo model named {name}; there are {known}")
    model = aliases().get(name, name)
    if "/" not in model and model != "human" and not entry(model):
        near = difflib.get_close_matches(name, [*aliases(), *price_map()], n=1)
        hint = f"did you mean {near[0]}?" if near else "see `models`"
        raise ValueError(f"no model {name}: {hint} (other ids are written PROVIDER/MODEL)")
    return model


def entry(model: str) -> dict[str, Any]:
    """What the price map knows of a model ({} = nothing)."""
    return price_map().get(price_key(model), {})


def price_key(model: str) -> str:
    """The price map's own name for a model. The same model at another provider is another one."""
    prefix, _, rest = model.partition("/")
    if model in price_map() or price_map().get(rest, {}).get("litellm_provider") != prefix:
        return model
    return rest


def provider(model: str) -> str:
    """The provider that LiteLLM would send this model to, as far as its name says."""
    prefix = model.partition("/")[0]
    return prefix if "/" in model or prefix == "human" else entry(model).get("litellm_provider", "")


def priced(model: str) -> bool:
    """Whether the price is known. LiteLLM gives 0.0 for models that it has never heard of."""
    if provider(model) in ("ollama", "ollama_chat", "demo", "human"):
        return True
    return bool(entry(model).get("input_cost_per_token"))


def known() -> list[dict[str, Any]]:
    """One row per alias, for `models`: alias, id, the key's variables, what the price map says."""
    rows = []
    for alias, model in aliases().items():
        about, names = entry(model), key_names(model)
        rows.append({
            "alias": alias, "model": model, "about": about,
            "keys": names, "found": any(os.environ.get(name) for name in names or ()),
            "retired": _retired(model, about),
        })  # fmt: skip
    return rows


def _retired(model: str, about: dict[str, Any]) -> str:
    if not about:
        return "" if key_names(model) == () else "retired (not in LiteLLM's price map any more)"
    date = about.get("deprecation_date") or ""
    return date and ("retired " if date <= time.strftime("%Y-%m-%d") else "retires ") + date


# ---------------------------------------------------------------- keys


def load_keys() -> None:
    """Read .env from the working folder; variables that are set already win."""
    from dotenv import load_dotenv

    load_dotenv(Path.cwd() / ".env", override=False, encoding="utf-8")


def key_names(model: str) -> tuple[str, ...] | None:
    """The variables that may hold this model's key: () = it needs none, None = unknown to us."""
    return KEYS.get(provider(model))


def missing_key(seat: Seat) -> str | None:
    """One line that says which key is missing for a seat, or None when nothing is."""
    names = key_names(seat.model)
    if not names or seat.api_base or any(os.environ.get(name) for name in names):
        return None
    return (
        f"{seat.name} needs {' or '.join(names)}: set it or write it into .env "
        "(see .env.example), or try demo/goodbye, which needs no key"
    )


def scrub(text: str) -> str:
    """`text` without any secret that the environment holds, plain or as an error may quote it."""
    for name, value in os.environ.items():
        if len(value) >= 6 and re.search(r"(?i)(key|token|secret|password|credentials?)$", name):
            coded = base64.b64encode(value.encode()).decode()
            forms = (value, urllib.parse.quote(value, safe=""), json.dumps(value)[1:-1], coded)
            for form in (*forms, html.escape(value)):
                text = text.replace(form, "[secret]")
    return text


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


# ---------------------------------------------------------------- one request


def wait_before_retry(failure: "Failure", tried: int) -> float:
    """Seconds to wait: what the provider asks for, else 1, 2, 4… with jitter, at most a minute."""
    own = min(LONGEST_WAIT, 2.0 ** min(tried, 10)) * random.uniform(0.5, 1.0)
    if failure.wait is None:
        return own
    return failure.wait if tried == 0 and failure.wait >= 0.5 else max(failure.wait, own)


class Failure(Exception):
    """A request that failed. `kind` is a short name for the log, `retry` whether to try again,
    `wait` the provider's own retry-after in seconds, str() one line that says what to do."""

    def __init__(self, kind: str, text: str, retry: bool = False, wait: float | None = None):
        super().__init__(text)
        self.kind, self.retry, self.wait = kind, retry, wait

    @property
    def busy(self) -> bool:
        """Whether the provider asks for fewer requests."""
        return self.kind in ("rate_limit", "overloaded")


@dataclass
class Reply:
    """One model reply, filled in while it streams, so that a cancelled one keeps its words.

    `calls` holds {id, name, arguments (raw), extra}; `usage` counts tokens, `input` including
    what was read from or written to a cache; `estimated` = the provider's count did not come."""

    text: str = ""
    thinking: str = ""
    thinking_blocks: list[dict[str, Any]] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)
    finish_reason: str | None = None
    usage: dict[str, int] = field(default_factory=dict)
    cost: float | None = None
    estimated: bool = False
    ttft: float | None = None

    def message(self) -> dict[str, Any]:
        """The assistant message as LiteLLM takes it back, without its tool calls."""
        # None, not "": beside tool calls LiteLLM would put a sentence of its own there.
        text = sendable(self.text) if self.text.strip() else None
        message: dict[str, Any] = {"role": "assistant", "content": text}
        if self.thinking_blocks:
            message["thinking_blocks"] = self.thinking_blocks
        elif self.thinking and self.calls:
            message["reasoning_content"] = self.thinking  # DeepSeek wants it within tool rounds
        return message


def wants_marks(model: str) -> bool:
    """Whether the provider caches a prompt only up to the marks that the request sets in it.
    Others cache by themselves, or refuse a mark."""
    if "claude" not in model:
        return False
    place = provider(model)
    known = bool(entry(model).get("supports_prompt_caching"))
    return place in ("anthropic", "openrouter") or (place in MARKING and known)


def mark(messages: list[dict]) -> list[dict]:
    """The messages with marks for the provider's cache, in copies: the history stays as it is.

    Three of the four marks that are allowed: behind the system prompt (and the tools before it),
    at the end, where the next request of this seat goes on, and where the request before ended:
    a provider looks back only 20 blocks from a mark, and a message may call many tools."""
    asked = _latest(messages, ("user", "tool"), len(messages))
    before = _latest(messages, ("user", "tool"), _latest(messages, ("assistant",), len(messages)))
    system = 0 if messages and messages[0]["role"] == "system" else -1
    marked = list(messages)
    for i in {system, asked, before} - {-1}:
        marked[i] = _marked(messages[i])
    return marked


def _latest(messages: list[dict], roles: tuple[str, ...], end: int) -> int:
    """The index of the last message before `end` with one of these roles, or -1."""
    return next((i for i in range(end - 1, -1, -1) if messages[i]["role"] in roles), -1)


def _marked(message: dict[str, Any]) -> dict[str, Any]:
    if message["role"] == "tool":
        return message | {"cache_control": MARK}
    block = {"type": "text", "text": message["content"], "cache_control": MARK}
    return message | {"content": [block]}


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
    if "max_tokens" not in seat.params and (most := entry(seat.model).get("max_output_tokens")):
        limit["max_tokens"] = min(REPLY_LIMIT, most)
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
    litellm = await ready()
    started, parts = time.monotonic(), None
    texts, thoughts, calls = [], _Thoughts(), _Calls()
    try:
        async with asyncio.timeout(idle_timeout) as limit:
            parts = await litellm.acompletion(**sent)
            async for chunk in parts:
                limit.reschedule(asyncio.get_running_loop().time() + idle_timeout)
                for kind, piece in _take(reply, chunk, thoughts, calls):
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
    except Exception as error:  # LiteLLM raises what its many providers raise; `_failure` sorts it
        raise _failure(error, sent) from None
    finally:
        reply.text = whole("".join(texts))
        reply.thinking, reply.thinking_blocks = thoughts.text(), thoughts.blocks()
        reply.calls = calls.complete()
        _settle(reply, sent, parts, litellm)
        if parts is not None:
            with contextlib.suppress(Exception):  # closing what is broken already may complain
                await parts.aclose()
    if not _ended(reply, parts):
        raise Failure("cut", f"{sent['model']}: the stream ended before its end marker", True)


def _take(
    reply: Reply, chunk: Any, thoughts: "_Thoughts", calls: "_Calls"
) -> Iterator[tuple[str, str]]:
    """Put one chunk where it belongs; yields what can be read in it as (kind, piece)."""
    if not chunk.choices:  # the usage comes alone, in some versions
        return
    delta = chunk.choices[0].delta
    reply.finish_reason = chunk.choices[0].finish_reason or reply.finish_reason
    calls.add(delta.tool_calls)
    for kind, piece in (("thinking", thoughts.add(delta)), ("text", delta.content)):
        if piece:
            yield kind, piece


class _Thoughts:
    """Thinking text and its signed blocks, put together from deltas."""

    def __init__(self) -> None:
        self._blocks: list[dict[str, Any]] = []
        self._plain: list[str] = []

    def add(self, delta: Any) -> str:
        """Take in a delta; the thinking text that is new in it."""
        blocks = getattr(delta, "thinking_blocks", None) or []
        if not blocks:
            piece = getattr(delta, "reasoning_content", None) or ""
            self._plain.append(piece)
            return piece
        fresh = ""
        for block in blocks:
            fresh += self._add_block(dict(block))
        return fresh

    def _add_block(self, block: dict[str, Any]) -> str:
        if block.get("type") == "redacted_thinking":
            self._blocks.append(block)
            return ""
        last = self._blocks[-1] if self._blocks else {}
        if last.get("type") != "thinking" or last.get("signature"):
            last = {"type": "thinking", "thinking": "", "signature": ""}
            self._blocks.append(last)
        if block.get("signature"):
            last["signature"] = block["signature"]
            return ""  # LiteLLM up to 1.108 repeats the whole thinking text beside the signature
        last["thinking"] += block.get("thinking") or ""
        return block.get("thinking") or ""

    def blocks(self) -> list[dict[str, Any]]:
        """The blocks that may be sent back: a block without its signature is refused."""
        return [b for b in self._blocks if b["type"] != "thinking" or b["signature"]]

    def text(self) -> str:
        return "".join(self._plain) + "".join(b.get("thinking", "") for b in self._blocks)


class _Calls:
    """Tool calls, put together from deltas: the first names it, later ones add arguments."""

    def __init__(self) -> None:
        self._calls: dict[int, dict[str, Any]] = {}

    def add(self, deltas: list[Any] | None) -> None:
        for delta in deltas or []:
            call = self._calls.setdefault(
                delta.index, {"id": "", "name": "", "arguments": "", "extra": {}}
            )
            call["id"] = call["id"] or delta.id or ""
            call["name"] = call["name"] or delta.function.name or ""
            call["arguments"] += delta.function.arguments or ""
            # Gemini signs its calls here and refuses a history without the signature.
            if fields := getattr(delta, "provider_specific_fields", None):
                call["extra"]["provider_specific_fields"] = fields

    def complete(self) -> list[dict[str, Any]]:
        return [self._calls[index] for index in sorted(self._calls)]


def _note_usage(reply: Reply, usage: Any) -> None:
    details = getattr(usage, "prompt_tokens_details", None)
    read = getattr(usage, "cache_read_input_tokens", None) or getattr(details, "cached_tokens", 0)
    reply.usage = {
        "input": usage.prompt_tokens or 0,
        "output": usage.completion_tokens or 0,
        "cache_read": read or 0,
        "cache_write": getattr(usage, "cache_creation_input_tokens", None) or 0,
    }


def _settle(reply: Reply, sent: dict[str, Any], parts: Any, litellm: Any) -> None:
    """Count what came, and put a price on it.

    What the provider itself counted is on the chunks that LiteLLM keeps; what LiteLLM yields at
    the end may be its own guess. A cancelled or broken stream has counted its input at the most."""
    counted = [c.usage for c in getattr(parts, "chunks", ()) if getattr(c, "usage", None)]
    if counted:
        _note_usage(reply, counted[-1])
    if not counted or not _ended(reply, parts):
        _estimate(reply, sent)
    if reply.usage and priced(sent["model"]):
        reply.cost = _price(reply.usage, sent["model"], litellm)


def _ended(reply: Reply, parts: Any) -> bool:
    """Whether the provider itself ended the stream. A clean end of file without the end marker
    looks like a normal `stop` up to LiteLLM 1.108: the provider's own reason is on the stream."""
    own = getattr(parts, "received_finish_reason", reply.finish_reason)
    return reply.finish_reason is not None and own is not None


def _estimate(reply: Reply, sent: dict[str, Any]) -> None:
    """Four characters a token, where the provider's count did not come."""
    written = len(reply.text) + len(reply.thinking) + len(str(reply.calls or ""))
    if not written and not reply.usage:
        return
    read = len(str(sent["messages"])) + len(str(sent.get("tools", "")))
    known = reply.usage or {"input": read // 4, "output": 0, "cache_read": 0, "cache_write": 0}
    reply.usage = known | {"output": max(known["output"], -(-written // 4))}
    reply.estimated = True


def _price(usage: dict[str, int], model: str, litellm: Any) -> float | None:
    try:
        prices = litellm.cost_per_token(
            model=price_key(model),
            prompt_tokens=usage["input"],
            completion_tokens=usage["output"],
            cache_read_input_tokens=usage["cache_read"],
            cache_creation_input_tokens=usage["cache_write"],
        )
    except Exception:  # a bare Exception is what LiteLLM raises for a model it can't price
        return None
    return sum(prices)


# ---------------------------------------------------------------- what went wrong

# By HTTP status: LiteLLM's classes differ from provider to provider.
_ADVICE = {
    400: ("bad_request", "the provider refused the request"),
    401: ("auth", "the provider refuses the key; check it in .env"),
    402: ("no_credit", "the account has no credit left; top it up"),
    403: ("permission", "the key may not use this model"),
    404: ("not_found", "the provider does not know this model; see `models`"),
    413: ("too_large", "the request is larger than the provider takes"),
    422: ("bad_request", "the provider refused the request"),
    408: ("timeout", "no answer in time"),
    429: ("rate_limit", "rate limited"),
    502: ("gateway", "the provider's gateway is in trouble"),
    503: ("unavailable", "the provider is unavailable"),
    529: ("overloaded", "the provider is overloaded"),
}
_BY_NAME = {
    "MidStreamFallbackError": ("cut", "the stream broke off", True),
    "UnsupportedParamsError": ("parameter", "the model refuses a parameter; leave it out", False),
    "ContentPolicyViolationError": ("policy", "the provider's content policy refused it", False),
    "APIConnectionError": ("connection", "cannot reach the provider", True),
    "Timeout": ("timeout", "no answer in time", True),
}
_FULL = re.compile(r"prompt is too long|context.{0,10}(length|window|limit)|maximum context", re.I)
_BROKE = re.compile(r"credit balance|insufficient_quota|exceeded your current quota", re.I)
_UNREACHED = re.compile(r"cannot connect|connection (error|refused)|name or service|resol", re.I)


def _failure(error: Exception, sent: dict[str, Any]) -> Failure:
    """Sort an exception: its name in the log, what to tell the user, whether to try again."""
    names = [kind.__name__ for kind in type(error).__mro__]
    code, said = getattr(error, "status_code", None), _message(error)
    if "ContextWindowExceededError" in names or (code in (400, 413) and _FULL.search(said)):
        return Failure("context_window", f"{sent['model']}: the context window is full: {said}")
    if _BROKE.search(said):
        kind, what, again = *_ADVICE[402], False
    elif found := next((name for name in names if name in _BY_NAME), None):
        kind, what, again = _BY_NAME[found]
    elif isinstance(code, int):
        again = code in (408, 409, 425, 429) or code >= 500
        kind, what = _ADVICE.get(code, ("server", "the provider is in trouble"))
        if code == 500 and _UNREACHED.search(said):
            kind, what, _ = _BY_NAME["APIConnectionError"]
        elif code >= 500 and "overloaded" in said.lower():  # LiteLLM calls a 529 a 500
            kind, what = _ADVICE[529]
    else:
        kind, what = names[0], "the request failed"
        again = "OSError" in names or "TransportError" in names  # httpx's own errors included
    return Failure(kind, f"{sent['model']}: {what}: {said}", again, _retry_after(error))


def _message(error: Exception) -> str:
    """The provider's own words out of LiteLLM's wrapping: one line, no secrets, at most 200
    characters."""
    text = re.sub(r"\s+", " ", str(error).partition("Traceback (most recent")[0])
    inner = re.findall(r'"message":\s*"((?:[^"\\]|\\.)*)"', text)
    if inner:
        text = re.sub(r"\\(.)", r"\1", inner[-1])
    text = re.sub(r"^(litellm\.)?\w+(Error|Timeout)?: ", "", text)
    return scrub(text)[:200].strip() or type(error).__name__


def _retry_after(error: Exception) -> float | None:
    """The wait in seconds that the provider asks for: a number, or a date."""
    response = getattr(error, "response", None)
    for headers in (
        getattr(error, "litellm_response_headers", None), getattr(response, "headers", None)
    ):  # fmt: skip
        with contextlib.suppress(TypeError, ValueError, LookupError, AttributeError):
            return _seconds(headers["retry-after"])
    return None


def _seconds(text: str) -> float | None:
    try:
        wait = float(text)
    except ValueError:
        wait = email.utils.parsedate_to_datetime(text).timestamp() - time.time()
    return wait if math.isfinite(wait) and wait >= 0 else None
