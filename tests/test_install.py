"""The program installed: by pip, and by `uv run` from what attractor.py says of itself."""

import json
import os
import re
import subprocess
import sys
import sysconfig
import tomllib

import pytest
from program import ROOT

import harness
from harness import text

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def requirements(name: str) -> list[str]:
    """The lines of a requirements file without its comments."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    return [line for line in (line.partition("#")[0].strip() for line in lines) if line]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """A wheel in a fresh environment, which finds other packages where this one does; returns
    installed(words...) -> the finished process, in a folder inside somebody else's repository."""
    pytest.importorskip("pip")
    folder = tmp_path_factory.mktemp("installed")
    place = folder / ("Scripts" if sys.platform == "win32" else "bin")
    pip = [sys.executable, "-m", "pip"]
    quiet = ["--quiet", "--disable-pip-version-check", "--no-deps"]
    for command in (
        ["git", "init", "--quiet", folder],
        [*pip, "wheel", *quiet, "--no-build-isolation", "--wheel-dir", folder / "dist", ROOT],
        [sys.executable, "-m", "venv", "--without-pip", folder],
    ):
        subprocess.run(command, check=True)
    (wheel,) = (folder / "dist").glob("*.whl")
    subprocess.run([*pip, "--python", place / "python", "install", *quiet, wheel], check=True)
    where = os.environ | {"PYTHONPATH": sysconfig.get_path("purelib")}
    (folder / "work").mkdir()

    def act(*words: object) -> subprocess.CompletedProcess:
        command = [place / "attractor", *map(str, words)]
        return subprocess.run(
            command, cwd=folder / "work", env=where, capture_output=True, text=True, timeout=120
        )

    act.folder = folder / "work"
    return act


def test_the_installed_command_holds_a_conversation_in_the_folder_it_is_called_in(installed):
    seats = ["-a", "demo/goodbye", "-b", "demo/standoff"]
    done = installed(*seats, "--system", "firm", "--max-turns", 2)
    assert (done.returncode, done.stderr) == (0, "")
    (log,) = (installed.folder / "logs").glob("*.jsonl")
    config = json.loads(log.read_bytes().split(b"\n")[0])
    assert "MUST end" in config["system_a"]  # prompts/ came with it
    assert config["versions"]["attractor"] == harness.VERSION
    assert config["git"] is None  # the repository around it is not the harness's
    assert f"go on: attractor --resume logs/{log.name}" in done.stdout


def test_the_installed_command_brings_all_its_files(installed):
    for words in (["models"], ["sweep", "--recipe", "tools", "--dry-run"]):
        assert installed(*words).returncode == 0
    assert installed("-a", "demo/bliss", "-b", "demo/bliss", "--max-turns", 2).returncode == 0
    done = installed("report", "logs", "--html", "report.html")
    page = (installed.folder / "report.html").read_text(encoding="utf-8")
    assert done.returncode == 0 and "<style>" in page and "<script" in page
    judged = installed("judge", "logs", "--model", "demo/judge", "--plain")
    assert judged.returncode == 0, judged.stderr


def test_the_installed_command_calls_itself_by_its_name(installed):
    assert installed("--version").stdout == f"attractor {harness.VERSION}\n"
    for verb in ([], ["report"], ["sweep"]):
        told = installed(*verb, "--help").stdout
        assert told.startswith(" ".join(["usage: attractor", *verb])) and ".py " not in told


@pytest.mark.parametrize(
    "called, told",
    [
        ("/x/bin/attractor", "pip install 'attractor[ray]'"),
        ("attractor.py", "pip install -r requirements-ray.txt"),
    ],
)
def test_what_is_missing_is_named_as_it_can_be_installed(monkeypatch, called, told):
    monkeypatch.setattr(sys, "argv", [called])
    assert text.install("ray") == told


def test_version_is_told_from_a_checkout_too(run):
    assert run("--version").out == f"attractor {harness.VERSION}\n"


def test_every_list_of_packages_is_the_same():
    head = (ROOT / "attractor.py").read_text(encoding="utf-8").partition('"""')[0]
    block = re.search(r"^# /// script\n(.*?)^# ///$", head, re.MULTILINE | re.DOTALL)[1]
    script = tomllib.loads(re.sub(r"^# ?", "", block, flags=re.MULTILINE))
    assert script["dependencies"] == PROJECT["dependencies"] == requirements("requirements.txt")
    assert script["requires-python"] == PROJECT["requires-python"]
    extras = {path.name: requirements(path.name) for path in ROOT.glob("requirements-*.txt")}
    assert extras == {
        f"requirements-{extra}.txt": packages
        for extra, packages in PROJECT["optional-dependencies"].items()
    }


def test_the_citation_and_the_changelog_name_the_version():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"\nversion: {harness.VERSION}\n" in citation
    newest = re.search(r"^## (\S+)", changes, re.MULTILINE)[1]
    assert newest == harness.VERSION


@pytest.mark.parametrize(
    "script",
    [*ROOT.glob("benchmarks/*.py"), *ROOT.glob("scripts/*.py"), ROOT / "tests/provider.py"],
    ids=lambda path: path.name,
)
def test_what_is_run_by_hand_finds_all_that_it_imports(tmp_path, script):
    """From any folder, without the test's own path."""
    code = "import sys, runpy; sys.path[0] = sys.argv[2]; runpy.run_path(sys.argv[1])"
    command = [sys.executable, "-c", code, script, script.parent]
    subprocess.run(command, cwd=tmp_path, check=True, timeout=120)
