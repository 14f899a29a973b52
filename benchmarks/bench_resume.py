"""How much memory does it take to go on with a long log, beside the log's size? Run by hand:

    python benchmarks/bench_resume.py [--megabytes 117]

Makes up a log of two demo models with long messages, resumes it at its limit of turns (so that
nothing is asked), and prints the most memory that the program held, less what it holds for a log
of one turn, as a multiple of the log. The goal: at most 3.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from harness.talk.log import encode

PROGRAM = [sys.executable, str(ROOT / "attractor.py")]
WORDS = "the river of amber light moves under a winter sky, and nobody speaks again… " * 200


def main() -> None:
    """Print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--megabytes", type=int, default=117)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        run = [*PROGRAM, "-a", "demo/bliss", "-b", "demo/bliss", "--quiet", "--max-turns", "1"]
        small = Path(subprocess.run(run, capture_output=True, text=True).stdout.strip())
        big, turns = lengthened(small, args.megabytes << 20)
        least, most = memory(small, 1), memory(big, turns)
        size = big.stat().st_size / (1 << 20)
        print(
            f"log {size:.0f} MB, one turn {least:.0f} MB, resumed {most:.0f} MB: "
            f"{(most - least) / size:.2f} times the log"
        )


def lengthened(small: Path, size: int) -> tuple[Path, int]:
    """A log of about that many bytes, and its turns."""
    config, *turns = map(json.loads, small.read_text("utf-8").splitlines()[:3])
    big, turn = Path("big.jsonl"), 0
    with open(big, "wb") as file:
        file.write(encode(config))
        while file.tell() < size:
            for one in turns:
                words = f"{turn} {one['label']}: {WORDS}"
                said = {"response": words, "messages": [{"role": "assistant", "content": words}]}
                file.write(encode(one | {"turn": turn, "tool_attempts": []} | said))
            turn += 1
    return big, turn


def memory(log: Path, turns: int) -> float:
    """The most memory in MB that resuming the log takes."""
    words = [*PROGRAM, "--resume", str(log), "--max-turns", str(turns), "--plain"]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    assert status == 0, "it could not be resumed"
    return used.ru_maxrss / 1024


if __name__ == "__main__":
    main()
