"""Many conversations: a grid of conditions times repeats, unattended, at a known price.

    python attractor.py sweep -a opus sonnet -b same --tools none all --runs 20 --max-turns 30

Each conversation is a normal log in logs/<sweep>/, named after its condition and its repeat, so
that the same command again does only what is missing and goes on with what was cut.
"""

import asyncio
import shlex
from typing import Any

from harness.models import call, catalogue
from harness.sweep import cluster
from harness.sweep.plan import Condition, keep_plan, parse
from harness.sweep.progress import Progress
from harness.sweep.sweep import Sweep, prepare, seats_of
from harness.talk import estimate
from harness.text import UserError, many, money, program


def check_prices(args: Any, conditions: list[Condition]) -> None:
    """A budget needs prices. Raises UserError where one is unknown."""
    for condition in conditions:
        for seat in (condition.settings.a, condition.settings.b):
            if args.budget is not None and not catalogue.priced(seat.model):
                raise UserError(f"--max-cost: the price of {seat.model} is unknown; leave it out")


def promise(args: Any, sweep: Sweep, conditions: list[Condition]) -> str:
    """What a budget bounds, and what it can't: the line that is shown before a sweep."""
    most = max(estimate.dearest_message(condition.settings) for condition in conditions)
    flying = many(min(args.concurrency, len(sweep.runs)), "message")
    return (
        f"--max-cost {args.budget:g}: nothing is asked for that should cross it; {flying} in "
        f"flight can, each by {money(most)} at the very most"
    )


def command(arguments: list[str]) -> int:
    """The verb: hold the conversations of a grid that are missing; returns the exit code."""
    args = parse(arguments, __doc__)
    sweep, conditions, old = prepare(args)
    check_prices(args, conditions)
    show = Progress(args.plain, args.quiet)
    if args.budget is not None:
        show.line(promise(args, sweep, conditions))
    if args.dry_run:
        each = {c.key: estimate.conversation(c.settings) for c in conditions}
        show.plan(sweep.folder, sweep.runs, each)
        return 0
    keep_plan(sweep.folder, args, conditions, old)
    with show:
        if args.ray is not None:
            code = cluster.go(sweep, args.ray, arguments, show)
        else:
            call.warm(*seats_of(sweep.runs))
            code = asyncio.run(sweep.go(show))
    show.closing(sweep, " ".join([program(), "sweep", *map(shlex.quote, arguments)]))
    return code
