"""Messages, spans and runs of many logs as flat tables, for pandas, R or a spreadsheet.

A table is columns with types, and rows as dicts; it is written as CSV, JSON lines or Parquet, row
by row. Unknown is empty (null), never 0. Of `sent` to a model from its branch's parent, and of a
person's words, tokens and cost are 0: nobody paid for them again.
"""

import contextlib
import csv
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from harness.files import beside, replacing
from harness.report.spool import Spool
from harness.report.summary import Summary
from harness.states.detect import Detector
from harness.states.names import STATES, THEMES, kind_of
from harness.states.path import path_words
from harness.talk.events import TOKENS, Turn, seat_of
from harness.talk.log import encode
from harness.talk.transcript import Transcript
from harness.text import UserError, install, sendable

FORMATS = ("csv", "jsonl", "parquet")
BATCH = 5000  # rows that a Parquet file takes at once
FORMULA = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"  # with these a spreadsheet's formula can begin

Row = dict[str, Any]
WHOSE = {"run": "text", "condition": "text", "demo": "bool"}
MESSAGES = WHOSE | {
    "index": "int",
    "turn": "int",
    "seat": "text",
    "model": "text",
    "text": "text",
    "source": "text",
    "theme": "text",
    "form": "text",
    "tool_attempts": "int",
    "tool_calls": "text",
    **{f"tokens_{name}": "int" for name in TOKENS},
    "cost_usd": "float",
    "flags": "text",
}
SPANS = WHOSE | {
    "state": "text",
    "kind": "text",
    "start": "int",
    "end": "int",
    "messages": "int",
    "to_the_end": "bool",
    "theme": "text",
    "evidence_message": "int",
    "evidence": "text",
    "verdict_by": "text",
}
RUN = {
    "messages": "int",
    "path": "text",
    "ends_in_theme": "text",
    "theme_since": "int",
    "ends_in_form": "text",
    "form_since": "int",
    "verdict_by": "text",
    "lock_in": "int",
    "tool_attempts": "int",
    "interjections": "int",
    **{f"tokens_{name}": "int" for name in TOKENS},
    "cost_usd": "float",
    "stopped": "text",
    "error": "text",
    "parent": "text",
    "parent_turn": "int",
    "lines_skipped": "int",
    **{f"{kind}_{state}": "int" for state in STATES for kind in ("onset", "messages_in")},
}


@dataclass
class DataTable:
    """Columns with their types (text, int, float or bool), and rows with a value or None each."""

    columns: dict[str, str]
    rows: Iterable[Row]


def tables(runs: list[tuple[str, Summary]], spool: Spool, by: str) -> dict[str, DataTable]:
    """The three tables of runs, each with its condition's name; `by` is who made the verdicts."""
    return {
        "messages": DataTable(MESSAGES, _messages(runs, spool)),
        "spans": DataTable(SPANS, _spans(runs, by)),
        "runs": run_table(runs, by),
    }


# ---------------------------------------------------------------- rows


def said(log: Transcript, _: Detector) -> str:
    """What the messages' table needs of one log, as JSON; made where the log is read."""
    return json.dumps([_said(event) for event in log.messages])


def _said(event: Turn) -> Row:
    written = event.get("interjected") and not event["usage"]  # by nobody who is paid
    free = bool(event.get("inherited") or written)
    nothing = dict.fromkeys(TOKENS, 0) if free else {}
    usage = cast(dict[str, int], event.get("usage")) or nothing
    calls = [
        {name: call.get(name) for name in ("tool", "outcome", "reason")}
        for call in event["tool_attempts"]
    ]
    flags = [*event["flags"], *(["inherited"] if event.get("inherited") else [])]
    model, source = event.get("model"), event.get("source")
    return {
        "turn": event["turn"],
        "seat": seat_of(event),
        "model": model if isinstance(model, str) else None,
        "text": event["response"],
        "source": source or ("interjected" if event.get("interjected") else "model"),
        "tool_attempts": len(calls),
        "tool_calls": json.dumps(calls) if calls else None,
        **{f"tokens_{name}": 0 if free else usage.get(name) for name in TOKENS},
        "cost_usd": 0.0 if free else event["cost_usd"],
        "flags": " ".join(flags),
    }


def _messages(runs: list[tuple[str, Summary]], spool: Spool) -> Iterator[Row]:
    for condition, run in runs:
        whose = _whose(condition, run)
        rows = json.loads(spool.take(run, "said"))
        for index, (row, theme, forms) in enumerate(zip(rows, *run.lanes(), strict=True)):
            states = {"theme": theme, "form": " ".join(forms) or None}
            yield whose | {"index": index} | row | states


