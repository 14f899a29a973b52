"""A log read for the report: one compact summary per run, its text not kept.

for one in parallel.each(paths, summarise): ...
"""

import itertools
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

from harness import files
from harness.judge.labels import Judged, Labels, labels_of, trouble
from harness.report.conditions import Facts, facts, is_demo, stimulus, words_of
from harness.report.interjections import NEXT, Interjected, Tried, what_followed
from harness.states.detect import Detector
from harness.states.names import FORMS
from harness.states.path import Ending, Span, Stretch
from harness.states.recurrence import Figures
from harness.talk import transcript
from harness.talk.events import TOKENS, Turn, seat_of
from harness.talk.show import NOT_ENDED
from harness.talk.transcript import Transcript
from harness.text import add_costs

LARGE = 16 << 20  # bytes of a log from which on it is followed on the disk, not read into memory
KEPT = ("type", "label", "turn", "model", "source", "interjected", "interjection", "puppet")
REACH = 2 * NEXT + 1  # messages from an interjection on whose words are looked at

Skipped = tuple[str, str]  # a log's path, why it is left out
Also = Callable[[Transcript, Detector], str]
Make = Callable[["Source", Mapping[str, Also]], "Summary | Skipped"]


@dataclass(frozen=True)
class Source:
    """What a summary is made of: a log's bytes (None of a LARGE one), and the labels of a judge
    where its states are asked for (`labels`: rules or judge)."""

    path: Path
    data: bytes | None
    labels: str
    judged: Labels | None


@dataclass
class Summary:
    """What the report keeps of one log."""

    path: str
    condition: Facts
    stimulus: Facts
    demo: bool
    messages: int
    spans: list[Span]
    stretches: list[Stretch]
    ending: Ending
    foreign: bool  # not in English, so that the detector has no verdict on its themes
    recurrence: Figures
    attempts: list[Tried]
    interjections: list[Interjected]
    lengths: list[int]  # characters of each message
    words: int  # in all, as white space parts them
    tokens: dict[str, int] | None
    cost: float | None  # USD
    end: str
    error: str
    parent: tuple[str, int] | None  # of a branch: the log's name, the turn before which it left
    incidents: list[tuple[int, str]]  # message, what went wrong or was left out on the way
    skipped: list[tuple[int, str]] = field(default_factory=list)
    extra: dict[str, Any] = field(default_factory=dict)  # what `also` made of it

    def onset(self, state: str) -> int | None:
        """The first message of a state, or None."""
        return next((span.start for span in self.spans if span.state == state), None)

    def spent(self, state: str) -> int:
        """The number of messages in a state."""
        return len(self.within(state))

    def within(self, state: str) -> set[int]:
        """The messages in a state."""
        mine = (span for span in self.spans if span.state == state)
        return set(itertools.chain(*(range(span.start, span.end + 1) for span in mine)))

    def lanes(self) -> tuple[list[str | None], list[list[str]]]:
        """Per message its theme, which is the one that the path shows, and its forms."""
        themes: list[str | None] = [None] * self.messages
        forms: list[list[str]] = [[] for _ in range(self.messages)]
        for one in self.stretches:
            themes[one.start : one.end + 1] = [one.theme] * (one.end - one.start + 1)
        for span in self.spans:
            for message in range(span.start, min(span.end + 1, self.messages)):
                if span.state in FORMS:
                    forms[message].append(span.state)
        return themes, forms


def summary_of(source: Source, also: Mapping[str, Also]) -> Summary | Skipped:
    """The summary of a log that is there. Raises OSError, or one of files.DAMAGE."""
    path, data, judged = source.path, source.data, source.judged
    log = transcript.follow(path) if data is None else transcript.of_bytes(path, data)
    size = sum(event["type"] == "turn" for event in log.events)
    if not size:
        return str(path), "no messages" if next(iter(log.events), None) else "not a log"
    if source.labels == "judge" and (judged is None or judged["n_messages"] != size):
        lacking = trouble(path) or "no labels by a judge"
        return str(path), "older labels: judge it again" if judged else lacking
    return _summary(log, also, Judged(judged) if judged else Detector())


def summarise(
    path: Path,
    labels: str = "rules",
    also: Mapping[str, Also] | None = None,
    make: Make = summary_of,
) -> Summary | Skipped:
    """One log's summary, or (path, why there is none). Damage never raises. States are those of
    the `rules`, or the labels that a `judge` has left beside the log; each of `also` makes one of
    the summary's `extra`."""
    try:
        data = None if path.stat().st_size > LARGE else files.read(path)
        judged = labels_of(path) if labels == "judge" else None
        return make(Source(path, data, labels, judged), also or {})
    except OSError as error:
        return str(path), error.strerror or str(error)
    except files.DAMAGE as error:  # a log is data: whatever it holds, the others are still reported
        return str(path), f"damaged: {type(error).__name__}: {error}"


