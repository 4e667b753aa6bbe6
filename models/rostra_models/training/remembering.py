"""Conversations whose answers are learnt beside what is rewarded, so that they are not forgotten (PPO-ptx)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import torch
from torch.nn import Module

from .chat_batches import ChatBatch, micro_batches
from .chat_rows import conversations, files_of
from .chats import ChatEncoder, Example, encoded
from .errors import TrainError
from .order import examples as numbers_of
from .recipe import Loss
from .trunk import token_loss

if TYPE_CHECKING:
    from .ppo import PpoSettings


class Remembered:
    """As many conversations a step as there are answers in it (Ouyang et al. 2022, eq. 2)."""

    def __init__(self, examples: Sequence[Example], settings: PpoSettings, device: torch.device) -> None:
        self._examples = examples
        self._settings = settings
        self._device = device
        self._weight = 0.0

    def batches(self, step: int, tokens: float) -> Sequence[ChatBatch]:
        """Return as many conversations as there are answers in a step, whose loss counts as one mean beside ``tokens``."""
        if not self._examples:
            return ()
        settings = self._settings
        numbers = numbers_of(
            len(self._examples),
            max(1, settings.batch // settings.minibatches),
            seed=settings.loop.seed,
            step=step,
        )
        found = micro_batches([self._examples[at] for at in numbers], settings.micro_tokens)
        self._weight = settings.remember_coefficient * tokens / max(1.0, sum(one.count for one in found))
        return found

    def loss(self, policy: Module, batch: ChatBatch, *, plain: bool) -> Loss:
        """Return what a micro-batch adds: nothing to the count."""
        ids, wanted = batch.ids.to(self._device), batch.wanted.to(self._device)
        total = self._weight * token_loss(policy, ids, wanted, plain=plain)
        return Loss(total=total, count=0.0, facts={"remember_loss": float(total.detach())})


def remembered(settings: PpoSettings, tokenizer: Any, device: torch.device) -> Remembered:
    """Return what ``settings`` say is to be remembered. Raises `TrainError` if nothing in it can be."""
    if settings.remember is None:
        return Remembered((), settings, device)
    encoder = ChatEncoder(tokenizer, window=settings.question_tokens + settings.answer_tokens)
    found, _ = encoded(encoder.encode, conversations(files_of(settings.remember), Counter()))
    if not found:
        raise TrainError(f"remember is {str(settings.remember)!r}: there is no conversation in it")
    return Remembered(found, settings, device)
