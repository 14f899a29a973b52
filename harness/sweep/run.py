"""One conversation of a sweep: its condition, and how far it is."""

import contextlib
import copy
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypedDict

from harness.models import secrets
from harness.states.detect import detect_in
from harness.talk import transcript
from harness.talk.controls import Controls
from harness.talk.events import End, Totals
from harness.talk.log import Log, LogError
from harness.talk.settings import Settings
from harness.talk.state import State
from harness.talk.transcript import Transcript


@dataclass(frozen=True)
class Condition:
    """One cell of the grid: the options that vary, the settings they make, a name for files."""

    varies: dict[str, Any]
    settings: Settings
    digest: str
    key: str

    def __str__(self) -> str:
        """As in a report: `opus × sonnet · tools none`; a list may break behind its commas."""
        rest = dict(self.varies)
        both = {"model_a", "model_b"} <= set(rest)
        words = [f"{rest.pop('model_a')} × {rest.pop('model_b')}"] if both else []
        words += [f"{name} {value}" for name, value in rest.items()]
        return re.sub(r",(?=\S)", ", ", " · ".join(words)) or self.key


class News(TypedDict):
    """Where a run is, as one process tells another: see Run."""

    state: str
    totals: Totals
    problem: str
    defect: bool
    reached: set[str]


@dataclass
class Run:
    """One conversation of the sweep, and how far it is."""

    condition: Condition
    path: Path
    settings: Settings
    state: str = "waiting"  # running, done, failed, stopped, max_cost (the sweep's), elsewhere
    totals: Totals = field(default_factory=transcript.no_totals)
    reached: set[str] = field(default_factory=set)
    problem: str = ""
    defect: bool = False  # it failed by a defect of ours
    _play: State | None = None  # while it is held here
    _controls: Controls | None = None
    _seen: int = 0  # bytes of the log that were read while another process wrote it

    @property
    def ended(self) -> bool:
        return self.state in ("done", "failed", "elsewhere")

    def so_far(self) -> set[str]:
        """The attractor states that it has been in, as far as this process has seen."""
        return self._play.detector.reached() if self._play else self.reached

    def open_log(self) -> Log:
        """The run's log, made where there is none; it is lazy: see `Member.request`. Raises
        LogError."""
        try:
            return Log.create(self.path.parent, self.path.stem, lazy=True)
        except LogError:
            if not self.path.exists():
                raise
        return Log.reopen(self.path, lazy=True)  # of an earlier command, or of another process

    def begin(self, play: State, controls: Controls) -> None:
        """It is being held."""
        self._play, self._controls, self.state = play, controls, "running"
        self.totals = play.totals

    def end_soon(self) -> None:
        """End it after the message in the making, where it is being held."""
        if self._controls:
            self._controls.end()

    def leave(self) -> None:
        """It is held no more."""
        self._play = self._controls = None

    def leave_to_others(self) -> None:
        """Another process is holding it."""
        self.state = "elsewhere"

    @property
    def away(self) -> bool:
        """Whether it may be held by another process, as far as is known here."""
        return self._play is None and self.state in ("waiting", "elsewhere")

    def read_on(self) -> tuple[int, Totals] | None:
        """What another process has added to the log, for `take_in`; None where that is nothing."""
        with contextlib.suppress(OSError):  # not begun by anybody
            size = self.path.stat().st_size
            if size != self._seen:
                on = 0 < self._seen < size  # else it is read for the first time, or another one
                totals = copy.deepcopy(self.totals) if on else transcript.no_totals()
                return transcript.tally_more(self.path, self._seen if on else 0, totals), totals
        return None

    def take_in(self, found: tuple[int, Totals]) -> None:
        """Take in what `read_on` has found."""
        self._seen, self.totals = found

    def find_states(self) -> None:
        """Find the states of a conversation that was held before, in its log."""
        self.reached = detect_in(transcript.read(self.path).events).reached()

    def take_log(self, past: Transcript) -> None:
        """Take in its log: what was spent, and, unless there is more to be said, how it ended."""
        self.totals = transcript.totals(past)
        if past.config and past.end and not unfinished(past, self.settings):
            self.close(past.end)

    def news(self) -> News:
        """Where it is, for another process (see `hear`)."""
        return {
            "state": self.state,
            "totals": self.totals,
            "problem": self.problem,
            "defect": self.defect,
            "reached": self.so_far(),
        }

    def hear(self, news: News) -> bool:
        """Take in where it is by now; returns whether it has ended with that."""
        ended = news["state"] not in ("waiting", "running", self.state)
        self.state, self.totals = news["state"], news["totals"]
        self.problem, self.defect = news["problem"], news["defect"]
        self.reached |= news["reached"]
        return ended

    def fail(self, problem: str, defect: bool = False) -> None:
        """It has failed."""
        self.state, self.problem, self.defect = "failed", secrets.scrub(problem), defect

    def close(self, end: End) -> None:
        """Take in how it ended; its totals are known by then."""
        broke = "max_cost" if end.get("limit") == "sweep" else "done"
        states = {"error": "failed", "stopped": "stopped", "max_cost": broke}
        self.state = states.get(end["reason"], "done")
        self.problem = end.get("message", "") if self.state == "failed" else ""
        self.reached = self.so_far()


def unfinished(past: Transcript, settings: Settings) -> bool:
    """Whether a log was cut, failed, or ended at a limit that has been raised since."""
    last = past.end
    reason = last["reason"] if last else None
    if last is None or reason in ("stopped", "error") or last.get("limit") == "sweep":
        return True
    if reason in ("max_turns", "max_cost"):
        then, limit = past.settings().get(reason), getattr(settings, reason)
        return limit is None or not isinstance(then, int | float) or limit > then
    return False


def read_logs(todo: list[Run]) -> None:
    """Find out from their logs which runs are done, and what was spent on the others.

    Raises LogError."""
    for run in todo:
        if run.path.exists():
            try:
                past = transcript.read(run.path)
            except OSError as error:
                raise LogError(f"{run.path}: cannot read it: {error.strerror}") from None
            run.take_log(past)
