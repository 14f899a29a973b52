"""One condition's figures as tables for people."""

from collections.abc import Iterator
from statistics import median

from harness.report import needed
from harness.report.numbers import percent, span, when
from harness.report.shapes import (
    KINDS,
    ConditionFigures,
    Followed,
    FormFigures,
    OverTurns,
    Share,
    StateFigures,
    ToolFigures,
    Word,
)
from harness.screen.sheet import Sheet
from harness.states.names import SHORT
from harness.text import flat, money, tokens

REASONS = 3  # shown per tool; --json has all
TIME_NOTE = "time in it: mean share of a run's messages; several states can hold at once."
MEDIAN_NOTE = "median over the runs; 95%: its interval, from six runs on."


def condition_tables(about: ConditionFigures) -> list[Sheet]:
    """One condition's tables; some may have no rows."""
    return [
        _states(about),
        _transitions(about),
        _forms(about),
        _tools(about),
        _interjections(about),
        needed.table(about["needed"]),
        _lengths(about),
        *_words(about),
        *_runs(about),
    ]


def _states(about: ConditionFigures) -> Sheet:
    columns = ["state", "", "runs that reach it", "onset: message", "time in it", "ends in it"]
    rows = [
        _state(state, row, about["ending"][row["kind"]][state])
        for state, row in about["states"].items()
        if row["reached"]["count"]
    ]
    for kind in KINDS:
        none = about["ending"][kind]["none"]
        rows.append([f"no {kind}", "", "", "", "", percent(none)])
    title = f"{about['name']} · n = {about['runs']}, {about['messages']:,} messages"
    return Sheet(title, columns, rows, TIME_NOTE)


def _state(state: str, row: StateFigures, ends: Share) -> list[str]:
    time = row["spent"]
    spent = f"{100 * time['mean']:.0f}% {span(time['low'], time['high'])}".strip()
    onset = when(row["onset"])
    return [SHORT[state], row["kind"], percent(row["reached"]), onset, spent, percent(ends)]


def _transitions(about: ConditionFigures) -> Sheet:
    return Sheet(
        "what follows what: of all times that a theme was left for another",
        ["from", "to", "times", "of all that leave it"],
        [
            [SHORT[t["from"]], SHORT[t["to"]], str(t["count"]), percent(t)]
            for t in about["transitions"]
        ],
    )


def _forms(about: ConditionFigures) -> Sheet:
    return Sheet(
        "forms: over which themes, from when, for how long",
        ["form", "runs", "onset: message", "spans", "messages in a span", "over"],
        [_form(row) for row in about["forms"]],
        "messages in a span: the median, with its 95% interval from six spans on. A span "
        "that still holds when its run stops is censored: it would have gone on.",
    )


def _form(row: FormFigures) -> list[str]:
    length, held = row["length"], row["to_the_end"]
    lasted = f"{length['median']:.0f} {span(length['low'], length['high'], 1)}".strip()
    lasted += f", {held} to the end" if held else ""
    over = ", ".join(
        f"{SHORT.get(t['theme'], 'no theme')} {100 * t['share']:.0f}%" for t in row["themes"]
    )
    return [
        SHORT[row["form"]],
        percent(row["reached"]),
        when(row["onset"]),
        str(row["spans"]),
        lasted,
        over,
    ]


def _tools(about: ConditionFigures) -> Sheet:
    columns = ["tool", "attempts", "runs with one", "outcome", "reasons given"]
    return Sheet("tool attempts", columns, [_tool(row) for row in about["attempts"]])


def _tool(row: ToolFigures) -> list[str]:
    outcomes = ", ".join(f"{name} {n}" for name, n in row["outcomes"].items())
    reasons = [
        flat(reason[:160]) + (f" ×{n}" if n > 1 else "") for reason, n in row["reasons"][:REASONS]
    ]
    more = len(row["reasons"]) - REASONS
    return [
        row["tool"],
        str(row["attempts"]),
        percent(row["runs"]),
        outcomes,
        " | ".join(reasons) + (f" | and {more} more" if more > 0 else ""),
    ]


