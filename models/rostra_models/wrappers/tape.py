"""Files of lines that only their owner can read, a new one each day, the oldest thrown away."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import TypeAlias

import structlog

from rostra.clock import Clock

Line: TypeAlias = Callable[[], str]
"""Makes a line: in the thread that writes it, as a long answer takes a while."""

WAITING = 1000
"""Lines that wait to be written; more come only where the disk hangs, and are lost."""

log = structlog.get_logger(__name__)


class Tape:
    """Writes lines to ``YYYY-MM-DD.N.jsonl`` in ``folder``, in a thread. Made with `open_tape`.

    Files older than ``keep_days`` are deleted, and the oldest where all have more than ``most`` bytes: a file begins
    anew at a tenth of that. A disk that is full costs lines, never an answer.
    """

    def __init__(self, folder: Path, *, keep_days: int, most: int, clock: Clock) -> None:
        self.folder = folder
        self._keep = timedelta(days=keep_days)
        self._most = most
        self._clock = clock
        self._lines: asyncio.Queue[Line | None] = asyncio.Queue(WAITING)
        self._lost = 0

    def write(self, line: Line) -> None:
        """Have ``line`` made and written; never waits, never raises."""
        try:
            self._lines.put_nowait(line)
        except asyncio.QueueFull:
            self._lost += 1
            log.warning("recording falls behind", folder=str(self.folder), lost=self._lost)

    async def run(self) -> None:
        """Write what comes until `end` was called."""
        await asyncio.to_thread(self._contained, [])
        ended = False
        while not ended:
            lines = [await self._lines.get()]
            while not self._lines.empty():
                lines.append(self._lines.get_nowait())
            ended = None in lines
            await asyncio.to_thread(self._contained, [line for line in lines if line is not None])

    async def end(self) -> None:
        """Let `run` write what waits and return."""
        await self._lines.put(None)

    def _contained(self, lines: Sequence[Line]) -> None:
        try:
            self._append(lines)
        except OSError as error:
            log.warning("recording cannot be written", folder=str(self.folder), why=error.strerror)

    def _append(self, lines: Sequence[Line]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        today = self._clock.now().date()
        for line in lines:
            try:
                data = line().encode("ascii") + b"\n"
            except (TypeError, ValueError) as error:  # a foreign model may say what is no JSON
                log.warning("call cannot be recorded", folder=str(self.folder), why=type(error).__name__)
                continue
            number = os.open(self._file(today), os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
            with os.fdopen(number, "wb") as file:
                os.fchmod(number, 0o600)  # whatever it was before
                file.write(data)
        self._clear(today)

    def _file(self, today: date) -> Path:
        newest = max((file for file in recorded(self.folder) if day_of(file) == today), default=None)
        number = 0
        if (
            newest is not None
        ):  # numbers of files that were deleted are not used again: they say what is older
            number = int(newest.name[11:15]) + (newest.stat().st_size >= self._most // 10)
        return self.folder / f"{today.isoformat()}.{number:04d}.jsonl"

    def _clear(self, today: date) -> None:
        kept: list[Path] = []
        for file in recorded(self.folder):
            if day_of(file) < today - self._keep:
                file.unlink()
            else:
                kept.append(file)
        size = sum(file.stat().st_size for file in kept)
        for file in kept[:-1]:
            if size <= self._most:
                return
            size -= file.stat().st_size
            file.unlink()


def recorded(folder: Path) -> list[Path]:
    """Return the files of a tape, the oldest first."""
    return sorted(folder.glob("[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9].[0-9][0-9][0-9][0-9].jsonl"))


def day_of(file: Path) -> date:
    """Return the day in the name of a tape's file."""
    return date.fromisoformat(file.name[:10])


@asynccontextmanager
async def open_tape(folder: Path, *, keep_days: int, megabytes: float, clock: Clock) -> AsyncGenerator[Tape]:
    """Lend a tape; at the end everything is written."""
    tape = Tape(folder, keep_days=keep_days, most=int(megabytes * 1_000_000), clock=clock)
    running = asyncio.create_task(tape.run())
    try:
        yield tape
    finally:
        await tape.end()
        await running
