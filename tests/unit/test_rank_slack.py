"""A ballot on Slack: consent, answers in one message, places given in a modal, and read back."""

from __future__ import annotations

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
            ann.submit(values={"A": "2", "B": "1", "C": "2"})
            await server.until(lambda: "Saved: B > A = C" in seen(server))
            said = [one async for one in app.parts.store.judged()]
        assert [(one.surface, one.tiers) for one in said] == [("slack", (2, 1, 2))]


def seen(server: SlackServer) -> str:
    """Return all that the bot shows now."""
    return str([one.blocks for one in (*server.answers(), *server.ephemeral)])
