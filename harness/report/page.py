"""The report as one HTML page that needs no network and runs no word that a model said.

Model text goes into the page as JSON in which nothing can end the element that holds it, and into
the document as text nodes, with what is invisible named first (harness/visible.py). A content
security policy allows this page's own script and style, by their hashes, and nothing else.

Transcripts are spooled to disk as they are read, and parsed by the browser when a run is opened:
neither side holds them all.
"""

import base64
import hashlib
import json
import math
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.report import patterns
from harness.report.runs import Run, attempts
from harness.report.tables import condition_tables, notes, tables
from harness.states.detect import Detector
from harness.states.names import SHORT
from harness.talk.transcript import Transcript, seat_of
from harness.text import UserError, many, visible

CAP = 240  # messages along a side of the recurrence plot; of longer runs every so many
HERE = Path(__file__).parent
BODY = """\
<h1>Where conversations get stuck</h1>
<div id="about"></div>
<div class="controls"><label>condition <select id="condition"></select></label>
<span id="keys" class="keys"></span></div>
<noscript><p class="note">This page draws itself with its own JavaScript.</p></noscript>
<main id="overview">
<h2>Runs</h2>
<p class="soft">Messages left to right; click a run to read it.</p>
<div id="list"></div>
<h2>Terminal states</h2>
<p class="soft">Share of runs that end in each state, with 95% Wilson intervals.</p>
<div id="terminal" class="panels"></div>
<h2>States reached</h2>
<p class="soft">Share of runs that are in each state at some time, with 95% Wilson intervals.</p>
<div id="reached" class="panels"></div>
<h2>Onsets</h2>
<p class="soft">Share of runs that have reached a state by each message: Kaplan-Meier with 95% band,
runs that ended before are censored. Lines as in the key under Message length.</p>
<div id="onsets" class="panels"></div>
<h2>Message length</h2>
<p class="soft">Characters per message, the median run; band: 95%, from six runs on.</p>
<div id="lengths" class="panels"></div>
<div id="compared"></div>
<h2>Figures</h2>
<div id="tables"></div>
</main>
<section id="run" hidden></section>
"""


class Spool:
    """Transcripts on their way into the page, on disk: the place of each is its run's `extra`."""

    def __enter__(self) -> "Spool":
        self.file = tempfile.TemporaryFile()
        self.size = 0
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def keep(self, found: Iterable[Run | tuple[str, str]]) -> Iterator[Run | tuple[str, str]]:
        """The same runs, their transcripts put away."""
        for one in found:
            if isinstance(one, Run):
                raw = one.extra.encode()
                self.file.write(raw)
                one.extra = (self.size, len(raw))
                self.size += len(raw)
            yield one

    def take(self, place: tuple[int, int]) -> bytes:
        """A transcript that was put away."""
        self.file.seek(place[0])
        return self.file.read(place[1])


def embed(value: Any) -> str:
    """JSON that is inert inside a script element: no character of it can end or open anything."""
    text = json.dumps(_shown(value), ensure_ascii=False, separators=(",", ":"))
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text


