"""Ballots on Discord: consent, answers under letters pressed one after the other or given points, also across a restart."""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path

import pytest
import simcord
from discord_stand import Stand, bot_of, configured, running, stand

from rostra.protocols import Duplicate
from rostra.testing.clock import ManualClock

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
        for _ in range(4):
            assert isinstance(await world.app.reception.accept(world.heard[-1]), Duplicate)
        said = [one async for one in world.app.parts.store.judged(superseded=True)]
        assert [(one.surface, one.tiers, one.loose) for one in said] == [("discord", (2, 1, 3, 3), 3)]
        assert set(said[0].answerers) == {"default", "hen", "pot", "pan"}


RATED = PARTS + '\n[permissions]\noperator = ["discord/*:*"]'


@pytest.mark.slow
async def test_an_answer_gets_its_points_in_a_modal_of_menus(tmp_path: Path) -> None:
    async with stand(tmp_path, more=RATED) as world:
        ann, channel = world.ann, world.channel
        await world.asks("how do I boil an egg?")
        await world.asks("/privacy allow rate")
        await world.asks("/rank campaign new eggs rate 2 1 hen,pot")
        await world.asks("/rank campaign set eggs axes helpful 5, true 3")
        await world.asks("/rank campaign add eggs", reply_to=world.mine()[0])
        shown = await ann.slash(channel, "rank next")
        await world.done()
        opened = await ann.click(shown.response, label="B")
        assert opened.modal is not None
        await ann.submit_modal(opened, {"5": ["4"]})
        await world.done()
        again = await ann.click(shown.response, label="B")
        assert again.modal is not None
        menus = [one["component"] for one in again.modal["components"]]
        picked = [[one["value"] for one in menu["options"] if one.get("default")] for menu in menus]
        assert picked == [["4"], []], "what was given is there when the form is opened again"
        await ann.submit_modal(again, {"5": ["4"], "6": ["1"]})
        await world.done()
        await ann.click(shown.response, label="5")  # for A, on the first axis
        await world.done()
        assert [one async for one in world.app.parts.store.judged()] == []
        await ann.click(shown.response, label="3")
        await world.done()
        store = world.app.parts.store
        (said,) = [one async for one in store.judged()]
        (remark,) = await store.remarks([said.judgment])
    slots = {candidate: "AB"[slot] for slot, candidate in enumerate(said.candidates)}
    given = {(slots[one.candidate], one.axis): one.value for one in remark.ratings}
    assert given == {("A", "helpful"): 5, ("A", "true"): 3, ("B", "helpful"): 4, ("B", "true"): 1}
    assert (said.surface, said.tiers) == ("discord", (None, None))


@pytest.mark.slow
async def test_a_ballot_goes_on_with_its_old_buttons_after_a_restart(tmp_path: Path) -> None:
    clock, file = ManualClock(), configured(tmp_path, url="", more=MORE)
    async with AsyncExitStack() as world:
        async with bot_of(file, tmp_path, clock) as (app, adapter):
            env = await world.enter_async_context(simcord.run(adapter.make(), shard_count=1))
            world.enter_context(env.time_context())
            async with running(app, []):
                before = Stand(env, app, adapter, clock)
                await before.asks("how do I boil an egg?")
                shown = await before.ann.slash(
                    before.channel, "rank new", k="4", answerers="default,hen,pot,pan"
                )
                await before.done()
                for label in ("I agree", "B", "D"):
                    await before.ann.click(shown.response, label=label)
                    await before.done()
            before.adapter._client = None  # the world goes on; only the bot is another
        async with bot_of(file, tmp_path, clock) as (app, adapter):
            await env.restart_bot(adapter.make())
            world.enter_context(env.time_context())
            async with running(app, []):
                after = replace(before, app=app, adapter=adapter)
                resumed = await before.ann.slash(before.channel, "rank resume")
                await after.done()
                drawn = str(env.backend.get_message(before.channel.id, resumed.response.id).components)
                for label in ("A", "Save"):
                    await before.ann.click(shown.response, label=label)
                    await after.done()
                said = [one.tiers async for one in app.parts.store.judged()]
    assert "So far: B > D > …" in drawn
    assert said == [(3, 1, 4, 2)]
