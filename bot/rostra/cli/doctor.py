"""``rostra doctor``: whether everything that is configured would work; a database is opened, and brought up to date, for that."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from .running import Config, Json, run

if TYPE_CHECKING:
    from pathlib import Path

    from ..components import Finding
    from ..config import Settings
    from .survey import Survey


def doctor(
    adapter: Annotated[
        str | None,
        typer.Argument(
            help="Test this adapter alone: its token, what it may do, and whether it is reachable."
        ),
    ] = None,
    config: Config = None,
    *,
    as_json: Json = False,
) -> None:
    """Test the data folder, the database and its key, memory, and whatever each component can test of itself.

    Example: rostra doctor slack
    """
    findings = run(_findings(config) if adapter is None else _adapter(adapter, config))
    well = all(finding.ok for _, finding in findings)
    if as_json:
        rows = [
            {"part": part, "ok": finding.ok, "what": finding.what, "advice": finding.advice}
            for part, finding in findings
        ]
        typer.echo(json.dumps({"well": well, "findings": rows}, indent=2))
    else:
        for part, finding in findings:
            typer.echo(f"{'✓' if finding.ok else '✗'} {part}: {finding.what}")
            if finding.advice and not finding.ok:
                typer.echo(f"    {finding.advice}")
    if not well:
        raise typer.Exit(1)


async def _findings(config: Path | None) -> Sequence[tuple[str, Finding]]:
    from . import health
    from .survey import survey

    settings, looked, findings = _configuration(config)
    if settings is None:
        return findings
    findings += health.machine(settings.data)
    stored, deployments = await health.storage(settings)
    unlike, together = health.deployed(settings, deployments)
    findings += [*stored, *unlike]
    if together is not settings:
        looked = survey(together)
    findings += await health.components(together, looked.found)
    return findings


async def _adapter(adapter: str, config: Path | None) -> Sequence[tuple[str, Finding]]:
    """Test what the configuration calls ``adapter``, and every adapter of that kind."""
    from ..components import Finding
    from . import health

    settings, looked, findings = _configuration(config, adapter)
    if settings is None:
        return findings
    named = {name for name, table in settings.adapters.items() if adapter in {name, table.kind}}
    if not named:
        what = f"there is no [adapters.{adapter}]"
        return [
            (
                "configuration",
                Finding(ok=False, what=what, advice=f"`rostra init {adapter}` says what it needs"),
            )
        ]
    found = [one for one in looked.found if one.kind == "adapters" and one.name in named]
    findings += await health.components(settings, found)
    if len(findings) == 1 and findings[0][1].ok:
        findings.append((f"adapter {adapter}", Finding(ok=True, what="it has no tests of its own")))
    return findings


def _configuration(
    config: Path | None, adapter: str = ""
) -> tuple[Settings | None, Survey, list[tuple[str, Finding]]]:
    """Return the configuration, what it names, and what is wrong with it; with ``adapter`` only what concerns that."""
    from ..components import Finding
    from ..config import load
    from ..errors import ConfigError
    from .survey import Survey, survey

    advice = "correct the configuration; `rostra check` reads it too"
    try:
        settings = load(config)
    except ConfigError as error:
        lines = str(error).splitlines()
        return (
            None,
            Survey(),
            [("configuration", Finding(ok=False, what=line, advice=advice)) for line in lines],
        )
    looked = survey(settings)
    advice = f"`rostra init {adapter}` says what it needs" if adapter else "correct the configuration"
    problems = [("configuration", Finding(ok=False, what=line, advice=advice)) for line in looked.problems]
    source = str(settings.source or "the defaults, without a file")
    return settings, looked, problems or [("configuration", Finding(ok=True, what=source))]
