"""What every store must keep of what answers, as tests: versions of models, how answers are drawn, what is deployed where.

They are part of `rostra.testing.stores.StoreContract`.
"""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from ..chat import Sampling
from ..errors import StoreError
from ..stores import Store
from ..versions import Deployment, ModelVersion, sampling_id
from .dockets import NEVER
from .samples import ANN, AWKWARD, NOON, ROOM

VERSION = ModelVersion(
    name="tiny",
    source="hf:somebody/tiny@0123abc",
    content="ab" * 32,
    parameters=3_000_000_000,
    licence="apache-2.0",
    made_at=NOON,
    meta={"architecture": "llama", "files": {"model.safetensors": "cd" * 32}},
)
SAMPLING = Sampling(temperature=0.7, top_p=0.9, max_tokens=64, stop=("\n\n", AWKWARD), seed=7)


class VersionContract:
    """Tests for the part of a store that remembers what answered. The store is empty when each begins."""

    @pytest.fixture
    def store(self) -> Store:
        raise NotImplementedError("provide the store to test")

    @pytest.mark.asyncio
    async def test_a_version_comes_back_as_it_was(self, store: Store) -> None:
        assert list(await store.model_versions()) == []
        id_ = await store.model_version(VERSION)
        assert id_ == VERSION.id
        assert await store.version_of(id_) == VERSION
        bare = ModelVersion(name="at a server", kind="external", source="https://example.org/v1")
        assert await store.version_of(await store.model_version(bare)) == bare
        assert [one.name for one in await store.model_versions()] == ["at a server", "tiny"]

    @pytest.mark.asyncio
    async def test_a_version_is_kept_once_and_stays_as_it_was_first(self, store: Store) -> None:
        again = replace(VERSION, name="renamed", licence="unknown")
        ids = await asyncio.gather(*(store.model_version(VERSION) for _ in range(3)))
        assert set(ids) == {await store.model_version(again)} == {VERSION.id}
        assert list(await store.model_versions()) == [VERSION]

    @pytest.mark.asyncio
    async def test_a_version_leads_back_to_what_it_was_made_from(self, store: Store) -> None:
        child = ModelVersion(name="tuned", kind="sft", content="ef" * 32, parent=VERSION.id)
        orphans = (child, replace(child, parent="nothing"))
        refused = await asyncio.gather(
            *(store.model_version(orphan) for orphan in orphans), return_exceptions=True
        )
        assert [type(one) for one in refused] == [StoreError, StoreError]
        assert all("that 'tuned' was made from" in str(one) for one in refused)
        await store.model_version(VERSION)
        found = await store.version_of(await store.model_version(child))
        assert found is not None
        assert await store.version_of(found.parent) == VERSION

    @pytest.mark.asyncio
    async def test_how_answers_are_drawn_is_kept_once(self, store: Store) -> None:
        ids = {
            await store.sampling_config(sampling)
            for sampling in (SAMPLING, SAMPLING, replace(SAMPLING, n=4, place=ROOM))
        }
        assert ids == {sampling_id(SAMPLING)}
        assert await store.sampling_of(ids.pop()) == SAMPLING
        assert await store.sampling_of(await store.sampling_config(Sampling())) == Sampling()

    @pytest.mark.asyncio
    async def test_an_unknown_id_leads_nowhere(self, store: Store) -> None:
        for unknown in ("nothing", "0" * 32, ""):
            assert await store.version_of(unknown) is None
            assert await store.sampling_of(unknown) is None

    @pytest.mark.asyncio
    async def test_what_answered_outlives_a_purge(self, store: Store) -> None:
        id_, drawn = await store.model_version(VERSION), await store.sampling_config(SAMPLING)
        await store.purge(NEVER)
        assert await store.version_of(id_) == VERSION
        assert await store.sampling_of(drawn) == SAMPLING

    @pytest.mark.asyncio
    async def test_deployments_come_back_newest_first_as_they_were_made(self, store: Store) -> None:
        assert list(await store.deployments()) == []
        version = await store.model_version(VERSION)
        first = Deployment(
            version=version,
            name="tiny",
            place=ROOM.key,
            run="runs/sft-1",
            lineage=({"stage": "sft", "data": [AWKWARD]},),
            evidence={"validation_loss": 1.25},
        )
        made = await store.deploy(first, actor=ANN, adapter=ROOM.adapter)
        assert (made.by, replace(made, id="", at=None, by="")) == (ANN.id, first)
        again = await store.deploy(Deployment(version=version, name="tiny", state="withdrawn"))
        assert (again.place, again.by) == ("*", "")
        assert list(await store.deployments()) == [again, made]
        assert made.at is not None
        assert again.at is not None
        assert made.at <= again.at

    @pytest.mark.asyncio
    async def test_a_deployment_is_of_a_version_that_is_known_and_is_in_the_log_of_changes(
        self, store: Store
    ) -> None:
        unknown = store.deploy(Deployment(version=VERSION.id, name="tiny"))
        (refused,) = await asyncio.gather(unknown, return_exceptions=True)
        assert isinstance(refused, StoreError)
        assert "the version of 'tiny', " in str(refused)
        assert list(await store.deployments()) == []
        await store.deploy(Deployment(version=await store.model_version(VERSION), name="tiny"), actor=ANN)
        (entry,) = await store.audited(None)
        assert (entry.action, entry.subject) == ("deploy", "model tiny")
        assert entry.detail == {"version": VERSION.id, "state": "active"}

    @pytest.mark.asyncio
    async def test_what_is_deployed_outlives_a_purge(self, store: Store) -> None:
        made = await store.deploy(Deployment(version=await store.model_version(VERSION), name="tiny"))
        await store.purge(NEVER)
        assert list(await store.deployments()) == [made]
