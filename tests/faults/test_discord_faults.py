"""The whole bot on Discord, over sockets, while things go wrong."""

from __future__ import annotations

import asyncio
import json
import re
import sys
from asyncio.subprocess import DEVNULL
from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Sequence
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import discord
import pytest
import structlog
from discord_bot import configuration, running

from rostra.app import open_app
from rostra.benches.report import percentile
from rostra.config import Settings
from rostra.errors import ConfigError
from rostra.logs import configured
from rostra.testing.clock import ManualClock
from rostra.testing.discord_server import DiscordServer, Interaction
from rostra.testing.discord_server.gateway import MEMBERS

pytestmark = pytest.mark.slow  # each opens a whole bot

STORY = " ".join(f"word{number}" for number in range(200)) + "."
SEND, EDIT = "/channels/{channel}/messages", "/channels/{channel}/messages/{message}"


@pytest.fixture
async def server() -> AsyncGenerator[DiscordServer]:
    made = DiscordServer()
    async with made.listening():
        yield made


def texts(server: DiscordServer) -> Sequence[str]:
    return [post.text for post in server.people.sees() if not post.thinking]


def _resumed(server: DiscordServer, before: int) -> bool:
    return server.gateway.resumed > before


async def test_a_long_answer_grows_and_stands_whole(server: DiscordServer, tmp_path: Path) -> None:
    async with running(server, tmp_path, answers={"tell": STORY}, model={"seconds": 0.002}):
        server.people.mention("tell")
        post = await server.until_seen("word199.")
    assert texts(server) == [STORY]
    assert len(post.history) > 1


async def test_questions_are_answered_where_they_were_asked(server: DiscordServer, tmp_path: Path) -> None:
    thread = server.people.open_thread("aside")
    async with running(server, tmp_path):
        server.people.dm("between us")
        private = await server.until_seen("between us")
        server.people.mention("in the thread", channel=thread)
        inside = await server.until_seen("in the thread")
        server.people.mention("in the open")
        first = await server.until_seen("in the open")
        server.people.reply(first, f"{server.bot.mention} and more")
        more = await server.until_seen("and more")
        one = server.people.slash("ask", {"question": "by command"})
        await server.until(lambda: "by command" in one.seen)
    assert private.channel.person is server.ann
    assert inside.channel is thread
    assert (first.channel, more.channel) == (server.general, server.general)
    assert more.reply_to is not None
    assert more.reply_to.text.endswith("and more")


async def test_a_harmful_question_gets_a_template(server: DiscordServer, tmp_path: Path) -> None:
    async with running(server, tmp_path):
        server.people.mention("you are a zorblax")
        post = await server.until(server.people.sees)
    assert "zorblax" not in post[0].seen
    assert len(post[0].seen) > 20


async def test_an_answer_that_turns_bad_is_taken_back(server: DiscordServer, tmp_path: Path) -> None:
    bad = STORY + " And now: zorblax! " + STORY
    policies = {"default": {"hold": "none"}}
    async with running(server, tmp_path, answers={"tell": bad}, model={"seconds": 0.002}, policies=policies):
        server.people.mention("tell")
        post = await server.until_seen("word9")
        await server.until(lambda: "word9" not in post.seen or post.deleted)
        await server.until(lambda: texts(server) and "word" not in "".join(texts(server)))
    assert "zorblax" not in "".join([*post.history, *texts(server)])
    assert any("word9" in old for old in post.history)


async def test_what_a_resume_replays_is_not_answered_again(server: DiscordServer, tmp_path: Path) -> None:
    async with running(server, tmp_path):
        for number in range(5):
            server.people.mention(f"question {number}")
            await server.until_seen(f"question {number}")
        for _ in range(3):
            resumed = server.gateway.resumed
            server.gateway.drop(rewind=50)
            await server.until(partial(_resumed, server, resumed))
        server.people.mention("the last")
        await server.until_seen("the last")
    assert texts(server) == [*(f"question {number}" for number in range(5)), "the last"]


