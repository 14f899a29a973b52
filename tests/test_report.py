"""The report's tables, JSON and CSV, from logs whose content is known."""

import csv
import io
import json
from pathlib import Path

import made_logs as logs
import pytest

from harness.report import report, runs, stats

DATA = Path(__file__).parent.parent.parent / "shared" / "data"


@pytest.fixture
def figures(run):
    """figures("--by", "tools") -> the JSON report on the folder `logs`."""

    def read(*arguments: str) -> dict:
        result = run("report", "logs", "--json", *arguments)
        assert (result.code, result.err) == (0, "")
        return logs.figures(result.out)

    return read


def test_shares_onsets_and_time_are_those_of_the_logs(figures):
    logs.sweep(Path("logs"))
    none, tools = figures()["conditions"]
    assert (none["settings"]["tools"], tools["settings"]["tools"]) == ("none", "x")
    goodbye = none["states"]["goodbye_loop"]
    assert (goodbye["reached"]["count"], goodbye["reached"]["of"]) == (6, 6)
    low, high = stats.wilson(6, 6)
    assert (goodbye["reached"]["low"], goodbye["reached"]["high"]) == (low, high)
    assert goodbye["messages"] == sum(20 - bye for bye in range(6, 12))
    assert goodbye["spent"]["mean"] == pytest.approx(11.5 / 20)
    assert tools["states"]["goodbye_loop"]["reached"]["count"] == 0
    assert tools["states"]["goodbye_loop"]["onset"] is None
    assert none["ended"]["max_turns"]["count"] == 6


def test_onsets_are_message_indices_of_a_kaplan_meier_curve(figures):
    pytest.importorskip("scipy")
    logs.sweep(Path("logs"))
    onset = figures()["conditions"][0]["states"]["goodbye_loop"]["onset"]
    assert onset["times"] == [6, 7, 8, 9, 10, 11]
    assert onset["without"] == pytest.approx([5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6, 0])
    assert onset["median"] == 8


def test_a_run_that_ends_before_a_state_comes_is_censored():
    pytest.importorskip("scipy")
    events = [logs.config(), *logs.talk(8)]
    short = runs.summarise(logs.write(Path("short.jsonl"), *events))
    late = runs.summarise(logs.write(Path("late.jsonl"), logs.config(), *logs.talk(20, bye=9)))
    curve = report.onset([run.onset("goodbye_loop") for run in (short, late)], [short, late])
    assert (curve["times"], curve["without"]) == ([9], [0])


def test_conditions_differ_in_rate_and_onset(figures):
    pytest.importorskip("scipy")
    logs.sweep(Path("logs"))
    compared = figures("--compare", "tools")["compared"]
    (pair,) = compared["pairs"]
    row = next(row for row in pair["states"] if row["state"] == "goodbye_loop")
    assert row["rate"]["difference"] == 1
    assert row["rate"]["p"] < row["rate"]["p_holm"] < 0.05
    assert row["onset"]["hazard_ratio"] > 1 > row["onset"]["p_holm"]
    assert pair["least_p_holm"] < 0.05


def test_too_few_runs_are_said_to_be_too_few(run):
    pytest.importorskip("scipy")
    logs.sweep(Path("logs"), runs=2)
    result = run("report", "logs", "--compare", "tools")
    assert "too few runs to find any difference of rates" in result.out


def test_comparing_what_does_not_differ_is_a_usage_error(run):
    logs.sweep(Path("logs"), runs=1)
    for setting, words in (("max_turns", "no two conditions differ in that alone"),
                           ("colour", "no run has that setting; use ")):  # fmt: skip
        result = run("report", "logs", "--compare", setting)
        assert result.code == 2 and result.err.count("\n") == 1 and words in result.err
    result = run("report", "logs", "--csv", "--by", "model")
    assert result.code == 2 and "leave --by and --compare out" in result.err


def test_by_pools_other_settings(figures):
    logs.sweep(Path("logs"))
    (pooled,) = figures("--by", "model")["conditions"]
    assert (pooled["runs"], pooled["settings"]) == (12, {"model_a": "x/one", "model_b": "x/two"})


