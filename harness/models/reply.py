"""A model's reply while it streams: chunks become text, thinking, calls and counts."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from harness.models.catalogue import price_key, priced
from harness.text import sendable


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


def take(
    reply: Reply, chunk: Any, thoughts: "Thoughts", calls: "Calls"
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


class Thoughts:
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


class Calls:
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


def settle(reply: Reply, sent: dict[str, Any], parts: Any, litellm: Any) -> None:
    """Count what came, and put a price on it.

    What the provider itself counted is on the chunks that LiteLLM keeps; what LiteLLM yields at
    the end may be its own guess. A cancelled or broken stream has counted its input at the most."""
    counted = [c.usage for c in getattr(parts, "chunks", ()) if getattr(c, "usage", None)]
    if counted:
        _note_usage(reply, counted[-1])
    if not counted or not ended(reply, parts):
        _estimate(reply, sent)
    if reply.usage and priced(sent["model"]):
        reply.cost = _price(reply.usage, sent["model"], litellm)


def ended(reply: Reply, parts: Any) -> bool:
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
