"""What went wrong with a request: its name in the log, one line for the user, whether to ask
again."""

import contextlib
import email.utils
import html
import json
import math
import re
import socket
import ssl
import time
from collections.abc import Iterator
from typing import Any

from harness.files import Json, object_of
from harness.models.secrets import scrub
from harness.models.wire import Sent, Wire
from harness.text import flat


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


def kind_of(error: Exception) -> str:
    """The name in the log of what ended a run: a failure's, `output` where the screen or its file
    takes no more, or a defect of ours."""
    if isinstance(error, Failure):
        return error.kind
    return "output" if isinstance(error, OSError) else "defect"


# ---------------------------------------------------------------- what went wrong

# By HTTP status: LiteLLM's classes differ from provider to provider.
_ADVICE = {
    400: ("bad_request", "the provider refused the request"),
    401: ("auth", "the provider refuses the key; check it in .env"),
    402: ("no_credit", "the account has no credit left; top it up"),
    403: ("permission", "the key may not use this model"),
    404: ("not_found", "the provider does not know this model; see `models`"),
    405: ("not_found", "nothing takes requests at this address; check --api-base"),
    413: ("too_large", "the request is larger than the provider takes"),
    422: ("bad_request", "the provider refused the request"),
    408: ("timeout", "no answer in time"),
    429: ("rate_limit", "rate limited"),
    502: ("gateway", "the provider's gateway is in trouble"),
    503: ("unavailable", "the provider is unavailable"),
    529: ("overloaded", "the provider is overloaded"),
}

_BY_NAME = {  # what LiteLLM finds wrong before it asks anybody
    "UnsupportedParamsError": ("parameter", "the model refuses a parameter; leave it out"),
    "AuthenticationError": ("auth", "a key is missing or wrong"),
    "NotFoundError": ("not_found", "no such model"),
    "BadRequestError": ("bad_request", "the request cannot be made"),
    "APIConnectionError": ("bad_request", "the request cannot be made"),
}

_WORDS = {  # what providers call their errors, by the status that would say the same
    400: ("invalid_request_error", "INVALID_ARGUMENT", "context_length_exceeded"),
    401: ("authentication_error", "UNAUTHENTICATED"),
    402: ("billing_error", "insufficient_quota"),
    403: ("permission_error", "PERMISSION_DENIED"),
    404: ("not_found_error",),
    413: ("request_too_large",),
    429: ("rate_limit_error", "rate_limit_exceeded", "RESOURCE_EXHAUSTED"),
    503: ("UNAVAILABLE",),
    504: ("DEADLINE_EXCEEDED",),
    529: ("overloaded_error",),
}
_BY_WORD = {word: status for status, words in _WORDS.items() for word in words}

_FULL = re.compile(
    r"prompt is too long|context.{0,10}(length|window|limit|size)|maximum context"
    r"|exceeds the maximum number of tokens|too many tokens",
    re.I,
)

_BROKE = re.compile(r"credit balance|insufficient_quota|exceeded your current quota", re.I)

_NO_TOOLS = re.compile(
    r"(not|n.t) support\w*.{0,30}(tool|function)|(tool|function).{0,30}not support"
    r"|no endpoints found that support tool|tool choice requires",
    re.I,
)

LONGEST_WORDS = 300  # characters of a provider's own words


def failure_of(error: Exception, sent: Sent, wire: Wire) -> Failure:
    """Sort an exception: its name in the log, what to tell the user, whether to try again. What
    came over the wire says more than what LiteLLM made of it."""
    model = sent["model"]
    if wire.fault is not None:
        return _unanswered(model, wire)
    if wire.status == 200:
        return Failure("cut", f"{model}: the stream broke off: {_inner(error)}", True)
    if wire.status is not None:
        return refusal_of(wire, sent)
    names = [kind.__name__ for kind in type(error).__mro__]
    found = next((name for name in names if name in _BY_NAME), None)
    kind, what = _BY_NAME[found] if found else (names[0], "the request failed")
    return Failure(kind, f"{model}: {what}: {_inner(error)}")


def refusal_of(wire: Wire, sent: Sent) -> Failure:
    """What an answer with another status than 200 says."""
    status, model = wire.status or 500, sent["model"]
    if 300 <= status < 400:
        target = scrub(wire.headers.get("location", "elsewhere"))
        return Failure(
            "redirect",
            f"{model}: {wire.host} sends the request on to {target}; a key "
            "is not sent after it: give that as --api-base",
        )
    wait = _retry_after(wire.headers)
    return _sorted(status, said_in(wire.body) or f"HTTP status {status}", model, wait)


def said_failed(error: Any, model: str) -> Failure:
    """An error that a provider sent within its stream."""
    words, code = error_words(error)
    names = [object_of(error).get(name) for name in ("type", "code", "status")]
    status = next((_BY_WORD[name] for name in names if name in _BY_WORD), code)
    if status is None or not 400 <= status < 600 or names[1:2] == ["tool_use_failed"]:
        return Failure("failed", f"{model}: the provider broke the message off: {words}", True)
    return _sorted(status, words, model, None)


def foreign(body: str, wire: Wire, sent: Sent) -> Failure:
    """An answer that is no stream: a web page, or an error in spite of its status."""
    model, words = sent["model"], said_in(body)
    if code := error_words(_parsed(body))[1]:
        return _sorted(code, words, model, None)
    what = "a web page" if body.lstrip().startswith("<") else "no stream"
    like_openai = wire.path.endswith("/chat/completions") and "/v1" not in wire.path
    hint = "; does --api-base want /v1 at its end?" if like_openai else ""
    return Failure("no_stream", f"{model}: {wire.host} answered with {what}: {words}{hint}")


