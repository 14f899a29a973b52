"""Completion: what bash and zsh offer after the words that were typed."""

import os
import shutil
import subprocess

import pytest
from program import ROOT


def offers(run, tmp_path, *words):
    """What a real bash would offer for the last of these words."""
    (tmp_path / "completion").write_text(run("completion", "bash").out)
    script = (
        'source ./completion; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _attractor; '
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(
        ["bash", "-c", script, "bash", "attractor.py", *words],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0 and done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize(
    "words, offered",
    [
        (["s"], ["sweep", "states"]),
        (["--stop"], ["--stop-on"]),
        (["-a", "demo/st"], ["demo/standoff"]),
        (["run", "--on-exit", ""], ["refuse", "grant"]),
        (["--stop-on", "g"], ["goodbye"]),
        (["sweep", "-a", "opus", "son"], ["sonnet", "sonnet-4.6", "sonnet-4.5", "sonnet-4.0"]),
        (["sweep", "--recipe", "t"], ["tools"]),
        (["export", "logs/x", "--fo"], ["--format"]),
        (["completion", ""], ["bash", "zsh"]),
        (["report", "logs", "--compare", "to"], ["tools"]),
        (["--interject", "5:A:@n"], ["5:A:@nudge"]),
        (["--interject", "5", ":", "A", ":@", "n"], ["@nudge"]),  # as bash takes it apart
        (["--interject", "5", ":", "A", ":", "@n"], ["@nudge"]),
        (["--puppet", "A=demo/p"], ["A=demo/puppet"]),
        (["--puppet", "A", "=", "demo/puppet", ":@", "t"], ["@tool"]),
    ],
)
def test_bash_offers_verbs_options_and_values(run, tmp_path, words, offered):
    assert offers(run, tmp_path, *words) == offered


def test_logs_are_completed_as_files(run, tmp_path):
    (tmp_path / "one.jsonl").touch()
    assert offers(run, tmp_path, "--resume", "o") == ["one.jsonl"]
    assert "one.jsonl" in offers(run, tmp_path, "report", "o")


def test_a_name_that_is_completed_can_be_run():
    assert os.access(ROOT / "attractor.py", os.X_OK)


@pytest.mark.skipif(not shutil.which("zsh"), reason="needs zsh")
def test_zsh_takes_it_too(run, tmp_path):
    (tmp_path / "completion").write_text(run("completion", "zsh").out)
    script = "source ./completion && print -r -- ${_comps[attractor.py]}"
    done = subprocess.run(
        ["zsh", "-f", "-c", script],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=os.environ | {"HOME": str(tmp_path)},
    )
    assert done.returncode == 0 and "_attractor" in done.stdout, done.stderr