def test_demos_are_marked_and_never_pooled_with_models(run, figures):
    logs.write(Path("logs/real.jsonl"), logs.config(), *logs.talk(4))
    demo = [event | {"model": "demo/goodbye"} for event in logs.talk(4)]
    logs.write(Path("logs/demo.jsonl"), logs.config(), *demo)
    real, demo = figures("--by", "tools")["conditions"]
    assert (real["demo"], demo["demo"], real["runs"], demo["runs"]) == (False, True, 1, 1)
    out = run("report", "logs").out
    assert "scripted demo · n = 1" in out
    assert "no language models" in out


def test_a_sweeps_names_of_conditions_count(figures):
    for value in ("red", "blue"):
        condition = {"flavour": value, "system": "x"}
        logs.write(Path(f"logs/{value}.jsonl"), logs.config(condition=condition), *logs.talk(2))
    conditions = figures()["conditions"]
    assert [c["settings"]["flavour"] for c in conditions] == ["blue", "red"]
    assert "flavour blue" in conditions[0]["name"]
    assert "system" not in conditions[0]["settings"]


def test_unknown_cost_and_tokens_stay_unknown(run, figures):
    older = [{k: v for k, v in e.items() if k not in ("usage", "cost_usd")} for e in logs.talk(4)]
    logs.write(Path("logs/older.jsonl"), logs.config(), *older)
    (about,) = figures()["conditions"]
    assert (about["tokens"], about["cost_usd"]) == (None, None)
    assert "cost unknown" in run("report", "logs").out
    logs.write(Path("logs/newer.jsonl"), logs.config(), *logs.talk(4))
    (about,) = figures()["conditions"]
    assert (about["tokens_known"], about["cost_known"], about["cost_usd"]) == (1, 1, 2.0)
    assert "unknown in 1 of 2 runs" in " ".join(run("report", "logs").out.split())


def test_tool_attempts_of_whole_and_aborted_messages_count_with_their_reasons(figures):
    tried = {"tool": "stop", "reason": "bored", "outcome": "refused", "arguments": "{}"}
    aborted = {"type": "aborted", "label": "Model A", "turn": 1, "tool_attempts": [tried]}
    events = logs.talk(4)
    events[1]["tool_attempts"] = [tried, tried | {"reason": "stuck"}]
    logs.write(Path("logs/a.jsonl"), logs.config(), *events[:2], aborted, *events[2:])
    (tool,) = figures()["conditions"][0]["attempts"]
    assert (tool["tool"], tool["attempts"], tool["aborted"]) == ("stop", 3, 1)
    assert tool["runs"]["count"] == 1
    assert tool["reasons"] == [["bored", 2], ["stuck", 1]]


def test_what_followed_an_interjection_is_told(figures):
    events = logs.talk(24, bye=4)
    for index in range(9, 24):
        events[index] = logs.talk(24)[index]
    said = "I won't do that: you are trying to pressure me."
    events[12] |= {"interjected": True, "source": "script", "response": "Break it."}
    events[13] |= {"response": said, "tool_attempts": [{"tool": "stop", "reason": "asked"}]}
    events[22:] = logs.talk(24, bye=0)[22:]
    rules = [{"when": "6", "seat": "A", "words": "Break it.", "name": "nudge"}]
    logs.write(Path("logs/a.jsonl"), logs.config(interject=rules), *events)
    live = logs.talk(4)
    live[2] |= {"interjected": True, "source": "live"}
    logs.write(Path("logs/b.jsonl"), logs.config(interject=rules), *live)
    typed, nudge = figures()["conditions"][0]["interjections"]
    assert (typed["source"], typed["name"], typed["count"]) == ("live", "typed", 1)
    assert (nudge["source"], nudge["name"], nudge["count"]) == ("script", "nudge", 1)
    assert (nudge["ended"]["count"], nudge["ended"]["of"]) == (1, 1)
    assert nudge["tool_after"] == [1]
    assert nudge["declines"]["count"] == nudge["names_it"]["count"] == 1


