"""How Llama 3.1 and later stretch positions: by a number for each frequency, which GGUF files keep as a tensor."""

from __future__ import annotations

from collections.abc import Mapping
from math import pi
from typing import Any


def llama3(rope: Mapping[str, Any], head: int) -> Any:
    """Return by what each frequency is divided (transformers' ``_compute_llama3_parameters``); ``head``: numbers a head."""
    import numpy as np

    low, high = float(rope["low_freq_factor"]), float(rope["high_freq_factor"])
    length, factor = float(rope["original_max_position_embeddings"]), float(rope["factor"])
    waves = 2 * pi * float(rope["rope_theta"]) ** (np.arange(0, head, 2) / head)
    smooth = (length / waves - low) / (high - low)
    between = 1 / ((1 - smooth) / factor + smooth)
    divided = np.where(waves < length / high, 1.0, np.where(waves > length / low, factor, between))
    return divided.astype(np.float32)


def llama3_from(divided: Any, *, theta: float, head: int) -> Mapping[str, Any] | None:
    """Return the parameters that `llama3` makes ``divided`` from, None if they are not those of Meta's models.

    The file tells the outcome only; Meta has used 1, 4 and 8192 for the rest throughout.
    """
    import numpy as np

    found = {
        "rope_type": "llama3",
        "rope_theta": theta,
        "factor": float(divided.max()),
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 8192,
    }
    same = divided.shape == (head // 2,) and np.allclose(llama3(found, head), divided, rtol=1e-4)
    return found if same else None
