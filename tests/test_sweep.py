"""Sweeps: the grid, what is done again and what not, limits on money and on speed."""

import asyncio
import contextlib
import errno
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path

import pytest
from program import KEY, real
from provider import Provider, Reply, cut, status
from streams import anthropic

from attractor import Conversation
from harness import prompts
from harness.models import catalogue
from harness.models.failures import Failure
from harness.models.gate import Gate
from harness.models.seat import Seat
from harness.states.names import SHORT
from harness.sweep.display import Display
from harness.sweep.run import Run
from harness.talk import transcript
from harness.talk.log import Log, LogBusy, alone

DEMO = ["sweep", "-a", "demo/goodbye", "-b", "demo/bliss", "--max-turns", 2, "--name", "s"]


def logs(folder):
    """Every log of the sweep `s` by name."""
    return {path.stem: transcript.read(path) for path in sorted(folder.glob("s/*.jsonl"))}


def swept(provider, *arguments):
    """The arguments of a sweep over the fake provider."""
    return ["sweep", *real(provider), "--max-turns", 2, "--name", "s", *arguments]


def test_the_grid_is_every_combination_times_the_repeats(run):
    result = run(
        "sweep",
        "-a",
        "demo/goodbye",
        "demo/bliss",
        "-b",
        "same",
        "--runs",
        2,
        "--tools",
        "none",
        "all",
        "--max-turns",
        1,
        "--name",
        "s",
    )
    assert result.code == 0 and "8 done; free" in result.out
    configs = [log.config for log in logs(result.folder).values()]
    cells = Counter((c["condition"]["model_a"], c["condition"]["tools"]) for c in configs)
    assert cells == {(m, t): 2 for m in ("demo/goodbye", "demo/bliss") for t in ("none", "all")}
    assert all(c["model_a"] == c["model_b"] == c["condition"]["model_a"] for c in configs)
    assert all(
        c["sweep"] == "s" and bool(c["tools"]) == (c["condition"]["tools"] == "all")
        for c in configs
    )


def test_interjections_are_values_of_the_grid_too(run):
    result = run(*DEMO, "--interject", "none", "0:B:Wake up!,1:A:Hm", "--temperature", 0, 1)
    found = logs(result.folder).values()
    spoken = Counter(sum(m["interjected"] for m in log.messages) for log in found)
    assert spoken == {0: 2, 2: 2}
    assert {log.config["params_a"]["temperature"] for log in found} == {0.0, 1.0}


def test_repeats_differ_and_come_out_the_same_another_time(run, tmp_path):
    said = []
    for folder in ("one", "two"):
        run(*DEMO, "--max-turns", 9, "--runs", 3, "--log-dir", tmp_path / folder)
        found = logs(tmp_path / folder).values()
        said.append([[m["response"] for m in log.messages] for log in found])
    assert said[0] == said[1] and len({json.dumps(words) for words in said[0]}) == 3


def test_a_sweep_counts_the_states_that_the_report_does(run):
    pair = ["-a", "demo/goodbye", "-b", "demo/collapse", "--rng-seed", 1]  # two hold at once
    result = run("sweep", *pair, "--runs", 4, "--max-turns", 20, "--name", "s", "--plain")
    said = Counter(" ".join(re.findall(r"40 messages  (.+?)  free", result.out)).split())
    (condition,) = json.loads(run("report", "logs/s", "--json").out)["conditions"]
    reached = {SHORT[s]: row["reached"]["count"] for s, row in condition["states"].items()}
    assert said == {state: count for state, count in reached.items() if count}
    assert 0 < said["standoff"] < 4


def test_the_same_command_again_does_only_what_is_missing(run):
    with Provider(lambda body, i: f"words {i}") as provider:
        folder = run(*swept(provider, "--runs", 3)).folder
        assert len(provider.requests) == 12
        before = {name: log.path.read_bytes() for name, log in logs(folder).items()}
        first = next(iter(logs(folder).values())).path
        first.unlink()
        result = run(*swept(provider, "--runs", 3))
    assert result.code == 0 and len(provider.requests) == 16
    after = logs(folder)
    assert all(
        after[name].path.read_bytes() == text for name, text in before.items() if name != first.stem
    )
    assert all(len(log.messages) == 4 for log in after.values())