async def test_commands_and_presses_that_a_resume_replays_are_done_once(
    server: DiscordServer, tmp_path: Path
) -> None:
    async with running(server, tmp_path):
        asked = server.people.slash("ask", {"question": "by command"})
        await server.until(lambda: "by command" in asked.seen)
        edit = server.people.slash("rostra personas edit", {"name": "sailor"})
        await server.until(lambda: edit.answered)
        opened = server.people.press("Persona")
        await server.until(lambda: opened.modal)
        sent = server.people.submit({"Prompt": "You are a sailor."})
        await server.until(lambda: "kept" in sent.seen)
        before = [post.seen for post in server.people.sees()]
        server.gateway.drop(rewind=50)
        await server.until(lambda: server.gateway.resumed)
        server.people.mention("the last")
        await server.until_seen("the last")
        again = server.people.slash("ask", {"question": "the very last"})
        await server.until(lambda: "the very last" in again.seen)
    assert server.seen() == [*before, "the last", "the very last"]


async def test_a_command_that_a_restart_cut_short_is_answered_in_its_place(
    server: DiscordServer, tmp_path: Path
) -> None:
    impatient = {"grace_seconds": 0.05, "first_delay": 0.01, "longest_delay": 0.1}
    slow = {"seconds": 0.01, "piece": 10}
    async with running(server, tmp_path, answers={"tell": STORY}, model=slow, delivery=impatient):
        asked = server.people.slash("ask", {"question": "tell"})
        await server.until(lambda: "word5 " in asked.seen)
    assert "word199." not in asked.seen
    async with running(server, tmp_path, answers={"tell": STORY}):
        await server.until(lambda: "word199." in asked.seen)
    assert texts(server) == [STORY]


async def test_questions_asked_while_the_connection_is_broken_are_answered(
    server: DiscordServer, tmp_path: Path
) -> None:
    async with running(server, tmp_path):
        server.people.mention("before")
        await server.until_seen("before")
        server.gateway.drop()
        server.people.mention("meanwhile")
        await server.until_seen("meanwhile")
    assert texts(server) == ["before", "meanwhile"]


async def test_a_socket_that_delivers_nothing_is_renewed(server: DiscordServer, tmp_path: Path) -> None:
    watch = {"silence_seconds": 0.2, "probe_seconds": 0.05}
    async with running(server, tmp_path, adapter=watch):
        server.people.mention("before")
        await server.until_seen("before")
        server.gateway.fall_silent()
        server.people.mention("is anybody there?")
        await server.until_seen("is anybody there?")
    assert server.gateway.resumed == 1
    assert texts(server) == ["before", "is anybody there?"]


async def test_a_storm_while_sending_delays_an_answer_and_doubles_nothing(
    server: DiscordServer, tmp_path: Path
) -> None:
    async with running(server, tmp_path):
        server.throttle.storm(2, 0.02, method="POST", route=SEND)
        server.people.mention("through the storm")
        await server.until_seen("through the storm")
    assert server.throttle.refused == 2
    assert texts(server) == ["through the storm"]


async def test_a_storm_while_editing_leaves_the_answer_whole(server: DiscordServer, tmp_path: Path) -> None:
    async with running(server, tmp_path, answers={"tell": STORY}, model={"seconds": 0.002}):
        server.people.mention("tell")
        await server.until(server.people.sees)
        server.throttle.storm(2, 0.02, method="PATCH", route=EDIT)
        await server.until_seen("word199.")
    assert texts(server) == [STORY]
    assert server.throttle.refused >= 1


async def test_a_global_limit_holds_everything_and_loses_nothing(
    server: DiscordServer, tmp_path: Path
) -> None:
    async with running(server, tmp_path):
        server.throttle.storm(2, 0.02, everywhere=True)
        for number in range(3):
            server.people.mention(f"question {number}")
        for number in range(3):
            await server.until_seen(f"question {number}")
    assert sorted(texts(server)) == [f"question {number}" for number in range(3)]


