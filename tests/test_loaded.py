"""A process that is forked with LiteLLM loaded does what one that is started anew does."""

import os
import re
import signal
import subprocess
import sys

import pytest
from program import PROGRAM, real
from provider import Provider, Reply, hang

if sys.platform == "win32":
    pytest.skip("no pty on Windows", allow_module_level=True)
from loaded import Forked
from terminal import Terminal


def bare(text):
    """What was printed, without what differs from run to run."""
    return re.sub(r"run_\w+|\d+\.\d s", "…", text)


def test_it_sends_and_says_the_same(start, fork):
    found = []
    with Provider(lambda body, i: f"words {len(body['messages'])}") as provider:
        for begin in (start, fork):
            process = begin(*real(provider), "--max-turns", 2, "--plain")
            out, err = process.communicate(timeout=120)
            sent = [request.raw for request in provider.requests[len(found) * 4 :]]
            found.append((process.returncode, bare(out), err, sent))
    assert found[0] == found[1] and found[0][0] == 0 and len(found[0][3]) == 4


def test_it_looks_the_same_in_a_terminal(loaded, tmp_path):
    shown = []
    talk = ["-a", "demo/goodbye", "-b", "human", "--max-turns", "1", "--rng-seed", "1"]
    for origin in (None, loaded):
        with Terminal([*PROGRAM, *talk], tmp_path, columns=100, loaded=origin) as terminal:
            terminal.wait_for("You as Model B:")
            terminal.type("Good evening.\r")
            assert terminal.wait_end() == 0
            shown.append(bare(terminal.text()))
    assert shown[0] == shown[1] and "Good evening." in shown[0]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_it_ends_as_it_is_told_to(fork, number):
    with Provider(lambda body, i: Reply(fault=hang())) as provider:
        process = fork(*real(provider), "--quiet")
        provider.wait_for(1)
        assert process.poll() is None
        process.send_signal(number)
        assert process.wait(60) == (-number if number == signal.SIGKILL else 128 + number)
    assert process.poll() == process.returncode


def test_a_signal_for_one_that_has_just_ended_is_no_error():
    ended = subprocess.Popen(["true"])
    ended.wait()
    news, tell = os.pipe()
    os.write(tell, b"%d\n" % ended.pid)
    Forked(["true"], news, []).send_signal(signal.SIGINT)  # before anybody says what became of it
    os.close(tell)
