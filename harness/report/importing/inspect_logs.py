"""Inspect logs: each sample's messages, as its model saw them. `.eval` files need the extra."""

from collections.abc import Iterator
from pathlib import Path

from harness.files import Json
from harness.report.importing.chats import conversation
from harness.report.importing.talk import Talk, Unreadable
from harness.talk.transcript import UNKNOWN
from harness.text import install

LINK = "attachment://"


def log(document: Json) -> bool:
    """A whole log: `eval` and `samples`."""
    return isinstance(document.get("eval"), dict) and isinstance(document.get("samples"), list)


def load(path: Path) -> Json:
    """The log in an `.eval` file. Raises Unreadable, also where the extra is missing."""
    try:
        from inspect_ai.log import read_eval_log
    except ModuleNotFoundError:
        hint = f"it may be an Inspect log: {install('inspect')}"
        raise Unreadable(hint) from None
    try:
        return read_eval_log(str(path)).model_dump(mode="json")
    except Exception as error:  # a zip of anything: Inspect's readers raise whatever they meet
        raise Unreadable(f"Inspect cannot read it: {type(error).__name__}") from None


def read(document: Json, seat: str) -> Iterator[Talk]:
    """One conversation for each sample. Samples of `export --format inspect` tell whose view they
    are, who held both seats and who spoke in a model's place."""
    about, ours = document["eval"], document["eval"].get("task") == "attractor"
    settings = about.get("model_generate_config") or {}
    for sample in document["samples"]:
        facts = (sample.get("metadata") or {}) if ours else {}
        said = [_resolved(m, sample.get("attachments") or {}) for m in sample.get("messages") or []]
        view = facts["seat"] if facts.get("seat") in ("A", "B") else seat
        talk = conversation(said, view, {"model": about.get("model"), **settings})
        for name in ("model_a", "model_b"):
            if isinstance(facts.get(name), str):
                talk.about[name] = facts[name]
        for event in talk.events:
            event["model"] = talk.about.get(f"model_{event['label'][-1].lower()}", UNKNOWN)
        for spoken in _interjected(sample) if ours else ():
            talk.events[spoken["message"]] |= {
                "interjected": True,
                "source": spoken["interjection"],
            }
        yield talk


def _interjected(sample: Json) -> Iterator[Json]:
    """What was spoken in a model's place, by the events of one of our samples."""
    for event in sample.get("events") or []:
        if event.get("event") == "info" and event.get("source") == "attractor":
            yield event["data"]


def _resolved(message: Json, attachments: dict[str, str]) -> Json:
    """A message with long content put back where Inspect has moved it elsewhere."""
    content = message.get("content")
    if isinstance(content, str) and content.startswith(LINK):
        return message | {"content": attachments.get(content.removeprefix(LINK), content)}
    return message
