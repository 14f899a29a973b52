"""How good the themes are on conversations that they were not learned from; see train_themes.py.

python training/train_themes.py DATA --cross-validate
"""

from __future__ import annotations

import itertools
from statistics import median

import numpy as np
import score_states
from score_states import ENOUGH, f1
from train_themes import SHARPNESS, Features, Run, Sharpness, cross_validate, sharpened, stretches

from harness.states.detect import detect
from harness.states.names import FORMS, THEMES

Spans = dict[str, list[tuple[int, int]]]
GROUPS = ("claude", "others", "all")
# What sharpness is chosen from.
SHARP, TAKEN, LEAST = (0.5, 0.8, 1.2, 1.8, 2.5), (0.0, 0.3, 0.6, 1.0), (9.0, 2.0, 1.0, 0.5, 0.25)
SOUND = 0.45  # share of right ones among the messages that a theme is seen in, where it can be had


def belongs(run: Run, group: str) -> bool:
    """Whether a run is of Claude models alone, or of (also) others."""
    return group == "all" or (run.families == {"claude"}) == (group == "claude")


def counted(runs: list[Run], found: list[Spans], state: str, group: str) -> tuple[int, int, int]:
    """Messages right, wrongly said to be in a state, missed; where two readers agree."""
    tp = fp = fn = 0
    for run, spans in zip(runs, found, strict=True):
        if belongs(run, group):
            said = np.zeros(len(run), bool)
            for start, end in spans.get(state, ()):
                said[start : end + 1] = True
            true, sure = run.y[state] >= 0.5, run.sure[state] > 0
            tp += int((true & said & sure).sum())
            fp += int((~true & said & sure).sum())
            fn += int((true & ~said & sure).sum())
    return tp, fp, fn


def interval(runs: list[Run], found: list[Spans], state: str, group: str) -> tuple[float, float]:
    """95% for F1: the bootstrap over runs, 400 times, percentiles."""
    rng = np.random.default_rng(0)
    rows = np.array([counted([r], [s], state, group) for r, s in zip(runs, found, strict=True)])
    values = [f1(*rows[rng.integers(0, len(rows), len(rows))].sum(0)) for _ in range(400)]
    low, high = np.percentile(values, [2.5, 97.5])
    return float(low), float(high)


def best_sharpness(runs: list[Run], parts: list[list[tuple]]) -> Sharpness:
    """Per theme what does best over all folds: F1 of all runs twice, of Claude models and of others
    once; where that can be had, SOUND over the folds together."""
    chosen = {}
    for theme in THEMES:
        scores = {}
        for triple in itertools.product(SHARP, TAKEN, LEAST):
            score, right, wrong = 0.0, 0, 0
            for held in parts:
                found = themes_of(runs, held, dict.fromkeys(THEMES, triple), (theme,))
                counts = {group: counted(runs, found, theme, group) for group in GROUPS}
                score += sum(f1(*counts[group]) for group in (*GROUPS, "all"))
                right, wrong = right + counts["all"][0], wrong + counts["all"][1]
            scores[triple] = (right >= SOUND * (right + wrong), score)
        chosen[theme] = max(scores, key=lambda triple: scores[triple])
    return chosen


def themes_of(
    runs: list[Run],
    held: list[tuple],
    sharp: Sharpness,
    names: tuple[str, ...] = THEMES,
) -> list[Spans]:
    """The themes' stretches in each run, by the model that has not seen it."""
    found = []
    for run, (model, ratios) in zip(runs, held, strict=True):
        sharper = sharpened(model, ratios, sharp)
        found.append({t: stretches(model, sharper, run, t, sharp[t][2]) for t in names})
    return found


def forms_of(runs: list[Run]) -> list[Spans]:
    """The forms, which nothing is learned for."""
    found = []
    for run in runs:
        spans: Spans = {}
        for span in detect(run.messages).spans():
            if span.state in FORMS:
                spans.setdefault(span.state, []).append((span.start, span.end))
        found.append(spans)
    return found


def table(runs: list[Run], found: list[Spans], names: tuple[str, ...], title: str) -> None:
    """Print the figures of some states."""
    print(f"\n{title}")
    for group in GROUPS:
        rows = {state: counted(runs, found, state, group) for state in names}
        enough = {s: row for s, row in rows.items() if row[0] + row[2] >= ENOUGH}
        macro = sum(f1(*row) for row in enough.values()) / max(1, len(enough))
        micro = f1(*(sum(row[k] for row in rows.values()) for k in range(3)))
        size = [run for run in runs if belongs(run, group)]
        print(
            f"{group}: {len(size)} runs, {sum(map(len, size))} messages: macro F1 {macro:.2f}, "
            f"micro {micro:.2f}"
        )
        for state, (tp, fp, fn) in rows.items():
            if tp + fn or fp:
                low, high = interval(runs, found, state, group)
                few = (
                    "" if state in enough else f"  (fewer than {ENOUGH} messages: not in the macro)"
                )
                print(
                    f"  {state:18} F1 {f1(tp, fp, fn):.2f} [{low:.2f}, {high:.2f}]  "
                    f"{tp} right, {fp} too many, {fn} missed{few}"
                )
    errors = [
        min(abs(at - start) for start, _ in spans[state])
        for run, spans in zip(runs, found, strict=True)
        for state in names
        for at in run.onset[state]
        if spans.get(state)
    ]
    print(f"onset: off by {median(errors):g} messages at the median, n = {len(errors)}")


def ends(runs: list[Run], found: list[Spans]) -> None:
    """Whether a state that a run is labelled to end in is one of those that hold at its end."""
    for kind, names in (("theme", THEMES), ("form", FORMS)):
        right = of = 0
        for run, spans in zip(runs, found, strict=True):
            true = run.terminal & {*names}
            if true:
                said = {s for s in names for _, end in spans.get(s, ()) if end >= len(run) - 2}
                of, right = of + 1, right + bool(said & true)
        low, high = score_states.interval(right, of)
        print(
            f"terminal {kind} among those found at the end: {right}/{of} = {right / of:.2f} "
            f"[{low:.2f}, {high:.2f}]"
        )


def report(runs: list[Run], features: Features) -> None:
    """Print everything."""
    made_up = [run for run in runs if not run.families]
    held = {by: cross_validate(runs, features, by) for by in ("families", "runs")}
    runs = runs[: len(runs) - len(made_up)]
    sharp = best_sharpness(runs, list(held.values()))
    print("sharpness that would do best over both kinds of folds:", sharp)
    print("figures below: with that of train_themes.py,", SHARPNESS)
    forms = forms_of(runs)
    for by, title in (
        ("families", "whole families of models left out"),
        ("runs", "a fifth of the conversations left out"),
    ):
        found = themes_of(runs, held[by], SHARPNESS)
        table(runs, found, THEMES, f"== themes, {title}")
        every = [a | b for a, b in zip(found, forms, strict=True)]
        table(runs, every, THEMES + FORMS, f"== themes and forms, {title}")
        ends(runs, every)
