"""Canonical records out of a store: the members of a frozen dataset, question by question, as an export shows them."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from ...versions import canonical
from ..judged import Judged
from ..ranking import Outcome
from ..remarks import Remark
from ..values import Candidate, DatasetMember, DatasetVersion, Shown, Split
from . import manifest as manifests
from .permission import Permissions, permitted, refused_text
from .pseudonyms import Pseudonyms
from .record import SPLITS, Answer, DatasetError, Mark, Record, Said
from .scrub import Scrubber, clean
from .source import Source, by_question, remarks, shown
from .spool import Spool


@dataclass(slots=True)
class Gathering:
    """What an export is made of, and what is counted on the way. ``splits`` are those wanted."""

    dataset: DatasetVersion
    names: Pseudonyms
    allowed: Permissions
    splits: Sequence[Split]
    scrubber: Scrubber | None
    refused: Counter[str] = field(default_factory=Counter[str])
    scrubbed: Counter[str] = field(default_factory=Counter[str])
    models: dict[str, str] = field(default_factory=dict[str, str])
    samplings: dict[str, str] = field(default_factory=dict[str, str])


class Row(NamedTuple):
    """A member as it waits for its texts: ids of the store, and the pseudonym of the judgment. One is made for each judgment."""

    pseudonym: str
    judgment: str
    batch: str
    split: int
    weight: float
    task: str
    campaign: str
    workspace: str
    adapter: str
    surface: str
    rater: str
    is_author: bool
    outcome: Outcome
    loose: int | None
    duration_ms: int
    revision: int
    propensity: float | None
    at: str
    candidates: Sequence[str]
    tiers: Sequence[int | None]


async def gathered(store: Source, what: Gathering, work: Path) -> AsyncIterator[list[list[Record]]]:
    """Yield the records of a dataset in the order of `rostra.feedback.data.record.key_of`, a list a batch, several batches at a time.

    What is no longer permitted is left out and counted. Raises `DatasetError` if members are not what they were when it was frozen.
    """
    what.models.update({one.id: one.name for one in await store.model_versions()})
    spool = await _spooled(store, what, work)
    for portion in by_question(spool.sorted()):
        groups = [Group(group) for group in portion]
        texts = await shown(store, (group.rows[0].batch for group in groups))
        left = await remarks(store, [row.judgment for group in groups for row in group.rows])
        await _sampled(store, what, texts)
        records = await asyncio.to_thread(_records, what, groups, texts, left)
        if records:
            yield records


async def _spooled(store: Source, what: Gathering, work: Path) -> Spool:
    """Return the members that are wanted and still permitted, sorted by this export's pseudonyms."""
    spool, membership = Spool(work, "members"), manifests.Membership()
    members = store.members(what.dataset.id)
    async for one in store.judged(dataset=what.dataset.id):
        member = await anext(members, None)
        if member is None or member.judgment != one.judgment:
            break
        membership.add(member)
        if member.split not in what.splits:
            what.refused["test_split" if member.split == "test" else f"{member.split}_split"] += 1
            continue
        reason = permitted(one.adapter, one.workspace, one.rater, what.allowed)
        if reason is not None:
            what.refused[reason] += 1
        else:
            spool.add(_line(what.names, one, member))
    expected = what.dataset.query.get("members_sha256")
    if membership.digest != expected:
        raise DatasetError(
            f"dataset {manifests.label(what.dataset)!r} has other members than when it was frozen; check the database"
        )
    return spool


def _line(names: Pseudonyms, one: Judged, member: DatasetMember) -> bytes:
    prompt, batch = names.of("prompt", one.prompt), names.of("batch", one.batch)
    judgment = names.of("judgment", one.judgment)
    facts = [
        judgment,
        one.judgment,
        one.batch,
        SPLITS.index(member.split),
        member.weight,
        one.task,
        one.campaign,
        one.workspace,
        one.adapter,
        one.surface,
        one.rater,
        one.is_author,
        one.outcome,
        one.loose,
        one.duration_ms,
        one.revision,
        one.propensity,
        one.at.isoformat(),
        one.candidates,
        one.tiers,
    ]
    # JSON has no bare tab, so that fields stay apart.
    return f"{prompt}\t{batch}\t{judgment}\t{_encode(facts)}".encode()


_encode, _decode = json.JSONEncoder(separators=(",", ":")).encode, json.JSONDecoder().decode


class Group:
    """The members of one batch. ``prompt`` and ``batch`` are pseudonyms."""

    def __init__(self, lines: Sequence[Sequence[bytes]]) -> None:
        self.prompt, self.batch = lines[0][0].decode(), lines[0][1].decode()
        self.rows = [Row._make(_decode(fields[3].decode())) for fields in lines]


