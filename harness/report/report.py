"""What many runs have in common: tables, JSON, CSV, a page, and the difference of conditions.

    python attractor.py report logs                        tables on the terminal
    python attractor.py report logs --compare tools        do runs with other tools go elsewhere?
    python attractor.py report logs --html report.html     pictures and transcripts, in one file
    python attractor.py report logs --by model             pool all that have the same models
    python attractor.py report logs --words eternal,🌀     what is said how often
    python attractor.py report A.jsonl B.jsonl --side-by-side     where two runs part
    python attractor.py report logs --json > report.json   (--csv: one row per run)

Runs are grouped by condition: all settings that could change how a conversation goes. Scripted
demos are never pooled with real models. States are a judge's where every run has its labels, else
the detector's. Intervals are 95%; how each is made stands in harness/report/stats.py.
"""

import contextlib
import itertools
import json
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any, cast

from harness.judge import agreement
from harness.judge.labels import label_file
from harness.parser import Parser
from harness.report import data, kept, needed, open_ended, patterns, stats, verdicts, words
from harness.report.comparison import comparisons
from harness.report.conditions import facts
from harness.report.figures import figures, over_turns
from harness.report.groups import (
    Groups,
    condition_names,
    group,
    must_be_known,
    settings_in,
    with_names,
)
from harness.report.shapes import ConditionFigures, Report, Whose
from harness.report.spool import Spool
from harness.report.stats import share
from harness.report.summary import Also, Skipped, Summary, summarise, summary_of
from harness.report.tables import MANY, notes, tables
from harness.report.verdicts import Verdicts
from harness.screen.sheet import Sheet
from harness.talk import transcript
from harness.talk.logs import add_logs, logs_in
from harness.text import UserError, many

# What a form has no place for.
ALONE = {
    "csv": ("--csv has one row per run", ("by", "compare", "words", "details")),
    "side_by_side": (
        "--side-by-side shows two runs, with the detector's states",
        ("by", "compare", "labels", "words", "details"),
    ),
}


def command(arguments: list[str]) -> int:
    """Tables, JSON, CSV or a page of logs, by condition."""
    args = _parse(arguments)
    if args.side_by_side:
        from harness.report import beside

        return beside.show(logs_in(args.logs))
    from harness.screen.tables import Tables  # Rich, which --help does without

    _check_settings(args)
    with Spool() as spool:
        past = None if args.no_cache else kept.opened()
        make = past.summary_of if past else summary_of
        read_log = partial(summarise, also=_also(args), make=make)
        runs, skipped, whose = verdicts.read(logs_in(args.logs), args.labels, read_log, spool)
        if args.csv:
            data.stream(Tables().output, "csv", data.run_table(with_names(runs), whose.by))
            return 0
        groups = group(runs, args.by)
        report = build(groups, skipped, whose, args.compare)
        if args.words is not None or args.html:
            add_words(report, groups, spool, args.words or ())
        agreed_tables = add_agreement(report, runs if args.labels else [])
        if args.html:
            from harness.report import page

            page.write(args.html, report, groups, spool)
            made = f"{many(len(runs), 'run')}: {args.html}"
            Tables().report(agreed_tables, [made, *notes(report)])
        elif args.json:
            Tables().output(json.dumps(report, indent=1, default=asdict))
        else:
            details = args.details or len(groups) <= MANY
            sheets = [*tables(report, details), *agreed_tables]
            more = f"{len(groups)} conditions: --details has each one's tables, --html a page"
            Tables().report(sheets, [*notes(report), *([] if details else [more])])
    return 0


