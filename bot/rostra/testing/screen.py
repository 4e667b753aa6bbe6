"""A terminal in memory: what is written to it, and what people then see on it."""

from __future__ import annotations

import io
import re
from unicodedata import category

from rich.cells import get_character_cell_size

_SEQUENCE = re.compile(r"\x1b\[([0-9;]*)([A-Za-z])")


class FakeScreen(io.TextIOBase):
    """A text stream that understands what `rostra_adapters.console` writes: ED, CUU and SGR of ECMA-48, CR and LF.

    Rows that scroll off the top stay in ``seen`` but cannot be reached any more, as on a real terminal.
    """

    def __init__(self, columns: int = 80, lines: int = 24) -> None:
        super().__init__()
        self.size = (columns, lines)
        self.rows: list[list[str]] = [[]]
        self._wrapped: set[int] = set()
        self._row = 0
        self._column = 0

    @property
    def seen(self) -> str:
        """The lines on all rows, those that scrolled away included; a line that wrapped is one again."""
        lines: list[str] = []
        for number, row in enumerate(self.rows):
            text = "".join(row)
            if number in self._wrapped:
                lines[-1] += text
            else:
                lines.append(text)
        return "\n".join(line.rstrip() for line in lines).rstrip("\n")

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        position = 0
        while position < len(text):
            sequence = _SEQUENCE.match(text, position)
            if sequence:
                self._obey(sequence[1], sequence[2])
                position = sequence.end()
            else:
                self._type(text[position])
                position += 1
        return len(text)

    def _obey(self, argument: str, order: str) -> None:
        match order:
            case "A":
                top = max(0, len(self.rows) - self.size[1])
                self._row = max(top, self._row - int(argument or 1))
            case "J":
                del self.rows[self._row + 1 :]
                self._wrapped -= {row for row in self._wrapped if row > self._row}
                self._wrapped -= {self._row} if self._column == 0 else set()
                self.rows[self._row] = self.rows[self._row][: self._column]
            case "m":
                pass
            case _:
                raise AssertionError(f"the screen does not know the sequence CSI {argument}{order}")

    def _type(self, character: str) -> None:
        if character == "\n":
            self._line_feed()
        elif character == "\r":
            self._column = 0
        else:
            assert category(character) != "Cc", f"the control character {character!r} reached the screen"
            cells = get_character_cell_size(character)
            if self._column + cells > self.size[0]:
                self._line_feed()
                self._wrapped.add(self._row)
            self._put(character, cells)

    def _line_feed(self) -> None:
        self._row, self._column = self._row + 1, 0
        if self._row == len(self.rows):
            self.rows.append([])

    def _put(self, character: str, cells: int) -> None:
        row = self.rows[self._row]
        if cells == 0 and self._column:
            row[self._column - 1] += character
            return
        row.extend(" " * (self._column - len(row)))
        row[self._column : self._column + cells] = [character, *[""] * (cells - 1)]
        self._column += cells
