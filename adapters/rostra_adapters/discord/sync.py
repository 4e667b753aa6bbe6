"""Telling Discord which commands there are, only when that has changed: it allows 200 new ones a day."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import discord
import structlog
from discord import app_commands

from rostra.components import Services
from rostra.errors import AdapterError

from .failures import patiently

log = structlog.get_logger(__name__)

KEPT = "discord-commands.json"
"""File with the hash of what was told last, by application."""

_COMPARED = (
    "name",
    "description",
    "type",
    "required",
    "autocomplete",
    "choices",
    "contexts",
    "integration_types",
)
_SETS = {"contexts", "integration_types"}
_ABSENT: Sequence[object] = (None, False, [], "", {})


async def synchronise(
    client: discord.Client, tree: app_commands.CommandTree[Any], services: Services
) -> bool:
    """Tell Discord about the commands of ``tree`` if it has others. Return whether that was needed.

    What Discord makes of a command may differ from it for good, in a way that is not known here. So what was told before,
    by the hash that is kept, is told again only if names are missing. Raises `AdapterError`.
    """
    ours = [command.to_dict(tree) for command in tree.get_commands()]
    data, clock = services.data, services.clock
    found = await patiently(clock, "reading the commands", tree.fetch_commands)
    theirs = [command.to_dict() for command in found]
    if _same(ours, theirs):
        return False
    digest, names = _hash(ours), {str(one["name"]) for one in ours}
    if _kept(data).get(str(client.application_id)) == digest and names == {
        str(one["name"]) for one in theirs
    }:
        return False
    await patiently(clock, "telling the commands", tree.sync)
    _keep(data, str(client.application_id), digest)
    log.info("commands told to Discord", commands=len(ours))
    return True


async def synchronise_or_say(
    client: discord.Client, tree: app_commands.CommandTree[Any], services: Services
) -> None:
    """Do it, or say in the log why not: the bot answers mentions without any command."""
    try:
        await synchronise(client, tree, services)
    except AdapterError as error:
        log.warning("commands not told to Discord", error=str(error))


def normal(command: object) -> object:
    """Return of a command what is compared, without what says nothing.

    >>> normal({"name": "ask", "nsfw": False, "id": "1", "options": [{"name": "q", "required": False}]})
    {'name': 'ask', 'options': [{'name': 'q'}]}
    """
    if not isinstance(command, Mapping):
        return command
    given = cast("Mapping[str, Any]", command)
    found: dict[str, object] = {}
    for key in _COMPARED:
        value: Any = given.get(key)
        if value not in _ABSENT:
            found[key] = sorted(cast("Sequence[int]", value)) if key in _SETS else value
    options = [normal(option) for option in given.get("options") or ()]
    return {**found, "options": options} if options else found


def _same(ours: Sequence[object], theirs: Sequence[object]) -> bool:
    return sorted(map(_line, ours)) == sorted(map(_line, theirs))


def _line(command: object) -> str:
    return json.dumps(normal(command), sort_keys=True)


def _hash(commands: Sequence[object]) -> str:
    return hashlib.sha256("\n".join(sorted(map(_line, commands))).encode()).hexdigest()


def _kept(data: Path) -> Mapping[str, str]:
    try:
        found: Any = json.loads((data / KEPT).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return cast("Mapping[str, str]", found) if isinstance(found, dict) else {}


def _keep(data: Path, application: str, digest: str) -> None:
    try:
        data.mkdir(parents=True, exist_ok=True)
        (data / KEPT).write_text(json.dumps({**_kept(data), application: digest}), encoding="utf-8")
    except OSError as error:
        log.warning("hash of the commands not kept", error=type(error).__name__)