def _parse(arguments: list[str]) -> Any:
    parser = Parser(prog="attractor.py report", description=__doc__)
    add_logs(parser)
    add = parser.add_argument
    some: dict[str, Any] = {"type": settings_in, "metavar": "SETTING,..."}
    add("--compare", **some, help="test conditions that differ in these settings alone")
    add("--by", **some, help="group by these settings only (default: by all)")
    whose = "a judge's where every run has its labels, else the detector's"
    whose = f"whose states (rules: the detector's; default: {whose}); says how far both agree"
    add("--labels", choices=("rules", "judge"), help=whose)
    some = {"type": words.asked, "nargs": "?", "const": "", "metavar": "WORD,..."}
    add("--words", **some, help="words and emoji: these, and what stands out in each condition")
    add("--details", action="store_true", help=f"each condition's tables, also of over {MANY}")
    again = "read every log again, and keep nothing of it (as --side-by-side always does)"
    add("--no-cache", action="store_true", help=again)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="all figures, for machines")
    form.add_argument("--csv", action="store_true", help="one row per run (see also export)")
    form.add_argument("--html", metavar="FILE", type=Path, help="one page that needs no network")
    two = "two runs, message by message, and where they part"
    form.add_argument("--side-by-side", action="store_true", help=two)
    args = parser.parse_args(arguments)
    for alone, (what, others) in ALONE.items():
        for other in others:
            if vars(args)[alone] and vars(args)[other] not in (None, False):
                raise UserError(f"{what}: leave --{other} out")
    return args


def _check_settings(args: Any) -> None:
    """Refuse a setting that no run has before all of them are read: their configs tell. Raises
    UserError."""
    if not (args.by or args.compare):
        return
    known: set[str] = set()
    for path in logs_in(args.logs):
        with contextlib.suppress(OSError, UserError):
            known |= set(facts(transcript.follow(path).settings()))
    must_be_known("--by", args.by or [], known)
    must_be_known("--compare", args.compare or [], known)


def _also(args: Any) -> dict[str, Also]:
    """What must be made of each log while it is read."""
    also: dict[str, Also] = {}
    if args.html:
        from harness.report import page

        also["page"] = page.transcript
    if args.words is not None or args.html:
        also["words"] = partial(words.count, asked=args.words or ())
    return also


# ---------------------------------------------------------------- figures


def build(
    groups: Groups, skipped: list[Skipped], whose: Verdicts, compare: list[str] | None
) -> Report:
    """Everything that the report says, as JSON takes it."""
    called = condition_names(groups)
    conditions: list[ConditionFigures] = [
        {
            "name": name,
            "demo": demo,
            "settings": dict(pairs),
            **figures(runs),
            "needed": needed.needed(runs),
        }
        for name, ((demo, pairs), runs) in zip(called, groups.items(), strict=True)
    ]
    every = list(itertools.chain(*groups.values()))
    return {
        "conditions": conditions,
        "compared": comparisons(groups, called, compare) if compare else None,
        "open_ended": open_ended.figures(every),
        "patterns": patterns.figures(groups, called),
        "labels": cast(Whose, asdict(whose) | {"words": whose.words}),
        "skipped_logs": skipped,
        "skipped_lines": [(run.path, line, why) for run in every for line, why in run.skipped],
        "branches": sum(run.parent is not None for run in every),
        "foreign": sum(run.foreign for run in every),
        "missing": None if stats.available() else stats.NOTE,
    }


def add_agreement(report: Report, runs: list[Summary]) -> list[Sheet]:
    """Say how far the detector and the judge agree on these runs; returns the table, if any."""
    labels = {Path(run.path): label_file(Path(run.path)) for run in runs}
    agreed, judges = agreement.figures(labels)
    report["agreement"] = agreed or None
    return agreement.tables(agreed, judges)


def add_words(report: Report, groups: Groups, spool: Spool, asked: tuple[str, ...]) -> None:
    """Give each condition its words, emoji and variety."""

    def counts() -> Iterator[Iterator[words.RunCounts]]:
        for runs in groups.values():
            yield (json.loads(spool.take(run, "words")) for run in runs)

    told = words.figures(counts, asked)
    for about, one, runs in zip(report["conditions"], told, counts(), strict=True):
        for row in itertools.chain(one["out"], one["emoji"], one["asked"]):
            row["share"] = share(row["inside"], row["of"])
        about["words"] = {**one, "variety": over_turns([run["variety"] for run in runs])}
