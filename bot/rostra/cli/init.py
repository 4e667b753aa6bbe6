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
        raise ConfigError(f"--model {model}: no 'remote' model is installed; nothing was written")
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
    preset, name = REMOTE[model]
    title, setting = model.value, f'preset = "{preset}"'
    key = f"# The key belongs into the environment: ROSTRA_MODELS__{title.upper()}__API_KEY, or OPENAI_API_KEY.\n"
    return (
        f"{key if model is Choice.OPENAI else ''}"
        f'[models.{title}]\nkind = "remote"\n{setting:<33}# where it is, and what it understands\n'
        f'model = "{name}"'
        f"\n{_REMOTE}"
    )
