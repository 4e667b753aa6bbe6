"""What every store must do with what people allow, with frozen datasets, and for those who leave, as tests.

They are part of `rostra.testing.stores.StoreContract`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from ..errors import StoreError
from ..feedback.values import (
    Candidate,
    DatasetMember,
    Exclusion,
    ExportArtifact,
    Exposure,
    Lineage,
    Permit,
    Thumb,
    new_id,
)
from ..places import Person
from ..stores import Store
from ..versions import ModelVersion
from .ballots import asked, begun, consent, dataset, ranked, somebody
from .judging import NEVER, everything
from .samples import AWKWARD, NOON, ROOM, THREAD


async def frozen(store: Store, judgments: Sequence[str], name: str = "first") -> str:
    """Freeze a dataset of ``judgments``, export it, and train a model on it. Return the dataset's id."""
    begun_ = await store.begin_dataset(dataset(name))
    await store.add_members(begun_.id, [DatasetMember(judgment=one, split="train") for one in judgments])
    await store.finish_dataset(begun_.id, "0" * 64)
    await store.add_export(
        ExportArtifact(
            id=new_id(), dataset=begun_.id, format="trl", uri="f", sha256="1" * 64, rows=1, key="k", at=NOON
        )
    )
    return begun_.id


class ConsentContract:
    """Tests for consent, datasets and erasure of a store, which is empty when each begins."""

    @pytest.fixture
    def store(self) -> Store:
        raise NotImplementedError("provide the store to test")

    @pytest.mark.asyncio
    async def test_what_somebody_allowed_last_counts_in_that_workspace(self, store: Store) -> None:
        ben, here = await somebody(store, "ben"), await store.workspace(ROOM)
        assert await store.consents(ben, ROOM) == {}
        later = NOON + timedelta(hours=1)
        events = [
            consent(ben, "rate"),
            consent(ben, "train"),
            consent(ben, "train", granted=False, at=later),
            consent(ben, "train", place=replace(ROOM, workspace="elsewhere")),
        ]
        for event in (*events, *events):
            await store.consent(event)
        found = await store.consents(ben, THREAD)
        assert {scope: event.granted for scope, event in found.items()} == {"rate": True, "train": False}
        assert (found["rate"].notice_version, found["rate"].evidence) == ("1", "privacy command")
        assert await store.consenting("rate") == {(ben, here)}
        elsewhere = await store.workspace(replace(ROOM, workspace="elsewhere"))
        assert await store.consenting("train") == {(ben, elsewhere)}
        assert await store.consenting("publish") == frozenset()

    @pytest.mark.asyncio
    async def test_a_permission_holds_for_its_workspace_until_it_ends(self, store: Store) -> None:
        owner = await somebody(store, "owner")

        def permit(minutes: int, *, granted: bool) -> Permit:
            at = NOON + timedelta(minutes=minutes)
            return Permit(
                id=new_id(), kind="platform", place=ROOM, granted=granted, evidence=AWKWARD, at=at, by=owner
            )

        await store.permit(permit(0, granted=True))
        assert await store.permitted("platform") == {await store.workspace(THREAD)}
        assert await store.permitted("workspace") == frozenset()
        assert (await store.permits(THREAD))["platform"].evidence == AWKWARD
        assert (await store.permits(THREAD))["platform"].by == owner
        await store.permit(permit(1, granted=False))
        assert await store.permitted("platform") == frozenset()

    @pytest.mark.asyncio
    async def test_a_frozen_dataset_holds_what_it_held(self, store: Store) -> None:
        plan = await begun(store, overlap=4)
        await asked(store, plan)
        judgments = [await ranked(store, plan, name) for name in "abc"]
        first = await store.begin_dataset(dataset())
        assert (first.version, await store.datasets()) == (1, [])
        for part in (judgments[:2], judgments[1:]):
            members = [DatasetMember(judgment=one.id, split="test", weight=0.5) for one in part]
            await store.add_members(first.id, members)
        done = await store.finish_dataset(first.id, "f" * 64)
        assert (done.manifest, done.tainted_at, done.query) == ("f" * 64, None, {"campaign": "any"})
        with pytest.raises(StoreError, match="is frozen"):
            await store.add_members(first.id, [DatasetMember(judgment=judgments[0].id, split="train")])
        with pytest.raises(StoreError, match="no dataset"):
            await store.add_members(new_id(), [])
        held = await store.lease(plan.id, judgments[0].person)
        assert held is None
        await store.exclude(
            Exclusion(id=new_id(), kind="judgment", target=judgments[1].id, reason="x", at=NOON)
        )
        ids = sorted(one.id for one in judgments)
        assert [one.judgment async for one in store.members(first.id)] == ids
        assert [one.judgment for one in await everything(store, dataset=first.id)] == ids
        await frozen(store, ids[:1])
        assert [one.version for one in await store.datasets("first")] == [2, 1]
        newest, oldest = await store.dataset("first"), await store.dataset("first", 1)
        assert newest is not None
        assert newest.version == 2
        assert oldest == done
        assert await store.dataset("other") is None
        assert [one.dataset for one in await store.exports()] == [newest.id]
        assert list(await store.exports(first.id)) == []

    @pytest.mark.asyncio
    async def test_what_an_erased_person_said_and_was_answered_is_gone_and_its_traces_are_named(
        self, store: Store
    ) -> None:
        plan = await begun(store, overlap=2)
        one = await asked(store, plan, asker="ann")
        ann = await somebody(store, "ann")
        judgments = [await ranked(store, plan, name, comment=name) for name in ("ben", "cat")]
        two = await asked(store, plan, "Another?", asker="cat")
        edit = Candidate(
            id=new_id(), batch=two.batch.id, ordinal=9, text="Ann's", origin="edit", author=ann,
            edited_from=two.candidates[0].id,
        )  # fmt: skip
        await store.add_candidates([edit])
        touched = await frozen(store, [judgments[0].id])
        other = await ranked(store, plan, "dan")
        untouched_plan = await begun(store, "untouched")
        await asked(store, untouched_plan, "Mine?", asker="cat")
        kept = await ranked(store, untouched_plan, "dan")
        untouched = await frozen(store, [kept.id], "second")
        parent = await store.model_version(ModelVersion(name="tuned", content="a" * 64))
        child = await store.model_version(ModelVersion(name="grown", content="b" * 64, parent=parent))
        await store.model_version(ModelVersion(name="other", content="c" * 64))
        await store.expose(Exposure(id=new_id(), model_version=parent, dataset=touched, run="r", at=NOON))

        before = await store.lineage(ann)
        done = await store.erase("test", "ann")

        assert (done.known, done.withdrawn, done.judgments) == (True, False, 0)
        assert done.texts == 1 + 4 + 1, "her question, what she was answered, what she changed"
        for lineage in (before, done.lineage):
            assert [found.id for found in lineage.datasets] == [touched]
            assert [found.dataset for found in lineage.exports] == [touched]
            assert lineage.models == tuple(sorted([parent, child]))
        assert done.lineage.datasets[0].tainted_at is not None
        assert done.lineage.exports[0].recalled_at is not None
        hers, theirs = await store.shown([one.batch.id, two.batch.id])
        assert not any(line.retained or line.text for line in hers.batch.context)
        assert not any(found.retained or found.text for found in hers.candidates)
        assert hers.candidates[0].characters == len("because.")
        assert [found.retained for found in theirs.candidates] == [True] * 4 + [False]
        assert theirs.batch.question == "Another?"
        assert await store.account(ann) is None
        assert await somebody(store, "ann") != ann
        assert {found.id for found in await store.datasets() if found.tainted_at is None} == {untouched}
        for said_ in (*judgments, other, kept):
            assert await store.judgment(said_.id) == replace(said_, revision=1)
        assert len(await everything(store)) == 4

    @pytest.mark.asyncio
    async def test_what_an_erased_rater_judged_stays_nameless_or_is_withdrawn(self, store: Store) -> None:
        plan = await begun(store, overlap=3)
        await asked(store, plan)
        bens, cats = [await ranked(store, plan, name, comment="why") for name in ("ben", "cat")]
        await store.consent(consent(bens.person, "train"))
        held = await store.lease(plan.id, await somebody(store, "dan"))
        assert held is not None
        await store.save_draft(held.id, "B > my name is Dan")
        touched = await frozen(store, [bens.id, cats.id])
        assert (await store.erase("test", "ben")).judgments == 1
        assert await store.consenting("train") == frozenset()
        assert {one.judgment for one in await everything(store)} == {bens.id, cats.id}
        left = await store.judgment(bens.id)
        assert left == replace(bens, revision=1, comment="")
        assert [one.id for one in (await store.lineage(bens.person)).datasets] == [touched]
        done = await store.erase("test", "cat", withdraw=True)
        assert done.withdrawn
        (entry,) = await store.audited(None, 1)
        assert (entry.action, entry.by, entry.detail) == ("erase person", "", done.counts)
        assert "cat" not in entry.subject, "the log of changes stays, and is to name nobody"
        assert [one.judgment for one in await everything(store)] == [bens.id]
        await store.erase("test", "dan")
        gone = await store.assignment(held.id)
        assert gone is not None
        assert (gone.draft, gone.state) == ("", "released")
        assert not (await store.erase("test", "nobody")).known

    @pytest.mark.asyncio
    async def test_who_is_erased_while_a_dataset_is_frozen_taints_it(self, store: Store) -> None:
        plan = await begun(store)
        await asked(store, plan)
        bens = await ranked(store, plan, "ben")
        begun_ = await store.begin_dataset(dataset())
        await store.add_members(begun_.id, [DatasetMember(judgment=bens.id, split="train")])
        await store.erase("test", "ben")
        assert (await store.finish_dataset(begun_.id, "0" * 64)).tainted_at is not None

    @pytest.mark.asyncio
    async def test_who_takes_back_training_taints_what_they_are_in(self, store: Store) -> None:
        plan = await begun(store)
        await asked(store, plan, asker="ann")
        bens = await ranked(store, plan, "ben")
        touched = await frozen(store, [bens.id])
        ann = await somebody(store, "ann")
        await store.consent(consent(ann, "train", granted=False, place=replace(ROOM, workspace="x")))
        await store.consent(consent(ann, "rate", granted=False))
        assert (await store.datasets())[0].tainted_at is None
        await store.consent(consent(ann, "train", granted=False))
        assert [one.id for one in await store.datasets() if one.tainted_at] == [touched]
        assert (await store.exports())[0].recalled_at is not None

    @pytest.mark.asyncio
    async def test_texts_expire_unless_whoever_they_belong_to_has_them_kept(self, store: Store) -> None:
        plan = await begun(store, overlap=2)
        for name in ("ann", "eve"):
            await store.consent(consent(await somebody(store, name), "store"))
        await store.consent(
            consent(await somebody(store, "eve"), "store", granted=False, at=NOON + timedelta(days=1))
        )
        kept, withdrawn, never = [await asked(store, plan, asker=name) for name in ("ann", "eve", "fay")]
        bens = await ranked(store, plan, "ben", comment="mine")
        assert bens.task == kept.task.id
        assert await store.purge(NEVER) == 5 + 5 + 1
        found = await store.shown([kept.batch.id, withdrawn.batch.id, never.batch.id])
        assert [one.batch.context[0].retained for one in found] == [True, False, False]
        assert [one.candidates[0].text for one in found] == ["because.", "", ""]
        tasks = [await store.task(one.task.id) for one in (kept, withdrawn, never)]
        assert [task.status for task in tasks if task is not None] == ["open", "void", "void"]
        assert await store.judgment(bens.id) == replace(bens, revision=1, comment="")
        assert await store.purge(NEVER) == 0

    @pytest.mark.asyncio
    async def test_everybody_can_read_what_is_kept_about_them(self, store: Store) -> None:
        plan = await begun(store, overlap=2)
        await asked(store, plan, "mine?", asker="ann")
        own = await ranked(store, plan, "ann", comment="so there")
        await ranked(store, plan, "ben", comment="not hers")
        ann = own.person
        await store.consent(consent(ann, "rate"))
        await store.thumb(Thumb(id=new_id(), reply=new_id(), person=ann, value=1, at=NOON, place=ROOM))
        found = await store.dossier(ann)
        assert sorted((one.kind, one.text) for one in found.texts) == [
            ("comment", "so there"),
            ("line", "mine?"),
        ]
        assert [one.id for one in found.judgments] == [own.id]
        assert [one.scope for one in found.consents] == ["rate"]
        assert [one.value for one in found.thumbs] == [1]
        assert found.lineage == Lineage()
        stranger = await store.dossier(await store.pseudonym("test", Person(id="stranger")))
        assert (stranger.texts, stranger.judgments, stranger.thumbs) == ((), (), ())
