"""What is made of each log and is too much to hold, put away on disk until it is written out.

with Spool() as spool:
    read_log = partial(summarise, also={"page": page.transcript})
    read = list(spool.keep(parallel.each(paths, read_log)))
    spool.take(read[0], "page")
"""

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from harness.files import DiskError
from harness.report.summary import Skipped, Summary


class Spool:
    """The `extra` of summaries on disk: in its stead each summary keeps the places."""

    def __enter__(self) -> "Spool":
        self.file = tempfile.TemporaryFile()
        self.size = 0
        return self

    def __exit__(self, *_: object) -> None:
        self.file.close()

    def keep(self, read: Iterable[Summary | Skipped]) -> Iterator[Summary | Skipped]:
        """The same summaries, what was made of their logs put away. Raises DiskError."""
        for one in read:
            if isinstance(one, Summary):
                places = {name: self._put(text) for name, text in one.extra.items()}
                yield replace(one, extra=places)
            else:
                yield one

    def _put(self, text: Any) -> tuple[int, int]:
        raw = text.encode()
        place = (self.size, len(raw))
        try:
            self.file.write(raw)
            self.file.flush()  # a full disk is said here, not where the page is written
        except OSError as error:
            folder = tempfile.gettempdir()
            raise DiskError(f"{folder}: {error.strerror}; TMPDIR can name another") from None
        self.size += len(raw)
        return place

    def take(self, summary: Summary, name: str) -> str:
        """What was put away of a summary under that name."""
        start, size = summary.extra[name]
        self.file.seek(start)
        return self.file.read(size).decode()
