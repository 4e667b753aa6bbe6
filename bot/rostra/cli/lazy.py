"""The commands by name, each imported only when it is run: ``rostra --help`` must not wait for torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, cast

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command, get_group

BUILT_IN: Mapping[str, tuple[str, str]] = {
    "chat": (".chat:chat", "Chat in the terminal, or answer lines from a pipe."),
    "serve": (".serve:serve", "Run every configured adapter."),
    "init": (".init:init", "Write a commented configuration, or set up an adapter."),
    "check": (".check:check", "Validate the configuration."),
    "doctor": (".doctor:doctor", "Test whether everything that is configured would work."),
    "outbox": (".outbox:app", "List replies that could not be delivered, and send them again."),
    "usage": (".usage:usage", "Show what was used: messages, tokens and money."),
    "audit": (".audit:app", "Check the log of changes, and export it."),
    "key": (".key:app", "Make keys for applications that call the bot over HTTP, and end them."),
    "account": (".account:app", "Make accounts for people who sign in to the chat page."),
    "user": (".user:app", "Hand over what is kept about a person, or erase it."),
    "backup": (".backup:backup", "Write the database into one file."),
    "restore": (".backup:restore", "Bring back what a backup holds."),
    "plugins": (".plugins:app", "Show what is installed."),
    "new": (".new:app", "Start a plugin package, with its contract tests."),
    "bench": (".bench:bench", "Measure, and compare with peers."),
}
"""Name, where it is, what it does."""

_ELSEWHERE = {
    "data": "Make datasets of ranked answers, and read others'.",
    "rank": "Have answers ranked, and see what rankings show.",
    "classifier": "Train the moderation classifier, and measure it.",
    "model": "Get models, and see which are there.",
    "train": "Train a model, stage by stage.",
    "eval": "Evaluate models, and compare them.",
    "runs": "See what was trained, and how it went.",
    "moderate": "Judge texts with the configured moderation.",
    "policy": "Show, replay and calibrate what is moderated, and how strictly.",
}
"""What the commands of our own outer packages do; asking them would mean to import them."""


class Commands(TyperGroup):
    """The group of all commands: ours, and those that entry points ``rostra.cli`` bring."""

    def list_commands(self, ctx: Any) -> list[str]:
        del ctx
        return [*BUILT_IN, *(name for name in sorted(_offered()) if name not in BUILT_IN)]

    def get_command(self, ctx: Any, cmd_name: str) -> TyperCommand | None:
        """Return what is shown of a command in a list of all."""
        if cmd_name not in self.list_commands(ctx):
            return None
        return TyperCommand(cmd_name, help=_summary(cmd_name))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that ``args`` begin with, imported."""
        # For "Did you mean": it looks there.
        self.commands = {name: TyperCommand(name) for name in self.list_commands(ctx)}
        name, found, rest = super().resolve_command(ctx, args)
        return name, None if found is None else _loaded(str(found.name)), rest


def _offered() -> Mapping[str, EntryPoint]:
    return {point.name: point for point in entry_points(group="rostra.cli")}


def _summary(name: str) -> str:
    if name in BUILT_IN:
        return BUILT_IN[name][1]
    distribution = _offered()[name].dist
    return _ELSEWHERE.get(name) or f"From the package {distribution.name if distribution else '?'}."


def _loaded(name: str) -> Any:
    if name in BUILT_IN:
        module, _, attribute = BUILT_IN[name][0].partition(":")
        found = getattr(import_module(module, __package__), attribute)
    else:
        found = _offered()[name].load()
    if isinstance(found, typer.Typer):
        found.rich_markup_mode = None  # one style of help for all
        group: Any = get_group(found)
        group.name = name
        return group
    single = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    single.command(name)(cast("Callable[..., Any]", found))
    return get_command(single)
