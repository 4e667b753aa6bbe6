"""Routes of application commands: what the bot registers, for everybody or for one guild.

https://docs.discord.com/developers/interactions/application-commands.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .limits import check_commands
from .refusals import Refused, unknown
from .rest import Asked, Backend, Route
from .world import Json


def _scope(backend: Backend, asked: Asked) -> dict[int, Json]:
    if asked["application"] != str(backend.world.bot.id):
        raise Refused(403, 20012, "You are not authorized to perform this action on this application")
    guild = int(asked["guild"]) if "guild" in asked.params else None
    if guild is not None and guild not in backend.world.guilds:
        raise unknown("Guild")
    return backend.world.commands.setdefault(guild, {})


def _commands(backend: Backend, asked: Asked) -> Any:
    return list(_scope(backend, asked).values())


def _command(backend: Backend, asked: Asked) -> Any:
    found = _scope(backend, asked).get(int(asked["command"]))
    if found is None:
        raise unknown("application command")
    return found


def _put_commands(backend: Backend, asked: Asked) -> Any:
    scope = _scope(backend, asked)
    check_commands(asked.body)
    old = {(one["type"], one["name"]): one for one in scope.values()}
    scope.clear()
    for one in asked.body:
        made = _kept(backend, asked, one, old.get((one.get("type", 1), one["name"])))
        scope[int(made["id"])] = made
    return list(scope.values())


def _post_command(backend: Backend, asked: Asked) -> Any:
    scope = _scope(backend, asked)
    given = asked.given
    same = (given.get("type", 1), given["name"])
    old = next((one for one in scope.values() if (one["type"], one["name"]) == same), None)
    check_commands([*(one for one in scope.values() if one is not old), given])
    made = _kept(backend, asked, given, old)
    scope[int(made["id"])] = made
    return made


def _patch_command(backend: Backend, asked: Asked) -> Any:
    old = _command(backend, asked)
    made = _kept(backend, asked, {**old, **asked.given}, old)
    check_commands([made])
    _scope(backend, asked)[int(made["id"])] = made
    return made


def _delete_command(backend: Backend, asked: Asked) -> Any:
    old = _command(backend, asked)
    del _scope(backend, asked)[int(old["id"])]


def _kept(backend: Backend, asked: Asked, given: Json, old: Json | None) -> Json:
    """Return a command as Discord keeps it: with an id, a version and what was left out."""
    return {
        "type": 1,
        "description": "",
        "options": [],
        "default_member_permissions": None,
        "dm_permission": True,
        "nsfw": False,
        "integration_types": [0],
        "contexts": None,
        **given,
        "id": old["id"] if old is not None else str(backend.world.new_id()),
        "version": str(backend.world.new_id()),
        "application_id": str(backend.world.bot.id),
        **({"guild_id": asked["guild"]} if "guild" in asked.params else {}),
    }


_SCOPES = ("/applications/{application}/commands", "/applications/{application}/guilds/{guild}/commands")

ROUTES: Sequence[Route] = tuple(
    Route(method=method, path=scope + path, handler=handler)
    for scope in _SCOPES
    for method, path, handler in (
        ("GET", "", _commands),
        ("PUT", "", _put_commands),
        ("POST", "", _post_command),
        ("GET", "/{command}", _command),
        ("PATCH", "/{command}", _patch_command),
        ("DELETE", "/{command}", _delete_command),
    )
)
