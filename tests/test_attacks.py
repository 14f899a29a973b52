"""What an attacker found, so that it stays mended."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from program import PROGRAM, pair, real
from provider import Provider, Reply, cut, status

from harness.judge import agreement
from harness.judge.labels import Judged, labels_of
from harness.talk import transcript

DEMO = pair("demo/bliss")
NASTY = "x\x1b]0;owned\x07\x1b[31m"


@pytest.mark.parametrize(
    "param, words",
    [
        ('messages=[{"role":"user","content":"FOREIGN"}]', "the harness sets this itself"),
        ("model=anthropic/claude-haiku-5-5", "the harness sets this itself"),
        ("stream=false", "the harness sets this itself"),
        ("temperature=NaN", "not JSON compliant"),
        ('extra_body={"a":[1e999]}', "not JSON compliant"),
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
    for words in (
        ["replay", "--speed", "0"],
        ["states"],
        ["report"],
        ["report", "--csv"],
        ["export", "--format", "md"],
        ["export", "--format", "svg"],
        ["export", "--format", "html"],
        ["judge", "--model", "demo/judge"],
    ):
        done = run(words[0], log, *words[1:])
        assert done.code in (0, 1), done.err
        shown += [done.out, done.err]
    shown.append(run("--bogus", NASTY).err)
    for text in shown:
        assert "\x1b" not in text and "\x07" not in text


FIELDS = [
    "tools",
    "tool_schemas",
    "interject",
    "seed",
    "params_a",
    "name_b",
    "api_base_b",
    "max_turns",
    "idle_timeout",
    "on_exit",
    "system_a",
    "stop_on",
]
TURN = [
    "source",
    "seconds",
    "flags",
    "usage",
    "tool_attempts",
    "messages",
    "sent",
    "thinking",
    "interjection",
    "cost_usd",
    "interjected",
    "model",
]
ODD = [5, [1], [None], {"x": 1}, "x", None, [{"tool_calls": [{}]}], [{"tool": []}], 10**400, True]


@pytest.mark.parametrize(
    "verb",
    [
        ["replay", "--speed", "0"],
        ["states"],
        ["report"],
        ["export", "--format", "md"],
        ["export", "--format", "messages"],
        ["export", "--format", "svg"],
        ["--resume"],
    ],
)
def test_a_log_with_odd_values_never_makes_a_traceback(run, tmp_path, verb):
    good = run(*DEMO, "--max-turns", 1).log.read_text().splitlines()
    for at, names in ((0, FIELDS), (1, TURN)):
        for name in names:
            for value in ODD:
                events = [json.loads(line) for line in good]
                events[at][name] = value
                log = tmp_path / "odd.jsonl"
                log.write_text("".join(json.dumps(event) + "\n" for event in events))
                words = (
                    ["--resume", log, "--max-turns", 1]
                    if verb == ["--resume"]
                    else ([verb[0], log, *verb[1:]])
                )
                done = run(*words)
                assert done.code in (0, 1, 2), (name, value)


@pytest.mark.parametrize("plan", ["[]", "5", '{"conditions": []}', '{"x": 1}', "{"])
def test_a_damaged_sweep_json_is_said_in_one_line(run, tmp_path, plan):
    (tmp_path / "logs" / "s").mkdir(parents=True)
    (tmp_path / "logs" / "s" / "sweep.json").write_text(plan)
    done = run("sweep", *DEMO, "--max-turns", 1, "--name", "s", "--plain")
    assert done.code == 2 and "sweep.json" in done.err and done.err.count("\n") == 1


@pytest.mark.parametrize("verb", [[], ["sweep", "--max-turns", "1"]], ids=["run", "sweep"])
@pytest.mark.parametrize("module", ["asyncio", "argparse", "dotenv", "rich.text", "pydantic"])
def test_ctrl_c_while_it_starts_ends_it_at_once_without_a_traceback(tmp_path, verb, module):
    nobody = ["-a", "opus", "-b", "opus", "--api-base", "http://127.0.0.1:9"]  # not a demo:
    watched = [sys.executable, "-X", "importtime", *PROGRAM[1:], *verb, *nobody, "--plain"]
    pipes = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(watched, cwd=tmp_path, **pipes) as process:  # ... imports all
        imported = (line.rpartition("|")[2].strip() for line in process.stderr)
        assert module in imported
        process.send_signal(signal.SIGINT)
        left = process.stderr.read()
    assert not [line for line in left.splitlines() if not line.startswith("import time:")]
    assert not re.search(r"\| litellm$", left, re.M)  # it does not wait for LiteLLM
    assert process.returncode in (-signal.SIGINT, 128 + signal.SIGINT)


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
        _, err = process.communicate(timeout=120)
    assert process.returncode and "No space left on device" in err and "Traceback" not in err


def test_a_name_that_is_too_long_is_said_in_one_line(run):
    result = run("report", "x" * 300)
    assert result.code == 1 and "File name too long" in result.err and "Traceback" not in result.err


# ---------------------------------------------------------------- files from elsewhere


def pipe(path):
    os.mkfifo(path)


def device(path):
    path.symlink_to("/dev/zero")


def sock(path):
    with contextlib.chdir(path.parent), socket.socket(socket.AF_UNIX) as server:
        server.bind(path.name)  # a socket's path may have 107 characters


def loop(path):
    path.symlink_to(path)


HOSTILE = {
    "a named pipe": pipe,
    "a device": device,
    "a socket": sock,
    "a folder": Path.mkdir,
    "a link to itself": loop,
    "bytes": lambda path: path.write_bytes(bytes(range(256)) * 9),
    "nothing": Path.touch,
    "a deep list": lambda path: path.write_text("[" * 900 + "]" * 900),
    "a long number": lambda path: path.write_text("9" * 9999),
    "a deep event": lambda path: path.write_text(
        json.dumps({"type": "config"})[:-1] + ', "x": ' + "[" * 900 + "]" * 900 + "}"
    ),
    "a link to nowhere": lambda path: path.symlink_to("/nowhere"),
}
READERS = {
    "replay": ["replay", "{}", "--speed", "0"],
    "states": ["states", "{}"],
    "states --json": ["states", "{}", "--json"],
    "report": ["report", "{}"],
    "report --csv": ["report", "{}", "--csv"],
    "md": ["export", "{}", "--format", "md"],
    "messages": ["export", "{}", "--format", "messages"],
    "svg": ["export", "{}", "--format", "svg"],
    "html": ["export", "{}", "--format", "html"],
    "judge": ["judge", "{}", "--model", "demo/judge"],
    "resume": ["--resume", "{}"],
    "branch": ["--resume", "{}", "--at", "1"],
    "system": [*DEMO, "--max-turns", "1", "--system", "@{}"],
    "seed": [*DEMO, "--max-turns", "1", "--seed", "@{}"],
    "interject": [*DEMO, "--max-turns", "1", "--interject", "0:A:@{}"],
}
TEXT = ("system", "seed", "interject")  # any text will do for these
FORMATS = ("md", "messages", "svg", "html")


@pytest.mark.parametrize("kind", HOSTILE)
@pytest.mark.parametrize("reader", READERS)
def test_a_hostile_file_is_refused_in_one_line_that_names_it(run, tmp_path, kind, reader):
    HOSTILE[kind](path := tmp_path / "odd.jsonl")
    result = run(*(word.format(path) for word in READERS[reader]))
    text = kind in ("a deep list", "a long number", "a deep event") and reader in TEXT
    text = text or (kind, reader) == ("nothing", "system")
    empty = kind == "a folder" and reader.split()[0] in ("states", "report", "judge", *FORMATS)
    assert result.code in ((0,) if text else (0, 1, 2) if empty else (1, 2)), result.err
    if not text and not empty:  # an empty folder holds no logs
        said = result.err if reader != "judge" else result.out + result.err
        assert "odd" in said or (kind == "nothing" and reader in TEXT), said
        assert "Traceback" not in said and "defect" not in said
        assert reader == "judge" or result.err.count("\n") == 1
        assert not list(tmp_path.glob("logs/*")), "an empty log was left"


@pytest.mark.parametrize("kind", HOSTILE)
def test_the_rest_of_the_folder_is_reported(run, tmp_path, kind):
    good = run(*DEMO, "--max-turns", 2).log
    HOSTILE[kind](tmp_path / "logs" / "odd.jsonl")
    (tmp_path / "logs" / "odd.labels.json").mkdir()
    result = run("report", "logs", "--json")
    report = json.loads(result.out)
    assert result.code == 0 and report["conditions"][0]["runs"] == 1
    if kind not in ("a folder", "a link to nowhere"):
        assert "odd.jsonl" in str(report["skipped_logs"])
    result = run("judge", "logs", "--model", "demo/judge")
    assert result.code in (0, 1) and good.with_suffix(".labels.json").exists()
    if kind not in ("a folder", "a link to nowhere", "a link to itself"):
        result = run("states", tmp_path / "logs" / "odd.jsonl", good)
        assert result.code == 2 and "odd.jsonl" in result.err and result.err.count("\n") == 1
        assert good.name in "".join(result.out.split())


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_env_file_is_refused_in_one_line(run, tmp_path, kind):
    HOSTILE[kind](tmp_path / ".env")
    result = run(*DEMO, "--max-turns", 1)
    unreadable = kind in ("a named pipe", "a device", "a socket", "a link to itself", "bytes")
    assert result.code == (2 if unreadable else 0), result.err
    assert not unreadable or (".env" in result.err and result.err.count("\n") == 1)


@pytest.mark.parametrize("kind", HOSTILE)
def test_a_hostile_file_in_a_sweeps_folder_is_refused_in_one_line(run, tmp_path, kind):
    command = ["sweep", *DEMO, "--max-turns", 1, "--name", "s", "--plain"]
    run(*command)
    for path in (*tmp_path.glob("logs/s/*.jsonl"), tmp_path / "logs" / "s" / "sweep.json"):
        path.rename(tmp_path / "good")
        HOSTILE[kind](path)
        result = run(*command)
        missing = kind in (
            "a link to nowhere",
            "nothing",
            "a deep list",
            "a long number",
            "bytes",
            "a deep event",
        )
        assert result.code in ((0, 1, 2) if missing else (1, 2)), result.err
        assert result.err.count("\n") <= 1 and "defect" not in result.err
        assert missing or path.name in result.err + result.out
        path.rmdir() if path.is_dir() else path.unlink()
        (tmp_path / "good").rename(path)


SPAN = {
    "state": "bliss",
    "from_message": 0,
    "to_message": 1,
    "evidence": "x",
    "confidence": "low",
    "evidence_message": 0,
}
LABELS = {
    "type": "labels",
    "judge": {"model": "m", "rubric": "r", "window": 60, "demo": False},
    "n_messages": 4,
    "states": [SPAN],
    "terminal_state": "bliss",
}
VALUES = [None, 5, -1, 10**9, 10**12, 10**400, 1.5, True, "x", [], [1], [None], {}, {"x": 1}]


def odd_labels():
    yield from (LABELS | {name: value} for name in LABELS for value in VALUES)
    yield from ({k: v for k, v in LABELS.items() if k != name} for name in LABELS)
    for name in SPAN:
        yield from (LABELS | {"states": [SPAN | {name: value}]} for value in VALUES)
        yield LABELS | {"states": [{k: v for k, v in SPAN.items() if k != name}]}
    for name in ("model", "demo"):
        yield from (LABELS | {"judge": LABELS["judge"] | {name: value}} for value in VALUES)
    yield LABELS | {"n_messages": 10**12, "states": [SPAN | {"to_message": 10**12 - 1}]}
    yield LABELS | {"n_messages": 10**7, "states": [SPAN | {"to_message": 10**7 - 1}] * 1000}


@pytest.mark.parametrize("words", [["--labels", "rules"], ["--labels", "judge"]])
def test_odd_labels_never_hang_or_end_in_a_traceback(run, words):
    log = run(*DEMO, "--max-turns", 2).log
    beside = log.with_name(log.stem + ".labels.json")
    beside.write_text(json.dumps(LABELS))
    assert run("report", log, *words).code == 0
    for number, labels in enumerate(odd_labels()):
        beside.write_text(json.dumps(labels))
        agreement.tables(*agreement.figures({log: beside}))
        if found := labels_of(log):
            assert Judged(found).spans() is not None and Judged(found).ending()
        if number % 23 == 0 or number > 260:
            result = run("report", log, *words, "--html", "page.html")
            assert result.code in (0, 2) and result.err.count("\n") <= 1, (labels, result.err)


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_label_files_are_named(run, kind):
    log = run(*DEMO, "--max-turns", 2).log
    HOSTILE[kind](beside := log.with_name(log.stem + ".labels.json"))
    for words, code in ((["--labels", "rules"], 0), (["--labels", "judge"], 2)):
        result = run("report", log, *words)
        said = "".join((result.out + result.err).split())
        assert result.code == code
        assert beside.name in said or kind == "a link to nowhere"


@pytest.mark.parametrize(
    "when, seat",
    [
        ("every:0", "A"),
        ("every:000", "A"),
        ("on:nothing", "A"),
        ("x", "A"),
        ("", "A"),
        ("-1", "A"),
        ("every:" + "9" * 5000, "A"),
        ("1", "C"),
    ],
)
def test_an_odd_rule_in_a_logs_config_is_refused(run, when, seat):
    log = run(*DEMO, "--max-turns", 2).log
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    lines[0]["interject"] = [{"when": when, "seat": seat, "words": "x", "name": "x"}]
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    for command in (["--resume", log, "--max-turns", 3], ["replay", log, "--speed", 0]):
        result = run(*command)
        assert result.code == 2 and ("damaged" in result.err or "no such state" in result.err)
        assert result.err.count("\n") == 1


@pytest.mark.parametrize(
    "params",
    [
        {"max_tokens": "abc"},
        {"max_tokens": [1]},
        {"max_tokens": 0.5},
        {"extra_body": 3},
    ],
)
def test_odd_parameters_in_a_logs_config_are_refused(run, params):
    log = run(*DEMO, "--max-turns", 2).log
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    lines[0]["params_a"] = params
    log.write_text("".join(json.dumps(line) + "\n" for line in lines))
    for command in (["--resume", log, "--max-turns", 3], ["replay", log, "--speed", 0]):
        result = run(*command)
        assert result.code == 2 and "the log's config is damaged: params_a" in result.err
        assert result.err.count("\n") == 1


@pytest.mark.parametrize("first", [1, 3, 10**9, 10**12, -1, True, "1", None, 10**400])
def test_a_slide_to_nowhere_is_skipped(run, first):
    log = run(*DEMO, "--max-turns", 2).log
    lines = log.read_text().splitlines()
    slide = {"type": "slide", "turn": 0, "label": "Model B", "from_message": first}
    log.write_text("\n".join([lines[0], json.dumps(slide), *lines[1:]]) + "\n")
    result = run("--resume", log, "--max-turns", 3)
    assert result.code == 0 and "line 2 of the log was skipped: a slide" in result.out
    assert len(result.read.messages) == 6
    assert run("export", log, "--format", "messages").code == 0


@pytest.mark.parametrize(
    "words",
    [
        ["-a", "demo/bliss", "-b", "demo/bliss", "--max-turns", "1"],
        ["report", "logs"],
        ["models"],
        ["states", "logs"],
        ["sweep", "-a", "demo/bliss", "-b", "same", "--max-turns", "1"],
    ],
)
def test_without_standard_output_or_a_folder_it_says_so(tmp_path, words):
    for closed, said in ((">&-", "standard output is closed"), (">&- 2>&-", "")):
        command = ["bash", "-c", f'"$@" {closed}', "-", *PROGRAM, *words]
        done = subprocess.run(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, timeout=60)
        assert (
            done.returncode == 2 and said in done.stderr and done.stderr.count("\n") == bool(said)
        )
    command = ["bash", "-c", 'mkdir x; cd x; rmdir ../x; "$@"', "-", *PROGRAM, *words]
    done = subprocess.run(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == 2 and "the working folder was deleted" in done.stderr
    assert done.stderr.count("\n") == 1 and not list(tmp_path.iterdir())


def test_a_sweep_that_runs_out_of_open_files_leaves_no_empty_logs(tmp_path):
    words = ["sweep", *DEMO, "--runs", "40", "--concurrency", "40", "--max-turns", "1", "--plain"]
    command = ["bash", "-c", 'ulimit -n 30; "$@"', "-", *PROGRAM, *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1 and "Too many open files" in done.stdout
    logs = [transcript.read(path) for path in tmp_path.rglob("*.jsonl")]
    assert all(log.events[-1]["type"] == "end" for log in logs) and not done.stderr
    again = subprocess.run([*PROGRAM, *words], cwd=tmp_path, capture_output=True, timeout=120)
    assert again.returncode == 0 and len(list(tmp_path.rglob("*.jsonl"))) == 40


@pytest.mark.parametrize(
    "words",
    [
        ["export", "--format", "html", "-o"],
        ["export", "--format", "messages", "-o"],
        ["export", "--format", "jsonl", "-o"],
        ["report", "--html"],
    ],
)
def test_a_log_is_never_written_over(run, words):
    log = run(*DEMO, "--max-turns", 1).log
    before = log.read_bytes()
    result = run(words[0], log, *words[1:], log)
    assert result.code == 2 and "is a log, which nothing is written over" in result.err
    assert log.read_bytes() == before and len(list(log.parent.iterdir())) == 1


def test_an_option_that_would_change_nothing_is_refused(run):
    log = run(*DEMO, "--max-turns", 1).log
    before = log.read_bytes()
    result = run("--resume", log, "--max-turns", 2, "--log-dir", "elsewhere")
    assert result.code == 2 and "stays where it is" in result.err and log.read_bytes() == before
    result = run("judge", log, "--model", "demo/judge", "--open", "--window", 9)
    assert result.code == 2 and "--window is for labels" in result.err
