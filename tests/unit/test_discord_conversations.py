"""Discord: what people write, and what they are answered."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from discord_stand import Stand, stand

from rostra.actions import Address, Begin, Finish, Replace, Retract
from rostra.events import Deleted, Edited, Message, Reaction
from rostra.places import Place
from rostra_adapters.discord.adapter import Discord

LONG = "\n\n".join(
    f"Paragraph {number} says little.\n\n```python\nprint('{number}')\n{'x = 1' * 200}\n```"
    for number in range(30)
)


def messages(world: Stand) -> list[Message]:
    return [event for event in world.heard if isinstance(event, Message)]


async def test_a_mention_is_answered_in_a_reply(tmp_path: Path) -> None:
    async with stand(tmp_path) as world:
        said = await world.asks("how are you?")
        assert world.texts() == ["Fine, thank you."]
        reference = world.mine()[0].reference
        assert reference is not None
        assert reference.message_id == said.id
        assert [event.text for event in messages(world)] == ["how are you?"]


async def test_an_answer_grows_by_edits_of_one_message(tmp_path: Path) -> None:
    answer = "One sentence. And another one. And a third one follows. " * 4
    async with stand(tmp_path, answers={"tell me": answer}, piece=16, seconds=0.5) as world:
        await world.asks("tell me")
        assert world.texts() == [answer]
        assert len(world.calls("POST", f"/channels/{world.channel.id}/messages")) == 1
        assert 2 <= len(world.calls("PATCH", "/messages/")) <= 6


async def test_a_harmful_question_gets_a_template(tmp_path: Path) -> None:
    async with stand(tmp_path) as world:
        await world.asks("how do I make a zorblax at home?")
        assert len(world.texts()) == 1
        assert "Fine" not in world.texts()[0]
        assert "zorblax" not in world.texts()[0]


async def test_an_answer_that_turns_bad_is_taken_back(tmp_path: Path) -> None:
    good = "It begins well. It goes on well. Quite a few good sentences are said. " * 3
    answers = {"tell me": f"{good} And now the zorblax appears. The end."}
    async with stand(tmp_path, answers=answers, piece=16, seconds=0.5) as world:
        await world.asks("tell me")
        assert len(world.texts()) == 1
        assert "begins well" not in world.texts()[0]
        assert "zorblax" not in world.env.transcript()
        assert any("begins well" in str(one.json) for one in world.calls("POST", "/messages"))


async def test_a_direct_message_needs_no_mention(tmp_path: Path) -> None:
    async with stand(tmp_path) as world:
        await world.ann.send_dm("hello there")
        await world.done()
        event = messages(world)[0]
        assert (event.text, event.place.workspace, event.place.thread) == ("hello there", "", None)
        assert world.texts(world.ann.user.dm_channel) == ["Fine, thank you."]


async def test_direct_messages_can_be_switched_off(tmp_path: Path) -> None:
    async with stand(tmp_path, adapter="direct_messages = false") as world:
        await world.ann.send_dm("hello there")
        await world.done()
        assert world.heard == []


async def test_what_is_not_for_the_bot_is_not_looked_at(tmp_path: Path) -> None:
    async with stand(tmp_path, adapter="message_content = true") as world:
        await world.ann.send(world.channel, "just talking, @everyone")
        await world.done()
        assert world.heard == []


async def test_a_reply_to_the_bot_goes_on_with_the_conversation(tmp_path: Path) -> None:
    async with stand(tmp_path) as world:
        first = await world.asks("one")
        await world.asks("two", reply_to=world.mine()[0])
        await world.asks("three")
        places = [event.place.thread for event in messages(world)]
        assert places[0] == places[1] == str(first.id)
        assert places[2] not in places[:2]


async def test_a_conversation_is_found_again_after_a_restart(tmp_path: Path) -> None:
    async with stand(tmp_path) as world:
        first = await world.asks("one")
        await world.asks("two", reply_to=world.mine()[0])
        world.forgets()
        await world.asks("three", reply_to=world.mine()[-1])
        assert messages(world)[-1].place.thread == str(first.id)


async def test_a_thread_is_one_conversation_of_its_channel(tmp_path: Path) -> None:
    async with stand(tmp_path) as world:
        thread = await world.thread("talk")
        await world.asks("in here", channel=thread)
        assert messages(world)[0].place == Place(
            adapter="discord",
            workspace=str(world.guild.id),
            channel=str(world.channel.id),
            thread=str(thread.id),
        )
        assert world.texts(thread) == ["Fine, thank you."]


async def test_where_the_bot_listens_everything_is_a_question_of_one_conversation(tmp_path: Path) -> None:
    async with stand(tmp_path, adapter='message_content = true\nlisten = ["1"]') as world:
        await world.ann.send(world.channel, "no mention")
        await world.done()
        assert world.heard == []
    # The id of a channel is known once there is one: simcord gives the same ids every time.
    adapter = f'message_content = true\nlisten = ["{world.channel.id}"]'
    async with stand(tmp_path, adapter=adapter) as world:
        for text in ("one", "two"):
            await world.ann.send(world.channel, text)
            await world.done()
        assert [(event.text, event.place.thread) for event in messages(world)] == [
            ("one", None),
            ("two", None),
        ]


async def test_other_servers_and_channels_are_left_alone(tmp_path: Path) -> None:
    async with stand(tmp_path, adapter='guilds = ["1"]') as world:
        await world.asks("anybody there?")
        assert world.heard == []
    adapter = f'channels = ["{world.channel.id}"]'
    async with stand(tmp_path, adapter=adapter) as world:
        other = world.guild.create_text_channel("other")
        await world.asks("anybody there?", channel=other)
        await world.asks("anybody here?")
        assert [event.text for event in messages(world)] == ["anybody here?"]


async def test_bots_are_heard_and_not_answered(tmp_path: Path) -> None:
    async with stand(tmp_path) as world:
        bot = world.guild.add_member(world.env.create_user("other", bot=True))
        await world.asks("are you one too?", by=bot)
        assert [event.author.kind for event in messages(world)] == ["bot"]
        assert world.texts() == []


async def test_roles_come_by_id_and_by_name_without_that_of_everybody(tmp_path: Path) -> None:
    async with stand(tmp_path) as world:
        role = world.guild.create_role("moderators")
        bob = world.guild.add_member(world.env.create_user("bob"), roles=[role])
        await world.asks("who am I?", by=bob)
        assert messages(world)[0].author.roles == {"moderators", str(role.id)}


async def test_mentions_of_others_are_read_as_names(tmp_path: Path) -> None:
    async with stand(tmp_path) as world:
        await world.asks(f"ask {world.ann.mention} about {world.channel.mention}")
        assert messages(world)[0].text == "ask @ann about #general"


async def test_edits_deletions_and_reactions_of_a_conversation_are_passed_on(tmp_path: Path) -> None:
    async with stand(tmp_path) as world:
        said = await world.asks("first")
        other = await world.ann.send(world.channel, "not for the bot")
        answer = world.mine()[0]
        await world.ann.edit(said, f"{world.me} second")
        await world.ann.react(answer, "👍")
        await world.ann.unreact(answer, "👍")
        await world.ann.react(other, "👎")
        await world.ann.delete(said)
        await world.ann.delete(other)
        await world.done()
        edited, liked, unliked, deleted = world.heard[1:]
        assert isinstance(edited, Edited)
        assert (edited.target, edited.text) == (str(said.id), "second")
        assert isinstance(liked, Reaction)
        assert isinstance(unliked, Reaction)
        assert (liked.target, liked.emoji, liked.added, unliked.added) == (str(answer.id), "👍", True, False)
        assert isinstance(deleted, Deleted)
        assert deleted.target == str(said.id)
        assert len({event.id for event in world.heard}) == 5


async def test_a_reaction_that_discord_repeats_keeps_its_id(tmp_path: Path) -> None:
    async with stand(tmp_path) as world:
        await world.asks("first")
        answer = world.mine()[0]
        await world.ann.react(answer, "👍")
        payload = next(
            given for _, name, given in world.env.backend.transcript if name == "MESSAGE_REACTION_ADD"
        )
        world.env.backend.emit("MESSAGE_REACTION_ADD", payload)
        await world.env.settle()
        await world.done()
        first, second = (event for event in world.heard if isinstance(event, Reaction))
        assert first.id == second.id


async def test_a_message_that_discord_repeats_is_answered_once(tmp_path: Path) -> None:
    async with stand(tmp_path) as world:
        await world.asks("only once")
        payload = next(given for _, name, given in world.env.backend.transcript if name == "MESSAGE_CREATE")
        world.env.backend.emit("MESSAGE_CREATE", payload)
        await world.env.settle()
        await world.done()
        assert len(world.heard) == 2
        assert world.texts() == ["Fine, thank you."]


async def test_a_text_file_is_part_of_the_question(tmp_path: Path) -> None:
    async with stand(tmp_path) as world:
        await world.asks("summarise", attachments=[("notes.txt", b"milk, eggs")])
        file = messages(world)[0].attachments[0]
        assert (file.name, file.text) == ("notes.txt", "milk, eggs")
        assert world.texts() == ["Fine, thank you."]


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("cat.png", b"\x89PNG\r\n"),
        ("big.txt", b"x" * 200),
        ("odd.txt", b"\xff\xfe\xff"),
        ("nul.txt", b"a\0b"),
    ],
)
async def test_what_cannot_be_read_as_text_is_not_judged_and_so_refused(
    tmp_path: Path, name: str, data: bytes
) -> None:
    async with stand(tmp_path, adapter="attachment_bytes = 100") as world:
        await world.asks("look at this", attachments=[(name, data)])
        assert messages(world)[0].attachments[0].text is None
        assert "Fine" not in world.texts()[0]


async def test_what_somebody_else_wrote_is_read_when_it_is_asked_about(tmp_path: Path) -> None:
    async with stand(tmp_path, adapter="message_content = true") as world:
        bob = world.guild.add_member(world.env.create_user("bob"))
        said = await bob.send(world.channel, "E = mc²")
        await world.asks("what is this?", reply_to=said)
        event = messages(world)[0]
        assert [(one.name, one.text) for one in event.attachments] == [("the message replied to", "E = mc²")]
        assert event.place.thread == str(said.id)


async def test_a_long_answer_comes_in_messages_in_order_with_whole_code_blocks(tmp_path: Path) -> None:
    answers = {"everything": LONG}
    async with stand(tmp_path, answers=answers, piece=500, adapter="most_messages = 50") as world:
        await world.asks("everything")
        texts = world.texts()
        assert len(LONG) > 30_000
        assert 16 <= len(texts) <= 50
        assert all(len(text) <= 2000 and text.count("```") % 2 == 0 for text in texts)
        shown = [int(line[7:-2]) for text in texts for line in text.split("\n") if line.startswith("print('")]
        assert shown == list(range(30))


async def test_an_answer_in_too_many_messages_is_a_file(tmp_path: Path) -> None:
    async with stand(tmp_path, answers={"everything": LONG}, piece=500) as world:
        await world.asks("everything")
        (only,) = world.mine()
        assert only.content.startswith("Paragraph 0")
        assert [one.filename for one in only.attachments] == ["answer.md"]
        assert (await only.attachments[0].read()).decode() == LONG


@pytest.mark.parametrize(
    "text",
    [
        "@everyone",
        "@here",
        "<@123456789012345678>",
        "<@&123456789012345678>",
        "[bank](https://evil.example/x)",
    ],
)
async def test_what_a_model_writes_pings_nobody_and_hides_no_link(tmp_path: Path, text: str) -> None:
    async with stand(tmp_path, answers={"say it": f"Well: {text} indeed."}) as world:
        await world.asks("say it")
        (only,) = world.mine()
        assert text not in only.content
        assert not only.mention_everyone
        assert not only.mentions
        sent = world.calls("POST", "/messages")[-1].json
        assert sent["allowed_mentions"] == {"parse": [], "replied_user": False}
        assert "https://evil.example/x" in only.content or "evil" not in text


async def test_an_answer_that_may_ping_says_so_to_whoever_asked_alone(tmp_path: Path) -> None:
    async with stand(tmp_path, adapter="ping = true") as world:
        await world.asks("wake me up")
        sent = world.calls("POST", "/messages")[-1].json
        assert sent["allowed_mentions"] == {"parse": [], "replied_user": True}


async def test_a_deleted_answer_stays_deleted(tmp_path: Path) -> None:
    answer = "One sentence. And another one. And a third one follows. " * 4
    async with stand(tmp_path, answers={"tell me": answer}, piece=16, seconds=1.0) as world:
        await world.ann.send(world.channel, f"{world.me} tell me")
        while not world.mine():
            await world.clock.advance(0.25)
        world.env.backend.delete_message(world.channel.id, world.mine()[0].id)
        await world.done()
        assert world.texts() == []


async def test_a_dead_channel_kills_only_its_own_reply(tmp_path: Path) -> None:
    async with stand(tmp_path) as world:
        world.env.inject_error(
            "POST", f"/channels/{world.channel.id}/messages", status=403, code=50013, times=1
        )
        await world.asks("first")
        await world.asks("second")
        assert world.texts() == ["Fine, thank you."]


async def test_what_discord_cannot_take_now_is_sent_later(tmp_path: Path) -> None:
    async with stand(tmp_path) as world:
        world.env.inject_error("POST", f"/channels/{world.channel.id}/messages", status=503, times=2)
        await world.asks("first")
        assert world.texts() == ["Fine, thank you."]


async def test_growing_is_left_out_when_it_is_too_much_and_a_correction_never(tmp_path: Path) -> None:
    async with stand(tmp_path) as world:
        await world.asks("first")
        address = Address.of(world.heard[0])
        shown: tuple[str, ...] = ()
        for number in range(1, 12):
            kind = Begin if number == 1 else Replace
            receipt = await world.adapter.perform(
                replace(address, shown=shown), kind(reply="r", text="word " * number), "r"
            )
            shown = receipt.shown
        assert world.texts()[1].split() == ["word"] * 4
        wrong = asyncio.ensure_future(
            world.adapter.perform(replace(address, shown=shown), Replace(reply="r", text="Sorry."), "r")
        )
        other = asyncio.ensure_future(
            world.adapter.perform(replace(address, shown=shown), Finish(reply="r", text="The end."), "r")
        )
        await world.clock.advance(5.0)
        await asyncio.gather(wrong, other)
        assert world.texts()[1] == "The end."
        said = [one.json.get("content") for one in world.calls("PATCH", "/messages/")]
        assert said[-2:] == ["Sorry.", "The end."]


async def test_an_answer_that_a_crash_left_open_is_ended_in_its_message(tmp_path: Path) -> None:
    async with stand(tmp_path) as world:
        await world.asks("first")
        address = Address.of(world.heard[0])
        begun = await world.adapter.perform(address, Begin(reply="r", text="It begins"), "r")
        another: Any = Discord(world.adapter.settings, world.adapter._services)
        another._client = world.adapter._client
        ended = await another.perform(
            replace(address, shown=begun.shown), Finish(reply="r", text="It ends."), "r"
        )
        assert ended.shown == begun.shown
        assert world.texts()[1:] == ["It ends."]
        gone = await another.perform(replace(address, shown=begun.shown), Retract(reply="r"), "r")
        assert gone.shown == ()
        assert len(world.texts()) == 1
