"""The test server's gateway: what unmodified discord.py does when connections break."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator

import discord
import pytest
from discord_echo import Echo, ShardedEcho, running, serving

from rostra.testing.clock import ManualClock
from rostra.testing.discord_server import DiscordServer
from rostra.testing.discord_server.gateway import MEMBERS
from rostra.testing.discord_server.world import World


@pytest.fixture
async def server() -> AsyncGenerator[DiscordServer]:
    async with serving() as made:
        yield made


def texts(client: Echo | ShardedEcho) -> list[str]:
    return [message.content for message in client.heard]


@pytest.mark.parametrize("code", [None, 4000, 1000])
async def test_what_is_said_while_the_connection_is_broken_comes_after(
    server: DiscordServer, code: int | None
) -> None:
    client = Echo()
    async with running(client, server):
        server.people.say("before")
        await server.until_seen("echo: before")
        server.gateway.drop(code=code)
        server.people.say("meanwhile")
        await server.until_seen("echo: meanwhile")
        server.people.say("after")
        await server.until_seen("echo: after")
    assert texts(client) == ["before", "meanwhile", "after"]
    assert (server.gateway.resumed, len(server.gateway.identified)) == (1, 1)


async def test_a_resume_may_replay_what_was_seen(server: DiscordServer) -> None:
    client = Echo()
    async with running(client, server):
        for text in ("one", "two"):
            server.people.say(text)
            await server.until_seen(f"echo: {text}")
        # The last four events are two messages and the two echoes of them.
        server.gateway.drop(rewind=4)
        await server.until(lambda: server.gateway.resumed)
        server.people.say("three")
        await server.until_seen("echo: three")
    assert texts(client) == ["one", "two", "one", "two", "three"]
    assert len({message.id for message in client.heard}) == 3


async def test_a_deployment_asks_to_reconnect(server: DiscordServer) -> None:
    client = Echo()
    async with running(client, server):
        server.gateway.ask_to_reconnect()
        await server.until(lambda: server.gateway.resumed == 1)
        server.people.say("still there?")
        await server.until_seen("echo: still there?")
    assert server.gateway.close_codes[0] == 4000


async def test_an_invalid_session_is_begun_anew(server: DiscordServer) -> None:
    client = Echo()
    async with running(client, server):
        server.gateway.invalidate()
        await server.until(lambda: len(server.gateway.identified) == 2)
        server.people.say("still there?")
        await server.until_seen("echo: still there?")
    assert server.gateway.resumed == 0


async def test_a_resume_can_be_refused(server: DiscordServer) -> None:
    client = Echo()
    server.gateway.refuse_resume = True
    async with running(client, server):
        server.gateway.drop()
        await server.until(lambda: len(server.gateway.identified) == 2)
        server.people.say("still there?")
        await server.until_seen("echo: still there?")


async def test_a_silent_socket_answers_heartbeats_and_delivers_nothing(server: DiscordServer) -> None:
    server.gateway.heartbeat_ms = 20
    client = Echo()
    async with running(client, server):
        server.people.say("before")
        await server.until_seen("echo: before")
        server.gateway.fall_silent()
        server.people.say("meanwhile")
        beats = server.gateway.heartbeats
        await server.until(lambda: server.gateway.heartbeats >= beats + 3)
        assert texts(client) == ["before"]
        assert client.latency < 5
        await client.ws.close(4000)
        await server.until_seen("echo: meanwhile")
    assert server.gateway.resumed == 1


async def test_the_gateway_refuses_a_wrong_token(server: DiscordServer) -> None:
    client = Echo()
    async with client:
        await client.login(server.token)
        client.http.token = "another"
        with pytest.raises(discord.ConnectionClosed) as caught:
            await client.connect()
    assert caught.value.code == 4004


async def test_intents_that_were_not_granted_are_refused() -> None:
    async with serving(allowed=MEMBERS) as server:
        client = Echo()
        async with client:
            with pytest.raises(discord.PrivilegedIntentsRequired):
                await client.start(server.token)


async def test_intents_that_do_not_exist_are_refused(server: DiscordServer) -> None:
    client = Echo(intents=discord.Intents._from_value(1 << 40))  # pyright: ignore[reportPrivateUsage]  no public way
    async with client:
        with pytest.raises(discord.ConnectionClosed) as caught:
            await client.start(server.token)
    assert caught.value.code == 4013


async def test_shards_get_guilds_in_turn_however_much_time_passes_between_two() -> None:
    clock = ManualClock()
    world = World(clock=clock)
    found: list[int] = []
    for milliseconds in (0, 1, 2, 3, 14, 1000):
        await clock.advance(milliseconds / 1000)
        found.append(world.guild("one").id)
    assert [ident >> 22 for ident in found] == sorted({ident >> 22 for ident in found})
    for shards in (1, 2, 3):
        assert [(ident >> 22) % shards for ident in found] == [at % shards for at in range(6)]
    assert world.person("ann").id > found[-1]


async def test_shards_hear_of_their_own_guilds() -> None:
    async with serving(shards=2) as server:
        away = server.world.guild("away")
        there = server.world.channel("there", away)
        client = ShardedEcho()
        async with running(client, server, shards=2):
            server.people.say("here")
            server.people.say("over there", channel=there)
            server.people.dm("to the first shard")
            await server.until(lambda: len(client.heard) == 3)
            shards = {message.guild.shard_id for message in client.heard if message.guild}
    assert shards == {0, 1}
    assert [session["shard"] for session in server.gateway.identified] == [[0, 2], [1, 2]]


async def test_members_are_told_when_asked_for(server: DiscordServer) -> None:
    client = Echo()
    async with running(client, server):
        server.people.say("hello")
        await server.until_seen("echo: hello")
        found = await client.guilds[0].query_members(user_ids=[server.ann.id])
    assert [member.name for member in found] == ["ann"]


async def test_waiting_ends_with_an_error(server: DiscordServer) -> None:
    async with running(Echo(), server):
        with pytest.raises(TimeoutError, match="GET /users/@me 200"):
            await server.until(lambda: False, seconds=0.01)


async def test_a_restarted_bot_goes_on_where_the_first_ended(server: DiscordServer) -> None:
    async with running(Echo(), server):
        server.people.say("to the first")
        await server.until_seen("echo: to the first")
    server.people.say("to the second")
    second = Echo()
    async with running(second, server):
        await server.until_seen("echo: to the second")
    assert texts(second) == ["to the second"]


async def test_a_thousand_messages_come_once_each(server: DiscordServer) -> None:
    client = Echo()
    came = asyncio.Event()

    @client.event
    async def on_message(message: discord.Message) -> None:
        client.heard.append(message)
        if len(client.heard) == 1000:
            came.set()

    async with running(client, server):
        for number in range(1000):
            server.people.say(str(number))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(20):
                await came.wait()
    assert texts(client) == [str(number) for number in range(1000)]
