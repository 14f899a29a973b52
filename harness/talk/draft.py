"""A message in the making: what its requests brought so far, and the event that it becomes."""

import time
from dataclasses import dataclass, field
from typing import Any, cast

import tools
from harness.models.reply import Reply
from harness.models.seat import Seat
from harness.talk.events import Aborted, Attempt, Message, Source, Turn, Usage, seat_label
from harness.talk.history import History
from harness.talk.settings import Settings
from harness.text import add_costs, sendable

ROUNDS = 4  # replies that one message may take: each round of tool calls is followed by another


@dataclass
class Sums:
    """What a message's replies come to so far. Costs in USD, times in seconds."""

    texts: list[str] = field(default_factory=list)
    thoughts: list[str] = field(default_factory=list)
    usage: dict[str, int] = field(default_factory=dict)
    cost: float | None = 0.0
    ttft: float | None = None
    finish_reason: str | None = None
    refusal: str = ""  # why the provider would not go on, in its words
    flags: list[str] = field(default_factory=list)

    def add(self, reply: Reply) -> None:
        """One more reply, whole or broken off."""
        if reply.text.strip() or (reply.text and not reply.calls):
            self.texts.append(reply.text)
        self.thoughts += [reply.thinking] if reply.thinking else []
        for name, count in reply.usage.items():
            self.usage[name] = self.usage.get(name, 0) + count
        if reply.usage:
            self.cost = add_costs([self.cost, reply.cost])
        self.ttft = self.ttft if self.ttft is not None else reply.ttft
        self.finish_reason = reply.finish_reason
        self.refusal = reply.refusal or self.refusal
        self.flag("truncated", reply.half)
        self.flag("full", reply.full)
        self.flag("refused", bool(reply.refusal))
        self.flag("unended", reply.unended)
        self.flag("estimated", reply.estimated)

    def flag(self, name: str, holds: bool) -> None:
        """Note once what must be known of the message, where it holds."""
        if holds and name not in self.flags:
            self.flags.append(name)


