"""What a conversation is made of, as frozen values: they become the log's config and come back."""

import re
from dataclasses import asdict, dataclass, replace
from typing import Any

import tools
from harness import prompts
from harness.models.seat import Seat
from harness.talk import imported
from harness.talk.puppets import Puppet
from harness.talk.rules import TRIGGER, Rule, check_when
from harness.talk.transcript import SILENCE
from harness.text import UserError

_RULE = re.compile(rf"({TRIGGER}):([ABab]):(.*)", re.DOTALL)


@dataclass(frozen=True)
class Interjection(Rule):
    """Words that are spoken as `seat`. `name` is the prompt file's, or what the user wrote."""

    words: str
    name: str


@dataclass(frozen=True)
class Settings:
    """Everything that decides how a conversation goes. Times in seconds, costs in USD."""

    a: Seat
    b: Seat
    seed: str = "Hello there"
    tools: tuple[str, ...] = ()
    tool_schemas: tuple[dict[str, Any], ...] = ()  # a resumed log's own; () = tools.py's
    on_exit: str = "refuse"
    interject: tuple[Interjection, ...] = ()
    puppets: tuple[Puppet, ...] = ()
    empty_as: str = SILENCE
    on_empty: str = "placeholder"
    on_full: str = "end"
    max_turns: int | None = None
    max_cost: float | None = None
    stop_on: str | None = None
    idle_timeout: float = 120.0
    retry_for: float = 600.0
    rng_seed: int = 0
    cache: bool = True
    unknown: tuple[str, ...] = ()  # what an imported log does not tell of these; never written

    def seat(self, letter: str) -> Seat:
        """The seat of that letter."""
        return self.a if letter == "A" else self.b

    @property
    def everybody(self) -> tuple[Seat, ...]:
        """Both seats, and the puppets' actors."""
        return self.a, self.b, *(puppet.actor for puppet in self.puppets)

    def to_config(self) -> dict[str, Any]:
        """The settings as the log's config holds them."""
        config = {k: v for k, v in asdict(self).items() if k not in _APART}
        config["interject"] = [asdict(rule) for rule in self.interject]
        if self.puppets:
            config["puppets"] = [puppet.to_config() for puppet in self.puppets]
        for seat in (self.a, self.b):
            for key in ("name", "model", "system", "params", "api_base"):
                config[f"{key}_{seat.letter.lower()}"] = getattr(seat, key)
        config |= {"tools": list(self.tools), "tool_schemas": self.schemas()}
        return config | {"demo": any(seat.demo for seat in self.everybody)}

    def schemas(self) -> list[dict[str, Any]]:
        """The tools as LiteLLM takes them: as the log has them, where it has them."""
        return list(self.tool_schemas) or tools.schemas(self.tools)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Settings":
        """The settings that a log's config holds, older schema included (where a setting did
        not exist yet, its default). Raises UserError when the models are not in it."""
        seats = [_seat_of(config, letter) for letter in "AB"]
        plain = {
            name: config[name]
            for name in ("seed", "on_exit", "empty_as", "on_empty", "on_full", "max_turns",
                         "max_cost", "stop_on", "idle_timeout", "retry_for", "rng_seed", "cache")
            if config.get(name) is not None
        }  # fmt: skip
        for name, kinds in _KINDS.items():
            if not isinstance(config.get(name), kinds):
                raise UserError(f"the log's config is damaged: {name} is {config[name]!r:.40}")
        rules = tuple(_rule(rule) for rule in config.get("interject") or ())
        names = tuple(str(name) for name in config.get("tools") or ())
        schemas = tuple(config.get("tool_schemas") or ())
        if not schemas and (unknown := [name for name in names if name not in tools.EXIT_TOOLS]):
            raise UserError(f"the log has a tool that this version does not know: {unknown[0]}")
        if "seed" in (lacking := imported.unknown(config)):
            plain["seed"] = ""
        actors = tuple(Puppet.from_config(about) for about in config.get("puppets") or ())
        return cls(*seats, tools=names, tool_schemas=schemas, interject=rules, puppets=actors,
                   unknown=lacking, **plain)  # fmt: skip

    def changed(self, **values: Any) -> "Settings":
        """A copy with these values replaced."""
        return replace(self, **values)


_APART = ("a", "b", "puppets", "unknown")  # settings that a config holds in another form
_NUMBER, _TEXT, _LIST = int | float | None, str | None, list | tuple | None
# What a log's config may hold; where a setting did not exist yet it is None.
_KINDS: dict[str, Any] = {
    **dict.fromkeys(("seed", "on_exit", "empty_as", "on_empty", "on_full", "stop_on"), _TEXT),
    **dict.fromkeys(("max_turns", "max_cost", "idle_timeout", "retry_for", "rng_seed"), _NUMBER),
    **dict.fromkeys(("tools", "tool_schemas", "interject", "puppets"), _LIST),
    **{f"{name}_{seat}": kind for seat in "ab" for name, kind in (
        ("name", _TEXT), ("model", _TEXT), ("system", _TEXT), ("api_base", _TEXT),
        ("params", dict | None),
    )},
}  # fmt: skip


def _rule(rule: Any) -> Interjection:
    fields = ("when", "seat", "words", "name")
    if not isinstance(rule, dict) or not all(isinstance(rule.get(f), str) for f in fields):
        raise UserError("the log's config is damaged: an interjection is not whole")
    check_when(
        rule["when"], f"the log's config is damaged: an interjection comes at {rule['when']!r:.40}"
    )
    if rule["seat"] not in ("A", "B"):
        raise UserError(f"the log's config is damaged: no seat is named {rule['seat']!r:.40}")
    return Interjection(**{f: rule[f] for f in fields})


def _seat_of(config: dict[str, Any], letter: str) -> Seat:
    low = letter.lower()
    model = config.get(f"model_{low}")
    if not isinstance(model, str):
        raise UserError(f"the log's config does not name model_{low}")
    return Seat(
        letter,
        config.get(f"name_{low}") or model,
        model,
        config.get(f"system_{low}") or "",
        config.get(f"params_{low}") or {},
        config.get(f"api_base_{low}"),
    )


def interjections(texts: list[str]) -> tuple[Interjection, ...]:
    """Parse `--interject` values: WHEN:SEAT:WORDS, several with commas between them.

    Raises UserError with a line for the user."""
    rules = []
    for text in texts:
        for part in re.split(rf",(?={TRIGGER}:[ABab]:)", text):
            found = _RULE.fullmatch(part.strip())
            if not found:
                raise UserError(
                    f"--interject {part!r}: write WHEN:SEAT:TEXT or WHEN:SEAT:@FILE, "
                    "where WHEN is a turn (12), every:10, or on:goodbye_loop+4"
                )
            when, seat, said = found.groups()
            spoken = prompts.words(said, "interjections")
            if not spoken.strip():
                raise UserError(f"--interject {part!r}: there are no words to say")
            check_when(when, f"--interject {part!r}")
            name = said[1:] if said.startswith("@") else said
            rules.append(Interjection(when, seat.upper(), spoken, name))
    return tuple(rules)
