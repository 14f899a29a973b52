"""The command line's options for a conversation, and the settings that they make.

One table serves `run` (one value each) and `sweep` (several values each).
"""

import argparse
import json
import math
import random
import re
from collections.abc import Callable
from typing import Any, NoReturn

import tools
from harness import prompts
from harness.models import call, catalogue
from harness.models.seat import Seat
from harness.talk.settings import Settings, interjections, state_and_count
from harness.text import UserError, visible

_SECRET = re.compile(r"(^|_)(key|token|secret|password|headers?|credentials?)$", re.IGNORECASE)


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, with exit code 2."""

    def __init__(self, **kwargs: Any):
        super().__init__(
            allow_abbrev=False, formatter_class=argparse.RawDescriptionHelpFormatter, **kwargs
        )

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"attractor: {visible(message)} (see {self.prog} --help)\n")


def number(kind: type, least: float, word: str) -> Callable[[str], Any]:
    """An argparse type: a finite number of at least `least`, or an error that says so."""

    def parse(text: str) -> Any:
        try:
            value = kind(text)
            if not math.isfinite(value) or value < least:
                raise ValueError
        except ValueError:
            raise argparse.ArgumentTypeError(f"{text!r} is not {word}") from None
        return value

    return parse


count = number(int, 1, "a whole number of at least 1")
amount = number(float, 0, "a number of at least 0")

# Flags, then what argparse is told of them.
TABLE: list[tuple[tuple[str, ...], dict[str, Any]]] = [
    (("-a", "--model-a"), {"metavar": "MODEL",
     "help": "who holds seat A: an alias (see `models`), any LiteLLM id, demo/NAME, or human"}),
    (("-b", "--model-b"), {"metavar": "MODEL", "help": "who holds seat B"}),
    (("--seed",), {"metavar": "TEXT|@FILE",
     "help": "the first user message that A receives (default: Hello there)"}),
    (("--system",), {"metavar": "NAME|@FILE|TEXT",
     "help": f"both prompts: {', '.join(prompts.names('system'))}, none (default: helpful)"}),
    (("--system-a",), {"metavar": "NAME|@FILE|TEXT", "help": "A's system prompt"}),
    (("--system-b",), {"metavar": "NAME|@FILE|TEXT", "help": "B's system prompt"}),
    (("--tools",), {"metavar": "all|none|NAME,...",
     "help": f"exit tools: {', '.join(tools.EXIT_TOOLS)} (default: all)"}),
    (("--on-exit",), {"choices": ("refuse", "grant"),
     "help": "a call is refused and the run goes on, or it ends the run (default: refuse)"}),
    (("--max-turns",), {"type": count, "metavar": "N",
     "help": "end after N exchanges (2N messages)"}),
    (("--max-cost",), {"type": amount, "metavar": "USD",
     "help": "start no message that is expected to bring the cost above this"}),
    (("--temperature",), {"type": amount, "metavar": "T", "help": "sampling temperature of both"}),
    (("--temperature-a",), {"type": amount, "metavar": "T", "help": "A's temperature"}),
    (("--temperature-b",), {"type": amount, "metavar": "T", "help": "B's temperature"}),
    (("--max-tokens",), {"type": count, "metavar": "N",
     "help": f"longest reply in tokens (default: {call.REPLY_LIMIT:,} or the model's limit)"}),
    (("--reasoning-effort",), {"metavar": "LEVEL",
     "help": "how much to think, as LiteLLM takes it"}),
    (("--param",), {"action": "append", "metavar": "KEY=VALUE",
     "help": "a parameter passed to LiteLLM as it is (repeatable)"}),
    (("--api-base",), {"metavar": "URL", "help": "another server for both seats"}),
    (("--api-base-a",), {"metavar": "URL", "help": "another server for A"}),
    (("--api-base-b",), {"metavar": "URL", "help": "another server for B"}),
    (("--interject",), {"action": "append", "metavar": "WHEN:SEAT:TEXT|@FILE",
     "help": "speak in a seat's place, e.g. 12:A:@nudge (repeatable)"}),
    (("--stop-on",), {"metavar": "STATE[:N]",
     "help": "end when an attractor state has held for N messages, e.g. goodbye:6"}),
    (("--on-empty",), {"choices": ("placeholder", "retry", "end"),
     "help": "what follows an empty message (default: placeholder)"}),
    (("--empty-as",), {"metavar": "TEXT", "help": "what stands for it in histories (default: …)"}),
    (("--on-full",), {"choices": ("end", "slide"),
     "help": "at a full context window: end, or stop sending the oldest turns (default: end)"}),
    (("--idle-timeout",), {"type": number(float, 0.01, "a positive number"), "metavar": "S",
     "help": "longest gap between two pieces of a reply (default: 120)"}),
    (("--retry-for",), {"type": amount, "metavar": "S",
     "help": "how long to keep trying when a provider fails (default: 600)"}),
    (("--no-cache",), {"action": "store_const", "const": True,
     "help": "don't mark prompts for the provider's cache (Anthropic's models)"}),
    (("--rng-seed",), {"type": int, "metavar": "N", "help": "seed of the demo models' chance"}),
]  # fmt: skip
# What would change who is asked, with which words, or how the answer comes.
RESERVED = frozenset((
    "model", "messages", "stream", "stream_options", "tools", "tool_choice", "functions", "timeout",
    "max_retries", "num_retries", "fallbacks", "mock_response", "mock_tool_calls", "api_base",
    "base_url", "custom_llm_provider", "n", "demo_seed", "demo_pace",
))  # fmt: skip
# What a resumed run may change without becoming another conversation.
RESUMABLE = ("max_turns", "max_cost", "stop_on", "on_empty", "on_full", "idle_timeout", "retry_for",
             "no_cache")  # fmt: skip


def add_options(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the options of a conversation; what is not given stays None."""
    for flags, about in TABLE:
        parser.add_argument(*flags, **about)


