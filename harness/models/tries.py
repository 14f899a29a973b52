"""How long and how often a failing provider is asked again: one policy for all who ask."""

import random

from harness.models.failures import Failure

LONGEST = 60.0  # seconds between two tries where the provider names no time


class Tries:
    """The tries of one request. `patience` is the seconds that trying and waiting may take in all,
    `option` names what sets it, for the line that says that it is used up."""

    def __init__(self, patience: float, option: str = ""):
        self.patience, self.option = patience, option
        self.tried, self.spent = 0, 0.0

    def wait(self, failure: Failure, took: float) -> float:
        """Seconds to wait after a try that failed in `took` seconds: what the provider asks for,
        else 1, 2, 4 ... with jitter. Raises the failure where there is no point in another."""
        if not failure.retry:
            raise failure
        wait = self._pause(failure)
        self.tried += 1
        self.spent += took + wait
        if self.spent > self.patience:
            tries = f"gave up after {self.tried} tries{self.option and f' ({self.option})'}"
            raise Failure(failure.kind, f"{failure}; {tries}")
        return wait

    def _pause(self, failure: Failure) -> float:
        own = min(LONGEST, 2.0 ** min(self.tried, 10)) * random.uniform(0.5, 1.0)
        if failure.wait is None:
            return own
        first = self.tried == 0 and failure.wait >= 0.5
        return failure.wait if first else max(failure.wait, own)