def test_a_killed_sweep_is_finished_by_the_same_command(run, start, tmp_path):
    with Provider(lambda body, i: Reply(f"words {i}", delay=0.1)) as provider:
        command = swept(provider, "--runs", 6, "--concurrency", 4)
        process = start(*command)
        provider.wait_for(9, 90)
        process.kill()
        process.wait()
        result = run(*command)
    assert result.code == 0 and "6 done" in result.out
    for log in logs(tmp_path / "logs").values():
        assert [f"{m['turn']}{m['label'][-1]}" for m in log.messages] == ["0A", "0B", "1A", "1B"]
        assert log.events[-1]["reason"] == "max_turns" and not log.skipped


def test_ctrl_c_once_lets_messages_in_flight_finish(run, fork, tmp_path):
    with Provider(lambda body, i: Reply(f"words {i}", delay=0.5)) as provider:
        command = swept(provider, "--runs", 5, "--concurrency", 3)
        process = fork(*command)
        provider.wait_for(3, 90)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=120)
        assert process.returncode == 130 and err == ""
        assert len(provider.requests) == 3
        found = logs(tmp_path / "logs")
        assert [len(log.messages) for log in found.values()] == [1, 1, 1]
        assert all(log.events[-1]["reason"] == "stopped" for log in found.values())
        assert "3 stopped, 2 waiting" in out and "go on with what is missing: python" in out
        assert run(*command).code == 0
    assert [len(log.messages) for log in logs(tmp_path / "logs").values()] == [4] * 5
    assert len(provider.requests) == 20


def test_ctrl_c_lets_a_message_with_a_tool_call_get_its_result(fork, tmp_path):
    called = Reply(tools=(("make_intern_run_across_office", {"reason": "bored"}),), delay=0.5)
    with Provider([called, "Well then."]) as provider:
        process = fork(*swept(provider))
        provider.wait_for(1, 90)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)
        assert len(provider.requests) == 2
    (log,) = logs(tmp_path / "logs").values()
    assert [m["response"] for m in log.messages] == ["Well then."]
    assert log.messages[0]["tool_attempts"][0]["outcome"] == "refused"


def test_ctrl_c_lets_a_tool_round_wait_for_a_full_gate(fork, tmp_path):
    def reply(body, i):
        if i < 4:
            return Reply(fault=status(429, retry_after=0))  # from here on two at a time
        if "tool_result" in json.dumps(body["messages"][-1]):
            return "After the tool."
        if i == 4:
            return Reply(tools=(("make_intern_run_across_office", {"reason": "bored"}),), delay=0.5)
        return Reply("words", delay=2)

    with Provider(reply) as provider:
        process = fork(*swept(provider, "--runs", 4, "--concurrency", 4))
        provider.wait_for(7, 90)  # the caller's place at the gate is taken by another by now
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=120)
    found = logs(tmp_path / "logs").values()
    said = [m["response"] for log in found for m in log.messages]
    assert "After the tool." in said
    assert not [e for log in found for e in log.of("aborted") if e["tool_attempts"]]


def test_a_run_that_ends_by_itself_while_a_sweep_is_stopped_is_done(run, fork, tmp_path):
    with Provider(lambda body, i: Reply("", delay=0.5)) as provider:
        command = swept(provider, "--runs", 2, "--on-empty", "end")
        process = fork(*command)
        provider.wait_for(2, 90)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=120)
        assert process.returncode == 130 and "2 done" in out
        assert run(*command).code == 0 and len(provider.requests) == 2
    assert [log.end["reason"] for log in logs(tmp_path / "logs").values()] == ["empty"] * 2


def test_ctrl_c_twice_stops_now(fork, tmp_path):
    with Provider(lambda body, i: Reply("words", delay=60)) as provider:
        process = fork(*swept(provider, "--runs", 3))
        provider.wait_for(3, 90)
        while process.poll() is None:  # two signals in quick succession may arrive as one
            process.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(0.5)
        provider.wait_until(lambda: all(request.closed_early for request in provider.requests))
    assert process.returncode == 130
    found = logs(tmp_path / "logs").values()
    assert [log.events[-1]["reason"] for log in found] == ["stopped"] * 3
    assert [log.of("aborted")[0]["why"] for log in found] == ["stopped"] * 3


