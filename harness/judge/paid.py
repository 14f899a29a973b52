"""Answers that were paid for, kept until what is made of them is whole.

LOG.labels.part, beside the labels to be (LOG.patterns.part beside the patterns), has a line of JSON
for each window that was read. A judge that was stopped, refused or out of money goes on behind
them; what would be asked otherwise (another model, prompt or window, a log that went on) is asked
anew.
"""

import contextlib
import hashlib
import json
import math
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from harness import files
from harness.judge.answers import C, in_two_tries
from harness.models.asking import Asker, Bill, Question
from harness.talk.log import encode
from harness.text import add_costs


class Paid:
    """What one model has answered about one log."""

    def __init__(self, whole: Path, model: str):
        """`whole`: the file that the log's labels or patterns will be in."""
        self._file, self._model = whole.with_suffix(".part"), model
        self._known: dict[str, tuple[str, Bill]] = {}
        with contextlib.suppress(OSError):
            for line in files.read(self._file).split(b"\n"):
                with contextlib.suppress(*files.DAMAGE, OverflowError):
                    kept = files.parse(line)
                    self._known[kept["asked"]] = str(kept["text"]), _bill(**kept["bill"])

    def get(self, question: Question) -> tuple[str, Bill] | None:
        """The answer to this question, and what it had cost."""
        return self._known.get(self._key(question))

    async def ask(
        self, asker: Asker, question: Question, check: Callable[[str], C], bill: Bill, length: int
    ) -> C:
        """What `check` makes of the answer, which is asked for only where it was not paid for; its
        cost goes on the bill either way. Raises Failure, OSError."""
        kept = self.get(question)
        if kept and (answer := check(kept[0])).usable:
            bill.merge(kept[1])
            return answer
        price = Bill()
        answer = await in_two_tries(asker, question, check, price, length)
        self.keep(question, answer.text, price)
        bill.merge(price)
        return answer

    def keep(self, question: Question, text: str, bill: Bill) -> None:
        """Keep an answer. Raises OSError."""
        line = encode({"asked": self._key(question), "text": text, "bill": asdict(bill)})
        with open(self._file, "ab") as file:
            file.write(b"\n" + line)  # apart from one that was cut off by a kill

    def drop(self) -> None:
        """What is made of them is whole: nothing is kept any more."""
        with contextlib.suppress(OSError):
            self._file.unlink(missing_ok=True)

    @property
    def cost(self) -> float | None:
        """USD that what is kept had cost; None where that is unknown."""
        return add_costs([bill.cost for _, bill in self._known.values()])

    def _key(self, question: Question) -> str:
        return hashlib.sha256(json.dumps([self._model, question]).encode()).hexdigest()[:32]


def _bill(input: int, output: int, cost: float | None) -> Bill:
    if cost is not None and not math.isfinite(cost):
        raise ValueError("no number of dollars")
    return Bill(int(input), int(output), cost)
