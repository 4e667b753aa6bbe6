"""The test server's messages, driven by an unmodified discord.py client over sockets."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from io import BytesIO

import aiohttp
import discord
import pytest
from discord_echo import Echo, running, serving

from rostra.testing.discord_server import DiscordServer


@pytest.fixture
async def server() -> AsyncGenerator[DiscordServer]:
    async with serving() as made:
        yield made


async def channel_of(client: discord.Client, server: DiscordServer) -> discord.TextChannel:
    channel = await client.fetch_channel(server.general.id)
    assert isinstance(channel, discord.TextChannel)
    return channel


async def test_a_message_is_heard_and_its_echo_is_seen(server: DiscordServer) -> None:
    client = Echo()
    async with running(client, server):
        server.people.say("hello")
        post = await server.until_seen("echo: hello")
    assert post.channel is server.general
    assert client.heard[0].author.name == "ann"
    assert client.heard[0].guild is not None


async def test_what_was_said_before_the_bot_came_waits_for_it(server: DiscordServer) -> None:
    server.people.say("early")
    async with running(Echo(), server):
        await server.until_seen("echo: early")


async def test_direct_messages_arrive_and_are_answered_in_place(server: DiscordServer) -> None:
    client = Echo()
    async with running(client, server):
        server.people.dm("psst")
        post = await server.until_seen("echo: psst")
    assert post.channel.person is server.ann
    assert isinstance(client.heard[0].channel, discord.DMChannel)


async def test_a_reply_carries_what_it_replies_to(server: DiscordServer) -> None:
    client = Echo()
    async with running(client, server):
        server.people.say("first")
        first = await server.until_seen("echo: first")
        server.people.reply(first, "second")
        await server.until_seen("echo: second")
    reference = client.heard[1].reference
    assert reference is not None
    assert isinstance(reference.resolved, discord.Message)
    assert reference.resolved.content == "echo: first"


async def test_roles_of_members_are_told(server: DiscordServer) -> None:
    role = server.world.role("judges", server.home, server.ann)
    client = Echo()
    async with running(client, server):
        server.people.say("who am I?")
        await server.until_seen("who am I?")
    author = client.heard[0].author
    assert isinstance(author, discord.Member)
    assert [each.id for each in author.roles[1:]] == [role]


async def test_messages_are_edited_and_deleted(server: DiscordServer) -> None:
    client = Echo()
    async with running(client, server):
        channel = await channel_of(client, server)
        message = await channel.send("a guess")
        await message.edit(content="the truth")
        assert server.seen() == ["the truth"]
        assert server.world.posts[message.id].history == ["a guess"]
        await message.delete()
        assert server.seen() == []
        with pytest.raises(discord.NotFound) as caught:
            await message.edit(content="too late")
    assert caught.value.code == 10008


async def test_files_come_and_go(server: DiscordServer) -> None:
    client = Echo()
    async with running(client, server):
        channel = await channel_of(client, server)
        await channel.send("see here", file=discord.File(BytesIO(b"a,b\n"), "data.csv"))
        server.people.say("and this", files={"notes.txt": b"remember"})
        await server.until_seen("echo: and this")
        assert await client.heard[0].attachments[0].read() == b"remember"
    assert "data.csv" in server.seen()[0]


async def test_one_nonce_makes_one_message(server: DiscordServer) -> None:
    client = Echo()
    async with running(client, server):
        channel = await channel_of(client, server)
        first = await channel.send("once", nonce="abc")
        again = await channel.send("once", nonce="abc")
        other = await channel.send("once", nonce="def")
    assert first.id == again.id != other.id
    assert server.seen() == ["once", "once"]


async def test_typing_threads_and_reactions_are_seen(server: DiscordServer) -> None:
    client = Echo()
    reactions: list[discord.RawReactionActionEvent] = []

    @client.event
    async def on_raw_reaction_add(payload: discord.RawReactionActionEvent) -> None:
        reactions.append(payload)
        server.watch.changed()

    async with running(client, server):
        channel = await channel_of(client, server)
        async with channel.typing():
            assert server.general.typing == 1
        message = await channel.send("look")
        thread = await message.create_thread(name="aside")
        await thread.send("in here")
        await message.add_reaction("👍")
        server.people.react(server.world.posts[message.id], "🎉")
        await server.until(lambda: reactions)
        own = server.people.open_thread("mine")
        server.people.say("hello thread", channel=own)
        await server.until_seen("echo: hello thread")
    assert server.seen(server.world.channels[thread.id]) == ["in here"]
    assert server.world.posts[message.id].reactions == [(server.bot, "👍"), (server.ann, "🎉")]
    assert (reactions[0].user_id, str(reactions[0].emoji)) == (server.ann.id, "🎉")
    assert isinstance(client.heard[-1].channel, discord.Thread)


async def test_people_edit_and_delete(server: DiscordServer) -> None:
    client = Echo()
    edited: list[discord.RawMessageUpdateEvent] = []
    deleted: list[int] = []

    @client.event
    async def on_raw_message_edit(payload: discord.RawMessageUpdateEvent) -> None:
        edited.append(payload)

    @client.event
    async def on_raw_message_delete(payload: discord.RawMessageDeleteEvent) -> None:
        deleted.append(payload.message_id)
        server.watch.changed()

    async with running(client, server):
        post = server.people.say("tpyo")
        server.people.edit(post, "typo")
        server.people.delete(post)
        await server.until(lambda: deleted)
    assert [each.data["content"] for each in edited] == ["typo"]
    assert deleted == [post.id]


async def test_without_the_message_content_intent_only_what_is_meant_for_the_bot_is_read(
    server: DiscordServer,
) -> None:
    client = Echo(intents=discord.Intents.default())
    async with running(client, server):
        server.people.say("not for you")
        server.people.mention("for you")
        server.people.dm("for you alone")
        await server.until_seen("echo: for you alone")
    texts = [message.content for message in client.heard]
    assert texts == ["", f"{server.bot.mention} for you", "for you alone"]


async def test_who_would_be_notified_is_known(server: DiscordServer) -> None:
    client = Echo()
    async with running(client, server):
        channel = await channel_of(client, server)
        careless = await channel.send(f"@everyone {server.ann.mention}")
        careful = await channel.send(
            f"@everyone {server.ann.mention}", allowed_mentions=discord.AllowedMentions.none()
        )
    assert server.world.posts[careless.id].pings == ("everyone", "ann")
    assert server.world.posts[careful.id].pings == ()


def row(number: int) -> dict[str, object]:
    return {
        "type": 1,
        "components": [{"type": 2, "style": 1, "label": "x", "custom_id": f"c{number}"}],
    }


TOO_MUCH: list[dict[str, object]] = [
    {"content": "x" * 2001},
    {"content": "x", "embeds": [{"description": "x" * 4097}]},
    {"content": "x", "components": [row(number) for number in range(6)]},
    {"content": "x", "components": [row(1), row(1)]},
    {"content": "x", "components": [{"type": 1, "components": []}]},
    {"content": "x", "components": [{"type": 10, "content": "needs the flag"}]},
    {"content": "no content beside it", "flags": 1 << 15, "components": [{"type": 10, "content": "x"}]},
    {"flags": 1 << 15, "components": [{"type": 10, "content": "x"}] * 41},
    {"flags": 1 << 15, "components": [{"type": 10, "content": "x" * 4001}]},
    {"content": "x", "nonce": "x" * 26},
    {"content": "   "},
    {
        "content": "x",
        "components": [
            {
                "type": 1,
                "components": [
                    {
                        "type": 3,
                        "custom_id": "s",
                        "options": [{"label": str(n), "value": str(n)} for n in range(26)],
                    }
                ],
            }
        ],
    },
    {
        "content": "x",
        "components": [
            {"type": 1, "components": [{"type": 2, "style": 1, "label": "x" * 81, "custom_id": "c"}]}
        ],
    },
]


@pytest.mark.parametrize("body", TOO_MUCH, ids=range(len(TOO_MUCH)))
async def test_what_discord_would_not_take_is_refused(server: DiscordServer, body: dict[str, object]) -> None:
    headers = {"Authorization": f"Bot {server.token}"}
    url = f"{server.api}/channels/{server.general.id}/messages"
    async with aiohttp.ClientSession() as session, session.post(url, json=body, headers=headers) as answer:
        assert answer.status == 400
        assert (await answer.json())["code"] in {50035, 50006}
    assert server.seen() == []


async def test_channels_can_be_closed_and_gone(server: DiscordServer) -> None:
    client = Echo()
    async with running(client, server):
        channel = await channel_of(client, server)
        server.general.closed = True
        with pytest.raises(discord.Forbidden):
            await channel.send("hello?")
        server.general.gone = True
        with pytest.raises(discord.NotFound):
            await channel.send("hello?")


async def test_a_storm_is_ridden_out(server: DiscordServer) -> None:
    client = Echo()
    async with running(client, server):
        channel = await channel_of(client, server)
        server.throttle.storm(2, 0.001, method="POST", route="/messages")
        await channel.send("at last")
    assert server.seen() == ["at last"]
    assert [call.status for call in server.made("POST", "/channels/{channel}/messages")] == [429, 429, 200]


async def test_a_global_storm_says_so(server: DiscordServer) -> None:
    server.throttle.storm(1, 1.5, everywhere=True)
    headers = {"Authorization": f"Bot {server.token}"}
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{server.api}/users/@me", headers=headers) as answer:
            assert answer.status == 429
            assert answer.headers["X-RateLimit-Global"] == "true"
            assert (await answer.json())["retry_after"] == 1.5
        async with session.get(f"{server.api}/users/@me", headers=headers) as answer:
            assert answer.status == 200


async def test_a_limit_is_kept_and_announced(server: DiscordServer) -> None:
    server.throttle.limit("GET", "/users/@me", calls=2, seconds=60.0)
    headers = {"Authorization": f"Bot {server.token}"}
    left: list[str | None] = []
    statuses: list[int] = []
    async with aiohttp.ClientSession() as session:
        for _ in range(3):
            async with session.get(f"{server.api}/users/@me", headers=headers) as answer:
                statuses.append(answer.status)
                left.append(answer.headers.get("X-RateLimit-Remaining"))
    assert statuses == [200, 200, 429]
    assert left == ["1", "0", None]


async def test_a_wrong_token_is_refused(server: DiscordServer) -> None:
    client = Echo()
    async with client:
        with pytest.raises(discord.LoginFailure):
            await client.login("wrong")


async def test_a_route_that_is_not_there_says_which(server: DiscordServer) -> None:
    client = Echo()
    async with running(client, server):
        with pytest.raises(discord.NotFound, match="no route '/api/v10/guilds"):
            await client.http.prune_members(server.home.id, 7, True, roles=[])


async def test_no_token_is_kept(server: DiscordServer) -> None:
    async with running(Echo(), server):
        server.people.say("hello")
        await server.until_seen("echo: hello")
    assert server.calls
    assert server.token not in repr(server.calls) + repr(server.gateway.identified)
