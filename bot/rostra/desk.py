"""The counter that commands are served at: what they may ask of the bot."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TypeAlias

from .chat import Answerer
from .clock import SystemClock
from .command import Call, Command, Commands, Holding
from .config import Permissions, permission_of
from .places import Permission, Person, Place
from .quotas import Quota, Quotas, amount
from .routes import Routes
from .scopes import Scope, around, at
from .stores import Audited, Explanation, Store
from .turns import Turn
from .views import View
from .wardrobe import Wardrobe

REMEMBERED = 10_000
"""Places whose choices are kept in memory; the store has all of them."""

Decide: TypeAlias = Callable[[Call, str], Awaitable[View | str]]


class FrontDesk:
    """`rostra.command.Desk` over a store and the questions under way."""

    def __init__(
        self,
        *,
        store: Store,
        answerers: Mapping[str, Answerer],
        personas: Mapping[str, str],
        commands: Commands,
        routes: Routes | None = None,
        permissions: Permissions | None = None,
    ) -> None:
        self._store = store
        self._answerers = answerers
        self._personas = personas
        self._commands = commands
        self._routes = routes or Routes()
        self._permissions = permissions or Permissions()
        self._wardrobe = Wardrobe(store)
        self.quotas = Quotas(drawer=store, spendings=store, clock=SystemClock())
        """Those that owners set; whoever knows the configuration puts its own here, too."""
        self._chosen: OrderedDict[Place, Mapping[str, str]] = OrderedDict()
        self._last: tuple[Place, Mapping[str, str]] | None = None
        self._changes = 0
        self.stopper: Callable[[Place], int] = lambda _: 0
        """Ends what is under way in a place; set by whoever runs the turns."""
        self.confirmer: Decide = _nothing_asked
        """Does what somebody confirms; set by whoever runs the commands, as is `canceller`."""
        self.canceller: Decide = _nothing_asked

    def commands(self) -> Sequence[Command]:
        return tuple(self._commands)

    def answerers(self) -> Mapping[str, Answerer]:
        return self._answerers

    async def personas(self, place: Place) -> Mapping[str, str]:
        # What somebody made never stands in for one of the configuration.
        made = await self._made(place)
        return {**self._personas, **made} if made else self._personas

    async def keep_persona(self, turn: Turn, name: str, prompt: str) -> None:
        if name in self._personas or name == "default":
            raise ValueError(f"{name!r} is a persona of the configuration; it is changed there")
        await self._wardrobe.keep(turn.place, name, prompt)
        await self._audit(turn, "keep persona", {"name": name})

    async def remove_persona(self, turn: Turn, name: str) -> None:
        if name in self._personas:
            raise ValueError(f"{name!r} is a persona of the configuration; it is removed there")
        await self._wardrobe.remove(turn.place, name)
        await self._audit(turn, "remove persona", {"name": name})

    async def set_quota(self, turn: Turn, quota: Quota) -> None:
        await self.quotas.set(turn.place, quota)
        # Not for whom, nor where: that may name somebody, and the log is for good.
        ceiling = quota.ceiling
        kinds = (("messages", ceiling.messages), ("tokens", ceiling.tokens), ("cost", ceiling.cost))
        amounts = ", ".join(amount(kind, most) for kind, most in kinds if most is not None)
        detail = {"name": quota.name, "per": quota.per, "window": quota.window, "amount": amounts}
        await self._audit(turn, "set quota", detail)

    async def remove_quota(self, turn: Turn, name: str) -> None:
        await self.quotas.remove(turn.place, name)
        await self._audit(turn, "remove quota", {"name": name})

    async def chosen(self, place: Place) -> Mapping[str, str]:
        last = self._last
        if last is not None and last[0] is place:  # one turn asks for it more than once
            return last[1]
        changes = self._changes
        found: dict[str, str] = {}
        for _, wider in around(place):
            chosen = self._chosen.get(wider)
            found |= await self._chosen_at(wider) if chosen is None else chosen
        if changes == self._changes:
            self._last = (place, found)
        return found

    async def choose(self, turn: Turn, name: str, value: str | None, scope: Scope = "channel") -> None:
        place = at(turn.place, scope)
        await self._store.choose(place, name, value)
        self._chosen.pop(place, None)
        self._last = None
        self._changes += 1
        # The place of a direct message tells whose it is; the reply leads to it for as long as it is kept.
        await self._audit(turn, f"choose {name}", {"value": value or "default", "scope": scope})

    async def holding(self, place: Place) -> Sequence[Holding]:
        route, by = self._routes.found(place)
        routed = f"`[[routes]]` for `{by}`" if by else "the configuration's default"
        put_there = self._routes.deployed(place)
        put = f"deployed for `{put_there}`" if put_there else routed
        chosen, scopes = await self.chosen(place), await self._scopes(place)
        own = chosen.get("answerer", "")
        answerer = self._answerers.get(own) or self._answerers[route.answerer]
        because = f"chosen for this {scopes['answerer']}" if own in self._answerers else put
        persona = chosen.get("persona", "")
        known = persona in await self.personas(place)
        return (
            Holding(name="answerer", value=answerer.name, why=because),
            Holding(name="model", value=answerer.model, why=f"of the answerer `{answerer.name}`"),
            Holding(
                name="persona",
                value=persona if known else answerer.persona,
                why=f"chosen for this {scopes['persona']}" if known else f"of the answerer `{answerer.name}`",
            ),
            Holding(name="policy", value=route.policy, why=routed),
        )

    def permission(self, person: Person, place: Place) -> Permission:
        return permission_of(person, place, self._permissions)

    def roles(self, permission: Permission, place: Place) -> Sequence[str]:
        levels = (
            (Permission.RATER, self._permissions.rater),
            (Permission.OPERATOR, self._permissions.operator),
            (Permission.OWNER, self._permissions.owner),
        )
        grants = (grant for level, level_grants in levels if level >= permission for grant in level_grants)
        return tuple(dict.fromkeys(grant.who for grant in grants if grant.role and grant.covers(place)))

    async def audited(self, place: Place | None, limit: int) -> Sequence[Audited]:
        return await self._store.audited(place, limit)

    def stop(self, place: Place) -> int:
        return self.stopper(place)

    async def forget(self, place: Place) -> int:
        return await self._store.forget(place)

    async def explanation(self, place: Place, reply: str | None) -> Explanation | None:
        return await self._store.explanation(place, reply)

    async def reply_shown(self, place: Place, message: str) -> str | None:
        return await self._store.reply_shown(place, message)

    async def confirm(self, call: Call, request: str) -> View | str:
        return await self.confirmer(call, request)

    async def cancel(self, call: Call, request: str) -> View | str:
        return await self.canceller(call, request)

    async def _made(self, place: Place) -> Mapping[str, str]:
        made = await self._wardrobe.of(place)
        if not made:
            return made
        return {name: prompt for name, prompt in made.items() if name not in self._personas}

    async def _chosen_at(self, place: Place) -> Mapping[str, str]:
        found = self._chosen.get(place)
        if found is None:
            changes = self._changes
            found = await self._store.choices(place)
            if changes != self._changes:  # it may have been read before the change
                return found
            self._chosen[place] = found
            if len(self._chosen) > REMEMBERED:
                self._chosen.popitem(last=False)
        return found

    async def _scopes(self, place: Place) -> Mapping[str, Scope]:
        """Return how far each choice reaches that holds in ``place``."""
        return {name: scope for scope, wider in around(place) for name in await self._chosen_at(wider)}

    async def _audit(self, turn: Turn, action: str, detail: Mapping[str, str]) -> None:
        place = turn.place
        await self._store.audit(turn.author, action, turn.reply, detail, adapter=place.adapter, place=place)


async def _nothing_asked(call: Call, request: str) -> str:
    del call, request
    return "Nothing waits to be confirmed."
