"""Faults of a provider, one by one: the dialogue stays intact on the wire and in the log."""

import os
import resource
import shlex
import signal
import socket
import subprocess
import sys
import time

import pytest
from program import KEY, PROGRAM, read_log, real, served, texts
from provider import (
    NO_CREDIT,
    Provider,
    Reply,
    cut,
    eof,
    error_event,
    hang,
    junk,
    reset,
    stall,
    status,
    wrong_tool_id,
)

EMPTIES = ["", "   ", "\n\n", "\u200b\u200b", "\u3164", "\t", "\u2003"]
QUICK = ["--retry-for", 30, "--idle-timeout", 1.5]


def faulty(fault, at=(1,), **reply):
    """A script in which the requests numbered `at` meet a fault; the others answer `words N`."""
    return lambda body, i: Reply(text=f"words {i}", fault=fault if i in at else None, **reply)


def dialogue_is_intact(provider, result):
    """Every accepted request showed exactly what the log says was said until then."""
    said = [m.get("sent", m["response"]) for m in result.read.messages]
    for request in provider.requests:
        assert request.error is None, request.error
        heard = texts(request.body)
        seed = heard[0][1] == "Hello there"
        lines = ["Hello there", *said] if seed else said
        roles = ["user", "assistant"] * len(lines)
        assert heard == list(zip(roles, lines, strict=False))[: len(heard)]


@pytest.mark.parametrize("wire", ["anthropic", "openai"])
def test_empty_messages_of_every_kind_from_either_side_are_data(run, wire):
    words = EMPTIES * 2 + ["Hello?"]
    with Provider(lambda body, i: words[i % len(words)]) as provider:
        names = ["-a", "opus", "-b", "sonnet", "--api-base", provider.url]
        if wire == "openai":
            names = ["-a", "openai/gpt-5.4", "-b", "openai/gpt-5.4"]
            names += ["--api-base", provider.url + "/v1"]
        result = run(*names, "--max-turns", 15, "--plain")
    assert result.code == 0 and len(result.responses) == 30
    assert result.responses == [words[i % len(words)] for i in range(30)]
    dialogue_is_intact(provider, result)
    for message in result.read.messages:
        blank = not message["response"].strip()
        assert ("empty" in message["flags"]) == blank
        assert message.get("sent", message["response"]) == ("…" if blank else message["response"])
    assert "sanitised" not in str([r.body for r in provider.requests])


def test_what_stands_for_an_empty_message_is_the_users_choice(run):
    with Provider(lambda body, i: "" if i == 0 else "hm") as provider:
        result = run(*real(provider), "--max-turns", 1, "--empty-as", "(says nothing)")
    assert texts(provider.requests[1].body)[-1] == ("user", "(says nothing)")
    assert result.read.config["empty_as"] == "(says nothing)"


def test_an_empty_message_can_be_asked_for_again(run):
    with Provider(lambda body, i: "" if i < 2 else f"words {i}") as provider:
        result = run(*real(provider), "--max-turns", 1, "--on-empty", "retry")
    assert result.responses == ["words 2", "words 3"]
    assert result.read.messages[0]["flags"] == ["retried"]
    assert [e["why"] for e in result.read.of("aborted")] == ["empty", "empty"]
    assert result.read.config["on_empty"] == "retry"


def test_an_empty_message_can_end_the_run(run):
    with Provider(lambda body, i: " " if i == 1 else "hm") as provider:
        result = run(*real(provider), "--on-empty", "end")
    assert result.code == 0 and result.read.events[-1]["reason"] == "empty"
    assert result.responses == ["hm", " "]


