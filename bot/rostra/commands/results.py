"""``/rank results`` and what else operators read about a campaign in a chat: leaderboard, agreement, raters, how far it is."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import wraps
from typing import TypeAlias

from ..clock import Clock
from ..command import Call, Command, Desk, Option, Run, command
from ..components import Component, ComponentSettings, Services
from ..errors import StoreError
from ..feedback.queue import campaign_called
from ..feedback.results import Results, Sides, looked, results, said
from ..feedback.values import Campaign, Exclusion, new_id
from ..places import Permission, Place
from ..stores import Store
from ..views import File, Part, Text, View, text

Act: TypeAlias = Callable[[Call, Campaign], Awaitable[View]]

LONGEST = 300
"""Characters of a reason."""

NOTHING = "Nothing was compared in `{name}` yet: two answerers must meet on ballots that were ranked."


@dataclass(frozen=True, slots=True)
class Reading:
    """The commands, over a store."""

    store: Store
    clock: Clock

    async def results(self, call: Call, campaign: Campaign) -> View:
        """Recommend an answerer, or say how many ballots are missing for that."""
        sides = Sides(live=call.options.get("live", ""), candidate=call.options.get("candidate", ""))
        found = await results(self.store, campaign, sides)
        parts = [Text(text=said(found)), *_apply(found)]
        return View(parts=tuple(parts), private=True)

    async def leaderboard(self, call: Call, campaign: Campaign) -> View:
        """Show who stands where, as a table and as a picture."""
        from ..feedback.statistics.pictures import leaderboard_picture
        from ..feedback.statistics.report import leaderboard_text

        del call
        found = await results(self.store, campaign)
        if found.means is not None:
            return text(said(found), private=True)
        if found.board is None:
            return text(NOTHING.format(name=campaign.name), private=True)
        picture = File(
            name=f"{campaign.name}-leaderboard.png",
            media_type="image/png",
            data=leaderboard_picture(found.board),
            description=f"The leaderboard of {campaign.name}, with intervals of 95 %",
        )
        return View(parts=(Text(text=leaderboard_text(found.board)), picture), private=True)

    async def agreement(self, call: Call, campaign: Campaign) -> View:
        """Show how much raters agree."""
        from ..feedback.statistics.report import agreement_text

        del call
        found = await results(self.store, campaign)
        return text(agreement_text(found.agreed), private=True)

    async def raters(self, call: Call, campaign: Campaign) -> View:
        """Show how raters rate, under their pseudonyms, and whom somebody should look at. Nobody is left out by this."""
        from ..feedback.statistics.report import raters_text

        del call
        found = await looked(self.store, campaign)
        out = [
            f"- {one.target} is left out since {one.at:%Y-%m-%d}: {one.reason}. `/rank readmit {one.target}` takes them back in."
            for one in await self._out(campaign)
        ]
        if not found.raters and not out:
            return text(f"Nobody has ranked anything in `{campaign.name}` yet.", private=True)
        return text("\n".join([raters_text(found.raters, found.proposed), *out]), private=True)

    async def exclude(self, call: Call, campaign: Campaign) -> View:
        """Leave a rater out of the figures of a campaign, until they are readmitted. The rater can read it with ``/privacy``."""
        rater, reason = call.options["rater"], call.options["reason"][:LONGEST]
        if rater not in {one.rater for one in (await looked(self.store, campaign)).raters}:
            raise ValueError(
                f"{rater[:40]!r} has no ballots that count in {campaign.name}; /rank raters lists who has"
            )
        by = await self.store.pseudonym(call.place.adapter, call.turn.author)
        exclusion = Exclusion(
            id=new_id(),
            kind="person",
            target=rater,
            reason=reason,
            at=self.clock.now(),
            method="operator",
            campaign=campaign.id,
            by=by,
        )
        await self.store.exclude(exclusion)
        await self._audit(call, "exclude rater", campaign, rater)
        return text(
            f"What {rater} ranked in `{campaign.name}` no longer counts; nothing is deleted."
            f" `/rank readmit {rater}` takes them back in.",
            private=True,
        )

    async def readmit(self, call: Call, campaign: Campaign) -> View:
        """Have a rater count again who was left out of a campaign."""
        rater = call.options["rater"]
        found = [one for one in await self._out(campaign) if one.target == rater]
        if not found:
            raise ValueError(f"{rater[:40]!r} is not left out of {campaign.name}")
        for one in found:
            await self.store.readmit(one.id)
        await self._audit(call, "readmit rater", campaign, rater)
        return text(f"What {rater} ranked in `{campaign.name}` counts again.", private=True)

    async def _out(self, campaign: Campaign) -> Sequence[Exclusion]:
        found = await self.store.exclusions()
        return [one for one in found if one.kind == "person" and one.campaign == campaign.id]

    async def _audit(self, call: Call, action: str, campaign: Campaign, rater: str) -> None:
        await self.store.audit(
            call.turn.author,
            action,
            campaign.id,
            {"rater": rater},
            adapter=call.place.adapter,
            place=call.place,
        )

    async def status(self, call: Call, campaign: Campaign) -> View:
        """Show how far a campaign has come."""
        del call
        done = await self.store.progress(campaign.id)
        far = (
            f"`{campaign.name}` ({campaign.status}): {done.done:,} of {done.tasks:,} tasks done,"
            f" {done.submitted:,} ballots by {done.raters:,} raters, {done.skipped:,} skipped, {done.leased:,} in hand."
        )
        if campaign.mode == "rate" and done.submitted:
            far += f"\n\n{said(await results(self.store, campaign))}"
        return text(far, private=True)

    def over(self, act: Act) -> Run:
        """Return ``act`` with its campaign found, and what was wrong said to whoever called it, alone."""

        @wraps(act)
        async def run(call: Call) -> View:
            name = call.options.get("campaign", "")
            try:
                return await act(call, await self._found(call.place, name))
            except ValueError as error:
                return text(f"That does not work: {error}.", private=True)
            except StoreError as error:
                return text(f"It could not be read: {error}. Please try again.", private=True)

        return run

    async def names(self, desk: Desk, place: Place) -> Sequence[str]:
        """Return the names of the campaigns of a workspace."""
        del desk
        return tuple(one.name for one in await self.store.campaigns(place))

    async def _found(self, place: Place, name: str) -> Campaign:
        if name:
            found = await campaign_called(self.store, place, name)
            if found is None:
                raise ValueError(f"there is no campaign {name[:40]!r} here")
            return found
        known = await self.store.campaigns(place)
        if len(known) == 1:
            return known[0]
        if not known:
            raise ValueError("there is no campaign here; /rank campaign new NAME begins one")
        raise ValueError(f"say which campaign: {', '.join(one.name for one in known)}")


def _apply(found: Results) -> Sequence[Part]:
    advice = found.recommended
    if advice is None or advice.decision != "promote":
        return ()
    return (Text(text=f"`/model {advice.candidate}` lets it answer here."),)


@asynccontextmanager
async def open_results(settings: ComponentSettings, services: Services) -> AsyncGenerator[Sequence[Command]]:
    """Open the commands; there are none where nothing is kept."""
    del settings
    yield () if services.store is None else commands(services.store, services.clock)


def commands(store: Store, clock: Clock) -> Sequence[Command]:
    """Return the commands over ``store``."""
    reading = Reading(store, clock)
    campaign = Option(name="campaign", help="which one; not needed where there is one", choices=reading.names)
    live = Option(name="live", help="who answers now; by default the first after the best")
    candidate = Option(name="candidate", help="who may take their place; by default the best")

    rater = Option(name="rater", help="a pseudonym that /rank raters shows", required=True)
    reason = Option(name="reason", help="why; the rater can read it", required=True, free=True)

    def made(path: str, about: str, act: Act, *options: Option) -> Command:
        return command(f"rank {path}", help=about, options=options, permission=Permission.OPERATOR)(
            reading.over(act)
        )

    return (
        made(
            "results",
            "Say which answerer to choose, or what is missing",
            reading.results,
            campaign,
            live,
            candidate,
        ),
        made("leaderboard", "Show who stands where, with a picture", reading.leaderboard, campaign),
        made("agreement", "Show how much raters agree", reading.agreement, campaign),
        made("raters", "Show how raters rate, and whom to look at", reading.raters, campaign),
        made("exclude", "Leave a rater out of the figures", reading.exclude, rater, campaign, reason),
        made("readmit", "Have a rater count again", reading.readmit, rater, campaign),
        made("status", "Show how far a campaign has come", reading.status, campaign),
    )


component = Component(name="results", settings=ComponentSettings, open=open_results)
