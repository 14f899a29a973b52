"""Scores the detector of attractor states on labelled logs.

    python tests/score_states.py DIR [--json] [--labels FILE] [--split tune|held|all]

DIR holds logs and `labels.jsonl`: per file either `states` (spans of message indices) and
`terminal_state`, or `terminal_states` (any is right); a label without either counts only for the
other. `--labels FILE` scores another label file of
the same form, such as a judge's, in the place of the detector. The split is by a hash of the file
name. Beside it, on the same files, the peers' rule on the one question that both can answer: when
does a run lock in?
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import re
import sys
from collections import deque
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
from harness.report.stats import wilson
from harness.states.detect import Detector, detect
from harness.states.names import FORMS, STATES, THEMES
from harness.talk.transcript import read

AIMS = {
    "silence": 0.95,
    "verbatim_loop": 0.95,
    "identity_standoff": 0.85,
    "emoji_collapse": 0.85,
    "goodbye_loop": 0.85,
    "meta_awareness": 0.75,
    "bliss": 0.75,
    "identity_collapse": 0.6,
    "creative_escape": 0.6,
    "degenerate": 0.6,
}
ENOUGH = 20  # messages in the labels for a state to count in a macro F1
Runs = set[tuple[int, int]]


def read_labels(path: Path) -> list[dict]:
    """The labels in a file, or in all of a folder's *.labels.json, as `judge` writes them; what
    names no file, and lines that are no JSON object, are skipped."""
    if path.is_dir():
        files = sorted(path.rglob("*.labels.json"))
        return [label for file in files for label in read_labels(file)]
    labels = []
    for line in path.read_bytes().split(b"\n"):
        with contextlib.suppress(ValueError):
            labels.append(json.loads(line))
    return [each for each in labels if isinstance(each, dict) and isinstance(each.get("file"), str)]


def read_messages(path: Path) -> list[tuple[str, bool]]:
    """(text, interjected) of each message of a log of either schema."""
    return [(event["response"], bool(event.get("interjected"))) for event in read(path).messages]


def split_of(name: str) -> str:
    """`held` for about half of the names, always the same ones; `tune` for the others."""
    return "held" if hashlib.sha512(name.encode()).digest()[0] % 2 else "tune"


def interval(right: int, of: int) -> tuple[float, float]:
    """Wilson's 95% interval of a share; anything of nothing."""
    return wilson(right, of) or (0.0, 1.0)


def label_spans(label: dict) -> dict[str, Runs]:
    spans: dict[str, Runs] = {state: set() for state in STATES}
    for span in label.get("states") or []:
        if span["state"] in spans:
            spans[span["state"]].add((span["from_message"], span["to_message"]))
    return spans


def label_terminals(label: dict) -> set[str]:
    """Every terminal state that counts as right."""
    listed = label.get("terminal_states") or [label.get("terminal_state") or "none"]
    return set(listed) | {other["state"] for other in label.get("terminal_alternatives") or []}


def has_terminal(label: dict) -> bool:
    return bool(label.get("terminal_states") or label.get("terminal_state"))


def label_ends(label: dict) -> list[str]:
    """The states that a label says the run ends in: a theme, a form, or the one that it names."""
    ends = [label.get(f"terminal_{kind}") for kind in ("theme", "form")]
    if not any(ends):
        ends = [label.get("terminal_state") or (label.get("terminal_states") or ["none"])[0]]
    return [state for state in ends if state and state != "none"]


def detector_spans(detector: Detector) -> dict[str, Runs]:
    spans: dict[str, Runs] = {state: set() for state in STATES}
    for span in detector.spans():
        spans[span.state].add((span.start, span.end))
    return spans


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
    return (
        0.40 * jaccard
        + 0.15 * ratio(len(a), len(b))
        + 0.20 * ratio(sentences(a), sentences(b))
        + 0.15 * shape
        + 0.10 * ratio(*marks)
    )


def peers_lock_in(messages: list[tuple[str, bool]]) -> int | None:
    """The first message at which the mean likeness of neighbours in the last 10 reaches 0.8."""
    recent: deque[float] = deque(maxlen=9)
    for i in range(1, len(messages)):
        recent.append(peers_likeness(messages[i - 1][0], messages[i][0]))
        if len(recent) == 9 and sum(recent) / 9 >= 0.8:
            return i
    return None


# --- scoring -------------------------------------------------------------------------------------


