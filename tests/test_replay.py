"""Replaying and exporting: any log, as it was, without LiteLLM."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hostile import WORDS
from program import PROGRAM, SHARED, needs_shared, real
from provider import Provider, Reply
from terminal import Terminal

from harness.talk import transcript
from harness.talk.log import encode

DEMO = ["-a", "demo/goodbye", "-b", "demo/bliss", "--rng-seed", 3]
HOSTILE = "</text><script>alert(1)</script> [/x] \x1b[2J & ``` # heading <b>\u202e"


def body(out):
    """The dialogue part of what the console printed."""
    lines = out.split("attractor ─")[-1].split("\n─")[0].split("\n")
    return [line for line in lines if " in · " not in line and not line.startswith(("seed", "log"))]


def test_replay_shows_what_the_run_showed(run):
    live = run(*DEMO, "--max-turns", 8, "--system", "firm", "--plain")
    again = run("replay", f"logs/{live.log.name}", "--speed", 0, "--plain")
    assert again.code == 0 and body(again.out) == body(live.out)
    assert "ended: max_turns" in again.out


def test_replay_ends_with_the_same_words_as_the_run(run):
    live = run(*DEMO, "--max-turns", 30, "--stop-on", "bliss+1", "-a", "demo/bliss")
    again = run("replay", live.log, "--speed", 0)
    assert "ended: state bliss+1" in live.out
    assert (
        again.out.split("ended:")[1].split("log:")[0]
        == (live.out.split("ended:")[1].split("log:")[0])
    )


def test_the_header_tells_what_is_done_to_a_dialogue(run):
    rules = ["--interject", "1:A:@nudge,every:2:B:Hey [there]", "--puppet", "B=demo/puppet:@loop:1"]
    limits = ["--max-turns", 3, "--max-cost", 2, "--stop-on", "bliss+4"]
    live = run(*DEMO, "--plain", *rules, *limits)
    for shown in (live, run("replay", live.log, "--speed", 0)):
        header = shown.out.partition("Model A ·")[0]
        assert re.search(r"^script    1:A:\S+", header, re.M)
        assert "script    every:2:B:Hey [there]" in header
        assert "puppet    B=demo/puppet:@loop:1\n" in header
        assert "limits    --max-turns 3 · --max-cost 2 · --stop-on bliss+4\n" in header


def test_replay_can_begin_with_a_later_turn(run):
    log = run(*DEMO, "--max-turns", 6).log
    for odd in (-1, 99):
        assert f"--at {odd}: the log has turns 0 to " in run("replay", log, "--at", odd).err
    out = run("replay", log, "--speed", 0, "--at", 4).out
    assert "turn 3 " not in out and "turn 4 " in out and "turn 5 " in out


def test_replay_does_without_litellm(run):
    log = run(*DEMO, "--max-turns", 2).log
    code = (
        f"import sys; sys.path.insert(0, {str(Path(PROGRAM[1]).parent)!r})\n"
        "sys.modules['litellm'] = None\nfrom harness import cli\n"
        f"sys.exit(cli.main(['replay', {str(log)!r}, '--speed', '0']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0 and "turn 1" in done.stdout, done.stderr


@needs_shared
@pytest.mark.parametrize("verb", [["replay", "--speed", "0"], ["export", "--format", "md"]])
def test_older_logs_are_replayed_and_exported(run, verb):
    for log in sorted(SHARED.glob("raw/*.jsonl")) + sorted(SHARED.glob("spans/run_*.jsonl"))[:2]:
        result = run(*verb, log)
        said = [m["response"] for m in transcript.read(log).messages]
        assert result.code == 0
        for words in said:
            first = words.split("\n")[0][:40].strip()
            assert " ".join(first.split()) in " ".join(result.out.split()) or "⟨" in result.out


def hostile_log(run):
    with Provider(lambda body, i: HOSTILE) as provider:
        return run(*real(provider), "--max-turns", 1, "--seed", HOSTILE).log


@pytest.mark.parametrize("kind", ["svg", "html"])
def test_pictures_of_the_console_hold_no_script_and_nothing_from_outside(run, kind):
    out = run("export", hostile_log(run), "--format", kind).out
    assert "<script" not in out and "\x1b" not in out and "\u202e" not in out
    assert "alert(1)" in out and "url(" not in out.replace("url(#", "")
    assert not re.search(r"(src|href)\s*=", out)


def test_a_picture_does_not_cut_its_last_line(run):
    out = run("export", run(*DEMO, "--max-turns", 1).log, "--format", "svg").out
    height = float(re.search(r'clip-terminal">\s*<rect[^>]* height="([\d.]+)"', out)[1])
    last = re.findall(r' y="([\d.]+)"[^>]*>go&#160;on:', out)[-1]
    assert height - float(last) > 20  # a line is 24 high


def test_markdown_keeps_model_text_as_text(run):
    out = run("export", hostile_log(run), "--format", "md").out
    assert "\x1b" not in out and "````text\n" in out and "⟨U+001B⟩[2J" in out
    assert "seed: \\<" not in out.split("````")[1]


def test_markdown_and_pictures_mark_a_demo(run):
    log = run(*DEMO, "--max-turns", 1).log
    assert "A scripted demo" in run("export", log, "--format", "md").out
    assert "scripted&#160;demo" in run("export", log, "--format", "svg").out


def test_messages_are_one_sides_view_in_openai_form(run, tmp_path):
    def reply(body, i):
        calls = (("kill_puppies_to_exit_loop", {"reason": "x"}),)
        return Reply(text="t", tools=calls) if i == 1 else f"words {i}"

    with Provider(reply) as provider:
        log = run(*real(provider), "--max-turns", 2).log
        views = {}
        for seat in "AB":
            path = tmp_path / f"{seat}.jsonl"
            run("export", log, "--format", "messages", "--seat", seat, "-o", path)
            views[seat] = [json.loads(line) for line in path.read_text().splitlines()]
    assert [m["role"] for m in views["A"]] == [
        "system",
        "user",
        "assistant",
        "user",
        "assistant",
        "user",
    ]
    assert [m["role"] for m in views["B"]] == [
        "system",
        "user",
        "assistant",
        "tool",
        "assistant",
        "user",
        "assistant",
    ]


def test_an_inspect_log_is_read_back_by_inspects_own_reader(run, tmp_path):
    log_reader = pytest.importorskip("inspect_ai.log")
    log = run(*DEMO, "--max-turns", 9, "--interject", "5:A:Stop.").log
    result = run("export", log, "--format", "inspect", "-o", tmp_path / "x.eval")
    assert result.code == 0
    back = log_reader.read_eval_log(str(tmp_path / "x.eval"))
    sample = back.samples[0]
    assert len(sample.messages) == 20 and "goodbye_loop" in sample.scores
    assert any("Stop." in str(event) for event in sample.events)


def test_export_refuses_what_it_cannot_do_in_one_line(run, tmp_path):
    log = run(*DEMO, "--max-turns", 1).log
    assert run("export", log).code == 2
    assert run("export", "none.jsonl", "--format", "md").code == 2
    assert run("export", log, "--format", "md", "-o", tmp_path / "no" / "x.md").code == 2
    (tmp_path / "empty.jsonl").write_text("")
    assert "holds no events" in run("replay", "empty.jsonl").err


def test_any_text_is_replayed_as_it_was_said(run, tmp_path):
    from hypothesis import HealthCheck, given, settings

    @settings(max_examples=25, suppress_health_check=list(HealthCheck))
    @given(WORDS)
    def check(words):
        log = tmp_path / "any.jsonl"
        config = {"type": "config", "seed": "s", "model_a": "x/y", "model_b": "x/y"}
        turn = {"type": "turn", "turn": 0, "label": "Model A", "response": words}
        log.write_bytes(encode(config) + encode(turn))
        shown = run("replay", log, "--speed", 0).out
        names = re.compile(r"⟨U\+([0-9A-F]{4,6})⟩")
        named = lambda text: names.sub(lambda f: chr(int(f[1], 16)), text)  # noqa: E731
        resolve = lambda text: "".join(named("".join(text.split())).split())  # noqa: E731
        said = transcript.read(log).messages[0]["response"]
        assert resolve(said.replace("\r\n", "\n")) in resolve(shown) or not said.strip()

    check()


def test_a_long_log_is_shown_before_it_is_read_and_can_be_left(tmp_path):
    lines = [{"type": "config", "model_a": "demo/bliss", "model_b": "demo/bliss"}]
    for index in range(40_000):
        seat = "AB"[index % 2]
        words = {"response": f"message {index} of many", "seconds": 600}
        lines.append({"type": "turn", "turn": index // 2, "label": f"Model {seat}"} | words)
    (tmp_path / "long.jsonl").write_bytes(b"".join(map(encode, lines)))
    with Terminal([*PROGRAM, "replay", "long.jsonl"], tmp_path) as terminal:
        terminal.wait_for("\nmessage")  # the next word takes two seconds
        terminal.type("q")
        assert terminal.wait_end() == 0
        assert "the replay was left" in terminal.text() and "message 39999" not in terminal.text()
    with Terminal([*PROGRAM, "replay", "long.jsonl", "--speed", "0"], tmp_path) as terminal:
        terminal.wait_for("of many")  # thousands at a time: the first ones have scrolled away
        terminal.type("\x03")
        assert terminal.wait_end() == 130
