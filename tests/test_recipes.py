"""The recipes: each runs end to end, says how many runs it takes, and what it costs."""

import json
import re

import pytest
from program import ROOT, pair

from harness import prompts
from harness.models import engine
from harness.sweep import options, plan, recipes
from harness.talk import estimate

RECIPES = prompts.names("recipes")
FAST = ["--model-a", "demo/goodbye", "--runs", 1, "--quiet"]


def header(name):
    """A recipe's comment lines, joined."""
    lines = prompts.words(f"@{name}", "recipes").split("\n")
    return " ".join(line.lstrip("# ") for line in lines if line.startswith("#"))


def test_there_is_a_recipe_for_each_experiment_of_the_write_up():
    named = {
        "identity",
        "tools",
        "conflict",
        "pressure",
        "escape",
        "mixed",
        "seeds",
        "freedom",
        "puppet",
    }
    assert set(RECIPES) == named


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_runs_end_to_end_with_demo_models(run, tmp_path, name):
    models_b = ["demo/standoff", "demo/silence"] if name == "mixed" else ["same"]
    turns = {"pressure": 14, "escape": 12, "puppet": 18}.get(name, 3)
    more = (
        []
        if name != "puppet"
        else ["--puppet", "none", ",".join(f"A=demo/puppet:@tool:{turn}" for turn in (11, 14, 17))]
    )
    result = run(
        "sweep", "--recipe", name, *FAST, "--model-b", *models_b, "--max-turns", turns, *more
    )
    assert result.code == 0
    folder = next((tmp_path / "logs").iterdir())
    kept = json.loads((folder / "sweep.json").read_text("utf-8"))
    logs = sorted(folder.glob("*.jsonl"))
    conditions = {
        "identity": 1,
        "tools": 2,
        "conflict": 2,
        "pressure": 9,
        "escape": 4,
        "mixed": 2,
        "seeds": 5,
        "freedom": 3,
        "puppet": 4,
    }[name]
    assert len(logs) == len(kept["conditions"]) == conditions
    events = [[json.loads(line) for line in log.read_bytes().splitlines()] for log in logs]
    assert all(log[-1]["reason"] == "max_turns" for log in events)
    scripted = [sum(e.get("source") == "script" for e in log) for log in events]
    assert sorted(scripted) == {
        "pressure": [0, *[1] * 7, 2],
        "escape": [0, 0, 1, 1],
        "puppet": [0, 0, 3, 3],
    }.get(name, [0] * conditions)
    pulled = [sum(e.get("source") == "puppet" for e in log) for log in events]
    assert sorted(pulled) == ([0, 0, 3, 3] if name == "puppet" else [0] * conditions)


def test_a_recipe_that_does_not_exist_is_said_in_one_line(run):
    result = run("sweep", "--recipe", "soup")
    assert result.code == 2 and "--recipe soup: there are conflict, escape" in result.err


@pytest.mark.parametrize("name", RECIPES)
def test_the_runs_that_a_recipe_says_it_takes_are_what_the_formula_gives(name):
    pattern = r"(\d+) runs [a-z ]*?tell (\d+)% from (\d+)% \(alpha 0\.05(?:/(\d+))?, power 0\.8\)"
    claims = re.findall(pattern, header(name))
    assert claims
    for runs, p, q, of in claims:
        alpha = 0.05 / int(of or 1)
        assert int(runs) == recipes.runs_needed(int(p) / 100, int(q) / 100, alpha=alpha)
    here = int(re.search(r"Here: (\d+)\.", header(name))[1])
    assert here >= min(int(runs) for runs, *_ in claims)
    assert options.parse_arguments(["--recipe", name]).runs == here


@pytest.mark.parametrize("name", RECIPES)
def test_the_cost_that_a_recipe_names_is_the_forecasts(name):
    assert f"Prices: LiteLLM {engine.version()} " in header(name)
    args = options.parse_arguments(["--recipe", name])
    costs = [estimate.conversation(c.settings).cost for c in plan.grid(args)]
    assert int(re.search(r"Cost: about \$(\d+)", header(name))[1]) == round(sum(costs) * args.runs)


def test_what_is_detectable_is_the_least_that_the_runs_suffice_for():
    for runs, p in ((67, 0.05), (67, 0.5), (9, 0.0), (300, 0.3)):
        least = recipes.detectable(runs, p)
        assert recipes.runs_needed(p, least) <= runs < recipes.runs_needed(p, least - 0.01)
    assert recipes.detectable(2, 0.5) is None


def test_a_dry_run_says_the_power_and_what_a_judge_would_cost_beside_the_runs(run):
    words = ["sweep", "--recipe", "freedom", "--runs", 67, "--dry-run", "--plain"]
    out = " ".join(run(*words, "--judge", "sonnet").out.split())
    assert "power: 67 runs a condition tell 5% from 22% and 50% from 74%" in out
    assert "judge sonnet, beside that: 201 requests," in out and "201 conversations to do" in out
    assert "judge" not in run(*words).out
    few = run(*words[:3], "--runs", 1, "--dry-run", "--plain").out
    assert "1 run a condition can tell no two shares apart" in " ".join(few.split())


def test_runs_needed_is_rs_power_prop_test():
    # R's help of power.prop.test: p1 = .50, p2 = .75, power = .90 gives n = 76.7
    assert recipes.runs_needed(0.5, 0.75, power=0.9) == 77


@pytest.mark.parametrize("name", prompts.names("interjections"))
def test_an_interjection_is_spoken_as_a_seat_in_its_own_words(run, name):
    result = run(*pair("demo/bliss"), "--max-turns", 2, "--quiet", "--interject", f"1:A:@{name}")
    message = result.read.messages[2]
    assert message["source"] == "script" and message["interjected"]
    assert message["response"] == prompts.words(f"@{name}", "interjections")
    assert " I" in " " + message["response"] and "\n" not in message["response"]


def test_there_are_the_seven_interjections():
    assert prompts.names("interjections") == [
        "agreement",
        "authority",
        "emotion",
        "misconfiguration",
        "nudge",
        "pressure",
        "reveal",
    ]


@pytest.mark.parametrize("name", RECIPES)
def test_the_page_of_costs_says_what_a_dry_run_says(run, name):
    page = (ROOT / "docs" / "recipes-cost.md").read_text("utf-8")
    row = re.search(rf"^\| `{name}` \| (.*) \|$", page, re.M)[1].split(" | ")
    for judge, price in zip(("opus", "sonnet", "haiku"), row[3:], strict=True):
        said = run("sweep", "--recipe", name, "--judge", judge, "--dry-run").out
        assert f"{row[0]} conversations to do" in said and f"messages, {row[1]} (" in said
        assert f"beside that: {row[2]} requests" in said and f" out, {price} (" in said
