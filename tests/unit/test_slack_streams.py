"""Native streams, and every way in which they fail: the answer is there once, and whole."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from slack_stand import Stand, opened

from rostra.actions import Address, Append, Begin, Finish, Replace, Retract, Show
from rostra.errors import AdapterError, Rejected
from rostra.places import Place
from rostra.testing.clock import ManualClock
from rostra.testing.slack_server import SlackServer, shown
from rostra.views import Button, File, Text, View
from rostra_adapters.slack.adapter import CHANGES, RESERVE, SECONDS
from rostra_adapters.slack.replies import PIECES, PIECES_SECONDS
from rostra_adapters.slack.teams import needed

R, S = "r" * 32, "s" * 32


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def server(clock: ManualClock) -> AsyncGenerator[SlackServer]:
    async with SlackServer(clock=clock) as server:
        yield server


@pytest.fixture
async def stand(tmp_path: Path, server: SlackServer) -> AsyncGenerator[Stand]:
    async with opened(tmp_path, server) as stand:
        yield stand


@pytest.fixture
async def address(server: SlackServer) -> Address:
    asked = server.user("U1").mention("C1", "a question")
    return Address(
        place=Place(adapter="slack", workspace="T1", channel="C1", thread=asked.ts),
        question=f"C1:{asked.ts}",
        extra={"user": "U1"},
    )


def seen(server: SlackServer) -> list[str]:
    return [shown(one) for one in server.answers("C1")]


def open_streams(server: SlackServer) -> int:
    return sum(one.open for one in server.streams)


BEGUN = (Begin(reply=R, text="One. "), Append(reply=R, text="Two. "))
WHOLE = Finish(reply=R, text="One. Two. Three.")


async def test_a_stream_grows_and_ends(server: SlackServer, stand: Stand, address: Address) -> None:
    after = await stand.perform(address, *BEGUN)
    assert (seen(server), open_streams(server)) == (["One. Two. "], 1)
    await stand.perform(after, WHOLE)
    assert (seen(server), open_streams(server)) == (["One. Two. Three."], 0)
    assert not server.called("chat.update")
    assert not server.called("chat.postMessage")


async def test_what_finishes_otherwise_is_changed(
    server: SlackServer, stand: Stand, address: Address
) -> None:
    after = await stand.perform(address, *BEGUN)
    await stand.perform(after, Finish(reply=R, text="Something else."))
    assert (seen(server), open_streams(server)) == (["Something else."], 0)


async def test_thumbs_under_a_stream_are_slacks_own(
    server: SlackServer, stand: Stand, address: Address
) -> None:
    after = await stand.perform(address, *BEGUN)
    marks = (
        Button(control="/good", label="Good", style="good"),
        Button(control="/bad", label="Bad", style="bad"),
    )
    await stand.perform(after, Finish(reply=R, text="One. Two. Three.", buttons=marks))
    (message,) = server.answers("C1")
    (block,) = message.blocks
    assert (block["type"], block["elements"][0]["type"]) == ("context_actions", "feedback_buttons")
    assert block["elements"][0]["negative_button"]["value"] == f"{R}.1"


async def test_a_retraction_in_a_stream_leaves_nothing(
    server: SlackServer, stand: Stand, address: Address
) -> None:
    after = await stand.perform(address, *BEGUN)
    await stand.perform(after, Retract(reply=R, text="I would rather not."))
    assert (seen(server), open_streams(server)) == (["I would rather not."], 0)
    other = await stand.perform(address, Begin(reply="s" * 32, text="Awful."))
    await stand.perform(other, Retract(reply="s" * 32))
    assert (seen(server), open_streams(server)) == (["I would rather not."], 0)


async def test_a_stream_that_slack_closed_goes_on_as_a_message(
    server: SlackServer, stand: Stand, address: Address
) -> None:
    after = await stand.perform(address, *BEGUN)
    server.expire_streams()
    after = await stand.perform(after, Append(reply=R, text="Three."))
    assert seen(server) == ["One. Two. Three."]
    await stand.perform(after, WHOLE)
    assert (seen(server), open_streams(server)) == (["One. Two. Three."], 0)


@pytest.mark.parametrize("error", ["msg_too_long", "msg_blocks_too_long", "internal_error"])
@pytest.mark.parametrize("method", ["chat.appendStream", "chat.stopStream"])
async def test_a_refusal_in_a_stream_ends_in_a_whole_message(
    server: SlackServer, stand: Stand, address: Address, method: str, error: str
) -> None:
    server.fail(method, error)
    after = await stand.perform(address, *BEGUN)
    await stand.perform(after, WHOLE)
    assert (seen(server), open_streams(server)) == (["One. Two. Three."], 0)


@pytest.mark.parametrize(
    "error", ["unknown_method", "missing_recipient_user_id", "channel_type_not_supported"]
)
async def test_where_there_are_no_streams_messages_are_changed_and_it_is_remembered(
    server: SlackServer, stand: Stand, address: Address, error: str
) -> None:
    server.fail("chat.startStream", error, calls=100)
    after = await stand.perform(address, *BEGUN)
    assert seen(server) == ["One. Two. "]
    await stand.perform(after, WHOLE)
    await stand.perform(address, Begin(reply="s" * 32, text="Again."))
    assert seen(server) == ["One. Two. Three.", "Again."]
    assert len(server.called("chat.startStream")) == 1


async def test_too_many_requests_put_a_piece_off_and_not_away(
    server: SlackServer, stand: Stand, address: Address, clock: ManualClock
) -> None:
    server.storm("chat.appendStream", calls=1, retry_after=5)
    after = await stand.perform(address, *BEGUN)
    assert seen(server) == ["One. "]
    await clock.advance(6)
    after = await stand.perform(after, Append(reply=R, text="Three."))
    assert seen(server) == ["One. Two. Three."]
    await stand.perform(after, WHOLE)


async def test_a_piece_whose_answer_is_lost_on_the_way_is_not_shown_twice(
    server: SlackServer, stand: Stand, address: Address
) -> None:
    team = await needed(stand.slack.office.teams, "T1")
    append = team.client.chat_appendStream

    async def lost(**given: Any) -> None:
        await append(**given)
        raise aiohttp.ClientConnectionError

    after = await stand.perform(address, Begin(reply=R, text="One. "))
    team.client.chat_appendStream = lost
    after = await stand.perform(after, Append(reply=R, text="Two. "), Append(reply=R, text="Three."))
    await stand.perform(after, WHOLE)
    assert (seen(server), open_streams(server)) == (["One. Two. Three."], 0)


async def test_streams_share_what_slack_takes_and_lose_nothing(
    server: SlackServer, stand: Stand, address: Address, clock: ManualClock
) -> None:
    first, other = await two_that_grow(stand, address)
    for number in range(PIECES):
        await stand.perform(first, Append(reply=R, text=f"{number} "))
        await stand.perform(other, Append(reply=S, text=f"{number} "))
    assert len(server.called("chat.appendStream")) == PIECES
    await clock.advance(PIECES_SECONDS)
    await stand.perform(first, Append(reply=R, text="on. "))
    assert seen(server)[0].endswith(f" {PIECES - 1} on. ")
    await stand.perform(first, WHOLE)
    await stand.perform(other, Finish(reply=S, text="Uno. Dos."))
    assert (seen(server), open_streams(server)) == (["One. Two. Three.", "Uno. Dos."], 0)


@pytest.mark.parametrize("error", ["cant_update_message", "edit_window_closed", "message_not_found"])
async def test_a_message_that_cannot_be_changed_is_posted_anew(
    tmp_path: Path, server: SlackServer, address: Address, error: str
) -> None:
    async with opened(tmp_path, server, stream="edits") as stand:
        after = await stand.perform(address, Begin(reply=R, text="One. "))
        server.fail("chat.update", error)
        after = await stand.perform(after, WHOLE)
    assert seen(server) == ["One. ", "One. Two. Three."]
    assert after.shown == (f"C1:{server.answers('C1')[-1].ts}",)


async def two_that_grow(stand: Stand, address: Address) -> list[Address]:
    first = await stand.perform(address, Begin(reply=R, text="One. "))
    return [first, await stand.perform(address, Begin(reply=S, text="Uno. "))]


async def test_answers_that_grow_share_what_slack_takes_and_leave_some_to_those_that_end(
    tmp_path: Path, server: SlackServer, address: Address, clock: ManualClock
) -> None:
    async with opened(tmp_path, server, stream="edits") as stand:
        first, other = await two_that_grow(stand, address)
        for number in range(10):
            await stand.perform(first, Append(reply=R, text=f"{number} "))
            await stand.perform(other, Append(reply=S, text=f"{number} "))
        assert len(server.called("chat.update")) == CHANGES - RESERVE
        await stand.perform(first, WHOLE)
        await stand.perform(other, Finish(reply=S, text="Uno. Dos."))
        assert seen(server) == ["One. Two. Three.", "Uno. Dos."]
        assert clock.monotonic() == 0
        again = await stand.perform(address, Begin(reply="t" * 32, text="Eins. "))
        await clock.advance(SECONDS)
        await stand.perform(again, Append(reply="t" * 32, text="Zwei. "))
        assert seen(server)[-1] == "Eins. Zwei. "


async def test_a_change_too_many_leaves_the_workspace_alone_for_as_long_as_slack_asks(
    tmp_path: Path, server: SlackServer, address: Address, clock: ManualClock
) -> None:
    async with opened(tmp_path, server, stream="edits") as stand:
        first, other = await two_that_grow(stand, address)
        server.storm("chat.update", calls=1, retry_after=5)
        await stand.perform(first, Append(reply=R, text="Two. "))
        await stand.perform(other, Append(reply=S, text="Dos. "))
        assert len(server.called("chat.update")) == 1
        ending = asyncio.ensure_future(stand.perform(other, Finish(reply=S, text="Uno. Dos.")))
        await clock.advance(4.5)
        assert len(server.called("chat.update")) == 1
        await clock.advance(1.0)
        await ending
        assert seen(server) == ["One. ", "Uno. Dos."]


async def test_where_slack_asks_for_long_to_be_left_alone_delivery_waits(
    tmp_path: Path, server: SlackServer, address: Address
) -> None:
    async with opened(tmp_path, server, stream="edits") as stand:
        first, other = await two_that_grow(stand, address)
        server.storm("chat.update", calls=1, retry_after=60)
        await stand.perform(first, Append(reply=R, text="Two. "))
        with pytest.raises(AdapterError) as refused:
            await stand.perform(other, Finish(reply=S, text="Uno. Dos."))
        assert refused.value.retry_after == pytest.approx(60, abs=1)


async def test_too_many_requests_at_the_end_are_delivery_s_to_wait_for(
    server: SlackServer, stand: Stand, address: Address
) -> None:
    after = await stand.perform(address, *BEGUN)
    server.storm("chat.*", calls=1, retry_after=7)
    with pytest.raises(AdapterError) as refused:
        await stand.perform(after, WHOLE)
    assert refused.value.retry_after == 7
    await stand.perform(after, WHOLE)
    assert (seen(server), open_streams(server)) == (["One. Two. Three."], 0)


async def test_a_restart_stops_the_stream_that_was_left_open(
    server: SlackServer, stand: Stand, address: Address, tmp_path: Path
) -> None:
    after = await stand.perform(address, *BEGUN)
    async with opened(tmp_path, server) as fresh:
        after = await fresh.perform(after, Replace(reply=R, text="One. "))
        assert (seen(server), open_streams(server)) == (["One. "], 0)
        await fresh.perform(after, Append(reply=R, text="Two."), Finish(reply=R, text="One. Two."))
    assert (seen(server), open_streams(server)) == (["One. Two."], 0)


LINES = [f"line {number} of many" for number in range(1_500)]


@pytest.mark.parametrize("fenced", [False, True])
async def test_a_long_stream_goes_on_in_the_next_message(
    server: SlackServer, stand: Stand, address: Address, *, fenced: bool
) -> None:
    text = "\n".join(["```py", *LINES, "```", "Done."] if fenced else LINES)
    pieces = [text[start : start + 700] for start in range(0, len(text), 700)]
    after = await stand.perform(address, Begin(reply=R, text=pieces[0]))
    for piece in pieces[1:]:
        after = await stand.perform(after, Append(reply=R, text=piece))
    assert open_streams(server) == 1
    await stand.perform(after, Finish(reply=R, text=text))
    messages = seen(server)
    assert open_streams(server) == 0
    assert [line for line in LINES if "\n".join(messages).count(f"{line}\n") != 1 and line != LINES[-1]] == []
    assert len(messages) == len(after.shown) > 2
    assert all(message.count("```") % 2 == 0 for message in messages)
    assert not server.called("chat.delete")


async def test_what_was_posted_before_a_refusal_is_not_posted_again(
    server: SlackServer, stand: Stand, address: Address
) -> None:
    whole = Finish(reply=R, text="\n".join(LINES))
    gate = server.hold("chat.postMessage")
    first = asyncio.ensure_future(stand.perform(address, whole))
    await server.until(lambda: server.held("chat.postMessage"))
    server.fail(
        "chat.postMessage", "internal_error"
    )  # the call that is held goes through, the next one does not
    gate.set()
    with pytest.raises(AdapterError):
        await first
    assert len(seen(server)) == 1
    await stand.perform(address, whole)
    said = "\n".join(seen(server)).splitlines()
    assert [line for line in LINES if said.count(line) != 1] == []


async def test_mass_mentions_and_disguised_links_are_sent_by_nobody(
    server: SlackServer, stand: Stand, address: Address
) -> None:
    bad = "Hey <!channel>, <@U2>: [https://bank.example](https://evil.example) <https://evil.example|hi>"
    after = await stand.perform(address, Begin(reply=R, text=bad[:7]))
    for start in range(7, len(bad), 5):
        after = await stand.perform(after, Append(reply=R, text=bad[start : start + 5]))
        assert "<!channel>" not in server.text()
        assert "<@U2>" not in server.text()
    await stand.perform(after, Finish(reply=R, text=bad))
    text = server.text()
    for obeyed in ("<!channel>", "<@U2>", "[https://bank.example](", "<https://evil.example|"):
        assert obeyed not in text
    for call in server.called("chat.postMessage"):
        assert call.arguments.get("unfurl_links") in {False, "false", "0", None}


async def test_files_are_handed_over_and_private_ones_in_private(
    server: SlackServer, stand: Stand, address: Address
) -> None:
    file = File(name="data.csv", media_type="text/csv", data=b"a,b\n1,2\n")
    await stand.perform(address, Show(reply=R, view=View(parts=(Text(text="here"), file))))
    assert [one.name for message in server.answers("C1") for one in message.files] == ["data.csv"]
    await stand.perform(
        address, Show(reply="s" * 32, view=View(parts=(Text(text="yours"), file), private=True))
    )
    direct = server.user("U1").direct
    assert [one.name for message in server.answers(direct) for one in message.files] == ["data.csv"]
    assert [shown(one) for one in server.ephemeral] == ["yours"]


async def test_a_channel_that_is_gone_is_rejected_for_good(
    server: SlackServer, stand: Stand, address: Address
) -> None:
    server.world.workspaces["T1"].channels["C1"].archived = True
    with pytest.raises(Rejected, match="is_archived"):
        await stand.perform(address, WHOLE)


async def test_errors_name_what_slack_calls_them_and_no_text(
    server: SlackServer, stand: Stand, address: Address
) -> None:
    server.fail("chat.postMessage", "some_new_error")
    with pytest.raises(AdapterError) as refused:
        await stand.perform(address, Finish(reply=R, text="secret words"))
    assert str(refused.value) == "chat.postMessage: Slack says 'some_new_error'"
