"""The Slack test server over HTTP: signed deliveries, retries, installation."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest
from aiohttp import web
from slack_bolt.async_app import AsyncApp
from slack_bolt.request.async_request import AsyncBoltRequest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from rostra.testing.clock import ManualClock
from rostra.testing.slack_server import NotAcknowledged, SlackServer

# slack_sdk still says who it is to oauth.v2.access with what aiohttp has deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:BasicAuth is deprecated:DeprecationWarning")
pytest_plugins = ["rostra.testing.slack_server.plugin"]


@asynccontextmanager
async def listening(answer: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncGenerator[str]:
    app = web.Application()
    app.router.add_post("/slack/events", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/slack/events"
    finally:
        await runner.cleanup()


def served(app: Any) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def answer(request: web.Request) -> web.StreamResponse:
        asked: Any = AsyncBoltRequest(body=await request.text(), headers=dict(request.headers))
        given = await app.async_dispatch(asked)
        return web.Response(
            status=given.status,
            text=given.body,
            content_type=given.first_headers().get("content-type", "text/plain").partition(";")[0],
        )

    return answer


def bolt(server: SlackServer) -> Any:
    return AsyncApp(
        signing_secret=server.signing_secret,
        client=AsyncWebClient(server.bot_token, base_url=server.api),
    )


async def test_bolt_takes_signed_events_commands_and_interactions(slack_server: SlackServer) -> None:
    app = bolt(slack_server)

    @app.event("app_mention")
    async def mentioned(event: dict[str, Any], say: Any) -> None:
        button = {"type": "button", "action_id": "b", "text": {"type": "plain_text", "text": "More"}}
        await say(text="hello", blocks=[{"type": "actions", "elements": [button]}])

    @app.event("message")
    async def said() -> None:
        pass  # what bolt has no listener for, it answers with 404

    @app.command("/rostra")
    async def command(ack: Any) -> None:
        await ack(response_type="in_channel", text="of course")

    @app.action("b")
    async def pressed(ack: Any, respond: Any) -> None:
        await ack()
        await respond("more of it", replace_original=True)

    async with listening(served(app)) as url:
        slack_server.deliver_to(url)
        assert await slack_server.verify_url()
        user = slack_server.user("U1")
        user.mention("C1", "hello")
        await slack_server.until_text("More")
        await user.press("More")
        await slack_server.until_text("more of it")
        await user.slash("/rostra", channel="C1")
        await slack_server.delivered()
    assert [one.text for one in slack_server.answers("C1")] == ["more of it", "of course"]
    assert all(one.acknowledged for one in slack_server.deliveries)


async def test_forged_and_stale_deliveries_can_be_made(slack_server: SlackServer) -> None:
    app = bolt(slack_server)
    heard: list[str] = []

    @app.event("message")
    async def heard_it(event: dict[str, Any]) -> None:
        heard.append(event["text"])

    async with listening(served(app)) as url:
        slack_server.deliver_to(url)
        slack_server.user("U1").dm("hello")
        await slack_server.delivered()
        (delivery,) = slack_server.deliveries
        assert (await slack_server.post(delivery, secret="wrong")).status == 401
        assert (await slack_server.post(delivery, age=301)).status == 401
        assert heard == ["hello"]
        assert (await slack_server.post(delivery, age=200)).status == 200
    assert heard == ["hello", "hello"]


async def test_what_is_answered_with_an_error_is_sent_again_with_its_number_and_reason() -> None:
    clock = ManualClock()
    seen: list[tuple[str | None, str | None, str]] = []
    second, over = asyncio.Event(), asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        headers = request.headers
        event = json.loads(await request.text())["event_id"]
        seen.append((headers.get("X-Slack-Retry-Num"), headers.get("X-Slack-Retry-Reason"), event))
        if len(seen) == 2:
            second.set()
            await over.wait()
        return web.Response(status=500 if len(seen) == 1 else 200)

    async with SlackServer(clock=clock) as server, listening(answer) as url:
        server.deliver_to(url)
        server.user("U1").dm("hello")
        (delivery,) = server.deliveries
        await server.until(lambda: delivery.attempts == 2)
        await second.wait()
        await clock.advance(3)
        await server.until(lambda: len(delivery.retries) == 2)
        await clock.advance(60)
        await server.delivered()
        over.set()
    assert seen == [
        (None, None, delivery.id),
        ("1", "http_error", delivery.id),
        ("2", "http_timeout", delivery.id),
    ]


async def test_what_fails_four_times_is_given_up() -> None:
    clock = ManualClock()

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(status=503)

    async with SlackServer(clock=clock) as server, listening(answer) as url:
        server.deliver_to(url)
        server.user("U1").dm("hello")
        (delivery,) = server.deliveries
        for attempts, pause in ((2, 60), (3, 300)):
            await server.until(lambda attempts=attempts: len(delivery.retries) == attempts)
            await clock.advance(pause)
        with pytest.raises(NotAcknowledged, match="http_error"):
            await delivery
    assert delivery.attempts == 4


async def test_a_repeated_event_has_its_old_id(slack_server: SlackServer) -> None:
    seen: list[tuple[str | None, str]] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        seen.append((request.headers.get("X-Slack-Retry-Num"), json.loads(await request.text())["event_id"]))
        return web.Response()

    async with listening(answer) as url:
        slack_server.deliver_to(url)
        slack_server.user("U1").dm("hello")
        await slack_server.delivered()
        slack_server.repeat()
        await slack_server.delivered()
    name = slack_server.deliveries[0].id
    assert seen == [(None, name), ("1", name)]


async def installed(server: SlackServer, **more: str) -> dict[str, str]:
    """Be at the page where one agrees; return what the browser is sent back with."""
    asked = {
        "client_id": server.oauth.client_id,
        "scope": "chat:write,im:write",
        "state": "s1",
        "redirect_uri": "http://127.0.0.1:1/back",
        **more,
    }
    async with (
        aiohttp.ClientSession() as session,
        session.get(server.authorize_url, params=asked, allow_redirects=False) as answer,
    ):
        assert answer.status == 302
        query = parse_qs(urlsplit(answer.headers["Location"]).query)
    return {name: values[0] for name, values in query.items()}


def access(server: SlackServer, **more: str) -> Any:
    slack: Any = AsyncWebClient(base_url=server.api)
    given = {
        "client_id": server.oauth.client_id,
        "client_secret": server.oauth.client_secret,
        "redirect_uri": "http://127.0.0.1:1/back",
        **more,
    }
    return slack.oauth_v2_access(**given)


async def test_a_workspace_installs_the_app(slack_server: SlackServer) -> None:
    slack_server.add_workspace("T2", users=("U9",), installed=False)
    slack_server.oauth.agrees = "T2"
    back = await installed(slack_server)
    assert back["state"] == "s1"
    answer = await access(slack_server, code=back["code"])
    assert (answer["team"]["id"], answer["scope"]) == ("T2", "chat:write,im:write")
    slack: Any = AsyncWebClient(answer["access_token"], base_url=slack_server.api)
    assert (await slack.auth_test())["team_id"] == "T2"
    with pytest.raises(SlackApiError, match="invalid_code"):
        await access(slack_server, code=back["code"])


async def test_an_installation_can_be_refused_or_forged(slack_server: SlackServer) -> None:
    slack_server.oauth.refuses = True
    assert await installed(slack_server) == {"state": "s1", "error": "access_denied"}
    code = slack_server.oauth.code("T1", "chat:write", "http://127.0.0.1:1/back")
    with pytest.raises(SlackApiError, match="bad_client_secret"):
        await access(slack_server, code=code, client_secret="guessed")
    with pytest.raises(SlackApiError, match="bad_redirect_uri"):
        await access(slack_server, code=code, redirect_uri="http://127.0.0.1:1/elsewhere")


async def test_tokens_can_run_out_and_be_refreshed() -> None:
    clock = ManualClock()
    async with SlackServer(clock=clock) as server:
        server.oauth.rotation = True
        first = await access(server, code=server.oauth.code("T1", "chat:write"))
        await clock.advance(43_200)
        slack: Any = AsyncWebClient(first["access_token"], base_url=server.api)
        with pytest.raises(SlackApiError, match="token_expired"):
            await slack.auth_test()
        second = await access(server, grant_type="refresh_token", refresh_token=first["refresh_token"])
        assert second["access_token"] != first["access_token"]
        slack.token = second["access_token"]
        await slack.auth_test()
