"""The test server's interactions, with an unmodified discord.py on the other side."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from typing import Any

import discord
import pytest
from discord import app_commands
from discord.http import Route
from discord_echo import Echo, running, serving

from rostra.testing.clock import ManualClock
from rostra.testing.discord_server import DiscordServer, Interaction

Asked = discord.Interaction[discord.Client]


@pytest.fixture
async def server() -> AsyncGenerator[DiscordServer]:
    async with serving() as made:
        yield made


class Form(discord.ui.Modal):
    def __init__(self) -> None:
        super().__init__(title="About you", custom_id="form")
        self.name: discord.ui.TextInput[Form] = discord.ui.TextInput(label="Name", custom_id="name")
        self.add_item(self.name)
        choices = [
            discord.SelectOption(label="Red", value="r"),
            discord.SelectOption(label="Blue", value="b"),
        ]
        self.colour: discord.ui.Select[Any] = discord.ui.Select(custom_id="colour", options=choices)
        self.add_item(discord.ui.Label(text="Colour", component=self.colour))

    async def on_submit(self, interaction: Asked) -> None:
        await interaction.response.send_message(
            f"{self.name.value} likes {self.colour.values[0]}", ephemeral=True
        )


class Controls(discord.ui.View):
    """Controls that outlive a restart: no timeout, and ids of their own."""

    def __init__(self) -> None:
        super().__init__(timeout=None)

    @discord.ui.button(label="Open", custom_id="open")
    async def open(self, interaction: Asked, _: Any) -> None:
        await interaction.response.send_modal(Form())

    @discord.ui.button(label="Change", custom_id="change")
    async def change(self, interaction: Asked, _: Any) -> None:
        await interaction.response.edit_message(content="changed", view=None)

    @discord.ui.select(
        placeholder="Pick",
        custom_id="pick",
        options=[discord.SelectOption(label="One", value="1"), discord.SelectOption(label="Two", value="2")],
    )
    async def pick(self, interaction: Asked, select: discord.ui.Select[Any]) -> None:
        await interaction.response.send_message(f"picked {select.values[0]}")


class Commanded(Echo):
    """A bot with commands."""

    def __init__(self) -> None:
        super().__init__()
        self.late = asyncio.Event()
        self.tried = asyncio.Event()
        self.failed: list[Exception] = []

        @self.tree.command(name="ask", description="Ask")
        async def ask(interaction: Asked, question: str) -> None:
            await interaction.response.defer(thinking=True)
            await interaction.edit_original_response(content=f"answer to {question}")
            await interaction.followup.send("and more")

        @self.tree.command(name="slow", description="Answer too late")
        async def slow(interaction: Asked) -> None:
            await self.late.wait()
            await self.respond(interaction)

        @self.tree.command(name="show", description="Show controls")
        async def show(interaction: Asked) -> None:
            await interaction.response.send_message("here", view=Controls())

        group = app_commands.Group(name="rostra", description="Operate")
        policy = app_commands.Group(name="policy", description="Policies", parent=group)

        @policy.command(name="show", description="Show one")
        async def policy_show(interaction: Asked, name: str) -> None:
            await interaction.response.send_message(f"policy {name}", ephemeral=True)

        @policy_show.autocomplete("name")
        async def names(_: Asked, typed: str) -> list[app_commands.Choice[str]]:
            known = ("strict", "stern", "kind")
            return [app_commands.Choice(name=one, value=one) for one in known if one.startswith(typed)]

        self.tree.add_command(group)

        @self.tree.context_menu(name="Why?")
        async def why(interaction: Asked, message: discord.Message) -> None:
            await interaction.response.send_message(f"why {message.content}?")

    async def respond(self, interaction: Asked) -> None:
        try:
            await interaction.response.send_message("late")
        except discord.HTTPException as error:
            self.failed.append(error)
        self.tried.set()

    async def setup_hook(self) -> None:
        self.add_view(Controls())
        await self.tree.sync()


async def answered(server: DiscordServer, interaction: Interaction) -> str:
    await server.until(lambda: interaction.answered)
    return interaction.seen


async def test_a_slash_command_is_deferred_answered_and_followed(server: DiscordServer) -> None:
    async with running(Commanded(), server):
        one = server.people.slash("ask", {"question": "all"})
        await server.until(lambda: one.followups)
    assert one.answer == 5
    assert one.seen == "answer to all\nand more"
    assert server.acknowledged[0] < 3


async def test_sub_commands_complete_and_answer_privately(server: DiscordServer) -> None:
    bob = server.world.person("bob", guild=server.home)
    async with running(Commanded(), server):
        typed = server.people.complete("rostra policy show", "name", "st")
        await server.until(lambda: typed.answered)
        one = server.people.slash("rostra policy show", {"name": "strict"})
        assert await answered(server, one) == "policy strict"
    assert [choice["value"] for choice in typed.choices] == ["strict", "stern"]
    assert server.seen(by=server.ann) == ["policy strict"]
    assert server.seen(by=bob) == []


async def test_a_context_menu_carries_its_message(server: DiscordServer) -> None:
    async with running(Commanded(), server):
        post = server.people.say("that")
        assert await answered(server, server.people.context("Why?", post)) == "why that?"


async def test_buttons_menus_and_forms_work_after_a_restart(server: DiscordServer) -> None:
    async with running(Commanded(), server):
        await answered(server, server.people.slash("show"))
    async with running(Commanded(), server):
        assert await answered(server, server.people.select("Two")) == "picked 2"
        opened = server.people.press("Open")
        await server.until(lambda: opened.modal)
        sent = server.people.submit({"Name": "Ann", "Colour": "Blue"})
        assert await answered(server, sent) == "Ann likes b"
        assert await answered(server, server.people.press("Change")) == "changed"
    assert opened.answer == 9
    with pytest.raises(LookupError):
        server.people.press("Open")


async def test_what_people_cannot_do_is_an_error(server: DiscordServer) -> None:
    async with running(Commanded(), server):
        await answered(server, server.people.slash("show"))
        impossible: list[Callable[[], Interaction]] = [
            lambda: server.people.slash("nothing"),
            lambda: server.people.slash("rostra policy"),
            lambda: server.people.slash("ask"),
            lambda: server.people.slash("ask", {"what": "?"}),
            lambda: server.people.press("Nowhere"),
            lambda: server.people.select("Three"),
            lambda: server.people.submit({"Name": "Ann"}),
        ]
        for attempt in impossible:
            with pytest.raises(LookupError):
                attempt()


async def test_an_answer_after_three_seconds_of_the_clock_is_too_late() -> None:
    clock = ManualClock()
    async with serving(clock=clock) as server:
        client = Commanded()
        async with running(client, server):
            one = server.people.slash("slow")
            await clock.advance(3.5)
            client.late.set()
            await client.tried.wait()
    assert isinstance(client.failed[0], discord.NotFound)
    assert client.failed[0].code == 10062
    assert not one.acknowledged


async def test_an_interactions_token_ends_after_a_quarter_of_an_hour() -> None:
    clock = ManualClock()
    async with serving(clock=clock) as server:
        client = Commanded()
        async with running(client, server):
            one = server.people.slash("ask", {"question": "all"})
            await server.until(lambda: one.followups)
            await clock.advance(901)
            webhook = discord.Webhook.partial(server.bot.id, one.token, client=client)
            with pytest.raises(discord.HTTPException) as caught:
                await webhook.edit_message("@original", content="too late")  # type: ignore[call-overload]  # pyright: ignore[reportArgumentType]
    assert (caught.value.status, caught.value.code) == (401, 50027)


async def test_nothing_is_answered_twice(server: DiscordServer) -> None:
    client = Commanded()
    async with running(client, server):
        one = server.people.slash("ask", {"question": "all"})
        await server.until(lambda: one.followups)
        body = {"type": 4, "data": {"content": "again"}}
        route = Route("POST", f"/interactions/{one.id}/{one.token}/callback")
        with pytest.raises(discord.HTTPException) as caught:
            await client.http.request(route, json=body)
    assert caught.value.code == 40060


async def test_commands_are_kept_as_registered_and_keep_their_ids(server: DiscordServer) -> None:
    client = Commanded()
    async with running(client, server):
        first = await client.tree.fetch_commands()
        again = await client.tree.sync()
        await first[0].edit(description="Changed")
        await again[1].delete()
        left = await client.tree.fetch_commands()
    assert [one.id for one in first] == [one.id for one in again]
    assert sorted(one.name for one in first) == ["Why?", "ask", "rostra", "show", "slow"]
    assert len(left) == 4
    assert "Changed" in {getattr(one, "description", "") for one in left}


async def test_a_command_that_discord_would_not_take_is_refused(server: DiscordServer) -> None:
    client = Commanded()
    async with running(client, server):
        bad = {"name": "Upper", "description": "x", "type": 1}
        with pytest.raises(discord.HTTPException) as caught:
            await client.http.upsert_global_command(server.bot.id, bad)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    assert caught.value.code == 50035


async def test_interaction_tokens_are_masked_in_calls(server: DiscordServer) -> None:
    async with running(Commanded(), server):
        one = server.people.slash("ask", {"question": "all"})
        await server.until(lambda: one.followups)
    assert one.token not in repr(server.calls)
    assert f"/interactions/{one.id}/…/callback" in {call.path for call in server.calls}


async def test_made_up_custom_ids_reach_the_bot(server: DiscordServer) -> None:
    client = Commanded()
    came: list[str | None] = []

    @client.event
    async def on_interaction(interaction: Asked) -> None:
        came.append(interaction.custom_id)
        server.watch.changed()

    async with running(client, server):
        await answered(server, server.people.slash("show"))
        server.people.forge("made-up", server.people.sees()[0])
        await server.until(lambda: "made-up" in came)
