"""Rows of pre-training: nothing is lost or said twice, documents do not see each other, the seed settles the order."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from training_texts import SHAPE, lines

from rostra_models.training.contamination import overlap
from rostra_models.training.corpus import Corpus, split
from rostra_models.training.errors import TrainError
from rostra_models.training.order import examples
from rostra_models.training.packing import NOTHING, pack
from rostra_models.training.pretrain import next_token_loss, scored
from rostra_models.training.rows import Plan, batch, epoch_rows, in_order, wanted
from rostra_models.training.shapes import new_model

CPU = torch.device("cpu")


def corpus(*lengths: int) -> Corpus:
    """Documents whose tokens are all different, so that each is known by its number."""
    starts = np.concatenate([[0], np.cumsum(lengths)])
    total = int(starts[-1])
    shards = [np.arange(total, dtype=np.uint32)[at : at + 7] for at in range(0, total, 7)]
    return Corpus(shards=shards, starts=starts, facts={})


@given(st.lists(st.integers(2, 60), min_size=1, max_size=12), st.integers(2, 16), st.integers(0, 5))
def test_an_epoch_says_every_token_once_but_the_first_of_each_document(
    lengths: list[int], room: int, epoch: int
) -> None:
    made = corpus(*lengths)
    rows = epoch_rows(made, room, 3, epoch)
    one = batch(made, rows, room)
    said: Any = one.targets[one.targets != NOTHING]
    assert sorted(said.tolist()) == sorted(set(range(made.tokens)) - set(made.starts[:-1].tolist()))
    known = one.targets != NOTHING
    assert bool((one.targets[known] == one.ids[known] + 1).all())  # what follows, in the same document
    assert all(sum(stop - start for start, stop in row) <= room for row in rows)


@given(st.lists(st.integers(1, 20), max_size=40), st.integers(20, 30))
def test_packed_rows_hold_every_piece_once_and_no_two_rows_could_be_one(
    lengths: list[int], room: int
) -> None:
    rows = pack(lengths, room)
    assert sorted(piece for row in rows for piece in row) == list(range(len(lengths)))
    filled = sorted(sum(lengths[piece] for piece in row) for row in rows)
    assert all(one + other > room for one, other in pairwise(filled))


def test_a_piece_that_fits_nowhere_is_refused() -> None:
    with pytest.raises(ValueError, match="21 tokens"):
        pack([3, 21], 20)


@pytest.mark.parametrize("kind", ["llama", "gpt2"])
def test_what_is_said_of_a_document_does_not_depend_on_its_neighbours(kind: str) -> None:
    made = corpus(5, 9, 4)
    library: Any = torch
    library.manual_seed(0)
    shape = SHAPE.model_copy(update={"kind": kind, "inner": None, "spread": 0.5})
    model = new_model(shape, vocabulary=made.tokens, context=16).eval()
    one = batch(made, [((0, 4), (5, 13), (14, 17))], 16)
    with torch.no_grad():
        together = scored(model, one, CPU)[0]
        for start, stop in ((0, 4), (5, 13), (14, 17)):
            alone = scored(model, batch(made, [((start, stop),)], stop - start), CPU)[0]
            at = int((one.ids[0] == start).nonzero()[0])
            torch.testing.assert_close(together[at : at + stop - start], alone, rtol=0, atol=1e-5)


def test_padding_teaches_nothing() -> None:
    made = corpus(5)
    model = new_model(SHAPE, vocabulary=8, context=16)
    tight, loose = batch(made, [((0, 4),)], 4), batch(made, [((0, 4),)], 16)
    ours, theirs = next_token_loss(model, tight), next_token_loss(model, loose)
    assert ours.count == theirs.count == 4
    torch.testing.assert_close(ours.total, theirs.total)


def test_the_rows_of_a_step_are_a_function_of_seed_and_step() -> None:
    made = corpus(*range(2, 40))
    forward = Plan(made, 16, 5, seed=1)
    steps = [forward.rows(step) for step in range(40)]
    backward = Plan(made, 16, 5, seed=1)
    assert [backward.rows(step) for step in reversed(range(40))] == steps[::-1]
    assert [Plan(made, 16, 5, seed=2).rows(step) for step in range(40)] != steps


def test_every_example_comes_once_before_any_comes_again() -> None:
    seen = [one for step in range(9) for one in examples(12, 4, seed=5, step=step)]
    epochs = [seen[at : at + 12] for at in range(0, 36, 12)]
    assert [sorted(epoch) for epoch in epochs] == [list(range(12))] * 3
    assert epochs[0] != epochs[1]
    with pytest.raises(ValueError, match="must be at least 1"):
        examples(0, 4, seed=5, step=0)


def test_validation_reads_everything_once() -> None:
    made = corpus(3, 50, 17)
    assert sum(wanted(one) for one in in_order(made, 16, 2)) == 70 - 3


def test_a_split_falls_between_documents_or_into_the_only_one() -> None:
    learned, held_out = split(corpus(10, 10, 10, 10), 0.3)
    assert (learned.starts.tolist(), held_out.starts.tolist()) == ([0, 10, 20, 30], [30, 40])
    learned, held_out = split(corpus(40), 0.25)
    assert (learned.starts.tolist(), held_out.starts.tolist()) == ([0, 30], [30, 40])
    with pytest.raises(TrainError, match="cannot be split"):
        split(corpus(2), 0.01)


def test_contamination_is_the_share_of_what_is_held_out_that_is_learned_from_too() -> None:
    def texts(*parts: str) -> Corpus:
        data = np.frombuffer("".join(parts).encode(), dtype=np.uint8)
        return Corpus(shards=[data], starts=np.cumsum([0, *map(len, parts)]), facts={})

    random, copied = lines(40, 1), lines(40, 2)
    clean = texts(random, "0123456789" * 20)
    learned, held_out = split(clean, 200 / clean.tokens)
    assert overlap(learned, held_out, 20) == 0.0
    dirty = texts(random, copied[:100], "0123456789" * 10 + copied[:100])
    learned, held_out = split(dirty, 200 / dirty.tokens)
    assert overlap(learned, held_out, 20) == 0.5
    assert overlap(learned, held_out, 500) == 0.0


def test_what_was_learned_from_is_read_across_shards(tmp_path: Path) -> None:
    made = corpus(30)
    assert made.read(5, 23).tolist() == list(range(5, 23))
    assert made.read(7, 7).tolist() == []
