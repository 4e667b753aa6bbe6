"""The Slack test server, used by the real slack_bolt over sockets, as others would use it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from slack_bolt.adapter.socket_mode.async_handler import AsyncSocketModeHandler
from slack_bolt.async_app import AsyncApp
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from rostra.testing.clock import ManualClock
from rostra.testing.slack_server import NotAcknowledged, SlackServer, shown

pytest_plugins = ["rostra.testing.slack_server.plugin"]


def client(server: SlackServer) -> Any:  # slack_sdk's methods are typed in part only
    return AsyncWebClient(server.bot_token, base_url=server.api)


def bolt(server: SlackServer) -> Any:
    return AsyncApp(client=client(server))


@asynccontextmanager
async def connected(app: Any, server: SlackServer) -> AsyncGenerator[Any]:
    handler: Any = AsyncSocketModeHandler(app, server.app_token, ping_interval=60)
    await handler.connect_async()
    await server.until_connected()
    try:
        yield handler
    finally:
        await handler.close_async()


async def test_a_mention_is_answered_over_socket_mode(slack_server: SlackServer) -> None:
    app = bolt(slack_server)

    @app.event("app_mention")
    async def mentioned(event: dict[str, Any], say: Any) -> None:
        await say(f"you said {event['text']}", thread_ts=event["ts"])

    async with connected(app, slack_server):
        asked = slack_server.user("U1").mention("C1", "a < b & c")
        await slack_server.until_text("you said")
    (answer,) = slack_server.answers("C1")
    assert answer.text == "you said <@UBOTT1> a &lt; b &amp; c"
    assert answer.thread_ts == asked.ts


async def test_a_mention_in_a_channel_arrives_as_two_events_with_ids_of_their_own(
    slack_server: SlackServer,
) -> None:
    app = bolt(slack_server)
    heard: list[tuple[str, str]] = []

    @app.event("app_mention")
    @app.event("message")
    async def heard_it(event: dict[str, Any], body: dict[str, Any]) -> None:
        heard.append((event["type"], body["event_id"]))

    async with connected(app, slack_server):
        slack_server.user("U1").mention("C1", "hello")
        await slack_server.delivered()
        await slack_server.until(lambda: True)
    assert sorted(kind for kind, _ in heard) == ["app_mention", "message"]
    assert len({name for _, name in heard}) == 2


async def test_a_direct_message_is_one_event(slack_server: SlackServer) -> None:
    app = bolt(slack_server)
    heard: list[dict[str, Any]] = []

    @app.event("message")
    async def heard_it(event: dict[str, Any]) -> None:
        heard.append(event)

    async with connected(app, slack_server):
        slack_server.user("U1").dm("<@UBOTT1> psst")
        await slack_server.delivered()
    (event,) = heard
    assert (event["channel_type"], event["user"], event["text"]) == ("im", "U1", "<@UBOTT1> psst")


async def test_a_stream_grows_and_is_stopped(slack_server: SlackServer) -> None:
    app = bolt(slack_server)

    @app.event("app_mention")
    async def mentioned(event: dict[str, Any], client: Any) -> None:
        stream = await client.chat_stream(
            channel=event["channel"],
            thread_ts=event["ts"],
            recipient_team_id="T1",
            recipient_user_id=event["user"],
            buffer_size=1,
        )
        await stream.append(markdown_text="**one** ")
        await stream.append(markdown_text="two ")
        await stream.stop(
            markdown_text="three",
            blocks=[{"type": "section", "text": {"type": "mrkdwn", "text": "below"}}],
        )

    async with connected(app, slack_server):
        slack_server.user("U1").mention("C1", "count")
        await slack_server.until_text("three")
    (stream,) = slack_server.streams
    assert not stream.open
    (answer,) = slack_server.answers("C1")
    assert shown(answer) == "**one** two three\nbelow"
    assert [call.method for call in slack_server.calls if "Stream" in call.method] == [
        "chat.startStream",
        "chat.appendStream",
        "chat.stopStream",
    ]


async def test_a_slash_command_is_acknowledged_with_a_payload_that_its_user_alone_sees(
    slack_server: SlackServer,
) -> None:
    app = bolt(slack_server)

    @app.command("/rostra")
    async def command(ack: Any, command: dict[str, Any], respond: Any) -> None:
        await ack(f"working on {command['text']}")
        await respond("and later")

    async with connected(app, slack_server):
        payload = await slack_server.user("U1").slash("/rostra", "why", channel="C1")
        await slack_server.until(lambda: len(slack_server.ephemeral) == 2)
    assert payload == {"text": "working on why"}
    assert sorted((one.text, one.to) for one in slack_server.ephemeral) == [
        ("and later", "U1"),
        ("working on why", "U1"),
    ]
    assert slack_server.answers("C1") == []


FORM = {
    "type": "modal",
    "callback_id": "form",
    "title": {"type": "plain_text", "text": "About you"},
    "submit": {"type": "plain_text", "text": "Send"},
    "blocks": [
        {
            "type": "input",
            "block_id": "n",
            "label": {"type": "plain_text", "text": "Name"},
            "element": {"type": "plain_text_input", "action_id": "name"},
        },
        {
            "type": "input",
            "block_id": "f",
            "label": {"type": "plain_text", "text": "Fruit"},
            "element": {
                "type": "static_select",
                "action_id": "fruit",
                "options": [
                    {"text": {"type": "plain_text", "text": word}, "value": word[0]}
                    for word in ("Apple", "Pear")
                ],
            },
        },
    ],
}

BUTTON = {
    "type": "actions",
    "elements": [
        {
            "type": "button",
            "action_id": "open",
            "text": {"type": "plain_text", "text": "Tell me"},
            "value": "17",
        }
    ],
}


def with_form(app: Any, said: list[Any]) -> None:
    @app.action("open")
    async def pressed(ack: Any, body: dict[str, Any], client: Any) -> None:
        said.append(body["actions"][0]["value"])
        await ack()
        await client.views_open(trigger_id=body["trigger_id"], view=FORM)

    @app.view("form")
    async def submitted(ack: Any, view: dict[str, Any]) -> None:
        values = view["state"]["values"]
        if not values["n"]["name"]["value"]:
            await ack(response_action="errors", errors={"n": "who are you?"})
            return
        said.append((values["n"]["name"]["value"], values["f"]["fruit"]["selected_option"]["value"]))
        await ack()


async def test_a_button_opens_a_modal_whose_fields_come_back(slack_server: SlackServer) -> None:
    app, said = bolt(slack_server), list[Any]()
    with_form(app, said)
    user = slack_server.user("U1")
    async with connected(app, slack_server):
        await client(slack_server).chat_postMessage(channel="C1", text="form", blocks=[BUTTON])
        await user.press("Tell me")
        await slack_server.until(lambda: slack_server.views)
        assert user.modal.title == "About you"
        await user.submit(values={"Fruit": "Pear"})
        assert user.modal.errors == {"n": "who are you?"}
        await user.submit(values={"Name": "Ann"})
    assert slack_server.views == []
    assert said == ["17", ("Ann", "P")]


async def test_pressing_what_is_not_there_says_what_is(slack_server: SlackServer) -> None:
    await client(slack_server).chat_postMessage(channel="C1", text="form", blocks=[BUTTON])
    with pytest.raises(LookupError, match="'Tell you'; there is \\['Tell me'\\]"):
        slack_server.user("U1").press("Tell you")


async def test_what_is_not_acknowledged_comes_again_as_a_retry() -> None:
    clock = ManualClock()
    async with SlackServer(clock=clock) as server:
        app = bolt(server)
        retries: list[str | None] = []

        @app.event("message")
        async def refuse(request: Any) -> None:
            retries.append(request.headers.get("x-slack-retry-num", [None])[0])
            if len(retries) < 3:
                await asyncio.Event().wait()

        # A listener that never ends is never acknowledged when it has to end first.
        app._async_listener_runner.process_before_response = True
        async with connected(app, server):
            server.user("U1").dm("hello")
            for attempt in (1, 2, 3):
                await until(lambda attempt=attempt: len(retries) == attempt, server)
                await clock.advance(3 if attempt == 1 else 63)
            await server.delivered()
    (delivery,) = server.deliveries
    assert (delivery.attempts, delivery.acknowledged) == (3, True)
    assert retries == ["0", "1", "2"]


async def until(predicate: Any, server: SlackServer) -> None:
    """Wait for what the app does, of which the server knows nothing."""
    async with asyncio.timeout(server.patience):
        while not predicate():  # noqa: ASYNC110  the app is foreign: it sets no event
            await asyncio.sleep(0)


async def test_a_command_that_is_not_acknowledged_is_not_sent_again() -> None:
    clock = ManualClock()
    async with SlackServer(clock=clock) as server:
        app = bolt(server)

        @app.command("/rostra")
        async def command() -> None:
            await asyncio.Event().wait()

        async with connected(app, server):
            slash = server.user("U1").slash("/rostra")
            await until(lambda: slash.attempts == 1, server)
            await clock.advance(3)
            with pytest.raises(NotAcknowledged, match="timeout"):
                await slash


async def test_what_is_said_while_the_connection_is_gone_arrives_on_the_next(
    slack_server: SlackServer,
) -> None:
    app = bolt(slack_server)
    heard: list[str] = []

    @app.event("message")
    async def heard_it(event: dict[str, Any]) -> None:
        heard.append(event["text"])

    async with connected(app, slack_server) as handler:
        await slack_server.disconnect()
        await slack_server.until_connected(2)
        slack_server.user("U1").dm("one")
        await slack_server.delivered()
        await handler.client.disconnect()
        await slack_server.until(lambda: not slack_server.socket.connections)
        slack_server.user("U1").dm("two")
        await handler.client.connect_to_new_endpoint(force=True)
        await slack_server.delivered()
    assert heard == ["one", "two"]


async def test_a_silent_connection_lives_and_delivers_nothing_until_there_is_another(
    slack_server: SlackServer,
) -> None:
    app = bolt(slack_server)
    heard: list[str] = []

    @app.event("message")
    async def heard_it(event: dict[str, Any]) -> None:
        heard.append(event["text"])

    async with connected(app, slack_server) as handler:
        slack_server.fall_silent()
        slack_server.user("U1").dm("anybody there?")
        assert handler.client.current_session is not None
        await handler.client.current_session.ping()
        await slack_server.until(lambda: slack_server.deliveries[0].attempts == 1)
        assert heard == []
        assert await handler.client.is_connected()
        await handler.client.connect_to_new_endpoint(force=True)
        await slack_server.delivered()
    assert heard == ["anybody there?"]
    assert slack_server.deliveries[0].attempts == 2


async def test_a_storm_refuses_as_many_calls_as_it_has(slack_server: SlackServer) -> None:
    slack_server.storm("chat.*", calls=1, retry_after=7)
    with pytest.raises(SlackApiError) as caught:
        await client(slack_server).chat_postMessage(channel="C1", text="once")
    response: Any = vars(caught.value)["response"]
    assert (response.status_code, response["error"]) == (429, "ratelimited")
    assert response.headers["Retry-After"] == "7"
    await client(slack_server).chat_postMessage(channel="C1", text="twice")
    assert [call.error for call in slack_server.called("chat.postMessage")] == ["ratelimited", ""]
    assert slack_server.text("C1") == "twice"


async def test_a_scripted_failure_may_come_after_the_deed(slack_server: SlackServer) -> None:
    slack_server.fail("chat.postMessage", "fatal_error", after=True)
    with pytest.raises(SlackApiError, match="fatal_error"):
        await client(slack_server).chat_postMessage(channel="C1", text="there all the same")
    assert slack_server.text("C1") == "there all the same"


async def test_a_held_call_waits(slack_server: SlackServer) -> None:
    gate = slack_server.hold("chat.postMessage")
    call = asyncio.ensure_future(client(slack_server).chat_postMessage(channel="C1", text="late"))
    await slack_server.until(lambda: slack_server.held("chat.postMessage"))
    assert slack_server.text("C1") == ""
    gate.set()
    await call
    assert slack_server.text("C1") == "late"


async def test_tokens_are_masked_where_calls_are_kept(slack_server: SlackServer) -> None:
    await client(slack_server).api_call("auth.test", params={"token": slack_server.bot_token})
    await client(slack_server).chat_postMessage(channel="C1", text=f"my token is {slack_server.bot_token}")
    assert "secret" not in repr(slack_server.calls)
    assert "xoxb-***" in repr(slack_server.calls)
