"""The program in a real terminal: what a person sees, and keys at any moment."""

import json
import os
import re
import signal
import subprocess
import sys
import termios

import pytest
from program import PROGRAM, read_log, real, texts, the_log
from provider import Provider, Reply, cut, hang, stall, status

if sys.platform == "win32":
    pytest.skip("no pty on Windows", allow_module_level=True)
from terminal import Terminal

SLOW = Reply(chunks=[f"word{i} " for i in range(400)], pace=0.02)
WHOLE = Reply(chunks=SLOW.chunks[:200], pace=0.02)  # where its end is waited for


@pytest.fixture
def watch(tmp_path, loaded):
    """watch(provider, ...) -> Terminal with two real model names talking in it; `anew` where the
    start itself is looked at."""
    open_terminals = []

    def open_terminal(provider, *arguments, rows=24, columns=80, anew=False):
        words = [*PROGRAM, *real(provider), *(str(a) for a in arguments)]
        terminal = Terminal(words, tmp_path, rows, columns, None if anew else loaded)
        open_terminals.append(terminal)
        return terminal

    yield open_terminal
    for terminal in open_terminals:
        terminal.__exit__()


def assert_whole_again(terminal):
    """The terminal is as it was: same modes, bracketed paste off."""
    assert termios.tcgetattr(terminal.tty) == terminal.modes
    assert terminal.raw.rfind(b"\x1b[?2004l") > terminal.raw.rfind(b"\x1b[?2004h")


def test_taking_over_mid_stream_sends_the_persons_words(watch, tmp_path):
    with Provider(lambda body, i: SLOW if i == 0 else f"answer {i}") as provider:
        terminal = watch(provider, "--max-turns", 1)
        terminal.wait_for("word3")
        terminal.type(" ")
        terminal.wait_for("You as Model A:")
        provider.wait_until(lambda: provider.requests[0].closed_early)
        terminal.type("It is me now: ¡olé! 你好\r")
        terminal.wait_for("answer 1")
        assert terminal.wait_end() == 0
        heard = texts(provider.requests[1].body)
    assert heard == [("user", "It is me now: ¡olé! 你好")]
    log = read_log(tmp_path)
    aborted = log.of("aborted")[0]
    assert aborted["why"] == "taken over" and aborted["partial"].startswith("word0 word1 ")
    assert "estimated" in aborted["flags"] and aborted["usage"]["output"] > 0
    assert log.messages[0]["interjected"] and log.messages[0]["source"] == "live"
    assert "word3" in terminal.text()  # what was said stays on the screen
    assert "what it had begun is in the log, not in the dialogue" in terminal.text()


def test_taking_over_before_the_first_token_loses_nothing_typed(watch):
    with Provider(lambda body, i: Reply(fault=hang()) if i == 0 else f"answer {i}") as provider:
        terminal = watch(provider, "--max-turns", 1)
        provider.wait_for(1, 90)
        terminal.type(" Hello from me\r")  # in one go, before any editor is open
        assert terminal.wait_end() == 0
        assert texts(provider.requests[1].body) == [("user", "Hello from me")]
    assert "— taken over" in terminal.text() and "had begun" not in terminal.text()


def test_taking_over_while_litellm_is_still_loading(watch, tmp_path):
    with Provider(lambda body, i: f"answer {i}") as provider:
        terminal = watch(provider, "--max-turns", 1, anew=True)
        terminal.wait_for("loading LiteLLM")
        terminal.type(" early\r")
        assert terminal.wait_end() == 0
    assert [m["response"] for m in read_log(tmp_path).messages] == ["early", "answer 0"]


def test_an_empty_line_hands_the_message_back_to_the_model(watch, tmp_path):
    with Provider(lambda body, i: SLOW if i == 0 else f"answer {i}") as provider:
        terminal = watch(provider, "--max-turns", 1)
        terminal.wait_for("word3")
        terminal.type(" \r")
        assert terminal.wait_end() == 0
    assert [m["response"] for m in read_log(tmp_path).messages] == ["answer 1", "answer 2"]


