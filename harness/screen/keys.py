"""The keyboard: keys at any moment while models talk, and a person's words.

`Keys` puts the terminal into character mode for as long as it is open and puts it back whatever
happens. Bytes become keys ("a", "left", "enter", ("paste", "text")); keys go to the open editor
or else to `on_key`. Nothing is printed here: the display draws the editor.
"""

import asyncio
import contextlib
import os
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from harness.screen.decoder import QUIET, Decoder, Key
from harness.screen.editor import Editor


class Keys:
    """The keyboard, open as a context manager. `on_key(key)` hears each key that no editor
    takes (true: keep what follows for one), "suspend" before Ctrl+Z, and "gone" where there will
    be no more; `write` sends a control sequence. `on` = there are keys. With `ahead`, all that is
    typed waits for the editor: a person who holds a seat types while the other side still talks,
    and none of it is a command. `said` is what the person has said before: Up brings it back."""

    def __init__(
        self,
        on_key: Callable[[str], object],
        write: Callable[[str], None],
        on: bool,
        ahead: bool = False,
        said: Iterable[str] = (),
    ):
        self.on_key, self.write, self.on, self._ahead = on_key, write, on, ahead
        self._decoder = Decoder()
        self._quiet: asyncio.TimerHandle | None = None
        self.said = list(said)  # what the person has typed in this run
        self._waiting: deque[Key] = deque()  # typed after Space, before the editor is open
        self._arrived = asyncio.Event()
        self._holding, self._gone = ahead, False
        self._editor: Editor | None = None  # with what is being typed, or was left unsent
        self.redraw: Callable[[], None] = lambda: None

    def __enter__(self) -> "Keys":
        if self.on:
            self._terminal = _windows(self) if os.name == "nt" else Posix(self)
            self._terminal.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        if self.on:
            self._terminal.__exit__(*error)

    def feed(self, data: bytes) -> None:
        """Take in bytes from the terminal."""
        keys = self._decoder.feed(data.replace(b"\r\n", b"\r"))
        if self._quiet:
            self._quiet.cancel()
        if self._decoder.waits:  # an Esc, unless more comes at once
            self._quiet = asyncio.get_running_loop().call_later(QUIET, self._silence)
        for key in keys[:-1]:
            # A block pasted into a terminal without bracketed paste comes as one read: its inner
            # line ends belong to the text, only a last one sends it.
            self._take(("paste", "\n") if self._holding and key == "enter" else key)
        if keys:
            self._take(keys[-1])

    def gone(self) -> None:
        """Nothing will be typed any more: the terminal is gone, and hang-ups are ignored."""
        self._gone = True
        self._arrived.set()
        self.on_key("gone")

    def _take(self, key: Key) -> None:
        if self._holding:
            self._waiting.append(key)
            self._arrived.set()
        elif isinstance(key, str) and self.on_key(key):  # a paste is no command
            self._holding = True  # what follows is for the editor that is about to open

    def _silence(self) -> None:
        for key in self._decoder.quiet():
            self._take(key)

    async def edit(self, draw: Callable[[str, int], None], can_cancel: bool) -> str | None:
        """Let a person type a message; draw(text, cursor) after each key. Returns the text, or
        None where Esc was pressed in an editor that `can_cancel`; Up brings back what it held.
        Where the terminal is gone nothing more is typed: an editor that can is cancelled, for
        another the program is ended."""
        self._holding = True
        editor = self._editor = Editor(self.said, can_cancel)
        self.redraw = lambda: draw(editor.text, editor.at)
        try:
            while not editor.done:
                self.redraw()
                while not self._waiting:
                    if self._gone and can_cancel:
                        return None
                    if self._gone:
                        signal.raise_signal(signal.SIGTERM)
                    self._arrived.clear()
                    await self._arrived.wait()
                while self._waiting and not editor.done:
                    editor.feed(self._waiting.popleft())
        finally:
            self._holding, self.redraw = self._ahead, lambda: None
        self._editor = None
        draw(editor.text, len(editor.text))
        if editor.text.strip() and self.said[-1:] != [editor.text]:
            self.said.append(editor.text)
        return None if editor.cancelled else editor.text

    def unsent(self) -> str:
        """What was typed and not sent, handed out once: in the editor, and what waits for it."""
        editor, self._editor = self._editor or Editor(), None
        for key in [*self._waiting, *self._decoder.rest()]:
            editor.feed("newline" if key == "enter" else key)
        self._waiting.clear()
        return editor.text


class Posix:
    """Character mode with bracketed paste, undone at the end and around Ctrl+Z."""

    def __init__(self, keys: Keys):
        self.keys, self.descriptor = keys, sys.stdin.fileno()
        self.loop = asyncio.get_running_loop()

    def __enter__(self) -> None:
        import termios

        self._before = termios.tcgetattr(self.descriptor)
        self._take()
        self.loop.add_reader(self.descriptor, self._read)
        self.loop.add_signal_handler(signal.SIGTSTP, self._suspend)

    def __exit__(self, *error: Any) -> None:
        import termios

        self.loop.remove_reader(self.descriptor)
        self.loop.remove_signal_handler(signal.SIGTSTP)
        with contextlib.suppress(OSError, termios.error):  # a closed terminal needs no mending
            self._give_back()

    def _take(self) -> None:
        import termios

        modes = termios.tcgetattr(self.descriptor)
        modes[0] &= ~termios.ICRNL  # Enter and Ctrl+J are two keys
        modes[3] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN)  # Ctrl+Y, Ctrl+V, Ctrl+O
        modes[3] |= termios.NOFLSH  # Ctrl+C takes nothing with it of what was typed before
        modes[6][termios.VMIN], modes[6][termios.VTIME] = 1, 0
        termios.tcsetattr(self.descriptor, termios.TCSANOW, modes)
        self.keys.write("\x1b[?2004h")

    def _give_back(self) -> None:
        import termios

        self.keys.write("\x1b[?2004l")
        termios.tcsetattr(self.descriptor, termios.TCSADRAIN, self._before)

    def _suspend(self) -> None:
        self.keys.on_key("suspend")
        self._give_back()
        os.kill(os.getpid(), signal.SIGSTOP)  # returns when the shell says fg
        self._take()
        self.keys.redraw()

    def _read(self) -> None:
        try:
            data = os.read(self.descriptor, 65536)
        except OSError:  # the terminal is gone
            data = b""
        if data:
            self.keys.feed(data)
        else:
            self.loop.remove_reader(self.descriptor)
            if signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:  # else that ends the program
                self.keys.gone()


@contextlib.contextmanager
def _windows(keys: Keys) -> Any:
    """Keys through msvcrt, polled by a thread: its console has no readable descriptor."""
    import msvcrt

    console: Any = msvcrt  # its names are there on Windows alone
    loop, open_ = asyncio.get_running_loop(), threading.Event()
    arrows = {
        "K": "\x1b[D",
        "M": "\x1b[C",
        "G": "\x1b[H",
        "O": "\x1b[F",
        "S": "\x1b[3~",
        "H": "\x1b[A",
        "P": "\x1b[B",
        "s": "\x1b[1;5D",
        "t": "\x1b[1;5C",
    }

    def poll() -> None:
        while not open_.is_set():
            typed = ""
            while console.kbhit():
                char = console.getwch()
                typed += arrows.get(console.getwch(), "") if char in "\x00\xe0" else char
            if typed:
                loop.call_soon_threadsafe(keys.feed, typed.encode("utf-8", "surrogatepass"))
            time.sleep(0.02)

    threading.Thread(target=poll, daemon=True).start()
    try:
        yield
    finally:
        open_.set()
