"""``rostra doctor``: whether everything that is configured would work; a database is opened, and brought up to date, for that."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

from .running import Config, Json, run

if TYPE_CHECKING:
    from pathlib import Path

    from ..components import Finding


def doctor(config: Config = None, *, as_json: Json = False) -> None:
    """Test the data folder, the database and its key, memory, and whatever each component can test of itself.

    Example: rostra doctor --json
    """
    findings = run(_findings(config))
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
    from ..components import Finding
    from ..config import load
    from ..errors import ConfigError
    from . import health
    from .survey import survey

    try:
        settings = load(config)
    except ConfigError as error:
        advice = "correct the configuration; `rostra check` reads it too"
        lines = str(error).splitlines()
        return [("configuration", Finding(ok=False, what=line, advice=advice)) for line in lines]
    looked = survey(settings)
    advice = "correct the configuration"
    findings = [("configuration", Finding(ok=False, what=line, advice=advice)) for line in looked.problems]
    if not findings:
        source = str(settings.source or "the defaults, without a file")
        findings.append(("configuration", Finding(ok=True, what=source)))
    findings += health.machine(settings.data)
    findings += await health.storage(settings)
    findings += await health.components(settings, looked.found)
    return findings
