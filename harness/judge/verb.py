"""The judge: a model reads transcripts by the rubric in prompts/judge and labels spans of states.

    python attractor.py judge logs --model opus --dry-run       what it would cost
    python attractor.py judge logs/*.jsonl --model opus         labels go to LOG.labels.json
    python attractor.py judge logs --model demo/judge           a script in its place: no key needed
    python attractor.py judge logs --model opus --open          patterns in the judge's own words

A log that has labels by the same model, rubric and window is left alone (--again reads it anew).
Each label must quote its message word for word; what does not check is asked for once more, then
dropped and counted. In the end: how far judge and detector agree, per state. With --open the judge
is shown no list of states: it names at most three patterns of each run, and then says which names
mean the same (LOG.patterns.json; docs/judge-open.md).
"""

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.judge import agreement, labels, pattern_files, patterns
from harness.judge.judge import WINDOW, Bench, judge_seat
from harness.models import catalogue, demo
from harness.models.asking import RETRY_FOR, Asker
from harness.models.gate import Gate
from harness.models.seat import Seat
from harness.parser import Parser, amount, count
from harness.screen.progress import Progress
from harness.talk.logs import add_logs, logs_in
from harness.text import UserError, many

if TYPE_CHECKING:
    from harness.screen.tables import Tables

DEMO = "demo/judge is a script that answers with what the detector finds, not a language model"


def command(arguments: list[str]) -> int:
    """Label logs with a model, or have it name patterns in them; returns the exit code."""
    args = _parse(arguments)
    catalogue.load_keys()
    seat = judge_seat(args.model, args.api_base)
    _refuse(args, seat)
    file_of = pattern_files.file_of if args.open else labels.label_file
    files = {log: file_of(log, args.out) for log in logs_in(args.logs)}
    if len(set(files.values())) < len(files):
        raise UserError("--out: two of these logs have the same name")
    asker = Asker(seat, Gate(args.concurrency, RETRY_FOR), args.max_cost)
    bench: Bench | patterns.OpenBench
    if args.open:
        bench = patterns.OpenBench(asker, files, args.concurrency)
    else:
        bench = Bench(asker, args.window or WINDOW, args.concurrency)
    todo = {log: f for log, f in files.items() if args.again or not bench.has_read(log, f)}
    if not args.again:
        known = pattern_files.patterns_of if args.open else labels.labels_of
        labels.refuse_loss((known(*pair) for pair in todo.items()), seat.model)
    from harness.screen.tables import Tables

    show, done = Tables(args.plain), "read" if args.open else "labelled"
    if seat.demo:
        show.notice(DEMO)
    show.notice(f"{many(len(todo), 'log')} to read, {len(files) - len(todo)} {done} already")
    show.notice(bench.forecast(todo))
    if args.dry_run:
        return 0
    if isinstance(bench, patterns.OpenBench):
        return _name(bench, todo, show)
    return _label(bench, todo, files, show)


def _label(bench: Bench, todo: dict[Path, Path], files: dict[Path, Path], show: "Tables") -> int:
    try:
        with Progress("judging", len(todo), "log") as progress:
            failures = asyncio.run(bench.read_all(todo, progress.after(show.notice)))
    finally:
        show.notice(bench.bill())
    failed = [f"not labelled: {log}: {why}" for log, why in failures.items()]
    show.report(agreement.tables(*agreement.figures(files)), failed)
    return 1 if failures else 0


def _name(bench: patterns.OpenBench, todo: dict[Path, Path], show: "Tables") -> int:
    try:
        failures = asyncio.run(bench.work([*todo], show.notice))
    finally:
        show.notice(bench.bill())
    failed = [f"failed: {what}: {why}" for what, why in failures.items()]
    show.report(patterns.pattern_table(bench.files), failed)
    return 1 if failures else 0


def _refuse(args: Any, seat: Seat) -> None:
    """Refuse what could not work. Raises UserError."""
    if args.open and args.window:
        raise UserError("--window is for labels: --open shows a run whole")
    if not args.dry_run and (line := catalogue.missing_key(seat, demo.JUDGE)):
        raise UserError(line)
    if args.max_cost is not None:
        catalogue.must_be_priced(seat)


def _parse(arguments: list[str]) -> Any:
    parser = Parser(prog="attractor.py judge", description=__doc__)
    add_logs(parser)
    add = parser.add_argument
    add("--model", required=True, help="who judges: alias, LiteLLM id, demo/judge")
    add("--dry-run", action="store_true", help="say what it would cost, and stop")
    at_once = "logs read at the same time (default: 4)"
    add("--concurrency", type=count, default=4, metavar="N", help=at_once)
    add("--max-cost", type=amount, metavar="USD", help="ask nothing beyond this")
    window = f"messages shown at a time, a quarter twice (default: {WINDOW})"
    add("--window", type=count, metavar="N", help=window)
    add("--open", action="store_true", help="name patterns freely, without the list of states")
    add("--again", action="store_true", help="also where there are labels")
    add("--out", type=Path, metavar="DIR", help="where labels go (default: beside the logs)")
    add("--api-base", metavar="URL", help="another server")
    add("--plain", action="store_true", help="no colours: for pipes")
    return parser.parse_args(arguments)
