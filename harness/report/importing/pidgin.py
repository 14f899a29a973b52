"""pidgin's events.jsonl: an event a line, of one or several conversations."""

from collections.abc import Iterator
from typing import Any

from harness.files import Json
from harness.report.importing.talk import Talk, Unreadable, words

REASONS = {"max_turns_reached": "max_turns", "max_turns": "max_turns", "interrupted": "stopped"}


def events(documents: list[Json]) -> bool:
    """Lines with an `event_type` that belong to a conversation."""
    return any("event_type" in d and "conversation_id" in d for d in documents)


def read(documents: list[Json]) -> Iterator[Talk]:
    """One conversation for each conversation_id, in the order in which they begin."""
    grouped: dict[Any, list[Json]] = {}
    for event in documents:
        if "conversation_id" in event:
            grouped.setdefault(event["conversation_id"], []).append(event)
    for found in grouped.values():
        if any(event.get("event_type") == "MessageCompleteEvent" for event in found):
            yield _conversation(found)


def _conversation(found: list[Json]) -> Talk:
    start = next((e for e in found if e.get("event_type") == "ConversationStartEvent"), {})
    talk = Talk(
        seed=start.get("initial_prompt"),
        max_turns=start.get("max_turns"),
        timestamp=start.get("timestamp"),
    )
    for seat in "ab":
        if model := start.get(f"agent_{seat}_model"):
            talk.about[f"model_{seat}"] = model
        if (warmth := start.get(f"temperature_{seat}")) is not None:
            talk.about[f"params_{seat}"] = {"temperature": warmth}
    for event in found:
        kind = event.get("event_type")
        if kind == "SystemPromptEvent":
            seat = _seat(event).lower()
            before = talk.about.get(f"system_{seat}")
            prompt = words(event.get("prompt"))
            talk.about[f"system_{seat}"] = prompt if before is None else f"{before}\n\n{prompt}"
        elif kind == "MessageCompleteEvent":
            message = event.get("message")
            if not isinstance(message, dict):
                raise Unreadable("a MessageCompleteEvent holds no message")
            spent = event.get("duration_ms")
            talk.say(
                _seat(event),
                words(message.get("content")),
                usage=_usage(event),
                seconds=spent / 1000 if isinstance(spent, int | float) else None,
                timestamp=event.get("timestamp"),
            )
        elif kind == "ConversationEndEvent":
            reason = str(event.get("reason") or event.get("status") or "not recorded")
            talk.end(REASONS.get(reason, reason), timestamp=event.get("timestamp"))
        elif kind in ("ContextTruncationEvent", "ConversationBranchedEvent"):
            talk.leave_out(str(kind))
    return talk


def _seat(event: Json) -> str:
    who = str(event.get("agent_id"))
    if who not in ("agent_a", "agent_b"):
        raise Unreadable(f"{who} speaks, who is neither agent_a nor agent_b")
    return who[-1].upper()


def _usage(event: Json) -> dict[str, int] | None:
    """The counts, where both sides of them are told (a sum of both can't be taken apart)."""
    read, said = event.get("prompt_tokens"), event.get("completion_tokens")
    if type(read) is int and type(said) is int:
        return {"input": read, "output": said, "cache_read": 0, "cache_write": 0}
    return None