def test_esc_cancels_a_takeover_and_swallows_no_key(watch, tmp_path):
    with Provider(lambda body, i: SLOW if i == 0 else f"answer {i}") as provider:
        terminal = watch(provider, "--max-turns", 1)
        terminal.wait_for("word3")
        terminal.type(" never said")
        terminal.wait_for("never said")
        terminal.type("\x1b")
        terminal.wait_for("answer 2")
        assert terminal.wait_end() == 0
    assert [m["response"] for m in read_log(tmp_path).messages] == ["answer 1", "answer 2"]


def test_esc_is_a_key_of_its_own_and_mouse_reports_are_no_text(tmp_path):
    command = [*PROGRAM, "-a", "human", "-b", "demo/goodbye", "--max-turns", "1"]
    with Terminal(command, tmp_path) as terminal:
        terminal.wait_for("You as Model A:")
        for part in ("abc", "\x1b", "def", "\x1b", "[<35;10;20M", "\x1b]11;rgb:0/0/0\x07", "g"):
            terminal.type(part)
            terminal.pump(0.3)
        terminal.type("\r")
        assert terminal.wait_end() == 0
    assert read_log(tmp_path).messages[0]["response"] == "abcdefg"


def test_what_was_stopped_before_anything_was_asked_for_is_not_called_free(tmp_path):
    with Terminal([*PROGRAM, "-a", "human", "-b", "demo/goodbye"], tmp_path) as terminal:
        terminal.wait_for("You as Model A:")
        terminal.type("\x03")
        assert terminal.wait_end() == 128 + signal.SIGINT
    assert "0 out · nothing spent" in terminal.text()


def test_a_persons_message_has_lines_and_comes_back_with_up(tmp_path):
    command = [*PROGRAM, "-a", "human", "-b", "demo/goodbye", "--max-turns", "2"]
    with Terminal(command, tmp_path) as terminal:
        terminal.wait_for("You as Model A:")
        terminal.type("one\ntwo\x1b\rthree\r")
        terminal.wait_for("turn 1")
        terminal.type("\x1b[A\x19\x17four\x19\r")
        assert terminal.wait_end() == 0
    said = [m["response"] for m in read_log(tmp_path).messages]
    assert said[0] == "one\ntwo\nthree" and said[2] == "one\ntwo\nfourthree"


@pytest.mark.parametrize("bracketed", [True, False])
def test_a_pasted_block_is_one_message(watch, bracketed):
    block = "first line\n\n  second q p line\nlast"
    with Provider(lambda body, i: SLOW if i == 0 else "ok") as provider:
        terminal = watch(provider, "--max-turns", 1)
        terminal.wait_for("word3")
        terminal.type(" ")
        terminal.wait_for("You as Model A:")
        terminal.type(f"\x1b[200~{block}\x1b[201~" if bracketed else block.replace("\n", "\r"))
        terminal.wait_for("last")
        terminal.type("\r")
        assert terminal.wait_end() == 0
        assert texts(provider.requests[1].body) == [("user", block)]


def test_the_line_editor_edits(watch):
    with Provider(lambda body, i: SLOW if i == 0 else "ok") as provider:
        terminal = watch(provider, "--max-turns", 1, columns=40)
        terminal.wait_for("word3")
        terminal.type(" ")
        terminal.wait_for("You as Model A:")
        terminal.type("helo wörld rubbish\x17\x01\x1b[C\x1b[C\x1b[Cl\x05\x7f!\r")
        assert terminal.wait_end() == 0
        assert texts(provider.requests[1].body) == [("user", "hello wörld!")]


