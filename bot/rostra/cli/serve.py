"""``rostra serve``: every configured adapter."""

from __future__ import annotations

from .running import Config, run, run_app


def serve(config: Config = None) -> None:
    """Run every configured adapter until told to stop: Ctrl-C and SIGTERM finish what is under way, within seconds.

    Example: rostra serve --config rostra.toml
    """
    from ..config import load
    from ..errors import ConfigError
    from ..logs import configured
    from .survey import survey

    settings = load(config)
    problems = survey(settings).problems
    if problems:  # all of them, and before a model is loaded
        raise ConfigError("\n".join(problems))
    log = settings.log
    with configured(level=log.level, format=log.format, content=log.content):
        run(run_app(settings))