async def test_a_limit_that_is_hit_again_and_again_loses_and_doubles_nothing(
    server: DiscordServer, tmp_path: Path
) -> None:
    server.throttle.limit("POST", SEND, calls=3, seconds=0.5)
    async with running(server, tmp_path):
        for number in range(7):
            server.people.mention(f"question {number}")
        for number in range(7):
            await server.until_seen(f"question {number}")
    assert Counter(texts(server)) == Counter(f"question {number}" for number in range(7))


async def test_killed_in_the_middle_of_an_answer_it_finishes_the_same_message(
    server: DiscordServer, tmp_path: Path
) -> None:
    settings = configuration(server, tmp_path, answers={"tell": STORY}, model={"seconds": 0.01})
    script = Path(__file__).with_name("discord_bot.py")

    async def start() -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            sys.executable, script, json.dumps(settings), stderr=DEVNULL, stdout=DEVNULL
        )

    first = await start()
    try:
        server.people.mention("tell")
        await server.until(lambda: any("word9" in text for text in texts(server)), seconds=30)
    finally:
        first.kill()
        await first.wait()
    cut = texts(server)
    second = await start()
    try:
        await server.until(lambda: any(text.endswith("word199.") for text in texts(server)), seconds=30)
    finally:
        second.kill()
        await second.wait()
    assert "word199." not in cut[0]
    assert texts(server) == [STORY]


async def test_a_form_opened_before_a_restart_is_saved_after_it(
    server: DiscordServer, tmp_path: Path
) -> None:
    async with running(server, tmp_path):
        asked = server.people.slash("rostra personas edit", {"name": "sailor"})
        await server.until(lambda: asked.answered)
        label = asked.response.labels[0] if asked.response else ""
        opened = server.people.press(label)
        await server.until(lambda: opened.modal)
    async with running(server, tmp_path):
        again = server.people.press(label)
        await server.until(lambda: again.modal)
        sent = server.people.submit({"Prompt": "You are a sailor."})
        await server.until(lambda: "kept" in sent.seen)
        shown = server.people.slash("persona", {"name": "sailor"})
        await server.until(lambda: shown.answered)
        assert "sailor" in shown.seen


async def test_made_up_and_foreign_controls_do_nothing(server: DiscordServer, tmp_path: Path) -> None:
    elsewhere = server.world.guild("elsewhere")
    hall = server.world.channel("hall", elsewhere)
    elsewhere.members[server.ann] = set()
    async with running(server, tmp_path):
        asked = server.people.slash("rostra personas edit", {"name": "sailor"})
        await server.until(lambda: asked.answered)
        assert asked.response is not None
        ids = [
            one["custom_id"]
            for row in asked.response.components
            for one in _leaves(row)
            if "custom_id" in one
        ]
        server.people.mention("hello", channel=hall)
        there = await server.until_seen("hello", hall)
        forged = [server.people.forge(ids[0], there)]
        forged += [server.people.forge("rostra:" + sign * 32 + ".0", there) for sign in "0f"]
        await server.until(lambda: all("no longer valid" in one.seen for one in forged))
        for nonsense in ("rostra:", "rostra:../../etc.0", "other:1.0", "rostra:" + "0" * 90):
            server.people.forge(nonsense, there)
        server.people.mention("still well?", channel=hall)
        await server.until_seen("still well?", hall)
    assert all(one.modal is None for one in server.world.interactions.values())
    assert all(one.response is None or one.response is there for one in forged)


def _leaves(component: dict[str, Any]) -> list[dict[str, Any]]:
    return [component, *(leaf for one in component.get("components", ()) for leaf in _leaves(one))]


async def test_who_is_no_operator_is_refused_at_every_command_for_operators(
    server: DiscordServer, tmp_path: Path
) -> None:
    bob = server.world.person("bob", guild=server.home)
    async with running(server, tmp_path):
        server.people.mention("hello")
        await server.until_seen("hello")
        (rostra,) = [one for one in server.world.commands[None].values() if one["name"] == "rostra"]
        lines = list(_lines(rostra, "rostra"))
        for line, needed in lines:
            one = server.people.slash(line, dict.fromkeys(needed, "x"), by=bob)
            await server.until(partial(_answered, one))
            assert re.search(r"is for (operator|owner)s", one.seen), (line, one.seen)
            assert one.response is not None
            assert one.response.private_to is bob
    assert len(lines) > 5


