"""Fine-tune a small encoder with one head a kind of harm."""

# Libraries of the extra "moderation", which is not always installed; what they return is known at run time only.
# pyright: reportMissingImports=false, reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from ..heads import HEADS
from ..wordpiece import WordPiece
from .augment import augmenter
from .rows import Row


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """``tokens`` are those of one batch, ``length`` those of the longest text; ``minutes`` ends the run early, if ever."""

    epochs: float = 2.0
    tokens: int = 2400
    length: int = 96
    rate: float = 1.2e-4
    warmup: float = 0.06
    smoothing: float = 0.02
    seed: int = 1
    minutes: float = math.inf


@dataclass(frozen=True, slots=True)
class _Encoded:
    ids: list[int]
    split: int  # where the answer begins, if a question goes before it
    row: Row


def vocabulary(base: Path) -> list[str]:
    """Return the pieces of the encoder in ``base``."""
    return (base / "vocab.txt").read_text("utf-8").splitlines()


def network(base: Path, state: Path | None = None) -> Any:
    """Return the encoder in ``base`` (Hugging Face's format) under a new head, or with what ``state`` holds."""
    import torch
    from safetensors.torch import load_file
    from torch import nn
    from transformers import BertModel

    class Network(nn.Module):  # type: ignore[misc]  # torch is Any to mypy
        """Mean and maximum over the pieces, then one number a head: what is said, and the worst of it."""

        def __init__(self) -> None:
            super().__init__()
            self.encoder = BertModel.from_pretrained(
                base, attn_implementation="sdpa", add_pooling_layer=False
            )
            self.encoder.embeddings.word_embeddings.requires_grad_(False)
            self.head = nn.Linear(2 * self.encoder.config.hidden_size, len(HEADS))

        def forward(self, ids: Any, mask: Any, types: Any) -> Any:
            hidden = self.encoder(input_ids=ids, attention_mask=mask, token_type_ids=types).last_hidden_state
            weights = mask.unsqueeze(-1).to(hidden.dtype)
            mean = (hidden * weights).sum(1) / weights.sum(1)
            most = hidden.masked_fill(weights == 0, -1e4).amax(1)
            return self.head(torch.cat((mean, most), dim=1))

    made = Network()
    if state is not None:
        made.load_state_dict(load_file(state))
    return made


