"""Keys of applications from the command line: made, told once, listed, ended and replaced."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from rostra.api_keys import ApiKey, new_secret
from rostra.cli.main import run
from rostra.clock import SystemClock
from rostra.storage import open_store

CONFIG = 'data = "data"\n[models.echo]\nkind = "canned"\n'


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "rostra.toml").write_text(CONFIG)
    return tmp_path / "data"


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    capsys.readouterr()
    assert run(["key", *arguments, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    capsys.readouterr()
    assert run(["key", *arguments]) in {1, 2}
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    return err


def length(key: Any) -> timedelta:
    return datetime.fromisoformat(key["expires_at"]) - datetime.fromisoformat(key["made_at"])


def key_of(data: Path, secret: str) -> ApiKey | None:
    async def find() -> ApiKey | None:
        async with open_store("", data=data, clock=SystemClock()) as store:
            return await store.key_of(secret)

    return asyncio.run(find())


def add(data: Path, key: ApiKey) -> str:
    async def put() -> str:
        async with open_store("", data=data, clock=SystemClock()) as store:
            return (await store.add_key(key, new_secret())).id

    return asyncio.run(put())


@pytest.mark.slow
def test_a_new_key_is_told_alone_on_standard_output_and_kept_as_a_hash(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = ["new", "chat-page", "--scope", "chat", "--scope", "why", "--expires", "90d", "--per-minute", "60"]
    assert run(["key", *made]) == 0
    out, err = capsys.readouterr()
    secret = out.removesuffix("\n")
    assert "\n" not in secret
    assert secret not in err
    assert "chat-page: chat, why; 60 requests a minute; until 2" in err
    assert "not shown again" in err
    found = key_of(data, secret)
    assert found is not None
    assert (found.application, found.per_minute) == ("chat-page", 60)
    assert sorted(found.scopes) == ["chat", "why"]
    assert found.life == timedelta(days=90)
    files = [file.read_bytes() for file in data.rglob("*") if file.is_file()]
    assert any(b"chat-page" in text for text in files), "the search finds what is there"
    assert not any(secret.removeprefix("rk-").encode() in text for text in files)


@pytest.mark.slow
@pytest.mark.usefixtures("data")
def test_keys_are_listed_newest_first_without_their_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    first = said(capsys, "new", "bot", "--scope", "moderations", "--expires", "12h")
    second = said(capsys, "new", "page")
    listed = said(capsys, "list")
    assert listed == {"keys": [second["key"], first["key"]]}
    assert first["key"]["scopes"] == ["moderations"]
    assert length(first["key"]) == timedelta(hours=12)
    assert second["key"]["scopes"] == ["chat", "moderations", "why"]
    assert (second["key"]["expires_at"], second["key"]["per_minute"]) == (None, None)
    assert run(["key", "list"]) == 0
    shown = capsys.readouterr().out
    assert first["key"]["id"] in shown
    assert f"…{first['secret'][-4:]}" in shown
    assert first["secret"] not in shown


@pytest.mark.slow
def test_a_key_that_is_revoked_is_no_good_from_then_on(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made = said(capsys, "new", "page")
    id_ = made["key"]["id"]
    assert said(capsys, "revoke", id_)["key"]["state"] == "revoked"
    found = key_of(data, made["secret"])
    assert found is not None
    assert found.revoked_at is not None
    assert run(["key", "revoke", id_]) == 0
    assert "ended before" in capsys.readouterr().out
    assert key_of(data, made["secret"]) == found, "it ended when it was revoked first"


@pytest.mark.slow
def test_a_key_is_replaced_by_one_like_it_and_both_are_good_for_a_while(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = said(capsys, "new", "page", "--scope", "chat", "--expires", "2w", "--per-minute", "7")
    done = said(capsys, "rotate", old["key"]["id"])
    same = ("application", "scopes", "per_minute")
    assert [done["key"][name] for name in same] == [old["key"][name] for name in same]
    assert length(done["key"]) == timedelta(days=14)
    assert done["secret"] != old["secret"]
    assert [one["state"] for one in said(capsys, "list")["keys"]] == ["good", "ending"]
    assert done["replaces"]["id"] == old["key"]["id"]
    before, after = key_of(data, old["secret"]), key_of(data, done["secret"])
    assert before is not None
    assert after is not None
    assert before.revoked_at is not None
    assert after.made_at is not None
    assert before.revoked_at - after.made_at == timedelta(hours=24)
    assert "was given an end already" in refused(capsys, "rotate", old["key"]["id"])
    at_once = said(capsys, "rotate", done["key"]["id"], "--keep", "0h")
    assert at_once["replaces"]["state"] == "revoked"


@pytest.mark.slow
def test_a_key_that_has_expired_is_not_replaced(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    now = SystemClock().now()
    long_ago, gone = now - timedelta(days=9), now - timedelta(days=2)
    id_ = add(data, ApiKey(application="page", made_at=long_ago, expires_at=gone))
    assert "run: rostra key new page" in refused(capsys, "rotate", id_)
    (listed,) = said(capsys, "list")["keys"]
    assert listed["state"] == "expired"


@pytest.mark.parametrize(
    ("arguments", "right"),
    [
        (("new", "My Page"), "up to 32 of a-z"),
        (("new", "page", "--scope", "admin"), "'chat', 'moderations', 'why'"),
        (("new", "page", "--expires", "soon"), "write 90d, 12h"),
        (("new", "page", "--expires", "99999w"), "a hundred years at most"),
        (("new", "page", "--expires", "0d"), "is over at once"),
        (("new", "page", "--per-minute", "0"), "greater than or equal to 1"),
        (("rotate", "0" * 32, "--keep", "-1h"), "write 90d, 12h"),
    ],
)
@pytest.mark.usefixtures("data")
def test_what_cannot_be_says_what_would_be_right(
    arguments: tuple[str, ...], right: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert right in refused(capsys, *arguments)


@pytest.mark.slow
@pytest.mark.usefixtures("data")
@pytest.mark.parametrize("command", ["revoke", "rotate"])
def test_an_unknown_key_is_named_and_a_secret_in_its_place_is_not(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert f"'{'0' * 32}'; `rostra key list` shows them" in refused(capsys, command, "0" * 32)
    secret = new_secret()
    message = refused(capsys, command, secret)
    assert "32 of 0-9 and a-f" in message
    assert secret not in message


@pytest.mark.usefixtures("data")
def test_a_store_that_forgets_takes_no_keys(capsys: pytest.CaptureFixture[str]) -> None:
    Path("rostra.toml").write_text(f'{CONFIG}[storage]\nurl = "memory:"\n')
    assert "keeps no keys; leave url out" in refused(capsys, "new", "page")
