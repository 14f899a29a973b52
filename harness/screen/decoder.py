"""What bytes from a terminal mean: characters, keys by name, pastes; everything else is dropped.

A terminal also answers questions and reports its mouse, at any moment and in pieces: none of that
may become text. And an Esc that is pressed looks like the beginning of it: it is a key of its own
once the line has been quiet for `QUIET` seconds.
"""

import codecs
import re

Key = str | tuple[str, str]

QUIET = 0.05  # seconds after which a lone Esc is itself

_SENT = {  # what a terminal sends for each key; with Ctrl, Alt or macOS's Option held for a word's
    "enter": ("\r", "\x1bOM"),
    "newline": ("\n", "\x1b\r", "\x1b\n", "\x1b[13;2u", "\x1b[13;3u"),
    "escape": ("\x1b[27u",),
    "up": ("\x10", "\x1b[A", "\x1bOA"),
    "down": ("\x0e", "\x1b[B", "\x1bOB"),
    "right": ("\x06", "\x1b[C", "\x1bOC"),
    "left": ("\x02", "\x1b[D", "\x1bOD"),
    "home": ("\x01", "\x1b[H", "\x1bOH", "\x1b[1~", "\x1b[7~"),
    "end": ("\x05", "\x1b[F", "\x1bOF", "\x1b[4~", "\x1b[8~"),
    "word right": ("\x1bf", "\x1bOc", "\x1b[1;5C", "\x1b[1;3C", "\x1b[1;9C", "\x1b[5C"),
    "word left": ("\x1bb", "\x1bOd", "\x1b[1;5D", "\x1b[1;3D", "\x1b[1;9D", "\x1b[5D"),
    "backspace": ("\x7f", "\b"),
    "delete": ("\x04", "\x1b[3~"),
    "word": ("\x17", "\x1b\x7f", "\x1b\b"),
    "word on": ("\x1bd",),
    "kill": ("\x0b",),
    "clear": ("\x15",),
    "yank": ("\x19",),
}
_NAMES = {sent: name for name, each in _SENT.items() for sent in each}

_CONTROL = re.compile(r"[^\t -~\xa0-\U0010ffff]")
_PASTE = re.compile(r"\x1b\[200~(.*?)\x1b\[201~", re.DOTALL)
_STRING = r"\x1b[\]PX^_][^\x07\x1b]*"  # answers about colours, versions, settings: to a terminator
_SEQUENCE = re.compile(
    rf"\x1b\[M.{{3}}|\x1b\[\[.|\x1b\[(?![M\[])[0-?]*[ -/]*[@-~]|\x1bO."
    rf"|{_STRING}(?:\x07|\x1b\\|(?=\x1b[^\\]))|\x1b\x1b?[^\[OP\]X^_\x1b]",
    re.DOTALL,
)
_UNFINISHED = re.compile(rf"\x1b(?:\[M.{{0,2}}|\[\[?|\[[0-?]*[ -/]*|O|\x1b)?|{_STRING}\x1b?", re.S)
# The rest of a sequence whose first byte or two came so much earlier that it was taken for a key.
_LATE = re.compile(
    r"\x1b(?:\[[0-?]|\[\[?[A-Z](?=\x1b|\Z)|\[M.{3}|O[A-Za-z](?=\x1b|\Z)|[\]P][0-9>!+].|_G)", re.S
)


class Decoder:
    """Bytes -> keys. What is incomplete is kept for the next bytes."""

    def __init__(self) -> None:
        self._utf8 = codecs.getincrementaldecoder("utf-8")("replace")
        self._text = self._late = ""
        self._stale = False

    @property
    def waits(self) -> bool:
        """Whether something is incomplete."""
        return bool(self._text)

    def feed(self, data: bytes) -> list[Key]:
        """The keys that are complete with these bytes."""
        text = self._utf8.decode(data)
        if self._stale and re.match(_STRING, self._text) and re.fullmatch(r"[^\x07\\]", text):
            self._text = ""  # a person types on: that answer was never finished
        if len(text) > 1 and _LATE.match(self._late + text):
            text = self._late + text  # one key press brings no two characters
        self._text, self._late, self._stale = self._text + text, "", False
        keys: list[Key] = []
        while self._text and (step := self._next()) is not None:
            if step:
                keys.append(step)
        return keys

    def rest(self) -> list[Key]:
        """Nothing more will come: what has come of a paste that is still going on."""
        begun, self._text = self._text.partition("\x1b[200~")[2], ""
        pasted = re.sub(r"\x1b(\[(20?1?)?)?\Z", "", begun)  # its end, half arrived
        return [_pasted(pasted)] if pasted else []

    def quiet(self) -> list[Key]:
        """Nothing has come for `QUIET` seconds: the keys that this completes."""
        if len(self._text) > 2:
            self._stale = True
            return []
        pressed, self._text = self._text, ""
        self._late = pressed
        return ["escape"] if pressed in ("\x1b", "\x1b\x1b") else []

    def _next(self) -> Key | None:
        """Take one key off the text: "" = nothing of ours, None = wait for more."""
        text = self._text
        if text.startswith("\x1b[200~"):
            if not (found := _PASTE.match(text)):
                return None
            self._text = text[found.end() :]
            return _pasted(found[1])
        if text[0] != "\x1b":
            self._text = text[1:]
            name = _NAMES.get(text[0], text[0])
            return "" if _CONTROL.fullmatch(name) else name
        found = _SEQUENCE.match(text)
        if found is None and _UNFINISHED.fullmatch(text):
            return None
        self._text = text[found.end() if found else 1 :]
        return _NAMES.get(found[0], "") if found else ""


def _pasted(text: str) -> Key:
    return ("paste", text.replace("\r\n", "\n").replace("\r", "\n"))
