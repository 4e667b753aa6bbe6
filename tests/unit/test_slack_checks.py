"""What an administrator is told: what to enter at Slack, and what is wrong with what was entered here."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from slack_stand import services

from rostra.components import Finding
from rostra.errors import ConfigError
from rostra.testing.clock import ManualClock
from rostra.testing.slack_server import SlackServer
from rostra.testing.stand import passing
from rostra_adapters.slack import SlackSettings, component
from rostra_adapters.slack.manifest import REASONS, manifest

SECRET = "0123456789abcdef0123456789abcdef"


@pytest.fixture
async def server() -> AsyncGenerator[SlackServer]:
    async with SlackServer() as server:
        yield server


async def findings(folder: Path, **settings: Any) -> list[Finding]:
    assert component.check is not None
    made = SlackSettings.model_validate(settings)
    clock = ManualClock()
    return list(await passing(clock, component.check(made, services(folder, clock))))


def socket(server: SlackServer, **more: Any) -> dict[str, Any]:
    return {"api": server.api, "bot_token": server.bot_token, "app_token": server.app_token, **more}


async def test_tokens_that_work_are_found_to(tmp_path: Path, server: SlackServer) -> None:
    found = await findings(tmp_path, **socket(server))
    assert [one for one in found if not one.ok] == []
    assert "Team T1" in str(found)
    assert server.bot_token not in str(found)


async def test_a_missing_scope_is_named_with_what_it_is_for(tmp_path: Path, server: SlackServer) -> None:
    server.workspace.scopes -= {"chat:write", "usergroups:read"}
    found = await findings(tmp_path, **socket(server))
    (wrong,) = [one for one in found if not one.ok]
    assert "'chat:write'" in wrong.what
    assert "answer" in wrong.what
    assert "install the app again" in wrong.advice
    assert any("usergroups:read" in one.what for one in found if one.ok)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"bot_token": "xoxb-wrong"}, "invalid_auth"),
        ({"bot_token": "xapp-1"}, "xoxb-"),
        ({"app_token": "xapp-wrong"}, "app_token"),
        ({"app_token": "xoxb-1"}, "xapp-"),
    ],
    ids=range(4),
)
async def test_a_wrong_token_is_said_to_be(
    tmp_path: Path, server: SlackServer, wrong: dict[str, str], said: str
) -> None:
    (found,) = [one for one in await findings(tmp_path, **socket(server, **wrong)) if not one.ok]
    assert said in found.what
    assert found.advice
    assert not any(token in str(found) for token in ("xoxb-wrong", "xapp-wrong"))


async def test_a_slack_that_is_not_reached_is_no_wrong_token(tmp_path: Path) -> None:
    found = await findings(tmp_path, api="http://127.0.0.1:9/api/", bot_token="xoxb-1", app_token="xapp-1")
    assert "could not be reached" in found[0].what


async def test_http_needs_a_secret_of_the_right_form_and_a_public_address(
    tmp_path: Path, server: SlackServer
) -> None:
    http = {"api": server.api, "bot_token": server.bot_token, "mode": "http"}
    found = await findings(tmp_path, **http, signing_secret=SECRET, public_url="https://bot.example.org")
    assert [one for one in found if not one.ok] == []
    found = await findings(
        tmp_path, **http, signing_secret="short", listen="nowhere", public_url="http://x.org"
    )
    said = " ".join(one.what for one in found if not one.ok)
    assert "signing_secret" in said
    assert "HOST:PORT" in said
    assert "public_url" in said


async def test_an_app_for_many_needs_to_know_for_whom(tmp_path: Path) -> None:
    many = {"mode": "http", "signing_secret": SECRET, "client_id": "1.2", "client_secret": "s"}
    found = await findings(tmp_path, **many, public_url="https://bot.example.org")
    assert any("workspaces is empty" in one.what for one in found if not one.ok)
    assert "'T1'" not in str(found)


@pytest.mark.parametrize("mode", ["socket", "http", "many"])
def test_the_manifest_asks_for_the_least(tmp_path: Path, mode: str) -> None:
    settings = SlackSettings.model_validate(
        {
            "socket": {"bot_token": "xoxb-1", "app_token": "xapp-1"},
            "http": {"bot_token": "xoxb-1", "mode": "http", "signing_secret": "s"},
            "many": {"mode": "http", "signing_secret": "s", "client_id": "1", "client_secret": "s"},
        }[mode]
    )
    given = manifest(settings)
    assert given["oauth_config"]["scopes"] == {"bot": sorted(REASONS)}
    assert not [scope for scope in REASONS if scope.startswith(("channels:", "groups:"))]
    assert given["settings"]["socket_mode_enabled"] == (mode == "socket")
    assert ("request_url" in given["settings"]["event_subscriptions"]) == (mode != "socket")
    assert ("redirect_urls" in given["oauth_config"]) == (mode == "many")
    assert component.setup is not None
    text = component.setup(settings, services(tmp_path, ManualClock()))
    assert json.loads(text[text.index("{") : text.rindex("}") + 1]) == given
    assert "xoxb-1" not in text


@pytest.mark.parametrize(
    ("wrong", "said"),
    [({"bot_token": "xoxb-wrong"}, "bot_token"), ({"app_token": "xapp-wrong"}, "app_token")],
)
async def test_wrong_tokens_end_the_adapter_with_what_would_be_right(
    tmp_path: Path, server: SlackServer, wrong: dict[str, str], said: str
) -> None:
    settings = SlackSettings.model_validate(socket(server, **wrong))

    async def accept(event: object) -> Any:
        raise AssertionError(event)

    async with component.open(settings, services(tmp_path, ManualClock())) as slack:
        with pytest.raises(ConfigError, match=said) as error:
            await slack.run(accept)
    assert "wrong" not in str(error.value)


def test_nothing_heavy_is_imported_until_it_is_opened() -> None:
    import subprocess
    import sys

    code = "import sys, rostra_adapters.slack; print([m for m in sys.modules if m.split('.')[0] in {'slack_bolt', 'slack_sdk', 'aiohttp'}])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
        == "[]\n"
    )
