"""The encoder's network, run by onnxruntime from arrays in eight bits."""

# onnxruntime has no types of its own.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from .heads import HEADS
from .windows import Window

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers: TypeAlias = NDArray[Any]

BATCH = 32
"""Windows that are read together."""


class Encoder:
    """The network: numbers of pieces in, one number a head out."""

    def __init__(self, folder: Path, threads: int) -> None:
        import numpy as np
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            str(folder / "encoder.onnx"), options, providers=["CPUExecutionProvider"]
        )
        with np.load(folder / "embedding.npz", allow_pickle=False) as embedding:
            self._table = embedding["table"]
            self._scale = embedding["scale"].astype(np.float32)

    def logits(self, windows: Sequence[Window]) -> Numbers:
        """Return one number a window and head."""
        import numpy as np

        found = np.zeros((len(windows), len(HEADS)), dtype=np.float32)
        order = sorted(range(len(windows)), key=lambda index: len(windows[index].ids))
        for start in range(0, len(order), BATCH):
            part = order[start : start + BATCH]
            found[part] = self._run([windows[index] for index in part])
        return found

    def _run(self, windows: Sequence[Window]) -> Numbers:
        import numpy as np

        width = max(len(window.ids) for window in windows)
        ids, mask, types = (np.zeros((len(windows), width), dtype=np.int64) for _ in range(3))
        for row, window in enumerate(windows):
            size = len(window.ids)
            ids[row, :size] = window.ids
            mask[row, :size] = 1
            if window.split:
                types[row, window.split : size] = 1
        embedded = self._table[ids].astype(np.float32) * self._scale[ids]
        found: Any = self._session.run(None, {"embedded": embedded, "mask": mask, "types": types})
        made: Numbers = found[0]
        return made