def _spans(runs: list[tuple[str, Summary]], by: str) -> Iterator[Row]:
    for condition, run in runs:
        themes, _ = run.lanes()
        for span in run.spans:
            first = span.evidence[0] if span.evidence else None
            kind = kind_of(span.state)
            yield _whose(condition, run) | {
                "state": span.state,
                "kind": kind,
                "start": span.start,
                "end": span.end,
                "messages": span.end - span.start + 1,
                "to_the_end": span.end == run.messages - 1,
                "theme": span.state if span.state in THEMES else themes[span.start],
                "evidence_message": first.message if first else None,
                "evidence": first.words if first else None,
                "verdict_by": by,
            }


def run_table(runs: list[tuple[str, Summary]], by: str) -> DataTable:
    """One row per run: its settings, what it came to, and per state onset and messages in it."""
    taken = {*RUN, *WHOSE}
    known = sorted({name for _, run in runs for name in run.condition})
    settings = {name: f"setting_{name}" if name in taken else name for name in known}
    columns = WHOSE | dict.fromkeys(settings.values(), "text") | RUN
    return DataTable(columns, (_run(condition, run, by, settings) for condition, run in runs))


def _run(condition: str, run: Summary, by: str, settings: dict[str, str]) -> Row:
    parent, turn = run.parent or (None, None)
    used = run.tokens or {}
    return (
        _whose(condition, run)
        | {column: run.condition.get(name) for name, column in settings.items()}
        | {
            "messages": run.messages,
            "path": path_words(run.stretches),
            "ends_in_theme": run.ending.theme,
            "theme_since": run.ending.theme_since,
            "ends_in_form": run.ending.form,
            "form_since": run.ending.form_since,
            "verdict_by": by,
            "lock_in": run.recurrence["lock_in"],
            "tool_attempts": len(run.attempts),
            "interjections": len(run.interjections),
            **{f"tokens_{name}": used.get(name) for name in TOKENS},
            "cost_usd": run.cost,
            "stopped": run.end,
            "error": run.error,
            "parent": parent,
            "parent_turn": turn,
            "lines_skipped": len(run.skipped),
        }
        | {f"onset_{state}": run.onset(state) for state in STATES}
        | {f"messages_in_{state}": _spent(run, state) for state in STATES}
    )


def _spent(run: Summary, state: str) -> int | None:
    return None if run.foreign and state in THEMES else run.spent(state)


def _whose(condition: str, run: Summary) -> Row:
    return {"run": run.path, "condition": condition, "demo": run.demo}


# ---------------------------------------------------------------- files


def check_format(kind: str) -> None:
    """Raises UserError where a format needs a package that is not there."""
    if kind == "parquet":
        try:
            import pyarrow.parquet  # noqa: F401
        except ModuleNotFoundError:
            raise UserError(
                f"pyarrow is missing: {install('data')} (csv and jsonl need nothing)"
            ) from None


def write(path: Path, kind: str, table: DataTable) -> None:
    """Write a table whole or not at all. Raises UserError."""
    if kind == "parquet":
        _parquet(path, table)
        return
    with replacing(path) as file:
        stream(file.write, kind, table)


def stream(write: Callable[[str], object], kind: str, table: DataTable) -> None:
    """Write a table as text, row by row: csv or jsonl."""
    if kind == "jsonl":
        for row in table.rows:
            write(encode({name: row.get(name) for name in table.columns}).decode())
        return
    writer = csv.writer(_Lines(write), lineterminator="\r\n")
    writer.writerow([_cell(name) for name in table.columns])
    for row in table.rows:
        writer.writerow([_cell(row.get(name)) for name in table.columns])


class _Lines:
    """A file whose lines end in a newline alone. The writer is told of carriage returns, because
    it quotes a cell that has one only where lines end in one too (before Python 3.13)."""

    def __init__(self, write: Callable[[str], object]):
        self._write = write

    def write(self, line: str) -> None:
        self._write(line.removesuffix("\r\n") + "\n")


def _cell(value: Any) -> Any:
    """Text that a spreadsheet would run as a formula is kept from it by an apostrophe."""
    if not isinstance(value, str):
        return value
    text = sendable(value).replace("\0", "\ufffd")  # many readers end a text at NUL
    return f"'{text}" if text.lstrip(" ")[:1] in FORMULA and text.strip(" ") else text


def _parquet(path: Path, table: DataTable) -> None:
    import pyarrow
    from pyarrow import parquet

    kinds = {
        "text": pyarrow.string(),
        "int": pyarrow.int64(),
        "float": pyarrow.float64(),
        "bool": pyarrow.bool_(),
    }
    schema = pyarrow.schema([(sendable(name), kinds[kind]) for name, kind in table.columns.items()])
    with beside(path) as draft, contextlib.closing(parquet.ParquetWriter(draft, schema)) as writer:
        batch: list[Row] = []
        for row in table.rows:
            batch.append({sendable(n): _plain(row.get(n)) for n in table.columns})
            if len(batch) == BATCH:
                writer.write_table(pyarrow.Table.from_pylist(batch, schema))
                batch = []
        writer.write_table(pyarrow.Table.from_pylist(batch, schema))


def _plain(value: Any) -> Any:
    return sendable(value) if isinstance(value, str) else value
