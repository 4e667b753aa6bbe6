"""What machines ask: whether the bot is ready, and its figures, which are not for everybody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import aiohttp

from rostra.clock import SystemClock
from rostra.components import Services
from rostra.errors import StoreError
from rostra.metrics import Metrics
from rostra.storage.memory import MemoryStore
from rostra.stores import Backlog
from rostra_adapters.probes import LOCAL, probed
from rostra_adapters.server import serving

CLOCK = SystemClock()
SERVICES = Services(
    name="", data=Path(), base=Path(), clock=CLOCK, store=MemoryStore(clock=CLOCK), metrics=Metrics()
)


class Broken(MemoryStore):
    """A store whose database is gone."""

    async def backlog(self) -> Backlog:
        raise StoreError("the disk is full")


async def get(
    path: str, services: Services = SERVICES, allowed: Sequence[str] = LOCAL, forwarded: str = ""
) -> tuple[int, str]:
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    async with serving("127.0.0.1:0", clock=CLOCK) as server:
        with probed(server, services, allowed), probed(server, services, allowed):
            async with (
                aiohttp.ClientSession() as session,
                session.get(server.url + path, headers=headers) as answer,
            ):
                return answer.status, await answer.text()


async def test_a_bot_is_ready_while_its_database_answers() -> None:
    assert await get("/readyz") == (200, "ready\n")
    broken = replace(SERVICES, store=Broken(clock=CLOCK))
    assert await get("/readyz", broken) == (503, "the database does not answer\n")


async def test_figures_are_for_those_who_may_read_them() -> None:
    status, text = await get("/metrics")
    assert status == 200
    assert "rostra_dead_letters 0.0" in text
    assert (await get("/metrics", allowed=["10.0.0.0/8"]))[0] == 404
    assert (await get("/metrics", allowed=["10.0.0.0/8", "127.0.0.1"]))[0] == 200


async def test_whoever_comes_through_a_proxy_that_nobody_trusts_is_not_local() -> None:
    assert (await get("/metrics", forwarded="127.0.0.1"))[0] == 404
