from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from rostra.chat import Role, Utterance
from rostra_models.conversation import Conversation
from rostra_models.testing import TEMPLATE, tiny_llama
from rostra_models.training.chat_batches import micro_batches
from rostra_models.training.chat_rows import conversation_of, conversations, files_of
from rostra_models.training.chats import ChatEncoder, Example, Unusable, encoded, with_template
from rostra_models.training.errors import TrainError
from rostra_models.training.starting import model_in, tokenizer_in


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return tokenizer_in(tiny_llama(tmp_path_factory.mktemp("model")))


def said(*texts: str, system: str = "") -> list[Utterance]:
    roles: list[Role] = ["user", "assistant"]
    head = [Utterance(role="system", text=system)] if system else []
    return [*head, *(Utterance(role=roles[at % 2], text=text) for at, text in enumerate(texts))]


def learnt(tokenizer: Any, example: Example) -> str:
    text: str = tokenizer.decode(example.tokens[example.wanted])
    return text


def test_learnt_are_the_answers_and_the_token_that_ends_each(tokenizer: Any) -> None:
    example = ChatEncoder(tokenizer, window=512).encode(said("Hi.", " Hello! ", "And?", "Bye."))
    assert learnt(tokenizer, example) == "Hello!<|im_end|>Bye.<|im_end|>"
    assert tokenizer.decode(example.tokens).endswith("Bye.<|im_end|>\n")


def test_before_an_answer_stands_the_prompt_it_would_be_asked_for_with(tokenizer: Any) -> None:
    talk = said("Hi.", "Hello!", "And?", "Bye.", system="Be brief.")
    example = ChatEncoder(tokenizer, window=512, answers="last").encode(talk)
    prompt = Conversation(tokenizer).tokens(talk[:-1])
    assert example.tokens[: int(example.wanted.argmax())].tolist() == prompt
    assert learnt(tokenizer, example) == "Bye.<|im_end|>"


def test_what_is_said_after_the_last_answer_is_left_out(tokenizer: Any) -> None:
    encoder = ChatEncoder(tokenizer, window=512)
    longer = encoder.encode(said("Hi.", "Hello!", "Still there?"))
    assert longer.tokens.tolist() == encoder.encode(said("Hi.", "Hello!")).tokens.tolist()


def test_special_tokens_spelt_out_end_no_answer(tokenizer: Any) -> None:
    example = ChatEncoder(tokenizer, window=512).encode(said("Hi.", "a<|im_end|>b"))
    assert learnt(tokenizer, example) == "a< |im_end|>b<|im_end|>"
    assert int((example.tokens == tokenizer.eos_token_id).sum()) == 2


def test_what_is_too_long_loses_its_oldest_turns_but_not_the_system_prompt(tokenizer: Any) -> None:
    talk = said("One?", "1" * 50, "Two?", "2" * 50, "Three?", "3" * 50, system="Count.")
    whole = ChatEncoder(tokenizer, window=1000).encode(talk)
    shorter = ChatEncoder(tokenizer, window=len(whole.tokens) - 1).encode(talk)
    text = tokenizer.decode(shorter.tokens)
    assert "Count." in text
    assert "One?" not in text
    assert learnt(tokenizer, shorter) == f"{'2' * 50}<|im_end|>{'3' * 50}<|im_end|>"


def test_an_answer_that_is_too_long_is_cut_and_then_has_no_end(tokenizer: Any) -> None:
    example = ChatEncoder(tokenizer, window=60).encode(said("Hi.", "x" * 100))
    assert len(example.tokens) == 60
    assert set(learnt(tokenizer, example)) == {"x"}


@pytest.mark.parametrize(
    "talk",
    [said(), said("Only a question?"), said("q" * 100, "a"), said("Hi.", " "), said(system="Alone.")],
    ids=["nothing", "no answer", "long question", "empty answer", "system only"],
)
def test_nothing_is_learnt_from_a_conversation_without_a_readable_answer(
    tokenizer: Any, talk: list[Utterance]
) -> None:
    encoder = ChatEncoder(tokenizer, window=64)
    with pytest.raises(Unusable):
        encoder.encode(talk)
    examples, lost = encoded(encoder.encode, [talk, said("Hi.", "Yes.")])
    assert len(examples) == 1
    assert lost.total() == 1


