"""Chat messages, one side's view: OpenAI's roles, ShareGPT's, and those in Inspect's samples.

The assistant is the side whose view it is (`seat`), the user its partner. In A's view the first
user message is the seed; in B's it is A's first message."""

import json
from collections.abc import Iterator
from typing import Any

from harness.files import Json, object_of, objects_of, parse_object
from harness.report.importing.talk import Talk, Unreadable, sampling, words
from harness.talk.events import partner

ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "model": "assistant",
    "bing": "assistant",
    "bard": "assistant",
    "tool": "tool",
}

THOUGHT = ("reasoning_content", "reasoning", "thinking")  # fields, and kinds of parts


def messages(document: Json) -> bool:
    """A conversation with `messages`, or ShareGPT's `conversations`."""
    inner = document.get("messages", document.get("conversations"))
    return (
        isinstance(inner, list)
        and bool(inner)
        and all(isinstance(m, dict) for m in inner)
        and _role(inner[0]) is not None
    )


def message(document: Json) -> bool:
    """A line that is a message by itself."""
    return "role" in document and ("content" in document or "tool_calls" in document)


def read(document: Json, seat: str) -> Iterator[Talk]:
    """The conversation of one document."""
    inner = document["messages" if "messages" in document else "conversations"]
    yield conversation(inner, seat, document)


def conversation(said: list[Json], seat: str, about: Json) -> Talk:
    """The conversation that these messages are, seen from `seat`."""
    low, model = seat.lower(), about.get("model")
    talk = Talk(
        **{
            f"model_{low}": model if isinstance(model, str) else None,
            f"params_{low}": sampling(about),
        }
    )
    _tools(talk, about.get("tools"))
    systems, turn = [], _Turn(talk, seat)
    for number, one in enumerate(said):
        role, text = _role(one), words(one.get("content", one.get("value")))
        for kind in _no_text(one):
            talk.leave_out(f"message {number}: a part that is no text ({kind})")
        if role == "system" and not talk.events and not turn.own:
            systems.append(text)
        elif role == "user":
            turn.close()
            if seat == "A" and not talk.events and "seed" not in talk.about:
                talk.about["seed"] = text
            else:
                talk.say(partner(seat), text)
        elif role == "assistant" or (role == "tool" and turn.attempts):
            turn.add(role, text, one)
        else:  # also a tool's answer to no call
            talk.leave_out(f"message {number}, by {one.get('role', one.get('from'))}")
    turn.close()
    if systems:
        talk.about[f"system_{low}"] = "\n\n".join(systems)
    return talk


class _Turn:
    """One side's message in the making, with its rounds of tool calls."""

    def __init__(self, talk: Talk, seat: str):
        self.talk, self.seat = talk, seat
        self.own: list[Json] = []
        self.attempts: list[Json] = []
        self.thoughts: list[str] = []
        self.refusal = ""

    def add(self, role: str, text: str, one: Json) -> None:
        """Take in an assistant's or a tool's message."""
        if role == "tool":
            self.own.append(
                {"role": "tool", "content": text, "tool_call_id": str(one.get("tool_call_id"))}
            )
            return
        if self.own and self.own[-1]["role"] == "assistant":
            self.close()  # two messages in a row, and no tool between them
        self.thoughts += _thoughts(one)
        refusal = one.get("refusal")
        if isinstance(refusal, str) and refusal:  # OpenAI's, in a field of their own
            self.refusal, text = refusal, text or refusal
        calls = [_call(call) for call in one.get("tool_calls") or []]
        for call in calls:
            about = call["function"]
            self.attempts.append(
                {
                    "tool": about["name"],
                    "arguments": about["arguments"],
                    "reason": _reason(about["arguments"]),
                    "outcome": "not recorded",
                }
            )
        self.own.append(
            {"role": "assistant", "content": text or (None if calls else "")}
            | ({"tool_calls": calls} if calls else {})
        )
        if not calls:
            self.close()

    def close(self) -> None:
        """The message is over: into the conversation with it."""
        if not self.own:
            return
        texts = [m["content"] for m in self.own if m["role"] == "assistant" and m["content"]]
        kept: Json = {"messages": self.own, "tool_attempts": self.attempts} if self.attempts else {}
        kept |= {"thinking": "\n\n".join(self.thoughts)} if self.thoughts else {}
        kept |= {"refusal": self.refusal} if self.refusal else {}
        self.talk.say(self.seat, "\n\n".join(texts), **kept)
        self.own, self.attempts, self.thoughts, self.refusal = [], [], [], ""


def _role(one: Json) -> str | None:
    return ROLES.get(str(one.get("role", one.get("from"))).lower())


def _no_text(one: Json) -> list[str]:
    """The kinds of those parts of a message that are neither words nor thoughts."""
    parts = objects_of(one.get("content"))
    kinds = [str(part.get("type")) for part in parts if not isinstance(part.get("text"), str)]
    return [kind for kind in kinds if kind not in THOUGHT]


def _thoughts(one: Json) -> list[str]:
    """What the model thought, in the fields and the parts that hold it."""
    parts = [part for part in objects_of(one.get("content")) if part.get("type") in THOUGHT]
    found = (part.get(name) for part in (one, *parts) for name in THOUGHT)
    return [thought for thought in found if isinstance(thought, str) and thought]


def _call(call: Any) -> Json:
    """A tool call in OpenAI's form, from that or from Inspect's."""
    about = object_of(call).get("function")
    if isinstance(about, str):
        about = {"name": about, "arguments": call.get("arguments")}
    if not isinstance(about, dict):
        raise Unreadable("a tool call names no function")
    arguments = about.get("arguments")
    if not isinstance(arguments, str):
        arguments = json.dumps(arguments or {})
    return {
        "id": str(call.get("id")),
        "type": "function",
        "function": {"name": str(about.get("name")), "arguments": arguments},
    }


def _reason(arguments: str) -> str:
    return str((parse_object(arguments) or {}).get("reason", ""))


def _tools(talk: Talk, schemas: Any) -> None:
    """The tools, where the file has their schemas in OpenAI's form."""
    if isinstance(schemas, list) and all(
        isinstance(s, dict) and isinstance(s.get("function"), dict) for s in schemas
    ):
        talk.about["tool_schemas"] = schemas
        talk.about["tools"] = [str(schema["function"].get("name")) for schema in schemas]
