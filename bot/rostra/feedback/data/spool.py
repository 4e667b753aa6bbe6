"""Lines in order, however many: sorted in memory a portion at a time, and merged from disk."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

PORTION = 32_000_000
"""Bytes of lines that are sorted in memory at a time, by default."""

EACH = 64
"""Bytes that Python takes for a line beside its content."""


class Spool:
    """Takes lines in any order and gives them back sorted by their bytes. A line holds no newline.

    ``folder`` must be there; files appear in it only once there is more than one portion, and go when the lines are read.
    """

    def __init__(self, folder: Path, name: str, portion: int = PORTION) -> None:
        self._folder, self._name, self._portion = folder, name, portion
        self._lines: list[bytes] = []
        self._held = 0
        self._files: list[Path] = []
        self.count = 0

    def add(self, line: bytes) -> None:
        """Take in one line."""
        self._lines.append(line)
        self.count += 1
        self._held += len(line) + EACH
        if self._held >= self._portion:
            self._put_down()

    def sorted(self) -> Iterator[bytes]:
        """Yield all lines in order, once; nothing may be added after that."""
        self._lines.sort()
        lines, self._lines = self._lines, []
        if not self._files:
            yield from lines
            return
        with ExitStack() as stack:
            files = [stack.enter_context(path.open("rb", buffering=1 << 18)) for path in self._files]
            streams = [(line[:-1] for line in file) for file in files]
            yield from heapq.merge(*streams, lines)
        for path in self._files:
            path.unlink()

    def _put_down(self) -> None:
        self._lines.sort()
        path = self._folder / f"{self._name}.{len(self._files)}"
        with path.open("wb") as file:
            file.writelines(line + b"\n" for line in self._lines)
        self._files.append(path)
        self._lines, self._held = [], 0
