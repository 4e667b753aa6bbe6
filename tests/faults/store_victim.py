"""The process that the store's fault tests kill: it does nothing but accept, and says what was acknowledged.

For each line ``URL FOLDER`` on standard input it forks a process that accepts without end. Each prints its process
id first, and then the ids of events whose acceptance has returned.
"""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from rostra.clock import SystemClock
from rostra.events import Message
from rostra.places import Person, Place
from rostra.storage import open_store, opening, sql

LOADED = (opening, sql)
"""Imported once, before the fork."""


async def accept_for_ever(url: str, folder: Path) -> None:
    numbers = count()
    async with open_store(url, data=folder, clock=SystemClock()) as store:

        async def accept() -> None:
            for number in numbers:
                name = f"{os.getpid()}-{number}"
                place = Place(adapter="test", channel=str(number % 7))
                author = Person(id=str(number % 5))
                at = datetime(2026, 1, 1, tzinfo=UTC)
                await store.accept(Message(id=name, place=place, author=author, text=name, sent_at=at))
                say(name)

        await asyncio.gather(*(accept() for _ in range(8)))


def say(line: str) -> None:
    # In one call to the system: ``print`` makes it two where output is unbuffered, and the kill may come between.
    os.write(1, f"{line}\n".encode())


def main() -> None:
    for line in sys.stdin:
        url, folder = line.split()
        pid = os.fork()
        if pid == 0:
            say(str(os.getpid()))
            asyncio.run(accept_for_ever(url, Path(folder)))
            os._exit(1)
        os.waitpid(pid, 0)
        say("gone")


if __name__ == "__main__":
    main()
