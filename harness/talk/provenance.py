"""What a log says of the program that wrote it."""

import functools
import platform
import subprocess
from pathlib import Path
from typing import Any

from harness import VERSION
from harness.models import engine
from harness.talk.log import SCHEMA


def provenance(run_id: str) -> dict[str, Any]:
    """The fields of a log's opening event that tell what wrote it."""
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
