"""Logs for the tests of the report, made up message by message."""

import json
from pathlib import Path
from typing import Any

from harness.talk.log import encode

TALK = "Tell me about the {} rivers of the north, and what grows beside them in spring, please."
BYE = "Goodbye! Take care, farewell, and goodbye again. It was lovely. Goodbye!"
WORDS = (
    "amber",
    "basalt",
    "cedar",
    "dahlia",
    "ember",
    "fjord",
    "garnet",
    "heron",
    "indigo",
    "juniper",
    "kelp",
    "larch",
)


def config(**more: Any) -> dict[str, Any]:
    """A config event of two real models."""
    about = {
        "type": "config",
        "schema": 2,
        "model_a": "x/one",
        "model_b": "x/two",
        "system_a": "You help.",
        "system_b": "You help.",
        "tools": [],
        "max_turns": 10,
    }
    return about | more


def turn(index: int, text: str, **more: Any) -> dict[str, Any]:
    """Message `index`."""
    usage = {"input": 10, "output": 5, "cache_read": 0, "cache_write": 0}
    event = {
        "type": "turn",
        "turn": index // 2,
        "label": f"Model {'AB'[index % 2]}",
        "model": "x/one",
        "response": text,
        "tool_attempts": [],
        "interjected": False,
        "source": "model",
        "usage": usage,
        "cost_usd": 0.5,
        "flags": [],
    }
    return event | more


def talk(size: int = 20, bye: int | None = None) -> list[dict[str, Any]]:
    """A conversation that says goodbye from message `bye` on."""
    said = [
        f"{TALK.format(WORDS[i % 12])} {WORDS[i % 12] * 3} {WORDS[i % 7] * 2} {i}"
        for i in range(size)
    ]
    return [turn(i, text if bye is None or i < bye else BYE) for i, text in enumerate(said)]


def end(reason: str = "max_turns", **more: Any) -> dict[str, Any]:
    return {"type": "end", "reason": reason} | more


def write(path: Path, *events: Any) -> Path:
    """A log of these events; what is no dict is written as it is."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [encode(e) if isinstance(e, dict) else e for e in events]
    path.write_bytes(b"".join(lines))
    return path


def spoken(path: Path, said: list[str], about: dict[str, Any], **more: Any) -> Path:
    """A log in which A and B said these things in turn; `about` goes into its config, `more`
    into each message."""
    return write(path, config(**about), *(turn(i, text, **more) for i, text in enumerate(said)))


def sweep(folder: Path, runs: int = 6) -> Path:
    """Two conditions that differ in their tools: without any, each run ends in goodbyes."""
    for run in range(runs):
        write(folder / f"none{run}.jsonl", config(), *talk(20, bye=6 + run), end())
        write(folder / f"with{run}.jsonl", config(tools=["x"]), *talk(20), end())
    return folder


def figures(out: str) -> dict[str, Any]:
    """The report's --json."""
    return json.loads(out)
