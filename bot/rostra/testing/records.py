"""What every store must do with the log of changes as operators read it, and with messages that show replies."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ..actions import Address, Finish, Receipt
from ..delivery.reply import Reply, arrived, ask
from ..events import Event
from ..places import Place
from ..protocols import Accepted
from ..stores import Store
from .samples import ANN, ROOM, THREAD, question

ELSEWHERE = replace(ROOM, workspace="elsewhere")


async def shown_as(store: Store, event: Event, *messages: str) -> str:
    """Answer ``event`` with a reply that ``messages`` of the platform show; return its id."""
    taken = await store.accept(event)
    assert isinstance(taken, Accepted)
    reply = Reply(id=taken.reply, address=Address.of(event))
    store.explain(event, reply.id, (), ())
    reply = ask(reply, Finish(reply=reply.id, text="because."))
    await store.advance(reply)
    await store.advance(arrived(reply, Receipt(shown=messages)))
    return reply.id


class RecordContract:
    """Part of `rostra.testing.stores.StoreContract`."""

    @pytest.mark.asyncio
    async def test_operators_read_what_was_changed_in_their_workspace_newest_first(
        self, store: Store
    ) -> None:
        await store.audit(
            ANN, "choose persona", "r1", {"value": "pirate"}, adapter=ROOM.adapter, place=THREAD
        )
        await store.audit(ANN, "choose persona", "r2", {"value": "sage"}, adapter=ROOM.adapter, place=ROOM)
        await store.audit(None, "purge", "all", {})
        await store.audit(ANN, "keep persona", "r3", {}, adapter=ROOM.adapter, place=ELSEWHERE)
        here = await store.audited(ROOM)
        assert [(one.action, dict(one.detail), one.by) for one in here] == [
            ("choose persona", {"value": "sage"}, ANN.id),
            ("choose persona", {"value": "pirate"}, ANN.id),
        ]
        assert [one.subject for one in await store.audited(ELSEWHERE)] == ["r3"]
        assert [one.action for one in await store.audited(None)] == [
            "keep persona",
            "purge",
            "choose persona",
            "choose persona",
        ]
        assert [one.subject for one in await store.audited(ROOM, 1)] == ["r2"]
        assert list(await store.audited(replace(ROOM, workspace="unheard of"))) == []

    @pytest.mark.asyncio
    async def test_changes_of_policies_are_read_everywhere(self, store: Store) -> None:
        await store.change_policy("default", {}, what="x", actor=ANN, adapter=ROOM.adapter)
        assert [one.action for one in await store.audited(ELSEWHERE)] == ["change policy"]

    @pytest.mark.asyncio
    async def test_a_reply_is_found_by_each_message_that_shows_it_in_its_place_alone(
        self, store: Store
    ) -> None:
        first = await shown_as(store, question(), "m1", "m2")
        second = await shown_as(store, question(place=THREAD), "m3")
        third = await shown_as(store, question(), "m4")
        found: list[tuple[Place, str, str | None]] = [
            (ROOM, "m1", first),
            (ROOM, "m2", first),
            (ROOM, "m4", third),
            (THREAD, "m3", second),
            (ROOM, "m3", None),
            (THREAD, "m1", None),
            (ROOM, "m", None),
            (ROOM, "", None),
        ]
        assert [await store.reply_shown(place, message) for place, message, _ in found] == [
            reply for _, _, reply in found
        ]