@dataclass
class Draft:
    """One message of one seat while it is being made. Costs in USD, times in seconds."""

    settings: Settings
    seat: Seat
    turn: int
    history: History
    own: list[Message] = field(default_factory=list)
    attempts: list[Attempt] = field(default_factory=list)
    sums: Sums = field(default_factory=Sums)
    retries: int = 0
    sha256: str = ""
    started: float = field(default_factory=time.monotonic)
    reply: Reply = field(default_factory=Reply)  # the one that is streaming
    expected: float = 0.0  # what its next request should cost
    source: Source = "model"

    def messages(self) -> list[Message]:
        """What the next request sends: the seat's history and this message's own tool rounds."""
        self.sha256 = self.history.digest(self.own, self.settings.schemas())
        return self.history.sent(self.own)

    def begin(self) -> None:
        """Its making begins with this moment, not with the wait for what makes it."""
        self.started = time.monotonic()

    def ask(self) -> Reply:
        """The reply that the next request is to fill."""
        self.reply = Reply()
        return self.reply

    @property
    def cost(self) -> float | None:
        """What it has cost so far."""
        return self.sums.cost

    @property
    def paid(self) -> bool:
        """Whether any of it has been counted."""
        return bool(self.sums.usage or self.reply.usage)

    def tried_again(self) -> None:
        """A request for it has failed, and is made again."""
        self.retries += 1

    def take(self) -> list[Attempt]:
        """Take in the finished reply; returns the tool attempts in it, each answered."""
        reply, message = self.reply, self.reply.message()
        self.expected = reply.cost or self.expected
        self.sums.add(reply)
        attempts: list[Attempt] = []
        # A call cut off by a limit or a filter is half a call: it was never made.
        if reply.calls and not reply.half and not reply.refusal:
            ids = {m["tool_call_id"] for m in self.own if "tool_call_id" in m}
            message["tool_calls"], results, attempts = tools.answer(
                reply.calls, self.history.tools, self.settings.on_exit, ids | self.history.call_ids
            )
            self.own += [message, *results]
        else:
            message["content"] = message["content"] or self.settings.empty_as
            message.pop("reasoning_content", None)
            self.own.append(message)
        self.attempts += attempts
        self.reply = Reply()
        return attempts

    def event(self) -> Turn:
        """The finished message as the log's `turn` event."""
        sums, response = self.sums, "\n\n".join(self.sums.texts)
        # A refusal is the provider's silence, not the model's.
        sums.flag("empty", not response.strip() and not sums.refusal)
        sums.flag("retried", self.retries > 0)
        counted = "estimated" not in sums.flags and len(self.own) == 1
        sums.flag("prompt_cut", counted and self.history.cut(sums.usage.get("input", 0)))
        sent = sendable(response) if response.strip() else self.settings.empty_as
        event: Turn = {
            "type": "turn",
            "turn": self.turn,
            "label": seat_label(self.seat.letter),
            "model": self.seat.model,
            "response": response,
            "tool_attempts": self.attempts,
            "interjected": False,
            "source": self.source,
            "messages": self.own,
            "thinking": "\n\n".join(sums.thoughts),
            "finish_reason": sums.finish_reason,
            "usage": cast(Usage, sums.usage),
            "cost_usd": sums.cost,
            "ttft_s": sums.ttft and round(sums.ttft, 3),
            "seconds": round(time.monotonic() - self.started, 3),
            "retries": self.retries,
            "request_sha256": self.sha256,
            "flags": sums.flags,
        }
        if sums.refusal:
            event["refusal"] = sums.refusal
        if sent != response:
            event["sent"] = sent
        return event

    def lost(self, why: str) -> Aborted | None:
        """A reply that broke off and is asked for again, as the log's `aborted` event; None where
        nothing of it is to be paid."""
        reply = self.reply
        if not reply.usage:
            return None
        self.reply = Reply()
        alone = Draft(
            self.settings, self.seat, self.turn, self.history, reply=reply, source=self.source
        )
        return {**alone.aborted(why), "partial": reply.text}

    def aborted(self, why: str) -> Aborted:
        """What was half made, as the log's `aborted` event."""
        self.sums.add(self.reply)
        self.reply = Reply()  # what is counted counts once, however often this is asked for
        return {
            "type": "aborted",
            "turn": self.turn,
            "label": seat_label(self.seat.letter),
            "model": self.seat.model,
            "why": why,
            "partial": "\n\n".join(self.sums.texts),
            "source": self.source,
            "thinking": "\n\n".join(self.sums.thoughts),
            "tool_attempts": self.attempts,
            "usage": cast(Usage, dict(self.sums.usage)),
            "cost_usd": self.sums.cost,
            "flags": ["estimated"] if "estimated" in self.sums.flags else [],
        }


def granted(attempts: list[Attempt]) -> bool:
    """Whether one of these calls of exit tools ends the conversation."""
    return any(attempt["outcome"] == "granted" for attempt in attempts)


def unsaid(seat: Seat, turn: int, words: str) -> Aborted:
    """What a person had typed of a message when the run was stopped, as an `aborted` event."""
    return {
        "type": "aborted",
        "turn": turn,
        "label": seat_label(seat.letter),
        "model": seat.model,
        "why": "stopped",
        "source": "live",
        "partial": words,
    }


def spoken(seat: Seat, turn: int, words: str, source: Source, **more: Any) -> Turn:
    """A person's words, typed (`live`) or prepared (`script`), as the log's `turn` event."""
    sent = sendable(words)
    event: Turn = {
        "type": "turn",
        "turn": turn,
        "label": seat_label(seat.letter),
        "model": seat.model,
        "response": words,
        "tool_attempts": [],
        "interjected": True,
        "source": source,
        "messages": [{"role": "assistant", "content": sent}],
        "flags": [],
    }
    if sent != words:
        event["sent"] = sent
    return cast(Turn, {**event, **more})
