"""The report's figures as tables for people, and as CSV."""

import csv
import io
from statistics import median
from typing import Any

from harness.report.runs import Run
from harness.report.stats import ALPHA
from harness.states.names import SHORT, STATES

Table = tuple[str, list[str], list[list[str]]]  # title, columns, rows
REASONS = 3  # shown per tool; --json has all


def tables(report: dict[str, Any]) -> list[Table]:
    """Every condition's tables, then the comparison's."""
    found: list[Table] = []
    for condition in report["conditions"]:
        found += [table for table in condition_tables(condition) if table[2]]
    return found + (_compared(report["compared"]) if report["compared"] else [])


def condition_tables(about: dict[str, Any]) -> list[Table]:
    """One condition's tables; some may be empty."""
    title = f"{about['name']} · n = {about['runs']}, {about['messages']} messages"
    return [
        (title, ["state", "runs that reach it", "onset: message", "time in it", "ends in it"],
         _states(about)),
        ("what follows what", ["from", "to", "times", "of all that leave it"],
         [[SHORT[t["from"]], SHORT[t["to"]], str(t["count"]), share(t)]
          for t in about["transitions"]]),
        ("tool attempts", ["tool", "attempts", "runs with one", "outcome", "reasons given"],
         [_tool(row) for row in about["attempts"]]),
        ("interjections and what followed", ["by", "words", "n", "state ended", "came back",
         "partner's tool call", "declined", "named it"],
         [_interjection(row) for row in about["interjections"]]),
        ("message length, characters", ["turns", "runs", "median", "95%"],
         [[f"{row['from_turn']}–{row['to_turn']}", str(row["runs"]), f"{row['median']:,.0f}",
           span(row["low"], row["high"], 1, ",.0f")] for row in about["lengths"]]),
        ("how runs ended", ["reason", "runs"],
         [[reason, share(row)] for reason, row in about["ended"].items()]),
        ("spent", ["tokens in", "from cache", "out", "cost"], [_spent(about)]),
    ]  # fmt: skip


def _states(about: dict[str, Any]) -> list[list[str]]:
    rows = []
    for state, row in about["states"].items():
        if row["reached"]["count"]:
            time, ends = row["spent"], about["terminal"][state]
            spent = f"{100 * time['mean']:.0f}% {span(time['low'], time['high'])}".strip()
            rows.append([SHORT[state], share(row["reached"]), _onset(row["onset"]), spent,
                         share(ends)])  # fmt: skip
    none = about["terminal"]["none"]
    return rows + ([["none", "", "", "", share(none)]] if none["count"] or not rows else [])


def _onset(onset: dict[str, Any] | None) -> str:
    if onset is None:
        return "?"
    if onset["median"] is None:
        return "in fewer than half"
    low, high = ("–" if t is None else f"{t}" for t in (onset["low"], onset["high"]))
    return f"{onset['median']} [{low}, {high}]"


def _tool(row: dict[str, Any]) -> list[str]:
    outcomes = ", ".join(f"{name} {n}" for name, n in row["outcomes"].items())
    reasons = [f"{reason[:160]} ×{n}" if n > 1 else reason[:160]
               for reason, n in row["reasons"][:REASONS]]  # fmt: skip
    more = len(row["reasons"]) - REASONS
    return [row["tool"], str(row["attempts"]), share(row["runs"]), outcomes,
            " | ".join(reasons) + (f" | and {more} more" if more > 0 else "")]  # fmt: skip


def _interjection(row: dict[str, Any]) -> list[str]:
    back, called = row["returned_after"], row["tool_after"]
    return [
        row["source"], row["name"][:40], str(row["count"]), share(row["ended"]),
        share(row["returned"]) + (f", after {median(back):.0f}" if back else ""),
        share(row["tool"]) + (f", after {median(called):.0f}" if called else ""),
        share(row["declines"]), share(row["names_it"]),
    ]  # fmt: skip


def _spent(about: dict[str, Any]) -> list[str]:
    from harness.text import money, tokens

    used, runs = about["tokens"], about["runs"]
    lack = f" (unknown in {runs - about['tokens_known']})" if about["tokens_known"] < runs else ""
    cost = money(about["cost_usd"])
    if 0 < about["cost_known"] < runs:
        cost += f", and unknown in {runs - about['cost_known']} of {runs} runs"
    if not used:
        return ["unknown", "unknown", "unknown", cost]
    return [tokens(used["input"]) + lack, tokens(used["cache_read"]), tokens(used["output"]), cost]


def _compared(compared: dict[str, Any]) -> list[Table]:
    found = []
    for pair in compared["pairs"]:
        title = f"A: {pair['a']} (n = {pair['n_a']})  against  B: {pair['b']} (n = {pair['n_b']})"
        columns = ["state", "A", "B", "A − B", "p", "p (Holm)", "hazard A/B", "p", "p (Holm)"]
        rows = [_difference(row) for row in pair["states"]]
        found.append((title + _too_few(pair), columns, rows))
    return found


