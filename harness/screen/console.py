"""Everything that prints: the console, and its silent twin with the same verbs.

Model text is append-only and word-wrapped as it streams (a live region breaks the scrollback of
a terminal once a reply is longer than the screen). It is data: never markup, and whatever could
act on a terminal or can't be seen is shown by name, as in ⟨U+200B⟩.
"""

import errno
import io
import os
import re
import shlex
import signal
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TextIO

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console as RichConsole
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from harness.models.seat import Seat
from harness.screen.sheet import Sheet, parts, readers_width
from harness.screen.wrap import Wrapper, layout, one_line
from harness.states.detect import Change
from harness.states.names import SHORT
from harness.talk.settings import Settings
from harness.text import many, money, program, tokens, visible

SEAT_STYLE = {"A": "bold cyan", "B": "bold magenta"}

# Okabe and Ito's colour-blind-safe set, and two greys; the report uses the same.
COLOURS = {
    "identity_standoff": "#0072B2",
    "identity_collapse": "#56B4E9",
    "goodbye_loop": "#E69F00",
    "meta_awareness": "#009E73",
    "creative_escape": "#CC79A7",
    "emoji_collapse": "#F0E442",
    "silence": "#999999",
    "verbatim_loop": "#D55E00",
    "bliss": "#8F6BD6",
    "degenerate": "#A6761D",
    "none": "#DDDDDD",
}

KEYS_LINE = "Space take over · p pause · q end after this message · ? help · Ctrl+C stop now"

HUMAN_KEYS = "type at any time, Enter sends · Ctrl+C stop now"

HELP = """\
Space   take over the message being made: type in the model's place;
        Enter sends it, an empty line hands it back to the model
p       pause before the next message; p again goes on
q       end after this message
Ctrl+C  stop now; the log keeps what was half said, and can be resumed"""


class Stream:
    """Standard output; when its reader goes away that counts as a hang-up, not as an error."""

    def __init__(self, file: TextIO):
        self._file = file

    def write(self, text: str) -> None:
        self._try(self._file.write, text)

    def flush(self) -> None:
        self._try(self._file.flush)

    def _try(self, act: Callable[..., Any], *args: str) -> None:
        try:
            act(*args)
        except OSError as error:
            if error.errno == errno.ENOSPC:
                raise
            self._file = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115
            signal.raise_signal(getattr(signal, "SIGHUP", signal.SIGTERM))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


