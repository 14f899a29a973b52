"""Tables of words for a reader of any width: no word is broken, what is too wide is cut in parts.

Each part has the first columns (`keys`) again, as wide tables have in print.
"""

import os
import re
import textwrap
from typing import TYPE_CHECKING, NamedTuple

from harness.text import visible

if TYPE_CHECKING:  # a sheet is made without Rich, which takes a while to import
    from rich.table import Table

UNKNOWN = 100  # columns, where nothing tells how wide the reader's page is
GAP = 2


class Sheet(NamedTuple):
    """A table as words. A cell may have several lines; `note` says how it is to be read. `keys` is
    the number of first columns that name a row; `whole` keeps the other columns' lines unbroken."""

    title: str
    columns: list[str]
    rows: list[list[str]]
    note: str = ""
    keys: int = 1
    whole: bool = False


def readers_width() -> int:
    """The width of the terminal where a pipe's reader sits, as far as it can be known."""
    told = os.environ.get("COLUMNS", "")
    if told.isdecimal() and int(told) > 0:
        return int(told)
    for stream in (2, 0):  # standard output is the pipe
        try:
            return os.get_terminal_size(stream).columns or UNKNOWN
        except OSError:
            continue
    return UNKNOWN


def fitted(sheet: Sheet, width: int) -> list["Table"]:
    """The sheet as tables that fit into `width` cells, side by side in thought."""
    cells = [[visible(cell) for cell in row] for row in sheet.rows]
    needs = []
    for k, name in enumerate(sheet.columns):
        breaks = r"\n" if sheet.whole and k >= sheet.keys else r"\s+"
        needs.append(min(max(1, width // 2), _longest([name, *(row[k] for row in cells)], breaks)))
    if sheet.whole and needs:
        needs[0] = max(needs[0], _two_lines([row[0] for row in cells], width // 3))
    full = [
        _longest([name, *(row[k] for row in cells)], r"\n") for k, name in enumerate(sheet.columns)
    ]
    blocks = _blocks(needs, sheet.keys, width)
    tables = []
    for block in blocks:
        widths = _widths([needs[k] for k in block], [full[k] for k in block], width)
        tables.append(_table(sheet.columns, cells, block, widths))
    return tables


def _longest(texts: list[str], breaks: str) -> int:
    from rich.cells import cell_len

    return max((cell_len(part) for text in texts for part in re.split(breaks, text)), default=1)


def _two_lines(labels: list[str], most: int) -> int:
    """The least width, up to `most`, at which no label takes more than two lines."""
    return next(
        (w for w in range(8, most) if all(len(textwrap.wrap(one, w)) <= 2 for one in labels)), most
    )


def _blocks(needs: list[int], keys: int, width: int) -> list[list[int]]:
    """Which columns stand together: as many as fit beside the keys, at least one."""
    first, blocks = list(range(min(keys, len(needs)))), []
    block, used = [*first], sum(needs[k] + GAP for k in first)
    for k in range(len(first), len(needs)):
        if used + needs[k] > width and len(block) > len(first):
            blocks.append(block)
            block, used = [*first], sum(needs[k] + GAP for k in first)
        block.append(k)
        used += needs[k] + GAP
    return [*blocks, block]


def _widths(needs: list[int], full: list[int], width: int) -> list[int]:
    """A width for each column of a table: its longest line, or if all are too wide together, the
    widest are cut to one width, none below what it needs as long as there is room. (Rich forgets
    the least widths when it shrinks a table, and cuts off its end.)"""
    room = width - GAP * (len(needs) - 1)
    least = needs if sum(needs) <= room else [1] * len(needs)

    def cut(most: int) -> list[int]:
        return [max(low, min(high, most)) for low, high in zip(least, full, strict=True)]

    return next((w for most in range(room, 0, -1) if sum(w := cut(most)) <= room), cut(1))


def _table(
    columns: list[str], cells: list[list[str]], block: list[int], widths: list[int]
) -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, padding=(0, GAP, 0, 0), header_style="dim", pad_edge=False)
    for k, wide in zip(block, widths, strict=True):
        table.add_column(Text(visible(columns[k])), overflow="fold", width=wide)
    for row in cells:
        table.add_row(*(Text(row[k]) for k in block))
    return table
