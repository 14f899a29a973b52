"""Words that a person has prepared for a seat: `--interject WHEN:SEAT:TEXT`."""

import re
from dataclasses import dataclass
from typing import Any

from harness import prompts
from harness.talk.rules import TRIGGER, Rule, asked_for, check_kept, each
from harness.text import UserError

_RULE = re.compile(rf"({TRIGGER}):([ABab]):(.*)", re.DOTALL)
HOW = (
    "write WHEN:SEAT:TEXT or WHEN:SEAT:@FILE, where WHEN is a turn (12), every:10, or on:goodbye+4"
)


@dataclass(frozen=True)
class Interjection(Rule):
    """Words that are spoken as `seat`. `name` is the prompt file's, or what the user wrote."""

    words: str
    name: str

    @classmethod
    def from_config(cls, about: Any) -> "Interjection":
        """The rule that a log's config holds. Raises UserError where it is damaged."""
        fields = ("when", "seat", "words", "name")
        check_kept(about, "an interjection", fields)
        return cls(**{field: about[field] for field in fields})


def interjections(texts: list[str]) -> tuple[Interjection, ...]:
    """Parse `--interject` values: WHEN:SEAT:WORDS, several with commas between them.

    Raises UserError with a line for the user."""
    rules = []
    for given, found in each("--interject", texts, rf",(?={TRIGGER}:[ABab]:)", _RULE, HOW):
        when, seat, said = found.groups()
        spoken = prompts.words(said, "interjections")
        if not spoken.strip():
            raise UserError(f"{given}: there are no words to say")
        name = said.removeprefix("@")
        rules.append(Interjection(asked_for(when, given), seat.upper(), spoken, name))
    return tuple(rules)
