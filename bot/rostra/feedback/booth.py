"""Where people rank: ballots in their hands, what they press, and what they say in the end, stored before it is read back."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from weakref import WeakValueDictionary

from ..clock import Clock
from ..places import Place
from ..stores import Store
from . import drafts, points, writing
from .ballots import Sheet
from .drafts import TIE, UNDO, Draft
from .ranking import LETTERS, MOST, WORDS, Ranking, RankingError, parse
from .values import AlreadyStored, Assignment, Candidate, Judgment, Rating, candidate_tiers

SAVE = "save"
LOOKED_AT = 50
"""Assignments of somebody that are looked at for one of a workspace."""


class NoBallotError(LookupError):
    """There is no such ballot, or it is not theirs, or not here. The message is for whoever asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visitor:
    """Somebody at a ballot, by their pseudonym, and the event that brought them: its id and when it was sent.

    ``surface`` is what shows it to them, where that is not the adapter of the place.
    """

    person: str
    place: Place
    event: str
    at: datetime
    surface: str = ""

    @property
    def source(self) -> str:
        """What the event is known by, whatever platform it comes from."""
        return f"{self.place.adapter}/{self.event}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What came of an answer: the ballot as it is now, and what was stored, if anything was; ``changed``: not for the first time."""

    sheet: Sheet
    ranking: Ranking | None = None
    changed: bool = False
    ratings: tuple[Rating, ...] = ()


