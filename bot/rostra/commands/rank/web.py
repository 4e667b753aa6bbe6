"""``/rank web``: a link, good once, by which somebody of a chat ranks in a browser."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...command import Call, Command, command
from ...denied import denied
from ...feedback.booth import NoBallotError, Visitor
from ...places import Permission
from ...views import View, text
from .office import Office, explained

NO_PAGE = "There is no page to rank on here: no adapter of kind `web` is running."
NO_ADDRESS = "The page to rank on does not know its address: whoever runs this bot sets `public_url` under `[adapters.NAME]` of kind `web`."
LOCAL = " It opens only on the machine that this bot runs on: for everybody else, whoever runs it sets `public_url`."


@dataclass(frozen=True, slots=True)
class Links:
    """The command, over an office."""

    office: Office

    async def web(self, call: Call) -> View | str:
        """Give whoever may rank here a link, for their eyes alone."""
        page = self.office.pages.rank
        if page is None:
            return text(NO_PAGE, private=True)
        plans = await self.office.store.campaigns(call.place, "open")
        least = min((one.raters for one in plans), default=Permission.RATER)
        if call.turn.permission < least:
            return denied("Ranking answers here", least, call.turn, call.desk.roles(least, call.place))
        visitor = await self.office.visitor(call)
        ballot = await self._in_hand(visitor)
        link = await page.link(visitor.person, call.place, call.turn.permission, ballot)
        if link is None:
            return text(NO_ADDRESS, private=True)
        minutes = max(1, round((link.until - self.office.clock.now()).total_seconds() / 60))
        said = f"[Rank in a browser]({link.url}): for you alone, good once, for {minutes} minutes."
        return text(said + (LOCAL if link.local else ""), private=True)

    async def _in_hand(self, visitor: Visitor) -> str:
        try:
            return (await self.office.booth.current(visitor)).assignment.id
        except NoBallotError:
            return ""


def commands(office: Office) -> Sequence[Command]:
    """Return the commands over ``office``."""
    return (
        command("rank web", help="Get a link to rank in a browser", control=True)(
            explained(Links(office).web)
        ),
    )
