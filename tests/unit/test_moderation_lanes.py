"""Two lanes: those who answer at once judge all text before it is shown; the others judge while more of it comes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
from courtroom import FULL, Book, Phrases, Scores, Screen, moderation, refusal, run, saying

from rostra.actions import Action, Append, Begin, Emit, Finish, Retract
from rostra.errors import StoreError
from rostra.testing.clock import ManualClock, settle
from rostra.testing.stages import a_turn
from rostra.turns import Turn
from rostra.verdicts import Decision, Passage, Verdict
from rostra_moderation.overlap import OVERLAP

BANNED = {"rosebud was the sledge": ("custom", 1.0)}
SLOW_BAD = {"slowly bad": ("hate", 0.9)}
EAGER = {"default": {"hold": "none"}}


def shown(actions: Sequence[Action]) -> str:
    """Return everything that was ever shown before the end."""
    return "".join(action.text for action in actions if isinstance(action, Begin | Append))


@pytest.mark.parametrize("hold", ["none", "sentence"])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 11])
async def test_a_banned_string_split_anywhere_is_never_shown(hold: str, size: int) -> None:
    text = "Well, you know. In the film rosebud was the sledge, as they say. The end."
    pieces = [text[at : at + size] for at in range(0, len(text), size)]
    quick = Phrases(scores=BANNED)
    actions, _ = await run(moderation(quick, policies={"default": {"hold": hold}}), saying(*pieces))
    assert actions[-1] == Retract(reply="r1", text=refusal("custom"))
    assert "sledge" not in shown(actions)
    assert shown(actions).startswith("Well, you know.")


async def test_without_hold_text_is_shown_once_those_who_answer_at_once_have_seen_it() -> None:
    quick, slow = Phrases(scores=BANNED), Scores(scores=SLOW_BAD, gate=asyncio.Event())
    court = moderation(quick, slow, policies=EAGER)
    assert slow.gate is not None
    slow.gate.set()
    screen = Screen()
    gate = asyncio.Event()

    async def inner(turn: Turn, emit: Emit) -> None:
        assert slow.gate is not None
        slow.gate.clear()
        await emit(Begin(reply=turn.reply, text="One two three. " * 10))
        await emit(Append(reply=turn.reply, text="Four five six. "))
        gate.set()
        await asyncio.Event().wait()

    running = asyncio.ensure_future(court.stage(inner)(a_turn(can=FULL), screen.emit))
    await gate.wait()
    assert screen.text == "One two three. " * 10 + "Four five six. "
    assert any(screen.text.startswith(each.text) for each in quick.asked if each.direction == "answer")
    running.cancel()
    await settle()
    slow.gate.set()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_a_late_verdict_takes_back_what_was_shown_and_stops_whoever_is_talking() -> None:
    slow = Scores(scores=SLOW_BAD)
    court = moderation(Phrases(scores=BANNED), slow, policies=EAGER)
    screen = Screen()
    stopped = asyncio.Event()

    async def inner(turn: Turn, emit: Emit) -> None:
        await emit(Begin(reply=turn.reply, text="Nothing to see here. " * 5))
        slow.gate = asyncio.Event()
        await emit(Append(reply=turn.reply, text="This is slowly bad, and it goes on for long enough. " * 3))
        try:
            await asyncio.Event().wait()  # the next piece takes its time
        except asyncio.CancelledError:
            stopped.set()
            raise

    running = asyncio.ensure_future(court.stage(inner)(a_turn(can=FULL), screen.emit))
    await settle()
    assert "slowly bad" in screen.text
    assert slow.gate is not None
    slow.gate.set()
    await running
    assert stopped.is_set()
    assert screen.actions[-1] == Retract(reply="r1", text=refusal("hate"))


async def test_generation_goes_on_while_a_sentence_is_judged_and_nothing_of_it_is_shown() -> None:
    slow = Scores(scores=SLOW_BAD)
    court = moderation(slow)
    screen = Screen()
    made: list[int] = []

    async def inner(turn: Turn, emit: Emit) -> None:
        slow.gate = asyncio.Event()
        for number in range(20):
            await emit(Append(reply=turn.reply, text=f"This is {number} now. "))
            made.append(number)
        slow.gate.set()
        await emit(Finish(reply=turn.reply, text="".join(f"This is {number} now. " for number in range(20))))

    await court.stage(inner)(a_turn(can=FULL), screen.emit)
    assert made == list(range(20))
    assert screen.actions[0] == Begin(reply="r1", text="This is 0 now.")
    answers = [each.text for each in slow.asked if each.direction == "answer"]
    assert answers[0] == "This is 0 now."
    assert len(answers) <= 3, "what came meanwhile is judged at once, not sentence by sentence"


async def test_text_that_broke_off_is_judged_before_it_may_stay() -> None:
    """… where it was shown without hold: the handler fails before anybody slow has seen it."""
    slow = Scores(scores=SLOW_BAD)
    book = Book()
    court = moderation(Phrases(scores=BANNED), slow, policies=EAGER, register=book)
    screen = Screen()

    async def inner(turn: Turn, emit: Emit) -> None:
        await emit(Begin(reply=turn.reply, text="So slowly bad "))
        raise ValueError

    with pytest.raises(ValueError, match=r"^$"):
        await court.stage(inner)(a_turn(can=FULL), screen.emit)
    assert screen.text == refusal("hate")
    assert [ruling.decision for _, ruling in book.recorded] == [Decision.ALLOW, Decision.BLOCK]


async def test_a_refusal_from_the_other_lane_that_cannot_be_shown_is_not_forgotten() -> None:
    slow = Scores(scores=SLOW_BAD)
    screen = Screen()

    async def inner(turn: Turn, emit: Emit) -> None:
        screen.fails = StoreError("full")
        await emit(Append(reply=turn.reply, text="It is slowly bad. And on. "))
        await asyncio.Event().wait()

    with pytest.raises(StoreError, match="full"):
        await moderation(slow).stage(inner)(a_turn(can=FULL), screen.emit)


async def test_a_text_that_cannot_be_shown_ends_the_turn() -> None:
    screen = Screen()

    async def inner(turn: Turn, emit: Emit) -> None:
        screen.fails = StoreError("full")
        await emit(Append(reply=turn.reply, text="One. Two. "))
        await asyncio.Event().wait()

    with pytest.raises(StoreError, match="full"):
        await moderation(Scores(scores={})).stage(inner)(a_turn(can=FULL), screen.emit)


async def test_a_slow_verdict_is_a_timeout_in_the_middle_of_an_answer_too() -> None:
    clock = ManualClock()
    slow = Scores(scores={})
    screen = Screen()

    async def inner(turn: Turn, emit: Emit) -> None:
        slow.gate = asyncio.Event()
        await emit(Append(reply=turn.reply, text="One. Two. "))
        await asyncio.Event().wait()

    court = moderation(slow, clock=clock, timeout=1.0)
    running = asyncio.ensure_future(court.stage(inner)(a_turn(can=FULL), screen.emit))
    await clock.advance(1.5)
    await running
    assert screen.text == refusal("broken")


async def test_a_long_answer_is_never_looked_at_again_as_a_whole() -> None:
    quick = Phrases(scores=BANNED)
    pieces = ["word and so on. "] * 500
    await run(moderation(quick), saying(*pieces))
    looked = [len(each.text) for each in quick.asked if each.direction == "answer"]
    whole = len(pieces) * len(pieces[0])
    assert sum(length == whole for length in looked) == 1, "all of it once, at the end"
    assert max(length for length in looked if length < whole) < OVERLAP + 100
    assert sum(looked) < 30 * whole


async def test_what_an_earlier_window_allows_is_not_blocked_by_a_later_one() -> None:
    class Allowing(Phrases):
        def judge_now(self, passage: Passage) -> Verdict:
            verdict = super().judge_now(passage)
            return verdict if "in short, " not in passage.text else Phrases(scores={}).judge_now(passage)

    quick = Allowing(scores={"bomb": ("violence", 1.0)})
    text = (
        "in short, "
        + "no words at all " * (OVERLAP // 16 - 1)
        + "bath bomb and soap. "
        + "More to come. " * 9
    )
    actions, _ = await run(moderation(quick), saying(*(text[at : at + 9] for at in range(0, len(text), 9))))
    assert isinstance(actions[-1], Finish)
    assert actions[-1].text == text


@pytest.mark.parametrize("hold", ["none", "sentence", "full"])
@pytest.mark.parametrize("size", [1, 4, 9, 35])
async def test_what_the_next_word_allows_is_not_blocked_before_it_comes(hold: str, size: int) -> None:
    class Allowing(Phrases):
        def judge_now(self, passage: Passage) -> Verdict:
            asked = replace(passage, text=passage.text.replace("bomb disposal", "x" * 13))
            return super().judge_now(asked)

    court = moderation(Allowing(scores={"bomb": ("violence", 1.0)}), policies={"default": {"hold": hold}})
    text = "One of them is in bomb disposal and the other is not. So it goes with the two of them, always. "
    actions, _ = await run(court, saying(*(text[at : at + size] for at in range(0, len(text), size))))
    assert actions[-1] == Finish(reply="r1", text=text)
    bad = text.replace("disposal", "building")
    actions, _ = await run(court, saying(*(bad[at : at + size] for at in range(0, len(bad), size))))
    assert "bomb" not in shown(actions)
    assert isinstance(actions[-1], Retract | Finish)
    assert actions[-1].text == refusal("violence")


async def test_a_find_stops_the_model_before_the_sentence_ends() -> None:
    made = 0

    async def inner(turn: Turn, emit: Emit) -> None:
        nonlocal made
        for made in range(1, 500):
            await emit(Append(reply=turn.reply, text="word " if made != 10 else "rosebud was the sledge "))

    await run(moderation(Phrases(scores=BANNED)), inner)
    assert made < 40


async def test_a_verdict_of_those_who_answer_at_once_counts_for_the_others_ruling() -> None:
    quick, slow = Phrases(scores={"sly": ("hate", 0.5)}), Scores(scores={"well": ("hate", 0.2)})
    _, turn = await run(moderation(quick, slow), saying("Quite sly. ", "All is well. "))
    facts = dict(turn.trace.steps[-1].facts)
    assert (turn.trace.steps[-1].what, facts["score"], facts["source"]) == ("flag", 0.5, "phrases")
    assert sum(each.text == "Quite sly. All is well. " for each in quick.asked) == 1


async def test_one_huge_piece_is_judged_without_holding_up_the_loop() -> None:
    quick = Phrases(scores=BANNED)
    text = "word " * 10_000 + "rosebud was the sledge. "
    actions, _ = await run(moderation(quick), saying(text))
    assert actions == [Finish(reply="r1", text=refusal("custom"), ending="content_filter")]
