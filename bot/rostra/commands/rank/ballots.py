"""``/rank vote`` and what else people do with a ballot in their hands: press, change, go on, come back to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ...command import Call, Command, Option, command
from ...feedback.ballots import Sheet, drawn, saved
from ...feedback.booth import Said, Visitor
from ...feedback.queue import campaign_called
from ...feedback.values import Campaign
from ...views import View, text
from .office import Act, Office, explained, in_place

IDLE = "There is nothing for you to rank right now, or you have done your share of today."

RANKING = Option(
    name="ranking",
    help="B > A = C: best first, = ties; +B -D: best and worst; ! all bad, ? skip, report; or A: 4 5",
    required=True,
)


@dataclass(frozen=True, slots=True)
class Ballots:
    """The commands, over an office."""

    office: Office

    async def vote(self, call: Call) -> View | str:
        """Take what somebody writes about the ballot they have in hand, or the last one they answered."""
        visitor = await self.office.visitor(call)
        first, _, rest = call.options["ranking"].partition(" ")
        if len(first) == 32 and rest:  # noqa: PLR2004  digits of an id
            sheet, said = await self.office.booth.sheet(visitor, first), rest
        else:
            sheet, said = await self.office.booth.current(visitor, done=True), call.options["ranking"]
        return await self._answered(call, visitor, sheet, said)

    async def answer(self, call: Call) -> View | str:
        """Take what somebody pressed on a ballot that was shown to them."""
        visitor = await self.office.visitor(call)
        sheet = await self.office.booth.sheet(visitor, call.options["ballot"])
        said = call.options.get("ranking", "")
        if not said:
            return drawn(sheet, buttons=call.turn.capabilities.buttons)
        return in_place(call, await self._answered(call, visitor, sheet, said))

    async def next(self, call: Call) -> View | str:
        """Hand out the next ballot."""
        visitor = await self.office.visitor(call)
        name = call.options.get("campaign", "")
        unasked = await self.office.unasked(call, visitor, f"rank next {name}".rstrip())
        if unasked is not None:
            return unasked
        campaign = None
        if name:
            campaign = await campaign_called(self.office.store, call.place, name)
            if campaign is None:
                raise ValueError(f"there is no campaign {name[:40]!r} here")
            refused = self.office.refused(call, campaign)
            if refused is not None:
                return refused
        found = await self.office.queue.next(visitor, call.turn.permission, campaign)
        if found is None:
            return await self._idle(call, campaign)
        return await self.office.shown(call, visitor, found)

    async def _idle(self, call: Call, campaign: Campaign | None) -> View:
        """Say that there is nothing, or that what there is is for others."""
        plans = await self.office.store.campaigns(call.place, "open") if campaign is None else ()
        if plans and all(call.turn.permission < one.raters for one in plans):
            lowest = min(plans, key=lambda one: one.raters)
            return self.office.refused(call, lowest) or text(IDLE, private=True)
        return text(IDLE, private=True)

    async def resume(self, call: Call) -> View | str:
        """Show the ballot in hand again, with what was pressed so far."""
        visitor = await self.office.visitor(call)
        ballot = call.options.get("ballot", "")
        booth = self.office.booth
        sheet = await booth.sheet(visitor, ballot) if ballot else await booth.current(visitor)
        return drawn(sheet, buttons=call.turn.capabilities.buttons, hint=self.office.page_hint(call))

    def pressing(self, key: str) -> Act:
        """Return the command that does with the ballot in hand what the button ``key`` does."""

        async def press(call: Call) -> View | str:
            visitor = await self.office.visitor(call)
            sheet = await self.office.booth.current(visitor)
            return await self._answered(call, visitor, sheet, key)

        return press

    async def guideline(self, call: Call) -> View | str:
        """Show how to judge."""
        name = call.options.get("campaign", "")
        if name:
            campaign = await campaign_called(self.office.store, call.place, name)
        else:
            visitor = await self.office.visitor(call)
            campaign = (await self.office.booth.current(visitor, done=True)).campaign
        if campaign is None or not campaign.guideline:
            return text("There is no guideline; judge as you think is right.", private=True)
        return text(f"**How to judge.** {campaign.guideline}", private=True)

    async def _answered(self, call: Call, visitor: Visitor, sheet: Sheet, written: str) -> View:
        refused = self.office.refused(call, sheet.campaign) or await self.office.unasked(
            call, visitor, f"rank resume {sheet.assignment.id}"
        )
        if refused is not None:
            return refused
        said: Said = await self.office.booth.answer(visitor, sheet.assignment.id, written)
        buttons = call.turn.capabilities.buttons
        if said.ranking is None:
            return drawn(said.sheet, buttons=buttons)
        return saved(said.sheet, said.ranking, said.ratings, changed=said.changed, buttons=buttons)


def commands(office: Office) -> Sequence[Command]:
    """Return the commands over ``office``."""
    ballots = Ballots(office)
    ballot = Option(name="ballot", help="which one; by default, the one you have in hand")
    campaign = Option(name="campaign", help="by default, whichever has something for you")
    which = Option(name="ballot", help="which one", required=True)

    def made(path: str, about: str, act: Act, *options: Option) -> Command:
        return command(path, help=about, options=options, control=True)(explained(act))

    return (
        made("rank vote", "Rank the answers you were shown", ballots.vote, RANKING),
        made(
            "rank answer",
            "Say what you pressed on a ballot",
            ballots.answer,
            which,
            replace(RANKING, required=False),
        ),
        made("rank next", "Get the next answers to rank", ballots.next, campaign),
        made("rank resume", "Show the ballot you have in hand again", ballots.resume, ballot),
        made("rank skip", "Have no opinion about the ballot in hand", ballots.pressing("?")),
        made("rank undo", "Take back what you pressed last", ballots.pressing("undo")),
        made("rank save", "Save the ballot in hand as it is", ballots.pressing("save")),
        made("rank guideline", "Show how to judge", ballots.guideline, campaign),
    )
