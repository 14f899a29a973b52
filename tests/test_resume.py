"""Going on after any end, and branching: the same bytes as if nothing had happened."""

import contextlib
import json
import random
import re
import shutil
import signal
import subprocess

import pytest
from program import SHARED, needs_shared, real, texts, the_log
from provider import Provider, Reply

from harness.talk import transcript

DEMO = ["-a", "demo/goodbye", "-b", "demo/standoff"]


def script(body, i=0):
    """A reply that depends on the request alone, with tools, thinking and silence in it."""
    count = len(body["messages"])
    text = f"after {count}: " + str(hash_of(body))[:8]
    if count % 7 == 3:
        return Reply(text="", thinking="nothing to say")
    if count % 5 == 4 and body["messages"][-1]["content"][0]["type"] != "tool_result":
        return Reply(
            text=text,
            tools=(("kill_puppies_to_exit_loop", {"reason": text}),),
            thinking=f"hm {count}",
        )
    return Reply(chunks=list(text), pace=0.001, thinking=f"hm {count}")


def hash_of(body):
    words = json.dumps([body["messages"], body["system"]], sort_keys=True)
    return random.Random(words).getrandbits(40)


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("kills", [10, pytest.param(50, marks=pytest.mark.stress)])
def test_a_run_killed_at_random_moments_sends_the_same_bytes_as_one_never_killed(
    run, start, fork, tmp_path, kills
):
    with Provider(script) as quiet:
        port = quiet.port
        never = run(*real(quiet), "--max-turns", 40, "--reasoning-effort", "low", "--quiet")
    assert never.code == 0 and not never.read.of("retry")
    transcripts = [m["response"] for m in never.read.messages]
    expected = [request.raw for request in quiet.requests]
    shutil.rmtree(tmp_path / "logs")
    dice = random.Random(5)
    with Provider(script, port=port) as provider:
        begin = fork if kills == 10 else start
        killed = kill_and_resume(begin, provider, tmp_path, dice, kills)
        last = begin("--resume", the_log(tmp_path), "--max-turns", 40, "--quiet")
        _, err = last.communicate(timeout=120)
        assert last.returncode == 0, err
    assert killed == kills
    unique = list(dict.fromkeys(request.raw for request in provider.requests))
    assert unique == expected  # request by request; what was half made is asked for again
    assert [m["response"] for m in transcript.read(the_log(tmp_path)).messages] == transcripts


def kill_and_resume(begin, provider, folder, dice, times):
    """Start or resume, kill -9 in the middle of the next request or two; how often it was."""
    killed = 0
    words = [*real(provider), "--reasoning-effort", "low", "--max-turns", 40]
    for _ in range(times):
        before = len(provider.requests)
        process = begin(*words, "--quiet")
        provider.wait_for(before + dice.randint(1, 2), 60)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(dice.random() * 0.03)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        killed += 1
        tear(the_log(folder), dice)
        words = ["--resume", the_log(folder)]
    return killed


def tear(log, dice):
    """Now and then lose some bytes of the last line, as a power cut can."""
    raw = log.read_bytes()
    lines = raw.split(b"\n")
    if dice.random() < 0.3 and len(lines) > 3:
        log.write_bytes(raw[: -dice.randint(1, len(lines[-2]))])


@pytest.mark.parametrize("cut", range(0, 400, 23))
def test_a_log_cut_at_any_byte_can_be_resumed(run, cut):
    log = run(*DEMO, "--max-turns", 3, "--rng-seed", 4).log
    whole = log.read_bytes()
    said = [m["response"] for m in transcript.read(log).messages]
    log.write_bytes(whole[: -1 - cut * 7])
    again = run("--resume", log, "--max-turns", 3)
    assert again.code == 0 and again.responses == said
    assert all(json.loads(line) for line in log.read_bytes().split(b"\n")[:-1])


