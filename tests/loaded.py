"""The program in a process in which LiteLLM has been loaded before it starts.

    with Loaded() as loaded:
        process = loaded.start([*PROGRAM, "-a", "opus", ...], folder)
        out, err = process.communicate(timeout=60)

Importing LiteLLM takes two seconds of CPU, and most tests of a real process are about what comes
after that: a message, a key, a signal, a kill. So one process imports it, with nothing of ours, and
each process under test is forked from that one and does from there what `python attractor.py`
does: it runs the file, as `__main__`, in a folder, environment and session of its own. On Linux
only: elsewhere a fork after such imports is not safe.
"""

import contextlib
import fcntl
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import termios
from pathlib import Path
from typing import TextIO


class Loaded:
    """The process that has LiteLLM loaded, and from which others are forked."""

    def __init__(self) -> None:
        from harness.models import engine  # there, nothing of ours is imported before the fork

        self._orders, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                env=os.environ | engine.ALONE,
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # a Ctrl+C is for the tests
            )

    def __enter__(self) -> "Loaded":
        return self

    def __exit__(self, *_: object) -> None:
        self._orders.close()  # then it ends
        self._process.wait()

    def start(self, command: list[str], folder: Path, tty: int | None = None) -> "Forked":
        """Run `command` (Python, the program's file, its arguments): in a terminal, or with no
        input and its output kept."""
        order = {"words": command[1:], "folder": str(folder), "environment": dict(os.environ)}
        files = [os.fdopen(os.memfd_create(name), "r+") for name in ("in", "out", "err")]
        streams = [file.fileno() for file in files] if tty is None else [tty] * 3
        news, theirs = os.pipe()
        socket.send_fds(self._orders, [json.dumps(order).encode()], [*streams, theirs])
        os.close(theirs)
        return Forked(command, news, files)


class Forked:
    """A process that is not our child, with what the tests use of `subprocess.Popen`."""

    def __init__(self, command: list[str], news: int, files: list[TextIO]):
        self.args, self.returncode, self._files = command, None, files
        self._news = os.fdopen(news, "rb", 0)
        self.pid = int(self._news.readline())

    def poll(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        if self.returncode is None:
            if not select.select([self._news], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(self.args, timeout)
            self.returncode = os.waitstatus_to_exitcode(int(self._news.readline()))
            self._news.close()
        return self.returncode

    def communicate(self, timeout: float | None = None) -> list[str]:
        """What it printed and what it complained of, once it has ended."""
        self.wait(timeout)
        said = []
        for file in self._files[1:]:
            file.seek(0)
            said.append(file.read())
        return said

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):  # it has ended, and is yet to tell so
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


# ---------------------------------------------------------------- in the loaded process


def serve(orders: socket.socket) -> None:
    """Fork for each order until there are no more; each fork becomes the program."""
    while True:
        order, files, _, _ = socket.recv_fds(orders, 1 << 20, 4)
        with contextlib.suppress(ChildProcessError):  # so that their time counts as the tests'
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        if not order:
            return
        if not os.fork():
            orders.close()
            return begin(json.loads(order), *files)
        for file in files:
            os.close(file)


def begin(order: dict, *files: int) -> None:
    """Fork once more: one is the program, the other tells what becomes of it."""
    *streams, news = files
    if pid := os.fork():
        for file in streams:
            os.close(file)
        os.write(news, b"%d\n" % pid)
        status = os.waitpid(pid, 0)[1]
        with contextlib.suppress(BrokenPipeError):  # nobody wants to know any more
            os.write(news, b"%d\n" % status)
        os._exit(0)
    os.close(news)
    become(order["words"], order["folder"], order["environment"], streams)


def become(words: list[str], folder: str, environment: dict, streams: list[int]) -> None:
    """What `python WORDS...` is in that folder, environment and session, with those files."""
    os.setsid()
    for number, file in enumerate(streams):
        os.dup2(file, number)
        os.close(file)
    if os.isatty(0):
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    how = {"encoding": sys.stdout.encoding, "closefd": False}
    sys.stdin = sys.__stdin__ = os.fdopen(0, **how)
    sys.stdout = sys.__stdout__ = os.fdopen(1, "w", **how)
    sys.stderr = sys.__stderr__ = os.fdopen(2, "w", 1, errors="backslashreplace", **how)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv, sys.path[0] = words, os.path.dirname(words[0])
    runpy.run_path(words[0], run_name="__main__")


if __name__ == "__main__":
    import gc

    import litellm

    _ = litellm.main.encoding  # tables that are built at their first use
    gc.freeze()  # else the collector would copy their pages into each fork
    serve(socket.socket(fileno=int(sys.argv[1])))
