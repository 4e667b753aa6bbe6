"""A person's data from the command line: handed over whole, and erased for good, on both engines."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import stat
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rostra.cli.main import run
from rostra.places import Person
from rostra.spending import Bill
from rostra.storage import open_store
from rostra.storage.sql import SqlStore
from rostra.testing.clock import ManualClock
from rostra.testing.collected import collect
from rostra.testing.dockets import case, sanction
from rostra.testing.postgres import postgres
from rostra.testing.samples import ANN, NOON, ROOM, question
from rostra.testing.spendings import ASKED, TOOK, share
from rostra.testing.stores import answered

SAID = "the heron flies at midnight"
OTHER = Person(id="somebody-else")


async def used(url: str, data: Path) -> None:
    """Let two people talk, rate, be struck and pay in a database."""
    async with open_store(url, data=data, clock=ManualClock(NOON)) as store:
        for who, text in ((ANN, SAID), (OTHER, "what others say")):
            event = question(text, author=who)
            reply = await answered(store, event, f"You said: {text}")
            bill = Bill(event=event, reply=reply.id, answerer="default", model="tiny")
            await store.reserve(bill, ASKED, [share(who.id, personal=True, messages=99)])
            store.settle(bill, TOOK)
            await store.queue(event, reply.id, case(text))
            await store.sanction(who, event.place, sanction("strike"), actor=OTHER)
        await store.audit(ANN, "choose persona", "room", {"value": "sage"}, adapter=ROOM.adapter, place=ROOM)
        await collect(store, text=SAID, who=ANN.id, place=replace(ROOM, workspace="house"))


@pytest.fixture(scope="module")
def server() -> Generator[Any]:
    with postgres() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def database(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[str, Path]:
    """Make a database of one kind in which two people were, and a configuration for it here."""
    url = ""
    if request.param == "postgresql":
        server = request.getfixturevalue("server")
        url = server.url(server.database())
    monkeypatch.chdir(tmp_path)
    text = f'data = "data"\n[storage]\nurl = "{url}"\n[models.echo]\nkind = "canned"\n'
    (tmp_path / "rostra.toml").write_text(text)
    asyncio.run(used(url, tmp_path / "data"))
    return url, tmp_path / "data"


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    capsys.readouterr()
    assert run(["user", *arguments]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.slow
@pytest.mark.usefixtures("database")
def test_everything_about_somebody_is_handed_over_and_nothing_about_others(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = said(capsys, "export", f"{ROOM.adapter}/{ANN.id}")
    assert found["account"] == {"adapter": ROOM.adapter, "id": ANN.id}
    assert [(one["role"], one["text"]) for one in found["messages"]] == [
        ("user", SAID),
        ("assistant", f"You said: {SAID}"),
    ]
    assert [one["event"]["text"] for one in found["events"]] == [SAID]
    assert len(found["explanations"]) == len(found["strikes"]) == len(found["spending"]) == 1
    assert found["spending"][0]["prompt_tokens"] > 0
    assert found["reviews"][0]["case"]["text"] == SAID
    feedback = found["feedback"]
    assert {one["scope"] for one in feedback["consents"]} == {"store", "rate"}
    assert {one["kind"] for one in feedback["texts"]} == {"line", "candidate", "comment"}
    assert [len(feedback[name]) for name in ("judgments", "thumbs", "exclusions")] == [1, 1, 1]
    assert feedback["judgments"][0]["ratings"][0]["value"] == 3
    assert len(feedback["lineage"]["datasets"]) == 1
    assert len(found["ballots"]) == 1
    assert [one["action"] for one in found["changes"]] == ["choose persona"]
    assert OTHER.id not in json.dumps(found)
    assert "what others say" not in json.dumps(found)
    assert said(capsys, "export", found["person"]) == found
    assert run(["user", "export", f"{ROOM.adapter}/{ANN.id}", "--output", "person.json"]) == 0
    written = tmp_path / "person.json"
    assert json.loads(written.read_text(encoding="utf-8")) == found
    assert stat.S_IMODE(written.stat().st_mode) == 0o600


@pytest.mark.slow
def test_somebody_is_erased_everywhere_and_what_that_touched_is_said(
    database: tuple[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    person = f"{ROOM.adapter}/{ANN.id}"
    pseudonym = said(capsys, "export", person)["person"]
    done = said(capsys, "erase", person, "--yes", "--withdraw", "--json")
    assert done["person"] == pseudonym
    assert (done["judgments"], done["withdrawn"]) == (1, True)
    assert (done["strikes"], done["spending"], done["explanations"]) == (1, 1, 1)
    assert done["texts"] > 3
    assert len(done["datasets"]) == len(done["exports"]) == len(done["models"]) == 1
    for gone in (person, pseudonym):
        assert run(["user", "export", gone]) == 1
        assert f"nothing is kept about {gone!r}" in capsys.readouterr().err
    assert run(["user", "erase", person, "--yes"]) == 1
    assert said(capsys, "export", f"{ROOM.adapter}/{OTHER.id}")["messages"]
    assert run(["audit", "verify"]) == 0
    asyncio.run(_look(*database, pseudonym))


async def _look(url: str, data: Path, pseudonym: str) -> None:
    async with open_store(url, data=data, clock=ManualClock(NOON)) as store:
        assert isinstance(store, SqlStore)
        (entry,) = await store.audited(None, 1)
        assert entry.action == "erase person"
        assert pseudonym in entry.subject.replace("-", "")
        assert ANN.id not in f"{entry.subject} {entry.detail}"
        assert [one.tainted_at is not None for one in await store.datasets()] == [True]
        assert [one async for one in store.judged()] == [], "what they ranked was withdrawn"


@pytest.fixture
def sqlite(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rostra.toml").write_text('data = "data"\n[models.echo]\nkind = "canned"\n')
    asyncio.run(used("", tmp_path / "data"))
    return next((tmp_path / "data").glob("*.db"))


@pytest.mark.slow
def test_nothing_is_erased_that_nobody_confirmed(sqlite: Path, capsys: pytest.CaptureFixture[str]) -> None:
    person = f"{ROOM.adapter}/{ANN.id}"
    assert run(["user", "erase", person]) == 2
    assert "add --yes" in capsys.readouterr().err
    with sqlite3.connect(sqlite) as database:
        (keys,) = database.execute("SELECT count(*) FROM person_key").fetchone()
    assert run(["user", "erase", person, "--yes"]) == 0
    told = capsys.readouterr().out
    assert "Of their ballots 1 stay, with no name." in told
    assert "To delete: x (trl)" in told
    with sqlite3.connect(sqlite) as database:
        assert database.execute("SELECT count(*) FROM person_key").fetchone() == (keys - 1,)


@pytest.mark.slow
@pytest.mark.usefixtures("sqlite")
def test_nobody_becomes_known_by_being_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    for nobody in ("discord/nobody", "nobody", "/", "0" * 32):
        assert run(["user", "export", nobody]) == 1
        assert capsys.readouterr().err.count("\n") == 1
    assert run(["user", "export", "discord/nobody"]) == 1
