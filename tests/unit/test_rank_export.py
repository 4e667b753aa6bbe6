"""What operators take out of a campaign in a chat: what may be trained on, and nothing else."""

from __future__ import annotations

import json

import pytest
from ranking_stand import Counting, asking

from rostra.testing.chats import OWNER, Chat
from rostra.testing.clock import ManualClock
from rostra.views import File

pytestmark = pytest.mark.slow


async def collected(chat: Chat, scope: str = "train") -> None:
    """Have ann rank the answers of six questions in a campaign."""
    await chat.ask(f"/privacy allow {scope}")
    await chat.operate("/rank campaign new eggs pair 2")
    for number in range(6):
        await chat.ask(f"how long does egg number {number} take?")
        await chat.operate("/rank campaign add eggs")
        await chat.ask("/rank next")
        assert (await chat.ask("/rank vote A > B")).startswith("Saved")


async def permitted(chat: Chat) -> None:
    for line in ("platform on letter-17", "workspace on"):
        await chat.insist(f"/rank permission {line}", author=OWNER)


async def test_what_may_be_trained_on_is_handed_over_without_names() -> None:
    clock = ManualClock()
    async with asking(model=Counting(), clock=clock) as chat:
        await collected(chat)
        await permitted(chat)
        await clock.advance(1.0)
        said = await chat.operate("/rank export eggs trl")
        files = [part for part in chat.view.parts if isinstance(part, File)]
        rows = [json.loads(line) for one in files for line in one.data.decode().splitlines()]
        assert f"{len(rows)} rows" in said
        assert rows
        assert {"chosen", "rejected"} <= rows[0].keys()
        assert all("ann" not in json.dumps(row) for row in rows)
        assert chat.view.private


async def test_what_was_not_allowed_is_refused_with_the_reason() -> None:
    clock = ManualClock()
    async with asking(model=Counting(), clock=clock) as chat:
        await collected(chat)
        await clock.advance(1.0)
        said = await chat.operate("/rank export eggs")
        assert said.startswith("Nothing was exported: ")
        assert "no permission of the platform is recorded" in said
        await permitted(chat)
        await chat.ask("/privacy withdraw train")
        assert "did not agree to it" in await chat.operate("/rank export eggs")


async def test_a_campaign_or_a_format_that_there_is_not_is_said_to_be_missing() -> None:
    async with asking(model=Counting()) as chat:
        assert await chat.operate("/rank export ham") == "There is no campaign 'ham' here."
        await chat.operate("/rank campaign new eggs pair 2")
        assert (await chat.operate("/rank export eggs xml")).startswith(
            "That is no format; there are canonical"
        )
