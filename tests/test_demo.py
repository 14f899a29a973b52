"""The demo models: scripts that need no key, no network and no LiteLLM."""

import subprocess
import sys

from program import ROOT

WITHOUT = (
    f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
    "sys.modules['litellm'] = None\nfrom harness import cli\nsys.exit(cli.main(sys.argv[1:]))"
)


def test_demos_talk_where_litellm_is_not_even_installed(tmp_path):
    talk = ["-a", "demo/goodbye", "-b", "demo/bliss", "--max-turns", "2"]
    done = subprocess.run([sys.executable, "-c", WITHOUT, *talk, "--plain"], capture_output=True,
                          text=True, cwd=tmp_path)  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("scripted demo ·") == 4 and "ended: max_turns" in done.stdout


def test_a_demo_costs_nothing_and_says_how_many_tokens_it_made(run):
    result = run("-a", "demo/standoff", "-b", "demo/silence", "--max-turns", 3, "--quiet")
    for message in result.read.messages:
        assert message["cost_usd"] == 0.0 and message["usage"]["input"] > 0
        assert message["finish_reason"] in ("stop", "tool_calls")


def test_the_same_seed_gives_the_same_talk(run):
    talks = [run("-a", "demo/collapse", "-b", "demo/escape", "--rng-seed", seed, "--max-turns", 9,
                 "--quiet").responses for seed in (1, 1, 2)]  # fmt: skip
    assert talks[0] == talks[1] != talks[2]
