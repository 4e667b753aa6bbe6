"""Campaigns, questions, tasks and who has them, in a store that forgets."""

from __future__ import annotations

import hmac
import random
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from secrets import token_bytes
from typing import Any

from uuid_utils import uuid7

from ..clock import Clock
from ..errors import StoreError
from ..feedback.values import (
    Assignment,
    AssignmentState,
    Batch,
    Campaign,
    CampaignStatus,
    Candidate,
    Progress,
    Shown,
    Task,
    normal_form,
)
from ..places import Person, Place

DAY = timedelta(days=1)


class MemoryBallots(ABC):
    """The first half of a `rostra.feedback.stores.Feedback` that lives as long as the process."""

    def __init__(self, clock: Clock) -> None:
        self._time = clock
        self._key = token_bytes(32)
        self._people: dict[tuple[str, str], str] = {}
        self._spaces: dict[tuple[str, str], str] = {}
        self._campaigns: dict[str, Campaign] = {}
        self._guidelines: dict[tuple[str, str], str] = {}
        self._batches: dict[str, Batch] = {}
        self._candidates: dict[str, Candidate] = {}
        self._answers: dict[str, list[str]] = {}
        self._tasks: dict[str, Task] = {}
        self._assignments: dict[str, Assignment] = {}
        self._of_task: dict[str, list[str]] = {}

    async def pseudonym(self, adapter: str, person: Person) -> str:
        return self._people.setdefault((adapter, person.id), uuid7().hex)

    async def account(self, pseudonym: str) -> tuple[str, str] | None:
        return next((account for account, who in self._people.items() if who == pseudonym), None)

    async def workspace(self, place: Place) -> str:
        return self.space(place)

    def space(self, place: Place) -> str:
        """Return the pseudonym of the workspace of ``place``."""
        return self._spaces.setdefault((place.adapter, place.workspace), uuid7().hex)

    async def save_campaign(self, campaign: Campaign) -> None:
        space = self.space(campaign.place)
        for other in self._campaigns.values():
            if other.id != campaign.id and other.name == campaign.name and self.space(other.place) == space:
                raise StoreError(f"there is a campaign {campaign.name!r} already; choose another name")
        if campaign.guideline or campaign.guideline_version:
            key = (campaign.id, campaign.guideline_version)
            if self._guidelines.setdefault(key, campaign.guideline) != campaign.guideline:
                raise StoreError(
                    f"version {campaign.guideline_version!r} of the guideline says something else; "
                    "give this one another version"
                )
        self._campaigns[campaign.id] = campaign

    async def campaign(self, id_: str) -> Campaign | None:
        return self._campaigns.get(id_)

    async def campaigns(
        self, place: Place | None = None, status: CampaignStatus | None = None
    ) -> Sequence[Campaign]:
        return [
            plan
            for plan in reversed(self._campaigns.values())
            if (place is None or self.space(plan.place) == self.space(place))
            and status in {None, plan.status}
        ]

    async def guideline(self, campaign: str, version: str) -> str | None:
        return self._guidelines.get((campaign, version))

    async def progress(self, campaign: str) -> Progress:
        tasks = [task for task in self._tasks.values() if task.campaign == campaign]
        held = [one for one in self._assignments.values() if one.campaign == campaign]
        answered = [one for one in held if one.state in {"submitted", "skipped"}]
        return Progress(
            tasks=len(tasks),
            done=sum(task.status == "done" for task in tasks),
            void=sum(task.status == "void" for task in tasks),
            leased=sum(one.state == "leased" and one.lease_until > self._time.now() for one in held),
            submitted=sum(one.state == "submitted" for one in held),
            skipped=sum(one.state == "skipped" for one in held),
            raters=len({one.person for one in answered}),
        )

    async def add_batch(
        self, batch: Batch, candidates: Sequence[Candidate] = (), tasks: Sequence[Task] = ()
    ) -> Batch:
        if not batch.context:
            raise StoreError("a batch needs a context; its last line is the question")
        question = normal_form(batch.question).encode("utf-8", "surrogatepass")
        added = replace(batch, prompt=hmac.digest(self._key, question, "sha256")[:16].hex())
        there = self._batches.get(batch.id)
        self._check_candidates(candidates, batch.id)
        self._check_tasks(tasks, {one.id for one in candidates}, batch.id)
        if there is None:
            self._batches[batch.id] = added
            self._answers[batch.id] = []
        self._put_candidates(candidates)
        self._put_tasks(tasks)
        return added

    async def add_candidates(self, candidates: Sequence[Candidate]) -> None:
        self._check_candidates(candidates)
        self._put_candidates(candidates)

    async def add_tasks(self, tasks: Sequence[Task]) -> None:
        self._check_tasks(tasks)
        self._put_tasks(tasks)

    def _check_candidates(self, candidates: Sequence[Candidate], batch: str = "") -> None:
        taken = {
            (self._candidates[id_].batch, self._candidates[id_].ordinal)
            for one in candidates
            for id_ in self._answers.get(one.batch, ())
        }
        for one in candidates:
            if one.batch not in self._batches and one.batch != batch:
                raise StoreError(f"there is no batch {one.batch!r} to add candidates to")
            if one.id not in self._candidates:
                if (one.batch, one.ordinal) in taken:
                    raise StoreError(
                        f"batch {one.batch!r} has a candidate with the ordinal {one.ordinal} already"
                    )
                taken.add((one.batch, one.ordinal))

    def _put_candidates(self, candidates: Sequence[Candidate]) -> None:
        for one in candidates:
            if one.id not in self._candidates:
                self._candidates[one.id] = one
                self._answers[one.batch].append(one.id)

    def _check_tasks(self, tasks: Sequence[Task], new: set[str] | None = None, batch: str = "") -> None:
        for task in tasks:
            missing = [
                one for one in task.candidates if one not in self._candidates and one not in (new or ())
            ]
            for noun, id_, there in (
                ("campaign", task.campaign, task.campaign in self._campaigns),
                ("batch", task.batch, task.batch in self._batches or task.batch == batch),
                ("candidate", missing[0] if missing else "", not missing),
            ):
                if not there:
                    raise StoreError(f"there is no {noun} {id_!r} for a task")

    def _put_tasks(self, tasks: Sequence[Task]) -> None:
        for task in tasks:
            self._tasks.setdefault(task.id, task)

    async def shown(self, batches: Sequence[str]) -> Sequence[Shown]:
        return [
            Shown(
                batch=self._batches[id_],
                candidates=tuple(
                    sorted((self._candidates[one] for one in self._answers[id_]), key=lambda one: one.ordinal)
                ),
            )
            for id_ in batches
            if id_ in self._batches
        ]

    async def task(self, id_: str) -> Task | None:
        return self._tasks.get(id_)

    async def tasks(self, campaign: str, after: str = "", limit: int = 1000) -> Sequence[Task]:
        found = sorted(
            (task for task in self._tasks.values() if task.campaign == campaign and task.id > after),
            key=lambda task: task.id,
        )
        return found[: max(limit, 0)]

    async def void_task(self, id_: str) -> None:
        if id_ in self._tasks:
            self._tasks[id_] = replace(self._tasks[id_], status="void")

    async def prioritise(self, priorities: Mapping[str, tuple[float, float | None]]) -> None:
        for id_, (priority, propensity) in priorities.items():
            if id_ in self._tasks:
                self._tasks[id_] = replace(self._tasks[id_], priority=priority, propensity=propensity)

    async def lease(
        self, campaign: str, person: str, *, surface: str = "", task: str = "", seed: int | None = None
    ) -> Assignment | None:
        plan = self._campaigns.get(campaign)
        if plan is None:
            raise StoreError(f"there is no campaign {campaign!r}")
        if plan.status != "open":
            return None
        held = self._held(plan, person, task)
        if held is not None:
            return held
        if not self._room(plan, person):
            return None
        waiting = sorted(
            (
                one
                for one in self._tasks.values()
                if one.campaign == campaign and task in {"", one.id} and self._open_to(one, person)
            ),
            key=lambda one: (-one.priority, one.id),
        )
        return self._take(plan, waiting[0], person, surface, seed) if waiting else None

    def _held(self, plan: Campaign, person: str, task: str) -> Assignment | None:
        now = self._time.now()
        for one in list(self._assignments.values()):
            if (one.campaign, one.person, one.state) != (plan.id, person, "leased") or task not in {
                "",
                one.task,
            }:
                continue
            about = self._tasks[one.task]
            if about.status == "open" and (one.lease_until > now or self._live(one.task) < about.required):
                return self._set(one, lease_until=now + timedelta(seconds=plan.lease_seconds))
            self._set(one, state="released")
        return None

    def _room(self, plan: Campaign, person: str) -> bool:
        now = self._time.now()
        today = sum(
            self._stored_since(one.id, now - DAY)
            for one in self._assignments.values()
            if one.campaign == plan.id and one.person == person
        )
        hands = sum(self._taken(one) for one in self._assignments.values() if one.campaign == plan.id)
        return not (0 < plan.caps_per_day <= today or 0 < plan.budget <= hands)

    @abstractmethod
    def _stored_since(self, assignment: str, since: datetime) -> bool:
        """Return whether it was judged, and that stored, since then."""

    def _open_to(self, task: Task, person: str) -> bool:
        return (
            task.status == "open"
            and task.reserved_for in {"", person}
            and not any(self._assignments[id_].person == person for id_ in self._of_task.get(task.id, ()))
            and self._live(task.id) < task.required
        )

    def _take(self, plan: Campaign, task: Task, person: str, surface: str, seed: int | None) -> Assignment:
        order = list(task.candidates)
        shuffler = random.SystemRandom() if seed is None else random.Random(f"{seed}/{task.id}")  # noqa: S311  an order to show, no secret
        shuffler.shuffle(order)
        now = self._time.now()
        one = Assignment(
            id=uuid7().hex,
            task=task.id,
            campaign=plan.id,
            batch=task.batch,
            person=person,
            state="leased",
            lease_until=now + timedelta(seconds=plan.lease_seconds),
            shown_order=tuple(order),
            at=now,
            surface=surface,
            is_author=self._batches[task.batch].asker == person,
        )
        self._assignments[one.id] = one
        self._of_task.setdefault(task.id, []).append(one.id)
        return one

    def _live(self, task: str) -> int:
        return sum(self._taken(self._assignments[id_]) for id_ in self._of_task.get(task, ()))

    def _taken(self, one: Assignment) -> bool:
        return one.state == "submitted" or (one.state == "leased" and one.lease_until > self._time.now())

    def _set(self, one: Assignment, **changes: Any) -> Assignment:
        changed = replace(one, **changes)
        self._assignments[one.id] = changed
        return changed

    async def assignment(self, id_: str) -> Assignment | None:
        return self._assignments.get(id_)

    async def assignments(
        self, person: str, campaign: str = "", state: AssignmentState | None = "leased", limit: int = 100
    ) -> Sequence[Assignment]:
        found = [
            one
            for one in reversed(self._assignments.values())
            if one.person == person and campaign in {"", one.campaign} and state in {None, one.state}
        ]
        return found[: max(limit, 0)]

    async def save_draft(self, assignment: str, draft: str) -> None:
        one = self._assignments.get(assignment)
        if one is None:
            raise StoreError(f"there is no assignment {assignment!r}")
        if one.state != "leased":
            return
        now, until = self._time.now(), one.lease_until
        if until > now:
            until = now + timedelta(seconds=self._campaigns[one.campaign].lease_seconds)
        self._set(one, draft=draft, lease_until=until)

    async def release(self, assignment: str) -> None:
        one = self._assignments.get(assignment)
        if one is not None and one.state == "leased":
            self._set(one, state="released", draft="")
