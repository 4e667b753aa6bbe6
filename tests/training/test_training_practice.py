from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from training_tensors import seeded

from rostra.chat import Utterance
from rostra_models.conversation import Conversation
from rostra_models.training.actor import Actor, aligned, reference_of
from rostra_models.training.advantages import whitened
from rostra_models.training.chat_batches import padded
from rostra_models.training.earning import Scale, Tariff, earned, scale_of, tariff_of, texts
from rostra_models.training.lora import add_lora, parts
from rostra_models.training.policy import clipped_policy_loss
from rostra_models.training.practice import Weighing, divergences, example, figures, judged, measured
from rostra_models.training.questions import question_of, questions
from rostra_models.training.rollouts import Answer, Speaker
from rostra_models.training.starting import model_in, tokenizer_in

END = 2


def answer(*tokens: int, question: int = 0, ended: bool = False) -> Answer:
    said = tokens[:-1] if ended else tokens
    return Answer(question=question, tokens=tokens, ended=ended, logs=tuple(-1.0 for _ in said))


def actor_of(base: Path, *, rank: int = 0) -> Actor:
    seeded(0)
    policy = model_in(base)
    aligned(policy)
    if rank:
        add_lora(policy, rank, 16.0)
    return Actor(policy, None, temperature=0.8, faster=1.0)


# Drawing


def test_the_engines_log_probabilities_are_those_of_the_model(base: Path) -> None:
    policy = model_in(base)
    speaker = Speaker(policy=policy, end=END, longest=12, temperature=0.8)
    asked = {0: [50, 60, 70], 1: [80, 90, 100, 110]}
    for one in speaker.answers(asked, seed=(3,), each=2):
        ids = torch.tensor([[*asked[one.question], *one.tokens]])
        with torch.no_grad():
            logits = policy(input_ids=ids).logits[0, len(asked[one.question]) - 1 : -1]
        theirs = logits.log_softmax(-1).gather(-1, torch.tensor(one.tokens)[:, None])[:, 0]
        torch.testing.assert_close(torch.tensor(one.logs), theirs[: len(one.logs)], atol=1e-4, rtol=1e-4)


def test_an_answer_depends_on_the_seed_and_its_question_and_not_on_who_else_is_asked(base: Path) -> None:
    speaker = Speaker(policy=model_in(base), end=END, longest=10)
    asked = {number: [50 + number, 60, 70] for number in range(5)}
    together = speaker.answers(asked, seed=(1, 2), each=2)
    assert [one.question for one in together] == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    alone = speaker.answers({3: asked[3]}, seed=(1, 2), each=2)
    assert [one.tokens for one in alone] == [one.tokens for one in together[6:8]]
    assert together[0].tokens != together[1].tokens
    assert [one.tokens for one in speaker.answers(asked, seed=(1, 3), each=2)] != [
        one.tokens for one in together
    ]


def test_an_answer_ends_with_the_end_token_that_it_drew(base: Path) -> None:
    policy = model_in(base)
    letter = 70
    speaker = Speaker(policy=policy, end=letter, longest=50)
    answers = speaker.answers({at: [50, 60] for at in range(8)}, seed=(0,), each=4)
    ended = [one for one in answers if one.ended]
    assert ended
    assert all(one.tokens[-1] == letter and letter not in one.said for one in ended)
    assert all(len(one.logs) == len(one.said) for one in answers)
    assert all(len(one.tokens) == 50 and letter not in one.tokens for one in answers if not one.ended)


def test_low_rank_parts_are_spoken_with(base: Path) -> None:
    policy = model_in(base)
    asked = {0: [50, 60, 70]}
    before = Speaker(policy=policy, end=END, longest=8).answers(asked, seed=(0,), greedy=True)
    add_lora(policy, 2, 16.0)
    with torch.no_grad():
        for part in parts(policy).values():
            part.up.normal_()
    after = Speaker(policy=policy, end=END, longest=8).answers(asked, seed=(0,), greedy=True)
    assert before[0].tokens != after[0].tokens
    ids = torch.tensor([[*asked[0], *after[0].tokens]])
    likeliest: Any = policy(input_ids=ids).logits[0, 2:-1].argmax(-1)
    assert tuple(likeliest.tolist()) == after[0].tokens


# Scoring

FREE = Tariff(usual=0.0)


def test_an_answer_without_an_end_earns_the_fixed_score() -> None:
    answers = [answer(5, END, ended=True), answer(5, 6), answer(5, 7, END, ended=True)]
    scale = Scale(mean=1.0, deviation=2.0)
    found = earned([3.0, 9.0, -9.0], answers, scale, tariff=FREE, unfinished=-1.0, clip=2.0)
    torch.testing.assert_close(found, torch.tensor([1.0, -1.0, -2.0]))
    found = earned([3.0, 9.0, -9.0], answers, scale, tariff=FREE, unfinished=None, clip=0.0)
    torch.testing.assert_close(found, torch.tensor([1.0, 4.0, -5.0]))


