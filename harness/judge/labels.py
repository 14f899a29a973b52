"""A judge's labels, in the file beside the log that keeps them.

LOG.labels.json is one line of JSON (`Labels`) in the form that tests/score_states.py reads. A theme
or form that there is none of is "none"; `terminal_state` is the theme, or else the form.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NotRequired, TypedDict, cast

from harness import files
from harness.states.detect import Detector
from harness.states.names import FORMS, STATES, THEMES
from harness.states.path import Ending, Evidence, Span
from harness.talk.log import encode
from harness.text import UserError, many

SUFFIX = ".labels.json"
END_FIELDS = ("terminal_theme", "terminal_form")
CONFIDENCE = ("low", "medium", "high")
MOST_MESSAGES = 10_000_000  # no log has as many


class Judge(TypedDict):
    """Who labelled: `rubric` is its hash, `window` the messages that were shown at a time."""

    model: str
    rubric: NotRequired[str]
    window: NotRequired[int]
    demo: bool


class LabelledSpan(TypedDict):
    """Messages in one state, the words that show it and where they stand."""

    state: str
    from_message: int
    to_message: int
    evidence: str
    evidence_message: NotRequired[int]
    confidence: NotRequired[str]


class Labels(TypedDict):
    """What a label file holds; of one that others wrote only what `damage` asks for is sure."""

    type: NotRequired[str]
    file: NotRequired[str]
    timestamp: NotRequired[str]
    models: NotRequired[list[str | None]]
    n_messages: int
    states: list[LabelledSpan]
    terminal_theme: NotRequired[str]
    terminal_form: NotRequired[str]
    terminal_state: NotRequired[str]
    terminal_onset_message: NotRequired[int | None]
    judge: Judge
    dropped: NotRequired[int]
    usage: NotRequired[dict[str, int]]  # tokens: input, output
    cost_usd: NotRequired[float | None]


def label_file(log: Path, folder: Path | None = None) -> Path:
    """Where the labels of a log are: beside it, or in `folder`."""
    return (folder or log.parent) / (log.stem + SUFFIX)


def labels_of(log: Path, file: Path | None = None) -> Labels | None:
    """A log's labels by a judge, or None where it has none that can be read (see `trouble`)."""
    found = _read(file or label_file(log))
    return found if isinstance(found, dict) else None


def trouble(log: Path) -> str | None:
    """Why the labels that are there can't be read, in one line that names the file; else None."""
    found = _read(file := label_file(log))
    return f"cannot read {file}: {found}" if isinstance(found, str) else None


def _read(file: Path) -> Labels | str | None:
    """A label file's content, or what is wrong with it; None where there is no file."""
    try:
        labels = files.parse(files.read(file))
    except FileNotFoundError:
        return None
    except OSError as error:
        return error.strerror or str(error)
    except ValueError:
        return "it is no JSON"
    return damage(labels) or cast(Labels, labels)


def damage(labels: Any) -> str | None:
    """What is wrong with the content of a label file, or None."""
    if not isinstance(labels, dict) or not isinstance(judge := labels.get("judge"), dict):
        return "these are no labels by a judge"
    if not isinstance(judge.get("model"), str) or not isinstance(judge.get("demo"), bool):
        return "it does not say who judged"
    size, spans = labels.get("n_messages"), labels.get("states")
    if type(size) is not int or not 0 <= size <= MOST_MESSAGES:
        return "n_messages is no number of messages"
    ends = [labels.get(name) for name in ("terminal_state", *END_FIELDS)]
    if not any(ends) or any(end not in (*STATES, "none", None) for end in ends):
        return "it does not say what the run ends in"
    if not isinstance(spans, list):
        return "states is no list"
    until: dict[str, int] = {}  # a state's spans follow one another: else they could be any number
    for number, span in enumerate(spans):
        if problem := _damage_of(span, size, until):
            return f"states, {number}: {problem}"
    return None


def _damage_of(span: Any, size: int, until: dict[str, int]) -> str | None:
    if not isinstance(span, dict) or span.get("state") not in STATES:
        return "it names no state"
    first, last = span.get("from_message"), span.get("to_message")
    places = [first, span.get("evidence_message", first), last]
    numbers = [n for n in places if type(n) is int]
    if len(numbers) < len(places) or not isinstance(span.get("evidence"), str):
        return "it does not say where it was seen"
    start, place, end = numbers
    if not until.get(span["state"], -1) < start <= place <= end < size:
        return "it lies outside the conversation, or over another of that state"
    until[span["state"]] = end
    return None


def spans_of(labels: Labels) -> list[tuple[str, int, int]]:
    """The spans of a label file as (state, first message, last message)."""
    return [(s["state"], s["from_message"], s["to_message"]) for s in labels["states"]]


def ends_of(labels: Mapping[str, object]) -> tuple[str | None, str | None]:
    """The theme and the form that labels or an answer end in; older ones name one state."""
    old = labels.get("terminal_state")
    theme, form = (labels.get(f"terminal_{kind}", old) for kind in ("theme", "form"))
    return _one_of(THEMES, theme), _one_of(FORMS, form)


def _one_of(names: Iterable[str], value: object) -> str | None:
    return next((name for name in names if name == value), None)


def judge_of(labels: Labels) -> str:
    """Who made the labels, for people."""
    return labels["judge"]["model"] + (" (a scripted demo)" if labels["judge"]["demo"] else "")


class Judged(Detector):
    """A detector whose states are a judge's labels; likeness and recurrence are its own."""

    def __init__(self, labels: Labels):
        super().__init__()
        self.labels = labels

    def spans(self) -> list[Span]:
        """The judge's spans, by start."""
        return [
            Span(
                s["state"],
                s["from_message"],
                s["to_message"],
                (Evidence(s.get("evidence_message", s["from_message"]), s["evidence"]),),
            )
            for s in self.labels["states"]
        ]

    def ending(self) -> Ending:
        """The theme and the form that the judge says the run ends in."""
        theme, form = ends_of(self.labels)
        since = {s["state"]: s["from_message"] for s in self.labels["states"]}
        return Ending(theme, form, since.get(theme or ""), since.get(form or ""))


def refuse_loss(known: Iterable[Mapping[str, Any] | None], model: str) -> None:
    """Raise UserError where what another model than `model` has found, and was paid for, would be
    replaced: `known` is what there is of each log that is to be read."""
    judges = [found["judge"] for found in known if found]
    others = [str(j["model"]) for j in judges if j["model"] != model and not j.get("demo")]
    if others:
        raise UserError(
            f"{many(len(others), 'log')} would lose what {', '.join(sorted(set(others)))} found: "
            "`judge --out DIR` keeps both, `judge --again` replaces it"
        )


def save(file: Path, labels: Mapping[str, object]) -> None:
    """Write a label file, whole or not at all. Raises OSError."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with files.whole(file) as draft:
        draft.write_bytes(encode(labels))
