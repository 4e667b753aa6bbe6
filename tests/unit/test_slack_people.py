"""Who people are in Slack, and what they attach."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from slack_stand import Stand, opened, running

from rostra.events import Message
from rostra.testing.clock import ManualClock
from rostra.testing.slack_server import SlackServer
from rostra_adapters.slack.people import groups_of, roles_of
from rostra_adapters.slack.teams import needed


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def server(clock: ManualClock) -> AsyncGenerator[SlackServer]:
    async with SlackServer(clock=clock) as server:
        yield server


async def roles(stand: Stand, user: str) -> frozenset[str]:
    office = stand.slack.office
    return (await office.people.person(await needed(office.teams, "T1"), user)).roles


async def test_roles_are_slacks_own_and_the_groups_somebody_is_in(
    tmp_path: Path, server: SlackServer
) -> None:
    server.add_user("U5", is_admin=True, is_owner=True)
    server.workspace.groups["S1"] = ["U5"]
    async with opened(tmp_path, server) as stand:
        assert await roles(stand, "U5") == {"admin", "owner", "S1", "s1"}
        assert await roles(stand, "U1") == frozenset()


async def test_roles_are_asked_for_once_in_a_while(
    tmp_path: Path, server: SlackServer, clock: ManualClock
) -> None:
    async with opened(tmp_path, server, roles_seconds=100) as stand:
        await roles(stand, "U1")
        await roles(stand, "U1")
        assert len(server.called("users.info")) == 1
        server.workspace.users["U1"]["is_admin"] = True
        await clock.advance(101)
        assert await roles(stand, "U1") == {"admin"}


async def test_a_crowd_asks_once_for_the_groups_of_its_workspace(tmp_path: Path, server: SlackServer) -> None:
    people = [server.add_user(f"U{number}").id for number in range(100, 120)]
    async with opened(tmp_path, server) as stand:
        await asyncio.gather(*(roles(stand, user) for user in people))
    assert len(server.called("users.info")) == len(people)
    assert len(server.called("usergroups.list")) == 1


async def test_whose_roles_are_unknown_has_none(tmp_path: Path, server: SlackServer) -> None:
    server.add_user("U5", is_owner=True)
    server.fail("users.info", "missing_scope", calls=10)
    async with opened(tmp_path, server) as stand:
        assert await roles(stand, "U5") == frozenset()


async def test_without_the_scope_for_groups_the_rest_is_known(tmp_path: Path, server: SlackServer) -> None:
    server.add_user("U5", is_owner=True)
    server.workspace.scopes -= {"usergroups:read"}
    async with opened(tmp_path, server) as stand:
        assert await roles(stand, "U5") == {"owner"}


def test_somebody_from_another_workspace_has_no_roles_here() -> None:
    assert roles_of({"team_id": "T2", "is_owner": True, "is_admin": True}, "T1") == frozenset()
    assert roles_of({"team_id": "T1", "is_owner": True, "deleted": True}, "T1") == frozenset()


def test_a_group_cannot_call_itself_a_role_of_slacks() -> None:
    groups = groups_of([{"id": "S1", "handle": "owner", "users": ["U1"]}, {"id": "S2", "handle": "mods"}])
    assert set(groups) == {"S1", "S2", "mods"}


@pytest.mark.parametrize(
    ("name", "media_type", "data", "text"),
    [
        ("a.txt", "text/plain", b"words", "words"),
        ("a.json", "application/json", b"{}", "{}"),
        ("a.txt", "text/plain", b"\xff\xfe\x00", None),
        ("a.txt", "text/plain", b"x" * 1_001, None),
        ("a.png", "image/png", b"\x89PNG", None),
    ],
    ids=range(5),
)
async def test_texts_are_read_within_a_limit(
    tmp_path: Path, server: SlackServer, name: str, media_type: str, data: bytes, text: str | None
) -> None:
    async with running(tmp_path, server, file_bytes=1_000) as stand:
        server.user("U1").dm("look", files=[(name, media_type, data)])
        event = await stand.event()
    assert isinstance(event, Message)
    (attachment,) = event.attachments
    assert (attachment.name, attachment.size, attachment.text) == (name, len(data), text)


async def test_a_page_to_sign_in_at_is_no_text(tmp_path: Path, server: SlackServer) -> None:
    server.workspace.scopes -= {"files:read"}
    async with running(tmp_path, server) as stand:
        server.user("U1").dm("look", files=[("a.txt", "text/plain", b"words")])
        event = await stand.event()
    assert isinstance(event, Message)
    assert event.attachments[0].text is None


async def test_no_more_files_are_read_than_allowed(tmp_path: Path, server: SlackServer) -> None:
    async with running(tmp_path, server, files=1) as stand:
        server.user("U1").dm("look", files=[(f"{n}.txt", "text/plain", b"words") for n in range(3)])
        event = await stand.event()
    assert isinstance(event, Message)
    assert [one.text for one in event.attachments] == ["words", None, None]
