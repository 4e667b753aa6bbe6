"""Scores conversations with a reward model, in this process: batches of similar length, no more tokens than it may."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from importlib import import_module
from typing import Any

from rostra.chat import Utterance
from rostra.errors import ModelError

from .scorer_layout import RewardLayout
from .scorer_wire import Load

_WORTHWHILE = 16
"""Tokens that several conversations begin with from which on they are read once for all of them."""

_SIMILAR = 0.8
"""How long a row is at least, beside the longest in its batch."""


class RewardEngine:
    """A sequence classifier of transformers with one label: its value at the last token is the reward.

    A conversation's score does not depend on those it is scored with, but for rounding: padding is behind what is
    read, and masked. Candidates for one answer share all that was said before: it is read once.
    """

    def __init__(self, model: Any, layout: RewardLayout, *, batch: int) -> None:
        """``batch``: tokens that are read at once, padding included; a longer conversation is read alone."""
        self._model = model
        self._layout = layout
        self._batch = batch
        self._head: Any = getattr(model, "score", None)

    def score(
        self, conversations: Sequence[Sequence[Utterance]], dropped: Callable[[], bool] = lambda: False
    ) -> Sequence[float]:
        """Return a score for each; ``dropped`` is asked between batches whether to stop, which returns none.

        Raises `ModelError`.
        """
        rows = [self._layout.tokens(conversation) for conversation in conversations]
        shared = common(rows) if self._head is not None else 0
        past = self._begun(rows[0][:shared]) if shared >= _WORTHWHILE else None
        start = shared if past is not None else 0
        scores = [0.0] * len(rows)
        for batch in batches([len(row) - start for row in rows], self._batch):
            if dropped():
                return []
            for at, score in zip(
                batch, self._read([rows[at][start:] for at in batch], past, start), strict=True
            ):
                scores[at] = score
        return scores

    def _begun(self, tokens: Sequence[int]) -> Any:
        """Return what the model keeps of the tokens that all rows begin with; None if it cannot be shared."""
        import torch

        with torch.inference_mode():
            past: Any = self._model.base_model(
                input_ids=torch.tensor([tokens]), use_cache=True
            ).past_key_values
        return past if hasattr(past, "batch_repeat_interleave") else None

    def _read(self, rows: Sequence[Sequence[int]], past: Any, start: int) -> Sequence[float]:
        """Return the scores of ``rows``, which go on after ``past``, ``start`` tokens."""
        import torch

        longest = max(map(len, rows))
        ids = torch.zeros((len(rows), longest), dtype=torch.long)
        mask = torch.zeros((len(rows), start + longest), dtype=torch.long)
        for at, row in enumerate(rows):
            ids[at, : len(row)] = torch.tensor(row, dtype=torch.long)
            mask[at, : start + len(row)] = 1
        with torch.inference_mode():
            if (
                self._head is None
            ):  # an encoder: it reads from both sides and has its own place for the answer
                rewards: Any = self._model(input_ids=ids, attention_mask=mask).logits[:, 0]
            else:
                rewards = self._last(ids, mask, [len(row) - 1 for row in rows], past)
        found: list[float] = rewards.float().tolist()
        return found

    def _last(self, ids: Any, mask: Any, last: Sequence[int], past: Any) -> Any:
        # transformers looks for the last token that is not padding, and takes an end of text for padding where the two
        # are one token. Only here it is known.
        if past is not None:
            past = deepcopy(past)
            past.batch_repeat_interleave(len(last))
        hidden: Any = self._model.base_model(
            input_ids=ids, attention_mask=mask, past_key_values=past, use_cache=past is not None
        )
        return self._head(hidden.last_hidden_state[list(range(len(last))), list(last)])[:, 0]


def common(rows: Sequence[list[int]]) -> int:
    """Return how many tokens all of several rows begin with, at least one of each left out; 0 for fewer than two."""
    if len(rows) < 2:  # noqa: PLR2004  nothing is shared with nobody
        return 0
    first, last = min(rows), max(rows)  # in between, the others begin the same
    longest = min(map(len, rows)) - 1
    return next((at for at in range(longest) if first[at] != last[at]), longest)


def batches(lengths: Sequence[int], most: int) -> Iterator[list[int]]:
    """Yield the numbers of all rows, those of similar length together; rows times the longest is ``most`` at most.

    On a CPU padding costs as much as words do: a batch of 50 to 400 letters took 1.8 times as long as one by one.
    """
    batch: list[int] = []
    for at in sorted(range(len(lengths)), key=lambda at: -lengths[at]):
        longest = lengths[batch[0]] if batch else 0
        if longest * (len(batch) + 1) > most or lengths[at] < longest * _SIMILAR:
            yield batch
            batch = []
        batch.append(at)
    if batch:
        yield batch


def load(order: Load) -> RewardEngine:
    """Load the model of a folder. Raises `ModelError` for one that gives no reward, else whatever transformers does."""
    import torch

    transformers: Any = import_module("transformers")
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    torch.set_num_threads(order.threads)
    here = {"local_files_only": True, "trust_remote_code": False}
    config: Any = transformers.AutoConfig.from_pretrained(order.folder, **here)
    if config.num_labels != 1:
        raise ModelError(f"{order.folder!r} has {config.num_labels} labels; a reward model has one")
    tokenizer: Any = transformers.AutoTokenizer.from_pretrained(order.folder, **here)
    model, found = transformers.AutoModelForSequenceClassification.from_pretrained(
        order.folder,
        dtype=getattr(torch, order.dtype),
        use_safetensors=True,
        output_loading_info=True,
        **here,
    )
    if found["missing_keys"]:  # transformers would make them up
        raise ModelError(
            f"{order.folder!r} has no weights for {min(found['missing_keys'])!r}: is it a reward model?"
        )
    model.eval()
    return RewardEngine(model, RewardLayout(tokenizer, order.window), batch=order.batch)
