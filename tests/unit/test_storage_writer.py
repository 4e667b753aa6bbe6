from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from rostra.errors import StoreError
from rostra.storage import writer as module
from rostra.storage.failures import Unavailable
from rostra.storage.writer import GIVEN_UP, Writer


@dataclass
class Disk:
    """Takes batches of words; "bad" breaks it, and while ``broken`` nothing goes. ``gate`` holds a commit up."""

    batches: list[list[str]] = field(default_factory=list[list[str]])
    broken: bool = False
    gate: threading.Event = field(default_factory=threading.Event)
    entered: threading.Event = field(default_factory=threading.Event)

    def transact(self, words: Sequence[str]) -> Sequence[str]:
        self.entered.set()
        self.gate.wait()
        if self.broken:
            raise Unavailable("the disk is full")
        if "bad" in words:
            raise ValueError("bad")
        self.batches.append(list(words))
        return [word.upper() for word in words]


@asynccontextmanager
async def writing(disk: Disk, *, held: bool = False) -> AsyncGenerator[Writer]:
    if not held:
        disk.gate.set()
    with ThreadPoolExecutor(1) as thread:
        writer = Writer(thread, disk.transact)
        running = asyncio.ensure_future(writer.run())
        try:
            yield writer
        finally:
            disk.gate.set()
            writer.close()
            await running


async def test_what_is_put_down_together_is_committed_together() -> None:
    disk = Disk()
    async with writing(disk) as writer:
        assert await asyncio.gather(*map(writer.write, "abc")) == ["A", "B", "C"]
    assert disk.batches == [["a", "b", "c"]]


async def test_what_comes_during_a_commit_waits_for_the_next_one() -> None:
    disk = Disk()
    async with writing(disk, held=True) as writer:
        first = asyncio.ensure_future(writer.write("a"))
        await asyncio.to_thread(disk.entered.wait)
        later = [asyncio.ensure_future(writer.write(word)) for word in "bcd"]
        await asyncio.sleep(0)
        assert not first.done()
        disk.gate.set()
        await asyncio.gather(first, *later)
    assert disk.batches == [["a"], ["b", "c", "d"]]


async def test_a_write_nobody_waits_for_goes_with_the_next_one_and_before_it() -> None:
    disk = Disk()
    async with writing(disk) as writer:
        kept = writer.put("x")
        await asyncio.sleep(0)
        assert not kept.done()
        await writer.write("a")
        assert kept.result() == "X"
    assert disk.batches == [["x", "a"]]


async def test_closing_writes_what_is_still_queued() -> None:
    disk = Disk()
    async with writing(disk) as writer:
        writer.put("x")
        late = asyncio.ensure_future(writer.write("a"))
        await asyncio.sleep(0)
    assert disk.batches == [["x", "a"]]
    assert await late == "A"
    with pytest.raises(StoreError, match="closed"):
        await writer.write("b")
    with pytest.raises(StoreError, match="closed"):
        writer.put("b")


async def test_one_bad_write_does_not_hurt_its_neighbours() -> None:
    disk = Disk()
    async with writing(disk) as writer:
        results = await asyncio.gather(*map(writer.write, ["a", "bad", "b"]), return_exceptions=True)
        kept = writer.put("bad")
        assert await writer.write("c") == "C"
        assert kept.result() is GIVEN_UP
    first, refusal, last = results
    assert (first, last) == ("A", "B")
    assert isinstance(refusal, StoreError)
    assert str(refusal) == "this cannot be written: ValueError"
    assert disk.batches == [["a"], ["b"], ["c"]]


async def test_a_database_out_of_order_refuses_those_who_wait_and_keeps_the_rest() -> None:
    disk = Disk(broken=True)
    async with writing(disk) as writer:
        kept = [writer.put("x"), writer.put("y")]
        results = await asyncio.gather(*map(writer.write, "ab"), return_exceptions=True)
        assert [str(result) for result in results] == ["the disk is full"] * 2
        assert all(isinstance(result, StoreError) for result in results)
        writer.put("z")
        disk.broken = False
        await writer.write("c")
        assert [one.result() for one in kept] == ["X", "Y"]
    assert disk.batches == [["x", "y", "z", "c"]]


async def test_only_so_much_is_kept_while_the_database_is_out_of_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MOST_KEPT", 2)
    disk = Disk(broken=True)
    async with writing(disk) as writer:
        kept = [writer.put(word) for word in "xyz"]
        with pytest.raises(StoreError):
            await writer.write("a")
        assert kept[0].result() is GIVEN_UP
        disk.broken = False
        await writer.write("b")
    assert disk.batches == [["y", "z", "b"]]


async def test_much_that_nobody_waits_for_is_written_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LARGEST_BATCH", 3)
    disk = Disk()
    async with writing(disk) as writer:
        kept = [writer.put(word) for word in "vwxyz"]
        await asyncio.gather(*kept)
    assert disk.batches == [["v", "w", "x"], ["y", "z"]]


async def test_a_caller_who_goes_away_takes_nobody_along() -> None:
    disk = Disk()
    async with writing(disk, held=True) as writer:
        gone = asyncio.ensure_future(writer.write("a"))
        stays = asyncio.ensure_future(writer.write("b"))
        await asyncio.to_thread(disk.entered.wait)
        gone.cancel()
        disk.gate.set()
        assert await stays == "B"
    assert disk.batches == [["a", "b"]]


async def test_whoever_waits_when_the_writer_is_cancelled_is_told() -> None:
    disk = Disk()
    with ThreadPoolExecutor(1) as thread:
        writer = Writer(thread, disk.transact)
        running = asyncio.ensure_future(writer.run())
        under_way = asyncio.ensure_future(writer.write("a"))
        await asyncio.to_thread(disk.entered.wait)
        queued, kept = asyncio.ensure_future(writer.write("b")), writer.put("x")
        await asyncio.sleep(0)
        running.cancel()
        results = await asyncio.gather(under_way, queued, running, return_exceptions=True)
        assert [type(result) for result in results] == [StoreError, StoreError, asyncio.CancelledError]
        assert kept.result() is GIVEN_UP
        disk.gate.set()


async def test_what_cannot_be_written_at_the_end_is_given_up(capsys: pytest.CaptureFixture[str]) -> None:
    disk = Disk(broken=True)
    async with writing(disk) as writer:
        kept = writer.put("x")
    assert kept.result() is GIVEN_UP
    assert "writes lost" in capsys.readouterr().out
