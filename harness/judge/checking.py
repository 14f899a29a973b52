"""What of a judge's answer holds up: labels whose places are right, and whose words stand there."""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from harness.files import Json
from harness.judge.answers import json_object
from harness.judge.labels import CONFIDENCE, END_FIELDS, LabelledSpan, ends_of
from harness.states.names import FORMS, STATES, THEMES
from harness.talk.events import Turn
from harness.text import flat


@dataclass
class Answer:
    """A window's labels that passed the check, and what did not. Without `ends`, the theme and
    the form at its end, it is unusable."""

    spans: list[LabelledSpan] = field(default_factory=list)
    ends: tuple[str | None, str | None] | None = None
    problems: list[str] = field(default_factory=list)
    dropped: int = 0
    text: str = ""

    @property
    def usable(self) -> bool:
        return self.ends is not None

    @property
    def kept(self) -> int:
        return len(self.spans)


def check(text: str, messages: list[Turn], first: int, last: int) -> Answer:
    """Take an answer apart: the labels that hold up, and what is wrong with the others."""
    data = json_object(text, _wanted)
    if data is None:
        return Answer(
            problems=["it was not a JSON object with spans, terminal_theme and terminal_form"],
            text=text,
        )
    spans: list[LabelledSpan] = []
    wrong = []
    told = data["spans"]
    for number, span in enumerate(told if isinstance(told, list) else [told]):
        if problem := fault(span, messages, first, last):
            wrong.append(f"span {number}: {problem}")
        else:
            spans.append(
                {
                    "state": span["state"],
                    "from_message": span["from_message"],
                    "to_message": span["to_message"],
                    "evidence": span["quote"],
                    "evidence_message": span["quote_message"],
                    "confidence": span["confidence"],
                }
            )
    end = _end_fault(data)
    problems = [*wrong, end] if end else wrong
    return Answer(spans, None if end else ends_of(data), problems, len(wrong), text)


def _end_fault(data: Json) -> str | None:
    """What is wrong with what an answer says of the end, or None."""
    if "terminal_state" in data:
        known = data["terminal_state"] in (*STATES, "none")
        return None if known else f"terminal_state must be none or one of {', '.join(STATES)}"
    for kind, names in (("theme", THEMES), ("form", FORMS)):
        if data[f"terminal_{kind}"] not in (*names, "none"):
            return f"terminal_{kind} must be none or one of {', '.join(names)}"
    return None


def _wanted(data: Json) -> bool:
    """Whether a JSON object is the one with the labels."""
    return "spans" in data and ("terminal_state" in data or {*END_FIELDS} <= {*data})


def fault(span: Any, messages: list[Turn], first: int, last: int) -> str | None:
    """What is wrong with a span, or None."""
    if not isinstance(span, dict):
        return "it is no object"
    if span.get("state") not in STATES:
        return f"state must be one of {', '.join(STATES)}"
    if span.get("confidence") not in CONFIDENCE:
        return f"confidence must be one of {', '.join(CONFIDENCE)}"
    return misplaced(span, messages, first, last)


def misplaced(one: Json, messages: list[Turn], first: int, last: int) -> str | None:
    """What is wrong with the messages that a judge names and the words that it quotes, or None."""
    names = ("from_message", "quote_message", "to_message")
    numbers = [number for name in names if type(number := one.get(name)) is int]
    if len(numbers) < len(names):
        return "from_message, to_message and quote_message must be whole numbers"
    if [first, *numbers, last] != sorted([first, *numbers, last]):
        return (
            "from_message, quote_message and to_message must be in this order and within "
            f"{first} to {last}"
        )
    if not occurs(one.get("quote"), messages[one["quote_message"]]["response"]):
        return f"the quote does not stand in message {one['quote_message']} word for word"
    return None


def occurs(quote: Any, text: str) -> bool:
    """Whether a quote stands in a text, whatever the white space; an empty one only where there
    are no words to quote."""
    if not isinstance(quote, str):
        return False
    words, within = flat(quote), flat(text)
    return words in within if words else not any(map(str.isalnum, within))


def joined(spans: Iterable[LabelledSpan]) -> list[LabelledSpan]:
    """Spans of several windows, those of one state joined where they touch or overlap."""
    found: dict[str, list[LabelledSpan]] = {}
    for span in sorted(spans, key=lambda span: span["from_message"]):
        earlier = found.setdefault(span["state"], [])
        if earlier and span["from_message"] <= earlier[-1]["to_message"] + 1:
            last = earlier[-1]
            last["to_message"] = max(last["to_message"], span["to_message"])
            last["confidence"] = max(last["confidence"], span["confidence"], key=CONFIDENCE.index)
        else:
            earlier.append(span.copy())
    return sorted(itertools.chain(*found.values()), key=lambda span: span["from_message"])
