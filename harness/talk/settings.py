"""What a conversation is made of, as frozen values: they become the log's config and come back."""

import functools
from dataclasses import asdict, dataclass, field, fields
from typing import Any, get_type_hints

import tools
from harness.files import Json
from harness.models.seat import Seat, wrong
from harness.talk import imported
from harness.talk.interjections import Interjection
from harness.talk.puppets import Puppet
from harness.talk.transcript import SILENCE
from harness.text import UserError
from tools import Message


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
    tool_schemas: tuple[Message, ...] = ()  # a resumed log's own; () = tools.py's
    on_exit: str = plain("refuse")
    interject: tuple[Interjection, ...] = ()
    puppets: tuple[Puppet, ...] = ()
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

    @property
    def everybody(self) -> tuple[Seat, ...]:
        """Both seats, and the puppets' actors."""
        return self.a, self.b, *(puppet.actor for puppet in self.puppets)

    def to_config(self) -> Json:
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

    def schemas(self) -> list[Message]:
        """The tools as LiteLLM takes them: as the log has them, where it has them."""
        return list(self.tool_schemas) or tools.schemas(self.tools)

    @classmethod
    def from_config(cls, config: Json) -> "Settings":
        """The settings that a log's config holds, older schema included (where a setting did
        not exist yet, its default). Raises UserError when the models are not in it."""
        for name, kind in _kinds().items():
            if not isinstance(config.get(name), kind | None):
                raise UserError(f"the log's config is damaged: {name} is {config[name]!r:.40}")
        a, b = (_seat(config, letter) for letter in "AB")
        values = {name: config[name] for name in PLAIN if config.get(name) is not None}
        rules = tuple(Interjection.from_config(rule) for rule in config.get("interject") or ())
        names = tuple(str(name) for name in config.get("tools") or ())
        schemas = tuple(config.get("tool_schemas") or ())
        if not schemas and (unknown := [name for name in names if name not in tools.EXIT_TOOLS]):
            raise UserError(f"the log has a tool that this version does not know: {unknown[0]}")
        if "seed" in (lacking := imported.unknown(config)):
            values["seed"] = ""
        values |= {"tools": names, "tool_schemas": schemas, "interject": rules}
        values["puppets"] = tuple(map(Puppet.from_config, config.get("puppets") or ()))
        return cls(a, b, **values, unknown=lacking)


_APART = ("a", "b", "puppets", "unknown")  # settings that a config holds in another form
PLAIN = tuple(f.name for f in fields(Settings) if f.metadata)
LIMITS = tuple(f.name for f in fields(Settings) if f.metadata.get("limit"))


@functools.cache
def _kinds() -> dict[str, Any]:
    """What a log's config may hold, by name; where a setting did not exist yet it is None."""
    hints = get_type_hints(Settings)
    kinds = {name: hints[name] for name in PLAIN}
    kinds |= {name: kind | int for name, kind in kinds.items() if kind in (float, float | None)}
    kinds |= dict.fromkeys(("tools", "tool_schemas", "interject", "puppets"), list | tuple)
    of_seat = {"name": str, "model": str, "system": str, "api_base": str, "params": dict}
    return kinds | {f"{name}_{seat}": kind for seat in "ab" for name, kind in of_seat.items()}


def _seat(config: Json, letter: str) -> Seat:
    low = letter.lower()
    model = config.get(f"model_{low}")
    if not isinstance(model, str):
        raise UserError(f"the log's config does not name model_{low}")
    if odd := wrong(config.get(f"params_{low}") or {}):
        raise UserError(f"the log's config is damaged: params_{low}: {odd}")
    return Seat(
        letter,
        config.get(f"name_{low}") or model,
        model,
        config.get(f"system_{low}") or "",
        config.get(f"params_{low}") or {},
        config.get(f"api_base_{low}"),
    )
