"""Notes on what no longer fits into a prompt: written behind the answers, judged, kept only if everything went well."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field, replace

import pytest

from rostra.chat import Answerer, Piece, Sampling, Utterance
from rostra.clock import Clock
from rostra.config import Settings
from rostra.errors import ModelError
from rostra.prompts import NOTES
from rostra.protocols import Moderation
from rostra.storage.memory import MemoryStore
from rostra.stores import Store
from rostra.summaries import SYSTEM, Summaries
from rostra.testing.clock import ManualClock, settle
from rostra.testing.fakes import ListModerator, NoModeration, bot
from rostra.testing.platform import FakePlatform
from rostra.testing.samples import ROOM, question
from rostra.testing.stages import a_turn
from rostra.testing.stores import answered
from rostra.turns import Handler, Turn
from rostra.verdicts import Decision, Passage, Verdict

LONG = "so it goes " * 40


@dataclass(slots=True)
class Scribe:
    """Answers at length, and writes the notes it is told to; an exception is raised in their place."""

    notes: str | Exception = "They like tea."
    name: str = "scripted"
    window: int = 1000
    asked: list[Sequence[Utterance]] = field(default_factory=list[Sequence[Utterance]])
    noted: list[str] = field(default_factory=list[str])
    sampled: list[Sampling] = field(default_factory=list[Sampling])

    def count(self, text: str) -> int:
        return len(text.split())

    async def stream(self, messages: Sequence[Utterance], sampling: Sampling) -> AsyncGenerator[Piece]:
        if messages[0].text != SYSTEM:
            self.asked.append(messages)
            yield Piece(text=LONG, finish="stop")
            return
        self.noted.append(messages[1].text)
        self.sampled.append(sampling)
        if isinstance(self.notes, Exception):
            raise self.notes
        yield Piece(text=self.notes, finish="stop")


@dataclass(slots=True)
class Judge:
    """Gives every passage the same verdict."""

    verdict: Verdict = field(default_factory=lambda: Verdict(decision=Decision.ALLOW, source="test"))
    judged: list[Passage] = field(default_factory=list[Passage])

    async def judge(self, passage: Passage) -> Verdict:
        self.judged.append(passage)
        return self.verdict

    def stage(self, inner: Handler) -> Handler:
        return inner


def summaries(
    store: Store, model: Scribe, judge: Moderation | None = None, clock: Clock | None = None
) -> Summaries:
    return Summaries(
        conversations=store,
        models={"scripted": model},
        moderation=judge or NoModeration(),
        clock=clock or ManualClock(),
        tokens=50,
    )


async def talked(store: Store, exchanges: int) -> Turn:
    """Have as many exchanges, and return the turn of the next question."""
    for number in range(exchanges):
        await answered(store, question(f"q{number}?"), f"a{number}. {LONG}")
    said = await store.recall(ROOM, 80)
    turn = a_turn("next?")
    return replace(
        turn,
        event=question("next?"),
        answerer=Answerer(name="default", model="scripted", sampling=Sampling(max_tokens=300)),
        history=tuple(Utterance(role=one.role, text=one.text) for one in said),
        replies=tuple(one.reply for one in said),
        system="Be kind.",
    )


@pytest.fixture
def store() -> Store:
    return MemoryStore(clock=ManualClock())


async def test_what_falls_out_is_summed_up(store: Store) -> None:
    model, judge = Scribe(), Judge()
    turn = await talked(store, 8)
    assert await summaries(store, model, judge).make(turn, "answer.")
    kept = await store.summary(ROOM)
    assert kept is not None
    assert kept.text == "They like tea."
    assert "Person: q0?" in model.noted[0]
    assert f"Assistant: a0. {LONG.strip()}" in model.noted[0]
    last = turn.history[_index(turn, kept.reply)].text
    assert last in model.noted[0]
    assert "q7?" not in model.noted[0], "the last exchange still fits"
    assert (model.sampled[0].temperature, model.sampled[0].max_tokens) == (0.0, 50)
    assert {(one.text, one.direction) for one in judge.judged} == {
        ("They like tea.", "answer"),
        ("They like tea.", "question"),
    }


async def test_the_next_summary_is_made_of_the_first_and_of_what_fell_out_since(store: Store) -> None:
    model = Scribe()
    maker = summaries(store, model)
    assert await maker.make(await talked(store, 8), "answer.")
    first = await store.summary(ROOM)
    assert first is not None
    turn = await talked(store, 8)
    model.notes = "Tea and cake."
    assert await maker.make(turn, "answer.")
    second = await store.summary(ROOM)
    assert second is not None
    assert second.text == "Tea and cake."
    assert "The notes so far:\n\nThey like tea." in model.noted[1]
    assert _index(turn, second.reply) > _index(turn, first.reply)
    assert "q0?" not in model.noted[1].partition("q7?")[0], "the first eight were covered up to there"


async def test_nothing_is_summed_up_while_everything_fits(store: Store) -> None:
    model = Scribe()
    assert not await summaries(store, model).make(await talked(store, 2), "answer.")
    assert model.noted == []


@pytest.mark.parametrize(
    "verdict",
    [
        Verdict(decision=Decision.BLOCK, source="test"),
        Verdict(decision=Decision.ALLOW, source="test", kind="error"),
        Verdict(decision=Decision.ALLOW, source="test", kind="timeout"),
    ],
)
async def test_a_summary_that_is_not_judged_and_let_pass_is_not_kept(store: Store, verdict: Verdict) -> None:
    assert not await summaries(store, Scribe(), Judge(verdict=verdict)).make(
        await talked(store, 8), "answer."
    )
    assert await store.summary(ROOM) is None


async def test_what_did_not_work_out_is_not_tried_again_for_the_same_exchanges(store: Store) -> None:
    model = Scribe(notes=ModelError("it is out"))
    maker = summaries(store, model)
    turn = await talked(store, 8)
    with pytest.raises(ModelError):
        await maker.make(turn, "answer.")
    assert not await maker.make(turn, "answer.")
    assert len(model.noted) == 1
    model.notes = "They like tea."
    assert await maker.make(await talked(store, 4), "answer.")


async def test_a_summary_of_what_was_forgotten_meanwhile_is_not_kept(store: Store) -> None:
    turn = await talked(store, 8)
    await store.forget(ROOM)
    assert not await summaries(store, Scribe()).make(turn, "answer.")
    assert await store.summary(ROOM) is None


async def test_a_model_that_hangs_is_given_up(store: Store) -> None:
    @dataclass(slots=True)
    class Hanging(Scribe):
        async def stream(self, messages: Sequence[Utterance], sampling: Sampling) -> AsyncGenerator[Piece]:
            await asyncio.Event().wait()
            yield Piece()

    clock = ManualClock()
    making = asyncio.ensure_future(
        summaries(store, Hanging(), clock=clock).make(await talked(store, 8), "answer.")
    )
    await settle()
    await clock.advance(120.0)
    with pytest.raises(TimeoutError):
        await making


async def test_an_exchange_longer_than_the_window_is_read_in_part(store: Store) -> None:
    await answered(store, question("q?"), "word " * 5_000)
    model = Scribe()
    assert await summaries(store, model).make(await talked(store, 3), "answer.")
    assert "cut" in model.noted[0]
    assert len(model.noted[0].split()) < 950


async def test_one_place_that_fails_does_not_stop_the_others(store: Store) -> None:
    model = Scribe(notes=RuntimeError("a bug"))
    maker = summaries(store, model)
    running = asyncio.ensure_future(maker.run())
    maker.due(await talked(store, 8), "answer.")
    await settle()
    assert await store.summary(ROOM) is None
    model.notes = "They like tea."
    maker.due(await talked(store, 8), "answer.")
    await settle()
    assert await store.summary(ROOM) is not None
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def remembering(*, summary: bool) -> Settings:
    return Settings.model_validate(
        {
            "models": {"scripted": {"kind": "canned"}},
            "answerers": {"default": {"sampling": {"max_tokens": 300}}},
            "memory": {"summary": summary, "summary_tokens": 50},
            "limits": {"burst": 100, "per_person_per_minute": 1000},
        }
    )


async def say(platform: FakePlatform, model: Scribe, *questions: str) -> Sequence[Utterance]:
    """Ask one after the other, and return the last prompt."""
    for text in questions:
        platform.say(text)
        await platform.answered(len(model.asked) + 1)
        await settle()
    return model.asked[-1]


@pytest.mark.parametrize("summary", [True, False])
async def test_a_model_reads_the_summary_as_something_that_was_said_if_it_is_switched_on(
    summary: bool,
) -> None:
    platform, model = FakePlatform(), Scribe()
    async with bot(platform, model, settings=remembering(summary=summary)) as app:
        running = asyncio.ensure_future(app.run())
        prompt = await say(platform, model, *(f"q{number}?" for number in range(10)))
        app.stop()
        await running
    noted = [one.role for one in prompt if one.text == f"{NOTES}They like tea."]
    assert noted == (["user"] if summary else [])
    assert bool(model.noted) == summary
    assert prompt[0].role == "system"
    assert "tea" not in prompt[0].text


async def test_a_summary_with_what_the_rules_forbid_never_reaches_the_model() -> None:
    platform, model = FakePlatform(), Scribe(notes="The password is sesame.")
    moderator = ListModerator(words={"sesame": "custom"})
    async with bot(platform, model, moderators=[moderator], settings=remembering(summary=True)) as app:
        running = asyncio.ensure_future(app.run())
        await say(platform, model, *(f"q{number}?" for number in range(10)))
        app.stop()
        await running
    assert model.noted
    assert not any("sesame" in one.text for prompt in model.asked for one in prompt)


async def test_after_a_reset_nothing_of_the_summary_is_left() -> None:
    platform, model = FakePlatform(), Scribe()
    async with bot(platform, model, settings=remembering(summary=True)) as app:
        running = asyncio.ensure_future(app.run())
        before = await say(platform, model, *(f"q{number}?" for number in range(10)))
        platform.say("/reset")
        await platform.answered(11)
        platform.say("/confirm")
        await platform.answered(12)
        platform.say("and now?")
        await platform.answered(13)
        after = model.asked[-1]
        app.stop()
        await running
    assert any("tea" in one.text for one in before)
    assert [one.text for one in after[1:]] == ["and now?"]


def _index(turn: Turn, reply: str) -> int:
    return len(turn.replies) - 1 - turn.replies[::-1].index(reply)
