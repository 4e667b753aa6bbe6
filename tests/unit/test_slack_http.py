"""HTTP mode: who is let in, and when Slack gets its acknowledgement."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from slack_stand import running

from rostra.errors import StoreError
from rostra.events import Invocation, Message, Press
from rostra.testing.clock import ManualClock
from rostra.testing.slack_server import Delivery, SlackServer

SECRET = "0123456789abcdef0123456789abcdef"
HTTP: dict[str, Any] = {"mode": "http", "signing_secret": SECRET, "app_token": None, "listen": "127.0.0.1:0"}


@pytest.fixture
async def server() -> AsyncGenerator[SlackServer]:
    async with SlackServer() as server:
        server.http.signing_secret = SECRET
        yield server


async def a_delivery(server: SlackServer) -> Delivery:
    server.user("U1").dm("hello")
    delivery = server.deliveries[-1]
    await delivery
    return delivery


async def test_what_slack_signed_is_taken(tmp_path: Path, server: SlackServer) -> None:
    async with running(tmp_path, server, **HTTP) as stand:
        assert await server.verify_url()
        await a_delivery(server)
        event = await stand.event()
    assert isinstance(event, Message)
    assert (event.text, event.place.workspace) == ("hello", "T1")


@pytest.mark.parametrize(
    ("forged", "status"),
    [
        ({"secret": "another secret"}, 401),
        ({"age": 301.0}, 401),
        ({"age": -301.0}, 401),
        ({"age": 290.0}, 200),
        ({"headers": {"X-Slack-Signature": ""}}, 401),
        ({"headers": {"X-Slack-Signature": "v0=\u00e4"}}, 401),
        ({"headers": {"X-Slack-Request-Timestamp": "soon"}}, 401),
        ({"headers": {"X-Slack-Request-Timestamp": "9" * 400}}, 401),
        ({"headers": {"X-Slack-Request-Timestamp": "\u0663"}}, 401),
    ],
    ids=range(9),
)
async def test_forged_and_stale_signatures_are_refused(
    tmp_path: Path, server: SlackServer, forged: dict[str, Any], status: int
) -> None:
    async with running(tmp_path, server, **HTTP) as stand:
        delivery = await a_delivery(server)
        answer = await server.post(delivery, **forged)
        assert answer.status == status
        assert len(stand.heard) == (2 if status == 200 else 1)


async def test_an_altered_body_is_refused(tmp_path: Path, server: SlackServer) -> None:
    async with running(tmp_path, server, **HTTP) as stand:
        async with aiohttp.ClientSession() as session:
            for body in (b"{}", b"\xff\xfe", b""):
                async with session.post(f"{stand.slack.url}/events", data=body) as answer:
                    assert answer.status in {400, 401}
            async with session.get(f"{stand.slack.url}/events") as answer:
                assert answer.status == 405
        assert stand.heard == []


async def test_what_could_not_be_stored_is_not_acknowledged_and_its_repeat_is_taken(
    tmp_path: Path, server: SlackServer
) -> None:
    async with running(tmp_path, server, **HTTP) as stand:
        stand.error = StoreError("the disk is full")
        server.user("U1").dm("keep me")
        delivery = server.deliveries[-1]
        await server.until(lambda: delivery.retries)
        stand.error = None
        await delivery
    assert len(stand.heard) >= 2
    assert len({event.id for event in stand.heard}) == 1
    assert delivery.attempts >= 2


async def test_an_event_is_not_acknowledged_before_it_is_stored_however_long_that_takes(
    tmp_path: Path,
) -> None:
    clock = ManualClock()
    async with SlackServer(clock=clock) as server:
        server.http.signing_secret = SECRET
        async with running(tmp_path, server, **HTTP) as stand:
            stand.gate = asyncio.Event()
            server.user("U1").dm("slowly")
            await stand.event()
            await clock.advance(2.5)
            assert not server.deliveries[-1].acknowledged
            stand.gate.set()
            await server.deliveries[-1]
        assert server.deliveries[-1].attempts == 1


async def test_a_command_is_acknowledged_in_time_and_its_person_told_if_it_was_not_stored(
    tmp_path: Path,
) -> None:
    clock = ManualClock()
    async with SlackServer(clock=clock) as server:
        server.http.signing_secret = SECRET
        async with running(tmp_path, server, **HTTP) as stand:
            stand.gate, stand.error = asyncio.Event(), StoreError("the disk is full")
            sent = server.user("U1").slash("/rostra", "why", channel="C1")
            assert isinstance(await stand.event(), Invocation)
            await clock.advance(2.0)
            await server.until(sent.over.is_set)
            assert sent.acknowledged
            stand.gate.set()
            (told,) = await server.until(lambda: server.ephemeral)
    assert told.to == "U1"
    assert "could not be stored" in str(told)


async def test_a_command_that_could_not_be_stored_at_once_is_not_acknowledged(
    tmp_path: Path, server: SlackServer
) -> None:
    async with running(tmp_path, server, **HTTP) as stand:
        stand.error = StoreError("the disk is full")
        sent = server.user("U1").slash("/rostra", "why", channel="C1")
        await sent.over.wait()
    assert not sent.acknowledged


async def test_ids_of_another_workspace_come_with_that_workspace(tmp_path: Path, server: SlackServer) -> None:
    """A control pressed elsewhere is looked up where it was pressed, not where it was shown."""
    async with running(tmp_path, server, **HTTP) as stand:
        channel = server.user("U1").direct
        message = server.user("U1").dm("x")
        await stand.event()
        payload = {
            "type": "block_actions",
            "team": {"id": "T1"},
            "user": {"id": "U1", "team_id": "T1"},
            "channel": {"id": channel},
            "container": {"type": "message", "message_ts": message.ts, "channel_id": channel},
            "trigger_id": "t",
            "api_app_id": "A",
            "actions": [{"type": "button", "action_id": "../../etc.0", "action_ts": "1.0", "block_id": "b"}],
        }
        await server.world.send("interactive", server.workspace, payload)
        press = await stand.event(2)
        assert isinstance(press, Press)
        assert (press.control, press.place.channel) == ("../../etc.0", channel)
        await server.world.send("interactive", server.workspace, payload | {"team": {"id": "T2"}})
        assert len(stand.heard) == 2


async def test_tokens_and_texts_stay_out_of_the_logs(
    tmp_path: Path, server: SlackServer, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server.fail("users.info", "invalid_auth", calls=5)
    async with running(tmp_path, server, **HTTP) as stand:
        stand.error = ValueError("secret words")
        server.user("U1").dm("secret words")
        await server.until(lambda: server.deliveries[-1].retries)
        stand.error = None
        await server.deliveries[-1]
    said = caplog.text
    for secret in ("secret words", server.bot_token, SECRET):
        assert secret not in said
    assert server.bot_token not in repr(stand.slack.office.settings)