def _shown(value: Any) -> Any:
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, dict):
        return {visible(str(name)): _shown(inner) for name, inner in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return [_shown(inner) for inner in value] if isinstance(value, list | tuple) else value


def transcript(log: Transcript, detector: Detector) -> str:
    """What the page needs to show one run, as embedded JSON; made where the log is read."""
    messages = [
        {
            "seat": seat_of(event), "turn": event["turn"], "text": event["response"],
            "source": _source(event), "attempts": [],
            "thinking": event["thinking"] if isinstance(event.get("thinking"), str) else "",
        }
        for event in log.messages
    ]  # fmt: skip
    for attempt in attempts(log):
        messages[min(attempt["message"], len(messages) - 1)]["attempts"].append(attempt)
    marks = [(found.message, span.state, found.words)
             for span in detector.spans() for found in span.evidence]  # fmt: skip
    return embed({"messages": messages, "marks": marks, "alike": alike(detector, len(messages))})


def _source(event: dict[str, Any]) -> str:
    if not event.get("interjected"):
        return "model"
    return event["source"] if event.get("source") in ("live", "script") else "not recorded"


def alike(detector: Detector, size: int) -> dict[str, Any]:
    """The lower triangle of the recurrence plot, one hexadecimal digit per pair."""
    step = math.ceil(size / CAP)
    step += step > 1 and step % 2 == 0  # an even step would show one speaker only
    kept = range(0, size, step)
    rows = (detector.alike(i, range(0, i, step)) for i in kept)
    return {"step": step, "rows": ["".join(f"{round(15 * x):x}" for x in row) for row in rows]}


def write(path: Path, report: dict[str, Any], groups: dict[Any, list[Run]], spool: Spool) -> None:
    """Write the page. Raises UserError with a line for the user when it can't."""
    runs = [(number, run) for number, group in enumerate(groups.values()) for run in group]
    try:
        with open(path, "w", encoding="utf-8", errors="replace", newline="\n") as out:
            named = patterns.block(report["patterns"])
            out.write(_head() + BODY.replace("<h2>Figures", f"{named}<h2>Figures"))
            out.write(_data("report", embed(_index(report, groups))))
            for number, (_, run) in enumerate(runs):
                out.write(_data(f"run-{number}", spool.take(run.extra).decode()))
            out.write(f"<script>{_script()}</script>\n</body>\n</html>\n")
    except OSError as error:
        raise UserError(f"--html: cannot write {path}: {error.strerror}") from None


def _index(report: dict[str, Any], groups: dict[Any, list[Run]]) -> dict[str, Any]:
    conditions = [
        {name: about[name] for name in ("name", "demo", "runs", "states", "terminal", "lengths")}
        | {"tables": [table for table in condition_tables(about) if table[2]],
           "longest": max(run.messages for run in group)}
        for about, group in zip(report["conditions"], groups.values(), strict=True)
    ]  # fmt: skip
    runs = [(number, run) for number, group in enumerate(groups.values()) for run in group]
    said = sum(run.messages for _, run in runs)
    counts = many(len(runs), "run"), many(said, "message"), many(len(groups), "condition")
    about = f"{', '.join(counts)}. Intervals are 95%."
    return {
        "title": f"attractor report: {counts[0]}", "about": about,
        "short": SHORT, "conditions": conditions,
        "notes": notes(report), "missing": report["missing"],
        "compared": tables({"conditions": [], "compared": report["compared"]}),
        "runs": [_run(at, number, run) for at, (number, run) in enumerate(runs)],
    }  # fmt: skip


def _run(at: int, condition: int, run: Run) -> dict[str, Any]:
    return {
        "id": at, "condition": condition, "path": run.path, "messages": run.messages,
        "terminal": run.ending.states, "end": f"ended: {run.end}{run.error and ': ' + run.error}",
        "spans": [(span.state, span.start, span.end) for span in run.spans],
        "stretches": [asdict(stretch) for stretch in run.stretches],
        "interjections": [asdict(i) for i in run.interjections],
        "attempts": [{"message": a["message"], "tool": a["tool"]} for a in run.attempts],
    }  # fmt: skip


def _head() -> str:
    policy = (f"default-src 'none'; script-src '{_hash(_script())}'; "
              f"style-src '{_hash(_style())}'; base-uri 'none'; form-action 'none'")  # fmt: skip
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>attractor report</title>\n<style>{_style()}</style>\n</head>\n<body>\n"
    )


def _data(name: str, text: str) -> str:
    return f'<script type="application/json" id="{name}">{text}</script>\n'


def _script() -> str:
    return (HERE / "page.js").read_text(encoding="utf-8")


def _style() -> str:
    from harness.screen.console import COLOURS  # the console's: a state has one colour everywhere

    colours = "".join(f"--{state}: {colour}; " for state, colour in COLOURS.items())
    return f":root {{ {colours}}}\n" + (HERE / "page.css").read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
