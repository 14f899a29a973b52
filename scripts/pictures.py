"""Make the README's pictures again, from demo runs: console.svg, report.png, recurrence.png.

python scripts/pictures.py          needs Debian's chromium for the two .png files
"""

import contextlib
import io
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path.insert(0, str(ROOT))

from harness import cli

PICTURES = ROOT / ".github" / "pictures"
PAIRS = ["goodbye standoff", "bliss bliss", "silence escape", "collapse goodbye"]


def program(*words: object) -> str:
    """Run the program; what it printed, which must have gone well."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        assert cli.main([str(word) for word in words]) == 0
    return out.getvalue().strip()


def talk(folder: Path, a: str, b: str, seed: int, *more: object) -> Path:
    """One demo run; its log."""
    who = ("-a", f"demo/{a}", "-b", f"demo/{b}", "--rng-seed", seed)
    return Path(program(*who, "--quiet", "--log-dir", folder, *more))


def screenshot(page: str, picture: Path, size: str) -> None:
    """A page of the report as a picture."""
    with tempfile.TemporaryDirectory() as profile:
        flags = "headless no-sandbox disable-gpu hide-scrollbars disable-background-networking"
        words = [*flags.split(), f"user-data-dir={profile}", f"window-size={size}"]
        command = ["chromium", *(f"--{word}" for word in (*words, f"screenshot={picture}")), page]
        subprocess.run(command, check=True, capture_output=True, timeout=120)


def main() -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.chdir(folder)
        short = talk(Path("logs"), "standoff", "collapse", 17, "--max-turns", 8)
        program("export", short, "--format", "svg", "-o", PICTURES / "console.svg")
        for pair in PAIRS:
            for seed in range(6):
                more = ("--system", "firm", "--interject", "12:A:@nudge")
                talk(Path("runs"), *pair.split(), seed, "--max-turns", 20, *more)
        report = folder / "report.html"
        program("report", "runs", "--html", report)
        if shutil.which("chromium"):
            screenshot(f"file://{report}", PICTURES / "report.png", "1440,1500")
            screenshot(f"file://{report}#run=0", PICTURES / "recurrence.png", "1100,900")
    print(*sorted(path.name for path in PICTURES.iterdir()))


if __name__ == "__main__":
    main()