def test_a_changed_grid_is_refused_unless_it_may_be_extended(run):
    before = set(logs(run(*DEMO, "--tools", "none").folder))
    for changed in (["--tools", "all"], ["--runs", 2], ["--max-turns", 3], ["--seed", "Hi!"]):
        result = run(*DEMO, "--tools", "none", *changed)
        assert result.code == 2 and "--extend" in result.err
    result = run(*DEMO, "--tools", "none", "all", "--runs", 2, "--max-turns", 3, "--extend")
    found = logs(result.folder)
    assert result.code == 0 and len(found) == 4 and before < set(found)
    assert all(len(log.messages) == 6 for log in found.values())  # the old one went on
    assert run(*DEMO, "--tools", "none", "all", "--runs", 2, "--max-turns", 3).code == 0


def test_a_damaged_end_is_no_end_and_the_run_goes_on(run):
    folder = run(*DEMO, "--runs", 2).folder
    first, second = (log.path for log in logs(folder).values())
    first.write_bytes(
        first.read_bytes().rpartition(b"{")[0].rpartition(b"\n")[0] + b'\n{"type": "end"}\n'
    )
    second.write_bytes(
        second.read_bytes().replace(b'"cost_usd": 0.0, "tool', b'"cost_usd": "", "tool')
    )
    result = run(*DEMO, "--runs", 2)
    assert result.code == 0 and "2 done; free" in result.out


def opened(process, path):
    """Whether a process has opened a file, as Linux tells it; elsewhere there is time for that."""
    if sys.platform != "linux":
        time.sleep(2)
        return True
    files = Path(f"/proc/{process.pid}/fd").iterdir()
    return any(os.path.realpath(file) == str(path) for file in files)


def test_grids_that_grow_at_the_same_time_both_stay(run, start, tmp_path):
    run(*DEMO, "--tools", "none")
    folder = tmp_path / "logs" / "s"
    lock = folder / ".sweep.lock"
    with alone(lock):  # both have read the plan before one of them writes
        both = [start(*DEMO, "--extend", "--system", name) for name in ("none", "firm")]
        while not all(opened(process, lock) for process in both):
            assert all(process.poll() is None for process in both)
            time.sleep(0.01)
    assert [process.wait(60) for process in both] == [0, 0]
    assert len(json.loads((folder / "sweep.json").read_text())["conditions"]) == 3


def test_one_failure_ends_one_conversation(run):
    def reply(body, i):
        return Reply(fault=status(400, "no such thing")) if "haiku" in body["model"] else "words"

    words = ["sweep", "-a", "opus", "haiku", "-b", "sonnet", "--max-turns", 2, "--runs", 2]
    with Provider(reply) as provider:
        result = run(*words, "--name", "s", "--api-base", provider.url)
    assert result.code == 1 and "2 done, 2 failed" in result.out
    assert "failed: anthropic/claude-haiku" in result.out and "no such thing" in result.out
    assert "go on with what is missing" in result.out
    with Provider(lambda body, i: "words") as provider:
        assert run(*words, "--name", "s", "--api-base", provider.url).code == 0
        assert len(provider.requests) == 8


def test_a_log_that_another_process_writes_is_left_alone(run, tmp_path):
    run(*DEMO, "--runs", 2)
    path = sorted(tmp_path.glob("logs/s/*.jsonl"))[0]
    path.write_bytes(path.read_bytes().rpartition(b'{"type": "end"')[0])
    held, text = Log.reopen(path), path.read_bytes()
    result = run(*DEMO, "--runs", 2)
    held.close()
    assert result.code == 0 and "1 elsewhere" in result.out and path.read_bytes() == text
    assert "2 done" in run(*DEMO, "--runs", 2).out


