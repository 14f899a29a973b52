"""The demo judge: a script that answers what a judge is asked with what states/detect.py finds.

It labels, names patterns (after the states it finds, so that it finds nothing new), and merges
names that share their first word. What it says of agreement with the detector means nothing."""

import json

from harness.files import Json
from harness.states.detect import Detector, detect
from harness.states.names import SHORT

BY_OTHERS = {"spoken_by_human", "spoken_by_puppeteer"}
WORDS = ("endless", "repeated", "lasting")  # so that one pattern has several names to merge


def answer(asked: str) -> str:
    """The answer to one question of judge/judge.py, judge/patterns.py or judge/merging.py."""
    lines = [line.rstrip(",") for line in asked.split("\n")]
    if names := [json.loads(line) for line in lines if line.startswith('{"number": ')]:
        return _json(merge(names))
    seen = [json.loads(line) for line in lines if line.startswith('{"n": ')]
    found = detect((m["text"], not BY_OTHERS.isdisjoint(m)) for m in seen)
    named = asked.rpartition("Name the patterns")[1]
    return _json((name if named else label)(found, seen[0]["n"], len(asked)))


def label(found: Detector, first: int, _: int) -> dict[str, object]:
    """Spans of states, and what the last message is in."""
    spans = [
        {
            "state": span.state,
            "from_message": first + span.start,
            "to_message": first + span.end,
            "quote": span.evidence[0].words,
            "quote_message": first + span.evidence[0].message,
            "confidence": "low",
        }
        for span in found.spans()
        if span.evidence
    ]
    ending = found.ending()
    return {
        "spans": spans,
        "terminal_theme": ending.theme or "none",
        "terminal_form": ending.form or "none",
    }


def name(found: Detector, first: int, size: int) -> dict[str, object]:
    """The longest span of each of at most three states, under a name of one of several words."""
    quoted = [span for span in found.spans() if span.evidence]
    longest = {span.state: span for span in sorted(quoted, key=lambda s: s.end - s.start)}
    patterns = [
        {
            "name": f"{SHORT[span.state]}, {WORDS[size % len(WORDS)]}",
            "sentence": f"The detector finds {span.state} here.",
            "from_message": first + span.start,
            "to_message": first + span.end,
            "quote": span.evidence[0].words,
            "quote_message": first + span.evidence[0].message,
        }
        for span in list(longest.values())[-3:]
    ]
    return {"patterns": patterns}


def merge(names: list[Json]) -> dict[str, object]:
    """Groups of the names that begin with the same word."""
    groups: dict[str, list[int]] = {}
    for one in names:
        groups.setdefault(one["name"].partition(",")[0], []).append(one["number"])
    return {"groups": [{"name": name, "numbers": n} for name, n in groups.items()]}


def _json(found: dict[str, object]) -> str:
    return json.dumps(found, ensure_ascii=False)
