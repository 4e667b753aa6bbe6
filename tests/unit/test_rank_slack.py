"""Ballots on Slack: consent, answers in one message, places or points given in a modal, read back, also across a restart."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from slack_whole import changed, running, settings_of

from rostra.testing.slack_server import SlackServer

PARTS = "\n".join(
    f'[models.{name}]\nkind = "canned"\notherwise = "{text}"\n[answerers.{name}]\nmodel = "{name}"'
    for name, text in (("hen", "Ask a hen."), ("pot", "In water."))
)


@pytest.mark.slow
async def test_answers_are_given_places_in_a_modal(tmp_path: Path) -> None:
    async with SlackServer() as server:
        settings_of(tmp_path, server)
        settings = changed(tmp_path, "[permissions]", f'{PARTS}\n[permissions]\nrater = ["slack/T1:*"]')
        async with running(settings) as app:
            ann = server.user("U1")
            root = ann.mention("C1", "how do I boil an egg?")
            await server.until_text("Fine.")
            ann.mention("C1", "/rank new 3 default,hen,pot", thread_ts=root.ts)
            await server.until(lambda: "Before you rank" in seen(server))
            ann.press("I agree")
            await server.until(lambda: "Which is best?" in seen(server))
            ann.press("Rank 3 answers")
            await server.until(lambda: server.views)
            sent = ann.submit(values={"A": "2", "B": "1", "C": "2"})
            await server.until(lambda: "Saved: B > A = C" in seen(server))
            for _ in range(4):
                await server.repeat(sent)
            ann.mention("C1", "/rank vote C > A = B", thread_ts=root.ts)
            await server.until(lambda: "Changed: C > A = B" in seen(server))
            for _ in range(4):
                await server.repeat()
            await server.delivered()
            said = [one async for one in app.parts.store.judged(superseded=True)]
        assert len(said) == 2
        assert {(one.revision, one.surface, one.tiers) for one in said} == {
            (1, "slack", (2, 1, 2)),
            (2, "slack", (2, 2, 1)),
        }


def shows(server: SlackServer, text: str) -> bool:
    return text in seen(server)


def seen(server: SlackServer) -> str:
    """Return all that the bot shows now."""
    return "\n".join(f"{one.blocks} {one.text}" for one in (*server.answers(), *server.ephemeral))


RATED = f'{PARTS}\n[permissions]\noperator = ["slack/T1:*"]'


@pytest.mark.slow
async def test_answers_are_given_points_in_a_modal_of_menus(tmp_path: Path) -> None:
    async with SlackServer() as server:
        settings_of(tmp_path, server)
        settings = changed(tmp_path, '[permissions]\noperator = ["slack/T1:@admin", "slack/T1:@S1"]', RATED)
        async with running(settings) as app:
            ann = server.user("U1")
            root = ann.mention("C1", "how do I boil an egg?")
            await server.until_text("Fine.")
            for line, answered in (
                ("/privacy allow rate", "Thank you."),
                ("/rank campaign new eggs rate 2 1 hen,pot", "is open"),
                ("/rank campaign set eggs axes helpful 5, true 3", "is changed"),
                ("/rank campaign add eggs", "It is in"),
                ("/rank next", "A: how helpful, from 1 to 5?"),
            ):
                ann.mention("C1", line, thread_ts=root.ts)
                await server.until(partial(shows, server, answered))
            ann.press("4")
            await server.until(lambda: "A: how true, from 1 to 3?" in seen(server))
            ann.press("Rate 2 answers")
            await server.until(lambda: server.views)
            assert "'initial_option': {'text': {'type': 'plain_text', 'text': '4'" in str(
                server.views[-1].body
            )
            ann.submit(values={"A helpful": "4", "A true": "3", "B helpful": "2", "B true": "1"})
            await server.until(lambda: "Saved: A: helpful 4, true 3; B: helpful 2, true 1" in seen(server))
            (said,) = [one async for one in app.parts.store.judged()]
            (remark,) = await app.parts.store.remarks([said.judgment])
        assert (said.surface, said.tiers) == ("slack", (None, None))
        assert sorted(one.value for one in remark.ratings) == [1, 2, 3, 4]


@pytest.mark.slow
async def test_a_ballot_goes_on_with_its_old_buttons_after_a_restart(tmp_path: Path) -> None:
    async with SlackServer() as server:
        settings_of(tmp_path, server)
        changed(tmp_path, 'url = "memory:"', 'url = ""')
        settings = changed(tmp_path, "[permissions]", f'{PARTS}\n[permissions]\nrater = ["slack/T1:*"]')
        ann = server.user("U1")
        async with running(settings):
            root = ann.mention("C1", "how do I boil an egg?")
            await server.until_text("Fine.")
            ann.mention("C1", "/privacy allow rate", thread_ts=root.ts)
            await server.until(lambda: "Thank you." in seen(server))
            ann.mention("C1", "/rank new 3 default,hen,pot", thread_ts=root.ts)
            await server.until(lambda: "Which is best?" in seen(server))
            shown = server.ephemeral[-1]
            ann.mention("C1", "/rank vote C", thread_ts=root.ts)
            await server.until(lambda: "So far: C > \u2026" in seen(server))
            old = server.ephemeral[-1]
        async with running(settings) as app:
            ann.mention("C1", "/rank resume", thread_ts=root.ts)
            await server.until(lambda: seen(server).count("So far: C > \u2026") > 1)
            ann.press("Save", on=old)
            await server.until(lambda: "Saved: +C" in seen(server))
            ann.press("Rank 3 answers", on=shown)
            await server.until(lambda: server.views)
            ann.submit(values={"A": "2", "B": "1", "C": "2"})
            await server.until(lambda: "Changed: B > A = C" in seen(server))
            assert [one.tiers async for one in app.parts.store.judged()] == [(2, 1, 2)]
