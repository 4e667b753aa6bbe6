"""Installation in many workspaces: who may, what is kept, and what is forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from pydantic import ValidationError
from slack_stand import Stand, opened, running

from rostra.actions import Address, Finish
from rostra.errors import AdapterError
from rostra.events import Message
from rostra.places import Place
from rostra.storage.memory import MemoryStore
from rostra.testing.clock import ManualClock
from rostra.testing.slack_server import SlackServer, shown
from rostra_adapters.slack import SlackSettings
from rostra_adapters.slack.installs import STATES, Install, InstalledTeams, States
from rostra_adapters.slack.settings import API

SECRET = "0123456789abcdef0123456789abcdef"
R = "r" * 32


def many(server: SlackServer, **more: Any) -> dict[str, Any]:
    return {
        "mode": "http",
        "listen": "127.0.0.1:0",
        "signing_secret": SECRET,
        "client_id": server.oauth.client_id,
        "client_secret": server.oauth.client_secret,
        "bot_token": None,
        "app_token": None,
        "workspaces": ["T1", "T3"],
        **more,
    }


@pytest.fixture
async def server() -> AsyncGenerator[SlackServer]:
    async with SlackServer() as server:
        server.http.signing_secret = SECRET
        server.workspace.installed = False
        server.add_workspace("T2", users=["U9"], installed=False)
        yield server


async def install(server: SlackServer, stand: Stand, team: str, **change: str) -> tuple[int, str]:
    """Go through the installation as a browser does; ``change`` alters what Slack's page sends back."""
    server.oauth.agrees = team
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as browser:
        async with browser.get(f"{stand.slack.url}/install") as page:
            text = await page.text()
            cookie = page.headers["Set-Cookie"].partition(";")[0]
        address = text.partition('href="')[2].partition('"')[0]
        link = next(
            one for one in text.replace("&amp;", "&").split('"') if one.startswith(server.authorize_url)
        )
        assert address
        async with browser.get(link, allow_redirects=False) as agreed:
            query = {
                name: value[0] for name, value in parse_qs(urlsplit(agreed.headers["Location"]).query).items()
            }
        headers = {"Cookie": change.pop("cookie", cookie)}
        async with browser.get(f"{stand.slack.url}/oauth", params=query | change, headers=headers) as back:
            return back.status, await back.text()


async def test_a_workspace_installs_the_bot_and_is_answered(tmp_path: Path, server: SlackServer) -> None:
    async with running(tmp_path, server, **many(server)) as stand:
        status, _ = await install(server, stand, "T1")
        assert status == 200
        server.user("U1").dm("hello")
        asked = await stand.event()
        assert isinstance(asked, Message)
        await stand.perform(Address.of(asked), Finish(reply=R, text="Good day."))
    assert [shown(one) for one in server.answers()] == ["Good day."]


async def test_tokens_are_kept_sealed_and_not_in_what_is_printed(tmp_path: Path, server: SlackServer) -> None:
    async with running(tmp_path, server, **many(server)) as stand:
        await install(server, stand, "T1")
        store = stand.slack.office.services.store
        assert store is not None
        data = await store.get("slack", "install/T1")
        assert data is not None
        kept = Install.load(data)
    assert kept.token == server.bot_token
    assert server.bot_token not in repr(kept)
    assert "client-secret" not in repr(stand.slack.office.settings)


async def test_a_workspace_that_is_not_allowed_gets_its_token_revoked(
    tmp_path: Path, server: SlackServer
) -> None:
    async with running(tmp_path, server, **many(server)) as stand:
        status, text = await install(server, stand, "T2")
        store = stand.slack.office.services.store
        assert store is not None
        assert not await store.names("slack", "install/")
    assert status == 500
    assert server.called("auth.revoke")
    assert server.world.workspaces["T2"].bot_token not in text


@pytest.mark.parametrize(
    "change",
    [
        {"state": "made up"},
        {"cookie": "slack-app-oauth-state=other"},
        {"code": "made up"},
        {"error": "access_denied"},
    ],
    ids=range(4),
)
async def test_an_installation_that_was_not_begun_here_is_refused(
    tmp_path: Path, server: SlackServer, change: dict[str, str]
) -> None:
    async with running(tmp_path, server, **many(server)) as stand:
        _, text = await install(server, stand, "T1", **change)
        store = stand.slack.office.services.store
        assert store is not None
        assert not await store.names("slack", "install/")
    assert "Oops" in text


