"""What a conversation is made of, as frozen values: they become the log's config and come back."""

import difflib
import functools
import re
from dataclasses import asdict, dataclass, field, fields, replace
from typing import Any, get_type_hints

import tools
from harness import prompts
from harness.models.seat import Seat
from harness.states.names import SHORT
from harness.talk import imported
from harness.talk.transcript import SILENCE
from harness.text import UserError

TRIGGER = r"(?:[0-9]{1,9}|every:[0-9]{1,9}|on:[A-Za-z_]+(?:[+:][0-9]{1,6})?)"
_RULE = re.compile(rf"({TRIGGER}):([ABab]):(.*)", re.DOTALL)


@dataclass(frozen=True)
class Interjection:
    """Words to be spoken as `seat` when `when` comes: a turn number, `every:N`, or
    `on:STATE[+N]`. `name` is the prompt file's, or what the user wrote."""

    when: str
    seat: str
    words: str
    name: str

    @property
    def state(self) -> str | None:
        """The state that an `on:` interjection waits for."""
        return state_and_count(self.when[3:], 1)[0] if self.when.startswith("on:") else None

    @property
    def after(self) -> int:
        """How many messages the state must have held; 0 for what waits for no state."""
        return state_and_count(self.when[3:], 1)[1] if self.when.startswith("on:") else 0

    def comes(self, turn: int) -> bool:
        """Whether a turn is one that this interjection names."""
        if self.when.startswith("every:"):
            return turn > 0 and turn % int(self.when[6:]) == 0
        return self.when == str(turn)


def plain(default: Any, limit: bool = False) -> Any:
    """A setting that the command line and the log hold as it is; a `limit` may change when a run
    is resumed without making it another conversation."""
    return field(default=default, metadata={"plain": True, "limit": limit})


@dataclass(frozen=True)
class Settings:
    """Everything that decides how a conversation goes. Times in seconds, costs in USD."""

    a: Seat
    b: Seat
    seed: str = plain("Hello there")
    tools: tuple[str, ...] = ()
    tool_schemas: tuple[dict[str, Any], ...] = ()  # a resumed log's own; () = tools.py's
    on_exit: str = plain("refuse")
    interject: tuple[Interjection, ...] = ()
    empty_as: str = plain(SILENCE)
    on_empty: str = plain("placeholder", limit=True)
    on_full: str = plain("end", limit=True)
    max_turns: int | None = plain(None, limit=True)
    max_cost: float | None = plain(None, limit=True)
    stop_on: str | None = plain(None, limit=True)
    idle_timeout: float = plain(120.0, limit=True)
    retry_for: float = plain(600.0, limit=True)
    rng_seed: int = plain(0)
    cache: bool = plain(True, limit=True)
    unknown: tuple[str, ...] = ()  # what an imported log does not tell of these; never written

    def seat(self, letter: str) -> Seat:
        """The seat of that letter."""
        return self.a if letter == "A" else self.b

    def to_config(self) -> dict[str, Any]:
        """The settings as the log's config holds them."""
        config = {k: v for k, v in asdict(self).items() if k not in ("a", "b", "unknown")}
        config["interject"] = [asdict(rule) for rule in self.interject]
        for seat in (self.a, self.b):
            for key in ("name", "model", "system", "params", "api_base"):
                config[f"{key}_{seat.letter.lower()}"] = getattr(seat, key)
        config |= {"tools": list(self.tools), "tool_schemas": self.schemas()}
        return config | {"demo": self.a.demo or self.b.demo}

    def schemas(self) -> list[dict[str, Any]]:
        """The tools as LiteLLM takes them: as the log has them, where it has them."""
        return list(self.tool_schemas) or tools.schemas(self.tools)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "Settings":
        """The settings that a log's config holds, older schema included (where a setting did
        not exist yet, its default). Raises UserError when the models are not in it."""
        seats = [_seat_of(config, letter) for letter in "AB"]
        for name, kind in _kinds().items():
            if not isinstance(config.get(name), kind | None):
                raise UserError(f"the log's config is damaged: {name} is {config[name]!r:.40}")
        values = {name: config[name] for name in PLAIN if config.get(name) is not None}
        rules = tuple(_rule(rule) for rule in config.get("interject") or ())
        names = tuple(str(name) for name in config.get("tools") or ())
        schemas = tuple(config.get("tool_schemas") or ())
        if not schemas and (unknown := [name for name in names if name not in tools.EXIT_TOOLS]):
            raise UserError(f"the log has a tool that this version does not know: {unknown[0]}")
        if "seed" in (lacking := imported.unknown(config)):
            values["seed"] = ""
        values |= {"tools": names, "tool_schemas": schemas, "interject": rules}
        return cls(*seats, unknown=lacking, **values)

    def changed(self, **values: Any) -> "Settings":
        """A copy with these values replaced."""
        return replace(self, **values)


