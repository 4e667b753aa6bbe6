"""What every store must do, as tests: subclass `StoreContract`, provide the store, inherit the tests."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ..actions import Address, Begin, Finish, Receipt, Show
from ..delivery.reply import Reply, State, arrived, ask, failed, give_up, resend
from ..errors import StoreError
from ..events import Event, Message
from ..places import Place
from ..protocols import Accepted, Duplicate
from ..stores import Store
from ..views import Button, Buttons, File, Text, View
from .accounts import AccountContract, TalkContract
from .consenting import ConsentContract
from .dockets import DocketContract
from .drawers import DrawerContract
from .feedbacks import BallotContract
from .judging import JudgmentContract
from .keys import KeyContract
from .passes import PassContract
from .records import RecordContract
from .samples import ANN, AWKWARD, ROOM, STEPS, THREAD, VERDICTS, every_kind, question
from .spendings import SpendingContract
from .summaries import SummaryContract
from .versions import VersionContract

LONG_AGO = datetime(1990, 1, 1, tzinfo=UTC)
FAR_AHEAD = datetime(2990, 1, 1, tzinfo=UTC)


async def accepted(store: Store, event: Event) -> Reply:
    """Accept ``event`` and return its reply as it begins."""
    taken = await store.accept(event)
    assert isinstance(taken, Accepted), f"{event.id!r} is new, but the store says {taken!r}"
    return Reply(id=taken.reply, address=Address.of(event))


async def answered(store: Store, event: Event, text: str = "because.") -> Reply:
    """Accept ``event``, remember and explain the answer, and see it out."""
    reply = await accepted(store, event)
    asked = event.text if isinstance(event, Message) else ""
    store.remember(event, reply.id, asked, text)
    store.explain(event, reply.id, STEPS, VERDICTS)
    reply = ask(reply, Finish(reply=reply.id, text=text))
    await store.advance(reply)
    reply = arrived(reply, Receipt(shown=("shown-1", "shown-2")))
    await store.advance(reply)
    return reply


async def given_up(store: Store, event: Event) -> Reply:
    """Accept ``event`` and make its answer a dead letter."""
    reply = await accepted(store, event)
    reply = ask(reply, Finish(reply=reply.id, text="because."))
    await store.advance(reply)
    reply = give_up(failed(reply, "the channel is gone"))
    await store.advance(reply)
    return reply


class StoreContract(
    BallotContract,
    ConsentContract,
    DocketContract,
    DrawerContract,
    JudgmentContract,
    KeyContract,
    RecordContract,
    SpendingContract,
    SummaryContract,
    AccountContract,
    TalkContract,
    PassContract,
    VersionContract,
):
    """Tests for one store, which is empty when each begins.

    ::

        class TestMine(StoreContract):
            @pytest.fixture
            async def store(self) -> AsyncGenerator[Store]:
                async with open_mine() as store:
                    yield store
    """

    @pytest.fixture
    def store(self) -> Store:
        raise NotImplementedError("provide the store to test")

    # Ledger

    @pytest.mark.asyncio
    async def test_an_event_is_accepted_once(self, store: Store) -> None:
        event = question()
        first = await store.accept(event)
        assert isinstance(first, Accepted)
        assert await store.accept(event) == Duplicate(reply=first.reply)

    @pytest.mark.asyncio
    async def test_the_same_event_five_times_at_once_is_accepted_once(self, store: Store) -> None:
        event = question()
        taken = await asyncio.gather(*(store.accept(event) for _ in range(5)))
        assert sorted(type(one).__name__ for one in taken) == ["Accepted", *["Duplicate"] * 4]
        assert len({one.reply for one in taken}) == 1
        assert len(await store.unfinished()) == 1

    @pytest.mark.asyncio
    async def test_a_duplicate_is_told_from_news_that_come_along_with_it(self, store: Store) -> None:
        old, new = question(), question()
        reply = await accepted(store, old)
        first, second = await asyncio.gather(store.accept(old), store.accept(new))
        assert first == Duplicate(reply=reply.id)
        assert isinstance(second, Accepted)

    @pytest.mark.asyncio
    async def test_an_answered_event_is_still_known(self, store: Store) -> None:
        event = question()
        reply = await answered(store, event)
        assert await store.accept(event) == Duplicate(reply=reply.id)

    @pytest.mark.asyncio
    async def test_two_platforms_may_use_the_same_event_id(self, store: Store) -> None:
        event = question()
        other = replace(event, place=replace(ROOM, adapter="other"))
        replies = {(await accepted(store, one)).id for one in (event, other)}
        assert len(replies) == 2

    @pytest.mark.asyncio
    async def test_events_of_every_kind_come_back_as_they_were(self, store: Store) -> None:
        events = every_kind()
        for event in events:
            await accepted(store, event)
        assert [entry.event for entry in await store.unfinished()] == events

    @pytest.mark.asyncio
    async def test_what_is_unfinished_comes_oldest_first(self, store: Store) -> None:
        events = [question(str(number)) for number in range(30)]
        replies = [await accepted(store, event) for event in events]
        entries = await store.unfinished()
        assert [entry.reply for entry in entries] == replies
        assert [entry.received_at for entry in entries] == sorted(entry.received_at for entry in entries)

    @pytest.mark.asyncio
    async def test_a_reply_is_kept_as_far_as_it_has_come(self, store: Store) -> None:
        reply = await accepted(store, question())
        await self._holds(store, reply)
        reply = ask(reply, Begin(reply=reply.id, text=AWKWARD))
        await self._holds(store, reply)
        reply = arrived(reply, Receipt(shown=("x1",)))
        await self._holds(store, reply)
        reply = ask(reply, Finish(reply=reply.id, text=AWKWARD * 2, ending="length"))
        await self._holds(store, reply)
        reply = failed(replace(reply, repeated=True), AWKWARD)
        await self._holds(store, reply)
        reply = arrived(reply, Receipt(shown=("x1", "x2")))
        await self._holds(store, reply)

    async def _holds(self, store: Store, reply: Reply) -> None:
        await store.advance(reply)
        entry = await store.entry(reply.id)
        assert entry is not None
        assert entry.reply == reply
        assert [entry.reply for entry in await store.unfinished()] == ([] if reply.done else [reply])

    @pytest.mark.asyncio
    async def test_a_view_comes_back_as_it_was(self, store: Store) -> None:
        view = View(
            parts=(
                Text(text=AWKWARD),
                Buttons(buttons=(Button(control="c", label="Go", style="danger"),)),
                File(name="a.png", media_type="image/png", data=bytes(range(256))),
            ),
            private=True,
        )
        reply = await accepted(store, question())
        await self._holds(store, ask(reply, Show(reply=reply.id, view=view)))

    @pytest.mark.asyncio
    async def test_what_is_done_is_unfinished_no_more(self, store: Store) -> None:
        done, open_ = question(), question()
        await answered(store, done)
        reply = await accepted(store, open_)
        assert [entry.reply.id for entry in await store.unfinished()] == [reply.id]

    @pytest.mark.asyncio
    async def test_dead_letters_are_listed_oldest_first_and_can_be_sent_again(self, store: Store) -> None:
        dead = [await given_up(store, question()) for _ in range(3)]
        assert [entry.reply for entry in await store.dead()] == dead
        assert await store.unfinished() == []
        again = resend(dead[1])
        await store.advance(again)
        assert [entry.reply for entry in await store.unfinished()] == [again]
        assert [entry.reply for entry in await store.dead()] == [dead[0], dead[2]]
        await store.advance(arrived(again, Receipt(shown=("x",))))
        assert await store.unfinished() == []

    @pytest.mark.asyncio
    async def test_the_backlog_counts_what_is_unfinished_and_what_is_dead(self, store: Store) -> None:
        async def counted() -> tuple[int, int]:
            found = await store.backlog()
            assert found.unfinished == len(await store.unfinished())
            assert found.dead == len(await store.dead())
            return found.unfinished, found.dead

        assert await counted() == (0, 0)
        await answered(store, question())
        dead = [await given_up(store, question()) for _ in range(2)]
        await accepted(store, question(author=replace(ANN, id="ben")))
        assert await counted() == (1, 2)
        await store.advance(resend(dead[0]))
        assert await counted() == (2, 1)
        await store.erase(ROOM.adapter, ANN.id)  # what nobody can read any more is in neither
        assert (await counted())[1] == 0

    @pytest.mark.asyncio
    async def test_an_unknown_reply_has_no_entry_and_cannot_advance(self, store: Store) -> None:
        reply = await accepted(store, question())
        for unknown in ("nothing", "0" * 32, ""):
            assert await store.entry(unknown) is None
            with pytest.raises(StoreError):
                await store.advance(replace(reply, id=unknown, state=State.CLOSED))
        assert len(await store.unfinished()) == 1

    @pytest.mark.asyncio
    async def test_a_failing_write_does_not_hurt_its_neighbours(self, store: Store) -> None:
        reply = await accepted(store, question())
        news = [question() for _ in range(4)]
        results = await asyncio.gather(
            store.accept(news[0]),
            store.accept(news[1]),
            store.advance(replace(reply, id="0" * 32)),
            store.accept(news[2]),
            store.accept(news[3]),
            return_exceptions=True,
        )
        assert [type(result) for result in results] == [Accepted, Accepted, StoreError, Accepted, Accepted]
        assert [entry.event for entry in await store.unfinished()][1:] == news

    # Conversations

    @pytest.mark.asyncio
    async def test_what_was_said_is_recalled_oldest_first(self, store: Store) -> None:
        await answered(store, question("one?"), "one.")
        await answered(store, question(AWKWARD), AWKWARD)
        said = [("user", "one?"), ("assistant", "one."), ("user", AWKWARD), ("assistant", AWKWARD)]
        recalled = list(await store.recall(ROOM, 10))
        assert [(one.role, one.text) for one in recalled] == said
        assert list(await store.recall(ROOM, 3)) == recalled[1:]
        assert list(await store.recall(ROOM, 0)) == []

    @pytest.mark.asyncio
    async def test_what_is_recalled_names_the_reply_it_belongs_to(self, store: Store) -> None:
        replies = [(await answered(store, question())).id for _ in range(2)]
        expected = [replies[0], replies[0], replies[1], replies[1]]
        assert [one.reply for one in await store.recall(ROOM, 10)] == expected
        event = question("now?")
        last = await accepted(store, event)
        store.remember(event, last.id, "now?", "now.")
        assert [one.reply for one in await store.recall(ROOM, 10)] == [*expected, last.id, last.id]

    @pytest.mark.asyncio
    async def test_what_was_just_remembered_is_recalled_before_it_is_on_disk(self, store: Store) -> None:
        assert list(await store.recall(ROOM, 10)) == []
        event = question("now?")
        reply = await accepted(store, event)
        store.remember(event, reply.id, "now?", "now.")
        assert [one.text for one in await store.recall(ROOM, 10)] == ["now?", "now."]

    @pytest.mark.asyncio
    async def test_each_place_has_a_history_of_its_own(self, store: Store) -> None:
        places = [
            ROOM,
            THREAD,
            replace(ROOM, workspace=""),
            replace(ROOM, adapter="other"),
            replace(ROOM, channel="x"),
        ]
        for number, place in enumerate(places):
            await answered(store, question(f"{number}?", place=place), f"{number}.")
        for number, place in enumerate(places):
            assert [one.text for one in await store.recall(place, 10)] == [f"{number}?", f"{number}."]

    @pytest.mark.asyncio
    async def test_what_is_forgotten_is_recalled_no_more(self, store: Store) -> None:
        await answered(store, question("old?"), "old.")
        await answered(store, question("old?", place=THREAD), "old.")
        await store.recall(ROOM, 10)
        assert await store.forget(ROOM) == 2
        assert list(await store.recall(ROOM, 10)) == []
        assert await store.forget(ROOM) == 0
        await answered(store, question("new?"), "new.")
        assert [one.text for one in await store.recall(ROOM, 10)] == ["new?", "new."]
        assert [one.text for one in await store.recall(THREAD, 10)] == ["old?", "old."]
        assert await store.forget(replace(ROOM, channel="never seen")) == 0

    # Journal

    @pytest.mark.asyncio
    async def test_a_reply_is_explained(self, store: Store) -> None:
        first = await answered(store, question())
        second = await answered(store, question())
        last = await store.explanation(ROOM)
        assert last is not None
        assert (last.reply, last.steps, last.verdicts) == (second.id, STEPS, VERDICTS)
        named = await store.explanation(ROOM, first.id)
        assert named is not None
        assert named.reply == first.id

    @pytest.mark.asyncio
    async def test_an_explanation_given_again_replaces_the_first(self, store: Store) -> None:
        event = question()
        reply = await answered(store, event)
        store.explain(event, reply.id, STEPS[:1], ())
        found = await store.explanation(ROOM, reply.id)
        assert found is not None
        assert (found.steps, found.verdicts) == (STEPS[:1], ())

    @pytest.mark.asyncio
    async def test_nobody_is_told_about_replies_of_other_places(self, store: Store) -> None:
        reply = await answered(store, question())
        assert await store.explanation(THREAD) is None
        assert await store.explanation(THREAD, reply.id) is None
        assert await store.explanation(ROOM, "nothing") is None
        assert await store.explanation(ROOM, "0" * 32) is None

    @pytest.mark.asyncio
    async def test_changes_are_logged_whoever_made_them(self, store: Store) -> None:
        await store.audit(ANN, "choose persona", ROOM.key, {"value": "pirate"})
        await store.audit(None, "purge", "all", {})

    # Choices

    @pytest.mark.asyncio
    async def test_choices_hold_for_one_place_until_they_are_taken_back(self, store: Store) -> None:
        assert await store.choices(ROOM) == {}
        await store.choose(ROOM, "persona", "pirate")
        await store.choose(ROOM, "answerer", "small")
        await store.choose(ROOM, "persona", "sage")
        assert await store.choices(ROOM) == {"persona": "sage", "answerer": "small"}
        assert await store.choices(THREAD) == {}
        await store.choose(ROOM, "persona", None)
        await store.choose(ROOM, "never chosen", None)
        assert await store.choices(ROOM) == {"answerer": "small"}

    # Purge

    @pytest.mark.asyncio
    async def test_purging_removes_what_is_done_and_nothing_else(self, store: Store) -> None:
        done, open_ = question("done?"), question("open?", place=THREAD)
        closed = await answered(store, done)
        dead = await given_up(store, question())
        waiting = await accepted(store, open_)
        assert await store.purge(LONG_AGO) == 0
        assert await store.entry(closed.id) is not None
        await store.recall(ROOM, 10)
        assert await store.purge(FAR_AHEAD) > 0
        assert await store.entry(closed.id) is None
        assert await store.entry(dead.id) is None
        assert await store.dead() == []
        assert list(await store.recall(ROOM, 10)) == []
        assert await store.explanation(ROOM) is None
        assert [entry.event for entry in await store.unfinished()] == [open_]
        await self._holds(store, ask(waiting, Finish(reply=waiting.id, text="at last.")))
        assert await store.purge(FAR_AHEAD) == 0

    @pytest.mark.asyncio
    async def test_choices_outlive_a_purge(self, store: Store) -> None:
        await answered(store, question())
        await store.choose(ROOM, "persona", "sage")
        await store.purge(FAR_AHEAD)
        assert await store.choices(ROOM) == {"persona": "sage"}

    @pytest.mark.asyncio
    async def test_many_turns_at_once_end_as_they_would_one_by_one(self, store: Store) -> None:
        places = [replace(ROOM, channel=str(number)) for number in range(20)]

        async def talk(place: Place) -> None:
            for number in range(3):
                await answered(store, question(f"{place.channel}/{number}?", place=place))

        await asyncio.gather(*map(talk, places))
        assert await store.unfinished() == []
        for place in places:
            asked = [one.text for one in await store.recall(place, 10) if one.role == "user"]
            assert asked == [f"{place.channel}/{number}?" for number in range(3)]
