"""Runs where they lie: found in a folder and in the list of those that were begun elsewhere, and named in short."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from .errors import TrainError
from .journal import METRICS, rows
from .record import RECORD, RunRecord, read

RUNS = "runs"
"""The folder for runs in the data folder."""

KNOWN = "known.txt"
"""Beside the runs there: the folders of others, one a line."""

TELLING: Mapping[str, Sequence[str]] = {
    "pretrain": ("validation_loss", "train_loss"),
    "sft": ("validation_loss", "train_loss"),
    "reward": ("test_accuracy", "accuracy", "train_loss"),
    "ppo": ("validation_reward", "reward", "train_loss"),
    "dpo": ("accuracy", "validation_accuracy", "validation_loss", "train_loss"),
    "tokenizer": ("bytes_per_token",),
}
"""The figure of each stage that says most, the first of these that a run has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A run and its folder."""

    folder: Path
    record: RunRecord

    @property
    def name(self) -> str:
        """What it is called: its folder's name."""
        return self.folder.name

    @property
    def telling(self) -> tuple[str, float] | None:
        """The figure that says most of it, and its name."""
        names = (*TELLING.get(self.record.stage, ()), "validation_loss", "train_loss")
        facts = self.record.facts
        return next(((name, facts[name]) for name in names if name in facts), None)

    def row(self) -> dict[str, Any]:
        """Return what ``--json`` prints. Keys are only ever added to."""
        telling = self.telling
        return {
            "name": self.name,
            "folder": str(self.folder),
            **asdict(self.record),
            "figure": {"name": telling[0], "value": telling[1]} if telling else None,
        }


def found_in(folder: Path) -> Found | None:
    """Return the run whose folder this is; None if there is none."""
    record = read(folder)
    if record is None:
        return None
    if record.state != "done":  # how far it has come, only the journal knows
        told = rows(folder / METRICS)
        facts = {key: value for row in told for key, value in row.items() if isinstance(value, float)}
        facts |= {"train_loss": facts.pop("loss")} if "loss" in facts else {}
        record = replace(record, steps=max((row["step"] for row in told), default=0), facts=facts)
    return Found(folder=folder.resolve(), record=record)


def runs(folder: Path, known: Path | None = None) -> Sequence[Found]:
    """Return the runs in ``folder``, however deep, and those whose folders ``known`` lists, newest first."""
    folders = {file.parent.resolve() for file in _records(folder)}
    if known is not None and known.is_file():
        folders |= {Path(line) for line in known.read_text(encoding="utf-8").splitlines() if line}
    found = [one for one in map(found_in, folders) if one is not None]
    return sorted(found, key=lambda one: (_time(one.record.started), one.name), reverse=True)


def _records(folder: Path) -> Iterator[Path]:
    """Yield the records below ``folder``. What lies in a run is not looked through: models have many files."""
    for at, folders, files in os.walk(folder):
        if RECORD in files:
            yield Path(at) / RECORD
            folders.clear()
        else:
            folders[:] = [one for one in folders if not one.startswith(".")]


def _time(written: str) -> float:
    try:
        return datetime.fromisoformat(written).timestamp()
    except ValueError:
        return 0.0


def named(name: str, among: Sequence[Found]) -> Found:
    """Return the run that is called ``name``: a path, its folder's name, or how only one begins. Raises `TrainError`.

    Of several with one name it is the newest.
    """
    path = Path(name).expanduser()
    if here := found_in(path):
        return here
    exact = [one for one in among if one.name == name]
    if exact:
        return exact[0]
    begin = [one for one in among if one.name.startswith(name)] if name else []
    names = list(dict.fromkeys(one.name for one in begin))
    if len(names) == 1:
        return begin[0]
    if names:
        raise TrainError(f"{name!r} may be {', '.join(names[:5])}: write more of it")
    known = ", ".join(list(dict.fromkeys(one.name for one in among))[:5]) or "none"
    raise TrainError(f"there is no run {name!r}; there are: {known}. A path names one that lies elsewhere")


def lineage(run: Found) -> tuple[Sequence[Found], str]:
    """Return the runs that ``run`` goes back to, itself first, and the folder of the model that the first of all began with.

    That is empty where it began with a model of its own, or a run in between is gone.
    """
    line = [run]
    while parent := line[-1].record.parent:
        before = found_in(Path(parent.run)) if parent.run else None
        if before is None or before.folder in {one.folder for one in line}:
            return line, parent.model
        line.append(before)
    return line, ""


def remember(folder: Path, data: Path) -> None:
    """Have `runs` find a run that does not lie with the others in the data folder ``data``."""
    home, folder = data / RUNS, folder.resolve()
    if folder.is_relative_to(home.resolve()):
        return
    home.mkdir(parents=True, exist_ok=True)
    known = home / KNOWN
    before = known.read_text(encoding="utf-8").splitlines() if known.is_file() else []
    if str(folder) not in before and "\n" not in str(folder):
        with known.open("a", encoding="utf-8") as out:  # one short write: two that begin at once do not mix
            out.write(f"{folder}\n")


def fresh(stage: str, data: Path, day: datetime) -> Path:
    """Make and return a folder for a run that was given none: ``runs/STAGE-DATE-NUMBER`` in the data folder."""
    home = data / RUNS
    number = 1
    while True:
        folder = home / f"{stage}-{day:%Y-%m-%d}-{number}"
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            number += 1
        else:
            return folder
