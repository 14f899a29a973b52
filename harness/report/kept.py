"""Summaries of logs, kept in the user's cache folder: only what is new or changed is read again.

    kept = opened()                                        None: nowhere to keep any
    parallel.each(paths, partial(summarise, make=kept.summary_of))

A summary is found by a hash of all that it was made of: the log's bytes, whose states were asked
for, a judge's labels, the program's source and tables, Python, the prompts that have a name. So
what is found is what reading would give. It is JSON under a checksum: what is damaged, or put there
by something else, is not found. Nothing of this is needed: where the folder can't be made, read or
written, logs are read as if there were none.
"""

import contextlib
import json
import os
import stat
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Any

import harness
import tools
from harness import files
from harness.files import Json
from harness.report.conditions import prompt_names
from harness.report.interjections import Interjected
from harness.report.summary import Also, Skipped, Source, Summary, summary_of
from harness.states.path import Ending, Evidence, Span, Stretch
from harness.talk.show import NOT_ENDED

MINUTE, DAY = 60, 86_400  # seconds
UNUSED = 30 * DAY  # after which a summary is removed
EXTRA = 4  # pieces of what `also` makes that are kept of a log, the latest
DIGEST = 20  # bytes of a hash


@dataclass(frozen=True)
class Kept:
    """Summaries in `folder`, by a program whose hash is `maker`."""

    folder: Path
    maker: bytes

    def summary_of(self, source: Source, also: Mapping[str, Also]) -> Summary | Skipped:
        """As `summary.summary_of`, which is asked where nothing is kept. LARGE logs never are."""
        if source.data is None:
            return summary_of(source, also)
        file = self.folder / f"{self._name(source)}.json"
        told, names = _load(file), {name: _named(make) for name, make in also.items()}
        if told and all(name in told["extra"] for name in names.values()):
            return _summary(told, source.path, names)
        made = summary_of(source, also)
        if isinstance(made, Summary) and not _grows(made):
            self._save(file, made, names, told["extra"] if told else {})
        return made

    def _name(self, source: Source) -> str:
        assert source.data is not None
        judged = json.dumps([source.labels, source.judged]).encode()
        return _hash(self.maker, judged, source.data).hex()

    def _save(self, file: Path, made: Summary, names: dict[str, str], older: Json) -> None:
        new = {names[name]: text for name, text in made.extra.items()}
        extra = {name: text for name, text in older.items() if name not in new} | new
        body = json.dumps(_told(made) | {"extra": dict([*extra.items()][-EXTRA:])}).encode()
        if _summary(json.loads(body), Path(made.path), names) != made:
            return  # odd text, that JSON gives back as something else
        with contextlib.suppress(OSError), files.whole(file) as draft:
            draft.write_bytes(_seal(file, body) + b"\n" + body)


def _grows(made: Summary) -> bool:
    """Whether a log is being written, so that its summary will not be asked for again."""
    try:
        return made.end == NOT_ENDED and time.time() - os.stat(made.path).st_mtime < MINUTE
    except OSError:
        return True


def _hash(*parts: bytes) -> bytes:
    found = blake2b(digest_size=DIGEST)
    for part in parts:
        found.update(b"%d " % len(part) + part)
    return found.digest()


def _seal(file: Path, body: bytes) -> bytes:
    """The first line of a kept file: a hash of the rest, and of its name."""
    return _hash(file.name.encode(), body).hex().encode()


def _named(make: Also) -> str:
    """What tells one maker of extra text from another: its function, and what it was asked for."""
    plain = make if isinstance(make, partial) else partial(make)
    asked = json.dumps([plain.args, plain.keywords])
    return f"{plain.func.__module__}.{plain.func.__qualname__} {asked}"


def _load(file: Path) -> Json | None:
    """What a file keeps, if it is there and whole; and it counts as used today."""
    try:
        with files.open_regular(file) as opened:
            told, body = opened.readline().rstrip(), opened.read()
            used = os.fstat(opened.fileno()).st_mtime
        if told != _seal(file, body):
            return None
        if time.time() - used > DAY:
            with contextlib.suppress(OSError):  # what can be read only still serves
                os.utime(file)
    except OSError:
        return None
    found: Json = json.loads(body)
    return found


# ---------------------------------------------------------------- a summary as JSON, and back


