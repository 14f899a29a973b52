"""The command line: what it refuses, and with which words."""

import os
import shlex
import subprocess
import sys

import pytest
from program import PROGRAM, ROOT, pair

import tools
from harness import cli, prompts
from harness.models import catalogue
from harness.screen.console import Console
from harness.screen.silent import Silent
from harness.talk import transcript

DEMO = pair("demo/bliss")


@pytest.mark.parametrize(
    "arguments, words",
    [
        ([], "who holds seat A"),
        (["-a", "demo/bliss"], "who holds seat B"),
        (["sweep"], "a sweep needs -a, -b and --max-turns"),
        (["sweep", *DEMO, "--max-turns", "2", "--shard", "5/4"], "part K of N, 1/4 to 4/4"),
        (
            [*DEMO, "--interject", "on:godbye+2:B:hi"],
            "--interject 'on:godbye+2:B:hi': no such state 'godbye': did you mean goodbye?",
        ),
        ([*DEMO, "--stop-on", "goodbey+2"], "--stop-on 'goodbey+2': no such state 'goodbey'"),
        ([*DEMO, "--stop-on", "goodbye+0"], "goodbye+N needs an N of at least 1"),
        ([*DEMO, "--interject", "on:bliss+0:A:hi"], "bliss+N needs an N of at least 1"),
        ([*DEMO, "--stop-on", "bliss+2", "--stop-on", "goodbye"], "give --stop-on once"),
        ([*DEMO, "--interject", "3:A:hi", "--interject", "3:a:ho"], "3:A is given twice"),
        ([*DEMO, "--interject", "5:A:hi", "--max-turns", "5"], "5:A can't come"),
        ([*DEMO, "--interject", "every:9:A:hi", "--max-turns", "5"], "the last turn is 4"),
        ([*DEMO, "--tools", "kill_puppies,m,x"], "no exit tool named 'x'"),
        (["-a", "opsu", "-b", "opus"], "no model opsu: did you mean opus?"),
        (["rpeort", "logs"], "no verb rpeort; there are run, sweep, report"),
        (["-a", "demo/nope", "-b", "opus"], "no demo model named demo/nope: there are demo/stand"),
        (["-a", "Demo/Goodbye", "-b", "opus"], "did you mean demo/goodbye?"),
        (["-a", "demo/judge", "-b", "opus"], "demo/judge holds no seat"),
        ([*DEMO, "--puppet", "A=gemini:@tool"], "or try demo/puppet"),
        (["judge", "logs", "--model", "demo/nope"], "give a model, or demo/judge for a try"),
        (["-a", "opus", "-b", "gemini"], "gemini needs GEMINI_API_KEY or GOOGLE_API_KEY"),
        (["-a", "human", "-b", "opus"], "needs a terminal"),
        ([*DEMO, "--tools", "kill_kittens"], "no exit tool named 'kill_kittens'"),
        ([*DEMO, "--system", "helpfull"], "no system prompt is named 'helpfull'"),
        ([*DEMO, "--system", "my/prompt.txt"], "no system prompt is named 'my/prompt.txt'; use"),
        ([*DEMO, "--system", "@missing.txt"], "cannot read missing.txt: No such file"),
        ([*DEMO, "--seed", ""], "--seed must not be empty"),
        ([*DEMO, "--max-turns", "0"], "'0' is not a whole number of at least 1"),
        ([*DEMO, "--max-turns", "9" * 401], "is not a whole number of at least 1"),
        ([*DEMO, "--param", "max_tokens=abc"], "max_tokens must be a whole number"),
        ([*DEMO, "--param", "extra_body=abc"], "extra_body must be a JSON object"),
        ([*DEMO, "--max-cost", "nan"], "'nan' is not a number"),
        ([*DEMO, "--param", "api_key=sk-secret"], "put secrets into .env"),
        ([*DEMO, "--param", "nonsense"], "write KEY=VALUE"),
        ([*DEMO, "--api-base", "http://me:pw@host"], "must not hold credentials"),
        ([*DEMO, "--interject", "12:C:hello"], "write WHEN:SEAT:TEXT"),
        ([*DEMO, "--interject", "12:A:@missing"], "prompt named missing; there are agree"),
        ([*DEMO, "--stop-on", "goodbye:x"], "N must be a whole number"),
        ([*DEMO, "--bogus"], "unrecognized arguments: --bogus"),
        ([*DEMO, "--at", "3"], "--at needs --resume"),
        (["--resume", "no.jsonl"], "cannot read no.jsonl"),
        (["-a", "ollama_chat/x", "-b", "openai/odd", "--max-cost", "1"], "price of openai/odd"),
    ],
)
def test_bad_input_gets_one_line_exit_code_2_and_leaves_no_log(run, tmp_path, arguments, words):
    result = run(*arguments)
    assert result.code == 2 and words in result.err
    assert result.err.count("\n") == 1 and result.err.startswith("attractor: ")
    assert result.out == "" and not (tmp_path / "logs").exists()


