"""Who may do what: the configuration's patterns over people, and the one question asked of them."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from ..grants import Grant
from ..places import Permission, Person, Place


class Permissions(BaseModel):
    """``[permissions]``: lists of patterns by level. Whoever is in none of them is an asker."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    rater: tuple[Grant, ...] = (Grant(where="web/", who="rater", role=True),)
    operator: tuple[Grant, ...] = (Grant(where="web/", who="operator", role=True),)
    owner: tuple[Grant, ...] = (
        Grant(where="console/", who="local"),
        Grant(where="web/", who="owner", role=True),
    )


def permission_of(person: Person, place: Place, permissions: Permissions) -> Permission:
    """Return the highest level that ``permissions`` gives ``person`` in ``place``. Bots are always askers."""
    if person.kind == "bot":
        return Permission.ASKER
    levels = (
        (Permission.OWNER, permissions.owner),
        (Permission.OPERATOR, permissions.operator),
        (Permission.RATER, permissions.rater),
    )
    for level, grants in levels:
        for grant in grants:
            if grant.fits(person, place):
                return level
    return Permission.ASKER