PLAIN = tuple(f.name for f in fields(Settings) if f.metadata)
LIMITS = tuple(f.name for f in fields(Settings) if f.metadata.get("limit"))


@functools.cache
def _kinds() -> dict[str, Any]:
    """What a log's config may hold, by name; where a setting did not exist yet it is None."""
    hints = get_type_hints(Settings)
    kinds = {name: hints[name] for name in PLAIN}
    kinds |= {name: kind | int for name, kind in kinds.items() if kind in (float, float | None)}
    kinds |= dict.fromkeys(("tools", "tool_schemas", "interject"), list | tuple)
    of_seat = {"name": str, "model": str, "system": str, "api_base": str, "params": dict}
    return kinds | {f"{name}_{seat}": kind for seat in "ab" for name, kind in of_seat.items()}


def _rule(rule: Any) -> Interjection:
    fields = ("when", "seat", "words", "name")
    if not isinstance(rule, dict) or not all(isinstance(rule.get(f), str) for f in fields):
        raise UserError("the log's config is damaged: an interjection is not whole")
    when = rule["when"]
    if not re.fullmatch(TRIGGER, when) or re.fullmatch("every:0+", when):
        raise UserError(f"the log's config is damaged: an interjection comes at {when!r:.40}")
    if rule["seat"] not in ("A", "B"):
        raise UserError(f"the log's config is damaged: no seat is named {rule['seat']!r:.40}")
    if when.startswith("on:"):
        state_and_count(when[3:], 1)
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


def state_and_count(text: str, least: int, given: str = "") -> tuple[str, int]:
    """STATE[+N], or STATE:N, with a state's full or short name, as (state, N): a state that has
    held for N messages. `given` is the option as it was written. Raises UserError."""
    given = given or f"--stop-on {text!r}"
    name, _, number = text.replace("+", ":").partition(":")
    state = {short: full for full, short in SHORT.items()}.get(name, name)
    if state not in SHORT:
        near = difflib.get_close_matches(name.lower(), [*SHORT.values(), *SHORT], n=1)
        hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(SHORT.values())}"
        raise UserError(f"{given}: no such state {name!r}: {hint}")
    if not re.fullmatch(r"[0-9]{0,6}", number):
        raise UserError(f"{given}: N must be a whole number, as in {name}+6")
    return state, max(least, int(number or 0))


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
                    "where WHEN is a turn (12), every:10, or on:goodbye+4"
                )
            when, seat, said = found.groups()
            spoken = prompts.words(said, "interjections")
            if not spoken.strip():
                raise UserError(f"--interject {part!r}: there are no words to say")
            if when.startswith("on:"):
                state_and_count(when[3:], 1, f"--interject {part!r}")
                when = "on:" + when[3:].replace(":", "+")
            if re.fullmatch("every:0+", when):
                raise UserError(f"--interject {part!r}: every:N needs an N of at least 1")
            name = said[1:] if said.startswith("@") else said
            rules.append(Interjection(when, seat.upper(), spoken, name))
    return tuple(rules)