class Booth:
    """Ballots of a store, one press after the other."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def sheet(self, visitor: Visitor, ballot: str) -> Sheet:
        """Return a ballot of the visitor's. Raises `NoBallotError`, `StoreError`."""
        found = await self._store.assignment(ballot) if _is_id(ballot) else None
        sheet = None if found is None or found.person != visitor.person else await self._drawn(found)
        if sheet is None or not same_workspace(sheet.campaign.place, visitor.place):
            raise NoBallotError("There is no such ballot of yours here.")
        if not sheet.retained:
            raise NoBallotError("The texts of this ballot are no longer kept.")
        return sheet

    async def current(self, visitor: Visitor, *, done: bool = False) -> Sheet:
        """Return the ballot that the visitor has in hand in this workspace; with ``done``, else the last one they answered.

        Raises `NoBallotError`, `StoreError`.
        """
        for state in ("leased", "submitted", "skipped") if done else ("leased",):
            for one in await self._store.assignments(visitor.person, state=state, limit=LOOKED_AT):
                try:
                    return await self.sheet(visitor, one.id)
                except NoBallotError:
                    continue
        raise NoBallotError("You have no ballot in hand. `/rank next` or `/rank new` gets you one.")

    async def answer(self, visitor: Visitor, ballot: str, said: str) -> Said:
        """Take what somebody pressed or wrote: a letter, ``=``, ``undo``, ``save``, a whole ranking, or points.

        The same event is taken once. Raises `RankingError` and `NoBallotError`, to be shown, and `StoreError`.
        """
        async with self._lock(ballot):
            sheet = await self.sheet(visitor, ballot)
            before = await self._store.judgment(judgment_id(visitor, ballot))
            if before is not None:
                return _stored(sheet, before)
            word = " ".join(said.split())
            if sheet.campaign.mode == "rate":
                return await self._rated(visitor, sheet, word)
            if sheet.campaign.mode == "write" and word.lower() not in {"?", "skip", "report"}:
                raise NoBallotError(
                    "That ballot wants an answer written: `/rank write TEXT`, or `/rank skip`."
                )
            if word.lower() == SAVE:
                ranking = drafts.ranking(sheet.draft)
            elif _is_press(word):
                if sheet.assignment.state != "leased":
                    return await self._already(sheet)
                sheet = await self._pressed(visitor, sheet, word)
                if sheet.k != 2 or word.lower() in {TIE, UNDO}:  # noqa: PLR2004  the second of two says nothing new
                    return Said(sheet=sheet)
                ranking = drafts.ranking(sheet.draft)
            else:
                ranking = parse(word, sheet.k)
            return await self.judge(visitor, sheet, ranking)

    async def arrange(self, visitor: Visitor, ballot: str, said: str) -> Sheet:
        """Keep a whole arrangement, or points, as what the visitor has chosen so far, in place of what was there.

        Nothing comes of it before they save it, and nothing changes once they did. Raises `RankingError` and
        `NoBallotError`, to be shown, and `StoreError`.
        """
        async with self._lock(ballot):
            sheet = await self.sheet(visitor, ballot)
            if sheet.assignment.state != "leased":
                return sheet
            if sheet.campaign.mode == "rate":
                marks = points.parse(" ".join(said.split()), sheet.k, sheet.axes)
                given = sheet.points.given
                new = [one for one in marks if given.get((one.slot, one.axis)) != one.value]
                return await self._marked(visitor, sheet, new) if new else sheet
            tiers = parse(said, sheet.k).tiers
            return await self._drafted(
                sheet, drafts.arranged(sheet.draft, tiers, drafts.mark_of(visitor.source))
            )

    async def write(self, visitor: Visitor, ballot: str, text: str) -> Sheet:
        """Take an answer that the visitor wrote to the question of a ballot. The same event is taken once.

        Raises `NoBallotError`, to be shown, and `StoreError`.
        """
        async with self._lock(ballot):
            sheet = await self.sheet(visitor, ballot)
            if sheet.campaign.mode != "write":
                raise NoBallotError("That ballot is to be ranked; `/rank edit` changes an answer.")
            await self.add(visitor, sheet, text, None)
            await self.judge(visitor, sheet, Ranking())
            return sheet

    async def add(self, visitor: Visitor, sheet: Sheet, text: str, changed: Candidate | None) -> Candidate:
        """Add what the visitor wrote to the answers of a question, in place of ``changed`` or of none of them.

        Raises `RankingError`, to be shown, and `StoreError`.
        """
        event = writing.derived(sheet.assignment.id, visitor.source)
        return await writing.added(self._store, sheet, text, changed, author=visitor.person, event=event)

    async def judge(
        self, visitor: Visitor, sheet: Sheet, ranking: Ranking, ratings: tuple[Rating, ...] = ()
    ) -> Said:
        """Store what somebody says of a ballot; what they said last, said again, changes nothing.

        Raises `RankingError`, `NoBallotError`, `StoreError`.
        """
        if sheet.campaign.status == "closed":
            raise NoBallotError("The campaign is closed; nothing is taken any more.")
        held, now = sheet.assignment, self._clock.now()
        judgment = Judgment(
            id=judgment_id(visitor, held.id),
            assignment=held.id,
            task=held.task,
            person=visitor.person,
            outcome=ranking.outcome,
            shown_order=held.shown_order,
            at=now,
            tiers=candidate_tiers(ranking, held.shown_order),
            loose=ranking.loose,
            ratings=ratings,
            duration_ms=max(0, round((now - held.at).total_seconds() * 1000)),
            surface=visitor.surface or visitor.place.adapter,
            guideline_version=sheet.campaign.guideline_version,
            source_event=visitor.source,
        )
        last = await self._last(held)
        if last is not None and sheet.campaign.mode != "write" and _same(judgment, last):
            return replace(_stored(sheet, last), changed=True)
        stored = await self._store.judge(judgment)
        there = await self._store.judgment(stored.judgment) if isinstance(stored, AlreadyStored) else None
        if there is not None:
            return _stored(sheet, there)
        return Said(sheet=sheet, ranking=ranking, changed=stored.revision > 1, ratings=ratings)

    async def _rated(self, visitor: Visitor, sheet: Sheet, word: str) -> Said:
        """Take points, or what else there is to say of a ballot that asks for them."""
        outcome = WORDS.get(word.upper())
        if outcome == "all_bad":
            raise RankingError(f"this ballot asks for points; write {_example(sheet)}, or ? to skip")
        if outcome is not None:
            return await self.judge(visitor, sheet, Ranking(outcome=outcome))
        held = sheet.assignment.state == "leased"
        if not held and word.lower() in {SAVE, UNDO}:
            return await self._already(sheet)
        marks = () if word.lower() in {SAVE, UNDO} else points.parse(word, sheet.k, sheet.axes)
        if not held:
            return await self._rerated(visitor, sheet, marks)
        if word.lower() != SAVE:
            sheet = await self._marked(visitor, sheet, marks)
        given = sheet.points.given
        if word.lower() == SAVE and not given:
            raise RankingError(f"Give some points first, as in {_example(sheet)}.")
        if word.lower() != SAVE and sheet.points.missing:
            return Said(sheet=sheet)
        return await self.judge(visitor, sheet, Ranking(), _ratings(sheet, given))

    async def _marked(self, visitor: Visitor, sheet: Sheet, marks: Sequence[points.Mark]) -> Sheet:
        """Keep points that were given, or without ``marks`` take the last ones back."""
        event = drafts.mark_of(visitor.source)
        now = points.added(sheet.points, marks, event) if marks else points.undone(sheet.points, event)
        stored = points.text_of(now)
        await self._store.save_draft(sheet.assignment.id, stored)
        return replace(sheet, assignment=replace(sheet.assignment, draft=stored))

    async def _rerated(self, visitor: Visitor, sheet: Sheet, marks: Sequence[points.Mark]) -> Said:
        """Store points in place of those that were stored before; what is not named stays."""
        last = await self._last(sheet.assignment)
        given = {} if last is None else dict(points.given_in(last))
        given |= {(one.slot, one.axis): one.value for one in marks}
        return await self.judge(visitor, sheet, Ranking(), _ratings(sheet, given))

    async def release(self, visitor: Visitor, ballot: str) -> None:
        """Give a ballot back. Raises `NoBallotError`, `StoreError`."""
        sheet = await self.sheet(visitor, ballot)
        await self._store.release(sheet.assignment.id)

    async def _pressed(self, visitor: Visitor, sheet: Sheet, key: str) -> Sheet:
        return await self._drafted(sheet, drafts.tapped(sheet.draft, key, drafts.mark_of(visitor.source)))

    async def _drafted(self, sheet: Sheet, draft: Draft) -> Sheet:
        stored = drafts.text_of(draft)
        await self._store.save_draft(sheet.assignment.id, stored)
        return replace(sheet, assignment=replace(sheet.assignment, draft=stored))

    async def _already(self, sheet: Sheet) -> Said:
        last = await self._last(sheet.assignment)
        return Said(sheet=sheet) if last is None else _stored(sheet, last)

    async def _last(self, held: Assignment) -> Judgment | None:
        """Return what was stored last of an assignment that is in nobody's hands any more."""
        revisions = () if held.state == "leased" else await self._store.revisions(held.id)
        return revisions[-1] if revisions else None

    async def _drawn(self, held: Assignment) -> Sheet | None:
        plan = await self._store.campaign(held.campaign)
        shown = await self._store.shown([held.batch])
        if plan is None or not shown:
            return None
        by_id = {one.id: one for one in shown[0].candidates}
        answers = tuple(by_id[one] for one in held.shown_order if one in by_id)
        return Sheet(assignment=held, campaign=plan, shown=shown[0], answers=answers)

    def _lock(self, ballot: str) -> asyncio.Lock:
        lock = self._locks.get(ballot)
        if lock is None:
            lock = self._locks[ballot] = asyncio.Lock()
        return lock


