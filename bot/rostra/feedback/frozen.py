"""Frozen datasets: what is in them, where they were written to, which models were trained on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias

Split: TypeAlias = Literal["train", "validation", "test"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetVersion:
    """A frozen selection of judgments. ``version`` counts from 1 by name; ``query`` is what was asked for, as plain JSON.

    ``manifest`` is the SHA-256 of the manifest. ``tainted_at`` is when somebody in it was erased or withdrew.
    """

    id: str
    name: str
    version: int
    query: Mapping[str, Any]
    watermark: datetime
    code_version: str
    split_salt: str
    manifest: str
    at: datetime
    parent: str = ""
    tainted_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetMember:
    """A judgment in a frozen dataset."""

    judgment: str
    split: Split
    weight: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportArtifact:
    """A file that a dataset was written to. ``key`` names the key of its pseudonyms; ``recalled_at`` is when it was to be deleted."""

    id: str
    dataset: str
    format: str
    uri: str
    sha256: str
    rows: int
    key: str
    at: datetime
    by: str = ""
    recalled_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Exposure:
    """A model version was trained on a dataset: what says which models saw somebody."""

    id: str
    model_version: str
    dataset: str
    run: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Lineage:
    """Where what somebody wrote or judged went: frozen datasets, their exports, and the models trained on them."""

    datasets: tuple[DatasetVersion, ...] = ()
    exports: tuple[ExportArtifact, ...] = ()
    models: tuple[str, ...] = ()


NOTHING = Lineage()
"""Of somebody who is in no dataset."""
