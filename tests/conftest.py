"""What the tests share: a folder of their own, fake keys, and the program run to its end."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness import cli
from harness.talk import transcript

ROOT = Path(__file__).parent.parent
KEY = "not-a-real-key-1234567890"  # must never be seen in any output or file
PROGRAM = [sys.executable, str(ROOT / "attractor.py")]


@dataclass
class Result:
    code: int
    out: str
    err: str
    folder: Path

    @property
    def log(self) -> Path:
        """The only log, or the newest."""
        return max(self.folder.glob("*.jsonl"), key=lambda path: path.stat().st_mtime_ns)

    @property
    def read(self) -> transcript.Transcript:
        return transcript.read(self.log)

    @property
    def responses(self) -> list[str]:
        return [message["response"] for message in self.read.messages]


@pytest.fixture(autouse=True)
def workplace(tmp_path, monkeypatch):
    """Each test runs in an empty folder, with fake keys and no others; none may leak."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.endswith(("_API_KEY", "_API_BASE"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    yield tmp_path
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert KEY.encode() not in path.read_bytes(), f"the key leaked into {path}"


@pytest.fixture
def run(tmp_path, capfd):
    """run("-a", "opus", ...) -> Result: the program in this process, as from the command line."""

    def run_here(*arguments: object) -> Result:
        capfd.readouterr()
        words = [str(argument) for argument in arguments]
        try:
            code = cli.main(words)
        except SystemExit as stopped:  # argparse's way to end
            code = int(stopped.code or 0)
        out, err = capfd.readouterr()
        assert KEY not in out + err
        return Result(code, out, err, tmp_path / "logs")

    return run_here


@pytest.fixture
def start(tmp_path):
    """start("-a", "opus", ...) -> a process of its own, killed when the test ends."""
    started = []

    def start_process(*arguments: object, **options: object) -> subprocess.Popen:
        words = PROGRAM + [str(argument) for argument in arguments]
        pipes = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        process = subprocess.Popen(words, cwd=tmp_path, **(pipes | {"text": True} | options))
        started.append(process)
        return process

    yield start_process
    for process in started:
        process.kill()
        process.wait()


def real(provider: object) -> list[str]:
    """The arguments for two real model names that speak to the fake provider."""
    return ["-a", "opus", "-b", "sonnet", "--api-base", provider.url]


def texts(body: dict) -> list[tuple[str, str]]:
    """A request's dialogue as (role, text): blocks joined, tools in brackets."""
    said = []
    for message in body["messages"]:
        if message["role"] == "system":  # OpenAI's place for the prompt
            continue
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        said.append((message["role"], "".join(_shown(block) for block in blocks or [])))
    return said


def _shown(block: dict) -> str:
    if block["type"] == "tool_use":
        return f"[{block['name']} {json.dumps(block['input'])}]"
    if block["type"] == "tool_result":
        content = block["content"]
        inner = content if isinstance(content, str) else "".join(map(_shown, content))
        return f"[result {inner}]"
    return block.get("text", block.get("thinking", ""))
