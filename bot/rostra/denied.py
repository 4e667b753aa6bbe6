"""What somebody is told whose permission does not reach: which level it takes, and how one gets it."""

from __future__ import annotations

import json
from collections.abc import Sequence

from .places import Permission
from .turns import Turn
from .views import View, text


def denied(what: str, permission: Permission, turn: Turn, roles: Sequence[str]) -> View:
    """Return why ``what`` is not done, for whoever asked alone.

    ``roles`` are those of the platform that have ``permission`` where the turn happens (`rostra.command.Desk.roles`).
    """
    needed, place = permission.name.lower(), turn.place
    parts = [kept_from(what, permission, turn.permission)]
    if roles:
        parts.append(f"{needed.capitalize()}s here are those with the role {_either(roles)}.")
    # As TOML has it: a text of JSON is one of TOML, too.
    who = turn.author.id
    own = f"{place.adapter}/{place.workspace}:{'=' if who[:1] in {'@', '='} else ''}{who}"
    line = f"{needed} = [{json.dumps(own, ensure_ascii=False)}]".replace("`", "'")
    parts.append(
        f"Whoever runs the bot makes you one with `{line}` under `[permissions]` in its configuration."
    )
    return text(" ".join(parts), private=True)


def kept_from(what: str, needed: Permission, has: Permission) -> str:
    """Return for whom ``what`` is, and what somebody is who may not.

    >>> kept_from("Ranking answers here", Permission.RATER, Permission.ASKER)
    'Ranking answers here is for raters; you are an asker here.'
    """
    return f"{what} is for {needed.name.lower()}s; you are {_article(has.name.lower())} here."


def _article(level: str) -> str:
    return f"an {level}" if level[0] in "aeiou" else f"a {level}"


def _either(roles: Sequence[str]) -> str:
    return " or ".join(f"`@{role.replace('`', chr(39))}`" for role in roles)
