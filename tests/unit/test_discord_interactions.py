"""Discord: commands, menus, buttons, choices and forms."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import discord
import pytest
import simcord
from discord_stand import TOKEN, Stand, bot_of, configured, running, stand

from rostra.actions import Address, Finish
from rostra.events import Event, Invocation, Message, Press, Submit
from rostra.testing.clock import ManualClock
from rostra_adapters.discord.sync import synchronise

PLUGINS = """
from rostra.command import Option, command
from rostra.places import Permission
from rostra.views import Ballot, Button, Buttons, Choice, Choices, Field, Form, Text, View

saved = []

async def tastes(desk, place):
    return ["sweet", "sour", "salty", "a" * 200, *(f"taste {number}" for number in range(40))]

@command("menu", help="Show the menu", options=[Option(name="taste", help="How it tastes", choices=tastes)])
async def menu(call):
    return View(parts=(
        Text(text="What would you like?"),
        Buttons(buttons=(Button(control="/note form", label="Order"), Button(control="/menu sour", label="Sour"))),
        Choices(control="/note pick", prompt="Dishes", choices=(Choice(value="soup of the day", label="Soup"), Choice(value="b", label="Bread")), most=2),
    ))

@command("note form", help="Fill in", options=[Option(name="dish", help="what"), Option(name="why", help="why")])
async def form(call):
    if call.options:
        saved.append(dict(call.options))
        return f"Saved {call.options['dish']}."
    return View(parts=(Form(control="/note form", title="Your order", fields=(
        Field(name="dish", label="Dish"), Field(name="why", label="Why", lines=3, required=False))),))

@command("note open", help="A view with a form")
async def opened(call):
    return View(parts=(Form(control="/note form", title="Your order", fields=(
        Field(name="dish", label="Dish"), Field(name="why", label="Why", lines=3, required=False))),))

@command("note pick", help="Pick", options=[Option(name="what", help="what")])
async def pick(call):
    return View(parts=(Text(text=f"Picked {call.options.get('what')}"),), in_place=True)

@command("note secret", help="Secrets", permission=Permission.OPERATOR)
async def secret(call):
    return View(parts=(Text(text="the secret"),), private=True)

@command("compare", help="Compare")
async def compare(call):
    return View(parts=(Ballot(control="/voted", question="Which?", answers=("red", "blue " * 2000)),))

@command("voted", help="Vote", options=[Option(name="what", help="what")])
async def voted(call):
    return f"Voted {call.options['what']}"
