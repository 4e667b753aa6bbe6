"""``rostra check``: whether the configuration is valid, without starting anything."""

from __future__ import annotations

import json

import typer

from .running import Config, Json


def check(config: Config = None, *, as_json: Json = False) -> None:
    """Validate the configuration: every table, every component's own settings, every name that refers to another.

    Example: rostra check --config rostra.toml
    """
    from ..config import load
    from ..errors import ConfigError
    from .survey import Survey, survey

    file, looked = config, Survey()
    try:
        settings = load(config)
    except ConfigError as error:
        looked = Survey(problems=str(error).splitlines())
    else:
        file, looked = settings.source, survey(settings)
    found, problems = looked.found, looked.problems
    if as_json:
        components = [{"kind": one.kind, "name": one.name} for one in found]
        answer = {
            "file": str(file) if file else None,
            "valid": not problems,
            "problems": list(problems),
            "components": components,
        }
        typer.echo(json.dumps(answer, indent=2))
    else:
        for problem in problems:
            typer.echo(f"rostra: {problem}", err=True)
        if not problems:
            named = ", ".join(
                f"{one.kind.removesuffix('s')} {one.name}" for one in found if one.kind != "stages"
            )
            typer.echo(f"{file or 'The configuration without a file'} is valid: {named}.")
    if problems:
        raise typer.Exit(1)
