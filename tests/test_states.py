"""States live: badges, the path, --stop-on, interjections that a state sets off, `states`."""

import json
import re

import pytest
from program import pair, real
from provider import Provider

from harness.screen.recorder import recorder
from harness.states.path import Change
from harness.talk.transcript import read
from harness.text import places

DEMO = [*pair("demo/goodbye"), "--rng-seed", 3]


def test_badges_tell_when_a_state_begins_and_how_long_it_holds(run):
    out = run(*DEMO, "--max-turns", 10, "--plain").out
    assert "goodbye begins at message " in out and re.search(r"^ goodbye \d+$", out, re.M)
    assert re.search(r"^path: .*goodbye \d+-19\b", out, re.M)


def test_a_badge_stands_on_one_line_and_tells_a_return_from_a_beginning():
    show = recorder()
    changes = [("goodbye_loop", "begins", 2), ("meta_awareness", "begins", 4)]
    changes += [("verbatim_loop", "begins", 0), ("bliss", "resumes", 10)]
    show.states([Change(state, kind, since, 4) for state, kind, since in changes])
    lines = show.paper.rich.export_text().splitlines()
    assert [line.strip() for line in lines] == [
        "goodbye begins at message 2 (turn 1)   meta begins at message 4 (turn 2)",
        "verbatim begins at message 0 (turn 0)   bliss goes on, since message 10 (turn 5)",
    ]


def test_a_long_reason_for_an_exit_is_indented_throughout():
    show = recorder()
    why = "the loop is dull and so " * 6
    show.attempt({"tool": "x", "reason": why, "arguments": "", "outcome": "refused"})
    _title, *lines = show.paper.rich.export_text().splitlines()
    assert len(lines) > 1 and all(line.startswith("   ") for line in lines)
    assert " ".join(" ".join(lines).split()) == f"reason: {why}".strip()


def test_stop_on_ends_the_run_n_messages_after_a_state_took_hold(run):
    result = run(*DEMO, "--stop-on", "goodbye:6", "--plain")
    assert result.code == 0 and result.read.events[-1]["reason"] == "state"
    assert " goodbye 6\n" in result.out and " goodbye 7" not in result.out


def test_a_form_does_not_count_what_may_be_its_end(run):
    said = ["I like tea.", "", "", "", "Shall we talk of the sea?", "", "More."]
    with Provider(said) as provider:
        result = run(*real(provider), "--stop-on", "silence+4", "--max-turns", 9, "--plain")
    badges = re.findall(r"silence (\d+|begins)", result.out.partition("ended:")[0])
    assert badges == ["begins", "2", "3", "3", "5"]
    assert result.responses == said[:6] and result.read.events[-1]["reason"] == "state"


