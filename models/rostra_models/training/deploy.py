"""From a run to the bot: its model is tried out, kept where models are kept, and recorded as what answers, with its lineage."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from rostra.chat import Sampling, Utterance
from rostra.clock import Clock
from rostra.config import Settings
from rostra.deployments import table_called
from rostra.errors import ModelError
from rostra.routes import DEFAULT
from rostra.stores import Store
from rostra.versions import Deployment

from ..embedded import Progress
from ..json_files import json_object
from ..local import CONVERSATIONS
from ..pull import target_of
from ..shelf import copy, record
from ..versions import about, version_of
from ..weights import read
from ..wire import Generate, Load
from .errors import TrainError
from .exposure import registered
from .record import run_of
from .runs import Found, found_in, lineage, named

WINDOW = 256
"""Tokens that a model is tried out with whose configuration names no window."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A model that could answer, and the run it came from, if it came from one."""

    folder: Path
    run: Found | None = None

    @property
    def name(self) -> str:
        """What to call it where nothing else is said: its run, or its folder."""
        return self.run.name if self.run else self.folder.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Deployed:
    """What came of it: the deployment, the folder that answers, and what whoever did it should know."""

    deployment: Deployment
    folder: Path
    warnings: Sequence[str]


def answers(folder: Path) -> None:
    """Ask the model in ``folder`` something, by what the bot asks it with. Raises `ModelError` if that does not answer."""
    from ..generation import load

    order = Load(
        folder=str(folder),
        dtype="auto",
        threads=max(1, (os.cpu_count() or 2) - 1),
        window=read(folder).window or WINDOW,
        nice=0,
        memory=CONVERSATIONS,
        seats=1,
    )
    said = (Utterance(role="user", text="Hello!"),)
    try:
        made = load(order)
        made.begin(Generate(id=0, messages=said, sampling=Sampling(max_tokens=4)))
        while made.open:
            made.step()
    except Exception as error:  # transformers raises anything for what is wrong with a folder
        told = " ".join(str(error).split())
        raise ModelError(f"{str(folder)!r} does not answer: {type(error).__name__}: {told}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What it takes to deploy: the folder of kept models, the configuration, and how a model is tried out."""

    models: Path
    settings: Settings
    clock: Clock
    progress: Progress
    tried: Callable[[Path], None] = answers


def candidate(wanted: str, models: Path, among: Sequence[Found]) -> Candidate:
    """Return what ``wanted`` names: a run of those ``among``, a kept model, or the folder of a model. Raises `ModelError`."""
    path = Path(wanted).expanduser()
    kept = models / wanted
    try:
        run = named(wanted, among)
    except TrainError:
        run = None
    plain = "/" not in wanted and not wanted.startswith((".", "~"))
    if run is not None and (run.name == wanted or not (plain and kept.is_dir())):
        if run.record.state != "done":
            raise ModelError(
                f"run {run.name!r} is {run.record.state}: what is deployed has come to its end; go on with it (--resume),"
                " or name the folder of one of its checkpoints"
            )
        return Candidate(folder=Path(run.record.model), run=run)
    folder = kept if plain and kept.is_dir() else path
    if not folder.is_dir():
        raise ModelError(
            f"{wanted!r} is neither a run (`rostra runs list`), nor a kept model (`rostra model list`), nor a folder"
        )
    made_by = run_of(folder.resolve()) or _copied_from(folder)
    return Candidate(folder=folder, run=found_in(Path(made_by)) if made_by else None)


def _copied_from(folder: Path) -> str:
    """Return the folder of the run whose result a kept model is a copy of."""
    kept = record(folder)
    return run_of(Path(kept.source)) if kept and Path(kept.source).is_dir() else ""


def check(folder: Path) -> None:
    """Raise a `ModelError` that says why the model in ``folder`` could not be the bot's, as far as its files tell."""
    read(folder)
    made = json_object(folder / "config.json").get("architectures") or [""]
    if str(made[0]).endswith("ForSequenceClassification"):
        raise ModelError(
            f"{str(folder)!r} is a reward model: it scores answers and gives none; a table [scorers.NAME] uses it"
        )
    if not about(folder).template:
        raise ModelError(
            f"{str(folder)!r} has no chat template, so nobody knows how it is asked; `rostra train sft` makes a model"
            " with one, or put a chat_template.jinja beside its tokenizer"
        )


async def deploy(store: Store, found: Candidate, name: str, place: str, means: Means) -> Deployed:
    """Make the model answer in the places that fit ``place``, from the bot's next start. Raises `ModelError`, `ConfigError`.

    ``name`` is what it is kept and called as, empty for that of its run.
    """
    await asyncio.to_thread(check, found.folder)
    own = await asyncio.to_thread(version_of, found.folder)
    # A run that two others go back to is met twice, and told of once.
    warnings = list(dict.fromkeys(_warnings(found, own.id, means.settings)))
    kept = await asyncio.to_thread(_place, found, own.id, name, means)
    table_called(means.settings, kept.name)
    if not kept.is_dir():
        await asyncio.to_thread(means.tried, found.folder)
        await asyncio.to_thread(copy, found.folder, kept, clock=means.clock, progress=means.progress)
    line, base = lineage(found.run) if found.run else ((), "")
    await registered(store, found.folder, line, base)
    deployment = Deployment(
        version=own.id,
        name=kept.name,
        place=place,
        run=str(found.run.folder) if found.run else "",
        lineage=tuple(_told(one) for one in line),
        evidence=dict(found.run.record.facts) if found.run else {},
    )
    return Deployed(deployment=await store.deploy(deployment), folder=kept, warnings=warnings)


def _place(found: Candidate, version: str, name: str, means: Means) -> Path:
    """Return where the model is kept, or will be; a name that another has already gets a number. Raises `ModelError`."""
    if found.folder.parent.resolve() == means.models.resolve() and name in {"", found.folder.name}:
        return means.models / found.folder.name
    for number in count(1):
        target = target_of(means.models, name or (found.name if number == 1 else f"{found.name}-{number}"))
        if not target.exists() or _is_version(target, version):
            return target
        if name:
            raise ModelError(f"another model is kept as {name!r} already; give another name with --as")
    raise AssertionError("numbers do not end")


def _is_version(folder: Path, version: str) -> bool:
    try:
        return version_of(folder).id == version
    except ModelError:
        return False


def _told(run: Found) -> Mapping[str, Any]:
    record = run.record
    data = [{"path": one.path, "dataset": dict(one.dataset), "files": dict(one.files)} for one in record.data]
    return {
        "run": run.name,
        "folder": str(run.folder),
        "stage": record.stage,
        "version": record.version,
        "data": data,
        "from": record.parent.model if record.parent else "",
        "from_version": record.parent.version if record.parent else "",
    }


def _warnings(found: Candidate, version: str, settings: Settings) -> Iterator[str]:
    run = found.run
    if (
        run
        and run.record.version
        and found.folder == Path(run.record.model)
        and run.record.version != version
    ):
        yield f"the model in {str(found.folder)!r} was changed since it was trained: the figures are another's"
    for one in _all_runs(run):
        for source in one.record.data:
            if not source.dataset:
                yield (
                    f"no permission is recorded for {source.path!r}, which {one.name} learned from: see to it that"
                    " you may train on it; a frozen dataset brings that along"
                )
    elsewhere = sorted({route.place for route in settings.routes if route.answerer != DEFAULT})
    if elsewhere:
        yield f"routes of the configuration name other answerers for {', '.join(elsewhere)}: they stay as they are"


def _all_runs(run: Found | None) -> Iterator[Found]:
    """Yield the runs that a model goes back to, and those of the reward models that they were trained against."""
    for one in lineage(run)[0] if run else ():
        yield one
        scored = one.record.scored_by
        if scored and scored.run and (by := found_in(Path(scored.run))):
            yield from lineage(by)[0]
