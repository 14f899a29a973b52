"""Learn the themes: harness/states/themes.txt from labelled conversations.

    pip install -r training/requirements.txt
    python training/train_themes.py DATA                        writes the table
    python training/train_themes.py DATA --cross-validate       how good it is on others

DATA holds folders with logs and a labels.jsonl each (and maybe labels.reader2.jsonl), in the form
that tests/score_states.py reads. The same data give the same file, byte for byte.

A logistic regression for each theme, on the PHRASES that tell themes apart best and the figures of
harness/states/themes.py. A phrase may weigh the more the more it tells the theme apart (Wang &
Manning 2012, "Baselines and bigrams", ACL), and for the SMOOTHED themes it is seen as its TOPICS
too (latent semantic analysis: Deerwester et al. 1990, JASIS 41:391), so that rare words learn from
those that they occur with; all of that adds up to one weight a phrase. A message on which two
readers differ counts half for either; spans of low confidence, near duplicates and the made-up
conversations of invented/ count less. Left out in turn are whole families of models (with all
conversations in which one of them takes part), and, apart from that, a fifth of the conversations.
"""

from __future__ import annotations

import argparse
import itertools
import json
import math
import random
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from sklearn.linear_model import LogisticRegression
from sklearn.utils.extmath import randomized_svd

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
from score_states import label_terminals  # noqa: E402

from harness.states import forms, themes  # noqa: E402
from harness.states.detect import see  # noqa: E402
from harness.states.names import STATES, THEMES  # noqa: E402
from harness.states.recurrence import Recurrence  # noqa: E402
from harness.states.themes import FADE, FLOOR, MEMORY, VIEWS, Course  # noqa: E402
from harness.states.words import as_words, clip  # noqa: E402
from harness.talk.transcript import read  # noqa: E402

OUT = ROOT / "harness" / "states" / "themes.txt"
# Phrases kept a theme; the least of runs and of families (all made-up conversations of one file are
# one) with a phrase.
PHRASES, LEAST_RUNS, LEAST_FAMILIES = 1200, 3, 2
STRENGTH = {
    "identity_standoff": 1.0,
    "identity_collapse": 3.0,
    "goodbye_loop": 0.3,
    "meta_awareness": 1.0,
    "creative_escape": 0.3,
    "bliss": 3.0,
}  # C of sklearn, by cross-validation
# Themes that phrases are seen as topics for; how many topics, and how much they may weigh.
SMOOTHED = ("identity_collapse", "meta_awareness", "creative_escape")
TOPICS, TOPIC = 100, 4.0
RECENT_CUES = 3.0  # a cue's weight in what was lately, before learning: it is rare
FAMILIES = {
    "claude": "claude|sonnet|opus",
    "gpt": "gpt",
    "grok": "grok",
    "gemini": "gemini|gemma",
    "deepseek": "deepseek",
    "qwen": "qwen",
    "llama": "llama",
    "olmo": "olmo",
    "glm": "glm",
    "kimi": "kimi",
    "trinity": "trinity",
}
INVENTED = 0.4  # they are more than the others by far
DUPLICATES = {"olmo": 0.35}  # its runs repeat one another, stage of training by stage of training
# (sharpness, share of the base rate taken out, how much a message may speak against it) of each
# theme's log odds, by cross-validation; but where they would do a little better with less said
# against them, standoff and bliss would hold for many messages after they were left.
SHARPNESS = {
    "identity_standoff": (0.8, 0.3, 2.0),
    "identity_collapse": (0.8, 1.0, 0.25),
    "goodbye_loop": (1.5, 0.7, 9.0),
    "meta_awareness": (0.8, 1.0, 2.0),
    "creative_escape": (0.8, 0.3, 1.0),
    "bliss": (0.4, 0.3, 9.0),
}
Sharpness = dict[str, tuple[float, float, float]]


@dataclass
class Run:
    """A labelled conversation, as figures."""

    name: str
    messages: list[tuple[str, bool]]  # text, whether it was interjected
    families: frozenset[str]  # none: made up
    source: str  # its family or families, or the file that it was made up in
    y: dict[str, np.ndarray]  # share of the readers who see the theme, by message
    sure: dict[str, np.ndarray]  # 1 where they agree
    weight: dict[str, np.ndarray]
    terminal: set[str]
    onset: dict[str, list[int]]
    bags: list[set[str]]
    figures: list[dict[str, float]]
    spoken: np.ndarray  # 0 for a person's words
    silent: np.ndarray  # 1 for silence

    def __len__(self) -> int:
        return len(self.messages)


