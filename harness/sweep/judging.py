"""A judge beside a sweep: each run is labelled as it ends, from the sweep's money.

The labels are those of `judge LOG --model MODEL`. A run whose labels are missing (no money left,
a failure, Ctrl+C) is labelled by the same command again.
"""

import asyncio
from typing import cast

from harness import defects
from harness.judge import labels
from harness.judge.judge import WINDOW, Bench, judge_seat
from harness.judge.paid import Paid
from harness.models import catalogue, demo
from harness.models.asking import RETRY_FOR, Asker
from harness.models.failures import Failure
from harness.models.gate import Gate
from harness.sweep.purse import Purse
from harness.sweep.run import Run
from harness.talk.estimate import CHARS, REPLY, Estimate
from harness.talk.events import Turn
from harness.talk.settings import Settings
from harness.text import UserError, add_costs, many, money


class Judging:
    """The judge of a sweep's runs, and what became of its work."""

    def __init__(self, name: str, concurrency: int, purse: Purse, runs: list[Run]):
        self.seat, self.runs = judge_seat(name, None, "--judge"), runs
        asker = Asker(self.seat, Gate(concurrency, RETRY_FOR), room=purse.has_room)
        self.bench = Bench(asker, WINDOW, concurrency)
        self.failures: dict[str, str] = {}  # by the log's name
        self.defect = False  # whether one of them is a defect of ours
        self._found: dict[str, tuple[int, float | None]] = {}  # by log: messages read, USD
        self.read_labels()
        # USD, of labels that are there or were begun.
        self.before = add_costs([*map(self._cost, runs), *map(self._begun, runs)])
        purse.share_with(self._spent)

    def check(self, budget: float | None) -> None:
        """Refuse what could not work. Raises UserError."""
        if line := catalogue.missing_key(self.seat, demo.JUDGE):
            raise UserError(f"--judge: {line}")
        labels.refuse_loss((labels.labels_of(run.path) for run in self.runs), self.seat.model)
        if budget is not None:
            catalogue.must_be_priced(self.seat, "the judge ")

    def lacks(self, run: Run) -> bool:
        """Whether a run has ended and has no labels of this judge."""
        return _can_be_labelled(run) and not self._has(run)

    async def label(self, run: Run) -> None:
        """Label a run that has ended, if it lacks that; a failure is noted and is not the run's."""
        if not self.lacks(run):
            return
        try:
            found = await self.bench.label(run.path, labels.label_file(run.path))
            self._note(run, found)
            self.failures.pop(run.path.name, None)
        except (Failure, UserError, OSError) as error:  # also where the gate was closed
            self.failures[run.path.name] = str(error)
        except asyncio.CancelledError:  # a second Ctrl+C
            self.failures[run.path.name] = "stopped"
        except Exception as error:
            self.failures[run.path.name], self.defect = defects.told(error), True

    def stop(self) -> None:
        """Ask nothing new."""
        self.bench.asker.stop()

    def estimate(self, settings: Settings) -> Estimate:
        """What it takes to label one whole conversation of these settings."""
        message = {"label": "Model A", "response": "x" * REPLY * CHARS, "tool_attempts": []}
        said = [cast(Turn, message)] * 2 * (settings.max_turns or 0)
        return self.bench.estimate(self.bench.questions(said))

    def words(self) -> str:
        """What was labelled, what is missing and why, what it cost."""
        done = [run for run in self.runs if _can_be_labelled(run)]
        missing = sum(map(self.lacks, done))
        said = f"labels by {self.seat.name}: {len(done) - missing} of {many(len(done), 'run')}"
        why = "; ".join(sorted(set(self.failures.values())))
        more = f" (missing: {missing}{why and ': ' + why})" if missing else ""
        return f"{said}{more}; {money(add_costs(self._cost(run) for run in self.runs))}"

    def _spent(self) -> tuple[float | None, float]:
        asker = self.bench.asker
        return add_costs([self.before, asker.total.cost]), asker.pending

    def read_labels(self) -> None:
        """Read from the label files what this judge has labelled, older versions of logs too."""
        for run in self.runs:
            known = labels.labels_of(run.path)
            if known and known["judge"] == self.bench.about:
                self._note(run, known)

    def _note(self, run: Run, known: labels.Labels) -> None:
        self._found[run.path.name] = known["n_messages"], known.get("cost_usd")

    def _has(self, run: Run) -> bool:
        found = self._found.get(run.path.name)
        return found is not None and found[0] == run.totals["messages"]

    def _begun(self, run: Run) -> float | None:
        return Paid(labels.label_file(run.path), self.seat.model).cost

    def _cost(self, run: Run) -> float | None:
        return self._found.get(run.path.name, (0, 0.0))[1]


def _can_be_labelled(run: Run) -> bool:
    """Whether a run has ended, and not before its first message."""
    return run.state == "done" and run.totals["messages"] > 0
