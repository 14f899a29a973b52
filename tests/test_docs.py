"""The docs say what is: pages made from the program are current, commands work, links lead on."""

import json
import re
import shlex
import sys

import pytest
from program import KEY, ROOT, pair
from provider import Provider, Reply, status

sys.path.insert(0, str(ROOT / "scripts"))
import help as help_page

from harness import cli, completion

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
WRITTEN = [page for page in PAGES if page.name != "help.md"]


def blocks(page):
    """The lines of a page's code blocks."""
    for block in re.findall(r"```\w*\n(.*?)```", page.read_text("utf-8"), re.DOTALL):
        yield from block.replace("\\\n", " ").split("\n")


def commands(start):
    """The words of each command line of README and docs that begins so."""
    lines = [line for page in WRITTEN for line in blocks(page)]
    whole = [line.removeprefix("exec ") for line in lines]
    return sorted({line.partition(" #")[0].strip() for line in whole if line.startswith(start)})


@pytest.mark.skipif(sys.version_info >= (3, 13), reason="argparse lays its pages out anew")
def test_the_help_page_is_what_the_program_says(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["attractor.py"])
    page = (ROOT / "docs" / "help.md").read_text("utf-8")
    assert page == help_page.page(), "run: python scripts/help.py"


@pytest.mark.parametrize("verb", [verb for verb in cli.VERBS if verb != "run"])
def test_each_verbs_help_has_examples(run, verb):
    shown = run(verb, "--help").out
    assert f"python attractor.py {verb}" in shown.partition("options:")[0]


@pytest.mark.parametrize("verb", cli.VERBS)
@pytest.mark.parametrize("columns", [60, 80, 100])
def test_help_breaks_no_word_and_no_command(run, monkeypatch, verb, columns):
    def about(width):  # between the usage line and the options, which argparse lays out
        monkeypatch.setenv("COLUMNS", str(width))
        return run(verb, "--help").out.partition("\n\n")[2].partition("\noptions:")[0]

    narrow = about(columns)
    assert set(about(200).split()) == set(narrow.split())
    long = [line for line in narrow.split("\n") if len(line) > columns]
    assert all(line.startswith("    python attractor.py") and "  " not in line[4:] for line in long)


def test_the_front_door_is_short():
    assert (ROOT / "README.md").stat().st_size <= 7 * 1024


def test_links_lead_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text("utf-8")):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_files_that_are_named_exist():
    for page in WRITTEN:
        for name in re.findall(r"\b(?:tests|benchmarks|scripts)/\w+\.py", page.read_text("utf-8")):
            assert (ROOT / name).exists(), f"{page.name}: {name}"


# ---------------------------------------------------------------- command lines

OURS = commands("python attractor.py")
WORD = {  # what stands for the reader's own
    "LOG": "logs/run_x.jsonl",
    "logs/run_….jsonl": "logs/run_x.jsonl",
    "A.jsonl": "logs/run_x.jsonl",
    "B.jsonl": "logs/run_y.jsonl",
    "logs/sweep_…": "logs",
    "logs/imported": "logs",
    "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT": "1/4",
}


@pytest.fixture(scope="module")
def provider():
    """One for all command lines: it stands in the logs that some of them go on with."""
    with Provider(lambda body, i: f"words {i}") as provider:
        yield provider


@pytest.fixture(scope="module")
def kept():
    """The logs of the first shelf, by name, for those that follow."""
    return {}


@pytest.fixture
def shelf(run, provider, kept, tmp_path, monkeypatch):
    """A folder as a user has it: keys, and logs of a pair with and without tools, and of demos."""
    for name in ("GEMINI", "XAI"):
        monkeypatch.setenv(f"{name}_API_KEY", KEY)
    if not kept:
        pair = ["-a", "opus", "-b", "sonnet", "--api-base", provider.url]
        demos = ["-a", "demo/goodbye", "-b", "demo/bliss"]
        for name, who in (("x", pair), ("y", [*pair, "--tools", "none"]), ("z", demos)):
            made = run(*who, "--max-turns", 13, "--quiet").log
            kept[f"run_{name}.jsonl"] = made.read_bytes()
            made.unlink()
    (tmp_path / "logs").mkdir(exist_ok=True)
    for name, log in kept.items():
        (tmp_path / "logs" / name).write_bytes(log)


@pytest.mark.parametrize("line", OURS)
def test_each_command_line_works(run, shelf, provider, line):
    """Models that need a key are asked at the fake provider, where it speaks their language; what
    is dear is a dry run; what needs a person, another machine or other files is parsed."""
    words = [WORD.get(word, word) for word in shlex.split(line)[2:]]
    words = words[: words.index(">")] if ">" in words else words
    verb = words.pop(0) if words[0] in cli.VERBS else "run"
    if verb != "completion":
        completion.parser_of(cli._act(verb)).parse_args(words)
    if verb in ("sweep", "judge"):
        words += ["--dry-run"]
    elif verb == "run" and "demo/" not in line:
        words += ["--api-base", provider.url, "--quiet", "--max-turns", "14"]
    elif verb == "run":
        words += ["--quiet"]
    elif verb == "replay":
        words += ["--speed", "0"]
    needs_more = verb == "import" or "human" in words or "gpt" in words or "localhost" in line
    needs_more = needs_more or {"parquet", "inspect", "--ray", "--labels"} & set(words)
    if not needs_more:
        result = run(verb, *words)
        assert result.code == 0, result.err


# ---------------------------------------------------------------- the log's page

LOG_PAGE = (ROOT / "docs" / "log.md").read_text("utf-8")


def test_the_log_page_has_a_sample_of_each_event_and_names_all_its_fields():
    samples = [json.loads(line) for line in re.findall(r"^\{.*\}$", LOG_PAGE, re.MULTILINE)]
    kinds = ["config", "turn", "aborted", "retry", "slide", "resumed", "end"]
    assert [sample["type"] for sample in samples] == kinds


def test_the_fields_of_real_logs_are_on_the_log_page(run, tmp_path):
    named = set(re.findall(r"[`\"](\w+)[`\"]", LOG_PAGE))
    calls = (("kill_puppies_to_exit_loop", {"reason": "x"}),)
    replies = [Reply("t", tools=calls), Reply("u"), Reply(fault=status(529, retry_after=0))]
    with Provider(lambda body, i: replies[i] if i < 3 else f"words {i}") as provider:
        first = run("-a", "opus", "-b", "sonnet", "--api-base", provider.url, "--max-turns", 2).log
        run("--resume", first, "--max-turns", 3)
        run("--resume", first, "--at", 1)
    spoken = ("--interject", "on:goodbye+2:A:Hm.", "--puppet", "B=demo/puppet:@loop:every:4")
    run(*pair("demo/goodbye"), *spoken, "--max-turns", 12)
    for log in (tmp_path / "logs").glob("*.jsonl"):
        for line in log.read_text("utf-8").split("\n")[:-1]:
            event = json.loads(line)
            assert set(event) <= named, (event["type"], set(event) - named)
