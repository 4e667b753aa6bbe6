"""Ranked answers as a reward model reads them: one element a question, with all that its raters said of its answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

from rostra.chat import Utterance
from rostra.feedback.data.formats import Name, format_called
from rostra.feedback.data.record import SPLITS, DatasetError, Record
from rostra.feedback.data.shapes import read_rows
from rostra.feedback.values import Split

from .ranking import Comparison, Ties, comparisons, merged

Weigh: TypeAlias = Literal["judgments", "questions"]
"""Whether each judgment weighs 1, or all that was said of one question's answers together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ranked:
    """The answers to one question, each once, and how they compare. ``prompt`` is the question wherever it was asked.

    ``source`` is where the rankings came from: the campaign, the dataset, or nothing where neither is known.
    """

    prompt: str
    said: tuple[Utterance, ...]
    answers: tuple[str, ...]
    compared: tuple[Comparison, ...]
    split: Split = "train"
    source: str = ""

    @property
    def weight(self) -> float:
        """What all its comparisons weigh together: the sum of the judgments' weights."""
        return sum(one.weight for one in self.compared)


class FromRankings(Protocol):
    """The settings of a stage that learns from rankings: where they are, and what counts in them."""

    @property
    def data(self) -> Path: ...

    @property
    def format(self) -> Name: ...

    @property
    def out(self) -> Path: ...

    @property
    def ties(self) -> Ties: ...

    @property
    def weigh(self) -> Weigh: ...

    @property
    def validation_share(self) -> float: ...

    @property
    def validation_rankings(self) -> int: ...


def divided(settings: FromRankings) -> tuple[dict[Split, list[Ranked]], Counter[str]]:
    """Return the rankings that a stage's settings name by split, and how many judgments were left out by reason.

    Another form than ours is imported into the run's folder first. Raises `DatasetError`.
    """
    lost: Counter[str] = Counter()
    data = settings.data
    if settings.format != "canonical":
        data = imported([data], settings.format, settings.out / "data")
    found = ranked(data, lost, ties=settings.ties)
    if settings.weigh == "questions":
        found = evened(found)
    sides = parted(found, settings.validation_share)
    sides["validation"] = sides["validation"][: settings.validation_rankings]
    return sides, lost


def ranked(data: Path, lost: Counter[str], *, ties: Ties = "half") -> list[Ranked]:
    """Return the rankings of a canonical export or import: a folder with a file a split, or one such file.

    Judgments that compare nothing are counted in ``lost``. Raises `DatasetError`.
    """
    found: list[Ranked] = []
    for path in _files(data):
        found += _of(format_called("canonical").read(read_rows(path), lost), lost, ties)
    if not found:
        raise DatasetError(
            f"{str(data)!r} has no rankings in the canonical form; `rostra data import` makes it of other forms"
        )
    return found


def _files(data: Path) -> Sequence[Path]:
    if not data.is_dir():
        return [data]
    named = [data / f"{split}.{kind}" for split in SPLITS for kind in ("jsonl", "parquet")]
    found = [one for one in named if one.is_file()]
    if not found:
        raise DatasetError(f"{str(data)!r} has no file train.jsonl, as exports and imports of rankings have")
    return found


def imported(paths: Sequence[Path], form: Name, folder: Path) -> Path:
    """Import files of another form into ``folder``, split by question, and return it; one that is there stays as it is.

    Raises `DatasetError`.
    """
    from rostra.feedback.data.importing import Intake, import_files

    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        import_files(paths, Intake(format=form), folder)
    return folder


def _of(records: Iterable[Record], lost: Counter[str], ties: Ties) -> Iterator[Ranked]:
    for _, group in groupby(records, key=lambda one: (one.prompt, one.batch)):
        listed = list(group)
        texts = list(dict.fromkeys(answer.text for record in listed for answer in record.answers))
        compared = merged(one for record in listed for one in _compared(record, texts, lost, ties))
        if not compared:
            continue
        first = listed[0]
        used = sorted({slot for one in compared for slot in (one.first, one.second)})
        places = {slot: at for at, slot in enumerate(used)}
        yield Ranked(
            prompt=first.prompt,
            said=tuple(Utterance(role=one.role, text=one.text) for one in first.context),
            answers=tuple(texts[slot] for slot in used),
            compared=tuple(
                replace(one, first=places[one.first], second=places[one.second]) for one in compared
            ),
            split=first.split,
            source=first.campaign or first.dataset,
        )


def _compared(record: Record, texts: Sequence[str], lost: Counter[str], ties: Ties) -> Iterator[Comparison]:
    """Yield what one judgment compares, by the places of the answers' texts in ``texts``."""
    if record.outcome != "ranked":
        lost[f"the outcome is {record.outcome}"] += 1
        return
    said = comparisons([one.tier for one in record.answers], record.loose, ties=ties, weight=record.weight)
    if not said:
        lost["compares nothing"] += 1
    places = [texts.index(one.text) for one in record.answers]
    for one in said:
        first, second = places[one.first], places[one.second]
        if first != second:
            yield replace(one, first=first, second=second)


def evened(rankings: Iterable[Ranked]) -> list[Ranked]:
    """Return the rankings so that each weighs 1, however many judgments it has: for pairs that were rankings once."""
    return [
        replace(one, compared=tuple(replace(pair, weight=pair.weight / one.weight) for pair in one.compared))
        for one in rankings
    ]


def parted(rankings: Sequence[Ranked], share: float) -> dict[Split, list[Ranked]]:
    """Return the rankings by split. Where none is for validation, a ``share`` of the questions to train on is."""
    sides: dict[Split, list[Ranked]] = {split: [] for split in SPLITS}
    for one in rankings:
        sides[one.split].append(one)
    if not sides["validation"]:
        sides["validation"] = [one for one in sides["train"] if _place(one.prompt) < share]
        sides["train"] = [one for one in sides["train"] if _place(one.prompt) >= share]
    return sides


def _place(prompt: str) -> float:
    return int.from_bytes(sha256(prompt.encode("utf-8", "replace")).digest()[:6]) / 2**48
