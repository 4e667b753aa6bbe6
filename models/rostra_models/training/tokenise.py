"""A tokenizer from text, as a stage of its own: what is learned of it, what is held out, and how much a token then says."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from .checkpoint import whole
from .errors import TrainError
from .loop import Means, Run
from .record import recorded
from .settings import Count, Section
from .sources import sourced
from .texts import documents
from .tokenizer import Kind, encode, train_tokenizer

FOLDER = "tokenizer"
BLOCK = 10_000
"""Characters of a document that are held out or learned from together."""


class TokenizerSettings(Section):
    """``rostra train tokenizer``: what is read, and what becomes of it."""

    data: Path = Field(
        description="A text, JSON-lines or Parquet file, or a folder of such; or a frozen dataset; or hf:NAME."
    )
    out: Path = Field(description="The folder of the run; the result is in its folder tokenizer.")
    field: str = Field(default="text", description="Where the text is in a line of JSON or a row of Parquet.")
    kind: Kind = Field(
        default="bpe",
        description='Pairs of bytes ("bpe"), bytes ("byte"), or the characters there are ("char").',
    )
    vocabulary: Count = Field(default=8192, description="Entries of pairs of bytes, at most.")
    held_out: Annotated[float, Field(gt=0, le=0.5)] = Field(
        default=0.05, description="Share of the text that is measured on and not learned from."
    )


@recorded("tokenizer")
def tokenizer(settings: TokenizerSettings, *, resume: bool = False, means: Means | None = None) -> Run:
    """Train a tokenizer: a Hugging Face folder with special tokens and template of a chat, `Run.model`.

    Its facts have ``bytes_per_token`` of text that was held out, and of what was learned from. Raises `TrainError`.
    """
    del resume  # it takes no steps that one could go on after
    means = means or Means()
    settings = sourced(settings)
    every = round(1 / settings.held_out)
    made: Any = train_tokenizer(
        _blocks(settings, every, held_out=False), kind=settings.kind, vocabulary=settings.vocabulary
    )
    folder = whole(settings.out / FOLDER, lambda half: made.save_pretrained(str(half)))
    learned = bytes_per_token(made, _blocks(settings, every, held_out=False))
    if learned is None:
        raise TrainError(f"there is no text in {str(settings.data)!r}")
    facts = {"vocabulary": float(len(made)), "learned_bytes_per_token": learned}
    held = bytes_per_token(made, _blocks(settings, every, held_out=True))
    if held is None:
        means.say(f"nothing is held out: there are fewer than {every * BLOCK:,} characters")
    else:
        facts["bytes_per_token"] = held
    return Run(stage="tokenizer", folder=settings.out, model=folder, steps=0, facts=facts)


def bytes_per_token(tokenizer: Any, texts: Iterable[str]) -> float | None:
    """Return how many bytes of UTF-8 a token stands for on average; None where there is no text."""
    size = count = 0

    def counted() -> Iterator[str]:
        nonlocal size
        for text in texts:
            size += len(text.encode("utf-8", "replace"))
            yield text

    for tokens in encode(tokenizer, counted()):
        count += len(tokens)
    return size / count if count else None


def _blocks(settings: TokenizerSettings, every: int, *, held_out: bool) -> Iterator[str]:
    """Yield the blocks that are held out, each ``every``-th, or the others."""
    number = 0
    for text in documents(settings.data, settings.field):
        for block in blocks(text):
            number += 1
            if (number % every == 0) == held_out:
                yield block


def blocks(text: str) -> Iterator[str]:
    """Yield ``text`` in parts of about `BLOCK` characters, cut at the ends of lines where there are any."""
    at = 0
    while at < len(text):
        end = len(text) if len(text) - at <= BLOCK else text.rfind("\n", at, at + BLOCK) + 1
        end = end if end > at else min(len(text), at + BLOCK)
        yield text[at:end]
        at = end
