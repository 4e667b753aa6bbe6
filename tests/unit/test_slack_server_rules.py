"""What the Slack test server refuses, with Slack's own error codes."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest
from slack_sdk.errors import SlackApiError
from slack_sdk.web.async_client import AsyncWebClient

from rostra.testing.clock import ManualClock
from rostra.testing.slack_server import Limits, SlackServer, shown

pytest_plugins = ["rostra.testing.slack_server.plugin"]


def client(server: SlackServer, token: str = "") -> Any:
    return AsyncWebClient(token or server.bot_token, base_url=server.api)


async def refused(call: Any) -> str:
    with pytest.raises(SlackApiError) as caught:
        await call
    return str(vars(caught.value)["response"]["error"])


def section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def button(**more: Any) -> dict[str, Any]:
    element = {"type": "button", "action_id": "a", "text": {"type": "plain_text", "text": "Press"}, **more}
    return {"type": "actions", "elements": [element]}


def text(words: str) -> dict[str, str]:
    return {"type": "plain_text", "text": words}


def options(count: int) -> list[dict[str, Any]]:
    return [{"text": text(f"option {number}"), "value": str(number)} for number in range(count)]


TOO_MUCH: dict[str, tuple[list[dict[str, Any]], str]] = {
    "blocks": ([{"type": "divider"}] * 51, "invalid_blocks"),
    "section": ([section("x" * 3_001)], "invalid_blocks"),
    "empty section": ([section("")], "invalid_blocks"),
    "header": ([{"type": "header", "text": text("x" * 151)}], "invalid_blocks"),
    "button": ([button(text=text("x" * 76))], "invalid_blocks"),
    "button's text": ([button(text={"type": "mrkdwn", "text": "x"})], "invalid_blocks"),
    "style": ([button(style="success")], "invalid_blocks"),
    "value": ([button(value="x" * 2_001)], "invalid_blocks"),
    "action_id": ([button(action_id="x" * 256)], "invalid_blocks"),
    "same action_id": (
        [{"type": "actions", "elements": [button()["elements"][0], button()["elements"][0]]}],
        "invalid_blocks",
    ),
    "same block_id": ([{"type": "divider", "block_id": "b"}] * 2, "invalid_blocks"),
    "actions": ([{"type": "actions", "elements": []}], "invalid_blocks"),
    "select": (
        [
            {
                "type": "actions",
                "elements": [{"type": "static_select", "action_id": "s", "options": options(101)}],
            }
        ],
        "invalid_blocks",
    ),
    "radio": (
        [
            {
                "type": "actions",
                "elements": [{"type": "radio_buttons", "action_id": "s", "options": options(11)}],
            }
        ],
        "invalid_blocks",
    ),
    "markdown": ([{"type": "markdown", "text": "x" * 12_001}], "invalid_blocks"),
    "unknown type": ([{"type": "marquee"}], "invalid_blocks"),
    "all blocks": ([section("x" * 2_900)] * 5, "msg_blocks_too_long"),
}


@pytest.mark.parametrize(("blocks", "code"), TOO_MUCH.values(), ids=TOO_MUCH)
async def test_blocks_that_slack_refuses_are_refused(
    slack_server: SlackServer, blocks: list[dict[str, Any]], code: str
) -> None:
    assert await refused(client(slack_server).chat_postMessage(channel="C1", text="t", blocks=blocks)) == code
    assert slack_server.answers("C1") == []


async def test_blocks_just_within_the_limits_are_shown(slack_server: SlackServer) -> None:
    blocks = [
        section("x" * 3_000),
        {"type": "header", "text": text("y" * 150)},
        button(text=text("z" * 75), value="v" * 2_000, action_id="a" * 255, style="danger"),
        {
            "type": "actions",
            "elements": [{"type": "static_select", "action_id": "s", "options": options(100)}],
        },
        *[{"type": "divider"}] * 46,
    ]
    await client(slack_server).chat_postMessage(channel="C1", text="t", blocks=blocks)
    seen = slack_server.text("C1")
    assert [word in seen for word in ("x" * 3_000, "y" * 150, "z" * 75, "option 99")] == [True] * 4


async def test_an_invalid_block_is_named_as_slack_names_it(slack_server: SlackServer) -> None:
    with pytest.raises(SlackApiError) as caught:
        await client(slack_server).chat_postMessage(channel="C1", blocks=[section("x" * 3_001)], text="t")
    assert vars(caught.value)["response"]["response_metadata"]["messages"] == [
        "[ERROR] must be less than 3001 characters [json-pointer:/blocks/0/text/text]"
    ]


async def test_texts_have_their_limits(slack_server: SlackServer) -> None:
    slack = client(slack_server)
    long = await slack.chat_postMessage(channel="C1", text="x" * 40_001)
    assert len(slack_server.answers("C1")[0].text) == 40_000
    where = {"channel": "C1", "ts": long["ts"]}
    assert await refused(slack.chat_update(**where, text="x" * 4_001)) == "msg_too_long"
    assert await refused(slack.chat_postMessage(channel="C1", markdown_text="x" * 12_001)) == "msg_too_long"
    assert await refused(slack.chat_postMessage(channel="C1", text="a", markdown_text="b")) == (
        "markdown_text_conflict"
    )
    assert await refused(slack.api_call("chat.postMessage", json={"channel": "C1"})) == "no_text"


async def test_blocks_stay_until_others_are_given(slack_server: SlackServer) -> None:
    slack = client(slack_server)
    said = await slack.chat_postMessage(channel="C1", text="one", blocks=[button()])
    where = {"channel": "C1", "ts": said["ts"]}
    await slack.chat_update(**where, text="two")
    assert shown(slack_server.answers("C1")[0]) == "Press"
    await slack.chat_update(**where, text="three", blocks=[])
    assert shown(slack_server.answers("C1")[0]) == "three"
    assert slack_server.answers("C1")[0].history == ["one", "two"]


async def test_what_is_elsewhere_is_not_found(slack_server: SlackServer) -> None:
    other = slack_server.add_workspace("T2", users=("U9",), channels={"C9": "theirs"})
    slack_server.add_channel("private", id_="C2", bot=False)
    mine, theirs = client(slack_server), client(slack_server, other.bot_token)
    said = await theirs.chat_postMessage(channel="C9", text="ours")
    assert await refused(mine.chat_postMessage(channel="C9", text="x")) == "channel_not_found"
    assert await refused(mine.chat_update(channel="C9", ts=said["ts"], text="x")) == "channel_not_found"
    assert await refused(mine.chat_update(channel="C1", ts=said["ts"], text="x")) == "message_not_found"
    assert await refused(mine.chat_postMessage(channel="C2", text="x")) == "not_in_channel"
    assert await refused(mine.users_info(user="U9")) == "user_not_found"
    assert await refused(mine.chat_postMessage(channel="C1", text="x", thread_ts="1.1")) == "thread_not_found"
    asked = slack_server.user("U1").say("C1", "mine")
    assert await refused(mine.chat_update(channel="C1", ts=asked.ts, text="x")) == "cant_update_message"
    assert [one.text for one in slack_server.messages("C9")] == ["ours"]


async def test_tokens_and_scopes_are_asked_for(slack_server: SlackServer) -> None:
    slack = client(slack_server)
    assert await refused(client(slack_server, "xoxb-wrong").auth_test()) == "invalid_auth"
    assert await refused(client(slack_server, " ").auth_test()) == "not_authed"
    assert await refused(slack.apps_connections_open(app_token=slack_server.bot_token)) == (
        "not_allowed_token_type"
    )
    slack_server.workspace.scopes.discard("chat:write")
    with pytest.raises(SlackApiError) as caught:
        await slack.chat_postMessage(channel="C1", text="x")
    answer = vars(caught.value)["response"]
    assert (answer["error"], answer["needed"]) == ("missing_scope", "chat:write")
    assert "chat:write" not in answer["provided"].split(",")
    assert await refused(slack.api_call("chat.shout")) == "unknown_method"
    await slack.auth_revoke()
    assert await refused(slack.auth_test()) == "account_inactive"


async def stream(server: SlackServer, **more: Any) -> dict[str, Any]:
    asked = server.user("U1").mention("C1", "count")
    who = {"recipient_team_id": "T1", "recipient_user_id": "U1"}
    began = await client(server).chat_startStream(**{"channel": "C1", "thread_ts": asked.ts, **who, **more})
    return {"channel": "C1", "ts": began["ts"]}


async def test_streams_need_a_thread_and_somebody_to_read_them(slack_server: SlackServer) -> None:
    slack = client(slack_server)
    asked = slack_server.user("U1").mention("C1", "count")
    assert (
        await refused(slack.chat_startStream(channel="C1", thread_ts=asked.ts)) == "missing_recipient_team_id"
    )
    assert await refused(
        slack.chat_startStream(channel="C1", thread_ts=asked.ts, recipient_team_id="T1")
    ) == ("missing_recipient_user_id")
    assert await refused(slack.chat_startStream(channel="C1", thread_ts="")) == "invalid_arguments"
    private = slack_server.user("U1").dm("count")
    await slack.chat_startStream(channel=private.channel, thread_ts=private.ts)


async def test_what_was_stopped_takes_no_more(slack_server: SlackServer) -> None:
    slack, where = client(slack_server), await stream(slack_server, markdown_text="one")
    assert await refused(slack.chat_update(**where, text="x")) == "streaming_state_conflict"
    await slack.chat_stopStream(**where)
    for call in (slack.chat_appendStream, slack.chat_stopStream):
        assert await refused(call(**where, markdown_text="two")) == "message_not_in_streaming_state"
    await slack.chat_update(**where, text="one, two")
    assert slack_server.text("C1") == "one, two"


async def test_a_stream_holds_so_much_and_lives_so_long() -> None:
    clock = ManualClock()
    async with SlackServer(clock=clock, limits=Limits(stream_seconds=300)) as server:
        slack, where = client(server), await stream(server, markdown_text="x" * 11_000)
        assert await refused(slack.chat_appendStream(**where, markdown_text="y" * 1_001)) == "msg_too_long"
        await slack.chat_appendStream(**where, markdown_text="y" * 1_000)
        await clock.advance(299)
        await slack.chat_stopStream(**where)
        later = await stream(server)
        await clock.advance(300)
        assert await refused(slack.chat_appendStream(**later, markdown_text="late")) == (
            "message_not_in_streaming_state"
        )
        assert [one.expired for one in server.streams] == [False, True]


MODAL: dict[str, Any] = {
    "type": "modal",
    "callback_id": "m",
    "title": text("Title"),
    "blocks": [section("words")],
}


async def trigger(server: SlackServer) -> str:
    await client(server).chat_postMessage(channel="C1", text="t", blocks=[button()])
    server.user("U1").press("Press")
    name: str = server.deliveries[-1].payload["trigger_id"]
    return name


async def test_a_trigger_opens_one_view_within_three_seconds() -> None:
    clock = ManualClock()
    async with SlackServer(clock=clock) as server:
        slack, first = client(server), await trigger(server)
        await slack.views_open(trigger_id=first, view=MODAL)
        assert await refused(slack.views_open(trigger_id=first, view=MODAL)) == "exchanged_trigger_id"
        assert await refused(slack.views_open(trigger_id="made-up", view=MODAL)) == "invalid_trigger_id"
        second = await trigger(server)
        await clock.advance(3.5)
        assert await refused(slack.views_open(trigger_id=second, view=MODAL)) == "expired_trigger_id"


@pytest.mark.parametrize(
    "wrong",
    [
        {"title": text("x" * 25)},
        {"private_metadata": "x" * 3_001},
        {"callback_id": "x" * 256},
        {"blocks": [section("words")] * 101},
        {"blocks": [{"type": "markdown", "text": "only in messages"}]},
        {"blocks": [{"type": "input", "label": text("Name"), "element": {"type": "plain_text_input"}}]},
    ],
    ids=["title", "metadata", "callback_id", "blocks", "markdown", "input without submit"],
)
async def test_views_that_slack_refuses_are_refused(slack_server: SlackServer, wrong: dict[str, Any]) -> None:
    name = await trigger(slack_server)
    view = {**MODAL, **wrong}
    assert await refused(client(slack_server).views_open(trigger_id=name, view=view)) == "invalid_arguments"


async def test_a_view_that_changed_meanwhile_is_not_overwritten(slack_server: SlackServer) -> None:
    slack = client(slack_server)
    opened = (await slack.views_open(trigger_id=await trigger(slack_server), view=MODAL))["view"]
    changed = {**MODAL, "title": text("Other")}
    await slack.views_update(view_id=opened["id"], hash=opened["hash"], view=changed)
    assert await refused(slack.views_update(view_id=opened["id"], hash=opened["hash"], view=MODAL)) == (
        "hash_conflict"
    )
    assert slack_server.user("U1").modal.title == "Other"


async def test_files_go_up_in_three_steps_and_come_down_with_the_token(slack_server: SlackServer) -> None:
    slack = client(slack_server)
    await slack.files_upload_v2(
        channel="C1", filename="data.csv", content="a,b", title="Data", initial_comment="here"
    )
    (message,) = slack_server.answers("C1")
    assert shown(message) == "here\nData"
    (file,) = message.files
    assert (file.data, file.media_type) == (b"a,b", "text/csv")
    address = slack_server.world.file_json(file)["url_private_download"]
    async with aiohttp.ClientSession() as session:
        right = {"Authorization": f"Bearer {slack_server.bot_token}"}
        async with session.get(address, headers=right) as answer:
            assert await answer.read() == b"a,b"
        async with session.get(address) as answer:
            assert (answer.status, answer.content_type) == (200, "text/html")
            assert "Sign in" in await answer.text()


async def test_a_home_is_published_and_seen(slack_server: SlackServer) -> None:
    home = {"type": "home", "blocks": [section("your queue"), button()]}
    await client(slack_server).views_publish(user_id="U1", view=home)
    user = slack_server.user("U1")
    assert user.home is not None
    assert user.home.blocks[0]["text"]["text"] == "your queue"
    user.press("Press")
    assert slack_server.deliveries[-1].payload["container"] == {"type": "view", "view_id": user.home.id}


async def test_an_assistant_thread_has_status_title_and_prompts(slack_server: SlackServer) -> None:
    slack, thread = client(slack_server), slack_server.user("U1").open_assistant(channel="C1")
    started = slack_server.deliveries[-1].payload["event"]
    assert started["assistant_thread"]["context"]["channel_id"] == "C1"
    where = {"channel_id": thread.channel, "thread_ts": thread.thread_ts}
    await slack.assistant_threads_setStatus(**where, status="is thinking")
    await slack.assistant_threads_setTitle(**where, title="About cats")
    await slack.assistant_threads_setSuggestedPrompts(
        **where, prompts=[{"title": "Cats", "message": "Cats?"}]
    )
    key = (thread.channel, thread.thread_ts)
    assert slack_server.status == {key: "is thinking"}
    assert slack_server.world.titles == {key: "About cats"}
    assert [one["title"] for one in slack_server.world.prompts[key]] == ["Cats"]
    asked = thread.say("hello")
    assert slack_server.deliveries[-1].payload["event"]["thread_ts"] == thread.thread_ts
    await slack.chat_postMessage(channel=thread.channel, thread_ts=thread.thread_ts, text="hi")
    assert slack_server.status == {}
    assert asked.thread_ts == thread.thread_ts


async def test_edits_deletions_and_reactions_are_events(slack_server: SlackServer) -> None:
    user = slack_server.user("U1")
    said = user.say("C1", "fisrt")
    user.edit(said, "first")
    user.react(said, "eyes")
    user.react(said, "eyes", remove=True)
    user.delete(said)
    events = [one.payload["event"] for one in slack_server.deliveries]
    assert [(one["type"], one.get("subtype")) for one in events] == [
        ("message", None),
        ("message", "message_changed"),
        ("reaction_added", None),
        ("reaction_removed", None),
        ("message", "message_deleted"),
    ]
    assert events[1]["message"]["text"] == "first"
    assert events[1]["previous_message"]["text"] == "fisrt"
    assert events[2]["item"] == {"type": "message", "channel": "C1", "ts": said.ts}
    assert events[4]["deleted_ts"] == said.ts
    assert slack_server.messages("C1") == []


async def test_the_app_hears_nothing_of_channels_that_it_is_not_in(slack_server: SlackServer) -> None:
    slack_server.add_channel("elsewhere", id_="C2", bot=False)
    slack_server.user("U1").mention("C2", "anybody?")
    assert slack_server.deliveries == []


async def test_the_bots_own_messages_come_back_to_it_as_events(slack_server: SlackServer) -> None:
    await client(slack_server).chat_postMessage(channel="C1", text="mine")
    assert slack_server.deliveries[-1].payload["event"]["bot_id"] == "BBOTT1"


async def test_waiting_in_vain_names_the_last_calls(slack_server: SlackServer) -> None:
    assert await refused(client(slack_server).chat_postMessage(channel="C7", text="x")) == "channel_not_found"
    with pytest.raises(TimeoutError, match=r"chat\.postMessage channel_not_found"):
        await slack_server.until(slack_server.answers, seconds=0.01)
