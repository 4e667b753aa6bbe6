"""What the commands about rankings work with: the store, the models, and who is asked for their consent first."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import wraps
from typing import TypeAlias

from ...clock import Clock
from ...command import Call, Run
from ...components import Services
from ...denied import denied
from ...errors import ModelError, StoreError
from ...events import Press, Submit
from ...feedback import notices
from ...feedback.ballots import drawn
from ...feedback.booth import Booth, NoBallotError, Visitor
from ...feedback.candidates import Kitchen
from ...feedback.queue import Next, Queue
from ...feedback.ranking import RankingError
from ...feedback.values import Campaign
from ...pages import Pages
from ...protocols import Model
from ...refusals import Refusals
from ...stores import Store
from ...views import View, text

WEB = "`/rank web` leads to a page to rank on."

Act: TypeAlias = Callable[[Call], Awaitable[View | str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Office:
    """A store with feedback, the models that are compared, and what judges what they say."""

    store: Store
    models: Mapping[str, Model]
    refusals: Refusals
    clock: Clock
    booth: Booth
    queue: Queue
    kitchen: Kitchen
    pages: Pages

    async def visitor(self, call: Call) -> Visitor:
        """Return whoever the call is from, as feedback knows them. Raises `StoreError`."""
        event, place = call.turn.event, call.place
        person = await self.store.pseudonym(place.adapter, call.turn.author)
        return Visitor(person=person, place=place, event=event.id, at=event.sent_at)

    async def unasked(self, call: Call, visitor: Visitor, then: str) -> View | None:
        """Return what asks for consent to rate, if it was not given; ``then`` is the command to go on with."""
        consents = await self.store.consents(visitor.person, visitor.place)
        if notices.holds(consents, "rate"):
            return None
        return notices.notice(then, buttons=call.turn.capabilities.buttons)

    def refused(self, call: Call, campaign: Campaign) -> View | None:
        """Return what somebody is told who may not rate in a campaign, None if they may."""
        if call.turn.permission >= campaign.raters:
            return None
        roles = call.desk.roles(campaign.raters, call.place)
        return denied("Ranking answers here", campaign.raters, call.turn, roles)

    def page_hint(self, call: Call) -> str:
        """Return how a ballot is ranked in a browser, where there is a page that others than this machine can open."""
        page = self.pages.rank
        return WEB if page is not None and not page.local and page.adapter != call.place.adapter else ""

    async def shown(self, call: Call, visitor: Visitor, found: Next, note: str = "") -> View:
        """Return a ballot that was handed out. Raises `NoBallotError`, `StoreError`."""
        sheet = await self.booth.sheet(visitor, found.assignment.id)
        buttons, hint = call.turn.capabilities.buttons, self.page_hint(call)
        return drawn(sheet, buttons=buttons, note=note, guideline=found.first, hint=hint)


def office(services: Services) -> Office | None:
    """Return what commands work with, None where nothing is kept or nothing is judged."""
    store, moderation = services.store, services.moderation
    if store is None or moderation is None:
        return None
    return Office(
        store=store,
        models=services.models,
        refusals=services.refusals,
        clock=services.clock,
        booth=Booth(store, services.clock),
        queue=Queue(store, services.clock),
        kitchen=Kitchen(models=services.models, moderation=moderation, clock=services.clock),
        pages=services.pages,
    )


def explained(act: Act) -> Run:
    """Return ``act`` with what was wrong said to whoever called it, alone."""

    @wraps(act)
    async def run(call: Call) -> View | str:
        try:
            return await act(call)
        except NoBallotError as error:
            return text(str(error.args[0]), private=True)
        except RankingError as error:
            return text(_sentence(str(error)), private=True)
        except ValueError as error:
            return text(f"That does not work: {error}.", private=True)
        except StoreError as error:
            return text(f"Nothing was stored: {error}. Please try again.", private=True)
        except ModelError:
            return text("The model did not answer; please try again later.", private=True)

    return run


def in_place(call: Call, view: View) -> View:
    """Return ``view`` as what stands instead of the one whose control was used."""
    return replace(view, in_place=isinstance(call.turn.event, Press | Submit))


def _sentence(said: str) -> str:
    said = said[:1].upper() + said[1:]
    return said if said.endswith((".", "!", "?")) else f"{said}."
