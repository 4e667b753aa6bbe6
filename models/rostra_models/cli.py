"""``rostra model``: get models, see which are there, make other files of them."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncGenerator, Generator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from enum import StrEnum
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rostra.clock import SystemClock
from rostra.errors import ConfigError, ModelError, RostraError

from .bars import shown
from .listing import folder_of, print_models, print_versions, row, rows, text, version_row
from .memory import available
from .pull import Means, Order, check_memory, pull, target_of
from .shelf import SPARE, copy, kept
from .tensors import Kept, tensors
from .weights import read

if TYPE_CHECKING:
    from rostra.config import Settings
    from rostra.stores import Store
    from rostra.versions import ModelVersion

    from .training.deploy import Deployed

app = typer.Typer(
    name="model",
    help="Get models, see which are there, make other files of them.",
    no_args_is_help=True,
)

Data = Annotated[
    Path | None,
    typer.Option(
        help="The data folder. By default the configuration's: ROSTRA_DATA, else the user's data folder."
    ),
]
Config = Annotated[
    Path | None, typer.Option(help="The configuration file; by default rostra.toml, if it exists.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


class Dtype(StrEnum):
    """What weights are kept as."""

    float32 = "float32"
    bfloat16 = "bfloat16"


class Form(StrEnum):
    """What ``rostra model convert`` makes."""

    float32 = "float32"
    bfloat16 = "bfloat16"
    gguf = "gguf"


class Packing(StrEnum):
    """How weights are packed in a GGUF file."""

    f16 = "f16"
    q8_0 = "q8_0"
    q4_0 = "q4_0"


@app.command("pull")
def pull_model(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="embedded; a Hugging Face folder; a .gguf file; or OWNER/NAME of a model on the hub"
            " (hf:OWNER/NAME where a folder is called the same).",
        ),
    ],
    name: Annotated[
        str,
        typer.Option("--name", help="What to call it; by default what its folder, file or repository is."),
    ] = "",
    revision: Annotated[
        str, typer.Option("--revision", help="A branch, tag or commit of the hub; by default main.")
    ] = "",
    dtype: Annotated[
        Dtype | None,
        typer.Option("--dtype", help="Keep the weights as this; by default as they are (float32 from GGUF)."),
    ] = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Make a model ready to answer. Quick if it is there.

    Only weights in safetensors, configuration and tokenizer are taken: nothing that could run. HF_ENDPOINT is the hub
    to ask, HF_TOKEN what it may want to see.

    Example: rostra model pull embedded
    """
    order = Order(source=source, name=name, revision=revision, dtype=dtype.value if dtype else None)
    with _one_line():
        models = _models(data, config)
        with shown() as progress:
            means = Means(models=models, clock=SystemClock(), progress=progress, environ=os.environ)
            made = asyncio.run(pull(order, means))
        typer.echo(f"{made.name} is ready: {made}")


