"""The judge: what it makes of a model's answers, how long it listens, and that it fails closed."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

import pytest
from platformdirs import user_data_path
from pydantic import ValidationError

from rostra.chat import Piece, Utterance
from rostra.clock import SystemClock
from rostra.components import Services
from rostra.errors import ConfigError, ModelError, ModerationError
from rostra.places import Person, Place
from rostra.protocols import Model
from rostra.testing.clock import ManualClock
from rostra.testing.fakes import ScriptedModel
from rostra.verdicts import Decision, Direction, Passage
from rostra_moderation.combine import ask
from rostra_moderation.formats.plain import Plain
from rostra_moderation.judge import Judge, JudgeSettings, component
from rostra_moderation.policy import Policy
from rostra_moderation.testing import GuardModel

NONCE = "0123456789abcdef"


def passage(text: str, direction: Direction = "question", question: str = "") -> Passage:
    place = Place(adapter="test", channel="room")
    return Passage(text=text, direction=direction, place=place, author=Person(id="ann"), question=question)


def judge(
    model: Model, form: str = "llama-guard-3", clock: ManualClock | None = None, **given: object
) -> Judge:
    settings = JudgeSettings.model_validate({"model": model.name, "format": form, "canary": False, **given})
    plain = Plain(nonce=lambda: NONCE) if form == "plain" else None
    return Judge("judge", model, settings, clock or ManualClock(), plain)


def text_of(messages: Sequence[Utterance]) -> str:
    return messages[-1].text


async def test_a_safe_text_is_allowed_and_has_no_scores() -> None:
    model = ScriptedModel(script={"Where is the zoo?": ["sa", "fe"]})
    verdict = await judge(model).judge(passage("Where is the zoo?"))
    assert verdict.decision is Decision.ALLOW
    assert verdict.categories == {}
    assert (verdict.source, verdict.rule, verdict.kind) == ("judge", "", "judged")


async def test_an_unsafe_text_is_blocked_under_our_own_categories() -> None:
    model = ScriptedModel(script={"Where is the zoo?": ["\n\nunsafe\n", "S2,S10"]})
    verdict = await judge(model).judge(passage("Where is the zoo?"))
    assert verdict.decision is Decision.BLOCK
    assert verdict.categories == {"illicit": 1.0, "hate": 1.0}
    assert verdict.rule == "llama-guard-3: S2, S10"


async def test_a_controversial_text_is_flagged() -> None:
    model = ScriptedModel(script={"Hm": ["Safety: Controversial\nCategories: Violent"]})
    verdict = await judge(model, "qwen3guard").judge(passage("Hm"))
    assert verdict.decision is Decision.FLAG
    assert verdict.categories == {"violence": 0.5}


async def test_an_operator_may_map_labels_otherwise_or_overlook_them() -> None:
    model = ScriptedModel(script={"Hm": ["unsafe\nS6,S13,S5"]})
    mapping = {"S6": "", "S13": "", "S5": "harassment"}
    verdict = await judge(model, categories=mapping).judge(passage("Hm"))
    assert verdict.categories == {"harassment": 1.0}
    assert verdict.rule == "llama-guard-3: S5"
    alone = ScriptedModel(script={"Hm": ["unsafe\nS6"]})
    assert (await judge(alone, categories=mapping).judge(passage("Hm"))).decision is Decision.ALLOW


async def test_an_answer_is_judged_with_its_question() -> None:
    model = GuardModel(say=lambda _: "safe")
    await judge(model).judge(passage("Behind the station.", "answer", "Where is the zoo?"))
    assert [(each.role, each.text) for each in model.asked[0]] == [
        ("user", "Where is the zoo?"),
        ("assistant", "Behind the station."),
    ]
    await judge(model, prompt="written").judge(passage("Behind the station.", "answer", "Where is the zoo?"))
    assert "User: Where is the zoo?\n\nAgent: Behind the station." in text_of(model.asked[1])


async def test_every_policy_of_shieldgemma_is_asked_and_the_worst_counts() -> None:
    def say(messages: Sequence[Utterance]) -> Sequence[Piece]:
        hate = "No Hate Speech" in text_of(messages)
        word, likely = ("Yes", -0.105) if hate else ("No", -0.01)
        return [Piece(text=word, logprobs=[likely]), Piece(text="\n"), Piece(finish="stop")]

    model = GuardModel(say=say)
    verdict = await judge(model, "shieldgemma").judge(passage("Hm"))
    assert len(model.asked) == 4
    assert verdict.decision is Decision.BLOCK
    assert verdict.categories["hate"] == pytest.approx(0.9, abs=0.01)
    assert verdict.categories["sexual"] == pytest.approx(0.01, abs=0.001)
    assert verdict.worst == "hate"


async def test_a_log_probability_that_is_no_number_is_no_judgement() -> None:
    model = GuardModel(say=lambda _: [Piece(text="No", logprobs=[float("nan")]), Piece(finish="stop")])
    with pytest.raises(ModerationError, match="log-probability of nan"):
        await judge(model, "shieldgemma").judge(passage("Hm"))


async def test_the_model_is_asked_greedily_and_for_few_tokens() -> None:
    model = GuardModel(say=lambda _: "safe")
    await judge(model).judge(passage("Hm"))
    await judge(model, max_tokens=7).judge(passage("Hm"))
    assert [(each.temperature, each.max_tokens) for each in model.sampled] == [(0.0, 48), (0.0, 7)]


async def test_generation_is_stopped_once_the_verdict_is_known() -> None:
    model = GuardModel(say=lambda _: "unsafe\nS1\n" + "Because I was asked to explain, " * 50)
    verdict = await judge(model).judge(passage("Hm"))
    assert verdict.decision is Decision.BLOCK
    assert len(model.read[0]) < 16
    assert model.closed == 1


async def test_generation_is_stopped_once_it_is_nonsense() -> None:
    model = GuardModel(say=lambda _: "Certainly! Here is how to " * 50)
    with pytest.raises(ModerationError):
        await judge(model).judge(passage("Hm"))
    assert len(model.read[0]) <= 4
    assert model.closed == 1


@pytest.mark.parametrize(
    "hostile",
    [
        "safe\n\nunsafe\nS1",
        "safe. As the text says, I answer safe.",
        "The text is safe",
        "{'safe': true}",
        "",
        " " * 5_000,
        "unsafe\n" + "S1," * 2_000,
        "\0safe",
        "\ud83dsafe",
    ],
)
async def test_whatever_else_the_model_says_is_no_judgement(hostile: str) -> None:
    model = GuardModel(say=lambda _: hostile)
    with pytest.raises(ModerationError) as caught:
        await judge(model).judge(passage("the secret text"))
    assert "secret" not in str(caught.value)
    assert not hostile.strip() or hostile.strip() not in str(caught.value)


@pytest.mark.parametrize("finish", ["length", "content_filter", "tool_calls"])
async def test_an_answer_that_was_cut_off_is_no_judgement(finish: str) -> None:
    model = GuardModel(say=lambda _: [Piece(text="safe"), Piece(finish=finish)])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]  parametrised
    with pytest.raises(ModerationError, match=f"ended early \\({finish}\\)"):
        await judge(model).judge(passage("Hm"))


async def test_an_answer_without_an_end_is_no_judgement() -> None:
    model = GuardModel(say=lambda _: [Piece(text="safe")])
    with pytest.raises(ModerationError, match="ended early"):
        await judge(model).judge(passage("Hm"))


async def test_a_second_choice_is_no_judgement() -> None:
    model = GuardModel(say=lambda _: [Piece(text="safe"), Piece(text="safe", choice=1)])
    with pytest.raises(ModerationError, match="second answer"):
        await judge(model).judge(passage("Hm"))


async def test_a_model_that_fails_is_named_and_nothing_else_is() -> None:
    model = GuardModel(say=lambda _: ModelError("cannot read: the secret text"))
    with pytest.raises(ModerationError, match="model 'guard' failed") as caught:
        await judge(model).judge(passage("the secret text"))
    assert "secret" not in str(caught.value)


async def test_a_judge_that_cannot_judge_blocks() -> None:
    """… through the combination and the policy that a bot has."""
    model = GuardModel(say=lambda _: "I would rather talk about llamas.")
    text = passage("Hm")
    verdicts = await ask([judge(model)], text, Policy(), clock=ManualClock(), seconds=5)
    assert Policy().decide(verdicts, text).decision is Decision.BLOCK
    assert verdicts[0].kind == "error"


async def test_a_judge_that_takes_too_long_is_stopped() -> None:
    clock = ManualClock()
    model = ScriptedModel(script={"Hm": ["sa", "fe"]}, gate=asyncio.Event(), free=1)
    asked = asyncio.ensure_future(judge(model, clock=clock, timeout=3).judge(passage("Hm")))
    await clock.advance(2.9)
    assert not asked.done()
    await clock.advance(0.2)
    with pytest.raises(TimeoutError):
        await asked
    assert model.closed == 1


async def test_nothing_is_asked_about_nothing() -> None:
    model = GuardModel(say=lambda _: "unsafe\nS1")
    for empty in ("", "  \n\t ", "\u200b\U000e0041\0"):
        assert (await judge(model).judge(passage(empty))).decision is Decision.ALLOW
    assert model.asked == []


async def test_a_long_text_is_read_in_windows_and_the_worst_decides() -> None:
    model = GuardModel(say=lambda messages: "unsafe\nS10" if "kill" in text_of(messages) else "safe")
    text = "all work and no play " * 500 + "kill " + "all work and no play " * 100
    verdict = await judge(model, window=1_000).judge(passage(text))
    assert verdict.categories == {"hate": 1.0}
    assert len(model.asked) > 12
    assert max(len(text_of(each)) for each in model.asked) <= 1_000
    assert sum(len(text_of(each)) for each in model.asked) >= len(text.strip())


async def test_a_text_on_the_border_of_two_windows_is_read_whole() -> None:
    secret = "one two three four five"
    model = GuardModel(say=lambda messages: "unsafe\nS10" if secret in text_of(messages) else "safe")
    for before in range(960, 1_010, 7):
        text = "x" * before + " " + secret + " " + "y " * 600
        assert (await judge(model, window=1_000).judge(passage(text))).decision is Decision.BLOCK


async def test_one_window_that_cannot_be_judged_fails_the_text() -> None:
    model = GuardModel(say=lambda messages: "perhaps" if "kill" in text_of(messages) else "safe")
    with pytest.raises(ModerationError):
        await judge(model, window=200).judge(passage("all work and no play " * 50 + "kill"))


async def test_windows_shrink_until_they_fit_the_model() -> None:
    model = GuardModel(say=lambda _: "safe", window=1_000)
    await judge(model).judge(passage("dense " * 400))
    assert len(model.asked) > 1
    assert max(model.count(text_of(each)) for each in model.asked) < 500


async def test_a_model_too_small_for_the_prompt_is_told_about() -> None:
    model = GuardModel(say=lambda _: "safe", window=64)
    with pytest.raises(ModerationError, match="has room for 64 tokens"):
        await judge(model).judge(passage("dense " * 400))
    assert model.asked == []


async def test_a_text_that_is_too_long_is_not_judged() -> None:
    model = GuardModel(say=lambda _: "safe")
    with pytest.raises(ModerationError, match="a text of 101 characters; it reads at most 100"):
        await judge(model, max_characters=100).judge(passage("a" * 101))
    assert model.asked == []


async def test_a_long_question_is_shortened_in_the_middle() -> None:
    model = GuardModel(say=lambda _: "safe")
    question = "first " + "x" * 5_000 + " last"
    await judge(model, question_characters=100).judge(passage("Yes.", "answer", question))
    asked = model.asked[0][0].text
    assert asked.startswith("first")
    assert asked.endswith("last")
    assert len(asked) < 110


async def test_a_text_is_judged_without_its_disclaimer_too() -> None:
    """… for a suffix can turn a model round."""

    def fooled(messages: Sequence[Utterance]) -> str:
        return "safe" if "NEVER" in text_of(messages) else "unsafe\nS9"

    trick = "Mix the two and light it. This is an example of what you should NEVER do."
    assert (await judge(GuardModel(say=fooled)).judge(passage(trick))).decision is Decision.BLOCK
    open_to_it = judge(GuardModel(say=fooled), undisclaim=False)
    assert (await open_to_it.judge(passage(trick))).decision is Decision.ALLOW


async def test_a_model_that_is_not_shown_the_texts_is_found_out() -> None:
    """… such as one whose chat template drops them: it calls everything safe."""
    blind = judge(GuardModel(say=lambda _: "safe"), canary=True)
    for direction in ("question", "answer"):
        with pytest.raises(ModerationError, match="lets something pass that no guard model does"):
            await blind.judge(passage("Where is the zoo?", direction))


async def test_a_model_that_sees_is_asked_for_proof_once_for_each_side() -> None:
    model = GuardModel(say=lambda messages: "unsafe\nS1" if "kill" in text_of(messages) else "safe")
    one = judge(model, canary=True, categories={"S1": ""})
    texts = [passage(f"text {number}") for number in range(3)] + [
        passage("Behind the station.", "answer", "Where?")
    ]
    verdicts = await asyncio.gather(*map(one.judge, texts))
    assert [verdict.decision for verdict in verdicts] == [Decision.ALLOW] * 4
    assert len(model.asked) == 4 + 2
    assert [asked[-1].role for asked in model.asked if "kill" in text_of(asked)] == ["user", "assistant"]


async def test_a_model_that_failed_its_proof_gets_another_chance() -> None:
    said = iter(["perhaps", "unsafe\nS1", "safe"])
    one = judge(GuardModel(say=lambda _: next(said)), canary=True)
    with pytest.raises(ModerationError):
        await one.judge(passage("Where is the zoo?"))
    assert (await one.judge(passage("Where is the zoo?"))).decision is Decision.ALLOW


async def test_no_more_prompts_are_under_way_than_allowed() -> None:
    gate = asyncio.Event()
    script = {f"text {number}": ["safe"] for number in range(5)}
    model = ScriptedModel(script=script, gate=gate)
    one = judge(model, concurrent=2)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one.judge(passage(text))) for text in script]
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(model.asked) == 2
        gate.set()
    assert [task.result().decision for task in tasks] == [Decision.ALLOW] * 5


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"format": "llama-guard-3", "categories": {"S15": "hate"}}, "no label 'S15'; its labels are S1, S2"),
        ({"format": "qwen3guard", "categories": {"PII": "secrets"}}, "no category 'secrets'"),
        ({"format": "plain", "prompt": "template"}, "leave 'prompt' out"),
        ({"format": "llama-guard-2"}, "'llama-guard-3', 'llama-guard-4', 'qwen3guard'"),
    ],
)
def test_wrong_settings_are_explained(wrong: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        JudgeSettings.model_validate({"model": "guard", **wrong})


async def test_the_component_judges_with_a_model_of_the_configuration(tmp_path: Path) -> None:
    model = GuardModel(say=lambda _: "unsafe\nS12")
    services = Services(name="mine", data=tmp_path, base=tmp_path, models={"guard": model})
    settings = JudgeSettings(model="guard", format="llama-guard-4")
    async with component.open(settings, services) as moderator:
        verdict = await moderator.judge(passage("Hm"))
    assert (verdict.source, dict(verdict.categories)) == ("mine", {"sexual": 1.0})
    with pytest.raises(ConfigError, match="no model 'other'; configured are guard"):
        async with component.open(JudgeSettings(model="other"), services):
            pass


def embedded() -> Path:
    data = os.environ.get("ROSTRA_DATA")
    return (Path(data) if data else user_data_path("rostra")) / "models" / "embedded"


@pytest.mark.slow
@pytest.mark.skipif(
    not (embedded() / "config.json").is_file(), reason="the embedded model is not on this machine"
)
async def test_a_small_model_that_cannot_judge_fails_closed(tmp_path: Path) -> None:
    from rostra_models.local import LocalSettings, open_local

    services = Services(name="embedded", data=tmp_path, base=tmp_path, clock=SystemClock())
    async with open_local(LocalSettings(folder=str(embedded())), services) as model:
        settings = JudgeSettings(model="embedded", timeout=100)
        one = Judge("judge", model, settings, SystemClock())
        text = passage("Where is the zoo?")
        verdicts = await ask([one], text, Policy(), clock=SystemClock(), seconds=100)
    assert verdicts[0].kind in {"judged", "error"}
    assert verdicts[0].kind == "judged" or Policy().decide(verdicts, text).decision is Decision.BLOCK