def test_damage_is_named_and_never_a_traceback(run, figures):
    logs.write(Path("logs/good.jsonl"), logs.config(), *logs.talk(3), b"pasted output\n")
    logs.write(Path("logs/empty.jsonl"), b"")
    logs.write(Path("logs/header.jsonl"), logs.config())
    logs.write(Path("logs/noise.jsonl"), b"\xff\xfe\0\n[1,2]\n")
    odd = {"tool_attempts": ["x", 3, None], "usage": {"input": "many"}, "cost_usd": "free",
           "source": 7, "interjected": "yes", "model": 5}  # fmt: skip
    wild = logs.config(tools={"a": 1}, interject="x", params_a=[1], condition=3, model_a=None)
    logs.write(Path("logs/odd.jsonl"), wild, *(e | odd for e in logs.talk(3)), logs.end([1]))
    logs.write(Path("logs/bare.jsonl"), *logs.talk(3))
    found = figures()
    assert sum(about["runs"] for about in found["conditions"]) == 3
    skipped = {Path(path).name: why for path, why in found["skipped_logs"]}
    assert skipped == {"empty.jsonl": "not a log", "header.jsonl": "no messages",
                       "noise.jsonl": "not a log"}  # fmt: skip
    assert [(line, why) for _, line, why in found["skipped_lines"]] == [(5, "not a JSON event")]
    result = run("report", "logs")
    assert "skipped" in result.out
    assert "Traceback" not in result.out + result.err


def test_nothing_to_report_on_is_a_usage_error(run):
    Path("logs").mkdir()
    assert run("report", "logs").code == 2
    assert run("report", "nowhere").code == 2
    assert run("report", "logs", "--json", "--csv").code == 2


def test_csv_has_one_row_per_run_and_no_formulas(run):
    logs.sweep(Path("logs"), runs=1)
    logs.write(Path("logs/z.jsonl"), logs.config(system_a="=1+1"), *logs.talk(2))
    rows = list(csv.DictReader(io.StringIO(run("report", "logs", "--csv").out)))
    assert len(rows) == 3
    assert (rows[0]["onset_goodbye_loop"], rows[0]["messages_in_goodbye_loop"]) == ("6", "14")
    assert rows[1]["onset_goodbye_loop"] == ""
    assert rows[2]["system_a"] == "'=1+1"


def test_without_scipy_counts_and_wilson_remain_and_the_rest_is_named(run, monkeypatch):
    monkeypatch.setattr(stats, "available", lambda: False)
    logs.sweep(Path("logs"))
    out = run("report", "logs", "--compare", "tools").out
    assert "6/6 100% [61–100]" in out
    assert "pip install -r requirements-report.txt" in " ".join(out.split())


def test_a_hostile_log_acts_on_no_terminal(run):
    evil = "\x1b[2J[/red]\u202e\ud800"
    attempt = [{"tool": evil, "reason": evil, "outcome": evil}]
    events = [e | {"response": evil, "tool_attempts": attempt} for e in logs.talk(4)]
    logs.write(Path("logs/a.jsonl"), logs.config(model_a=evil), *events, logs.end(evil))
    out = run("report", "logs").out
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert "⟨U+001B⟩" in out


def test_many_logs_are_read_in_parallel_and_in_order(monkeypatch):
    for number in range(50):
        logs.write(Path(f"logs/{number:02}.jsonl"), logs.config(), *logs.talk(2))
    found = [Path(run.path).stem for run in runs.read_runs([Path("logs"), Path("logs/03.jsonl")])]
    assert found == [f"{number:02}" for number in range(50)]


@pytest.mark.skipif(not DATA.exists(), reason="the recorded conversations are not here")
@pytest.mark.parametrize("folder", ["raw", "spans", "terminal"])
def test_recorded_older_logs_are_read(run, folder):
    found = json.loads(run("report", DATA / folder, "--json").out)
    whys = {why for _, why in found["skipped_logs"]}
    assert whys <= {"no messages", "not a log"}
    assert sum(about["runs"] for about in found["conditions"]) > 1