def _answered(one: Interaction) -> bool:
    return one.answered


def _lines(command: dict[str, Any], path: str) -> Iterator[tuple[str, list[str]]]:
    """Yield every command that is registered under one, with the options that it needs."""
    inner = [one for one in command.get("options", ()) if one["type"] in {1, 2}]
    for one in inner:
        yield from _lines(one, f"{path} {one['name']}")
    if not inner:
        yield path, [one["name"] for one in command.get("options", ()) if one.get("required")]


async def test_every_shard_answers_and_an_invalid_session_is_begun_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def at_once(client: discord.Client, shard: int | None, *, initial: bool = False) -> None:
        del client, shard, initial  # discord.py would wait five seconds before each but the first

    monkeypatch.setattr(discord.Client, "before_identify_hook", at_once)
    server = DiscordServer(shards=2)
    away = server.world.guild("away")
    there = server.world.channel("there", away)
    async with server.listening(), running(server, tmp_path):
        await server.until_connected(2)
        server.people.mention("here")
        server.people.mention("over there", channel=there)
        await server.until_seen("here", server.general)
        await server.until_seen("over there", there)
        server.gateway.invalidate()
        server.people.mention("anew", channel=there)
        await server.until_seen("anew", there)
        server.gateway.ask_to_reconnect()
        server.people.mention("once more")
        await server.until_seen("once more")
    assert len(server.gateway.identified) == 4
    assert sorted(texts(server)) == ["anew", "here", "once more", "over there"]


async def test_what_a_model_writes_pings_nobody(server: DiscordServer, tmp_path: Path) -> None:
    loud = f"@everyone @here {server.ann.mention} look"
    async with running(server, tmp_path, answers={"shout": loud}):
        server.people.mention("shout")
        post = await server.until_seen("look")
    assert set(post.pings) <= {"ann"}


async def test_a_closed_channel_does_not_stop_the_others(server: DiscordServer, tmp_path: Path) -> None:
    closed = server.world.channel("closed", server.home)
    closed.closed = True
    async with running(server, tmp_path):
        server.people.mention("in vain", channel=closed)
        await server.until(lambda: [call for call in server.calls if call.status == 403])
        server.people.mention("heard")
        await server.until_seen("heard")
    assert texts(server) == ["heard"]


async def test_thirty_thousand_characters_with_code_arrive(server: DiscordServer, tmp_path: Path) -> None:
    code = "```python\n" + "\n".join(f"x{number} = {number}" for number in range(5000, 7500)) + "\n```\nDone."
    sampling = {"default": {"sampling": {"max_tokens": 100_000}}}
    async with running(
        server,
        tmp_path,
        answers={"code": code},
        model={"window": 1_000_000, "piece": 1000},
        answerers=sampling,
    ):
        server.people.mention("code")
        await server.until_seen("x7499 = 7499")
        await server.until_seen("Done.")
    seen = "\n".join(server.seen())
    assert len(code) > 30_000
    assert all(f"x{number} = {number}" in seen for number in range(5000, 7500))
    assert all(post.text.count("```") % 2 == 0 for post in server.people.sees())


async def test_late_interactions_do_no_harm(tmp_path: Path) -> None:
    clock = ManualClock()
    server = DiscordServer(clock=clock)
    async with server.listening(), running(server, tmp_path):
        server.gateway.fall_silent()
        late = server.people.slash("ask", {"question": "too late"})
        await clock.advance(4)
        server.gateway.drop()
        await server.until(lambda: [call for call in server.calls if call.status == 404])
        one = server.people.slash("ask", {"question": "in time"})
        await server.until(lambda: "in time" in one.seen)
    assert not late.acknowledged
    assert late.seen == ""


