"""The line editor: a message being typed, changed by keys."""

import re
from collections.abc import Sequence

from harness.screen.decoder import Key


class Editor:
    """`text` with the cursor before character `at`. `said` are the messages that Up goes back to.

    "enter" sets `done`; so does "escape" where the editor `can_cancel`, with `cancelled`."""

    def __init__(self, said: Sequence[str] = (), can_cancel: bool = False) -> None:
        self.text, self.at, self.done, self.cancelled = "", 0, False, False
        self._versions = [*said, ""]  # what was said before, and last what is being typed
        self._version, self._can_cancel, self._cut_text = len(said), can_cancel, ""

    def feed(self, key: Key) -> None:
        """Apply one key."""
        if isinstance(key, tuple):
            self._insert(key[1])
        elif len(key) == 1:
            self._insert(key)
        elif key in ("newline", "yank"):
            self._insert("\n" if key == "newline" else self._cut_text)
        elif key == "enter":
            self.done = True
        elif key == "escape":
            self.done = self.cancelled = self._can_cancel
        elif key in ("up", "down"):
            self._go_line(-1 if key == "up" else 1)
        elif key in ("backspace", "delete", "kill", "clear", "word", "word on"):
            self._cut(key)
        else:
            self.at = self._moved(key)

    def _insert(self, text: str) -> None:
        self.text = self.text[: self.at] + text + self.text[self.at :]
        self.at += len(text)

    def _moved(self, key: str) -> int:
        """Where the cursor is after a key that moves it within a line, or by a word."""
        before, after = self.text[: self.at], self.text[self.at :]
        return {
            "left": max(0, self.at - 1),
            "right": min(len(self.text), self.at + 1),
            "home": before.rfind("\n") + 1,
            "end": self.at + len(after.partition("\n")[0]),
            "word left": len(re.sub(r"\w+\W*$|\W+$", "", before)),
            "word right": len(self.text) - len(re.sub(r"^\W*\w+|^\W+", "", after)),
        }[key]

    def _cut(self, key: str) -> None:
        start, end = {
            "backspace": (max(0, self.at - 1), self.at),
            "delete": (self.at, self.at + 1),
            "kill": (self.at, max(self._moved("end"), self.at + 1)),  # at a line's end: the end
            "clear": (min(self._moved("home"), max(0, self.at - 1)), self.at),
            "word": (len(re.sub(r"\S*\s*$", "", self.text[: self.at])), self.at),
            "word on": (self.at, self._moved("word right")),
        }[key]
        if key not in ("backspace", "delete"):
            self._cut_text = self.text[start:end] or self._cut_text
        self.text, self.at = self.text[:start] + self.text[end:], start

    def _go_line(self, step: int) -> None:
        """One line up or down; beyond the first and the last, what was said before or since."""
        lines, row = self.text.split("\n"), self.text[: self.at].count("\n")
        column = self.at - self._moved("home")
        if 0 <= row + step < len(lines):
            above = sum(len(line) + 1 for line in lines[: row + step])
            self.at = above + min(column, len(lines[row + step]))
        elif 0 <= self._version + step < len(self._versions):
            self._versions[self._version] = self.text
            self._version += step
            self.text = self._versions[self._version]
            self.at = len(self.text)