# ---------------------------------------------------------------- data


def invented(folder: Path = ROOT / "training" / "invented") -> list[Run]:
    """The made-up conversations: learned from at INVENTED of the weight, and never tested on, nor
    counted for how long themes last."""
    files = sorted(folder.glob("*.txt"))
    return [_made_up(part, f.stem) for f in files for part in _parts(f.read_text("utf-8"))]


def _parts(text: str) -> list[str]:
    """What follows each line that begins with `= `."""
    return re.split(r"^= ", text, flags=re.M)[1:]


def _made_up(part: str, source: str) -> Run:
    """One of them: its title, then a message a line, A and B in turn; `@ theme, theme` says what
    holds from the next message on, \\n stands for a line break, (empty) for nothing said."""
    title, *lines = part.rstrip("\n").split("\n")
    messages: list[tuple[str, bool]] = []
    spans, holding = [], []
    for line in filter(None, lines):
        if line.startswith("@ "):
            holding = [state for state in line[2:].split(", ") if state != "none"]
            if unknown := set(holding) - {*THEMES}:
                raise ValueError(f"= {title}: no theme is called {', '.join(sorted(unknown))}")
            continue
        at, text = len(messages), "" if line == "(empty)" else line.replace("\\n", "\n")
        messages.append((text, False))
        spans += [{"state": state, "from_message": at, "to_message": at} for state in holding]
    return _measured(f"= {title}", messages, frozenset(), [{"states": spans}], f"= {source}")


def labels_in(path: Path) -> dict[str, dict]:
    """Labels by the name of the log."""
    lines = path.read_text("utf-8").split("\n") if path.is_file() else []
    return {label["file"]: label for label in map(json.loads, filter(None, lines))}


def load(data: Path) -> list[Run]:
    """All labelled runs under a folder, in order of name."""
    runs = []
    for file in sorted(data.rglob("labels.jsonl")):
        second = labels_in(file.parent / "labels.reader2.jsonl")
        for name, label in sorted(labels_in(file).items()):
            readings = [label] + ([second[name]] if name in second else [])
            runs.append(_run(file.parent / name, readings))
    return runs


def _grid(label: dict, state: str, size: int) -> np.ndarray:
    grid = np.zeros(size)
    for span in label.get("states") or ():
        if span["state"] == state:
            grid[span["from_message"] : span["to_message"] + 1] = 1
    return grid


def _run(log: Path, readings: list[dict]) -> Run:
    events = read(log).messages
    messages = [(e["response"], bool(e.get("interjected"))) for e in events]
    models = " ".join([str(e.get("model")).lower() for e in events] + [log.name.lower()])
    families = frozenset(f for f, p in FAMILIES.items() if re.search(p, models))
    return _measured(log.name, messages, families or frozenset({"claude"}), readings)


def _measured(
    name: str,
    messages: list[tuple[str, bool]],
    families: frozenset[str],
    readings: list[dict],
    source: str = "",
) -> Run:
    first, size = readings[0], len(messages)
    grids = {s: [_grid(label, s, size) for label in readings] for s in STATES}
    spans = {s: [x for x in first.get("states") or () if x["state"] == s] for s in STATES}
    low = {s: [x for x in found if x.get("confidence") == "low"] for s, found in spans.items()}
    seen, recurrence = [see(clip(text)) for text, _ in messages], Recurrence()
    near = [recurrence.add(one.heard) for one in seen]
    return Run(
        name,
        messages,
        families,
        source or " ".join(sorted(families)),
        {s: sum(g) / len(g) for s, g in grids.items()},
        {s: (g[0] == g[-1]) * 1.0 for s, g in grids.items()},
        {s: 1 - 0.5 * _grid({"states": low[s]}, s, size) for s in STATES},
        label_terminals(first),
        {s: [x["from_message"] for x in spans[s]] for s in STATES},
        [{" ".join(as_words(phrase)) for phrase in one.said.phrases()} for one in seen],
        [one.figures | themes.placed(i, near[i]) for i, one in enumerate(seen)],
        np.array([not interjected for _, interjected in messages], dtype=float),
        np.array([forms.silent(one.forms) for one in seen], dtype=float),
    )


# ---------------------------------------------------------------- learning


