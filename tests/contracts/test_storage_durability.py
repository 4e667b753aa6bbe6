"""What was acknowledged is there after a restart, and what is old goes when its time has come."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
import sqlalchemy as sa
from uuid_utils.compat import uuid7

from rostra.actions import Finish
from rostra.clock import SystemClock
from rostra.delivery.reply import ask
from rostra.errors import StoreError
from rostra.protocols import Accepted
from rostra.storage import open_store
from rostra.storage import purge as purging
from rostra.storage.audit import append
from rostra.storage.database import Database, url_of
from rostra.storage.keys import Keyring, read_master
from rostra.storage.people import Scope
from rostra.storage.schema import metadata
from rostra.storage.sql import SqlStore
from rostra.storage.transactions import Transactions
from rostra.storage.writes import Accept, Advance, Call, Explain, Remember
from rostra.testing.clock import ManualClock
from rostra.testing.postgres import Postgres
from rostra.testing.samples import ANN, AWKWARD, ROOM, STEPS, VERDICTS, every_kind, question
from rostra.testing.stores import accepted, answered, given_up

DAY = 24 * 60 * 60


async def counted(store: SqlStore) -> dict[str, int]:
    """Return how many rows each table has."""

    def count(connection: sa.Connection) -> dict[str, int]:
        return {
            name: connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0
            for name, table in metadata.tables.items()
        }

    return await store.read(count)


async def test_everything_is_as_it_was_after_a_restart(url: str, tmp_path: Path) -> None:
    events = every_kind()
    async with open_store(url, data=tmp_path, clock=SystemClock()) as store:
        done = await answered(store, question(AWKWARD), AWKWARD)
        dead = await given_up(store, question())
        waiting = [await accepted(store, event) for event in events]
        waiting[0] = ask(waiting[0], Finish(reply=waiting[0].id, text=AWKWARD))
        await store.advance(waiting[0])
        await store.choose(ROOM, "persona", "sage")
        before = (await store.unfinished(), await store.explanation(ROOM), await store.recall(ROOM, 10))
    async with open_store(url, data=tmp_path, clock=SystemClock()) as store:
        after = (await store.unfinished(), await store.explanation(ROOM), await store.recall(ROOM, 10))
        assert after == before
        assert [entry.reply for entry in after[0]] == waiting
        assert [entry.event for entry in after[0]] == events
        assert [entry.reply for entry in await store.dead()] == [dead]
        assert await store.choices(ROOM) == {"persona": "sage"}
        entry = await store.entry(done.id)
        assert entry is not None
        assert entry.reply == done
        assert [await store.accept(event) for event in events] == [
            replace(await store.accept(event), reply=reply.id)
            for event, reply in zip(events, waiting, strict=True)
        ]


async def test_what_nobody_waited_for_is_written_when_the_store_is_closed(url: str, tmp_path: Path) -> None:
    async with open_store(url, data=tmp_path, clock=SystemClock()) as store:
        event = question("why?")
        reply = await accepted(store, event)
        store.remember(event, reply.id, "why?", "because.")
        store.explain(event, reply.id, STEPS, VERDICTS)
    async with open_store(url, data=tmp_path, clock=SystemClock()) as store:
        assert [one.text for one in await store.recall(ROOM, 2)] == ["why?", "because."]
        assert await store.explanation(ROOM, reply.id) is not None


async def test_a_batch_that_is_tried_again_after_all_went_well_changes_nothing(
    url: str, tmp_path: Path
) -> None:
    async with open_store(url, data=tmp_path, clock=SystemClock()) as store:
        assert isinstance(store, SqlStore)
        before = await accepted(store, question())
        database = Database(url_of(url, tmp_path))
        clock = ManualClock()
        transactions = Transactions(database.writing, Keyring.of(read_master(None, tmp_path) or b""), clock)
        event, id_, now = question(), uuid7(), clock.now()
        batch = [
            Accept(event, id_, now),
            Remember(event, id_, "why?", "because.", (uuid7(), uuid7()), now),
            Explain(event, id_, STEPS, VERDICTS, (uuid7(), uuid7()), now),
            Advance(ask(before, Finish(reply=before.id, text="!")), UUID(before.id), now),
            Call(_logged(uuid7())),
        ]
        first = transactions.transact(batch)
        rows = await counted(store)
        again = Transactions(database.writing, Keyring.of(read_master(None, tmp_path) or b""), clock)
        assert again.transact(batch) == first
        assert first[0] == Accepted(reply=id_.hex)
        assert await counted(store) == rows
        assert transactions.transact(batch) == first
        assert await counted(store) == rows
        await database.close()


def _logged(id_: UUID):  # noqa: ANN202  a closure for `Call`
    def log(scope: Scope) -> None:
        append(scope, id_, ("test", ANN), "change", "room", {})

    return log


async def test_thirty_days_after_its_end_a_turn_is_gone(url: str, tmp_path: Path) -> None:
    clock = ManualClock()
    month = timedelta(days=30)
    async with open_store(url, data=tmp_path, clock=clock) as store:
        assert isinstance(store, SqlStore)
        old = await answered(store, question("old?"))
        stuck = await accepted(store, question("stuck?"))
        await clock.advance(DAY)
        young = await answered(store, question("young?"))

        await clock.advance(29 * DAY)
        assert await store.purge(clock.now() - month) == 0
        await clock.advance(1)
        assert await store.purge(clock.now() - month) == 4, "the event, the answer sent, two utterances"
        assert await store.entry(old.id) is None
        assert await store.explanation(ROOM, old.id) is None
        assert await store.entry(young.id) is not None
        assert [one.text for one in await store.recall(ROOM, 10)] == ["young?", "because."]

        await clock.advance(DAY)
        assert await store.purge(clock.now() - month) == 4
        assert [entry.reply.id for entry in await store.unfinished()] == [stuck.id]
        rows = await counted(store)
        assert {name: rows[name] for name in ("content", "inbox", "outbox", "message", "trace")} == {
            "content": 1,
            "inbox": 1,
            "outbox": 1,
            "message": 0,
            "trace": 0,
        }
        assert rows["verdict"] == 2 * len(VERDICTS), "figures stay for statistics"


async def test_a_large_purge_goes_in_portions(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(purging, "PORTION", 2)
    clock = ManualClock()
    async with open_store(url, data=tmp_path, clock=clock) as store:
        for _ in range(5):
            await answered(store, question())
        await clock.advance(1)
        assert await store.purge(clock.now()) == 20
        assert await store.purge(clock.now()) == 0


async def test_who_writes_while_another_process_does_sees_what_that_changed(url: str, tmp_path: Path) -> None:
    async with (
        open_store(url, data=tmp_path, clock=SystemClock()) as ours,
        open_store(url, data=tmp_path, clock=SystemClock()) as theirs,
    ):
        assert isinstance(theirs, SqlStore)
        event = question("ours?")
        await answered(ours, event)
        assert len(await ours.recall(ROOM, 10)) == 2
        assert (await theirs.accept(event)).reply == (await ours.accept(event)).reply

        await answered(theirs, question("theirs?"))
        await accepted(ours, question())
        assert [one.text for one in await ours.recall(ROOM, 10)] == [
            "ours?",
            "because.",
            "theirs?",
            "because.",
        ]

        await theirs.forget(ROOM)
        await accepted(ours, question())
        assert list(await ours.recall(ROOM, 10)) == []

        await theirs.shred("test", ANN.id)
        last = await accepted(ours, question("after?"))
        assert [entry.reply.id for entry in await theirs.unfinished()] == [last.id]


async def test_the_same_events_through_two_processes_are_accepted_once_each(url: str, tmp_path: Path) -> None:
    events = [question(str(number)) for number in range(40)]
    async with (
        open_store(url, data=tmp_path, clock=SystemClock()) as ours,
        open_store(url, data=tmp_path, clock=SystemClock()) as theirs,
    ):
        taken = await asyncio.gather(
            *(store.accept(event) for event in events for store in (ours, theirs)),
            *(store.accept(event) for event in reversed(events) for store in (theirs, ours)),
        )
        assert sum(isinstance(one, Accepted) for one in taken) == len(events)
        assert len({one.reply for one in taken}) == len(events)
        assert len(await ours.unfinished()) == len(events)


async def test_a_connection_that_is_cut_is_made_again(
    server: Postgres, postgres_url: str, tmp_path: Path
) -> None:
    name = postgres_url.partition("?")[0].rpartition("/")[2]
    async with open_store(postgres_url, data=tmp_path, clock=SystemClock()) as store:
        reply = await accepted(store, question())
        assert len(await store.unfinished()) == 1
        server.disconnect(name)
        await store.advance(ask(reply, Finish(reply=reply.id, text="!")))
        server.disconnect(name)
        assert len(await store.unfinished()) == 1

        events = [question(str(number)) for number in range(60)]

        async def accept(number: int) -> Accepted | None:
            while True:  # as a platform does: it sends again what was not acknowledged
                try:
                    taken = await store.accept(events[number])
                except StoreError:
                    continue
                return taken if isinstance(taken, Accepted) else None

        async def cut() -> None:
            for _ in range(5):
                await asyncio.to_thread(server.disconnect, name)

        *taken, _ = await asyncio.gather(*map(accept, range(len(events))), cut())
        assert all(isinstance(one, Accepted) for one in taken)
        assert [entry.event for entry in await store.unfinished()][1:] == events


async def test_a_server_that_is_not_there_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"^PostgreSQL cannot be reached: No such file or directory$"):
        async with open_store(
            f"postgresql://nobody@/none?host={tmp_path}", data=tmp_path, clock=SystemClock()
        ):
            pass


async def test_a_database_that_is_not_there_is_one_clear_error(server: Postgres, tmp_path: Path) -> None:
    with pytest.raises(
        StoreError, match=r'^PostgreSQL cannot be reached: FATAL:  database "none" does not exist$'
    ):
        async with open_store(server.url("none"), data=tmp_path, clock=SystemClock()):
            pass


async def test_one_event_that_cannot_be_read_does_not_keep_the_others_from_it(
    url: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content = metadata.tables["content"]
    async with open_store(url, data=tmp_path, clock=SystemClock()) as store:
        assert isinstance(store, SqlStore)
        broken, whole = await accepted(store, question()), await accepted(store, question())

        def damage(scope: Scope) -> None:
            scope.connection.execute(
                sa.update(content).where(content.c.id == UUID(broken.id)).values(body=bytes(40))
            )

        await store.write(damage)
        assert [entry.reply for entry in await store.unfinished()] == [whole]
    assert broken.id in capsys.readouterr().out


async def test_a_place_with_an_impossible_name_has_a_history_all_the_same(url: str, tmp_path: Path) -> None:
    place = replace(ROOM, workspace=AWKWARD, channel=AWKWARD, thread=AWKWARD)
    async with open_store(url, data=tmp_path, clock=SystemClock()) as store:
        assert isinstance(store, SqlStore)
        await answered(store, question("why?", place=place, author=replace(ANN, id=AWKWARD)), "because.")
        assert [one.text for one in await store.recall(place, 10)] == ["why?", "because."]
        assert await store.explanation(place) is not None
        await store.audit(ANN, AWKWARD, AWKWARD, {AWKWARD: AWKWARD})
        assert (await store.verify_audit()).entries == 1


async def test_what_no_engine_can_hold_is_refused_as_every_error_is(url: str, tmp_path: Path) -> None:
    async with open_store(url, data=tmp_path, clock=SystemClock()) as store:
        with pytest.raises(StoreError, match=r"cannot be written|refused"):
            await store.choose(ROOM, "persona", "\ud83d")
        await store.choose(ROOM, "persona", "sage")
        assert await store.choices(ROOM) == {"persona": "sage"}