async def _sampled(store: Source, what: Gathering, texts: Mapping[str, Shown]) -> None:
    """Look up how answers were drawn, each way once."""
    wanted = {one.sampling_config for each in texts.values() for one in each.candidates}
    wanted.discard("")
    for id_ in sorted(wanted - what.samplings.keys()):
        found = await store.sampling_of(id_)
        what.samplings[id_] = "" if found is None else canonical(found).decode()


def _records(
    what: Gathering, groups: Sequence[Group], texts: Mapping[str, Shown], left: Mapping[str, Remark]
) -> list[list[Record]]:
    found: list[list[Record]] = []
    for group in groups:
        batch = texts.get(group.rows[0].batch)
        told = None if batch is None else Told(what, group, batch)
        reasons: dict[frozenset[str], str | None] = {}
        records: list[Record] = []
        for row in group.rows:
            about = frozenset(row.candidates)
            if about not in reasons:
                reasons[about] = refused_text(batch, about, row.workspace, what.allowed)
            reason, remark = reasons[about], left.get(row.judgment)
            if reason is not None or told is None or remark is None:
                what.refused[reason or "text_gone"] += 1
            else:
                records.append(told.record(row, remark))
        if records:
            found.append(records)
    return found


class Told:
    """What goes into the records of one batch, cleaned and renamed once for all of them."""

    def __init__(self, what: Gathering, group: Group, batch: Shown) -> None:
        self._what, self._group, self._batch = what, group, batch
        self._candidates = {one.id: one for one in batch.candidates}
        self._context: tuple[Said, ...] | None = None
        self._answers: dict[str, Mapping[str, Any]] = {}
        self._placed: dict[tuple[str, int | None], Answer] = {}
        self._dataset = manifests.label(what.dataset)

    def record(self, row: Row, remark: Remark) -> Record:
        """Return what one rater said."""
        names, batch = self._what.names, self._batch.batch
        if self._context is None:
            self._context = self._cleaned()
        return Record(
            id=row.pseudonym,
            batch=self._group.batch,
            prompt=self._group.prompt,
            context=self._context,
            answers=tuple(map(self._answer, row.candidates, row.tiers)),
            at=datetime.fromisoformat(row.at),
            outcome=row.outcome,
            loose=row.loose,
            task=names.of("task", row.task),
            campaign=names.of("campaign", row.campaign),
            workspace=names.of("workspace", row.workspace),
            adapter=row.adapter,
            surface=row.surface,
            rater=names.of("person", row.rater),
            is_author=row.is_author,
            duration_ms=row.duration_ms,
            revision=row.revision,
            reason=remark.reason,
            comment=self._clean(remark.comment),
            guideline_version=remark.guideline_version,
            propensity=row.propensity,
            decision=batch.decision,
            policy=batch.policy,
            ratings=tuple(
                Mark(
                    candidate=names.of("candidate", one.candidate),
                    axis=one.axis,
                    value=one.value,
                    maximum=one.maximum,
                )
                for one in remark.ratings
            ),
            split=SPLITS[row.split],
            weight=row.weight,
            dataset=self._dataset,
        )

    def _clean(self, text: str) -> str:
        return clean(text, self._what.scrubber, self._what.scrubbed)

    def _cleaned(self) -> tuple[Said, ...]:
        person = self._what.names.of
        return tuple(
            Said(role=line.role, text=self._clean(line.text), author=person("person", line.author))
            for line in self._batch.batch.context
        )

    def _answer(self, id_: str, tier: int | None) -> Answer:
        if (id_, tier) not in self._placed:
            if id_ not in self._answers:
                self._answers[id_] = self._facts(self._candidates[id_])
            self._placed[id_, tier] = Answer(tier=tier, **self._answers[id_])
        return self._placed[id_, tier]

    def _facts(self, one: Candidate) -> Mapping[str, Any]:
        """Return what is the same in every record: `dataclasses.replace` would take five times as long."""
        what, names = self._what, self._what.names
        return {
            "id": names.of("candidate", one.id),
            "text": self._clean(one.text),
            "ordinal": one.ordinal,
            "origin": one.origin,
            "answerer": one.answerer,
            "model": what.models.get(one.model_version, ""),
            "model_version": one.model_version,
            "sampling": what.samplings.get(one.sampling_config, ""),
            "seed": "" if one.seed is None else str(one.seed),
            "finish": one.finish,
            "tokens": one.tokens,
            "author": names.of("person", one.author),
            "edited_from": names.of("candidate", one.edited_from),
            "decision": one.decision,
            "policy": one.policy,
            "latency_ms": one.latency_ms,
            "logprob": one.logprob,
        }