def encoded(row: Row, pieces: WordPiece, length: int, random: Random) -> _Encoded:
    """Return ``row`` as numbers; of a text that is too long, a part of it."""
    question = pieces(row.question)[-length // 3 :] if row.question else []
    text = pieces(row.text)
    room = length - 2 - (len(question) + 1 if question else 0)
    if len(text) > room:
        start = random.randrange(len(text) - room + 1)
        text = text[start : start + room]
    head = [pieces.start, *question, pieces.end] if question else [pieces.start]
    return _Encoded([*head, *text, pieces.end], len(head) if question else 0, row)


def batches(rows: Sequence[_Encoded], tokens: int, random: Random) -> Iterator[list[_Encoded]]:
    """Yield batches of texts of about the same length, in random order."""
    ordered = sorted(rows, key=lambda each: len(each.ids) + random.random() * 4)
    made: list[list[_Encoded]] = [[]]
    for each in ordered:
        if made[-1] and (len(made[-1]) + 1) * len(each.ids) > tokens:
            made.append([])
        made[-1].append(each)
    random.shuffle(made)
    yield from made


def tensors(batch: Sequence[_Encoded], pad: int) -> tuple[Any, Any, Any]:
    """Return ids, mask and types of ``batch``."""
    import torch

    width = max(len(each.ids) for each in batch)
    ids = torch.full((len(batch), width), pad)
    mask = torch.zeros((len(batch), width), dtype=torch.long)
    types = torch.zeros((len(batch), width), dtype=torch.long)
    for index, each in enumerate(batch):
        size = len(each.ids)
        ids[index, :size] = torch.tensor(each.ids)
        mask[index, :size] = 1
        if each.split:
            types[index, each.split : size] = 1
    return ids, mask, types


def _targets(batch: Sequence[_Encoded], smoothing: float) -> tuple[Any, Any]:
    """Return what is wanted of each head, and how much that counts: nothing where it is not known."""
    import torch

    wanted = torch.zeros((len(batch), len(HEADS)))
    weight = torch.zeros((len(batch), len(HEADS)))
    for index, each in enumerate(batch):
        for position, head in enumerate(HEADS):
            if head in each.row.labels:
                wanted[index, position] = each.row.labels[head] * (1 - 2 * smoothing) + smoothing
                weight[index, position] = each.row.weight
    return wanted, weight


def fit(
    made: Any, rows: Sequence[Row], pieces: WordPiece, recipe: Recipe, report: Callable[[str], None]
) -> None:
    """Fine-tune ``made`` (what `network` returns) on ``rows``, in place."""
    import torch

    random = Random(recipe.seed)  # noqa: S311  reproducible, not secret
    torch.manual_seed(recipe.seed)
    augmented = augmenter(rows, recipe.seed)
    trained = [each for each in made.parameters() if each.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=recipe.rate, weight_decay=0.01, fused=True)
    total = _steps(rows, pieces, recipe)
    done, started, losses = 0, time.monotonic(), 0.0
    made.train()
    while done < total:
        epoch = [encoded(augmented(row), pieces, recipe.length, random) for row in rows]
        for batch in batches(epoch, recipe.tokens, random):
            spent = (time.monotonic() - started) / 60 / recipe.minutes
            progress = max(done / total, spent)
            if progress >= 1:
                return
            _set_rate(optimizer, recipe, progress)
            losses = 0.98 * losses + 0.02 * _step(made, optimizer, batch, pieces.pad, recipe.smoothing)
            done += 1
            if done % 100 == 0:
                report(f"{done}/{total} {progress:.0%} loss {losses / (1 - 0.98**done):.4f}")
    made.eval()


def _steps(rows: Sequence[Row], pieces: WordPiece, recipe: Recipe) -> int:
    sample = rows[:: max(1, len(rows) // 2000)]
    size = sum(min(recipe.length, len(pieces(row.text)) + 2) for row in sample) / len(sample)
    return max(1, round(recipe.epochs * len(rows) * size * 1.06 / recipe.tokens))


def _set_rate(optimizer: Any, recipe: Recipe, progress: float) -> None:
    """Warm up, then fall to nothing in a straight line."""
    factor = min(progress / recipe.warmup, (1 - progress) / (1 - recipe.warmup))
    for group in optimizer.param_groups:
        group["lr"] = recipe.rate * max(factor, 0.01)


def _step(made: Any, optimizer: Any, batch: Sequence[_Encoded], pad: int, smoothing: float) -> float:
    import torch
    from torch.nn.functional import binary_cross_entropy_with_logits

    wanted, weight = _targets(batch, smoothing)
    loss = binary_cross_entropy_with_logits(made(*tensors(batch, pad)), wanted, reduction="none")
    mean = (loss * weight).sum() / weight.sum().clamp(min=1)
    mean.backward()
    torch.nn.utils.clip_grad_norm_(made.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return float(mean.detach())


def logits(made: Any, rows: Sequence[Row], pieces: WordPiece, length: int = 128) -> Any:
    """Return one number a row and head, as an array; of a text that is too long, only a part is seen."""
    import numpy as np
    import torch

    random = Random(1)  # noqa: S311  reproducible, not secret
    made.eval()
    texts = [encoded(row, pieces, length, random) for row in rows]
    order = sorted(range(len(rows)), key=lambda index: len(texts[index].ids))
    found = np.zeros((len(rows), len(HEADS)), dtype=np.float32)
    with torch.inference_mode():
        for start in range(0, len(order), 64):
            part = order[start : start + 64]
            found[part] = made(*tensors([texts[index] for index in part], pieces.pad)).numpy()
    return found
