"""What a line of a log may hold: checked once, where it is read, and trusted afterwards."""

from typing import Any

from harness.files import Json, list_of, objects_of
from harness.talk.events import TOKENS


def checked(event: Json) -> Json | str:
    """The event, or why it is none. A turn is usable when it says who spoke, when and what; the
    rest is mended or left out."""
    kind = event["type"]
    if kind == "slide" and not _slides(event):
        return "a slide without a seat or a message"
    if kind == "end":
        return _ended(event)
    if kind not in ("turn", "aborted"):
        return event
    if event.get("label") not in ("Model A", "Model B") or not _count(event.get("turn")):
        return f"{'a turn' if kind == 'turn' else 'an aborted message'} without a seat or number"
    if kind == "turn" and not isinstance(event.get("response"), str):
        return "a turn without words"
    attempts = objects_of(event.get("tool_attempts"))
    mended = {
        "usage": _usage(event.get("usage")),
        "cost_usd": event["cost_usd"] if _number(event.get("cost_usd")) else None,
        "seconds": event["seconds"] if _number(event.get("seconds")) else 0.0,
        "flags": [flag for flag in list_of(event.get("flags")) if isinstance(flag, str)],
        "messages": own if _own(own := list_of(event.get("messages"))) else [],
        "tool_attempts": [a | {"tool": str(a.get("tool", "?"))} for a in attempts],
    }
    if not isinstance(event.get("source", ""), str):
        mended["source"] = "live" if event.get("interjected") else "model"
    event |= mended
    for message in event["messages"]:  # the same words once more: let there be one copy of them
        if message.get("content") == event.get("response"):
            message["content"] = event["response"]
    return event


def _ended(event: Json) -> Json | str:
    """An end that says why it is one; totals that are not whole are left out."""
    if not isinstance(event.get("reason"), str):
        return "an end without a reason"
    texts = ("error", "message", "limit")
    odd = {name for name in texts if not isinstance(event.get(name, ""), str)}
    if "totals" in event and not _whole(event["totals"]):
        odd.add("totals")
    return {name: value for name, value in event.items() if name not in odd}


def _whole(totals: Any) -> bool:
    """Whether these are the totals of a conversation."""
    if not isinstance(totals, dict) or not isinstance(totals.get("tool_attempts"), dict):
        return False
    cost = totals.get("cost_usd", -1)
    return all(_count(totals.get(name)) for name in ("messages", *TOKENS)) and (
        cost is None or _number(cost)
    )


def _count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 10**12


def _number(value: Any) -> bool:
    return type(value) in (int, float) and 0 <= value < 10**12


def _usage(value: Any) -> dict[str, int]:
    """The four counts, or {} where nothing was counted."""
    if not isinstance(value, dict) or not any(_count(n) for n in value.values()):
        return {}
    return {name: value[name] if _count(value.get(name)) else 0 for name in TOKENS}


def _own(messages: list[Any]) -> bool:
    """Whether these are assistant and tool messages that can be sent back as they are."""
    for message in messages:
        if not isinstance(message, dict) or message.get("role") not in ("assistant", "tool"):
            return False
        if not isinstance(message.get("content", ""), str | list | None):
            return False
        calls = message.get("tool_calls") or []
        if not isinstance(calls, list) or not all(
            isinstance(call, dict)
            and isinstance(call.get("id"), str)
            and isinstance(call.get("function"), dict)
            for call in calls
        ):
            return False
    return True


def _slides(event: Json) -> bool:
    numbers = type(event.get("from_message")) is int and type(event.get("turn")) is int
    return numbers and event["from_message"] > 0 and event.get("label") in ("Model A", "Model B")
