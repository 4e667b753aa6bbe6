"""Every store of ours keeps the contract."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from rostra.clock import SystemClock
from rostra.storage import open_store
from rostra.stores import Store
from rostra.testing.clock import ManualClock
from rostra.testing.stores import StoreContract


class TestMemory(StoreContract):
    @pytest.fixture
    async def store(self, tmp_path: Path) -> AsyncGenerator[Store]:
        async with open_store("memory:", data=tmp_path, clock=ManualClock()) as store:
            yield store


class TestSqlite(StoreContract):
    @pytest.fixture
    async def store(self, sqlite_url: str, tmp_path: Path) -> AsyncGenerator[Store]:
        # A clock that stands still: what is only ordered by time is not ordered.
        async with open_store(sqlite_url, data=tmp_path, clock=ManualClock()) as store:
            yield store


class TestPostgresql(StoreContract):
    @pytest.fixture
    async def store(self, postgres_url: str, tmp_path: Path) -> AsyncGenerator[Store]:
        async with open_store(postgres_url, data=tmp_path, clock=SystemClock()) as store:
            yield store
