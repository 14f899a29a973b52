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
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.cells import cell_len, chop_cells
from rich.console import Console as RichConsole
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from harness.detect import SHORT, Change
from harness.estimate import CHARS, REPLY, Estimate
from harness.settings import Seat, Settings
from harness.visible import visible

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

_WIDE = "\u1100-\u115e\u2e80-\u3163\u3165-\ua4cf\uac00-\ud7a3\uf900-\ufaff\uff01-\uff60"
_TOKEN = re.compile(rf"\n|[ \t]+|[{_WIDE}\U00020000-\U0003fffd]|[^\s{_WIDE}]+|\s")


def one_line(text: str, width: int = 200) -> str:
    """`text` made visible, on one line, cut to `width` cells."""
    text = re.sub(r"\s+", " ", visible(text))
    return text if cell_len(text) <= width else chop_cells(text, width - 1)[0] + "…"


class Wrapper:
    """Word-wraps text that arrives in pieces. A word is held back until its end is known."""

    def __init__(self) -> None:
        self._word, self._column, self.wrote = "", 0, False

    def feed(self, piece: str, width: int) -> str:
        """What can be written now of what came so far."""
        out = []
        for token in _TOKEN.findall(piece):
            if token[0].isspace():
                out.append(self._flush(width) + self._space(token, width))
            else:
                if self._word and re.match(f"[{_WIDE}]", token):
                    out.append(self._flush(width))
                self._word += token
                if len(self._word) > width or re.fullmatch(f"[{_WIDE}]", token):
                    out.append(self._flush(width))
        return "".join(out)

    def finish(self, width: int) -> str:
        """The rest, and a line end where the text has none."""
        rest = self._flush(width)
        return rest + ("\n" if self._column else "")

    def _flush(self, width: int) -> str:
        word, self._word = visible(self._word), ""
        if not word:
            return ""
        self.wrote = True
        size = cell_len(word)
        start = "\n" if self._column and self._column + size > width else ""
        if start:
            self._column = 0
        lines = [word] if size <= width else chop_cells(word, width)
        self._column = self._column + size if len(lines) == 1 else cell_len(lines[-1])
        return start + "\n".join(lines)

    def _space(self, token: str, width: int) -> str:
        if token == "\n":
            self._column = 0
            return "\n"
        shown = visible(token)
        self.wrote = self.wrote or bool(shown.strip())
        if self._column + cell_len(shown) >= width:
            self._column = 0
            return "\n"
        self._column += cell_len(shown)
        return shown


def tokens(count: float) -> str:
    """A token count for people: 950, 12.3k, 4.56M."""
    if count < 10_000:
        return f"{count:,.0f}"
    return f"{count / 1000:.4g}k" if count < 1_000_000 else f"{count / 1e6:.3g}M"


def money(cost: float | None) -> str:
    """A cost for people; None is unknown, never 0."""
    if cost is None:
        return "cost unknown"
    return "free" if cost == 0 else f"${cost:.4f}" if cost < 1 else f"${cost:,.2f}"


def many(count: int, thing: str) -> str:
    """A count with its noun: 1 run, 2 runs."""
    return f"{count:,} {thing}{'s' * (count != 1)}"


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
            prompt = one_line(seat.system, 70) if seat.system else "(no system prompt)"
            table.add_row("  prompt", Text(prompt, "dim"))
        names = ", ".join(settings.tools) or "none"
        names += f"  ({settings.on_exit})" if settings.tools else ""
        table.add_row("tools", Text(visible(names)))
        table.add_row("seed", Text(one_line(settings.seed, 70)))
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
        if not event["response"].strip():
            self._say(Text("⟨silence⟩", "dim italic"))
        self._open = False
        if flags := [flag for flag in event.get("flags", []) if flag != "empty"]:
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
        more = {"max_turns": f" --max-turns {2 * turns}",
                "max_cost": f" --max-cost {2 * cost:.4g}" if cost else ""}.get(reason, "")
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

    def report(self, tables: list[tuple[str, list[str], list[list[str]]]],
               notes: list[str]) -> None:  # fmt: skip
        """Tables, each (title, columns, rows), then what a reader must know of them."""
        for title, columns, rows in tables:
            table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
            for name in columns:
                table.add_column(name, overflow="fold")
            for row in rows:
                table.add_row(*(Text(re.sub(r"\s+", " ", visible(cell))) for cell in row))
            self._say("")
            self._say(Text(visible(title), "bold"))
            self._say(table)
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
        self._say(Text(f"path: {found['path_words'] or 'no attractor state'}"))
        self._say(Text(
            f"terminal state: {found['terminal']} · recurrence rate {recurrence['rate']:.2f}, "
            f"determinism {recurrence['determinism']:.2f}, "
            + ("never locked in" if locked is None else f"locked in at message {locked}")
        ))  # fmt: skip

    # -- a person's words

    def editing(self, seat: str, text: str, at: int) -> None:
        """Draw the line editor with its cursor before character `at` of `text`."""
        self._clear()
        width = max(20, self.rich.width - 1)
        prompt = f"You as Model {seat}: "
        lines, row, column = _layout(prompt, text, at, width)
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


