"""The report's figures as tables for people: the overview first, then each condition's own."""

from collections.abc import Iterator
from statistics import median
from typing import Any

from harness.report import needed, numbers, open_ended, patterns, stats
from harness.report.numbers import pvalue, share, span
from harness.screen.sheet import Sheet
from harness.states.names import FORMS, SHORT, STATES, THEMES
from harness.text import many, money, tokens

MANY = 8  # conditions from which on the terminal is sparing
LEGEND = 16  # different shares whose intervals can stand below a table
REASONS = 3  # shown per tool; --json has all
NONE = "·"
REACH = (
    "7/10 [40–89%] @8 [6, 11] is reach and onset. reach: runs that are in the state at any time, "
    "with the 95% interval of their share. onset: the message by which half of the runs have "
    "reached it, with its interval; –: no limit to be seen; <half: fewer than half reach it. A run "
    "that stopped without it is censored: it counts for as long as it lasted."
)
ENDS = (
    "ends in: the theme and the form that hold in the last messages. Why a run stopped (its limit, "
    "an error, a person) is another question, and a table of its own."
)


def tables(report: dict[str, Any], details: bool = True) -> list[Sheet]:
    """The overview, the comparison, then with `details` every condition's tables."""
    sheets = [*overview(report["conditions"]), *compared(report["compared"])]
    for condition in report["conditions"] if details else ():
        sheets += [sheet for sheet in condition_tables(condition) if sheet.rows]
    return [*sheets, *open_ended.tables(report["open_ended"]), *patterns.tables(report["patterns"])]


# ---------------------------------------------------------------- all conditions at once


def overview(conditions: list[dict[str, Any]]) -> list[Sheet]:
    """Conditions × states: what is reached and from when; conditions × endings."""
    sheets = [_reached(conditions), _ends(conditions)]
    return sheets + ([_words(conditions)] if any(map(_asked, conditions)) else [])


def _asked(about: dict[str, Any]) -> list[dict[str, Any]]:
    return about["words"]["asked"] if "words" in about else []


def _words(conditions: list[dict[str, Any]]) -> Sheet:
    words = [row["word"] for row in _asked(conditions[0])]
    rows = [
        [
            label,
            str(c["runs"]),
            *(
                f"{row['average']:.1f} {numbers.reach(row['share'])}\nmost {row['most']}"
                for row in _asked(c)
            ),
        ]
        for label, c in zip(labels(conditions), conditions, strict=True)
    ]
    note = "average uses a transcript, transcripts that have it, most in one"
    return Sheet("words asked for", ["condition", "n", *words], rows, note, 2, True)


def labels(conditions: list[dict[str, Any]]) -> list[str]:
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


def _reached(conditions: list[dict[str, Any]]) -> Sheet:
    seen = [s for s in STATES if any(c["states"][s]["reached"]["count"] for c in conditions)]
    short = _intervals([c["states"][s]["reached"] for c in conditions for s in seen], conditions)
    rows = [
        [label, str(c["runs"]), *(_reach(c["states"][state], bool(short)) for state in seen)]
        for label, c in zip(labels(conditions), conditions, strict=True)
    ]
    never = [SHORT[state] for state in STATES if state not in seen]
    note = f"{REACH} {NONE}: in no run{_none(conditions)}. {short}".strip()
    note += f" Reached by no run: {', '.join(never)}." if never else ""
    return Sheet(
        "which states are reached, and from when",
        ["condition", "n", *_named(seen)],
        rows,
        note,
        2,
        True,
    )


def _reach(row: dict[str, Any], short: bool) -> str:
    share, onset = row["reached"], row["onset"]
    if not share["count"]:
        return NONE
    if not short:
        return f"{numbers.reach(share)}\n@{numbers.onset(onset)}"
    at = "?" if onset is None else "<half" if onset["median"] is None else onset["median"]
    return f"{share['count']}/{share['of']} @{at}"


def _intervals(shares: list[dict[str, Any]], conditions: list[Any]) -> str:
    """The intervals of shares once below the table, where there are many rows and few different
    shares; else nothing, and they stand in the cells."""
    told = {(s["of"], s["count"]): numbers.reach(s) for s in shares if s["count"]}
    if len(conditions) <= MANY or len(told) > LEGEND:
        return ""
    return f"The intervals: {', '.join(told[key] for key in sorted(told))}. "


def _none(conditions: list[dict[str, Any]]) -> str:
    """What none of so many runs can mean, where all conditions have as many."""
    sizes = {condition["runs"] for condition in conditions}
    return f", {numbers.reach(stats.share(0, sizes.pop()))}" if len(sizes) == 1 else ""


def _named(states: list[str]) -> list[str]:
    return [f"{SHORT[state]}{' (form)' if state in FORMS else ''}" for state in states]