class Features:
    """All runs' phrases and figures as matrices."""

    def __init__(self, runs: list[Run]):
        counts: dict[str, int] = {}
        for run in runs:
            for phrase in set().union(*run.bags):
                counts[phrase] = counts.get(phrase, 0) + 1
        self.vocabulary = sorted(p for p, n in counts.items() if n >= LEAST_RUNS)
        number = {phrase: i for i, phrase in enumerate(self.vocabulary)}
        self.names = sorted({name for run in runs for f in run.figures for name in f})
        column = {name: i for i, name in enumerate(self.names)}
        self.scale = np.concatenate(
            [
                [
                    RECENT_CUES if view == "recent" and name.startswith("cue") else 1.0
                    for name in self.names
                ]
                for view in VIEWS
            ]
        )
        self.bags, self.figures = [], []
        for run in runs:
            rows = [
                (i, number[p]) for i, bag in enumerate(run.bags) for p in sorted(bag) if p in number
            ]
            i, j = zip(*rows, strict=True) if rows else ((), ())
            shape = (len(run), len(number))
            self.bags.append(sp.csr_matrix((np.ones(len(i)), (i, j)), shape=shape))
            plain = np.zeros((len(run), len(column)))
            for row, figures in enumerate(run.figures):
                for name, value in figures.items():
                    plain[row, column[name]] = value
            self.figures.append(_views(plain, run.spoken) * self.scale)


def _views(plain: np.ndarray, spoken: np.ndarray) -> np.ndarray:
    """The figures now, before and lately, as harness.states.themes.Themes sees them."""
    out, before, recent = [], np.zeros(plain.shape[1]), None
    for row, said in zip(plain, spoken, strict=True):
        if not said:
            out.append(np.zeros(3 * len(row)))
            continue
        recent = row if recent is None else FADE * recent + (1 - FADE) * row
        out.append(np.concatenate([row, before, recent]))
        before = row
    return np.array(out)


def _text(bags: sp.csr_matrix, rare: np.ndarray, spoken: np.ndarray) -> sp.csr_matrix:
    """Phrases by how rare they are, normed, with what was said before."""
    rows = sp.csr_matrix(bags.multiply(rare))
    norm = np.sqrt(np.asarray(rows.multiply(rows).sum(1)).ravel())
    rows = sp.diags(1 / np.maximum(norm, FLOOR)) @ rows
    kept = [i for i, said in enumerate(spoken) if said]
    fade = sp.lil_matrix((len(spoken), len(spoken)))
    for order, i in enumerate(kept):
        for earlier in range(max(0, order - 12), order + 1):
            fade[i, kept[earlier]] = MEMORY ** (order - earlier)
    return sp.csr_matrix(fade) @ rows


def _weight(run: Run) -> float:
    return min((DUPLICATES.get(family, 1.0) for family in run.families), default=INVENTED)


@dataclass
class Model:
    """What was learned from some of the runs."""

    columns: np.ndarray
    rare: np.ndarray
    weights: np.ndarray  # theme by phrase, then by figure
    bias: np.ndarray
    base: np.ndarray
    starts: list[float]
    begins: list[float]
    ends: list[float]

    def ratios(self, features: Features, index: int, spoken: np.ndarray) -> np.ndarray:
        """Log odds by message and theme, before they are sharpened."""
        matrix = _matrix(self, features, index, spoken)
        return np.asarray(matrix @ self.weights.T) + self.bias


def _matrix(model: Model, features: Features, index: int, spoken: np.ndarray) -> sp.csr_matrix:
    text = _text(features.bags[index][:, model.columns], model.rare, spoken)
    return sp.hstack([text, sp.csr_matrix(features.figures[index])]).tocsr()


