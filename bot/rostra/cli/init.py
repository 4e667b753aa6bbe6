"""``rostra init``: write a commented configuration."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from ..errors import ConfigError


class Choice(StrEnum):
    """The models that ``--model`` knows: the embedded one, and servers that speak OpenAI's protocol."""

    EMBEDDED = "embedded"
    OLLAMA = "ollama"
    OPENAI = "openai"
    LLAMACPP = "llamacpp"
    LMSTUDIO = "lmstudio"
    VLLM = "vllm"


REMOTE: Mapping[Choice, tuple[str, str]] = {
    Choice.OLLAMA: ("http://127.0.0.1:11434/v1", "llama3.2"),
    Choice.OPENAI: ("https://api.openai.com/v1", "gpt-4.1-mini"),
    Choice.LLAMACPP: ("http://127.0.0.1:8080/v1", "default"),
    Choice.LMSTUDIO: ("http://127.0.0.1:1234/v1", "local-model"),
    Choice.VLLM: ("http://127.0.0.1:8000/v1", "default"),
}
"""Where each listens by default, and a model to start with."""

_EMBEDDED = """\
# A demonstration model of 135 million parameters: it runs anywhere, and is often wrong.
[models.embedded]
kind = "local"
# folder = "embedded"            # what `rostra model pull` made, or a Hugging Face folder such as "./my-model"
# dtype = "auto"                 # bfloat16 takes half the memory
# preload = false                # true loads it at the start, not with the first question\
"""


def init(
    model: Annotated[Choice, typer.Option("--model", help="What is to answer.")] = Choice.EMBEDDED,
    path: Annotated[Path, typer.Option("--path", help="The file to write.")] = Path("rostra.toml"),
    *,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it is there.")] = False,
) -> None:
    """Write a configuration with every key explained.

    Example: rostra init --model embedded --path rostra.toml
    """
    from ..components import installed

    if model in REMOTE and "remote" not in {point.name for point in installed("models")}:
        offers = ", ".join(point.name for point in installed("models"))
        raise ConfigError(
            f"--model {model}: this release has no 'remote' model yet, only {offers}; nothing was written"
        )
    if path.exists() and not force:
        raise ConfigError(f"{str(path)!r} is there already; --force replaces it, --path names another")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(configuration(model), encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{str(path)!r} cannot be written: {error.strerror}") from error
    typer.echo(f"{path} is written. Next: rostra check --config {path}; rostra chat --config {path}")


def configuration(model: Choice) -> str:
    """Return the text of a configuration in which ``model`` answers."""
    template = files("rostra").joinpath("templates", "config.toml").read_text(encoding="utf-8")
    return template.replace("@MODEL@", _table(model)).replace("@NAME@", model.value)


def _table(model: Choice) -> str:
    if model not in REMOTE:
        return _EMBEDDED
    url, name = REMOTE[model]
    key = f"# The key belongs into the environment: ROSTRA_MODELS__{model.value.upper()}__API_KEY\n"
    return (
        f"{key if model is Choice.OPENAI else ''}"
        f'[models.{model.value}]\nkind = "remote"\nurl = "{url}"\nmodel = "{name}"'
    )
