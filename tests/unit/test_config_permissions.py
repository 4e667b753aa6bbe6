"""Who may do what, by the patterns of the configuration."""

from __future__ import annotations

import pytest

from rostra.config import Grant, Permissions, permission_of
from rostra.places import Permission, Person, Place

HALL = Place(adapter="discord", workspace="12", channel="hall")
OTHER = Place(adapter="discord", workspace="13", channel="hall")
TERMINAL = Place(adapter="console", channel="terminal")
GRANTS = Permissions.model_validate(
    {
        "rater": ["discord/*:*"],
        "operator": ["discord/12:@mods", "matrix/:=@ann:example.org"],
        "owner": ["discord/12:77", "console/:local"],
    }
)


@pytest.mark.parametrize(
    ("person", "place", "permission"),
    [
        (Person(id="77"), HALL, Permission.OWNER),
        (Person(id="77"), OTHER, Permission.RATER),
        (Person(id="5", roles=frozenset({"mods"})), HALL, Permission.OPERATOR),
        (Person(id="5", roles=frozenset({"mods"})), OTHER, Permission.RATER),
        (Person(id="@mods"), HALL, Permission.RATER),
        (Person(id="mods"), HALL, Permission.RATER),
        (Person(id="77", roles=frozenset({"mods"})), HALL, Permission.OWNER),
        (Person(id="77", kind="bot", roles=frozenset({"mods"})), HALL, Permission.ASKER),
        (Person(id="local"), TERMINAL, Permission.OWNER),
        (Person(id="somebody"), TERMINAL, Permission.ASKER),
        (Person(id="@ann:example.org"), Place(adapter="matrix", channel="c"), Permission.OPERATOR),
        (Person(id="77"), Place(adapter="discord-2", workspace="12", channel="c"), Permission.ASKER),
    ],
    ids=range(12),
)
def test_the_highest_level_that_fits_counts(person: Person, place: Place, permission: Permission) -> None:
    assert permission_of(person, place, GRANTS) is permission


def test_whoever_sits_at_the_terminal_owns_the_bot_unless_it_is_said_otherwise() -> None:
    assert permission_of(Person(id="local"), TERMINAL, Permissions()) is Permission.OWNER
    nobody = Permissions(owner=())
    assert permission_of(Person(id="local"), TERMINAL, nobody) is Permission.ASKER


@pytest.mark.parametrize(
    "pattern",
    ["", "ann", "discord:ann", "discord/12", "discord/12:", "discord/12:@", "/12:x", "discord/12: "],
)
def test_what_is_no_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="ADAPTER/WORKSPACE"):
        Grant.parse(pattern)
