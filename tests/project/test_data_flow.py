"""The sheet for security teams says what the code does: every table, every permission, every scope."""

from __future__ import annotations

import re
from pathlib import Path

import discord
import pytest

from rostra.spending import KEPT_DAYS
from rostra.storage.schema import metadata
from rostra_adapters.discord.client import intents
from rostra_adapters.discord.invite import NEEDED, SCOPES
from rostra_adapters.discord.settings import DiscordSettings
from rostra_adapters.slack.manifest import OPTIONAL
from rostra_adapters.slack.manifest import SCOPES as SCOPES_OF_SLACK

PAGE = (Path(__file__).parents[2] / "docs" / "howto" / "data-flow.md").read_text(encoding="utf-8")


def section(title: str) -> str:
    """Return what stands under a heading."""
    found = re.search(rf"^#+ {re.escape(title)}\n(.*?)(?=^#|\Z)", PAGE, re.MULTILINE | re.DOTALL)
    assert found is not None, f"no section {title!r}"
    return found[1]


def test_every_table_of_the_database_is_on_the_sheet_and_no_other() -> None:
    named = re.findall(r"^\| `(\w+)` \|", section("What is stored"), re.MULTILINE)
    assert sorted(named) == sorted(metadata.tables)
    assert f"| {KEPT_DAYS} days; person and place" in section("What is stored")


def test_every_column_that_is_sealed_is_said_to_be() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \|[^|]*\| ([^|]*) \|", section("What is stored"), re.MULTILINE))
    sealed = {name for name, table in metadata.tables.items() if "body" in table.columns}
    assert sealed
    assert {name for name in sealed if rows[name].startswith("no ")} == set()


@pytest.mark.parametrize("message_content", [False, True])
def test_what_is_asked_of_discord_is_on_the_sheet(message_content: bool) -> None:
    said = (
        section("Discord")
        .lower()
        .replace("direct message", "dm message")
        .replace("dm message reactions", "dm reactions")
    )
    asked = intents(DiscordSettings.model_validate({"token": "t", "message_content": message_content}))
    names = [{"read_messages": "view_channel"}.get(name, name) for name, on in NEEDED if on]
    assert [name for name in names if name.replace("_", " ") not in said] == []
    assert [name for name, on in asked if on and name.replace("_", " ").rstrip("s") not in said] == []
    assert [scope for scope in SCOPES if f"`{scope}`" not in section("Discord")] == []
    assert asked.message_content is message_content
    assert not asked.members
    assert not asked.presences
    assert not discord.Permissions(NEEDED.value).manage_messages


def test_what_is_asked_of_slack_is_on_the_sheet_and_nothing_else() -> None:
    table, _, after = section("Slack").partition("Not asked for")
    said = {scope for row in table.splitlines() for scope in re.findall(r"`([a-z_.]+:[a-z]+|commands)`", row)}
    assert said == {*SCOPES_OF_SLACK, *OPTIONAL}
    for scope in ("channels:history", "users:read.email"):
        assert f"`{scope}`" in after
        assert scope not in SCOPES_OF_SLACK
