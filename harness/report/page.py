"""The report as one HTML page that needs no network and runs no word that a model said.

Model text goes into the page as JSON in which nothing can end the element that holds it, and into
the document as text nodes, with what is invisible named first (harness/text.py). A content
security policy allows this page's own script and style, by their hashes, and nothing else.

Transcripts are spooled to disk as they are read, and parsed by the browser when a run is opened:
neither side holds them all.
"""

import base64
import hashlib
import itertools
import json
import math
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.files import Json, replacing
from harness.report import open_ended, patterns
from harness.report.alike import digits
from harness.report.condition_tables import condition_tables, cost_words
from harness.report.conditions import words_of
from harness.report.groups import Groups
from harness.report.pair_tables import compared
from harness.report.shapes import Report
from harness.report.spool import Spool
from harness.report.summary import Summary, attempts, incidents
from harness.report.tables import ENDS_NOTE, REACH_NOTE, labels, notes, overview
from harness.screen.progress import Progress
from harness.states.detect import Detector
from harness.states.names import FORMS, SHORT, THEMES
from harness.states.path import path_told
from harness.states.recurrence import Heard
from harness.states.words import clip
from harness.talk.events import Turn, seat_of
from harness.talk.transcript import Transcript
from harness.text import many, money, reworded, visible

SHOWN = ("name", "demo", "runs", "states", "ending", "lengths", "stimulus")  # of a condition
CAP = 240  # messages along a side of the recurrence plot; of longer runs every so many
HERE = Path(__file__).parent
SCRIPTS = ("page.js", "page_overview.js", "page_run.js", "page_beside.js", "page_route.js")
BODY = (HERE / "page.html").read_text(encoding="utf-8")


def embed(value: Any) -> str:
    """JSON that is inert inside a script element: no character of it can end or open anything."""
    text = json.dumps(reworded(value, visible), ensure_ascii=False, separators=(",", ":"))
    for char in "<>&\u2028\u2029":
        text = text.replace(char, f"\\u{ord(char):04x}")
    return text


def transcript(log: Transcript, detector: Detector) -> str:
    """What the page needs to show one run, as embedded JSON; made where the log is read."""
    messages: list[Json] = [
        {
            "seat": seat_of(event),
            "turn": event["turn"],
            "text": event["response"],
            "source": _source(event),
            "attempts": [],
            "incidents": [],
            "thinking": event["thinking"] if isinstance(event.get("thinking"), str) else "",
        }
        for event in log.messages
    ]
    last = len(messages) - 1
    for attempt in attempts(log):
        messages[min(attempt["message"], last)]["attempts"].append(attempt)
    for index, what in incidents(log):
        messages[min(index, last)]["incidents"].append(what)
    for index, partial in _broken_off(log):
        partials = messages[min(index, last)].setdefault("partials", [])
        partials.append(partial | {"after": index > last})
    marks = [
        (evidence.message, span.state, evidence.words)
        for span in detector.spans()
        for evidence in span.evidence
    ]
    return embed(
        {
            "messages": messages,
            "marks": marks,
            "repeats": repeats(detector),
            "alike": alike([event["response"] for event in log.messages]),
            "skipped": log.skipped,
        }
    )


def _source(event: Turn) -> str:
    if not event.get("interjected"):
        return "model"
    return (
        event["source"] if event.get("source") in ("live", "script", "puppet") else "not recorded"
    )


def _broken_off(log: Transcript) -> Iterator[tuple[int, dict[str, Any]]]:
    """What was half said before it was broken off, and why, with the message's index."""
    index = 0
    for event in log.events:
        if event["type"] == "aborted" and event.get("partial"):
            yield index, {"words": str(event["partial"]), "why": words_of(event.get("why"))}
        index += event["type"] == "turn"


def repeats(detector: Detector) -> dict[int, int]:
    """Per message of a verbatim loop the latest one before it that it repeats."""
    loops = [span for span in detector.spans() if span.state == "verbatim_loop"]
    told = {i: detector.repeats(i) for span in loops for i in range(span.start, span.end + 1)}
    return {i: of for i, of in told.items() if of is not None}


def alike(texts: list[str]) -> dict[str, object]:
    """The lower triangle of the recurrence plot, one hexadecimal digit per pair."""
    step = math.ceil(len(texts) / CAP)
    step += step > 1 and step % 2 == 0  # an even step would show one speaker only
    return {"step": step, "rows": digits([Heard(clip(text)) for text in texts[::step]])}


