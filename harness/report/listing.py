"""The states of logs, listed: each span with the words that made it.

    python attractor.py states logs/run_….jsonl
    python attractor.py states logs --json > states.jsonl      a line of JSON for each log

Works without LiteLLM: states are derived from the messages. What followed counts too, so a state
may begin or end at another message than its badge said while the run went on.
"""

import json
import sys
from dataclasses import asdict

from harness.files import Json
from harness.parser import Parser
from harness.states.detect import Detector
from harness.states.names import kind_of
from harness.talk import transcript
from harness.talk.logs import add_logs, load, logs_in
from harness.talk.transcript import Transcript
from harness.text import UserError, visible


def command(arguments: list[str]) -> int:
    """List the spans of attractor states in logs, each with the words that made it."""
    parser = Parser(prog="attractor.py states", description=__doc__)
    add_logs(parser)
    parser.add_argument("--json", action="store_true", help="a line of JSON for each log")
    args = parser.parse_args(arguments)
    from harness.screen.tables import Tables

    show, listed, problems = Tables(), 0, list[str]()
    for path in logs_in(args.logs):
        try:
            read = load(path, transcript.follow)
        except UserError as error:
            if path in args.logs:
                problems.append(str(error))
                continue
            print(f"attractor: skipped: {visible(str(error))}", file=sys.stderr)
            continue
        listed += 1
        if args.json:
            show.output(json.dumps(verdicts(read)))
        else:
            show.spans(read.path, read.skipped, verdicts(read))
    if problems:
        raise UserError("; ".join(problems))
    if not listed:
        raise UserError("no log is in there: " + ", ".join(map(str, args.logs)))
    return 0


def verdicts(read: Transcript) -> Json:
    """Everything the detector says of a log, for machines."""
    detector, turns = Detector(), list[int]()
    for event in read.one_by_one():  # once: a followed log is read from the disk each time
        detector.turn(event)
        turns.append(event["turn"])
    ending = detector.ending()
    return {
        "log": str(read.path),
        "messages": len(turns),
        "english": detector.english,
        "demo": bool(read.config.get("demo")),
        "spans": [
            {
                "state": span.state,
                "kind": kind_of(span.state),
                "start": span.start,
                "end": span.end,
                "turns": [turns[span.start], turns[span.end]],
                "evidence": [{"message": e.message, "words": e.words} for e in span.evidence],
            }
            for span in detector.spans()
        ],
        "path": [asdict(stretch) for stretch in detector.path()],
        "path_words": detector.path_words(),
        "ending": asdict(ending) | {"states": ending.states},
        "terminal": ending.terminal,
        "recurrence": detector.recurrence(),
        "skipped": read.skipped,
    }
