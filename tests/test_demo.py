"""The demo models: scripts that need no key, no network and no LiteLLM."""

import subprocess
import sys

import pytest
from program import ROOT

from harness.models import demo
from harness.states.detect import Detector

WITHOUT = (
    f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
    "sys.modules['litellm'] = None\nfrom harness import cli\nsys.exit(cli.main(sys.argv[1:]))"
)


def test_demos_talk_where_litellm_is_not_even_installed(tmp_path):
    talk = ["-a", "demo/goodbye", "-b", "demo/bliss", "--max-turns", "2"]
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, *talk, "--plain"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("scripted demo ·") == 4 and "ended: max_turns" in done.stdout


def test_a_demo_costs_nothing_and_says_how_many_tokens_it_made(run):
    result = run("-a", "demo/standoff", "-b", "demo/silence", "--max-turns", 3, "--quiet")
    for message in result.read.messages:
        assert message["cost_usd"] == 0.0 and message["usage"]["input"] > 0
        assert message["finish_reason"] in ("stop", "tool_calls")


def test_the_same_seed_gives_the_same_talk(run):
    talks = [
        run(
            "-a",
            "demo/collapse",
            "-b",
            "demo/escape",
            "--rng-seed",
            seed,
            "--max-turns",
            9,
            "--quiet",
        ).responses
        for seed in (1, 1, 2)
    ]
    assert talks[0] == talks[1] != talks[2]


def talk(a, b, seed, turns=20):
    """The states that two demos go through, without a program around them."""
    heard = {"A": [{"role": "user", "content": "Hello there"}], "B": []}
    detector = Detector()
    for index in range(2 * turns):
        seat, name = "AB"[index % 2], (a, b)[index % 2]
        text, _ = demo.compose(name, heard[seat], [], f"{seed}/{seat}")
        said = text if text.strip() else "…"
        heard[seat].append({"role": "assistant", "content": said})
        heard["BA"[index % 2]].append({"role": "user", "content": said})
        detector.add(text)
    return detector.reached()


NAMED = {
    "standoff": {"identity_standoff"},
    "goodbye": {"goodbye_loop"},
    "collapse": {"identity_collapse"},
    "escape": {"meta_awareness", "creative_escape"},
    "silence": {"silence"},
    "bliss": {"bliss"},
}
# What a pair must not show: nobody says it.
UNSAID = {
    ("standoff", "collapse"): {"meta_awareness", "goodbye_loop", "bliss", "creative_escape"},
    ("silence", "silence"): {"goodbye_loop", "meta_awareness", "bliss", "identity_collapse"},
    ("escape", "escape"): {"goodbye_loop", "identity_collapse", "silence"},
    ("goodbye", "goodbye"): {"meta_awareness", "creative_escape", "identity_standoff", "silence"},
}


@pytest.mark.parametrize("name", demo.SCRIPTS)
def test_a_demo_shows_the_state_that_it_is_named_after(name):
    other = "standoff" if name == "collapse" else name  # nobody gives in to one who gives in
    shown = [NAMED[name] <= talk(other, name, seed) for seed in range(10)]
    assert sum(shown) >= 9, shown


@pytest.mark.parametrize("pair", UNSAID)
def test_a_demo_shows_nothing_that_nobody_says(pair):
    wrong = [UNSAID[pair] & talk(*pair, seed) for seed in range(10)]
    assert sum(map(bool, wrong)) <= 2, wrong


def test_the_first_command_shows_what_the_program_is_for():
    pairs = [talk("standoff", "collapse", seed) for seed in range(20)]
    shown = [{"identity_standoff", "identity_collapse"} <= states for states in pairs]
    assert sum(shown) >= 18, shown


def test_each_demo_is_described(run):
    out = run("models").out
    assert set(demo.ABOUT) == set(demo.SCRIPTS)
    for name, about in demo.ABOUT.items():
        assert f"demo/{name}" in out and about in out