def write(path: Path, report: Report, groups: Groups, spool: Spool) -> None:
    """Write the page. Raises UserError with a line for the user when it can't."""
    runs = list(itertools.chain(*groups.values()))
    with replacing(path) as out, Progress("writing", len(runs), "run") as progress:
        more = patterns.block(
            [*open_ended.tables(report["open_ended"]), *patterns.tables(report["patterns"])]
        )
        out.write(_head() + BODY.replace("<h2>Figures", f"{more}<h2>Figures", 1))
        out.write(_data("report", embed(_index(report, groups))))
        for number, run in enumerate(progress.over(runs)):
            out.write(_data(f"run-{number}", spool.take(run, "page")))
        out.write(f"<script>{_script()}</script>\n</body>\n</html>\n")


def _index(report: Report, groups: Groups) -> dict[str, object]:
    conditions = [
        {name: value for name, value in about.items() if name in SHOWN}
        | {
            "label": label,
            "longest": max(run.messages for run in group),
            "cost": cost_words(about),
            "words": [row["word"] for row in about["words"]["out"]],
            "tables": [sheet for sheet in condition_tables(about) if sheet.rows],
        }
        for about, label, group in zip(
            report["conditions"], labels(report["conditions"]), groups.values(), strict=True
        )
    ]
    runs = [(number, run) for number, group in enumerate(groups.values()) for run in group]
    places = _places([run for _, run in runs])
    messages = sum(run.messages for _, run in runs)
    counts = many(len(runs), "run"), many(messages, "message"), many(len(groups), "condition")
    return {
        "title": f"attractor report: {counts[0]}",
        "about": f"{', '.join(counts)}. Intervals are 95%.",
        "short": SHORT,
        "themes": THEMES,
        "forms": FORMS,
        "conditions": conditions,
        "notes": notes(report),
        "missing": report["missing"],
        "reach": REACH_NOTE,
        "ends": ENDS_NOTE,
        "compared": compared(report["compared"]),
        "asked": overview(report["conditions"])[2:],
        "runs": [_run(at, number, run, places) for at, (number, run) in enumerate(runs)],
    }


def _places(runs: list[Summary]) -> dict[Path, int | None]:
    """Where in the page each run is, by its log's path and by its name; None where several have
    that name."""
    places: dict[Path, int | None] = {}
    for at, run in enumerate(runs):
        name = Path(Path(run.path).name)
        places[name] = None if name in places else at
    return places | {Path(run.path): at for at, run in enumerate(runs)}


def _parent(run: Summary, places: dict[Path, int | None]) -> int | None:
    """Where the run is that this one branched off, if it is there: beside it before elsewhere."""
    if not run.parent:
        return None
    name = Path(run.parent[0])
    return places.get(Path(run.path).parent / name, places.get(name))


def _run(
    at: int, condition: int, run: Summary, places: dict[Path, int | None]
) -> dict[str, object]:
    return {
        "id": at,
        "condition": condition,
        "path": run.path,
        "messages": run.messages,
        "ends": run.ending.states,
        "stopped": run.end + (run.error and f": {run.error}"),
        "spans": [(span.state, span.start, span.end) for span in run.spans],
        "themes": [(one.theme, one.start, one.end) for one in run.stretches if one.theme],
        "words": path_told(run.stretches, not run.foreign),
        "interjections": [asdict(one) for one in run.interjections],
        "attempts": [{"message": a["message"], "tool": a["tool"]} for a in run.attempts],
        "incidents": run.incidents,
        "skipped": len(run.skipped),
        "cost": money(run.cost),
        "parent": _parent(run, places),
        "branch": f"a branch of {run.parent[0]} before turn {run.parent[1]}" if run.parent else "",
    }


def _head() -> str:
    policy = (
        f"default-src 'none'; script-src '{_hash(_script())}'; "
        f"style-src '{_hash(_style())}'; base-uri 'none'; form-action 'none'"
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>attractor report</title>\n<style>{_style()}</style>\n</head>\n<body>\n"
    )


def _data(name: str, text: str) -> str:
    return f'<script type="application/json" id="{name}">{text}</script>\n'


def _script() -> str:
    return "".join((HERE / name).read_text(encoding="utf-8") for name in SCRIPTS)


def _style() -> str:
    from harness.screen.colours import COLOURS  # the console's: a state has one colour everywhere

    colours = "".join(f"--{state}: {colour}; " for state, colour in COLOURS.items())
    return f":root {{ {colours}}}\n" + (HERE / "page.css").read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
