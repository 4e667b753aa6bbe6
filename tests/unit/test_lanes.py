from __future__ import annotations

import asyncio
from collections.abc import Callable

from rostra.lanes import Job, Lanes, Release
from rostra.testing.clock import settle


def lanes(concurrent: int = 2, waiting: int = 10, waiting_per_lane: int = 5) -> Lanes:
    return Lanes(concurrent=concurrent, waiting=waiting, waiting_per_lane=waiting_per_lane)


class Work:
    """Jobs that end when they are told to, and say when they start."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.ended: list[str] = []
        self._gates: dict[str, asyncio.Event] = {}

    def job(self, name: str, *, release_first: bool = False) -> Job:
        gate = self._gates[name] = asyncio.Event()

        async def job(release: Release) -> None:
            self.started.append(name)
            if release_first:
                release()
            await gate.wait()
            self.ended.append(name)

        return job

    async def end(self, name: str) -> None:
        self._gates[name].set()
        await settle()


async def test_a_place_is_answered_in_order_and_places_side_by_side() -> None:
    work, many = Work(), lanes()
    for name in ("a1", "a2", "b1"):
        assert many.put(name[0], work.job(name))
    await settle()
    assert work.started == ["a1", "b1"]
    await work.end("a1")
    assert work.started == ["a1", "b1", "a2"]
    await work.end("b1")
    await work.end("a2")
    await many.drain()


async def test_a_busy_place_does_not_hold_up_the_others() -> None:
    work, many = Work(), lanes(concurrent=1)
    for name in ("a1", "a2", "a3", "b1", "c1"):
        assert many.put(name[0], work.job(name))
    for name in ("a1", "b1", "c1", "a2", "a3"):
        await settle()
        await work.end(name)
    assert work.started == ["a1", "b1", "c1", "a2", "a3"]


async def test_a_released_slot_is_used_while_the_lane_stays_busy() -> None:
    work, many = Work(), lanes(concurrent=1)
    many.put("a", work.job("a1", release_first=True))
    many.put("a", work.job("a2"))
    many.put("b", work.job("b1"))
    await settle()
    assert work.started == ["a1", "b1"]
    await work.end("b1")
    assert work.started == ["a1", "b1"]
    await work.end("a1")
    assert work.started == ["a1", "b1", "a2"]
    await work.end("a2")


async def test_what_is_over_the_room_is_turned_away() -> None:
    work, many = Work(), lanes(concurrent=1, waiting=3, waiting_per_lane=2)
    assert [many.put("a", work.job(f"a{number}")) for number in range(4)] == [True, True, True, False]
    assert many.put("b", work.job("b0"))
    assert not many.put("c", work.job("c0"))
    assert many.put("c", work.job("c1"), forced=True)
    assert many.waiting == 4
    for name in ("a0", "b0", "c1", "a1", "a2"):
        await settle()
        await work.end(name)
    assert many.put("c", work.job("c2"))
    await settle()
    await work.end("c2")
    await many.drain()
    assert many.waiting == many.busy == 0


async def test_closing_starts_nothing_more() -> None:
    work, many = Work(), lanes(concurrent=1)
    many.put("a", work.job("a1"))
    many.put("b", work.job("b1"))
    await settle()
    closing = asyncio.ensure_future(many.close())
    await settle()
    assert not closing.done()
    await work.end("a1")
    await closing
    assert work.started == ["a1"]


async def test_cancelling_ends_what_runs() -> None:
    work, many = Work(), lanes()
    many.put("a", work.job("a1"))
    await settle()
    await many.cancel()
    assert (work.started, work.ended, many.busy) == (["a1"], [], 0)


async def test_a_thousand_places_each_keep_their_order() -> None:
    heard: dict[str, list[int]] = {}
    many = lanes(concurrent=7, waiting=10_000, waiting_per_lane=10)

    def job(key: str, number: int) -> Callable[[Release], asyncio.Future[None]]:
        async def run(release: Release) -> None:
            await asyncio.sleep(0)
            heard.setdefault(key, []).append(number)

        return lambda release: asyncio.ensure_future(run(release))

    for number in range(10):
        for place in range(1000):
            assert many.put(str(place), job(str(place), number))
    await many.drain()
    assert len(heard) == 1000
    assert all(numbers == list(range(10)) for numbers in heard.values())
