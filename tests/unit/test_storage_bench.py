from __future__ import annotations

import itertools
from pathlib import Path

import pytest

from rostra.benches.filling import fill
from rostra.benches.report import Figure
from rostra.benches.storage import Size, measure_engine, turn
from rostra.clock import SystemClock
from rostra.storage import open_store
from rostra.storage.schema import metadata
from rostra.storage.sql import SqlStore

TINY = Size(turns=20, small=600, large=1000, rounds=1, turns_a_round=20)


@pytest.mark.slow
async def test_the_figures_have_the_names_that_were_promised(tmp_path: Path) -> None:
    figures: dict[str, Figure] = {}
    numbers = itertools.count()
    await measure_engine(
        "sqlite", lambda: f"sqlite:///{tmp_path / str(next(numbers))}", TINY, tmp_path, figures
    )
    assert set(figures) == {
        "sqlite_turns_per_second",
        "sqlite_fill_seconds",
        "sqlite_turn_at_1e3_us",
        "sqlite_turn_at_6e2_us",
        "growth_1e3_vs_6e2_sqlite",
    }
    assert all(one["value"] > 0 for one in figures.values())


async def test_what_is_filled_in_is_whole_and_done(tmp_path: Path) -> None:
    async with open_store("", data=tmp_path, clock=SystemClock()) as store:
        assert isinstance(store, SqlStore)
        await turn(store, 0)
        await fill(store, 30)
        assert await store.unfinished() == []
        counted = await store.read(
            lambda connection: {
                name: connection.exec_driver_sql(f"SELECT count(*) FROM {name}").scalar()
                for name in metadata.tables
            }
        )
        assert (
            await store.read(lambda connection: list(connection.exec_driver_sql("PRAGMA foreign_key_check")))
            == []
        )
    held = {name: counted[name] for name in ("inbox", "outbox", "trace", "message", "content")}
    assert held == {"inbox": 31, "outbox": 31, "trace": 31, "message": 32, "content": 64}