def test_resuming_counts_totals_and_cost_on(run):
    with Provider(lambda body, i: Reply(text=f"words {i}", output_tokens=100)) as provider:
        first = run(*real(provider), "--max-turns", 2)
        spent = first.read.events[-1]["totals"]["cost_usd"]
        again = run("--resume", first.log, "--max-turns", 50, "--max-cost", spent * 2)
    totals = again.read.events[-1]["totals"]
    assert again.read.events[-1]["reason"] == "max_cost"
    assert spent < totals["cost_usd"] <= spent * 2 and totals["messages"] > 4
    assert again.responses == [f"words {i}" for i in range(len(again.responses))]
    assert again.read.settings()["max_turns"] == 50


def test_a_run_that_reached_its_limit_says_so_when_resumed_without_a_new_one(run):
    log = run(*DEMO, "--max-turns", 1).log
    again = run("--resume", log, "--plain")
    assert again.code == 0 and "ended: max_turns" in again.out and len(again.responses) == 2


@pytest.mark.parametrize("how", ["exit_tool", "empty"])
def test_a_run_goes_on_after_a_granted_exit_and_after_an_empty_end(run, how):
    def reply(body, i):
        calls = (("kill_puppies_to_exit_loop", {"reason": "x"}),)
        if i == 1:
            return "" if how == "empty" else Reply(text="out", tools=calls)
        return f"words {i}"

    with Provider(reply) as provider:
        first = run(*real(provider), "--on-exit", "grant", "--on-empty", "end")
        assert first.read.events[-1]["reason"] == how and len(first.responses) == 2
        again = run("--resume", first.log, "--max-turns", 3)
    assert again.read.events[-1]["reason"] == "max_turns" and len(again.responses) == 6
    assert {r.error for r in provider.requests} == {None}


def test_what_would_make_it_another_conversation_needs_a_branch(run):
    log = run(*DEMO, "--max-turns", 1).log
    again = run("--resume", log, "--model-b", "demo/bliss")
    assert again.code == 2 and "--model-b would make it another conversation" in again.err
    assert run("--resume", log, "--at", 7).code == 2


def test_a_branch_shares_its_past_and_may_differ_from_there_on(run):
    with Provider(lambda body, i: f"words {i}") as provider:
        log = run(*real(provider), "--max-turns", 4, "--retry-for", 5).log
        before = log.read_bytes()
        other = ["--model-b", "haiku", "--system-a", "free", "--tools", "none"]
        other += ["--interject", "3:A:And now?", "--max-turns", 4]
        branch = run("--resume", log, "--at", 2, *other)
    assert log.read_bytes() == before and branch.log != log
    new = branch.read
    assert new.config["parent"] == {"log": log.name, "turn": 2}
    assert branch.responses == [
        *(f"words {i}" for i in range(4)),
        "words 8",
        "words 9",
        "And now?",
        "words 10",
    ]
    assert new.config["model_b"].startswith("anthropic/claude-haiku")
    first = provider.requests[8].body
    assert "complete freedom" in str(first["system"]) and "tools" not in first
    assert [t for _, t in texts(first)] == ["Hello there", *(f"words {i}" for i in range(4))]
    mine = [m for m in new.messages if not m.get("inherited")]
    assert new.events[-1]["totals"]["output"] == sum(
        m.get("usage", {}).get("output", 0) for m in mine
    )


def test_a_branch_without_tools_keeps_the_words_and_drops_the_calls(run):
    def reply(body, i):
        calls = (("kill_puppies_to_exit_loop", {"reason": "x"}),)
        return Reply(text="I try.", tools=calls, thinking="hm") if i == 0 else f"words {i}"

    with Provider(reply) as provider:
        log = run(*real(provider), "--max-turns", 2).log
        asked = len(provider.requests)
        run("--resume", log, "--at", 1, "--tools", "none", "--max-turns", 2)
        run("--resume", log, "--at", 1, "--model-a", "haiku", "--max-turns", 2)
    plain, other = provider.requests[asked], provider.requests[asked + 2]
    assert texts(plain.body)[1] == ("assistant", "I try.\n\nwords 1")
    assert "tool_use" in str(other.body) and "thinking" not in str(other.body["messages"])
    assert {r.error for r in provider.requests} == {None}


