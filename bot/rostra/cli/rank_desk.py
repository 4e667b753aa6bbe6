"""What ``rostra rank`` does with a store: campaigns found, ballots drawn, votes taken, as somebody at the terminal."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import typer

from .running import store_of

if TYPE_CHECKING:
    from pathlib import Path

    from ..clock import Clock
    from ..feedback.ballots import Sheet
    from ..feedback.booth import Said, Visitor
    from ..feedback.ranking import Ranking
    from ..feedback.values import Axis, Campaign
    from ..places import Place
    from ..stores import Store


def console_place(config: Path | None) -> Place:
    """Return where campaigns of the terminal are: the same workspace as that of ``rostra chat``. Raises `ConfigError`."""
    from ..config import load
    from ..places import Place

    adapters = load(config).adapters
    name = next((name for name, table in adapters.items() if table.kind == "console"), "console")
    return Place(adapter=name, channel="terminal")


@dataclass(frozen=True, slots=True, kw_only=True)
class Terminal:
    """A store, and whoever sits at the terminal, by their name and their pseudonym."""

    store: Store
    clock: Clock
    place: Place
    person: str

    def visitor(self) -> Visitor:
        """Return them with an event of their own."""
        from ..feedback.booth import Visitor
        from ..feedback.values import new_id

        return Visitor(person=self.person, place=self.place, event=new_id(), at=self.clock.now())

    async def agreed(self) -> bool:
        """Return whether they allow that their rankings are kept."""
        from ..feedback import notices

        return notices.holds(await self.store.consents(self.person, self.place), "rate")

    async def agree(self) -> None:
        """Store that they do."""
        from ..feedback import notices
        from ..feedback.values import ConsentEvent, new_id

        await self.store.consent(
            ConsentEvent(
                id=new_id(),
                person=self.person,
                place=self.place,
                scope="rate",
                granted=True,
                notice_version=notices.VERSION,
                evidence="rostra rank vote --agree",
                at=self.clock.now(),
            )
        )


@asynccontextmanager
async def at_terminal(config: Path | None, who: str) -> AsyncGenerator[Terminal]:
    """Open the store of a configuration for somebody at the terminal. Raises `ConfigError`, `StoreError`."""
    from ..clock import SystemClock
    from ..places import Person

    place = console_place(config)
    async with store_of(config) as store:
        person = await store.pseudonym(place.adapter, Person(id=who))
        yield Terminal(store=store, clock=SystemClock(), place=place, person=person)


async def campaign_of(store: Store, wanted: str | None) -> Campaign:
    """Return the campaign with this name or id; without one, the only one there is. Raises `ConfigError`."""
    from ..errors import ConfigError

    known = await store.campaigns()
    found = [one for one in known if wanted is None or wanted in {one.id, one.name}]
    if len(found) == 1:
        return found[0]
    if not known:
        raise ConfigError("there is no campaign; 'rostra rank start' begins one")
    if wanted is not None and not found:
        names = ", ".join(sorted({repr(one.name) for one in known}))
        raise ConfigError(f"there is no campaign {wanted!r}; there are: {names}")
    ids = ", ".join(f"{one.id} ({one.name}, {one.place.adapter})" for one in found)
    raise ConfigError(f"say which campaign; there are: {ids}")


async def handed_out(at: Terminal, wanted: str | None) -> Sheet:
    """Return a ballot of the task with the id ``wanted``, or of a campaign with that name; else of whatever is next.

    It is in the person's hands afterwards; what they ranked before is shown again. Raises `ConfigError`.
    """
    from ..errors import ConfigError
    from ..feedback.booth import Booth

    task = await at.store.task(wanted) if wanted is not None else None
    campaign = await at.store.campaign(task.campaign) if task is not None else None
    if campaign is None:
        campaign = await _next_campaign(at, wanted)
    if (campaign.place.adapter, campaign.place.workspace) != (at.place.adapter, at.place.workspace):
        raise ConfigError(
            f"{campaign.name!r} belongs to a workspace of {campaign.place.adapter!r}; rank it there"
        )
    booth, visitor = Booth(at.store, at.clock), at.visitor()
    if task is not None:
        had = await held_of(at, task.id)
        if had:
            return await booth.sheet(visitor, had)
    held = await at.store.lease(
        campaign.id, at.person, surface=at.place.adapter, task="" if task is None else task.id
    )
    if held is None or (task is not None and held.task != task.id):
        why = (
            "another ballot is in hand; 'rostra rank resume' shows it"
            if held
            else "it is in other hands or done"
        )
        raise ConfigError(
            f"there is nothing to rank in {campaign.name!r}"
            if task is None
            else f"task {task.id!r} cannot be had: {why}"
        )
    return await booth.sheet(visitor, held.id)


async def _next_campaign(at: Terminal, wanted: str | None) -> Campaign:
    from ..errors import ConfigError

    if wanted is not None:
        return await campaign_of(at.store, wanted)
    for one in reversed(await at.store.campaigns(at.place, "open")):
        done = await at.store.progress(one.id)
        if done.done + done.void < done.tasks:
            return one
    raise ConfigError("there is nothing to rank; 'rostra rank start' begins a campaign")


async def held_of(at: Terminal, task: str) -> str:
    """Return the id of the ballot that the person has, or had, of a task; empty if they never had one."""
    from ..feedback.queue import LOOKED_AT

    had = await at.store.assignments(at.person, state=None, limit=LOOKED_AT)
    return next((one.id for one in had if one.task == task and one.state != "released"), "")


async def voted(at: Terminal, task: str, written: str) -> Said:
    """Store what the person says of a task that they were shown. Points that are not all of them wait as a draft.

    Raises `ConfigError`, and `typer.BadParameter` for what is no ranking.
    """
    from ..errors import ConfigError
    from ..feedback.booth import Booth, NoBallotError
    from ..feedback.ranking import RankingError, parse

    ballot = await held_of(at, task)
    if not ballot:
        raise ConfigError(f"you were not shown task {task!r}; 'rostra rank show {task[:40]}' does that")
    booth, visitor = Booth(at.store, at.clock), at.visitor()
    try:
        sheet = await booth.sheet(visitor, ballot)
        if sheet.campaign.mode == "rate":
            return await booth.answer(visitor, ballot, written)
        return await booth.judge(visitor, sheet, _allowed(sheet, parse(written, sheet.k)))
    except RankingError as error:
        raise typer.BadParameter(str(error), param_hint="RANKING") from error
    except NoBallotError as error:
        raise ConfigError(str(error.args[0])) from error


def _allowed(sheet: Sheet, ranking: Ranking) -> Ranking:
    from ..errors import ConfigError

    if sheet.campaign.mode == "write" and ranking.outcome == "ranked":
        raise ConfigError("that task wants an answer written; '/rank next' in 'rostra chat' takes it")
    return ranking


def check_name(name: str) -> None:
    """Raise `typer.BadParameter` unless a campaign can be called ``name``."""
    if not name.replace("-", "").replace("_", "").isalnum() or name == "chat":
        raise typer.BadParameter(f"{name!r} is no name for one; letters, digits, - and _ would be right")


def version_of(guideline: str) -> str:
    """Return what a guideline is known by; empty where there is none."""
    from hashlib import sha256

    return sha256(guideline.encode()).hexdigest()[:12] if guideline else ""


def axes_for(mode: str, written: str) -> tuple[Axis, ...]:
    """Return what answers get points for in a campaign of ``mode``. Raises `typer.BadParameter`."""
    from ..feedback.points import USUAL, axes_of

    if mode != "rate" and written:
        raise typer.BadParameter(f"{mode} puts answers in order; --mode rate has axes", param_hint="--axes")
    try:
        return axes_of(written) if written else USUAL if mode == "rate" else ()
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--axes") from error


def usage(sheet: Sheet) -> str:
    """Return what may be said of a ballot, as it is typed."""
    from ..feedback.points import example

    if sheet.campaign.mode == "rate":
        return f'"{example(sheet.k, sheet.axes)}"   (? skip, report)'
    return '"B > A"   (= ties, +B -A best and worst, ! all bad, ? skip, report)'


def lettered(sheet: Sheet) -> Mapping[str, str]:
    """Return the answers of a ballot by the letters that this person knows them under."""
    from ..feedback.ranking import letter

    return {letter(slot): plain(one.text) for slot, one in enumerate(sheet.answers)}


def plain(text: str) -> str:
    """Return ``text`` without what a terminal would obey."""
    return "".join(one for one in text if one in "\n\t" or one.isprintable())


async def progress_rows(store: Store, campaigns: Sequence[Campaign]) -> list[dict[str, Any]]:
    """Return how far campaigns have come, as plain JSON."""
    rows: list[dict[str, Any]] = []
    for one in campaigns:
        done = await store.progress(one.id)
        rows.append(
            {
                "campaign": one.name,
                "id": one.id,
                "place": one.place.key,
                "status": one.status,
                "mode": one.mode,
                "k": one.k,
                "overlap": one.overlap,
                "tasks": done.tasks,
                "done": done.done,
                "void": done.void,
                "ballots": done.submitted,
                "skipped": done.skipped,
                "in_hand": done.leased,
                "raters": done.raters,
                "budget": one.budget,
            }
        )
    return rows
