"""What a conversation will take, before it is held: requests, tokens and cost, with assumptions.

Used by `sweep --dry-run`, and by a sweep's budget for the next message of each conversation.
"""

import json
from dataclasses import dataclass
from typing import Any

from harness.models import call, catalogue, marks
from harness.models.asking import CHARS
from harness.models.catalogue import price
from harness.models.seat import Seat
from harness.talk.events import TOKENS
from harness.talk.puppets import Puppet
from harness.talk.settings import Settings

FRAMING = 15  # tokens that a message costs beside its words where it is shown as data
REPLY = 250  # tokens that a reply is taken to have


@dataclass
class Estimate:
    """A sum of forecasts. Costs in USD, None = a price is unknown."""

    requests: int = 0
    input: int = 0
    cached: int = 0
    output: int = 0
    cost: float | None = 0.0
    uncached_cost: float | None = 0.0

    def add(self, other: "Estimate", times: int = 1) -> None:
        """Add `times` of another one."""
        for name in ("requests", "input", "cached", "output"):
            setattr(self, name, getattr(self, name) + times * getattr(other, name))
        for name in ("cost", "uncached_cost"):
            mine, its = getattr(self, name), getattr(other, name)
            setattr(self, name, None if mine is None or its is None else mine + times * its)


def conversation(settings: Settings) -> Estimate:
    """One whole conversation of `settings.max_turns` turns, nothing retried, no tools called."""
    total, size = Estimate(), len(settings.seed) // CHARS
    before, shown = {"A": 0, "B": 0}, 0
    for index in range(2 * (settings.max_turns or 0)):
        seat = settings.seat("AB"[index % 2])
        if puppet := _pulled(settings, seat, index // 2):
            total.add(_asked(puppet.actor, size + shown))
            size, shown = size + REPLY, shown + FRAMING
            continue
        reply, read = _reply(seat), _overhead(settings, seat) + size
        total.add(_message(settings, seat, read, before[seat.letter], reply))
        before[seat.letter] = read
        # From here on both carry this reply; B never sees the seed, which is small.
        size, shown = size + reply, shown + FRAMING
    for puppet in settings.puppets:  # whether a state comes nobody knows: once, and late
        if puppet.state is not None:
            total.add(_asked(puppet.actor, size + shown))
    return total


def puppet_cost(actor: Seat, characters: int) -> float:
    """What a puppet's message should cost that is shown so many characters (USD); unknown counts
    0."""
    return _asked(actor, characters // CHARS).cost or 0.0


def _pulled(settings: Settings, seat: Seat, turn: int) -> Puppet | None:
    """The puppet that will speak, as far as a turn tells."""
    mine = (p for p in settings.puppets if p.seat == seat.letter and p.state is None)
    return next((puppet for puppet in mine if puppet.comes(turn)), None)


def _asked(actor: Seat, read: int) -> Estimate:
    """A puppet's message that is shown `read` tokens of the conversation."""
    read += len(actor.system) // CHARS
    cost = catalogue.uncached_cost(actor, read, REPLY)
    return Estimate(1, read, 0, REPLY, cost, cost)


def next_message(settings: Settings, seat: Seat, last_cost: float, words: int) -> float:
    """What the seat's next message should cost: its last one and the new words that it reads
    (`words` characters), or, where its last one cost nothing, all that it reads and a reply.
    Unknown counts 0."""
    if last_cost:
        grown = 2 * words // CHARS * (price(seat, "input") or 0.0)
        return last_cost + grown
    fresh = _overhead(settings, seat) + words // CHARS
    return _message(settings, seat, fresh, 0, _reply(seat)).cost or 0.0


def dearest_message(settings: Settings) -> float:
    """What the last message of a conversation can cost at most (USD): it reads all that was said,
    uncached, and writes as much as it may. Unknown counts 0."""
    dearest = 0.0
    for seat in settings.everybody:
        said = 2 * (settings.max_turns or 0) * _reply(seat)
        most = seat.params.get("max_tokens") or call.reply_limit(seat.model)
        read = len(settings.seed) // CHARS + _overhead(settings, seat) + said
        dearest = max(dearest, _message(settings, seat, read, 0, most).cost or 0.0)
    return dearest


def _message(settings: Settings, seat: Seat, read: int, before: int, reply: int) -> Estimate:
    """One message that reads `read` tokens, `before` of them in a request before."""
    least = catalogue.entry(seat.model).get("prompt_cache_min_tokens", 1024)
    caches, uncached_cost = _caches(settings, seat), catalogue.uncached_cost(seat, read, reply)
    cached = before if caches and before >= least else 0
    if uncached_cost is None:
        return Estimate(1, read, cached, reply, None, None)
    prices: dict[str, Any] = {name: price(seat, name) for name in TOKENS}
    fresh = prices["cache_write" if caches else "input"]
    cost = cached * prices["cache_read"] + (read - cached) * fresh + reply * prices["output"]
    return Estimate(1, read, cached, reply, cost, uncached_cost)


def _caches(settings: Settings, seat: Seat) -> bool:
    known = "cache_read_input_token_cost" in catalogue.entry(seat.model)
    return known and (settings.cache or not marks.wants_marks(seat.model))


def _reply(seat: Seat) -> int:
    return min(REPLY, seat.params.get("max_tokens") or REPLY)


def _overhead(settings: Settings, seat: Seat) -> int:
    schemas = settings.schemas()
    return (len(seat.system) + (len(json.dumps(schemas)) if schemas else 0)) // CHARS
