"""Getting a model: from the wheel, a folder, a GGUF file or the hub, into the folder that keeps models."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from rostra.clock import Clock
from rostra.errors import ModelError

from . import embedded
from .embedded import NAME, Progress
from .hub import ENDPOINT, Hub, Remote, Repository, open_hub
from .memory import MemoryReading, available
from .shelf import (
    KEPT,
    RECORD,
    SPARE,
    TOKENIZERS,
    Record,
    copy,
    is_of,
    making,
    recast,
    record,
    sha256,
    write_record,
)
from .tensors import WIDTHS, Kept
from .weights import INDEX, RUNTIME, read

PARTIAL = ".partial"
"""The folder beside the models for what has come of them so far."""

HUB = "hf:"
"""Before OWNER/NAME it says that the hub is meant, whatever lies in a folder of that name."""

_HUB_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*/[A-Za-z0-9][A-Za-z0-9._-]*")
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".h5", ".msgpack")
_TOO_MANY = 10_000
"""More files than any model has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What somebody wants. ``name`` is what to call it, empty for what it is called; ``dtype`` None keeps weights as they are."""

    source: str
    name: str = ""
    revision: str = ""
    dtype: Kept | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What it takes to get it. ``environ`` gives HF_ENDPOINT and HF_TOKEN."""

    models: Path
    clock: Clock
    progress: Progress
    environ: Mapping[str, str] = field(repr=False)
    memory: MemoryReading = available


async def pull(order: Order, means: Means) -> Path:
    """Make a model ready and return where it lies. Quick if it is there. Raises `ModelError`.

    A source is, in this order: ``embedded``; ``hf:OWNER/NAME``; a folder; a ``.gguf`` file; ``OWNER/NAME`` of the hub.
    A kill at any time leaves a whole model or none; what had come from the hub is gone on with.
    """
    if (hub_name := _on_hub(order)) is not None:
        return await _from_hub(hub_name, order, means)
    return _from_here(order, means)


def _on_hub(order: Order) -> str | None:
    """Return the name of a model on the hub, None if the source is something here. Raises `ModelError`."""
    source = order.source
    path = Path(source).expanduser()
    if source.startswith(HUB):
        return source.removeprefix(HUB)
    if source != NAME and not path.exists():
        if _HUB_NAME.fullmatch(source) and not source.endswith(".gguf"):
            return source
        raise _unknown(source)
    if order.revision:
        raise ModelError(f"--revision {order.revision!r} is for models of the hub, not for {source!r}")
    return None


def _from_here(order: Order, means: Means) -> Path:
    path = Path(order.source).expanduser()
    if order.source == NAME:
        return _embedded(order, means)
    if path.is_dir():
        return _from_folder(path, order, means)
    if path.suffix == ".gguf":
        return _from_gguf(path, order, means)
    raise _unknown(order.source)


def _unknown(source: str) -> ModelError:
    return ModelError(
        f"{source!r} is neither 'embedded', nor a folder, nor a '.gguf' file, nor OWNER/NAME of a model on the hub"
    )


def target_of(models: Path, name: str) -> Path:
    """Return where a model called ``name`` is kept. Raises `ModelError` if nothing can be called that."""
    if (
        name == NAME
        or name.startswith((".", "~"))
        or not name.isprintable()
        or "/" in name
        or "\\" in name
        or not name
    ):
        raise ModelError(f"{name!r} cannot be the name of a copied model; give another with --name")
    return models / name


def check_memory(needed: int, memory: MemoryReading, what: str) -> None:
    """Raise a `ModelError` if fewer than ``needed`` bytes are free for ``what``."""
    there = memory()
    if there is not None and there < needed:
        raise ModelError(
            f"{what} takes {needed / 1e6:,.0f} MB of memory and {there / 1e6:,.0f} MB are free; free some"
        )


def _embedded(order: Order, means: Means) -> Path:
    if order.name:
        raise ModelError(f"the embedded model is called {NAME!r}; --name {order.name!r} is for others")
    if order.dtype not in {None, "float32"}:
        raise ModelError(
            f"the embedded model is kept as float32; `rostra model convert {NAME} --to {order.dtype}` makes another"
        )
    return embedded.pull(means.models, clock=means.clock, progress=means.progress)


def _from_folder(source: Path, order: Order, means: Means) -> Path:
    target = target_of(means.models, order.name or source.resolve().name)
    found = record(target)
    origin = record(source)
    where = origin.source if origin else str(source.resolve())
    if found is not None and found.source.removesuffix(f" as {order.dtype}") != where:
        raise _other(target, found)
    return copy(source, target, clock=means.clock, progress=means.progress, dtype=order.dtype)


