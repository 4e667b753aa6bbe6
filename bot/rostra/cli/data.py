"""``rostra data``: datasets of ranked answers, frozen, written for others, read from others, and what became of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .data_export import export
from .data_options import As, File, Form, Format_, Near, NoScrub, Purpose, Scrub, Side, Test, Validation
from .data_setting import (
    dataset_called,
    described,
    progressing,
    scrubber_called,
    setting_of,
    show_reasons,
)
from .running import Config, Json, run, store_of

if TYPE_CHECKING:
    from ..feedback.data.freeze import Frozen, Selection

app = typer.Typer(help="Make datasets of ranked answers, and read others'.", rich_markup_mode=None)


@app.callback()
def data() -> None:
    """Make datasets of ranked answers, and read others'."""


@app.command()
def freeze(  # noqa: PLR0913, PLR0917  one parameter an option
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is called; each freeze is a version.")],
    campaign: Annotated[
        list[str] | None, typer.Option("--campaign", metavar="NAME", help="Only these campaigns.")
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(
            "--since", formats=["%Y-%m-%d", "%Y-%m-%dT%H:%M:%S"], help="Leave out what is older, in UTC."
        ),
    ] = None,
    purpose: Annotated[
        Purpose, typer.Option("--for", help="What everybody in it must have agreed to.")
    ] = Purpose.train,
    validation: Validation = 0.05,
    test: Test = 0.05,
    near: Near = 0.8,
    config: Config = None,
    *,
    as_json: Json = False,
) -> None:
    """Freeze the rankings that may be trained on as a new version of a dataset, which never changes.

    Left out, and counted by reason, is what lacks permission or consent, was blocked, or was excluded.

    Example: rostra data freeze helpfulness --campaign weekly --json
    """
    from ..feedback.data.freeze import Selection
    from ..feedback.data.split import Shares

    selection = Selection(
        since=since.replace(tzinfo=UTC) if since else None,
        purpose="publish" if purpose is Purpose.publish else "train",
        shares=Shares(validation=validation, test=test),
        near=near,
    )
    found = run(_frozen(config, name, campaign or [], selection))
    if as_json:
        typer.echo(json.dumps(described(found.dataset), indent=2))
        return
    from ..feedback.data.manifest import label

    typer.echo(f"{label(found.dataset)} is frozen; its manifest is {found.dataset.manifest}")
    _show_counts(found.manifest)


async def _frozen(config: Path | None, name: str, campaigns: list[str], selection: Selection) -> Frozen:
    from dataclasses import replace

    from ..errors import ConfigError
    from ..feedback.data.freeze import freeze

    async with store_of(config) as store:
        ids: list[str] = []
        known = await store.campaigns()
        for wanted in campaigns:
            found = [one.id for one in known if wanted in {one.id, one.name}]
            if not found:
                names = ", ".join(sorted(repr(one.name) for one in known)) or "none"
                raise ConfigError(f"there is no campaign {wanted!r}; there are: {names}")
            ids += found
        with progressing() as progress:
            setting = setting_of(config, progress)
            return await freeze(store, name, replace(selection, campaigns=tuple(ids)), setting)


app.command()(export)


