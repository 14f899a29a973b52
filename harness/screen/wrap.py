"""Laying text out in cells: words wrapped as they stream, one line, the line editor's lines."""

import re

from rich.cells import cell_len, chop_cells

from harness.text import visible

_WIDE = "\u1100-\u115e\u2e80-\u3163\u3165-\ua4cf\uac00-\ud7a3\uf900-\ufaff\uff01-\uff60"

_TOKEN = re.compile(rf"\n|[ \t]+|[{_WIDE}\U00020000-\U0003fffd]|[^\s{_WIDE}]+|\s")


def one_line(text: str, width: int = 200) -> str:
    """`text` made visible, on one line, cut to `width` cells."""
    text = re.sub(r"\s+", " ", visible(text))
    return text if cell_len(text) <= width else chop_cells(text, width - 1)[0] + "…"


def in_lines(text: str, width: int) -> str:
    """Parts with ` · ` between them on as many lines of `width` cells as they take, none broken."""
    lines: list[str] = []
    for part in text.split(" · "):
        if lines and cell_len(longer := f"{lines[-1]} · {part}") <= width:
            lines[-1] = longer
        else:
            lines.append(part)
    return "\n".join(lines)


class Wrapper:
    """Word-wraps text that arrives in pieces. A word is held back until its end is known,
    and blanks until a word follows on their line: none stand at a line's end."""

    def __init__(self) -> None:
        self._word, self._blanks, self.column, self.wrote = "", "", 0, False

    def feed(self, piece: str, width: int) -> str:
        """What can be written now of what came so far."""
        out = []
        for token in _TOKEN.findall(piece):
            if token[0].isspace():
                out.append(self._flush(width) + self._space(token, width))
            else:
                if self._word and re.match(f"[{_WIDE}]", token):
                    out.append(self._flush(width))
                self._word += token
                if len(self._word) > width or re.fullmatch(f"[{_WIDE}]", token):
                    out.append(self._flush(width))
        return "".join(out)

    def break_line(self) -> str:
        """A line end where something is on the line; the word that is held back comes after it."""
        broken, self.column, self._blanks = "\n" if self.column else "", 0, ""
        return broken

    def finish(self, width: int) -> str:
        """The rest, and a line end where the text has none."""
        rest = self._flush(width)
        return rest + ("\n" if self.column else "")

    def _flush(self, width: int) -> str:
        word, self._word = visible(self._word), ""
        if not word:
            return ""
        self.wrote = True
        size = cell_len(word)
        start, self._blanks = self._blanks, ""
        used = self.column + cell_len(start)
        if used and used + size > width:
            start, used = "\n", 0
        self.column = used
        lines = [word] if size <= width else chop_cells(word, width)
        self.column = self.column + size if len(lines) == 1 else cell_len(lines[-1])
        return start + "\n".join(lines)

    def _space(self, token: str, width: int) -> str:
        if token == "\n":
            self.column, self._blanks = 0, ""
            return "\n"
        shown = visible(token)
        if shown.strip():  # a separator that is shown by name
            self._word = token
            return self._flush(width)
        if self.column + cell_len(self._blanks + shown) >= width:
            self.column, self._blanks = 0, ""
            return "\n"
        self._blanks += shown
        return ""


def layout(prompt: str, text: str, at: int, width: int) -> tuple[list[str], int, int]:
    """Lines of at most `width` cells, broken between words where there are any, and the row and
    column of a cursor before character `at` of the text."""
    cells = [(char, "" if char == "\n" else visible(char)) for char in text]
    lines, used, row, column = [prompt], cell_len(prompt), 0, cell_len(prompt)
    index = 0
    for word in re.findall(r"\n|[^\S\n]|[^\s]+", text):
        size = sum(cell_len(shown) for _, shown in cells[index : index + len(word)])
        if not word.isspace() and used and used + size > width >= size:
            lines.append("")
            used = 0
        for char, shown in cells[index : index + len(word)]:
            if shown == " " and used >= width:
                shown = ""  # it hangs over the edge, where nobody misses it
            if used + cell_len(shown) > width:
                lines.append("")
                used = 0
            if index == at:
                row, column = len(lines) - 1, used
            if char == "\n":
                lines.append("")
                used = 0
            else:
                lines[-1] += shown
                used += cell_len(shown)
            index += 1
    if at >= len(text):
        row, column = len(lines) - 1, used
    return lines, row, column
