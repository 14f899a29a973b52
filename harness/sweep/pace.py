"""How fast the messages of many conversations come."""

import time

from harness.sweep.run import Run


class Pace:
    """Of all that this process makes, from here on. Unknown before it has made `least` messages."""

    def __init__(self, runs: list[Run], least: int):
        self.runs, self.least = runs, least
        self._began, self._already = time.monotonic(), self._messages()

    def _messages(self) -> int:
        return sum(run.totals["messages"] for run in self.runs)

    def rate(self) -> float | None:
        """Messages a second."""
        made = self._messages() - self._already
        return made / (time.monotonic() - self._began) if made >= self.least else None

    def seconds_left(self) -> float | None:
        """As long as the messages that are missing will take at the pace so far."""
        missing = sum(
            2 * (run.settings.max_turns or 0) - run.totals["messages"]
            for run in self.runs
            if not run.ended
        )
        rate = self.rate()
        return missing / rate if rate else None
