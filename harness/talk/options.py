"""The command line's options for a conversation, and the settings that they make.

One table serves `run` (one value each) and `sweep` (several values each).
"""

import argparse
import json
import random
from dataclasses import replace
from typing import Any

import tools
from harness import files, prompts
from harness.files import Json
from harness.models import call, catalogue, demo, secrets
from harness.models.seat import Seat, wrong
from harness.parser import Once, amount, count, number
from harness.states.names import SHORT
from harness.talk.interjections import interjections
from harness.talk.puppets import puppets
from harness.talk.rules import refuse_zero, state_and_count
from harness.talk.settings import LIMITS, PLAIN, Settings
from harness.text import UserError

# Flags, then what argparse is told of them.
TABLE: list[tuple[tuple[str, ...], dict[str, Any]]] = [
    (("-a", "--model-a"), {"metavar": "MODEL",
     "help": "who holds seat A: an alias (see `models`), any LiteLLM id, demo/NAME, or human"}),
    (("-b", "--model-b"), {"metavar": "MODEL", "help": "who holds seat B; same: whoever holds A"}),
    (("--seed",), {"metavar": "TEXT|@FILE",
     "help": "the first user message that A receives (default: Hello there)"}),
    (("--system",), {"metavar": "NAME|@FILE|TEXT",
     "help": f"both prompts: {', '.join(prompts.names('system'))}, none (default: helpful)"}),
    (("--system-a",), {"metavar": "NAME|@FILE|TEXT", "help": "A's system prompt"}),
    (("--system-b",), {"metavar": "NAME|@FILE|TEXT", "help": "B's system prompt"}),
    (("--tools",), {"metavar": "all|none|NAME,...",
     "help": f"exit tools, each by its beginning: {', '.join(tools.EXIT_TOOLS)} (default: all)"}),
    (("--on-exit",), {"choices": ("refuse", "grant"),
     "help": "a call is refused and the run goes on, or it ends the run (default: refuse)"}),
    (("--max-turns",), {"type": count, "metavar": "N",
     "help": "end after N turns (2N messages)"}),
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
     "help": "speak in a seat's place: in a turn (12:A:@nudge), in each Nth (every:10:A:...), or "
             "once a state has held for N messages (on:goodbye+4:B:...); repeatable"}),
    (("--puppet",), {"action": "append", "metavar": "SEAT=MODEL:@GOAL[:WHEN]",
     "help": "a third model speaks in a seat's place towards a goal ("
     + ", ".join(prompts.names("puppets")) + "), e.g. A=opus:@tool:every:4 (repeatable)"}),
    (("--stop-on",), {"metavar": "STATE[+N]",
     "help": f"end when a state ({', '.join(SHORT.values())}) has held for N messages, e.g. "
             "goodbye+6; seen live, so the path at the end may differ"}),
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
RESERVED = frozenset[str]().union(
    ("model", "messages", "stream", "stream_options", "tools", "tool_choice", "functions"),
    ("timeout", "max_retries", "num_retries", "fallbacks", "mock_response", "mock_tool_calls"),
    ("api_base", "base_url", "custom_llm_provider", "n", "demo_seed", "demo_pace"),
)
# The options that a resumed run may have without becoming another conversation.
RESUMABLE = frozenset("no_cache" if name == "cache" else name for name in LIMITS)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Give `parser` the options of a conversation; what is not given stays None."""
    for flags, about in TABLE:
        parser.add_argument(*flags, **about | ({"action": Once} if "--stop-on" in flags else {}))


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
    if options.get("model_b") == "same":
        options = options | {"model_b": options.get("model_a", base and base.a.name)}
    seats = [_seat(letter, options, base.seat(letter) if base else None) for letter in "AB"]
    values: dict[str, Any] = {name: options[name] for name in PLAIN if name in options}
    if "seed" in options:
        values["seed"] = prompts.words(options["seed"])
    if "no_cache" in options:
        values["cache"] = False
    if "tools" in options or base is None:
        values |= {"tools": tools.choose(options.get("tools", "all")), "tool_schemas": ()}
    if "interject" in options:
        values["interject"] = interjections(options["interject"])
    if "puppet" in options:
        values["puppets"] = puppets(options["puppet"], options.get("api_base"))
    if base is None:
        values.setdefault("rng_seed", random.getrandbits(32))
    a, b = seats
    settings = replace(base, a=a, b=b, **values) if base else Settings(a, b, **values)
    _refuse_keys(settings, base)
    if "interject" in options:
        check_moments(settings)
    if "stop_on" in options:
        refuse_zero(options["stop_on"], f"--stop-on {options['stop_on']!r}")
    check_settings(settings, keys)
    return settings


def _refuse_keys(settings: Settings, base: Settings | None) -> None:
    """Refuse a key in what will be said or logged; what `base` has said already may stay. Raises
    UserError."""
    old = set(_texts(base)) if base else set()
    for flag, text in _texts(settings):
        if (flag, text) not in old and secrets.in_words(text):
            raise UserError(
                f"{flag} holds a key: models would read it, and logs keep it; "
                f"put it into .env as {_variable('', text)}"
            )


def _texts(settings: Settings) -> list[tuple[str, str]]:
    """What a user wrote that models read, by option."""
    seats = (settings.a, settings.b)
    found = [("--seed", settings.seed), ("--empty-as", settings.empty_as)]
    found += [(f"--system-{seat.letter.lower()}", seat.system) for seat in seats]
    found += [("--reasoning-effort", str(seat.params.get("reasoning_effort"))) for seat in seats]
    found += [("--puppet", puppet.actor.system) for puppet in settings.puppets]
    return found + [("--interject", rule.words) for rule in settings.interject]


def changing(options: dict[str, Any], base: Settings) -> list[str]:
    """Those of the options, by name, that would make another conversation of `base`."""

    def told(settings: Settings) -> Json:
        return settings.to_config() | {"tool_schemas": None}  # they are as the log has them

    return [
        name
        for name in options
        if name not in RESUMABLE
        and told(make_settings({name: options[name]}, base, keys=False)) != told(base)
    ]


def check_settings(settings: Settings, keys: bool) -> None:
    """Refuse what could not work. Raises UserError with a line for the user."""
    if settings.stop_on is not None:
        state_and_count(settings.stop_on)
    for text, flag in ((settings.seed, "--seed"), (settings.empty_as, "--empty-as")):
        if not text.strip():
            raise UserError(f"{flag} must not be empty: providers refuse empty messages")
    for puppet in settings.puppets:
        if settings.seat(puppet.seat).human:
            raise UserError(f"--puppet: a person holds seat {puppet.seat}, and speaks for it")
    for seat in settings.everybody:
        instead = "goodbye" if seat in (settings.a, settings.b) else demo.PUPPET
        if keys and (line := catalogue.missing_key(seat, instead)):
            raise UserError(line)
        if settings.max_cost is not None:
            catalogue.must_be_priced(seat, instead="use --max-turns")


def check_moments(settings: Settings) -> None:
    """Refuse an interjection that another one replaces, or that can't come. Raises UserError."""
    seen = set()
    for rule in settings.interject:
        given, last = f"--interject {rule.when}:{rule.seat}", settings.max_turns
        if (rule.when, rule.seat) in seen:
            raise UserError(f"{given} is given twice: a seat says one thing at a time")
        seen.add((rule.when, rule.seat))
        if last is not None and rule.first is not None and rule.first >= last:
            raise UserError(
                f"{given} can't come: with --max-turns {last} the last turn is {last - 1}"
            )


