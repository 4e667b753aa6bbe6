"""How well a model says held-out text, and what answers lose."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from training_talk import talk

from rostra_models.training.chat_batches import micro_batches
from rostra_models.training.chat_rows import conversations
from rostra_models.training.chats import ChatEncoder, encoded
from rostra_models.training.corpus import tokenised
from rostra_models.training.evaluation.perplexity import (
    Losses,
    PerplexitySettings,
    fewer_bits,
    kind_of,
    perplexity,
)
from rostra_models.training.pretrain import validation_loss
from rostra_models.training.starting import model_in, tokenizer_in
from rostra_models.training.trunk import token_loss


@pytest.mark.slow
def test_perplexity_of_conversations_is_what_fine_tuning_loses(base: Path, tmp_path: Path) -> None:
    data = talk(tmp_path, 12)
    done = perplexity(
        PerplexitySettings(model=base, data=data, out=tmp_path / "out", window=128, micro_tokens=100)
    )
    examples, _ = encoded(ChatEncoder(tokenizer_in(base), window=128).encode, conversations([data], _none()))
    with torch.no_grad():
        parts = [
            (float(token_loss(model_in(base), one.ids, one.wanted)), one.count)
            for one in micro_batches(examples, 10_000)
        ]
    loss = sum(total for total, _ in parts) / sum(count for _, count in parts)
    assert done.figures["loss"] == pytest.approx(loss, rel=1e-4)
    assert done.figures["perplexity"] == pytest.approx(math.exp(loss), rel=1e-3)
    # Six letters an answer and the token that ends it.
    assert done.figures["tokens"] == 12 * 7
    assert done.figures["bits_per_byte"] == pytest.approx(loss * 7 / 6 / math.log(2), rel=1e-4)
    assert (done.folder / "report.md").read_text("utf-8").startswith("# Perplexity of ")
    assert json.loads((done.folder / "figures.json").read_text("utf-8"))["eval"] == "perplexity"


def _none() -> Counter[str]:
    return Counter()


@pytest.mark.slow
def test_perplexity_of_text_is_what_pre_training_loses(base: Path, tmp_path: Path) -> None:
    data = tmp_path / "held.jsonl"
    texts = ["so it was " * 9, "and then", "it was so, and then it was not"]
    data.write_text("".join(json.dumps({"text": one}) + "\n" for one in texts), encoding="utf-8")
    settings = PerplexitySettings(
        model=base, data=data, out=tmp_path / "out", window=32, micro_tokens=64, against=base
    )
    done = perplexity(settings)
    corpus = tokenised(data, tokenizer_in(base), tmp_path / "tokens")
    with torch.no_grad():
        loss = validation_loss(model_in(base), corpus, 32, 2)
    assert done.figures["loss"] == pytest.approx(loss, rel=1e-4)
    assert done.figures["fewer_bits_per_byte"] == pytest.approx(0.0, abs=1e-9)
    assert done.figures["tokens"] == corpus.tokens - 3
    size = sum(map(len, texts))
    assert done.figures["bits_per_byte"] == pytest.approx(
        loss * (corpus.tokens - 3) / size / math.log(2), rel=1e-4
    )


def test_what_one_model_loses_less_is_counted_piece_by_piece() -> None:
    one = Losses(nats=(1.0, 2.0, 3.0), tokens=(5.0, 5.0, 5.0), bytes=30)
    other = Losses(nats=(2.0, 3.0, 4.0), tokens=(5.0, 5.0, 5.0), bytes=30)
    found = fewer_bits(one, other)
    assert found.mean == pytest.approx(3 / 30 / math.log(2))
    assert found.low == pytest.approx(found.high)  # the same in each piece
    assert fewer_bits(one, replace(other, nats=(2.0, 7.0)), paired=True).low == -math.inf
    assert fewer_bits(one, replace(other, tokens=(4.0, 5.0, 5.0)), paired=True).low == -math.inf


def test_what_a_file_holds_is_told_by_its_first_row(tmp_path: Path) -> None:
    for name, text, kind in (
        ("a.txt", "hello", "text"),
        ("b.jsonl", '{"text": "hello"}\n', "text"),
        ("c.jsonl", '{"question": "x", "answer": "y"}\n', "conversations"),
    ):
        (tmp_path / name).write_text(text, encoding="utf-8")
        assert kind_of(tmp_path / name, "text") == kind
