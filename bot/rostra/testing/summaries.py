"""What every store must do with summaries: part of `rostra.testing.stores.StoreContract`."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from ..actions import Address, Finish, Receipt
from ..delivery.reply import Reply, arrived, ask
from ..events import Event
from ..protocols import Accepted
from ..stores import Store
from .samples import AWKWARD, ROOM, THREAD, question

LONG_AGO = datetime(1990, 1, 1, tzinfo=UTC)
FAR_AHEAD = datetime(2990, 1, 1, tzinfo=UTC)


async def answered(store: Store, event: Event) -> Reply:
    """Accept ``event``, remember its answer and see it out."""
    taken = await store.accept(event)
    assert isinstance(taken, Accepted)
    reply = Reply(id=taken.reply, address=Address.of(event))
    store.remember(event, reply.id, "why?", "because.")
    reply = ask(reply, Finish(reply=reply.id, text="because."))
    await store.advance(reply)
    reply = arrived(reply, Receipt(shown=("shown",)))
    await store.advance(reply)
    return reply


class SummaryContract:
    """Tests of summaries for one store, which is empty when each begins."""

    @pytest.mark.asyncio
    async def test_a_summary_is_kept_for_its_place_until_the_next_one(self, store: Store) -> None:
        assert await store.summary(ROOM) is None
        event = question()
        one = await answered(store, event)
        two = await answered(store, question())
        assert await store.summarise(event, AWKWARD, replies=[one.id])
        first = await store.summary(ROOM)
        assert first is not None
        assert (first.text, first.reply) == (AWKWARD, one.id)
        assert await store.summary(THREAD) is None
        assert await store.summarise(event, "more", replies=[two.id], follows=first.id)
        second = await store.summary(ROOM)
        assert second is not None
        assert (second.text, second.reply) == ("more", two.id)

    @pytest.mark.asyncio
    async def test_a_summary_follows_the_one_it_was_made_of_or_is_not_kept(self, store: Store) -> None:
        event = question()
        reply = await answered(store, event)
        assert not await store.summarise(event, "of nothing", replies=["0" * 32])
        assert not await store.summarise(event, "of nothing", replies=[])
        assert not await store.summarise(event, "of another", replies=[reply.id], follows="1" * 32)
        assert await store.summary(ROOM) is None
        assert await store.summarise(event, "first", replies=[reply.id])
        assert not await store.summarise(event, "first again", replies=[reply.id])
        found = await store.summary(ROOM)
        assert found is not None
        assert found.text == "first"

    @pytest.mark.asyncio
    async def test_a_fresh_start_forgets_the_summary_and_what_is_being_made_of_it(self, store: Store) -> None:
        event = question()
        old = await answered(store, event)
        assert await store.summarise(event, "old", replies=[old.id])
        before = await store.summary(ROOM)
        assert before is not None
        await store.forget(ROOM)
        assert await store.summary(ROOM) is None
        assert not await store.summarise(event, "late", replies=[old.id], follows=before.id)
        assert not await store.summarise(event, "late", replies=[old.id])
        new = await answered(store, event := question())
        assert await store.summarise(event, "new", replies=[new.id])
        found = await store.summary(ROOM)
        assert found is not None
        assert found.text == "new"

    @pytest.mark.asyncio
    async def test_a_summary_expires_with_the_oldest_it_tells_of(self, store: Store) -> None:
        event = question()
        reply = await answered(store, event)
        assert await store.summarise(event, "old", replies=[reply.id])
        await store.purge(LONG_AGO)
        assert await store.summary(ROOM) is not None
        await store.purge(FAR_AHEAD)
        assert await store.summary(ROOM) is None
        assert not await store.summarise(event, "late", replies=[reply.id])
