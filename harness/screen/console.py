"""One conversation as a person watches it: the console's verbs, and what it says between them."""

from collections.abc import Sequence
from pathlib import Path

from rich.padding import Padding
from rich.rule import Rule
from rich.text import Text

from harness.models.seat import Seat
from harness.screen import titles
from harness.screen.colours import SEAT_STYLE, badge
from harness.screen.edit_box import EditBox
from harness.screen.paper import Paper
from harness.screen.wrap import one_line
from harness.states.detect import Change, Detector
from harness.states.names import SHORT
from harness.talk.events import Attempt, Totals, Turn
from harness.talk.settings import Settings
from harness.text import money, place, tokens, visible
from tools import EXIT_TOOLS

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
Ctrl+W, Ctrl+U and Ctrl+K cut, Ctrl+Y puts back
Coloured, below a message: the attractor states that hold, and for how many
messages they have"""
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
        self.box = EditBox(self.paper)

    def header(self, settings: Settings, log: Path, keys: str = "") -> None:
        """Who talks, under which prompts and tools, where it is written, what `keys` do."""
        self.paper.say(Rule("attractor", style="dim"))
        self.paper.say(titles.header(settings, log, keys, self.paper.width))

    def begin(self, seat: Seat, turn: int, by: str = "model", message: int | None = None) -> None:
        """A message begins; `by` is model, live, script or puppet. `message` is its index, where
        an imported log may have another than its turn and seat give."""
        style = SEAT_STYLE[seat.letter]
        title = Text(titles.headline(seat, turn, by, self.paper.width - 2, message), style)
        self.paper.say("")
        self.paper.say(Rule(title, align="left", style=style.split()[-1]))

    def piece(self, kind: str, text: str) -> None:
        """Words as they come: kind is text or thinking."""
        self.paper.stream(kind, text)

    def attempt(self, attempt: Attempt) -> None:
        """A call of an exit tool, loud, or of another one: imported logs may have any."""
        kind = "EXIT TOOL" if attempt["tool"] in EXIT_TOOLS else "TOOL"
        text = f" {kind}  {attempt['tool']} → {attempt['outcome']} "
        self.paper.say(Text(one_line(text), "bold white on red"))
        reason = attempt["reason"] or f"(no reason; arguments: {attempt['arguments']})"
        told = Text(f"reason: {one_line(str(reason), 400)}", "red")
        self.paper.say(Padding(told, (0, 0, 0, 3), expand=False))

    def end(self, event: Turn, totals: Totals) -> None:
        """The message is complete: what it took, and what was wrong with it."""
        self.paper.end_text()
        refusal = event.get("refusal")
        if refusal:
            self.paper.say(Text(f" REFUSED  {one_line(str(refusal), 400)} ", "bold white on red"))
        elif not event["response"].strip():
            self.paper.say(Text("⟨silence⟩", "dim italic"))
        said = event["flags"]
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

    def states(self, changes: list[Change], turns: Sequence[int] = ()) -> None:
        """Badges of the attractor states that begin, hold or end with this message (`turns`: see
        `place`)."""
        line = Text()
        for change in changes:
            last = change.since + change.length - 1
            words = {
                "begins": f"begins at {place(change.since, turns)}",
                "resumes": f"goes on, since {place(change.since, turns)}",
                "holds": f"{change.length}",
                "ends": f"ended with {place(last, turns)}",
            }[change.kind]
            style = "dim" if change.kind == "ends" else badge(change.state)
            one = Text(f" {SHORT[change.state]} {words} ", style)
            if line and line.cell_len + one.cell_len > self.paper.width:  # none is cut in two
                self.paper.say(line)
                line = Text()
            line.append_text(one).append(" ")
        if changes:
            self.paper.say(line)

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
        turns: Sequence[int] = (),
    ) -> None:
        """The summary: how far it went, where it got stuck, what it cost, how to go on. `counted` =
        the totals tell the tokens; `resumable` = the log can be gone on with (`turns`: see
        `place`)."""
        self.paper.say("")
        self.paper.say(Rule(f"ended: {one_line(reason, 60)}", style="dim"))
        for line in titles.summary(totals, detector, counted, turns):
            self.paper.say(Text(line))
        self.paper.say(Text(visible(f"log: {log}")), soft_wrap=True)
        if resumable:
            again = titles.resume_command(log, reason, totals)
            self.paper.say(Text(f"go on: {again}"), soft_wrap=True)

    # -- a person's words

    def editing(self, seat: str, text: str, at: int, taken: bool) -> None:
        """Draw the line editor with its cursor before character `at` of `text`, and below it how
        to get out: of a seat that is `taken` over, or of one's own."""
        self.paper.end_text()
        self.box.draw(seat, text, at, taken)

    def edited(self) -> None:
        """The person is done: what was typed stays on the screen."""
        self.box.leave()
