"""``/privacy``: what is kept of somebody for ranking, what they allow, and how they take it back."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, get_args

from ..clock import Clock
from ..command import Call, Command, Commands, Option, command, read
from ..components import Component, ComponentSettings, Services
from ..errors import StoreError
from ..events import Press
from ..feedback import notices
from ..feedback.values import CONSENT_SCOPES, ConsentScope, Dossier, Erasure
from ..stores import Store
from ..views import File, Part, Table, Text, View, text
from .choosing import one_of

DOES = ("show", "allow", "refuse", "withdraw", "export", "erase")

GOES_ON = frozenset({"rank new", "rank next", "rank resume", "rank thumb"})
"""Commands that consent may be asked for in the middle of, which then go on by themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Privacy:
    """The command, over a store."""

    store: Store
    clock: Clock

    async def run(self, call: Call) -> View | str:
        """Do what was asked for; by default, show what is kept."""
        does = call.options.get("do", "show")
        acts = {
            "show": self._show,
            "allow": self._allow,
            "refuse": self._refuse,
            "withdraw": self._withdraw,
            "export": self._export,
            "erase": self._erase,
        }
        act = acts.get(does)
        if act is None:
            return text(f"`/privacy` can {', '.join(DOES)}, not {does[:20]!r}.", private=True)
        try:
            return await act(call)
        except ValueError as error:
            return text(f"That does not work: {error}.", private=True)
        except StoreError as error:
            return text(f"Nothing was changed: {error}. Please try again.", private=True)

    async def danger(self, call: Call) -> str:
        """Say what erasing does."""
        if call.options.get("do") != "erase":
            return ""
        rest = (
            " and what you ranked no longer counts."
            if call.options.get("scope") == "all"
            else ". What you ranked stays, with no name; `/privacy erase all` withdraws it, too."
        )
        return f"erases everything you wrote that I keep, here and in other workspaces, for good{rest}"

    async def _show(self, call: Call) -> View:
        person = await self._person(call)
        consents = await self.store.consents(person, call.place)
        kept = await self.store.dossier(person)
        rows = tuple(
            (scope, "yes" if notices.holds(consents, scope) else "no", notices.SCOPES[scope])
            for scope in CONSENT_SCOPES
        )
        said = (
            f"I keep {_many(len(kept.texts), 'text')} of yours for ranking, {_many(len(kept.judgments), 'ranking')}"
            f" and {_many(len(kept.thumbs), 'thumb')}, under a pseudonym."
        )
        how = (
            "`/privacy allow SCOPE` and `/privacy withdraw SCOPE` change what you allow, `/privacy export` hands over"
            " what I keep, `/privacy erase` erases it."
        )
        parts: list[Part] = [Text(text=said), Table(header=("Scope", "Allowed", "What I may do"), rows=rows)]
        out = [
            f"What you ranked in a campaign is left out since {one.at:%Y-%m-%d}: {one.reason}. Ask whoever runs this bot about it."
            for one in await self.store.exclusions()
            if one.kind == "person" and one.target == person
        ]
        parts += [Text(text=one) for one in (_seen(kept), *out) if one]
        return View(parts=(*parts, Text(text=how)), private=True)

    async def _allow(self, call: Call) -> View | str:
        scope, then = _scope(call)
        await self._consent(call, notices.implied(scope), granted=True)
        if then:
            gone_on = await self._go_on(call, then)
            if gone_on is not None:
                return gone_on
        said = f"Thank you. You allow me to {notices.SCOPES[scope]}. `/privacy` takes it back at any time."
        return text(said, private=True, in_place=isinstance(call.turn.event, Press))

    async def _refuse(self, call: Call) -> View:
        return text("Nothing was kept.", private=True, in_place=isinstance(call.turn.event, Press))

    async def _withdraw(self, call: Call) -> View:
        scope, _ = _scope(call)
        gone = notices.withdrawn(scope)
        await self._consent(call, gone, granted=False)
        said = f"You no longer allow me to {'; '.join(notices.SCOPES[one] for one in gone)}."
        seen = _seen(await self.store.dossier(await self._person(call)))
        return text(f"{said} {seen}".strip(), private=True)

    async def _export(self, call: Call) -> View:
        kept = await self.store.dossier(await self._person(call))
        data = json.dumps(asdict(kept), default=_plain, ensure_ascii=False, indent=2)
        file = File(
            name="my-data.json",
            media_type="application/json",
            data=data.encode("utf-8", "replace"),
            description="everything that I keep about you for ranking",
        )
        parts: tuple[Part, ...] = (Text(text="This is everything that I keep about you for ranking."), file)
        return View(parts=parts, private=True)

    async def _erase(self, call: Call) -> View:
        author = call.turn.author
        withdraw = call.options.get("scope") == "all"
        erased = await self.store.erase(call.place.adapter, author.id, withdraw=withdraw)
        return text(_told(erased), private=True)

    async def _consent(self, call: Call, scopes: Sequence[ConsentScope], *, granted: bool) -> None:
        evidence = "button" if isinstance(call.turn.event, Press) else "command"
        at, person = self.clock.now(), await self._person(call)
        for one in notices.said(scopes, person, call.place, granted=granted, evidence=evidence, at=at):
            await self.store.consent(one)

    async def _go_on(self, call: Call, then: str) -> View | str | None:
        """Do what consent was asked for in the middle of, if whoever gave it may."""
        found = Commands(call.desk.commands()).match(then.split())
        if found is None or found[0].name not in GOES_ON or call.turn.permission < found[0].permission:
            return None
        one, words = found
        try:
            options = read(one, {}, words)
        except ValueError:
            return None
        shown = await one.run(replace(call, options=options))
        view = text(shown, private=True) if isinstance(shown, str) else shown
        return replace(view, in_place=isinstance(call.turn.event, Press))

    async def _person(self, call: Call) -> str:
        return await self.store.pseudonym(call.place.adapter, call.turn.author)


