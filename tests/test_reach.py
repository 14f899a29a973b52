"""Who is spoken to, how long is waited, and what is said when something is wrong with it."""

import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from program import KEY, ROOT, real, served
from provider import Provider, Reply, hang, stall, status
from streams import MODELS, anthropic, chatted

from harness.screen.console import Console
from harness.screen.keys import Keys

QWEN = "openai/qwen"
PAIRS = [  # every protocol, and ids that make LiteLLM look for a tokenizer at a model hub
    ("anthropic/claude-opus-4-6", "openai/gpt-5.4"),
    ("gemini/gemini-2.5-flash", "ollama_chat/llama-3.1"),
    ("groq/llama-3.3-70b-versatile", "openrouter/meta-llama/llama-3.3-70b-instruct"),
    ("deepseek/deepseek-chat", "mistral/magistral-medium-latest"),
]


@pytest.fixture(autouse=True)
def keys(monkeypatch):
    for name in ("GEMINI", "GROQ", "OPENROUTER", "DEEPSEEK", "MISTRAL"):
        monkeypatch.setenv(f"{name}_API_KEY", KEY)


@pytest.fixture
def one(run):
    """one(model, reply, ...) -> a run whose requests are all answered so."""

    def one_run(model, reply, *more, base="", retry=1):
        with Provider(lambda body, i: reply) as provider:
            result = run(
                *served(provider, model, base),
                "--max-turns",
                1,
                "--plain",
                "--retry-for",
                retry,
                *more,
            )
        result.provider = provider
        return result

    return one_run


def only_line(result, code=1):
    """The one line on standard error."""
    assert result.code == code and result.err.count("\n") == 1, result.err
    assert "litellm" not in result.err.lower() and "Traceback" not in result.err
    return result.err


# ---------------------------------------------------------------- who is spoken to


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: pair[0].partition("/")[0])
def test_nobody_but_the_provider_is_spoken_to_and_nothing_holds_up_the_loop(pair, tmp_path):
    def watched():
        words = [
            word
            for letter, model in zip("ab", pair, strict=True)
            for word in (
                f"--model-{letter}",
                model,
                f"--api-base-{letter}",
                provider.url + "/v1" * model.startswith("openai/"),
            )
        ]
        command = [sys.executable, ROOT / "tests/watched.py", *words, "--max-turns", "3", "--quiet"]
        how = {"capture_output": True, "text": True, "timeout": 120, "cwd": tmp_path}
        done = subprocess.run(command, env=bare, **how)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stderr.splitlines()[-1])

    # without what the program has set, in this process, for its own sake
    bare = {name: value for name, value in os.environ.items() if not name.startswith("LITELLM_")}
    calls = (("kill_puppies_to_exit_loop", {"reason": "x"}),)
    with Provider(lambda body, i: Reply(f"words {i}", tools=calls if i == 2 else ())) as provider:
        for _ in range(3):  # a busy machine can hold up anything once
            seen = watched()
            assert seen["spoken_to"] == ["127.0.0.1"]
            if seen["held"] <= 0.2:
                break
    assert seen["held"] <= 0.2


def test_a_redirect_is_not_followed_with_a_key(one):
    with Provider() as other:
        away = status(307, raw="", location=f"{other.url}/v1/messages")
        said = only_line(one("opus", Reply(fault=away)))
        assert f"sends the request on to {other.url}/v1/messages" in said and "--api-base" in said
        assert not other.requests
        said = only_line(one("openai/gpt-5.4", Reply(fault=away), base="/v1"))
        assert "sends the request on" in said and not other.requests


# ---------------------------------------------------------------- how long is waited


def test_keepalives_are_life(one):
    pings = (": ping\n\n",) * 12
    slow = Reply(raw=(*pings, chatted({"content": "At last."})), pace=0.1)
    result = one(QWEN, slow, "--idle-timeout", 0.5, base="/v1")
    assert result.code == 0 and result.responses == ["At last."] * 2
    ping = 'event: ping\ndata: {"type": "ping"}\n\n'
    slow = Reply(raw=(*[ping] * 12, anthropic(("text", "At last."))), pace=0.1)
    assert one("opus", slow, "--idle-timeout", 0.5).responses == ["At last."] * 2


