"""A model's reply: what its parts come to once it has ended, or broken off."""

from dataclasses import dataclass, field
from typing import Any

from harness.files import Json
from harness.models import counts
from harness.models.dialects import FULL
from harness.models.said import Part, Said, in_order, thinking_blocks
from harness.models.wire import Sent
from harness.text import sendable
from tools import Call


@dataclass
class Reply:
    """One model reply, filled in while it streams, so that a cancelled one keeps its words.

    `usage` counts tokens, `input` including what was read from or written to a cache; `estimated` =
    the provider's count did not come; `refusal` = why the provider or the model would not go on, in
    the provider's words; `unended` = whole words without a reason for their end."""

    text: str = ""
    thinking: str = ""
    calls: list[Call] = field(default_factory=list)
    finish_reason: str | None = None
    usage: dict[str, int] = field(default_factory=dict)
    cost: float | None = None
    estimated: bool = False
    ttft: float | None = None
    refusal: str = ""
    unended: bool = False
    fields: Json = field(default_factory=dict)  # what a provider wants back beside it

    @property
    def half(self) -> bool:
        """Whether it was cut off by a limit: then its last call may be half a call."""
        return self.finish_reason == "length" or self.full

    @property
    def full(self) -> bool:
        """Whether the context window was full before it ended."""
        return self.finish_reason in FULL

    def message(self) -> Json:
        """The assistant message as LiteLLM takes it back, without its tool calls."""
        # None, not "": beside tool calls LiteLLM would put a sentence of its own there.
        text = sendable(self.text) if self.text.strip() else None
        message: Json = {"role": "assistant", "content": text}
        return message | {name: value for name, value in self.fields.items() if value}

    def begin(self, seconds: float) -> None:
        """A piece has come, so many seconds after it was asked for."""
        self.ttft = self.ttft or seconds

    def take(self, said: Said) -> None:
        """Take over what has been said so far."""
        parts = said.parts
        self.text = "".join(part.whole for part in parts if part.kind == "text")
        self.thinking = "".join(part.whole for part in parts if part.kind == "thinking")
        self.calls = [_call(part) for part in parts if part.kind == "call"]
        self.finish_reason, self.refusal = said.finish, said.refusal
        self.fields = _fields(said, self)
        closed = said.done and not said.ended and not said.failed
        self.unended = closed and bool(self.text.strip() or self.calls)

    def settle(self, said: Said, sent: Sent, litellm: Any) -> None:
        """Count what came, and put a price on it. A provider may count nothing, or half of it:
        a cancelled or broken stream has counted its input at the most."""
        written = len(self.text) + len(self.thinking) + len(str(self.calls or ""))
        usage = counts.usage_of(said.counted)
        counted = any(usage.values())
        ended = said.ended or said.done
        if not counted and not written and not ended:
            return
        whole = ended and usage["input"] and (usage["output"] or not written)
        usage = usage if whole else counts.estimate(usage, sent, written)
        self.count(usage, counts.cost(usage, said.counted, sent, litellm), not whole)

    def count(self, usage: dict[str, int], cost: float | None, estimated: bool) -> None:
        """What it took, in tokens and USD; `estimated` = the provider's count did not come."""
        self.usage, self.cost, self.estimated = usage, cost, estimated


def _call(part: Part) -> Call:
    return {"id": part.id, "name": part.name, "arguments": part.whole, "extra": part.extra}


def _fields(said: Said, reply: Reply) -> Json:
    """What goes back beside the words: each provider takes its thoughts and signatures in a
    place of its own, and may refuse a history without them."""
    fields: Json = {}
    if ordered := in_order(said.parts):
        fields["content"] = ordered
    else:
        fields["thinking_blocks"] = thinking_blocks(said.parts)
    if signatures := [p.signature for p in said.parts if p.kind == "text" and p.signature]:
        fields["provider_specific_fields"] = {"thought_signatures": signatures}
    if said.details:
        fields["reasoning_details"] = _merged(said.details)
    elif reply.calls and not fields.get("thinking_blocks") and not ordered and said.thinks_aloud:
        fields["reasoning_content"] = sendable(reply.thinking)  # DeepSeek wants it in tool rounds
    return fields


def _merged(details: list[Json]) -> list[Json]:
    """OpenRouter's pieces of reasoning, those of one block put together."""
    blocks: list[Json] = []
    for piece in details:
        last = blocks[-1] if blocks else {}
        if not blocks or any(last.get(n) != piece.get(n) for n in ("index", "type")):
            blocks.append(dict(piece))
            continue
        for name, value in piece.items():
            if name in ("text", "summary", "data") and value:
                last[name] = (last.get(name) or "") + value
            elif value is not None:
                last[name] = value
    texts = ((block, name) for block in blocks for name in ("text", "summary"))
    for block, name in texts:
        if isinstance(block.get(name), str):
            block[name] = sendable(block[name])
    return blocks
