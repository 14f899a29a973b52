"""What a model says, put together in the order in which it comes: words, thoughts, calls."""

import json
import re
from dataclasses import dataclass, field
from typing import Any

from harness.files import Json, parse_object
from harness.text import sendable, whole

Pieces = list[tuple[str, str]]  # ("text" | "thinking", what is to be shown)


@dataclass
class Part:
    """A stretch of a message. `kind` is text, thinking, redacted or call; `key` tells the parts
    of one kind apart, `signature` is the provider's, to be sent back with what it signs."""

    kind: str
    key: Any = None
    pieces: list[str] = field(default_factory=list)
    name: str = ""
    id: str = ""
    signature: str = ""
    extra: Json = field(default_factory=dict)  # what is sent back beside a call

    @property
    def whole(self) -> str:
        return whole("".join(self.pieces))

    def complete(self) -> bool:
        """Whether a call's arguments are a whole JSON object."""
        return parse_object("".join(self.pieces)) is not None


class Said:
    """One reply while it comes in: its parts, how it ended, and what the provider counted.

    `finish` is the provider's own word for the end, `ended` whether it said so, `refusal` why
    the provider (or the model) would not go on, `counted` its usage as it came, `failed` the
    error that it sent in place of an end, `thinks_aloud` whether the provider takes thoughts back
    as they are, without a signature."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self.finish: str | None = None
        self.ended = self.done = self.thinks_aloud = False
        self.refusal = ""
        self.counted: Json = {}
        self.failed: Any = None
        self.details: list[Json] = []  # OpenRouter's reasoning, signatures included
        self._tags = Tags()

    def text(self, piece: str, signature: str = "") -> Pieces:
        """Words, which may begin a new part where they are signed."""
        return self._add("text", piece, signature)

    def tagged(self, piece: str) -> Pieces:
        """Words of a model that may think aloud between <think> tags."""
        return self._take(self._tags.feed(piece))

    def flush(self) -> Pieces:
        """What was held back because it might have been the beginning of a tag."""
        return self._take(self._tags.flush())

    def _take(self, parts: Pieces) -> Pieces:
        pieces: Pieces = []
        for kind, words in parts:
            if kind == "reopened":  # all that was said so far was thought
                for part in self.parts:
                    part.kind = "thinking" if part.kind == "text" else part.kind
            else:
                pieces += self._add(kind, words)
        return pieces

    def think(self, piece: str, key: Any = None, signature: str = "") -> Pieces:
        return self._add("thinking", piece, signature, key)

    def end(self, finish: str) -> None:
        """The provider says that the message ends here, and how."""
        self.finish, self.ended = finish, True

    def end_in_calls(self) -> None:
        """Some providers say `stop` where they call tools."""
        if self.finish == "stop" and any(part.kind == "call" for part in self.parts):
            self.finish = "tool_calls"

    def refuse(self, why: str) -> None:
        """The provider will not go on; its first word for it stays."""
        self.refusal = self.refusal or why

    def decline(self, words: str) -> Pieces:
        """OpenAI's refusals come in a field of their own; they are what the model says."""
        self.refusal += words
        return self.text(words)

    def take_thoughts_back(self) -> None:
        """The provider takes thoughts back as they are, without a signature."""
        self.thinks_aloud = True

    def fail(self, error: Any) -> None:
        """An error came in place of the rest, if it is one."""
        self.failed = error or self.failed

    def count(self, usage: Json) -> None:
        """The usage so far, in place of what was counted before."""
        self.counted = usage

    def no_more(self) -> None:
        """Nothing comes after this."""
        self.done = True

    def _add(self, kind: str, piece: str, signature: str = "", key: Any = None) -> Pieces:
        if not piece and not signature:
            return []
        last = self.parts[-1] if self.parts else None
        if last is None or last.kind != kind or last.key != key or (last.signature and piece):
            last = Part(kind, key)
            self.parts.append(last)
        last.pieces.append(piece)
        last.signature = signature or last.signature
        return [(kind, piece)] if piece else []

    def redacted(self, data: str) -> None:
        self.parts.append(Part("redacted", pieces=[data]))

    def call(
        self,
        key: Any,
        id: str,
        name: str,
        arguments: Any,
        extra: Json | None = None,
        new: bool = False,
    ) -> None:
        """A piece of a tool call: of the one that it belongs to, or of a new one."""
        if arguments is not None and not isinstance(arguments, str):
            arguments = json.dumps(arguments, ensure_ascii=False)
        part = None if new else self._call_of(key, id, name)
        if part is None:
            part = Part("call", key)
            self.parts.append(part)
        part.id, part.name = part.id or id, part.name or name
        part.pieces += [arguments] if arguments else []
        part.extra |= extra or {}

    def _call_of(self, key: Any, id: str, name: str) -> Part | None:
        """The call that a piece goes on with. Some servers give each of several calls the same
        index, or none; others repeat id and name with every piece."""
        calls = [part for part in self.parts if part.kind == "call"]
        if id and (known := [p for p in calls if p.id == id and (key is None or p.key == key)]):
            return known[-1]
        near = [part for part in calls if key is None or part.key == key]
        if not near or (id and near[-1].id and name):
            return None
        return None if name and near[-1].name and near[-1].complete() else near[-1]


