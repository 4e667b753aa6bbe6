"""The encoder's network, run by onnxruntime from arrays in eight bits."""

# onnxruntime has no types of its own.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from .heads import HEADS
from .windows import Window

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers: TypeAlias = NDArray[Any]


class Encoder:
    """The network: numbers of pieces in, one number a head out."""

    def __init__(self, folder: Path, threads: int) -> None:
        """``threads`` windows are read at the same time, each by one."""
        import numpy as np
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            str(folder / "encoder.onnx"), options, providers=["CPUExecutionProvider"]
        )
        with np.load(folder / "embedding.npz", allow_pickle=False) as embedding:
            self._table = embedding["table"]
            self._scale = embedding["scale"].astype(np.float32)
        self._readers = ThreadPoolExecutor(threads, thread_name_prefix="encoder") if threads > 1 else None

    def logits(self, windows: Sequence[Window]) -> Numbers:
        """Return one number a window and head.

        Each window is read by itself: eight bits are scaled by the largest number in a batch, so that in company a text
        would score otherwise than alone, by up to 0.08. Company would save a third of the time.
        """
        import numpy as np

        read = map if self._readers is None or len(windows) == 1 else self._readers.map
        return np.array(list(read(self._run, windows)), dtype=np.float32).reshape(len(windows), len(HEADS))

    def close(self) -> None:
        if self._readers is not None:
            self._readers.shutdown(wait=False, cancel_futures=True)

    def _run(self, window: Window) -> Numbers:
        import numpy as np

        ids = np.array([window.ids], dtype=np.int64)
        types = np.zeros_like(ids)
        if window.split:
            types[0, window.split :] = 1
        embedded = self._table[ids].astype(np.float32) * self._scale[ids]
        found: Any = self._session.run(
            None, {"embedded": embedded, "mask": np.ones_like(ids), "types": types}
        )
        made: Numbers = found[0][0]
        return made
