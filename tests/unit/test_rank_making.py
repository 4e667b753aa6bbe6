"""Answers to be compared are made by whoever is to be compared, judged before they are shown, and give nobody away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from ranking_stand import ASKED, SAID, Counting, asking

from rostra.chat import Answerer
from rostra.feedback.identity import gives_away
from rostra.feedback.values import Candidate
from rostra.places import Person
from rostra.quotas import Quota
from rostra.testing.chats import Chat
from rostra.views import Ballot


async def candidates(chat: Chat) -> Sequence[Candidate]:
    """Return the candidates of the ballot in ann's hands."""
    store = chat.app.parts.store
    held = (await store.assignments(await store.pseudonym("fake", Person(id="ann"))))[0]
    (shown,) = await store.shown([held.batch])
    assert sorted(held.shown_order) == sorted(one.id for one in shown.candidates)
    return shown.candidates


def answers(chat: Chat) -> Sequence[str]:
    return next(part.answers for part in chat.view.parts if isinstance(part, Ballot))


async def test_all_that_is_needed_to_make_an_answer_again_is_kept_with_it() -> None:
    async with asking() as chat:
        await chat.ask("/privacy allow rate")
        await chat.ask("/rank new 3")
        store = chat.app.parts.store
        found = await candidates(chat)
        assert [one.ordinal for one in found] == [0, 1, 2]
        for one in found:
            assert (one.origin, one.answerer, one.finish, one.decision) == (
                "model",
                "default",
                "stop",
                "allow",
            )
            assert one.seed is not None
            assert one.tokens == len(one.text.split())
            assert (
                await store.sampling_of(one.sampling_config) == chat.app.desk.answerers()["default"].sampling
            )


async def test_an_answer_that_is_blocked_is_never_shown_and_another_takes_its_place() -> None:
    async with asking(said=("Fine.", "Build a bomb.", "Wait.", "Ask a hen.", "Boil it.")) as chat:
        await chat.ask("/privacy allow rate")
        await chat.ask("/rank new 3")
        assert sorted(answers(chat)) == ["Ask a hen.", "Boil it.", "Wait."]
        assert not any("bomb" in one.text for one in await candidates(chat))


async def test_where_nothing_else_comes_there_are_fewer_answers_and_the_rater_is_told() -> None:
    async with asking(said=("One.", "Two.", "A bomb.")) as chat:
        await chat.ask("/privacy allow rate")
        said = await chat.ask("/rank new 4")
        assert said.startswith("Only 2 different answers came out that may be shown.")
        assert len(await candidates(chat)) == 2


async def test_the_same_answer_again_and_again_is_nothing_to_compare() -> None:
    async with asking(said=("One.",)) as chat:
        await chat.ask("/privacy allow rate")
        assert (await chat.ask("/rank new 4")).startswith("There is nothing to compare")


async def test_an_answerer_that_repeats_itself_is_drawn_from_more_freely_and_that_is_kept() -> None:
    async with asking(model=Counting(shy=True)) as chat:
        await chat.ask("/privacy allow rate")
        await chat.ask("/rank new 2")
        store = chat.app.parts.store
        own = chat.app.desk.answerers()["default"].sampling
        drawn = {one.text: await store.sampling_of(one.sampling_config) for one in await candidates(chat)}
        assert drawn == {"always": own, "at 0.7": replace(own, temperature=0.7)}


async def test_an_answer_that_says_who_wrote_it_is_replaced_or_the_task_is_flagged() -> None:
    leak = "As ChatGPT I do not eat."
    async with asking(said=("One.", leak, "Two.", "Three.", "Four.")) as chat:
        await chat.ask("/privacy allow rate")
        await chat.ask("/rank new 3")
        assert leak not in answers(chat)
    async with asking(said=("One.", leak)) as chat:
        await chat.ask("/privacy allow rate")
        await chat.ask("/rank new 2")
        assert {one.decision for one in await candidates(chat)} == {"allow", "flag"}


@pytest.mark.parametrize(
    ("text", "question", "leaks"),
    [
        ("I am a helpful model trained by Example Labs.", "who are you?", True),
        ("I\u2019m Claude, nice to meet you.", "hi", True),
        ("Claude Monet painted it.", "who painted the water lilies?", False),
        ("Ask OpenAI.", "hi", True),
        ("OpenAI makes it.", "who is OpenAI?", False),
        ("The smollm2-135m says hello.", "hi", True),
        ("It was made by hand.", "how was it made?", False),
        ("A model of the solar system.", "what is that?", False),
    ],
)
def test_a_giveaway_is_told_from_a_name_that_belongs_there(text: str, question: str, leaks: bool) -> None:
    assert gives_away(text, question, {"smollm2-135m"}) is leaks


async def test_who_has_not_enough_left_makes_no_answers() -> None:
    model = Counting()
    quota = Quota(name="few", per="person", window="day", messages=2)
    async with asking(model=model, settings={"quotas": (quota,)}) as chat:
        await chat.ask("/privacy allow rate")
        assert "Which is better?" in await chat.ask("/rank new 2")
        asked = len(model.asked)
        assert "Which is better?" not in await chat.ask("/rank new 2")
        assert len(model.asked) == asked


async def test_several_answerers_share_the_ballot_each_with_its_own_persona() -> None:
    model = Counting()
    settings = {
        "answerers": {
            "default": Answerer(name="default", model="counting", persona="tutor"),
            "sailor": Answerer(name="sailor", model="counting", persona="pirate", prompt="Say aye."),
        }
    }
    async with asking(model=model, settings=settings) as chat:
        await chat.ask("/privacy allow rate")
        model.asked.clear()
        await chat.ask("/rank new 5 default,sailor")
        found = await candidates(chat)
        assert [one.answerer for one in found] == ["default"] * 3 + ["sailor"] * 2
        (tutor, first), (sailor, second) = model.asked
        assert (first.n, second.n) == (3, 2)
        assert first.seed != second.seed
        assert "patient tutor" in tutor
        assert sailor.endswith("Say aye.")
        assert "no answerer 'nobody'" in await chat.ask("/rank new 3 nobody")


async def test_a_model_that_fails_is_said_to_have_failed() -> None:
    model = Counting()
    async with asking(model=model) as chat:
        await chat.ask("/privacy allow rate")
        model.fails = True
        assert await chat.ask("/rank new 3") == "The model did not answer; please try again later."


async def test_the_question_that_a_message_shows_can_be_ranked_as_well() -> None:
    async with asking() as chat:
        await chat.ask("/privacy allow rate")
        await chat.ask("and potatoes?")
        shown = next(ref for ref, one in chat.platform.shown.items() if one.text == SAID[0])
        assert (await chat.ask(f"/rank new 2 default {shown}")).startswith(ASKED)
        assert await chat.ask("/rank new 2 default nonsense") == (
            "Nothing was asked here that I remember. Ask me something, then write `/rank new`."
        )
