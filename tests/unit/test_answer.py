"""What a model is asked: the history and the attachments as they fit, and no more tokens than are left."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, field, replace

import pytest

from rostra.actions import Action
from rostra.answer import answer_with
from rostra.chat import Answerer, Piece, Sampling, Utterance
from rostra.config import Settings
from rostra.events import Attachment, Message
from rostra.testing.clock import ManualClock
from rostra.testing.fakes import ListModerator, ScriptedModel, bot
from rostra.testing.platform import FakePlatform
from rostra.testing.stages import a_turn
from rostra.verdicts import Decision, Passage, Verdict


@dataclass(slots=True)
class Narrow:
    """Remembers how many tokens it was asked for."""

    window: int
    name: str = "narrow"
    asked: list[int] = field(default_factory=list[int])
    read: list[int] = field(default_factory=list[int])

    def count(self, text: str) -> int:
        return len(text.split())

    async def stream(self, messages: Sequence[Utterance], sampling: Sampling) -> AsyncGenerator[Piece]:
        self.asked.append(sampling.max_tokens)
        self.read.append(sum(self.count(one.text) for one in messages))
        yield Piece(text="Yes.", finish="stop")


@pytest.mark.parametrize(("window", "most"), [(4096, 512), (600, 512), (300, 5_000)])
async def test_a_prompt_and_its_answer_fit_into_the_window_together(window: int, most: int) -> None:
    model = Narrow(window)
    actions: list[Action] = []

    async def emit(action: Action) -> None:
        actions.append(action)

    answerer = Answerer(name="default", model="narrow", sampling=Sampling(max_tokens=most))
    turn = replace(a_turn("why " * 5_000), answerer=answerer)
    await answer_with({"narrow": model}, clock=ManualClock())(turn, emit)
    assert window // 3 <= model.asked[0] + model.read[0] <= window
    assert model.asked[0] >= min(most, window // 2)


@dataclass(slots=True)
class Learning(Narrow):
    """Learns from an answer that words have more tokens than it estimated."""

    rate: int = 1

    def count(self, text: str) -> int:
        return self.rate * len(text.split())

    async def stream(self, messages: Sequence[Utterance], sampling: Sampling) -> AsyncGenerator[Piece]:
        self.rate = 3
        yield Piece(text="Yes.", finish="stop")


async def test_what_a_model_learned_about_counting_shows_in_the_next_prompt() -> None:
    handle = answer_with({"narrow": Learning(2_000)}, clock=ManualClock())

    async def emit(action: Action) -> None:
        del action

    tokens: list[object] = []
    for _ in range(2):
        turn = replace(a_turn("why " * 300), answerer=Answerer(name="default", model="narrow"))
        await handle(turn, emit)
        tokens += [dict(step.facts)["prompt_tokens"] for step in turn.trace.steps if step.what == "asked"]
    first, second = tokens
    assert isinstance(first, int)
    assert isinstance(second, int)
    assert second >= first + 600


def report(text: str, name: str = "report.txt") -> Attachment:
    return Attachment(name=name, media_type="text/plain", size=len(text), text=text)


def sent(platform: FakePlatform, text: str, *attachments: Attachment) -> Message:
    message = replace(platform.message(text), attachments=attachments)
    platform.events.put_nowait(message)
    return message


async def test_a_long_attachment_reaches_the_model_in_part_and_the_words_whole() -> None:
    platform, model = FakePlatform(), ScriptedModel(window=1000)
    sampling = {"answerers": {"default": {"sampling": {"max_tokens": 100}}}}
    async with bot(platform, model, settings=Settings.model_validate(sampling)) as app:
        running = asyncio.ensure_future(app.run())
        sent(platform, "What does it say?", report("tea " * 5_000), report("short", "b.txt"))
        await platform.answered()
        app.stop()
        await running
    asked = model.asked[0][-1].text
    assert asked.startswith("What does it say?\n\n[attachment: report.txt]\ntea tea")
    assert "of 20,000 characters of report.txt are above" in asked
    assert asked.endswith("[attachment: b.txt]\nshort")
    assert 300 < len(asked.split()) <= 470


@pytest.mark.parametrize("place", ["a sesame", "tea " * 5_000 + "sesame"])
async def test_whatever_stands_in_an_attachment_is_judged_before_anything_of_it_is_read(place: str) -> None:
    platform, model = FakePlatform(), ScriptedModel(window=1000)
    moderator = ListModerator(words={"sesame": "custom"})
    async with bot(platform, model, moderators=[moderator]) as app:
        running = asyncio.ensure_future(app.run())
        sent(platform, "Look.", report("nothing", "a.txt"), report(place))
        await platform.answered()
        app.stop()
        await running
    assert model.asked == []


async def test_what_moderators_are_shown_holds_every_word_that_a_model_may_read() -> None:
    platform, model = FakePlatform(), ScriptedModel()
    judged: list[str] = []

    class Listener:
        name = "listener"

        async def judge(self, passage: Passage) -> Verdict:
            judged.append(passage.text)
            return Verdict(decision=Decision.ALLOW, source=self.name)

    async with bot(platform, model, moderators=[Listener()]) as app:
        running = asyncio.ensure_future(app.run())
        sent(platform, "Look.", report("one"), report("two", "b\nc.txt"))
        await platform.answered()
        app.stop()
        await running
    read = model.asked[0][-1].text
    assert read in judged
    assert read == "Look.\n\n[attachment: report.txt]\none\n\n[attachment: b c.txt]\ntwo"