class Tags:
    """Takes thoughts out of text that holds them between <think> tags: at its beginning, in any
    pieces, also where the opening tag stands in the prompt's template and only </think> comes."""

    OPEN = re.compile(r"\s*<(think|thinking|reasoning)>", re.I)
    CLOSE = re.compile(r"</(think|thinking|reasoning)>\s*", re.I)
    NAMES = ("<think>", "<thinking>", "<reasoning>", "</think>", "</thinking>", "</reasoning>")

    def __init__(self) -> None:
        self._held, self._state, self._said = "", "start", ""

    def feed(self, piece: str) -> Pieces:
        """The parts of a piece as ("text" | "thinking" | "reopened", words)."""
        self._held += piece
        out: Pieces = []
        while self._step(out):
            pass
        return out

    def _step(self, out: Pieces) -> bool:
        """Take one stretch off what is held; whether there may be more."""
        if self._state == "start":
            return self._start()
        if self._state == "thinking":
            return self._cut(out, "thinking")
        if self._state == "after":  # blank lines between thoughts and words belong to neither
            self._held = self._held.lstrip()
            self._state = "closed" if self._held else "after"
            return bool(self._held)
        if self._state == "text":
            return self._cut(out, "text")
        out += [("text", self._held)] if self._held else []
        self._held = ""
        return False

    def _start(self) -> bool:
        if found := self.OPEN.match(self._held):
            self._held, self._state = self._held[found.end() :].lstrip(), "thinking"
            return True
        begun = self._held.lstrip().lower()
        if not begun or any(name.startswith(begun) for name in self.NAMES[:3]):
            return False
        self._state = "text"
        return True

    def _cut(self, out: Pieces, kind: str) -> bool:
        """Give out what is held up to a closing tag, or to what may be the beginning of one."""
        found = self.CLOSE.search(self._held)
        spoken_of = found and kind == "text" and self._spoken_of(found)
        if found and not spoken_of and (kind == "thinking" or not self._hangs(found)):
            before, self._held = self._held[: found.start()], self._held[found.end() :]
            out += [(kind, before)] if before else []
            out += [("reopened", "")] if kind == "text" else []
            self._state = "after"
            return True
        end = len(self._held)
        if found:
            end = found.end() if spoken_of else found.start()
        if not found and (start := self._held.rfind("<")) >= 0:
            tail = self._held[start:].lower()
            end = start if any(name.startswith(tail) for name in self.NAMES[3:]) else end
        given, self._held = self._held[:end], self._held[end:]
        out += [(kind, given)] if given else []
        self._said = (self._said + given)[-80:]
        return bool(spoken_of)

    def _spoken_of(self, tag: re.Match[str]) -> bool:
        """Whether this tag is one that the text speaks about: quoted, or within a sentence."""
        before = (self._said + self._held[: tag.start()])[-80:]
        quoted = re.search(r"[`'\"“‘]$|`[^`\n]*$", before) or "<think" in before.lower()
        goes_on = re.match(r"</\w+>( [a-z—–(-]|[-.,;:)])", self._held[tag.start() :])
        return bool(quoted or (goes_on and re.search(r"\w $", before)))

    def _hangs(self, tag: re.Match[str]) -> bool:
        """Whether it is still to be seen if a sentence goes on behind this tag."""
        return tag.end() == len(self._held) and "\n" not in tag[0]

    def flush(self) -> Pieces:
        """What is still held at the end of the message."""
        kind = "thinking" if self._state == "thinking" else "text"
        held, self._held = self._held, ""
        if kind == "text" and self.CLOSE.fullmatch(held):
            return [("reopened", "")]
        return [(kind, held)] if held and self._state != "after" else []


def thinking_blocks(parts: list[Part]) -> list[Json]:
    """Signed thoughts as they are sent back: one without its signature is refused."""
    return [_block(part) for part in parts if _signed(part)]


def in_order(parts: list[Part]) -> list[Json] | None:
    """Thoughts and words as blocks in the order in which they came, where it is another order
    than thoughts first and words then (None: it is that)."""
    kept = [part for part in parts if _signed(part) or (part.kind == "text" and part.whole.strip())]
    kinds = [part.kind == "text" for part in kept]
    return None if kinds == sorted(kinds) else [_block(part) for part in kept]


def _signed(part: Part) -> bool:
    return part.kind == "redacted" or (part.kind == "thinking" and bool(part.signature))


def _block(part: Part) -> Json:
    if part.kind == "redacted":
        return {"type": "redacted_thinking", "data": part.whole}
    if part.kind == "text":
        return {"type": "text", "text": sendable(part.whole)}
    return {"type": "thinking", "thinking": sendable(part.whole), "signature": part.signature}
