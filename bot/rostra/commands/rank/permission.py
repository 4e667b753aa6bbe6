"""``/rank permission``: whether models may learn from what is said in a workspace, as its owner records it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import get_args

from ...command import Call, Command, Option, command
from ...feedback.values import Permit, PermitKind, new_id
from ...places import Permission
from ...views import Table, Text, View
from ..choosing import one_of
from .office import Office, explained

KINDS: tuple[PermitKind, ...] = get_args(PermitKind)

ABOUT = (
    "Models learn from what is said here only if both hold, and everybody concerned allows it: `workspace` is your own"
    " switch; `platform` records that the platform itself permits it, where its terms forbid it otherwise, as those of"
    " Discord and Slack do. Rankings that choose among answerers need neither."
)


@dataclass(frozen=True, slots=True)
class Permits:
    """The command, over an office."""

    office: Office

    async def permission(self, call: Call) -> View | str:
        """Show what is permitted, or record that it is, or is no more."""
        given = call.options.get("kind", "")
        if given:
            await self._record(call, given)
        found = await self.office.store.permits(call.place)
        rows: list[tuple[str, ...]] = []
        for kind in KINDS:
            one = found.get(kind)
            said = "no record" if one is None else "yes" if one.granted else "no"
            rows.append(
                (kind, said, "" if one is None else f"{one.at:%Y-%m-%d}", one.evidence if one else "")
            )
        table = Table(header=("Kind", "Permitted", "Since", "Where it can be read"), rows=tuple(rows))
        return View(parts=(table, Text(text=ABOUT)), private=True)

    async def _record(self, call: Call, given: str) -> None:
        kind = _kind(given)
        state, evidence = call.options.get("state", ""), call.options.get("evidence", "")
        if state not in {"on", "off"}:
            raise ValueError(f"{state[:20]!r} is neither on nor off")
        if kind == "platform" and state == "on" and not evidence:
            raise ValueError(
                "say where the platform's permission can be read, such as the number of a letter"
            )
        visitor, store = await self.office.visitor(call), self.office.store
        permit = Permit(
            id=new_id(),
            kind=kind,
            place=call.place,
            granted=state == "on",
            evidence=evidence,
            at=self.office.clock.now(),
            by=visitor.person,
        )
        await store.permit(permit)
        await store.audit(
            call.turn.author,
            f"{kind} permission {state}",
            permit.id,
            {"kind": kind, "state": state},
            adapter=call.place.adapter,
            place=call.place,
        )


def _kind(given: str) -> PermitKind:
    for kind in KINDS:
        if kind == given:
            return kind
    raise ValueError(f"{given[:20]!r} is no kind; there are {', '.join(KINDS)}")


def commands(office: Office) -> Sequence[Command]:
    """Return the commands over ``office``."""
    options = (
        Option(name="kind", help="workspace or platform", choices=one_of(*KINDS)),
        Option(name="state", help="on or off", choices=one_of("on", "off")),
        Option(name="evidence", help="where the permission can be read"),
    )
    made = command(
        "rank permission",
        help="Say whether models may learn from what is said here",
        options=options,
        permission=Permission.OWNER,
        dangerous=_danger,
    )
    return (made(explained(Permits(office).permission)),)


async def _danger(call: Call) -> str:
    return "lets models learn from what is said here." if call.options.get("state") == "on" else ""
