"""Questions asked at the same time share a call, and each gets its own answer."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from rostra.testing.clock import settle
from rostra_moderation.batches import Batches


async def test_a_batch_goes_when_there_is_room_and_not_sooner() -> None:
    sent: list[Sequence[int]] = []
    gate = asyncio.Event()

    async def send(numbers: Sequence[int]) -> Sequence[int]:
        sent.append(numbers)
        await gate.wait()
        return [number * 2 for number in numbers]

    batches = Batches[int, int](send, most=3, flights=1)
    first = asyncio.ensure_future(batches.ask(1))
    await settle()
    others = [asyncio.ensure_future(batches.ask(number)) for number in range(2, 7)]
    await settle()
    assert sent == [[1]]
    gate.set()
    assert [await task for task in (first, *others)] == [2, 4, 6, 8, 10, 12]
    assert sent == [[1], [2, 3, 4], [5, 6]]
    await batches.close()


async def test_an_asker_who_leaves_a_batch_does_not_stop_the_others() -> None:
    gate = asyncio.Event()

    async def send(numbers: Sequence[int]) -> Sequence[int]:
        await gate.wait()
        return numbers

    batches = Batches[int, int](send, most=8, flights=1)
    tasks = [asyncio.ensure_future(batches.ask(number)) for number in range(3)]
    await settle()
    tasks[0].cancel()
    await settle()
    gate.set()
    assert [await task for task in tasks[1:]] == [1, 2]
    await batches.close()


async def test_what_is_wrong_with_a_call_is_told_to_everybody_in_it() -> None:
    async def send(numbers: Sequence[int]) -> Sequence[int]:
        return numbers[1:]

    batches = Batches[int, int](send, most=8, flights=1)
    results = await asyncio.gather(*(batches.ask(number) for number in range(2)), return_exceptions=True)
    assert [type(each) for each in results] == [ValueError, ValueError]
    await batches.close()


async def test_after_closing_nothing_is_asked() -> None:
    async def send(numbers: Sequence[int]) -> Sequence[int]:
        await asyncio.Event().wait()
        return numbers

    batches = Batches[int, int](send, most=8, flights=1)
    asked = asyncio.ensure_future(batches.ask(1))
    await settle()
    await batches.close()
    with pytest.raises(asyncio.CancelledError):
        await asked
    with pytest.raises(RuntimeError, match="closed"):
        await batches.ask(2)
