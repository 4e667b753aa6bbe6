"""What a store keeps of ranked feedback, by noun. All methods raise `rostra.errors.StoreError`.

Everything is on disk when a method returns. Whatever comes with an id of its caller's making is stored once: the same id
again changes nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Protocol

from ..places import Person, Place
from .judged import Judged
from .remarks import Remark
from .values import (
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


class Pseudonyms(Protocol):
    """People as feedback knows them, and back."""

    async def pseudonym(self, adapter: str, person: Person) -> str:
        """Return the pseudonym of somebody on the platform of ``adapter``; who is new becomes known."""
        ...

    async def account(self, pseudonym: str) -> tuple[str, str] | None:
        """Return the adapter and the id on its platform of somebody who was not erased."""
        ...

    async def workspace(self, place: Place) -> str:
        """Return the pseudonym of the workspace of ``place``, as `Judged.workspace` has it."""
        ...


class Campaigns(Protocol):
    """What raters are asked."""

    async def save_campaign(self, campaign: Campaign) -> None:
        """Keep ``campaign`` in place of what was there under its id. Its guideline stays readable under its version.

        Raises `StoreError` if another one of its workspace has the name, or the version belongs to another guideline.
        """
        ...

    async def campaign(self, id_: str) -> Campaign | None:
        """Return one campaign."""
        ...

    async def campaigns(
        self, place: Place | None = None, status: CampaignStatus | None = None
    ) -> Sequence[Campaign]:
        """Return the campaigns of the workspace of ``place`` (None: all), newest first."""
        ...

    async def guideline(self, campaign: str, version: str) -> str | None:
        """Return the guideline that raters had under this version."""
        ...

    async def progress(self, campaign: str) -> Progress:
        """Return how far a campaign has come."""
        ...


class Ballots(Protocol):
    """What is compared, and in whose hands it is."""

    async def add_batch(
        self, batch: Batch, candidates: Sequence[Candidate] = (), tasks: Sequence[Task] = ()
    ) -> Batch:
        """Add a question, answers to it and tasks about them, all or nothing. Return it with its `Batch.prompt`."""
        ...

    async def add_candidates(self, candidates: Sequence[Candidate]) -> None:
        """Add answers to batches that are there. Raises `StoreError` where an ordinal is taken."""
        ...

    async def add_tasks(self, tasks: Sequence[Task]) -> None:
        """Add tasks about candidates that are there."""
        ...

    async def shown(self, batches: Sequence[str]) -> Sequence[Shown]:
        """Return these batches and all their candidates, in this order; what is not there is left out."""
        ...

    async def task(self, id_: str) -> Task | None:
        """Return one task."""
        ...

    async def tasks(self, campaign: str, after: str = "", limit: int = 1000) -> Sequence[Task]:
        """Return tasks of a campaign by id, those behind the id ``after``."""
        ...

    async def void_task(self, id_: str) -> None:
        """Hand a task out no more. What was said about it stays."""
        ...

    async def prioritise(self, priorities: Mapping[str, tuple[float, float | None]]) -> None:
        """Set priority and propensity of tasks by id, as active selection wants them."""
        ...

    async def lease(
        self, campaign: str, person: str, *, surface: str = "", task: str = "", seed: int | None = None
    ) -> Assignment | None:
        """Hand a task of ``campaign`` to ``person`` (a pseudonym), the given one if one is given.

        Whoever has one in hand gets that again, with more time. None: there is nothing for them, the campaign is not open, its
        budget is in hands, or they had their share of the day. No task is in more hands than its ``required``, and nobody
        gets one twice. ``seed`` makes the order shown reproducible; else it is drawn.
        """
        ...

    async def assignment(self, id_: str) -> Assignment | None:
        """Return one assignment."""
        ...

    async def assignments(
        self, person: str, campaign: str = "", state: AssignmentState | None = "leased", limit: int = 100
    ) -> Sequence[Assignment]:
        """Return somebody's assignments, newest first."""
        ...

    async def save_draft(self, assignment: str, draft: str) -> None:
        """Keep what somebody has chosen so far, and give them as much time again. Nothing happens once it is submitted."""
        ...

    async def release(self, assignment: str) -> None:
        """Take an assignment back that was not submitted: somebody else may have it."""
        ...