@app.command("import")
def import_(  # noqa: PLR0913, PLR0917  one parameter an option
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="JSON lines, JSON or Parquet.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where to; a new folder.")],
    form: Format_ = Form.canonical,
    kind: As = File.jsonl,
    side: Annotated[Side | None, typer.Option("--split", help="Put everything on one side.")] = None,
    validation: Validation = 0.05,
    test: Test = 0.05,
    near: Near = 0.8,
    source: Annotated[
        str, typer.Option(help="What to call rankings that do not say where they are from.")
    ] = "",
    scrub: Scrub = None,
    *,
    no_scrub: NoScrub = False,
    as_json: Json = False,
) -> None:
    """Read rankings in any of the forms, and write them as canonical records, split and described like an export.

    Example: rostra data import battles.jsonl --format arena --output battles
    """
    from ..feedback.data.importing import Intake, import_files
    from ..feedback.data.split import Shares

    order = Intake(
        format=form.value,
        kind=kind.value,
        split=side.value if side else None,
        shares=Shares(validation=validation, test=test),
        near=near,
        scrubber=scrubber_called(scrub, no_scrub=no_scrub),
        source=source,
    )
    done = import_files(files, order, output)
    if as_json:
        answer = {
            "folder": str(done.folder),
            "judgments": done.judgments,
            "prompts": done.prompts,
            "files": [{"name": one.name, "rows": one.rows, "sha256": one.sha256} for one in done.files],
            "not_used": dict(done.lost),
        }
        typer.echo(json.dumps(answer, indent=2))
        return
    typer.echo(f"{done.judgments:,} judgments of {done.prompts:,} questions are in {done.folder}")
    show_reasons(done.lost, "rows not used")


@app.command()
def show(
    name: Annotated[
        str | None, typer.Argument(metavar="NAME[@VERSION]", help="One dataset; all of them by default.")
    ] = None,
    config: Config = None,
    *,
    delete: Annotated[
        bool, typer.Option("--delete-recalled", help="Delete recalled exports that lie on this machine.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show datasets, what was left out of them, and their exports; those to be deleted are marked as recalled.

    Example: rostra data show helpfulness@2 --json
    """
    found = run(_shown(config, name, delete=delete))
    if as_json:
        typer.echo(json.dumps(found, indent=2))
        return
    from .printing import table

    rows = [
        (
            f"{one['name']}@{one['version']}",
            *(f"{one['judgments'][side]:,}" for side in ("train", "validation", "test")),
            one["at"],
            "tainted: freeze it again" if one["tainted"] else "",
        )
        for one in found["datasets"]
    ]
    table(["Dataset", "Train", "Validation", "Test", "Frozen", ""], rows)
    if name is not None:
        for one in found["datasets"]:
            show_reasons(one["refused"], "judgments left out")
    if found["exports"]:
        typer.echo("")
        lines = [
            (e["dataset"], e["format"], f"{e['rows']:,}", e["key"], e["uri"], e["state"])
            for e in found["exports"]
        ]
        table(["Export of", "Form", "Rows", "Key", "Where", ""], lines)


async def _shown(config: Path | None, name: str | None, *, delete: bool) -> dict[str, Any]:
    from ..feedback.data.manifest import label
    from ..feedback.data.recall import Recalled, state_of
    from ..feedback.data.recall import delete as remove

    async with store_of(config) as store:
        chosen = list(await store.datasets()) if name is None else [await dataset_called(store, name)]
        exports: list[Mapping[str, Any]] = []
        for dataset in chosen:
            for one in await store.exports(dataset.id):
                state = ""
                if one.recalled_at is not None:
                    gone = delete and remove(Recalled(export=one, state=state_of(one)))
                    state = "recalled, and deleted now" if gone else f"recalled: {_STATES[state_of(one)]}"
                exports.append(
                    {
                        "dataset": label(dataset),
                        "format": one.format,
                        "rows": one.rows,
                        "key": one.key,
                        "uri": one.uri,
                        "sha256": one.sha256,
                        "at": one.at.isoformat(timespec="seconds"),
                        "recalled": one.recalled_at is not None,
                        "state": state,
                    }
                )
        return {"datasets": [described(one) for one in chosen], "exports": exports}


_STATES = {
    "here": "delete it, or say --delete-recalled",
    "changed": "something else lies there now; delete what came from it",
    "elsewhere": "not there any more; delete all copies",
}


def _show_counts(manifest: Mapping[str, Any]) -> None:
    from .printing import table

    sides = manifest["judgments"]
    table(
        ["Split", "Judgments", "Questions"],
        [(side, f"{sides[side]:,}", f"{manifest['prompts'][side]:,}") for side in sides],
    )
    show_reasons(manifest["refused"], "judgments left out")
