"""Tables on the console: of models, of reports, of states; and text for machines."""

from collections.abc import Iterable
from pathlib import Path

from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from harness.files import Json
from harness.models.catalogue import Alias
from harness.screen.colours import badge
from harness.screen.paper import Paper
from harness.screen.sheet import Sheet, fitted
from harness.screen.wrap import one_line
from harness.states.names import SHORT
from harness.text import many, places, tokens, visible


class Tables:
    """What the verbs that hold no conversation print."""

    def __init__(self, plain: bool = False):
        self.paper = Paper(plain)
        self.say, self.output = self.paper.say, self.paper.output

    def notice(self, text: str) -> None:
        """A line that a reader must know of."""
        self.say(Text(f"— {visible(text)}", "yellow"))

    def report(self, sheets: Iterable[Sheet], notes: Iterable[str]) -> None:
        """Tables, as wide as the reader's page, then what must be known of them."""
        for sheet in sheets:
            self.say("")
            self.say(Text(visible(sheet.title), "bold"))
            for number, part in enumerate(fitted(sheet, self.paper.width)):
                if number:
                    self.say("")
                self.say(part)
            if sheet.note:
                self.say(Text(visible(sheet.note), "dim"))
        for note in notes:
            self.notice(note)

    def models(self, rows: list[Alias], demos: dict[str, str]) -> None:
        """The table of `models`, and the demos with what each does."""
        table = Table(box=None, padding=(0, 1, 0, 0))
        for name in ("alias", "model", "key", "tools", "context", "$/M in/out"):
            table.add_column(name, no_wrap=True)
        notes: dict[str, list[str]] = {}
        for row in rows:
            about, free = row.about, row.keys == ()
            prices = [about.get(f"{way}_cost_per_token") for way in ("input", "output")]
            price = "/".join(f"{p * 1e6:.3g}" if p else "?" for p in prices)
            table.add_row(
                row.name,
                row.model,
                row.key,
                "yes" if about.get("supports_function_calling") else "?",
                tokens(about["max_input_tokens"]) if about.get("max_input_tokens") else "?",
                "free" if free else price,
            )
            if row.key == "missing":
                notes.setdefault("set " + " or ".join(row.keys or ()), []).append(row.name)
            if row.retired:
                notes.setdefault(row.retired, []).append(row.name)
        self.say(table)
        self.say("")
        for note, aliases in notes.items():
            self.say(Text(f"{note}: {', '.join(aliases)}"))
        self.say(Text("\nno key, free, scripts and not language models:"))
        grid = Table.grid(padding=(0, 2, 0, 0))
        for name, does in demos.items():
            grid.add_row(f"demo/{name}", does)
        self.say(grid)

    def spans(self, path: Path, skipped: list[tuple[int, str]], found: Json) -> None:
        """What `states` found in one log."""
        demo = "  (a scripted demo)" if found["demo"] else ""
        said = many(found["messages"], "message")
        self.say(Rule(visible(f"{path.name}: {said}{demo}"), style="dim"))
        for line, why in skipped:
            self.say(Text(f"skipped line {line}: {why}", "yellow"))
        if not found["english"]:
            self.say(Text("not in English: no verdict on themes", "yellow"))
        for span in found["spans"]:
            where = places(span["start"], span["end"], *span["turns"])
            title = Text(f" {span['state']} ", badge(span["state"]))
            self.say(title.append(f"  {where}", "default on default"))
            for piece in span["evidence"]:
                self.say(Text(f"    {piece['message']:>4}  {one_line(piece['words'], 90)}", "dim"))
        recurrence = found["recurrence"]
        locked = recurrence["lock_in"]
        ends = ", ".join(SHORT[state] for state in found["ending"]["states"]) or "none"
        self.say(Text(f"path: {found['path_words'] or 'no attractor state'}"))
        figures = f"recurrence rate {recurrence['rate']:.2f}, "
        figures += f"determinism {recurrence['determinism']:.2f}, "
        figures += "never locked in" if locked is None else f"locked in at message {locked}"
        self.say(Text(f"ends in: {ends} · {figures}"))
