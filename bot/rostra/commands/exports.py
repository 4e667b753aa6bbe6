"""``/rank export``: the rankings of a campaign as files, for whoever trains on them, without names and personal data."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ..clock import Clock
from ..command import Call, Command, Desk, Option, command
from ..components import Component, ComponentSettings, Services
from ..errors import StoreError
from ..feedback.data.formats import NAMES, Name
from ..feedback.queue import campaign_called
from ..feedback.values import Campaign, new_id
from ..places import Permission, Place
from ..stores import Store
from ..views import File, Text, View, text
from .choosing import one_of

if TYPE_CHECKING:
    from ..feedback.data.export import Exported

LARGEST = 8_000_000
"""Bytes that are handed over in a chat: less than what Discord takes from a bot in a server without boosts."""

TOO_LARGE = "That is {size:,} bytes, too much for a chat. `rostra data export {name}` writes it on the machine of the bot."


@dataclass(frozen=True, slots=True, kw_only=True)
class Exporting:
    """The command. ``work`` is a folder of its own: what it handed over stays there, so that it can be recalled."""

    store: Store
    clock: Clock
    work: Path

    async def export(self, call: Call) -> View:
        """Freeze a version of what may be trained on, and hand it over."""
        from ..feedback.data.record import DatasetError

        known: dict[str, Name] = {name: name for name in NAMES}
        form = known.get(call.options.get("format", "canonical"))
        if form is None:
            return text(f"That is no format; there are {', '.join(NAMES)}.", private=True)
        campaign = await campaign_called(self.store, call.place, call.options["campaign"])
        if campaign is None:
            return text(f"There is no campaign {call.options['campaign'][:40]!r} here.", private=True)
        try:
            done = await self._exported(campaign, form)
        except (DatasetError, StoreError) as error:
            return text(f"Nothing was exported: {error}.", private=True)
        size = sum(one.size for one in done.files)
        if size > LARGEST:
            return text(TOO_LARGE.format(size=size, name=campaign.name), private=True)
        return View(parts=(Text(text=_said(done)), *_files(done)), private=True)

    async def _exported(self, campaign: Campaign, form: Name) -> Exported:
        from ..feedback.data.export import Order, export
        from ..feedback.data.freeze import Selection, Setting, freeze
        from ..feedback.data.scrub import installed

        setting = Setting(work=self.work, clock=self.clock)
        frozen = await freeze(self.store, campaign.name, Selection(campaigns=(campaign.id,)), setting)
        folder = self.work / f"{campaign.name}-{new_id()}"
        order = Order(format=form)
        return await export(self.store, frozen.dataset, order, folder, setting=setting, scrubber=installed())

    async def names(self, desk: Desk, place: Place) -> Sequence[str]:
        """Return the names of the campaigns of a workspace."""
        del desk
        return tuple(one.name for one in await self.store.campaigns(place))


def _files(done: Exported) -> Sequence[File]:
    return [
        File(
            name=one.name,
            media_type="application/jsonl",
            data=(done.folder / one.name).read_bytes(),
            description=f"{one.rows:,} rows",
        )
        for one in done.files
        if one.rows
    ]


def _said(done: Exported) -> str:
    from ..feedback.data.permission import REASONS

    rows = sum(one.rows for one in done.files)
    lines = [f"{rows:,} {'row' if rows == 1 else 'rows'}, without those to test with."]
    lines += [f"- left out, {count:,}: {REASONS.get(name, name)}" for name, count in done.refused.items()]
    return "\n".join(lines)


@asynccontextmanager
async def open_exports(settings: ComponentSettings, services: Services) -> AsyncGenerator[Sequence[Command]]:
    """Open the command; there is none where nothing is kept."""
    del settings
    if services.store is None:
        yield ()
        return
    made = Exporting(store=services.store, clock=services.clock, work=services.data)
    options = (
        Option(name="campaign", help="which one", required=True, choices=made.names),
        Option(name="format", help=", ".join(NAMES), choices=one_of(*NAMES)),
    )
    yield (
        command(
            "rank export",
            help="Hand over what models may learn from",
            options=options,
            permission=Permission.OPERATOR,
        )(made.export),
    )


component = Component(name="exports", settings=ComponentSettings, open=open_exports)