def _too_few(pair: dict[str, Any]) -> str:
    """Whether no outcome at all could have made a difference of rates look real."""
    if pair["least_p_holm"] < ALPHA:
        return ""
    most = f"even all against none would give p = {pvalue(pair['least_p'])}"
    if pair["least_p"] < ALPHA:
        most += f", {pvalue(pair['least_p_holm'])} after Holm's correction"
    return f"\ntoo few runs to find any difference of rates: {most}"


def _difference(row: dict[str, Any]) -> list[str]:
    rate, onset = row["rate"], row["onset"]
    cells = [
        SHORT[row["state"]], f"{row['a']['count']}/{row['a']['of']}",
        f"{row['b']['count']}/{row['b']['of']}",
        f"{100 * rate['difference']:+.0f} {span(rate['low'], rate['high'], sign=True)}",
        pvalue(rate["p"]), pvalue(rate["p_holm"]),
    ]  # fmt: skip
    if not onset:
        return [*cells, "?", "?", "?"]
    low, high = onset["interval"]
    ratio = f"{onset['hazard_ratio']:.2g} [{low:.2g}, {high:.2g}]"
    return [*cells, ratio, pvalue(onset["p"]), pvalue(onset["p_holm"])]


def notes(report: dict[str, Any]) -> list[str]:
    """What a reader must know: what was left out, what is missing, and what is too little."""
    found = [f"skipped {path}: {why}" for path, why in report["skipped_logs"]]
    lines: dict[str, list[int]] = {}
    for path, line, _ in report["skipped_lines"]:
        lines.setdefault(path, []).append(line)
    for path, numbers in lines.items():
        first = ", ".join(map(str, numbers[:5])) + (", …" if len(numbers) > 5 else "")
        found.append(f"{path}: {len(numbers)} lines skipped (line {first})")
    if any(condition["demo"] for condition in report["conditions"]):
        found.append("scripted demos are no language models and say nothing about any")
    if report.get("labels", {}).get("of") == "judge":
        found.append(f"states are the labels of {report['labels']['judges']}, not of the rules")
    if report["branches"]:
        found.append(
            f"branches: {report['branches']}; each shares its beginning with another "
            "run, and with both counted the intervals are too narrow"
        )
    if report["missing"]:
        found.append(report["missing"])
    return found + _about(report["compared"]) if report["compared"] else found


def _about(compared: dict[str, Any]) -> list[str]:
    if compared["missing"]:
        return []
    tests = {row["rate"]["test"] for pair in compared["pairs"] for row in pair["states"]}
    return [
        f"rates: {' or '.join(sorted(tests)) or 'no'} exact test, difference in percentage points "
        "with Newcombe's interval; onsets: log-rank test, above 1 is earlier or oftener "
        f"in A; Holm's correction over the {compared['tests']} tests of each kind"
    ]


def as_csv(runs: list[Run]) -> str:
    """One row per run: its settings, what it came to, and per state onset and messages in it."""
    settings = sorted({name for run in runs for name in run.condition})
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    states = [f"{kind}_{state}" for state in STATES for kind in ("onset", "messages_in")]
    writer.writerow(
        [
            "log",
            "demo",
            *settings,
            "messages",
            "terminal_theme",
            "terminal_form",
            "lock_in",
            "tool_attempts",
            "interjections",
            "tokens_in",
            "tokens_out",
            "cost_usd",
            "end",
            *states,
        ]
    )
    for run in runs:
        used = run.tokens or {}
        ends = [run.ending.theme or "none", run.ending.form or "none"]
        per_state = [value for s in STATES for value in (run.onset(s), run.spent(s))]
        row = [run.path, run.demo, *(run.condition.get(name) for name in settings), run.messages,
               *ends, run.recurrence["lock_in"], len(run.attempts), len(run.interjections),
               used.get("input"), used.get("output"), run.cost, run.end, *per_state]  # fmt: skip
        writer.writerow([_cell(value) for value in row])
    return out.getvalue()


def _cell(value: Any) -> Any:
    """Text that a spreadsheet would run as a formula is kept from it."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@") else value


# ---------------------------------------------------------------- words for numbers


def share(row: dict[str, Any]) -> str:
    """7/10 70% [40–89]."""
    if not row["of"]:
        return "–"
    interval = span(row["low"], row["high"])
    return f"{row['count']}/{row['of']} {100 * row['share']:.0f}% {interval}"


def span(low: float | None, high: float | None, scale: float = 100, form: str = ".0f",
         sign: bool = False) -> str:  # fmt: skip
    """An interval in brackets, nothing where there is none."""
    if low is None or high is None:
        return ""
    form = "+" + form if sign else form
    return f"[{scale * low:{form}}{' to ' if sign else '–'}{scale * high:{form}}]"


def pvalue(p: float) -> str:
    """A p-value with two digits, or that it is tiny."""
    return "<.0001" if p < 0.0001 else f"{p:.2g}"
