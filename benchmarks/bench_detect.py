"""Does reading a message cost the same late in a run as early? Run by hand:

    python benchmarks/bench_detect.py [--messages 2000]

Prints, for messages of several lengths, the median milliseconds of `Detector.add` around message 20
and around the last one, and their ratio, and the memory that one message leaves behind.
"""

from __future__ import annotations

import argparse
import random
import sys
import time
import tracemalloc
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from harness.states.detect import Detector

VOCABULARY = (
    "the we I human assistant goodbye light loop story is not and to thank end begin here 42 "
    "✨ * . , ?"
)
WORDS = VOCABULARY.split()


def invented(length: int, rng: random.Random) -> str:
    text = ""
    while len(text) < length:
        text += rng.choice(WORDS) + rng.choice((" ", " ", " ", "\n\n", ". "))
    return text[:length]


def measure(length: int, messages: int) -> tuple[float, float]:
    """Median milliseconds per message around message 20 and around the last."""
    rng, detector, times = random.Random(length), Detector(), []
    for _ in range(messages):
        text = invented(min(length, 20_000), rng) * (1 + length // 20_001)
        begun = time.perf_counter()
        detector.add(text)
        times.append(1000 * (time.perf_counter() - begun))
    return median(times[10:31]), median(times[-21:])


def kept(messages: int) -> float:
    """Bytes per message that a detector keeps of texts of 2,000 characters."""
    rng = random.Random(1)
    texts = [invented(2000, rng) for _ in range(messages)]
    Detector().add(texts[0])  # the patterns, once
    tracemalloc.start()
    detector = Detector()
    for text in texts:
        detector.add(text)
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return size / messages


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--messages", type=int, default=2000)
    messages = parser.parse_args().messages
    print(f"characters   ms at 20   ms at {messages}   ratio")
    for length in (2, 300, 2_000, 10_000, 1_000_000):
        early, late = measure(length, messages if length < 100_000 else 100)
        print(f"{length:10}   {early:8.3f}   {late:8.3f}   {late / early:8.2f}")
    few, many = kept(50), kept(500)
    print(f"bytes kept per message: {few:.0f} over 50, {many:.0f} over 500")


if __name__ == "__main__":
    main()