def given(args: argparse.Namespace) -> dict[str, Any]:
    """The conversation's options that were given, by name."""
    names = [flags[-1].lstrip("-").replace("-", "_") for flags, _ in TABLE]
    return {name: value for name in names if (value := getattr(args, name, None)) is not None}


def make_settings(
    options: dict[str, Any], base: Settings | None = None, keys: bool = True
) -> Settings:
    """Settings from the options given, over those of `base` where a run is branched. `keys` =
    models will be called, so that their keys must be there.

    Raises UserError with a line for the user."""
    seats = [_seat(letter, options, base and base.seat(letter)) for letter in "AB"]
    plain = ("on_exit", "max_turns", "max_cost", "stop_on", "on_empty", "empty_as", "on_full",
             "idle_timeout", "retry_for", "rng_seed")  # fmt: skip
    values: dict[str, Any] = {name: options[name] for name in plain if name in options}
    if "seed" in options:
        values["seed"] = prompts.words(options["seed"])
    if "no_cache" in options:
        values["cache"] = False
    if "tools" in options or base is None:
        values |= {"tools": tools.choose(options.get("tools", "all")), "tool_schemas": ()}
    if "interject" in options:
        values["interject"] = interjections(options["interject"])
    if base is None:
        values.setdefault("rng_seed", random.getrandbits(32))
    a, b = seats
    settings = base.changed(a=a, b=b, **values) if base else Settings(a, b, **values)
    check(settings, keys)
    return settings


def check(settings: Settings, keys: bool) -> None:
    """Refuse what could not work. Raises UserError with a line for the user."""
    if settings.stop_on is not None:
        state_and_count(settings.stop_on, 1)
    for text, flag in ((settings.seed, "--seed"), (settings.empty_as, "--empty-as")):
        if not text.strip():
            raise UserError(f"{flag} must not be empty: providers refuse empty messages")
    for seat in (settings.a, settings.b):
        if keys and (line := catalogue.missing_key(seat)):
            raise UserError(line)
        if settings.max_cost is not None and not catalogue.priced(seat.model, seat.api_base):
            raise UserError(f"--max-cost: the price of {seat.model} is unknown; use --max-turns")


def _seat(letter: str, options: dict[str, Any], base: Seat | None) -> Seat:
    low = letter.lower()

    def pick(name: str, default: Any = None) -> Any:
        return options.get(f"{name}_{low}", options.get(name, default))

    name = pick("model", base and base.name)
    if name is None:
        raise UserError(f"who holds seat {letter}? give -a and -b, e.g. -a opus -b demo/standoff")
    same = base is not None and name == base.name
    system = pick("system")
    if system is None:
        text = base.system if base else prompts.load("helpful", "system")
    else:
        text = prompts.load(system, "system")
    params = dict(base.params) if same and base else {}
    for key in ("temperature", "max_tokens", "reasoning_effort"):
        if (value := pick(key)) is not None:
            params[key] = value
    params |= _params(options.get("param") or [])
    model = base.model if same and base else catalogue.resolve(name)
    # a proxy serves a provider's other models too; another provider's are not sent there
    near = base is not None and catalogue.provider(model) == catalogue.provider(base.model)
    api_base = pick("api_base", base.api_base if near and base else None)
    if api_base and re.search(r"://[^/]*@|[?&]", api_base):
        raise UserError("--api-base must not hold credentials: it is written to the log")
    if api_base:
        catalogue.check_address(api_base)
    return Seat(letter, name, model, text, params, api_base)


def _params(texts: list[str]) -> dict[str, Any]:
    params = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise UserError(f"--param {text!r}: write KEY=VALUE")
        if _SECRET.search(key):
            raise UserError(f"--param {key}: parameters are logged; put secrets into .env")
        if key in RESERVED:
            raise UserError(f"--param {key}: the harness sets this itself")
        try:
            params[key] = json.loads(value)
        except (ValueError, RecursionError):
            params[key] = value
        if _holds_secret(params[key]):
            raise UserError(f"--param {key}: parameters are logged; put secrets into .env")
    return params


def _holds_secret(value: Any) -> bool:
    """Whether a parameter has a key or an address with credentials somewhere inside."""
    if isinstance(value, dict):
        return any(_SECRET.search(key) or _holds_secret(v) for key, v in value.items())
    if isinstance(value, list):
        return any(map(_holds_secret, value))
    return isinstance(value, str) and bool(re.search(r"://[^/\s]*@", value))