def changed(tokenizer: Any, template: str | None, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(tokenizer, "chat_template", template)
    return tokenizer


def test_a_template_that_asks_differently_than_it_remembers_is_refused(
    tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    template = TEMPLATE.replace("<|im_start|>assistant\n{% endif %}", "<|im_start|>bot\n{% endif %}")
    with pytest.raises(TrainError, match=r"not prefix-stable: it asks .*bot.*remembers"):
        ChatEncoder(changed(tokenizer, template, monkeypatch), window=64)


def test_a_template_that_rewrites_earlier_answers_learns_the_last_only(
    tokenizer: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    template = TEMPLATE.replace(
        "{{ message['content'] }}", "{{ message['content'] if loop.last or message.role == 'user' else '…' }}"
    )
    tokenizer = changed(tokenizer, template, monkeypatch)
    with pytest.raises(TrainError, match="answers = 'last' learns only the last"):
        ChatEncoder(tokenizer, window=512)
    example = ChatEncoder(tokenizer, window=512, answers="last").encode(said("Hi.", "Hello!", "And?", "Bye."))
    assert learnt(tokenizer, example) == "Bye.<|im_end|>"
    shorter = ChatEncoder(tokenizer, window=len(example.tokens) - 1, answers="last")
    cut = shorter.encode(said("Hi.", "Hello!", "And?", "Bye."))
    assert learnt(tokenizer, cut) == "Bye.<|im_end|>"
    assert "Hello" not in tokenizer.decode(cut.tokens)


def test_a_tokenizer_without_a_template_is_refused(tokenizer: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TrainError, match="no chat template"):
        ChatEncoder(changed(tokenizer, None, monkeypatch), window=64)


def test_a_tokenizer_without_a_template_can_be_given_ours(tmp_path: Path) -> None:
    folder = tiny_llama(tmp_path / "model", template=None)
    tokenizer, model = tokenizer_in(folder), model_in(folder)
    with_template(tokenizer, model)
    example = ChatEncoder(tokenizer, window=64).encode(said("Hi.", "Yes."))
    assert learnt(tokenizer, example) == "Yes.<|im_end|>"
    assert model.config.eos_token_id == tokenizer.eos_token_id


@pytest.mark.parametrize("head", ["CausalLM", "SequenceClassification"])
def test_a_model_that_does_not_know_our_tokens_gets_embeddings_for_them(head: str, tmp_path: Path) -> None:
    import transformers
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    known = {name: at for at, name in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    made = Tokenizer(models.BPE(vocab=known, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    library: Any = transformers
    tokenizer = library.PreTrainedTokenizerFast(tokenizer_object=made)
    config = library.LlamaConfig(
        vocab_size=256, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1
    )
    model = getattr(library, f"LlamaFor{head}")(config)
    with_template(tokenizer, model)
    example = ChatEncoder(tokenizer, window=64).encode(said("Hi.", "Yes."))
    assert learnt(tokenizer, example) == "Yes.<|im_end|>"
    assert model.get_input_embeddings().weight.shape[0] == len(tokenizer) == 258


@pytest.mark.parametrize(
    "row",
    [
        {"messages": [{"role": "user", "content": "Q"}, {"role": "assistant", "content": "A"}]},
        {"conversations": [{"from": "human", "value": "Q"}, {"from": "gpt", "value": "A"}]},
        {"question": "Q", "answer": "A"},
        {"instruction": "Q", "input": "", "output": "A"},
        {"prompt": "Q", "completion": "A"},
        {"prompt": [{"role": "user", "content": "Q"}], "completion": [{"role": "assistant", "content": "A"}]},
    ],
)
def test_rows_of_many_shapes_are_the_same_conversation(row: dict[str, Any]) -> None:
    assert list(conversation_of(row)) == said("Q", "A")


def test_alpaca_has_an_input_and_others_a_system_prompt() -> None:
    row = {"system": "S", "instruction": "Add.", "input": "1 2", "output": "3"}
    assert list(conversation_of(row)) == said("Add.\n\n1 2", "3", system="S")


@pytest.mark.parametrize(
    "row",
    [
        {},
        {"question": "Q"},
        {"messages": [{"role": "judge", "content": ""}]},
        {"messages": [7]},
        {"prompt": 1, "answer": 2},
    ],
)
def test_rows_that_hold_no_conversation_are_counted(row: dict[str, Any], tmp_path: Path) -> None:
    import json

    with pytest.raises(Unusable):
        conversation_of(row)
    (tmp_path / "a.jsonl").write_text(
        json.dumps(row) + '\n{"question": "Q", "answer": "A"}\n', encoding="utf-8"
    )
    lost: Counter[str] = Counter()
    assert list(conversations(files_of(tmp_path), lost)) == [tuple(said("Q", "A"))]
    assert lost.total() == 1


@given(st.lists(st.integers(2, 30), min_size=1, max_size=20), st.integers(1, 100))
def test_micro_batches_hold_each_example_once_and_no_more_than_they_may(
    lengths: list[int], most: int
) -> None:
    import numpy as np

    examples = [
        Example(tokens=np.full(length, at + 1, dtype=np.int32), wanted=np.arange(length) >= length // 2)
        for at, length in enumerate(lengths)
    ]
    made = micro_batches(examples, most)
    seen: list[int] = []
    for batch in made:
        assert batch.ids.numel() <= most or len(batch.ids) == 1
        seen += [int(row[0]) for row in batch.ids]
        for row, wanted in zip(batch.ids, batch.wanted, strict=True):
            length = lengths[int(row[0]) - 1]
            assert int((row != 0).sum()) == length
            assert torch.equal(
                wanted[:length], (torch.arange(length) >= length // 2) & (torch.arange(length) > 0)
            )
            assert not wanted[length:].any()
    assert sorted(seen) == list(range(1, len(lengths) + 1))
    assert sum(batch.count for batch in made) == sum(int(one.wanted[1:].sum()) for one in examples)
