"""What a run says of itself: ``run.json``, written whole when it begins and when it ends, so that a result can be traced back."""

from __future__ import annotations

import fcntl
import json
import math
import os
import platform
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from functools import wraps
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, ParamSpec, TypeAlias

from rostra.clock import Clock
from rostra.errors import ModelError
from rostra.feedback.data.shapes import digest_of

from .errors import TrainError
from .processes import rank

if TYPE_CHECKING:
    from .loop import Run
    from .settings import Section

RECORD = "run.json"
LOCK = ".running"
"""Locked by the process that trains: whoever finds it free knows that a run was killed."""

LIBRARIES = ("rostra", "torch", "transformers", "tokenizers", "safetensors", "numpy")
FETCHED, TOLD = "sources", "source.json"
"""The folder of what a run's data was fetched into, by the name of the setting, and what says there where it came from."""

DATA, PARENTS = ("data", "validation"), ("model", "init")
"""Settings that name data, and those that name the model a stage starts from."""

RunState: TypeAlias = Literal["running", "done", "failed", "stopped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Data of a run: where it lies, the SHA-256 of its files by name, and the frozen dataset it is an export of, if it is one.

    ``dataset`` has ``id``, ``name``, ``version`` and ``manifest``; an ``id`` is known only of what came from the store here.
    """

    path: str
    files: Mapping[str, str]
    dataset: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True, kw_only=True)
class Parent:
    """What a run started from: the model's folder, the id of its version, and the folder of the run that made it, if one did."""

    model: str
    version: str
    run: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """All that is known of a run. Times are ISO 8601 in UTC; ``model`` is the folder of its result once it is done.

    ``parent`` is what it started from, ``scored_by`` the reward model it was trained against.
    """

    stage: str
    state: RunState
    started: str
    settings: Mapping[str, Any]
    seed: int = 0
    libraries: Mapping[str, str] = field(default_factory=dict[str, str])
    data: tuple[Source, ...] = ()
    parent: Parent | None = None
    scored_by: Parent | None = None
    resumed: tuple[str, ...] = ()
    ended: str = ""
    error: str = ""
    model: str = ""
    version: str = ""
    steps: int = 0
    facts: Mapping[str, float] = field(default_factory=dict[str, float])


P = ParamSpec("P")


def recorded(name: str) -> Callable[[Callable[P, Run]], Callable[P, Run]]:
    """Return a decorator that keeps the record of each run of the stage ``name`` in its folder ``settings.out``.

    ``stage(settings, *, resume, means)``. Of several processes that train together, the first one writes.
    """

    def decorated(stage: Callable[P, Run]) -> Callable[P, Run]:
        @wraps(stage)
        def whole(*given: P.args, **named: P.kwargs) -> Run:
            from .checkpoint import checkpoints
            from .loop import Means

            settings: Any = named["settings"] if "settings" in named else given[0]
            means: Any = named.get("means") or Means()
            resume = bool(named.get("resume"))
            refused = (
                checkpoints(settings.out) and not resume
            )  # the loop says so; what is there stays as it is
            if refused or rank():
                return stage(*given, **named)
            with _alone(settings.out):
                begun = begin(name, settings, means.clock, resume=resume)
                _write(settings.out, begun)
                run = _watched(lambda: stage(*given, **named), settings.out, begun, means.clock)
                done = _done(begun, run, settings, means.clock)
                _write(settings.out, done)
            if any("id" in one.dataset for one in done.data):
                from .exposure import seen
                from .sources import in_loop

                in_loop(seen(settings.out))
            return run

        return whole

    return decorated


def _watched(stage: Callable[[], Run], out: Path, begun: RunRecord, clock: Clock) -> Run:
    """Run the stage; where it does not come to its end, say why in the record."""
    try:
        return stage()
    except BaseException as error:
        stopped = not isinstance(error, Exception)  # somebody pressed Ctrl-C, or told the process to end
        told = " ".join(str(error).split()) or type(error).__name__
        ended = replace(begun, state="stopped" if stopped else "failed", error="" if stopped else told[:500])
        _write(out, replace(ended, ended=_now(clock)))
        raise


def _done(begun: RunRecord, run: Run, settings: Section, clock: Clock) -> RunRecord:
    data = [_fetched(run.folder, name, one) for name, one in zip(_named(settings), begun.data, strict=True)]
    return replace(
        begun,
        state="done",
        ended=_now(clock),
        data=tuple(data),
        model=str(run.model.resolve()),
        version=_version_in(run.model),
        steps=run.steps,
        facts={key: float(value) for key, value in run.facts.items() if math.isfinite(value)},
    )


def begin(stage: str, settings: Section, clock: Clock, *, resume: bool) -> RunRecord:
    """Return the record of a run that begins now, or goes on."""
    given: Any = settings
    before = read(given.out) if resume else None
    now = _now(clock)
    again = before is not None and before.stage == stage
    return RunRecord(
        stage=stage,
        state="running",
        started=before.started if again and before else now,
        resumed=(*before.resumed, now) if again and before else (),
        settings=settings.model_dump(mode="json"),
        seed=int(getattr(getattr(given, "loop", given), "seed", 0)),
        libraries={"python": platform.python_version(), **_libraries()},
        data=tuple(_source(Path(getattr(given, name))) for name in _named(settings)),
        parent=_parent(settings, PARENTS),
        scored_by=_parent(settings, ("reward",)),
    )


def _now(clock: Clock) -> str:
    return clock.now().isoformat(timespec="seconds")


def _libraries() -> Mapping[str, str]:
    found: dict[str, str] = {}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _named(settings: Section) -> list[str]:
    """Return which settings name data."""
    return [name for name in DATA if getattr(settings, name, None) is not None]


def _fetched(out: Path, name: str, source: Source) -> Source:
    """Return ``source`` with what `rostra_models.training.sources` made of it meanwhile, if it was no path."""
    made = out / FETCHED / name
    if source.files or not made.is_dir():
        return source
    found = _source(made)
    return replace(found, path=source.path, dataset={**found.dataset, **_told(made)})


def _told(made: Path) -> Mapping[str, Any]:
    try:
        told: Mapping[str, Any] = json.loads((made / TOLD).read_bytes())["dataset"]
    except (OSError, ValueError, KeyError, TypeError):
        return {}
    return told


def _source(path: Path) -> Source:
    """Return what ``path`` holds now; a name that is no path holds nothing."""
    named = [path] if path.is_file() else sorted(one for one in path.rglob("*") if one.is_file())
    files = {str(one.relative_to(path)) if path.is_dir() else one.name: digest_of(one) for one in named}
    return Source(
        path=str(path.resolve()) if path.exists() else str(path), files=files, dataset=dataset_in(path)
    )


def dataset_in(folder: Path) -> Mapping[str, Any]:
    """Return which frozen dataset ``folder`` (or that of a file) is an export of, as its manifest says; nothing if none."""
    file = (folder if folder.is_dir() else folder.parent) / "manifest.json"
    try:
        told: Any = json.loads(file.read_bytes())
        frozen = told["dataset"]
        return {"name": frozen["name"], "version": frozen["version"], "manifest": told["dataset_sha256"]}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def _parent(settings: Section, names: Sequence[str]) -> Parent | None:
    from .starting import folder_of

    given = next((one for name in names if (one := getattr(settings, name, None)) is not None), None)
    if not isinstance(given, Path):
        return None
    folder = folder_of(given).resolve()
    return Parent(model=str(folder), version=_version_in(folder), run=run_of(folder))


def _version_in(folder: Path) -> str:
    """Return the id of the version in ``folder``; empty where that is no whole model."""
    from ..versions import version_of

    try:
        return version_of(folder).id
    except ModelError:
        return ""


def run_of(model: Path) -> str:
    """Return the folder of the run that made ``model``, its result or one of its checkpoints; empty if none did."""
    for folder in (model.parent, model.parent.parent):
        if (folder / RECORD).is_file():
            return str(folder)
    return ""


def read(out: Path) -> RunRecord | None:
    """Return the record of the run in ``out``, None where there is none that can be read.

    A run whose process is gone without a word is ``stopped``.
    """
    try:
        plain: dict[str, Any] = json.loads((out / RECORD).read_bytes())
        known = {one.name for one in fields(RunRecord)}
        plain = {key: value for key, value in plain.items() if key in known}
        plain["data"] = tuple(Source(**one) for one in plain.get("data", ()))
        plain |= {name: Parent(**plain[name]) for name in ("parent", "scored_by") if plain.get(name)}
        plain["resumed"] = tuple(plain.get("resumed", ()))
        found = RunRecord(**plain)
    except (OSError, ValueError, TypeError, AttributeError):
        return None
    return replace(found, state="stopped") if found.state == "running" and _free(out) else found


def _write(out: Path, record: RunRecord) -> None:
    out.mkdir(parents=True, exist_ok=True)
    half = out / f".{RECORD}.half"
    with half.open("w", encoding="utf-8") as file:
        file.write(json.dumps(asdict(record), indent=2, ensure_ascii=False) + "\n")
        file.flush()
        os.fsync(file.fileno())
    half.replace(out / RECORD)


@contextmanager
def _alone(out: Path) -> Generator[None]:
    """Hold the folder of a run. Raises `TrainError` if another process trains in it."""
    out.mkdir(parents=True, exist_ok=True)
    with (out / LOCK).open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise TrainError(f"another process trains in {str(out)!r} now; name another folder") from None
        yield


def _free(out: Path) -> bool:
    try:
        with (out / LOCK).open("r") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True
