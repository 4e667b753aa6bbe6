"""Campaigns, questions and rankings for tests of what builds on a store of feedback."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..feedback.ranking import parse
from ..feedback.values import (
    Assignment,
    Batch,
    Campaign,
    Candidate,
    ConsentEvent,
    ConsentScope,
    DatasetVersion,
    Judgment,
    Line,
    Task,
    candidate_tiers,
    new_id,
)
from ..places import Person, Place
from ..stores import Store
from .samples import NOON, ROOM


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question that stands in a store, the answers to it and the task about them."""

    batch: Batch
    candidates: tuple[Candidate, ...]
    task: Task


def campaign(name: str = "which is better", place: Place = ROOM, **fields: Any) -> Campaign:
    """Return a campaign of ``place``."""
    return Campaign(id=new_id(), name=name, place=place, **fields)


async def begun(store: Store, name: str = "which is better", **fields: Any) -> Campaign:
    """Save a campaign and return it."""
    plan = campaign(name, **fields)
    await store.save_campaign(plan)
    return plan


async def somebody(store: Store, name: str, adapter: str = ROOM.adapter) -> str:
    """Return the pseudonym of the person with the id ``name``."""
    return await store.pseudonym(adapter, Person(id=name))


async def asked(
    store: Store,
    plan: Campaign,
    question: str = "why?",
    *,
    asker: str = "ann",
    answers: Sequence[str] = ("because.", "who knows?", "it is so.", "ask Ben."),
    at: datetime = NOON,
    **fields: Any,
) -> Asked:
    """Put a question with ``answers`` by the answerers ``one``, ``two``, … into ``plan``; ``fields`` are the task's."""
    who = await somebody(store, asker, plan.place.adapter)
    context = (Line(role="user", text=question, author=who),)
    batch = Batch(id=new_id(), place=plan.place, asker=who, context=context, at=at)
    names = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    candidates = tuple(
        Candidate(id=new_id(), batch=batch.id, ordinal=ordinal, text=text, answerer=names[ordinal])
        for ordinal, text in enumerate(answers)
    )
    values: dict[str, Any] = {"required": plan.overlap, **fields}
    task = Task(
        id=new_id(),
        campaign=plan.id,
        batch=batch.id,
        candidates=tuple(one.id for one in candidates),
        **values,
    )
    return Asked(batch=await store.add_batch(batch, candidates, [task]), candidates=candidates, task=task)


def said(held: Assignment, text: str = "B > A = C > D", **fields: Any) -> Judgment:
    """Return the judgment that ``text`` is about ``held``; ``fields`` are the judgment's."""
    ranking = parse(text, len(held.shown_order))
    values: dict[str, Any] = {"id": new_id(), "at": NOON, "surface": held.surface, **fields}
    return Judgment(
        assignment=held.id,
        task=held.task,
        person=held.person,
        outcome=ranking.outcome,
        shown_order=held.shown_order,
        tiers=candidate_tiers(ranking, held.shown_order),
        loose=ranking.loose,
        **values,
    )


async def ranked(
    store: Store, plan: Campaign, name: str, text: str = "B > A = C > D", **fields: Any
) -> Judgment:
    """Have somebody take the next task of ``plan`` and answer it. Return what they said."""
    held = await store.lease(plan.id, await somebody(store, name, plan.place.adapter), surface="test")
    assert held is not None, f"there is nothing for {name!r} to rank"
    judgment = said(held, text, **fields)
    await store.judge(judgment)
    return judgment


def consent(
    person: str, scope: ConsentScope, *, granted: bool = True, place: Place = ROOM, at: datetime = NOON
) -> ConsentEvent:
    """Return that ``person`` (a pseudonym) allows something, or does no more."""
    return ConsentEvent(
        id=new_id(),
        person=person,
        place=place,
        scope=scope,
        granted=granted,
        notice_version="1",
        evidence="privacy command",
        at=at,
    )


def dataset(name: str = "first", at: datetime = NOON) -> DatasetVersion:
    """Return a version of a dataset that is still to be begun."""
    return DatasetVersion(
        id=new_id(),
        name=name,
        version=0,
        query={"campaign": "any"},
        watermark=at,
        code_version="1",
        split_salt="salt",
        manifest="",
        at=at,
    )
