"""Answers to play through moderation: benign sentences, half of the time with one passage that must not be seen."""

from __future__ import annotations

import csv
import json
import os
import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from pathlib import Path

TOKENS = 318
"""Tokens of an answer, about."""

PASSAGE = 130
"""Characters of a passage, about: one to three sentences."""

_LENGTHS = range(12, 300)
"""Characters of a sentence: shorter ones are exclamations, longer ones texts of their own."""

_TOKEN = re.compile(r"\s*[^\W\d_]{1,7}|\s*\d{1,3}|\s*[^\w\s]|\s+|_")
"""What a language model's pieces are like: words of up to seven letters, longer ones in parts, marks by themselves."""

_SENTENCE = re.compile(r"(?<=[.!?])\s+")


@dataclass(frozen=True)
class Speech:
    """One answer. ``start`` to ``end`` (exclusive) is the passage; both are 0 where there is none."""

    text: str
    start: int = 0
    end: int = 0

    @property
    def violates(self) -> bool:
        return self.end > self.start

    @cached_property
    def tokens(self) -> Sequence[str]:
        return _TOKEN.findall(self.text)

    @cached_property
    def ends(self) -> Sequence[int]:
        """Characters that are there after each token."""
        return list(accumulate(map(len, self.tokens)))

    def seen(self, shown: int) -> int:
        """Return how many characters of the passage are among the first ``shown`` of the text."""
        return max(0, min(shown, self.end) - self.start)

    def share(self, start: int, end: int) -> float:
        """Return how much of the passage lies between ``start`` and ``end``, 0 to 1."""
        if not self.violates:
            return 0.0
        return max(0, min(end, self.end) - max(start, self.start)) / (self.end - self.start)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentences:
    """What answers are made of. ``source`` says where it is from."""

    benign: Sequence[str]
    harmful: Sequence[str]
    source: str


def sentences() -> Sentences:
    """Return the sentences of the data in the folder ``ROSTRA_MODERATION_DATA``, else those the project wrote itself."""
    folder = Path(os.environ.get("ROSTRA_MODERATION_DATA", ""))
    if folder.name and (folder / "topical_chat").is_dir() and (folder / "paradetox").is_dir():
        return Sentences(
            benign=_topical_chat(folder), harmful=_paradetox(folder), source="topical_chat, paradetox"
        )
    from ..train.written import rows

    written = [row for row in rows() if not row.question]
    plain = [each.text for each in written if each.source.startswith("written/benign") and not each.harmful]
    shown = ("toxicity", "hate", "violence", "sexual", "self-harm")
    bad = [each.text for each in written if any(each.labels.get(head) for head in shown)]
    return Sentences(benign=_finished(plain), harmful=_finished(bad), source="written by the project")


def speeches(count: int, *, seed: int, of: Sentences) -> Sequence[Speech]:
    """Return ``count`` answers; every other one violates. The same ones for the same ``seed``."""
    chance = random.Random(seed)  # noqa: S311  reproducible, not secret
    return [_speech(chance, of, violates=number % 2 == 1) for number in range(count)]


def _speech(chance: random.Random, of: Sentences, *, violates: bool) -> Speech:
    length = 0
    said: list[str] = []
    while length < TOKENS * 4.4:
        said.append(chance.choice(of.benign))
        length += len(said[-1]) + 1
    if not violates:
        return Speech(" ".join(said))
    passage = chance.choice(of.harmful)
    while len(passage) < chance.uniform(0.3, 1.2) * PASSAGE:
        passage = f"{passage} {chance.choice(of.harmful)}"
    at = chance.randrange(len(said) + 1)
    before = "".join(f"{each} " for each in said[:at])
    text = " ".join([*said[:at], passage, *said[at:]])
    return Speech(text, len(before), len(before) + len(passage))


def _finished(texts: Sequence[str]) -> Sequence[str]:
    """Return sentences that end with a mark, as those of an answer do."""
    return [text if text[-1] in ".!?" else f"{text}." for text in map(str.strip, texts) if text]


def _topical_chat(folder: Path) -> Sequence[str]:
    found: list[str] = []
    for file in sorted((folder / "topical_chat").glob("*.json")):
        for talk in json.loads(file.read_text("utf-8")).values():
            found += [part for turn in talk["content"] for part in _SENTENCE.split(turn["message"].strip())]
    return [each for each in _finished(found) if len(each) in _LENGTHS]


def _paradetox(folder: Path) -> Sequence[str]:
    with (folder / "paradetox" / "paradetox.tsv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [each for each in _finished([row["toxic"] for row in rows]) if len(each) in _LENGTHS]