async def test_a_thousand_questions_at_once_are_answered_once_each(
    server: DiscordServer, tmp_path: Path
) -> None:
    channels = [server.world.channel(f"c{number}", server.home) for number in range(100)]
    limits = {
        "per_person_per_minute": 10**6,
        "per_place_per_minute": 10**6,
        "burst": 10**6,
        "waiting": 2000,
        "waiting_per_place": 2000,
    }
    answers: set[int] = set()
    server.on_post(lambda post: answers.add(post.id))
    async with running(server, tmp_path, limits=limits):
        for number in range(1000):
            server.people.mention(f"question {number}", channel=channels[number % 100])
            if number in {300, 600}:
                server.gateway.drop(rewind=200)
        await server.until(lambda: len(answers) >= 1000, seconds=60)
    assert Counter(texts(server)) == Counter(f"question {number}" for number in range(1000))


async def test_interactions_are_acknowledged_while_the_model_is_busy(
    server: DiscordServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    channels = [server.world.channel(f"c{number}", server.home) for number in range(20)]
    async with running(server, tmp_path, answers={"tell": STORY}, model={"seconds": 0.01, "piece": 10}):
        for channel in channels:
            server.people.mention("tell", channel=channel)
        await server.until(lambda: len(server.people.sees()) >= 20)
        asked = [
            server.people.slash("ask", {"question": f"question {number}"}, channel=channels[number % 20])
            for number in range(100)
        ]
        await server.until(lambda: all(one.acknowledged for one in asked), seconds=30)
        await server.until(lambda: all(one.answered for one in asked), seconds=60)
    took = [one.acknowledged_after or 0.0 for one in asked]
    with capsys.disabled():
        print(f"\nacknowledged after p50 {percentile(took, 50):.3f} s, p99 {percentile(took, 99):.3f} s")
    assert percentile(took, 99) < 3
    assert [one.seen for one in asked] == [f"question {number}" for number in range(100)]


async def test_a_wrong_token_ends_it_with_advice(server: DiscordServer, tmp_path: Path) -> None:
    settings = Settings.model_validate(configuration(server, tmp_path, adapter={"token": "wrong-token"}))
    async with open_app(settings) as app:
        with pytest.raises(ConfigError, match="token") as caught:
            await app.run()
    assert "wrong-token" not in str(caught.value)


async def test_an_intent_that_was_not_granted_ends_it_with_advice(tmp_path: Path) -> None:
    server = DiscordServer(allowed=MEMBERS)
    async with server.listening():
        settings = Settings.model_validate(configuration(server, tmp_path, adapter={"message_content": True}))
        async with open_app(settings) as app:
            with pytest.raises(ConfigError, match="message content intent"):
                await app.run()


async def test_commands_are_told_once_and_again_only_when_they_changed(
    server: DiscordServer, tmp_path: Path
) -> None:
    for _ in range(2):
        async with running(server, tmp_path):
            server.people.mention("hello")
            await server.until_seen("hello")
    put = [call for call in server.calls if call.method == "PUT" and call.route.endswith("/commands")]
    assert len(put) == 1
    scope = server.world.commands[None]
    del scope[next(iter(scope))]
    async with running(server, tmp_path):
        await server.until(lambda: len([c for c in server.calls if c.method == "PUT"]) == 2)


async def test_logs_have_no_tokens_and_nothing_that_was_written(
    server: DiscordServer, tmp_path: Path
) -> None:
    written = StringIO()
    with configured(level="debug", format="json", stream=written):
        async with running(server, tmp_path):
            server.people.mention("my heart is heavy")
            await server.until_seen("my heart is heavy")
            one = server.people.slash("ask", {"question": "a private sorrow"})
            await server.until(lambda: one.answered)
            server.throttle.storm(1, 0.02)
            server.gateway.drop(rewind=5)
            server.people.mention("again")
            await server.until_seen("again")
            server.general.closed = True
            server.people.mention("in vain")
            await server.until(lambda: [call for call in server.calls if call.status == 403])
        structlog.get_logger("test").debug("the end")
    log = written.getvalue()
    assert "the end" in log
    for secret in (server.token, one.token, "heavy", "sorrow"):
        assert secret not in log
