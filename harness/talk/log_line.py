"""A message as data for a model that reads a conversation from outside."""

from typing import Any

from harness.talk.events import Turn
from harness.talk.log import encode


def as_data(message: Turn, number: int) -> str:
    """One line of JSON, what is invisible escaped in it: number, speaker, text, whether somebody
    else spoke in the model's place, tools that it called."""
    line: dict[str, Any] = {"n": number, "speaker": message["label"], "text": message["response"]}
    if message.get("interjected"):
        by = "puppeteer" if message.get("source") == "puppet" else "human"
        line[f"spoken_by_{by}"] = True
    if called := [attempt["tool"] for attempt in message["tool_attempts"]]:
        line["tools_called"] = called
    return encode(line).decode().rstrip("\n")
