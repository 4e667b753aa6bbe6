"""``/strikes``: who has strikes and time-outs here; operators give and forgive them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from rostra.command import Call, Command, Desk, Option, command
from rostra.commands.choosing import one_of
from rostra.components import Component, ComponentSettings, Services
from rostra.places import Permission, Place
from rostra.stores import Sanction
from rostra.views import Table, Text, View

from ..standing import tally
from .office import Office, explained, number_of, office, person_of

RECENT = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class _Strikes:
    """The commands, over an office."""

    office: Office

    async def show(self, call: Call) -> View | str:
        """Show how somebody stands in this workspace; without a person, what happened in it lately."""
        now = self.office.clock.now()
        who = call.options.get("person")
        if who is None:
            found = await self.office.store.sanctioned(call.place, now - RECENT)
            if not found:
                return "Nobody has strikes here."
            return View(parts=(_table(found),), private=True)
        person = person_of(who)
        found = await self.office.store.sanctions(person, call.place)
        if not found:
            return f"{person.id} has no strikes here."
        stands = tally(found, now)
        settings = self.office.moderation.sheet(call.place, person).strikes
        lines = [f"{person.id}: {len(stands.strikes)} strikes count, of {settings.limit or 'no'} allowed."]
        if stands.out_until is not None:
            lines.append(f"In time-out until {stands.out_until:%Y-%m-%d %H:%M} UTC.")
        if stands.pardoned_until is not None:
            lines.append(f"Pardoned until {stands.pardoned_until:%Y-%m-%d %H:%M} UTC: nothing counts.")
        return View(parts=(Text(text=" ".join(lines)), _table(found[::-1])), private=True)

    async def timeout(self, call: Call) -> View | str:
        """Have the bot answer somebody no more in this workspace, for some minutes."""
        person = person_of(call.options["person"])
        minutes = number_of(call.options["minutes"], "minutes")
        until = await self.office.register.send_out(
            person, call.place, timedelta(minutes=minutes), call.turn.author
        )
        return f"{person.id} gets no answers here until {until:%Y-%m-%d %H:%M} UTC. `/strikes pardon {person.id}` ends it."

    async def pardon(self, call: Call) -> View | str:
        """Forgive somebody their strikes and time-outs here; with hours, what comes in that time as well."""
        person = person_of(call.options["person"])
        hours = call.options.get("hours")
        length = timedelta() if hours is None else timedelta(hours=number_of(hours, "hours"))
        await self.office.register.pardon(person, call.place, call.turn.author, length=length)
        later = f" Nothing counts for {hours} hours." if hours else ""
        return f"{person.id} is forgiven.{later}"

    async def people(self, desk: Desk, place: Place) -> Sequence[str]:
        """Return whom something was held against in the workspace lately."""
        del desk
        found = await self.office.store.sanctioned(place, self.office.clock.now() - RECENT)
        return tuple(dict.fromkeys(one.person for one in found if one.person))

    def all(self) -> Sequence[Command]:
        """Return the commands themselves."""
        operator = Permission.OPERATOR
        person = Option(
            name="person", help="a mention, or an id on the platform", required=True, choices=self.people
        )
        anybody = Option(
            name="person",
            help="a mention, or an id on the platform; by default, everybody",
            choices=self.people,
        )
        minutes = Option(
            name="minutes", help="how long", required=True, choices=one_of("10", "60", "1440", "10080")
        )
        hours = Option(
            name="hours", help="for how long nothing counts; by default, only what was counts no more"
        )
        return (
            command(
                "strikes show", help="Show strikes and time-outs here", options=[anybody], permission=operator
            )(explained(self.show)),
            command(
                "strikes timeout",
                help="Answer somebody no more for a while",
                options=[person, minutes],
                permission=operator,
                dangerous=_sends_out,
            )(explained(self.timeout)),
            command(
                "strikes pardon",
                help="Forgive somebody",
                options=[person, hours],
                permission=operator,
                dangerous=_forgives,
            )(explained(self.pardon)),
        )


async def _sends_out(call: Call) -> str:
    try:  # what cannot be, the command says itself
        person_of(call.options["person"])
        number_of(call.options["minutes"], "minutes")
    except ValueError:
        return ""
    return "has me answer them no more in this workspace, for that many minutes."


async def _forgives(call: Call) -> str:
    try:
        person_of(call.options["person"])
        number_of(call.options.get("hours", "1"), "hours")
    except ValueError:
        return ""
    return "forgives them all strikes and time-outs in this workspace."


def _table(sanctions: Sequence[Sanction]) -> Table:
    rows = tuple(
        (
            f"{one.at:%m-%d %H:%M}",
            one.person or "?",
            one.kind,
            one.reason,
            f"{one.until:%m-%d %H:%M}",
            one.by or "the bot",
            one.reply,
        )
        for one in sanctions
    )
    return Table(header=("When (UTC)", "Who", "What", "Why", "Until", "By", "Trace"), rows=rows)


@asynccontextmanager
async def _open(settings: ComponentSettings, services: Services) -> AsyncGenerator[Sequence[Command]]:
    del settings
    place = office(services)
    yield () if place is None else _Strikes(place).all()


strikes = Component(name="strikes", settings=ComponentSettings, open=_open)