def judgment_id(visitor: Visitor, ballot: str) -> str:
    """Return the id of what is said in an event about a ballot: the same each time, growing with the time of the event.

    It has the form of a UUIDv7 (RFC 9562) with a hash in place of random bits.
    """
    milliseconds = max(0, round(visitor.at.timestamp() * 1000)) & (2**48 - 1)
    hashed = int.from_bytes(sha256(f"{visitor.source}\n{ballot}".encode()).digest()[:10])
    bits = milliseconds << 80 | hashed
    bits = bits & ~(0xF << 76) | 0x7 << 76
    return f"{bits & ~(0b11 << 62) | 0b10 << 62:032x}"


def same_workspace(one: Place, other: Place) -> bool:
    """Return whether two places belong together: on platforms without workspaces, all do."""
    return (one.adapter, one.workspace) == (other.adapter, other.workspace)


def _stored(sheet: Sheet, one: Judgment) -> Said:
    return Said(sheet=sheet, ranking=one.ranking, changed=one.revision > 1, ratings=one.ratings)


def _same(one: Judgment, other: Judgment) -> bool:
    """Return whether two judgments of one assignment say the same, under the same guideline."""
    pairs = ((one.ranking, other.ranking), (set(one.ratings), set(other.ratings)))
    return all(left == right for left, right in pairs) and one.guideline_version == other.guideline_version


def _example(sheet: Sheet) -> str:
    return points.example(sheet.k, sheet.axes)


def _ratings(sheet: Sheet, given: points.Given) -> tuple[Rating, ...]:
    return points.ratings(given, sheet.axes, sheet.assignment.shown_order)


def _is_press(word: str) -> bool:
    return (len(word) == 1 and word.upper() in LETTERS[:MOST]) or word.lower() in {TIE, UNDO}


def _is_id(text: str) -> bool:
    return len(text) == 32 and not set(text) - set("0123456789abcdef")  # noqa: PLR2004  digits of an id