class Console:
    """The terminal as a person watches it (`plain`: for pipes, without colour or cursor moves)."""

    def __init__(self, plain: bool = False):
        _speak_utf8()
        self.plain = plain or not sys.stdout.isatty()
        # An 80-column pipe would break lines that a reader wants whole.
        width = 100 if self.plain else None
        colour = None if self.plain else "auto"
        self.rich = RichConsole(
            width=width, color_system=colour, highlight=False, markup=False, emoji=False,
            force_terminal=False if self.plain else None, file=Stream(sys.stdout),
        )  # fmt: skip
        self._wrap = Wrapper()
        self._kind, self._status, self._edit_row = "", "", 0
        self._open = False

    # -- the run

    def header(self, settings: Settings, log: Path, keys: bool) -> None:
        """Who talks, under which prompts and tools, and where it is written."""
        table = Table.grid(padding=(0, 2))
        table.add_column(style="dim", no_wrap=True)
        table.add_column(overflow="fold")
        for seat in (settings.a, settings.b):
            table.add_row(
                Text(f"Model {seat.letter}", SEAT_STYLE[seat.letter]), Text(describe(seat))
            )
            told = f"system_{seat.letter.lower()}" not in settings.unknown
            none = "(no system prompt)" if told else "(not recorded)"
            prompt = one_line(seat.system, 70) if seat.system else none
            table.add_row("  prompt", Text(prompt, "dim"))
        untold = "not recorded" if "tools" in settings.unknown else "none"
        names = ", ".join(settings.tools) or untold
        names += f"  ({settings.on_exit})" if settings.tools else ""
        table.add_row("tools", Text(visible(names)))
        table.add_row("seed", Text(one_line(settings.seed, 70) or "(not recorded)"))
        table.add_row("log", Text(visible(str(log))))
        if keys:
            human = settings.a.human or settings.b.human
            table.add_row("keys", Text(HUMAN_KEYS if human else KEYS_LINE))
        self._say(Rule("attractor", style="dim"))
        self._say(table)

    def begin(self, seat: Seat, turn: int, by: str = "model") -> None:
        """A message begins; `by` is model, live, script or human."""
        self._clear()
        style = SEAT_STYLE[seat.letter]
        who = f"Model {seat.letter} · {visible(seat.name)}"
        note = {"live": " · you", "script": " · scripted interjection", "human": " · you"}.get(by)
        label = " · scripted demo" if seat.demo and not note else note or ""
        title = Text(f"{who}{label} · turn {turn}", style)
        self._say("")
        self._say(Rule(title, align="left", style=style.split()[-1]))
        self._wrap, self._kind, self._open = Wrapper(), "", True

    def piece(self, kind: str, text: str) -> None:
        """Words as they come: kind is text or thinking."""
        self._clear()
        if kind != self._kind and self._kind:
            self._end_text()
        self._kind = kind
        self._write(self._wrap.feed(text, self.rich.width), kind)

    def attempt(self, attempt: dict[str, Any]) -> None:
        """A call of an exit tool, loud."""
        self._end_text()
        text = f" EXIT TOOL  {attempt['tool']} → {attempt['outcome']} "
        self._say(Text(one_line(text), "bold white on red"))
        reason = attempt["reason"] or f"(no reason; arguments: {attempt['arguments']})"
        self._say(Text(f"   reason: {one_line(str(reason), 400)}", "red"))

    def end(self, event: dict[str, Any], totals: dict[str, Any]) -> None:
        """The message is complete: what it took, and what was wrong with it."""
        self._end_text()
        refusal = event.get("refusal")
        if not event["response"].strip() and not refusal:
            self._say(Text("⟨silence⟩", "dim italic"))
        self._open = False
        if refusal:
            self._say(Text(f" REFUSED  {one_line(str(refusal), 400)} ", "bold white on red"))
        hidden = ("empty", "refused") if refusal else ("empty",)
        if flags := [flag for flag in event.get("flags", []) if flag not in hidden]:
            self._say(Text("⚠ " + ", ".join(FLAGS.get(flag, flag) for flag in flags), "yellow"))
        if usage := event.get("usage"):
            cached = f" ({tokens(usage['cache_read'])} cached)" if usage["cache_read"] else ""
            self._say(Text(
                f"{tokens(usage['input'])} in{cached} · {tokens(usage['output'])} out · "
                f"{money(totals['cost_usd'])} so far · {event.get('seconds', 0):.1f} s", "dim",
            ))  # fmt: skip

    def states(self, changes: list[Change]) -> None:
        """Badges of the attractor states that begin, hold or end with this message."""
        badges = Text()
        for change in changes:
            name = SHORT[change.state]
            words = {
                "begins": f" {name} begins (since message {change.since}) ",
                "holds": f" {name} {change.length} ",
                "ends": f" {name} ended with message {change.since + change.length - 1} ",
            }[change.kind]
            style = "dim" if change.kind == "ends" else f"#000000 on {COLOURS[change.state]}"
            badges.append(words, style).append(" ")
        if changes:
            self._say(badges)

    def waiting(self, text: str) -> None:
        """A line that the next output replaces; `--plain` prints nothing for it."""
        if self.plain or (self._wrap.wrote and self._open):
            return
        self._status = one_line(text, self.rich.width - 1)
        self.rich.file.write(f"\r\x1b[2K\x1b[2m{self._status}\x1b[0m")
        self.rich.file.flush()

    def notice(self, text: str, style: str = "yellow") -> None:
        """A line about the run, never part of the dialogue."""
        self._end_text()
        self._say(Text(f"— {visible(text)}", style))

    def help(self) -> None:
        """What the keys do."""
        self._end_text()
        self._say(Text(HELP, "yellow"))

    def closing(self, reason: str, totals: dict[str, Any], path: str, log: Path) -> None:
        """The summary: how far it went, what was tried, what it cost, how to go on."""
        turns, cost = (totals["messages"] + 1) // 2, totals["cost_usd"]
        more = {
            "max_turns": f" --max-turns {2 * turns}",
            "max_cost": f" --max-cost {2 * cost:.4g}" if cost else "",
        }.get(reason, "")
        self._end_text()
        self._say("")
        self._say(Rule(f"ended: {one_line(reason, 60)}", style="dim"))
        self._say(Text(
            f"{many(turns, 'turn')}, {many(totals['messages'], 'message')} · "
            f"{tokens(totals['input'])} tokens in ({tokens(totals['cache_read'])} from cache), "
            f"{tokens(totals['output'])} out · {money(totals['cost_usd'])}"
        ))  # fmt: skip
        tried = ", ".join(f"{name} ×{n}" for name, n in sorted(totals["tool_attempts"].items()))
        self._say(Text(f"tool attempts: {one_line(tried) or 'none'}"))
        self._say(Text(f"path: {path or 'no attractor state'}"))
        self._say(Text(visible(f"log: {log}")), soft_wrap=True)
        self._say(Text(f"go on: {resume_command(log)}{more}"), soft_wrap=True)

    def models(self, rows: list[dict[str, Any]], demos: list[str]) -> None:
        """The table of `models`, and the names of the demos."""
        table = Table(box=None, padding=(0, 1, 0, 0))
        for name in ("alias", "model", "key", "tools", "context", "$/M in/out"):
            table.add_column(name, no_wrap=True)
        notes: dict[str, list[str]] = {}
        for row in rows:
            about, free = row["about"], row["keys"] == ()
            key = "–" if free else "found" if row["found"] else "missing"
            prices = [about.get(f"{way}_cost_per_token") for way in ("input", "output")]
            price = "/".join(f"{p * 1e6:.3g}" if p else "?" for p in prices)
            table.add_row(
                row["alias"], row["model"], key,
                "yes" if about.get("supports_function_calling") else "?",
                tokens(about["max_input_tokens"]) if about.get("max_input_tokens") else "?",
                "free" if free else price,
            )  # fmt: skip
            if key == "missing":
                notes.setdefault("set " + " or ".join(row["keys"] or ()), []).append(row["alias"])
            if row["retired"]:
                notes.setdefault(row["retired"], []).append(row["alias"])
        self._say(table)
        self._say("")
        for note, aliases in notes.items():
            self._say(Text(f"{note}: {', '.join(aliases)}"))
        self._say(Text("no key, free, scripts and not language models: " + ", ".join(demos)))

    # -- the report

    def report(self, sheets: Iterable[tuple[Any, ...]], notes: Iterable[str]) -> None:
        """Tables (see Sheet), as wide as the reader's page, then what must be known of them."""
        if self.plain:
            self.rich.width = readers_width()
        for sheet in (Sheet(*one) for one in sheets):
            self._say("")
            self._say(Text(visible(sheet.title), "bold"))
            for part in parts(sheet, self.rich.width):
                self._say(part)
            if sheet.note:
                self._say(Text(visible(sheet.note), "dim"))
        for note in notes:
            self.notice(note)

    def output(self, text: str) -> None:
        """Text for machines: as it is, but for what a terminal would act on."""
        self.rich.file.write(visible(text.removesuffix("\n")) + "\n")
        self.rich.file.flush()

    def spans(self, path: Path, skipped: list[tuple[int, str]], found: dict[str, Any]) -> None:
        """What `states` found in one log."""
        demo = "  (a scripted demo)" if found["demo"] else ""
        said = many(found["messages"], "message")
        self._say(Rule(visible(f"{path.name}: {said}{demo}"), style="dim"))
        for line, why in skipped:
            self._say(Text(f"skipped line {line}: {why}", "yellow"))
        for span in found["spans"]:
            style = f"#000000 on {COLOURS[span['state']]}"
            self._say(Text(f" {span['state']} ", style).append(
                f"  messages {span['start']}-{span['end']}", "default on default"))  # fmt: skip
            for piece in span["evidence"]:
                self._say(Text(f"    {piece['message']:>4}  {one_line(piece['words'], 90)}", "dim"))
        recurrence = found["recurrence"]
        locked = recurrence["lock_in"]
        ends = ", ".join(SHORT[s] for s in found["ending"]["states"]) or "none"
        self._say(Text(f"path: {found['path_words'] or 'no attractor state'}"))
        self._say(Text(
            f"ends in: {ends} · recurrence rate {recurrence['rate']:.2f}, "
            f"determinism {recurrence['determinism']:.2f}, "
            + ("never locked in" if locked is None else f"locked in at message {locked}")
        ))  # fmt: skip

    # -- a person's words

    def editing(self, seat: str, text: str, at: int) -> None:
        """Draw the line editor with its cursor before character `at` of `text`."""
        self._clear()
        width = max(20, self.rich.width - 1)
        prompt = f"You as Model {seat}: "
        lines, row, column = layout(prompt, text, at, width)
        first = max(0, min(row, len(lines) - self.rich.height + 1))  # a screen's worth of it
        lines, row = lines[first : first + max(2, self.rich.height - 1)], row - first
        up = f"\x1b[{self._edit_row}A" if self._edit_row else ""
        back = f"\x1b[{len(lines) - 1 - row}A" if len(lines) - 1 > row else ""
        right = f"\x1b[{column}C" if column else ""
        self.rich.file.write(f"{up}\r\x1b[J" + "\r\n".join(lines) + f"{back}\r{right}")
        self.rich.file.flush()
        self._edit_row = row

    def edited(self) -> None:
        """The person is done: what was typed stays on the screen."""
        self.rich.file.write("\r\n")
        self._edit_row = 0

    # -- printing itself

    def control(self, sequence: str) -> None:
        """Send a terminal control sequence (terminals only)."""
        if not self.plain:
            self.rich.file.write(sequence)
            self.rich.file.flush()

    def _write(self, text: str, kind: str) -> None:
        if text:
            self.rich.out(text, style="dim" if kind == "thinking" else None, end="")

    def _end_text(self) -> None:
        self._clear()
        self._write(self._wrap.finish(self.rich.width), self._kind)
        self._wrap, self._kind = Wrapper(), ""

    def _clear(self) -> None:
        if self._status:
            self.rich.file.write("\r\x1b[2K")
            self._status = ""

    def _say(self, what: Any, soft_wrap: bool = False) -> None:
        self._clear()
        self.rich.print(what, soft_wrap=soft_wrap)


