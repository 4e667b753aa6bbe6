"""A process that is told lines and answers each with one of JSON: the platforms of the bench, and whoever talks to them."""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any


class Told:
    """The process. ``first`` is what it said by itself, once it was ready."""

    def __init__(self, process: Process, first: Any) -> None:
        self._process = process
        self.first = first

    async def tell(self, line: str) -> Any:
        """Return what it answers. Raises `RuntimeError` if it ends instead."""
        if self._process.stdin is None:
            raise RuntimeError("no pipe to the process")
        self._process.stdin.write(f"{line}\n".encode())
        return await _heard(self._process)


@asynccontextmanager
async def told(module: str, *arguments: str) -> AsyncGenerator[Told]:
    """Run a module of this package in a process of its own; it ends when its standard input does."""
    command = (sys.executable, "-m", f"{__package__}.{module}", *arguments)
    process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, limit=2**24)
    try:
        yield Told(process, await _heard(process))
    finally:
        if process.stdin is not None:
            process.stdin.close()
        await process.wait()


async def answering(first: Any, answer: Callable[[str], Awaitable[Any]]) -> None:
    """Be such a process: say ``first``, then answer each line until there are no more."""
    _say(first)
    while line := await asyncio.to_thread(sys.stdin.readline):
        _say(await answer(line.strip()))


def _say(value: Any) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


async def _heard(process: Process) -> Any:
    if process.stdout is None or not (line := await process.stdout.readline()):
        raise RuntimeError("a process of the bench ended; it says why above")
    return json.loads(line)