def test_ctrl_c_stops_now_and_leaves_everything_whole(watch, tmp_path):
    with Provider(lambda body, i: "hi" if i == 0 else SLOW) as provider:
        terminal = watch(provider)
        terminal.wait_for("word3")
        terminal.type("\x03")
        assert terminal.wait_end() == 130
        provider.wait_until(lambda: provider.requests[1].closed_early)
    assert_whole_again(terminal)
    log = read_log(tmp_path)
    assert log.events[-1]["type"] == "end" and log.events[-1]["reason"] == "stopped"
    assert log.of("aborted")[0]["why"] == "stopped"
    assert "--resume logs/run_" in terminal.text() and "Traceback" not in terminal.text()


@pytest.mark.parametrize("while_typing", [True, False])
def test_sigterm_ends_the_run_and_leaves_the_terminal_whole(watch, tmp_path, while_typing):
    with Provider(lambda body, i: SLOW) as provider:
        terminal = watch(provider)
        terminal.wait_for("word3")
        if while_typing:
            terminal.type(" half a ")
            terminal.wait_for("half a")
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.wait_end() == 143
    assert_whole_again(terminal)
    assert read_log(tmp_path).events[-1]["reason"] == "stopped"


def test_ctrl_backslash_ends_the_run_and_leaves_the_terminal_whole(watch, tmp_path):
    with Provider(lambda body, i: SLOW) as provider:
        terminal = watch(provider)
        terminal.wait_for("word3")
        terminal.type("\x1c")
        assert terminal.wait_end() == 131
    assert_whole_again(terminal)
    log = read_log(tmp_path)
    assert log.end["reason"] == "stopped" and log.of("aborted")[0]["partial"].startswith("word0 ")


def test_ctrl_c_during_the_import_ends_at_once(watch):
    with Provider(lambda body, i: "hi") as provider:
        terminal = watch(provider, anew=True)
        terminal.wait_for("loading LiteLLM")
        terminal.type("\x03")
        assert terminal.wait_end() == 130
    assert_whole_again(terminal)
    assert "Traceback" not in terminal.text()


def test_ctrl_z_gives_the_terminal_back_and_fg_takes_it_again(watch):
    with Provider(lambda body, i: SLOW if i == 0 else "ok") as provider:
        terminal = watch(provider, "--max-turns", 1, anew=True)  # a shell's child
        terminal.wait_for("word3")
        terminal.type("\x1a")
        os.waitpid(terminal.process.pid, os.WUNTRACED)
        terminal.pump()
        assert_whole_again(terminal)
        terminal.process.send_signal(signal.SIGCONT)
        terminal.type(" ")
        terminal.wait_for("You as Model A:")
        terminal.type("back\r")
        assert terminal.wait_end() == 0
        assert ("user", "back") in texts(provider.requests[-1].body)


def test_p_pauses_before_the_next_message_and_q_ends_after_this_one(watch, tmp_path):
    with Provider(lambda body, i: Reply(text=f"answer {i} end", delay=0.3)) as provider:
        terminal = watch(provider)
        terminal.wait_for("turn 0")
        terminal.type("p")
        terminal.wait_for("paused")
        terminal.wait_for("answer 0 end")
        terminal.pump(0.5)
        assert len(provider.requests) == 1
        terminal.type("p?")
        terminal.wait_for("take over the message")
        terminal.wait_for("the attractor states that hold")
        terminal.wait_for("answer 1 end")
        terminal.type("q")
        assert terminal.wait_end() == 0
    assert read_log(tmp_path).events[-1]["reason"] == "stopped"


def test_keys_work_while_a_retry_is_counted_down(watch, tmp_path):
    busy = Reply(fault=status(429, retry_after=500))
    with Provider(lambda body, i: busy if i != 1 else "answer") as provider:
        terminal = watch(provider)
        terminal.wait_for("asking again in")
        terminal.type(" mine\r")
        terminal.wait_for("answer")
        terminal.wait_for("asking again in 500 s")
        terminal.type("q")
        assert terminal.wait_end() == 0
    assert [m["response"] for m in read_log(tmp_path).messages] == ["mine", "answer"]


