"""A process that reserves for three questions and is killed: one is settled, one answered and not settled, one under way.

Run with ``URL FOLDER`` it prints the ids of the three replies, and kills itself with signal 9.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

from rostra.actions import Finish, Receipt
from rostra.clock import SystemClock
from rostra.delivery.reply import arrived, ask
from rostra.storage import open_store
from rostra.testing.spendings import ASKED, TOOK, bill, share

SHARES = [share("a", messages=9)]


async def spend(url: str, folder: Path) -> None:
    """Reserve, settle, and die."""
    async with open_store(url, data=folder, clock=SystemClock()) as store:
        bills = [await bill(store) for _ in range(3)]
        for one in bills:
            assert (await store.reserve(one, ASKED, SHARES)).refused is None
        store.settle(bills[0], TOOK)
        entries = {entry.reply.id: entry.reply for entry in await store.unfinished()}
        done = ask(entries[bills[1].reply], Finish(reply=bills[1].reply, text="because."))
        await store.advance(done)
        await store.advance(arrived(done, Receipt(shown=("1",))))
        print(*(one.reply for one in bills), flush=True)
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    asyncio.run(spend(sys.argv[1], Path(sys.argv[2])))
