"""Tokens and money: what a provider counted, in whichever words, and what it costs."""

from typing import Any, TypeGuard

from harness.files import Json, object_of
from harness.models.catalogue import entry, free, has_price, price_key, provider
from harness.models.wire import Sent

USUAL = (
    *(None, "", "default", "auto", "standard", "standard_only"),
    *("on_demand", "global", "not_available"),
)
TIERS = ("flex", "priority")  # the price map has prices of their own for these


def usage_of(counted: Json) -> dict[str, int]:
    """What a provider counted, as the log has it: `input` includes what was read from or written
    to a cache, `output` includes thinking. A count that did not come is 0."""
    if "input_tokens" in counted:
        read = _number(counted, "cache_read_input_tokens")
        written = _number(counted, "cache_creation_input_tokens")
        whole = _number(counted, "input_tokens") + read + written
        return _usage(whole, _number(counted, "output_tokens"), read, written)
    if "promptTokenCount" in counted or "totalTokenCount" in counted:
        whole = _number(counted, "promptTokenCount") + _number(counted, "toolUsePromptTokenCount")
        out = _number(counted, "candidatesTokenCount") + _number(counted, "thoughtsTokenCount")
        return _usage(whole, out, _number(counted, "cachedContentTokenCount"), 0)
    if "prompt_eval_count" in counted or "eval_count" in counted:
        return _usage(_number(counted, "prompt_eval_count"), _number(counted, "eval_count"), 0, 0)
    return _chat(counted)


def _chat(counted: Json) -> dict[str, int]:
    details = object_of(counted.get("prompt_tokens_details"))
    read = (
        _number(details, "cached_tokens")
        or _number(counted, "prompt_cache_hit_tokens")
        or _number(counted, "cached_tokens")
        or _number(counted, "cache_read_input_tokens")
    )
    written = _number(details, "cache_write_tokens") or _number(
        counted, "cache_creation_input_tokens"
    )
    whole, out = _number(counted, "prompt_tokens"), _number(counted, "completion_tokens")
    thought = _number(object_of(counted.get("completion_tokens_details")), "reasoning_tokens")
    if thought and _number(counted, "total_tokens") == whole + out + thought:
        out += thought  # xAI counts thinking beside the rest, others as part of it
    return _usage(whole, out, read, written)


def _usage(whole: int, out: int, read: int, written: int) -> dict[str, int]:
    return {"input": whole, "output": out, "cache_read": read, "cache_write": written}


def _number(counted: Json, name: str) -> int:
    value = counted.get(name)
    return int(value) if _is_number(value) and value > 0 else 0


def _is_number(value: Any) -> TypeGuard[int | float]:
    return type(value) in (int, float)


def estimate(usage: dict[str, int], sent: Sent, written: int) -> dict[str, int]:
    """`usage` with four characters taken for a token where nothing was counted. `written` is the
    number of characters that came."""
    read = len(str(sent["messages"])) + len(str(sent.get("tools", "")))
    known = usage or _usage(0, 0, 0, 0)
    return known | {
        "input": known["input"] or read // 4,
        "output": max(known["output"], -(-written // 4)),
    }


def cost(usage: dict[str, int], counted: Json, sent: Sent, litellm: Any) -> float | None:
    """USD for one request, or None where it is not known: also where it was made on terms (a
    service tier, a faster speed, a place, writes that are cached for an hour) that the price map
    has no price for."""
    model = sent["model"]
    billed = counted.get("cost")
    if provider(model) == "openrouter" and _is_number(billed) and billed >= 0:
        return None if counted.get("is_byok") else float(billed)  # what it takes off the credit
    if free(model, sent.get("api_base")):
        return 0.0
    about, tier = entry(model), _term("service_tier", counted, sent)
    if not has_price(model) or (tier not in USUAL and tier not in TIERS):
        return None
    if tier in TIERS and f"input_cost_per_token_{tier}" not in about:
        return None
    total = _listed(usage, model, tier if tier in TIERS else None, litellm)
    hourly = _hourly(counted, about)
    if total is None or hourly is None:
        return None
    total += hourly
    factors = about.get("provider_specific_entry") or {}
    for name in ("speed", "inference_geo"):
        term = _term(name, counted, sent)
        if term in USUAL:
            continue
        factor = factors.get(term)
        if not _is_number(factor):
            return None
        total *= factor
    return total


def _term(name: str, counted: Json, sent: Sent) -> Any:
    """What was served, or where the provider does not say so, what was asked for."""
    asked = sent.get(name) or (sent.get("extra_body") or {}).get(name)
    term = counted.get(name) or asked
    return term.lower() if isinstance(term, str) else term


def _hourly(counted: Json, about: Json) -> float | None:
    """What writes that are cached for an hour cost more than those for five minutes."""
    hour = _number(object_of(counted.get("cache_creation")), "ephemeral_1h_input_tokens")
    if not hour:
        return 0.0
    dear = about.get("cache_creation_input_token_cost_above_1hr")
    short = about.get("cache_creation_input_token_cost")
    return hour * (dear - short) if dear and short else None


def _listed(usage: dict[str, int], model: str, tier: str | None, litellm: Any) -> float | None:
    """The list price, by LiteLLM's arithmetic (long prompts can cost more a token)."""
    try:
        return sum(
            litellm.cost_per_token(
                model=price_key(model),
                prompt_tokens=usage["input"],
                completion_tokens=usage["output"],
                cache_read_input_tokens=usage["cache_read"],
                cache_creation_input_tokens=usage["cache_write"],
                service_tier=tier,
            )
        )
    except Exception:  # a bare Exception is what LiteLLM raises for a model it can't price
        return None
