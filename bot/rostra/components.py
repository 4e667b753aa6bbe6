"""Components: what is plugged into the core, found by the names used in the configuration.

A component is found as an entry point (``rostra.adapters``, ``rostra.moderators``, …) or in a local file
(``kind = "./my_moderator.py:judge"``), and only then imported. Built-in components come through the same door.
"""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeAlias, TypeVar

from pydantic import BaseModel, ConfigDict

from .clock import Clock, SystemClock
from .command import Commands, Desk
from .controls import Controls
from .errors import ConfigError
from .pages import Pages
from .protocols import Direct, Model, Moderation, Moderator, Scorer
from .refusals import Refusals
from .routes import Routes
from .stores import Store

if TYPE_CHECKING:
    from .metrics import Metrics
    from .vitals import Vitals

Kind: TypeAlias = Literal[
    "adapters",
    "moderators",
    "models",
    "scorers",
    "commands",
    "stages",
    "cli",
    "scrubbers",
    "benches",
    "endpoints",
]
KINDS: tuple[Kind, ...] = (
    "adapters",
    "moderators",
    "models",
    "scorers",
    "commands",
    "stages",
    "cli",
    "scrubbers",
    "benches",
    "endpoints",
)

S = TypeVar("S", bound=BaseModel)
T = TypeVar("T")


class ComponentSettings(BaseModel):
    """Base for the settings of a component: unknown keys are errors, values are frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class Names:
    """Says of a field of a component's settings that it names other components of the configuration.

    ::

        model: Annotated[str, Names("models")]

    The field is a text, a list of texts or a table by names; None and an empty text name nothing. Models and scorers
    are opened after those that they name, and a name that the configuration does not have is an error.
    """

    kind: Kind


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """What the core lends to components when it opens them.

    ``name`` is the component's table in the configuration, ``data`` the folder that is its own to write to,
    ``base`` the folder that relative paths in its settings start from. ``models``, ``scorers`` and
    ``moderators`` are those opened before it: models and scorers first, each after those that it `Names`, then
    moderators, then the moderation, commands, stages and adapters. ``store`` is what the bot keeps, and ``moderation`` what judges: None where there is none, as in a check.
    Adapters get ``commands`` and ``desk``, to offer them natively, ``controls``, to look up what was pressed, and
    ``direct``, to have somebody answered who waits on the line, ``metrics``, to show what was counted, and ``vitals``, to show how
    the bot is. ``pages`` is where those with pages open them, for commands to lead people there.
    """

    name: str
    data: Path
    base: Path
    clock: Clock = field(default_factory=SystemClock)
    models: Mapping[str, Model] = field(default_factory=dict[str, Model])
    scorers: Mapping[str, Scorer] = field(default_factory=dict[str, Scorer])
    moderators: Mapping[str, Moderator] = field(default_factory=dict[str, Moderator])
    routes: Routes = field(default_factory=Routes)
    refusals: Refusals = field(default_factory=Refusals)
    store: Store | None = None
    moderation: Moderation | None = None
    commands: Commands | None = None
    desk: Desk | None = None
    controls: Controls | None = None
    direct: Direct | None = None
    pages: Pages = field(default_factory=Pages)
    metrics: Metrics | None = None
    vitals: Vitals | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a component's check found. ``advice`` says what would be right; a finding that is ok needs none."""

    ok: bool
    what: str
    advice: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Component(Generic[S, T]):
    """Something to plug in.

    ``open`` yields the thing itself and closes it again; ``check`` looks, without opening it, whether it would
    work: ``rostra doctor`` prints what it finds. ``setup`` returns what somebody has to enter at the platform first, such as
    a manifest or a link: ``rostra init NAME`` prints it. It is asked before there are any tokens: a secret that is not
    known yet is empty, and other settings that are missing have their defaults, or are None.
    """

    name: str
    settings: type[S]
    open: Callable[[S, Services], AbstractAsyncContextManager[T]]
    check: Callable[[S, Services], Awaitable[Sequence[Finding]]] | None = None
    setup: Callable[[S, Services], str] | None = None


@cache
def installed(kind: Kind) -> Sequence[EntryPoint]:
    """Return what the installed distributions offer, by name, without importing any of it.

    What is installed is looked up once in a process: reading it takes some milliseconds, and a bot asks for each component.
    """
    return sorted(entry_points(group=f"rostra.{kind}"), key=lambda point: point.name)


def find(kind: Kind, name: str, base: Path) -> object:
    """Return what is installed as ``name``, or stands in the local file that ``name`` points to.

    ``base`` is the folder that a local file's path starts from. Raises `ConfigError`.
    """
    if name.startswith((".", "/")):
        return _from_file(name, base)
    offers = {point.name: point for point in installed(kind)}
    if name not in offers:
        known = ", ".join(offers) or "none"
        raise ConfigError(f"no {kind.removesuffix('s')} named {name!r}; installed: {known}")
    try:
        return offers[name].load()
    except ImportError as error:
        raise unimportable(kind, name, error) from error


def unimportable(kind: Kind, name: str, error: ImportError) -> ConfigError:
    """Return what to say where a package is missing that the component ``name`` needs: the extra that brings it, if any."""
    point = next((point for point in installed(kind) if point.name == name), None)
    extras = point.dist.metadata.get_all("Provides-Extra") or () if point and point.dist else ()
    advice = f"; pip install '{point.dist.name}[{name}]'" if point and point.dist and name in extras else ""
    return ConfigError(f"{kind.removesuffix('s')} {name!r} cannot be imported: {error}{advice}")


def _from_file(name: str, base: Path) -> object:
    path, colon, attribute = name.rpartition(":")
    if not colon:
        raise ConfigError(f"{name!r} names no object; write it as './my_file.py:name'")
    file = (base / path).resolve()
    if not file.is_file():
        raise ConfigError(f"no file {path!r} in {str(base)!r}")
    module = _load(file)
    if not hasattr(module, attribute):
        raise ConfigError(
            f"{path!r} has no {attribute!r}; it has: {', '.join(_public(module)) or 'nothing public'}"
        )
    found: object = getattr(module, attribute)
    return found


def _load(file: Path) -> ModuleType:
    # The name cannot be imported by anybody else, so a file called ``models.py`` shadows nothing.
    name = f"rostra.local:{file}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ConfigError(f"{str(file)!r} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise ConfigError(f"{str(file)!r} fails on import: {type(error).__name__}: {error}") from error
    return module


def _public(module: ModuleType) -> list[str]:
    return [name for name in vars(module) if not name.startswith("_")]


def settings_of(component: Component[Any, Any], table: Mapping[str, object]) -> BaseModel:
    """Return the component's settings from its table. Raises pydantic's ``ValidationError``."""
    model: type[BaseModel] = component.settings
    return model.model_validate(table)