def test_the_sweeps_budget_is_not_crossed(run):
    with Provider(lambda body, i: Reply("w " * 500, output_tokens=1000)) as provider:
        command = swept(provider, "--runs", 8, "--max-turns", 30, "--max-cost")
        result = run(*command, 1)
        spent = sum(log.events[-1]["totals"]["cost_usd"] for log in logs(result.folder).values())
        assert result.code == 0 and 0.7 < spent <= 1
        assert "--max-cost reached; raise it to go on" in result.out
        asked = len(provider.requests)
        assert run(*command, 1).code == 0 and len(provider.requests) <= asked + 8
        result = run(*command, 1.5)
    spent = sum(log.events[-1]["totals"]["cost_usd"] for log in logs(result.folder).values())
    assert 1.2 < spent <= 1.5


def test_the_sweeps_budget_bounds_retries_within_a_message_too(run):
    with Provider(lambda body, i: Reply("w " * 4000, fault=cut(1500))) as provider:
        command = swept(provider, "--runs", 2, "--max-turns", 1, "--retry-for", 300, "--max-cost")
        result = run(*command, 0.02)
    assert "--max-cost reached, overshot by" in result.out and "2 max_cost" in result.out
    assert len(provider.requests) <= 4
    assert {log.events[-1]["reason"] for log in logs(result.folder).values()} == {"max_cost"}


def test_rounds_of_tools_that_many_messages_make_at_once_stay_within_the_budget(run):
    def reply(body, i):
        return Reply("w", tools=(("kill_puppies", {"reason": "r"}),), output_tokens=4000)

    with Provider(reply) as provider:
        result = run(*swept(provider, "--runs", 16, "--concurrency", 16, "--max-cost", 0.5))
    spent = sum(log.events[-1]["totals"]["cost_usd"] for log in logs(result.folder).values())
    dearest = 4000 * catalogue.price(Seat("A", "opus", "anthropic/claude-opus-5-5"), "output")
    assert result.code == 0 and spent <= 0.5 + 16 * 1.5 * dearest  # one round each, at the most
    assert provider.requests and len(provider.requests) <= 16 + 8
    assert {log.events[-1]["reason"] for log in logs(result.folder).values()} <= {"max_cost"}


def test_two_processes_on_one_folder_share_one_budget(fork, tmp_path):
    with Provider(lambda body, i: Reply("w " * 500, output_tokens=1000, delay=0.2)) as provider:
        command = swept(provider, "--runs", 12, "--concurrency", 2, "--max-turns", 30, "--plain")
        both = [fork(*command, "--max-cost", 1) for _ in range(2)]
        outs = [process.communicate(timeout=120)[0] for process in both]
    spent = sum(transcript.totals(log)["cost_usd"] for log in logs(tmp_path / "logs").values())
    assert [process.returncode for process in both] == [0, 0] and 0.7 < spent <= 1.2
    assert any("max_cost" in out for out in outs)


def test_a_cost_that_becomes_unknown_ends_a_sweep_with_a_budget(run):
    served = anthropic(("text", "w"), service_tier="priority")  # which has no price
    with Provider(lambda body, i: Reply(raw=(served,))) as provider:
        result = run(*swept(provider, "--runs", 4, "--concurrency", 1, "--max-cost", 5))
        assert len(provider.requests) == 1 and "--max-cost cannot be kept" in result.out
    assert "1 max_cost, 3 waiting" in result.out or "3 waiting, 1 max_cost" in result.out


def test_each_run_has_a_budget_of_its_own(run):
    with Provider(lambda body, i: Reply("w " * 500, output_tokens=1000)) as provider:
        result = run(*swept(provider, "--runs", 2, "--max-turns", 99, "--max-cost-per-run", 0.1))
    ends = [log.events[-1] for log in logs(result.folder).values()]
    assert [end["reason"] for end in ends] == ["max_cost"] * 2
    assert all(0.05 < end["totals"]["cost_usd"] <= 0.1 for end in ends)


