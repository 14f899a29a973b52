"""Two runs side by side, aligned by message, and where they part: what an interjection or another
prompt did.

    python attractor.py report A.jsonl B.jsonl --side-by-side
"""

from itertools import zip_longest
from pathlib import Path

from harness.report.conditions import stimulus
from harness.report.verdicts import Verdicts
from harness.screen.sheet import Sheet
from harness.states.detect import Detector, detect_in
from harness.states.names import SHORT
from harness.states.path import Span, path_told
from harness.talk.events import Turn, seat_of
from harness.talk.logs import load
from harness.talk.show import NOT_ENDED
from harness.talk.transcript import Transcript
from harness.text import UserError, flat


def show(paths: list[Path]) -> int:
    """Print two runs side by side. Raises UserError unless there are two."""
    from harness.screen.tables import Tables

    if len(paths) != 2:
        raise UserError(f"--side-by-side shows two runs, and there are {len(paths)}")
    logs = [load(path) for path in paths]
    for log in logs:
        if not log.messages:
            raise UserError(f"{log.path} holds no messages")
    console, part = Tables(), parting(*logs)
    told = [
        f"the same up to message {part - 1}" if part else "",
        "they never part" if part is None else f"they part at message {part} (≠)",
    ]
    notes = [*filter(None, told), Verdicts("rules").words]
    seen = [detect_in(log.events) for log in logs]
    console.report([_about(logs, seen), _messages(logs, seen, part)], notes)
    return 0


def parting(left: Transcript, right: Transcript) -> int | None:
    """The first message that two runs do not share: another's words or seat, or only one has it;
    None where they are the same to their ends."""
    pairs = zip_longest(left.messages, right.messages)
    for index, (one, other) in enumerate(pairs):
        if one is None or other is None or _said(one) != _said(other):
            return index
    return None


def _said(event: Turn) -> tuple[str, str]:
    return seat_of(event), event["response"]


def _about(logs: list[Transcript], seen: list[Detector]) -> Sheet:
    """In what the two were told differently, and where they went."""
    blocks = [stimulus(log.settings(), [e.get("model") for e in log.messages]) for log in logs]
    names = [name for name in blocks[0] | blocks[1] if blocks[0].get(name) != blocks[1].get(name)]
    rows = [[name, *(flat(block.get(name, "–")) for block in blocks)] for name in names]
    rows += [
        ["path", *(path_told(one.path(), one.english) for one in seen)],
        ["ends in", *(str(one.ending()) for one in seen)],
        ["why it stopped", *(_stopped(log) for log in logs)],
    ]
    rows += [["branch", *(_branch(log) for log in logs)]] if any(map(_branch, logs)) else []
    return Sheet("side by side", ["", *(str(log.path) for log in logs)], rows)


def _stopped(log: Transcript) -> str:
    end = log.end
    return end["reason"] if end else NOT_ENDED


def _branch(log: Transcript) -> str:
    parent = log.config.get("parent")
    if not isinstance(parent, dict):
        return ""
    return f"of {parent.get('log')}, before turn {parent.get('turn')}"


def _messages(logs: list[Transcript], seen: list[Detector], part: int | None) -> Sheet:
    """The messages from where the runs part, the last one that they share first."""
    first = len(logs[0].messages) if part is None else part
    spans = [one.spans() for one in seen]
    rows = []
    longest = max(len(log.messages) for log in logs)
    for index in range(max(0, first - 1), longest):
        cells = [_cell(log, index, mine) for log, mine in zip(logs, spans, strict=True)]
        rows.append([_number(index, part), *cells])
    return Sheet("messages", ["", *(log.path.name for log in logs)], rows, keys=3)


def _number(index: int, part: int | None) -> str:
    if part is None or index < part:
        return f"{index} ="
    return f"{index} ≠" if index == part else str(index)


def _cell(log: Transcript, index: int, spans: list[Span]) -> str:
    if index >= len(log.messages):
        return "(stopped)"
    event = log.messages[index]
    states = ", ".join(SHORT[s.state] for s in spans if s.start <= index <= s.end)
    by = " · interjected" if event.get("interjected") else ""
    head = f"[{seat_of(event)} · turn {event['turn']}{by}{' · ' + states if states else ''}]"
    return f"{head}\n{event['response'].strip() or '⟨silence⟩'}\n"
