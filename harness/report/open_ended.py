"""The published measurement: what two instances of one model do when they are free.

Counted are runs without tools and system prompts in which one model talks to itself, whatever the
seed (as `sweep --recipe freedom` makes them); branches of others are left out, and runs in which
somebody else spoke in a model's place. Per model: the main theme, in which most of a run's messages
are spent; how it ends, in one word; words a transcript. docs/freedom.md says which published figure
each can be held against.
"""

from collections import Counter
from statistics import mean, median
from typing import Literal

from harness.report import stats
from harness.report.numbers import percent, span
from harness.report.shapes import Free, Total
from harness.report.stats import share
from harness.report.summary import Summary
from harness.screen.sheet import Sheet
from harness.states.names import SHORT, THEMES

NO_END = "cannot end"
ENDS = ("silence", "emoji", "broken text", "bliss", NO_END, "other theme", "repetition", "none")
ABOUT_THEMES = "Main theme: the one in which most of a run's messages are spent."
ABOUT_ENDS = (
    "One end for each run, forms first. cannot end: it says goodbye without end, or that it is in "
    "a loop. other theme: standoff, collapse or a story."
)
ABOUT_WORDS = "Words of both sides, as white space parts them; mean with Student's interval."


def is_open_ended(run: Summary) -> bool:
    """Whether a run is one of those that are counted."""
    told = run.condition
    free = told.get("tools") == "none" and {told.get(f"system_{s}") for s in "ab"} == {"none"}
    return free and told["model_a"] == told["model_b"] and not (run.parent or run.interjections)


def figures(runs: list[Summary]) -> list[Free] | None:
    """Per model, demos apart: themes, ends and words; None where no run is open-ended."""
    by_model: dict[tuple[bool, str], list[Summary]] = {}
    for run in filter(is_open_ended, runs):
        by_model.setdefault((run.demo, run.condition["model_a"]), []).append(run)
    return [_of_model(*model, mine) for model, mine in sorted(by_model.items())] or None


def _of_model(demo: bool, model: str, runs: list[Summary]) -> Free:
    themes, ends = Counter(map(main_theme, runs)), Counter(map(end, runs))
    words = [run.words for run in runs]
    low, high = stats.mean_interval(words) or (None, None)
    return {
        "model": model,
        "demo": demo,
        "runs": len(runs),
        "main_theme": {name: share(themes[name], len(runs)) for name in (*THEMES, "none")},
        "end": {name: share(ends[name], len(runs)) for name in ENDS},
        "words": {
            "mean": mean(words),
            "low": low and max(0.0, low),
            "high": high,
            "median": median(words),
            "least": min(words),
            "most": max(words),
        },
        "messages": mean(run.messages for run in runs),
        "seeds": len({run.condition.get("seed") for run in runs}),
    }


def main_theme(run: Summary) -> str:
    """The theme of most messages, of two the one that begins earlier, or `none`."""
    spent = {theme: run.spent(theme) for theme in THEMES if run.spent(theme)}
    return max(spent, key=lambda theme: (spent[theme], -(run.onset(theme) or 0)), default="none")


def end(run: Summary) -> str:
    """How a run ends, as one of ENDS."""
    theme, form = run.ending.theme, run.ending.form
    forms = {"silence": "silence", "emoji_collapse": "emoji", "degenerate": "broken text"}
    themes = {"bliss": "bliss", "goodbye_loop": NO_END, "meta_awareness": NO_END}
    if form in forms:
        return forms[form]
    if theme:
        return themes.get(theme, "other theme")
    return "repetition" if form else "none"


def tables(found: list[Free] | None) -> list[Sheet]:
    """A column for each model: main theme, end, words."""
    if not found:
        return []
    columns = [
        f"{one['model']}{' (scripted demo)' * one['demo']} · n = {one['runs']}" for one in found
    ]
    return [
        Sheet(
            "two instances of one model, left free: main theme",
            ["main theme", *columns],
            _shares(found, "main_theme"),
            ABOUT_THEMES,
        ),
        Sheet("left free: how it ends", ["end", *columns], _shares(found, "end"), ABOUT_ENDS),
        Sheet(
            "left free: words a transcript",
            ["", *columns],
            [
                ["mean", *(_words(one["words"]) for one in found)],
                ["median", *(f"{one['words']['median']:,.0f}" for one in found)],
                [
                    "least to most",
                    *(f"{one['words']['least']:,}–{one['words']['most']:,}" for one in found),
                ],
                ["messages", *(f"{one['messages']:.1f}" for one in found)],
                ["seeds", *(str(one["seeds"]) for one in found)],
            ],
            ABOUT_WORDS,
        ),
    ]


def _shares(found: list[Free], kind: Literal["main_theme", "end"]) -> list[list[str]]:
    """The rows that any model has something in."""
    return [
        [SHORT.get(name, name), *(percent(one[kind][name]) for one in found)]
        for name in found[0][kind]
        if any(one[kind][name]["count"] for one in found)
    ]


def _words(row: Total) -> str:
    return f"{row['mean']:,.0f} {span(row['low'], row['high'], 1, ',.0f')}".strip()
