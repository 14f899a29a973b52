"""A plain CSV of two columns: who and what, or A's words and B's side by side."""

import csv
import io
from collections.abc import Iterator

from harness.report.importing.talk import Talk, seats

WHO = {"speaker", "role", "who", "from", "name", "agent", "model", "seat", "author"}


def table(text: str) -> list[list[str]]:
    """The rows, where each has two cells and there are two at least; else none."""
    for delimiter in ",\t;":
        try:
            rows = [
                row
                for row in csv.reader(
                    io.StringIO(text, newline=""), delimiter=delimiter, strict=True
                )
                if row
            ]
        except csv.Error:
            continue
        if len(rows) > 1 and all(len(row) == 2 for row in rows):
            return rows
    return []


def read(rows: list[list[str]]) -> Iterator[Talk]:
    """The one conversation of a table."""
    talk, head = Talk(), [cell.strip().lower() for cell in rows[0]]
    if head[0] in WHO:
        _by_speaker(talk, rows[1:])
    elif len({row[0] for row in rows}) <= 2 < len(rows):
        _by_speaker(talk, rows)
    else:
        named = all(len(cell) <= 20 and cell[-1:] in "ab12" and cell for cell in head)
        _side_by_side(talk, rows[named:])
    yield talk


def _by_speaker(talk: Talk, rows: list[list[str]]) -> None:
    place = seats(who for who, _ in rows)
    for who, said in rows:
        talk.say(place[who], said)


def _side_by_side(talk: Talk, rows: list[list[str]]) -> None:
    for number, (a, b) in enumerate(rows):
        talk.say("A", a)
        if b or number < len(rows) - 1:  # a last cell that is empty: A had the last word
            talk.say("B", b)