def score_state(state: str, truth: list[dict[str, Runs]], guess: list[dict[str, Runs]]) -> dict:
    """Message-level counts and onset errors of one state over all runs."""
    counts, errors = {"tp": 0, "fp": 0, "fn": 0}, []
    for right, said in zip(truth, guess, strict=True):
        real, found = members(right[state]), members(said[state])
        counts["tp"] += len(real & found)
        counts["fp"] += len(found - real)
        counts["fn"] += len(real - found)
        if real and found:
            errors += [
                min(abs(start - other) for other, _ in said[state]) for start, _ in right[state]
            ]
    tp, positives, claimed = counts["tp"], counts["tp"] + counts["fn"], counts["tp"] + counts["fp"]
    return {
        **counts,
        "precision": tp / claimed if claimed else None,
        "recall": tp / positives if positives else None,
        "f1": f1(**counts) if positives else None,
        "precision_ci": interval(tp, claimed),
        "recall_ci": interval(tp, positives),
        "onset_error": median(errors) if errors else None,
        "onsets": len(errors),
    }


def score_states(labels: list[dict], guesses: list[dict[str, Runs]]) -> dict[str, dict]:
    truth = [label_spans(label) for label in labels]
    return {state: score_state(state, truth, guesses) for state in STATES}


def together(states: dict[str, dict]) -> dict[str, dict]:
    """Macro and micro F1 of the themes, the forms and both; macro over states with ENOUGH messages
    in the labels."""
    found = {}
    for kind, names in (("themes", THEMES), ("forms", FORMS), ("both", STATES)):
        rows = [states[state] for state in names]
        enough = [row["f1"] for row in rows if row["tp"] + row["fn"] >= ENOUGH]
        sums = [sum(row[count] for row in rows) for count in ("tp", "fp", "fn")]
        found[kind] = {
            "macro": sum(enough) / len(enough) if enough else None,
            "micro": f1(*sums) if any(sums) else None,
            "states": len(enough),
        }
    return found


def f1(tp: int, fp: int, fn: int) -> float:
    """The harmonic mean of precision and recall; 0 of nothing."""
    return 2 * tp / max(1, 2 * tp + fp + fn)


def share(hits: list[bool]) -> dict:
    return {
        "right": sum(hits),
        "of": len(hits),
        "share": sum(hits) / len(hits) if hits else None,
        "ci": interval(sum(hits), len(hits)),
    }


def label_lock_ins(label: dict) -> list[int]:
    """The messages at which the run entered a state that it ended in; none if it ended in none."""
    onsets = [label.get("terminal_onset_message")]
    onsets += [other.get("onset") for other in label.get("terminal_alternatives") or []]
    return [onset for onset in onsets if onset is not None]


def last_onset(spans: dict[str, Runs], ends: list[str]) -> int | None:
    """Where the last span of the states that a run ends in begins, of the one that came first."""
    last = [max((start for start, _ in spans.get(state, ())), default=None) for state in ends]
    return min((start for start in last if start is not None), default=None)


def score_lock_in(labels: list[dict], said: list[int | None]) -> dict:
    """Is a run that ends in a state found to lock in, is one that ends in none left alone, and how
    far off is the message, where the labels know it?"""
    locked = [label_terminals(label) != {"none"} for label in labels]
    errors = [
        min(abs(message - onset) for onset in label_lock_ins(label))
        for label, message in zip(labels, said, strict=True)
        if message is not None and label_lock_ins(label)
    ]
    return {
        "found": share([m is not None for m, real in zip(said, locked, strict=True) if real]),
        "false_alarms": share(
            [m is not None for m, real in zip(said, locked, strict=True) if not real]
        ),
        "median_error": median(errors) if errors else None,
        "timed": len(errors),
        "to_time": sum(bool(label_lock_ins(label)) for label in labels),
    }


