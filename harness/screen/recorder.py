"""The console as a picture: all that it shows, kept, to become a document."""

import io
import re

from rich.console import Console as RichConsole

from harness.screen.console import Console
from harness.screen.paper import Paper

WIDTH = 100  # cells


def recorder() -> Console:
    """A console that prints nowhere and keeps what it shows (see `document`)."""
    rich = RichConsole(
        width=WIDTH,
        record=True,
        file=io.StringIO(),
        force_terminal=True,
        emoji=False,
        color_system="truecolor",
        highlight=False,
        markup=False,
        legacy_windows=False,
    )
    return Console(paper=Paper(plain=True, rich=rich))


def document(show: Console, kind: str) -> str:
    """All that was shown, as an `svg` or `html` document that needs nothing from outside."""
    if kind == "html":
        return show.paper.rich.export_html(inline_styles=False)
    show.paper.say("")  # Rich cuts off what hangs below the last line: underscores, a comma's tail
    picture = show.paper.rich.export_svg(title="attractor")
    return re.sub(r"@font-face \{.*?\}\s*", "", picture, flags=re.DOTALL)  # they would be fetched