def test_rewards_are_measured_in_deviations_of_the_first_ones() -> None:
    scale = scale_of([1.0, 2.0, 3.0])
    assert (scale.mean, scale.deviation) == (2.0, 1.0)
    assert scale_of([4.0, 4.0]) == Scale(mean=4.0, deviation=1.0)
    assert scale_of([4.0]) == Scale(mean=4.0, deviation=1.0)


def test_length_costs_more_while_answers_are_too_long_and_is_paid_for_while_they_are_too_short() -> None:
    usual, shorter, longer = ([answer(*[5] * tokens, END, ended=True)] * 2 for tokens in (7, 3, 15))
    tariff = tariff_of(usual)
    assert tariff.price == 0
    assert tariff.after(usual, 0.5) == tariff
    nat = math.log(2.0)  # 1 + 3, 1 + 7 and 1 + 15 tokens are this far apart
    paid = tariff.after(shorter, 0.5)
    assert paid.price == pytest.approx(-nat / 2)
    assert paid.after(shorter, 0.5).price == pytest.approx(-nat), "it goes on until they are not"
    assert paid.after(longer, 0.5).price == pytest.approx(0, abs=1e-6)
    found = earned([2.0, 2.0], [shorter[0], longer[0]], Scale(), tariff=paid, unfinished=None, clip=1.0)
    torch.testing.assert_close(found, torch.tensor([1 - nat * nat / 2, 1 + nat * nat / 2]))


def test_the_text_of_an_answer_has_no_end_token(base: Path) -> None:
    tokenizer = tokenizer_in(base)
    tokens = tokenizer("hello", add_special_tokens=False)["input_ids"]
    assert texts([answer(*tokens, END, ended=True), answer(*tokens)], tokenizer) == ["hello", "hello"]


# Judging


def test_padding_and_questions_have_no_influence(base: Path) -> None:
    actor = actor_of(base)
    assert actor.score is not None
    torch.nn.init.normal_(actor.score.weight)
    rows = [example([50, 60, 70], answer(80, 81, END, ended=True)), example([51], answer(90, 91))]
    batch = padded(rows)
    wider = (
        torch.nn.functional.pad(batch.ids, (0, 3), value=99),
        torch.nn.functional.pad(batch.wanted, (0, 3)),
    )
    other = wider[0].clone()
    other[1, 3:] = 77  # behind the second row's answer
    found: list[tuple[torch.Tensor, ...]] = []
    for ids, wanted in ((batch.ids, batch.wanted), wider, (other, wider[1])):
        part = measured(actor, reference_of(actor.policy), ids, wanted, [0, 1], graph=False)
        (part,) = judged([part], torch.tensor([1.0, -1.0]), Weighing())
        actor.zero_grad()
        every = torch.ones_like(part.old, dtype=torch.bool)

        def cost(new: torch.Tensor, span: slice, part: Any = part, every: Any = every) -> torch.Tensor:
            return clipped_policy_loss(new, part.old[span], part.advantages[span], every[span])[0]

        read = actor.read(ids, wanted)
        total: Any = actor.cost(read, cost)[0]
        values = actor.values(ids, wanted, read)
        assert values is not None
        (total + values.square().sum()).backward()
        gradients = [one.grad for one in actor.parameters() if one.grad is not None]
        found.append((part.old, part.advantages, part.returns, part.values, *gradients))
    for others in found[1:]:
        for one, same in zip(found[0], others, strict=True):
            torch.testing.assert_close(same, one, atol=1e-5, rtol=1e-4)


def test_advantages_are_those_of_the_definition_for_each_answer(base: Path) -> None:
    actor = actor_of(base)
    assert actor.score is not None
    torch.nn.init.normal_(actor.score.weight)
    rows = [example([50, 60, 70], answer(80, 81, 82)), example([51], answer(90, END, ended=True))]
    batch = padded(rows)
    part = measured(
        actor,
        lambda _a, _i, _w: torch.tensor([-1.0, -2, -3, -4, -5]),
        batch.ids,
        batch.wanted,
        [1, 0],
        graph=False,
    )
    weighing = Weighing(coefficient=0.5, gamma=0.9, lam=0.8, whiten=False)
    (found,) = judged([part], torch.tensor([10.0, 20.0]), weighing)
    rewards = -0.5 * (part.old - part.reference)
    rewards[2] += 20.0  # the first row is the second answer of the round
    rewards[4] += 10.0
    for tokens in (range(3), range(3, 5)):
        expected = 0.0
        for at in reversed(tokens):
            after = part.values[at + 1] if at + 1 in tokens else 0.0
            expected = rewards[at] + 0.9 * after - part.values[at] + 0.9 * 0.8 * expected
            torch.testing.assert_close(found.advantages[at], expected)
            torch.testing.assert_close(found.returns[at], expected + part.values[at])
    white = judged([part], torch.tensor([10.0, 20.0]), Weighing(coefficient=0.5, gamma=0.9, lam=0.8))[0]
    torch.testing.assert_close(white.advantages, whitened(found.advantages, torch.ones(5, dtype=torch.bool)))