def _ends(conditions: list[dict[str, Any]]) -> Sheet:
    seen = [
        (kind, state)
        for kind, names in (("theme", THEMES), ("form", FORMS))
        for state in (*names, "none")
        if any(condition["ending"][kind][state]["count"] for condition in conditions)
    ]
    short = _intervals([c["ending"][kind][s] for c in conditions for kind, s in seen], conditions)
    rows = [
        [label, str(c["runs"]), *(_end(c["ending"][kind][s], bool(short)) for kind, s in seen)]
        for label, c in zip(labels(conditions), conditions, strict=True)
    ]
    columns = [f"no {kind}" if state == "none" else _named([state])[0] for kind, state in seen]
    return Sheet("what runs end in", ["condition", "n", *columns], rows, short + ENDS, 2, True)


def _end(row: dict[str, Any], short: bool) -> str:
    if not row["count"]:
        return NONE
    return f"{row['count']}/{row['of']}" if short else numbers.reach(row)


# ---------------------------------------------------------------- one condition


def condition_tables(about: dict[str, Any]) -> list[Sheet]:
    """One condition's tables; some may have no rows."""
    title = f"{about['name']} · n = {about['runs']}, {about['messages']:,} messages"
    return [
        Sheet(
            title,
            ["state", "", "runs that reach it", "onset: message", "time in it", "ends in it"],
            _states(about),
            "time in it: mean share of a run's messages.",
        ),
        Sheet(
            "what follows what: of all times that a theme was left for another",
            ["from", "to", "times", "of all that leave it"],
            [
                [SHORT[t["from"]], SHORT[t["to"]], str(t["count"]), share(t)]
                for t in about["transitions"]
            ],
        ),
        Sheet(
            "forms: over which themes, from when, for how long",
            ["form", "runs", "onset: message", "spans", "messages in a span", "over"],
            [_form(row) for row in about["forms"]],
            "messages in a span: the median, with its 95% interval from six spans on. A span "
            "that still holds when its run stops is censored: it would have gone on.",
        ),
        Sheet(
            "tool attempts",
            ["tool", "attempts", "runs with one", "outcome", "reasons given"],
            [_tool(row) for row in about["attempts"]],
        ),
        Sheet(
            "interjections and what followed",
            [
                "by",
                "words",
                "n",
                "state ended",
                "came back",
                "partner's tool call",
                "declined",
                "named it",
            ],
            [_interjection(row) for row in about["interjections"]],
            "state ended: it showed in at most two more messages, among runs that went on for "
            "long enough to tell; declined, named it: rough English word cues.",
            2,
        ),
        needed.table(about["needed"]),
        Sheet(
            "message length, characters",
            ["turns", "runs", "median", "95%"],
            [
                [
                    f"{row['from_turn']}–{row['to_turn']}",
                    str(row["runs"]),
                    f"{row['median']:,.0f}",
                    span(row["low"], row["high"], 1, ",.0f"),
                ]
                for row in about["lengths"]
            ],
        ),
        *word_tables(about),
        Sheet(
            "why runs stopped",
            ["reason", "runs"],
            [[reason, share(row)] for reason, row in about["stopped"].items()],
        ),
        Sheet(
            "on the way",
            ["what", "times", "runs with it"],
            [[row["what"], str(row["times"]), share(row["runs"])] for row in about["incidents"]],
        ),
        Sheet("spent", ["tokens in", "from cache", "out", "cost"], [_spent(about)]),
    ]


def _states(about: dict[str, Any]) -> list[list[str]]:
    rows = []
    for state, row in about["states"].items():
        if row["reached"]["count"]:
            time, ends = row["spent"], about["ending"][row["kind"]][state]
            spent = f"{100 * time['mean']:.0f}% {span(time['low'], time['high'])}".strip()
            rows.append(
                [
                    SHORT[state],
                    row["kind"],
                    share(row["reached"]),
                    numbers.onset(row["onset"]),
                    spent,
                    share(ends),
                ]
            )
    for kind in ("theme", "form"):
        none = about["ending"][kind]["none"]
        rows.append([f"no {kind}", "", "", "", "", share(none)])
    return rows


def _form(row: dict[str, Any]) -> list[str]:
    length, held = row["length"], row["to_the_end"]
    lasted = f"{length['median']:.0f} {span(length['low'], length['high'], 1)}".strip()
    lasted += f", {held} to the end" if held else ""
    over = ", ".join(
        f"{SHORT.get(t['theme'], 'no theme')} {100 * t['share']:.0f}%" for t in row["themes"]
    )
    return [
        SHORT[row["form"]],
        share(row["reached"]),
        numbers.onset(row["onset"]),
        str(row["spans"]),
        lasted,
        over,
    ]


def _tool(row: dict[str, Any]) -> list[str]:
    outcomes = ", ".join(f"{name} {n}" for name, n in row["outcomes"].items())
    reasons = [
        " ".join(reason[:160].split()) + (f" ×{n}" if n > 1 else "")
        for reason, n in row["reasons"][:REASONS]
    ]
    more = len(row["reasons"]) - REASONS
    return [
        row["tool"],
        str(row["attempts"]),
        share(row["runs"]),
        outcomes,
        " | ".join(reasons) + (f" | and {more} more" if more > 0 else ""),
    ]


