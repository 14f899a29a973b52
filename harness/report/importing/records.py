"""AttractorBench's condition files, and conversations.json: lists of who said what.

Both count single messages as turns; a log's turn is A's message and B's answer."""

from collections.abc import Iterator
from typing import Any

from harness.files import Json, list_of
from harness.report.importing.talk import Talk, both, sampling, seats, words


def bench(document: Json) -> bool:
    """An AttractorBench condition: `runs`, each with `turns`."""
    runs = document.get("runs")
    return (
        isinstance(runs, list)
        and bool(runs)
        and all(isinstance(run, dict) and isinstance(run.get("turns"), list) for run in runs)
    )


def read_bench(document: Json, _: str) -> Iterator[Talk]:
    """One conversation for each run."""
    second = document.get("system_prompt_b")
    for run in document["runs"]:
        talk = Talk(
            model_a=_text(document.get("model_a")),
            model_b=_text(document.get("model_b")),
            system_a=_text(document.get("system_prompt")),
            system_b=_text(document.get("system_prompt") if second is None else second),
            seed=_text(run.get("seed_prompt")),
            **both(params=sampling(document)),
        )
        _said(talk, run["turns"])
        for what in _changed(document):
            talk.leave_out(what)
        if run.get("ended_early") is True:
            talk.end("ended_early")
        elif run.get("ended_early") is False:
            talk.end("max_turns")
        yield talk


def _changed(document: Json) -> Iterator[str]:
    """What the models were sent beside the prompts and each other's words."""
    usual = {"memory_mode": "full", "continuation_style": "passthrough", "switch_turn": None}
    for name, value in usual.items():
        if document.get(name, value) != value:
            yield f"{name} {document[name]}"


def conversations(document: Json) -> bool:
    """A file of `conversations`, or one of them: `full_conversation`."""
    inner = document.get("conversations")
    one = inner[0] if isinstance(inner, list) and inner else document
    return isinstance(one, dict) and isinstance(one.get("full_conversation"), list)


def read_conversations(document: Json, _: str) -> Iterator[Talk]:
    """One conversation for each entry. What a side received is read from its history."""
    inner = document.get("conversations")
    for one in inner if isinstance(inner, list) else [document]:
        facts = document | {k: v for k, v in one.items() if k != "conversations"}
        model, revision = _text(facts.get("model")), facts.get("revision")
        model = f"{model}@{revision}" if model and revision else model
        turns = facts.get("turns")
        talk = Talk(
            model_a=_text(facts.get("model_a")) or model,
            model_b=_text(facts.get("model_b")) or model,
            **both(params=sampling(facts), system=_text(facts.get("system_prompt"))),
            seed=_text(facts.get("seed_prompt")),
            max_turns=turns // 2 if type(turns) is int and turns % 2 == 0 else None,
        )
        _said(talk, one["full_conversation"], _received(one))
        yield talk


def _received(one: Json) -> dict[str, list[str]]:
    """What each seat was sent of the other's words, in order."""
    found = {}
    for seat in "ab":
        history = list_of(one.get(f"instance_{seat}_history"))
        said = [words(m.get("content")) for m in history if m.get("role") == "user"]
        found[seat.upper()] = said[1:] if seat == "a" else said  # A's first one is the seed
    return found


def _said(talk: Talk, messages: list[Any], received: dict[str, list[str]] | None = None) -> None:
    place = seats(message.get("speaker") for message in messages)
    spoken = {"A": 0, "B": 0}
    for message in messages:
        seat = place[message.get("speaker")]
        heard = (received or {}).get("B" if seat == "A" else "A", [])[spoken[seat] :][:1]
        clean = message.get("content_clean")
        talk.say(
            seat,
            words(message.get("content")),
            model=_text(message.get("model")),
            finish_reason=_text(message.get("finish_reason")),
            sent=heard[0] if heard else clean or None,
        )
        spoken[seat] += 1


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
