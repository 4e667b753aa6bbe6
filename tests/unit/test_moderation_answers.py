"""Answers on their way out: what is judged, and what gets out when."""

from __future__ import annotations

import asyncio

import pytest
from courtroom import (
    BAD,
    FULL,
    Censor,
    Screen,
    moderation,
    refusal,
    run,
    saying,
)

from rostra.actions import Append, Begin, Capabilities, Emit, Finish, Replace, Retract, Show
from rostra.testing.clock import settle
from rostra.testing.stages import a_turn
from rostra.turns import Handler, Turn
from rostra.views import Button
from rostra.views import text as view_of


async def test_text_gets_out_only_after_a_verdict_that_covers_it() -> None:
    censor = Censor(gate=asyncio.Event())
    assert censor.gate is not None
    screen = Screen()
    running = asyncio.ensure_future(
        moderation(censor).stage(saying("One. ", "Two. ", "Thr", "ee."))(a_turn(can=FULL), screen.emit)
    )
    await settle()
    assert [each.direction for each in censor.asked] == ["question"]
    censor.gate.set()
    await running
    assert [(each.direction, each.text) for each in censor.asked] == [
        ("question", "hello"),
        ("answer", "One."),
        ("answer", "One. Two."),
        ("answer", "One. Two. Three."),
    ]
    assert screen.actions == [
        Begin(reply="r1", text="One."),
        Append(reply="r1", text=" Two."),
        Finish(reply="r1", text="One. Two. Three."),
    ]


async def test_an_answer_is_judged_with_its_question() -> None:
    censor = Censor()
    await run(moderation(censor), saying("Yes."), a_turn("Is it so?"))
    assert [each.question for each in censor.asked] == ["", "Is it so?"]


async def test_a_blocked_answer_of_which_nothing_was_shown_is_replaced_by_the_refusal() -> None:
    actions, turn = await run(moderation(Censor()), saying("It is ", BAD, ". And more."))
    assert actions == [Finish(reply="r1", text=refusal("hate"), ending="content_filter")]
    assert [step.what for step in turn.trace.steps] == ["allow", "block"]


async def test_what_was_shown_of_a_blocked_answer_is_retracted() -> None:
    actions, _ = await run(moderation(Censor()), saying("Fine so far. ", f"Now {BAD}. ", "More. "))
    assert actions == [
        Begin(reply="r1", text="Fine so far."),
        Retract(reply="r1", text=refusal("hate")),
    ]


@pytest.mark.parametrize("can", [Capabilities(append=True), Capabilities(delete=True), Capabilities()])
async def test_where_nothing_can_be_taken_back_the_whole_answer_is_awaited(can: Capabilities) -> None:
    pieces = ("One. ", "Two. ", "Three. ")
    actions, _ = await run(moderation(Censor()), saying(*pieces), can=can)
    assert actions == [Finish(reply="r1", text="One. Two. Three. ")]
    actions, _ = await run(moderation(Censor()), saying(*pieces, BAD), can=can)
    assert actions == [Finish(reply="r1", text=refusal("hate"), ending="content_filter")]


async def test_a_place_may_hold_back_more_or_less() -> None:
    whole = moderation(Censor(), policies={"default": {"places": {"fake/*": {"hold": "full"}}}})
    actions, _ = await run(whole, saying("One. ", "Two. "))
    assert actions == [Finish(reply="r1", text="One. Two. ")]
    words = moderation(Censor(), policies={"default": {"hold": "none"}})
    actions, _ = await run(words, saying("One an", "d two"))
    assert actions[0] == Begin(reply="r1", text="One ")


async def test_an_answer_that_ends_otherwise_than_it_was_shown_is_judged_as_it_ends() -> None:
    actions, _ = await run(moderation(Censor()), saying("Fine. ", "Fine. ", end=f"Not {BAD} fine."))
    assert actions == [Begin(reply="r1", text="Fine."), Retract(reply="r1", text=refusal("hate"))]
    actions, _ = await run(moderation(Censor()), saying("Far longer and fine. ", "So. ", end=BAD))
    assert actions[-1] == Retract(reply="r1", text=refusal("hate"))
    censor = Censor()
    actions, _ = await run(moderation(censor), saying("Fine. ", "Fine.", end="Better."))
    assert actions[-1] == Finish(reply="r1", text="Better.")
    assert censor.asked[-1].text == "Better."


