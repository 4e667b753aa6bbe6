"""Freeze a dataset: choose the judgments that may be in it, and decide on which side of the split each of them stands."""

from __future__ import annotations

import asyncio
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from ...clock import Clock, SystemClock
from ..judged import Judged
from ..values import DatasetMember, DatasetVersion, Shown, Split, new_id
from . import manifest as manifests
from .near import Neighbours
from .permission import CLEAN, REASONS, Permissions, Purpose, permissions, refused, refused_text, unblinded
from .record import SPLITS, DatasetError
from .source import Source, by_question, portions, shown
from .split import SALT, USUAL, Shares, decided
from .spool import Spool

MEMBERS = 5000
"""Members that are stored at a time."""

NEAR = 0.8
"""How similar two questions are, from 0 to 1, that must stand on the same side."""

Progress = Callable[[str, int], None]
"""Told what is being done, and how many judgments of it are done."""


def silent(what: str, count: int) -> None:
    """Tell nobody."""
    del what, count


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """What is asked for. ``campaigns`` are ids, none for all; ``since`` is inclusive.

    ``near`` is how similar questions are joined, 0 for none but equal ones.
    """

    campaigns: tuple[str, ...] = ()
    since: datetime | None = None
    purpose: Purpose = "train"
    shares: Shares = USUAL
    near: float = NEAR
    salt: str = SALT

    def __post_init__(self) -> None:
        if not 0 <= self.near <= 1:
            raise DatasetError(f"questions are joined from a similarity of {self.near!r}; 0.8 would be right")


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """Where it is done: ``work`` is a folder for temporary files (no texts), ``clean`` as in `permissions`."""

    work: Path
    clean: AbstractSet[str] = CLEAN
    clock: Clock = field(default_factory=SystemClock)
    progress: Progress = silent


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """What came of it."""

    dataset: DatasetVersion
    manifest: Mapping[str, Any]


@dataclass(slots=True)
class Draft:
    """A dataset that is being chosen: questions by number, in the order of their hashes, and who asks for them."""

    name: str
    folder: Path
    selection: Selection
    until: datetime
    refused: Counter[str] = field(default_factory=Counter[str])
    prompts: list[bytes] = field(default_factory=list[bytes])
    sides: bytearray = field(default_factory=bytearray)
    raters: set[str] = field(default_factory=set[str])


async def freeze(store: Source, name: str, selection: Selection, setting: Setting) -> Frozen:
    """Freeze a new version of the dataset ``name``, of all that was stored until now.

    Raises `DatasetError` if nothing is left of it; then nothing is stored.
    """
    if not name or len(name) > 80 or not name.replace("-", "").replace("_", "").replace(".", "").isalnum():  # noqa: PLR2004
        raise DatasetError(f"a dataset cannot be called {name!r}; use letters, digits, '-', '_' and '.'")
    allowed = await permissions(store, selection.purpose, setting.clean)
    setting.work.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.TemporaryDirectory(dir=setting.work, prefix="freeze-") as folder:
        draft = Draft(name=name, folder=Path(folder), selection=selection, until=setting.clock.now())
        candidates = await _collected(store, draft, allowed, setting.progress)
        accepted = await _accepted(store, draft, candidates, allowed, setting.progress)
        parent = await _decided(store, draft, accepted.neighbours)
        return await _stored(store, draft, parent, accepted.path, setting)


async def _collected(store: Source, draft: Draft, allowed: Permissions, progress: Progress) -> Spool:
    """Return the judgments that may be in it as far as can be told without their texts, question by question."""
    spool = Spool(draft.folder, "candidates")
    seen = 0
    for campaign in draft.selection.campaigns or (None,):
        found = store.judged(campaign, since=draft.selection.since, until=draft.until, excluded=True)
        async for one in found:
            seen += 1
            if seen % 10_000 == 0:
                progress("read", seen)
            reason = refused(one, allowed)
            if reason is not None:
                draft.refused[reason] += 1
            else:
                spool.add(_line(one))
    return spool


