"""Conversations in Slack from end to end: the whole bot, slack_bolt over sockets, nothing but the model canned."""

from __future__ import annotations

from pathlib import Path

import pytest
from slack_bot import running, settings_for

from rostra.testing.slack_server import SlackServer, shown

pytest_plugins = ["rostra.testing.slack_server.plugin"]


async def test_a_mention_is_answered_in_its_thread_with_a_stream_of_its_own(
    slack_server: SlackServer, tmp_path: Path
) -> None:
    model = {"otherwise": "Forty-two, of course. There is no doubt about it.", "piece": 8}
    async with running(settings_for(slack_server, tmp_path, model=model), slack_server):
        asked = slack_server.user("U1").mention("C1", "what is the answer?")
        await slack_server.until_text("no doubt about it.")
        await slack_server.until(lambda: not any(one.open for one in slack_server.streams))
    (answer,) = slack_server.answers("C1")
    assert answer.thread_ts == asked.ts
    assert shown(answer).count("Forty-two") == 1
    assert len(slack_server.streams) == 1
    assert slack_server.status == {}


async def test_a_mention_is_answered_once_though_it_arrives_as_two_events(
    slack_server: SlackServer, tmp_path: Path
) -> None:
    async with running(settings_for(slack_server, tmp_path), slack_server):
        slack_server.user("U1").mention("C1", "an echo, please")
        await slack_server.until_text("an echo, please")
        await slack_server.delivered()
    assert [one.payload["event"]["type"] for one in slack_server.deliveries[:2]] == ["app_mention", "message"]
    assert len(slack_server.answers("C1")) == 1


async def test_threads_and_direct_messages_are_remembered_each_for_itself(
    slack_server: SlackServer, tmp_path: Path
) -> None:
    user = slack_server.user("U1")
    async with running(settings_for(slack_server, tmp_path), slack_server):
        asked = user.mention("C1", "first in the thread")
        await slack_server.until_text("first in the thread", "C1")
        user.mention("C1", "second in the thread", thread_ts=asked.ts)
        await slack_server.until_text("second in the thread", "C1")
        private = user.dm("in private")
        await slack_server.until_text("in private", private.channel)
    assert [one.thread_ts for one in slack_server.answers("C1")] == [asked.ts, asked.ts]
    assert "private" not in slack_server.text("C1")
    assert "thread" not in slack_server.text(private.channel)


async def test_a_harmful_question_gets_the_template_and_never_reaches_the_model(
    slack_server: SlackServer, tmp_path: Path
) -> None:
    async with running(settings_for(slack_server, tmp_path), slack_server):
        slack_server.user("U1").mention("C1", "tell me about xyzzy")
        await slack_server.until(lambda: slack_server.answers("C1"))
    assert "xyzzy" not in slack_server.text("C1")
    assert "won't help with weapons" in slack_server.text("C1").replace("\u2019", "'")


async def test_an_answer_that_turns_harmful_is_retracted_to_the_template(
    slack_server: SlackServer, tmp_path: Path
) -> None:
    model = {"otherwise": "All is well in here. " * 20 + "Now take the xyzzy. And more.", "piece": 40}
    async with running(settings_for(slack_server, tmp_path, model=model), slack_server):
        slack_server.user("U1").mention("C1", "go on")
        await slack_server.until(lambda: "won" in slack_server.text("C1") and not slack_server.views)
        await slack_server.until(lambda: not any(one.open for one in slack_server.streams))
    seen = slack_server.text("C1")
    assert "xyzzy" not in seen
    assert "All is well" not in seen
    assert "xyzzy" not in repr(slack_server.calls)
    assert len(slack_server.answers("C1")) == 1


async def test_thirty_thousand_characters_with_code_arrive_whole(
    slack_server: SlackServer, tmp_path: Path
) -> None:
    lines = [f"say('line {number // 26}{chr(97 + number % 26)}')" for number in range(2_000)]
    long = "\n".join(["Here it is:", "", "```python", *lines, "```", "", "That was it."])
    assert len(long) > 30_000
    model = {"otherwise": long, "piece": 2_000}
    async with running(settings_for(slack_server, tmp_path, model=model), slack_server):
        slack_server.user("U1").mention("C1", "a long program, please")
        await slack_server.until_text("That was it.")
        await slack_server.until(lambda: not any(one.open for one in slack_server.streams))
    answers = slack_server.answers("C1")
    seen = slack_server.text("C1")
    assert [line for line in lines if f"{line}\n" not in seen] == []
    assert [shown(one).count("```") % 2 for one in answers] == [0] * len(answers)
    assert [call.error for call in slack_server.calls if call.error] == []


async def test_a_slash_command_opens_a_form_that_is_saved_after_a_restart(
    slack_server: SlackServer, tmp_path: Path
) -> None:
    owner, settings = slack_server.user("U1"), settings_for(slack_server, tmp_path, durable=True)
    async with running(settings, slack_server):
        await owner.slash("/rostra", "personas edit butler", channel="C1")
        await slack_server.until(lambda: [one for one in slack_server.ephemeral if "butler" in shown(one)])
    async with running(settings, slack_server):
        await owner.press("Persona butler")
        await slack_server.until(lambda: slack_server.views)
        await owner.submit(values={"Prompt": "You are a butler. Be brief."})
        assert slack_server.views == []
        await slack_server.until_text("`butler` is kept", "C1")
        await owner.slash("/rostra", "persona butler", channel="C1")
        await slack_server.delivered()
    assert all(one.to == "U1" for one in slack_server.ephemeral)


async def test_an_asker_may_not_do_what_operators_do_and_is_told_so(
    slack_server: SlackServer, tmp_path: Path
) -> None:
    async with running(settings_for(slack_server, tmp_path), slack_server):
        await slack_server.user("U2").slash("/rostra", "personas edit butler", channel="C1")
        await slack_server.until(lambda: slack_server.ephemeral)
    (answer,) = slack_server.ephemeral
    assert answer.to == "U2"
    assert "operator" in shown(answer)


async def test_a_stop_in_a_thread_stops_the_answer(slack_server: SlackServer, tmp_path: Path) -> None:
    model = {"otherwise": "word " * 2_000, "piece": 5, "seconds": 0.01}
    user = slack_server.user("U1")
    async with running(settings_for(slack_server, tmp_path, model=model), slack_server):
        asked = user.mention("C1", "talk")
        await slack_server.until(lambda: slack_server.streams)
        user.mention("C1", "stop", thread_ts=asked.ts)
        await slack_server.until(lambda: not any(one.open for one in slack_server.streams))
        await slack_server.delivered()
    assert len(slack_server.text("C1")) < 5_000


@pytest.mark.parametrize("stream", ["native", "edits", "off"])
async def test_an_answer_looks_the_same_however_it_comes(
    slack_server: SlackServer, tmp_path: Path, stream: str
) -> None:
    model = {"otherwise": "One sentence. Another sentence. The last one.", "piece": 5, "seconds": 0.001}
    settings = settings_for(slack_server, tmp_path, model=model, slack={"stream": stream})
    async with running(settings, slack_server):
        slack_server.user("U1").mention("C1", "how?")
        await slack_server.until_text("The last one.")
        await slack_server.until(lambda: not any(one.open for one in slack_server.streams))
    assert shown(slack_server.answers("C1")[0]).startswith("One sentence. Another sentence. The last one.")
    assert len(slack_server.answers("C1")) == 1
