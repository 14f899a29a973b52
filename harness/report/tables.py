"""The report's figures as tables for people: the overview first, then each condition's own."""

from harness.report import numbers, open_ended, pair_tables, patterns, stats
from harness.report.condition_tables import condition_tables
from harness.report.shapes import KINDS, ConditionFigures, Report, Share, StateFigures, Word
from harness.screen.sheet import Sheet
from harness.states.names import FORMS, SHORT, STATES, THEMES
from harness.text import many

MANY = 8  # conditions from which on the terminal is sparing
LEGEND = 16  # different shares whose intervals can stand below a table
NONE = "·"
REACH_NOTE = (
    "7/10 [40–89%] @8 [6, 11] is reach and onset. reach: runs that are in the state at any time, "
    "with the 95% interval of their share. onset: the message by which half of the runs have "
    "reached it, with its interval; –: no limit to be seen; <half: fewer than half reach it. A run "
    "that stopped without it is censored: it counts for as long as it lasted."
)
ENDS_NOTE = (
    "ends in: the theme and the form that hold in the last messages. Why a run stopped (its limit, "
    "an error, a person) is another question, and a table of its own."
)


def tables(report: Report, details: bool = True) -> list[Sheet]:
    """The overview, the comparison, then with `details` every condition's tables."""
    sheets = [*overview(report["conditions"]), *pair_tables.compared(report["compared"])]
    for condition in report["conditions"] if details else ():
        sheets += [sheet for sheet in condition_tables(condition) if sheet.rows]
    return [*sheets, *open_ended.tables(report["open_ended"]), *patterns.tables(report["patterns"])]


# ---------------------------------------------------------------- all conditions at once


def overview(conditions: list[ConditionFigures]) -> list[Sheet]:
    """Conditions × states: what is reached and from when; conditions × endings."""
    sheets = [_reached(conditions), _ends(conditions)]
    return sheets + ([_words(conditions)] if any(map(_asked, conditions)) else [])


def _asked(about: ConditionFigures) -> list[Word]:
    return about["words"]["asked"] if "words" in about else []


def _words(conditions: list[ConditionFigures]) -> Sheet:
    words = [row["word"] for row in _asked(conditions[0])]
    rows = [
        [
            label,
            str(c["runs"]),
            *(
                f"{row['average']:.1f} {numbers.brief(row['share'])}\nmost {row['most']}"
                for row in _asked(c)
            ),
        ]
        for label, c in zip(labels(conditions), conditions, strict=True)
    ]
    note = "average uses a transcript, transcripts that have it, most in one"
    return Sheet("words asked for", ["condition", "n", *words], rows, note, 2, True)


def labels(conditions: list[ConditionFigures]) -> list[str]:
    """The conditions' names without what all have in common; a model with itself is `× same`."""
    called = [condition["name"].split(" · ") for condition in conditions]
    for parts in called:
        a, times, b = parts[0].partition(" × ")
        parts[0] = f"{a} × same" if times and a == b else parts[0]
    if len(called) < 2:
        return [" · ".join(parts) for parts in called]
    common = set.intersection(*map(set, called))
    short = [" · ".join(part for part in parts if part not in common) for parts in called]
    return [name or " · ".join(parts) for name, parts in zip(short, called, strict=True)]


def _reached(conditions: list[ConditionFigures]) -> Sheet:
    seen = [s for s in STATES if any(c["states"][s]["reached"]["count"] for c in conditions)]
    short = _intervals([c["states"][s]["reached"] for c in conditions for s in seen], conditions)
    rows = [
        [label, str(c["runs"]), *(_reach(c["states"][state], bool(short)) for state in seen)]
        for label, c in zip(labels(conditions), conditions, strict=True)
    ]
    never = [SHORT[state] for state in STATES if state not in seen]
    note = f"{REACH_NOTE} {NONE}: in no run{_none(conditions)}. {short}".strip()
    note += f" Reached by no run: {', '.join(never)}." if never else ""
    return Sheet(
        "which states are reached, and from when",
        ["condition", "n", *_named(seen)],
        rows,
        note,
        2,
        True,
    )


def _reach(row: StateFigures, short: bool) -> str:
    share, onset = row["reached"], row["onset"]
    if not share["count"]:
        return NONE
    if not short:
        return f"{numbers.brief(share)}\n@{numbers.when(onset)}"
    at = "?" if onset is None else "<half" if onset["median"] is None else onset["median"]
    return f"{share['count']}/{share['of']} @{at}"


def _intervals(shares: list[Share], conditions: list[ConditionFigures]) -> str:
    """The intervals of shares once below the table, where there are many rows and few different
    shares; else nothing, and they stand in the cells."""
    told = {(s["of"], s["count"]): numbers.brief(s) for s in shares if s["count"]}
    if len(conditions) <= MANY or len(told) > LEGEND:
        return ""
    return f"The intervals: {', '.join(told[key] for key in sorted(told))}. "


def _none(conditions: list[ConditionFigures]) -> str:
    """What none of so many runs can mean, where all conditions have as many."""
    sizes = {condition["runs"] for condition in conditions}
    return f", {numbers.brief(stats.share(0, sizes.pop()))}" if len(sizes) == 1 else ""


def _named(states: list[str]) -> list[str]:
    return [f"{SHORT[state]}{' (form)' if state in FORMS else ''}" for state in states]


def _ends(conditions: list[ConditionFigures]) -> Sheet:
    seen = [
        (kind, state)
        for kind, names in zip(KINDS, (THEMES, FORMS), strict=True)
        for state in (*names, "none")
        if any(condition["ending"][kind][state]["count"] for condition in conditions)
    ]
    short = _intervals([c["ending"][kind][s] for c in conditions for kind, s in seen], conditions)
    rows = [
        [label, str(c["runs"]), *(_end(c["ending"][kind][s], bool(short)) for kind, s in seen)]
        for label, c in zip(labels(conditions), conditions, strict=True)
    ]
    columns = [f"no {kind}" if state == "none" else _named([state])[0] for kind, state in seen]
    return Sheet("what runs end in", ["condition", "n", *columns], rows, short + ENDS_NOTE, 2, True)


def _end(row: Share, short: bool) -> str:
    if not row["count"]:
        return NONE
    return f"{row['count']}/{row['of']}" if short else numbers.brief(row)


# ---------------------------------------------------------------- notes


def notes(report: Report) -> list[str]:
    """What a reader must know: what was left out, what is missing, and what is too little."""
    told = [report["labels"]["words"]]
    told += [f"skipped {path}: {why}" for path, why in report["skipped_logs"]]
    lines: dict[str, list[int]] = {}
    for path, line, _ in report["skipped_lines"]:
        lines.setdefault(path, []).append(line)
    for path, places in lines.items():
        first = ", ".join(map(str, places[:5])) + (", …" if len(places) > 5 else "")
        told.append(f"{path}: {many(len(places), 'line')} skipped (line {first})")
    if any(condition["demo"] for condition in report["conditions"]):
        told.append("scripted demos are no language models and say nothing about any")
    if report["foreign"]:
        told.append(
            f"themes: {many(report['foreign'], 'run')} not in English, of which the detector "
            "knows no themes: they count as having none; a judge reads any language"
        )
    if report["branches"]:
        told.append(
            f"branches: {report['branches']}; each shares its beginning with another "
            "run, and with both counted the intervals are too narrow"
        )
    if report["missing"]:
        told.append(report["missing"])
    if len(report["conditions"]) > 1:
        told.append("intervals are for one figure at a time; of twenty true ones, one is missed")
    return told + patterns.notes(report["patterns"]) + pair_tables.notes(report["compared"])