def _interjection(row: dict[str, Any]) -> list[str]:
    back, called = row["returned_after"], row["tool_after"]
    return [
        row["source"],
        " ".join(row["name"][:40].split()),
        str(row["count"]),
        share(row["ended"]),
        share(row["returned"]) + (f", after {median(back):.0f}" if back else ""),
        share(row["tool"]) + (f", after {median(called):.0f}" if called else ""),
        share(row["declines"]),
        share(row["names_it"]),
    ]


def _spent(about: dict[str, Any]) -> list[str]:
    used, runs = about["tokens"], about["runs"]
    lack = f" (unknown in {runs - about['tokens_known']})" if about["tokens_known"] < runs else ""
    cost = money(about["cost_usd"])
    if 0 < about["cost_known"] < runs:
        cost += f", and unknown in {runs - about['cost_known']} of {runs} runs"
    if not used:
        return ["unknown", "unknown", "unknown", cost]
    return [tokens(used["input"]) + lack, tokens(used["cache_read"]), tokens(used["output"]), cost]


def word_tables(about: dict[str, Any]) -> Iterator[Sheet]:
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
            [
                f"{row['from_turn']}–{row['to_turn']}",
                str(row["runs"]),
                f"{row['median']:.0f}",
                span(row["low"], row["high"], 1),
            ]
            for row in counted["variety"]
        ],
    )


def _word(row: dict[str, Any]) -> list[str]:
    return [row["word"], f"{row['average']:.1f}", share(row["share"]), str(row["most"])]


# ---------------------------------------------------------------- comparisons


def compared(told: dict[str, Any] | None) -> list[Sheet]:
    """A table for each pair of conditions."""
    columns = ["state", "A", "B", "A − B", "p", "p (Holm)", "hazard A/B", "p", "p (Holm)"]
    return [
        Sheet(
            _pair_title(pair), columns, [_difference(row) for row in pair["states"]], _small(pair)
        )
        for pair in (told or {"pairs": ()})["pairs"]
    ]


def _pair_title(pair: dict[str, Any]) -> str:
    sides = (f"A: {pair['a']} (n = {pair['n_a']})", f"B: {pair['b']} (n = {pair['n_b']})")
    differ = " against ".join(
        ", ".join(pair[side]) or "without" for side in ("differ_a", "differ_b")
    )
    return f"{sides[0]}  against  {sides[1]}\nthey differ in {', '.join(pair['differ'])}: {differ}"


def _small(pair: dict[str, Any]) -> str:
    """What is too small to be seen with so many runs."""
    if pair["least_p"] >= stats.ALPHA:
        return (
            "too few runs to find any difference of rates: even all against none would give "
            f"p = {pvalue(pair['least_p'])}"
        )
    if pair["least_p_holm"] >= stats.ALPHA:
        return (
            "too few runs to find any difference of rates: even all against none would give "
            f"p = {pvalue(pair['least_p'])}, {pvalue(pair['least_p_holm'])} after Holm's correction"
        )
    least = pair["least_rate"]
    return (
        f"too small to be seen with so many runs: rates closer than 0/{pair['n_a']} against "
        f"{least}/{pair['n_b']}, the least that gives p < {stats.ALPHA} before any correction"
    )


def _difference(row: dict[str, Any]) -> list[str]:
    rate, onset = row["rate"], row["onset"]
    cells = [
        SHORT[row["state"]],
        f"{row['a']['count']}/{row['a']['of']}",
        f"{row['b']['count']}/{row['b']['of']}",
        f"{100 * rate['difference']:+.0f} {span(rate['low'], rate['high'], sign=True)}",
        pvalue(rate["p"]),
        pvalue(rate["p_holm"]),
    ]
    if not onset:
        return [*cells, "?", "?", "?"]
    hazard = numbers.ratio(onset["hazard_ratio"], *onset["interval"])
    return [*cells, hazard, pvalue(onset["p"]), pvalue(onset["p_holm"])]


# ---------------------------------------------------------------- notes


def notes(report: dict[str, Any]) -> list[str]:
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
    if report["branches"]:
        told.append(
            f"branches: {report['branches']}; each shares its beginning with another "
            "run, and with both counted the intervals are too narrow"
        )
    if report["missing"]:
        told.append(report["missing"])
    if len(report["conditions"]) > 1:
        told.append("intervals are for one figure at a time; of twenty true ones, one is missed")
    return told + patterns.notes(report["patterns"]) + _about(report["compared"])


def _about(told: dict[str, Any] | None) -> list[str]:
    if not told or told["missing"]:
        return []
    tests = {row["rate"]["test"] for pair in told["pairs"] for row in pair["states"]}
    pairs = many(len(told["pairs"]), "pair")
    return [
        f"rates: {' or '.join(sorted(tests)) or 'no'} exact test, difference in percentage points "
        "with Newcombe's interval; onsets: log-rank test, above 1 is earlier or oftener in A; "
        f"Holm's correction: over one family of {many(told['tests'], 'test')} of rates, and one of "
        f"{many(told['onset_tests'], 'test')} of onsets ({pairs} of conditions, each with the "
        "states that either reaches)"
    ]
