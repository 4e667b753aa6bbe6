"""Frozen datasets, and what becomes of people who leave, in a store that forgets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import replace
from datetime import datetime

from uuid_utils import uuid7

from ..clock import Clock
from ..errors import StoreError
from ..feedback.values import (
    Batch,
    Candidate,
    ConsentEvent,
    ConsentScope,
    DatasetMember,
    DatasetVersion,
    Dossier,
    Erasure,
    Exclusion,
    ExportArtifact,
    Exposure,
    Lineage,
    OwnText,
)
from ..versions import ModelVersion
from .memory_feedback import MemoryJudgments, outside

ENDS = frozenset({"train", "publish"})


class MemoryFeedback(MemoryJudgments):
    """A `rostra.feedback.stores.Feedback` that lives as long as the process."""

    _models: dict[str, ModelVersion]

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self._datasets: dict[str, DatasetVersion] = {}
        self._members: dict[str, dict[str, DatasetMember]] = {}
        self._exports: dict[str, ExportArtifact] = {}
        self._exposures: dict[str, Exposure] = {}
        self._erased: list[tuple[datetime, str]] = []

    async def begin_dataset(self, dataset: DatasetVersion) -> DatasetVersion:
        if dataset.id in self._datasets:
            return self._datasets[dataset.id]
        last = max((one.version for one in self._datasets.values() if one.name == dataset.name), default=0)
        begun = replace(dataset, version=last + 1, manifest="", at=self._time.now())
        self._datasets[dataset.id] = begun
        self._members[dataset.id] = {}
        return begun

    async def add_members(self, dataset: str, members: Sequence[DatasetMember]) -> None:
        there = self._datasets.get(dataset)
        if there is None:
            raise StoreError(f"there is no dataset {dataset!r}; begin it first")
        if there.manifest:
            raise StoreError(
                f"dataset {there.name!r} version {there.version} is frozen; begin another version"
            )
        for member in members:
            self._members[dataset].setdefault(member.judgment, member)

    async def finish_dataset(self, dataset: str, manifest: str) -> DatasetVersion:
        there = self._datasets.get(dataset)
        if there is None or not manifest:
            raise StoreError(f"there is no dataset {dataset!r} to finish, or no manifest")
        if there.manifest:
            return there
        gone = {who for at, who in self._erased if at >= there.at}
        tainted = self._time.now() if dataset in self._containing(gone) else None
        self._datasets[dataset] = replace(there, manifest=manifest, tainted_at=tainted)
        return self._datasets[dataset]

    async def datasets(self, name: str | None = None) -> Sequence[DatasetVersion]:
        found = [one for one in self._datasets.values() if one.manifest and name in {None, one.name}]
        return sorted(found, key=lambda one: (one.at, one.version), reverse=True)

    async def dataset(self, name: str, version: int | None = None) -> DatasetVersion | None:
        return next((one for one in await self.datasets(name) if version in {None, one.version}), None)

    def _member_ids(self, dataset: str) -> Sequence[str]:
        return list(self._members.get(dataset, ()))

    async def members(self, dataset: str) -> AsyncIterator[DatasetMember]:
        for _, member in sorted(self._members.get(dataset, {}).items()):
            yield member

    async def add_export(self, export: ExportArtifact) -> None:
        self._exports.setdefault(export.id, export)

    async def exports(self, dataset: str | None = None) -> Sequence[ExportArtifact]:
        found = [one for one in self._exports.values() if dataset in {None, one.dataset}]
        return sorted(found, key=lambda one: (one.at, one.id))

    async def expose(self, exposure: Exposure) -> None:
        self._exposures.setdefault(exposure.id, exposure)

    async def lineage(self, person: str) -> Lineage:
        return await self._lineage(self._containing({person}))

    async def _lineage(self, ids: Collection[str]) -> Lineage:
        exports = [one for one in await self.exports() if one.dataset in ids]
        fresh = {one.model_version for one in self._exposures.values() if one.dataset in ids}
        seen = set[str]()
        while fresh:
            seen |= fresh
            fresh = {id_ for id_, model in self._models.items() if model.parent in fresh} - seen
        return Lineage(
            datasets=tuple(one for one in await self.datasets() if one.id in ids),
            exports=tuple(exports),
            models=tuple(sorted(seen)),
        )

    def _containing(self, people: Collection[str], space: str | None = None) -> set[str]:
        """Return the datasets that hold what ``people`` judged, asked or wrote (in a workspace)."""
        found: set[str] = set()
        for id_, members in self._members.items():
            for judgment in members:
                kept = self._judgments[judgment]
                batch = self._batches[kept.batch]
                authors = {self._candidates[one].author for one in self._answers[batch.id]}
                here = space is None or self.space(batch.place) == space
                if here and not {kept.judgment.person, *batch.authors, *authors}.isdisjoint(people):
                    found.add(id_)
                    break
        return found

    def _taint(self, ids: Collection[str]) -> None:
        now = self._time.now()
        for id_ in ids:
            one = self._datasets[id_]
            self._datasets[id_] = replace(one, tainted_at=one.tainted_at or now)
        for export in list(self._exports.values()):
            if export.dataset in ids:
                self._exports[export.id] = replace(export, recalled_at=export.recalled_at or now)

    async def consent(self, event: ConsentEvent) -> None:
        await super().consent(event)
        if not event.granted and event.scope in ENDS:
            self._taint(self._containing({event.person}, self.space(event.place)))

    async def dossier(self, person: str) -> Dossier:
        judgments = [kept.judgment for kept in self._judgments.values() if kept.judgment.person == person]
        targets = {person, *(one.id for one in judgments)}
        mine = sorted((one for one in self._consents.values() if one.person == person), key=_at)
        return Dossier(
            person=person,
            consents=tuple(mine),
            texts=tuple(self._texts_of(person)),
            judgments=tuple(judgments),
            thumbs=tuple(
                replace(one, source_event="", place=outside(one.place))
                for one in self._thumbs.values()
                if one.person == person
            ),
            exclusions=tuple(one for one in self._exclusions.values() if one.target in targets),
            lineage=await self.lineage(person),
        )

    def _texts_of(self, person: str) -> Sequence[OwnText]:
        lines = [
            OwnText(id=batch.id, kind="line", text=line.text, at=batch.at)
            for batch in self._batches.values()
            for line in batch.context
            if line.author == person and line.retained
        ]
        answers = [
            OwnText(id=one.id, kind="candidate", text=one.text, at=self._batches[one.batch].at)
            for one in self._candidates.values()
            if one.author == person and one.retained
        ]
        comments = [
            OwnText(id=kept.judgment.id, kind="comment", text=kept.judgment.comment, at=kept.stored_at)
            for kept in self._judgments.values()
            if kept.judgment.person == person and kept.judgment.comment
        ]
        return [*lines, *answers, *comments]

    async def erase(self, adapter: str, person: str, *, withdraw: bool = False) -> Erasure:
        who = self._people.pop((adapter, person), None)
        if who is None:
            return Erasure(known=False)
        held = self._containing({who})
        said = [kept for kept in self._judgments.values() if kept.judgment.person == who]
        texts = self._empty({who}, None)
        for one in list(self._assignments.values()):
            if one.person == who:
                self._set(one, draft="", state="released" if one.state == "leased" else one.state)
        self._gone.add(who)
        self._erased.append((self._time.now(), who))
        self._taint(held)
        if withdraw and said:
            out = Exclusion(
                id=uuid7().hex,
                kind="person",
                target=who,
                reason="withdrawn",
                method="erasure",
                at=self._time.now(),
            )
            self._exclusions[out.id] = out
        return Erasure(
            known=True,
            texts=texts,
            judgments=len(said),
            withdrawn=withdraw,
            lineage=await self._lineage(held),
        )

    def _empty(self, people: Collection[str] | None, before: datetime | None) -> int:
        """Empty the texts of ``people``, or those older than ``before`` whose owners do not have them kept."""
        count = 0
        storing = self._storing("store")

        def goes(owner: str, batch: Batch, at: datetime) -> bool:
            if people is not None:
                return owner in people
            return bool(owner and before and at < before and (owner, self.space(batch.place)) not in storing)

        for batch in list(self._batches.values()):
            lost = sum(
                self._empty_candidate(one, goes=goes(one.author or batch.asker, batch, batch.at))
                for one in self._of(batch)
            )
            lines = [
                replace(line, text="", retained=False)
                if goes(line.author or batch.asker, batch, batch.at)
                else line
                for line in batch.context
            ]
            lost += sum(new.retained != old.retained for new, old in zip(lines, batch.context, strict=True))
            place = batch.place
            if people is not None and batch.asker in people:
                place = replace(place, channel="", thread=None)
            self._batches[batch.id] = replace(batch, context=tuple(lines), place=place)
            if lost:
                self._void(batch.id)
            count += lost
        for id_, kept in list(self._judgments.items()):
            one = kept.judgment
            if one.comment and goes(one.person, self._batches[kept.batch], kept.stored_at):
                self._judgments[id_] = kept._replace(judgment=replace(one, comment=""))
                count += 1
        return count

    def _of(self, batch: Batch) -> Sequence[Candidate]:
        return [self._candidates[id_] for id_ in self._answers[batch.id]]

    def _empty_candidate(self, one: Candidate, *, goes: bool) -> bool:
        if goes and one.retained:
            self._candidates[one.id] = replace(one, text="", retained=False)
            return True
        return False

    def _void(self, batch: str) -> None:
        for task in list(self._tasks.values()):
            if task.batch == batch and task.status == "open":
                self._tasks[task.id] = replace(task, status="void")

    def _storing(self, scope: ConsentScope) -> frozenset[tuple[str, str]]:
        said = sorted((one for one in self._consents.values() if one.scope == scope), key=_at)
        last = {(one.person, self.space(one.place)): one.granted for one in said}
        return frozenset(key for key, granted in last.items() if granted)

    def forget_feedback(self, before: datetime) -> int:
        """Empty texts older than ``before`` of people who do not have them kept. Return how many."""
        return self._empty(None, before)


def _at(one: ConsentEvent) -> tuple[datetime, str]:
    return one.at, one.id