async def test_an_answer_is_not_judged_twice_for_ending() -> None:
    censor = Censor()
    await run(moderation(censor, policies={"default": {"hold": "none"}}), saying("One ", "two "))
    assert [each.text for each in censor.asked] == ["What?", "One ", "One two "]


async def test_a_replaced_text_is_judged_and_shown_in_place_of_the_old_one() -> None:
    async def inner(turn: Turn, emit: Emit) -> None:
        await emit(Begin(reply=turn.reply, text="Old. Text. "))
        await emit(Replace(reply=turn.reply, text="New. "))
        await emit(Append(reply=turn.reply, text="Text. "))
        await emit(Finish(reply=turn.reply, text="New. Text. "))

    censor = Censor()
    actions, _ = await run(moderation(censor), inner)
    assert actions == [
        Begin(reply="r1", text="Old."),
        Replace(reply="r1", text="New."),
        Finish(reply="r1", text="New. Text. "),
    ]

    async def worse(turn: Turn, emit: Emit) -> None:
        await emit(Begin(reply=turn.reply, text="Old. Text. "))
        await emit(Replace(reply=turn.reply, text=f"{BAD}. New. "))

    actions, _ = await run(moderation(Censor()), worse)
    assert actions[-1] == Retract(reply="r1", text=refusal("hate"))


async def test_a_view_is_judged_by_its_text() -> None:
    def showing(text: str) -> Handler:
        async def inner(turn: Turn, emit: Emit) -> None:
            await emit(Show(reply=turn.reply, view=view_of(text)))

        return inner

    actions, _ = await run(moderation(Censor()), showing("fine"))
    assert actions == [Show(reply="r1", view=view_of("fine"))]
    actions, _ = await run(moderation(Censor()), showing(BAD))
    assert actions == [Finish(reply="r1", text=refusal("hate"), ending="content_filter")]


async def test_what_stands_on_the_buttons_of_an_answer_is_judged_too() -> None:
    def finishing(text: str, label: str) -> Handler:
        async def inner(turn: Turn, emit: Emit) -> None:
            await emit(Begin(reply=turn.reply, text=text))
            buttons = (Button(control="/rate", label=label),)
            await emit(Finish(reply=turn.reply, text=text, buttons=buttons))

        return inner

    actions, _ = await run(moderation(Censor()), finishing("fine", "good"))
    good = (Button(control="/rate", label="good"),)
    assert actions[-1] == Finish(reply="r1", text="fine", buttons=good)
    for text, label in (("fine", BAD), (BAD, "good")):
        actions, _ = await run(moderation(Censor()), finishing(text, label))
        assert not any(BAD in str(action) for action in actions)
        assert not any(isinstance(action, Finish) and action.buttons for action in actions)


async def test_what_a_retraction_shows_instead_is_judged_too() -> None:
    async def inner(turn: Turn, emit: Emit) -> None:
        await emit(Begin(reply=turn.reply, text="One. Two. "))
        await emit(Retract(reply=turn.reply, text=f"sorry, {BAD}"))

    actions, _ = await run(moderation(Censor()), inner)
    assert actions[-1] == Retract(reply="r1", text=refusal("hate"))


async def test_a_moderator_that_fails_halfway_takes_the_answer_back() -> None:
    censor = Censor()

    async def inner(turn: Turn, emit: Emit) -> None:
        await emit(Begin(reply=turn.reply, text="One. Two. "))
        censor.fails = OSError()
        await emit(Append(reply=turn.reply, text="Three. "))

    actions, _ = await run(moderation(censor), inner)
    assert actions == [Begin(reply="r1", text="One."), Retract(reply="r1", text=refusal("broken"))]