@pytest.mark.parametrize("wire", ["anthropic", "openai"])
def test_ten_thousand_equal_chunks_end_at_max_tokens_and_not_at_the_guard(run, wire):
    reply = Reply(chunks=["A"] * 10_000)
    with Provider(lambda body, i: reply if i == 0 else "ok") as provider:
        names = ["-a", "opus", "-b", "opus", "--api-base", provider.url]
        if wire == "openai":
            names = ["-a", "openai/gpt-5.4", "-b", "openai/gpt-5.4"]
            names += ["--api-base", provider.url + "/v1"]
        result = run(*names, "--max-turns", 1, "--max-tokens", 9000, "--plain")
    first = result.read.messages[0]
    assert first["response"] == "A" * 9000 and first["finish_reason"] == "length"
    assert first["flags"] == ["truncated"] and "cut by its length limit" in result.out
    dialogue_is_intact(provider, result)


def test_a_reply_of_a_megabyte_arrives_whole(run):
    long = "".join(f"line {i} of a very long reply\n" for i in range(36_000))
    with Provider(lambda body, i: long if i == 0 else "ok") as provider:
        result = run(*real(provider), "--max-turns", 1, "--max-tokens", 10**7, "--plain")
    assert len(long) > 1_000_000 and result.responses[0] == long
    dialogue_is_intact(provider, result)


@pytest.mark.parametrize(
    "fault, kind",
    [
        (status(429, retry_after=1), "rate_limit"),
        (status(429), "rate_limit"),
        (status(529), "overloaded"),
        (status(500), "server"),
        (status(502, raw="<html>bad gateway</html>"), "gateway"),
        (status(503), "unavailable"),
        (hang(), "idle"),
        (stall(3), "idle"),
        (cut(0), "cut"),
        (cut(3), "cut"),
        (reset(3), "cut"),
        (eof(3), "cut"),
        (eof(99), "cut"),
        (error_event(3), "overloaded"),
        (junk(3), "cut"),
    ],
    ids=str,
)
def test_what_may_pass_is_tried_again_and_leaves_no_trace_in_the_dialogue(run, fault, kind):
    with Provider(faulty(fault, at=(1, 4))) as provider:
        result = run(*real(provider), "--max-turns", 2, "--plain", *QUICK)
    assert result.code == 0, result.out
    assert result.responses == ["words 0", "words 2", "words 3", "words 5"]
    dialogue_is_intact(provider, result)
    retries = result.read.of("retry")
    assert [e["error"] for e in retries] == [kind] * 2
    assert result.read.messages[1]["retries"] == 1
    assert "retried" in result.read.messages[1]["flags"]
    for event in result.read.of("aborted"):
        assert "words" in event["partial"] or not event["partial"]
    if kind == "rate_limit" and fault.headers:
        assert all(e["wait"] == 1 for e in retries)


@pytest.mark.parametrize("fault", [status(529), cut(2), eof(2), junk(2), status(429)], ids=str)
def test_openai_faults_are_tried_again_too(run, fault):
    with Provider(faulty(fault)) as provider:
        result = run(*served(provider, "openai/gpt-5.4", "/v1"), "--max-turns", 2, *QUICK)
    assert result.responses == ["words 0", "words 2", "words 3", "words 4"]
    dialogue_is_intact(provider, result)


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is stopped there")
def test_a_process_that_was_stopped_does_not_hold_its_silence_against_the_provider(fork, tmp_path):
    words = Reply(chunks=[f"word{i} " for i in range(60)], pace=0.05)
    with Provider(lambda body, i: words) as provider:
        process = fork(*real(provider), "--max-turns", 1, "--idle-timeout", 1, "--plain")
        provider.wait_for(1)
        time.sleep(0.5)
        process.send_signal(signal.SIGSTOP)
        time.sleep(4)
        process.send_signal(signal.SIGCONT)
        assert process.wait(60) == 0
        assert len(provider.requests) == 2
    assert not read_log(tmp_path).of("retry")


def test_a_tool_call_that_is_cut_is_never_counted(run):
    def reply(body, i):
        calls = (("kill_puppies_to_exit_loop", {"reason": "a long reason " * 10}),)
        fault = {0: cut(3), 1: eof(3), 2: eof(99)}.get(i)
        return Reply(text="so", tools=calls, fault=fault) if i < 3 else f"words {i}"

    with Provider(reply) as provider:
        result = run(*real(provider), "--max-turns", 1, *QUICK)
    assert result.responses == ["words 3", "words 4"]
    assert result.read.events[-1]["totals"]["tool_attempts"] == {}


