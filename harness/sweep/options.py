"""A sweep's command line."""

import argparse
import re
from pathlib import Path
from typing import Any

from harness.parser import Parser, amount, count
from harness.sweep import recipes
from harness.talk.options import TABLE
from harness.text import UserError

SEAT_A = "who holds seat A: aliases (see `models`), LiteLLM ids, demo/NAME"  # nobody sits there
MOST_RUNS = 100_000  # of each condition: all runs are held in memory


def parser(about_sweeps: str | None) -> Parser:
    """The options of `run`, each with several values, and those of a sweep."""
    parser = Parser(prog="attractor.py sweep", description=about_sweeps)
    add = parser.add_argument
    for flags, about in TABLE:
        about = about | ({"help": SEAT_A} if flags[-1] == "--model-a" else {})
        if flags[-1] == "--rng-seed":
            add(*flags, **about | {"default": 0})
        elif flags[-1] in ("--interject", "--puppet"):
            add(*flags, **about | {"action": "store", "nargs": "+"})
        elif "action" in about:
            add(*flags, **about)
        elif flags[-1] != "--max-cost":
            add(*flags, **about | {"nargs": "+"})
    add = parser.add_argument_group("the sweep").add_argument
    add("--runs", type=count, default=1, metavar="N", help="repeats of each condition (default: 1)")
    add("--concurrency", type=count, default=8, metavar="N", help="conversations at once (8)")
    add("--max-cost", type=amount, metavar="USD", dest="budget", help="for the whole sweep")
    add("--max-cost-per-run", type=amount, metavar="USD", help="for each conversation")
    add("--name", metavar="NAME", help="the sweep's folder (default: made from the grid)")
    add("--log-dir", type=Path, default=Path("logs"), metavar="DIR", help="where that folder is")
    add("--recipe", metavar="NAME", help="options of prompts/recipes/NAME.txt; others win")
    add("--judge", metavar="MODEL", help="label each run as it ends (see `judge`)")
    add("--shard", type=shard, default=(1, 1), metavar="K/N", help="do only the Kth of N parts")
    add(
        "--ray",
        nargs="?",
        const="local",
        metavar="ADDRESS",
        help="as Ray tasks: on this machine, or on the cluster at ADDRESS (auto: the one it is in)",
    )
    add("--extend", action="store_true", help="the folder's grid may grow or change")
    add("--dry-run", action="store_true", help="print the grid and what it would cost")
    add("--plain", action="store_true", help="one line per finished run, no table")
    add("--quiet", action="store_true", help="print the folder and no more")
    return parser


def shard(text: str) -> tuple[int, int]:
    """K/N as two numbers."""
    found = re.fullmatch(r"(\d+)/(\d+)", text)
    if not found or not 1 <= int(found[1]) <= int(found[2]):
        parts = f"1/{found[2]} to {found[2]}/{found[2]}" if found and int(found[2]) else "e.g. 1/4"
        raise argparse.ArgumentTypeError(f"{text!r}: write K/N for part K of N, {parts}")
    return int(found[1]), int(found[2])


def parse_arguments(arguments: list[str], about_sweeps: str | None = None) -> Any:
    """The arguments, over those of a recipe where one is named. Raises UserError."""
    args = parser(about_sweeps).parse_args(arguments)
    if args.recipe:
        args = parser(about_sweeps).parse_args(recipes.words(args.recipe) + arguments)
    if args.model_a is None or args.model_b is None:
        raise UserError(
            "a sweep needs -a, -b and --max-turns, e.g. -a opus sonnet -b same --max-turns 30 "
            "--runs 20, or --recipe NAME; add --dry-run to see what it would cost"
        )
    if args.max_turns is None:
        raise UserError("--max-turns is required: nobody watches a sweep")
    if args.ray and args.shard != (1, 1):
        raise UserError("--ray and --shard both divide the work: use one of them")
    if args.name and not re.fullmatch(r"\w[\w.-]*", args.name):
        raise UserError(f"--name {args.name!r}: use letters, digits, . _ and -")
    if args.runs > MOST_RUNS:
        raise UserError(f"--runs {args.runs}: at most {MOST_RUNS:,}")
    return args
