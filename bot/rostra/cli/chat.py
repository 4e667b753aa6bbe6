"""``rostra chat``: the console adapter, whatever else is configured."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from .running import Config, private, run, run_app

if TYPE_CHECKING:
    from ..clock import Clock
    from ..components import Component
    from ..config import Settings
    from ..protocols import Adapter

Once = Annotated[
    str | None, typer.Option("--once", metavar="TEXT", help="Print the answer to this, and exit.")
]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Log to standard error, not into a file.")]


def chat(once: Once = None, config: Config = None, *, verbose: Verbose = False) -> None:
    """Chat in the terminal. In a pipe, every line is a question, answered in order.

    Examples: rostra chat; rostra chat --once "What is the capital of France?"; rostra chat < questions.txt
    """
    from ..config import load
    from ..logs import configured

    settings = load(config)
    if once is not None and not once.strip():
        raise typer.BadParameter("is empty; write a question", param_hint="--once")
    log = settings.log
    file = None if verbose else private(settings.data) / "logs" / "chat.log"
    with configured(level=log.level, format=log.format, content=log.content, file=file):
        if not run(_chat(settings, once)):
            raise typer.Exit(1)


async def _chat(settings: Settings, once: str | None) -> bool:
    """Chat; return whether every question got an answer."""
    from ..clock import SystemClock
    from ..components import Services, find
    from ..config import component_settings, table_of
    from .banner import banner
    from .watched import Watched

    at_terminal = once is None and sys.stdin.isatty() and sys.stdout.isatty()
    name, table = next(
        ((name, table) for name, table in settings.adapters.items() if table.kind == "console"),
        ("console", None),
    )
    options = {**(table.options if table else {}), **({"questions": [once]} if once else {})}
    component = cast("Component[Any, Adapter]", find("adapters", "console", settings.base))
    own = component_settings(component, options, table_of(settings, "adapters", name))
    clock = SystemClock()
    services = Services(name=name, data=settings.data / "adapters" / name, base=settings.base, clock=clock)
    if at_terminal:
        typer.echo(await banner(settings, clock, deployed=await _deployed(settings, clock, name)))
    async with component.open(own, services) as console:
        watched = Watched(console)
        await run_app(settings, {name: watched})
    return at_terminal or watched.content


async def _deployed(settings: Settings, clock: Clock, adapter: str) -> str:
    """Return the model that is deployed for the console, if one is."""
    from ..deployments import with_deployed
    from ..places import Place
    from ..storage import open_store

    key = settings.storage.master_key
    async with open_store(
        settings.storage.url,
        data=settings.data,
        clock=clock,
        master_key=key.get_secret_value() if key else None,
    ) as store:
        changed, routes = with_deployed(settings, await store.deployments())
    place = Place(adapter=adapter, channel="terminal", thread="")
    return changed.answerers[routes.of(place).answerer].model if routes.deployed(place) else ""
