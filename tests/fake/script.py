"""What the fake provider is told to do: replies, faults, and the requests that it keeps."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

NO_CREDIT = (
    "Your credit balance is too low to access the Anthropic API. "
    "Please go to Plans & Billing to upgrade or purchase credits."
)
NO_QUOTA = "You exceeded your current quota, please check your plan and billing details."
ERRORS = {  # status: the published error type, and what is said where a fault says nothing
    400: ("invalid_request_error", "Error"),
    401: ("authentication_error", "invalid x-api-key"),
    402: ("billing_error", "There is an issue with your billing or payment information."),
    403: ("permission_error", "Your API key does not have permission to use this resource."),
    404: ("not_found_error", "model: no-such-model"),
    413: ("request_too_large", "Request exceeds the maximum size"),
    429: ("rate_limit_error", "This request would exceed your account's rate limit."),
    500: ("api_error", "Internal server error"),
    502: ("api_error", "Bad gateway"),
    503: ("api_error", "Service unavailable"),
    504: ("timeout_error", "Request timed out"),
    529: ("overloaded_error", "Overloaded"),
}


@dataclass(frozen=True)
class Fault:
    """One way to misbehave. `after` counts the chunks that go out first, of whatever kind."""

    kind: str
    after: int = 0
    code: int = 500
    message: str = ""
    type: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    value: str | None = None


hang = partial(Fault, "hang")  # read the request and say nothing, not even headers
stall = partial(Fault, "stall")  # stop mid-stream with the connection open
cut = partial(Fault, "cut")  # close the connection mid-stream, without the last HTTP chunk
reset = partial(Fault, "reset")  # the same with a TCP reset
eof = partial(Fault, "eof")  # end the HTTP body properly, but without stop reason and end marker
error_event = partial(Fault, "error_event")  # an overloaded_error inside the stream
junk = partial(Fault, "junk")  # a data line that is not JSON, and on it goes


def status(
    code: int, message: str = "", type: str = "", raw: str | None = None, **headers: object
) -> Fault:
    """An HTTP error; `retry_after="2"` sends that header, `raw` a body that is not JSON."""
    names = {name.replace("_", "-"): str(value) for name, value in headers.items()}
    return Fault("status", code=code, message=message, type=type, headers=names, value=raw)


def wrong_tool_id(value: str = "") -> Fault:
    """Every tool call of the reply gets this id."""
    return Fault("wrong_tool_id", value=value)


@dataclass(frozen=True)
class Reply:
    """What the fake model says to one request. `stop` is in Anthropic's words."""

    text: str = ""
    chunks: list[str] | None = None  # these very chunks, one token each, in place of `text`
    tools: tuple[tuple[str, object], ...] = ()  # (name, arguments); a str goes out as it is
    thinking: str = ""
    stop: str | None = None
    delay: float = 0.0  # before the headers
    until: Callable[[], object] | None = None  # what must hold before the headers go out
    pace: float = 0.0  # between chunks
    fault: Fault | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    counted: bool = True  # whether it says how many tokens that were
    raw: tuple[str | bytes, ...] | None = None  # these very bytes as the body, chunk by chunk
    kind: str = "text/event-stream"  # the type of a raw body


Script = Callable[[dict, int], Reply | str] | list[Reply | str]


@dataclass
class Request:
    """One request as it arrived, and what became of it. Times are `time.monotonic`."""

    path: str
    headers: dict[str, str]
    raw: bytes
    body: Any = None
    status: int | None = None
    error: str | None = None  # why it was refused
    usage: dict | None = None  # as answered
    closed_early: bool = False  # the client went away before the end
    time_received: float = field(default_factory=time.monotonic)
    time_ended: float | None = None  # answered in full, or the client gone


class Refusal(Exception):
    """A request that the real provider would answer with an error."""

    def __init__(self, message: str, code: int = 400, type: str = ""):
        super().__init__(message or ERRORS[code][1])
        self.fault = status(code, message, type)


def require(ok: object, message: str) -> None:
    """Refuse the request unless `ok`."""
    if not ok:
        raise Refusal(message)
