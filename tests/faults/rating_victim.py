"""A process in which people take ballots and answer them until there are none, or until it is killed.

Run with ``URL FOLDER CAMPAIGN NAME…`` it prints the ids of judgments whose storing has returned. Without arguments it takes lines
``URL FOLDER CAMPAIGN`` from standard input and forks for each a process that goes on for ever, with one person for each
ballot, and prints its own id first.
"""

from __future__ import annotations

import asyncio
import os
import sys
from itertools import count
from pathlib import Path

from rostra.clock import SystemClock
from rostra.feedback.values import AlreadyStored
from rostra.storage import open_store, opening, sql
from rostra.stores import Store
from rostra.testing.ballots import said, somebody

LOADED = (opening, sql)
"""Imported once, before a fork."""


async def rate(url: str, folder: Path, campaign: str, names: list[str]) -> None:
    """Have these people answer all they get."""
    async with open_store(url, data=folder, clock=SystemClock()) as store:

        async def answer(name: str) -> None:
            person = await somebody(store, name)
            while (held := await store.lease(campaign, person)) is not None:
                one = said(held)
                await store.judge(one)
                say(one.id)

        await asyncio.gather(*map(answer, names))


async def rate_for_ever(url: str, folder: Path, campaign: str) -> None:
    """Have one person after the other answer one ballot, twice: what is sent again must not count again."""
    numbers = count()
    async with open_store(url, data=folder, clock=SystemClock()) as store:
        await asyncio.gather(*(_answer_for_ever(store, campaign, numbers) for _ in range(8)))


async def _answer_for_ever(store: Store, campaign: str, numbers: count[int]) -> None:
    for number in numbers:
        held = await store.lease(campaign, await somebody(store, f"{os.getpid()}-{number}"))
        assert held is not None, "there is more to rate than anybody can"
        one = said(held, source_event=f"press {held.id}")
        await store.judge(one)
        say(one.id)
        assert isinstance(await store.judge(one), AlreadyStored)


def say(line: str) -> None:
    # In one call to the system: ``print`` makes it two where output is unbuffered, and the kill may come between.
    os.write(1, f"{line}\n".encode())


def main() -> None:
    """Fork for each line."""
    for line in sys.stdin:
        url, folder, campaign = line.split()
        pid = os.fork()
        if pid == 0:
            say(str(os.getpid()))
            asyncio.run(rate_for_ever(url, Path(folder), campaign))
            os._exit(1)
        os.waitpid(pid, 0)
        say("gone")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        asyncio.run(rate(sys.argv[1], Path(sys.argv[2]), sys.argv[3], sys.argv[4:]))
    else:
        main()