def test_a_tool_call_cut_by_length_is_never_counted(run):
    calls = (("kill_puppies_to_exit_loop", {"reason": "a long reason " * 50}),)
    with Provider(lambda body, i: Reply(text="so", tools=calls) if i == 0 else "ok") as provider:
        result = run(*real(provider), "--max-turns", 1, "--max-tokens", 20)
    message = result.read.messages[0]
    assert message["flags"] == ["truncated"] and message["tool_attempts"] == []
    assert result.code == 0 and [r.error for r in provider.requests] == [None, None]


@pytest.mark.parametrize("name", ["", "no spaces allowed!", "same"])
def test_wrong_tool_call_ids_are_mended_before_they_are_sent_back(run, name):
    def reply(body, i):
        calls = (("kill_puppies_to_exit_loop", {"reason": "x"}),) * 2
        fault = wrong_tool_id(name) if i in (0, 3) else None
        return Reply(tools=calls, fault=fault) if i in (0, 3) else f"words {i}"

    with Provider(reply) as provider:
        result = run(*real(provider), "--max-turns", 3)
    assert result.code == 0 and {r.error for r in provider.requests} == {None}
    assert len(result.read.messages[0]["tool_attempts"]) == 2


@pytest.mark.parametrize(
    "fault, words",
    [
        (status(401), "check it in .env"),
        (status(403), "may not use this model"),
        (status(404), "does not know this model"),
        (status(400), "refused the request"),
        (status(400, NO_CREDIT), "no credit left"),
        (status(413), "maximum size"),
    ],
    ids=str,
)
@pytest.mark.parametrize("wire", ["anthropic", "openai"])
def test_what_cannot_pass_ends_the_run_at_once_with_one_line(run, fault, words, wire):
    with Provider(faulty(fault)) as provider:
        names = real(provider)
        if wire == "openai":
            names = ["-a", "openai/gpt-5.4", "-b", "openai/gpt-5.4"]
            names += ["--api-base", provider.url + "/v1"]
        result = run(*names, "--plain")
    assert result.code == 1 and len(provider.requests) == 2
    assert result.err.count("\n") == 1 and words in result.err
    end = result.read.events[-1]
    assert end["type"] == "end" and end["reason"] == "error" and not result.read.of("retry")
    assert "--resume" in result.out


def test_a_key_that_an_error_repeats_is_not_shown(run):
    with Provider(faulty(status(401, f"the key {KEY} is wrong"))) as provider:
        result = run(*real(provider))
    assert "[secret]" in result.err  # and the fixtures look for the key in every file


@pytest.mark.parametrize("where", ["refused", "unresolved"])
def test_a_server_that_cannot_be_reached_is_tried_for_as_long_as_asked(run, where):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    base = {"refused": f"http://127.0.0.1:{port}", "unresolved": "http://nowhere.invalid"}[where]
    result = run("-a", "opus", "-b", "opus", "--api-base", base, "--retry-for", 1.5, "--plain")
    words = {
        "refused": f"nobody answers at 127.0.0.1:{port}: is the server running?",
        "unresolved": "cannot resolve nowhere.invalid: is the network up?",
    }
    assert result.code == 1 and words[where] in result.err and "--retry-for" in result.err
    assert result.err.count("\n") == 1
    assert result.read.of("retry") and result.read.events[-1]["error"] == "connection"


def test_a_full_context_window_ends_the_run(run):
    with Provider(lambda body, i: "word " * 200, context=2600) as provider:
        result = run(*real(provider), "--plain")
    assert result.code == 1 and result.read.events[-1]["reason"] == "context_window"
    assert "context window is full" in result.err and not result.read.of("retry")