def _from_gguf(file: Path, order: Order, means: Means) -> Path:
    from .convert import convert_opened
    from .gguf_file import opened

    target = target_of(means.models, order.name or file.stem)
    where, dtype = str(file.resolve()), order.dtype or "float32"
    found = record(target)
    if found is not None:
        if found.source != where:
            raise _other(target, found)
        return target
    means.progress(f"reading {file.name}", None)
    source = opened(file)
    # A tensor unpacked, in float32, and what it is turned into on the way.
    check_memory(source.largest * 12 + RUNTIME // 4, means.memory, f"converting {file.name!r}")
    with making(target, space=source.parameters * WIDTHS[dtype] + SPARE) as work:
        if work is None:
            return target
        weights = convert_opened(
            source,
            work,
            generation={},
            progress=lambda share: means.progress("converting the weights", share),
            dtype=dtype,
        )
        licence = source.fields.get("general.license", "")
        write_record(
            work,
            source=where,
            licence=licence if isinstance(licence, str) else "",
            clock=means.clock,
            files=weights,
        )
    return target


async def _from_hub(name: str, order: Order, means: Means) -> Path:
    target = target_of(means.models, order.name or name.rpartition("/")[2])
    found = record(target)
    if found is not None and not found.source.startswith(f"{HUB}{name}@"):
        raise _other(target, found)
    if found is not None and not order.revision:
        return target
    endpoint = means.environ.get("HF_ENDPOINT", "") or ENDPOINT
    token = means.environ.get("HF_TOKEN", "")
    async with open_hub(clock=means.clock, endpoint=endpoint, token=token) as hub:
        means.progress(f"asking {endpoint} about {name}", None)
        repository = await hub.repository(name, order.revision or "main")
        if found is not None:
            if _source(repository) in found.source:
                return target
            raise _other(target, found)
        wanted = _wanted(repository)
        await _fill(hub, repository, wanted, target, order, means)
    return target


async def _fill(
    hub: Hub, repository: Repository, wanted: Sequence[Remote], target: Path, order: Order, means: Means
) -> None:
    part = means.models / PARTIAL / f"{repository.id.replace('/', '--')}@{repository.commit}"
    there = sum(min(_size(part / one.name), one.size) for one in wanted)
    total = sum(one.size for one in wanted)
    space = total - there + (2 * total if order.dtype else 0) + SPARE
    with making(target, space=space) as work:
        if work is None:
            return
        part.mkdir(parents=True, exist_ok=True)
        done = 0
        for one in wanted:
            before = done

            def downloaded(count: int, one: Remote = one, before: int = before) -> None:
                means.progress(f"downloading {one.name}", (before + count) / total)

            await hub.fetch(repository, one, part / one.name, progress=downloaded)
            done += one.size
        weights = read(part)  # refuses what is no model before anything is moved
        where = _source(repository)
        if order.dtype is not None and not is_of(weights, order.dtype):
            files, where = recast(part, work, order.dtype, means.progress), f"{where} as {order.dtype}"
        else:
            files = _moved(wanted, part, work)
        shutil.rmtree(part)
        write_record(work, source=where, licence=repository.licence, clock=means.clock, files=files)


def _moved(wanted: Sequence[Remote], part: Path, work: Path) -> Mapping[str, str]:
    for one in wanted:
        (part / one.name).replace(work / one.name)
    return {
        one.name: one.digest if len(one.digest) == 64 else sha256(work / one.name)  # noqa: PLR2004  a SHA-256
        for one in wanted
        if one.name.endswith(".safetensors")
    }


def _wanted(repository: Repository) -> Sequence[Remote]:
    """Return which files make the model, and nothing that could run. Raises `ModelError` if it is none."""
    if len(repository.files) > _TOO_MANY:
        raise ModelError(f"{repository.id!r} has {len(repository.files)} files: that is no model")
    files = [one for one in repository.files if Path(one.name).suffix in KEPT and one.name != RECORD]
    weights = [one for one in files if one.name.endswith(".safetensors")]
    # Some keep the same weights a second time, as their makers had them.
    standard = [one for one in weights if one.name.startswith("model")]
    others = [one for one in files if one not in weights]
    names = {one.name for one in repository.files}
    if not weights:
        pickled = sorted(name for name in names if name.endswith(_PICKLES))
        packed = sorted(name for name in names if name.endswith(".gguf"))
        raise ModelError(f"{repository.id!r} {_instead(pickled, packed)}")
    if "config.json" not in names or not names & set(TOKENIZERS):
        needed = "config.json" if "config.json" not in names else " or ".join(TOKENIZERS)
        raise ModelError(f"{repository.id!r} has no {needed}: it is not a whole model")
    index = [one for one in others if one.name == INDEX]
    return [*index, *(one for one in others if one.name != INDEX), *(standard or weights)]


def _instead(pickled: Sequence[str], packed: Sequence[str]) -> str:
    if packed:
        return (
            f"has {packed[0]!r} and no '*.safetensors'; download that file and `rostra model pull FILE.gguf`"
        )
    if pickled:
        return (
            f"has only {pickled[0]!r}, a format that may run code when it is read; take a copy with '*.safetensors'"
            " (https://huggingface.co/spaces/safetensors/convert makes one)"
        )
    return "has no '*.safetensors': it is not a model, or not one for transformers"


def _source(repository: Repository) -> str:
    return f"{HUB}{repository.id}@{repository.commit}"


def _other(target: Path, found: Record) -> ModelError:
    return ModelError(
        f"{target.name!r} is kept already, from {found.source}; give another name with --name,"
        f" or remove {str(target)!r} first"
    )


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0
