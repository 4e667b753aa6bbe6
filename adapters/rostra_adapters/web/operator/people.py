"""People: what is kept about somebody, handed over whole or erased.

What is done is what ``rostra user`` does, by the same calls of the store. As with that, handing over and erasing are for
whoever owns the bot; operators see how much is kept about people of their own adapter, and what counts against them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from hmac import compare_digest
from http import HTTPStatus
from typing import Any

from aiohttp import web

from rostra.feedback.values import CONSENT_SCOPES
from rostra.kept import Kept, PersonalData, counts, erased
from rostra.vitals import Vitals

from ..guard import Refused
from .office import Guest, Office

LONGEST = 200
"""Characters of a name or an id that somebody is looked for by."""
NOBODY = "Nothing is kept about anybody by that name."
SHOWN = 50
"""Strikes and consents that are listed, the last ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """Handlers of the pages about people."""

    office: Office
    data: PersonalData | None
    vitals: Vitals

    def routes(self) -> tuple[web.RouteDef, ...]:
        """Return the routes, without the guard that they need."""
        person = "/operator/people/{person:[0-9a-f]{32}}"
        return (
            web.get("/operator/people", self._ask),
            web.post("/operator/people", self._find),
            web.get(person, self._show),
            web.post(f"{person}/export", self._export),
            web.post(f"{person}/erase", self._erase),
        )

    async def _ask(self, request: web.Request) -> web.StreamResponse:
        guest = await self.office.guest(request)
        return self.office.page(
            guest,
            "people",
            "operator_people.html",
            adapters=self._adapters(guest),
            own=guest.place.adapter,
            keeps=self.data is not None,
        )

    async def _find(self, request: web.Request) -> web.StreamResponse:
        guest = await self.office.guest(request)
        filled = await self.office.form(request, guest)
        adapter, who = filled.get("adapter", ""), filled.get("who", "").strip()
        if adapter not in self._adapters(guest) or not who or len(who) > LONGEST:
            raise Refused(HTTPStatus.BAD_REQUEST)
        data = self._data()
        account = None
        if adapter == guest.place.adapter:
            account = await self.office.store.account_named(adapter, who)
        known = await data.known(adapter, who if account is None else account.id)
        if not known:
            return self.office.told(guest, NOBODY, "/operator/people")
        # By the pseudonym: addresses of pages are kept by browsers and proxies.
        return web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": f"/operator/people/{known[0]}"})

    async def _show(self, request: web.Request) -> web.StreamResponse:
        guest = await self.office.guest(request)
        found = await self._person(request, guest)
        return self.office.page(
            guest,
            "people",
            "operator_person.html",
            one=found,
            counts=counts(found),
            consents=_consents(found),
            strikes=found.strikes[-SHOWN:][::-1],
            lineage=found.feedback["lineage"],
            word=_word(found),
            self_=found.account == {"adapter": guest.place.adapter, "id": guest.person.id},
        )

    async def _export(self, request: web.Request) -> web.StreamResponse:
        guest = await self.office.owner(request)
        await self.office.form(request, guest)
        found = await self._person(request, guest)
        await self._audit(guest, "export person", found)
        body = json.dumps(asdict(found), indent=2).encode()
        headers = {"Content-Disposition": f'attachment; filename="person-{found.person[-8:]}.json"'}
        return web.Response(body=body, content_type="application/octet-stream", headers=headers)

    async def _erase(self, request: web.Request) -> web.StreamResponse:
        guest = await self.office.owner(request)
        filled = await self.office.form(request, guest)
        found = await self._person(request, guest)
        typed = filled.get("word", "").strip()
        if not compare_digest(typed.encode("utf-8", "replace"), _word(found).encode("utf-8", "replace")):
            said = "Nothing was erased: what you typed is not what it says there."
            return self.office.told(guest, said, f"/operator/people/{found.person}")
        # The log says who wanted it; that it was done, and how much it was, is the store's own entry.
        await self._audit(guest, "order erasure", found)
        done = await self.office.store.erase(
            found.account["adapter"], found.account["id"], withdraw=filled.get("withdraw") == "yes"
        )
        return self.office.told(guest, " ".join(erased(found, done)), "/operator/people")

    async def _person(self, request: web.Request, guest: Guest) -> Kept:
        found = await self._data().kept(request.match_info["person"])
        if found is None or not (guest.owner or found.account["adapter"] == guest.place.adapter):
            raise Refused(HTTPStatus.NOT_FOUND)
        return found

    def _data(self) -> PersonalData:
        if self.data is None:
            raise Refused(HTTPStatus.NOT_FOUND)
        return self.data

    def _adapters(self, guest: Guest) -> Sequence[str]:
        """Return the adapters whose people ``guest`` may look for, their own first."""
        own = guest.place.adapter
        return (own, *(one for one in self.vitals.adapters if one != own)) if guest.owner else (own,)

    async def _audit(self, guest: Guest, action: str, found: Kept) -> None:
        await self.office.store.audit(
            guest.person, action, f"person {found.person}", {}, adapter=guest.place.adapter
        )


def _word(found: Kept) -> str:
    """Return what has to be typed before ``found`` is erased: the name they sign in with, or their id."""
    names = [str(one["name"]) for one in found.sign_in]
    return names[0] if names else str(found.account["id"])


def _consents(found: Kept) -> Sequence[tuple[str, Mapping[str, bool]]]:
    """Return what somebody allows, by workspace: the last word about each scope."""
    spaces: dict[str, dict[str, bool]] = {}
    for one in found.feedback["consents"]:
        place: Any = one["place"]
        where = f"{place['adapter']}/{place['workspace']}"
        spaces.setdefault(where, dict.fromkeys(CONSENT_SCOPES, False))[str(one["scope"])] = bool(
            one["granted"]
        )
    return list(spaces.items())[-SHOWN:]
