"""Two runs side by side on the terminal: aligned by message, and where they part."""

from pathlib import Path

import made_logs as logs
import pytest

DEMO = ["-a", "demo/goodbye", "-b", "demo/standoff", "--rng-seed", 3]


def beside(run, *paths: object) -> str:
    result = run("report", *paths, "--side-by-side")
    assert result.code == 0
    return result.out


def test_a_branch_parts_from_its_parent_where_the_interjection_comes(run):
    parent = run(*DEMO, "--max-turns", 6, "--quiet").log
    more = ["--at", 4, "--interject", "4:A:Stop it now.", "--max-turns", 6, "--quiet"]
    run("--resume", parent, *more)
    (branch,) = set(parent.parent.glob("*.jsonl")) - {parent}
    out = beside(run, parent, branch)
    assert "they part at message 8 (≠)" in out and "the same up to message 7" in out
    assert "· interjected" in out and f"of {parent.name}, before turn 4" in " ".join(out.split())
    row = next(line for line in out.splitlines() if line.startswith("8 ≠"))
    assert row.count("[A · turn 4") == 2
    assert "\n7 =" in out and "\n6 =" not in out


def test_what_they_were_told_differently_is_named(run):
    one = logs.write(Path("one.jsonl"), logs.config(), *logs.talk(4))
    other = logs.write(Path("two.jsonl"), logs.config(system_a="You hinder."), *logs.talk(3))
    out = beside(run, one, other)
    assert "system prompt of A" in out and "You hinder." in out and "system prompt of B" not in out
    assert "they part at message 3" in out and "(stopped)" in out


def test_the_same_run_twice_never_parts(run):
    one = logs.write(Path("one.jsonl"), logs.config(), *logs.talk(4))
    other = logs.write(Path("two.jsonl"), logs.config(), *logs.talk(4))
    assert "they never part" in beside(run, one, other)


def test_it_takes_two(run):
    one = logs.write(Path("one.jsonl"), logs.config(), *logs.talk(4))
    for paths in ([one], [one, one, one], ["none.jsonl", one]):
        result = run("report", *paths, "--side-by-side")
        assert (result.code, result.err.count("\n")) == (2, 1)


@pytest.mark.parametrize(
    "option", [["--labels", "judge"], ["--words"], ["--details"], ["--by", "model"]]
)
def test_an_option_that_would_change_nothing_is_refused(run, option):
    paths = [logs.write(Path(f"{name}.jsonl"), logs.config(), *logs.talk(4)) for name in "ab"]
    result = run("report", *paths, "--side-by-side", *option)
    assert result.code == 2 and f"leave {option[0]} out" in result.err
    assert run("report", *paths, "--side-by-side", "--no-cache").code == 0  # it keeps nothing