class Judgments(Protocol):
    """What people said. Nothing is ever changed."""

    async def judge(self, judgment: Judgment) -> Stored | AlreadyStored:
        """Store what somebody said about their assignment, however late.

        Under the same ``id`` or ``source_event`` it is stored once. With revision 0 it becomes the next revision of its
        assignment. With a revision that is taken, it is `AlreadyStored` if it says the same, and the next revision if not: nothing
        is lost. Raises `StoreError` if the assignment is not there, is somebody else's, or showed something else.
        """
        ...

    async def judgment(self, id_: str) -> Judgment | None:
        """Return one judgment."""
        ...

    async def remarks(self, judgments: Sequence[str]) -> Sequence[Remark]:
        """Return what was left beside judgments, in any order; what is not there is left out."""
        ...

    async def revisions(self, assignment: str) -> Sequence[Judgment]:
        """Return all that was said about an assignment, oldest first."""
        ...

    def judged(
        self,
        campaign: str | None = None,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        dataset: str | None = None,
        excluded: bool = False,
        superseded: bool = False,
    ) -> AsyncIterator[Judged]:
        """Yield what counts, by id, without keeping it all in memory.

        ``since`` (inclusive) and ``until`` (exclusive) are about when it was stored. ``dataset``: what is in this frozen version, whatever
        happened to it since. ``excluded`` and ``superseded``: also what quality control took out, and what was revised.
        """
        ...

    async def thumb(self, thumb: Thumb) -> bool:
        """Store a thumb. Return whether it is new."""
        ...

    async def thumbs(self, since: datetime, place: Place | None = None) -> Sequence[Thumb]:
        """Return the last thumb of each person on each reply, without those taken back, oldest first."""
        ...

    async def exclude(self, exclusion: Exclusion) -> None:
        """Leave something out of statistics and datasets."""
        ...

    async def readmit(self, exclusion: str) -> None:
        """Revoke an exclusion."""
        ...

    async def exclusions(self, *, revoked: bool = False) -> Sequence[Exclusion]:
        """Return the exclusions that hold, with ``revoked`` also those that do no more, oldest first."""
        ...


class Consents(Protocol):
    """Who allowed what."""

    async def consent(self, event: ConsentEvent) -> None:
        """Store that somebody allowed something or took it back.

        Who takes back ``train`` or ``publish`` taints the datasets that they are in by that workspace, and recalls their exports.
        """
        ...

    async def consents(self, person: str, place: Place) -> Mapping[ConsentScope, ConsentEvent]:
        """Return what counts for somebody in the workspace of ``place``: the last event of each scope."""
        ...

    async def consenting(self, scope: ConsentScope) -> AbstractSet[tuple[str, str]]:
        """Return all who allow something, as (person, workspace), both pseudonyms."""
        ...

    async def permit(self, permit: Permit) -> None:
        """Store a permission for a workspace, or its end."""
        ...

    async def permits(self, place: Place) -> Mapping[PermitKind, Permit]:
        """Return what counts for the workspace of ``place``: the last record of each kind."""
        ...

    async def permitted(self, kind: PermitKind) -> AbstractSet[str]:
        """Return the workspaces (pseudonyms) that have a permission."""
        ...


class Datasets(Protocol):
    """Frozen selections, where they went, and who is in them."""

    async def begin_dataset(self, dataset: DatasetVersion) -> DatasetVersion:
        """Begin a version of a dataset and return it with its number; its ``version`` and ``manifest`` are not looked at."""
        ...

    async def add_members(self, dataset: str, members: Sequence[DatasetMember]) -> None:
        """Add judgments to a dataset that is not finished; those that are in it stay as they are."""
        ...

    async def finish_dataset(self, dataset: str, manifest: str) -> DatasetVersion:
        """Give a dataset its manifest's hash: it is frozen, and listed. It is tainted if one in it was erased meanwhile."""
        ...

    async def datasets(self, name: str | None = None) -> Sequence[DatasetVersion]:
        """Return finished datasets, newest first."""
        ...

    async def dataset(self, name: str, version: int | None = None) -> DatasetVersion | None:
        """Return a finished version of a dataset, the newest by default."""
        ...

    def members(self, dataset: str) -> AsyncIterator[DatasetMember]:
        """Yield what is in a dataset in the order of `Judgments.judged`, without keeping it all in memory."""
        ...

    async def add_export(self, export: ExportArtifact) -> None:
        """Store where a dataset was written to."""
        ...

    async def exports(self, dataset: str | None = None) -> Sequence[ExportArtifact]:
        """Return the exports of a dataset (None: of all), oldest first."""
        ...

    async def expose(self, exposure: Exposure) -> None:
        """Store that a model version was trained on a dataset."""
        ...

    async def lineage(self, person: str) -> Lineage:
        """Return the datasets that somebody is in, as a rater or an author, their exports, and the models that saw them.

        A model saw what the one it was made from saw.
        """
        ...

    async def dossier(self, person: str) -> Dossier:
        """Return all that feedback keeps about somebody."""
        ...

    async def erase(self, adapter: str, person: str, *, withdraw: bool = False) -> Erasure:
        """Forget the person with this id on the platform of ``adapter``: account, key, and every text of theirs, here and in chats.

        Their judgments stay, nameless, and other people's are not touched; with ``withdraw`` theirs are excluded. Datasets that
        they are in are tainted, exports recalled; the answer lists both, and the models that saw them.
        """
        ...


class Feedback(Pseudonyms, Campaigns, Ballots, Judgments, Consents, Datasets, Protocol):
    """All of it."""
