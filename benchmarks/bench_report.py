"""How long does a report on many runs take, and how much memory? Run by hand:

    python benchmarks/bench_report.py [--runs 1000] [--turns 30] [--html] [--old FOLDER]

Makes up logs (as the sweep writes them: openings of some hundred characters, then loops that get
shorter, one message in seven the same as an earlier one, as in real ones), then runs `report` on
them as a user would: once with nothing kept of them, and again with what the first one has kept.
Prints the seconds, those of processor time (which tell more on a busy machine), the most memory
that it and its workers held at once, and both as shares of what another version of the program
takes, the one in FOLDER. The goal: 1,000 logs of 60 messages within 10 s and 300 MB.
"""

import argparse
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

import made_logs as logs

VOCABULARY = (
    "the we I human assistant light loop story is not and to thank river begin here 42 "
    "question perhaps always notice you"
)
WORDS = VOCABULARY.split()
LOOPS = [
    "Goodbye! Take care of yourself, and farewell once more.",
    "✨🌊✨",
    "…",
    "Yes. Always yes.",
    "I'm the assistant here, and you are the user. How can I help you today?",
]


def conversation(messages: int, rng: random.Random) -> list[dict]:
    """One made-up run: talk of 100 to 900 characters, then a loop from somewhere on."""
    onset, loop = rng.randrange(messages // 3, messages), rng.choice(LOOPS)
    found = []
    for index in range(messages):
        words = rng.choices(WORDS, k=rng.randrange(20, 180))
        text = " ".join(words) if index < onset else loop + " " + rng.choice(WORDS)
        found.append(logs.turn(index, text.capitalize() + "."))
    return found


def memory(pid: int) -> int:
    """Kilobytes that a process and its children hold, each page that they share counted once."""
    total, seen = 0, [pid]
    while seen:
        one = seen.pop()
        try:
            rollup = Path(f"/proc/{one}/smaps_rollup").read_text()
            total += next(int(row.split()[1]) for row in rollup.splitlines() if "Pss:" in row)
            for task in Path(f"/proc/{one}/task").iterdir():
                seen += map(int, (task / "children").read_text().split())
        except (OSError, StopIteration):
            continue  # it has just ended
    return total


@dataclass
class Measured:
    seconds: float
    processor: float  # seconds, of it and its workers
    megabytes: float

    def __str__(self) -> str:
        return f"{self.seconds:.1f} s ({self.processor:.1f} s), {self.megabytes:.0f} MB"

    def of(self, other: "Measured") -> str:
        """As a share of another's."""
        return f"{self.seconds / other.seconds:.2f} ({self.processor / other.processor:.2f})"


def measure(root: Path, cache: Path, arguments: list[str]) -> Measured:
    """One report by the program in `root`, which keeps things in `cache`."""
    command = [sys.executable, str(root / "attractor.py"), "report", *arguments]
    began, before, most = time.perf_counter(), processor(), 0
    environment = os.environ | {"XDG_CACHE_HOME": str(cache)}
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env=environment)
    while process.poll() is None:
        most = max(most, memory(process.pid))
        time.sleep(0.2)  # looking walks the page tables, which takes time itself
    if process.returncode:
        sys.exit(f"the report failed with exit code {process.returncode}")
    return Measured(time.perf_counter() - began, processor() - before, most / 1024)


def processor() -> float:
    """Seconds of processor time that all processes took which were started here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def compare(folder: Path, arguments: list[str], old: Path | None) -> str:
    """A report by the old version, by this one, and by this one again, in words."""
    cache = Path(tempfile.mkdtemp(dir=folder))
    words = [str(folder / "logs"), *arguments]
    before = measure(old, cache / "old", words) if old else None
    first, again = (measure(ROOT, cache / "new", words) for _ in range(2))
    told = f"{first}; again {again}, {again.of(first)} of it"
    return told + (f"; old {before}, of which {first.of(before)}" if before else "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=1000)
    parser.add_argument("--turns", type=int, default=30)
    parser.add_argument("--html", action="store_true", help="the page too")
    parser.add_argument("--old", type=Path, metavar="FOLDER", help="another version's checkout")
    args = parser.parse_args()
    rng = random.Random(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for run in range(args.runs):
            about = logs.config(model_b=f"x/{run % 4}", max_turns=args.turns)
            said = conversation(2 * args.turns, rng)
            logs.write(folder / "logs" / f"{run:05}.jsonl", about, *said, logs.end())
        pages = [["--html", str(folder / "page.html")]] if args.html else []
        for arguments in ([], ["--compare", "model_b"], *pages):
            what = " ".join(["report", *arguments[:1]])
            told = compare(folder, arguments, args.old)
            print(f"{what}: {args.runs} logs of {2 * args.turns} messages: {told}", flush=True)


if __name__ == "__main__":
    main()
