"""What may be written to a terminal, and how much room it takes there.

What a model wrote is hostile until proven otherwise: an escape sequence can rewrite the screen, set the window's
title or put text on the clipboard; direction overrides make text read as something else (CVE-2021-42574).
"""

from __future__ import annotations

from rich.cells import get_character_cell_size

_TAB = "    "
_CONTROLS = [*range(0x20), *range(0x7F, 0xA0)]
_DIRECTIONS = [*range(0x202A, 0x202F), *range(0x2066, 0x206A)]
_SEPARATORS = {0x2028: "\n", 0x2029: "\n", ord("\n"): "\n", ord("\t"): _TAB}
_CLEAN: dict[int, str | None] = {
    **dict.fromkeys([*_CONTROLS, *_DIRECTIONS]),
    **dict.fromkeys(range(0xD800, 0xE000), "\ufffd"),
    **_SEPARATORS,
}


def clean(text: str) -> str:
    """Return ``text`` without anything a terminal would obey; only line feeds stay.

    It works on each character alone, so that it does not matter how a text was cut into pieces.
    """
    return text.translate(_CLEAN)


def rows(text: str, width: int) -> int:
    """Return how many rows the cursor goes down while a clean ``text`` is written from a row's start.

    Terminals wrap late: a row that is exactly full takes no second row until something follows it.
    """
    down = 0
    for number, line in enumerate(text.split("\n")):
        column = 0
        down += number > 0
        for character in line:
            cells = get_character_cell_size(character)
            if column + cells > width:
                down, column = down + 1, 0
            column += cells
    return down