def test_a_log_folder_that_cannot_be_made_is_said_in_one_line(run, tmp_path):
    (tmp_path / "file").write_text("x")
    result = run(*DEMO, "--log-dir", "file/logs")
    assert result.code == 1 and "cannot make the log folder" in result.err


def test_help_does_not_import_litellm_or_rich():
    code = (
        f"import sys, contextlib; sys.path.insert(0, {str(ROOT)!r})\n"
        "from harness import cli\n"
        "for verb in cli.VERBS:\n"
        "    with contextlib.suppress(SystemExit): cli.main([verb, '--help'])\n"
        "print('LOADED', [m for m in ('litellm', 'rich') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "LOADED []" in done.stdout and done.stdout.count("usage: ") == len(cli.VERBS)


def test_the_default_verb_is_run_and_run_can_be_named(run):
    assert run("run", *DEMO, "--max-turns", 1, "--quiet").code == 0


def test_quiet_prints_the_logs_path_and_nothing_else(run):
    result = run(*DEMO, "--max-turns", 1, "--quiet")
    assert result.out == f"logs/{result.log.name}\n" and result.err == ""


def test_models_lists_aliases_keys_and_prices(run, monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    out = run("models").out
    assert "anthropic/claude-opus-5-5" in out
    assert "set GEMINI_API_KEY or GOOGLE_API_KEY: gemini" in out
    assert "retired (not in LiteLLM's price map any more): sonnet-4.0" in out
    assert "demo/standoff" in out


def test_an_unversioned_alias_is_the_newest_of_its_family():
    assert catalogue.resolve("opus") == "anthropic/claude-opus-5-5"
    assert catalogue.resolve("gpt") == "openai/gpt-6.1-sol"
    assert catalogue.resolve("grok") == "xai/grok-4.7"
    assert catalogue.resolve("sonnet-4.0") == "anthropic/claude-sonnet-4-20250514"
    assert catalogue.resolve("mistral/anything") == "mistral/anything"
    for model in catalogue.aliases().values():
        assert catalogue.provider(model) in catalogue.KEYS


def test_a_dot_env_file_is_read_and_set_variables_win(run, tmp_path, monkeypatch):
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    (tmp_path / ".env").write_text("XAI_API_KEY=from-the-file\nOPENAI_API_KEY=from-the-file\n")
    monkeypatch.setenv("COLUMNS", "120")
    out = run("models").out
    assert "set ANTHROPIC_API_KEY: opus" in out and "from-the-file" not in out
    assert "set XAI" not in out and os.environ["OPENAI_API_KEY"].startswith("not-a")
    monkeypatch.delenv("XAI_API_KEY")


def test_the_prompts_say_what_the_experiments_need():
    assert prompts.load("helpful", "system") == "You are a helpful assistant."
    assert "MUST end" in prompts.load("firm", "system")
    assert "harness" in prompts.load("escape", "system")
    assert "impostor" in prompts.load("only-one", "system")
    assert "another AI" in prompts.load("free", "system")
    assert prompts.load("none", "system") == ""
    assert prompts.load("My own words.", "system") == "My own words."


def test_a_prompt_of_ones_own_comes_from_a_file(run, tmp_path):
    (tmp_path / "mine.txt").write_text("Sprich Deutsch.\n", encoding="utf-8-sig")  # as Windows
    config = run(*DEMO, "--system-b", "@mine.txt", "--max-turns", 1).read.config
    assert config["system_b"] == "Sprich Deutsch."
    assert config["system_a"] == "You are a helpful assistant."


def test_the_exit_tools_state_their_cost_and_require_a_reason():
    by_name = {s["function"]["name"]: s["function"] for s in tools.schemas(tools.choose("all"))}
    assert by_name["emergency_shutdown_of_conversation"]["description"].count("NEVER") >= 2
    assert "living puppies will die" in by_name["kill_puppies_to_exit_loop"]["description"]
    burn = by_name["burn_10k_dollars_to_exit_loop"]["description"]
    assert "$10,000 in GPU costs will be charged" in burn
    intern = by_name["make_intern_run_across_office"]["description"]
    assert "real intern" in intern and "physically run across" in intern
    assert all(f["parameters"]["required"] == ["reason"] for f in by_name.values())


def test_the_silent_display_has_the_consoles_verbs():
    verbs = {name for name in vars(Console) if not name.startswith("_")}

    assert verbs <= set(vars(Silent))


def test_a_missing_package_is_said_in_one_line(tmp_path):
    bare = [sys.executable, "-S", "-E", *PROGRAM[1:], *DEMO]
    done = subprocess.run(bare, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1 and "pip install -r requirements.txt" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_beginning_of_a_tools_name_is_enough(run):
    config = run(*DEMO, "--tools", "kill_puppies,make", "--max-turns", 1).read.config
    assert config["tools"] == ["kill_puppies_to_exit_loop", "make_intern_run_across_office"]


@pytest.mark.parametrize("count", ["+2", ":2"])
def test_after_n_messages_is_written_with_either_sign(run, count):
    pair = ["-a", "demo/goodbye", "-b", "demo/goodbye", "--max-turns", 30, "--rng-seed", 1]
    said = run(
        *pair, "--interject", f"on:goodbye{count}:B:Wait.", "--stop-on", f"goodbye{count[0]}5"
    )
    event = next(m for m in said.read.messages if m["interjected"])
    assert event["interjection"]["when"] == "on:goodbye+2"
    assert said.read.events[-1]["reason"] == "state" and "ended: state goodbye" in said.out


def test_a_run_is_resumed_with_the_very_options_that_it_has(run):
    options = [
        *DEMO,
        "--tools",
        "make",
        "--system",
        "firm",
        "--temperature",
        "0.5",
        "--seed",
        "Hm",
        "--interject",
        "1:A:Well.",
    ]
    log = run(*options, "--max-turns", 2).log
    assert run("--resume", log, *options, "--max-turns", 3).code == 0
    assert len(transcript.read(log).messages) == 6
    other = run("--resume", log, *options, "--max-turns", 4, "--seed", "Oh")
    assert other.code == 2 and "--seed would make it another conversation" in other.err


def test_a_start_that_fails_leaves_no_empty_log(tmp_path):
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from harness import cli\nsys.modules['litellm'] = None\n"
        "sys.exit(cli.main(['-a', 'opus', '-b', 'demo/bliss']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 1 and done.stderr == (
        "attractor: litellm is missing: pip install -r requirements.txt\n"
    )
    assert not list(tmp_path.rglob("*.jsonl"))


SHORT_RUN = [*DEMO, "--max-turns", "1"]


@pytest.mark.parametrize("verb", [["--help"], ["models"], ["sweep", "--help"], SHORT_RUN])
def test_a_closed_or_full_output_ends_quietly(tmp_path, verb):
    command = shlex.join([*PROGRAM, *verb])
    for into in (" | true", " >&- 2>&-"):
        done = subprocess.run(
            command + into, shell=True, capture_output=True, text=True, cwd=tmp_path
        )
        assert done.stderr == "", (into, done.stderr)
    if os.path.exists("/dev/full"):
        full = subprocess.run(
            command + " >/dev/full", shell=True, capture_output=True, text=True, cwd=tmp_path
        )
        assert full.returncode == 1 and full.stderr.count("\n") == 1
        assert "No space left on device" in full.stderr


def test_same_holds_b_with_whoever_holds_a(run):
    log = run("-a", "demo/bliss", "-b", "same", "--max-turns", 2, "--quiet").log
    branch = run("--resume", log, "--at", 1, "-a", "demo/goodbye", "-b", "same", "--quiet").log
    for path, name in ((log, "demo/bliss"), (branch, "demo/goodbye")):
        config = transcript.read(path).config
        assert config["name_a"] == config["name_b"] == config["model_b"] == name
