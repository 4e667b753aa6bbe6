"""Nothing that people wrote, and nobody's platform id, stands in a database in clear."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from rostra.accounts import Account
from rostra.actions import Begin, Finish, Receipt
from rostra.api_keys import ApiKey
from rostra.clock import SystemClock
from rostra.delivery.reply import arrived, ask, failed, give_up
from rostra.errors import StoreError
from rostra.events import Edited, Event, Invocation, Message, Press, Submit
from rostra.places import Person
from rostra.spending import NOTHING, Bill
from rostra.storage import open_store
from rostra.storage.database import Database, url_of
from rostra.storage.people import Scope
from rostra.storage.schema import metadata
from rostra.storage.sql import SqlStore
from rostra.stores import Store
from rostra.talks import Talk
from rostra.testing.accounts import session
from rostra.testing.collected import collect
from rostra.testing.dockets import ALWAYS, NEVER, case, sanction
from rostra.testing.passes import passed
from rostra.testing.samples import ANN, NOON, ROOM, STEPS, THREAD, VERDICTS, question
from rostra.testing.spendings import ASKED, SETTLED, TOOK, bill, share
from rostra.testing.stores import accepted, answered
from rostra.versions import Deployment, ModelVersion

TEXT = "the heron flies at midnight"
TOKEN = "a-heron-that-signs-in-at-noon-PLANTED-there"
SECRET = "rk-a-heron-that-flies-at-noon-is-PLANTED"
USER = "U0PLANTED77"
BEN = Person(id=USER)


def planted() -> list[Event]:
    """Return events with the text and the user in every field that may hold them."""
    here = replace(ROOM, channel=f"dm-{USER}", thread=USER)
    extra = {"user": USER, "quote": TEXT}
    return [
        Message(id=f"1-{USER}", place=here, author=BEN, text=TEXT, sent_at=NOON, extra=extra),
        Invocation(id="2", place=here, author=BEN, path=("x",), options={"q": TEXT}, sent_at=NOON),
        Press(id="3", place=here, author=BEN, control=TEXT, sent_at=NOON, values=(USER,)),
        Submit(id="4", place=here, author=BEN, form="f", fields={"a": TEXT}, sent_at=NOON),
        Edited(id="5", place=here, author=BEN, target=USER, text=TEXT, sent_at=NOON),
    ]


async def say_everything(store: Store) -> None:
    told = ""
    for event in planted():
        reply = await accepted(store, event)
        reply = ask(reply, Begin(reply=reply.id, text=TEXT))
        await store.advance(reply)
        reply = arrived(reply, Receipt(shown=(f"{USER}-1",)))
        await store.advance(reply)
        store.remember(event, reply.id, TEXT, f"You said: {TEXT}")
        assert await store.summarise(event, f"They said {TEXT}", replies=[reply.id], follows=told)
        told = getattr(await store.summary(event.place), "id", "")
        store.explain(event, reply.id, STEPS, VERDICTS)
        reply = ask(reply, Finish(reply=reply.id, text=f"You said: {TEXT}"))
        await store.advance(reply)
        await store.reserve(bill_of(event, reply.id), ASKED, [share(USER, personal=True, messages=99)])
        store.settle(bill_of(event, reply.id), TOOK)
        await store.queue(event, reply.id, replace(case(TEXT), question=f"What of {USER}?"))
        await store.advance(give_up(failed(reply, f"no: {TEXT}")))
    await store.audit(BEN, "choose persona", "room", {"value": "sage"})
    place = planted()[0].place
    await store.choose(place, "persona", "sage")
    await store.sanction(BEN, place, sanction("strike"), actor=BEN)
    table = {"places": {f"test//dm-{USER}": {"hold": "full"}}}
    await store.put("test", f"token of {USER}", TEXT.encode())
    await store.change_policy("default", table, what=f"places.test//dm-{USER}", actor=BEN, adapter="test")
    version = await store.model_version(ModelVersion(name="tiny"))
    await store.deploy(
        Deployment(version=version, name="tiny", place=f"test//dm-{USER}", run=TEXT),
        actor=BEN,
        adapter="test",
    )
    await store.add_key(ApiKey(application="page"), SECRET, actor=BEN, adapter="test")
    made = await store.add_account(
        Account(adapter="test", name=TEXT, password=USER), actor=BEN, adapter="test"
    )
    await store.open_session(session(made), TOKEN)
    who = await store.pseudonym("test", BEN)
    await store.open_pass(replace(await passed(store), person=who, place=replace(place, channel=USER)), TOKEN)
    await store.ask(Talk(id="1" * 32, adapter="test", owner=USER, title=TEXT, at=NOON), f"1-{USER}")
    await collect(store, text=TEXT, who=USER, place=replace(place, workspace="house"), event=f"press-{USER}")


def bill_of(event: Event, reply: str) -> Bill:
    return Bill(event=event, reply=reply, answerer="default", model="tiny")


def everything_in(url: str) -> bytes:
    """Return all bytes of the database: of the files, and of each value in each table."""
    opened = Database(url_of(url, Path()))
    values: list[bytes] = []
    with opened.reading.connect() as connection:
        for table in metadata.sorted_tables:
            for row in connection.exec_driver_sql(f"SELECT * FROM {table.name}"):
                values.extend(value if isinstance(value, bytes) else str(value).encode() for value in row)
    opened.reading.dispose()
    if opened.is_sqlite:
        file = Path(opened.url.database or "")
        values.extend(part.read_bytes() for part in file.parent.glob(f"{file.name}*"))
    return b"\n".join(values)


async def test_neither_text_nor_platform_ids_can_be_found_in_the_database(url: str, tmp_path: Path) -> None:
    async with open_store(url, data=tmp_path, clock=SystemClock()) as store:
        await say_everything(store)
        running = everything_in(url)
    for found in (running, everything_in(url)):
        assert b"house" in found, "the workspace stands there in clear: the search finds what is there"
        for secret in (TEXT, USER, SECRET, TOKEN, "heron", "PLANTED"):
            for form in (secret.encode(), secret.encode("utf-16-le"), secret.encode().hex().encode()):
                assert form not in found
        for secret in (TEXT, USER, SECRET):
            for shift in range(3):
                assert b64encode(b"." * shift + secret.encode())[4:-4] not in found
    async with open_store(url, data=tmp_path, clock=SystemClock()) as store:
        assert [entry.event for entry in await store.dead()] == planted()


async def test_summaries_of_what_an_erased_person_said_go_with_them(url: str, tmp_path: Path) -> None:
    async with open_store(url, data=tmp_path, clock=SystemClock()) as store:
        assert isinstance(store, SqlStore)
        both = [(await answered(store, question(author=author))).id for author in (BEN, ANN)]
        last = question(author=ANN)
        assert await store.summarise(last, "Ben said why.", replies=both)
        elsewhere = question(author=ANN, place=THREAD)
        told = await answered(store, elsewhere)
        assert await store.summarise(elsewhere, "Ann said why.", replies=[told.id])

        assert await store.shred("test", USER)

        assert await store.summary(ROOM) is None, "whoever it was made for, Ben's words are in it"
        assert not await store.summarise(last, "Ben said why.", replies=both)
        left = await store.summary(THREAD)
        assert left is not None
        assert left.text == "Ann said why."


async def test_what_an_erased_person_used_is_nobodys_and_their_quotas_begin_anew(
    url: str, tmp_path: Path
) -> None:
    shares = [share("own", personal=True, messages=9), share("all", messages=9)]
    async with open_store(url, data=tmp_path, clock=SystemClock()) as store:
        assert isinstance(store, SqlStore)
        bens, anns = await bill(store, author=BEN), await bill(store, author=ANN)
        await store.reserve(bens, ASKED, shares)
        await store.reserve(anns, ASKED, shares[1:])
        store.settle(anns, TOOK)

        assert await store.shred("test", USER)

        assert list(await store.counted(shares)) == [NOTHING, ASKED + SETTLED]
        store.settle(bens, TOOK)  # what is under way ends all the same
        assert list(await store.counted(shares)) == [NOTHING, SETTLED + SETTLED]
        found = await store.spent(ALWAYS, NEVER, "person", None)
        assert sorted((one.name, one.messages) for one in found) == [("", 1), ("ann", 1)]
        assert [one.name for one in await store.spent(ALWAYS, NEVER, "model", ROOM)] == ["tiny"]


async def test_somebody_whose_key_is_destroyed_leaves_nothing_that_can_be_read(
    url: str, tmp_path: Path
) -> None:
    async with open_store(url, data=tmp_path, clock=SystemClock()) as store:
        assert isinstance(store, SqlStore)
        bens = await answered(store, question("ben?", author=BEN), "to ben.")
        open_ = await accepted(store, question("open?", author=BEN))
        open_ = ask(open_, Finish(reply=open_.id, text="soon."))
        await store.advance(open_)
        anns = await answered(store, question("ann?", author=ANN), "to ann.")
        await store.recall(ROOM, 10)
        bens_case = await store.queue(question(author=BEN), bens.id, case())
        anns_case = await store.queue(question(author=ANN), anns.id, case())
        await store.sanction(BEN, ROOM, sanction("timeout"))

        assert await store.shred("test", USER)
        assert not await store.shred("test", USER)

        assert [one.text for one in await store.recall(ROOM, 10)] == ["ann?", "to ann."]
        assert [await store.entry(reply.id) for reply in (bens, open_)] == [None, None]
        assert await store.entry(anns.id) is not None
        assert await store.unfinished() == []
        assert await store.explanation(ROOM, bens.id) is None
        last = await store.explanation(ROOM)
        assert last is not None
        assert last.reply == anns.id
        assert [one.reply for one in await store.judgements(NOON.replace(year=1990))] == [anns.id]
        assert [one.id for one in await store.reviews(None)] == [anns_case]
        left = await store.review(bens_case)
        assert left is not None
        assert (left.case.text, left.author, left.place) == ("", "", None)
        assert list(await store.sanctioned(ROOM, NOON)) == []
        # What is under way ends all the same, without a word of it being kept.
        await store.advance(arrived(open_, Receipt(shown=("x",))))

        again = question("me again?", author=BEN)
        reply = await accepted(store, again)
    async with open_store(url, data=tmp_path, clock=SystemClock()) as store:
        assert [entry.reply.id for entry in await store.unfinished()] == [reply.id]
        assert await store.purge(NOON.replace(year=2990)) > 0


async def test_feedback_of_somebody_who_is_erased_cannot_be_read_by_anybody(url: str, tmp_path: Path) -> None:
    async with open_store(url, data=tmp_path, clock=SystemClock()) as store:
        assert isinstance(store, SqlStore)
        held = await collect(store, text=TEXT, who=USER, place=replace(ROOM, channel=f"dm-{USER}"))
        assert await store.shred("test", USER), "whoever shreds a key erases what is collected, too"
        (left,) = await store.shown([held.asked.batch.id])
        assert left.batch.place == replace(ROOM, channel=""), "a private channel names who is in it"
        assert not any(line.retained for line in left.batch.context)
        assert not any(one.retained for one in left.candidates)
        assert [one.tainted_at is not None for one in await store.datasets()] == [True]
        found = await store.dossier(held.rater)
        assert found.texts == ()
        assert [one.comment for one in found.judgments] == [""]
        everybody = {row.person_id.hex for row in await store.read(_accounts)}
        assert held.rater not in everybody
        assert len(everybody) == 1


def _accounts(connection: Connection) -> Sequence[Any]:
    return connection.execute(sa.select(metadata.tables["platform_account"])).all()


async def test_the_wrong_master_key_is_refused(url: str, tmp_path: Path) -> None:
    async with open_store(url, data=tmp_path, clock=SystemClock()) as store:
        await store.accept(question())
    wrong = b64encode(bytes(32)).decode()
    with pytest.raises(StoreError, match="ROSTRA_MASTER_KEY is not the one this database was made with"):
        async with open_store(url, data=tmp_path, clock=SystemClock(), master_key=wrong):
            pass
    (tmp_path / "master.key").write_text(wrong)
    with pytest.raises(StoreError, match=r"master\.key is not the one"):
        async with open_store(url, data=tmp_path, clock=SystemClock()):
            pass
    (tmp_path / "master.key").unlink()
    with pytest.raises(StoreError, match="is missing"):
        async with open_store(url, data=tmp_path, clock=SystemClock()):
            pass
    assert not (tmp_path / "master.key").exists()


async def test_a_row_put_in_the_place_of_another_is_found_out(url: str, tmp_path: Path) -> None:
    content = metadata.tables["content"]

    def swap(scope: Scope) -> None:
        rows = scope.connection.execute(sa.select(content.c.id, content.c.body)).all()
        for row, other in zip(rows, reversed(rows), strict=True):
            scope.connection.execute(sa.update(content).where(content.c.id == row.id).values(body=other.body))

    async with open_store(url, data=tmp_path, clock=SystemClock()) as store:
        assert isinstance(store, SqlStore)
        reply = await accepted(store, question("one?"))
        await accepted(store, question("two?"))
        await store.write(swap)
        with pytest.raises(StoreError, match="cannot be unsealed"):
            await store.entry(reply.id)


async def test_the_database_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    async with open_store("", data=tmp_path / "new", clock=SystemClock()) as store:
        await store.accept(question())
        modes = {file.name: file.stat().st_mode & 0o777 for file in (tmp_path / "new").iterdir()}
    assert set(modes) >= {"rostra.db", "rostra.db-wal", "master.key"}
    assert {name: mode for name, mode in modes.items() if mode & 0o077} == {}
