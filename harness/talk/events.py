"""The log's events: what one line of it may hold, with the unit of each field.

Times are seconds, costs US dollars, `timestamp` is UTC in ISO 8601. A message's index is its place
among the `turn` events. Readers check a line once (transcript.lines) and trust it afterwards.
"""

from typing import Any, Literal, NotRequired, TypedDict

from harness.files import Json
from tools import Message

SeatLabel = Literal["Model A", "Model B"]
Source = Literal["model", "live", "script", "puppet"]
Reason = Literal[
    "exit_tool", "stopped", "empty", "max_turns", "max_cost", "state", "context_window", "error"
]


class Usage(TypedDict):
    """Tokens. `input` includes those read from or written to a cache."""

    input: int
    output: int
    cache_read: int
    cache_write: int


TOKENS = ("input", "output", "cache_read", "cache_write")


class Attempt(TypedDict):
    """A model's call of an exit tool: `arguments` as it wrote them, `outcome` what it got."""

    tool: str
    arguments: Any
    reason: str
    outcome: str


class Totals(Usage):
    """Sums over a log. `cost_usd` is None from the first request on whose price is unknown."""

    messages: int
    cost_usd: float | None
    tool_attempts: dict[str, int]


class Due(TypedDict):
    """Why a message was spoken for a seat: the rule's WHEN and name, and since which message the
    state held that it waited for."""

    when: str
    name: str
    since: int | None


class Pulled(Due):
    """Why and by whom a message was written for a seat: `name` is the goal, `model` who wrote."""

    model: str


class Stamped(TypedDict):
    """What any line of a log may have."""

    timestamp: NotRequired[str]


class Sitting(Stamped):
    """What a log was written with, from here on."""

    schema: NotRequired[int]
    run_id: NotRequired[str]
    versions: NotRequired[dict[str, str]]
    git: NotRequired[str | None]


class Spoken(Stamped):
    """What belongs to a message of a seat."""

    turn: int
    label: SeatLabel


class Config(Sitting):
    """The opening of a log: versions and all settings (see settings.Settings.to_config)."""

    type: Literal["config"]
    parent: NotRequired[Json]  # of a branch: {log, turn}
    shared: NotRequired[int]  # and how many messages they share
    sweep: NotRequired[str]
    condition: NotRequired[Json]
    demo: NotRequired[bool]


class Turn(Spoken):
    """A message: `response` exactly as said, `sent` as the partner received it where it differs,
    `messages` what it added to the speaker's own history."""

    type: Literal["turn"]
    model: NotRequired[str]
    response: str
    sent: NotRequired[str]
    tool_attempts: list[Attempt]
    interjected: bool
    source: NotRequired[Source]
    messages: list[Message]
    thinking: NotRequired[str]
    finish_reason: NotRequired[str | None]
    refusal: NotRequired[str]  # why the provider or the model would not go on, in its own words
    usage: NotRequired[Usage]
    cost_usd: NotRequired[float | None]
    ttft_s: NotRequired[float | None]  # to the first piece
    seconds: NotRequired[float]  # for the whole message
    retries: NotRequired[int]
    request_sha256: NotRequired[str]
    interjection: NotRequired[Due]
    puppet: NotRequired[Pulled]
    inherited: NotRequired[bool]  # a branch's message that its parent has paid for
    flags: list[str]


class Aborted(Spoken):
    """What had come of a message that was broken off, and `why`."""

    type: Literal["aborted"]
    model: str
    why: str
    partial: str
    source: NotRequired[Source]
    thinking: NotRequired[str]
    tool_attempts: NotRequired[list[Attempt]]
    usage: NotRequired[Usage]
    cost_usd: NotRequired[float | None]
    flags: NotRequired[list[str]]


class Retry(Spoken):
    """A request that failed and is made again after `wait`."""

    type: Literal["retry"]
    error: str
    message: str
    wait: float


class Slide(Spoken):
    """From here on this seat is sent nothing that came before message `from_message`."""

    type: Literal["slide"]
    from_message: int
    inherited: NotRequired[bool]


class Resumed(Sitting):
    """The run goes on, under these settings."""

    type: Literal["resumed"]
    settings: Json


class End(Stamped):
    """The run is over. `limit` tells whose budget was reached."""

    type: Literal["end"]
    reason: Reason
    limit: NotRequired[Literal["run", "sweep"]]
    error: NotRequired[str]
    message: NotRequired[str]
    totals: NotRequired[Totals]


Event = Config | Turn | Aborted | Retry | Slide | Resumed | End


def seat_label(seat: str) -> SeatLabel:
    """What the log calls a seat."""
    return "Model A" if seat == "A" else "Model B"


def seat_of(event: Spoken) -> str:
    """The seat that an event belongs to."""
    return event["label"][-1]


def partner(seat: str) -> str:
    """The other seat."""
    return "B" if seat == "A" else "A"
