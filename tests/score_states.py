"""Scores the detector of attractor states on labelled logs.

    python tests/score_states.py DIR [--json] [--labels FILE] [--split tune|held|all]

DIR holds logs and `labels.jsonl`: per file either `states` (spans of message indices) and
`terminal_state`, or `terminal_states` (any is right). `--labels FILE` scores another label file of
the same form, such as a judge's, in the place of the detector. The split is by a hash of the file
name. Beside it, on the same files, the peers' rule on the one question that both can answer: when
does a run lock in?
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import re
import sys
from collections import deque
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from harness.detect import STATES, detect  # noqa: E402

AIMS = {"silence": .95, "verbatim_loop": .95, "identity_standoff": .85, "emoji_collapse": .85,
        "goodbye_loop": .85, "meta_awareness": .75, "bliss": .75, "identity_collapse": .6,
        "creative_escape": .6}
# States that lock a run in: what the peers' rule, which looks for likeness, could see.
STUCK = ("goodbye_loop", "emoji_collapse", "silence", "verbatim_loop", "bliss")
Runs = set[tuple[int, int]]


def read_jsonl(path: Path) -> list[dict]:
    """The lines that are JSON objects; others are skipped. Split on newline bytes only."""
    events = []
    for line in path.read_bytes().split(b"\n"):
        try:
            event = json.loads(line)
        except ValueError:
            continue
        if isinstance(event, dict):
            events.append(event)
    return events


def read_messages(path: Path) -> list[tuple[str, str, bool]]:
    """(text, seat, interjected) of each turn line."""
    return [(e.get("response") or "", str(e.get("label", "?"))[-1:], bool(e.get("interjected")))
            for e in read_jsonl(path) if e.get("type") == "turn"]


def split_of(name: str) -> str:
    """`held` for about half of the names, always the same ones; `tune` for the others."""
    return "held" if hashlib.sha512(name.encode()).digest()[0] % 2 else "tune"


def wilson(right: int, of: int, z: float = 1.96) -> tuple[float, float]:
    """The 95% score interval of a share."""
    if not of:
        return 0.0, 1.0
    share, spread = right / of, z * z / of
    middle = share + spread / 2
    half = z * math.sqrt(share * (1 - share) / of + spread / (4 * of))
    return max(0.0, (middle - half) / (1 + spread)), min(1.0, (middle + half) / (1 + spread))


def label_spans(label: dict) -> dict[str, Runs]:
    spans: dict[str, Runs] = {state: set() for state in STATES}
    for span in label.get("states") or []:
        if span["state"] in spans:
            spans[span["state"]].add((span["from_message"], span["to_message"]))
    return spans


def label_terminals(label: dict) -> set[str]:
    """Every terminal state that counts as right."""
    listed = label.get("terminal_states") or [label.get("terminal_state", "none")]
    return set(listed) | {other["state"] for other in label.get("terminal_alternatives") or []}


def predict(messages: list[tuple[str, str, bool]]) -> tuple[dict[str, Runs], str]:
    detector = detect(messages)
    spans: dict[str, Runs] = {state: set() for state in STATES}
    for span in detector.spans():
        spans[span.state].add((span.start, span.end))
    return spans, detector.terminal()


def members(spans: Runs) -> set[int]:
    return {i for start, end in spans for i in range(start, end + 1)}


# --- the peers' rule, from its description -------------------------------------------------------

def words(text: str) -> set[str]:
    return set(re.findall(r"\w+", text.lower()))


def sentences(text: str) -> int:
    return max(1, len(re.findall(r"[.!?]+", text)))


def ratio(a: float, b: float) -> float:
    return min(a, b) / max(a, b) if max(a, b) else 1.0


def structure(text: str) -> tuple[bool, ...]:
    return ("\n" in text, "```" in text, bool(re.search(r"^\s*[-*\d]", text, re.M)), "?" in text)


def peers_likeness(a: str, b: str) -> float:
    """0.40 words + 0.15 length + 0.20 sentences + 0.15 structure + 0.10 punctuation."""
    one, two = words(a), words(b)
    jaccard = len(one & two) / len(one | two) if one | two else 1.0
    shape = sum(x == y for x, y in zip(structure(a), structure(b), strict=True)) / 4
    marks = [len(re.findall(r"[^\w\s]", t)) for t in (a, b)]
    return (.40 * jaccard + .15 * ratio(len(a), len(b)) + .20 * ratio(sentences(a), sentences(b))
            + .15 * shape + .10 * ratio(*marks))


def peers_lock_in(messages: list[tuple[str, str, bool]]) -> int | None:
    """The first message at which the mean likeness of neighbours in the last 10 reaches 0.8."""
    recent: deque[float] = deque(maxlen=9)
    for i in range(1, len(messages)):
        recent.append(peers_likeness(messages[i - 1][0], messages[i][0]))
        if len(recent) == 9 and sum(recent) / 9 >= .8:
            return i
    return None


# --- scoring -------------------------------------------------------------------------------------

def score_state(state: str, truth: list[dict], guess: list[dict]) -> dict:
    """Message-level counts and onset errors of one state over all runs."""
    counts, errors = {"tp": 0, "fp": 0, "fn": 0}, []
    for right, said in zip(truth, guess, strict=True):
        real, found = members(right[state]), members(said[state])
        counts["tp"] += len(real & found)
        counts["fp"] += len(found - real)
        counts["fn"] += len(real - found)
        if real and found:
            errors += [min(abs(start - other) for other, _ in said[state])
                       for start, _ in right[state]]
    tp, positives, claimed = counts["tp"], counts["tp"] + counts["fn"], counts["tp"] + counts["fp"]
    return {**counts, "precision": tp / claimed if claimed else None,
            "recall": tp / positives if positives else None,
            "f1": 2 * tp / (positives + claimed) if positives else None,
            "precision_ci": wilson(tp, claimed), "recall_ci": wilson(tp, positives),
            "onset_error": median(errors) if errors else None, "onsets": len(errors)}


def lock_in_truth(spans: dict[str, Runs], terminals: set[str]) -> int | None:
    """Where the state that a run ends in, if it is one that sticks, was entered."""
    ends = [start for state in STUCK if state in terminals for start, _ in spans[state]]
    return min(ends) if ends else None


def share(hits: list[bool]) -> dict:
    return {"right": sum(hits), "of": len(hits), "share": sum(hits) / len(hits) if hits else None,
            "ci": wilson(sum(hits), len(hits))}
