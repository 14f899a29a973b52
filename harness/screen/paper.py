"""What everything is printed on: standard output, with text that streams and one live line.

Model text is append-only and word-wrapped as it streams (a live region breaks the scrollback of
a terminal once a reply is longer than the screen). It is data: never markup, and whatever could
act on a terminal or can't be seen is shown by name, as in ⟨U+200B⟩.
"""

import errno
import os
import signal
import sys
from collections.abc import Callable
from typing import Any, TextIO, cast

from rich.console import Console as RichConsole
from rich.text import Text

from harness import files
from harness.screen.sheet import readers_width
from harness.screen.wrap import Wrapper, one_line
from harness.text import redraws, visible

OVERDUE = 2  # seconds that an aside waits for the end of a line


class Stream:
    """Standard output; when its reader goes away that counts as a hang-up, not as an error. Where
    nobody listens for one, the process ends as other tools do."""

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
            number = getattr(signal, "SIGHUP", signal.SIGTERM)
            unheard = signal.getsignal(number) in (signal.SIG_DFL, files.end)
            if unheard and hasattr(signal, "SIGPIPE"):
                signal.signal(number := signal.SIGPIPE, signal.SIG_DFL)
            signal.raise_signal(number)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


class Paper:
    """`plain`: for pipes and dumb terminals, without colour, live line or cursor moves."""

    def __init__(self, plain: bool = False, rich: RichConsole | None = None):
        _speak_utf8()
        self.plain = plain or not redraws(sys.stdout)
        self.rich = rich or RichConsole(
            width=readers_width() if self.plain else None,
            color_system=None if self.plain else "auto",
            force_terminal=False if self.plain else None,
            highlight=False,
            markup=False,
            emoji=False,
            file=cast(TextIO, Stream(sys.stdout)),
        )
        self._wrap, self._kind, self._status = Wrapper(), "", ""
        self._asides: list[Text] = []
        self._waited = 0

    @property
    def width(self) -> int:
        """Cells in a line."""
        return self.rich.width

    @property
    def height(self) -> int:
        """Lines on the screen."""
        return self.rich.height

    def say(self, what: Any, soft_wrap: bool = False) -> None:
        """Something whole, on lines of its own."""
        self.end_text()
        if not self.plain or self.rich.record:
            self.rich.print(what, soft_wrap=soft_wrap)
            return
        with self.rich.capture() as taken:  # tables are padded with blanks
            self.rich.print(what, soft_wrap=soft_wrap)
        lines = (line.rstrip(" ") for line in taken.get().split("\n"))
        self.rich.file.write("\n".join(lines))
        self.rich.file.flush()

    def output(self, text: str) -> None:
        """Text for machines: as it is, but for what a terminal would act on."""
        self.rich.file.write(visible(text.removesuffix("\n")) + "\n")
        self.rich.file.flush()

    def control(self, sequence: str) -> None:
        """Send a terminal control sequence (terminals only)."""
        if not self.plain:
            self.rich.file.write(sequence)
            self.rich.file.flush()

    # -- text that streams

    def stream(self, kind: str, text: str) -> None:
        """A piece of text of that kind (text, thinking)."""
        self._clear()
        if kind != self._kind and self._kind:
            self.end_text()
        self._kind, self._waited = kind, 0
        shown = self._wrap.feed(text, self.width)
        if self._asides and "\n" in shown:
            line, _, shown = shown.partition("\n")
            self._write(line + "\n")
            self._say_asides(broken=True)
        self._write(shown)

    def end_text(self) -> None:
        """The text that streamed is at its end."""
        self._clear()
        self._write(self._wrap.finish(self.width))
        self._wrap, self._kind = Wrapper(), ""
        self._say_asides()

    def aside(self, text: Text, now: bool = False) -> None:
        """A line between others: where text streams it waits for the end of its line, or, with
        `now`, only for the end of its word."""
        self._asides.append(text)
        self._waited = 0
        if now or not self._wrap.column:
            self._say_asides()

    def wait(self, text: str) -> None:
        """A line that the next output replaces. Where text streams it is not needed."""
        if self.plain:
            return
        if self._wrap.wrote:
            self._waited += 1
            if self._waited > OVERDUE:
                self._say_asides()
            return
        self._status = one_line(text, self.width - 1)
        self.rich.file.write(f"\r\x1b[2K\x1b[2m{self._status}\x1b[0m")
        self.rich.file.flush()

    def _say_asides(self, broken: bool = False) -> None:
        self._clear()
        asides, self._asides = self._asides, []
        if asides and not broken:
            self._write(self._wrap.break_line())
        for text in asides:
            self.rich.print(text)

    def _write(self, text: str) -> None:
        if text:
            self.rich.out(text, style="dim" if self._kind == "thinking" else None, end="")

    def _clear(self) -> None:
        if self._status:
            self.rich.file.write("\r\x1b[2K")
            self._status = ""


def _speak_utf8() -> None:
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # a C or Windows locale could not show the half of it
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
