"""``rostra init``: write a commented configuration, or say what an adapter needs before it can run."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from ..errors import ConfigError
from .running import Config


class Choice(StrEnum):
    """The models that ``--model`` knows: the embedded one, and servers that speak OpenAI's protocol."""

    EMBEDDED = "embedded"
    OLLAMA = "ollama"
    OPENAI = "openai"
    LLAMACPP = "llamacpp"
    LMSTUDIO = "lmstudio"
    VLLM = "vllm"


REMOTE: Mapping[Choice, tuple[str, str]] = {
    Choice.OLLAMA: ("ollama", "llama3.2"),
    Choice.OPENAI: ("openai", "gpt-4.1-mini"),
    Choice.LLAMACPP: ("llama.cpp", "default"),
    Choice.LMSTUDIO: ("lm-studio", "local-model"),
    Choice.VLLM: ("vllm", "default"),
}
"""The preset of each, and a model to start with."""

_EMBEDDED = """\
# A demonstration model of 135 million parameters: it runs anywhere, and is often wrong.
[models.embedded]
kind = "local"
# folder = "embedded"            # what `rostra model pull` made, or a Hugging Face folder such as "./my-model"
# dtype = "auto"                 # bfloat16 takes half the memory
# preload = false                # true loads it at the start, not with the first question\
"""

_REMOTE = """\
# url = ""                       # another address than the preset's, such as "http://127.0.0.1:8000/v1"
# window = 8192                  # tokens that a prompt and its answer may have together
# first_token_seconds = 50.0     # until the first piece of an answer
# last_token_seconds = 110.0     # until the last\
"""


def init(
    adapter: Annotated[
        str | None,
        typer.Argument(help="Set up this adapter instead: discord, slack, or another that is installed."),
    ] = None,
    model: Annotated[Choice, typer.Option("--model", help="What is to answer.")] = Choice.EMBEDDED,
    path: Annotated[
        Path | None, typer.Option("--path", help="The file to write; rostra.toml where no adapter is named.")
    ] = None,
    config: Config = None,
    *,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it is there.")] = False,
) -> None:
    """Write a configuration with every key explained, or say how to set up an adapter.

    With an adapter, what has to be entered at its platform is printed, such as a manifest or a link, and where its
    tokens go; --path puts its table into that file as well. Tokens are never written into a file.

    Example: rostra init slack --path rostra.toml
    """
    if adapter is not None:
        _set_up(adapter, config, path, model)
        return
    path = path or Path("rostra.toml")
    if path.exists() and not force:
        raise ConfigError(f"{str(path)!r} is there already; --force replaces it, --path names another")
    _write(path, model)
    at = f"--config {path}"
    typer.echo(f"{path} is written. Next: rostra check {at}; rostra chat {at}; rostra serve {at}")


def _set_up(adapter: str, config: Path | None, path: Path | None, model: Choice) -> None:
    from .setup import add_table, setup

    there = path is not None and path.exists()
    todo = setup(adapter, config or (path if there else None))
    if path is not None and there and not todo.configured:
        add_table(path, todo)
    elif path is not None and not there:
        _write(path, model, adapter=todo.table)
    typer.echo(todo.platform.rstrip())
    steps: list[str] = []
    if path is None and not todo.configured:
        table = "".join(f"    {line}\n" for line in todo.table.splitlines())
        steps.append(f"This belongs into rostra.toml (or say --path rostra.toml):\n\n{table}")
    if todo.variables:
        exports = "".join(f"    export {name}=…\n" for name in todo.variables)
        steps.append(f"This belongs into the environment, never into a file that others read:\n\n{exports}")
    at = f" --config {path or config}" if path or config else ""
    steps.append(f"Then: rostra doctor {todo.name}{at}; rostra serve{at}")
    typer.echo("\n" + "\n".join(steps), err=True)


def _write(path: Path, model: Choice, *, adapter: str = "") -> None:
    from ..components import installed

    if model in REMOTE and "remote" not in {point.name for point in installed("models")}:
        raise ConfigError(f"--model {model}: no 'remote' model is installed; nothing was written")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(configuration(model, adapter), encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{str(path)!r} cannot be written: {error.strerror}") from error


def configuration(model: Choice, adapter: str = "") -> str:
    """Return the text of a configuration in which ``model`` answers, on the page or with the table ``adapter``."""
    template = files("rostra").joinpath("templates", "config.toml").read_text(encoding="utf-8")
    if adapter:
        head, table, rest = template.partition("[adapters.web]\n")
        template = (
            head + adapter.rstrip() + "\n" + rest[rest.index("\n\n") :].removeprefix("\n")
            if table
            else template
        )
    return template.replace("@MODEL@", _table(model)).replace("@NAME@", model.value)


def _table(model: Choice) -> str:
    if model not in REMOTE:
        return _EMBEDDED
    preset, name = REMOTE[model]
    title, setting = model.value, f'preset = "{preset}"'
    key = f"# The key belongs into the environment: ROSTRA_MODELS__{title.upper()}__API_KEY, or OPENAI_API_KEY.\n"
    return (
        f"{key if model is Choice.OPENAI else ''}"
        f'[models.{title}]\nkind = "remote"\n{setting:<33}# where it is, and what it understands\n'
        f'model = "{name}"'
        f"\n{_REMOTE}"
    )
