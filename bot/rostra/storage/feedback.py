"""Ranked feedback in a database: each method of `rostra.feedback.stores.Feedback` is one transaction of the writer, or one look."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Any, TypeVar, cast
from uuid import UUID

from sqlalchemy.engine import Connection
from uuid_utils.compat import uuid7

from ..clock import Clock
from ..feedback.judged import Judged
from ..feedback.remarks import Remark
from ..feedback.values import (
    AlreadyStored,
    Assignment,
    AssignmentState,
    Batch,
    Campaign,
    CampaignStatus,
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
    Judgment,
    Lineage,
    Permit,
    PermitKind,
    Progress,
    Shown,
    Stored,
    Task,
    Thumb,
)
from ..places import Person, Place
from . import batches, campaigns, consents, datasets, judged, judgments, leases, remarks, tasks, withdrawn
from .answers import check_ids
from .asked import shown
from .feedback_tables import exclusion as exclusion_table
from .feedback_tables import judgment as judgment_table
from .ids import id_if_any, id_of, id_or_none
from .judged import Wanted
from .keys import Keyring
from .names import accounts
from .people import NOTHING_BEFORE, Scope, askers, workspace_of
from .writes import Together, Write

T = TypeVar("T")

ENDS = frozenset({"train", "publish"})
"""Scopes whose end concerns what was frozen before."""


class SqlFeedback(ABC):
    """A `rostra.feedback.stores.Feedback`, by what it takes to read and to write."""

    _keyring: Keyring
    _clock: Clock

    @abstractmethod
    async def read(self, query: Callable[[Connection], T]) -> T:
        """Return what ``query`` reads."""

    @abstractmethod
    async def write(self, change: Callable[[Scope], T]) -> T:
        """Return what ``change`` returns, once it is on disk."""

    @abstractmethod
    async def carry_out(self, work: Write) -> Any:
        """Return what ``work`` comes to, once it is on disk."""

    @abstractmethod
    def forgotten(self) -> None:
        """Take note that somebody was erased."""

    async def pseudonym(self, adapter: str, person: Person) -> str:
        def known(scope: Scope) -> str:
            return cast("UUID", askers(scope, [(adapter, person)])[adapter, person.id].id).hex

        return await self.write(known)

    async def account(self, pseudonym: str) -> tuple[str, str] | None:
        who = id_or_none(pseudonym)
        if who is None:
            return None
        return (await self.read(lambda connection: accounts(connection, self._keyring, [who]))).get(who)

    async def workspace(self, place: Place) -> str:
        return (await self.write(lambda scope: workspace_of(scope, place))).hex

    async def save_campaign(self, campaign: Campaign) -> None:
        fresh = uuid7()
        await self.write(lambda scope: campaigns.save(scope, fresh, campaign))

    async def campaign(self, id_: str) -> Campaign | None:
        wanted = id_or_none(id_)
        if wanted is None:
            return None
        return await self.read(lambda connection: campaigns.find(connection, self._keyring, wanted))

    async def campaigns(
        self, place: Place | None = None, status: CampaignStatus | None = None
    ) -> Sequence[Campaign]:
        return await self.read(
            lambda connection: campaigns.campaigns(connection, self._keyring, place, status)
        )

    async def guideline(self, campaign: str, version: str) -> str | None:
        wanted = id_of(campaign, "campaign")
        return await self.read(
            lambda connection: campaigns.read_guideline(connection, self._keyring, wanted, version)
        )

    async def progress(self, campaign: str) -> Progress:
        wanted, now = id_of(campaign, "campaign"), self._clock.now()
        return await self.read(lambda connection: campaigns.progress(connection, wanted, now))

    async def add_batch(
        self, batch: Batch, candidates: Sequence[Candidate] = (), tasks: Sequence[Task] = ()
    ) -> Batch:
        def add(scope: Scope) -> Batch:
            added = batches.add_batch(scope, batch)
            batches.add_candidates(scope, candidates)
            _add_tasks(scope, tasks)
            return added

        return await self.write(add)

    async def add_candidates(self, candidates: Sequence[Candidate]) -> None:
        await self.write(lambda scope: batches.add_candidates(scope, candidates))

    async def add_tasks(self, tasks: Sequence[Task]) -> None:
        await self.write(lambda scope: _add_tasks(scope, tasks))

    async def shown(self, batches: Sequence[str]) -> Sequence[Shown]:
        ids = [id_ for one in batches if (id_ := id_or_none(one)) is not None]
        return await self.read(lambda connection: shown(connection, self._keyring, ids))

    async def task(self, id_: str) -> Task | None:
        wanted = id_or_none(id_)
        return None if wanted is None else await self.read(lambda connection: tasks.find(connection, wanted))

    async def tasks(self, campaign: str, after: str = "", limit: int = 1000) -> Sequence[Task]:
        wanted, start = id_of(campaign, "campaign"), id_if_any(after, "task")
        return await self.read(lambda connection: tasks.tasks(connection, wanted, start, max(limit, 0)))

    async def void_task(self, id_: str) -> None:
        wanted = id_of(id_, "task")
        await self.write(lambda scope: tasks.void(scope, wanted))

    async def prioritise(self, priorities: Mapping[str, tuple[float, float | None]]) -> None:
        await self.write(lambda scope: tasks.prioritise(scope, priorities))

    async def lease(
        self, campaign: str, person: str, *, surface: str = "", task: str = "", seed: int | None = None
    ) -> Assignment | None:
        plan = id_of(campaign, "campaign")
        wish = leases.wanted(person, id_=uuid7(), surface=surface, task=task, seed=seed)
        return await self.write(lambda scope: leases.lease(scope, plan, wish))

    async def assignment(self, id_: str) -> Assignment | None:
        wanted = id_or_none(id_)
        if wanted is None:
            return None
        return await self.read(lambda connection: leases.find(connection, self._keyring, wanted))

    async def assignments(
        self, person: str, campaign: str = "", state: AssignmentState | None = "leased", limit: int = 100
    ) -> Sequence[Assignment]:
        who, of = id_of(person, "person"), id_if_any(campaign, "campaign")
        return await self.read(
            lambda connection: leases.assignments(connection, self._keyring, who, of, state, max(limit, 0))
        )

    async def save_draft(self, assignment: str, draft: str) -> None:
        id_ = id_of(assignment, "assignment")
        await self.write(lambda scope: leases.save_draft(scope, id_, draft))

    async def release(self, assignment: str) -> None:
        id_ = id_of(assignment, "assignment")
        await self.write(lambda scope: leases.release(scope, id_))

    async def judge(self, judgment: Judgment) -> Stored | AlreadyStored:
        check_ids(judgment)
        answer: judgments.Answer = await self.carry_out(Together(judgments.judge, judgment))
        if isinstance(answer, Stored | AlreadyStored):
            return answer
        raise answer

    async def judgment(self, id_: str) -> Judgment | None:
        wanted = id_or_none(id_)
        if wanted is None:
            return None
        return await self.read(lambda connection: judgments.find(connection, self._keyring, wanted))

    async def remarks(self, judgments: Sequence[str]) -> Sequence[Remark]:
        ids = [id_ for one in judgments if (id_ := id_or_none(one)) is not None]
        return await self.read(lambda connection: remarks.remarks(connection, self._keyring, ids))

    async def revisions(self, assignment: str) -> Sequence[Judgment]:
        of = judgment_table.c.assignment_id == id_of(assignment, "assignment")
        return await self.read(lambda connection: judgments.read(connection, self._keyring, of))

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
        wanted = Wanted(
            campaign=None if campaign is None else id_of(campaign, "campaign"),
            since=since,
            until=until,
            dataset=None if dataset is None else id_of(dataset, "dataset"),
            excluded=excluded,
            superseded=superseded,
        )
        found, last = await self._portion(wanted, None)
        while True:
            for one in found:
                yield one
            if last is None:
                return
            found, last = await self._portion(wanted, last)

    async def _portion(self, wanted: Wanted, after: UUID | None) -> tuple[Sequence[Judged], UUID | None]:
        return await self.read(lambda connection: judged.portion(connection, wanted, after))

    async def thumb(self, thumb: Thumb) -> bool:
        return await self.write(lambda scope: consents.add_thumb(scope, thumb))

    async def thumbs(self, since: datetime, place: Place | None = None) -> Sequence[Thumb]:
        return await self.read(lambda connection: consents.thumbs(connection, since, place))

    async def exclude(self, exclusion: Exclusion) -> None:
        await self.write(lambda scope: consents.exclude(scope, exclusion))

    async def readmit(self, exclusion: str) -> None:
        id_ = id_of(exclusion, "exclusion")
        await self.write(lambda scope: consents.readmit(scope, id_))

    async def exclusions(self, *, revoked: bool = False) -> Sequence[Exclusion]:
        where = None if revoked else exclusion_table.c.revoked_at.is_(None)
        return await self.read(lambda connection: consents.exclusions(connection, where))

    async def consent(self, event: ConsentEvent) -> None:
        def add(scope: Scope) -> None:
            space = consents.consent(scope, event)
            if not event.granted and event.scope in ENDS:
                who = id_of(event.person, "person")
                datasets.taint(scope, datasets.containing(scope.connection, [who], space))

        await self.write(add)

    async def consents(self, person: str, place: Place) -> Mapping[ConsentScope, ConsentEvent]:
        who = id_of(person, "person")
        return await self.read(lambda connection: consents.consents(connection, who, place))

    async def consenting(self, scope: ConsentScope) -> AbstractSet[tuple[str, str]]:
        return await self.read(lambda connection: consents.consenting(connection, scope))

    async def permit(self, permit: Permit) -> None:
        await self.write(lambda scope: consents.allow(scope, permit))

    async def permits(self, place: Place) -> Mapping[PermitKind, Permit]:
        return await self.read(lambda connection: consents.permits(connection, self._keyring, place))

    async def permitted(self, kind: PermitKind) -> AbstractSet[str]:
        return await self.read(lambda connection: consents.permitted(connection, kind))

    async def begin_dataset(self, dataset: DatasetVersion) -> DatasetVersion:
        return await self.write(lambda scope: datasets.begin(scope, dataset))

    async def add_members(self, dataset: str, members: Sequence[DatasetMember]) -> None:
        id_ = id_of(dataset, "dataset")
        await self.write(lambda scope: datasets.add_members(scope, id_, members))

    async def finish_dataset(self, dataset: str, manifest: str) -> DatasetVersion:
        id_ = id_of(dataset, "dataset")
        return await self.write(lambda scope: datasets.finish(scope, id_, manifest))

    async def datasets(self, name: str | None = None) -> Sequence[DatasetVersion]:
        return await self.read(lambda connection: datasets.finished(connection, name))

    async def dataset(self, name: str, version: int | None = None) -> DatasetVersion | None:
        return await self.read(lambda connection: datasets.find_finished(connection, name, version))

    async def members(self, dataset: str) -> AsyncIterator[DatasetMember]:
        id_, after = id_of(dataset, "dataset"), None
        while found := await self.read(_next_members(id_, after)):
            for one in found:
                yield one
            after = UUID(found[-1].judgment)

    async def add_export(self, export: ExportArtifact) -> None:
        await self.write(lambda scope: datasets.add_export(scope, export))

    async def exports(self, dataset: str | None = None) -> Sequence[ExportArtifact]:
        ids = None if dataset is None else [id_of(dataset, "dataset")]
        return await self.read(lambda connection: datasets.exports(connection, ids))

    async def expose(self, exposure: Exposure) -> None:
        await self.write(lambda scope: datasets.expose(scope, exposure))

    async def lineage(self, person: str) -> Lineage:
        who = id_of(person, "person")
        return await self.read(
            lambda connection: datasets.lineage(connection, datasets.containing(connection, [who]))
        )

    async def dossier(self, person: str) -> Dossier:
        who = id_of(person, "person")
        return await self.read(lambda connection: withdrawn.dossier(connection, self._keyring, who))

    async def erase(self, adapter: str, person: str, *, withdraw: bool = False) -> Erasure:
        entry, account = uuid7(), (adapter, person)
        done = await self.write(lambda scope: withdrawn.forget(scope, entry, account, withdraw=withdraw))
        self.forgotten()
        return done

    async def purge_feedback(self, before: datetime) -> int:
        """Remove texts older than ``before`` of people who do not have them kept. Return how many.

        Texts that belong to nobody stay. They are looked for by a reader, which keeps nobody from writing.
        """
        total = 0
        for kind in withdrawn.KINDS:
            after = NOTHING_BEFORE
            while found := await self.read(_next_expired(kind, before, after)):
                total += await self.write(_removing(found))
                after = found[-1].row
        return total


def _next_expired(
    kind: str, before: datetime, after: UUID
) -> Callable[[Connection], Sequence[withdrawn.Expired]]:
    return lambda connection: withdrawn.expired(connection, kind, before, after)


def _removing(found: Sequence[withdrawn.Expired]) -> Callable[[Scope], int]:
    return lambda scope: withdrawn.remove(scope, found)


def _add_tasks(scope: Scope, added: Sequence[Task]) -> None:
    if added:
        tasks.add_tasks(scope, added)


def _next_members(id_: UUID, after: UUID | None) -> Callable[[Connection], Sequence[DatasetMember]]:
    return lambda connection: datasets.members(connection, id_, after)