def _scope(call: Call) -> tuple[ConsentScope, str]:
    """Return the scope that a call names, and what is to follow. Raises `ValueError`."""
    given = call.options.get("scope", "")
    for scope in get_args(ConsentScope):
        if scope == given:
            return scope, call.options.get("then", "")
    raise ValueError(f"{given[:20]!r} is no scope; there are {', '.join(CONSENT_SCOPES)}")


def _seen(kept: Dossier) -> str:
    """Return where what somebody said went."""
    names = sorted({f"{one.name} v{one.version}" for one in kept.lineage.datasets})
    said = f"What you said is in the datasets {', '.join(names)}." if names else ""
    if kept.lineage.models:
        said += f" Models that learned from them: {', '.join(kept.lineage.models)}."
    return said


def _told(erased: Erasure) -> str:
    if not erased.known:
        return "I knew nothing about you."
    kept = "no longer count" if erased.withdrawn else "stay, with no name"
    said = f"Erased: {_many(erased.texts, 'text')}. Of your rankings, {erased.judgments} {kept}."
    names = sorted({f"{one.name} v{one.version}" for one in erased.lineage.datasets})
    if names:
        said += f" These datasets had something of yours, and are marked: {', '.join(names)}."
    if erased.lineage.models:
        said += (
            f" {len(erased.lineage.models)} models were trained on it: {', '.join(erased.lineage.models)}."
        )
    return said


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _plain(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


@asynccontextmanager
async def open_privacy(settings: ComponentSettings, services: Services) -> AsyncGenerator[Sequence[Command]]:
    """Open the command; there is none where nothing is kept."""
    del settings
    if services.store is None:
        yield ()
        return
    privacy = Privacy(store=services.store, clock=services.clock)
    options = (
        Option(name="do", help=", ".join(DOES), choices=one_of(*DOES)),
        Option(name="scope", help=", ".join(CONSENT_SCOPES), choices=one_of(*CONSENT_SCOPES)),
        Option(name="then", help="what to go on with"),
    )
    yield (
        command(
            "privacy",
            help="See what I keep about you for ranking; allow it, take it back, export or erase it",
            options=options,
            control=True,
            dangerous=privacy.danger,
        )(privacy.run),
    )


component = Component(name="privacy", settings=ComponentSettings, open=open_privacy)
