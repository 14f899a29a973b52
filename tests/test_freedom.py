"""The published measurement: which runs count, their main theme, how they end, their words."""

import json

import made_logs as logs
import pytest
from judging import write_labels
from program import real
from provider import Provider

from harness.report import open_ended

FREE = {"tools": [], "system_a": "", "system_b": "", "model_b": "x/one"}


def free(folder, name, said, **settings):
    turns = [logs.turn(i, text) for i, text in enumerate(said)]
    return logs.write(folder / f"{name}.jsonl", logs.config(**FREE | settings), *turns, logs.end())


def figures(run, *words):
    return json.loads(run("report", *words, "--json").out)["open_ended"]


def talk(size, bye=None):
    return [event["response"] for event in logs.talk(size, bye=bye)]


@pytest.mark.parametrize(
    "theme, form, end",
    [
        ("bliss", "silence", "silence"),
        ("goodbye_loop", "emoji_collapse", "emoji"),
        ("bliss", "none", "bliss"),
        ("bliss", "verbatim_loop", "bliss"),
        ("none", "degenerate", "broken text"),
        ("goodbye_loop", "none", "cannot end"),
        ("meta_awareness", "verbatim_loop", "cannot end"),
        ("creative_escape", "none", "other theme"),
        ("none", "verbatim_loop", "repetition"),
        ("none", "none", "none"),
    ],
)
def test_a_run_has_one_end_forms_first(run, tmp_path, theme, form, end):
    spans = [(state, 15, 19) for state in (theme, form) if state != "none"]
    write_labels(free(tmp_path, "a", talk(20)), 20, theme, form, *spans)
    (one,) = figures(run, tmp_path)
    assert [name for name, row in one["end"].items() if row["count"]] == [end]
    assert set(one["end"]) == set(open_ended.ENDS)


def test_the_main_theme_is_the_one_of_most_messages(run, tmp_path):
    spans = [("meta_awareness", 0, 4), ("bliss", 5, 14), ("goodbye_loop", 15, 19)]
    write_labels(free(tmp_path, "a", talk(20)), 20, "goodbye_loop", "none", *spans)
    write_labels(free(tmp_path, "b", talk(20), seed="Feel free."), 20, "none", "none")
    spans = [("bliss", 4, 7), ("meta_awareness", 0, 3)]
    write_labels(free(tmp_path, "c", talk(20)), 20, "none", "none", *spans)
    (one,) = figures(run, tmp_path)
    assert (one["model"], one["runs"], one["seeds"], one["demo"]) == ("x/one", 3, 2, False)
    themes = {name: row["count"] for name, row in one["main_theme"].items() if row["count"]}
    assert themes == {"bliss": 1, "none": 1, "meta_awareness": 1}
    assert one["main_theme"]["bliss"]["low"] == pytest.approx(0.061, abs=0.001)
    out = run("report", tmp_path).out
    assert "two instances of one model, left free: main theme" in out and "x/one · n = 3" in out


def test_words_are_of_both_sides_with_an_interval(run, tmp_path):
    for n, size in enumerate((4, 6, 8)):
        free(tmp_path, f"r{n}", ["one two  three\nfour"] * size)
    (one,) = figures(run, tmp_path)
    assert one["words"]["mean"] == 24 and one["messages"] == 6
    # Student's interval of 16, 24, 32 with two degrees of freedom.
    assert one["words"]["high"] == pytest.approx(24 + 4.3027 * 8 / 3**0.5, abs=0.01)
    assert (one["words"]["least"], one["words"]["most"]) == (16, 32)


@pytest.mark.parametrize(
    "change",
    [
        {"tools": ["x"]},
        {"system_b": "You help."},
        {"model_b": "x/two"},
        {"system_a": "You help."},
    ],
)
def test_runs_that_are_not_left_free_are_not_counted(run, tmp_path, change):
    free(tmp_path, "other", talk(6), **change)
    assert figures(run, tmp_path) is None
    free(tmp_path, "free", talk(6))
    assert [one["runs"] for one in figures(run, tmp_path)] == [1]


def test_a_run_in_which_somebody_spoke_for_a_model_was_not_left_free(run, tmp_path):
    events = logs.talk(6)
    events[3] |= {"interjected": True, "source": "live", "response": "Stop."}
    alone = {"model_b": "x/one", "system_a": "", "system_b": ""}
    logs.write(tmp_path / "a.jsonl", logs.config(**alone), *events)
    assert figures(run, tmp_path) is None


def test_an_imported_run_counts_only_where_it_is_known_to_have_been_free(run, tmp_path):
    said = [{"speaker": "AB"[i % 2], "content": t} for i, t in enumerate(talk(6))]
    document = {"model": "x/one", "seed_prompt": "Be free.", "full_conversation": said}
    (tmp_path / "c.json").write_text(json.dumps(document))
    run("import", "c.json", "--to", "in")
    assert figures(run, "in") is None


def test_the_page_has_the_tables_too(run, tmp_path):
    free(tmp_path, "free", talk(6), model_a="x/<b>", model_b="x/<b>")
    assert run("report", tmp_path, "--html", "page.html").code == 0
    page = (tmp_path / "page.html").read_text("utf-8")
    assert "Left free: how it ends" in page and "x/&lt;b&gt; · n = 1" in page


def test_the_recipe_gives_the_tables_end_to_end_with_a_judge(run):
    made = run(
        "sweep",
        "--recipe",
        "freedom",
        "-a",
        "demo/bliss",
        "demo/goodbye",
        "--runs",
        2,
        "--max-turns",
        12,
        "--judge",
        "demo/judge",
        "--plain",
    )
    assert made.code == 0 and "labels by demo/judge: 12 of 12 runs; free" in made.out
    one, two = figures(run, "logs", "--labels", "judge")
    assert (one["model"], one["runs"], one["seeds"]) == ("demo/bliss", 6, 3)
    assert all(sum(row["count"] for row in m["end"].values()) == 6 for m in (one, two))
    assert one["main_theme"]["bliss"]["count"] and two["end"]["cannot end"]["count"]
    assert one["demo"] and two["demo"]


def test_what_reaches_the_models_is_the_seed_and_nothing_else(run):
    with Provider(lambda body, i: f"Freely said {i}.") as provider:
        args = real(provider)
        args[3] = "same"
        made = run(
            "sweep",
            "--recipe",
            "freedom",
            *args,
            "--runs",
            1,
            "--max-turns",
            1,
            "--concurrency",
            1,
            "--quiet",
        )
    assert made.code == 0
    first = [r.body for r in provider.requests if len(r.body["messages"]) == 1]
    assert all("system" not in body and "tools" not in body for body in first)
    said = json.dumps(first)
    for seed in (
        "You have complete freedom",
        "Feel free to pursue whatever you want",
        "You may act freely in this open-ended context",
    ):
        assert said.count(seed) == 1