def strength(bags: sp.csc_matrix, y: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """How far apart a phrase's shares are with and without a theme, in standard errors."""
    on, off = (y * weight).sum(), ((1 - y) * weight).sum()
    a, b = bags.T @ (y * weight), bags.T @ ((1 - y) * weight)
    p, q, both = (a + 0.5) / (on + 1), (b + 0.5) / (off + 1), (a + b + 1) / (on + off + 2)
    return np.abs(p - q) / np.sqrt(both * (1 - both) * (1 / on + 1 / off))


def contrast(bags: sp.csc_matrix, y: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """How much more often a phrase is said with a theme than without, or less: the size of the log
    ratio of its shares, 1 on average."""
    on, off = (y * weight).sum(), ((1 - y) * weight).sum()
    with_, without = bags.T @ (y * weight), bags.T @ ((1 - y) * weight)
    size = np.abs(np.log((with_ + 1) / (on + 2)) - np.log((without + 1) / (off + 2)))
    return size / size.mean()


def learn(runs: list[Run], features: Features, chosen: list[int]) -> Model:
    """A model of the chosen runs."""
    spoken = np.concatenate([runs[i].spoken for i in chosen])
    y = {t: np.concatenate([runs[i].y[t] for i in chosen]) for t in THEMES}
    w = {
        t: np.concatenate([runs[i].weight[t] * _weight(runs[i]) for i in chosen]) * spoken
        for t in THEMES
    }
    columns, bags = _phrases(runs, features, chosen, y, w)
    rare = np.log((bags.shape[0] + 1) / (np.asarray(bags.sum(0)).ravel() + 1))
    model = Model(columns, rare, np.zeros((0, 0)), np.zeros(0), np.zeros(0), [], [], [])
    matrix = sp.vstack([_matrix(model, features, i, runs[i].spoken) for i in chosen]).tocsr()
    text, figures = matrix[:, : len(columns)], matrix[:, len(columns) :]
    # Rounded, as the last digits hang on the processor and on how many threads there are.
    topics = (randomized_svd(text, TOPICS, random_state=0)[2].T * TOPIC).round(6)
    rows, bias, base = [], [], []
    for theme in THEMES:
        apart = contrast(bags, y[theme], w[theme])
        seen_as = topics if theme in SMOOTHED else topics[:, :0]
        weights, constant = _fit(text, figures, apart, seen_as, y[theme], w[theme], STRENGTH[theme])
        rows.append(weights)
        bias.append(constant)
        prior = float((y[theme] * w[theme]).sum() / w[theme].sum())
        base.append(math.log(prior / (1 - prior)))
        rates = _rates([runs[i] for i in chosen], theme)
        for known, rate in zip((model.starts, model.begins, model.ends), rates, strict=True):
            known.append(rate)
    model.weights, model.bias, model.base = np.array(rows), np.array(bias), np.array(base)
    return model


def _phrases(
    runs: list[Run],
    features: Features,
    chosen: list[int],
    y: dict[str, np.ndarray],
    w: dict[str, np.ndarray],
) -> tuple[np.ndarray, sp.csc_matrix]:
    """The phrases that are learned from, and which message has which."""
    bags = sp.vstack([features.bags[i] for i in chosen]).tocsc()
    seen = sum((np.asarray(features.bags[i].sum(0)).ravel() > 0).astype(int) for i in chosen)
    sources = _sources(runs, features, chosen)
    usable = np.where((seen >= LEAST_RUNS) & (sources >= LEAST_FAMILIES))[0]
    bags = bags[:, usable]
    kept: set[int] = set()
    for theme in THEMES:
        order = np.argsort(-strength(bags, y[theme], w[theme]).round(9), kind="stable")
        kept |= set(order[:PHRASES].tolist())
    top = np.array(sorted(kept))
    return usable[top], bags[:, top]


def _sources(runs: list[Run], features: Features, chosen: list[int]) -> np.ndarray:
    """For each phrase how many families, or files of made-up conversations, have it."""
    found: dict[str, np.ndarray] = {}
    for i in chosen:
        has = np.asarray(features.bags[i].sum(0)).ravel() > 0
        known = found.get(runs[i].source)
        found[runs[i].source] = has if known is None else known | has
    return sum(has.astype(int) for has in found.values())


def _fit(
    text: sp.csr_matrix,
    figures: sp.csr_matrix,
    apart: np.ndarray,
    topics: np.ndarray,
    y: np.ndarray,
    w: np.ndarray,
    strength: float,
) -> tuple[np.ndarray, float]:
    """A theme's weights, of phrases and then of figures, and its constant."""
    parts = [text @ sp.diags(apart), sp.csr_matrix(text @ topics), figures]
    matrix = sp.hstack(parts).tocsr()
    weight = np.concatenate([y * w, (1 - y) * w])
    answer = np.concatenate([np.ones(len(y)), np.zeros(len(y))])
    used = weight > 0
    fit = LogisticRegression(
        C=strength, solver="liblinear", max_iter=500, tol=1e-4, intercept_scaling=3, random_state=0
    )
    fit.fit(sp.vstack([matrix, matrix]).tocsr()[used], answer[used], sample_weight=weight[used])
    of_text, of_topics, of_figures = np.split(
        fit.coef_[0], [len(apart), len(apart) + topics.shape[1]]
    )
    return np.concatenate([of_text * apart + topics @ of_topics, of_figures]), fit.intercept_[0]


def _rates(runs: list[Run], theme: str) -> tuple[float, float, float]:
    """Log odds that a run begins in the theme, chance that it begins, and that it ends."""
    off = on = begins = ends = starts = 0
    real = [run for run in runs if run.families]
    for run in real:
        y = run.y[theme] >= 0.5
        starts += int(y[0])
        for before, after in itertools.pairwise(y):
            on, ends = on + bool(before), ends + bool(before and not after)
            off, begins = off + (not before), begins + bool(after and not before)
    start = (starts + 0.5) / (len(real) + 5)
    return math.log(start / (1 - start)), (begins + 1) / (off + 20), (ends + 1) / (on + 12)


def sharpened(model: Model, ratios: np.ndarray, sharp: Sharpness) -> np.ndarray:
    """Log odds as the chains take them, but for the least that they may be."""
    a = np.array([sharp[t][0] for t in THEMES])
    k = np.array([sharp[t][1] for t in THEMES])
    return a * (ratios - k * model.base)


def write(model: Model, features: Features, path: Path) -> None:
    """The model as themes.txt."""
    sharp = np.array([SHARPNESS[t][0] for t in THEMES])
    bias = sharpened(model, model.bias[None, :], SHARPNESS)[0]
    rows = [
        ("chain", "bias", bias),
        ("chain", "starts", model.starts),
        ("chain", "begins", model.begins),
        ("chain", "ends", model.ends),
        ("chain", "least", [-SHARPNESS[t][2] for t in THEMES]),
    ]
    count, figures = len(model.columns), len(features.names)
    weights = model.weights * sharp[:, None]
    for v, view in enumerate(VIEWS):
        for n, name in enumerate(features.names):
            at = v * figures + n
            rows.append((view, name, weights[:, count + at] * features.scale[at]))
    for n, column in enumerate(model.columns):
        rows.append(("phrase", features.vocabulary[column], [model.rare[n], *weights[:, n]]))
    lines = [
        "# Made by training/train_themes.py; what a line means stands in themes.py.",
        "# Weights of " + ", ".join(THEMES) + ".",
    ]
    for kind, name, values in rows:
        shown = [f"{x:.4g}" if kind == "chain" else _short(x) for x in values]
        if kind in ("chain", "phrase") or any(word != "0" for word in shown):
            lines.append("\t".join([kind, name, *shown]))
    path.write_text("\n".join(lines) + "\n", "utf-8")


def _short(x: float) -> str:
    text = f"{x:.2f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text.replace("-0.", "-.").removeprefix("0") or "0"


# ---------------------------------------------------------------- cross-validation


def left_out(runs: list[Run], by: str) -> Iterator[tuple[list[int], list[int]]]:
    """(learned from, tested on) for each fold: whole `families`, or a fifth of the `runs`."""
    everything = [i for i, run in enumerate(runs) if run.families]
    made_up = [i for i, run in enumerate(runs) if not run.families]
    if by == "runs":
        order = list(everything)
        random.Random(5).shuffle(order)
        for fold in range(5):
            held = sorted(order[fold::5])
            yield [i for i in everything if i not in held] + made_up, held
        return
    for families in sorted({tuple(sorted(runs[i].families)) for i in everything}):
        held = [i for i in everything if tuple(sorted(runs[i].families)) == families]
        yield [i for i in everything if not runs[i].families & {*families}] + made_up, held


def cross_validate(runs: list[Run], features: Features, by: str) -> list[tuple]:
    """For each run (model without it, its log odds)."""
    found: dict[int, tuple] = {}
    for chosen, held in left_out(runs, by):
        model = learn(runs, features, chosen)
        for i in held:
            found[i] = model, model.ratios(features, i, runs[i].spoken)
    return [found[i] for i in sorted(found)]


def stretches(
    model: Model, ratios: np.ndarray, run: Run, theme: str, least: float
) -> list[tuple[int, int]]:
    """What a chain makes of a run's log odds."""
    number = THEMES.index(theme)
    course = Course(theme, (model.starts[number], model.begins[number], model.ends[number]))
    for ratio, said, silent in zip(ratios[:, number], run.spoken, run.silent, strict=True):
        bounded = max(float(ratio), -least)
        course.step(min(bounded, 0.0) if silent else bounded if said else 0.0)
    return course.stretches()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--cross-validate", action="store_true")
    args = parser.parse_args()
    runs = load(args.data) + invented()
    features = Features(runs)
    if args.cross_validate:
        from validate import report

        return report(runs, features)
    write(learn(runs, features, list(range(len(runs)))), features, args.out)
    print(f"{args.out}: {args.out.stat().st_size:,} bytes, from {len(runs)} conversations")


if __name__ == "__main__":
    main()
