"""What every store must do with small values of components, as tests.

They are part of `rostra.testing.stores.StoreContract`.
"""

from __future__ import annotations

import asyncio

import pytest

from ..errors import StoreError
from ..stores import Store
from .samples import AWKWARD


class DrawerContract:
    """Tests for the drawers of a store, which is empty when each begins."""

    @pytest.fixture
    def store(self) -> Store:
        raise NotImplementedError("provide the store to test")

    @pytest.mark.asyncio
    async def test_a_value_comes_back_as_it_was_until_it_is_removed(self, store: Store) -> None:
        assert await store.get("slack", "token") is None
        for value in (bytes(range(256)), b"", b"another"):
            await store.put("slack", "token", value)
            assert await store.get("slack", "token") == value
        await store.remove("slack", "token")
        await store.remove("slack", "token")
        assert await store.get("slack", "token") is None
        assert list(await store.names("slack")) == []

    @pytest.mark.asyncio
    async def test_every_component_has_a_drawer_of_its_own(self, store: Store) -> None:
        await store.put("slack", "x", b"1")
        await store.put("discord", "x", b"2")
        await store.put("", "slackx", b"3")
        await store.remove("discord", "x")
        assert await store.get("slack", "x") == b"1"
        assert await store.get("discord", "x") is None
        assert list(await store.names("slack")) == ["x"]
        assert list(await store.names("")) == ["slackx"]

    @pytest.mark.asyncio
    async def test_names_are_found_by_how_they_begin(self, store: Store) -> None:
        for name in ("team/2", "team/1", "Team/1", "other", AWKWARD, ""):
            await store.put("slack", name, name.encode("utf-8", "surrogatepass"))
        assert list(await store.names("slack", "team/")) == ["team/1", "team/2"]
        assert set(await store.names("slack")) == {"team/2", "team/1", "Team/1", "other", AWKWARD, ""}
        assert await store.get("slack", AWKWARD) == AWKWARD.encode("utf-8", "surrogatepass")

    @pytest.mark.asyncio
    async def test_of_values_put_at_once_one_stays(self, store: Store) -> None:
        values = [str(number).encode() for number in range(8)]
        await asyncio.gather(*(store.put("slack", "token", value) for value in values))
        assert await store.get("slack", "token") in values
        assert list(await store.names("slack")) == ["token"]

    @pytest.mark.asyncio
    async def test_what_is_not_small_is_refused(self, store: Store) -> None:
        await store.put("slack", "big", bytes(64 * 1024))
        with pytest.raises(StoreError, match="65537"):
            await store.put("slack", "big", bytes(64 * 1024 + 1))
        assert await store.get("slack", "big") == bytes(64 * 1024)
