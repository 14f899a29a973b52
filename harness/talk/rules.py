"""When somebody else speaks in a seat's place: the moments that --interject and --puppet name."""

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from harness.states.names import SHORT
from harness.text import UserError

TRIGGER = r"(?:[0-9]{1,9}|every:[0-9]{1,9}|on:[A-Za-z_]+(?:[+:][0-9]{1,6})?)"


@dataclass(frozen=True)
class Rule:
    """Something is said as `seat` when `when` comes: a turn number, `every:N`, or
    `on:STATE[+N]`."""

    when: str
    seat: str

    @property
    def state(self) -> str | None:
        """The state that an `on:` rule waits for."""
        return state_and_count(self.when[3:])[0] if self.when.startswith("on:") else None

    @property
    def after(self) -> int:
        """How many messages the state must have held; 0 for what waits for no state."""
        return state_and_count(self.when[3:])[1] if self.when.startswith("on:") else 0

    @property
    def first(self) -> int | None:
        """The first turn that this rule names; None for what waits for a state."""
        return None if self.state else int(self.when.removeprefix("every:"))

    def comes(self, turn: int) -> bool:
        """Whether a turn is one that this rule names."""
        if self.when.startswith("every:"):
            return turn > 0 and turn % int(self.when[6:]) == 0
        return self.when == str(turn)


def each(
    option: str, texts: list[str], between: str, shape: re.Pattern[str], how: str
) -> Iterator[tuple[str, re.Match[str]]]:
    """The rules that an option's values hold, with commas `between` them: the words for what was
    given, and its parts. Raises UserError, with `how` it is written."""
    for text in texts:
        for part in re.split(between, text):
            found = shape.fullmatch(part.strip())
            if not found:
                raise UserError(f"{option} {part!r}: {how}")
            yield f"{option} {part!r}", found


def check_kept(about: Any, kind: str, texts: tuple[str, ...]) -> None:
    """Refuse a rule that a log's config holds and that is damaged. Raises UserError."""
    damaged = "the log's config is damaged"
    if not isinstance(about, dict) or not all(isinstance(about.get(t), str) for t in texts):
        raise UserError(f"{damaged}: {kind} is not whole")
    if about["seat"] not in ("A", "B"):
        raise UserError(f"{damaged}: no seat is named {about['seat']!r:.40}")
    moment(about["when"], f"{damaged}: {kind.split()[1]}")


def moment(when: str, what: str) -> str:
    """WHEN as a log keeps it. Raises UserError, in which `what` stands first, where it can't
    come."""
    if not re.fullmatch(TRIGGER, when):
        raise UserError(
            f"{what}: {when!r:.40} is no moment: write a turn (12), every:10, or on:goodbye+4"
        )
    if re.fullmatch("every:0+", when):
        raise UserError(f"{what}: every:N needs an N of at least 1")
    if when.startswith("on:"):
        state_and_count(when[3:], what)
        when = "on:" + when[3:].replace(":", "+")
    return when


def asked_for(when: str, what: str) -> str:
    """As `moment`, of what a user asks for: a state that has held for no message is none."""
    refuse_zero(when, what)
    return moment(when, what)


def refuse_zero(text: str, what: str) -> None:
    """Raises UserError for STATE+0."""
    if found := re.fullmatch(r"(?:on:)?([A-Za-z_]+)[+:]0+", text):
        raise UserError(f"{what}: {found[1]}+N needs an N of at least 1")


def state_and_count(text: str, given: str = "") -> tuple[str, int]:
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
    return state, max(1, int(number or 0))
