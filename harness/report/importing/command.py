"""Other people's transcripts as logs, so that states, report, judge, replay and export read them.

    python attractor.py import condition.json                 to logs/imported
    python attractor.py import transcripts/ --to logs/theirs  a folder of any of the formats
    python attractor.py import view.jsonl --seat B            chat messages as seat B saw them

Formats, told apart by content: AttractorBench, conversations.json, pidgin's events.jsonl,
UniversalBackrooms' text, Inspect, chat messages, ShareGPT, CSV (docs/import.md). What a file
does not tell stays unknown. The same conversation again is left alone.
"""

import hashlib
import json
import re
from dataclasses import dataclass, field
from pathlib import Path

from harness import files
from harness.files import Json
from harness.parser import Parser
from harness.report.importing.formats import conversations
from harness.report.importing.talk import Talk, Unreadable
from harness.screen.progress import Progress
from harness.talk.log import SCHEMA, LogError, encode, now
from harness.talk.transcript import UNKNOWN
from harness.text import UserError, many, visible


@dataclass
class File:
    """What became of one file."""

    format: str = ""
    written: int = 0
    known: int = 0
    problems: list[str] = field(default_factory=list)

    def take(self, index: int, talk: Talk, new: bool) -> None:
        """One conversation of it is a log by now; a `new` one, or it was there already."""
        self.written, self.known = self.written + new, self.known + (not new)
        self.problems += [f"conversation {index}: left out {what}" for what in talk.left_out]

    def line(self, path: Path) -> str:
        """The same in words."""
        found = f"{path}: {many(self.written, 'conversation')} of {self.format}"
        found += f", {self.known} here already" if self.known else ""
        return "\n".join([found] * bool(self.format) + [f"{path}: {p}" for p in self.problems])


def command(arguments: list[str]) -> int:
    """Turn transcripts into logs; returns the exit code (1 where something could not be read)."""
    parser = Parser(prog="attractor.py import", description=__doc__)
    add = parser.add_argument
    add("files", nargs="+", type=Path, metavar="FILE|FOLDER", help="transcripts; all in a folder")
    to = "where the logs go (default: logs/imported)"
    add("--to", type=Path, metavar="DIR", default=Path("logs/imported"), help=to)
    seat = "whose view chat messages are (default: A, whose first user message is the seed)"
    add("--seat", choices=("A", "B"), default="A", help=seat)
    args = parser.parse_args(arguments)
    paths = files.named(args.files, "*", lambda p: p.is_file() and not p.name.startswith("."))
    with Progress("importing", len(paths), "file") as progress:
        results = {path: take(path, args.to, args.seat) for path in progress.over(paths)}
    for path, result in results.items():
        print(visible(result.line(path)))
    if not any(result.written or result.known for result in results.values()):
        raise UserError("nothing was imported: none of these files holds a conversation")
    print(visible(f"logs: {args.to}"))
    return int(any(result.problems for result in results.values()))


def take(path: Path, to: Path, seat: str) -> File:
    """Write a file's conversations as logs; damage is noted, and ends that file alone.

    Raises LogError where the logs can't be written."""
    result, index = File(), 0
    try:
        format, talks, broken = conversations(path, seat)
        result = File(format, problems=[f"line {n} is broken, and left out" for n in broken])
        digest = hashlib.sha256(files.read(path)).hexdigest()
        for index, talk in enumerate(talks):
            if problem := talk.fault():
                result.problems.append(f"conversation {index}: {problem}")
                continue
            origin = {"file": path.name, "index": index, "sha256": digest, "format": format}
            result.take(index, talk, new=write(talk, origin, to))
    except Unreadable as error:
        result.problems.append(f"{error}" if not result.written else f"after {index}: {error}")
    except LogError:
        raise
    except OSError as error:
        result.problems.append(error.strerror or str(error))
    except files.DAMAGE as error:  # somebody else's file may hold anything
        result.problems.append(f"damaged: {type(error).__name__}: {error}")
    return result


def write(talk: Talk, origin: Json, to: Path) -> bool:
    """Write one conversation as a log, whole or not at all, unless it is there already.

    Raises LogError."""
    about = {"model_a": UNKNOWN, "model_b": UNKNOWN} | talk.about
    same = json.dumps([origin["index"], about, talk.events], sort_keys=True)
    key = hashlib.sha256(same.encode("utf-8", "surrogatepass")).hexdigest()
    if any(to.glob(f"*__{key[:12]}.jsonl")):
        return False
    names = {f"name_{seat}": about[f"model_{seat}"] for seat in "ab"}
    imported = origin | {"key": key, "at": now()}
    if talk.left_out:
        imported["left_out"] = talk.left_out
    config = {"type": "config", "schema": SCHEMA, "imported": imported, **names, **about}
    stem = re.sub(r"[^\w.-]+", "-", Path(origin["file"]).stem)[:60]
    path = to / f"{stem}__{origin['index']:03}__{key[:12]}.jsonl"
    try:
        to.mkdir(parents=True, exist_ok=True)
        with files.whole(path) as draft:
            draft.write_bytes(b"".join(map(encode, [config, *talk.events])))
    except OSError as error:
        raise LogError(f"{path}: cannot write the log: {error.strerror}") from None
    return True
