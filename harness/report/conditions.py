"""A run's settings as words.

A run's *condition* is what its settings say (`facts`), with the names that a sweep gave them.
The *stimulus* (`stimulus`) is what its models were really told, and by what it was made.
"""

import contextlib
import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from functools import cache
from typing import Any

import tools
from harness import prompts
from harness.files import Json, list_of, object_of, objects_of
from harness.text import UserError

ALWAYS = ("seed", "on_exit", "on_empty", "empty_as", "on_full")  # settings that each run has
AS_IS = (*ALWAYS, "max_turns", "max_cost", "stop_on")

Facts = dict[str, str]


def words_of(value: Any) -> str:
    """A log's value as words; what is no text is shown as Python writes it."""
    if value is None:
        return "none"
    return value if isinstance(value, str) else str(value)


def facts(settings: Json, models: list[Any] | None = None) -> Facts:
    """The settings that runs of one condition share, by name, as words."""
    known: Facts = {}
    for seat, model in _models(settings, models or []):
        known[f"model_{seat}"] = model
    for seat in "ab":
        system = settings.get(f"system_{seat}", "not recorded")
        name = prompt_names().get(system) if isinstance(system, str) else None
        known[f"system_{seat}"] = name or words_of(system) or "none"
        for param, value in sorted(object_of(settings.get(f"params_{seat}")).items()):
            known[f"{param}_{seat}"] = words_of(value)
    known["tools"] = _tools(settings.get("tools", "not recorded"))
    if told := _other_tool_texts(settings):
        known["tool_texts"] = told
    known |= {name: words_of(settings[name]) for name in AS_IS if settings.get(name) is not None}
    known["interject"] = ", ".join(map(_rule, list_of(settings.get("interject")))) or "none"
    known["puppet"] = ", ".join(map(_puppet, list_of(settings.get("puppets")))) or "none"
    return known | _varied(settings, known)


def _models(settings: Json, spoke: list[Any]) -> list[tuple[str, str]]:
    """Which model holds each seat: as the settings say, else as the messages do."""
    each = zip("ab", [*spoke[:2], "?", "?"], strict=False)
    return [(seat, words_of(settings.get(f"model_{seat}") or model)) for seat, model in each]


def _tools(names: Any) -> str:
    if not isinstance(names, list):
        return words_of(names)
    words = [*map(words_of, names)]
    return "all" if {*words} == {*tools.EXIT_TOOLS} else ", ".join(words) or "none"


def _other_tool_texts(settings: Json) -> str:
    """A hash of what the models were told of their tools, where that is not tools.py's text."""
    told = _told(settings)
    if not told or all(tools.EXIT_TOOLS.get(n, "\0") + tools.EFFECT_NOTE == t for n, t in told):
        return ""
    text = json.dumps(told, ensure_ascii=True)
    return "sha256 " + hashlib.sha256(text.encode()).hexdigest()[:12]


def _told(settings: Json) -> list[tuple[str, str]]:
    """Names and descriptions of the tools, as the log has them."""
    schemas = objects_of(settings.get("tool_schemas"))
    functions = objects_of([schema.get("function") for schema in schemas])
    return [(words_of(f.get("name")), words_of(f.get("description"))) for f in functions]


def _varied(settings: Json, known: Facts) -> Facts:
    """What a sweep varied that the settings do not tell under that name or for either seat."""
    pairs = object_of(settings.get("condition")).items()
    return {k: words_of(v) for k, v in pairs if k not in known and f"{k}_a" not in known}


def _rule(rule: Any) -> str:
    if not isinstance(rule, dict):
        return words_of(rule)
    return ":".join(words_of(rule.get(name)) for name in ("when", "seat", "name"))


def _puppet(rule: Any) -> str:
    if not isinstance(rule, dict):
        return words_of(rule)
    seat, *rest = (words_of(rule.get(name)) for name in ("seat", "called", "name", "when"))
    return f"{seat}={':'.join(rest)}"


@cache
def prompt_names() -> dict[str, str]:
    """The system prompts that have a name, by their text; but for those that can't be read, which
    no run was given."""
    found = {}
    for name in prompts.names("system"):
        with contextlib.suppress(UserError):
            found[prompts.load(name, "system")] = name
    return found | {"": "none"}


def is_demo(settings: Json, models: list[Any]) -> bool:
    """Whether a scripted demo took part."""
    named = [settings.get("model_a"), settings.get("model_b"), *models]
    return settings.get("demo") is True or any(words_of(m).startswith("demo/") for m in named)


def stimulus(settings: Json, models: list[Any]) -> Facts:
    """What the models of a run were really told, and what it was made with, word for word."""
    block: Facts = {}
    for seat, model in _models(settings, models):
        block[f"model {seat.upper()}"] = model
    for seat in "ab":
        system = settings.get(f"system_{seat}", "not recorded")
        block[f"system prompt of {seat.upper()}"] = words_of(system) or "none"
    block["seed (the first message that A receives)"] = words_of(
        settings.get("seed", "not recorded")
    )
    for seat in "ab":
        params = settings.get(f"params_{seat}")
        pairs = sorted(object_of(params).items())
        told = ", ".join(f"{name} {words_of(value)}" for name, value in pairs)
        block[f"sampling of {seat.upper()}"] = told or (
            "the provider's own" if isinstance(params, dict) else "not recorded"
        )
    block["tools"] = _tools(settings.get("tools", "not recorded"))
    block |= {f"tool {name}": text for name, text in _told(settings)}
    for rule in objects_of(settings.get("interject")):
        when = f"{words_of(rule.get('when'))}:{words_of(rule.get('seat'))}"
        block[f"interjection at {when}"] = words_of(rule.get("words"))
    for name in AS_IS[1:]:
        if settings.get(name) is not None:
            block[name.replace("_", " ")] = words_of(settings[name])
    return block | _made_with(settings)


def _made_with(settings: Json) -> Facts:
    pairs = [*object_of(settings.get("versions")).items()]
    pairs += [("commit", settings["git"])] if settings.get("git") else []
    told = ", ".join(f"{words_of(name)} {words_of(value)}" for name, value in pairs)
    return {"made with": told or "not recorded"}


def shared(blocks: Iterable[Facts]) -> list[tuple[str, list[tuple[str, int]]]]:
    """Per entry of the runs' blocks its values, each with the number of runs that have it."""
    counts: dict[str, Counter[str]] = {}
    for block in blocks:
        for name, value in block.items():
            counts.setdefault(name, Counter())[value] += 1
    return [(name, values.most_common()) for name, values in counts.items()]
