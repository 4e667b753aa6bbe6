"""What every store must do with passes to the ranking page, as tests.

They are part of `rostra.testing.stores.StoreContract`.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from ..accounts import new_token
from ..errors import StoreError
from ..passes import Pass
from ..places import Permission, Person
from ..stores import Store
from .dockets import NEVER
from .samples import ANN, NOON, ROOM


async def passed(store: Store) -> Pass:
    """Return a link of somebody the store knows."""
    return Pass(
        person=await store.pseudonym(ROOM.adapter, ANN),
        place=replace(ROOM, thread="t1"),
        permission=Permission.OPERATOR,
        made_at=NOON,
        expires_at=NOON + timedelta(minutes=15),
        ballot="1" * 32,
    )


class PassContract:
    """Tests for passes. The store is empty when each begins."""

    @pytest.fixture
    def store(self) -> Store:
        raise NotImplementedError("provide the store to test")

    @pytest.mark.asyncio
    async def test_a_pass_is_found_by_its_token_until_it_is_ended(self, store: Store) -> None:
        link = await passed(store)
        session = replace(link, kind="session", ballot="")
        tokens = [new_token(), new_token()]
        for one, token in zip((link, session), tokens, strict=True):
            await store.open_pass(one, token)
        assert [await store.pass_of(token) for token in tokens] == [link, session]
        for wrong in ("", tokens[0][:-1], f"{tokens[0]} ", tokens[0].swapcase(), link.person, new_token()):
            assert await store.pass_of(wrong) is None
            assert not await store.end_pass(wrong)
        assert await store.end_pass(tokens[0])
        assert [await store.pass_of(token) for token in tokens] == [None, session]

    @pytest.mark.asyncio
    async def test_of_several_who_use_one_link_one_did(self, store: Store) -> None:
        token = new_token()
        await store.open_pass(await passed(store), token)
        ended = await asyncio.gather(*(store.end_pass(token) for _ in range(5)))
        assert sorted(ended) == [False, False, False, False, True]

    @pytest.mark.asyncio
    async def test_a_pass_is_somebodys_and_its_token_cannot_be_guessed(self, store: Store) -> None:
        for wrong in ("short", "x" * 42, f"{'x' * 42} ", ""):
            with pytest.raises(StoreError, match="token") as failure:
                await store.open_pass(await passed(store), wrong)
            assert not wrong or wrong not in str(failure.value)
        for nobody in ("0" * 32, "", "nobody"):
            with pytest.raises(StoreError, match="pseudonym"):
                await store.open_pass(replace(await passed(store), person=nobody), new_token())

    @pytest.mark.asyncio
    async def test_passes_that_are_over_are_purged(self, store: Store) -> None:
        over, open_ = new_token(), new_token()
        one = await passed(store)
        await store.open_pass(replace(one, expires_at=NOON.replace(year=1990)), over)
        await store.open_pass(replace(one, expires_at=NEVER), open_)
        await store.purge(NOON)
        assert [await store.pass_of(token) is None for token in (over, open_)] == [True, False]

    @pytest.mark.asyncio
    async def test_an_erasure_takes_the_passes_of_that_person_with_it(self, store: Store) -> None:
        tokens = [new_token(), new_token()]
        other = await store.pseudonym(ROOM.adapter, Person(id="ben"))
        one = await passed(store)
        await store.open_pass(one, tokens[0])
        await store.open_pass(replace(one, person=other), tokens[1])
        await store.erase(ROOM.adapter, ANN.id)
        assert [await store.pass_of(token) is None for token in tokens] == [True, False]