def _line(one: Judged) -> bytes:
    # In any order: each was shown them in another one, and they are looked at once.
    candidates = ",".join(sorted(one.candidates))
    return f"{one.prompt}\t{one.batch}\t{one.judgment}\t{one.workspace}\t{one.rater}\t{candidates}".encode()


@dataclass(slots=True)
class Accepted:
    """What may be in it: a file of judgments with the numbers of their questions, and the questions' neighbours."""

    path: Path
    neighbours: Neighbours | None


async def _accepted(
    store: Source, draft: Draft, candidates: Spool, allowed: Permissions, progress: Progress
) -> Accepted:
    near = draft.selection.near
    found = Accepted(draft.folder / "accepted", Neighbours(draft.folder, near) if near else None)
    done = 0
    with found.path.open("wb") as file:
        for portion in by_question(candidates.sorted()):
            texts = await shown(store, (group[0][1].decode() for group in portion))
            file.write(await asyncio.to_thread(_looked_at, draft, portion, texts, allowed, found.neighbours))
            done += sum(map(len, portion))
            progress("judged", done)
    return found


def _looked_at(
    draft: Draft,
    portion: Sequence[Sequence[Sequence[bytes]]],
    texts: Mapping[str, Shown],
    allowed: Permissions,
    neighbours: Neighbours | None,
) -> bytes:
    """Look at the texts of some questions; return lines of those judgments that may be in it."""
    lines: list[bytes] = []
    questions: list[str] = []
    for group in portion:
        prompt, batch = group[0][0], group[0][1].decode()
        reasons: dict[bytes, str | None] = {}
        for fields in group:
            if fields[5] not in reasons:
                candidates = frozenset(fields[5].decode().split(","))
                reason = refused_text(texts.get(batch), candidates, fields[3].decode(), allowed)
                reasons[fields[5]] = reason or unblinded(texts[batch], candidates)
            reason = reasons[fields[5]]
            if reason is not None:
                draft.refused[reason] += 1
                continue
            if not draft.prompts or draft.prompts[-1] != prompt:
                draft.prompts.append(prompt)
                questions.append(texts[batch].batch.question)
            draft.raters.add(fields[4].decode())
            lines.append(b"%s\t%d\n" % (fields[2], len(draft.prompts) - 1))
    if neighbours is not None:
        neighbours.add(questions)
    return b"".join(lines)


async def _decided(store: Source, draft: Draft, neighbours: Neighbours | None) -> str:
    """Decide on which side each question stands; return the id of the version before, if any."""
    draft.sides = bytearray(len(draft.prompts))
    newest: dict[str, DatasetVersion] = {}
    for one in await store.datasets():
        if one.split_salt == draft.selection.salt:
            newest.setdefault(one.name, one)
    # What this dataset said last counts, wherever another one said something else.
    for one in sorted(newest.values(), key=lambda each: each.name != draft.name):
        await _remember(store, draft, one)
    await asyncio.to_thread(_choose, draft, neighbours)
    return newest[draft.name].id if draft.name in newest else ""


async def _remember(store: Source, draft: Draft, before: DatasetVersion) -> None:
    """Take over the sides that questions have in an earlier dataset."""
    spool = Spool(draft.folder, "before")
    members = store.members(before.id)
    async for one in store.judged(dataset=before.id):
        member = await anext(members)
        if member.judgment != one.judgment:
            raise DatasetError(
                f"dataset {manifests.label(before)!r} has members that are not there; check the database"
            )
        spool.add(f"{one.prompt}\t{SPLITS.index(member.split) + 1}".encode())
    at = 0
    for line in spool.sorted():
        prompt, side = line.split(b"\t")
        while at < len(draft.prompts) and draft.prompts[at] < prompt:
            at += 1
        if at < len(draft.prompts) and draft.prompts[at] == prompt and not draft.sides[at]:
            draft.sides[at] = int(side)


def _choose(draft: Draft, neighbours: Neighbours | None) -> None:
    groups: dict[int, list[int]] = {}
    if neighbours is not None:
        root = neighbours.groups()
        for number in (root != range(len(root))).nonzero()[0].tolist():
            groups.setdefault(int(root[number]), [int(root[number])]).append(number)
    joined = bytearray(len(draft.prompts))
    for numbers in groups.values():
        _settle(draft, numbers)
        for number in numbers:
            joined[number] = 1
    for number, done in enumerate(joined):
        if not done:
            _settle(draft, [number])


