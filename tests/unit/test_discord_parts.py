"""Discord: budget, chains, watch, settings, findings; each by itself."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import aiohttp
import discord
import pytest
import yarl
from discord.http import Route
from discord_stand import TOKEN, stand
from pydantic import ValidationError

from rostra.clock import Clock
from rostra.components import Services
from rostra.errors import AdapterError, ConfigError, Rejected
from rostra.places import Place
from rostra.testing.clock import ManualClock, settle
from rostra_adapters.budget import Budget
from rostra_adapters.discord import doctor, wire
from rostra_adapters.discord.chains import STEPS, Chains, Link
from rostra_adapters.discord.client import Client, intents
from rostra_adapters.discord.component import component
from rostra_adapters.discord.failures import Gone, TokenOver, as_ours, cannot_start, patiently
from rostra_adapters.discord.headers import heard_by, purse
from rostra_adapters.discord.invite import NEEDED, application_of
from rostra_adapters.discord.memory import KNOWN, Memory
from rostra_adapters.discord.settings import DiscordSettings
from rostra_adapters.discord.watch import Watch


def settings(**given: Any) -> DiscordSettings:
    return DiscordSettings.model_validate({"token": TOKEN, **given})


# The budget of changes.


def budget_of(clock: ManualClock) -> Budget:
    return Budget(clock, changes=5, seconds=5.0, reserve=2.0)


async def test_growing_leaves_room_for_what_ends() -> None:
    clock = ManualClock()
    budget = budget_of(clock)
    assert [budget.affords("c") for _ in range(6)] == [True, True, True, False, False, False]
    for _ in range(2):
        await budget.spend("c")
    assert clock.monotonic() == 0


async def test_what_ends_waits_its_turn_and_what_grows_is_left_out() -> None:
    clock = ManualClock()
    budget = budget_of(clock)
    done: list[int] = []

    async def spend(number: int) -> None:
        await budget.spend("c")
        done.append(number)

    tasks = [asyncio.ensure_future(spend(number)) for number in range(8)]
    await settle()
    assert done == [0, 1, 2, 3, 4]
    await clock.advance(1.0)
    assert done == [0, 1, 2, 3, 4, 5]
    assert not budget.affords("c")
    assert budget.affords("other")
    await clock.advance(2.0)
    assert done == list(range(8))
    await asyncio.gather(*tasks)


async def test_a_channel_that_is_to_be_left_alone_is() -> None:
    clock = ManualClock()
    budget = budget_of(clock)
    budget.cool_off("c", 4.0)
    assert not budget.affords("c")
    task = asyncio.ensure_future(budget.spend("c"))
    await clock.advance(3.9)
    assert not task.done()
    await clock.advance(0.2)
    assert task.done()
    budget.cool_off("c", 60.0)
    with pytest.raises(AdapterError) as refused:
        await budget.spend("c")
    assert refused.value.retry_after == pytest.approx(60.0)
    await budget.opened("d")
    budget.cool_off_everywhere(1.0)
    assert not budget.affords("e")


@pytest.mark.parametrize(
    ("status", "headers", "method", "closed"),
    [
        (429, {"Retry-After": "3"}, "PATCH", ["7"]),
        (429, {"Retry-After": "3"}, "POST", ["7+"]),
        (429, {"Retry-After": "3", "X-RateLimit-Scope": "global"}, "PATCH", ["7", "7+"]),
        (200, {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset-After": "2.5"}, "POST", ["7+"]),
        (200, {"X-RateLimit-Remaining": "1", "X-RateLimit-Reset-After": "2.5"}, "POST", []),
        (429, {"Retry-After": "soon"}, "PATCH", []),
    ],
)
async def test_what_discord_says_of_its_limits_is_heard(
    status: int, headers: dict[str, str], method: str, closed: list[str]
) -> None:
    budget = budget_of(ManualClock())
    heard = heard_by(budget).on_request_end[0]
    given = SimpleNamespace(
        method=method,
        url=yarl.URL("https://discord.com/api/v10/channels/7/messages/8"),
        response=SimpleNamespace(status=status, headers=headers),
    )
    await cast("Any", heard)(None, None, given)
    kinds = [purse("7", sends=False), purse("7", sends=True)]
    assert [kind for kind in kinds if not budget.affords(kind)] == closed


# Chains of replies.


async def test_a_chain_is_walked_to_its_root_once() -> None:
    chains, asked = Chains(), list[str]()

    async def fetch(id_: str) -> Link | None:
        asked.append(id_)
        number = int(id_)
        return Link(id=id_, answers=str(number - 1) if number > 1 else None)

    assert await chains.find(Link(id="5", answers="4"), fetch) == "1"
    assert asked == ["4", "3", "2", "1"]
    assert await chains.find(Link(id="6", answers="3"), fetch) == "1"
    assert len(asked) == 4


@pytest.mark.parametrize(("circle", "steps"), [(False, STEPS), (True, 2)])
async def test_a_walk_ends(circle: bool, steps: int) -> None:
    chains, asked = Chains(), list[str]()

    async def fetch(id_: str) -> Link | None:
        asked.append(id_)
        return Link(id=id_, answers={"a": "b", "b": "a"}[id_] if circle else id_ + "x")

    await chains.find(Link(id="s", answers="a"), fetch)
    assert len(asked) == steps


async def test_a_chain_with_a_hole_begins_after_it() -> None:
    async def fetch(id_: str) -> Link | None:
        return None

    assert await Chains().find(Link(id="2", answers="1"), fetch) == "1"


def test_memory_is_bounded() -> None:
    memory = Memory()
    where = Place(adapter="d", channel="c", thread="r")
    memory.keep(where, (str(number) for number in range(KNOWN + 10)))
    assert memory.place_of("0") is None
    assert memory.place_of(str(KNOWN)) == where
    memory.forget(str(KNOWN))
    assert memory.place_of(str(KNOWN)) is None


# The watch.


@dataclass
class Socket:
    """A shard's socket: ``sequence`` grows when something comes; ``deaf`` answers no probe."""

    sequence: int | None = 1
    deaf: bool = False
    asked: int = 0
    closed: list[int] = field(default_factory=list[int])
    stuck: bool = False

    async def request_chunks(self, guild: int, **given: Any) -> None:
        self.asked += 1
        if not self.deaf and self.sequence is not None:
            self.sequence += 1

    async def close(self, code: int) -> None:
        self.closed.append(code)
        if self.stuck:
            await asyncio.Event().wait()