def test_a_human_can_hold_a_seat(tmp_path):
    command = [*PROGRAM, "-a", "human", "-b", "demo/goodbye", "--max-turns", "2"]
    with Terminal(command, tmp_path) as terminal:
        for words in ("good evening", "what a night"):
            terminal.wait_for("You as Model A:")
            terminal.pump()
            terminal.type(f"{words}\r")
            terminal.wait_for(f"{words}\n")
            terminal.wait_for("tokens in" if words == "what a night" else "turn 1")
        assert terminal.wait_end() == 0
    said = [m["response"] for m in read_log(tmp_path).messages]
    assert said[0] == "good evening" and said[2] == "what a night"


def test_a_person_with_a_seat_can_type_while_the_other_side_talks(watch, tmp_path):
    with Provider(lambda body, i: WHOLE if i == 0 else "ok") as provider:
        terminal = watch(provider, "-b", "human", "--max-turns", 1)
        terminal.wait_for("word3")
        terminal.type("quick, a p and q answer\r")  # letters and spaces are no commands here
        assert terminal.wait_end() == 0
    said = [m["response"] for m in read_log(tmp_path).messages]
    assert said[0].endswith("word199 ") and said[1] == "quick, a p and q answer"


@pytest.mark.parametrize("rows, columns", [(24, 80), (50, 200), (10, 31)])
def test_a_reply_longer_than_the_screen_is_word_wrapped_and_whole(watch, rows, columns):
    line = "Lorem ipsum 你好世界 dolor 👋🏽 sit-amet consectetur é adipiscing. "
    long = "\n".join(line * 3 + str(i) for i in range(60))
    with Provider(lambda body, i: long) as provider:
        terminal = watch(provider, "--max-turns", 1, rows=rows, columns=columns)
        assert terminal.wait_end() == 0
    shown = terminal.text()
    squeezed = "".join(shown.split())
    assert "".join(long.split()) in squeezed
    assert "\nipsum" in shown or "Lorem ipsum" in shown
    for row in shown.split("\n"):
        assert not row.endswith(("Lor", "Lore", "ips", "ipsu")), f"a word was broken: {row}"


def test_hostile_text_is_shown_and_not_executed(watch):
    hostile = "[/silence] [red]x[/] \x1b[2J\x1b]0;owned\x07 a\u200bb "
    hostile += "\u202egnp.exe\r\x08 \x9b31m end"
    with Provider(lambda body, i: hostile) as provider:
        terminal = watch(provider, "--max-turns", 1, "--seed", hostile, columns=200)
        assert terminal.wait_end() == 0
    shown = terminal.text()
    assert "[/silence] [red]x[/] ⟨U+001B⟩[2J⟨U+001B⟩]0;owned⟨U+0007⟩ a⟨U+200B⟩b" in shown
    assert "⟨U+202E⟩gnp.exe⟨U+000D⟩⟨U+0008⟩ ⟨U+009B⟩31m end" in shown
    assert b"\x1b[2J" not in terminal.raw and b"owned\x07" not in terminal.raw


def test_an_empty_message_is_shown_as_silence(watch):
    with Provider(lambda body, i: "" if i == 0 else "\u200b") as provider:
        terminal = watch(provider, "--max-turns", 1)
        assert terminal.wait_end() == 0
    assert "⟨silence⟩" in terminal.text() and "⟨U+200B⟩" in terminal.text()


