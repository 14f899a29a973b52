"""What a log says of the program that wrote it."""

import functools
import platform
import subprocess
from pathlib import Path
from typing import Any, cast

from harness import VERSION
from harness.files import Json, object_of
from harness.models import engine
from harness.talk.events import Config, Resumed
from harness.talk.log import SCHEMA
from harness.talk.settings import Settings
from harness.talk.transcript import ANOTHER, Transcript
from harness.text import UserError


def opening(run_id: str, settings: Settings, **more: Any) -> Config:
    """The event that opens a log."""
    return cast(Config, {"type": "config", **_about(run_id), **more, **settings.to_config()})


def resumption(run_id: str, settings: Settings) -> Resumed:
    """The event with which a log goes on."""
    about = {"type": "resumed", **_about(run_id), "settings": settings.to_config()}
    return cast(Resumed, about)


def must_be_whole(log: Transcript, messages: int) -> None:
    """Raise UserError for a log that holds more than one conversation, and for a branch that was
    cut off while it was made: `messages` of its parent's are in it."""
    if ANOTHER in dict(log.skipped).values():
        raise UserError(
            f"{log.path}: it holds more than one conversation: give each a file of its own"
        )
    parent = object_of(log.config.get("parent"))
    shared = log.config.get("shared")
    if isinstance(shared, int) and messages < shared:
        raise UserError(
            f"{log.path}: it was cut off while it branched from {parent.get('log')}, with "
            f"{messages} of {shared} messages: branch again with --at {parent.get('turn')}"
        )


def _about(run_id: str) -> Json:
    return {
        "schema": SCHEMA,
        "run_id": run_id,
        "versions": {
            "attractor": VERSION,
            "litellm": engine.version(),
            "python": platform.python_version(),
        },
        "git": _git_revision(),
    }


@functools.cache
def _git_revision() -> str | None:
    """The commit of this harness, with a mark when its files differ from it; None where it was
    installed, also when that is inside somebody else's repository."""
    folder = Path(__file__).parents[2]
    if not (folder / ".git").exists():
        return None
    command = ["git", "-C", str(folder), "describe", "--always", "--dirty"]
    try:
        found = subprocess.run(command, capture_output=True, text=True, timeout=5)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return found.stdout.strip() or None