def test_without_a_critic_an_answer_is_compared_with_the_others_to_its_question(base: Path) -> None:
    actor = actor_of(base)
    answers = [
        answer(80, 81),
        answer(82),
        answer(83, END, question=1, ended=True),
        answer(84, 85, question=1),
    ]
    batch = padded([example([50, 60], one) for one in answers])
    part = measured(actor, reference_of(actor.policy), batch.ids, batch.wanted, [0, 1, 2, 3], graph=False)
    weighing = Weighing(advantage="rloo", each=2, whiten=False)
    (found,) = judged([part], torch.tensor([1.0, 3.0, 5.0, 4.0]), weighing)
    torch.testing.assert_close(found.advantages, torch.tensor([-2.0, -2.0, 2.0, 1.0, 1.0, -1.0, -1.0]))


@pytest.mark.parametrize("rank", [0, 2])
def test_the_reference_stays_what_the_policy_was(base: Path, rank: int) -> None:
    actor = actor_of(base, rank=rank)
    reference = reference_of(actor.policy)
    batch = padded([example([50, 60], answer(80, 81, 82))])
    before = measured(actor, reference, batch.ids, batch.wanted, [0], graph=False)
    assert torch.equal(before.old, before.reference)
    with torch.no_grad():
        for one in actor.policy.parameters():
            if one.requires_grad:
                one.add_(0.05)
    after = measured(actor, reference, batch.ids, batch.wanted, [0], graph=False)
    assert torch.equal(after.reference, before.reference)
    assert not torch.equal(after.old, before.old)
    far = divergences(after, 1, "k1")
    torch.testing.assert_close(far[0], (after.old - after.reference).sum())


def test_the_figures_of_a_round_are_of_whole_answers(base: Path) -> None:
    actor = actor_of(base)
    answers = [answer(80, 81, END, ended=True), answer(82)]
    batch = padded([example([50], one) for one in answers])
    part = measured(actor, lambda _a, _i, _w: torch.zeros(4), batch.ids, batch.wanted, [0, 1], graph=False)
    found = figures([part], answers)
    assert (found["length"], found["finished"]) == (1.5, 0.5)
    assert found["kl"] == pytest.approx(float(part.old.sum()) / 2)
    plain = torch.stack([part.plain[0], part.plain[1], part.plain[3]])
    assert found["engine_gap"] == pytest.approx(float((plain + 1.0).abs().mean()), rel=1e-5)


# Questions


def test_what_is_asked_is_a_conversation_without_its_last_answer() -> None:
    row = {"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}
    assert question_of(row) == (Utterance(role="user", text="a"),)
    assert question_of({"prompt": "a"}) == (Utterance(role="user", text="a"),)
    assert question_of({"question": "a", "answer": "b"}) == (Utterance(role="user", text="a"),)
    longer = {"messages": [*row["messages"], {"role": "user", "content": "c"}]}
    assert [one.text for one in question_of(longer)] == ["a", "b", "c"]
    with pytest.raises(ValueError, match="nothing that could be answered"):
        question_of({"messages": [{"role": "assistant", "content": "b"}]})


def test_each_question_is_asked_once_and_a_long_one_loses_its_oldest_turns(
    base: Path, tmp_path: Path
) -> None:
    conversation = Conversation(tokenizer_in(base))
    (tmp_path / "asked.txt").write_text("one\n\none\n two \n", encoding="utf-8")
    lost: Counter[str] = Counter()
    found = questions(tmp_path / "asked.txt", conversation, longest=100, lost=lost)
    assert [one.said[-1].text for one in found] == ["one", "two"]
    assert lost == {"asked before": 1}
    assert list(found[0].tokens) == conversation.tokens(found[0].said)
    turns = '{"messages": [{"role": "user", "content": "first"}, {"role": "assistant", "content": "so"}, '
    turns += '{"role": "user", "content": "last"}]}\n{"prompt": "' + "long " * 40 + '"}\n'
    (tmp_path / "asked.jsonl").write_text(turns, encoding="utf-8")
    found = questions(tmp_path / "asked.jsonl", conversation, longest=40, lost=lost)
    assert [[turn.text for turn in one.said] for one in found] == [["last"]]
    assert lost["a question longer than 40 tokens"] == 1
