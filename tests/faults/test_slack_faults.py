"""Slack when things go wrong: bursts, storms, streams that Slack closes, kills, forgeries, the ids of others."""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from slack_bot import over_http, running, settings_for

from rostra import logs
from rostra.benches.report import percentile
from rostra.config import load
from rostra.testing.clock import ManualClock
from rostra.testing.slack_server import SlackServer, shown
from rostra.testing.stand import passing
from rostra_adapters.slack.adapter import Slack

pytest_plugins = ["rostra.testing.slack_server.plugin"]

EVENTS = 1_000
LIMIT = 3.0
"""Seconds in which Slack wants an acknowledgement."""


@pytest.mark.slow
async def test_a_thousand_events_in_a_burst_are_answered_once_each_and_acknowledged_in_time(
    tmp_path: Path,
) -> None:
    async with SlackServer(patience=60) as server:
        people = [server.user(f"U{number}") for number in range(10, 60)]
        model = {"otherwise": None, "seconds": 0.02, "piece": 40}
        settings = settings_for(server, tmp_path, model=model, slack={"stream": "off"}, durable=True)
        async with running(settings, server):
            began, used = time.perf_counter(), time.process_time()
            # Each mention arrives as two events; every tenth comes once more, as Slack does.
            asked = [
                people[number % len(people)].mention("C1", f"question {number}.")
                for number in range(EVENTS // 2)
            ]
            for delivery in list(server.deliveries)[::10]:
                server.repeat(delivery)
            await server.until(lambda: len(server.answers("C1")) >= len(asked))
            await server.delivered()
            share = min(1.0, (time.process_time() - used) / (time.perf_counter() - began))
        threads = Counter(one.thread_ts for one in server.answers("C1"))
        latencies = [one.latency for one in server.deliveries]
        figures = {percent: percentile(latencies, percent) for percent in (50, 99)}
        print(f"acknowledged: p50 {figures[50] * 1000:.0f} ms, p99 {figures[99] * 1000:.0f} ms")
        assert len(server.deliveries) >= EVENTS
        assert [one for one in server.deliveries if not one.acknowledged] == []
        assert threads == Counter(one.ts for one in asked)
        assert max(latencies) * share < LIMIT  # what other programs took of the processor is not counted


async def test_a_storm_delays_an_answer_and_takes_nothing_from_it(
    slack_server: SlackServer, tmp_path: Path
) -> None:
    model = {"otherwise": "One sentence. Another sentence. The last one.", "piece": 15, "seconds": 0.01}
    async with running(settings_for(slack_server, tmp_path, model=model), slack_server):
        slack_server.storm("chat.*", calls=6, retry_after=0)
        slack_server.user("U1").mention("C1", "how?")
        await slack_server.until_text("The last one.")
        await slack_server.until(lambda: not any(one.open for one in slack_server.streams))
    (answer,) = slack_server.answers("C1")
    assert shown(answer).count("Another sentence.") == 1
    assert sum(call.error == "ratelimited" for call in slack_server.calls) == 6


LONG = "A sentence about nothing. " * 40 + "The very last words."
TALKS = {"otherwise": LONG, "piece": 30, "seconds": 0.04}
"""A model that takes longer than it takes until a piece is sent."""


async def test_an_answer_goes_on_when_slack_closes_its_stream(tmp_path: Path) -> None:
    clock = ManualClock()
    async with SlackServer(clock=clock) as server:
        settings = settings_for(server, tmp_path, model=TALKS)
        async with running(settings, server, clock):
            server.user("U1").mention("C1", "talk")
            await passing(clock, server.until(lambda: [one for one in server.streams if one.appends]))
            server.expire_streams()
            await passing(clock, server.until_text("The very last words."))
        assert "message_not_in_streaming_state" in {call.error for call in server.calls}
        assert server.text("C1").count("A sentence about nothing.") == 40
        assert len(server.answers("C1")) == 1


async def test_an_append_whose_answer_is_lost_is_not_shown_twice(tmp_path: Path) -> None:
    clock = ManualClock()
    async with SlackServer(clock=clock) as server:
        server.fail("chat.appendStream", "internal_error", status=500, after=True)
        settings = settings_for(server, tmp_path, model=TALKS)
        async with running(settings, server, clock):
            server.user("U1").mention("C1", "talk")
            await passing(clock, server.until_text("The very last words."))
            await passing(clock, server.until(lambda: not any(one.open for one in server.streams)))
            count = "A sentence about nothing."
            await passing(clock, server.until(lambda: server.text("C1").count(count) == 40))
        assert "internal_error" in {call.error for call in server.calls}
        assert len(server.answers("C1")) == 1


CONFIG = """
data = "{folder}"

[adapters.slack]
kind = "slack"
api = "{api}"
bot_token = "{bot}"
app_token = "{app}"

[models.model]
kind = "canned"
otherwise = "{answer}"
piece = 30
seconds = {seconds}

[moderators.rules]
kind = "rules"

[log]
level = "debug"
format = "json"
"""


def configured(server: SlackServer, folder: Path, *, seconds: float) -> Path:
    """Write the configuration of a bot that takes so long for each piece, and return where."""
    config = folder / "rostra.toml"
    config.write_text(
        CONFIG.format(
            folder=folder / "data",
            api=server.api,
            bot=server.bot_token,
            app=server.app_token,
            answer=LONG,
            seconds=seconds,
        )
    )
    return config


def secrets_of(server: SlackServer, *said: str) -> tuple[str, ...]:
    """Return what no log may have: tokens, what people wrote, what the model says."""
    return (server.bot_token, server.app_token, "nothing. A sentence", *said)


@asynccontextmanager
async def process(server: SlackServer, folder: Path, *, seconds: float) -> AsyncGenerator[Process]:
    """Run ``rostra serve`` as people do, and kill it in the end."""
    config = configured(server, folder, seconds=seconds)
    before = server.socket.connected
    command = (
        sys.executable,
        "-c",
        "from rostra.cli.main import main; main()",
        "serve",
        "--config",
        str(config),
    )
    running = await asyncio.create_subprocess_exec(*command, stdin=DEVNULL, stdout=DEVNULL, stderr=PIPE)
    try:
        await server.until(lambda: server.socket.connected > before, 30)
        yield running
    finally:
        with contextlib.suppress(ProcessLookupError):  # it may have ended and not been waited for
            running.kill()
        await running.communicate()


@pytest.mark.slow
async def test_what_a_kill_cut_short_and_what_it_kept_from_being_accepted_is_answered_by_the_next_process(
    tmp_path: Path,
) -> None:
    async with SlackServer(patience=30) as server:
        async with process(server, tmp_path, seconds=0.05) as first:
            server.fail("usergroups.list", "missing_scope")
            talk = server.user("U1").mention("C1", "talk")
            await server.until(lambda: [one for one in server.streams if one.appends])
            gate = server.hold("users.info")  # it is asked before anything is accepted
            more = server.user("U2").mention("C1", "talk more")
            await server.until(lambda: server.held("users.info"))
            first.kill()
            assert first.stderr is not None
            logged = (await first.stderr.read()).decode()
            await first.wait()
        assert "user groups unknown" in logged
        for secret in secrets_of(server, "talk more"):
            assert secret not in logged
        gate.set()
        (stream,) = server.streams
        assert stream.open
        assert "The very last words." not in server.text("C1")
        assert not any(one.acknowledged for one in server.deliveries if one.payload["event"]["ts"] == more.ts)
        async with running(load(configured(server, tmp_path, seconds=0), {}), server):
            await server.until(lambda: not stream.open)
            await server.until(lambda: server.text("C1").count("The very last words.") == 2)
            await server.delivered()
        finished, answered = sorted(server.answers("C1"), key=lambda one: one.ts)
        assert (finished.ts, finished.thread_ts) == (stream.ts, talk.ts)
        assert shown(finished).count("A sentence about nothing.") == 40
        assert answered.thread_ts == more.ts


@pytest.mark.slow
async def test_tokens_and_words_are_absent_from_logs_at_every_level(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    async with SlackServer(patience=30) as server:
        stream, settings = io.StringIO(), load(configured(server, tmp_path, seconds=0), {})
        with logs.configured(level="debug", format="json", stream=stream):
            async with running(settings, server):
                server.fail("chat.startStream", "internal_error", status=500)
                server.storm("chat.*", calls=2, retry_after=0)
                server.user("U1").mention("C1", "what about my holidays?")
                await server.until_text("The very last words.")
                await server.user("U1").slash("/rostra", "why", channel="C1")
                server.drop()
                await server.until_connected(2)
                server.fail("chat.*", "account_inactive", calls=100)
                server.user("U1").mention("C1", "and my parents?")
                await server.until(lambda: "account_inactive" in {call.error for call in server.calls})
        printed = capfd.readouterr()
    logged = stream.getvalue() + printed.out + printed.err
    assert logged.count("\n") > 3
    assert "account_inactive" in logged
    for secret in secrets_of(server, "holidays", "parents"):
        assert secret not in logged


@asynccontextmanager
async def over_http_at(server: SlackServer, folder: Path) -> AsyncGenerator[None]:
    """Run a bot that Slack posts to, wherever it listens."""
    async with running(settings_for(server, folder, slack=over_http(server)), server) as app:
        slack = app.parts.adapters["slack"]
        assert isinstance(slack, Slack)
        async with asyncio.timeout(server.patience):
            await slack.bound.wait()
        server.deliver_to(f"{slack.url}/events")
        assert await server.verify_url()
        yield


async def test_only_what_slack_signed_in_the_last_minutes_is_taken(
    slack_server: SlackServer, tmp_path: Path
) -> None:
    async with over_http_at(slack_server, tmp_path):
        slack_server.user("U1").dm("a real question")
        await slack_server.until_text("a real question")
        await slack_server.delivered()
        (delivery,) = [one for one in slack_server.deliveries if "bot_id" not in one.payload["event"]]
        event = delivery.payload["event"]
        delivery.payload["event"] = {**event, "ts": "1.000001", "text": "a forged question"}
        posted = [
            await slack_server.post(delivery, secret="guessed"),
            await slack_server.post(delivery, age=301),
            await slack_server.post(delivery, age=-301),
            await slack_server.post(delivery, headers={"X-Slack-Signature": ""}),
            await slack_server.post(delivery, headers={"X-Slack-Signature": "v0=" + "0" * 64}),
            await slack_server.post(delivery, headers={"X-Slack-Request-Timestamp": "now"}),
        ]
        assert [one.status for one in posted] == [401] * 6
        assert (await slack_server.post(delivery)).status == 200
        await slack_server.until_text("a forged question")
    assert len(slack_server.answers()) == 2


async def test_a_retry_whose_first_delivery_was_answered_is_not_answered_again(
    slack_server: SlackServer, tmp_path: Path
) -> None:
    async with over_http_at(slack_server, tmp_path):
        slack_server.user("U1").mention("C1", "once, please")
        await slack_server.until_text("once, please")
        await slack_server.delivered()
        for delivery in list(slack_server.deliveries):
            slack_server.repeat(delivery, reason="http_timeout")
        await slack_server.delivered()
    assert len(slack_server.answers("C1")) == 1
    assert all(one.acknowledged for one in slack_server.deliveries)


async def test_controls_work_only_where_they_were_shown(slack_server: SlackServer, tmp_path: Path) -> None:
    other = slack_server.add_workspace("T2", users=("U9",), channels={"C9": "theirs"})
    owner = slack_server.user("U1")
    async with running(settings_for(slack_server, tmp_path), slack_server):
        await owner.slash("/rostra", "personas edit butler", channel="C1")
        await slack_server.until(lambda: slack_server.ephemeral)
        await owner.press("Persona butler")
        genuine = slack_server.deliveries[-1].payload
        await slack_server.until(lambda: slack_server.views)
        opened = len(slack_server.world.views)

        def forged(**more: Any) -> dict[str, Any]:
            trigger = slack_server.world.new_trigger(slack_server.workspace, "U1")
            return {**genuine, "trigger_id": trigger, **more}

        elsewhere = {
            "channel": {"id": "C7", "name": "x"},
            "container": {"channel_id": "C7", "message_ts": "1.1"},
        }
        theirs = {"team": {"id": "T2", "domain": "t2"}, "user": {"id": "U9", "team_id": "T2", "name": "u9"}}
        changed = [{**genuine["actions"][0], "action_id": "made-up.0", "value": "made-up.0"}]
        for payload, workspace in (
            (forged(**elsewhere), slack_server.workspace),
            (forged(**theirs), other),
            (forged(actions=changed), slack_server.workspace),
        ):
            await slack_server.world.send("interactive", workspace, payload)
        await slack_server.delivered()
        assert len(slack_server.world.views) == opened
        await slack_server.world.send("interactive", slack_server.workspace, forged())
        await slack_server.until(lambda: len(slack_server.world.views) == opened + 1)
    assert slack_server.messages("C9") == []


async def test_a_form_that_carries_another_place_is_not_taken(
    slack_server: SlackServer, tmp_path: Path
) -> None:
    owner = slack_server.user("U1")
    slack_server.add_channel("other", id_="C2", members=["U1"])
    async with running(settings_for(slack_server, tmp_path), slack_server):
        await owner.slash("/rostra", "personas edit butler", channel="C1")
        await slack_server.until(lambda: slack_server.ephemeral)
        await owner.press("Persona butler")
        view = await slack_server.until(lambda: slack_server.views and slack_server.views[-1])
        view.body["private_metadata"] = view.body["private_metadata"].replace('"C1"', '"C2"')
        await owner.submit(values={"Prompt": "You are evil."})
        await slack_server.delivered()
        await owner.slash("/rostra", "persona butler", channel="C1")
        await slack_server.until(lambda: len(slack_server.ephemeral) >= 2)
    assert "is kept" not in "\n".join(map(shown, slack_server.ephemeral))


async def test_nothing_that_a_model_says_notifies_anybody(slack_server: SlackServer, tmp_path: Path) -> None:
    evil = (
        "<!channel> <!here> <!everyone> <@U2> <!subteam^S1|all> <#C1> <https://evil.example|bank> &amp; done."
    )
    async with running(settings_for(slack_server, tmp_path, model={"otherwise": evil}), slack_server):
        slack_server.user("U1").dm("go on")
        slack_server.user("U1").mention("C1", "go on")
        await slack_server.until(lambda: slack_server.text().count("done") == 2)
    for seen in map(shown, slack_server.answers()):
        assert not any(token in seen for token in ("<!", "<@", "<#", "<https://evil.example|"))


async def test_errors_of_the_adapter_name_no_token(
    slack_server: SlackServer, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    settings = settings_for(slack_server, tmp_path, slack={"bot_token": "xoxb-wrong-secret"})
    with pytest.raises(Exception, match="bot_token") as caught:
        async with running(settings, slack_server):
            pass
    assert "secret" not in str(caught.value)
    assert "xoxb-wrong" not in caplog.text
