"""What the commands of ``rostra data`` have in common: where the work is done, on which dataset, and what is said of it."""

from __future__ import annotations

import sys
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from ..feedback.data.freeze import Progress, Setting
    from ..feedback.data.scrub import Scrubber
    from ..feedback.values import DatasetVersion
    from ..stores import Store


def setting_of(config: Path | None, progress: Progress) -> Setting:
    """Return where datasets are made: in the data folder of a configuration, whose adapters tell whose platforms they are.

    Sets the process up for making many objects.
    """
    from ..config import load
    from ..feedback.data.freeze import Setting
    from ..feedback.data.permission import CLEAN
    from ..garbage import collect_seldom
    from .running import private

    collect_seldom()
    settings = load(config)
    # A table may have any name: its kind says whose platform it is. What is not configured any more is judged by its name.
    configured = {name: table.kind for name, table in settings.adapters.items()}
    clean = {name for name, kind in configured.items() if kind in CLEAN} | (CLEAN - configured.keys())
    return Setting(work=private(settings.data) / "datasets", clean=clean, progress=progress)


@contextmanager
def progressing() -> Generator[Progress]:
    """Show at a terminal how far it has come."""
    from ..feedback.data.freeze import silent

    if not sys.stderr.isatty():
        yield silent
        return
    from rich.console import Console

    with Console(stderr=True).status("reading") as status:
        yield lambda what, count: status.update(f"{what}: {count:,} judgments")


async def dataset_called(store: Store, name: str) -> DatasetVersion:
    """Return the dataset ``NAME`` or ``NAME@VERSION``. Raises `ConfigError`."""
    from ..errors import ConfigError

    wanted, at, version = name.partition("@")
    if at and not version.isdecimal():
        raise ConfigError(f"{name!r} has no version; write {wanted}@1")
    found = await store.dataset(wanted, int(version) if at else None)
    if found is None:
        names = ", ".join(f"{one.name}@{one.version}" for one in await store.datasets()) or "none"
        raise ConfigError(f"there is no dataset {name!r}; there are: {names}")
    return found


def scrubber_called(name: str | None, *, no_scrub: bool) -> Scrubber | None:
    """Return what takes personal data out, unless it stays. Raises `typer.BadParameter` and `DatasetError`."""
    from ..feedback.data.scrub import installed

    if no_scrub and name is not None:
        raise typer.BadParameter("either --scrub or --no-scrub", param_hint="--no-scrub")
    return None if no_scrub else installed(name or "pii")


def described(dataset: DatasetVersion) -> dict[str, Any]:
    """Return what there is to say about a dataset, as plain JSON."""
    query = dataset.query
    return {
        "name": dataset.name,
        "version": dataset.version,
        "id": dataset.id,
        "at": dataset.at.isoformat(timespec="seconds"),
        "manifest": dataset.manifest,
        "purpose": query["asked"]["purpose"],
        "judgments": query["judgments"],
        "prompts": query["prompts"],
        "raters": query["raters"],
        "refused": query["refused"],
        "tainted": dataset.tainted_at is not None,
    }


def show_reasons(counts: Mapping[str, int], what: str) -> None:
    """Print how many of ``what`` there were for each reason, the most frequent one first."""
    from ..feedback.data.permission import REASONS

    for name, count in sorted(counts.items(), key=lambda one: -one[1]):
        typer.echo(f"{count:,} {what}: {REASONS.get(name, name)}")
