"""What people said, and what became of it, in a store that forgets."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncIterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from ..clock import Clock
from ..errors import StoreError
from ..feedback.judged import Judged
from ..feedback.ranking import numbered
from ..feedback.remarks import Remark
from ..feedback.values import (
    AlreadyStored,
    Assignment,
    ConsentEvent,
    ConsentScope,
    Exclusion,
    Judgment,
    Permit,
    PermitKind,
    Rating,
    Stored,
    Thumb,
)
from ..places import Place
from .answers import HOLDS, check, check_ids, says_the_same
from .memory_ballots import MemoryBallots


class _Kept(NamedTuple):
    judgment: Judgment
    stored_at: datetime
    campaign: str
    batch: str
    is_author: bool


class MemoryJudgments(MemoryBallots):
    """Judgments, exclusions, thumbs and consent, as long as the process lives."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self._judgments: dict[str, _Kept] = {}
        self._events: dict[str, str] = {}
        self._revisions: dict[str, dict[int, str]] = {}
        self._thumbs: dict[str, Thumb] = {}
        self._exclusions: dict[str, Exclusion] = {}
        self._consents: dict[str, ConsentEvent] = {}
        self._permits: dict[str, Permit] = {}
        self._gone: set[str] = set()

    async def judge(self, judgment: Judgment) -> Stored | AlreadyStored:
        check_ids(judgment)
        before = self._judgments.get(self._events.get(judgment.source_event, judgment.id))
        before = before or self._judgments.get(judgment.id)
        if before is not None:
            return AlreadyStored(judgment=before.judgment.id, revision=before.judgment.revision)
        held = self._assignments.get(judgment.assignment)
        check(judgment, held, held and (held.task, held.person, held.shown_order))
        assert held is not None  # noqa: S101  `check` refused otherwise
        revisions = self._revisions.setdefault(held.id, {})
        revision = judgment.revision or max(revisions, default=0) + 1
        if revision in revisions:
            there = self._judgments[revisions[revision]].judgment
            if says_the_same(there, judgment):
                return AlreadyStored(judgment=there.id, revision=revision)
            revision = max(revisions) + 1
        self._keep(held, replace(judgment, revision=revision))
        return Stored(judgment=judgment.id, revision=revision)

    def _keep(self, held: Assignment, one: Judgment) -> None:
        if one.source_event:
            self._events[one.source_event] = one.id
        self._revisions[held.id][one.revision] = one.id
        kept = replace(one, source_event="", ratings=tuple(sorted(one.ratings, key=_by_candidate)))
        self._judgments[one.id] = _Kept(kept, self._time.now(), held.campaign, held.batch, held.is_author)
        self._set(held, state="submitted" if one.outcome in HOLDS else "skipped", draft="")
        task = self._tasks[held.task]
        if task.status != "void":
            answered = sum(self._assignments[id_].state == "submitted" for id_ in self._of_task[task.id])
            self._tasks[task.id] = replace(task, status="done" if answered >= task.required else "open")

    def _stored_since(self, assignment: str, since: datetime) -> bool:
        return any(
            self._judgments[id_].stored_at > since for id_ in self._revisions.get(assignment, {}).values()
        )

    async def judgment(self, id_: str) -> Judgment | None:
        kept = self._judgments.get(id_)
        return None if kept is None else kept.judgment

    async def remarks(self, judgments: Sequence[str]) -> Sequence[Remark]:
        found = [self._judgments[id_].judgment for id_ in dict.fromkeys(judgments) if id_ in self._judgments]
        return [
            Remark(
                judgment=one.id,
                reason=one.reason,
                comment=one.comment,
                guideline_version=one.guideline_version,
                ratings=one.ratings,
            )
            for one in found
        ]

    async def revisions(self, assignment: str) -> Sequence[Judgment]:
        found = self._revisions.get(assignment, {})
        return [self._judgments[found[revision]].judgment for revision in sorted(found)]

    async def judged(
        self,
        campaign: str | None = None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        dataset: str | None = None,
        excluded: bool = False,
        superseded: bool = False,
    ) -> AsyncIterator[Judged]:
        members = None if dataset is None else self._member_ids(dataset)
        for id_ in sorted(self._judgments if members is None else members):
            kept = self._judgments[id_]
            newest = max(self._revisions[kept.judgment.assignment]) == kept.judgment.revision
            here = campaign in {None, kept.campaign}
            then = (since is None or kept.stored_at >= since) and (until is None or kept.stored_at < until)
            out = members is None and self._is_excluded(kept)
            if here and then and (members is not None or ((superseded or newest) and (excluded or not out))):
                yield self._judged(kept, out=out)

    @abstractmethod
    def _member_ids(self, dataset: str) -> Sequence[str]:
        """Return the ids of the judgments in a dataset."""

    def _is_excluded(self, kept: _Kept) -> bool:
        one = kept.judgment
        targets = {
            "judgment": {one.id},
            "person": {one.person},
            "candidate": set(one.shown_order),
            "batch": {kept.batch},
            "task": {one.task},
        }
        return any(
            out.target in targets[out.kind] and (out.kind != "person" or out.campaign in {"", kept.campaign})
            for out in self._exclusions.values()
            if out.revoked_at is None
        )

    def _judged(self, kept: _Kept, *, out: bool) -> Judged:
        one, batch, task = kept.judgment, self._batches[kept.batch], self._tasks[kept.judgment.task]
        answers = [self._candidates[id_] for id_ in one.shown_order]
        return Judged(
            judgment=one.id,
            task=one.task,
            prompt=batch.prompt,
            rater=one.person,
            campaign=kept.campaign,
            outcome=one.outcome,
            candidates=one.shown_order,
            answerers=tuple(answer.answerer for answer in answers),
            tiers=numbered(one.ranking, len(answers)),
            lengths=tuple(answer.characters for answer in answers),
            duration_ms=one.duration_ms,
            surface=one.surface,
            propensity=task.propensity,
            gold=bool(task.gold),
            at=one.at,
            excluded=out,
            loose=None if one.ranking.loose is None else one.ranking.loose + 1,
            batch=batch.id,
            adapter=batch.place.adapter,
            workspace=self.space(batch.place),
            revision=one.revision,
            is_author=kept.is_author,
        )

    async def thumb(self, thumb: Thumb) -> bool:
        same = thumb.source_event and any(
            one.source_event == thumb.source_event for one in self._thumbs.values()
        )
        if thumb.id in self._thumbs or same:
            return False
        self._thumbs[thumb.id] = thumb
        return True

    async def thumbs(self, since: datetime, place: Place | None = None) -> Sequence[Thumb]:
        last = {(one.person, one.reply): one for one in sorted(self._thumbs.values(), key=_age)}
        return [
            replace(one, source_event="", place=outside(one.place))
            for one in sorted(last.values(), key=_age)
            if one.value and one.at >= since and (place is None or self.space(place) == self.space(one.place))
        ]

    async def exclude(self, exclusion: Exclusion) -> None:
        self._exclusions.setdefault(exclusion.id, exclusion)

    async def readmit(self, exclusion: str) -> None:
        found = self._exclusions.get(exclusion)
        if found is None:
            raise StoreError(f"there is no exclusion {exclusion!r}")
        if found.revoked_at is None:
            self._exclusions[exclusion] = replace(found, revoked_at=self._time.now())

    async def exclusions(self, *, revoked: bool = False) -> Sequence[Exclusion]:
        return sorted(
            (one for one in self._exclusions.values() if revoked or one.revoked_at is None), key=_age
        )

    async def consent(self, event: ConsentEvent) -> None:
        self._consents.setdefault(event.id, replace(event, place=outside(event.place)))

    async def consents(self, person: str, place: Place) -> Mapping[ConsentScope, ConsentEvent]:
        mine = [one for one in self._consents.values() if one.person == person]
        return {
            one.scope: one for one in sorted(mine, key=_age) if self.space(one.place) == self.space(place)
        }

    async def consenting(self, scope: ConsentScope) -> AbstractSet[tuple[str, str]]:
        said = sorted((one for one in self._consents.values() if one.scope == scope), key=_age)
        last = {(one.person, self.space(one.place)): one.granted for one in said}
        return frozenset(key for key, granted in last.items() if granted and key[0] not in self._gone)

    async def permit(self, permit: Permit) -> None:
        self._permits.setdefault(permit.id, replace(permit, place=outside(permit.place)))

    async def permits(self, place: Place) -> Mapping[PermitKind, Permit]:
        here = [one for one in self._permits.values() if self.space(one.place) == self.space(place)]
        return {one.kind: one for one in sorted(here, key=_age)}

    async def permitted(self, kind: PermitKind) -> AbstractSet[str]:
        said = sorted((one for one in self._permits.values() if one.kind == kind), key=_age)
        last = {self.space(one.place): one.granted for one in said}
        return frozenset(space for space, granted in last.items() if granted)


def outside(place: Place) -> Place:
    """Return the workspace of ``place``, without what lies in it."""
    return Place(adapter=place.adapter, workspace=place.workspace, channel="")


def _age(one: Thumb | Exclusion | ConsentEvent | Permit) -> tuple[datetime, str]:
    return one.at, one.id


def _by_candidate(one: Rating) -> tuple[str, str]:
    return one.candidate, one.axis