def watched(socket: Socket, clock: Clock, *, guilds: int = 1) -> Watch:
    def get(*, shard_id: int) -> Socket:
        return socket

    client = SimpleNamespace(
        shards={0: None},
        guilds=[SimpleNamespace(id=1, shard_id=0)] * guilds,
        user=SimpleNamespace(id=2),
        _get_websocket=get,
    )
    return Watch(cast("discord.AutoShardedClient", client), clock, silence=60, probe=10)


async def advanced(watch: Watch, clock: ManualClock, seconds: float, each: float = 5.0) -> None:
    task = asyncio.ensure_future(watch.run())
    passed = 0.0
    while passed < seconds:
        await clock.advance(each)
        passed += each
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_socket_that_answers_is_left_alone() -> None:
    clock, socket = ManualClock(), Socket()
    await advanced(watched(socket, clock), clock, 600)
    assert socket.asked >= 5
    assert socket.closed == []


async def test_a_busy_socket_is_asked_nothing() -> None:
    clock, socket = ManualClock(), Socket()
    watch = watched(socket, clock)
    task = asyncio.ensure_future(watch.run())
    for _ in range(60):
        socket.sequence = (socket.sequence or 0) + 1
        await clock.advance(10)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert socket.asked == 0


@pytest.mark.parametrize("stuck", [False, True])
async def test_a_socket_that_delivers_nothing_is_closed_so_that_it_resumes(stuck: bool) -> None:
    clock, socket = ManualClock(), Socket(deaf=True, stuck=stuck)
    await advanced(watched(socket, clock), clock, 100)
    assert socket.closed == [4000]
    assert socket.asked == 1


async def test_a_shard_without_a_server_is_connected_anew_after_a_long_silence() -> None:
    clock, socket = ManualClock(), Socket()
    watch = watched(socket, clock, guilds=0)
    await advanced(watch, clock, 460)
    assert socket.closed == []
    await advanced(watch, clock, 60)
    assert socket.closed == [4000]


# Failures.


def refused(status: int, code: int = 0, **headers: str) -> discord.HTTPException:
    response = SimpleNamespace(status=status, reason="no", headers=headers)
    return discord.HTTPException(cast("Any", response), {"code": code, "message": "the secret text"})


@pytest.mark.parametrize(
    ("error", "kind", "wait"),
    [
        (refused(403, 50013), Rejected, None),
        (refused(404, 10003), Rejected, None),
        (refused(404, 10008), Gone, None),
        (refused(401, 50027), TokenOver, None),
        (refused(400, 50035), Rejected, None),
        (refused(429, 0, **{"Retry-After": "7"}), AdapterError, 7.0),
        (refused(429, 0, **{"Retry-After": "99999"}), AdapterError, 300.0),
        (refused(500), AdapterError, None),
        (refused(503, 0, **{"Retry-After": "x"}), AdapterError, None),
        (discord.RateLimited(3.0), AdapterError, 3.0),
        (aiohttp.ClientConnectionError("secret"), AdapterError, None),
        (TimeoutError(), AdapterError, None),
        (RuntimeError("Session is closed"), AdapterError, None),
        (ValueError("too long: the secret text"), Rejected, None),
    ],
)
def test_refusals_are_ours_and_tell_no_text(
    error: Exception, kind: type[AdapterError], wait: float | None
) -> None:
    with pytest.raises(AdapterError) as caught, as_ours("sending"):
        raise error
    assert type(caught.value) is kind
    assert caught.value.retry_after == wait
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (discord.LoginFailure("no"), ConfigError, "token"),
        (discord.PrivilegedIntentsRequired(0), ConfigError, "message content intent"),
        (refused(500), AdapterError, "500"),
        (discord.RateLimited(9.0), AdapterError, "rate limited"),
        (OSError("x"), AdapterError, "unreachable"),
    ],
)
def test_why_it_cannot_start_says_what_would_help(error: Exception, kind: type[Exception], says: str) -> None:
    found = cannot_start(error, "mine")
    assert type(found) is kind
    assert says in str(found)
    assert "[adapters.mine]" in str(found)


