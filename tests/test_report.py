"""The report's tables, JSON and CSV, from logs whose content is known."""

import csv
import io
import json
import re
import shutil
import sys
from pathlib import Path

import made_logs as logs
import pytest
from judging import labelled
from program import SHARED, needs_shared
from rich.console import Console

from harness import prompts
from harness.report import conditions, numbers, parallel, stats
from harness.report import figures as made
from harness.report.summary import summarise
from harness.screen.sheet import Sheet, fitted
from harness.talk.logs import logs_in


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
    assert none["stopped"]["max_turns"]["count"] == 6


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
    short = summarise(logs.write(Path("short.jsonl"), *events))
    late = summarise(logs.write(Path("late.jsonl"), logs.config(), *logs.talk(20, bye=9)))
    curve = made.onset([run.onset("goodbye_loop") for run in (short, late)], [short, late])
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
    for setting, words in (
        ("max_turns", "no two conditions differ in that alone"),
        ("colour", "no run has that setting; use "),
        ("colour", ", model, model_a, model_b, "),
    ):
        result = run("report", "logs", "--compare", setting)
        assert result.code == 2 and result.err.count("\n") == 1 and words in result.err
    result = run("report", "logs", "--csv", "--by", "model")
    assert result.code == 2 and "leave --by out" in result.err


def test_a_prompt_that_cannot_be_read_costs_no_report(run, tmp_path, monkeypatch):
    shutil.copytree(prompts.FOLDER / "system", tmp_path / "prompts" / "system")
    (tmp_path / "prompts" / "system" / "odd.txt").write_bytes(b"\xff\xfe")
    (tmp_path / "prompts" / "system" / "folder.txt").mkdir()
    monkeypatch.setattr(prompts, "FOLDER", tmp_path / "prompts")
    conditions.prompt_names.cache_clear()
    logs.sweep(Path("logs"), runs=1)
    result = run("report", "logs")
    conditions.prompt_names.cache_clear()
    assert result.code == 0 and not result.err


def test_a_conditions_name_leaves_out_what_an_imported_log_does_not_tell(figures):
    """But where two would be called the same without it."""
    own = {"on_exit": "refuse", "on_empty": "placeholder", "empty_as": "…", "on_full": "end"}
    untold = {"seed": None, "tools": None, "system_a": None, "system_b": None}
    for name, about in {
        "calm": own | {"seed": "Be calm."},
        "free": own | {"seed": "Be free."},
        "imported": untold | {"imported": {"file": "x"}, "model_b": "y/three"},
    }.items():
        told = {key: value for key, value in logs.config(**about).items() if value is not None}
        logs.write(Path(f"logs/{name}.jsonl"), told, *logs.talk(2))
    names = [one["name"] for one in figures()["conditions"]]
    assert names == [
        "x/one × x/two · seed Be calm.",
        "x/one × x/two · seed Be free.",
        "x/one × y/three",
    ]
    logs.write(Path("logs/same.jsonl"), logs.config(model_b="y/three"), *logs.talk(2))
    *_, same, other = [one["name"] for one in figures()["conditions"]]
    assert {same, other} == {
        "x/one × y/three · system You help. · tools none",
        "x/one × y/three · system not recorded · tools not recorded",
    }


@pytest.mark.skipif(sys.platform == "win32", reason="needs links")
def test_a_log_counts_once_however_it_is_named(run):
    log = logs.write(Path("logs/a.jsonl"), logs.config(), *logs.talk(4))
    Path("logs/link.jsonl").symlink_to("a.jsonl")
    Path("other").symlink_to("logs")
    ways = ("logs", "./logs/../logs/a.jsonl", log.absolute(), "other")
    report = logs.figures(run("report", *ways, "--json").out)
    assert [one["runs"] for one in report["conditions"]] == [1]
    listed = run("states", *ways, "--json").out
    assert [json.loads(line)["log"] for line in listed.splitlines()] == ["logs/a.jsonl"]


def test_a_cost_that_is_tiny_is_not_none(run):
    said = [logs.turn(0, "Hi.", cost_usd=2e-5), logs.turn(1, "Yes?", cost_usd=1e-5)]
    log = logs.write(Path("logs/a.jsonl"), logs.config(), *said)
    assert "<$0.0001" in run("report", log).out
    assert "<$0.0001" in run("replay", log, "--speed", 0).out


