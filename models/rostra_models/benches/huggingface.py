"""Contenders of the generation bench: transformers' ``generate`` and its continuous batching.

``python -m rostra_models.benches.huggingface FOLDER DTYPE``. Jobs are ``one`` (a conversation after the other), ``padded``
(together, padded on the left), ``continuous`` (``generate_batch`` as its documentation shows it) and ``kept`` (the same with
a manager that stays, and a cache of a size that fits).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

Prompts = Sequence[Sequence[int]]

BLOCKS, BATCH = 64, 512
"""Pages of 256 tokens, and tokens a step: room for 16 conversations of 1,024 tokens."""


def load(folder: str, dtype: str) -> dict[str, Callable[..., Any]]:
    """Load a model for the CPU and return what can be asked of it."""
    import torch
    from transformers import AutoModelForCausalLM, logging

    logging.set_verbosity_error()
    torch.set_num_threads(1)
    auto: Any = AutoModelForCausalLM
    model = auto.from_pretrained(folder, dtype=getattr(torch, dtype), attn_implementation="sdpa").eval()
    model.generation_config.update(
        eos_token_id=None,  # every answer is as long as asked for
        pad_token_id=0,
        do_sample=False,
        temperature=None,
        top_p=None,
        repetition_penalty=None,
    )
    return {
        "one": partial(_one, model),
        "padded": partial(_padded, model),
        "continuous": partial(_continuous, model),
        "kept": partial(_kept, model),
    }


def _one(model: Any, prompts: Prompts, tokens: int) -> list[list[int]]:
    return [_padded(model, [prompt], tokens)[0] for prompt in prompts]


def _padded(model: Any, prompts: Prompts, tokens: int) -> list[list[int]]:
    import torch

    longest = max(len(prompt) for prompt in prompts)
    rows = torch.tensor([[*(longest - len(prompt)) * [0], *prompt] for prompt in prompts])
    seen = torch.tensor([[*(longest - len(prompt)) * [0], *len(prompt) * [1]] for prompt in prompts])
    made = model.generate(rows, attention_mask=seen, max_new_tokens=tokens)
    answers: list[list[int]] = made[:, longest:].tolist()
    return answers


def _continuous(model: Any, prompts: Prompts, tokens: int, **options: Any) -> list[list[int]]:
    made = model.generate_batch([list(prompt) for prompt in prompts], max_new_tokens=tokens, **options)
    answers = [list(one.generated_tokens) for one in made.values()]
    if [len(answer) for answer in answers] != [tokens] * len(prompts):
        raise RuntimeError(f"generate_batch made {[len(answer) for answer in answers]} tokens, not {tokens}")
    return answers


def _kept(model: Any, prompts: Prompts, tokens: int) -> list[list[int]]:
    """Do not pay each time for the cache, which else takes most of the machine's memory."""
    from transformers import ContinuousBatchingConfig

    config: Any = ContinuousBatchingConfig
    options = config(num_blocks=BLOCKS, max_batch_tokens=BATCH)
    return _continuous(model, prompts, tokens, persistent_manager=True, continuous_batching_config=options)


if __name__ == "__main__":
    from .lines import serve

    serve(lambda: load(*sys.argv[1:]))
