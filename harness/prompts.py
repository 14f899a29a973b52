"""Loading of prompts: a NAME in prompts/, an @FILE of one's own, or the TEXT itself."""

import re
from pathlib import Path

from harness import files
from harness.text import UserError

_INSTALLED = Path(__file__).with_name("prompts")  # where a wheel has them
FOLDER = _INSTALLED if _INSTALLED.is_dir() else Path(__file__).parent.parent / "prompts"
_PATH = re.compile(r"[\w./\\~:-]*[./\\][\w-]+", re.ASCII)  # my.txt, ../prompts/mine


def names(kind: str) -> list[str]:
    """The names of the prompts in prompts/KIND."""
    return sorted(path.stem for path in (FOLDER / kind).glob("*.txt"))


def load(text: str, kind: str) -> str:
    """The prompt that a user's NAME, @FILE, @NAME or TEXT stands for; `none` is no prompt.

    Raises UserError with a line for the user: an unreadable file, or a single word or a path,
    which are more often a slip in a name, or an @ forgotten, than a prompt."""
    if text == "none":
        return ""
    if text.startswith("@"):
        return _named(text[1:], kind) if text[1:] in names(kind) else _file(Path(text[1:]))
    if text in names(kind):
        return _named(text, kind)
    if re.fullmatch(r"[\w-]+", text) or _PATH.fullmatch(text):
        known = ", ".join([*names(kind), "none"])
        raise UserError(f"no {kind} prompt is named {text!r}; use {known}, @FILE or a sentence")
    return text


def words(text: str, kind: str = "") -> str:
    """The words that TEXT or @FILE stands for (with `kind` also @NAME). Raises UserError."""
    if not text.startswith("@"):
        return text
    if kind and text[1:] in names(kind):
        return _named(text[1:], kind)
    if kind and re.fullmatch(r"[\w-]+", text[1:]) and not Path(text[1:]).exists():
        known = ", ".join(names(kind))
        raise UserError(f"no file and no {kind} prompt named {text[1:]}; there are {known}")
    return _file(Path(text[1:]))


def _named(name: str, kind: str) -> str:
    return _file(FOLDER / kind / f"{name}.txt")


def _file(path: Path) -> str:
    try:
        text = files.read(path).decode("utf-8-sig")  # Windows puts a mark in front
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from None
    except ValueError:
        raise UserError(f"cannot read {path}: it is not UTF-8 text") from None
    return text.replace("\r\n", "\n").replace("\r", "\n").removesuffix("\n")
