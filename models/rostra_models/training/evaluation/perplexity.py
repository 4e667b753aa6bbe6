"""How well a model says what people wrote: perplexity on held-out text or conversations, by the losses it is trained with."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import torch
from pydantic import Field
from torch import Tensor

from ...scorer_engine import batches
from ..chat_batches import padded
from ..chat_rows import conversations, files_of
from ..chats import Answers, ChatEncoder, Example, encoded, with_template
from ..corpus import tokenised
from ..errors import TrainError
from ..folders import called
from ..heads import linear_log_probabilities
from ..intervals import Interval, ratio_of
from ..loop import Means
from ..losses import log_probabilities
from ..machine import numbers
from ..packing import NOTHING, Packed, packed_mask
from ..pretrain import scored
from ..rows import in_order
from ..settings import Natural
from ..starting import folder_of, model_in, tokenizer_in
from ..texts import files, parts
from ..trunk import hidden_states, plain_head
from .report import Evaluation, MachineSettings, table, written


class PerplexitySettings(MachineSettings):
    """``rostra eval perplexity``: which model says what, and what it is compared with."""

    model: Path = Field(description="The Hugging Face folder of a model, or the name of a kept one.")
    data: Path = Field(description="Held-out conversations or texts, a file or a folder of such.")
    out: Path = Field(description="The folder of the report.")
    against: Path | None = Field(
        default=None, description="Another model: how much less the first one loses, with its interval."
    )
    kind: Literal["auto", "text", "conversations"] = Field(
        default="auto",
        description="Whether all of a text is to be said, or the answers of conversations; auto looks at the data.",
    )
    field: str = Field(default="text", description="Where a text is in a line of JSON or a row of Parquet.")
    answers: Answers = Field(default="all", description="All answers of a conversation, or its last one.")
    window: Annotated[int, Field(ge=2)] = Field(default=1024, description="Tokens that are read at once.")
    examples: Natural = Field(default=0, description="How many conversations, the first; 0 is all.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Losses:
    """What a model loses, in nats, on each of several conversations or pieces of text; of so many ``tokens``; ``bytes`` in all."""

    nats: tuple[float, ...]
    tokens: tuple[float, ...]
    bytes: int


def perplexity(settings: PerplexitySettings, *, means: Means | None = None) -> Evaluation:
    """Return the loss of a token, the perplexity (its exponential), and the bits that a byte of text takes.

    Intervals count conversations, or pieces of text of at most a window, as one each. Bits a byte can be compared between models of
    different tokenizers; what of a text stands first, before which nothing is known, costs nothing. Raises `TrainError`.
    """
    means = means or Means()
    kind = kind_of(settings.data, settings.field) if settings.kind == "auto" else settings.kind
    first = _losses(settings, settings.model, kind, means)
    loss = ratio_of(first.nats, first.tokens)
    figures = {
        **loss.named("loss"),
        **_exponential(loss).named("perplexity"),
        "bits_per_byte": sum(first.nats) / math.log(2) / first.bytes,
        "tokens": sum(first.tokens),
        "pieces": float(len(first.nats)),
    }
    rows: list[tuple[object, ...]] = [_row(settings.model, loss, figures["bits_per_byte"])]
    told = ""
    if settings.against:
        other = _losses(settings, settings.against, kind, means)
        theirs = ratio_of(other.nats, other.tokens)
        figures |= {
            **theirs.named("against_loss"),
            "against_bits_per_byte": sum(other.nats) / math.log(2) / other.bytes,
        }
        rows.append(_row(settings.against, theirs, figures["against_bits_per_byte"]))
        fewer = fewer_bits(first, other, paired=kind == "text")
        figures |= fewer.named("fewer_bits_per_byte")
        told = f"The first takes {fewer} fewer bits a byte than the other."
    done = Evaluation(what="perplexity", folder=settings.out, figures=figures)
    head = ("model", "loss of a token", "perplexity", "bits a byte")
    about = (
        f"{kind}, {sum(first.tokens):,.0f} tokens in {len(first.nats):,}"
        f" {'conversations' if kind == 'conversations' else 'pieces'}; in brackets 95 % intervals over these."
    )
    return written(done, f"Perplexity of {called(settings.model)}", [about, table(head, rows), told])


def _row(model: Path, loss: Interval, bits: float) -> tuple[object, ...]:
    return called(model), loss, _exponential(loss), bits


def _exponential(loss: Interval) -> Interval:
    mean, low, high = (math.exp(min(one, 100.0)) for one in (loss.mean, loss.low, loss.high))
    return Interval(mean=mean, low=low if loss.low > -math.inf else -math.inf, high=high)


def fewer_bits(one: Losses, other: Losses, *, paired: bool = False) -> Interval:
    """Return how many bits a byte ``one`` takes less than ``other``, piece by piece; without bounds where pieces differ.

    With ``paired`` they do where they have other numbers of tokens: texts that other tokenizers cut elsewhere.
    """
    per_bit = math.log(2)
    gained = sum(other.nats) / other.bytes / per_bit - sum(one.nats) / one.bytes / per_bit
    if len(one.nats) != len(other.nats) or (paired and one.tokens != other.tokens):
        return Interval(mean=gained, low=-math.inf, high=math.inf)
    apart = [theirs - ours for ours, theirs in zip(one.nats, other.nats, strict=True)]
    found = ratio_of(apart, [one.bytes * per_bit / len(apart)] * len(apart))
    return Interval(
        mean=gained, low=gained - (found.mean - found.low), high=gained + (found.high - found.mean)
    )


def kind_of(data: Path, field: str) -> Literal["text", "conversations"]:
    """Return what ``data`` seems to hold: texts, where its first file is text or its first row has one under ``field``."""
    first = files(data)[0]
    if first.suffix in {".txt", ".md"}:
        return "text"
    if first.suffix == ".jsonl":
        with first.open(encoding="utf-8") as lines:
            try:
                row: Any = json.loads(next(iter(lines), "{}"))
            except ValueError as error:
                raise TrainError(f"{str(first)!r}, line 1: {error}") from None
        return "text" if isinstance(row, dict) and isinstance(row.get(field), str) else "conversations"  # pyright: ignore[reportUnknownMemberType]
    return "conversations"


def _losses(settings: PerplexitySettings, model: Path, kind: str, means: Means) -> Losses:
    folder = folder_of(model)
    tokenizer, loaded = tokenizer_in(folder), model_in(folder)
    if kind == "conversations":
        with_template(tokenizer, loaded)
    loaded = loaded.to(settings.where).eval()
    means.say(f"{called(model)} reads {settings.data}")
    with torch.no_grad(), numbers(settings.loop):
        if kind == "conversations":
            return chat_losses(
                loaded, tokenizer, _examples(settings, tokenizer, means), settings.micro_tokens
            )
        corpus = tokenised(
            settings.data, tokenizer, settings.out / "tokens" / called(model), field=settings.field
        )
        total = sum(len(one.encode("utf-8", "replace")) for one, _ in parts(settings.data, settings.field))
        rows = max(1, settings.micro_tokens // settings.window)
        plain = plain_head(loaded)
        found = [_pieces(loaded, batch, plain=plain) for batch in in_order(corpus, settings.window, rows)]
    nats, tokens = ([one for part in side for one in part] for side in zip(*found, strict=True))
    return Losses(nats=tuple(nats), tokens=tuple(tokens), bytes=total)


def _pieces(model: Any, batch: Packed, *, plain: bool) -> tuple[list[float], list[float]]:
    """Return what is lost on each piece in a packed batch, and how many tokens each has."""
    wanted = batch.targets != NOTHING
    targets, there = batch.targets[wanted].to(model.device), wanted.to(model.device)
    if plain:
        apart = {"positions": batch.positions, "mask": packed_mask(batch.documents)}
        given = {} if batch.plain else {name: one.to(model.device) for name, one in apart.items()}
        states = hidden_states(model, batch.ids.to(model.device), **given)[there]
        each = -linear_log_probabilities(states, model.get_output_embeddings().weight, targets).cpu()
    else:
        each = -log_probabilities(scored(model, batch, model.device)[there], targets).cpu()
    room = batch.ids.shape[1]
    piece = (torch.arange(len(batch.ids))[:, None] * room + batch.documents)[wanted]
    return _by(piece, each)


def _by(piece: Tensor, each: Tensor) -> tuple[list[float], list[float]]:
    """Return the sum of ``each`` by piece, and how many there are, for pieces that have any."""
    counts = torch.bincount(piece)
    sums: Any = torch.bincount(piece, weights=each.double())[counts > 0]
    some: Any = counts[counts > 0].double()
    return sums.tolist(), some.tolist()


def _examples(settings: PerplexitySettings, tokenizer: Any, means: Means) -> list[Example]:
    lost: Counter[str] = Counter()
    said = list(conversations(files_of(settings.data), lost))[: settings.examples or None]
    encoder = ChatEncoder(tokenizer, window=settings.window, answers=settings.answers)
    found, more = encoded(encoder.encode, said)
    for reason, count in (lost + more).most_common():
        means.say(f"{count:,} rows left out: {reason}")
    if not found:
        raise TrainError(f"{str(settings.data)!r} has no conversation with an answer")
    return found


def chat_losses(model: Any, tokenizer: Any, examples: Sequence[Example], tokens: int) -> Losses:
    """Return what ``model`` loses on the answers in each conversation, in the order of ``examples``."""
    plain = plain_head(model)
    nats, counts = [0.0] * len(examples), [0.0] * len(examples)
    for group in batches([len(one.tokens) for one in examples], tokens):
        batch = padded([examples[at] for at in group])
        ids, mask = batch.ids.to(model.device), batch.wanted[:, 1:].to(model.device)
        targets = ids[:, 1:][mask]
        if plain:
            states = hidden_states(model, ids)[:, :-1][mask]
            each = linear_log_probabilities(states, model.get_output_embeddings().weight, targets)
        else:
            each = log_probabilities(model(input_ids=ids, use_cache=False).logits[:, :-1][mask], targets)
        sums, some = _by(mask.nonzero()[:, 0].cpu(), -each.cpu())
        for at, total, count in zip(group, sums, some, strict=True):
            nats[at], counts[at] = total, count
    words = [tokenizer.decode(one.tokens[one.wanted].tolist(), skip_special_tokens=True) for one in examples]
    return Losses(
        nats=tuple(nats),
        tokens=tuple(counts),
        bytes=sum(len(one.encode("utf-8", "replace")) for one in words),
    )
