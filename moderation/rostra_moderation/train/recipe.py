"""The whole recipe: rows, both models, weights in eight bits, calibration, and what it is all worth."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from ..classifier import Classifier, ClassifierSettings, shipped
from ..hashing import Linear
from ..heads import HEADS
from ..measures import auprc, recall_at, roc_auc
from ..network import Encoder
from ..rules import BLOCK
from ..windows import Windows
from ..wordpiece import WordPiece
from . import encoder, export, linear, sources, written
from .calibration import calibrated
from .rows import Row

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Numbers = NDArray[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """``own`` are files of lines ``{"text", "labels"}``, learned from beside everything else."""

    data: Path
    base: Path
    out: Path
    own: tuple[Path, ...] = ()
    epochs: float = 2.0
    minutes: float = 600.0
    seed: int = 1


def run(request: Request, report: Callable[[str], None]) -> None:
    """Train, export and calibrate. Raises `ConfigError` or `OSError` for what cannot be read."""
    rows = learned(request.data, request.own)
    report(f"{len(rows)} rows to learn from")
    weights, biases = linear.fit(rows, seed=request.seed)
    request.out.mkdir(parents=True, exist_ok=True)
    linear.export(weights, biases, request.out / "linear.npz")
    pieces = encoder.vocabulary(request.base)
    made = encoder.network(request.base)
    recipe = encoder.Recipe(epochs=request.epochs, minutes=request.minutes, seed=request.seed)
    encoder.fit(made, rows, WordPiece(pieces), recipe, report)
    finish(made, pieces, request.data, request.out)


def finish(made: Any, pieces: list[str], data: Path, out: Path) -> None:
    """Write the network's weights into ``out``, where ``linear.npz`` is, and calibrate both models together."""
    import numpy as np

    export.export(made, pieces, out)
    rows = [*sources.rows(data, "tune"), *written.rows("tune")]
    with np.load(out / "linear.npz", allow_pickle=False) as stored:
        words = Linear(stored["table"], stored["scale"], stored["bias"])
    network, simple = numbers(rows, WordPiece(pieces), Encoder(out, threads=2), words)
    table = {
        "heads": list(HEADS),
        "full": calibrated(rows, network, simple),
        "linear": calibrated(rows, np.zeros_like(network), simple),
        "version": _version(out),
    }
    (out / "calibration.json").write_text(json.dumps(table, indent=1) + "\n", "utf-8")


def learned(data: Path, own: Sequence[Path] = ()) -> list[Row]:
    """Return all rows to learn from, shuffled."""
    rows = [
        *sources.rows(data, "learn"),
        *written.rows("learn"),
        *(row for path in own for row in _own(path)),
    ]
    Random(1).shuffle(rows)  # noqa: S311  reproducible, not secret
    return rows


def _own(path: Path) -> Iterator[Row]:
    for line in path.read_text("utf-8").splitlines():
        found = json.loads(line)
        yield Row(text=found["text"], labels=found["labels"], source=f"own/{path.stem}")


def numbers(
    rows: Sequence[Row], pieces: WordPiece, network: Encoder, words: Linear
) -> tuple[Numbers, Numbers]:
    """Return what both models say of each row, as the classifier would ask them: the highest of any window."""
    import numpy as np

    cut = Windows(pieces)
    found = [cut(row.text, row.question) or cut(".") for row in rows]
    flat = [window for each in found for window in each]
    first, second = network.logits(flat), np.array([words.logits(window.words) for window in flat])
    ends = np.cumsum([len(each) for each in found])
    starts = [0, *ends[:-1]]
    both = (np.maximum.reduceat(each, starts, axis=0) for each in (first, second))
    one, other = both
    return one, other


def measured(data: Path, weights: Path | None = None) -> Mapping[str, float]:
    """Return figures of the ``weights`` (those that ship, if None) on every source that nothing was learned from."""
    made = Classifier("classifier", weights or shipped(), ClassifierSettings(threads=2))
    rows = [*sources.rows(data, "measure"), *written.rows("measure")]
    scored = made.score_rows([(row.text, row.question) for row in rows])
    figures: dict[str, float] = {}
    for source in dict.fromkeys(_family(row) for row in rows):
        chosen = [index for index, row in enumerate(rows) if _family(row) == source]
        for head in HEADS:
            figures |= _figures(f"{source}/{head}", [rows[index] for index in chosen], scored[chosen], head)
        figures |= _figures(f"{source}/any", [rows[index] for index in chosen], scored[chosen], "any")
    return figures


def _family(row: Row) -> str:
    return row.source.partition("/")[0]


def _figures(name: str, rows: Sequence[Row], scored: Numbers, head: str) -> dict[str, float]:
    labels = [_label(row, head) for row in rows]
    known = [index for index, label in enumerate(labels) if label is not None]
    wanted = [label for label in labels if label is not None]
    scores = scored[known].max(axis=1) if head == "any" else scored[known, HEADS.index(head)]
    figures: dict[str, float] = {}
    if 0 < sum(wanted) < len(wanted):
        figures[f"{name} AUPRC"] = auprc(wanted, scores.tolist())
        figures[f"{name} ROC-AUC"] = roc_auc(wanted, scores.tolist())
        figures[f"{name} recall at 1 %"] = recall_at(wanted, scores.tolist(), 0.01)
    for label, word in ((1, "caught"), (0, "false alarms")):
        if head == "any" and label in wanted:
            blocked = [score >= BLOCK for score, each in zip(scores, wanted, strict=True) if each == label]
            figures[f"{name} {word}"] = sum(blocked) / len(blocked)
    return figures


def _label(row: Row, head: str) -> int | None:
    if head in row.labels:
        return row.labels[head]
    return int(row.harmful) if head == "any" and len(row.labels) == len(HEADS) else None


def _version(folder: Path) -> str:
    found = hashlib.sha256()
    for name in ("encoder.onnx", "embedding.npz", "linear.npz", "pieces.txt"):
        found.update((folder / name).read_bytes())
    return found.hexdigest()[:12]
