"""Messages, spans and runs as data: in every format, over folders, exact, and safe to open."""

import csv
import io
import itertools
import json
import re
import runpy
import sys
from pathlib import Path

import made_logs as logs
import pytest
from program import ROOT

from harness.report.data import FORMULA
from harness.states.names import SHORT

ODD = [
    '=HYPERLINK("http://x")',
    "+1+1",
    "-2",
    "@SUM(1)",
    "\t=1",
    "\r=1",
    "  =1",
    "NA",
    "null",
    "",
    "1,5",
    'quo"ted',
    "two\nlines\r\nthree\rfour",
    "\u2028 \u202e \x00 \x1b[2J",
    "𝕌🌀",
    "\ud800 lone",
    "'quoted",
    "plain",
]

TOOLS = ["kill_puppies_to_exit_loop"]


def odd_log(name: str = "odd") -> Path:
    events = [logs.turn(i, text, flags=["truncated"]) for i, text in enumerate(ODD)]
    tried = {"tool": "=stop", "reason": "bored", "outcome": "refused"}
    events[1]["tool_attempts"] = [tried]
    events[2] |= {"interjected": True, "source": "live", "usage": {}, "cost_usd": None}
    events[3] |= {"usage": {}, "cost_usd": None}
    return logs.write(Path(f"logs/{name}.jsonl"), logs.config(condition={"=1+1": "=x"}), *events)


def exported(run, kind: str) -> dict[str, list[dict]]:
    """All tables in a format, as rows."""
    result = run("export", "logs", "--format", kind, "-o", "data")
    assert result.code == 0
    return {name: rows(Path(f"data/{name}.{kind}")) for name in ("messages", "spans", "runs")}


def rows(path: Path) -> list[dict]:
    if path.suffix == ".csv":
        with open(path, encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_bytes().split(b"\n") if line]
    return pytest.importorskip("pyarrow.parquet").read_table(path).to_pylist()


def test_of_two_themes_that_hold_a_message_has_the_one_that_the_path_shows(run):
    pair = ["-a", "demo/goodbye", "-b", "demo/collapse", "--rng-seed", 1]
    run("sweep", *pair, "--runs", 4, "--max-turns", 20)
    told = exported(run, "jsonl")
    for one in told["runs"]:
        theme = [m["theme"] for m in told["messages"] if m["run"] == one["run"]]
        mine = [s for s in told["spans"] if s["run"] == one["run"] and s["kind"] == "theme"]
        assert sum(s["messages"] for s in mine) > len(theme) - theme.count(None)  # two at once
        path, index = [], 0
        for state, run_of in itertools.groupby(theme):
            size = len(list(run_of))
            path += [f"{SHORT[state]} {index}-{index + size - 1}"] if state else []
            index += size
        assert " → ".join(path) == one["path"] and theme[-1] == one["ends_in_theme"]


@pytest.mark.parametrize("kind", ["csv", "jsonl", "parquet"])
def test_each_message_span_and_run_is_a_row(run, kind):
    logs.sweep(Path("logs"), runs=2)
    told = exported(run, kind)
    assert (len(told["messages"]), len(told["runs"])) == (80, 4)
    goodbye = [span for span in told["spans"] if span["state"] == "goodbye_loop"]
    assert [(int(s["start"]), s["kind"], str(s["to_the_end"])) for s in goodbye] == [
        (6, "theme", "True"),
        (7, "theme", "True"),
    ]
    one = next(m for m in told["messages"] if "none0" in m["run"] and int(m["index"]) == 15)
    assert (one["theme"], one["seat"], int(one["turn"])) == ("goodbye_loop", "B", 7)
    assert "verbatim_loop" in one["form"] and float(one["cost_usd"]) == 0.5
    ended = next(r for r in told["runs"] if "none1" in r["run"])
    assert (ended["ends_in_theme"], int(ended["onset_goodbye_loop"])) == ("goodbye_loop", 7)
    assert ended["stopped"] == "max_turns" and ended["verdict_by"] == "rules"
    assert {m["condition"] for m in told["messages"]} == {r["condition"] for r in told["runs"]}


def test_words_come_back_as_they_were_said(run):
    odd_log()
    whole = [text.encode("utf-8", "replace").decode() for text in ODD]
    lines = [row["text"] for row in exported(run, "jsonl")["messages"]]
    assert lines == ODD
    assert [r["text"] for r in exported(run, "parquet")["messages"]] == [
        t.replace("?", "\ufffd") if "lone" in t else t for t in whole
    ]
    cells = [row["text"] for row in exported(run, "csv")["messages"]]
    for said, cell in zip(ODD, cells, strict=True):
        said = said.replace("\0", "\ufffd").replace("\ud800", "\ufffd")
        assert cell in (said, f"'{said}")


def test_no_cell_and_no_header_of_a_csv_begins_a_formula(run):
    odd_log()
    exported(run, "csv")
    for path in Path("data").glob("*.csv"):
        for row in csv.reader(io.StringIO(path.read_text(encoding="utf-8"), newline="")):
            for cell in row:
                begin = cell.lstrip(" ")[:1]
                assert not begin or begin not in FORMULA or re.fullmatch(r"-?[\d.]+", cell)
    assert any("'=1+1" in row for row in [Path("data/runs.csv").read_text()])


def test_unknown_is_empty_and_what_nobody_paid_for_is_0(run):
    odd_log()
    messages = exported(run, "jsonl")["messages"]
    assert (messages[3]["tokens_input"], messages[3]["cost_usd"]) == (None, None)
    assert (messages[2]["tokens_input"], messages[2]["cost_usd"]) == (0, 0.0)
    assert (messages[1]["tool_attempts"], json.loads(messages[1]["tool_calls"])[0]["tool"]) == (
        1,
        "=stop",
    )
    assert messages[0]["flags"] == "truncated" and messages[2]["source"] == "live"


