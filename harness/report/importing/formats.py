"""Which format a file has, told by what is in it, and the conversations that it holds."""

from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path

from harness import files
from harness.files import Json
from harness.report.importing import backrooms, chats, inspect_logs, pidgin, records, rows
from harness.report.importing.talk import Talk, Unreadable

ZIP = b"PK\x03\x04"


def conversations(path: Path, seat: str) -> tuple[str, Iterator[Talk], list[int]]:
    """The format's name, the conversations of a file, and which of its lines (from 1) are broken.

    Raises Unreadable and OSError."""
    raw = files.read(path)
    if raw.startswith(ZIP):
        return "Inspect", inspect_logs.read(inspect_logs.load(path), seat), []
    text = decoded(raw)
    documents, broken = parsed(text)
    name, talks = _of_documents(documents, seat) if documents else _of_text(text)
    return name, talks, broken


def _of_documents(documents: list[Json], seat: str) -> tuple[str, Iterator[Talk]]:
    if any(
        d.get("type") in ("turn", "config") and ("label" in d or "schema" in d) for d in documents
    ):
        raise Unreadable("it is a log already: report, states and judge read it as it is")
    if pidgin.events(documents):
        return "pidgin", pidgin.read(documents)
    if all(map(chats.message, documents)):
        return "chat messages", iter([chats.conversation(documents, seat, {})])
    known = [(d, *kind) for d in documents if (kind := _kind(d))]
    if not known:
        raise Unreadable("its JSON has none of the forms that docs/import.md lists")
    names = dict.fromkeys(name for _, name, _ in known)
    return " and ".join(names), chain.from_iterable(read(d, seat) for d, _, read in known)


def decoded(raw: bytes) -> str:
    """A file's text. Raises Unreadable."""
    code = "utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    try:
        return raw.decode(code).replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise Unreadable("it is not UTF-8 text") from None


def parsed(text: str) -> tuple[list[Json], list[int]]:
    """The JSON objects of a file: one, a list of them, or one a line; none where it is no JSON.
    Then the lines that are broken, as the last one is after a kill; a text whose lines mostly
    are none is no JSON."""
    try:
        whole = files.parse(text)
    except ValueError:
        numbered = [(n, line) for n, line in enumerate(text.split("\n"), 1) if line.strip()]
        lines = [(n, files.parse_object(line)) for n, line in numbered]
        found, broken = [d for _, d in lines if d is not None], [n for n, d in lines if d is None]
        return (found, broken) if len(found) > len(broken) else ([], [])
    if not isinstance(whole, dict | list):
        return [], []  # a column of numbers is JSON too
    return [
        one for one in (whole if isinstance(whole, list) else [whole]) if isinstance(one, dict)
    ], []


def _of_text(text: str) -> tuple[str, Iterator[Talk]]:
    if backrooms.marked(text):
        return "UniversalBackrooms", backrooms.read(text)
    if found := rows.table(text):
        return "CSV", rows.read(found)
    raise Unreadable("it has none of the forms that docs/import.md lists")


def _kind(document: Json) -> tuple[str, Callable[[Json, str], Iterator[Talk]]] | None:
    """What kind of document this is, and its reader."""
    if records.bench(document):
        return "AttractorBench", records.read_bench
    if records.conversations(document):
        return "conversations.json", records.read_conversations
    if inspect_logs.log(document):
        return "Inspect", inspect_logs.read
    if chats.messages(document):
        return "ShareGPT" if "conversations" in document else "chat messages", chats.read
    return None
