"""Slack waits for three seconds: what takes longer is acknowledged before it is done, and done all the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest
from slack_stand import Stand, running
from structlog.testing import capture_logs

from rostra.actions import Address, Show, Typing
from rostra.events import Invocation, Submit
from rostra.testing.clock import ManualClock
from rostra.testing.contract import Shelf
from rostra.testing.slack_server import SlackServer
from rostra.views import Field, Form, View

SECRET = "0123456789abcdef0123456789abcdef"
HTTP: dict[str, Any] = {"mode": "http", "signing_secret": SECRET, "app_token": None, "listen": "127.0.0.1:0"}
R = "r" * 32
FORM = Form(control="/x", title="A form", fields=(Field(name="text", label="Text"),))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def server(clock: ManualClock) -> AsyncGenerator[SlackServer]:
    async with SlackServer(clock=clock) as server:
        server.http.signing_secret = SECRET
        yield server


@pytest.fixture
async def stand(tmp_path: Path, server: SlackServer) -> AsyncGenerator[Stand]:
    async with running(tmp_path, server, shelf=Shelf(), **HTTP) as stand:
        yield stand


async def test_all_that_a_command_waits_for_together_takes_two_seconds_at_most(
    stand: Stand, server: SlackServer, clock: ManualClock
) -> None:
    roles, stand.gate = server.hold("users.info"), asyncio.Event()
    sent = server.user("U1").slash("/rostra", "why", channel="C1")
    await server.until(lambda: server.held("users.info"))
    await clock.advance(1.6)  # its person has no roles now, and it is being stored
    assert isinstance(await stand.event(), Invocation)
    await clock.advance(0.5)
    await server.until(sent.over.is_set)
    assert sent.acknowledged
    roles.set()
    stand.gate.set()


async def test_a_modal_that_opens_slowly_holds_up_no_acknowledgement(
    stand: Stand, server: SlackServer, clock: ManualClock
) -> None:
    server.user("U1").mention("C1", "show me")
    address, shelf = Address.of(await stand.event()), stand.slack.office.services.controls
    assert isinstance(shelf, Shelf)
    action = Show(reply=R, view=View(parts=(FORM,)))
    shelf.put(action)
    await stand.perform(address, action)
    gate = server.hold("views.open")
    pressed = server.user("U1").press("A form")
    await server.until(lambda: server.held("views.open"))
    await clock.advance(2.0)
    await server.until(pressed.over.is_set)
    assert pressed.acknowledged
    gate.set()
    await server.until(lambda: server.views)
    await server.user("U1").submit(values={"Text": "all the same"})
    assert isinstance(stand.heard[-1], Submit)


async def test_what_fails_after_its_acknowledgement_is_told_to_the_log_without_words(
    stand: Stand, server: SlackServer, clock: ManualClock
) -> None:
    stand.gate, stand.error = asyncio.Event(), ValueError("secret words")
    with capture_logs() as logs:
        sent = server.user("U1").slash("/rostra", "ask secret words", channel="C1")
        await stand.event()
        await clock.advance(2.0)
        await server.until(sent.over.is_set)
        (late,) = [one for one in asyncio.all_tasks() if "_used" in str(one.get_coro())]
        stand.gate.set()
        await asyncio.wait([late])
    assert sent.acknowledged
    (told,) = logs
    assert (told["event"], told["error"]) == ("acknowledged and not done", "ValueError")
    assert "secret words" not in str(logs)


async def test_what_slack_asked_over_a_connection_that_is_replaced_is_still_answered(tmp_path: Path) -> None:
    async with SlackServer() as server, running(tmp_path, server) as stand:
        await server.until_connected()
        stand.gate = asyncio.Event()
        sent = server.user("U1").slash("/rostra", "why", channel="C1")
        await stand.event()
        await server.disconnect()
        await server.until_connected(2)
        with pytest.raises(TimeoutError):  # the old connection waits for it
            await server.until(lambda: len(server.socket.connections) == 1, 0.1)
        stand.gate.set()
        await server.until(sent.over.is_set)
    assert sent.acknowledged
    assert len(stand.heard) == 1


async def test_a_status_that_slack_only_puts_off_is_shown_later(
    stand: Stand, server: SlackServer, clock: ManualClock
) -> None:
    thread = server.user("U1").open_assistant()
    thread.say("a question")
    address = Address.of(await stand.event())
    server.storm("assistant.threads.setStatus", calls=1, retry_after=5)
    for seconds, shown in ((0.0, 0), (4.0, 0), (2.0, 1)):
        await clock.advance(seconds)
        await stand.perform(address, Typing(reply=R))
        assert len(server.status) == shown


async def test_a_body_that_does_not_arrive_is_not_waited_for(
    stand: Stand, server: SlackServer, clock: ManualClock
) -> None:
    host, port = stand.slack.url.removeprefix("http://").partition("/")[0].split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"POST /slack/events HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    reading = asyncio.ensure_future(reader.readline())
    while not reading.done():
        await clock.advance(1.0)
    assert b" 408 " in await reading
    writer.close()
    await writer.wait_closed()