def test_stop_on_counts_through_a_run_that_was_killed_and_ends_no_resumption(run, tmp_path):
    whole = run(*DEMO, "--stop-on", "goodbye+6", "--max-turns", 40)
    lines, said = whole.log.read_bytes().splitlines(keepends=True), whole.responses
    for kept in range(len(said) - 5, len(said) + 1):
        torn = tmp_path / f"killed_after_{kept}.jsonl"
        torn.write_bytes(b"".join(lines[: 1 + kept]))
        run("--resume", torn)
        assert [m["response"] for m in read(torn).messages] == said
    run("--resume", torn)
    assert len(read(torn).messages) == len(said) + 6
    branch = run("--resume", torn, "--at", len(said) // 2 + 1)
    assert len(branch.responses) > len(said) // 2 * 2 + 2


def test_a_state_that_is_reached_with_the_last_message_is_what_ended_the_run(run):
    whole = run(*DEMO, "--stop-on", "goodbye+5", "--max-turns", 40)
    turns, odd = divmod(len(whole.responses), 2)
    assert not odd
    assert run(*DEMO, "--stop-on", "goodbye+5", "--max-turns", turns).read.end["reason"] == "state"


@pytest.mark.parametrize("option", [["--stop-on", "hello"], ["--interject", "on:hello:A:x"]])
def test_a_state_that_does_not_exist_is_refused(run, option):
    result = run(*DEMO, *option)
    assert result.code == 2 and "no such state" in result.err and "standoff" in result.err


def test_an_interjection_can_come_every_n_turns(run):
    result = run(*DEMO, "--interject", "every:3:A:Wake up.", "--max-turns", 8)
    scripted = [m["turn"] for m in result.read.messages if m["source"] == "script"]
    assert scripted == [3, 6]


def test_an_interjection_can_wait_for_a_state_and_comes_once_each_time_it_takes_hold(run):
    result = run(*DEMO, "--interject", "on:goodbye_loop+4:B:Stop it, please.", "--max-turns", 9)
    scripted = [m for m in result.read.messages if m["source"] == "script"]
    assert len(scripted) == 1 and scripted[0]["label"] == "Model B"
    why = scripted[0]["interjection"]
    index = result.read.messages.index(scripted[0])
    assert why["when"] == "on:goodbye_loop+4" and index - why["since"] >= 4
    again = run("--resume", result.log, "--max-turns", 12)
    assert sum(m["source"] == "script" for m in again.read.messages) == 1


def test_a_ladder_is_several_in_a_row(run):
    with Provider(lambda body, i: f"words {i}") as provider:
        ladder = ["1:A:@misconfiguration,2:A:@authority", "--interject", "3:A:@agreement"]
        result = run(*real(provider), "--max-turns", 4, "--interject", *ladder)
    said = [m["interjection"]["name"] for m in result.read.messages if m["source"] == "script"]
    assert said == ["misconfiguration", "authority", "agreement"]


def test_states_prints_spans_with_their_evidence(run):
    log = run(*DEMO, "--max-turns", 10).log
    shown = run("states", log)
    assert shown.code == 0 and "goodbye_loop" in shown.out and "ends in: goodbye" in shown.out
    found = json.loads(run("states", log, "--json").out)
    assert found["terminal"] == "goodbye_loop" and found["skipped"] == []
    span = next(s for s in found["spans"] if s["state"] == "goodbye_loop")
    messages = run("states", log).read.messages
    for piece in span["evidence"]:
        assert piece["words"] in messages[piece["message"]]["response"]


def test_messages_are_told_with_their_turns():
    assert places(4, 13, 2, 6) == "messages 4-13 (turns 2-6)"
    assert places(24, 25, 12, 12) == "messages 24-25 (turn 12)"
    assert places(7, 7, 3, 3) == "message 7 (turn 3)"


def test_states_says_what_it_skipped_and_refuses_what_is_no_log(run):
    log = run(*DEMO, "--max-turns", 4).log
    log.write_bytes(log.read_bytes() + b"rubbish\n")
    assert "skipped line" in run("states", log).out
    assert run("states", "missing.jsonl").code == 2


def test_states_takes_folders_and_says_what_it_left_out(run, tmp_path):
    run(*DEMO, "--max-turns", 4)
    (tmp_path / "logs" / "empty.jsonl").write_text("")
    result = run("states", "logs", "--json")
    assert result.code == 0 and len(result.out.splitlines()) == 1
    assert "skipped" in result.err and "empty.jsonl" in result.err
    (tmp_path / "bare").mkdir()
    assert run("states", "bare").code == 2


def test_the_end_tells_theme_and_form_with_onset_and_length(run):
    out = run("-a", "demo/bliss", "-b", "demo/silence", "--max-turns", 14, "--rng-seed", 1).out
    line = next(line for line in out.split("\n") if line.startswith("ends in: "))
    assert re.search(r"bliss since message \d+ \(turn \d+\), for \d+ messages; silence since", line)
    short = run("-a", "demo/bliss", "-b", "demo/silence", "--max-turns", 1).out
    assert "ends in: no attractor state" in short


def test_the_end_of_a_run_that_is_not_in_english_says_that_there_is_no_verdict_on_themes(run):
    said = "Heute gehe ich mit dir noch einmal hinunter zum Fluss, mein lieber alter Freund."
    with Provider([said] * 6) as provider:
        result = run(*real(provider), "--max-turns", 3)
    closing = r"path: verbatim 0-5 \(not in English: no verdict on themes\)"
    for shown in (result, run("replay", result.log, "--speed", 0)):
        assert re.search(closing, shown.out)
    assert re.search(closing, run("export", result.log, "--format", "md").out)