async def test_what_no_reply_waits_for_is_tried_again_when_discord_says() -> None:
    clock, tries = ManualClock(), list[float]()

    async def call() -> str:
        tries.append(clock.monotonic())
        if len(tries) < 3:
            raise discord.RateLimited(5.0)
        return "done"

    task = asyncio.ensure_future(patiently(clock, "trying", call))
    await clock.advance(20.0)
    assert await task == "done"
    assert tries == [0.0, 5.0, 10.0]


# Settings.


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"token": "  "}, "is empty"),
        ({"listen": ["1"]}, "message_content = true"),
        ({"guilds": ["my server"]}, "pattern"),
        ({"api": "discord.com"}, "pattern"),
        ({"most_messages": 0}, "greater than or equal to 1"),
        ({"shard": 1}, "Extra inputs"),
    ],
)
def test_settings_that_cannot_be_right_are_refused(given: dict[str, Any], says: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        settings(**given)
    assert says in str(refusal.value)


def test_a_token_is_taken_as_people_copy_it_and_never_shown() -> None:
    made = settings(token=f" Bot {TOKEN}\n", guilds=[123])
    assert made.token.get_secret_value() == TOKEN
    assert made.guilds == ("123",)
    assert TOKEN not in repr(made)


def test_nothing_that_needs_permission_is_asked_of_discord_by_default() -> None:
    wanted = intents(settings())
    assert not any((wanted.message_content, wanted.members, wanted.presences))
    assert wanted.guild_messages
    assert wanted.dm_messages
    assert intents(settings(message_content=True)).message_content


def test_one_process_speaks_with_one_discord() -> None:
    wire.at("http://127.0.0.1:1/api")
    try:
        wire.at("http://127.0.0.1:1/api")
        with pytest.raises(ConfigError):
            wire.at("http://127.0.0.1:2/api")
        wire.left("http://127.0.0.1:1/api")
        with pytest.raises(ConfigError):
            wire.at("http://127.0.0.1:2/api")
    finally:
        wire.left("http://127.0.0.1:1/api")
    assert Route.BASE == "https://discord.com/api/v10"


# Setting up, and whether it works.


def services(folder: Path) -> Services:
    return Services(name="discord", data=folder, base=folder, clock=ManualClock())


@pytest.mark.parametrize(("message_content", "says"), [(False, "leave all of them off"), (True, "switch on")])
def test_setting_up_says_what_to_do_with_the_least_permissions(
    tmp_path: Path, message_content: bool, says: str
) -> None:
    assert component.setup is not None
    told = component.setup(settings(message_content=message_content), services(tmp_path))
    assert "client_id=123456789012345678&scope=bot+applications.commands" in told
    assert f"permissions={NEEDED.value}" in told
    assert "administrator" not in told.lower()
    assert says in told
    assert TOKEN not in told


@pytest.mark.parametrize("token", ["x", "!!!.y", "eA==.y", ""])
def test_a_token_that_tells_no_id_leaves_a_gap(token: str) -> None:
    assert application_of(token) == "YOUR_APPLICATION_ID"


async def test_the_doctor_finds_what_is_missing(tmp_path: Path) -> None:
    async with stand(tmp_path, adapter='guilds = ["42"]') as world:
        client = cast("Client", world.env.bot)
        told = await doctor.examined(client, world.adapter.settings)
        said = "\n".join(f"{one.ok} {one.what} {one.advice}" for one in told)
        assert "True token: Discord knows it as" in said
        assert "message content intent: not asked for" in said
        assert "server 42 of guilds: the bot is not there" in said
        assert "commands:" in said


@pytest.mark.parametrize(
    ("permissions", "ok", "says"),
    [
        (NEEDED.value, True, "has the permissions"),
        (discord.Permissions.all().value, False, "administrator"),
        (discord.Permissions(view_channel=True).value, False, "may not send messages, attach files"),
    ],
)
def test_a_server_where_the_bot_may_too_little_or_too_much_is_named(
    permissions: int, ok: bool, says: str
) -> None:
    found = doctor.server({"id": "7", "permissions": str(permissions)}, "LINK")
    assert found.ok is ok
    assert says in found.what
    assert ok or "LINK" in found.advice


async def test_a_wrong_token_is_found_out_without_being_shown(tmp_path: Path) -> None:
    class Unknown(Client):
        async def login(self, token: str) -> None:
            raise discord.LoginFailure("Improper token has been passed.")

    found = await doctor.examine(settings(), services(tmp_path), make=Unknown)
    assert [one.ok for one in found] == [False]
    assert "make a new one" in found[0].what
    assert TOKEN not in str(found)
