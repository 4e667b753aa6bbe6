"""Slack end to end: what people do in a workspace, and what they then see."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from hashlib import sha256
from pathlib import Path

import pytest
from slack_whole import BAD, changed, running, settings_of

from rostra.places import Place
from rostra.testing.clock import ManualClock
from rostra.testing.slack_server import Message, SlackServer, shown
from rostra.testing.stand import passing

LINES = 1_300
TALK = "Good day to you. It is nice to see you. What can I do for you today? The end."
CODE = [f"{sha256(str(n).encode()).hexdigest()[: n % 40 + 1]} = {n}" for n in range(LINES)]
LONG = "\n\n".join(["Here it is:", "```python\n" + "\n".join(CODE) + "\n```", "Done."])


@pytest.fixture
async def server() -> AsyncGenerator[SlackServer]:
    async with SlackServer() as server:
        yield server


async def test_a_mention_is_answered_once_in_a_thread_with_a_native_stream(
    tmp_path: Path, server: SlackServer
) -> None:
    async with running(settings_of(tmp_path, server, {"hello": TALK})):
        asked = server.user("U1").mention("C1", "hello")
        await server.until_text("The end.")
        await server.until(lambda: all(not one.open for one in server.streams) and server.streams)
        await server.delivered()
    (answer,) = server.answers("C1")
    assert answer.thread_ts == asked.ts
    assert shown(answer).startswith(TALK)
    (started,) = server.called("chat.startStream")
    assert started.arguments["recipient_user_id"] == "U1"
    assert started.arguments["recipient_team_id"] == "T1"


async def test_a_thread_is_remembered_without_asking_slack_for_it(
    tmp_path: Path, server: SlackServer
) -> None:
    settings = settings_of(tmp_path, server, {"one": "first answer", "two": "second answer"})
    async with running(settings) as app:
        root = server.user("U1").mention("C1", "one")
        await server.until_text("first answer")
        server.user("U1").mention("C1", "two", thread_ts=root.ts)
        await server.until_text("second answer")
        await server.delivered()
        said = await app.parts.store.recall(_place(root.ts), 10)
    assert [one.text for one in said][:3] == ["one", "first answer", "two"]
    assert not server.called("conversations.history")
    assert not server.called("conversations.replies")


async def test_a_harmful_question_gets_the_template(tmp_path: Path, server: SlackServer) -> None:
    async with running(settings_of(tmp_path, server)):
        server.user("U1").dm(f"what is {BAD}?")
        seen = await server.until_text("can't help")
    assert BAD not in seen


async def test_an_answer_that_turns_bad_is_taken_back(tmp_path: Path, server: SlackServer) -> None:
    answer = f"It was a fine morning. Everybody smiled. Then came {BAD} and all was over."
    settings = settings_of(tmp_path, server, {"story": answer})
    async with running(settings):
        server.user("U1").mention("C1", "story")
        await server.until_text("can't")
        await server.delivered()
    assert "fine morning" not in server.text()
    assert BAD not in server.text()
    assert not any(one.open for one in server.streams)


@pytest.mark.slow
async def test_a_long_answer_with_code_comes_whole_in_several_messages(
    tmp_path: Path, server: SlackServer
) -> None:
    assert len(LONG) > 30_000
    settings_of(tmp_path, server, {"code": LONG})
    async with running(changed(tmp_path, 'kind = "canned"', 'kind = "canned"\npiece = 2_000')):
        server.patience = 30
        server.user("U1").mention("C1", "code")
        await server.until_text("Done.")
        await server.until(lambda: all(not one.open for one in server.streams))
        await server.delivered()
    messages = [shown(one) for one in server.answers("C1")]
    whole = "\n".join(messages)
    assert len(messages) > 1
    assert [line for line in CODE if whole.count(f"\n{line}\n") != 1] == []
    assert [message[:60] for message in messages if message.count("```") % 2] == []


async def test_a_slash_command_is_answered_to_whoever_used_it(tmp_path: Path, server: SlackServer) -> None:
    async with running(settings_of(tmp_path, server)):
        await server.user("U1").slash("/rostra", "help", channel="C1")
        seen = await server.until(lambda: [shown(one) for one in (*server.ephemeral, *server.answers("C1"))])
    assert "/rostra persona [NAME]" in seen[0]


async def test_slash_ask_is_a_question(tmp_path: Path, server: SlackServer) -> None:
    async with running(settings_of(tmp_path, server, {"who are you?": "A bot."})):
        await server.user("U1").slash("/rostra", "ask who are you?", channel="C1")
        await server.until_text("A bot.")


async def test_a_command_works_in_a_channel_that_the_bot_is_not_in(
    tmp_path: Path, server: SlackServer
) -> None:
    other = server.add_channel("elsewhere", members=["U1"], bot=False)
    async with running(settings_of(tmp_path, server, {"who are you?": "A bot."})):
        await server.user("U1").slash("/rostra", "ask who are you?", channel=other.id)
        await server.until(
            lambda: any("A bot." in shown(one) for one in (*server.messages(), *server.ephemeral))
        )


async def test_a_word_stops_an_answer_in_its_thread(tmp_path: Path, server: SlackServer) -> None:
    settings_of(tmp_path, server, {"story": "Once upon a time. " * 200})
    settings = changed(tmp_path, 'kind = "canned"', 'kind = "canned"\nseconds = 0.01')
    async with running(settings):
        root = server.user("U1").mention("C1", "story")
        await server.until_text("Once upon")
        server.user("U1").mention("C1", "stop!", thread_ts=root.ts)
        await server.until_text("topped")
        await server.until(lambda: all(not one.open for one in server.streams))
    assert len(server.text()) < 3_000


async def test_an_operator_is_one_by_slacks_roles_and_others_are_told_why_not(
    tmp_path: Path, server: SlackServer
) -> None:
    server.add_user("U7", is_admin=True)
    async with running(settings_of(tmp_path, server)):
        await server.user("U1").slash("/rostra", "policy show default", channel="C1")
        await server.until(lambda: any("operator" in shown(one) for one in _all(server)))
        await server.user("U7").slash("/rostra", "policy show default", channel="C1")
        await server.until(lambda: any("hold" in shown(one) for one in _all(server)))


async def test_why_by_shortcut_explains_the_message_it_is_used_on(
    tmp_path: Path, server: SlackServer
) -> None:
    async with running(settings_of(tmp_path, server, {"hello": "Good day."})):
        server.user("U1").mention("C1", "hello")
        await server.until_text("Good day.")
        await server.until(lambda: all(not one.open for one in server.streams))
        await server.delivered()
        await server.user("U1").shortcut("rostra.why", server.answers("C1")[0])
        (told,) = await server.until(lambda: server.ephemeral)
    assert told.to == "U1"
    assert "canned" in shown(told) or "trace" in shown(told).lower()


async def test_the_shortcut_asks_in_direct_messages(tmp_path: Path, server: SlackServer) -> None:
    async with running(settings_of(tmp_path, server, {"from anywhere": "Here you are."})):
        person = server.user("U1")
        await person.shortcut("rostra.ask")
        await person.submit(values={"question": "from anywhere"})
        await server.until_text("Here you are.", person.direct)
    assert [shown(one) for one in server.answers(person.direct)] == [
        "You asked: from anywhere",
        "Here you are.",
    ]
    assert not server.views


async def test_an_assistant_thread_has_prompts_a_title_and_a_status(tmp_path: Path) -> None:
    clock = ManualClock()
    async with SlackServer(clock=clock) as server:
        settings_of(tmp_path, server, {"hello": TALK}, prompts=["Ask me"])
        slowly = changed(tmp_path, 'kind = "canned"', 'kind = "canned"\nseconds = 0.6\npiece = 70')
        async with running(slowly, clock):  # it says that it thinks where nothing comes for half a second
            thread = server.user("U1").open_assistant()
            await passing(clock, server.until(lambda: server.world.prompts))
            server.user("U1").dm("hello", thread_ts=thread.thread_ts)
            await passing(clock, server.until_text("The end."))
            await server.until(lambda: server.world.titles and not any(one.open for one in server.streams))
        assert [one["message"] for one in server.world.prompts[thread.channel, thread.thread_ts]] == [
            "Ask me"
        ]
        assert server.world.titles[thread.channel, thread.thread_ts] == "hello"
        assert server.called("assistant.threads.setStatus")
        assert not server.status
        assert server.called("chat.startStream")


async def test_the_home_says_what_is_kept_and_offers_ones_own_limits(
    tmp_path: Path, server: SlackServer
) -> None:
    async with running(settings_of(tmp_path, server)) as app:
        person = server.user("U1")
        person.open_home()
        home = await server.until(lambda: person.home)
        labels = [one["text"]["text"] for one in home.blocks[-1]["elements"]]
        for label in labels:
            await person.press(label, on=home)
        await app.reception.drain()
        said = await server.until(
            lambda: len(server.answers(person.direct)) == 3 and server.text(person.direct)
        )
    assert "What is kept" in str(home.blocks)
    assert labels == ["Rank answers", "My limits", "My data"]  # nothing that is not for everybody
    for wrong in ("goes on", "There is no command", "is for operators", "This is how it is written"):
        assert wrong not in said


async def test_bots_and_channels_that_are_not_allowed_get_no_answer(
    tmp_path: Path, server: SlackServer
) -> None:
    server.add_channel("private", id_="C2", members=["U1"])
    async with running(settings_of(tmp_path, server, {"hello": "Good day."}, channels=["C1"], direct=False)):
        server.user("U1").mention("C2", "hello")
        server.user("U1").dm("hello")
        server.user("U1").mention("C1", "hello")
        await server.until_text("Good day.", "C1")
        await server.delivered()
    assert not server.answers("C2")
    assert not server.answers(server.user("U1").direct)


async def test_what_others_say_in_a_channel_is_not_taken(tmp_path: Path, server: SlackServer) -> None:
    async with running(settings_of(tmp_path, server)) as app:
        server.user("U1").say("C1", "nobody asked the bot")
        server.user("U1").mention("C1", "hello")
        await server.until_text("Fine.")
        await server.delivered()
        kept = await app.parts.store.unfinished()
    assert not kept
    assert len(server.answers("C1")) == 1


async def test_a_retry_of_what_was_accepted_is_acknowledged_and_answered_once(
    tmp_path: Path, server: SlackServer
) -> None:
    async with running(settings_of(tmp_path, server)):
        server.user("U1").mention("C1", "hello")
        await server.until_text("Fine.")
        again = server.repeat()
        await again
        await server.delivered()
    assert again.acknowledged
    assert len(server.answers("C1")) == 1


def _place(thread: str) -> Place:
    return Place(adapter="slack", workspace="T1", channel="C1", thread=thread)


def _all(server: SlackServer) -> list[Message]:
    return [*server.ephemeral, *server.answers("C1")]
