"""Accounts from the command line: made, listed, given other roles and passwords; and the page that is served by default."""

from __future__ import annotations

import asyncio
import io
import json
from pathlib import Path
from typing import Any

import pytest

from rostra.accounts import Account
from rostra.cli.main import run
from rostra.cli.serve import _with_a_page  # pyright: ignore[reportPrivateUsage]
from rostra.clock import SystemClock
from rostra.config import load
from rostra.passwords import Passwords, encode, fits
from rostra.storage import open_store

CONFIG = 'data = "data"\n[models.echo]\nkind = "canned"\n'
PASSWORD = "correct horse battery"


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rostra.toml").write_text(CONFIG)
    return tmp_path / "data"


@pytest.fixture
def type_in(monkeypatch: pytest.MonkeyPatch) -> Any:
    def put(text: str) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO(text))

    return put


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    capsys.readouterr()
    assert run(["account", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def account(data: Path, name: str) -> Account | None:
    async def find() -> Account | None:
        async with open_store("", data=data, clock=SystemClock()) as store:
            return await store.account_named("web", name)

    return asyncio.run(find())


@pytest.mark.slow
def test_an_account_is_made_listed_and_changed(
    data: Path, capsys: pytest.CaptureFixture[str], type_in: Any
) -> None:
    type_in(f"{PASSWORD}\n")
    made = said(capsys, "new", "Ann", "--role", "owner", "--password-stdin")["account"]
    assert (made["name"], made["adapter"], made["roles"]) == ("Ann", "web", ["owner"])
    found = account(data, "ann")
    assert found is not None
    assert fits(found.password, PASSWORD)
    assert said(capsys, "list")["accounts"] == [made]
    assert said(capsys, "roles", "ANN", "--role", "rater", "--role", "operator")["account"]["roles"] == [
        "operator",
        "rater",
    ]
    type_in("another password\n")
    said(capsys, "password", "ann", "--password-stdin")
    found = account(data, "ann")
    assert found is not None
    assert found.roles == {"operator", "rater"}
    assert fits(found.password, "another password")
    assert PASSWORD not in str(said(capsys, "list"))
    asyncio.run(_add(data, Account(adapter="web", name="ben", by="discord:1001")))
    assert [one["by"] for one in said(capsys, "list")["accounts"]] == ["", "discord:1001"]
    assert run(["account", "list"]) == 0
    assert {"password", "discord:1001"} <= set(capsys.readouterr().out.split())


async def _add(data: Path, one: Account) -> None:
    async with open_store("", data=data, clock=SystemClock()) as store:
        await store.add_account(one)


@pytest.mark.slow
def test_what_cannot_be_done_is_told_in_a_line(
    data: Path, capsys: pytest.CaptureFixture[str], type_in: Any
) -> None:
    for line, typed, words in (
        (["new", "Ann", "--password-stdin"], "short\n", "10 to 256"),
        (["new", " Ann", "--password-stdin"], f"{PASSWORD}\n", "no name of an account"),
        (["new", "Ann", "--role", "king", "--password-stdin"], f"{PASSWORD}\n", "king"),
        (["password", "nobody", "--password-stdin"], f"{PASSWORD}\n", "no account named 'nobody'"),
    ):
        type_in(typed)
        assert run(["account", *line]) in {1, 2}
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert words in err
        assert PASSWORD not in err


def test_the_page_is_served_where_no_adapter_is_configured(data: Path) -> None:
    bare = load(data.parent / "rostra.toml", {})
    assert [(name, table.kind) for name, table in _with_a_page(bare).adapters.items()] == [("web", "web")]
    (data.parent / "rostra.toml").write_text(f'{CONFIG}[adapters.mine]\nkind = "console"\n')
    assert list(_with_a_page(load(data.parent / "rostra.toml", {})).adapters) == ["mine"]


@pytest.mark.slow
async def test_a_password_fits_its_own_hash_however_it_was_typed() -> None:
    encoded = encode("pässword-of-mine")
    assert "pässword" not in encoded
    both = Passwords()
    assert await both.fits(encoded, "pa\u0308ssword-of-mine")
    assert not await both.fits(encoded, "passwort-of-mine")
    assert not await both.fits("", "")
    assert not await both.fits("no hash", "x")
    assert not await both.fits(encoded, "x" * 10_000)
