"""The words around a conversation's messages: its header, their headlines, its summary."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from harness.models.seat import Seat
from harness.screen.colours import SEAT_STYLE
from harness.screen.wrap import in_lines, one_line
from harness.states.detect import Detector
from harness.states.path import path_told
from harness.talk.events import Totals
from harness.talk.settings import Settings
from harness.text import many, money, place, program, tokens, visible

STRETCHES = 4  # of a path's beginning, and of its end, that a summary shows
INDENT = 10  # cells before the header's second column


def header(settings: Settings, log: Path, keys: str, width: int) -> Table:
    """Who talks, under which prompts and tools, where it is written, what `keys` do."""
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    room = max(70, width - INDENT)
    for seat in (settings.a, settings.b):
        named = Text(f"Model {seat.letter}", SEAT_STYLE[seat.letter])
        table.add_row(named, Text(describe(seat)))
        if seat.human:
            continue
        told = f"system_{seat.letter.lower()}" not in settings.unknown
        none = "(no system prompt)" if told else "(not recorded)"
        table.add_row("  prompt", Text(one_line(seat.system, room) or none, "dim"))
    untold = "not recorded" if "tools" in settings.unknown else "none"
    names = ", ".join(settings.tools) or untold
    names += f"  ({settings.on_exit})" if settings.tools else ""
    table.add_row("tools", Text(visible(names)))
    table.add_row("seed", Text(one_line(settings.seed, room) or "(not recorded)"))
    for label, words in interference(settings, room):
        table.add_row(label, Text(words))
    table.add_row("log", Text(visible(str(log))))
    if keys:
        table.add_row("keys", Text(in_lines(keys, width - INDENT)))
    return table


def interference(settings: Settings, room: int) -> list[tuple[str, str]]:
    """Who speaks in a seat's place, and what ends the conversation, as (label, option's value
    in at most `room` cells)."""
    rows = [("script", f"{rule.when}:{rule.seat}:{rule.words}") for rule in settings.interject]
    for puppet in settings.puppets:
        rows.append(("puppet", f"{puppet.seat}={puppet.actor.name}:@{puppet.name}:{puppet.when}"))
    names = ("max_turns", "max_cost", "stop_on")
    given = [(name, getattr(settings, name)) for name in names]
    limits = [
        f"--{name.replace('_', '-')} {str(value).removesuffix('.0')}"
        for name, value in given
        if value is not None
    ]
    rows += [("limits", " · ".join(limits))] if limits else []
    return [(label, one_line(told, room)) for label, told in rows]


def summary(
    totals: Totals, detector: Detector, counted: bool, turns: Sequence[int] = ()
) -> list[str]:
    """How far it went, where it got stuck, what it cost; `counted` = the totals tell the tokens
    (`turns`: see `place`)."""
    made = len(set(turns)) or (totals["messages"] + 1) // 2
    said = f"{many(made, 'turn')}, {many(totals['messages'], 'message')}"
    read = f"{tokens(totals['input'])} tokens in ({tokens(totals['cache_read'])} from cache)"
    cost = money(totals["cost_usd"]) if totals["input"] or totals["output"] else "nothing spent"
    spent = f"{read}, {tokens(totals['output'])} out · {cost}"
    tried = ", ".join(f"{name} ×{n}" for name, n in sorted(totals["tool_attempts"].items()))
    return [
        f"{said} · {spent if counted else 'tokens and cost not recorded'}",
        f"tool attempts: {one_line(tried) or 'none'}",
        f"ends in: {ending(detector, turns)}",
        f"path: {shortened(path_told(detector.path(), detector.english))}",
    ]


def headline(seat: Seat, turn: int, by: str, width: int, message: int | None = None) -> str:
    """A message's title of at most `width` cells: its numbers stay, the model's name is cut."""
    who = f"Model {seat.letter}"
    index = 2 * turn + "AB".index(seat.letter) if message is None else message
    number = f"turn {turn} · message {index}"
    notes = {"live": "you", "script": "scripted interjection", "puppet": "puppeteer"}
    note = notes.get(by, "")
    name = visible(seat.name)
    for label in (note or ("scripted demo" if seat.demo else ""), note):
        title = " · ".join(filter(None, (who, name, label, number)))
        if cell_len(title) <= width:
            return title
    room = width - cell_len(" · ".join(filter(None, (who, note, number)))) - 3
    if room < -3:  # the note is too long even without the name
        left = cell_len(note) + room + 3
        name, note = "", one_line(note, left) if left > 4 else ""
    return " · ".join(filter(None, (who, one_line(name, room) if room > 4 else "", note, number)))


def ending(detector: Detector, turns: Sequence[int] = ()) -> str:
    """The theme and the form that a run ends in, each with its onset and its length."""
    end, words = detector.ending(), []
    for state, since in ((end.theme, end.theme_since), (end.form, end.form_since)):
        if state and since is not None:
            last = max((s.end for s in detector.spans() if s.state == state), default=since)
            held = many(last - since + 1, "message")
            words.append(f"{state} since {place(since, turns)}, for {held}")
    return "; ".join(words) or "no attractor state"


def shortened(path: str) -> str:
    """A path in words; of a long one its beginning and its end."""
    parts = path.split(" → ")
    if len(parts) <= 2 * STRETCHES + 1:
        return path
    middle = f"… {len(parts) - 2 * STRETCHES} more stretches, see `states` …"
    return " → ".join([*parts[:STRETCHES], middle, *parts[-STRETCHES:]])


def describe(seat: Seat) -> str:
    """A seat's model in words, with what the user called it and its parameters."""
    name = seat.name if seat.name == seat.model else f"{seat.name} → {seat.model}"
    label = "  (a scripted demo, not a language model)" if seat.demo else ""
    params = "".join(f" · {key} {value}" for key, value in seat.params.items())
    return visible(name + params + label)


def resume_command(log: Path, reason: str, totals: Totals) -> str:
    """The command line that goes on with this log, and beyond the limit that ended it."""
    turns, cost = (totals["messages"] + 1) // 2, totals["cost_usd"]
    more = {
        "max_turns": f" --max-turns {2 * turns}",
        "max_cost": f" --max-cost {2 * cost:.4g}" if cost else "",
    }.get(reason.partition(" ")[0], "")
    path = f"./{log}" if str(log).startswith("-") else str(log)
    return f"{program()} --resume {shlex.quote(visible(path))}{more}"
