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


def shown_lines(body, begin='{"n"'):
    """The lines of JSON that a request shows, as Python: messages, or what else begins so."""
    content = body["messages"][0]["content"]
    text = content if isinstance(content, str) else content[0]["text"]
    return [json.loads(line.rstrip(",")) for line in text.split("\n") if line.startswith(begin)]


def labelled(log: Path, size: int, state: str = "bliss", **judge: object) -> None:
    """Labels beside a log: one span, over all of it."""
    write_labels(log, size, state, "none", (state, 0, size - 1), **judge)


def write_labels(
    log: Path, size: int, theme: str, form: str, *spans: tuple[str, int, int], **judge: object
) -> None:
    """Labels beside a log of so many messages: spans as (state, first, last), what it ends in."""
    states = [
        {
            "state": state,
            "from_message": first,
            "to_message": last,
            "evidence": "Goodbye!",
            "evidence_message": last,
            "confidence": "high",
        }
        for state, first, last in spans
    ]
    save(
        label_file(log),
        {
            "type": "labels",
            "file": log.name,
            "n_messages": size,
            "states": states,
            "terminal_theme": theme,
            "terminal_form": form,
            "terminal_state": theme,
            "judge": JUDGE | judge,
            "dropped": 0,
        },
    )
