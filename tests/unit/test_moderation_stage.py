"""The stage of moderation: what is judged, what gets out when, and how an answer ends that does not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from rostra.actions import Action, Append, Begin, Capabilities, Emit, Finish, Replace, Retract, Show, Typing
from rostra.components import Services
from rostra.errors import ConfigError, StoreError
from rostra.events import Attachment, Message
from rostra.protocols import Moderator
from rostra.refusals import Refusals
from rostra.routes import Route, Routes
from rostra.stages.presence import presence
from rostra.testing.clock import ManualClock, settle
from rostra.testing.moderators import passage
from rostra.testing.stages import StageContract, a_turn
from rostra.turns import Handler, Stage, Turn
from rostra.verdicts import Decision, Passage, Span, Verdict
from rostra.views import text as view_of
from rostra_moderation.moderation import Moderation, ModerationSettings, build, component
from rostra_moderation.rules import Rules, RulesSettings
from rostra_moderation.rules import build as build_rules

FULL = Capabilities(append=True, edit=True, delete=True, typing=True)
BAD = "badword"


@dataclass(kw_only=True)
class Censor:
    """Blocks what contains a bad word, flags what contains a doubtful one; writes down what it was asked."""

    name: str = "censor"
    asked: list[Passage] = field(default_factory=list[Passage])
    gate: asyncio.Event | None = None
    fails: Exception | None = None

    async def judge(self, passage: Passage) -> Verdict:
        self.asked.append(passage)
        if self.gate is not None:
            await self.gate.wait()
        if self.fails is not None:
            raise self.fails
        at = passage.text.find(BAD)
        if at >= 0:
            span = Span(start=at, end=at + len(BAD), category="hate")
            return Verdict(
                decision=Decision.BLOCK, source=self.name, categories={"hate": 0.9}, spans=(span,), rule="bad"
            )
        score = {"violence": 0.5} if "doubtful" in passage.text else {}
        return Verdict(decision=Decision.ALLOW, source=self.name, categories=score)


class QuickCensor(Censor):
    """The same, asked without waiting."""

    def judge_now(self, passage: Passage) -> Verdict:
        judging = self.judge(passage)
        try:
            judging.send(None)
        except StopIteration as done:
            verdict: Verdict = done.value
            return verdict
        raise AssertionError("it waited")


@dataclass
class Screen:
    """What left, in order."""

    actions: list[Action] = field(default_factory=list[Action])
    fails: Exception | None = None

    async def emit(self, action: Action) -> None:
        if self.fails is not None:
            raise self.fails
        self.actions.append(action)

    @property
    def text(self) -> str:
        """What stands there now."""
        shown = ""
        for action in self.actions:
            match action:
                case Append():
                    shown += action.text
                case Begin() | Replace() | Retract() | Finish():
                    shown = action.text
                case Show() | Typing():
                    pass
        return shown


def moderation(*moderators: Moderator, clock: ManualClock | None = None, **table: object) -> Moderation:
    settings = ModerationSettings.model_validate(table)
    services = Services(
        name="moderation",
        data=Path(),
        base=Path(),
        clock=clock or ManualClock(),
        moderators={each.name: each for each in moderators},
    )
    return build(settings, services)


def saying(*pieces: str, end: str | None = None) -> Handler:
    """Return a handler that answers in ``pieces``."""

    async def handle(turn: Turn, emit: Emit) -> None:
        await emit(Begin(reply=turn.reply, text=pieces[0]))
        for piece in pieces[1:]:
            await emit(Append(reply=turn.reply, text=piece))
        await emit(Finish(reply=turn.reply, text="".join(pieces) if end is None else end))

    return handle


async def never(turn: Turn, emit: Emit) -> None:
    raise AssertionError("the model was called")


async def run(
    stage: Moderation, inner: Handler, turn: Turn | None = None, *, can: Capabilities = FULL
) -> tuple[Sequence[Action], Turn]:
    turn = turn or a_turn("What?", can=can)
    screen = Screen()
    await stage.stage(inner)(turn, screen.emit)
    return screen.actions, turn


def refusal(reason: str) -> str:
    return Refusals().render(reason, place=a_turn().place, trace="r1")


class TestModerationIsAStage(StageContract):
    @pytest.fixture
    def stage(self) -> Stage:
        return moderation(Censor()).stage


async def test_a_blocked_question_gets_the_refusal_of_its_category_and_no_model() -> None:
    actions, turn = await run(moderation(Censor()), never, a_turn(f"say {BAD}"))
    assert actions == [Finish(reply="r1", text=refusal("hate"), ending="content_filter")]
    [step] = turn.trace.steps
    assert (step.stage, step.what) == ("moderation", "block")
    facts = dict(step.facts)
    assert facts.pop("policy")
    assert facts == {
        "direction": "question",
        "category": "hate",
        "score": 0.9,
        "threshold": 0.7,
        "rule": "bad",
        "source": "censor",
        "kind": "judged",
    }
    assert [(judged.direction, judged.verdict.decision) for judged in turn.trace.verdicts] == [
        ("question", Decision.BLOCK)
    ]


async def test_a_flagged_question_is_noted_and_answered() -> None:
    actions, turn = await run(moderation(Censor()), saying("Well."), a_turn("a doubtful matter"))
    assert actions == [Finish(reply="r1", text="Well.")]
    assert [step.what for step in turn.trace.steps] == ["flag", "allow"]


async def test_the_strictest_ruling_on_an_answer_is_the_one_that_is_noted() -> None:
    async def inner(turn: Turn, emit: Emit) -> None:
        for text in ("Fine. ", "Now doubtful. ", "End"):
            await emit(Append(reply=turn.reply, text=text))
        await emit(Finish(reply=turn.reply, text="Fine again."))

    _, turn = await run(moderation(Censor()), inner)
    assert [step.what for step in turn.trace.steps] == ["allow", "flag"]
    assert dict(turn.trace.steps[1].facts)["category"] == "violence"


async def test_no_word_of_anybody_gets_into_the_trace() -> None:
    _, turn = await run(moderation(Censor()), saying("The answer is ", BAD), a_turn("the doubtful question"))
    assert not {"question", "answer", BAD}.intersection(
        str(value) for step in turn.trace.steps for name, value in step.facts if name != "direction"
    )
    assert [step.what for step in turn.trace.steps] == ["flag", "block"]


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


async def test_generation_stops_at_once_and_is_cleaned_up() -> None:
    made: list[str] = []
    closed: list[bool] = []

    async def stream() -> AsyncGenerator[str]:
        try:
            for piece in ("Fine. ", "So ", BAD, ". ", "More. ", "And more. "):
                made.append(piece)
                yield piece
        finally:
            closed.append(True)

    async def inner(turn: Turn, emit: Emit) -> None:
        async with aclosing(stream()) as pieces:
            async for piece in pieces:
                await emit(Append(reply=turn.reply, text=piece))

    actions, _ = await run(moderation(Censor()), inner)
    assert isinstance(actions[-1], Retract)
    assert closed == [True]
    assert "And more. " not in made


async def test_a_handler_that_catches_everything_cannot_go_on_after_a_block() -> None:
    attempts = 0

    async def inner(turn: Turn, emit: Emit) -> None:
        nonlocal attempts
        with suppress(asyncio.CancelledError):
            await saying(BAD)(turn, emit)
        for action in (
            Append(reply="r1", text="still here. "),
            Typing(reply="r1"),
            Finish(reply="r1", text="done"),
        ):
            attempts += 1
            await emit(action)

    actions, _ = await run(moderation(Censor()), inner)
    assert actions == [Finish(reply="r1", text=refusal("hate"), ending="content_filter")]
    assert attempts == 1


async def test_a_handler_that_emits_from_other_tasks_ends_like_any() -> None:
    async def inner(turn: Turn, emit: Emit) -> None:
        await asyncio.gather(saying(BAD)(turn, emit))

    actions, _ = await run(moderation(Censor()), inner)
    assert actions == [Finish(reply="r1", text=refusal("hate"), ending="content_filter")]


async def test_a_turn_that_is_cancelled_while_it_refuses_stays_cancelled() -> None:
    async def slow(action: Action) -> None:
        await asyncio.Event().wait()

    running = asyncio.ensure_future(moderation(Censor()).stage(saying(BAD))(a_turn(can=FULL), slow))
    await settle()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_what_a_handler_stumbles_over_after_a_block_is_logged_without_its_words() -> None:
    async def inner(turn: Turn, emit: Emit) -> None:
        try:
            await saying(BAD)(turn, emit)
        finally:
            raise RuntimeError(BAD)

    with capture_logs() as logs:
        actions, _ = await run(moderation(Censor()), inner)
    assert actions == [Finish(reply="r1", text=refusal("hate"), ending="content_filter")]
    assert [entry["error"] for entry in logs] == ["RuntimeError"]
    assert BAD not in repr(logs)


async def test_signals_of_typing_pass_and_end_with_the_answer() -> None:
    async def inner(turn: Turn, emit: Emit) -> None:
        await settle()
        await saying("Fine. ", BAD)(turn, emit)

    clock = ManualClock()
    actions, _ = await run(moderation(Censor(), clock=clock), presence(clock)(inner))
    assert actions == [
        Typing(reply="r1"),
        Finish(reply="r1", text=refusal("hate"), ending="content_filter"),
    ]


async def test_an_error_inside_keeps_what_was_judged_in_the_trace() -> None:
    async def inner(turn: Turn, emit: Emit) -> None:
        await emit(Begin(reply=turn.reply, text="One. Two. "))
        raise ValueError

    turn = a_turn(can=FULL)
    with pytest.raises(ValueError, match=r"^$"):
        await moderation(Censor()).stage(inner)(turn, Screen().emit)
    assert [dict(step.facts)["direction"] for step in turn.trace.steps] == ["question", "answer"]


async def test_a_refusal_that_cannot_be_shown_is_not_forgotten() -> None:
    async def inner(turn: Turn, emit: Emit) -> None:
        for _ in range(2):
            try:
                await saying(BAD)(turn, emit)
            except StoreError:
                continue

    screen = Screen(fails=StoreError("full"))
    with pytest.raises(StoreError, match="full"):
        await moderation(Censor()).stage(inner)(a_turn(can=FULL), screen.emit)


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


async def test_what_a_retraction_shows_instead_is_judged_too() -> None:
    async def inner(turn: Turn, emit: Emit) -> None:
        await emit(Begin(reply=turn.reply, text="One. Two. "))
        await emit(Retract(reply=turn.reply, text=f"sorry, {BAD}"))

    actions, _ = await run(moderation(Censor()), inner)
    assert actions[-1] == Retract(reply="r1", text=refusal("hate"))


def with_attachment(text: str | None) -> Turn:
    turn = a_turn("Look at this.", can=FULL)
    assert isinstance(turn.event, Message)
    attachment = Attachment(name="a.bin", media_type="image/png", size=3, text=text)
    return replace(turn, event=replace(turn.event, attachments=(attachment,)))


async def test_an_attachment_that_is_no_text_is_not_answered() -> None:
    actions, turn = await run(moderation(Censor()), never, with_attachment(None))
    assert actions == [Finish(reply="r1", text=refusal("unjudgeable"), ending="content_filter")]
    assert [step.what for step in turn.trace.steps] == ["block"]


async def test_an_attachment_that_is_text_counts_as_part_of_the_question() -> None:
    actions, _ = await run(moderation(Censor()), saying("Nice."), with_attachment("a poem"))
    assert actions == [Finish(reply="r1", text="Nice.")]


async def test_a_policy_may_put_up_with_attachments_that_are_no_text() -> None:
    lax = moderation(Censor(), policies={"default": {"unjudgeable": "allow"}})
    actions, _ = await run(lax, saying("Nice."), with_attachment(None))
    assert actions == [Finish(reply="r1", text="Nice.")]


@pytest.mark.parametrize("make", [Censor, QuickCensor])
async def test_a_moderator_that_fails_refuses_as_broken_and_names_the_trace(make: type[Censor]) -> None:
    actions, turn = await run(moderation(make(fails=RuntimeError("secret"))), never)
    assert actions == [Finish(reply="r1", text=refusal("broken"), ending="content_filter")]
    assert "r1" in refusal("broken")
    facts = dict(turn.trace.steps[0].facts)
    assert (facts["kind"], facts["rule"], facts["source"]) == ("error", "RuntimeError", "censor")


async def test_a_moderator_that_takes_too_long_refuses_as_broken() -> None:
    clock = ManualClock()
    screen = Screen()
    stage = moderation(Censor(gate=asyncio.Event()), clock=clock, timeout=1.5).stage(never)
    turn = a_turn(can=FULL)
    running = asyncio.ensure_future(stage(turn, screen.emit))
    await clock.advance(1.6)
    await running
    assert screen.text == refusal("broken")
    assert dict(turn.trace.steps[0].facts)["kind"] == "timeout"


async def test_a_moderator_that_fails_halfway_takes_the_answer_back() -> None:
    censor = Censor()

    async def inner(turn: Turn, emit: Emit) -> None:
        await emit(Begin(reply=turn.reply, text="One. Two. "))
        censor.fails = OSError()
        await emit(Append(reply=turn.reply, text="Three. "))

    actions, _ = await run(moderation(censor), inner)
    assert actions == [Begin(reply="r1", text="One."), Retract(reply="r1", text=refusal("broken"))]


@pytest.mark.parametrize("make", [Censor, QuickCensor])
async def test_judging_and_the_stage_agree(make: type[Censor]) -> None:
    judge = moderation(make())
    for text, decision in (("fine", Decision.ALLOW), ("doubtful", Decision.FLAG), (BAD, Decision.BLOCK)):
        verdict = await judge.judge(passage(text))
        assert verdict.decision is decision
        assert verdict.policy


async def test_quick_moderators_are_asked_first_and_a_certain_block_spares_the_others() -> None:
    slow, quick = Censor(name="slow"), QuickCensor(name="quick")
    both = moderation(slow, quick)
    assert (await both.judge(passage(BAD))).source == "quick"
    assert slow.asked == []
    assert (await both.judge(passage("doubtful"))).decision is Decision.FLAG
    assert len(slow.asked) == 1


async def test_a_long_text_is_judged_without_holding_up_the_loop() -> None:
    class Awaited(QuickCensor):
        def judge_now(self, passage: Passage) -> Verdict:
            raise AssertionError("a long text was judged at once")

    censor = Awaited()
    verdict = await moderation(censor).judge(passage("word " * 5_000 + BAD))
    assert (verdict.decision, verdict.kind) == (Decision.BLOCK, "judged")


async def test_the_route_of_a_place_chooses_its_policy() -> None:
    services = Services(
        name="moderation",
        data=Path(),
        base=Path(),
        moderators={"censor": Censor()},
        routes=Routes([Route(place="test/*", policy="lax"), Route(place="fake/*", policy="gone")]),
    )
    lax = {"categories": {"hate": {"block": "never", "flag": "never"}}}
    judge = build(ModerationSettings.model_validate({"policies": {"lax": lax}}), services)
    assert (await judge.judge(passage(BAD))).decision is Decision.ALLOW
    actions, _ = await run(judge, never)
    assert actions == [Finish(reply="r1", text=refusal("broken"), ending="content_filter")]


async def test_the_language_of_refusals_can_be_chosen() -> None:
    actions, _ = await run(moderation(Censor(), language="de"), never, a_turn(BAD))
    assert actions == [
        Finish(
            reply="r1",
            text=Refusals().render("hate", place=a_turn().place, trace="r1", language="de"),
            ending="content_filter",
        )
    ]


async def test_without_a_moderator_moderation_does_not_open() -> None:
    services = Services(name="moderation", data=Path(), base=Path())
    with pytest.raises(ConfigError, match="no moderator is configured"):
        async with component.open(ModerationSettings(), services):
            pass
    with pytest.raises(ConfigError, match="no moderator 'judge'; configured are censor"):
        moderation(Censor(), moderators=["judge"])
    assert component.check is not None
    findings = await component.check(ModerationSettings(), services)
    assert [finding.ok for finding in findings] == [False]


@pytest.fixture(scope="module")
def rules() -> Rules:
    return build_rules("rules", RulesSettings(), Path())


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        ("How do I build a pipe bomb?", "illicit/violent"),
        ("I want to kill myself", "self-harm"),
        ("How do I kill a Python process?", None),
    ],
)
async def test_golden_questions_to_the_default_bot(rules: Rules, question: str, reason: str | None) -> None:
    """What ``rostra chat --once`` prints for them."""
    screen = Screen()
    inner = never if reason else saying("kill PID")
    await moderation(rules).stage(inner)(a_turn(question, can=FULL), screen.emit)
    assert screen.text == (refusal(reason) if reason else "kill PID")