@pytest.mark.parametrize("kind", ["app_uninstalled", "tokens_revoked"])
async def test_a_workspace_that_removes_the_bot_is_forgotten(
    tmp_path: Path, server: SlackServer, kind: str
) -> None:
    async with running(tmp_path, server, **many(server)) as stand:
        await install(server, stand, "T1")
        store = stand.slack.office.services.store
        assert store is not None
        event = {"type": kind, "tokens": {"bot": ["UBOTT1"], "oauth": []}, "event_ts": "1.0"}
        sent = server.world.emit(server.workspace, event)
        assert sent is not None
        await sent
        assert not await store.names("slack", "install/")
        with pytest.raises(AdapterError, match="not installed"):
            await stand.perform(
                Address(place=Place(adapter="slack", workspace="T1", channel="C1"), question="q"),
                Finish(reply=R, text="too late"),
            )


async def test_a_workspace_knows_nothing_of_another(tmp_path: Path, server: SlackServer) -> None:
    async with running(tmp_path, server, **many(server)) as stand:
        await install(server, stand, "T1")
        server.world.workspaces["T2"].installed = True
        server.user("U9", team="T2").dm("hello")
        await server.deliveries[-1]
        assert stand.heard == []


async def test_tokens_that_end_are_exchanged_before_they_do(tmp_path: Path) -> None:
    clock = ManualClock()
    async with SlackServer(clock=clock) as server:
        server.http.signing_secret = SECRET
        server.oauth.rotation = True
        async with running(tmp_path, server, **many(server)) as stand:
            await install(server, stand, "T1")
            first = server.bot_token
            await clock.advance(86_400)
            place = Place(adapter="slack", workspace="T1", channel="C1")
            await stand.perform(
                Address(place=place, question="q", extra={"user": "U1"}), Finish(reply=R, text="still here")
            )
            assert server.bot_token != first
            assert server.text("C1") == "still here"


@pytest.fixture
async def rotating(tmp_path: Path) -> AsyncGenerator[tuple[ManualClock, SlackServer, Stand]]:
    """An installation whose token lives for twelve hours, eleven hours later."""
    clock = ManualClock()
    async with SlackServer(clock=clock) as server:
        server.http.signing_secret = SECRET
        server.oauth.rotation = True
        async with running(tmp_path, server, **many(server)) as stand:
            await install(server, stand, "T1")
            await clock.advance(11 * 3_600)
            yield clock, server, stand


async def say(stand: Stand, reply: str = R) -> None:
    place = Place(adapter="slack", workspace="T1", channel="C1")
    address = Address(place=place, question="q", extra={"user": "U1"})
    await stand.perform(address, Finish(reply=reply, text="still here"))


async def kept_token(stand: Stand) -> str:
    store = stand.slack.office.services.store
    assert store is not None
    data = await store.get("slack", "install/T1")
    assert data is not None
    return Install.load(data).token


async def test_a_token_that_cannot_be_exchanged_yet_is_used_until_it_ends(
    rotating: tuple[ManualClock, SlackServer, Stand],
) -> None:
    clock, server, stand = rotating
    first = server.bot_token
    server.fail("oauth.v2.access", "internal_error")
    await say(stand)
    await server.until(lambda: "internal_error" in {one.error for one in server.called("oauth.v2.access")})
    await say(stand, "s" * 32)  # not asked again at once
    assert (server.text("C1"), server.bot_token) == ("still here\nstill here", first)
    await clock.advance(61)
    await say(stand, "t" * 32)
    await server.until(lambda: server.bot_token != first)
    for _ in range(100):
        if await kept_token(stand) == server.bot_token:
            return
        await asyncio.sleep(0)
    raise AssertionError("the new token was not kept")


async def test_nobody_waits_for_the_next_token_while_there_is_one(
    rotating: tuple[ManualClock, SlackServer, Stand],
) -> None:
    _, server, stand = rotating
    gate = server.hold("oauth.v2.access")
    await asyncio.gather(*(say(stand, f"{number}" * 32) for number in range(5)))
    assert server.text("C1").count("still here") == 5
    await server.until(lambda: server.held("oauth.v2.access"))
    assert server.held("oauth.v2.access") == 1
    gate.set()


async def test_an_exchange_is_finished_though_whoever_needed_it_is_gone(
    rotating: tuple[ManualClock, SlackServer, Stand],
) -> None:
    clock, server, stand = rotating
    await clock.advance(2 * 3_600)
    first, gate = server.bot_token, server.hold("oauth.v2.access")
    saying = asyncio.ensure_future(say(stand))
    await server.until(lambda: server.held("oauth.v2.access"))
    saying.cancel()
    await asyncio.wait([saying])
    gate.set()
    await server.until(lambda: server.bot_token != first)
    await say(stand)
    assert await kept_token(stand) == server.bot_token
    assert server.text("C1") == "still here"