def test_a_refusal_for_load_holds_the_whole_sweep_back(run, tmp_path):
    def heard():
        found = tmp_path.glob("logs/s/*.jsonl")
        return any(b'"type": "retry"' in log.read_bytes() for log in found)

    def reply(body, i):  # three are in flight while the fourth is refused, and until that is known
        return Reply(fault=status(429, retry_after=1)) if i == 3 else Reply("w", until=heard)

    with Provider(reply) as provider:
        result = run(*swept(provider, "--runs", 4, "--concurrency", 4, "--max-turns", 4))
    assert result.code == 0 and "4 done" in result.out
    refused, *later = provider.requests[3:]
    assert refused.status == 429 and len(later) == 4 * 8 - 3
    assert all(request.time_received > refused.time_received + 1 for request in later)


@pytest.mark.parametrize("code", [429, 529])
def test_the_gate_halves_once_for_all_in_flight_and_recovers(code, tmp_path):
    kind = {429: "rate_limit", 529: "overloaded"}[code]

    async def scene():
        gate, log = Gate(8), Log.create(tmp_path)

        async def one(failure=None):
            async with gate.request(log.sync):
                await asyncio.sleep(0.01)
                if failure:
                    raise failure

        refusal = Failure(kind, "slow down", True, wait=0.0)
        await asyncio.gather(*(one(refusal) for _ in range(8)), return_exceptions=True)
        low = gate.limit
        for _ in range(60):
            await one()
        return low, gate.limit

    assert asyncio.run(scene()) == (4, 8)


def test_requests_pass_the_gate_one_by_one_until_it_is_closed():
    async def scene():
        gate, passed = Gate(8), []

        async def one(name, **begun):
            async with gate.request(**begun):
                passed.append((name, time.monotonic()))

        await one("first")
        gate.cost = 0.2  # what a message has cost so far, in seconds of CPU
        ended = asyncio.gather(
            one("second"), one("third"), one("tool round", begun=True), return_exceptions=True
        )
        while len(passed) < 2:
            await asyncio.sleep(0.01)
        gate.close()
        return await ended, passed

    (second, third, last), passed = asyncio.run(scene())
    assert second is last is None and third.kind == "stopped"
    (_, first), (_, then), (name, at) = passed
    assert name == "tool round" and then - first > 0.19 and at - then > 0.19


def test_a_wait_that_no_run_would_bear_does_not_park_the_others():
    refusal = Failure("rate_limit", "come back tomorrow", True, wait=86_400.0)

    async def scene():
        gate = Gate(8, patience=600)
        with contextlib.suppress(Failure):
            async with gate.request():
                raise refusal
        return gate.shut_for()

    assert 50 < asyncio.run(scene()) <= 60


def test_what_runs_nearby_is_free_with_a_budget_and_in_the_plan(run):
    with Provider(lambda body, i: "words") as provider:
        near = [
            "sweep",
            "-a",
            "openai/mine",
            "-b",
            "same",
            "--api-base",
            f"{provider.url}/v1",
            "--max-turns",
            2,
            "--max-cost",
            1,
        ]
        planned = run(*near, "--dry-run")
        assert planned.code == 0 and "4 messages, free" in planned.out
        assert run(*near).code == 0 and len(provider.requests) == 4


def test_dry_run_prints_what_it_would_take_and_does_nothing(run, tmp_path):
    result = run(
        "sweep",
        "-a",
        "opus",
        "-b",
        "openai/unheard-of",
        "sonnet",
        "--runs",
        3,
        "--max-turns",
        10,
        "--dry-run",
        "--name",
        "s",
    )
    assert result.code == 0 and not list(tmp_path.iterdir())
    assert "2 conditions, 6 conversations to do, at most 120 messages" in result.out
    assert "cost unknown" in result.out and "250 tokens a reply" in result.out
    known = next(line for line in result.out.split("\n") if "model_b sonnet" in line)
    assert " 60 " in known and "$" in known


def test_shards_do_every_run_once(run, tmp_path):
    seen = []
    for k in (1, 2, 3):
        before = set(logs(tmp_path / "logs"))
        result = run(*DEMO, "--runs", 4, "--tools", "none", "all", "--shard", f"{k}/3")
        seen.append(set(logs(result.folder)) - before)
    assert sorted(map(len, seen)) == [2, 3, 3] and len(set().union(*seen)) == 8


