"""Our commands as Discord's: what askers and raters use by its own name, what operators use under ``/rostra``.

Discord allows 100 commands, 25 of anything inside of one, and two levels of groups. What does not fit is not lost: every
command can be written after a mention.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

import discord
import structlog
from discord import app_commands

from rostra.command import Choosing, Command, Commands, Desk, Option
from rostra.errors import RostraError
from rostra.places import Permission, Place

from .heard import place, spot
from .text import shortened

log = structlog.get_logger(__name__)

OPERATORS = "rostra"
ASK = "ask"
MOST = 25
DEPTH = 3
NAME = 32
DESCRIPTION = 100

CONTEXTS = app_commands.AppCommandContext(guild=True, dm_channel=True, private_channel=False)
INSTALLS = app_commands.AppInstallationType(guild=True, user=False)

_UNFIT = re.compile(r"[^\w-]+")

Made: TypeAlias = "app_commands.Command[Any, ..., None]"
Parent: TypeAlias = "app_commands.Group | app_commands.CommandTree[Any]"


class Uses(Protocol):
    """What is done when a command is used: `rostra_adapters.discord.hands.Hands`."""

    async def command(
        self,
        interaction: discord.Interaction,
        path: Sequence[str],
        options: Mapping[str, str],
        about: discord.Message | None = None,
    ) -> None: ...

    async def ask(
        self, interaction: discord.Interaction, question: str, file: discord.Attachment | None
    ) -> None: ...


def plant(
    tree: app_commands.CommandTree[Any], commands: Commands, desk: Desk | None, uses: Uses, adapter: str
) -> None:
    """Put all commands into ``tree``."""
    tree.add_command(_ask(uses))
    groups: dict[tuple[str, ...], app_commands.Group] = {}
    for one in commands:
        path = _native(one)
        try:
            parent: Parent = _group(tree, groups, tuple(path[:-1])) if len(path) > 1 else tree
            parent.add_command(_command(one, path[-1], desk, uses, adapter))
        except (app_commands.CommandLimitReached, app_commands.CommandAlreadyRegistered, ValueError) as error:
            log.warning("command not offered", command=one.name, error=type(error).__name__)
    for menu in _menus({one.path for one in commands}, uses):
        tree.add_command(menu)


def _native(one: Command) -> list[str]:
    """Return where a command is on Discord: a command, a group, a sub-command; what is deeper is written together."""
    path = [OPERATORS] if one.permission >= Permission.OPERATOR else []
    path.extend(map(named, one.path))
    return path if len(path) <= DEPTH else [*path[: DEPTH - 1], "-".join(path[DEPTH - 1 :])[:NAME]]


def named(name: str) -> str:
    """Return a name as Discord takes it."""
    return _UNFIT.sub("-", name.lower()).strip("-")[:NAME] or "x"


def _group(
    tree: app_commands.CommandTree[Any],
    groups: dict[tuple[str, ...], app_commands.Group],
    path: tuple[str, ...],
) -> app_commands.Group:
    if path not in groups:
        about = "For those who run the bot" if path == (OPERATORS,) else f"About {path[-1]}"
        made = app_commands.Group(
            name=path[-1],
            description=shortened(about, DESCRIPTION),
            allowed_contexts=CONTEXTS,
            allowed_installs=INSTALLS,
        )
        (_group(tree, groups, path[:-1]) if path[1:] else tree).add_command(made)
        groups[path] = made
    return groups[path]


def _command(one: Command, name: str, desk: Desk | None, uses: Uses, adapter: str) -> Made:
    # discord.py reads a command's options from the signature of a function: this one is written for each command.
    names = {f"option{number}": option for number, option in enumerate(one.options[:MOST])}

    async def callback(interaction: discord.Interaction, **given: Any) -> None:
        options = {names[key].name: str(value) for key, value in given.items() if value}
        await uses.command(interaction, one.path, options)

    callback.__signature__ = _signature(names)  # type: ignore[attr-defined]  # pyright: ignore[reportFunctionMemberAccess]  functions have it
    described = app_commands.describe(
        **{key: shortened(option.help, DESCRIPTION) or "…" for key, option in names.items()}
    )(callback)
    made: Made = app_commands.Command(
        name=name,
        description=shortened(one.help, DESCRIPTION) or "…",
        callback=app_commands.rename(**{key: named(option.name) for key, option in names.items()})(described),
        allowed_contexts=CONTEXTS,
        allowed_installs=INSTALLS,
    )
    for key, option in names.items():
        if option.choices is not None and desk is not None:
            made.autocomplete(key)(_offers(option.choices, desk, adapter))
    return made


def _signature(names: Mapping[str, Option]) -> inspect.Signature:
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    first = inspect.Parameter("interaction", kind, annotation=discord.Interaction)
    others = sorted(names.items(), key=lambda named: not named[1].required)
    return inspect.Signature(
        [
            first,
            *(
                inspect.Parameter(key, kind, annotation=str)
                if option.required
                else inspect.Parameter(key, kind, annotation=str, default="")
                for key, option in others
            ),
        ]
    )


Offers: TypeAlias = Callable[[discord.Interaction, str], Coroutine[Any, Any, list[app_commands.Choice[str]]]]


def _offers(choosing: Choosing, desk: Desk, adapter: str) -> Offers:
    """Return what completes an option: the values it may have that fit what was typed, those that begin with it first."""

    async def offer(interaction: discord.Interaction, current: str) -> list[app_commands.Choice[str]]:
        try:
            values = await choosing(desk, _channel(interaction, adapter))
        except RostraError:
            return []
        typed = current.casefold()
        found = sorted(
            (value for value in values if typed in value.casefold() and 0 < len(value) <= DESCRIPTION),
            key=lambda value: not value.casefold().startswith(typed),
        )
        return [app_commands.Choice(name=value, value=value) for value in found[:MOST]]

    return offer


def _channel(interaction: discord.Interaction, adapter: str) -> Place:
    return place(spot(interaction.channel, interaction.guild_id), adapter)


def _ask(uses: Uses) -> Made:
    @app_commands.describe(question="What you would like to know", file="A text to go with it")
    async def ask(
        interaction: discord.Interaction, question: str, file: discord.Attachment | None = None
    ) -> None:
        await uses.ask(interaction, question, file)

    return app_commands.Command(
        name=ASK,
        description="Ask me something",
        callback=ask,
        allowed_contexts=CONTEXTS,
        allowed_installs=INSTALLS,
    )


def _menus(paths: set[tuple[str, ...]], uses: Uses) -> Sequence[app_commands.ContextMenu]:
    offered = {"Why?": ("why",), "Rank answers": ("rank", "new")}
    return [_menu(label, path, uses) for label, path in offered.items() if path in paths]


def _menu(label: str, path: tuple[str, ...], uses: Uses) -> app_commands.ContextMenu:
    async def use(interaction: discord.Interaction, message: discord.Message) -> None:
        await uses.command(interaction, path, {}, message)

    return app_commands.ContextMenu(
        name=label, callback=use, allowed_contexts=CONTEXTS, allowed_installs=INSTALLS
    )
