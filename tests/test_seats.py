"""Any two models at one table: each pair of dialects talks, and what goes out is what was said."""

import itertools
import re
import subprocess
import sys

import pytest
from program import ROOT, texts
from provider import Provider, Reply
from streams import INTERN, MODELS, PUPPIES

SEATS = {"demo": "demo/goodbye", **MODELS, "gemini": "gemini/gemini-3-pro-preview"}
TURNS = 10
CHECK = ROOT.parent / "shared/check/streams.py"


def reply(body, i):
    """Words that are hard to carry, thoughts, and now and then two calls at once."""
    calls = ((PUPPIES, {"reason": f"done — 完 {i}"}), (INTERN, {"reason": "wait\u2028here"}))
    asked = str(body).count(PUPPIES) > 0 and i in (3, 8)
    return Reply(
        f"words {i}\u2028 <b>[bold]</b> 🙂", thinking=f"thought {i}", tools=calls if asked else ()
    )


def heard_by(seat, messages):
    """What a seat must be sent after these messages of the log: (role, words) in turn, with its
    own calls and what they were answered with."""
    said = [("user", "Hello there")] if seat == "A" else []
    for message in messages:
        if message["label"][-1] != seat:
            said.append(("user", message.get("sent", message["response"])))
            continue
        said.append(("assistant", message.get("sent", message["response"]).split("\n\n")))
    return said


def plain(body):
    """A request's dialogue without its thoughts and its tool rounds: what was called is bracketed
    by `texts`."""
    words = []
    for message in body.get("messages", ()):  # Anthropic's thoughts are blocks of their own
        if isinstance(content := message["content"], list):
            message["content"] = [block for block in content if block["type"] != "thinking"]
    for role, text in texts(body):
        text = text.partition("[kill_puppies")[0]
        if text.startswith(("[result", "Refused:")) or role == "tool" or not text:
            continue
        if words and words[-1][0] == role == "assistant":
            words[-1][1].append(text)
        else:
            words.append((role, [text] if role == "assistant" else text))
    return words


@pytest.mark.parametrize("a, b", list(itertools.product(SEATS, SEATS)))
def test_every_pair_of_dialects_talks_and_each_history_is_exact_on_the_wire(run, monkeypatch, a, b):
    monkeypatch.setenv("GEMINI_API_KEY", "a-key-of-no-use-123")
    with Provider(reply) as one, Provider(reply) as other:
        result = run(
            "-a",
            SEATS[a],
            "-b",
            SEATS[b],
            "--api-base-a",
            one.url + "/v1" * (a == "chat"),
            "--api-base-b",
            other.url + "/v1" * (b == "chat"),
            "--max-turns",
            TURNS,
            "--plain",
        )
    assert result.code == 0, result.err
    messages = result.read.messages
    assert len(messages) == 2 * TURNS and not result.read.of("retry")
    for seat, kind, provider in (("A", a, one), ("B", b, other)):
        if kind == "demo":
            continue
        assert {request.error for request in provider.requests} == {None}
        mine = [m for m in messages if m["label"][-1] == seat]
        assert sum(len(m["tool_attempts"]) for m in mine) == 4
        assert all(re.search(r"thought \d", m["thinking"]) for m in mine)
        checked = 0
        for request in provider.requests:
            heard = plain(request.body)
            if not rounds(request.body):
                assert heard == heard_by(seat, messages)[: len(heard)]
                checked += 1
        assert checked == TURNS
        assert not re.search(r"thought \d", str(heard_by(seat, messages)))


def rounds(body):
    """Whether a request is one of a message's tool rounds: it ends with results."""
    if "contents" in body:
        return "function_response" in str(body["contents"][-1])
    last = body["messages"][-1]
    return last["role"] == "tool" or "tool_result" in str(last["content"])


@pytest.mark.stress
@pytest.mark.timeout(1800)
@pytest.mark.skipif(not CHECK.exists(), reason="the recorded streams are not here")
def test_recorded_streams_come_out_right():
    done = subprocess.run([sys.executable, CHECK], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