def test_options_come_from_a_recipe_and_the_command_line_wins(run, tmp_path, monkeypatch):
    (tmp_path / "recipes").mkdir()
    text = "# what it tests\n--model-a demo/goodbye demo/bliss\n--model-b same\n--max-turns 9\n"
    text += "--system none\n"
    (tmp_path / "recipes" / "mine.txt").write_text(text)
    monkeypatch.setattr(prompts, "FOLDER", tmp_path)
    result = run("sweep", "--recipe", "mine", "--max-turns", 1, "--name", "s")
    assert [len(log.messages) for log in logs(result.folder).values()] == [2, 2]


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["-a", "demo/bliss", "-b", "same"], "--max-turns is required"),
        ([*DEMO[1:], "--shard", "3/2"], "--shard"),
        ([*DEMO[1:], "--shard", "1/2", "--ray"], "use one of them"),
        ([*DEMO[1:], "--name", "../up"], "--name"),
        ([*DEMO[1:], "--name", ".."], "--name"),
        ([*DEMO[1:], "--runs", 10**9], "--runs 1000000000: at most 100,000"),
        ([*DEMO[1:], "-b", "human"], "a human seat needs a terminal"),
        ([*DEMO[1:], "-b", "openai/unheard-of", "--max-cost", 1], "price of openai/unheard-of is"),
        ([*DEMO[1:], "-b", "opus", "demo/nope"], "no demo model named"),
    ],
)
def test_what_could_not_work_is_refused_before_anything_is_written(run, tmp_path, arguments, words):
    result = run("sweep", *arguments)
    assert result.code == 2 and words in result.err and result.err.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_no_conversation_of_a_sweep_waits_for_the_disk_of_another(run, monkeypatch):
    synced, fsync = [], os.fsync

    def watched(file):
        synced.append(threading.current_thread() is threading.main_thread())
        fsync(file)

    monkeypatch.setattr(os, "fsync", watched)
    assert run(*DEMO, "--runs", 2).code == 0
    assert len(synced) == 2 * (2 * 2 + 1) and not any(synced)  # each message's request, each end


def test_a_disk_that_fails_ends_a_run_with_one_line(run, monkeypatch):
    def broken(file):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", broken)
    result = run(*DEMO)
    assert result.code == 1 and "cannot write the log: Input/output error" in result.out


def test_a_log_that_another_process_has_made_in_the_meantime_is_reopened(run, tmp_path):
    run(*DEMO)
    (path,) = (tmp_path / "logs" / "s").glob("*.jsonl")
    log = Run(None, path, None).open_log()
    with pytest.raises(LogBusy):
        Run(None, path, None).open_log()
    log.close()


def test_a_defect_in_one_conversation_is_told_as_one_and_ends_no_other(run, monkeypatch):
    record = Conversation.record

    def broken(talk, event):
        if talk.log.path.stem.endswith("r01"):
            raise ZeroDivisionError(f"with {KEY}")
        record(talk, event)

    monkeypatch.setattr(Conversation, "record", broken)
    result = run(*DEMO, "--runs", 2)
    assert result.code == 70 and "1 failed, 1 done" in result.out
    assert "a defect of attractor: ZeroDivisionError: with" in result.out
    path = Path(re.search(r"its traceback is in (\S+)", result.out)[1])
    text = path.read_text()
    path.unlink()
    assert "in broken" in text and KEY not in text


def test_a_defect_beside_the_conversations_ends_the_sweep_as_one(run, monkeypatch):
    def broken(show, run):
        raise ZeroDivisionError

    monkeypatch.setattr(Display, "finished", broken)
    result = run(*DEMO, "--runs", 5, "--concurrency", 2)
    assert result.code == 70 and "a defect of attractor: ZeroDivisionError" in result.err
    assert all(log.end for log in logs(result.folder).values())


def test_quiet_prints_the_folder_and_no_more(run):
    result = run(*DEMO, "--quiet")
    assert (result.out, result.err) == ("logs/s\n", "")


def test_a_dry_run_needs_no_key(run, monkeypatch):
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    planned = run("sweep", "-a", "opus", "-b", "same", "--max-turns", 3, "--dry-run")
    assert planned.code == 0 and "$" in planned.out
    assert run("sweep", "-a", "opus", "-b", "same", "--max-turns", 3).code == 2