def _sorted(status: int, words: str, model: str, wait: float | None) -> Failure:
    if _FULL.search(words) and status in (400, 413, 422, 500):
        return Failure("context_window", f"{model}: the context window is full: {words}")
    if _NO_TOOLS.search(words):
        return Failure("no_tools", f"{model}: this model takes no tools: add --tools none: {words}")
    again = status in (408, 409, 425, 429) or status >= 500
    kind, what = _ADVICE.get(status, ("server", "the provider is in trouble"))
    if _BROKE.search(words):
        (kind, what), again = _ADVICE[402], False
    elif "overloaded" in words.lower() and (status >= 500 or status == 429):
        kind, what = _ADVICE[529]
    elif status < 500 and status not in _ADVICE:
        kind, what = "bad_request", f"the provider refused the request ({status})"
    return Failure(kind, f"{model}: {what}: {words}", again, wait)


def _unanswered(model: str, wire: Wire) -> Failure:
    """Nobody answered: why, as far as the system says."""
    causes = list(_causes(wire.fault))
    local = wire.host.partition(":")[0] in ("localhost", "127.0.0.1")
    if any(isinstance(cause, socket.gaierror) for cause in causes):
        what = f"cannot resolve {wire.host.partition(':')[0]}: is the network up?"
    elif any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        server = "`ollama serve`" if model.startswith("ollama") else "the server"
        what = f"nobody answers at {wire.host}" + (f": is {server} running?" if local else "")
    elif any(isinstance(cause, ssl.SSLError) for cause in causes):
        text = f"no secure connection to {wire.host}: {_one_line(str(causes[-1]))}"
        return Failure("tls", f"{model}: {text}")
    elif any("Timeout" in type(cause).__name__ for cause in causes):
        return Failure("timeout", f"{model}: {wire.host} gave no answer in time", True)
    else:
        words = _one_line(str(wire.fault)) or type(wire.fault).__name__
        what = f"cannot reach {wire.host}: {words}"
    return Failure("connection", f"{model}: {what}", True)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        if isinstance(inner := getattr(error, "os_error", None), BaseException):
            yield inner  # aiohttp's
        error = error.__cause__ or error.__context__


# ---------------------------------------------------------------- in the provider's own words


def said_in(body: str) -> str:
    """What the body of an error says: its message, or the title of a web page."""
    if (parsed := _parsed(body)) is not None:
        return error_words(parsed)[0]
    title = re.search(r"<title[^>]*>(.*?)</title>", body, re.I | re.S)
    text = title[1] if title else re.sub(r"<(script|style).*?</\1>|<[^>]*>", " ", body, flags=re.S)
    return _one_line(html.unescape(text))


def error_words(error: Any) -> tuple[str, int | None]:
    """The words and the status in an error's JSON, in whichever of the usual places."""
    if isinstance(error, list) and error:
        error = error[0]
    if not isinstance(error, dict):
        return _one_line(error if isinstance(error, str) else str(error)), None
    for name in ("error", "detail", "errors"):
        if isinstance(error.get(name), dict | list) and error[name]:
            words, code = error_words(error[name])
            return words, code or _status(error)
    words = next(
        (
            error[n]
            for n in ("message", "error", "detail", "msg", "error_message")
            if isinstance(error.get(n), str) and error[n]
        ),
        "",
    )
    metadata = error.get("metadata")  # where OpenRouter quotes the provider behind it
    if isinstance(metadata, dict) and isinstance(metadata.get("raw"), str):
        inner = _parsed(metadata["raw"])
        words += f" ({error_words(inner)[0] if inner is not None else metadata['raw']})"
    return _one_line(words or json.dumps(error, ensure_ascii=False)), _status(error)


def _status(error: Json) -> int | None:
    for name in ("code", "status", "status_code"):
        value = error.get(name)
        if (type(value) is int or (isinstance(value, str) and value.isdecimal())) and (
            400 <= int(value) < 600
        ):
            return int(value)
    return None


def _parsed(body: str) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _inner(error: BaseException) -> str:
    """An exception's own words, out of LiteLLM's wrapping."""
    text = re.sub(r"\s+", " ", str(error).partition("Traceback (most recent")[0])
    text = re.sub(r"^((litellm\.)?\w+(Error|Timeout|Exception)?( - |: ))+", "", text)
    return _one_line(text) or type(error).__name__


def _one_line(text: str) -> str:
    """One line without secrets, never broken inside a word."""
    line = flat(scrub(text))
    if len(line) <= LONGEST_WORDS:
        return line
    cut = line[: LONGEST_WORDS + 1]
    return (cut.rpartition(" ")[0] or cut[:LONGEST_WORDS]) + " …"


def _retry_after(headers: dict[str, str]) -> float | None:
    """The wait in seconds that the provider asks for: a number, or a date."""
    with contextlib.suppress(TypeError, ValueError, LookupError, AttributeError):
        return _seconds(headers["retry-after"])
    return None


def _seconds(text: str) -> float | None:
    try:
        wait = float(text)
    except ValueError:
        wait = email.utils.parsedate_to_datetime(text).timestamp() - time.time()
    return wait if math.isfinite(wait) and wait >= 0 else None