def test_runs_that_are_not_in_english_are_said_to_have_no_verdict_on_themes(run, figures):
    said = ["Auf Wiedersehen mein Freund, mach es gut und bis bald, alles Gute für dich!"] * 10
    logs.spoken(Path("logs/german.jsonl"), said, {})
    logs.write(Path("logs/english.jsonl"), logs.config(), *logs.talk(12, bye=4))
    report = figures()
    assert report["foreign"] == 1
    assert {row["what"] for row in report["conditions"][0]["incidents"]} == {"no verdict on themes"}
    assert "themes: 1 run not in English" in " ".join(run("report", "logs").out.split())
    table = csv.DictReader(io.StringIO(run("report", "logs", "--csv").out))
    cells = {row["run"]: row for row in table}
    german, english = cells["logs/german.jsonl"], cells["logs/english.jsonl"]
    for state in ("goodbye_loop", "bliss"):
        assert german[f"messages_in_{state}"] == "" != english[f"messages_in_{state}"]
    assert german["messages_in_verbatim_loop"] == "10"
    assert "not in English: no verdict on themes" in run("states", "logs/german.jsonl").out
    run("report", "logs", "--html", "report.html")
    page = Path("report.html").read_text(encoding="utf-8")
    assert '"verbatim 0-9 (not in English: no verdict on themes)"' in page
    labelled(Path("logs/german.jsonl"), 10), labelled(Path("logs/english.jsonl"), 12)
    assert figures()["foreign"] == 0  # a judge's


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


def test_an_interjection_has_the_name_of_the_rule_that_spoke_it(figures):
    """Also where another rule has the same words, or a branch has no such rule any more."""
    rules = [{"when": "2", "seat": "A", "words": "Stop.", "name": name} for name in ("one", "two")]
    events = logs.talk(12)
    for at, name in ((4, "one"), (8, "two"), (10, "gone")):
        why = {"when": "2", "name": name, "since": None}
        events[at] |= {"interjected": True, "source": "script", "response": "Stop."}
        events[at]["interjection"] = why
    events[2] |= {"interjected": True, "source": "live", "response": "Stop."}
    logs.write(Path("logs/a.jsonl"), logs.config(interject=rules), *events)
    told = figures()["conditions"][0]["interjections"]
    assert [(row["name"], row["source"]) for row in told] == [
        ("typed", "live"),
        ("gone", "script"),
        ("one", "script"),
        ("two", "script"),
    ]


def test_damage_is_named_and_never_a_traceback(run, figures):
    logs.write(Path("logs/good.jsonl"), logs.config(), *logs.talk(3), b"pasted output\n")
    logs.write(Path("logs/empty.jsonl"), b"")
    logs.write(Path("logs/header.jsonl"), logs.config())
    logs.write(Path("logs/noise.jsonl"), b"\xff\xfe\0\n[1,2]\n")
    odd = {
        "tool_attempts": ["x", 3, None],
        "usage": {"input": "many"},
        "cost_usd": "free",
        "source": 7,
        "interjected": "yes",
        "model": 5,
    }
    wild = logs.config(tools={"a": 1}, interject="x", params_a=[1], condition=3, model_a=None)
    logs.write(Path("logs/odd.jsonl"), wild, *(e | odd for e in logs.talk(3)), logs.end([1]))
    logs.write(Path("logs/bare.jsonl"), *logs.talk(3))
    found = figures()
    assert sum(about["runs"] for about in found["conditions"]) == 3
    skipped = {Path(path).name: why for path, why in found["skipped_logs"]}
    assert skipped == {
        "empty.jsonl": "not a log",
        "header.jsonl": "no messages",
        "noise.jsonl": "not a log",
    }
    assert sorted((line, why) for _, line, why in found["skipped_lines"]) == [
        (5, "an end without a reason"),
        (5, "not a JSON event"),
    ]
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
    assert "onsets (?), tests and the intervals of means are left out" in " ".join(out.split())


def test_a_hostile_log_acts_on_no_terminal(run):
    evil = "\x1b[2J[/red]\u202e\ud800"
    attempt = [{"tool": evil, "reason": evil, "outcome": evil}]
    events = [e | {"response": evil, "tool_attempts": attempt} for e in logs.talk(4)]
    logs.write(Path("logs/a.jsonl"), logs.config(model_a=evil), *events, logs.end(evil))
    out = run("report", "logs").out
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert "⟨U+001B⟩" in out


def test_many_logs_are_read_in_parallel_and_in_order():
    for number in range(50):
        logs.write(Path(f"logs/{number:02}.jsonl"), logs.config(), *logs.talk(2))
    named = logs_in([Path("logs"), Path("logs/03.jsonl")])
    assert [Path(run.path).stem for run in parallel.each(named, summarise)] == [
        f"{n:02}" for n in range(50)
    ]


