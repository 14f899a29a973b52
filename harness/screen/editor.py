"""What keys mean: escape sequences decoded, and the line editor that they drive."""

import codecs
import re

Key = str | tuple[str, str]

_NAMES = {
    "\r": "enter", "\n": "enter", "\x7f": "backspace", "\b": "backspace", "\x01": "home",
    "\x05": "end", "\x02": "left", "\x06": "right", "\x04": "delete", "\x0b": "kill",
    "\x15": "clear", "\x17": "word", "\x1b[D": "left", "\x1b[C": "right", "\x1b[H": "home",
    "\x1b[F": "end", "\x1bOD": "left", "\x1bOC": "right", "\x1bOH": "home", "\x1bOF": "end",
    "\x1b[1~": "home", "\x1b[4~": "end", "\x1b[3~": "delete",
}  # fmt: skip

_PASTE = re.compile(r"\x1b\[200~(.*?)\x1b\[201~", re.DOTALL)

_SEQUENCE = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|O.|[^\[O])")

_UNFINISHED = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*|O)?")


class Decoder:
    """Bytes from a terminal -> keys. What is incomplete is kept for the next bytes."""

    def __init__(self) -> None:
        self._utf8 = codecs.getincrementaldecoder("utf-8")("replace")
        self._text = ""

    def feed(self, data: bytes) -> list[Key]:
        """The keys that are complete with these bytes."""
        self._text += self._utf8.decode(data)
        keys: list[Key] = []
        while self._text and (step := self._next()) is not None:
            if step:
                keys.append(step)
        return keys

    def _next(self) -> Key | None:
        """Take one key off the text: "" = nothing of ours, None = wait for more."""
        text = self._text
        if text.startswith("\x1b[200~"):
            if not (found := _PASTE.match(text)):
                return None
            self._text = text[found.end() :]
            return ("paste", found[1].replace("\r\n", "\n").replace("\r", "\n"))
        if text[0] != "\x1b":
            self._text = text[1:]
            name = _NAMES.get(text[0], text[0])
            return name if len(name) > 1 or name.isprintable() or name == "\t" else ""
        if _UNFINISHED.fullmatch(text):
            return None
        found = _SEQUENCE.match(text)
        self._text = text[found.end() if found else 1 :]
        return _NAMES.get(found[0], "") if found else ""


class Editor:
    """A message being typed: `text` with the cursor before character `at`."""

    def __init__(self) -> None:
        self.text, self.at, self.done = "", 0, False

    def feed(self, key: Key) -> None:
        """Apply one key; "enter" sets `done`."""
        if isinstance(key, tuple):
            self._insert(key[1])
        elif len(key) == 1:
            self._insert(key)
        elif key == "enter":
            self.done = True
        elif key in ("left", "right"):
            self.at = max(0, min(len(self.text), self.at + (1 if key == "right" else -1)))
        elif key in ("home", "end"):
            self.at = 0 if key == "home" else len(self.text)
        else:
            self._cut(key)

    def _insert(self, text: str) -> None:
        self.text = self.text[: self.at] + text + self.text[self.at :]
        self.at += len(text)

    def _cut(self, key: str) -> None:
        word = re.search(r"\S*\s*$", self.text[: self.at])
        start, end = {
            "backspace": (max(0, self.at - 1), self.at),
            "delete": (self.at, self.at + 1),
            "kill": (self.at, len(self.text)),
            "clear": (0, self.at),
            "word": (word.start() if word else 0, self.at),
        }[key]
        self.text, self.at = self.text[:start] + self.text[end:], start