def _told(summary: Summary) -> Json:
    """A summary as JSON takes it, without its path, which is another where a log was moved."""
    spans = [
        (span.state, span.start, span.end, [(e.message, e.words) for e in span.evidence])
        for span in summary.spans
    ]
    told = vars(summary) | {
        "spans": spans,
        "stretches": [(one.theme, one.start, one.end, one.forms) for one in summary.stretches],
        "ending": vars(summary.ending),
        "interjections": [vars(one) for one in summary.interjections],
    }
    del told["path"]
    return told


def _summary(told: Json, path: Path, names: dict[str, str]) -> Summary:
    """The summary that was told, of the log at `path`; `names` are those of its `extra`."""
    lists: dict[str, Any] = {
        "spans": [
            Span(state, start, end, tuple(Evidence(*one) for one in evidence))
            for state, start, end, evidence in told["spans"]
        ],
        "stretches": [
            Stretch(theme, start, end, tuple(map(tuple, forms)))
            for theme, start, end, forms in told["stretches"]
        ],
        "interjections": [Interjected(**one) for one in told["interjections"]],
        "incidents": [tuple(one) for one in told["incidents"]],
        "skipped": [tuple(one) for one in told["skipped"]],
    }
    ending, parent = Ending(**told["ending"]), told["parent"] and tuple(told["parent"])
    extra = {name: told["extra"][kept] for name, kept in names.items()}
    return Summary(
        **told | lists | {"path": str(path), "ending": ending, "parent": parent, "extra": extra}
    )


# ---------------------------------------------------------------- where, and who made it


def opened() -> Kept | None:
    """What is kept by this program for this user; None where nothing can be."""
    try:
        folder, maker = _folder(), _maker()
    except OSError:
        return None
    if not folder or not maker:
        return None
    with contextlib.suppress(OSError):  # a folder that can be read only still serves
        _remove_unused(folder)
    return Kept(folder, maker)


def _folder() -> Path | None:
    """The folder, made if it is not there; None where it is not this user's alone. Raises
    OSError."""
    base = _caches()
    if not base.is_absolute():
        return None
    folder = base / "attractor"
    base.mkdir(mode=0o700, exist_ok=True)  # not the home as well, where there is none
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode):
        return None
    if hasattr(os, "getuid"):
        if found.st_uid != os.getuid():
            return None
        if found.st_mode & 0o077:
            folder.chmod(0o700)
    return folder


def _caches() -> Path:
    """The folder of this user's caches, as the system has it; not absolute where there is none."""
    asked, home = Path(os.environ.get("XDG_CACHE_HOME", "")), Path(os.path.expanduser("~"))
    if asked.is_absolute():
        return asked
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", ""))
    return home / ("Library/Caches" if sys.platform == "darwin" else ".cache")


def _maker() -> bytes | None:
    """A hash of what makes summaries; None where the source on the disk is no longer that which
    runs. Raises OSError."""
    parts = [sys.version.encode(), json.dumps(sorted(prompt_names().items())).encode()]
    for path in _source():
        found = path.stat()
        if max(found.st_ctime, found.st_mtime) >= harness.BEGUN:  # ctime is no change on Windows
            return None
        parts += [path.name.encode(), path.read_bytes()]
    return _hash(*parts)


def _source() -> Iterator[Path]:
    """All of the program that can change a summary, and more: its modules, tables and texts."""
    assert tools.__file__ and harness.__file__
    yield Path(tools.__file__)
    for folder, inner, names in os.walk(Path(harness.__file__).parent):
        inner[:] = sorted(name for name in inner if name != "__pycache__")
        yield from (Path(folder, name) for name in sorted(names))


def _remove_unused(folder: Path) -> None:
    """Once a day, remove what nobody has asked for in a long time. Raises OSError."""
    looked, now = folder / "looked-through", time.time()
    if looked.exists() and now - looked.stat().st_mtime < DAY:
        return
    looked.touch()
    name = "[0-9a-f]" * 2 * DIGEST  # nothing that is called otherwise is ours
    for path in (*folder.glob(f"{name}.json"), *folder.glob(f".{name}.*.part")):
        with contextlib.suppress(OSError):  # another has removed it, too
            if now - path.lstat().st_mtime > UNUSED:
                path.unlink()