def _summary(log: Transcript, also: Mapping[str, Also], detector: Detector) -> Summary:
    said, settings = _gone_through(log, detector), log.settings()
    tried, spans, end = list(attempts(log)), detector.spans(), log.end
    models = [event.get("model") for event in said.messages]
    tokens, cost = _spent(log)
    return Summary(
        path=str(log.path),
        condition=facts(settings, models),
        stimulus=stimulus(settings, models),
        demo=is_demo(settings, models),
        messages=len(said.messages),
        spans=spans,
        stretches=detector.path(),
        ending=detector.ending(),
        foreign=not isinstance(detector, Judged) and not detector.english,
        recurrence=detector.recurrence(),
        attempts=tried,
        interjections=what_followed(said.messages, settings, spans, tried),
        words=said.words,
        lengths=said.lengths,
        tokens=tokens,
        cost=cost,
        end=end["reason"] if end else NOT_ENDED,
        error=end.get("error", "") if end else "",
        parent=_parent(log.config.get("parent")),
        incidents=list(incidents(log)),
        skipped=log.skipped,
        extra={name: make(log, detector) for name, make in also.items()},
    )


@dataclass
class _Said:
    """A run's messages without their words, but for those of and soon after an interjection."""

    messages: list[Turn]
    lengths: list[int]
    words: int


def _gone_through(log: Transcript, detector: Detector) -> _Said:
    """Let the detector read each message once; what is kept does not grow with the text."""
    messages: list[Turn] = []
    lengths: list[int] = []
    words, last = 0, -REACH
    for event in log.one_by_one():
        detector.turn(event)
        text, index = event["response"], len(lengths)
        lengths.append(len(text))
        words += len(text.split())
        last = index if event.get("interjected") else last
        kept = {name: value for name, value in event.items() if name in KEPT}
        heard = text if index - last < REACH else ""
        messages.append(cast(Turn, {**kept, "response": heard}))
    return _Said(messages, lengths, words)


def _parent(told: Any) -> tuple[str, int] | None:
    if not isinstance(told, dict):
        return None
    turn = told.get("turn")
    return words_of(told.get("log")), turn if type(turn) is int else 0


# ---------------------------------------------------------------- what happened


def attempts(log: Transcript) -> Iterator[Tried]:
    """Each tool attempt with the index of the message in whose making it fell, whole or aborted."""
    index = 0
    for event in log.events:
        if event["type"] != "turn" and event["type"] != "aborted":
            continue
        for attempt in event.get("tool_attempts") or ():
            yield {
                "message": index,
                "seat": seat_of(event),
                "tool": attempt["tool"] or "?",
                "reason": words_of(attempt.get("reason") or ""),
                "outcome": words_of(attempt.get("outcome") or "not recorded"),
                "during": event["type"],
            }
        index += event["type"] == "turn"


def incidents(log: Transcript) -> Iterator[tuple[int, str]]:
    """(message, what) of all that a reader of a run must know of how it was made: the flags of
    messages (`truncated`, `retried`, ...), what was broken off, a window that slid, what was asked
    again, where it was resumed. The message is the one in whose making it fell."""
    index = 0
    for event in log.events:
        if event["type"] == "turn":
            for flag in event["flags"]:
                why = event.get("refusal") if flag == "refused" else None
                yield index, f"{flag}: {words_of(why)}" if why else flag
            index += 1
        elif event["type"] == "aborted":
            yield index, f"broken off: {words_of(event.get('why'))}"
        elif event["type"] == "retry":
            yield index, f"asked again: {words_of(event.get('error'))}"
        elif event["type"] == "slide":
            left = f"what came before message {event['from_message']}"
            yield index, f"slid: {event['label']} no longer sees {left}"
        elif event["type"] == "resumed":
            yield index, "resumed"


def _spent(log: Transcript) -> tuple[dict[str, int] | None, float | None]:
    """Tokens and cost in USD; None where a model's message does not say."""
    tokens: Counter[str] = Counter(dict.fromkeys(TOKENS, 0))
    costs: list[float | None] = []
    known = True
    for event in log.events:
        if (event["type"] != "turn" and event["type"] != "aborted") or event.get("inherited"):
            continue
        usage = event.get("usage")
        if usage:
            tokens.update(cast(dict[str, int], usage))
            costs.append(event.get("cost_usd"))
        elif event["type"] == "turn" and not event.get("interjected"):
            known = False  # a model's, and nothing was counted
            costs.append(None)
    return dict(tokens) if known else None, add_costs(costs)
