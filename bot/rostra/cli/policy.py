"""``rostra policy``: what is moderated, and how strictly."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Protocol, cast, runtime_checkable

import typer

from .running import Config, Json, run

if TYPE_CHECKING:
    from ..components import Component
    from ..config import Settings
    from ..places import Place

app = typer.Typer(help="Show what is moderated, and how strictly.", rich_markup_mode=None)

Name = Annotated[str | None, typer.Argument(help="One policy; all of them by default.")]
Where = Annotated[
    str, typer.Option("--place", metavar="ADAPTER/WORKSPACE/CHANNEL", help="As it is in this place.")
]


@runtime_checkable
class Sheets(Protocol):
    """A moderation that can say what holds in a place: ``question`` and ``answer`` map categories to thresholds."""

    def sheet(self, place: Place) -> Any: ...


@app.callback()
def policy() -> None:
    """Show what is moderated, and how strictly."""


@app.command()
def show(name: Name = None, config: Config = None, place: Where = "//", *, as_json: Json = False) -> None:
    """Show the score from which each category is flagged and blocked, in questions and in answers.

    Example: rostra policy show default --json
    """
    from ..config import load
    from ..errors import ConfigError

    settings = load(config)
    names = ["default", *(each for each in settings.policies if each != "default")]
    if name is not None and name not in names:
        raise ConfigError(f"no policy {name!r}; there are: {', '.join(names)}")
    chosen = names if name is None else [name]
    policies = {each: run(_sheet(settings, each, place)) for each in chosen}
    if as_json:
        typer.echo(json.dumps({"policies": policies}, indent=2))
        return
    for each, sheet in policies.items():
        _print(each, sheet)


async def _sheet(settings: Settings, name: str, place: str) -> dict[str, Any]:
    """Return what the policy comes to, as plain data; thresholds that are never reached are ``"never"``."""
    from ..components import Services, find
    from ..config import moderation_settings
    from ..errors import ConfigError
    from ..places import Place
    from ..routes import Route, Routes
    from .silent import silent

    component = cast("Component[Any, object]", find("stages", "moderation", settings.base))
    options = moderation_settings(component, settings)
    services = Services(name="moderation", data=settings.data, base=settings.base)
    services = replace(services, routes=Routes([Route(policy=name)]), moderators=silent(settings.moderators))
    adapter, workspace, channel = [*place.split("/", 2), "", ""][:3]
    async with component.open(options, services) as moderation:
        if not isinstance(moderation, Sheets):
            raise ConfigError(f"{type(moderation).__name__} does not say what its policies come to")
        sheet = moderation.sheet(Place(adapter=adapter, workspace=workspace, channel=channel))
    return {
        "hold": sheet.hold,
        "unjudgeable": sheet.unjudgeable,
        "question": _thresholds(sheet.question),
        "answer": _thresholds(sheet.answer),
    }


def _thresholds(table: Mapping[str, Any]) -> dict[str, dict[str, float | str]]:
    return {
        category: {"flag": _number(limits.flag), "block": _number(limits.block)}
        for category, limits in sorted(table.items())
    }


def _number(threshold: float) -> float | str:
    return "never" if math.isinf(threshold) else threshold


def _print(name: str, sheet: dict[str, Any]) -> None:
    from .printing import table

    typer.echo(f"policy {name}: hold {sheet['hold']}, what cannot be judged: {sheet['unjudgeable']}")
    rows = [
        [side, category, str(limits["flag"]), str(limits["block"])]
        for side in ("question", "answer")
        for category, limits in sheet[side].items()
    ]
    table(["Side", "Category", "Flag from", "Block from"], rows)
