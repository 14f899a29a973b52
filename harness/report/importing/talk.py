"""One conversation from elsewhere, as the events of a log. What is not known is not written."""

from collections.abc import Iterable
from typing import Any

from harness.files import Json
from harness.talk.transcript import UNKNOWN
from harness.text import sendable


class Unreadable(Exception):
    """A conversation that no log could hold; the text says why, in a few words."""


class Talk:
    """What a file says of one conversation: `about` are fields of a log's config, `events` what
    was said. `left_out` names what a log has no place for."""

    def __init__(self, **about: Any):
        self.about = {name: value for name, value in about.items() if value is not None}
        self.events: list[Json] = []
        self.left_out: list[str] = []

    def say(self, seat: str, text: str, **more: Any) -> None:
        """One message: A's begins a turn, B's belongs to the same one. `more` are fields of a
        turn; what is None is not known."""
        last = self.events[-1] if self.events else None
        begins = last is None or seat == "A" or last["label"][-1] == "B"
        turn = (last["turn"] if last else -1) + begins
        flags = ["empty"] * (not text.strip())
        flags += ["truncated"] * (more.get("finish_reason") == "length")
        flags += ["refused"] * bool(more.get("refusal"))
        event = {
            "type": "turn",
            "turn": turn,
            "label": f"Model {seat}",
            "model": self.about.get(f"model_{seat.lower()}", UNKNOWN),
            "response": text,
            "tool_attempts": [],
            "interjected": False,
            "source": "model",
            "flags": flags,
        }
        received = more.pop("sent", None)
        if received is None and text.strip():
            received = sendable(text)
        if received is not None and received != text:
            event["sent"] = received
        self.events.append(event | {k: v for k, v in more.items() if v is not None})

    def leave_out(self, what: str) -> None:
        """Something that a log has no place for."""
        self.left_out.append(what)

    def end(self, reason: str, **more: Any) -> None:
        """How it ended, in the log's words where it has some."""
        self.events.append({"type": "end", "reason": reason, **more})

    def fault(self) -> str | None:
        """Why this is no conversation of two, or None."""
        speaking = [event["label"] for event in self.events if event["type"] == "turn"]
        if not speaking:
            return "it has no messages"
        if len(speaking) > 2 and len(set(speaking)) == 1:
            return "one side alone speaks"
        return None


def words(content: Any) -> str:
    """The text of a message whose content is a string, nothing, or a list of blocks."""
    if isinstance(content, str) or content is None:
        return content or ""
    if isinstance(content, list) and all(isinstance(block, dict | str) for block in content):
        texts = (b if isinstance(b, str) else b.get("text") for b in content)
        return "".join(text for text in texts if isinstance(text, str))
    raise Unreadable(f"a message is no text but {type(content).__name__}")


def seats(names: Iterable[Any]) -> dict[Any, str]:
    """Which speaker holds which seat: as the names say, else the first to speak is A.

    Raises Unreadable where there are more than two."""
    found = list(dict.fromkeys(names))
    if len(found) > 2:
        raise Unreadable(f"more than two speak: {', '.join(map(str, found[:4]))}")
    ends = [str(name).upper()[-1:] for name in found]
    if ends and set(ends) <= {"A", "B"} and len(set(ends)) == len(ends) and _lettered(found):
        return dict(zip(found, ends, strict=True))
    return dict(zip(found, "AB", strict=False))


def _lettered(names: list[Any]) -> bool:
    """Whether the names are letters of seats: `A`, `agent_a`, `Model B`; not `Ada`."""
    return all(len(str(n)) == 1 or not str(n)[-2].isalnum() for n in names)


def both(**about: Any) -> Json:
    """The same for both seats: both(model="x") is model_a and model_b."""
    return {f"{name}_{seat}": value for name, value in about.items() for seat in "ab"}


def sampling(about: Json) -> Json | None:
    """The parameters of sampling that a file names, in LiteLLM's words; None where it has none."""
    known = {
        "temperature": "temperature",
        "top_p": "top_p",
        "top_k": "top_k",
        "max_tokens": "max_tokens",
        "max_new_tokens": "max_tokens",
    }
    found = {
        ours: about[name]
        for name, ours in known.items()
        if isinstance(about.get(name), int | float)
    }
    return found or None