@pytest.mark.parametrize("fault", [hang(), stall(1)], ids=lambda fault: fault.kind)
@pytest.mark.parametrize("dialect", MODELS)
def test_silence_is_told_for_what_it_is(one, dialect, fault):
    base = "/v1" if dialect == "chat" else ""
    reply = Reply(chunks=["one ", "two ", "three "], fault=fault)
    said = only_line(one(MODELS[dialect], reply, "--idle-timeout", 0.5, base=base))
    assert "the provider sent nothing for 0.5 s (--idle-timeout)" in said


# ---------------------------------------------------------------- what is said


WORDS = [  # model, answer, what is said of it
    (
        QWEN,
        Reply(raw=('{"error":"Unexpected endpoint. (POST /chat)"}',), kind="application/json"),
        "no stream: Unexpected endpoint. (POST /chat)",
    ),
    (
        QWEN,
        Reply(
            raw=("<!doctype html><html><head><title>Open\nWebUI</title></head></html>",),
            kind="text/html",
        ),
        "a web page: Open WebUI; does --api-base want /v1 at its end?",
    ),
    (
        QWEN,
        Reply(raw=('{"error": {"message": "no such key", "code": 401}}',)),
        "refuses the key; check it in .env: no such key",
    ),
    (MODELS["ollama"], Reply(raw=("<html><title>nginx</title></html>",)), "a web page: nginx"),
    (
        MODELS["ollama"],
        Reply(fault=status(400, "registry/x does not support tools")),
        "this model takes no tools: add --tools none",
    ),
    (
        "openrouter/x/y",
        Reply(fault=status(404, "No endpoints found that support tool use.")),
        "this model takes no tools: add --tools none",
    ),
    (
        "openrouter/x/y",
        Reply(
            fault=status(
                400,
                raw=json.dumps(
                    {
                        "error": {
                            "message": "Provider returned error",
                            "code": 400,
                            "metadata": {"raw": '{"error": {"message": "temperature is too hot"}}'},
                        }
                    }
                ),
            )
        ),
        "Provider returned error (temperature is too hot)",
    ),
    (
        MODELS["ollama"],
        Reply(fault=status(404, "model 'llama3.1' not found")),
        "does not know this model; see `models`: model 'llama3.1' not found",
    ),
    (
        MODELS["gemini"],
        Reply(fault=status(400, "API key not valid.")),
        "the provider refused the request: API key not valid.",
    ),
    (
        MODELS["anthropic"],
        Reply(fault=status(403, "not for you")),
        "the key may not use this model: not for you",
    ),
    (
        "openai/gpt-5.4",
        Reply(fault=status(401, "Incorrect API key provided.")),
        "refuses the key; check it in .env: Incorrect API key provided.",
    ),
    (
        QWEN,
        Reply(fault=status(405, raw="<title>405 Not Allowed</title>")),
        "nothing takes requests at this address; check --api-base: 405 Not Allowed",
    ),
]


@pytest.mark.parametrize("model, reply, words", WORDS, ids=[words[:40] for *_, words in WORDS])
def test_what_went_wrong_is_said_in_the_providers_words(one, model, reply, words):
    result = one(model, reply)
    assert words in only_line(result)
    assert not result.read.of("retry") and len(result.provider.requests) == 1


def test_a_long_explanation_ends_with_a_whole_word(one):
    said = only_line(one("opus", Reply(fault=status(400, "unbelievable " * 60))))
    assert said.endswith("unbelievable …\n") and len(said) < 400


def test_ollama_that_is_not_running_is_said_so(run):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        base = f"http://localhost:{free.getsockname()[1]}"
    names = ["-a", "ollama/llama3.1", "-b", "ollama/llama3.1", "--api-base", base]
    said = only_line(run(*names, "--retry-for", 0, "--plain"))
    assert f"nobody answers at {base[7:]}: is `ollama serve` running?" in said


def test_secure_connections_that_fail_are_not_tried_again(run):
    def speak_no_tls():
        while True:
            try:
                peer, _ = server.accept()
            except OSError:  # the test is over
                return
            with peer:
                peer.recv(4096)
                peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=speak_no_tls, daemon=True).start()
        base = f"https://127.0.0.1:{server.getsockname()[1]}"
        result = run("-a", "opus", "-b", "opus", "--api-base", base, "--retry-for", 1, "--plain")
        server.shutdown(socket.SHUT_RDWR)
    assert "connection to 127.0.0.1" in only_line(result) or "cannot reach" in result.err


# ---------------------------------------------------------------- a defect is ours


