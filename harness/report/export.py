"""A log in another format.

python attractor.py export LOG --format md|html|svg|messages|inspect [--seat A|B] [-o FILE]
"""

import asyncio
import json
import re
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.report import replay
from harness.report.listing import detected, load, verdicts
from harness.talk.history import History
from harness.talk.log import now
from harness.talk.options import Parser
from harness.talk.settings import Settings
from harness.talk.transcript import Transcript, seat_of
from harness.text import UserError, visible

FORMATS = ("md", "html", "svg", "messages", "inspect")


def command(arguments: list[str]) -> int:
    """Write a log in another format: to FILE, or else to standard output."""
    parser = Parser(prog="attractor.py export", description=command.__doc__)
    parser.add_argument("log", type=Path, metavar="LOG")
    parser.add_argument(
        "--format",
        choices=FORMATS,
        required=True,
        help="Markdown, the console's look as HTML or SVG, one side's view as "
        "OpenAI messages (JSONL), or a log that `inspect view` opens",
    )
    parser.add_argument("--seat", choices=("A", "B"), default="A", help="messages: whose view")
    parser.add_argument("-o", "--output", type=Path, metavar="FILE")
    args = parser.parse_args(arguments)  # fmt: skip
    read = load(args.log)
    settings = Settings.from_config(read.settings())
    if args.format == "inspect":
        return inspect(read, settings, args.output)
    if args.format in ("html", "svg"):
        text = picture(read, args.format)
    elif args.format == "md":
        text = markdown(read, settings)
    else:
        text = "".join(json.dumps(m) + "\n" for m in view(read, settings, args.seat))
    deliver(text, args.output)
    return 0


def deliver(text: str, path: Path | None) -> None:
    """Write the text to a file, or print it. Raises UserError with a line for the user."""
    if path is None:
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
        sys.stdout.write(text)
        return
    try:
        path.write_text(text, encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from None


def view(read: Transcript, settings: Settings, letter: str) -> list[dict[str, Any]]:
    """Everything that one seat saw and said, as OpenAI messages."""
    seat = settings.seat(letter)
    history = History(letter, seat.system, settings.seed, seat.model, settings.tools)
    for message in read.messages:
        history.add(message, settings.empty_as)
    return history.sent()


# ---------------------------------------------------------------- Markdown


def markdown(read: Transcript, settings: Settings) -> str:
    """The conversation as Markdown that GitHub renders; model text stays text."""
    detector = detected(read)
    lines = [f"# {_inline(settings.a.name)} and {_inline(settings.b.name)}", ""]
    if read.config.get("demo") or settings.a.demo or settings.b.demo:
        lines += ["**A scripted demo: at least one side is a script, not a language model.**", ""]
    lines += [
        f"- Model A: `{_code(settings.a.model)}`", f"- Model B: `{_code(settings.b.model)}`",
        f"- seed: {_inline(settings.seed) or 'not recorded'}",
        f"- tools: {_inline(', '.join(settings.tools)) or _none(settings, 'tools')}",
        f"- path: {detector.path_words() or 'no attractor state'}",
        f"- log: `{_code(read.path.name)}`", "",
    ]  # fmt: skip
    if read.skipped:
        lines += [f"{len(read.skipped)} lines of the log could not be read.", ""]
    index = 0
    for event in read.events:
        if event["type"] == "aborted" and event.get("partial"):
            why, words = _inline(event.get("why")), visible(str(event["partial"]))
            title = f"### {event['label']} · turn {event['turn']} · broken off: {why}"
            lines += [title, "", _quoted(words), ""]
        elif event["type"] == "turn":
            lines += _message(index, event)
            index += 1
    return "\n".join(lines) + "\n"


def _none(settings: Settings, name: str) -> str:
    return "not recorded" if name in settings.unknown else "none"


def _message(index: int, message: dict[str, Any]) -> list[str]:
    who = " (interjected)" if message.get("interjected") else ""
    lines = [f"### {message['label']} · turn {message['turn']} · message {index}{who}", ""]
    text = visible(message["response"])
    lines += [_quoted(text) if text.strip() else "*⟨silence⟩*", ""]
    for attempt in message["tool_attempts"]:
        if isinstance(attempt, dict):
            tool, outcome = _inline(attempt.get("tool")), _inline(attempt.get("outcome"))
            reason = _inline(attempt.get("reason"))
            lines += [f"**Exit tool {tool} → {outcome}**: {reason}", ""]
    return lines


def _quoted(text: str) -> str:
    """A block in which no Markdown or HTML of the text's own is read."""
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}text\n{text}\n{fence}"


