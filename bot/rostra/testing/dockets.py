"""What every store must keep for moderation, as tests: versions of policies, cases for operators, strikes and time-outs.

They are part of `rostra.testing.stores.StoreContract`.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ..delivery.reply import Reply
from ..errors import StoreError
from ..events import Event
from ..places import Person, Place
from ..stores import Case, Sanction, SanctionKind, Store
from ..verdicts import Decision, Span, Verdict
from .samples import ANN, AWKWARD, NOON, ROOM, STEPS, THREAD, VERDICTS, question

BEN = Person(id="ben")
ELSEWHERE = Place(adapter="test", workspace="another house", channel="room")
ALWAYS = datetime(1990, 1, 1, tzinfo=UTC)
NEVER = datetime(2990, 1, 1, tzinfo=UTC)


def case(text: str = "so what?", **scores: float) -> Case:
    """Return a case as the moderation makes them."""
    verdict = Verdict(
        decision=Decision.FLAG,
        source="rules",
        categories=scores or {"hate": 0.5, "self-harm/intent": 0.25},
        spans=(Span(start=0, end=2, category="hate"),),
        rule="hate >= 0.4",
        policy="p1",
    )
    return Case(direction="answer", verdict=verdict, text=text, question="why?", action="review")


def sanction(kind: SanctionKind, minutes: int = 0, reason: str = "hate") -> Sanction:
    """Return a sanction of an hour."""
    at = NOON + timedelta(minutes=minutes)
    return Sanction(kind=kind, at=at, until=at + timedelta(hours=1), reason=reason)


class DocketContract:
    """Tests for the part of a store that moderation uses. The store is empty when each begins."""

    @pytest.fixture
    def store(self) -> Store:
        raise NotImplementedError("provide the store to test")

    async def _done(self, store: Store, event: Event) -> Reply:
        from .stores import answered

        return await answered(store, event)

    # Judgements

    @pytest.mark.asyncio
    async def test_what_was_decided_can_be_gone_through_again_oldest_first(self, store: Store) -> None:
        replies = [
            await self._done(store, question(place=place, author=author))
            for place, author in ((ROOM, ANN), (THREAD, BEN), (ROOM, BEN))
        ]
        found = await store.judgements(ALWAYS)
        assert [one.reply for one in found] == [reply.id for reply in replies]
        assert [one.place for one in found] == [ROOM, THREAD, ROOM]
        assert [one.author for one in found] == [ANN, BEN, BEN]
        assert all((one.steps, one.verdicts) == (STEPS, VERDICTS) for one in found)
        assert [one.reply for one in await store.judgements(ALWAYS, 2)] == [one.id for one in replies[1:]]
        assert list(await store.judgements(NEVER)) == []

    @pytest.mark.asyncio
    async def test_what_has_expired_cannot_be_gone_through_again(self, store: Store) -> None:
        await self._done(store, question())
        await store.purge(NEVER)
        assert list(await store.judgements(ALWAYS)) == []

    # Policies

    @pytest.mark.asyncio
    async def test_changes_of_a_policy_are_numbered_and_kept(self, store: Store) -> None:
        assert await store.policies() == {}
        tables: list[dict[str, Any]] = [
            {"hold": "full"},
            {"hold": "full", "places": {AWKWARD: {"hold": "none"}}},
        ]
        what = f"set {AWKWARD}"
        await store.change_policy("default", tables[0], what=what, actor=ANN, adapter="test")
        made = await store.change_policy("default", tables[1], what=what, actor=ANN, adapter="test")
        other = await store.change_policy("strict", {}, what="rollback", actor=None)
        assert (made.number, made.table, made.by, other.number) == (2, tables[1], "ann", 1)
        newest = await store.policies()
        assert {name: (one.number, one.table) for name, one in newest.items()} == {
            "default": (2, tables[1]),
            "strict": (1, {}),
        }
        history = await store.policy_changes("default")
        assert [(one.number, one.table, one.what, one.by) for one in history] == [
            (2, tables[1], f"set {AWKWARD}", "ann"),
            (1, tables[0], f"set {AWKWARD}", "ann"),
        ]
        assert [one.number for one in await store.policy_changes("default", 1)] == [2]
        assert list(await store.policy_changes("nothing")) == []

    @pytest.mark.asyncio
    async def test_changes_of_a_policy_at_the_same_time_all_get_a_number(self, store: Store) -> None:
        made = await asyncio.gather(
            *(
                store.change_policy("default", {"n": n}, what="set", actor=ANN, adapter="test")
                for n in range(5)
            )
        )
        assert sorted(one.number for one in made) == [1, 2, 3, 4, 5]
        newest = (await store.policies())["default"]
        assert newest.table == next(one.table for one in made if one.number == 5)

    # Reviews

    @pytest.mark.asyncio
    async def test_a_case_is_in_the_queue_as_it_was_put_there(self, store: Store) -> None:
        event = question(author=BEN)
        reply = await self._done(store, event)
        put = case(AWKWARD)
        id_ = await store.queue(event, reply.id, put)
        found = await store.review(id_)
        assert found is not None
        assert (found.id, found.reply, found.case, found.retained) == (id_, reply.id, put, True)
        assert (found.place, found.author, found.label, found.by) == (ROOM, "ben", None, "")
        assert await store.queue(event, reply.id, case("the same again")) == id_
        assert list(await store.reviews(ROOM)) == [found]
        for unknown in ("nothing", "0" * 32):
            assert await store.review(unknown) is None

    @pytest.mark.asyncio
    async def test_the_queue_is_that_of_a_workspace_newest_first(self, store: Store) -> None:
        ids = [await self._queued(store, place=place) for place in (ROOM, THREAD, ELSEWHERE)]
        assert [one.id for one in await store.reviews(ROOM)] == [ids[1], ids[0]]
        assert [one.id for one in await store.reviews(ELSEWHERE)] == [ids[2]]
        assert [one.id for one in await store.reviews(None)] == ids[::-1]
        assert [one.id for one in await store.reviews(None, 1)] == [ids[2]]

    @pytest.mark.asyncio
    async def test_the_last_decision_about_a_case_counts_and_takes_it_out_of_the_queue(
        self, store: Store
    ) -> None:
        first, second = await self._queued(store), await self._queued(store)
        await store.decide(first, "approve", actor=ANN, adapter="test")
        await store.decide(first, "block", actor=BEN, adapter="test")
        assert [one.id for one in await store.reviews(ROOM)] == [second]
        decided = await store.reviews(ROOM, decided=True)
        assert [(one.id, one.label, one.by) for one in decided] == [(first, "block", "ben")]
        assert decided[0].decided_at is not None
        for unknown in ("nothing", "0" * 32):
            with pytest.raises(StoreError, match="no case"):
                await store.decide(unknown, "wrong", actor=ANN, adapter="test")

    @pytest.mark.asyncio
    async def test_a_case_expires_with_its_reply_and_what_was_decided_stays(self, store: Store) -> None:
        open_, decided = await self._queued(store), await self._queued(store)
        await store.decide(decided, "wrong", actor=ANN, adapter="test")
        await store.purge(NEVER)
        assert list(await store.reviews(None)) == []
        assert list(await store.reviews(ROOM, decided=True)) == []
        left = await store.review(open_)
        assert left is not None
        assert (left.retained, left.case.text, left.case.question, left.author) == (False, "", "", "")
        assert (left.place, left.case.verdict.spans) == (None, ())
        labelled = await store.reviews(None, decided=True)
        assert [(one.id, one.label, one.case.verdict.categories) for one in labelled] == [
            (decided, "wrong", case().verdict.categories)
        ]

    async def _queued(self, store: Store, place: Place = ROOM) -> str:
        event = question(place=place)
        reply = await self._done(store, event)
        return await store.queue(event, reply.id, case())

    # Sanctions

    @pytest.mark.asyncio
    async def test_sanctions_are_kept_by_person_and_workspace_in_their_order(self, store: Store) -> None:
        reply = (await self._done(store, question())).id
        given = [
            replace(sanction("strike"), reply=reply),
            sanction("timeout", 1, "strikes"),
            sanction("pardon", 2, ""),
        ]
        assert list(await store.sanctions(ANN, ROOM)) == []
        for one in given:
            await store.sanction(ANN, ROOM, one, actor=BEN if one.kind == "pardon" else None)
        await store.sanction(BEN, ROOM, sanction("strike", 3))
        await store.sanction(ANN, ELSEWHERE, sanction("strike", 4))
        expected = [replace(one, person="ann", by="ben" if one.kind == "pardon" else "") for one in given]
        assert list(await store.sanctions(ANN, ROOM)) == expected
        assert list(await store.sanctions(ANN, THREAD)) == expected
        assert [one.at for one in await store.sanctions(ANN, ELSEWHERE)] == [NOON + timedelta(minutes=4)]
        here = await store.sanctioned(THREAD, NOON + timedelta(minutes=1))
        assert [(one.person, one.kind) for one in here] == [
            ("ben", "strike"),
            ("ann", "pardon"),
            ("ann", "timeout"),
        ]
        assert len(await store.sanctioned(ROOM, ALWAYS, 1)) == 1

    @pytest.mark.asyncio
    async def test_sanctions_go_when_they_are_long_over(self, store: Store) -> None:
        await store.sanction(ANN, ROOM, sanction("strike"))
        await store.sanction(ANN, ROOM, sanction("timeout", 120))
        await store.purge(NOON + timedelta(minutes=90))
        assert [one.kind for one in await store.sanctions(ANN, ROOM)] == ["timeout"]
