"""A parser of command lines whose errors are one line and repeat no key; what numbers may be."""

import argparse
import math
import sys
import textwrap
from collections.abc import Callable
from typing import Any, NoReturn

from harness.models import secrets
from harness.text import program, visible

MOST = 10**12  # that a count may be: readers of logs believe no more
DESCRIBE: list[str] = []  # this very list asks a verb for its parser


class Described(Exception):
    """Carries the `parser` of a verb that was asked for it."""

    def __init__(self, parser: "Parser"):
        super().__init__()
        self.parser = parser


class Help(argparse.RawDescriptionHelpFormatter):
    """What a verb says of itself as it stands there, or narrower where the terminal is."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        blocks = text.strip().split("\n\n")
        return "\n\n".join(narrowed(block, width + 2) for block in blocks)  # argparse spares two


def narrowed(block: str, width: int) -> str:
    """A paragraph, or a list of commands, in lines of at most `width` characters. What is said
    beside a command goes below it; the command itself is never broken: it is there to be copied."""
    lines = block.split("\n")
    if max(map(len, lines)) <= width:
        return block
    if not block.startswith("    "):
        return textwrap.fill(" ".join(lines), width, break_on_hyphens=False)
    parts = (line.strip().partition("  ") for line in lines)
    return "\n".join(
        f"    {command}" + (f"\n        {about.strip()}" if about else "")
        for command, _, about in parts
    )


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, with exit code 2."""

    def __init__(self, prog: str, **kwargs: Any):
        super().__init__(
            prog=prog.replace("attractor.py", program().removeprefix("python ")),
            allow_abbrev=False,
            formatter_class=Help,
            **kwargs,
        )

    def format_help(self) -> str:
        return super().format_help().replace("python attractor.py", program())

    def _print_message(self, message: str, file: Any = None) -> None:
        (file or sys.stderr).write(message)  # argparse's own takes a full disk for a printed page

    def error(self, message: str) -> NoReturn:
        said = visible(secrets.scrub(message))
        self.exit(2, f"attractor: {said} (see {self.prog} --help)\n")

    def parse_args(self, args: Any = None, namespace: Any = None) -> Any:
        """As argparse does, but what follows an unknown option is not repeated: it may be a
        key. With DESCRIBE for arguments, raises Described."""
        if args is DESCRIBE:
            raise Described(self)
        parsed, odd = self.parse_known_args(args, namespace)
        if odd:
            flags = [word.partition("=")[0] for word in odd if word.startswith("-")]
            if key := next((flag for flag in flags if secrets.says_secret(flag)), None):
                self.error(
                    f"no option {key}: keys are set as variables such as "
                    "ANTHROPIC_API_KEY, or written into .env"
                )
            self.error(f"unrecognized arguments: {' '.join(flags or odd)}")
        return parsed


class Once(argparse.Action):
    """An option that a second time would silently replace."""

    def __call__(self, parser: Any, namespace: Any, values: Any, flag: str | None = None) -> None:
        if getattr(namespace, self.dest, None) is not None:
            parser.error(f"give {flag} once: a run stops for one state")
        setattr(namespace, self.dest, values)


def number(kind: type, least: float, word: str) -> Callable[[str], Any]:
    """An argparse type: a finite number of at least `least`, or an error that says so."""

    def parse(text: str) -> Any:
        try:
            value = kind(text)
            if not math.isfinite(value) or value < least or (kind is int and value > MOST):
                raise ValueError
        except (ValueError, OverflowError):
            shown = text if len(text) <= 40 else f"{text[:40]}…"
            raise argparse.ArgumentTypeError(f"{shown!r} is not {word}") from None
        return value

    return parse


count = number(int, 1, "a whole number of at least 1")
amount = number(float, 0, "a number of at least 0")