def _inline(value: Any) -> str:
    text = " ".join(visible(str(value)).split())
    return re.sub(r"([\\`*_{}\[\]<>()#+!|~-])", r"\\\1", text)


def _code(text: str) -> str:
    return " ".join(visible(text).replace("`", "'").split())


# ---------------------------------------------------------------- the console's look


def picture(read: Transcript, kind: str, width: int = 100) -> str:
    """The console as it looked, as an SVG or HTML document."""
    from harness.screen.recorder import document, recorder

    show = recorder(width)
    asyncio.run(replay.play(read, show, 0.0, 0))
    return document(show, kind)


# ---------------------------------------------------------------- Inspect


def inspect(read: Transcript, settings: Settings, path: Path | None) -> int:
    """Write an Inspect AI log: a sample per seat, states as scores, interjections as events."""
    try:
        from inspect_ai.log import EvalConfig, EvalDataset, EvalLog, EvalSpec, write_eval_log
    except ModuleNotFoundError:
        raise UserError("inspect-ai is missing: pip install -r requirements-inspect.txt") from None
    path = path or Path(read.path.stem + ".eval")
    created = datetime.fromisoformat(str(read.config.get("timestamp") or now()))
    spec = EvalSpec(
        created=created.astimezone(UTC), task="attractor", model=settings.a.model,
        dataset=EvalDataset(name=read.path.name, samples=2), config=EvalConfig(),
        metadata={"model_b": settings.b.model, "demo": settings.a.demo or settings.b.demo},
    )  # fmt: skip
    samples = [_sample(read, settings, letter, number) for number, letter in enumerate("AB", 1)]
    try:
        write_eval_log(EvalLog(eval=spec, status="success", samples=samples), str(path))
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from None
    print(path)
    return 0


def _sample(read: Transcript, settings: Settings, letter: str, number: int) -> Any:
    from inspect_ai.event import InfoEvent
    from inspect_ai.log import EvalSample
    from inspect_ai.scorer import Score

    found = verdicts(read)
    scores = {}
    for span in found["spans"]:
        length = span["end"] - span["start"] + 1
        words = "; ".join(f"{e['message']}: {e['words']}" for e in span["evidence"])
        before = scores.get(span["state"], Score(value=0, explanation=""))
        scores[span["state"]] = Score(
            value=before.value + length, explanation=f"{before.explanation}\n{words}".strip()
        )
    events = [
        InfoEvent(source="attractor", data={
            "interjection": m.get("source") or "live", "message": index, "seat": seat_of(m),
            "words": m["response"],
        })
        for index, m in enumerate(read.messages) if m.get("interjected")
    ]  # fmt: skip
    return EvalSample(
        id=f"seat {letter}", epoch=1, input=settings.seed, target=found["terminal"],
        messages=[_chat(m) for m in view(read, settings, letter)], scores=scores, events=events,
        metadata={"path": found["path_words"], "seat": letter, "order": number},
    )  # fmt: skip


def _chat(message: dict[str, Any]) -> Any:
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
        ToolCall(id=call["id"], function=call["function"]["name"],
                 arguments=json.loads(call["function"]["arguments"]))
        for call in message.get("tool_calls") or []
    ]  # fmt: skip
    return ChatMessageAssistant(content=content, tool_calls=calls or None)