class Progress:
    """A sweep as it goes: a table that is redrawn, or with `plain` a line per finished run."""

    def __init__(self, plain: bool = False, quiet: bool = False):
        self.console = Console(plain)
        self.plain, self.quiet = self.console.plain or quiet, quiet
        self._live: Any = None

    def __enter__(self) -> "Progress":
        if not self.plain:
            from rich.live import Live

            self._live = Live(console=self.console.rich, auto_refresh=False)
            self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._live:
            self._live.stop()

    def plan(self, folder: Path, runs: list[Any], estimates: dict[str, Any]) -> None:
        """What a sweep would do: its grid, its size, what it would cost, on what assumptions."""
        table = Table(box=None, padding=(0, 2, 0, 0))
        for name in ("condition", "runs", "missing", "requests", "in", "cached", "out", "cost"):
            table.add_column(name, overflow="fold")
        total, left = Estimate(), 0
        for key, estimate in estimates.items():
            mine = [run for run in runs if run.condition.key == key]
            missing = sum(not run.ended for run in mine)
            sums, left = Estimate(), left + missing
            sums.add(estimate, missing)
            total.add(sums)
            name = one_line(str(mine[0].condition)) if mine else key
            table.add_row(Text(name), str(len(mine)), str(missing), *_sums(sums))
        table.add_row("all", str(len(runs)), str(left), *_sums(total), style="bold")
        self.console._say(table)
        known = total.uncached_cost is not None and total.uncached_cost != total.cost
        uncached = f" (uncached {money(total.uncached_cost)})" if known else ""
        self.console._say(Text(
            f"{many(len(estimates), 'condition')}, {many(left, 'conversation')} to do, at most "
            f"{many(total.requests, 'message')}, {money(total.cost)}{uncached}\n"
            f"assumed: all turns are held, {REPLY} tokens a reply (or --max-tokens), {CHARS} "
            f"characters a token, no tool calls, no retries\nfolder: {folder}"
        ), soft_wrap=True)  # fmt: skip

    def draw(self, sweep: Any) -> None:
        """Redraw the table."""
        if not self._live:
            return
        left, states = sweep.seconds_left(), Counter(run.state for run in sweep.runs)
        more = f"about {_span(left)} left" if left and states["running"] else ""
        if (shut := sweep.gate.shut_for()) > 1:
            more = f"the provider asks to wait {_span(shut)}"
        if sweep.stopping and states["running"]:
            more = "stopping; Ctrl+C again stops now"
        rows = sweep.rows()
        table = Table(box=None, padding=(0, 1, 0, 0))
        for name in ("condition", "done", "run", "fail", "states", "tokens", "cost"):
            table.add_column(name, overflow="fold", no_wrap=name in ("done", "tokens", "cost"))
        # first, where a screen that is too small for all conditions still shows it
        table.add_row("all", f"{states['done']}/{len(sweep.runs)}", str(states["running"]),
                      str(states["failed"]), Text(more), tokens(sum(r["tokens"] for r in rows)),
                      money(sweep.cost()), style="bold")  # fmt: skip
        for row in rows:
            runs = row["runs"]
            reached = " ".join(f"{SHORT.get(s, s)} {n}" for s, n in row["reached"].most_common())
            name = re.sub(r"\b(model_[ab]|tools|system|seed|interject)=", "", row["name"])
            table.add_row(
                Text(one_line(name)), f"{runs['done']}/{sum(runs.values())}",
                str(runs["running"]), str(runs["failed"]), reached or "–", tokens(row["tokens"]),
                money(row["cost"]) if row["tokens"] else "–",
            )  # fmt: skip
        self._live.update(table, refresh=True)

    def finished(self, run: Any) -> None:
        """A run has ended, or was left alone: a line where no table shows it."""
        if self.quiet or self._live:
            return
        totals = run.totals
        states = " ".join(sorted(SHORT.get(state, state) for state in run.reached)) or "–"
        line = f"{run.state}  {run.path.name}  {many(totals['messages'], 'message')}  {states}  "
        line += money(totals["cost_usd"]) if totals["input"] else "–"
        if run.problem:
            line += "  " + one_line(run.problem)
        self.console._say(Text(line), soft_wrap=True)

    def closing(self, sweep: Any, again: str) -> None:
        """What was done, what failed and why, what to do about it."""
        say = lambda text: self.console._say(Text(text), soft_wrap=True)  # noqa: E731
        if self.quiet:
            say(str(sweep.folder))
            return
        states = Counter(run.state for run in sweep.runs)
        done = ", ".join(f"{n} {name}" for name, n in states.most_common())
        say(f"{done}; {money(sweep.cost())}; folder: {sweep.folder}")
        problems: dict[str, list[str]] = {}
        for run in sweep.runs:
            if run.state == "failed":
                problems.setdefault(one_line(run.problem), []).append(run.path.name)
        for problem, names in problems.items():
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            say(f"failed: {problem}\n  in {', '.join(names[:3])}{more}")
        if sweep.broke or (sweep.budget is not None and sweep.spent() > sweep.budget):
            over = sweep.spent() - sweep.budget
            said = f", overshot by {money(over)}" if over > 0 else ""
            say(f"--max-cost reached{said}; raise it to go on")
        if states["elsewhere"]:
            say("elsewhere = another process is holding it")
        if set(states) - {"done"}:
            say(f"go on with what is missing: {again}")


def _sums(estimate: Any) -> list[str]:
    counts = (estimate.requests, estimate.input, estimate.cached, estimate.output)
    return [*map(tokens, counts), money(estimate.cost)]


def _span(seconds: float) -> str:
    """A length of time for people."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


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
    return f"python attractor.py --resume {shlex.quote(visible(path))}"


def _speak_utf8() -> None:
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a C or Windows locale could not show the half of it
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def _layout(prompt: str, text: str, at: int, width: int) -> tuple[list[str], int, int]:
    """Lines of at most `width` cells, and the cursor's row and column in them."""
    lines, used = [prompt], cell_len(prompt)
    row, column = 0, used
    for index, char in enumerate([*text, ""]):
        shown = "" if char == "\n" else visible(char)
        size = cell_len(shown)
        if used + size > width:
            lines.append("")
            used = 0
        if index == at:
            row, column = len(lines) - 1, used
        if char == "\n":
            lines.append("")
            used = 0
        else:
            lines[-1] += shown
            used += size
    return lines, row, column


