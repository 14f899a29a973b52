"""What `judge --open` has found, by condition: each pattern with its runs and the states beside it.

The figures come from the files that it leaves beside the logs (judge/patterns.py). A run that it
has not read, or that has gone on since, is counted nowhere and named in a note.
"""

import html
from collections import Counter
from pathlib import Path

from harness.judge.pattern_files import Pattern, Patterns, patterns_of
from harness.report.groups import Groups
from harness.report.numbers import percent
from harness.report.shapes import Fallen, Open
from harness.report.stats import share
from harness.report.summary import Summary
from harness.screen.sheet import Sheet
from harness.states.names import SHORT
from harness.text import flat, many, visible

LEAST = 0.1  # of a pattern's messages that a state must share to be named beside it
QUOTES = 3
TITLE = "patterns in a judge's own words"
ABOUT = (
    "runs: of those that were read; states beside it: how much of the pattern's messages lies in "
    "each named state (none: in no state)."
)


def figures(groups: Groups, called: list[str]) -> Open | None:
    """Per pattern and condition: how many of the runs that were read fall into it, quotes, and
    the share of its messages that lie in each named state. None where nothing was read."""
    read = {name: _read(runs) for name, runs in zip(called, groups.values(), strict=True)}
    files = [found for part in read.values() for _, found in part]
    if not files:
        return None
    rows: dict[str, list[Fallen]] = {}
    for condition, part in read.items():
        for pattern, members in _by_pattern(part).items():
            rows.setdefault(pattern, []).append(_row(condition, members, len(part)))
    ordered = sorted(rows.items(), key=lambda item: -sum(row["runs"]["count"] for row in item[1]))
    return {
        "judges": sorted({_judge(found) for found in files}),
        "patterns": [{"pattern": name, "conditions": found} for name, found in ordered],
        "read": {name: len(part) for name, part in read.items()},
        "notes": _notes(files, sum(map(len, groups.values()))),
    }


def _read(runs: list[Summary]) -> list[tuple[Summary, Patterns]]:
    found = ((run, patterns_of(Path(run.path))) for run in runs)
    return [(run, about) for run, about in found if about and about["n_messages"] == run.messages]


def _by_pattern(part: list[tuple[Summary, Patterns]]) -> dict[str, list[tuple[Summary, Pattern]]]:
    found: dict[str, list[tuple[Summary, Pattern]]] = {}
    for run, about in part:
        for pattern in about["patterns"]:
            name = str(pattern.get("group") or pattern["name"])
            found.setdefault(name, []).append((run, pattern))
    return found


def _row(condition: str, members: list[tuple[Summary, Pattern]], of: int) -> Fallen:
    held = len({run.path for run, _ in members})
    return {
        "condition": condition,
        "runs": share(held, of),
        "what": members[0][1]["sentence"],
        "quotes": [
            {"log": run.path, "message": one["quote_message"], "words": one["quote"]}
            for run, one in members[:QUOTES]
        ],
        "states": _beside(members),
    }


def _beside(members: list[tuple[Summary, Pattern]]) -> dict[str, float]:
    """The share of a pattern's messages that are in each state, and in none."""
    shared: Counter[str] = Counter()
    size = 0
    for run, one in members:
        mine = set(range(one["from_message"], one["to_message"] + 1))
        size, free = size + len(mine), set(mine)
        for state in {span.state for span in run.spans}:
            shared[state] += len(mine & run.within(state))
            free -= run.within(state)
        shared["none"] += len(free)
    return {state: count / size for state, count in shared.most_common() if count}


def _judge(found: Patterns) -> str:
    return str(found["judge"]["model"]) + " (a scripted demo)" * bool(found["judge"].get("demo"))


def _notes(files: list[Patterns], runs: int) -> list[str]:
    notes = []
    if len(files) < runs:
        notes.append(f"patterns: read in {len(files)} of {runs} runs; judge --open reads the rest")
    merges = [merge for found in files if (merge := found.get("merge"))]
    digests = {merge.get("of") for merge in merges}
    if len(merges) < len(files) or None in digests:
        notes.append("patterns: not all names were merged: run judge --open again over these logs")
    elif len(digests) > 1:
        notes.append(
            "patterns: merged in several passes, so that one pattern may have several "
            "names: run judge --open over all these logs at once"
        )
    if len({_judge(found) for found in files}) > 1:
        notes.append("patterns: named by several judges, whose eyes may differ")
    doubts = max((merge.get("unsure", 0) for merge in merges), default=0)
    if doubts:
        notes.append(
            f"patterns: the merge is not stable: {many(doubts, 'pair')} of names came out "
            "otherwise in another order, and stays apart"
        )
    return notes


def tables(found: Open | None) -> list[Sheet]:
    """The table of patterns; none where nothing was read."""
    if not found or not found["patterns"]:
        return []
    several = len(found["read"]) > 1
    columns = ["pattern", *["condition"] * several, "runs", "states beside it", "a quote"]
    rows = []
    for one in found["patterns"]:
        for number, row in enumerate(one["conditions"]):
            name = "" if number else f"{one['pattern']}: {row['what']}"
            cells = [percent(row["runs"]), states(row["states"]), row["quotes"][0]["words"]]
            rows.append([name, *[row["condition"]] * several, *map(flat, cells)])
    title = f"{TITLE}, named by {', '.join(found['judges'])}"
    return [Sheet(title, columns, rows, ABOUT, 1 + several)]


def states(shares: dict[str, float]) -> str:
    """goodbye 82%, none 12%."""
    named = ((SHORT.get(state, state), part) for state, part in shares.items() if part >= LEAST)
    return ", ".join(f"{state} {100 * part:.0f}%" for state, part in named)


def notes(found: Open | None) -> list[str]:
    """What a reader must know of them."""
    return found["notes"] if found else []


def block(sheets: list[Sheet]) -> str:
    """Sheets as a part of the page: every word in them escaped, no script, no style."""
    parts = []
    for sheet in sheets:
        parts.append(f"<h2>{_cell(sheet.title[:1].upper() + sheet.title[1:])}</h2>\n")
        parts += [f'<p class="soft">{_cell(sheet.note)}</p>\n'] if sheet.note else []
        parts.append(f'<div class="scroll"><table>\n{_line("th", sheet.columns)}')
        parts += [_line("td", row) for row in sheet.rows]
        parts.append("</table></div>\n")
    return "".join(parts)


def _line(kind: str, cells: list[str]) -> str:
    return f"<tr>{''.join(f'<{kind}>{_cell(cell)}</{kind}>' for cell in cells)}</tr>\n"


def _cell(text: str) -> str:
    return html.escape(flat(visible(text)))
