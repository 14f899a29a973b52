"""One conversation as a person watches it: the console's verbs, and what it says between them."""

import shlex
from pathlib import Path

from rich.cells import cell_len
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from harness.models.seat import Seat
from harness.screen.colours import SEAT_STYLE, badge
from harness.screen.paper import Paper
from harness.screen.wrap import in_lines, layout, one_line
from harness.states.detect import Change, Detector
from harness.states.names import SHORT
from harness.talk.events import Attempt, Totals, Turn
from harness.talk.settings import Settings
from harness.text import many, money, place, program, tokens, visible

KEYS_LINE = "Space take over · p pause · q end after this message · ? help · Ctrl+C stop now"
HUMAN_KEYS = "type at any time, Enter sends · Ctrl+C stop now"
HELP = """\
Space   take over the message being made: type in the model's place;
        Enter sends it, an empty line hands it back, Esc cancels
p       pause before the next message; p again goes on
q       end after this message
Ctrl+C  stop now; the log keeps what was half said, and can be resumed
While you type: Alt+Enter or Ctrl+J begins a line · Up and Down bring back
what you said · Alt+B, Alt+F, Ctrl+Left and Ctrl+Right go by words ·
Ctrl+W, Ctrl+U and Ctrl+K cut, Ctrl+Y puts back"""
STRETCHES = 4  # of a path's beginning, and of its end, that a summary shows
INDENT = 10  # cells before the header's second column
TAKEN_OVER = "Enter sends · empty line hands back · Esc cancels"
OWN_SEAT = "Enter sends · Alt+Enter new line · Up what you said before"
FLAGS = {
    "empty": "empty",
    "truncated": "cut by its length limit (--max-tokens)",
    "full": "cut: the context window is full",
    "refused": "REFUSED by the provider",
    "unended": "taken as whole, though the provider gave no reason for its end",
    "prompt_cut": "the prompt was cut: the server counted less of it than before, though it grew "
    "(Ollama: --param num_ctx=32768)",
    "retried": "asked for again after a failure",
    "estimated": "token count estimated",
}


