"""Make docs/help.md again, from what each verb says of itself.

python scripts/help.py
"""

import contextlib
import io
import os
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))
sys.argv[0] = str(ROOT / "attractor.py")  # that is how the pages call it

from harness import cli

PAGE = ROOT / "docs" / "help.md"
WIDTH = "100"


def page() -> str:
    """The page as it should be."""
    os.environ["COLUMNS"] = WIDTH
    parts = [
        "# Help\n\n*What `python attractor.py VERB --help` prints; `python scripts/help.py` "
        "makes this page.*\n"
    ]
    for verb in cli.VERBS:
        out = io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
            cli.main([verb, "--help"])
        parts.append(f"## {verb}\n\n```text\n{out.getvalue().rstrip()}\n```\n")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE.relative_to(ROOT))