class Recorder(Console):
    """A console that keeps what it shows, to be made into a picture."""

    def __init__(self, width: int = 100):
        super().__init__(plain=True)
        self.rich = RichConsole(
            width=width, record=True, file=io.StringIO(), force_terminal=True, emoji=False,
            color_system="truecolor", highlight=False, markup=False, legacy_windows=False,
        )  # fmt: skip

    def document(self, kind: str) -> str:
        """All that was shown, as an `svg` or `html` document that needs nothing from outside."""
        if kind == "html":
            return self.rich.export_html(inline_styles=False)
        # rich's own template fetches its font from the network
        frame = re.sub(r"@font-face \{\{.*?\}\}\n", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
        return self.rich.export_svg(title="attractor", code_format=frame)


class Silent:
    """Prints nothing: the console's verbs for `--quiet` and for sweeps."""

    plain = True

    def header(self, settings: Settings, log: Path, keys: bool) -> None: ...
    def begin(self, seat: Seat, turn: int, by: str = "model") -> None: ...
    def piece(self, kind: str, text: str) -> None: ...
    def attempt(self, attempt: dict[str, Any]) -> None: ...
    def end(self, event: dict[str, Any], totals: dict[str, Any]) -> None: ...
    def states(self, changes: list[Change]) -> None: ...
    def waiting(self, text: str) -> None: ...
    def notice(self, text: str, style: str = "yellow") -> None: ...
    def help(self) -> None: ...
    def closing(self, reason: str, totals: dict[str, Any], path: str, log: Path) -> None: ...
    def editing(self, seat: str, text: str, at: int) -> None: ...
    def edited(self) -> None: ...
    def control(self, sequence: str) -> None: ...


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


def _speak_utf8() -> None:
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a C or Windows locale could not show the half of it
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