class Console:
    """The verbs of a conversation's display (see talk.show.Show), on `paper`."""

    def __init__(self, plain: bool = False, paper: Paper | None = None):
        self.paper = paper or Paper(plain)
        self.plain, self.control = self.paper.plain, self.paper.control
        self._edit_row = 0

    def header(self, settings: Settings, log: Path, keys: str = "") -> None:
        """Who talks, under which prompts and tools, where it is written, what `keys` do."""
        table = Table.grid(padding=(0, 2))
        table.add_column(style="dim", no_wrap=True)
        table.add_column(overflow="fold")
        for seat in (settings.a, settings.b):
            named = Text(f"Model {seat.letter}", SEAT_STYLE[seat.letter])
            table.add_row(named, Text(describe(seat)))
            if seat.human:
                continue
            told = f"system_{seat.letter.lower()}" not in settings.unknown
            none = "(no system prompt)" if told else "(not recorded)"
            table.add_row("  prompt", Text(one_line(seat.system, 70) or none, "dim"))
        untold = "not recorded" if "tools" in settings.unknown else "none"
        names = ", ".join(settings.tools) or untold
        names += f"  ({settings.on_exit})" if settings.tools else ""
        table.add_row("tools", Text(visible(names)))
        table.add_row("seed", Text(one_line(settings.seed, 70) or "(not recorded)"))
        table.add_row("log", Text(visible(str(log))))
        if keys:
            table.add_row("keys", Text(in_lines(keys, self.paper.width - INDENT)))
        self.paper.say(Rule("attractor", style="dim"))
        self.paper.say(table)

    def begin(self, seat: Seat, turn: int, by: str = "model") -> None:
        """A message begins; `by` is model, live, human, script or puppet."""
        style = SEAT_STYLE[seat.letter]
        title = Text(headline(seat, turn, by, self.paper.width - 2), style)
        self.paper.say("")
        self.paper.say(Rule(title, align="left", style=style.split()[-1]))

    def piece(self, kind: str, text: str) -> None:
        """Words as they come: kind is text or thinking."""
        self.paper.stream(kind, text)

    def attempt(self, attempt: Attempt) -> None:
        """A call of an exit tool, loud."""
        text = f" EXIT TOOL  {attempt['tool']} → {attempt['outcome']} "
        self.paper.say(Text(one_line(text), "bold white on red"))
        reason = attempt["reason"] or f"(no reason; arguments: {attempt['arguments']})"
        self.paper.say(Text(f"   reason: {one_line(str(reason), 400)}", "red"))

    def end(self, event: Turn, totals: Totals) -> None:
        """The message is complete: what it took, and what was wrong with it."""
        self.paper.end_text()
        refusal = event.get("refusal")
        if refusal:
            self.paper.say(Text(f" REFUSED  {one_line(str(refusal), 400)} ", "bold white on red"))
        elif not event["response"].strip():
            self.paper.say(Text("⟨silence⟩", "dim italic"))
        said = event.get("flags", [])
        hidden = {"empty", "refused" if refusal else "", "truncated" if "full" in said else ""}
        if flags := [flag for flag in said if flag not in hidden]:
            words = ", ".join(FLAGS.get(flag, flag) for flag in flags)
            self.paper.say(Text(f"⚠ {visible(words)}", "yellow"))
        if usage := event.get("usage"):
            cached = f" ({tokens(usage['cache_read'])} cached)" if usage["cache_read"] else ""
            took = (
                f"{tokens(usage['input'])} in{cached} · {tokens(usage['output'])} out · "
                f"{money(totals['cost_usd'])} so far · {event.get('seconds', 0):.1f} s"
            )
            self.paper.say(Text(took, "dim"))

    def states(self, changes: list[Change]) -> None:
        """Badges of the attractor states that begin, hold or end with this message."""
        badges = Text()
        for change in changes:
            last = change.since + change.length - 1
            words = {
                "begins": f"begins at {place(change.since)}",
                "holds": f"{change.length}",
                "ends": f"ended with {place(last)}",
            }[change.kind]
            style = "dim" if change.kind == "ends" else badge(change.state)
            badges.append(f" {SHORT[change.state]} {words} ", style).append(" ")
        if changes:
            self.paper.say(badges)

    def waiting(self, text: str) -> None:
        """A line that the next output replaces; `--plain` prints nothing for it."""
        self.paper.wait(text)

    def notice(self, text: str) -> None:
        """A line about the run, never part of the dialogue."""
        self.paper.say(Text(f"— {visible(text)}", "yellow"))

    def aside(self, text: str, now: bool = False) -> None:
        """A notice while a message may be streaming: it waits for the end of a line, or, with
        `now`, of a word."""
        self.paper.aside(Text(f"— {visible(text)}", "yellow"), now)

    def help(self) -> None:
        """What the keys do."""
        self.paper.aside(Text(HELP, "yellow"))

    def closing(
        self,
        reason: str,
        totals: Totals,
        detector: Detector,
        log: Path,
        counted: bool = True,
        resumable: bool = True,
    ) -> None:
        """The summary: how far it went, where it got stuck, what it cost, how to go on. `counted` =
        the totals tell the tokens; `resumable` = the log can be gone on with."""
        turns, cost, say = (totals["messages"] + 1) // 2, totals["cost_usd"], self.paper.say
        more = {
            "max_turns": f" --max-turns {2 * turns}",
            "max_cost": f" --max-cost {2 * cost:.4g}" if cost else "",
        }.get(reason.partition(" ")[0], "")
        say("")
        say(Rule(f"ended: {one_line(reason, 60)}", style="dim"))
        said = f"{many(turns, 'turn')}, {many(totals['messages'], 'message')}"
        read = f"{tokens(totals['input'])} tokens in ({tokens(totals['cache_read'])} from cache)"
        spent = f"{read}, {tokens(totals['output'])} out · {money(cost)}"
        say(Text(f"{said} · {spent if counted else 'tokens and cost not recorded'}"))
        tried = ", ".join(f"{name} ×{n}" for name, n in sorted(totals["tool_attempts"].items()))
        say(Text(f"tool attempts: {one_line(tried) or 'none'}"))
        say(Text(f"ends in: {ending(detector)}"))
        say(Text(f"path: {shortened(detector.path_words()) or 'no attractor state'}"))
        say(Text(visible(f"log: {log}")), soft_wrap=True)
        if resumable:
            say(Text(f"go on: {resume_command(log)}{more}"), soft_wrap=True)

    # -- a person's words

    def editing(self, seat: str, text: str, at: int, taken: bool = False) -> None:
        """Draw the line editor with its cursor before character `at` of `text`, and below it how
        to get out: of a seat that is `taken` over, or of one's own."""
        self.paper.end_text()
        width = max(20, self.paper.width - 1)
        lines, row, column = layout(f"You as Model {seat}: ", text, at, width)
        room = max(2, self.paper.rich.height - 2)  # a screen's worth of it
        first = max(0, min(row, len(lines) - 1) - room + 1)
        lines, row = lines[first : first + room], row - first
        lines.append(f"\x1b[2m{one_line(TAKEN_OVER if taken else OWN_SEAT, width)}\x1b[0m")
        up = f"\x1b[{self._edit_row}A" if self._edit_row else ""
        back = f"\x1b[{len(lines) - 1 - row}A"
        right = f"\x1b[{column}C" if column else ""
        self.control(f"{up}\r\x1b[J" + "\r\n".join(lines) + f"{back}\r{right}")
        self._edit_row = row

    def edited(self) -> None:
        """The person is done: what was typed stays on the screen."""
        self.control("\r\n\x1b[J")
        self._edit_row = 0


def headline(seat: Seat, turn: int, by: str, width: int) -> str:
    """A message's title of at most `width` cells: its numbers stay, the model's name is cut."""
    who, number = (
        f"Model {seat.letter}",
        f"turn {turn} · message {2 * turn + 'AB'.index(seat.letter)}",
    )
    note = {
        "live": "you",
        "script": "scripted interjection",
        "human": "you",
        "puppet": "puppeteer",
    }.get(by, "")
    name = visible(seat.name)
    for label in (note or ("scripted demo" if seat.demo else ""), note):
        title = " · ".join(filter(None, (who, name, label, number)))
        if cell_len(title) <= width:
            return title
    room = width - cell_len(" · ".join(filter(None, (who, note, number)))) - 3
    return " · ".join(filter(None, (who, one_line(name, room) if room > 4 else "", note, number)))


def ending(detector: Detector) -> str:
    """The theme and the form that a run ends in, each with its onset and its length."""
    end, words = detector.ending(), []
    for state, since in ((end.theme, end.theme_since), (end.form, end.form_since)):
        if state and since is not None:
            last = max((s.end for s in detector.spans() if s.state == state), default=since)
            held = many(last - since + 1, "message")
            words.append(f"{state} since {place(since)}, for {held}")
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


def resume_command(log: Path) -> str:
    """The command line that goes on with this log."""
    path = f"./{log}" if str(log).startswith("-") else str(log)
    return f"{program()} --resume {shlex.quote(visible(path))}"
