"""A ballot on Discord: consent, four answers under letters, pressed one after the other, and saved."""

from __future__ import annotations

from pathlib import Path

import pytest
from discord_stand import stand

PARTS = "\n".join(
    f'[models.{name}]\nkind = "canned"\notherwise = "{text}"\n[answerers.{name}]\nmodel = "{name}"'
    for name, text in (("hen", "Ask a hen."), ("pot", "In water."), ("pan", "Seven minutes."))
)
MORE = f'{PARTS}\n[permissions]\nrater = ["discord/*:*"]'


@pytest.mark.slow
async def test_answers_are_ranked_by_pressing_their_letters(tmp_path: Path) -> None:
    async with stand(tmp_path, more=MORE) as world:
        await world.asks("how do I boil an egg?")
        asked = await world.ann.slash(world.channel, "rank new", k="4", answerers="default,hen,pot,pan")
        await world.done()
        assert asked.ephemeral
        assert "Before you rank" in str(asked.response.content)
        await world.ann.click(asked.response, label="I agree")
        await world.done()
        for label in ("B", "A", "Save"):
            await world.ann.click(asked.response, label=label)
            await world.done()
        said = [one async for one in world.app.parts.store.judged()]
        assert [(one.surface, one.tiers, one.loose) for one in said] == [("discord", (2, 1, 3, 3), 3)]
        assert set(said[0].answerers) == {"default", "hen", "pot", "pan"}