"""

COMMANDS = "\n".join(
    f'[commands.{name}]\nkind = "./plugins.py:{name}"'
    for name in ("menu", "form", "opened", "pick", "secret", "compare", "voted")
)


@pytest.fixture
def config(tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "plugins.py").write_text(PLUGINS, encoding="utf-8")
    return {"more": COMMANDS}


async def used(world: Stand, name: str, /, by: Any = None, channel: Any = None, **options: Any) -> Any:
    result = await (by or world.ann).slash(channel or world.channel, name, **options)
    await world.done()
    return result


async def test_a_command_is_acknowledged_at_once_and_answered_to_its_user_alone(
    tmp_path: Path, config: dict[str, Any]
) -> None:
    async with stand(tmp_path, **config) as world:
        result = await used(world, "persona", name="pirate")
        assert result.ephemeral
        assert "pirate" in result.response.content
        (event,) = world.heard
        assert isinstance(event, Invocation)
        assert (event.path, dict(event.options)) == (("persona",), {"name": "pirate"})


async def test_commands_can_be_answered_for_everybody_but_what_is_private_stays_so(
    tmp_path: Path, config: dict[str, Any]
) -> None:
    async with stand(tmp_path, adapter="quiet_commands = false", **config) as world:
        shown = await used(world, "menu")
        assert not shown.ephemeral
        hidden = await used(world, "help")
        assert hidden.response is None, "what everybody saw begin is gone"
        assert [one.ephemeral for one in hidden.followups] == [True]


async def test_commands_of_operators_are_under_rostra_and_refused_to_others(
    tmp_path: Path, config: dict[str, Any]
) -> None:
    async with stand(tmp_path, **config) as world:
        assert "note secret" not in world.ann.available_commands(world.channel)
        result = await used(world, "rostra note secret")
        assert "the secret" not in result.response.content
        assert "operator" in result.response.content


async def test_a_role_makes_an_operator(tmp_path: Path, config: dict[str, Any]) -> None:
    config["more"] += '\n[permissions]\noperator = ["discord/*:@mods"]'
    async with stand(tmp_path, **config) as world:
        bob = world.guild.add_member(world.env.create_user("bob"), roles=[world.guild.create_role("mods")])
        result = await used(world, "rostra note secret", by=bob)
        assert "the secret" in result.response.content
        assert result.ephemeral


async def test_an_option_is_completed_with_what_it_may_be(tmp_path: Path, config: dict[str, Any]) -> None:
    async with stand(tmp_path, **config) as world:
        names = [one["value"] for one in await world.ann.autocomplete(world.channel, "menu", "taste", "s")]
        assert names[:3] == ["sweet", "sour", "salty"]
        assert len(names) == 25


async def test_ask_is_a_question_that_everybody_sees_answered(tmp_path: Path, config: dict[str, Any]) -> None:
    async with stand(tmp_path, **config) as world:
        result = await used(world, "ask", question="how are you?")
        (event,) = world.heard
        assert isinstance(event, Message)
        assert event.text == "how are you?"
        assert result.response.content == "Fine, thank you."
        assert not result.ephemeral
        assert world.texts() == ["Fine, thank you."]


async def test_an_answer_to_ask_is_replied_to(tmp_path: Path, config: dict[str, Any]) -> None:
    async with stand(tmp_path, **config) as world:
        await used(world, "ask", question="one")
        await world.asks("two", reply_to=world.mine()[0])
        one, two = (event for event in world.heard if isinstance(event, Message))
        assert one.place == two.place
        assert one.place.thread is not None


async def test_a_command_is_about_the_latest_conversation_of_whoever_uses_it(
    tmp_path: Path, config: dict[str, Any]
) -> None:
    async with stand(tmp_path, **config) as world:
        bob = world.guild.add_member(world.env.create_user("bob"))
        said = await world.asks("one")
        await world.asks("two", by=bob)
        result = await used(world, "why")
        assert world.heard[-1].place.thread == str(said.id)
        assert "Stage" in result.response.content
        world.forgets()
        await used(world, "why")
        assert world.heard[-1].place.thread == str(said.id)


async def test_the_menu_of_a_message_asks_why(tmp_path: Path, config: dict[str, Any]) -> None:
    async with stand(tmp_path, **config) as world:
        said = await world.asks("one")
        await world.asks("two")
        result = await world.ann.context_menu(world.channel, "Why?", target=world.mine()[0])
        await world.done()
        event = world.heard[-1]
        assert isinstance(event, Invocation)
        assert event.path == ("why",)
        assert event.options["message"] == str(world.mine()[0].id)
        assert event.place.thread == str(said.id)
        assert result.ephemeral
        assert "Stage" in result.response.content


async def test_messages_have_menus_to_ask_why_and_to_rank_answers(tmp_path: Path) -> None:
    async with stand(tmp_path) as world:
        found = world.env.bot.tree.get_commands(type=discord.AppCommandType.message)
        assert {one.name for one in found} == {"Why?", "Rank answers"}


async def test_a_button_opens_a_form_and_what_is_sent_is_saved(
    tmp_path: Path, config: dict[str, Any]
) -> None:
    async with stand(tmp_path, **config) as world:
        shown = await used(world, "note open")
        opened = await world.ann.click(shown.response, label="Your order …")
        await world.done()
        assert opened.modal is not None
        assert len(world.heard) == 1, "opening a form is no event"
        sent = await world.ann.submit_modal(opened, {"0": "soup", "1": "hungry"})
        await world.done()
        event = world.heard[-1]
        assert isinstance(event, Submit)
        assert dict(event.fields) == {"dish": "soup", "why": "hungry"}
        print(sent, sent.response, world.env.http_requests[-3:])
        print([m.content for m in world.mine()])
        assert "Saved soup." in [one.content for one in sent.followups]


async def test_a_button_runs_what_it_stands_for(tmp_path: Path, config: dict[str, Any]) -> None:
    async with stand(tmp_path, **config) as world:
        shown = await used(world, "menu")
        await world.ann.click(shown.response, label="Sour")
        await world.done()
        event = world.heard[-1]
        assert isinstance(event, Press)
        assert event.control.endswith(".1")
        assert "/menu" not in str(world.env.http_requests[-1].json)


async def test_choices_come_back_as_their_values_and_the_view_changes_in_place(
    tmp_path: Path, config: dict[str, Any]
) -> None:
    async with stand(tmp_path, **config) as world:
        shown = await used(world, "menu")
        await world.ann.select(shown.response, values=["0", "1"])
        await world.done()
        event = world.heard[-1]
        assert isinstance(event, Press)
        assert event.values == ("soup of the day", "b")
        assert shown.response.message.content == "Picked soup of the day b"
        assert not shown.response.message.components


@pytest.mark.slow
async def test_a_form_that_was_opened_before_a_restart_is_saved_after_it(
    tmp_path: Path, config: dict[str, Any]
) -> None:
    clock, heard = ManualClock(), list[Event]()
    file = configured(tmp_path, url="", **config)
    async with AsyncExitStack() as world:
        async with bot_of(file, tmp_path, clock) as (app, adapter):
            env = await world.enter_async_context(simcord.run(adapter.make(), shard_count=1))
            world.enter_context(env.time_context())
            async with running(app, heard):
                before = Stand(env, app, adapter, clock, heard)
                shown = await used(before, "note open")
                opened = await before.ann.click(shown.response, label="Your order …")
                await before.done()
                pressed = await used(before, "menu")
            before.adapter._client = None  # the world goes on; only the bot is another
        async with bot_of(file, tmp_path, clock) as (app, adapter):
            await env.restart_bot(adapter.make())
            world.enter_context(env.time_context())
            async with running(app, heard):
                after = replace(before, app=app, adapter=adapter)
                sent = await before.ann.submit_modal(opened, {"0": "soup", "1": ""})
                await after.done()
                clicked = await before.ann.click(pressed.response, label="Sour")
                await after.done()
    assert [one.content for one in sent.followups] == ["Saved soup."]
    assert [one.content for one in clicked.followups] == ["What would you like?"]
    assert len({event.id for event in heard}) == len(heard) == 4


@pytest.mark.parametrize(
    "id_",
    [
        "rostra:nothing.0",
        "rostra:{reply}.99",
        "rostra:{reply}.0:7",
        "rostra:{reply}.00",
        "rostra:../../etc.0",
        "rostra:{reply}",
        "x" * 100,
    ],
)
async def test_a_custom_id_that_was_tampered_with_leads_nowhere(
    tmp_path: Path, config: dict[str, Any], id_: str
) -> None:
    async with stand(tmp_path, **config) as world:
        shown = await used(world, "menu")
        message = world.env.backend.get_message(world.channel.id, shown.response.id)
        button = message.components[0]["components"][1]
        reply = button["custom_id"].removeprefix("rostra:").partition(".")[0]
        button["custom_id"] = id_.format(reply=reply)
        result = await world.ann.click(shown.response, label="Sour")
        await world.done()
        said = [one.content for one in result.followups]
        assert said in ([], ["This control is no longer valid."], ["What would you like?"], [""])
        assert "99" not in id_ or said == ["This control is no longer valid."]


async def test_a_control_works_in_its_own_channel_alone(tmp_path: Path, config: dict[str, Any]) -> None:
    async with stand(tmp_path, **config) as world:
        shown = await used(world, "menu")
        elsewhere = world.env.create_guild().create_text_channel("elsewhere")
        eve = elsewhere.guild.add_member(world.env.create_user("eve"))
        theirs = await used(world, "menu", by=eve, channel=elsewhere)
        ours = world.env.backend.get_message(world.channel.id, shown.response.id)
        message = world.env.backend.get_message(elsewhere.id, theirs.response.id)
        message.components[0]["components"][1]["custom_id"] = ours.components[0]["components"][1]["custom_id"]
        result = await eve.click(theirs.response, label="Sour")
        await world.done()
        assert [(one.content, one.ephemeral) for one in result.followups] == [
            ("This control is no longer valid.", True)
        ]


async def test_once_the_token_is_over_the_answer_comes_through_the_channel(
    tmp_path: Path, config: dict[str, Any]
) -> None:
    async with stand(tmp_path, **config) as world:
        await used(world, "ask", question="slow")
        address = Address.of(world.heard[0])
        await world.clock.advance(900.0)
        await world.adapter.perform(address, Finish(reply="late", text="Late, but here."), "late")
        assert world.texts() == ["Fine, thank you.", "Late, but here."]
        assert len(world.calls("POST", f"/channels/{world.channel.id}/messages")) == 1


async def test_a_token_that_discord_takes_no_longer_is_not_insisted_on(
    tmp_path: Path, config: dict[str, Any]
) -> None:
    async with stand(tmp_path, **config) as world:
        world.env.inject_error("PATCH", "/webhooks/*", status=401, code=50027)
        await used(world, "ask", question="how are you?")
        assert "Fine, thank you." in world.texts()


async def test_what_is_private_reaches_whoever_mentioned_the_bot_in_a_direct_message(
    tmp_path: Path, config: dict[str, Any]
) -> None:
    async with stand(tmp_path, **config) as world:
        await world.asks("/help")
        assert world.texts() == []
        assert "persona" in world.texts(world.ann.user.dm_channel)[0]


async def test_an_interaction_is_acknowledged_before_it_is_stored(
    tmp_path: Path, config: dict[str, Any]
) -> None:
    async with stand(tmp_path, **config) as world:
        stored = asyncio.Event()
        taken = world.app.reception.store.accept

        async def slow(event: Event) -> Any:
            await stored.wait()
            return await taken(event)

        world.app.reception.store.accept = slow  # type: ignore[method-assign]
        using = asyncio.ensure_future(world.ann.slash(world.channel, "menu"))
        while not world.heard:
            await asyncio.wait([using], timeout=0.005)
        assert [one.json["type"] for one in world.calls("POST", "/callback")] == [5]
        stored.set()
        result = await using
        await world.done()
        assert result.response.content == "What would you like?"


async def test_what_is_pressed_is_acknowledged_even_if_its_view_cannot_be_found_in_time(
    tmp_path: Path, config: dict[str, Any]
) -> None:
    async with stand(tmp_path, **config) as world:
        shown = await used(world, "note open")

        class Stuck:
            async def find(self, place: Any, id: str, by: Any = None) -> Any:  # noqa: A002  its name
                await asyncio.Event().wait()

        world.adapter._hands._controls = Stuck()
        pressing = asyncio.ensure_future(world.ann.click(shown.response, label="Your order …"))
        while not pressing.done():
            await asyncio.wait([pressing], timeout=0.005)
            await world.clock.advance(0.5)
        await world.done()
        assert [one.json["type"] for one in world.calls("POST", "/callback")] == [5, 6]


async def test_a_ballot_is_shown_with_a_button_for_each_answer_and_long_ones_as_files(
    tmp_path: Path, config: dict[str, Any]
) -> None:
    async with stand(tmp_path, **config) as world:
        shown = await used(world, "compare")
        assert shown.response.flags.components_v2
        assert [one.filename for one in shown.response.attachments] == ["B.md"]
        result = await world.ann.click(shown.response, label="A")
        await world.done()
        event = world.heard[-1]
        assert isinstance(event, Press)
        assert event.values == ("A",)
        assert [one.content for one in result.followups] == ["Voted A"]


async def test_a_channel_that_is_not_allowed_says_so_to_whoever_tries(
    tmp_path: Path, config: dict[str, Any]
) -> None:
    async with stand(tmp_path, adapter='channels = ["1"]', **config) as world:
        result = await used(world, "menu")
        assert result.response.content == "I am not at work in this channel."
        assert result.ephemeral
        assert world.heard == []


async def test_commands_are_told_to_discord_once(tmp_path: Path, config: dict[str, Any]) -> None:
    async with stand(tmp_path, **config) as world:
        client = world.env.bot
        assert len(world.calls("PUT", "/commands")) == 1
        services = world.adapter._services
        assert not await synchronise(client, client.tree, services)
        client.tree.remove_command("ask")
        assert await synchronise(client, client.tree, services)
        assert not await synchronise(client, client.tree, services)
        assert len(world.calls("PUT", "/commands")) == 2


async def test_nobody_else_can_use_what_is_for_operators(tmp_path: Path, config: dict[str, Any]) -> None:
    async with stand(tmp_path, **config) as world:
        theirs = [
            one for one in world.env.bot.tree.walk_commands() if one.qualified_name.startswith("rostra ")
        ]
        leaves: list[Any] = [one for one in theirs if isinstance(one, discord.app_commands.Command)]
        assert len(leaves) >= 10
        for one in leaves:
            given = {option.display_name: "1" for option in one.parameters if option.required}
            result = await used(world, one.qualified_name, **given)
            assert result.ephemeral
            assert "operator" in result.response.content or "owner" in result.response.content, (
                one.qualified_name
            )


async def test_neither_tokens_nor_texts_get_into_the_log(
    tmp_path: Path,
    config: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
    capsys: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level("INFO")
    async with stand(tmp_path, **config) as world:
        world.env.inject_error("PATCH", "/webhooks/*", status=500)
        world.env.inject_error("POST", "/channels/*/messages", status=500)
        await used(world, "ask", question="my secret question")
        await world.asks("another secret question")
        tokens = {event.extra["token"] for event in world.heard if "token" in event.extra}
    said = caplog.text + "".join(capsys.readouterr())
    assert "commands told" in said
    assert tokens
    for secret in (TOKEN, "secret", "Fine", *tokens):
        assert secret not in said
