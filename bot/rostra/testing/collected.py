"""A row in each table of ranked feedback, for tests of what holds for all tables."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..feedback.values import (
    Candidate,
    DatasetMember,
    Exclusion,
    ExportArtifact,
    Exposure,
    Judgment,
    Permit,
    Rating,
    Thumb,
    new_id,
)
from ..places import Person, Place
from ..stores import Store
from ..versions import ModelVersion
from .ballots import Asked, asked, begun, consent, dataset, said
from .samples import NOON, ROOM


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """What `collect` put into a store, as far as tests look at it again."""

    asked: Asked
    judgment: Judgment
    dataset: str
    rater: str


async def collect(
    store: Store, *, text: str = "why?", who: str = "ben", place: Place = ROOM, event: str = "e1"
) -> Collected:
    """Have ``who`` ask ``text``, answer, edit, rate, allow and be left out, with ``text`` wherever text may stand."""
    person = await store.pseudonym(place.adapter, Person(id=who))
    plan = await begun(store, text, place=place, guideline=text, guideline_version="1", overlap=2)
    one = await asked(store, plan, text, asker=who, answers=(text, f"not {text}"))
    edit = Candidate(
        id=new_id(), batch=one.batch.id, ordinal=2, text=f"{text}!", origin="edit", author=person
    )
    await store.add_candidates([edit])
    held = await store.lease(plan.id, person)
    assert held is not None
    await store.save_draft(held.id, text)
    waiting = await store.lease(plan.id, await store.pseudonym(place.adapter, Person(id=f"{who}-2")))
    assert waiting is not None
    await store.save_draft(waiting.id, text)
    marks = (Rating(candidate=held.shown_order[0], axis="true", value=3),)
    judgment = said(held, "B > A", comment=text, ratings=marks, source_event=event)
    await store.judge(judgment)
    version = await store.model_version(ModelVersion(name="tuned", content="d" * 64))
    thumb = Thumb(
        id=new_id(), reply=new_id(), person=person, value=1, at=NOON, place=place, source_event=event
    )
    await store.thumb(replace(thumb, model_version=version))
    for scope in ("store", "rate"):
        await store.consent(consent(person, scope, place=place))
    await store.permit(
        Permit(id=new_id(), kind="workspace", place=place, granted=True, evidence=text, at=NOON, by=person)
    )
    await store.exclude(
        Exclusion(id=new_id(), kind="person", target=person, campaign=plan.id, reason="x", at=NOON, by=person)
    )
    return Collected(
        asked=one, judgment=judgment, dataset=await _frozen(store, judgment, version), rater=person
    )


async def _frozen(store: Store, judgment: Judgment, version: str) -> str:
    begun_ = await store.begin_dataset(dataset())
    await store.add_members(begun_.id, [DatasetMember(judgment=judgment.id, split="train")])
    done = await store.finish_dataset(begun_.id, "0" * 64)
    await store.add_export(
        ExportArtifact(
            id=new_id(), dataset=done.id, format="trl", uri="x", sha256="1" * 64, rows=1, key="k", at=NOON
        )
    )
    await store.expose(Exposure(id=new_id(), model_version=version, dataset=done.id, run="r", at=NOON))
    return done.id
