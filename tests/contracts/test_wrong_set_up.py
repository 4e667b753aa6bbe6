"""A new administrator's mistakes: what ``rostra doctor`` and ``rostra serve`` say of them, against the test servers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from rostra.app import open_app
from rostra.cli.main import run
from rostra.config import load
from rostra.errors import ConfigError
from rostra.testing.clock import ManualClock
from rostra.testing.discord_server import DiscordServer
from rostra.testing.slack_server import SlackServer
from rostra.testing.stand import passing

CONFIG = """
[storage]
url = "memory:"
[moderators.rules]
kind = "rules"
[models.canned]
kind = "canned"
[answerers.default]
model = "canned"
[adapters.{name}]
kind = "{name}"
"""

DISCORD: Mapping[str, tuple[Mapping[str, str], int, str]] = {
    "wrong token": ({"TOKEN": "wrong"}, 0, "token: Discord does not know it; make a new one on the Bot page"),
    "no intent": (
        {"MESSAGE_CONTENT": "true"},
        0,
        "message_content = true: switch on the message content intent on the Bot page",
    ),
}
"""What is wrong, the intents that Discord allows, and what is said."""

SLACK: Mapping[str, tuple[Mapping[str, str], str]] = {
    "wrong bot token": ({"BOT_TOKEN": "xoxb-wrong"}, "bot_token: auth.test: Slack says 'invalid_auth'"),
    "wrong app token": (
        {"APP_TOKEN": "xapp-wrong"},
        "app_token: apps.connections.open: Slack says 'invalid_auth'",
    ),
}


@pytest.fixture
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ROSTRA_DATA", str(tmp_path / "data"))
    return monkeypatch


def configure(environment: pytest.MonkeyPatch, name: str, keys: Mapping[str, str]) -> None:
    """Write a configuration for one adapter, its tokens in the environment."""
    Path("rostra.toml").write_text(CONFIG.format(name=name), encoding="utf-8")
    for key, value in keys.items():
        environment.setenv(f"ROSTRA_ADAPTERS__{name.upper()}__{key}", value)


async def doctor(name: str, capsys: pytest.CaptureFixture[str]) -> Any:
    """Return what the doctor finds of an adapter that is wrong: in a thread, the server is in this loop."""
    capsys.readouterr()
    assert await asyncio.to_thread(run, ["doctor", name, "--json"]) == 1
    said = capsys.readouterr()
    assert said.err == ""
    return [one for one in json.loads(said.out)["findings"] if not one["ok"]]


async def served() -> str:
    """Return the one line with which ``rostra serve`` ends."""
    clock = ManualClock()
    async with open_app(load(), clock=clock) as app:
        with pytest.raises(ConfigError) as refused:
            await passing(clock, app.run())
    said = str(refused.value)
    assert "\n" not in said
    return said


@pytest.mark.slow
@pytest.mark.parametrize("wrong", DISCORD)
async def test_discord_is_set_up_wrongly(
    wrong: str, environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    keys, allowed, said = DISCORD[wrong]
    server = DiscordServer(allowed=allowed)
    async with server.listening():
        configure(environment, "discord", {"TOKEN": server.token, "API": server.api, **keys})
        assert said in await served()
        findings = await doctor("discord", capsys)
    assert findings
    assert all(one["advice"] for one in findings)
    assert "wrong" not in str(findings)


@pytest.mark.slow
@pytest.mark.parametrize("wrong", SLACK)
async def test_slack_is_set_up_wrongly(
    wrong: str, environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    keys, said = SLACK[wrong]
    async with SlackServer() as server:
        tokens = {"BOT_TOKEN": server.bot_token, "APP_TOKEN": server.app_token, "API": server.api}
        configure(environment, "slack", {**tokens, **keys})
        assert said in await served()
        (finding,) = await doctor("slack", capsys)
    assert said in finding["what"]
    assert finding["advice"]
    assert server.bot_token not in str(finding)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "discord",
            "[adapters.discord] token is missing; set ROSTRA_ADAPTERS__DISCORD__TOKEN in the environment",
        ),
        ("slack", "[adapters.slack] needs bot_token, or client_id and client_secret; not both"),
    ],
)
def test_tokens_are_missing(
    name: str, said: str, environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    configure(environment, name, {})
    assert run(["serve"]) == 1
    err = capsys.readouterr().err
    assert err.startswith("rostra: ")
    assert err.endswith(f"{said}\n")
    assert err.count("\n") == 1
