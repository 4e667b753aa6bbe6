"""``rostra serve``: every configured adapter."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .running import Config, run, run_app

if TYPE_CHECKING:
    from ..config import Settings


def serve(config: Config = None) -> None:
    """Run every configured adapter until told to stop: Ctrl-C and SIGTERM finish what is under way, within seconds.

    Where none is configured it is the chat page, on 127.0.0.1:8080.

    Example: rostra serve --config rostra.toml
    """
    from ..config import load
    from ..errors import ConfigError
    from ..logs import configured
    from .survey import survey

    settings = _with_a_page(load(config))
    problems = survey(settings).problems
    if problems:  # all of them, and before a model is loaded
        raise ConfigError("\n".join(problems))
    log = settings.log
    with configured(level=log.level, format=log.format, content=log.content):
        run(run_app(settings))


def _with_a_page(settings: Settings) -> Settings:
    """Return ``settings`` with the chat page where they name no adapter: a terminal is what ``rostra chat`` is for."""
    from ..config.settings import Table

    if "adapters" in settings.model_fields_set:
        return settings
    return settings.model_copy(update={"adapters": {"web": Table(kind="web")}})
