"""What went wrong with a request: its name in the log, one line for the user, whether to ask
again."""

import contextlib
import email.utils
import math
import re
import time
from typing import Any

from harness.models.secrets import scrub

# ---------------------------------------------------------------- one request


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


def failure_of(error: Exception, sent: dict[str, Any]) -> Failure:
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
