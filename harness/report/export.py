"""Logs in another format: one to read, or many as data.

    python attractor.py export LOG --format md|html|svg|messages [--seat A|B] [-o FILE]
    python attractor.py export LOG|FOLDER... --format csv|jsonl|parquet -o FOLDER
    python attractor.py export LOG|FOLDER... --format csv --table runs [-o FILE.csv]
    python attractor.py export LOG|FOLDER... --format inspect -o FILE.eval

Without -o one log, or one --table as csv or jsonl, goes to standard output; nothing is ever
written where -o does not say so.
"""

import asyncio
import json
import re
import sys
from functools import partial
from pathlib import Path
from typing import Any

from harness.files import replacing
from harness.parser import Parser
from harness.report import data, replay, verdicts
from harness.report.groups import with_names
from harness.report.spool import Spool
from harness.report.summary import summarise
from harness.states.detect import detect_in
from harness.states.path import path_told
from harness.talk.events import Turn
from harness.talk.logs import add_logs, load, logs_in, view
from harness.talk.settings import Settings
from harness.talk.transcript import Transcript
from harness.text import UserError, flat, many, visible
from tools import EXIT_TOOLS

ONE = ("md", "html", "svg", "messages")  # formats of one log
TABLES = ("messages", "spans", "runs")
FOR = {  # the formats that an option is for
    "seat": ("messages", "inspect"),
    "table": data.FORMATS,
    "labels": (*data.FORMATS, "inspect"),
}
KINDS_OF_INSPECT = (".eval", ".json")


def command(arguments: list[str]) -> int:
    """Write logs in another format."""
    parser = Parser(prog="attractor.py export", description=__doc__)
    add_logs(parser)
    add = parser.add_argument
    add(
        "--format",
        choices=(*ONE, *data.FORMATS, "inspect"),
        required=True,
        help="md: Markdown; html, svg: the console's look; messages: one side's view as OpenAI "
        "messages (JSONL); csv, jsonl, parquet: tables of messages, spans and runs; inspect: a "
        "log that `inspect view` opens, a sample a run",
    )
    add("--seat", choices=("A", "B"), help="messages, inspect: whose view (default: A)")
    add("--table", choices=TABLES, help="csv, jsonl, parquet: this table alone, in one file")
    add("--labels", choices=("rules", "judge"), help="whose states, as in report")
    add("-o", "--output", type=Path, metavar="FILE|FOLDER", help="where to write")
    args = parser.parse_args(arguments)
    for option, formats in FOR.items():
        if vars(args)[option] and args.format not in formats:
            raise UserError(f"--{option} is for --format {', '.join(formats)}")
    if args.format in data.FORMATS:
        return tables(args)
    if args.format == "inspect":
        return inspect(args)
    paths = logs_in(args.logs)
    if len(paths) != 1:
        raise UserError(f"--format {args.format} takes one log, and there are {len(paths)}")
    read = load(paths[0])
    settings = Settings.from_config(read.settings())
    if args.format in ("html", "svg"):
        text = picture(read, args.format)
    elif args.format == "md":
        text = markdown(read, settings)
    else:
        text = "".join(json.dumps(m) + "\n" for m in view(read, settings, args.seat or "A"))
    deliver(text, args.output)
    return 0


def deliver(text: str, path: Path | None) -> None:
    """Write the text to a file, or print it. Raises UserError with a line for the user."""
    if path is None:
        _standard_output().write(text)
        return
    with replacing(path) as file:
        file.write(text)


def _standard_output() -> Any:
    """Standard output for data: UTF-8, whatever the terminal's locale, newlines as they are."""
    out: Any = sys.stdout
    out.reconfigure(encoding="utf-8", errors="backslashreplace", newline="")
    return out


# ---------------------------------------------------------------- data