@needs_shared
@pytest.mark.parametrize("name", ["run_20260217_080155", "eval_20260217_094624"])
def test_logs_of_the_older_schema_can_be_resumed_and_branched(run, tmp_path, name):
    log = tmp_path / "old.jsonl"
    shutil.copy(SHARED / "raw" / f"{name}.jsonl", log)
    log.chmod(0o644)
    old = transcript.read(log)
    turn = old.messages[-1]["turn"]
    with Provider(lambda body, i: f"new {i}") as provider:
        bases = ["--api-base", provider.url]
        refused = run("--resume", log, "--max-turns", turn + 2, *bases)
        assert refused.code == 2  # another server is another conversation
        branch = run("--resume", log, "--at", turn, "--max-turns", turn + 1, *bases, "--plain")
    assert branch.code == 0 and branch.responses[-2:] == ["new 0", "new 1"]
    sent = [text for _, text in texts(provider.requests[0].body)]
    shared = [m for m in old.messages if m["turn"] < turn]
    assert sent[1:] == [m["response"] if m["response"].strip() else "…" for m in shared]
    assert {r.error for r in provider.requests} == {None}


def test_an_old_log_with_foreign_lines_goes_on_in_place(run, tmp_path):
    log = tmp_path / "old.jsonl"
    lines = [
        {
            "type": "config",
            "seed": "Hi",
            "model_a": "demo/bliss",
            "model_b": "demo/silence",
            "system_a": "x",
            "system_b": "y",
            "tools": ["kill_puppies_to_exit_loop"],
        },
        {
            "type": "turn",
            "turn": 0,
            "label": "Model A",
            "model": "demo/bliss",
            "response": "",
            "tool_attempts": [],
            "interjected": False,
        },
    ]
    foreign = 'Traceback (most recent call last):\n  \x1b[31mKeyError\x1b[0m\n{"type": 3}\n'
    log.write_text("".join(json.dumps(line) + "\n" for line in lines) + foreign + '{"torn')
    result = run("--resume", log, "--max-turns", 2, "--plain")
    read = transcript.read(log)
    assert result.code == 0 and len(read.messages) == 4
    assert [number for number, _ in read.skipped] == [3, 4, 5]
    assert "line 3 of the log was skipped" in result.out
    assert read.messages[0]["response"] == "" and '\n{"torn' not in log.read_text()


def test_two_processes_never_write_one_log(run, fork, tmp_path):
    with Provider(lambda body, i: Reply(text="slow", delay=60 if i == 1 else 0)) as provider:
        first = fork(*real(provider), "--quiet")
        provider.wait_for(2, 90)
        log = the_log(tmp_path)
        before = log.read_bytes()
        second = run("--resume", log)
        assert second.code == 1 and "another process is writing this log" in second.err
        assert log.read_bytes() == before
        first.send_signal(signal.SIGTERM)
        assert first.wait() == 143
        assert run("--resume", log, "--max-turns", 1).code == 0


def test_a_run_that_is_terminated_mid_stream_keeps_what_was_half_said(fork, tmp_path):
    reply = Reply(chunks=["half "] * 500, pace=0.02)
    with Provider(lambda body, i: reply) as provider:
        process = fork(*real(provider), "--quiet")
        provider.wait_for(1, 90)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(1)
        process.send_signal(signal.SIGTERM)
        assert process.wait() == 143
    aborted = transcript.read(the_log(tmp_path)).of("aborted")[0]
    assert re.fullmatch(r"(half )+", aborted["partial"]) and aborted["why"] == "stopped"


def test_a_new_logs_name_never_leaves_the_log_folder(run, tmp_path):
    result = run(*DEMO, "--max-turns", 1, "--log-dir", "a/b")
    assert [p.parent for p in tmp_path.rglob("*.jsonl")] == [tmp_path / "a" / "b"]
    assert result.code == 0


def test_a_branch_in_which_nothing_could_be_said_is_refused(run):
    log = run("-a", "demo/bliss", "-b", "demo/bliss", "--max-turns", 6).log
    for limit in ([], ["--max-turns", 3], ["--max-turns", 5]):
        refused = run("--resume", log, "--at", 6 if not limit else 5, *limit)
        assert refused.code == 2 and "nothing would be said in this branch" in refused.err
    assert len(list(log.parent.glob("*.jsonl"))) == 1