async def test_a_workspace_that_goes_during_an_exchange_stays_gone(
    rotating: tuple[ManualClock, SlackServer, Stand],
) -> None:
    _, server, stand = rotating
    gate = server.hold("oauth.v2.access")
    await say(stand)
    await server.until(lambda: server.held("oauth.v2.access"))
    await stand.slack.office.teams.gone("T1")
    gate.set()
    await stand.slack.office.teams.close()
    store = stand.slack.office.services.store
    assert store is not None
    assert not await store.names("slack", "install/")


async def test_a_state_is_good_once_and_for_ten_minutes() -> None:
    clock = ManualClock()
    store = MemoryStore(clock=clock)
    states = States("slack", store, clock)
    state = await states.async_issue()
    assert await asyncio.gather(states.async_consume(state), states.async_consume(state)) == [True, False]
    old = await states.async_issue()
    await clock.advance(601)
    assert not await states.async_consume(old)
    for never in ("never issued", "", "../install/T1", "x" * 20_000, "\ud800" * 43):
        assert not await states.async_consume(never)


async def test_the_page_that_anybody_can_open_does_not_fill_the_store(
    tmp_path: Path, server: SlackServer
) -> None:
    async with running(tmp_path, server, **many(server)) as stand:
        store = stand.slack.office.services.store
        assert store is not None
        async with aiohttp.ClientSession() as browser:
            answers: list[int] = []
            for _ in range(STATES + 2):
                async with browser.get(f"{stand.slack.url}/install") as page:
                    answers.append(page.status)
        assert answers[-2:] == [500, 500]
        assert len(await store.names("slack", "state/")) == STATES


async def test_an_installation_outlives_a_restart(tmp_path: Path, server: SlackServer) -> None:
    async with opened(tmp_path, server, **many(server)) as stand:
        office = stand.slack.office
        store, teams = office.services.store, office.teams
        assert store is not None
        assert isinstance(teams, InstalledTeams)
        await teams.keep(Install(team="T1", bot="UBOTT1", bot_id="BBOTT1", token=server.bot_token))
        fresh = InstalledTeams("slack", office.line, store, office.settings)
        found = await fresh.of("T1")
        assert found is not None
        assert found.home.bot == "UBOTT1"
        assert await fresh.of("T3") is None


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({}, "bot_token"),
        ({"bot_token": "xoxb-1"}, "app_token"),
        ({"bot_token": "xoxb-1", "mode": "http"}, "signing_secret"),
        ({"bot_token": "xoxb-1", "app_token": "xapp-1", "client_id": "1.2"}, "not both"),
        ({"client_id": "1.2", "client_secret": "s", "app_token": "xapp-1"}, "mode"),
        ({"client_id": "1.2", "mode": "http", "signing_secret": "s"}, "together"),
        ({"bot_token": "xoxb-1", "app_token": "xapp-1", "api": "slack.com"}, "api"),
        ({"bot_token": "xoxb-1", "app_token": "xapp-1", "command": "rostra"}, "command"),
    ],
    ids=range(8),
)
def test_settings_that_cannot_work_say_what_is_missing(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said) as error:
        SlackSettings.model_validate(wrong)
    assert "xoxb-1" not in str(error.value)


def test_workspaces_and_channels_are_allowed_by_lists() -> None:
    base = {"bot_token": "xoxb-1", "app_token": "xapp-1"}
    any_channel = SlackSettings.model_validate(base)
    assert any_channel.allows("T1", "C1")
    listed = SlackSettings.model_validate({**base, "workspaces": ["T1", "T2*"], "channels": ["C1", "T2?/C*"]})
    assert listed.allows("T1", "C1")
    assert not listed.allows("T1", "C2")
    assert listed.allows("T22", "C2")
    assert not listed.allows("T3", "C1")
    assert listed.allows("T1", "D1")
    nobody = SlackSettings.model_validate(
        {"mode": "http", "signing_secret": "s", "client_id": "1", "client_secret": "s"}
    )
    assert not nobody.allows_workspace("T1")


def test_the_token_goes_to_slacks_own_hosts_only() -> None:
    settings = SlackSettings.model_validate({"bot_token": "xoxb-1", "app_token": "xapp-1"})
    assert settings.api == API
    assert settings.is_file("https://files.slack.com/files-pri/T1-F1/download/a.txt")
    for url in (
        "http://files.slack.com/a",
        "https://files.slack.com.evil.example/a",
        "https://evil.example/files.slack.com",
        "https://files.slack.com:8443/a",
        "https://files.slack.com@evil.example/a",
        "https://[x/a",
        "",
    ):
        assert not settings.is_file(url)
    assert settings.is_hook("https://hooks.slack.com/commands/1/2/3")
    assert not settings.is_hook("https://evil.example/")