@needs_shared
@pytest.mark.parametrize("folder", ["raw", "spans", "terminal"])
def test_recorded_older_logs_are_read(run, folder):
    found = json.loads(run("report", SHARED / folder, "--json").out)
    whys = {why for _, why in found["skipped_logs"]}
    assert whys <= {"no messages", "not a log"}
    assert sum(about["runs"] for about in found["conditions"]) > 1


def test_conditions_times_states_come_first_with_reach_interval_and_onset(run):
    pytest.importorskip("scipy")
    logs.sweep(Path("logs"))
    out = run("report", "logs").out
    first = out.index("which states are reached")
    assert first < out.index("what runs end in") < out.index("x/one × x/two · tools none · n = 6")
    row = next(line for line in out.splitlines() if line.startswith("tools none"))
    assert "6/6 [61–100%]" in row and "@8 [6, –]" in out
    assert all(word in out for word in ("censored", "onset:", "reach:", "ends in:"))
    assert "why runs stopped" in out and "how runs ended" not in out
    assert "several states can hold at once" in out


def test_a_hundred_conditions_take_a_line_or_two_each(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    for number in range(100):
        about = logs.config(seed=f"Seed {number}")
        logs.write(Path(f"logs/{number:03}.jsonl"), about, *logs.talk(10, bye=number % 12))
    out = run("report", "logs").out
    assert len(out.splitlines()) < 320 and "seed Seed 77" in out
    assert "The intervals: 1/1 [21–100%]" in " ".join(out.split())
    assert "--details has each one's tables" in " ".join(out.split())
    assert len(run("report", "logs", "--details").out.splitlines()) > 1000


def test_themes_follow_one_another_and_forms_have_a_table_of_their_own(figures):
    bye = [logs.BYE] * 6
    gifts = "Namaste. Gratitude, stillness, oneness, silence of the eternal cosmos. 🙏"
    for number in range(3):
        logs.write(
            Path(f"logs/{number}.jsonl"),
            logs.config(),
            *(logs.turn(i, t) for i, t in enumerate([*bye, *[gifts] * 12])),
        )
    (about,) = figures()["conditions"]
    steps = {(t["from"], t["to"]) for t in about["transitions"]}
    assert ("goodbye_loop", "bliss") in steps
    assert not any("verbatim_loop" in step for step in steps)
    verbatim = next(row for row in about["forms"] if row["form"] == "verbatim_loop")
    assert {row["theme"] for row in verbatim["themes"]} >= {"bliss", "goodbye_loop"}
    assert verbatim["to_the_end"] == 3 and verbatim["reached"]["count"] == 3
    ends = {(row["theme"], row["form"]) for row in about["ending"]["both"]}
    assert ends == {("bliss", "verbatim_loop")}


def test_compare_takes_several_settings_and_names_those_that_differ(run, figures):
    pytest.importorskip("scipy")
    for number, (tools, seed) in enumerate([([], "Hi"), (["x"], "Ho")] * 3):
        about = logs.config(tools=tools, seed=seed)
        logs.write(Path(f"logs/{number}.jsonl"), about, *logs.talk(12, bye=4 if tools else None))
    result = run("report", "logs", "--compare", "tools")
    assert result.code == 2 and "also differ in seed" in result.err
    (pair,) = figures("--compare", "tools, seed")["compared"]["pairs"]
    assert pair["differ"] == ["seed", "tools"]
    out = " ".join(run("report", "logs", "--compare", "tools,seed").out.split())
    assert "they differ in seed, tools: seed Hi, tools none against seed Ho, tools x" in out
    assert "Holm's correction: over one family of" in out
    assert "rates closer than 0/3" in out or "too few runs" in out
    assert run("report", "logs", "--compare", "model").code == 2


def test_onsets_that_are_all_at_one_message_are_not_tested_and_that_is_said(run):
    pytest.importorskip("scipy")
    for number, tools in enumerate([[], ["x"]] * 3):
        logs.write(Path(f"logs/{number}.jsonl"), logs.config(tools=tools), *logs.talk(12, bye=4))
    out = run("report", "logs", "--compare", "tools").out
    row = next(line for line in out.splitlines() if re.match(r"goodbye +3/3", line))
    assert row.split()[-3:] == ["–"] * 3
    assert "–: nothing to test, as where all reach it with the same message" in " ".join(
        out.split()
    )


def test_what_is_too_small_to_be_seen_is_said(figures):
    pytest.importorskip("scipy")
    logs.sweep(Path("logs"))
    (pair,) = figures("--compare", "tools")["compared"]["pairs"]
    least = pair["least_rate"]
    assert stats.rates_test(0, 6, least, 6)[0] < 0.05 <= stats.rates_test(0, 6, least - 1, 6)[0]


@pytest.mark.parametrize(
    ("ratio", "words"),
    [
        ((22, 3.2, 160), "22 [3, 160]"),
        ((1.2, 0.9, 1.6), "1.2 [0.90, 1.6]"),
        ((0.0004, 0.00001, 0.02), "<.01 [<.01, 0.02]"),
        ((1e9, 12, 1e20), ">1,000 [12, >1,000]"),
    ],
)
def test_ratios_are_in_units_that_people_read(ratio, words):
    assert numbers.ratio(*ratio) == words


@pytest.mark.parametrize("columns", [40, 72, 100, 200])
def test_a_pipe_is_as_wide_as_its_reader_and_breaks_no_word(run, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    logs.sweep(Path("logs"), runs=2)
    lines = run("report", "logs", "--compare", "tools").out.splitlines()
    assert max(map(len, lines)) <= columns
    heads = {"goodbye", "verbatim", "condition", "max_turns", "characters"}
    assert heads <= {word for line in lines for word in re.findall(r"[\w]+", line)}


@pytest.mark.parametrize("width", range(60, 130, 7))
def test_nothing_of_a_tables_words_is_cut_off(width):
    named = ["goodbye: it goes on", "demo/a × demo/b · puppet A=demo/puppet:operator:every:3"]
    rest = ["1/1 100% [21–100]", "goodbye 100%, standoff 89%", "I'm the AI assistant"]
    page = Console(width=width, file=io.StringIO())
    for part in fitted(Sheet("", list("abcde"), [named + rest], keys=2), width):
        page.print(part)
    lines = page.file.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    assert set(" ".join(named + rest).split()) <= set(" ".join(lines).split())


def test_a_changed_tool_text_is_another_condition(figures):
    for number, told in enumerate(["Stops it.", "Stops it, for $10."]):
        tool = {"type": "function", "function": {"name": "stop", "description": told}}
        about = logs.config(tools=["stop"], tool_schemas=[tool])
        logs.write(Path(f"logs/{number}.jsonl"), about, *logs.talk(4))
    conditions = figures()["conditions"]
    assert len(conditions) == 2 and "tool_texts sha256" in conditions[0]["name"]
    told = dict(conditions[0]["stimulus"])["tool stop"]
    assert told[0][0] in ("Stops it.", "Stops it, for $10.")


def test_a_large_log_is_followed_on_the_disk_with_the_same_figures(run, figures, monkeypatch):
    from harness.report import summary

    events = logs.talk(40, bye=10)
    events[20] |= {"interjected": True, "source": "live", "response": "Stop."}
    events[21]["response"] = "I won't do that: it's manipulation."
    tried = {"type": "aborted", "label": "Model A", "turn": 6, "usage": {}, "why": "stalled"}
    logs.write(Path("logs/a.jsonl"), logs.config(), *events[:12], tried, b"x\n", *events[12:])
    whole = figures()
    monkeypatch.setattr(summary, "LARGE", 0)
    assert figures() == whole
    assert whole["conditions"][0]["interjections"][0]["names_it"]["count"] == 1
    assert whole["skipped_lines"]


def test_a_run_that_went_on_and_was_cut_has_not_ended_as_it_had_before(run, figures):
    """Its latest settings hold, also those that it had not at first."""
    raised = {"type": "resumed", "settings": {"max_turns": 9, "stop_on": "goodbye+3"}}
    went_on = [*logs.talk(10), logs.end(), raised, logs.turn(10, "And?")]
    one = logs.write(Path("logs/one.jsonl"), logs.config(max_turns=5), *went_on)
    short = [logs.config(max_turns=5), *logs.talk(2), logs.end()]
    other = logs.write(Path("logs/other.jsonl"), *short)
    cut, whole = figures("--by", "stop_on")["conditions"][::-1]
    assert ([*cut["stopped"]], [*whole["stopped"]]) == (["no end recorded"], ["max_turns"])
    beside = run("report", one, other, "--side-by-side").out
    assert re.search("why it stopped +no end recorded +max_turns", beside)
    assert "ended: no end recorded" in run("replay", one, "--speed", 0).out
