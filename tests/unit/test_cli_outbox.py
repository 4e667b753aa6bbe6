"""Dead letters and backups from the command line, on a database in a file."""

from __future__ import annotations

import asyncio
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rostra.actions import Address, Finish
from rostra.cli.main import run
from rostra.clock import SystemClock
from rostra.delivery.reply import Reply, State, ask, failed, give_up
from rostra.events import Message
from rostra.places import Person, Place
from rostra.protocols import Accepted
from rostra.storage import open_store

CONFIG = 'data = "data"\n[models.echo]\nkind = "canned"\n'
QUESTION = Message(
    id="m1",
    place=Place(adapter="console", channel="terminal"),
    author=Person(id="local"),
    text="my diary",
    sent_at=datetime(2026, 1, 1, tzinfo=UTC),
)


async def with_a_dead_letter(data: Path) -> str:
    async with open_store("", data=data, clock=SystemClock()) as store:
        taken = await store.accept(QUESTION)
        assert isinstance(taken, Accepted)
        reply = Reply(id=taken.reply, address=Address.of(QUESTION))
        reply = ask(reply, Finish(reply=taken.reply, text="my diary, answered"))
        await store.advance(reply)
        await store.advance(give_up(failed(reply, "the channel is gone")))
        return taken.reply


async def states(data: Path) -> list[State]:
    async with open_store("", data=data, clock=SystemClock()) as store:
        return [entry.reply.state for entry in [*await store.dead(), *await store.unfinished()]]


@pytest.fixture
def letter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rostra.toml").write_text(CONFIG)
    return asyncio.run(with_a_dead_letter(tmp_path / "data"))


@pytest.mark.slow
def test_dead_letters_are_listed_without_their_text_and_sent_again(
    letter: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["outbox", "list", "--json"]) == 0
    said = capsys.readouterr().out
    (row,) = json.loads(said)["outbox"]
    assert (row["id"], row["place"], row["error"]) == (letter, "console//terminal", "the channel is gone")
    assert "diary" not in said

    assert run(["outbox", "resend", "nope"]) == 1
    assert capsys.readouterr().err == "rostra: no dead letter 'nope'; `rostra outbox list` shows them\n"
    assert run(["outbox", "resend", letter]) == 0
    assert capsys.readouterr().out == "1 will be sent again.\n"
    assert asyncio.run(states(tmp_path / "data")) == [State.CLOSING]


@pytest.mark.slow
@pytest.mark.usefixtures("letter")
def test_all_dead_letters_are_sent_again(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["doctor"]) == 1
    assert "1 replies could not be delivered" in capsys.readouterr().out
    assert run(["outbox", "resend", "--all"]) == 0
    assert asyncio.run(states(tmp_path / "data")) == [State.CLOSING]


@pytest.mark.slow
@pytest.mark.usefixtures("letter")
def test_a_backup_comes_back_elsewhere_with_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["backup", "copy.zip"]) == 0
    assert "master key is not in it" in capsys.readouterr().out
    elsewhere = tmp_path / "elsewhere"
    monkeypatch.setenv("ROSTRA_DATA", str(elsewhere))
    assert run(["restore", "copy.zip"]) == 1
    assert "master key" in capsys.readouterr().err
    elsewhere.mkdir(exist_ok=True)
    shutil.copy(tmp_path / "data" / "master.key", elsewhere)
    assert run(["restore", "copy.zip"]) == 0
    assert asyncio.run(states(elsewhere)) == [State.DEAD]