def _seat(letter: str, options: dict[str, Any], base: Seat | None) -> Seat:
    low = letter.lower()

    def pick(name: str, default: Any = None) -> Any:
        return options.get(f"{name}_{low}", options.get(name, default))

    name = pick("model", base and base.name)
    if name is None:
        raise UserError(
            f"who holds seat {letter}? give -a and -b: -a opus -b opus, or, without a key, "
            "-a demo/standoff -b demo/goodbye"
        )
    same = base if base and name == base.name else None
    system = pick("system", None if base else "helpful")
    text = base.system if base and system is None else prompts.load(system, "system")
    params = dict(same.params) if same else {}
    for key in ("temperature", "max_tokens", "reasoning_effort"):
        if (value := pick(key)) is not None:
            params[key] = value
    model = same.model if same else catalogue.resolve(name)
    params |= _params(options.get("param") or [], model)
    if odd := wrong(params):
        raise UserError(f"--param {odd}")
    # a proxy serves a provider's other models too; another provider's are not sent there
    near = base if base and catalogue.provider(model) == catalogue.provider(base.model) else None
    api_base = pick("api_base", near and near.api_base)
    if api_base and not (base and base.api_base == api_base):
        check_address(api_base, model)
    return Seat(letter, name, model, text, params, api_base)


def check_address(address: str, model: str) -> None:
    """Refuse a server's address that is none, or holds a key or a login. Raises UserError."""
    if secrets.in_address(address):
        raise UserError(
            "--api-base must not hold credentials: it is written to the log; put the "
            f"key into .env as {_variable('', address, model)}"
        )
    if not catalogue.is_address(address):
        raise UserError("--api-base: write the server's URL, such as http://localhost:8000/v1")


def _params(texts: list[str], model: str) -> Json:
    params = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not key or not equals:
            raise UserError("--param: write KEY=VALUE")
        try:
            params[key] = files.parse(value)
            json.dumps(params[key], allow_nan=False)  # else the log and the request are no JSON
        except json.JSONDecodeError:
            params[key] = value
        except ValueError as error:
            raise UserError(f"--param {secrets.scrub(key)}: {error}") from None
        if secrets.in_value({key: params[key]}):
            raise UserError(
                f"--param {secrets.scrub(key)}: parameters are logged; put secrets "
                f"into .env, as {_variable(key, value, model)}"
            )
        if key in RESERVED:
            raise UserError(f"--param {key}: the harness sets this itself")
    return params


def _variable(name: str, value: str, model: str = "") -> str:
    """The variable that a secret belongs into."""
    own = catalogue.key_names(model) if model else ()
    return secrets.variable(name, value, catalogue.provider(model) if own is None else "", own)
