"""From deployments to what answers: a model, an answerer of its name, and the places where it takes the default's part."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from .config import Settings, Table
from .errors import ConfigError
from .routes import Routes
from .versions import Deployment

LOCAL, EMBEDDED = "local", "embedded"
"""The kind of models that can be deployed, those in the folder of kept models, and the one that it means by itself."""


def in_force(deployments: Iterable[Deployment]) -> Sequence[Deployment]:
    """Return of all deployments, newest first, the newest of each pattern of places, where it is an active one."""
    newest: dict[str, Deployment] = {}
    for one in deployments:
        newest.setdefault(one.place, one)
    return [one for one in newest.values() if one.state == "active"]


def table_called(settings: Settings, name: str) -> str | None:
    """Return which ``[models.*]`` of the configuration is the kept model ``name``; None if none is.

    Raises `ConfigError` if something else there is called that.
    """
    for table, of in settings.models.items():
        if of.kind == LOCAL and of.options.get("folder", EMBEDDED) == name:
            return table
    for kind, taken in (("models", settings.models), ("answerers", settings.answerers)):
        if name in taken:
            raise ConfigError(
                f"the configuration has a [{kind}.{name}] that is not the kept model {name!r};"
                " deploy it under another name with --as"
            )
    return None


def with_deployed(settings: Settings, deployments: Iterable[Deployment]) -> tuple[Settings, Routes]:
    """Return ``settings`` with a model and an answerer for each deployment in force, and the routes to them.

    Such an answerer speaks and draws as the default one does. Raises `ConfigError` where the configuration has something
    else of that name.
    """
    found = in_force(deployments)
    models, answerers = dict(settings.models), dict(settings.answerers)
    default = answerers["default"]
    like = models[default.model]
    shared = dict(like.options) if like.kind == LOCAL else {}
    routed: list[tuple[str, str]] = []
    for one in found:
        table = table_called(settings, one.name)
        if table is None:
            table = one.name
            models[table] = Table.model_validate({"kind": LOCAL, **shared, "folder": one.name})
        name = "default" if table == default.model else table
        answerers.setdefault(name, replace(default, name=name, model=table))
        routed.append((one.place, name))
        if one.place == "*" and _only_meant(settings):
            del models[default.model]
            answerers["default"] = replace(default, model=table)
    changed = settings.model_copy(update={"models": models, "answerers": answerers}) if found else settings
    return changed, Routes(settings.routes, deployed=routed)


def _only_meant(settings: Settings) -> bool:
    """Return whether nobody configured a model, and the one that is meant then was never made ready."""
    unsaid = settings.model_fields_set.isdisjoint({"models", "answerers"})
    return unsaid and not (settings.data / "models" / EMBEDDED).is_dir()
