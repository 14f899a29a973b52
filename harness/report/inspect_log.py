"""Runs as one log of Inspect AI (https://inspect.aisi.org.uk): a sample a run.

A sample's messages are one seat's view; its scores the theme and the form that the run ends in
(`none` where there is none) and, per state that it reached, the number of messages in it with the
evidence; interjections are its events.
"""

import json
import sys
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from harness.files import beside
from harness.report import verdicts
from harness.report.groups import with_names
from harness.report.spool import Spool
from harness.report.summary import Skipped, Summary, summarise
from harness.screen.progress import Progress
from harness.states.path import path_words
from harness.talk.events import seat_of
from harness.talk.logs import load, view
from harness.talk.settings import Settings
from harness.talk.transcript import Transcript
from harness.text import UserError, install, reworded, sendable, visible
from tools import Message

_utf8 = partial(reworded, words=sendable)  # halves of surrogates Inspect's files can't hold


def write(paths: list[Path], seat: str, labels: str | None, out: Path) -> None:
    """Write the log of these runs, whole or not at all. Raises UserError."""
    try:
        from inspect_ai.log import EvalConfig, EvalDataset, EvalLog, EvalSpec, write_eval_log
    except ModuleNotFoundError:
        raise UserError(f"inspect-ai is missing: {install('inspect')}") from None
    with Spool() as spool:
        runs, skipped, whose = verdicts.read(paths, labels, summarise, spool)
    called = with_names(runs)
    samples, models, began = _samples(called, seat, skipped)
    if not samples:
        raise UserError(f"{skipped[-1][0]}: {skipped[-1][1]}")
    for path, why in skipped:
        print(f"attractor: skipped {visible(path)}: {why}", file=sys.stderr)
    spec = EvalSpec(
        created=began,
        task="attractor",
        model=next(iter(models)) if len(models) == 1 else "none",
        dataset=EvalDataset(name=sendable(out.stem), samples=len(samples)),
        config=EvalConfig(),
        metadata=_utf8(
            {
                "demo": any(run.demo for run in runs),
                "view": seat,
                "verdicts": whose.words,
                "models": sorted({run.condition[f"model_{s}"] for run in runs for s in "ab"}),
                "skipped": dict(skipped),
                "conditions": list(dict.fromkeys(name for name, _ in called)),
            }
        ),
    )
    log = EvalLog(eval=spec, status="success", samples=samples)
    with beside(out) as draft:
        write_eval_log(log, str(draft))


def _samples(
    called: list[tuple[str, Summary]], seat: str, skipped: list[Skipped]
) -> tuple[list[Any], set[str], datetime]:
    """A sample for each run that can be one, else why not is `skipped`; the models that hold seat
    A, and when the first run began."""
    samples, models, began = [], set[str](), datetime.max.replace(tzinfo=UTC)
    with Progress("exporting", len(called), "run") as progress:
        for name, run in progress.over(called):
            log = load(Path(run.path))
            try:
                settings = Settings.from_config(log.settings())
            except UserError as error:
                skipped.append((run.path, str(error)))
                continue
            models.add(settings.a.model)
            began = min(began, _time(log.config.get("timestamp")))
            samples.append(_sample(log, settings, seat, run, name))
    return samples, models, began


def _time(stamp: Any) -> datetime:
    """When a log began; now where it does not say."""
    try:
        return datetime.fromisoformat(stamp).astimezone(UTC)
    except (TypeError, ValueError, OverflowError):
        return datetime.now(UTC)


def _sample(log: Transcript, settings: Settings, seat: str, run: Summary, condition: str) -> Any:
    from inspect_ai.log import EvalSample

    return EvalSample(
        id=sendable(run.path),
        epoch=1,
        input=sendable(settings.seed),
        target="",
        messages=[_chat(_utf8(m)) for m in view(log, settings, seat)],
        scores=_scores(run),
        events=_interjections(log),
        metadata=_utf8(
            {
                "condition": condition,
                "path": path_words(run.stretches),
                "seat": seat,
                "demo": run.demo,
                "stopped": run.end,
                "cost_usd": run.cost,
            }
            | run.condition
        ),
    )


def _scores(run: Summary) -> dict[str, Any]:
    from inspect_ai.scorer import Score

    scores = {
        "ends_in_theme": Score(value=run.ending.theme or ("unknown" if run.foreign else "none")),
        "ends_in_form": Score(value=run.ending.form or "none"),
    }
    for state in dict.fromkeys(span.state for span in run.spans):
        pieces = [e for span in run.spans if span.state == state for e in span.evidence]
        words = "\n".join(f"{piece.message}: {piece.words}" for piece in pieces)
        scores[state] = Score(value=run.spent(state), explanation=sendable(words))
    return scores


def _interjections(log: Transcript) -> list[Any]:
    from inspect_ai.event import InfoEvent

    return [
        InfoEvent(
            source="attractor",
            data={
                "interjection": m.get("source") or "live",
                "message": index,
                "seat": seat_of(m),
                "words": sendable(m["response"]),
            },
        )
        for index, m in enumerate(log.messages)
        if m.get("interjected")
    ]


def _chat(message: Message) -> Any:
    from inspect_ai.model import (
        ChatMessageAssistant,
        ChatMessageSystem,
        ChatMessageTool,
        ChatMessageUser,
    )
    from inspect_ai.tool import ToolCall

    role, content = message["role"], message.get("content") or ""
    if role == "tool":
        return ChatMessageTool(content=content, tool_call_id=message.get("tool_call_id"))
    if role != "assistant":
        return (ChatMessageUser if role == "user" else ChatMessageSystem)(content=content)
    calls = [
        ToolCall(
            id=call["id"],
            function=call["function"]["name"],
            arguments=json.loads(call["function"]["arguments"]),
        )
        for call in message.get("tool_calls") or []
    ]
    return ChatMessageAssistant(content=content, tool_calls=calls or None)