def _settle(draft: Draft, numbers: Sequence[int]) -> None:
    """Decide on the side of questions that belong together."""
    prompts = {number: draft.prompts[number].decode() for number in numbers}
    before: dict[str, Split | None] = {
        prompt: SPLITS[draft.sides[number] - 1] if draft.sides[number] else None
        for number, prompt in prompts.items()
    }
    found = decided(before, draft.selection.shares, draft.selection.salt)
    for number, prompt in prompts.items():
        side = found[prompt]
        draft.sides[number] = 0 if side is None else SPLITS.index(side) + 1


async def _stored(store: Source, draft: Draft, parent: str, accepted: Path, setting: Setting) -> Frozen:
    members, counts = await asyncio.to_thread(_members, draft, accepted)
    if not sum(counts.values()):
        reasons = "; ".join(
            f"{count:,} left out, {REASONS[name]}" for name, count in draft.refused.most_common()
        )
        raise DatasetError(f"no judgment may be in dataset {draft.name!r}: {reasons or 'there are none'}")
    dataset = await store.begin_dataset(
        DatasetVersion(
            id=new_id(),
            name=draft.name,
            version=0,
            query=_query(draft, counts, members),
            watermark=draft.until,
            code_version=manifests.code(),
            split_salt=draft.selection.salt,
            manifest="",
            at=draft.until,
            parent=parent,
        )
    )
    done = 0
    with members.path.open("rb") as file:
        for lines in portions(file, MEMBERS):
            await store.add_members(dataset.id, [_member(line) for line in lines])
            done += len(lines)
            setting.progress("stored", done)
    manifest = manifests.frozen(dataset)
    return Frozen(
        dataset=await store.finish_dataset(dataset.id, manifests.digest(manifest)), manifest=manifest
    )


@dataclass(frozen=True, slots=True)
class Members:
    """Who is in it: a file in the order of the judgments' ids, and its hash."""

    path: Path
    digest: str
    prompts: Mapping[str, int]


def _members(draft: Draft, accepted: Path) -> tuple[Members, Mapping[str, int]]:
    spool = Spool(draft.folder, "members")
    counts: Counter[str] = Counter()
    with accepted.open("rb") as file:
        for line in file:
            judgment, number = line.split()
            side = draft.sides[int(number)]
            if not side:
                draft.refused["between_splits"] += 1
                continue
            spool.add(b"%s %s" % (judgment, SPLITS[side - 1].encode()))
    path, membership = draft.folder / "members.sorted", manifests.Membership()
    with path.open("wb") as file:
        for line in spool.sorted():
            member = _member(line)
            membership.add(member)
            counts[member.split] += 1
            file.write(line + b"\n")
    prompts: dict[str, int] = {split: draft.sides.count(at) for at, split in enumerate(SPLITS, start=1)}
    return Members(path, membership.digest, prompts), counts


def _member(line: bytes) -> DatasetMember:
    judgment, split = line.split()
    return DatasetMember(judgment=judgment.decode(), split=_SIDES[split])


_SIDES: Mapping[bytes, Split] = {side.encode(): side for side in SPLITS}


def _query(draft: Draft, counts: Mapping[str, int], members: Members) -> Mapping[str, Any]:
    """Return all that the manifest says beside name and version, as plain JSON."""
    asked = draft.selection
    return {
        "asked": {
            "campaigns": list(asked.campaigns),
            "since": asked.since.isoformat() if asked.since else None,
            "until": draft.until.isoformat(),
            "purpose": asked.purpose,
            "near": asked.near,
            "shares": {"validation": asked.shares.validation, "test": asked.shares.test},
        },
        "judgments": {split: counts.get(split, 0) for split in SPLITS},
        "prompts": {split: members.prompts.get(split, 0) for split in SPLITS},
        "raters": len(draft.raters),
        "refused": dict(sorted(draft.refused.items())),
        "members_sha256": members.digest,
    }