def test_a_full_context_window_can_slide(run):
    with Provider(lambda body, i: f"{i} " + "word " * 200, context=2600) as provider:
        result = run(*real(provider), "--on-full", "slide", "--max-turns", 12, "--plain")
    assert result.code == 0 and len(result.responses) == 24
    slides = result.read.of("slide")
    assert slides and all(slide["from_message"] > 0 for slide in slides)
    assert "no longer sees what came before message" in result.out
    last = texts(provider.requests[-1].body)
    first = int(last[0][1].split()[0])
    kept = result.responses[slides[-1]["from_message"] :]
    assert last[0] == ("user", kept[0]) and first > 0
    assert [text for _, text in last] == kept[: len(last)]


def test_a_log_that_cannot_be_written_stops_before_any_more_models_are_asked(start, tmp_path):
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    # Under that limit Python would cut the bytecode that it keeps of what it imports, and use it.
    kept = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    with Provider(lambda body, i: "word " * 400) as provider:
        process = start(*real(provider), "--quiet", preexec_fn=limit, env=kept)
        _, err = process.communicate(timeout=120)
        asked = len(provider.requests)
    assert process.returncode == 1 and err.count("\n") == 1 and "cannot write the log" in err
    log = next((tmp_path / "logs").glob("*"))
    written = log.read_bytes().count(b'"type": "turn"')
    assert 0 < written == asked - 1 and log.read_bytes().endswith(b"\n")


@pytest.fixture
def small_disk(tmp_path):
    """small_disk(size) -> the folder of a disk that holds no more."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("mounts a small disk")
    disk = tmp_path / "disk"
    disk.mkdir()

    def mounted(size):
        mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(disk)]
        if subprocess.run(mount, capture_output=True).returncode:
            pytest.skip("may not mount")
        return disk

    yield mounted
    if os.path.ismount(disk):
        subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_stops_the_run_in_one_line(run, small_disk):
    disk = small_disk("1100k")
    with Provider(lambda body, i: "word " * 9000) as provider:
        args = [*real(provider), "--log-dir", disk, "--max-tokens", 100_000]
        result = run(*args)
        asked = len(provider.requests)
    log = next(disk.glob("*.jsonl"))
    written = log.read_bytes().count(b'"type": "turn"')
    assert result.code == 1 and "the disk is full" in result.err
    assert written == asked


def test_output_that_takes_no_more_is_no_defect_and_what_it_cut_off_is_paid(tmp_path, small_disk):
    disk = small_disk("8k")
    words = " ".join(map(shlex.quote, [*PROGRAM, "--plain"]))
    with Provider(lambda body, i: Reply(chunks=["A line of words.\n"] * 900)) as provider:
        command = f"{words} {' '.join(real(provider))} > {disk}/out"
        done = subprocess.run(command, shell=True, capture_output=True, text=True)
    assert done.returncode == 1 and "No space left" in done.stderr
    assert "Traceback" not in done.stderr and "defect" not in done.stderr
    *_, cut_off, end = read_log(tmp_path).events
    assert (end["reason"], end["error"]) == ("error", "output")
    assert (cut_off["type"], cut_off["why"]) == ("aborted", "output")
    assert cut_off["cost_usd"] > 0 and cut_off["partial"].startswith("A line of words.")


def test_what_a_broken_stream_cost_keeps_the_providers_count_of_the_input(run):
    def reply(body, i):
        return Reply(text="w " * 200, input_tokens=777, fault=cut(5) if i == 1 else None)

    with Provider(reply) as provider:
        result = run(*real(provider), "--max-turns", 1, *QUICK)
    aborted = result.read.of("aborted")[0]
    assert aborted["usage"]["input"] == 777 and aborted["usage"]["output"] > 1
    assert aborted["flags"] == ["estimated"]
    assert [m["flags"] for m in result.read.messages] == [[], ["retried"]]


def test_a_count_that_nobody_made_is_flagged(run):
    with Provider(lambda body, i: Reply("some words of a reply", counted=False)) as provider:
        result = run(*served(provider, "openai/gpt-5.4", "/v1"), "--max-turns", 1, "--plain")
    assert result.read.messages[0]["flags"] == ["estimated"]
    assert "token count estimated" in result.out
