"""What an imported log does not know, and why it can't simply go on."""

from harness.files import Json, object_of
from harness.talk.transcript import UNKNOWN
from harness.text import UserError

TOLD = {
    "system_a": "A's system prompt",
    "system_b": "B's system prompt",
    "seed": "the seed",
    "tools": "the tools",
}


def unknown(config: Json) -> tuple[str, ...]:
    """Which of the settings that reach a model an imported log's config does not have."""
    return tuple(name for name in TOLD if "imported" in config and config.get(name) is None)


def refuse(config: Json, at: int | None, options: Json) -> None:
    """Raises UserError where a log was imported and what was asked for can't be done with it:
    going on (at is None), or a branch before turn `at` with these options."""
    origin = config.get("imported")
    if origin is None:
        return
    name = object_of(origin).get("file", "elsewhere")
    lacking = [TOLD[setting] for setting in unknown(config) if setting != "tools"]
    if lacking:
        raise UserError(
            f"imported from {name}, which does not tell {', '.join(lacking)}: nobody knows "
            "what the models had read, so it can't be gone on with or branched from"
        )
    if left := object_of(origin).get("left_out"):
        raise UserError(
            f"imported from {name} without {left[0]}: what its models had read can't "
            "be rebuilt, so it can't be gone on with or branched from"
        )
    if at is None:
        raise UserError(
            f"imported from {name}: it is the record of another program's run; "
            "branch it off with --at TURN"
        )
    for seat in "ab":
        if config.get(f"model_{seat}") == UNKNOWN and not {f"model_{seat}", "model"} & set(options):
            raise UserError(
                f"imported from {name}, which does not tell who held seat "
                f"{seat.upper()}: say it with -{seat}"
            )
