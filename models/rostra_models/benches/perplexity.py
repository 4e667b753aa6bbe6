"""What 8-bit weights cost in quality: the perplexity of a text, window by window.

``python -m rostra_models.benches.perplexity FOLDER KIND``.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

WINDOW = 512
"""Tokens judged together; each sees those before it in its window."""


def load(folder: str, kind: str) -> dict[str, Callable[..., Any]]:
    """Load a model and its tokenizer."""
    import torch
    from tokenizers import Tokenizer

    from ..engine.loading import runner
    from ..engine.runner import Part

    torch.set_num_threads(1)
    kinds: Any = kind
    model = runner(Path(folder), kind=kinds)
    tokenizer: Any = Tokenizer.from_file(str(Path(folder) / "tokenizer.json"))

    def perplexity(text: str, windows: int) -> float:
        tokens: list[int] = tokenizer.encode(text).ids
        lost, judged = 0.0, 0
        for start in range(0, min(len(tokens) - 1, windows * WINDOW), WINDOW):
            part = tokens[start : start + WINDOW]
            memory = model.memory(len(part))
            # Logits come after the last token of a part: each token is a part of the same memory.
            logits = model.forward([Part(memory=memory, tokens=[token]) for token in part])
            told = torch.nn.functional.cross_entropy(logits[:-1], torch.tensor(part[1:]), reduction="sum")
            lost, judged = lost + float(told), judged + len(part) - 1
        return math.exp(lost / judged)

    return {"perplexity": perplexity}


if __name__ == "__main__":
    from .lines import serve

    serve(lambda: load(*sys.argv[1:]))
