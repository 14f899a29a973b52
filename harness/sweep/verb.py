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
from harness.sweep.options import parse_arguments
from harness.sweep.plan import keep_plan
from harness.sweep.recipes import detectable
from harness.sweep.run import Condition
from harness.sweep.sweep import Sweep, prepare, seats_of
from harness.talk import estimate
from harness.text import many, money, program, tokens


def check_prices(args: Any, conditions: list[Condition]) -> None:
    """A budget needs prices. Raises UserError where one is unknown."""
    for condition in conditions if args.budget is not None else ():
        for seat in condition.settings.everybody:
            catalogue.must_be_priced(seat)


def promise(args: Any, sweep: Sweep, conditions: list[Condition]) -> str:
    """What a budget bounds, and what it can't: the line that is shown before a sweep."""
    most = max(estimate.dearest_message(condition.settings) for condition in conditions)
    flying = many(min(args.concurrency, len(sweep.runs)), "message")
    return (
        f"--max-cost {args.budget:g}: nothing is asked for that should cross it; {flying} in "
        f"flight can, each by {money(most)} at the very most"
    )


def power(runs: int) -> str:
    """What so many runs a condition can tell apart."""
    told = ((p, detectable(runs, p)) for p in (0.05, 0.5))
    said = [f"{p:.0%} from {q:.0%}" for p, q in told if q is not None]
    count = f"{many(runs, 'run')} a condition"
    if not said:
        return f"power: {count} can tell no two shares apart (alpha 0.05, power 0.8)"
    return f"power: {count} tell {' and '.join(said)} (alpha 0.05, power 0.8, two-sided)"


def judge_forecast(sweep: Sweep, conditions: list[Condition]) -> str:
    """What the judge's pass over the runs that lack one is expected to take."""
    judging, total = sweep.judging, estimate.Estimate()
    assert judging is not None
    for condition in conditions:
        mine = [run for run in sweep.runs if run.condition.key == condition.key]
        left = sum(not run.ended or judging.lacks(run) for run in mine)
        total.add(judging.estimate(condition.settings), left)
    return (
        f"judge {judging.seat.name}, beside that: {many(total.requests, 'request')}, "
        f"{tokens(total.input)} tokens in, {tokens(total.output)} out, {money(total.cost)} "
        "(nothing asked twice, no thinking)"
    )


def command(arguments: list[str]) -> int:
    """The verb: hold the conversations of a grid that are missing; returns the exit code."""
    args = parse_arguments(arguments, __doc__)
    from harness.sweep.display import Display  # Rich, which --help does without

    sweep, conditions, old = prepare(args)
    check_prices(args, conditions)
    if sweep.judging and not args.dry_run:
        sweep.judging.check(args.budget)
    show = Display(args.plain, args.quiet)
    if args.budget is not None:
        show.line(promise(args, sweep, conditions))
    if args.dry_run:
        each = {c.key: estimate.conversation(c.settings) for c in conditions}
        show.plan(sweep.folder, sweep.runs, each)
        show.line(power(args.runs))
        if sweep.judging:
            show.line(judge_forecast(sweep, conditions))
        return 0
    call.check_installed(*seats_of(sweep.runs))
    keep_plan(sweep.folder, args, conditions, old)
    with show:
        if args.ray is not None:
            code = cluster.go(sweep, args.ray, arguments, show)
        else:
            code = asyncio.run(sweep.go(show))
    show.closing(sweep, " ".join([program(), "sweep", *map(shlex.quote, arguments)]))
    return code
