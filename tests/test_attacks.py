"""What an attacker found, so that it stays mended."""

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from program import PROGRAM, real
from provider import Provider, Reply, cut, status

DEMO = ["-a", "demo/bliss", "-b", "demo/bliss"]
NASTY = "x\x1b]0;owned\x07\x1b[31m"


@pytest.mark.parametrize(
    "param, words",
    [
        ('messages=[{"role":"user","content":"FOREIGN"}]', "the harness sets this itself"),
        ("model=anthropic/claude-haiku-5-5", "the harness sets this itself"),
        ("stream=false", "the harness sets this itself"),
        ('extra_body={"a":[{"api_key":"SECRET"}]}', "put secrets into .env"),
        ("proxy=http://me:SECRET@127.0.0.1:1", "put secrets into .env"),
    ],
)
def test_a_parameter_cannot_change_the_dialogue_or_carry_a_secret(run, param, words):
    result = run(*DEMO, "--param", param)
    assert result.code == 2 and words in result.err and "SECRET" not in result.err


@pytest.mark.parametrize("value", ["0", "-5", "nan", "1e-9", "Thu, 01 Jan 1970 00:00:00 GMT"])
def test_an_odd_retry_after_does_not_make_it_hammer_the_provider(run, value):
    with Provider(lambda body, i: Reply(fault=status(429, **{"retry-after": value}))) as provider:
        result = run(*real(provider), "--retry-for", 3)
        assert result.code == 1 and len(provider.requests) <= 5


@pytest.mark.parametrize("how", ["tools", "empty", "cut"])
def test_the_budget_holds_within_a_message_too(run, how):
    def reply(body, i):
        calls = (("kill_puppies_to_exit_loop", {"reason": "x"}),)
        if how == "tools":
            return Reply(tools=calls, output_tokens=10_000)
        text = "" if how == "empty" else "word " * 10
        fault = cut(5) if how == "cut" else None
        return Reply(text=text, input_tokens=50_000, output_tokens=10_000, fault=fault)

    with Provider(reply) as provider:
        result = run(*real(provider), "--max-cost", 0.15, "--on-empty", "retry")
    end = result.read.events[-1]
    assert result.code == 0 and end["reason"] == "max_cost" and len(provider.requests) <= 2
    assert end["totals"]["cost_usd"] < 0.5


def test_the_price_of_a_model_elsewhere_is_unknown(run):
    options = ["-a", "openai/claude-opus-5-5", "-b", "opus", "--max-cost", 1]
    assert "price of openai/claude-opus-5-5 is unknown" in run(*options).err


def test_no_name_in_a_log_or_of_a_file_reaches_the_terminal_raw(run, tmp_path):
    folder = tmp_path / NASTY
    folder.mkdir()
    result = run(*DEMO, "--max-turns", 1, "--log-dir", folder, "--plain")
    log = next(folder.glob("*.jsonl"))
    events = [json.loads(line) for line in log.read_text().splitlines()]
    events[0] |= {"name_a": NASTY, "on_exit": NASTY, "tools": [NASTY], "condition": {NASTY: NASTY}}
    events[-1] |= {"reason": NASTY}
    log.write_text("".join(json.dumps(event) + "\n" for event in events))
    shown = [result.out, result.err]
    for words in (["replay", "--speed", "0"], ["states"], ["report"], ["report", "--csv"],
                  ["export", "--format", "md"], ["export", "--format", "svg"],
                  ["export", "--format", "html"], ["judge", "--model", "demo/judge"]):  # fmt: skip
        done = run(words[0], log, *words[1:])
        assert done.code in (0, 1), done.err
        shown += [done.out, done.err]
    shown.append(run("--bogus", NASTY).err)
    for text in shown:
        assert "\x1b" not in text and "\x07" not in text


FIELDS = ["tools", "tool_schemas", "interject", "seed", "params_a", "name_b", "api_base_b",
          "max_turns", "idle_timeout", "on_exit", "system_a", "stop_on"]  # fmt: skip
TURN = ["source", "seconds", "flags", "usage", "tool_attempts", "messages", "sent", "thinking",
        "interjection", "cost_usd", "interjected", "model"]  # fmt: skip
ODD = [5, [1], [None], {"x": 1}, "x", None, [{"tool_calls": [{}]}], [{"tool": []}], 10**400, True]