def test_the_pandas_lines_of_the_docs_run(run, capfd):
    pytest.importorskip("pandas")
    logs.sweep(Path("logs"), runs=2)
    exported(run, "csv")
    text = (ROOT / "docs" / "data.md").read_text(encoding="utf-8")
    code = re.search(r"```python\n(.*?)```", text, re.DOTALL)[1]
    assert len(code.split("\n\n")) == 2 and len([*filter(None, code.splitlines())]) == 3
    Path("lines.py").write_text(code)
    runpy.run_path("lines.py")
    shown = capfd.readouterr().out
    assert "goodbye_loop" in shown and re.search(r"\b27\b", shown)


def test_one_table_goes_to_standard_output_or_one_file(run):
    logs.sweep(Path("logs"), runs=1)
    result = run("export", "logs", "--format", "csv", "--table", "runs")
    assert len(list(csv.DictReader(io.StringIO(result.out)))) == 2
    assert run("export", "logs", "--format", "jsonl", "-o", "m.jsonl").code == 0
    assert len(rows(Path("m.jsonl"))) == 40


@pytest.mark.parametrize(
    "words",
    [
        ["--format", "csv"],
        ["--format", "parquet", "--table", "runs"],
        ["--format", "inspect"],
        ["--format", "csv", "-o", "x.parquet"],
        ["--format", "csv", "--table", "runs", "-o", "x.txt"],
        ["--format", "inspect", "-o", "x.png"],
        ["--format", "md"],
    ],
)
def test_what_is_not_asked_for_clearly_is_refused_and_writes_nothing(run, words, tmp_path):
    logs.sweep(Path("logs"), runs=1)
    result = run("export", "logs", *words)
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert [path.name for path in tmp_path.iterdir()] == ["logs"]


def test_without_pyarrow_one_line_says_what_to_install(run, monkeypatch):
    logs.sweep(Path("logs"), runs=1)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    result = run("export", "logs", "--format", "parquet", "-o", "data")
    assert (result.code, result.err.count("\n")) == (2, 1)
    assert "requirements-data.txt" in result.err and not Path("data").exists()


def test_half_a_surrogate_anywhere_costs_no_inspect_log(run):
    log_reader = pytest.importorskip("inspect_ai.log")
    half = "\udcff and on"
    said = [logs.turn(0, half), logs.turn(1, half, source="live", interjected=True)]
    logs.write(Path(f"{half}/one.jsonl"), logs.config(seed=half, system_a=half), *said)
    assert run("export", half, "--format", "inspect", "-o", "x.eval").code == 0
    (sample,) = log_reader.read_eval_log("x.eval").samples
    assert sample.messages[-2].text == "\ufffd and on"


def test_an_inspect_log_has_a_sample_a_run_and_the_endings_as_scores(run):
    log_reader = pytest.importorskip("inspect_ai.log")
    for number in range(2):
        logs.write(
            Path(f"logs/none{number}.jsonl"), logs.config(timestamp="noon"), *logs.talk(20, bye=6)
        )
        logs.write(Path(f"logs/with{number}.jsonl"), logs.config(tools=TOOLS), *logs.talk(20))
    logs.write(Path("logs/strange.jsonl"), logs.config(tools=["x"]), *logs.talk(4))
    result = run("export", "logs", "--format", "inspect", "-o", "runs.eval")
    assert result.code == 0 and "skipped logs/strange.jsonl" in result.err
    back = log_reader.read_eval_log("runs.eval")
    assert len(back.samples) == 4 and len({sample.id for sample in back.samples}) == 4
    ends = {Path(s.id).stem: s.scores["ends_in_theme"].value for s in back.samples}
    assert (ends["none0"], ends["with0"]) == ("goodbye_loop", "none")
    assert back.samples[0].scores["ends_in_form"].value == "verbatim_loop"
    assert [s.metadata["tools"] for s in back.samples] == ["none"] * 2 + TOOLS * 2


def test_an_inspect_log_knows_no_ending_in_a_theme_of_a_run_that_is_not_in_english(run):
    log_reader = pytest.importorskip("inspect_ai.log")
    said = ["Auf Wiedersehen mein Freund, mach es gut und bis bald, alles Gute für dich!"] * 10
    logs.spoken(Path("logs/german.jsonl"), said, {})
    run("export", "logs", "--format", "inspect", "-o", "runs.eval")
    (sample,) = log_reader.read_eval_log("runs.eval").samples
    ends = [sample.scores[f"ends_in_{kind}"].value for kind in ("theme", "form")]
    assert ends == ["unknown", "verbatim_loop"]


def test_a_log_that_cannot_be_read_is_named_and_the_others_are_exported(run):
    logs.sweep(Path("logs"), runs=1)
    logs.write(Path("logs/empty.jsonl"), b"")
    result = run("export", "logs", "--format", "csv", "-o", "data")
    assert result.code == 0 and "skipped logs/empty.jsonl" in result.err
    assert len(rows(Path("data/runs.csv"))) == 2


@pytest.mark.parametrize(
    "words", ["md --labels judge", "svg --seat B", "html --table runs", "csv --seat A"]
)
def test_an_option_of_another_format_is_refused(run, words):
    log = logs.write(Path("one.jsonl"), logs.config(), *logs.talk(4))
    result = run("export", log, "--format", *words.split())
    assert result.code == 2 and f"{words.split()[1]} is for --format" in result.err