def tables(args: Any) -> int:
    """Messages, spans and runs of many logs: a file each in a folder, or one table alone."""
    places = _places(args.format, args.table, args.output)
    data.check_format(args.format)
    with Spool() as spool:
        read_log = partial(summarise, also={"said": data.said})
        runs, skipped, whose = verdicts.read(logs_in(args.logs), args.labels, read_log, spool)
        made = data.tables(with_names(runs), spool, whose.by)
        for log, why in skipped:
            print(f"attractor: skipped {visible(log)}: {why}", file=sys.stderr)
        for name, path in places.items():
            if path is None:
                data.stream(_standard_output().write, args.format, made[name])
            else:
                _make_folder(path.parent)
                data.write(path, args.format, made[name])
                print(visible(str(path)))
        print(f"attractor: {many(len(runs), 'run')}; {whose.words}", file=sys.stderr)
    return 0


def _places(kind: str, table: str | None, out: Path | None) -> dict[str, Path | None]:
    """Where each table goes that is asked for; None is standard output. Raises UserError."""
    ending = f".{kind}"
    if out is None:
        if table is None or kind == "parquet":
            raise UserError(
                "-o FOLDER says where the tables go (or --table messages|spans|runs for one on "
                "standard output, as csv or jsonl)"
            )
        return {table: None}
    if table or out.suffix == ending:
        if out.suffix != ending:
            raise UserError(f"-o {out}: a file of one table must end in {ending}")
        return {table or "messages": out}
    if out.suffix in {f".{name}" for name in data.FORMATS}:
        raise UserError(f"-o {out}: --format {kind} does not write {out.suffix}")
    return {name: out / f"{name}{ending}" for name in TABLES}


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make the folder {folder}: {error.strerror}") from None


def inspect(args: Any) -> int:
    """One Inspect AI log of all runs."""
    from harness.report import inspect_log

    out = args.output
    if out is None or out.suffix not in KINDS_OF_INSPECT:
        raise UserError("--format inspect writes a file: say -o NAME.eval (or NAME.json)")
    inspect_log.write(logs_in(args.logs), args.seat or "A", args.labels, out)
    print(visible(str(out)))
    return 0


# ---------------------------------------------------------------- Markdown


def markdown(read: Transcript, settings: Settings) -> str:
    """The conversation as Markdown that GitHub renders; model text stays text."""
    detector = detect_in(read.events)
    lines = [f"# {_inline(settings.a.name)} and {_inline(settings.b.name)}", ""]
    if read.config.get("demo") or settings.a.demo or settings.b.demo:
        lines += ["**A scripted demo: at least one side is a script, not a language model.**", ""]
    lines += [
        f"- Model A: `{_code(settings.a.model)}`",
        f"- Model B: `{_code(settings.b.model)}`",
        f"- seed: {_inline(settings.seed) or 'not recorded'}",
        f"- tools: {_inline(', '.join(settings.tools)) or _none(settings, 'tools')}",
        f"- path: {path_told(detector.path(), detector.english)}",
        f"- log: `{_code(read.path.name)}`",
        "",
    ]
    if read.skipped:
        lines += [f"{many(len(read.skipped), 'line')} of the log could not be read.", ""]
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


def _message(index: int, message: Turn) -> list[str]:
    who = " (interjected)" if message.get("interjected") else ""
    lines = [f"### {message['label']} · turn {message['turn']} · message {index}{who}", ""]
    text = visible(message["response"])
    lines += [_quoted(text) if text.strip() else "*⟨silence⟩*", ""]
    for attempt in message["tool_attempts"]:
        tool, outcome, reason = (_inline(attempt.get(n)) for n in ("tool", "outcome", "reason"))
        kind = "Exit tool" if attempt["tool"] in EXIT_TOOLS else "Tool"
        lines += [f"**{kind} {tool} → {outcome}**: {reason}", ""]
    return lines


def _quoted(text: str) -> str:
    """A block in which no Markdown or HTML of the text's own is read."""
    fence = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", text)), default=0))
    return f"{fence}text\n{text}\n{fence}"


def _inline(value: Any) -> str:
    return re.sub(r"([\\`*_{}\[\]<>()#+!|~-])", r"\\\1", flat(visible(str(value))))


def _code(text: str) -> str:
    return flat(visible(text).replace("`", "'"))


# ---------------------------------------------------------------- the console's look


def picture(read: Transcript, kind: str) -> str:
    """The console as it looked, as an SVG or HTML document."""
    from harness.screen.recorder import document, recorder

    show = recorder()
    asyncio.run(replay.play(read, show, 0.0, 0))
    return document(show, kind)
