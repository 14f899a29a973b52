"""The program and what it says: how it is started, its result, a request's dialogue."""

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.talk import transcript

ROOT = Path(__file__).parent.parent
SHARED = ROOT.parent / "shared" / "data"  # recorded conversations, where somebody has them
needs_shared = pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared/data")
KEY = "not-a-real-key-1234567890"  # must never be seen in any output or file
PROGRAM = [sys.executable, str(ROOT / "attractor.py")]


@dataclass
class Result:
    """What a run of the program left: exit code, output, logs."""

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


def the_log(folder: Path) -> Path:
    """The one log of a run that was started in `folder`."""
    (log,) = (folder / "logs").glob("*.jsonl")
    return log


def read_log(folder: Path) -> transcript.Transcript:
    """That log, read."""
    return transcript.read(the_log(folder))


def pair(model: str) -> list[str]:
    """The arguments for a model that speaks with itself."""
    return ["-a", model, "-b", model]


def served(provider: object, model: str, base: str = "") -> list[str]:
    """The same, speaking to the fake provider; `base` is the path of its dialect."""
    return [*pair(model), "--api-base", provider.url + base]


def real(provider: object) -> list[str]:
    """The arguments for two real model names that speak to the fake provider."""
    return ["-a", "opus", "-b", "sonnet", "--api-base", provider.url]


def texts(body: dict) -> list[tuple[str, str]]:
    """A request's dialogue as (role, text): blocks joined, tools in brackets."""
    if "contents" in body:  # Gemini's
        roles = {"user": "user", "model": "assistant"}
        return [(roles[one["role"]], "".join(map(_part, one["parts"]))) for one in body["contents"]]
    said = []
    for message in body["messages"]:
        if message["role"] == "system":  # OpenAI's place for the prompt
            continue
        content = message["content"]
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        said.append((message["role"], "".join(_shown(block) for block in blocks or [])))
    return said


def _part(part: dict) -> str:
    """A part of Gemini's, by either of the two spellings of its fields."""
    if call := part.get("functionCall") or part.get("function_call"):
        return f"[{call['name']} {json.dumps(call['args'])}]"
    if answer := part.get("functionResponse") or part.get("function_response"):
        return f"[result {answer['response']['content']}]"
    return "" if part.get("thought") else part["text"]


def _shown(block: dict) -> str:
    if block["type"] == "tool_use":
        return f"[{block['name']} {json.dumps(block['input'])}]"
    if block["type"] == "tool_result":
        content = block["content"]
        inner = content if isinstance(content, str) else "".join(map(_shown, content))
        return f"[result {inner}]"
    return block.get("text", block.get("thinking", ""))
