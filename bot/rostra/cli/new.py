"""``rostra new``: start a plugin package, with its contract tests."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Annotated

import typer

from ..errors import ConfigError

app = typer.Typer(help="Start a plugin package, with its contract tests.", rich_markup_mode=None)

Name = Annotated[
    str, typer.Argument(help="What it is called in the configuration: lower case, such as telegram.")
]
Where = Annotated[
    Path | None, typer.Option("--path", metavar="FOLDER", help="The folder to make; rostra-NAME by default.")
]

_NAME = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*")
_DESCRIPTIONS = {
    "adapter": "{Name} as a chat platform for Rostra",
    "moderator": "{Name}, a moderator for Rostra",
    "model": "{Name}, a model for Rostra",
    "command": "The command /{name} for Rostra",
}


@app.callback()
def new() -> None:
    """Start a plugin package, with its contract tests."""


@app.command()
def adapter(name: Name, path: Where = None) -> None:
    """Start an adapter: a chat platform.

    Example: rostra new adapter telegram
    """
    _make("adapter", name, path)


@app.command()
def moderator(name: Name, path: Where = None) -> None:
    """Start a moderator: a judge of texts.

    Example: rostra new moderator politeness
    """
    _make("moderator", name, path)


@app.command()
def model(name: Name, path: Where = None) -> None:
    """Start a model: a text generator.

    Example: rostra new model parrot
    """
    _make("model", name, path)


@app.command()
def command(name: Name, path: Where = None) -> None:
    """Start a command.

    Example: rostra new command dice
    """
    _make("command", name, path)


def _make(kind: str, name: str, path: Path | None) -> None:
    if not _NAME.fullmatch(name):
        raise typer.BadParameter(f"{name!r} is not like telegram or my-platform", param_hint="NAME")
    folder = path or Path(f"rostra-{name}")
    if folder.exists():
        raise ConfigError(f"{str(folder)!r} is there already; --path names another folder")
    try:
        for file, text in scaffold(kind, name):
            target = folder / file
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{str(folder)!r} cannot be written: {error.strerror}") from error
    typer.echo(f"{folder} is made. Next: cd {folder}; pip install -e '.[test]'; pytest")


def scaffold(kind: str, name: str) -> Iterator[tuple[Path, str]]:
    """Yield the files of a new package: where each goes, and what is in it."""
    identifier = re.sub(r"[-_]+", "_", name)
    package = f"rostra_{identifier}"
    facts = {
        "kind": kind,
        "name": name,
        "identifier": identifier,
        "Name": "".join(part.capitalize() for part in identifier.split("_")),
        "package": package,
        "project": f"rostra-{name}",
        "object": identifier if kind == "command" else "component",
    }
    facts["description"] = _DESCRIPTIONS[kind].format(**facts)
    facts["usage"] = f'In the configuration it is used as\n\n    [{kind}s.{name}]\n    kind = "{name}"'
    places = {
        "common/pyproject.toml": "pyproject.toml",
        "common/README.md": "README.md",
        "common/__init__.py": f"{package}/__init__.py",
        "common/py.typed": f"{package}/py.typed",
        f"{kind}/{kind}.py": f"{package}/{kind}.py",
        f"{kind}/test.py": f"tests/test_{identifier}.py",
    }
    templates = files("rostra").joinpath("templates", "new")
    for source, target in places.items():
        text = templates.joinpath(f"{source}.tmpl").read_text(encoding="utf-8")
        yield Path(target), Template(text).substitute(facts)