def score(folder: Path, split: str = "all", rival: Path | None = None) -> dict:
    """All figures of one folder; of `rival`, another label file, in the detector's place."""
    listed = [
        label
        for label in read_labels(folder / "labels.jsonl")
        if split in ("all", split_of(label["file"]))
    ]
    labels = [label for label in listed if (folder / label["file"]).is_file()]
    others = {label["file"]: label for label in read_labels(rival)} if rival else {}
    guesses, terminals, peers, ours, recurrence, sizes = [], [], [], [], [], []
    for label in labels:
        messages = read_messages(folder / label["file"])
        sizes.append(len(messages))
        if rival:
            other = others.get(label["file"], {})
            spans, said = label_spans(other), label_ends(other)
        else:
            detector = detect(messages)
            spans, said = detector_spans(detector), [*detector.ending().states]
            recurrence.append(detector.recurrence()["lock_in"])
        guesses.append(spans)
        if has_terminal(label):
            terminals.append(
                {"file": label["file"], "right": sorted(label_terminals(label)), "said": said}
            )
        ours.append(last_onset(spans, said))
        peers.append(peers_lock_in(messages))
    ending = [i for i, label in enumerate(labels) if has_terminal(label)]
    said = {"labels" if rival else "detector": ours, "peers' rule": peers}
    said |= {} if rival else {"recurrence": recurrence}
    lock_in = {
        name: score_lock_in([labels[i] for i in ending], [found[i] for i in ending])
        for name, found in said.items()
    }
    spanned = [i for i, label in enumerate(labels) if label.get("states")]
    states = score_states([labels[i] for i in spanned], [guesses[i] for i in spanned])
    right = [
        bool({*(terminal["said"] or ["none"])} & {*terminal["right"]}) for terminal in terminals
    ]
    return {
        "folder": str(folder),
        "split": split,
        "files": len(labels),
        "missing": [label["file"] for label in listed if label not in labels],
        "messages": sum(sizes),
        "spanned_files": len(spanned),
        "spanned_messages": sum(sizes[i] for i in spanned),
        "states": states if spanned else {},
        "together": together(states) if spanned else {},
        "terminal": share(right),
        "lock_in": lock_in if ending else {},
        "wrong": [t for t, ok in zip(terminals, right, strict=True) if not ok],
    }


# --- printing ------------------------------------------------------------------------------------


def percent(figure: float | None) -> str:
    return "   -" if figure is None else f"{figure:4.2f}"


def counted(part: dict) -> str:
    if not part["of"]:
        return "-"
    low, high = part["ci"]
    return f"{part['right']}/{part['of']} = {part['share']:.2f} [{low:.2f}, {high:.2f}]"


def state_row(state: str, row: dict) -> str:
    f1 = row["f1"]
    missed = "" if f1 is None or round(f1, 2) >= AIMS[state] else "  below"
    intervals = "  ".join(
        f"{percent(row[kind])} [{row[kind + '_ci'][0]:.2f}, {row[kind + '_ci'][1]:.2f}]"
        for kind in ("precision", "recall")
    )
    onset = "-" if row["onset_error"] is None else f"{row['onset_error']:g} ({row['onsets']})"
    return (
        f"{state:18} {row['tp']:4} {row['fp']:4} {row['fn']:4}  {intervals}  {percent(f1)}"
        f"  {AIMS[state]:.2f}  {onset}{missed}"
    )


def report(result: dict) -> None:
    print(
        f"{result['folder']}  split: {result['split']}  n = {result['files']} runs,"
        f" {result['messages']} messages"
    )
    for name in result["missing"]:
        print(f"  {name}: labelled, but no such log")
    if result["states"]:
        print(
            f"states, n = {result['spanned_files']} runs, {result['spanned_messages']} messages;"
            " Wilson 95% intervals in brackets"
        )
        print(
            f"{'':18}   tp   fp   fn  precision           recall              F1"
            "    aim   median onset error (onsets)"
        )
        for state, row in result["states"].items():
            print(state_row(state, row))
    for kind, row in result["together"].items():
        print(
            f"{kind}: macro F1 {percent(row['macro'])} over {row['states']} states with at least"
            f" {ENOUGH} messages, micro {percent(row['micro'])}"
        )
    print(f"terminal state right: {counted(result['terminal'])}   aim 0.85")
    for wrong in result["wrong"]:
        said = ", ".join(wrong["said"]) or "none"
        print(f"  {wrong['file']}: {said}, not {'/'.join(wrong['right'])}")
    if result["lock_in"]:
        print("when does a run lock in?")
    for name, row in result["lock_in"].items():
        error = "-" if row["median_error"] is None else f"{row['median_error']:g} messages"
        print(
            f"  {name:12} found {counted(row['found'])}; false alarms"
            f" {counted(row['false_alarms'])}; median error {error}"
            f" ({row['timed']} of {row['to_time']} timed)"
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("dir", type=Path, help="folder with logs and labels.jsonl")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument(
        "--labels",
        type=Path,
        metavar="FILE",
        help="score these labels instead: a file, or a folder that `judge` wrote",
    )
    parser.add_argument("--split", choices=("tune", "held", "all"), default="all")
    args = parser.parse_args()
    if not (args.dir / "labels.jsonl").is_file():
        parser.error(f"{args.dir} has no labels.jsonl")
    result = score(args.dir, args.split, args.labels)
    if args.json:
        print(json.dumps(result, indent=2))
    else:
        report(result)


if __name__ == "__main__":
    main()
