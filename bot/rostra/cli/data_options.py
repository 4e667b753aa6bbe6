"""The options of ``rostra data``."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Purpose(StrEnum):
    """What everybody in a dataset must have agreed to."""

    train = "train"
    publish = "publish"


class Form(StrEnum):
    """The formats."""

    canonical = "canonical"
    trl = "trl"
    trl_unpaired = "trl-unpaired"
    hh = "hh"
    openai = "openai"
    oasst = "oasst"
    arena = "arena"


class File(StrEnum):
    """The files."""

    jsonl = "jsonl"
    parquet = "parquet"


class Pairs(StrEnum):
    """Which pairs of a ranking."""

    all = "all"
    best_worst = "best-worst"
    adjacent = "adjacent"
    one_random = "one-random"


class Labels(StrEnum):
    """Whose word a row is."""

    each = "each"
    soft = "soft"


class Side(StrEnum):
    """The sides of a split."""

    train = "train"
    validation = "validation"
    test = "test"


Name = Annotated[str, typer.Argument(metavar="NAME[@VERSION]", help="The dataset; the newest by default.")]
Format_ = Annotated[Form, typer.Option("--format", "-f", help="The form of the rows.")]
As = Annotated[File, typer.Option("--as", help="The kind of the files.")]
Near = Annotated[
    float, typer.Option("--near", min=0, max=1, help="How similar questions stay together; 0: equal ones.")
]
Validation = Annotated[float, typer.Option("--validation", help="The share of questions to validate with.")]
Test = Annotated[float, typer.Option("--test", help="The share of questions to test with.")]
Scrub = Annotated[
    str | None,
    typer.Option("--scrub", metavar="NAME", help="What takes personal data out; pii by default."),
]
NoScrub = Annotated[bool, typer.Option("--no-scrub", help="Leave texts as they are.")]
Folder = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="FOLDER", help="Where to; a new folder, NAME-VERSION-FORMAT."),
]
Pairs_ = Annotated[Pairs, typer.Option("--pairs", help="Which pairs of a ranking, where the form has pairs.")]
Labels_ = Annotated[
    Labels, typer.Option("--labels", help="A row for each rater, or one with the share of raters (trl).")
]
Sides = Annotated[
    list[Side] | None, typer.Option("--split", help="Which sides; train and validation by default.")
]
Key = Annotated[
    str, typer.Option("--key", metavar="ID", help="Make an earlier export again: the key of its pseudonyms.")
]
Push = Annotated[
    str | None,
    typer.Option("--push", metavar="OWNER/NAME", help="Upload it to the Hugging Face hub, as private."),
]
Public = Annotated[
    bool, typer.Option("--public", help="Upload it for everybody; only of what was frozen for that.")
]