@app.command("list")
def list_models(
    *,
    versions: Annotated[
        bool, typer.Option("--versions", help="What has answered so far, as the database knows it.")
    ] = False,
    as_json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """List the models that are ready.

    Example: rostra model list --json
    """
    with _one_line():
        if versions:
            _list_versions(_known(data, config), as_json=as_json)
            return
        models = _models(data, config)
        where = _where(models.parent, config)
        found = rows(kept(models), _settings(config), where)
        if as_json:
            typer.echo(json.dumps(found, indent=2))
        elif not found:
            typer.echo(f"no models in {models}; `rostra model pull embedded` gets one")
        else:
            print_models(found)


@app.command("deploy")
def deploy_model(
    wanted: Annotated[
        str,
        typer.Argument(
            metavar="RUN",
            help="A run that `rostra runs list` lists, or its path; or a kept model; or the folder of one.",
        ),
    ],
    name: Annotated[
        str, typer.Option("--as", metavar="NAME", help="What to call it; by default as its run.")
    ] = "",
    place: Annotated[
        str,
        typer.Option(
            "--place",
            metavar="PATTERN",
            help="Only where the place fits, such as 'discord/*'; else everywhere.",
        ),
    ] = "*",
    data: Data = None,
    config: Config = None,
    *,
    as_json: Json = False,
) -> None:
    """Make the bot answer with the model of a run, from its next start.

    The model is tried out, copied to where models are kept, and recorded with its lineage and figures. Whoever answered
    before does so again when it is deployed.

    Example: rostra model deploy sft-2026-01-31-1 --place 'discord/*'
    """
    with _one_line():
        done = _deployed(wanted, name, place, data, config)
        for warning in done.warnings:
            typer.echo(f"warning: {warning}", err=True)
        made = done.deployment
        if as_json:
            told = {
                "id": made.id,
                "name": made.name,
                "version": made.version,
                "place": made.place,
                "run": made.run,
            }
            typer.echo(
                json.dumps({**told, "folder": str(done.folder), "warnings": list(done.warnings)}, indent=2)
            )
        else:
            where = "everywhere" if place == "*" else f"where the place fits {place!r}"
            typer.echo(f"{made.name} answers {where} from the bot's next start")


def _deployed(wanted: str, name: str, place: str, data: Path | None, config: Path | None) -> Deployed:
    from rostra.config import load
    from rostra.logs import configured

    from .training.deploy import Means as Deploying
    from .training.deploy import candidate, deploy
    from .training.runs import KNOWN, RUNS, runs

    settings = load(config)
    folder = data.expanduser() if data else settings.data
    found = candidate(wanted, folder / "models", runs(folder / RUNS, folder / RUNS / KNOWN))

    async def deployed() -> Deployed:
        async with _store(folder, config) as store:
            with shown() as progress:
                means = Deploying(
                    models=folder / "models", settings=settings, clock=SystemClock(), progress=progress
                )
                return await deploy(store, found, name, place, means)

    with configured(level="warning"):  # that a model starts is said by what comes next
        return asyncio.run(deployed())


@app.command("show")
def show_model(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A model that `rostra model list` lists.")],
    *,
    as_json: Json = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Say what a model is and where it came from.

    Example: rostra model show embedded
    """
    with _one_line():
        models = _models(data, config)
        found = {one[0]: one for one in kept(models)}
        if name not in found:
            raise ModelError(f"no model {name!r} in {str(models)!r}; there are: {', '.join(found) or 'none'}")
        shown_ = row(*found[name], _settings(config), _where(models.parent, config))
        if as_json:
            typer.echo(json.dumps(shown_, indent=2))
        else:
            for key, value in shown_.items():
                typer.echo(f"{key + ':':<13} {text(value)}")


@app.command("convert")
def convert_model(  # noqa: PLR0913  an option each
    source: Annotated[
        str, typer.Argument(metavar="MODEL", help="A model that `rostra model list` lists, or a folder.")
    ],
    to: Annotated[
        Form, typer.Option("--to", help="Other weights for use here, or a file for llama.cpp and its kin.")
    ],
    name: Annotated[
        str, typer.Option("--name", help="What to call the new model; by default MODEL-TO.")
    ] = "",
    *,
    packing: Annotated[
        Packing, typer.Option("--packing", help="Of a GGUF file: 16, 8.5 or 4.5 bits a weight.")
    ] = Packing.q8_0,
    out: Annotated[
        Path | None, typer.Option("--out", help="The GGUF file to write; by default MODEL-PACKING.gguf here.")
    ] = None,
    data: Data = None,
    config: Config = None,
) -> None:
    """Make another model or a GGUF file of one.

    Example: rostra model convert embedded --to gguf --packing q8_0 --out smollm2.gguf
    """
    with _one_line():
        models = _models(data, config)
        folder = folder_of(source, models)
        largest = max((prod(one.shape) for one in tensors(folder)), default=0)
        check_memory(largest * 12, available, f"converting {source!r}")
        if to is Form.gguf:
            _export(folder, out, packing, name)
        else:
            if out is not None:
                raise ModelError(f"--out {str(out)!r} is for GGUF files; --name says what a model is called")
            dtype: Kept = "bfloat16" if to is Form.bfloat16 else "float32"
            target = target_of(models, name or f"{folder.resolve().name}-{to.value}")
            with shown() as progress:
                made = copy(folder, target, clock=SystemClock(), progress=progress, dtype=dtype)
            typer.echo(f"{made.name} is ready: {made}")


def _export(folder: Path, out: Path | None, packing: Packing, name: str) -> None:
    from .export_gguf import BITS, export
    from .shelf import check_disk

    if name:
        raise ModelError(f"--name {name!r} is for models that are kept; --out says where a GGUF file goes")
    file = out or Path(f"{folder.resolve().name}-{packing.value}.gguf")
    if file.exists():
        raise ModelError(f"{str(file)!r} exists; give another file with --out")
    check_disk(file.resolve().parent, int(read(folder).parameters * BITS[packing.value] / 8) + SPARE)
    with shown() as progress:
        what = f"writing {file.name}"
        export(folder, file, kind=packing.value, progress=lambda share: progress(what, share))
    typer.echo(f"{file} is ready: {file.stat().st_size / 1e6:,.0f} MB")


def _models(data: Path | None, config: Path | None) -> Path:
    if data is not None:
        return data.expanduser() / "models"
    from rostra.config import load  # takes a while, and is not always needed

    return load(config).data / "models"


def _settings(config: Path | None) -> Settings | None:
    """Return the configuration, None if it cannot be read and was not asked for."""
    from rostra.config import load

    try:
        return load(config)
    except ConfigError:
        if config is not None:
            raise
        return None


def _where(data: Path, config: Path | None) -> Mapping[str, Sequence[str]]:
    """Return in which places models answer that were deployed, by the names that they are kept as."""
    settings = _settings(config)
    if settings is None or not (settings.storage.url or (data / "rostra.db").is_file()):
        return {}  # nothing was ever deployed: no database is made to say so
    from rostra.deployments import in_force

    async def deployed() -> Mapping[str, Sequence[str]]:
        async with _store(data, config) as store:
            found = in_force(await store.deployments())
        return {one.name: [each.place for each in found if each.name == one.name] for one in found}

    return asyncio.run(deployed())


def _known(data: Path | None, config: Path | None) -> Sequence[ModelVersion]:
    where = data.expanduser() if data else None

    async def known() -> Sequence[ModelVersion]:
        async with _store(where, config) as store:
            return await store.model_versions()

    return asyncio.run(known())


@asynccontextmanager
async def _store(data: Path | None, config: Path | None) -> AsyncGenerator[Store]:
    from rostra.config import load
    from rostra.storage import open_store

    settings = load(config)
    folder = settings.data if data is None else data
    key = settings.storage.master_key
    async with open_store(
        settings.storage.url,
        data=folder,
        clock=SystemClock(),
        master_key=key.get_secret_value() if key else None,
    ) as store:
        yield store


def _list_versions(found: Sequence[ModelVersion], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps([version_row(one) for one in found], indent=2))
    elif not found:
        typer.echo("no model has answered yet")
    else:
        print_versions(found)


@contextmanager
def _one_line() -> Generator[None]:
    """Tell what went wrong in one line on standard error, with status 1."""
    try:
        yield
    except RostraError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(1) from None
