"""What every store must do with what questions take, as tests: reserved, settled, added up.

They are part of `rostra.testing.stores.StoreContract`.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime

import pytest

from ..chat import Usage
from ..events import Message
from ..places import Person, Place
from ..spending import NOTHING, Amounts, Bill, Ceiling, Dimension, Share, Spent
from ..stores import Store
from .dockets import ALWAYS, NEVER
from .samples import ANN, ROOM, THREAD, question

ASKED = Amounts(messages=1, tokens=100, cost=40)
TOOK = Usage(prompt=20, completion=10, cost=0.000_012)
SETTLED = Amounts(messages=1, tokens=30, cost=12)


def share(name: str = "a", *, ends: datetime = NEVER, personal: bool = False, **most: int) -> Share:
    """Return something that questions count against."""
    return Share(key=("quota", name), ceiling=Ceiling(**most), ends_at=ends, personal=personal)


async def bill(
    store: Store, *, author: Person = ANN, place: Place = ROOM, model: str = "tiny", answerer: str = "default"
) -> Bill:
    """Accept a question and return whose it is."""
    from .stores import accepted

    event = replace(question(author=author, place=place))
    reply = await accepted(store, event)
    return Bill(event=event, reply=reply.id, answerer=answerer, model=model)


class SpendingContract:
    """Tests for the part of a store that quotas use. The store is empty when each begins."""

    @pytest.fixture
    def store(self) -> Store:
        raise NotImplementedError("provide the store to test")

    @pytest.mark.asyncio
    async def test_what_is_reserved_counts_until_it_is_settled_with_what_was_used(self, store: Store) -> None:
        shares = [share("a", tokens=1000), share("b", messages=5)]
        first = await bill(store)
        granted = await store.reserve(first, ASKED, shares)
        assert (granted.used, granted.refused) == ((NOTHING, NOTHING), None)
        assert list(await store.counted(shares)) == [ASKED, ASKED]
        store.settle(first, TOOK)
        assert list(await store.counted(shares)) == [SETTLED, SETTLED]
        granted = await store.reserve(await bill(store), ASKED, shares)
        assert granted.used == (SETTLED, SETTLED)
        assert list(await store.counted([share("c")])) == [NOTHING]

    @pytest.mark.asyncio
    async def test_what_was_not_used_is_given_back_as_if_nothing_had_been(self, store: Store) -> None:
        shares = [share(messages=1)]
        first = await bill(store)
        await store.reserve(first, ASKED, shares)
        store.settle(first, None)
        store.settle(first, None)
        assert list(await store.counted(shares)) == [NOTHING]
        assert list(await store.spent(ALWAYS, NEVER, "model", None)) == []

    @pytest.mark.asyncio
    async def test_too_much_of_one_is_refused_and_nothing_is_taken_from_the_others(
        self, store: Store
    ) -> None:
        shares = [share("a", tokens=1000), share("b", tokens=150), share("c", messages=9)]
        await store.reserve(await bill(store), ASKED, shares)
        granted = await store.reserve(await bill(store), ASKED, shares)
        assert (granted.refused, granted.used[1]) == (1, ASKED)
        assert list(await store.counted(shares)) == [ASKED] * 3

    @pytest.mark.asyncio
    async def test_of_several_that_refuse_the_one_is_named_that_ends_last(self, store: Store) -> None:
        soon = NEVER.replace(year=2989)
        shares = [
            share("a", ends=soon, messages=1),
            share("b", messages=1),
            share("c", ends=soon, messages=1),
        ]
        await store.reserve(await bill(store), ASKED, shares)
        assert (await store.reserve(await bill(store), ASKED, shares)).refused == 1

    @pytest.mark.asyncio
    async def test_who_wants_more_than_there_ever_is_gets_all_of_it_once(self, store: Store) -> None:
        shares = [share(tokens=50)]
        first = await bill(store)
        assert (await store.reserve(first, ASKED, shares)).refused is None
        assert (await store.reserve(await bill(store), ASKED, shares)).refused == 0
        store.settle(first, None)
        assert (await store.reserve(await bill(store), ASKED, shares)).refused is None

    @pytest.mark.asyncio
    async def test_of_sixteen_at_once_only_as_many_pass_as_there_is_room_for(self, store: Store) -> None:
        bills = [await bill(store) for _ in range(16)]
        shares = [share("a", messages=5), share("b", tokens=100_000)]
        granted = await asyncio.gather(*(store.reserve(one, ASKED, shares) for one in bills))
        assert sum(one.refused is None for one in granted) == 5
        assert (await store.counted(shares))[0] == Amounts(messages=5, tokens=500, cost=200)

    @pytest.mark.asyncio
    async def test_a_question_taken_up_again_is_one_message_and_reserves_anew(self, store: Store) -> None:
        shares = [share(messages=1)]
        first = await bill(store)
        await store.reserve(first, ASKED, shares)
        assert (await store.reserve(first, ASKED, shares)).refused is None
        assert list(await store.counted(shares)) == [ASKED]
        store.settle(first, TOOK)
        store.settle(first, TOOK)  # what came after the end of the answer
        assert list(await store.counted(shares)) == [Amounts(messages=1, tokens=60, cost=24)]
        found = await store.spent(ALWAYS, NEVER, "answerer", None)
        assert list(found) == [Spent(name="default", messages=1, prompt=40, completion=20, cost=24)]

    @pytest.mark.asyncio
    async def test_what_a_crash_left_reserved_counts_once_the_reply_is_done(self, store: Store) -> None:
        from .stores import given_up

        shares = [share(messages=9)]
        open_ = await bill(store)
        done = await given_up(store, question())
        over = replace(open_, reply=done.id)
        for one in (open_, over):
            await store.reserve(one, ASKED, shares)
        assert await store.settle_left(NEVER) == 1
        assert await store.settle_left(NEVER) == 0
        assert list(await store.counted(shares)) == [ASKED + ASKED]
        found = await store.spent(ALWAYS, NEVER, "model", None)
        assert list(found) == [Spent(name="tiny", messages=1, prompt=100, completion=0, cost=40)]
        store.settle(open_, None)
        assert list(await store.counted(shares)) == [ASKED]

    @pytest.mark.asyncio
    async def test_what_was_used_is_added_up(self, store: Store) -> None:
        ben = Person(id="ben")
        attic = replace(ROOM, channel="attic")
        for asked in (
            await bill(store, author=Person(id="ann")),
            await bill(store, author=Person(id="ann"), place=THREAD),
            await bill(store, author=ben, place=attic, model="large", answerer="expert"),
        ):
            store.settle(asked, TOOK)
        by: dict[Dimension, tuple[str, str]] = {
            "person": ("ann", "ben"),
            "model": ("tiny", "large"),
            "answerer": ("default", "expert"),
            "channel": (ROOM.key, "test/house/attic"),
        }
        for dimension, (more, less) in by.items():
            found = await store.spent(ALWAYS, NEVER, dimension, ROOM)
            assert [(one.name, one.messages, one.prompt, one.completion, one.cost) for one in found] == [
                (more, 2, 40, 20, 24),
                (less, 1, 20, 10, 12),
            ]

    @pytest.mark.asyncio
    async def test_what_was_used_elsewhere_or_at_another_time_is_not_in_it(self, store: Store) -> None:
        elsewhere = replace(ROOM, workspace="another house")
        store.settle(await bill(store, place=elsewhere), TOOK)
        assert list(await store.spent(ALWAYS, NEVER, "model", ROOM)) == []
        assert len(await store.spent(ALWAYS, NEVER, "model", elsewhere)) == 1
        assert len(await store.spent(ALWAYS, NEVER, "model", None)) == 1
        assert list(await store.spent(ALWAYS, ALWAYS, "model", None)) == []

    @pytest.mark.asyncio
    async def test_a_question_that_nobody_in_particular_asked_counts_too(self, store: Store) -> None:
        one = await bill(store)
        assert isinstance(one.event, Message)
        asked = replace(one, event=replace(one.event, author=Person(id="")))
        await store.reserve(asked, ASKED, [share(personal=True, messages=3)])
        store.settle(asked, TOOK)
        assert [one.messages for one in await store.spent(ALWAYS, NEVER, "person", None)] == [1]