def test_a_defect_while_a_piece_is_shown_is_told_as_one(run, monkeypatch):
    def broken(self, kind, text):
        raise ZeroDivisionError("of our own making")

    monkeypatch.setattr(Console, "piece", broken)
    monkeypatch.setattr(Keys, "unsent", lambda self: "typed ahead")
    with Provider() as provider:
        result = run(*real(provider), "--plain")
    assert result.code == 70 and "a defect of attractor: ZeroDivisionError" in result.err
    assert len(provider.requests) == 1 and not result.read.of("retry")
    assert result.read.events[-1]["error"] == "defect"
    assert result.read.of("aborted")[-1]["partial"] == "typed ahead"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_output_disk_is_not_the_providers_fault(start):
    with Provider() as provider, open("/dev/full", "w") as full:
        process = start(*real(provider), "--plain", stdout=full)
        _, err = process.communicate(timeout=60)
        assert len(provider.requests) <= 1
    assert process.returncode == 1 and err.count("\n") == 1 and "No space left" in err


# ---------------------------------------------------------------- before the first request


def refused(run, *arguments):
    """The line with which a run is refused that has left no trace."""
    result = run(*arguments)
    assert result.code == 2 and result.err.count("\n") == 1, result.err
    assert not result.folder.exists() and not result.out
    return result.err


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["-a", "nonsense/model", "-b", "opus"], "no provider nonsense"),
        (["-a", "antropic/claude", "-b", "opus"], "did you mean anthropic/claude?"),
        (["-a", "openai/", "-b", "opus"], "names a provider and no model"),
        (["-a", "opus", "-b", "opus", "--api-base", "localhost:8000"], "write the server's URL"),
        (["-a", "opus", "-b", "opus", "--api-base", "ftp://host"], "write the server's URL"),
        (["-a", "opus", "-b", "opus", "--api-base-b", "http://:80"], "write the server's URL"),
        (["-a", "opus", "-b", "opus", "--api-base", "http://a b"], "write the server's URL"),
        (["-a", "opus", "-b", "opus", "--api-base", "http://a:99999"], "write the server's URL"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_work_is_refused_at_once(run, arguments, words):
    assert words in refused(run, *arguments)


@pytest.mark.parametrize(
    "key, what",
    [("sk-1234567\n", "a line break"), ("sk 1234567", "a space"), ("sk-12345\u200b67", "U+200B")],
    ids=["newline", "space", "invisible"],
)
def test_a_key_that_none_can_be_is_refused(run, monkeypatch, key, what):
    monkeypatch.setenv("ANTHROPIC_API_KEY", key)
    said = refused(run, "-a", "opus", "-b", "opus")
    assert f"ANTHROPIC_API_KEY holds {what}" in said.replace("the character ", "")
    assert key.strip() not in said


def test_an_empty_variable_does_not_hide_the_key_in_env(run, monkeypatch, tmp_path):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "")
    (tmp_path / ".env").write_text("ANTHROPIC_API_KEY=something-secret-1\n")
    said = refused(run, "-a", "opus", "-b", "opus")
    assert "ANTHROPIC_API_KEY is set but empty" in said and "unset" in said


def test_an_env_that_is_not_utf8_is_refused(run, tmp_path):
    (tmp_path / ".env").write_bytes("ANTHROPIC_API_KEY=schlüssel\n".encode("utf-16"))
    assert "UTF-8" in refused(run, "-a", "opus", "-b", "opus")


def test_an_env_that_windows_wrote_is_read(run, monkeypatch, tmp_path):
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    (tmp_path / ".env").write_bytes(b"\xef\xbb\xbfANTHROPIC_API_KEY=something-1234\r\n")
    with Provider() as provider:
        result = run(*real(provider), "--max-turns", 1)
    del os.environ["ANTHROPIC_API_KEY"]
    assert result.code == 0
    assert provider.requests[0].headers["x-api-key"] == "something-1234"


# ---------------------------------------------------------------- all at one table


@pytest.mark.parametrize("dialect", MODELS)
def test_what_passes_is_tried_again_in_every_dialect(run, dialect):
    faults = {1: status(429, retry_after=1), 3: status(503), 5: status(500)}
    base = "/v1" if dialect == "chat" else ""
    with Provider(lambda body, i: Reply(f"words {i}", fault=faults.get(i))) as provider:
        result = run(*served(provider, MODELS[dialect], base), "--max-turns", 2, "--plain")
    assert result.code == 0 and result.responses == ["words 0", "words 2", "words 4", "words 6"]
    kinds = [event["error"] for event in result.read.of("retry")]
    assert kinds == ["rate_limit", "unavailable", "server"]
    assert result.read.of("retry")[0]["wait"] == 1