def _interjections(about: ConditionFigures) -> Sheet:
    ended = ["state ended", "came back", "partner's tool call", "declined", "named it"]
    return Sheet(
        "interjections and what followed",
        ["by", "words", "n", *ended],
        [_interjection(row) for row in about["interjections"]],
        "state ended: it showed in at most two more messages, among runs that went on for "
        "long enough to tell; declined, named it: rough English word cues.",
        2,
    )


def _interjection(row: Followed) -> list[str]:
    back, called = row["returned_after"], row["tool_after"]
    return [
        row["source"],
        flat(row["name"][:40]),
        str(row["count"]),
        percent(row["ended"]),
        percent(row["returned"]) + (f", after {median(back):.0f}" if back else ""),
        percent(row["tool"]) + (f", after {median(called):.0f}" if called else ""),
        percent(row["declines"]),
        percent(row["names_it"]),
    ]


def _lengths(about: ConditionFigures) -> Sheet:
    rows = [
        [*_turns(row), f"{row['median']:,.0f}", span(row["low"], row["high"], 1, ",.0f")]
        for row in about["lengths"]
    ]
    columns = ["turns", "runs", "median", "95%"]
    return Sheet("message length, characters", columns, rows, MEDIAN_NOTE)


def _turns(row: OverTurns) -> list[str]:
    first, last = row["from_turn"], row["to_turn"]
    return [str(first) if first == last else f"{first}–{last}", str(row["runs"])]


def _runs(about: ConditionFigures) -> list[Sheet]:
    """How the runs went as runs, which says nothing of their states."""
    stopped = [[reason, percent(row)] for reason, row in about["stopped"].items()]
    incidents = [[r["what"], str(r["times"]), percent(r["runs"])] for r in about["incidents"]]
    return [
        Sheet("why runs stopped", ["reason", "runs"], stopped),
        Sheet("on the way", ["what", "times", "runs with it"], incidents),
        Sheet("spent", ["tokens in", "from cache", "out", "cost"], [_spent(about)]),
    ]


def _spent(about: ConditionFigures) -> list[str]:
    used, runs = about["tokens"], about["runs"]
    lack = f" (unknown in {runs - about['tokens_known']})" if about["tokens_known"] < runs else ""
    if not used:
        return ["unknown", "unknown", "unknown", cost_words(about)]
    read = [tokens(used["input"]) + lack, tokens(used["cache_read"])]
    return [*read, tokens(used["output"]), cost_words(about)]


def cost_words(about: ConditionFigures) -> str:
    """What the runs cost, and of how many that is unknown."""
    known, runs = about["cost_known"], about["runs"]
    unknown = f", and unknown in {runs - known} of {runs} runs" if 0 < known < runs else ""
    return money(about["cost_usd"]) + unknown


def _words(about: ConditionFigures) -> Iterator[Sheet]:
    """Words and emoji of a condition, where they were counted."""
    counted = about.get("words")
    if not counted:
        return
    columns = ["average uses a transcript", "transcripts that have it", "most in one"]
    yield Sheet(
        "words that stand out against the other conditions",
        ["word", columns[0], "in the others", *columns[1:]],
        [[*_word(row)[:2], f"{row['elsewhere']:.1f}", *_word(row)[2:]] for row in counted["out"]],
        "in order of Welch's t of log(1 + uses per 1,000 words), a transcript counting once; an "
        "order, not a test.",
    )
    yield Sheet("emoji", ["emoji", *columns], [_word(row) for row in counted["emoji"]])
    yield Sheet(
        "lexical variety",
        ["turns", "runs", "different words in 100", "95%"],
        [
            [*_turns(row), f"{row['median']:.0f}", span(row["low"], row["high"], 1)]
            for row in counted["variety"]
        ],
        MEDIAN_NOTE,
    )


def _word(row: Word) -> list[str]:
    return [row["word"], f"{row['average']:.1f}", percent(row["share"]), str(row["most"])]
