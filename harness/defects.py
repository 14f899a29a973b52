"""Defects of ours: said as such in one line, with all that mending them needs in a file."""

import tempfile
import traceback
from pathlib import Path

from harness.models import secrets

DEFECT = 70  # exit code


def told(error: Exception) -> str:
    """One line that names the defect, without secrets, and the file that holds its traceback."""
    said = secrets.scrub(f"{type(error).__name__}: {error}")
    return f"a defect of attractor: {said}; its traceback is in {_keep(error)}"


def _keep(error: Exception) -> Path:
    text = secrets.scrub("".join(traceback.format_exception(error)))
    with tempfile.NamedTemporaryFile(
        "w", prefix="attractor-defect-", suffix=".txt", delete=False, encoding="utf-8"
    ) as file:
        file.write(text)
    return Path(file.name)