@pytest.mark.parametrize("verb", [
    ["replay", "--speed", "0"], ["states"], ["report"], ["export", "--format", "md"],
    ["export", "--format", "messages"], ["export", "--format", "svg"], ["--resume"],
])  # fmt: skip
def test_a_log_with_odd_values_never_makes_a_traceback(run, tmp_path, verb):
    good = run(*DEMO, "--max-turns", 1).log.read_text().splitlines()
    for at, names in ((0, FIELDS), (1, TURN)):
        for name in names:
            for value in ODD:
                events = [json.loads(line) for line in good]
                events[at][name] = value
                log = tmp_path / "odd.jsonl"
                log.write_text("".join(json.dumps(event) + "\n" for event in events))
                words = ["--resume", log, "--max-turns", 1] if verb == ["--resume"] else (
                    [verb[0], log, *verb[1:]])  # fmt: skip
                done = run(*words)
                assert done.code in (0, 1, 2), (name, value)


@pytest.mark.parametrize("plan", ["[]", "5", '{"conditions": []}', '{"x": 1}', "{"])
def test_a_damaged_sweep_json_is_said_in_one_line(run, tmp_path, plan):
    (tmp_path / "logs" / "s").mkdir(parents=True)
    (tmp_path / "logs" / "s" / "sweep.json").write_text(plan)
    done = run("sweep", *DEMO, "--max-turns", 1, "--name", "s", "--plain")
    assert done.code == 2 and "sweep.json" in done.err and done.err.count("\n") == 1


@pytest.mark.parametrize("module", ["asyncio", "argparse", "dotenv", "rich.text", "pydantic"])
def test_ctrl_c_while_it_starts_makes_no_traceback(tmp_path, module):
    nobody = ["-a", "opus", "-b", "opus", "--api-base", "http://127.0.0.1:9"]  # not a demo:
    watched = [sys.executable, "-X", "importtime", *PROGRAM[1:], *nobody, "--plain"]  # imports all
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(watched, cwd=tmp_path, **pipes) as process:
        imported = (line.rpartition("|")[2].strip() for line in process.stderr)
        assert module in imported
        process.send_signal(signal.SIGINT)
        left = process.stderr.read()
    assert not [line for line in left.splitlines() if not line.startswith("import time:")]


def test_a_folder_in_a_logs_place_is_said_in_one_line(run, tmp_path):
    command = ["sweep", "-a", "demo/bliss", "-b", "same", "--max-turns", 1, "--name", "s"]
    run(*command)
    (log,) = tmp_path.glob("logs/s/*.jsonl")
    log.unlink()
    log.mkdir()
    result = run(*command)
    assert result.code == 1 and "cannot read it: Is a directory" in result.err
    assert result.err.count("\n") == 1


def test_a_log_that_was_deleted_ends_its_run(run, tmp_path):
    def reply(body, i):
        if i == 2:
            next(tmp_path.glob("logs/*.jsonl")).unlink()
        return "words"

    with Provider(reply) as provider:
        result = run(*real(provider), "--max-turns", 9)
        assert result.code == 1 and "somebody has deleted the log" in result.err
        assert len(provider.requests) == 3


def test_arguments_that_json_cannot_carry_are_malformed(run):
    calls = Reply(tools=(("make_intern_run_across_office", '{"reason": 1e999}'),))
    with Provider(lambda body, i: calls if i == 0 else "words") as provider:
        result = run(*real(provider), "--max-turns", 1)
        assert b"Infinity" not in b"".join(request.raw for request in provider.requests)
    assert result.read.messages[0]["tool_attempts"][0]["outcome"] == "malformed"
    assert b": Infinity" not in result.log.read_bytes()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("verb", [["export", "--format", "md"], ["states", "--json"], ["report"]])
def test_a_full_disk_behind_the_output_is_said_in_one_line(run, start, verb):
    log = run("-a", "demo/bliss", "-b", "demo/bliss", "--max-turns", 3).log
    with open("/dev/full", "w") as full:
        process = start(*verb, log, stdout=full)
        _, err = process.communicate(timeout=60)
    assert process.returncode and "No space left on device" in err and "Traceback" not in err


def test_a_name_that_is_too_long_is_said_in_one_line(run):
    result = run("report", "x" * 300)
    assert result.code == 1 and "File name too long" in result.err and "Traceback" not in result.err
