"""Logs as a user names them: the argument that takes them, which they are, what is in one."""

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path

from harness import files
from harness.talk import transcript
from harness.talk.history import History
from harness.talk.settings import Settings
from harness.talk.transcript import Transcript
from harness.text import UserError
from tools import Message


def add_logs(parser: argparse.ArgumentParser) -> None:
    """Let a verb take logs, and folders of them."""
    about = "logs; of a folder all *.jsonl"
    parser.add_argument("logs", nargs="+", type=Path, metavar="LOG|FOLDER", help=about)


def logs_in(paths: Iterable[Path]) -> list[Path]:
    """The logs that were named, and those in folders that were. Raises UserError."""
    return files.named(paths, "*.jsonl", lambda path: path.name != "labels.jsonl")


def load(path: Path, reader: Callable[[Path], Transcript] = transcript.read) -> Transcript:
    """The transcript at `path`. Raises UserError with a line for the user."""
    try:
        read = reader(path)
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from None
    if next(iter(read.events), None) is None:
        raise UserError(f"{path} holds no events: is it a log of a conversation?")
    return read


def view(read: Transcript, settings: Settings, letter: str) -> list[Message]:
    """Everything that one seat saw and said, as OpenAI messages."""
    seat = settings.seat(letter)
    history = History(letter, seat.system, settings.seed, seat.model, settings.tools)
    for message in read.messages:
        history.add(message, settings.empty_as)
    return history.sent()
