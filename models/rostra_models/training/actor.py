"""A policy in training and what judges its tokens: a value head on its own trunk, or a critic apart; and what it was at first."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import Module

from .errors import TrainError
from .heads import Cost, Logs, token_cost, token_logs
from .lora import parts, without_lora
from .losses import entropy, log_probabilities, wide
from .quick import quickened
from .trunk import hidden_states, plain_head

Critic: TypeAlias = Literal["trunk", "reward", "none"]
"""Values come from a head on the policy's trunk, from a model of its own begun from the reward model, or are not needed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What a policy knows before each wanted token: its hidden ``states`` (tokens, width).

    ``logits`` are the model's own, where they are not the states times a matrix.
    """

    states: Tensor
    targets: Tensor
    logits: Tensor | None = None


class Actor(Module):  # type: ignore[misc]  # torch is not followed by mypy
    """All that is trained: ``policy``, a causal language model, and the ``score`` head or the ``critic`` that give values.

    Values are zero at first. ``temperature`` is what answers are drawn with: all log-probabilities here are of that.
    """

    def __init__(
        self, policy: Module, critic: Module | None, *, temperature: float, faster: float | None
    ) -> None:
        """``faster``: how many times as fast as the rest a new head learns that gives values; None: none is wanted.

        Without a ``critic`` they come from the policy's trunk.
        """
        super().__init__()
        self.policy = policy
        self.critic = critic
        self.score: nn.Linear | None = None
        self._temperature = temperature
        self.plain = plain_head(policy)
        if faster is not None:
            self.score = nn.Linear(_width(critic or policy), 1)
            head: Any = self.score
            head.learns_faster = faster
            nn.init.zeros_(self.score.weight)
            nn.init.zeros_(self.score.bias)

    def read(self, ids: Tensor, wanted: Tensor, policy: Module | None = None) -> Read:
        """Return what is known before the ``wanted`` tokens of ``ids``, both (rows, tokens), padding behind."""
        model: Any = policy or self.policy
        mask, targets = wanted[:, 1:], ids[:, 1:][wanted[:, 1:]]
        if self.plain:
            return Read(states=hidden_states(model, ids)[:, :-1][mask], targets=targets)
        out = model(input_ids=ids, use_cache=False, output_hidden_states=True)
        return Read(
            states=out.hidden_states[-1][:, :-1][mask], targets=targets, logits=out.logits[:, :-1][mask]
        )

    def logs(self, read: Read, policy: Module | None = None) -> Logs:
        """Return log-probabilities and entropies, without gradients, of what this policy or another one ``read``."""
        if read.logits is None:
            return token_logs(read.states, _head(policy or self.policy), read.targets, self._temperature)
        with torch.no_grad():
            return Logs(
                chosen=log_probabilities(read.logits, read.targets, self._temperature),
                plain=log_probabilities(read.logits, read.targets),
                entropy=entropy(wide(read.logits) / self._temperature),
            )

    def cost(self, read: Read, cost: Cost) -> tuple[Tensor, Tensor]:
        """Return the sum of ``cost`` over the tokens, in the graph, and their log-probabilities, out of it."""
        if read.logits is None:
            return token_cost(read.states, _head(self.policy), read.targets, cost, self._temperature)
        chosen = log_probabilities(read.logits, read.targets, self._temperature)
        return cost(chosen, slice(0, len(chosen))), chosen.detach()

    def values(self, ids: Tensor, wanted: Tensor, read: Read, *, apart: bool = False) -> Tensor | None:
        """Return the value before each wanted token, (tokens); None without a critic.

        ``apart``: the policy's trunk gets no gradient from it.
        """
        if self.score is None:
            return None
        states = read.states.detach() if apart else read.states
        if self.critic is not None:
            states = hidden_states(self.critic, ids)[:, :-1][wanted[:, 1:]]
        with torch.autocast(states.device.type, enabled=False):  # eight bits are too few to tell values apart
            found: Tensor = self.score(wide(states))[:, 0]
        return found

    def judging(self) -> Mapping[str, Tensor]:
        """Return what is trained beside the policy, by name."""
        return {
            name: one
            for name, one in self.named_parameters()
            if one.requires_grad and not name.startswith("policy.")
        }


def _head(policy: Module) -> Tensor:
    whole: Any = policy
    weight: Tensor = whole.get_output_embeddings().weight
    return weight


def _width(model: Module) -> int:
    whole: Any = model
    width: int = whole.config.get_text_config().hidden_size
    return width


Reference: TypeAlias = Callable[[Actor, Tensor, Tensor], Tensor]
"""From tokens and which are wanted to the log-probabilities that the policy gave them before training."""


def reference_of(policy: Module, *, quick: bool = False) -> Reference:
    """Return the policy as it is now: the same one without its low-rank parts, or else a copy that takes its memory again.

    ``quick``: the policy will be computed as the loop does (`quickened`), so the copy is to be too.
    """
    if parts(policy):

        def same(actor: Actor, ids: Tensor, wanted: Tensor) -> Tensor:
            with without_lora(actor.policy):
                return actor.logs(actor.read(ids, wanted)).chosen

        return same
    kept: Any = copy.deepcopy(policy).requires_grad_(False)

    def other(actor: Actor, ids: Tensor, wanted: Tensor) -> Tensor:
        kept.to(ids.device)
        with quickened(kept) if quick else nullcontext():
            return actor.logs(actor.read(ids, wanted, kept), kept).chosen

    return other


def still(model: Module) -> None:
    """Turn dropout off for good: with it the same weights would give other probabilities at every look."""
    for one in model.modules():
        if isinstance(one, nn.Dropout):
            one.p = 0.0
        for name, value in list(vars(one).items()):
            if "dropout" in name and isinstance(value, float):
                setattr(one, name, 0.0)


def aligned(model: Module) -> None:
    """Move weights to where PyTorch would have put them: those read from a file begin anywhere in memory.

    oneMKL promises the same last bits only where the alignment is the same, and a copy is to compute what the model does.
    """
    for one in model.parameters():
        one.data = one.data.clone()


def same_words(one: Any, other: Any) -> None:
    """Raise `TrainError` unless two tokenizers give the same tokens."""
    if one.get_vocab() != other.get_vocab():
        raise TrainError(
            "the reward model has another tokenizer than the policy, so it cannot read its tokens as a critic:"
            " critic = 'trunk' takes the policy's own"
        )
