"""How far judge and detector agree, message by message: Cohen's kappa with its interval, and PABAK.

A table counts messages: row = what the detector says, column = what the judge says.

kappa = (po - pe) / (1 - pe), po the share on the diagonal, pe that share if both read at random
with their own frequencies (Cohen 1960, Educ. Psychol. Meas. 20:37). Its standard error is that of
Fleiss, Cohen & Everitt (1969, Psychol. Bull. 72:323). Where a state is rare kappa falls although
the readers hardly ever differ; PABAK = 2 po - 1 (Byrt, Bishop & Carlin 1993, J. Clin. Epidemiol.
46:423) does not. Messages of one run hang together, so from ENOUGH_RUNS on the interval is the
wider one of that formula's and of the jackknife's over runs; below it is too narrow, and says so.
"""

import contextlib
import math
from collections.abc import Iterable
from pathlib import Path
from typing import TypedDict

from harness.judge.labels import judge_of, labels_of, spans_of
from harness.screen.sheet import Sheet
from harness.states.detect import detect_in
from harness.states.names import SHORT, STATES
from harness.talk import transcript
from harness.text import many

Crosstab = list[list[int]]
Spans = Iterable[tuple[str, int, int]]  # state, first message, last message
Z = 1.959964
ENOUGH_RUNS = 5


class Agreement(TypedDict):
    """How far two readers agree on a state; kappa with its interval, None where undefined."""

    state: str
    table: Crosstab
    pabak: float | None
    runs: int
    kappa: float | None
    low: float | None
    high: float | None


def kappa(table: Crosstab) -> tuple[float, float] | None:
    """Cohen's kappa and its standard error; None where both readers use one and the same word."""
    n, size = sum(map(sum, table)), range(len(table))
    if not n:
        return None
    p = [[count / n for count in row] for row in table]
    rows, columns = [sum(row) for row in p], [sum(column) for column in zip(*p, strict=True)]
    po = sum(p[i][i] for i in size)
    pe = sum(rows[i] * columns[i] for i in size)
    if math.isclose(pe, 1):
        return None
    k = (po - pe) / (1 - pe)
    on = sum(p[i][i] * (1 - (rows[i] + columns[i]) * (1 - k)) ** 2 for i in size)
    off = sum(p[i][j] * (columns[i] + rows[j]) ** 2 for i in size for j in size if i != j)
    variance = on + (1 - k) ** 2 * off - (k - pe * (1 - k)) ** 2
    return k, math.sqrt(max(0.0, variance) / n) / (1 - pe)


def pabak(table: Crosstab) -> float | None:
    """What kappa would be if neither answer were rarer and neither reader gave it more often."""
    n = sum(map(sum, table))
    return 2 * sum(table[i][i] for i in range(len(table))) / n - 1 if n else None


def crosstab(state: str, messages: int, first: Spans, second: Spans) -> Crosstab:
    """One run's 2x2 table of a state: both, only the first, only the second, neither."""
    one, two = (
        {i for name, a, b in spans if name == state for i in range(a, b + 1)}
        for spans in (first, second)
    )
    both = len(one & two)
    return [[both, len(one) - both], [len(two) - both, messages - len(one | two)]]


def agree(runs: list[tuple[int, list, list]]) -> list[Agreement]:
    """Per state, over runs of (number of messages, one reader's spans, the other's): `table`,
    `kappa` with `low` and `high` (None where it is undefined), `pabak`, `runs`."""
    rows = []
    for state in STATES:
        tables = [crosstab(state, *run) for run in runs]
        table = _add(tables)
        row: Agreement = {
            "state": state,
            "table": table,
            "pabak": pabak(table),
            "runs": len(runs),
            "kappa": None,
            "low": None,
            "high": None,
        }
        if found := kappa(table):
            half = Z * max(found[1], _jackknife(tables))
            row["kappa"], row["low"] = found[0], max(-1.0, found[0] - half)
            row["high"] = min(1.0, found[0] + half)
        rows.append(row)
    return rows


def figures(logs: dict[Path, Path]) -> tuple[list[Agreement], str]:
    """How far detector and judge agree on those logs whose label file (their value) is there and
    fits, and who judged; none where there is no such log."""
    runs, judges = [], set()
    for log, file in logs.items():
        with contextlib.suppress(OSError):
            labels = labels_of(log, file)
            messages = transcript.read(log).messages if labels else []
            if not labels or labels["n_messages"] != len(messages):
                continue
            found = detect_in(messages).spans()
            spans = [(span.state, span.start, span.end) for span in found]
            runs.append((len(messages), spans, spans_of(labels)))
            judges.add(judge_of(labels))
    return agree(runs) if runs else [], ", ".join(sorted(judges))


def tables(rows: list[Agreement], judges: str) -> list[Sheet]:
    """The table of these figures; none of none."""
    if not rows:
        return []
    title = f"detector against {judges}, message by message, {many(rows[0]['runs'], 'run')}"
    columns = ["state", "both", "detector only", "judge only", "kappa", "95%", "PABAK"]
    return [Sheet(title, columns, [_cells(row) for row in rows])]


def _cells(row: Agreement) -> list[str]:
    (both, detector), (judge, _) = row["table"]
    known = row["kappa"] is not None
    interval = f"[{row['low']:.2f}, {row['high']:.2f}]" if known else ""
    narrow = " too narrow: few runs" if known and row["runs"] < ENOUGH_RUNS else ""
    return [
        SHORT[row["state"]],
        str(both),
        str(detector),
        str(judge),
        f"{row['kappa']:.2f}" if known else "undefined",
        interval + narrow,
        f"{row['pabak']:.2f}",
    ]


def _add(tables: list[Crosstab]) -> Crosstab:
    return [[sum(table[i][j] for table in tables) for j in (0, 1)] for i in (0, 1)]


def _jackknife(tables: list[Crosstab]) -> float:
    """Kappa's standard error with runs, not messages, taken as what was drawn at random."""
    if len(tables) < ENOUGH_RUNS:
        return 0.0
    left = [kappa(_add(tables[:i] + tables[i + 1 :])) for i in range(len(tables))]
    known = [found[0] for found in left if found]
    mean = sum(known) / len(known) if known else 0.0
    return math.sqrt((len(tables) - 1) / len(tables) * sum((k - mean) ** 2 for k in known))
