"""Text that was tokenised once: memory-mapped shards beside the hashes of what they were made of."""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .checkpoint import whole
from .errors import TrainError
from .texts import files, parts
from .tokenizer import SPECIAL, encode

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from transformers import PreTrainedTokenizerFast

INDEX = "index.json"
SHARD_TOKENS = 1 << 23
"""Few enough to be held as Python's numbers while they are made."""
_FORM = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """Documents as tokens: ``shards`` end to end, ``starts`` where each document begins and, last, where all end."""

    shards: Sequence[NDArray[Any]]
    starts: NDArray[np.int64]
    facts: Mapping[str, object]

    @property
    def tokens(self) -> int:
        """How many there are."""
        return int(self.starts[-1])

    def read(self, start: int, stop: int) -> NDArray[np.int64]:
        """Return the tokens from ``start`` to before ``stop``, counted through all shards."""
        import numpy as np

        found: list[NDArray[Any]] = []
        at = 0
        for shard in self.shards:
            if at < stop and at + len(shard) > start:
                found.append(shard[max(0, start - at) : stop - at])
            at += len(shard)
        return np.concatenate(found).astype(np.int64) if found else np.zeros(0, np.int64)


def tokenised(
    source: Path, tokenizer: PreTrainedTokenizerFast, folder: Path, *, field: str = "text"
) -> Corpus:
    """Return ``source`` as tokens, kept in ``folder``; made anew only if the texts or the tokenizer are others now.

    After each document stands the token that ends one. Raises `TrainError`.
    """
    made_of = {
        "form": _FORM,
        "field": field,
        "tokenizer": fingerprint(tokenizer),
        "sources": [{"name": one.name, "sha256": _hash(one)} for one in files(source)],
    }
    index = folder / INDEX
    if index.is_file() and json.loads(index.read_bytes()).get("made_of") == made_of:
        return opened(folder)
    whole(folder, lambda half: write(half, _encoded(tokenizer, source, field), tokenizer, made_of))
    return opened(folder)


def _encoded(
    tokenizer: PreTrainedTokenizerFast, source: Path, field: str
) -> Iterator[tuple[list[int], bool]]:
    """Yield the tokens of each part of a document, and whether it ends there."""
    ends: deque[bool] = deque()

    def texts() -> Iterator[str]:
        for text, last in parts(source, field):
            ends.append(last)
            yield text

    for tokens in encode(tokenizer, texts()):
        yield tokens, ends.popleft()


def fingerprint(tokenizer: PreTrainedTokenizerFast) -> str:
    """Return a hash of all that a tokenizer does."""
    own: Any = tokenizer.backend_tokenizer
    return hashlib.sha256(own.to_str().encode()).hexdigest()


def end_of_document(tokenizer: PreTrainedTokenizerFast) -> int:
    """Return the token that ends a document, or whatever it says at the end if it has no such. Raises `TrainError`."""
    own: Any = tokenizer
    end = own.get_vocab().get(SPECIAL[0], own.eos_token_id)
    if end is None:
        raise TrainError(f"the tokenizer has neither {SPECIAL[0]!r} nor another token for an end")
    return int(end)


def write(
    folder: Path,
    texts: Iterable[tuple[list[int], bool]],
    tokenizer: PreTrainedTokenizerFast,
    made_of: Mapping[str, object],
) -> None:
    """Write shards, starts and, last, the index. ``texts`` are parts of documents, each with whether it ends there."""
    import numpy as np

    end = end_of_document(tokenizer)
    numbers = np.uint16 if len(tokenizer) <= 1 << 16 else np.uint32
    starts, shards = [0], list[Mapping[str, object]]()
    for those in _shards(texts, starts, end):
        name = f"shard-{len(shards):05}.bin"
        data = b"".join(np.asarray(tokens, dtype=numbers).tobytes() for tokens in those)
        (folder / name).write_bytes(data)
        shards.append({"name": name, "sha256": hashlib.sha256(data).hexdigest()})
    if len(starts) == 1:
        raise TrainError("there is no text to learn from")
    np.save(folder / "starts.npy", np.asarray(starts, dtype=np.int64))
    index = {
        "made_of": made_of,
        "numbers": np.dtype(numbers).name,
        "shards": shards,
        "documents": len(starts) - 1,
    }
    (folder / INDEX).write_text(json.dumps({**index, "tokens": starts[-1]}, indent=2), encoding="utf-8")


def _shards(
    texts: Iterable[tuple[list[int], bool]], starts: list[int], end: int
) -> Iterator[list[list[int]]]:
    """Yield tokens in shards, and note in ``starts`` where each document ends with the token that says so."""
    held: list[list[int]] = []
    at = begun = 0
    for tokens, last in texts:
        held.append([*tokens, end] if last else tokens)
        at += len(held[-1])
        if last:
            starts.append(at)
        if at - begun >= SHARD_TOKENS:
            yield held
            held, begun = [], at
    if held:
        yield held


def opened(folder: Path, *, check: bool = False) -> Corpus:
    """Return what `tokenised` wrote; with ``check``, only if the shards have their hashes. Raises `TrainError`."""
    import numpy as np

    index = json.loads((folder / INDEX).read_bytes())
    for one in index["shards"] if check else ():
        if _hash(folder / one["name"]) != one["sha256"]:
            raise TrainError(f"{str(folder / one['name'])!r} is not what was written; delete the folder")
    shards = [np.memmap(folder / one["name"], dtype=index["numbers"], mode="r") for one in index["shards"]]
    starts = np.load(folder / "starts.npy")
    return Corpus(shards=shards, starts=starts, facts=index)


def _hash(file: Path) -> str:
    with file.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()


def split(corpus: Corpus, held_out: float) -> tuple[Corpus, Corpus]:
    """Return what is learned from and the last ``held_out`` of all tokens, for validation.

    Cut between documents, in the middle of the only one. Raises `TrainError` if one of the two were empty.
    """
    import numpy as np

    cut = round(corpus.tokens * (1 - held_out))
    if len(corpus.starts) > 2:  # noqa: PLR2004  more than one document
        inner = corpus.starts[1:-1]
        cut = int(inner[np.abs(inner - cut).argmin()])
    if not 0 < cut < corpus.tokens:
        raise TrainError(f"{corpus.tokens} tokens cannot be split with {held_out!r} of them held out")
    left = np.append(corpus.starts[corpus.starts < cut], cut)
    right = np.concatenate([[cut], corpus.starts[corpus.starts > cut]])
    return (
        Corpus(shards=corpus.shards, starts=left, facts=corpus.facts),
        Corpus(shards=corpus.shards, starts=right, facts=corpus.facts),
    )
