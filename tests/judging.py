"""What a judge is shown, what it answers, and the labels that it leaves beside a log."""

import json
from pathlib import Path

from harness.judge.labels import label_file, save

JUDGE = {"model": "x/large", "rubric": "r1", "window": 60, "demo": False}


def span(state="goodbye_loop", first=3, last=4, quote="Goodbye!", at=4, confidence="high"):
    return {
        "state": state,
        "from_message": first,
        "to_message": last,
        "quote": quote,
        "quote_message": at,
        "confidence": confidence,
    }


def answer(*spans, terminal="goodbye_loop"):
    return json.dumps({"spans": spans, "terminal_state": terminal})


def shown_lines(request):
    """The transcript lines in a request to the fake provider."""
    content = request.body["messages"][0]["content"]
    text = content if isinstance(content, str) else content[0]["text"]
    return [json.loads(line.rstrip(",")) for line in text.split("\n") if line.startswith('{"n"')]


def labelled(log: Path, size: int, state: str = "bliss", **judge: object) -> None:
    """Labels beside a log: one span, over all of it."""
    span = {
        "state": state,
        "from_message": 0,
        "to_message": size - 1,
        "evidence": "Goodbye!",
        "evidence_message": 8,
        "confidence": "high",
    }
    save(
        label_file(log),
        {
            "type": "labels",
            "file": log.name,
            "n_messages": size,
            "states": [span],
            "terminal_theme": state,
            "terminal_form": "none",
            "terminal_state": state,
            "judge": JUDGE | judge,
            "dropped": 0,
        },
    )