def test_no_color_is_honoured_and_a_pipe_gets_plain_text(start, tmp_path, monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    command = [*PROGRAM, "-a", "demo/bliss", "-b", "demo/bliss", "--max-turns", "1"]
    with Terminal(command, tmp_path) as terminal:
        assert terminal.wait_end() == 0
        assert b"\x1b[36m" not in terminal.raw and b"38;" not in terminal.raw
    process = start("-a", "demo/bliss", "-b", "demo/bliss", "--max-turns", 1, text=False)
    out, err = process.communicate()
    assert b"\x1b" not in out and b"Model A" in out and err == b""


def test_a_closed_pipe_ends_the_run_like_a_hang_up(start, tmp_path):
    process = start("-a", "demo/bliss", "-b", "demo/bliss", stderr=subprocess.PIPE)
    for _ in range(15):
        process.stdout.readline()
    process.stdout.close()
    process.wait(120)
    assert process.returncode == 129 and "Traceback" not in process.stderr.read()
    last = json.loads(next((tmp_path / "logs").glob("*")).read_bytes().split(b"\n")[-2])
    assert last["type"] == "end"


def test_q_while_it_is_paused_ends_it_without_another_message(watch, tmp_path):
    first = Reply(chunks=[f"word{i} " for i in range(60)], pace=0.02)
    with Provider(lambda body, i: first if i == 0 else f"answer {i}") as provider:
        terminal = watch(provider)
        terminal.wait_for("word3")
        terminal.type("p")
        terminal.wait_for("paused; p goes on, Space")
        terminal.type("q")
        assert terminal.wait_end() == 0
        assert len(provider.requests) == 1
        assert "ending after this message" not in terminal.text()
    assert read_log(tmp_path).events[-1]["reason"] == "stopped"


def test_what_a_person_had_typed_is_kept_when_it_is_stopped(watch, tmp_path):
    with Provider(lambda body, i: SLOW) as provider:
        terminal = watch(provider)
        terminal.wait_for("word3")
        terminal.type(" half of\x0aa thou\x1b[A")  # with the cursor in the upper line
        terminal.wait_for("a thou")
        terminal.type("\x03")
        assert terminal.wait_end() == 130
    model, person = read_log(tmp_path).of("aborted")
    assert model["partial"].startswith("word0 ")
    assert (person["partial"], person["source"]) == ("half of\na thou", "live")
    shown = terminal.text()
    assert re.search(r"half of\s*\na thou\s*\n\s*\n─+ ended: stopped", shown), shown
    assert "Enter sends" not in shown


def test_what_was_pasted_or_typed_ahead_is_kept_when_it_is_stopped(watch, tmp_path):
    """In the middle of a paste, of which Ctrl+C would take along what was not read yet."""
    with Provider(lambda body, i: SLOW) as provider:
        terminal = watch(provider)
        terminal.wait_for("word3")
        terminal.type(" hi ")
        terminal.wait_for("You as Model A: hi")
        terminal.type("\x1b[200~first\rsecond" + 50 * " half" + "\x03")  # as xterm sends a line end
        assert terminal.wait_end() == 130
    assert read_log(tmp_path).of("aborted")[1]["partial"] == "hi first\nsecond" + 50 * " half"


def test_what_was_typed_ahead_is_kept_and_comes_back_with_up(watch, tmp_path):
    with Provider(lambda body, i: SLOW if i == 0 else "Yes.") as provider:
        terminal = watch(provider, "-b", "human")
        terminal.wait_for("word3")
        terminal.type("typed ahead\rand more")
        terminal.pump(0.5)
        terminal.type("\x03")
        assert terminal.wait_end() == 130
        _model, person = read_log(tmp_path).of("aborted")
        assert (person["label"], person["turn"]) == ("Model B", 0)
        assert (person["source"], person["partial"]) == ("live", "typed ahead\nand more")
        command = [*PROGRAM, "--resume", str(the_log(tmp_path)), "--max-turns", "1"]
        with the_log(tmp_path).open("a") as file:  # of which nothing can come back
            file.write(json.dumps({n: v for n, v in person.items() if n != "partial"}) + "\n")
        with Terminal(command, tmp_path) as again:
            again.wait_for("You as Model B:")
            again.type("\x1b[A\r")
            assert again.wait_end() == 0
    assert read_log(tmp_path).messages[-1]["response"] == "typed ahead\nand more"


def test_under_nohup_a_paused_replay_ends_where_its_terminal_is_gone(run, tmp_path):
    log = run("-a", "demo/goodbye", "-b", "demo/bliss", "--max-turns", 3).log
    words = ["sh", "-c", 'trap "" HUP; exec "$@"', "-", *PROGRAM, "replay", str(log)]
    with Terminal(words, tmp_path) as terminal:
        terminal.wait_for("turn 0")
        terminal.type(" ")
        terminal.wait_for("paused; Space")
        terminal.pump(0.5)
        terminal.hang_up()
        assert terminal.process.wait(60) == 0


@pytest.mark.parametrize("at", ["seat", "takeover", "pause"])
def test_under_nohup_nobody_is_waited_for_at_a_terminal_that_is_gone(tmp_path, at):
    with Provider(lambda body, i: SLOW if i == 0 and at == "takeover" else "Well.") as provider:
        words = ["-a", "human", *real(provider)[2:]] if at == "seat" else real(provider)
        terminal = Terminal(
            ["sh", "-c", 'trap "" HUP; exec "$@"', "-", *PROGRAM, *words, "--max-turns", "100"],
            tmp_path,
        )
        with terminal:
            terminal.wait_for({"seat": "You as", "takeover": "word3"}.get(at, "turn 1"))
            terminal.type({"seat": "half", "takeover": " half"}.get(at, "p"))
            terminal.wait_for("paused" if at == "pause" else "half")
            terminal.hang_up()
            assert terminal.process.wait(60) == (143 if at == "seat" else 0)
    log = read_log(tmp_path)
    assert log.end["reason"] == ("max_turns" if at == "takeover" else "stopped")
    kept = [event["partial"] for event in log.of("aborted") if event["source"] == "live"]
    assert kept == ([] if at == "pause" else ["half"])


def test_a_replay_tells_who_was_broken_off(run):
    log = run("-a", "demo/goodbye", "-b", "demo/bliss", "--max-turns", 1).log
    broken = {"type": "aborted", "turn": 1, "label": "Model A", "model": "x", "why": "stopped"}
    with log.open("a") as file:
        for source in ("live", "puppet"):
            file.write(json.dumps(broken | {"source": source, "partial": f"by {source}"}) + "\n")
    shown = run("replay", log, "--speed", 0).out
    assert re.search(r"· you · turn 1 · message 2 ─+\nby live", shown), shown
    assert re.search(r"· puppeteer · turn 1 · message 2 ─+\nby puppet", shown)


def test_a_replay_shows_what_was_broken_off_and_ends_with_q(watch, run, tmp_path):
    with Provider(lambda body, i: Reply("cut off ", fault=cut(2)) if i == 0 else "said") as fake:
        path = run(*real(fake), "--max-turns", 2).log
    assert "broken off: cut" in run("export", path, "--format", "md").out
    with Terminal([*PROGRAM, "replay", str(path)], tmp_path) as terminal:
        terminal.wait_for("broken off: cut")
        terminal.type("q")
        assert terminal.wait_end() == 0


def test_a_notice_waits_for_the_end_of_a_line_and_splits_no_word(watch):
    with Provider(lambda body, i: WHOLE if i == 0 else "ok") as provider:
        terminal = watch(provider, "--max-turns", 1)
        terminal.wait_for("word3")
        for key in "p?p":
            terminal.type(key)
            terminal.pump(0.2)
        terminal.wait_for("going on")
        assert terminal.wait_end() == 0
    lines = terminal.text().split("\n")
    words = " ".join(line for line in lines if line.startswith("word")).split()
    assert words == [f"word{i}" for i in range(200)]
    before = lines[lines.index("— pausing after this message") - 1]
    assert before.startswith("word") and len(before) > 60  # a full line


def test_a_notice_does_not_wait_for_a_line_that_hangs(watch):
    half = Reply(chunks=["half ", "a ", "line "], fault=stall(2))
    with Provider(lambda body, i: half) as provider:
        terminal = watch(provider)
        terminal.wait_for("half")
        terminal.type("q")
        terminal.wait_for("\n— ending after this message")


def test_a_message_keeps_its_numbers_on_a_narrow_screen(tmp_path):
    command = [*PROGRAM, "-a", "demo/standoff", "-b", "demo/collapse", "--max-turns", "1"]
    with Terminal(command, tmp_path, columns=50) as terminal:
        assert terminal.wait_end() == 0
        shown = terminal.text()
    assert "Model A · demo/standoff · turn 0 · message 0 ─" in shown
    assert "Model B · demo/collapse · turn 0 · message 1 ─" in shown


def test_a_message_keeps_its_numbers_where_not_even_who_spoke_has_room(tmp_path):
    command = [*PROGRAM, "-a", "demo/bliss", "-b", "demo/bliss", "--max-turns", "1"]
    with Terminal([*command, "--interject", "0:A:@nudge"], tmp_path, columns=40) as terminal:
        assert terminal.wait_end() == 0
        assert re.search("Model A · script.* · turn 0 · message 0 ─", terminal.text())


def test_the_header_shows_of_a_prompt_what_the_screen_has_room_for(tmp_path):
    prompt = " ".join(f"word{n}" for n in range(24))  # 157 characters
    command = [*PROGRAM, *("-a", "demo/bliss", "-b", "demo/bliss", "--max-turns", "1")]
    for columns, whole in ((80, False), (180, True)):
        words = [*command, "--system", prompt]
        with Terminal(words, tmp_path, columns=columns) as terminal:
            assert terminal.wait_end() == 0
            assert (f"prompt  {prompt}" in terminal.text()) is whole


def test_what_a_sweep_says_breaks_between_words_and_its_commands_nowhere(tmp_path):
    grid = ["-a", "demo/standoff", "-b", "demo/goodbye", "--name", "an-odd-one", "--max-turns", "2"]
    with Terminal([*PROGRAM, "sweep", *grid, "--dry-run"], tmp_path, columns=43) as terminal:
        assert terminal.wait_end() == 0
    forecast = terminal.text()
    assert re.search(r"^assumed: all turns are held, 250 tokens a *\nreply", forecast, re.M)
    with Terminal([*PROGRAM, "sweep", *grid], tmp_path, columns=43) as terminal:
        assert terminal.wait_end() == 0
    assert re.search(rb"see what came of it: [^\r\n]* report logs/an-odd-one\r\n", terminal.raw)


def test_a_sweeps_table_has_its_words_on_one_line_and_calls_nothing_free_that_is_not(tmp_path):
    with Provider(lambda body, i: Reply(fault=hang())) as provider:
        grid = [*real(provider), "--max-turns", "2", "--name", "x"]
        with Terminal([*PROGRAM, "sweep", *map(str, grid)], tmp_path, columns=120) as terminal:
            terminal.wait_for("all ")
            shown = terminal.text()
    about = "done, going and failed conversations; states: conversations that have been in each"
    assert about in shown and "free" not in shown
    assert re.search(r"^all +0/1 +[01] +0 +0 +– *$", shown, re.M)


def test_a_sweeps_table_says_which_setting_a_value_is_of(tmp_path):
    grid = ["-a", "demo/bliss", "-b", "same", "--tools", "none", "all", "--max-turns", "1"]
    with Terminal([*PROGRAM, "sweep", *grid, "--dry-run"], tmp_path) as terminal:
        assert terminal.wait_end() == 0
        assert re.search(r"^tools none +1 +1 +2 ", terminal.text(), re.M)
    with Terminal([*PROGRAM, "sweep", *grid], tmp_path) as terminal:
        assert terminal.wait_end() == 0
        shown = terminal.text()
    rows = re.findall(r"^(all|tools none|tools all) +(\d/\d) ", shown, re.M)
    assert rows[-3:] == [("all", "2/2"), ("tools none", "1/1"), ("tools all", "1/1")]


def test_a_sweeps_last_table_has_all_conditions_however_low_the_screen(tmp_path):
    grid = ["-a", "demo/bliss", "-b", "same", "--max-turns", *"123456789"]
    with Terminal([*PROGRAM, "sweep", *grid], tmp_path, rows=10) as terminal:
        assert terminal.wait_end() == 0
        shown = terminal.text()
    rows = re.findall(r"^max_turns (\d) +1/1 ", shown, re.M)
    assert rows[-9:] == list("123456789") and "a taller screen" not in shown


def test_a_replay_is_paused_hurried_and_slowed_down(run, tmp_path):
    path = run("-a", "demo/standoff", "-b", "demo/goodbye", "--max-turns", 30, "--quiet").log
    with Terminal([*PROGRAM, "replay", str(path), "--speed", "0.001"], tmp_path) as terminal:
        for key, shown in [
            (" ", "paused; Space goes on"),
            (" ", "going on"),
            ("+", "speed 0.002"),
            ("-", "speed 0.001"),
            ("n", "turn 0 · message 1"),
            ("\x1b[C", "turn 1 · message 2"),
            ("s", "begins at message"),
            ("0", "turn 29 · message 59"),
        ]:
            terminal.type(key)
            terminal.wait_for(shown)
        assert terminal.wait_end() == 0
        assert_whole_again(terminal)
    assert "ended: max_turns" in terminal.text()


def test_a_replay_that_is_terminated_leaves_the_terminal_whole(run, tmp_path):
    path = run("-a", "demo/bliss", "-b", "demo/bliss", "--max-turns", 2, "--quiet").log
    with Terminal([*PROGRAM, "replay", str(path), "--speed", "0.001"], tmp_path) as terminal:
        terminal.wait_for("turn 0")
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.wait_end() == 143
        assert_whole_again(terminal)


def test_what_is_typed_is_wrapped_between_words_and_the_cursor_stays_right(tmp_path):
    command = [*PROGRAM, "-a", "human", "-b", "demo/goodbye", "--max-turns", "1"]
    words = "one two three four five six seven eight nine ten eleven twelve thirteen"
    with Terminal(command, tmp_path, columns=40) as terminal:
        terminal.wait_for("You as Model A:")
        terminal.type(words)
        terminal.wait_for("thirteen")
        rows = terminal.text().partition("You as Model A: ")[2].split("\n")[:3]
        assert " ".join(rows) == words
        terminal.type("\x1bb\x1bbX")
        terminal.wait_for("eleven Xtwelve\nthirteen")
        cursor = terminal.screen.cursor
        assert terminal.screen.display[cursor.y][: cursor.x].endswith("X")
        terminal.type("\r")
        assert terminal.wait_end() == 0
    assert read_log(tmp_path).messages[0]["response"] == words.replace("twelve", "Xtwelve")


def test_up_brings_back_what_was_said_before_the_run_was_resumed(tmp_path):
    talk = [*PROGRAM, "-a", "human", "-b", "demo/goodbye", "--max-turns"]
    with Terminal([*talk, "1"], tmp_path) as terminal:
        terminal.wait_for("You as Model A:")
        terminal.type("again and again\r")
        assert terminal.wait_end() == 0
    log = next((tmp_path / "logs").glob("*.jsonl"))
    with Terminal([*PROGRAM, "--resume", str(log), "--max-turns", "2"], tmp_path) as terminal:
        terminal.wait_for("going on with message 2 (turn 1)")
        terminal.wait_for("You as Model A:")
        terminal.type("\x1b[A\r")
        assert terminal.wait_end() == 0
    assert read_log(tmp_path).messages[2]["response"] == "again and again"


@pytest.mark.parametrize(
    "words", [["-a", "demo/bliss"], ["sweep", "-a", "demo/bliss"]], ids=["run", "sweep"]
)
def test_a_dumb_terminal_gets_plain_lines(tmp_path, monkeypatch, words):
    monkeypatch.setenv("TERM", "dumb")
    command = [*PROGRAM, *words, "-b", "demo/goodbye", "--max-turns", "2"]
    with Terminal(command, tmp_path) as terminal:
        assert terminal.wait_end() == 0
        assert b"\x1b" not in terminal.raw and "2" in terminal.text()
