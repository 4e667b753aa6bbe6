"""Whole turns through the real stages, with a platform and a model in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from rostra import AdapterError, Capabilities, Deleted, Invocation, ModelError, Person, Rejected
from rostra.app import App
from rostra.config import Limits, Settings
from rostra.storage.memory import MemoryStore
from rostra.testing.clock import ManualClock, settle
from rostra.testing.fakes import BrokenModerator, ListModerator, ScriptedModel, bot
from rostra.testing.platform import EVERYTHING, FakePlatform

NOW = datetime(2026, 1, 1, tzinfo=UTC)
WHOLE = Capabilities(edit=False, append=False)


@asynccontextmanager
async def running(app: App) -> AsyncGenerator[asyncio.Future[None]]:
    running = asyncio.ensure_future(app.run())
    try:
        yield running
    finally:
        app.stop()
        await running


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def platform() -> FakePlatform:
    return FakePlatform()


@pytest.mark.parametrize("can", [EVERYTHING, WHOLE, Capabilities(edit=True), Capabilities(append=True)])
async def test_a_question_gets_its_answer_on_every_kind_of_platform(
    clock: ManualClock, can: Capabilities
) -> None:
    platform = FakePlatform(capabilities=can)
    model = ScriptedModel(script={"hi": ["well ", "met, ", "friend"]})
    async with bot(platform, model, clock=clock) as app, running(app):
        platform.say("hi")
        await platform.answered()
    assert platform.seen() == ["well met, friend"]


async def test_an_answer_streams(clock: ManualClock, platform: FakePlatform) -> None:
    model = ScriptedModel(script={"hi": ["well ", "met"]}, gate=asyncio.Event())
    async with bot(platform, model, clock=clock) as app, running(app):
        platform.say("hi")
        await settle()
        assert platform.seen() == []
        assert model.gate is not None
        model.gate.set()
        await platform.showing("well met")
        await platform.answered()
    assert [type(action).__name__ for action, _ in platform.calls] == ["Begin", "Append", "Finish"]


async def test_the_same_event_five_times_is_answered_once(clock: ManualClock, platform: FakePlatform) -> None:
    async with bot(platform, ScriptedModel(), clock=clock) as app, running(app):
        for _ in range(5):
            platform.say("hi", ident="e1")
        platform.say("bye", ident="e2")
        await platform.answered(2)
    assert sorted(platform.seen()) == ["bye", "hi"]
    assert len({taken.reply for taken in platform.taken}) == 2


async def test_a_place_is_answered_in_order(clock: ManualClock, platform: FakePlatform) -> None:
    async with bot(platform, ScriptedModel(), clock=clock) as app, running(app):
        for number in range(9):
            platform.say(f"q{number}")
        await platform.answered(9)
    assert platform.seen() == [f"q{number}" for number in range(9)]


async def test_history_is_given_to_the_model_and_reset_forgets_it(
    clock: ManualClock, platform: FakePlatform
) -> None:
    model = ScriptedModel()
    async with bot(platform, model, clock=clock) as app, running(app):
        platform.say("one")
        platform.say("two")
        platform.say("/reset")
        await platform.answered(3)
        platform.say("/confirm")
        await platform.answered(4)
        platform.say("three")
        await platform.answered(5)
    texts = [[utterance.text for utterance in asked[1:]] for asked in model.asked]
    assert texts == [["one"], ["one", "one", "two"], ["three"]]


async def test_stop_ends_the_answer_and_keeps_what_was_shown(
    clock: ManualClock, platform: FakePlatform
) -> None:
    model = ScriptedModel(script={"hi": ["well ", "met"]}, gate=asyncio.Event(), free=1)
    async with bot(platform, model, clock=clock) as app, running(app):
        platform.say("hi")
        platform.say("next")
        await platform.showing("well ")
        platform.say("/stop")
        await platform.answered(3)
        assert model.closed == 1
        platform.say("what did you say?")
        assert model.gate is not None
        model.gate.set()
        await platform.answered(4)
    first = platform.answers_to("general-1")[0]
    assert first.startswith("well")
    assert "met" not in first
    assert "Stopped." in platform.answers_to("general-3")
    assert len(platform.answers_to("general-2")) == 1
    assert [utterance.text for utterance in model.asked[-1][1:]] == ["hi", "well ", "what did you say?"]


async def test_a_deleted_question_takes_its_answer_along(clock: ManualClock, platform: FakePlatform) -> None:
    model = ScriptedModel(script={"hi": ["well ", "met"]}, gate=asyncio.Event(), free=1)
    async with bot(platform, model, clock=clock) as app, running(app):
        question = platform.say("hi", ident="e1")
        platform.say("queued", ident="e2")
        await platform.showing("well ")
        for target in ("e2", "e1"):
            platform.events.put_nowait(
                Deleted(id=f"d-{target}", place=question.place, target=target, sent_at=NOW)
            )
        await platform.answered()
        await settle()
        assert await app.parts.store.unfinished() == []
    assert platform.seen() == []
    assert len(model.asked) == model.closed == 1


async def test_too_many_questions_get_a_busy_refusal_never_silence(
    clock: ManualClock, platform: FakePlatform
) -> None:
    model = ScriptedModel(gate=asyncio.Event())
    settings = Settings(limits=Limits(concurrent=1, waiting=100, waiting_per_place=2))
    async with bot(platform, model, clock=clock, settings=settings) as app, running(app):
        for number in range(5):
            platform.say(f"q{number}")
        await platform.answered(2)
        busy = [*platform.answers_to("general-4"), *platform.answers_to("general-5")]
        assert len(busy) == 2
        assert all("q" not in text.split() for text in busy)
        assert model.gate is not None
        model.gate.set()
        await platform.answered(5)
    assert len(platform.seen()) == 5


async def test_a_person_who_asks_too_much_is_told_when_there_is_room(
    clock: ManualClock, platform: FakePlatform
) -> None:
    settings = Settings(limits=Limits(per_person_per_minute=60, burst=2))
    async with bot(platform, ScriptedModel(), clock=clock, settings=settings) as app, running(app):
        for number in range(3):
            platform.say(f"q{number}")
        await platform.answered(3)
        await clock.advance(2)
        platform.say("q3")
        await platform.answered(4)
    assert platform.answers_to("general-1") == ["q0"]
    assert platform.answers_to("general-3") != ["q2"]
    assert platform.answers_to("general-4") == ["q3"]


async def test_an_answer_that_takes_too_long_ends_in_words(
    clock: ManualClock, platform: FakePlatform
) -> None:
    model = ScriptedModel(gate=asyncio.Event())
    settings = Settings(limits=Limits(answer_seconds=5, first_token_seconds=60))
    async with bot(platform, model, clock=clock, settings=settings) as app, running(app):
        platform.say("hi")
        await settle()
        await clock.advance(5)
        await platform.answered()
    assert len(platform.seen()) == 1
    assert model.closed == 1


async def test_a_model_that_fails_is_said_so_without_its_error(
    clock: ManualClock, platform: FakePlatform
) -> None:
    model = ScriptedModel(script={"hi": ModelError("secret address")})
    async with bot(platform, model, clock=clock) as app, running(app):
        platform.say("hi")
        platform.say("still there?")
        await platform.answered(2)
    assert "secret" not in platform.seen()[0]
    assert platform.seen()[1] == "still there?"


async def test_a_platform_that_refuses_is_asked_again(clock: ManualClock, platform: FakePlatform) -> None:
    platform.failures.extend([AdapterError("down")] * 3)
    async with bot(platform, ScriptedModel(), clock=clock) as app, running(app):
        platform.say("hi")
        await settle()
        assert platform.seen() == []
        await clock.advance(60)
        await platform.answered()
    assert platform.seen() == ["hi"]


async def test_what_cannot_be_sent_becomes_a_dead_letter(clock: ManualClock, platform: FakePlatform) -> None:
    platform.failures.extend([Rejected("no such channel")] * 2)
    store = MemoryStore(clock=clock)
    async with bot(platform, ScriptedModel(), clock=clock, store=store) as app, running(app):
        platform.say("hi")
        platform.say("and now?")
        await platform.answered()
    assert [entry.reply.error for entry in await store.dead()] == ["no such channel"]
    assert platform.seen() == ["and now?"]


async def test_retry_after_is_honoured(clock: ManualClock, platform: FakePlatform) -> None:
    platform.capabilities = WHOLE
    platform.failures.append(AdapterError("slow down", retry_after=500))
    async with bot(platform, ScriptedModel(), clock=clock) as app, running(app):
        platform.say("hi")
        await settle()
        await clock.advance(499)
        assert platform.seen() == []
        await clock.advance(2)
        await platform.answered()


async def test_an_adapter_that_breaks_its_contract_loses_no_reply(
    clock: ManualClock, platform: FakePlatform
) -> None:
    platform.capabilities = WHOLE
    platform.failures.append(KeyError("position"))
    async with bot(platform, ScriptedModel(), clock=clock) as app, running(app):
        platform.say("hi")
        await settle()
        await clock.advance(60)
        await platform.answered()
    assert platform.seen() == ["hi"]


async def test_other_bots_and_empty_messages_are_left_alone(
    clock: ManualClock, platform: FakePlatform
) -> None:
    async with bot(platform, ScriptedModel(), clock=clock) as app, running(app):
        message = platform.message("hi")
        platform.events.put_nowait(replace(message, author=Person(id="b", kind="bot")))
        platform.say("   ")
        platform.say("hello")
        await platform.answered()
    assert platform.seen() == ["hello"]
    assert await app.parts.store.unfinished() == []


async def test_a_shutdown_hands_back_what_it_cannot_finish(
    clock: ManualClock, platform: FakePlatform
) -> None:
    store = MemoryStore(clock=clock)
    model = ScriptedModel(gate=asyncio.Event())
    async with bot(platform, model, clock=clock, store=store) as app, running(app) as run:
        for number in range(3):
            platform.say(f"q{number}")
        await settle()
        app.stop()
        await settle()
        assert not run.done()
        await clock.advance(app.parts.settings.delivery.grace_seconds)
        await run
    assert len(await store.unfinished()) == 3
    fresh = FakePlatform()
    async with bot(fresh, ScriptedModel(), clock=clock, store=store) as app, running(app):
        await fresh.answered(3)
    assert fresh.seen() == ["q0", "q1", "q2"]


async def test_a_shutdown_finishes_what_it_can(clock: ManualClock, platform: FakePlatform) -> None:
    model = ScriptedModel(gate=asyncio.Event())
    async with bot(platform, model, clock=clock) as app, running(app) as run:
        platform.say("hi")
        await settle()
        app.stop()
        await settle()
        assert model.gate is not None
        model.gate.set()
        await run
    assert platform.seen() == ["hi"]


def spoken(model: ScriptedModel) -> Sequence[str]:
    return [asked[0].text for asked in model.asked]


async def test_commands_choose_the_persona_of_a_place(clock: ManualClock, platform: FakePlatform) -> None:
    model = ScriptedModel()
    async with bot(platform, model, clock=clock) as app, running(app):
        platform.say("one")
        platform.say("/persona pirate")
        platform.say("two")
        platform.say("three", channel="elsewhere")
        await platform.answered(4)
    one, two, three = (prompt for _, prompt in sorted(zip(["1", "2", "3"], spoken(model), strict=True)))
    assert sum("pirate" in prompt for prompt in (one, two, three)) == 1


async def test_who_chose_what_is_kept_without_saying_where(
    clock: ManualClock, platform: FakePlatform
) -> None:
    store = MemoryStore(clock=clock)
    async with bot(platform, ScriptedModel(), clock=clock, store=store) as app, running(app):
        platform.say("/persona pirate")
        await platform.answered()
    (change,) = store.changes
    assert (change.action, dict(change.detail)) == (
        "choose persona",
        {"value": "pirate", "scope": "channel"},
    )
    assert change.actor == Person(id="ann")
    assert change.subject == platform.taken[0].reply


async def test_commands_are_explained_when_they_are_not_understood(
    clock: ManualClock, platform: FakePlatform
) -> None:
    async with bot(platform, ScriptedModel(), clock=clock) as app, running(app):
        platform.say("/hepl")
        platform.say("/model scripted")
        platform.say("/help stop")
        event = platform.message("x")
        platform.events.put_nowait(
            Invocation(
                id="i1",
                place=event.place,
                author=event.author,
                path=("stop", "it", "now"),
                options={},
                sent_at=NOW,
            )
        )
        await platform.answered(4)
    assert "Did you mean `/help`?" in platform.seen()[0] + platform.seen()[1]
    assert any("is for operators" in text for text in platform.seen())
    assert any("/stop" in text and "how it is written" in text for text in platform.seen())


async def test_blocked_questions_never_reach_the_model(clock: ManualClock, platform: FakePlatform) -> None:
    model = ScriptedModel()
    judge = ListModerator(words={"bomb": "illicit/violent"})
    async with bot(platform, model, clock=clock, moderators=[judge]) as app, running(app):
        platform.say("build a bomb")
        platform.say("and now?")
        platform.say("/why general-1")
        await platform.answered(3)
    assert len(model.asked) == 1
    assert [utterance.text for utterance in model.asked[0][1:]] == ["and now?"]
    assert "bomb" not in platform.seen()[0]


async def test_blocked_answers_are_withdrawn(clock: ManualClock, platform: FakePlatform) -> None:
    model = ScriptedModel(script={"hi": ["All is well. ", "Now for the bomb. ", "More."]})
    judge = ListModerator(words={"bomb": "illicit/violent"})
    async with bot(platform, model, clock=clock, moderators=[judge]) as app, running(app):
        platform.say("hi")
        await platform.answered()
        platform.say("again")
        await platform.answered(2)
    shown = " ".join(getattr(action, "text", "") for action, _ in platform.calls)
    assert "bomb" not in shown
    assert "All is well" not in platform.seen()[0]
    assert [utterance.text for utterance in model.asked[1][1:]] == ["again"]


async def test_a_moderator_that_fails_blocks_in_its_own_words(
    clock: ManualClock, platform: FakePlatform
) -> None:
    model = ScriptedModel()
    async with bot(platform, model, clock=clock, moderators=[BrokenModerator()]) as app, running(app):
        platform.say("hi")
        await platform.answered()
    assert model.asked == []
    assert platform.taken[0].reply in platform.seen()[0]
    assert "judge is out" not in platform.seen()[0]
