"""A real terminal for the tests: a pty with the program in it and a screen that can be read."""

import contextlib
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
from pathlib import Path
from typing import Any

import pyte


class Terminal:
    """Runs a command in a pty of `rows` x `columns`; closed as a context manager."""

    def __init__(
        self,
        command: list[str],
        folder: Path,
        rows: int = 24,
        columns: int = 80,
        loaded: Any = None,
    ):
        """`loaded` (tests/loaded.py): the process that it is forked from, if not started anew."""
        self._main, self.tty = pty.openpty()
        fcntl.ioctl(self.tty, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.modes = termios.tcgetattr(self.tty)
        self.screen = pyte.HistoryScreen(columns, rows, history=5000, ratio=1)
        self._stream = pyte.ByteStream(self.screen)
        self.raw = b""
        if loaded:
            self.process = loaded.start(command, folder, self.tty)
            return
        self.process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=self.tty,
            stdout=self.tty,
            stderr=self.tty,
            env=dict(os.environ),  # C's has the size of whoever's terminal, set there by readline
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        os.close(self._main)
        os.close(self.tty)

    def hang_up(self) -> None:
        """The terminal goes away."""
        os.close(self.tty)
        os.close(self._main)
        self._main, self.tty = os.open(os.devnull, os.O_RDWR), os.open(os.devnull, os.O_RDWR)

    def type(self, text: str) -> None:
        os.write(self._main, text.encode())

    def pump(self, seconds: float = 0.05) -> None:
        """Take in what the program prints within `seconds`, and a little longer if it goes on."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > -0.5 and self._take(max(0, left)):
            pass

    def _take(self, seconds: float) -> bool:
        """Take in the next thing that it prints, within `seconds`; whether there was one."""
        if not select.select([self._main], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self._main, 65536)
        except OSError:
            return False
        self.raw += data
        # pyte knows no private modes such as bracketed paste's; they print nothing
        self._stream.feed(re.sub(rb"\x1b\[\?\d+[hl]", b"", data))
        return True

    def wait_for(self, text: str, seconds: float = 90.0) -> None:
        """Wait until `text` stands on the screen or above it."""
        end = time.monotonic() + seconds
        while text not in self.text():
            over = time.monotonic() > end or self.process.poll() is not None
            self.pump()
            assert not over or text in self.text(), f"no {text!r}; there is:\n{self.text()}"

    def wait_end(self, seconds: float = 90.0) -> int:
        """Wait until the program ends; its exit code."""
        end = time.monotonic() + seconds
        while self.process.poll() is None:
            assert time.monotonic() < end, f"it never ended; there is:\n{self.text()}"
            self.pump()
        while self._take(0.05):
            pass
        return self.process.returncode

    def text(self) -> str:
        """Everything printed so far as it stands on the screen, scrolled-off lines first."""
        above = [
            "".join(line[x].data for x in range(self.screen.columns)).rstrip()
            for line in self.screen.history.top
        ]
        return "\n".join([*above, *(line.rstrip() for line in self.screen.display)])
