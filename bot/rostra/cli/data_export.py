"""``rostra data export``: a frozen dataset as files for others, and on the hub."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from .data_options import (
    As,
    File,
    Folder,
    Form,
    Format_,
    Key,
    Labels,
    Labels_,
    Name,
    NoScrub,
    Pairs,
    Pairs_,
    Public,
    Push,
    Scrub,
    Side,
    Sides,
)
from .data_setting import dataset_called, progressing, scrubber_called, setting_of, show_reasons
from .running import Config, Json, run, store_of

if TYPE_CHECKING:
    from ..feedback.data.export import Exported, Order
    from ..feedback.data.push import Pushed
    from ..feedback.data.scrub import Scrubber


def export(  # noqa: PLR0913, PLR0917  one parameter an option
    name: Name,
    output: Folder = None,
    form: Format_ = Form.canonical,
    kind: As = File.jsonl,
    pairs: Pairs_ = Pairs.all,
    labels: Labels_ = Labels.each,
    split: Sides = None,
    key: Key = "",
    scrub: Scrub = None,
    push: Push = None,
    config: Config = None,
    *,
    no_scrub: NoScrub = False,
    public: Public = False,
    as_json: Json = False,
) -> None:
    """Write a frozen dataset into a new folder, with its manifest and its card, without names and personal data.

    Permission is asked once more: whoever withdrew since is left out.

    Example: rostra data export helpfulness --format trl --pairs best-worst --output helpfulness-trl
    """
    from ..feedback.data.export import Order
    from ..feedback.data.formats import Options

    order = Order(
        format=form.value,
        kind=kind.value,
        options=Options(pairs=pairs.value, labels=labels.value),
        splits=tuple(one.value for one in split or (Side.train, Side.validation)),
        key=key,
    )
    if public and push is None:
        raise typer.BadParameter("say where to: --push OWNER/NAME", param_hint="--public")
    done = run(_exported(config, name, order, output, scrubber_called(scrub, no_scrub=no_scrub)))
    pushed = None if push is None else _pushed(done.folder, push, public=public)
    if as_json:
        typer.echo(json.dumps(_written(done, pushed), indent=2))
    else:
        _tell(done, pushed)


async def _exported(
    config: Path | None, name: str, order: Order, output: Path | None, scrubber: Scrubber | None
) -> Exported:
    from ..feedback.data.export import export

    async with store_of(config) as store:
        dataset = await dataset_called(store, name)
        folder = output or Path(f"{dataset.name}-{dataset.version}-{order.format}")
        with progressing() as progress:
            setting = setting_of(config, progress)
            return await export(store, dataset, order, folder, setting=setting, scrubber=scrubber)


def _pushed(folder: Path, repository: str, *, public: bool) -> Pushed:
    from ..feedback.data.push import endpoint_from, push, token_from

    return push(folder, repository, token=token_from(), public=public, endpoint=endpoint_from())


def _tell(done: Exported, pushed: Pushed | None) -> None:
    from .printing import table

    table(["File", "Rows", "Bytes"], [(one.name, f"{one.rows:,}", f"{one.size:,}") for one in done.files])
    typer.echo(f"{done.folder} is written; to make it again: --key {done.artifact.key}")
    show_reasons(done.refused, "judgments left out")
    show_reasons(done.lost, f"cannot be said in the form {done.artifact.format}")
    if pushed is not None:
        typer.echo(f"{pushed.url} has it ({'public' if pushed.public else 'private'})")


def _written(done: Exported, pushed: Pushed | None) -> Mapping[str, Any]:
    answer: dict[str, Any] = {
        "folder": str(done.folder),
        "sha256": done.artifact.sha256,
        "rows": done.artifact.rows,
        "key": done.artifact.key,
        "files": [
            {"name": one.name, "rows": one.rows, "bytes": one.size, "sha256": one.sha256}
            for one in done.files
        ],
        "refused": dict(done.refused),
        "not_said": dict(done.lost),
    }
    if pushed is not None:
        answer["pushed"] = {"url": pushed.url, "commit": pushed.commit, "public": pushed.public}
    return answer
