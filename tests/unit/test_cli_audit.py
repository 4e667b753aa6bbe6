"""The log of changes from the command line: checked, and exported for those who keep such logs."""

from __future__ import annotations

import asyncio
import hashlib
import json
import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rostra.cli.main import run
from rostra.places import Person, Place
from rostra.storage import open_store
from rostra.testing.clock import ManualClock

CONFIG = 'data = "data"\n[models.echo]\nkind = "canned"\n'
ROOM = Place(adapter="console", channel="terminal", workspace="w")


async def with_changes(data: Path) -> None:
    clock = ManualClock(datetime(2026, 3, 1, tzinfo=UTC))
    async with open_store("", data=data, clock=clock) as store:
        for number in range(3):
            await store.audit(
                Person(id="the-owner"),
                "choose",
                f"thing {number}",
                {"über": "ü"},
                adapter="console",
                place=ROOM,
            )
            await clock.advance(86_400)


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a database with three changes; return its file."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rostra.toml").write_text(CONFIG)
    asyncio.run(with_changes(tmp_path / "data"))
    return next((tmp_path / "data").glob("*.db"))


def meddle(log: Path, statement: str) -> None:
    database = sqlite3.connect(log)
    for name in ("update", "delete"):
        database.execute(f"DROP TRIGGER audit_log_no_{name}")
    database.execute(statement)
    database.commit()
    database.close()


@pytest.mark.slow
@pytest.mark.usefixtures("log")
def test_what_is_exported_can_be_checked_by_anybody(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["audit", "export"]) == 0
    printed = capsys.readouterr()
    entries = [json.loads(line) for line in printed.out.splitlines()]
    assert [entry["subject"] for entry in entries] == ["thing 0", "thing 1", "thing 2"]
    previous = "00" * 32
    for entry in entries:
        fingerprint, before = entry.pop("hash"), entry.pop("prev_hash")
        plain = json.dumps(entry, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
        assert before == previous
        assert hashlib.sha256(bytes.fromhex(before) + plain).hexdigest() == fingerprint
        previous = fingerprint
    assert printed.err == f"✓ 3 entries hold; the last hash is {previous}\n"
    assert "the-owner" not in printed.out
    assert run(["audit", "verify", "--known", previous]) == 0


@pytest.mark.slow
@pytest.mark.usefixtures("log")
def test_older_entries_are_left_out_and_a_file_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["audit", "export", "--since", "2026-03-02", "--output", "audit.jsonl"]) == 0
    lines = (tmp_path / "audit.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["seq"] for line in lines] == [2, 3]
    assert capsys.readouterr().out == ""
    assert run(["audit", "export", "--output", "no/such/folder.jsonl"]) == 1
    assert (
        capsys.readouterr().err
        == "rostra: 'no/such/folder.jsonl' cannot be written: No such file or directory\n"
    )


@pytest.mark.slow
def test_a_changed_entry_is_found(log: Path, capsys: pytest.CaptureFixture[str]) -> None:
    meddle(log, "UPDATE audit_log SET subject = 'nothing' WHERE seq = 2")
    assert run(["audit", "verify"]) == 1
    assert "broken at entry 2" in capsys.readouterr().out
    assert run(["audit", "verify", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["whole"], found["entries"], found["broken"]) == (False, 1, 2)
    assert run(["audit", "export"]) == 1
    assert len(capsys.readouterr().out.splitlines()) == 3


@pytest.mark.slow
def test_what_was_cut_off_is_found_by_a_hash_written_down(
    log: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["audit", "verify", "--json"]) == 0
    last = json.loads(capsys.readouterr().out)["last"]
    meddle(log, "DELETE FROM audit_log WHERE seq = 3")
    assert run(["audit", "verify"]) == 0
    assert run(["audit", "verify", "--known", last]) == 1
    assert f"no entry has the hash {last!r}" in capsys.readouterr().err


def test_a_store_that_forgets_has_no_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rostra.toml").write_text('data = "data"\n[storage]\nurl = "memory:"\n')
    assert run(["audit", "verify"]) == 1
    assert capsys.readouterr().err == "rostra: [storage] url = 'memory:' keeps no log of changes\n"
