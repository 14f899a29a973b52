"""Whose states a report shows: one kind for all its runs, named with how accurate it is."""

import json
from pathlib import Path

import made_logs as logs
import pytest
from judging import labelled


@pytest.fixture
def two(tmp_path):
    """Two runs that say goodbye."""
    return [
        logs.write(Path(f"logs/{name}.jsonl"), logs.config(), *logs.talk(12, bye=6))
        for name in "ab"
    ]


def states(run, *more: str) -> tuple[dict, dict]:
    """What the report says of its verdicts, and how many runs reach each state."""
    report = json.loads(run("report", "logs", "--json", *more).out)
    reached = report["conditions"][0]["states"]
    return report["labels"], {s: row["reached"]["count"] for s, row in reached.items()}


def test_a_judges_labels_are_used_where_every_run_has_them(run, two):
    for log in two:
        labelled(log, 12)
    labels, reached = states(run)
    assert labels["of"] == "judge" and "x/large" in labels["words"] and "F1" in labels["words"]
    assert (reached["bliss"], reached["goodbye_loop"]) == (2, 0)
    assert "x/large" in run("report", "logs").out
    assert states(run, "--labels", "rules")[1]["goodbye_loop"] == 2


def test_kinds_are_never_mixed(run, two):
    labelled(two[0], 12)
    labels, reached = states(run)
    assert labels["of"] == "rules" and "1 of 2 logs have no labels" in labels["words"]
    assert (reached["bliss"], reached["goodbye_loop"]) == (0, 2)


def test_two_judges_are_two_kinds(run, two):
    labelled(two[0], 12)
    labelled(two[1], 12, model="x/other")
    labels, _ = states(run)
    assert labels["of"] == "rules" and "more than one judge" in labels["words"]
    result = run("report", "logs", "--labels", "judge")
    assert (result.code, result.err.count("\n")) == (2, 1) and "must not be mixed" in result.err


def test_older_labels_and_a_scripts_labels_are_not_used_unasked(run, two):
    labelled(two[0], 12)
    labelled(two[1], 10)
    labels, reached = states(run)
    assert labels["of"] == "rules" and "older than a log" in labels["words"]
    assert reached["goodbye_loop"] == 2
    for log in two:
        labelled(log, 12, demo=True)
    assert "scripted demo" in states(run)[0]["words"] and states(run)[0]["of"] == "rules"


def test_a_judges_verdicts_are_exported_as_his(run, two):
    for log in two:
        labelled(log, 12)
    out = run("export", "logs", "--format", "jsonl", "--table", "spans").out
    spans = [json.loads(line) for line in out.splitlines()]
    assert {(span["state"], span["verdict_by"]) for span in spans} == {("bliss", "x/large")}


def test_a_scripted_judge_is_given_nobody_elses_accuracy(run):
    log = run("-a", "demo/goodbye", "-b", "demo/goodbye", "--max-turns", 8).log
    assert run("judge", log, "--model", "demo/judge").code == 0
    out = " ".join(run("report", log, "--labels", "judge").out.split())
    assert "a script, whose accuracy says nothing" in out and "macro F1" not in out
