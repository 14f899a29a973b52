"""The message that a person types, as it stands on the screen."""

from harness.screen.paper import Paper
from harness.screen.wrap import layout, one_line

TAKEN_OVER = "Enter sends · empty line hands back · Esc cancels"
OWN_SEAT = "Enter sends · Alt+Enter new line · Up what you said before"


class EditBox:
    """The line editor on a terminal, drawn anew after each key."""

    def __init__(self, paper: Paper):
        self.paper = paper
        self._row = self._below = 0  # where the cursor is: lines from the text's top and its end

    def draw(self, seat: str, text: str, at: int, taken: bool) -> None:
        """Draw it with the cursor before character `at` of `text`, and below it how to get out: of
        a seat that is `taken` over, or of one's own."""
        width = max(20, self.paper.width - 1)
        lines, row, column = layout(f"You as Model {seat}: ", text, at, width)
        room = max(2, self.paper.height - 2)  # a screen's worth of it
        first = max(0, min(row, len(lines) - 1) - room + 1)
        lines, row = lines[first : first + room], row - first
        lines.append(f"\x1b[2m{one_line(TAKEN_OVER if taken else OWN_SEAT, width)}\x1b[0m")
        up = f"\x1b[{self._row}A" if self._row else ""
        back = f"\x1b[{len(lines) - 1 - row}A"  # the last is no text
        right = f"\x1b[{column}C" if column else ""
        self.paper.control(f"{up}\r\x1b[J" + "\r\n".join(lines) + f"{back}\r{right}")
        self._row, self._below = row, len(lines) - 2 - row

    def leave(self) -> None:
        """The person is done: what was typed stays on the screen."""
        self.paper.control("\n" * self._below + "\r\n\x1b[J")
        self._row = self._below = 0
