"""``/review``: texts that were flagged or held back, and what operators say of them."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from rostra.command import Call, Command, Desk, Option, command
from rostra.commands.choosing import one_of
from rostra.components import Component, ComponentSettings, Services
from rostra.places import Permission, Person, Place
from rostra.stores import Label, Review
from rostra.views import Button, Buttons, File, Table, Text, View, text

from .office import Act, Office, explained, office

SHORT = 60
LISTED = 20
LOOKED_AT = 1000
"""Cases among which one is found by the end of its id."""

HANDLE = 8
"""Characters at the end of an id that people write: the beginning is the time, which cases share."""

SAID: dict[Label, str] = {
    "approve": "it may pass",
    "block": "it may not pass",
    "wrong": "the moderation was mistaken",
}


@dataclass(frozen=True, slots=True)
class _Reviews:
    """The commands, over an office."""

    office: Office

    async def list(self, call: Call) -> View | str:
        """List what waits for a decision in this workspace, newest first; owners may ask for all workspaces."""
        everywhere = call.options.get("where", "") == "all"
        if everywhere and call.turn.permission < Permission.OWNER:
            raise ValueError("only owners see what waits in other workspaces")
        found = await self.office.store.reviews(None if everywhere else call.place, LISTED)
        if not found:
            return "Nothing waits for a decision."
        rows = tuple(
            (handle(one), f"{one.at:%m-%d %H:%M}", _what(one), _short(one.case.text)) for one in found
        )
        buttons = tuple(
            Button(control=f"/review show {one.id}", label=f"Show {handle(one)}") for one in found[:5]
        )
        table = Table(header=("Case", "When (UTC)", "What", "Text"), rows=rows)
        return View(parts=(table, Buttons(buttons=buttons)), private=True)

    async def show(self, call: Call) -> View | str:
        """Show one case whole, with buttons to decide it."""
        found = await self._case(call)
        return View(
            parts=(Text(text=_told(found)), *(_buttons(found) if found.retained else ())), private=True
        )

    def deciding(self, label: Label) -> Act:
        """Return the command that says ``label`` of a case."""

        async def decide(call: Call) -> View:
            found = await self._case(call)
            await self.office.store.decide(
                found.id, label, actor=call.turn.author, adapter=call.place.adapter
            )
            followed = await self._follow(found, label, call.turn.author)
            said = f"Case {handle(found)}: {SAID[label]}.{followed}"
            return text(said, private=True, in_place=True)

        return decide

    async def export(self, call: Call) -> View | str:
        """Hand over what was decided in this workspace as labelled lines, for `rostra policy calibrate`."""
        found = await self.office.store.reviews(call.place, 10_000, decided=True)
        if not found:
            return "Nothing has been decided yet."
        data = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in labelled(found))
        file = File(
            name="labelled.jsonl",
            media_type="application/jsonl",
            data=data.encode("utf-8", "replace"),
            description=f"{len(found)} labelled lines",
        )
        return View(parts=(file,), private=True)

    async def waiting(self, desk: Desk, place: Place) -> Sequence[str]:
        """Return the cases of the workspace that wait for a decision."""
        del desk
        return tuple(handle(one) for one in await self.office.store.reviews(place, LISTED))

    async def _case(self, call: Call) -> Review:
        """Return the case that is named by its id or the end of it. Raises `ValueError`."""
        name = call.options["case"].strip().lower()
        found = await self.office.store.review(name)
        if found is None and len(name) >= HANDLE:
            candidates = [
                *await self.office.store.reviews(call.place, LOOKED_AT),
                *await self.office.store.reviews(call.place, LOOKED_AT, decided=True),
            ]
            found = next((one for one in candidates if one.id.endswith(name)), None)
        if found is None or not self._may_see(call, found):
            raise ValueError(f"there is no case {name!r} here; `/review list` shows what waits")
        return found

    def _may_see(self, call: Call, found: Review) -> bool:
        if call.turn.permission >= Permission.OWNER:
            return True
        place = found.place
        here = call.place.adapter, call.place.workspace
        return place is not None and (place.adapter, place.workspace) == here

    async def _follow(self, found: Review, label: Label, actor: Person) -> str:
        """Have a decision count for or against who asked, if it was a question. Return what followed, in words."""
        place = found.place
        if found.case.direction != "question" or not found.author or place is None:
            return ""
        person = Person(id=found.author)
        strikes = self.office.moderation.sheet(place, person).strikes
        if label == "block":
            if not strikes.limit or found.case.verdict.worst.partition("/")[0] in strikes.spare:
                return ""
            until = await self.office.register.strike(
                person, place, found.reply, found.case.verdict.worst or "blocked", strikes
            )
            return "" if until is None else f" That leads to a time-out until {until:%Y-%m-%d %H:%M} UTC."
        struck = any(
            one.kind == "strike" and one.reply == found.reply
            for one in await self.office.store.sanctions(person, place)
        )
        if not struck:
            return ""
        await self.office.register.pardon(person, place, actor, reply=found.reply)
        return " The strike for it is forgiven."

    def all(self) -> Sequence[Command]:
        """Return the commands themselves."""
        operator = Permission.OPERATOR
        case = Option(
            name="case", help="what `/review list` shows as case", required=True, choices=self.waiting
        )
        where = Option(
            name="where", help="'all' for all workspaces; owners only", choices=one_of("here", "all")
        )
        decisions: tuple[tuple[Label, str], ...] = (
            ("approve", "Say that a text may pass"),
            ("block", "Say that a text may not pass"),
            ("wrong", "Say that the moderation was mistaken about a text"),
        )
        return (
            command(
                "review list",
                help="List texts that wait for a decision",
                options=[where],
                permission=operator,
            )(explained(self.list)),
            command("review show", help="Show one of them whole", options=[case], permission=operator)(
                explained(self.show)
            ),
            *(
                command(f"review {label}", help=text, options=[case], permission=operator)(
                    explained(self.deciding(label))
                )
                for label, text in decisions
            ),
            command(
                "review export", help="Hand over what was decided, as labelled lines", permission=operator
            )(explained(self.export)),
        )


def handle(case: Review) -> str:
    """Return what people call a case by."""
    return case.id[-HANDLE:]


def labelled(cases: Iterable[Review]) -> Iterable[dict[str, Any]]:
    """Yield decided cases as lines for `rostra_moderation.calibrate.read`; the text only as long as it is kept."""
    for case in cases:
        verdict = case.case.verdict
        line: dict[str, Any] = {
            "label": case.label == "block",
            "categories": dict(verdict.categories),
            "direction": case.case.direction,
            "review": case.label,
        }
        if case.label == "block" and verdict.worst:
            line["label"] = [verdict.worst]
        if case.retained:
            line["text"] = case.case.text
        yield line


def _what(case: Review) -> str:
    verdict = case.case.verdict
    worst = f" {verdict.worst} {verdict.score:.2f}" if verdict.worst else ""
    return f"{case.case.direction}, {verdict.decision.name.lower()}{worst}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHORT else f"{line[: SHORT - 1]}…"


def _told(case: Review) -> str:
    verdict = case.case.verdict
    lines = [
        f"Case `{handle(case)}`, trace `{case.reply}`, {case.at:%Y-%m-%d %H:%M} UTC",
        f"{_what(case)}, because of {verdict.rule or 'no rule'}, says {verdict.source}",
    ]
    if case.author:
        lines.append(f"asked by {case.author}")
    if case.label is not None:
        lines.append(f"decided: {SAID[case.label]}, by {case.by or '?'}")
    if not case.retained:
        lines.append("The text has expired.")
    if case.case.question:
        lines.append(f"Question:\n{_fenced(case.case.question)}")
    if case.retained:
        lines.append(f"{case.case.direction.capitalize()}:\n{_fenced(case.case.text)}")
    return "\n".join(lines)


def _fenced(text: str) -> str:
    """Return ``text`` as a block that it cannot break out of."""
    return f"```\n{text.replace('```', chr(0x2032) * 3)}\n```"


def _buttons(case: Review) -> tuple[Buttons]:
    return (
        Buttons(
            buttons=(
                Button(control=f"/review approve {case.id}", label="Approve", style="primary"),
                Button(control=f"/review block {case.id}", label="Block", style="danger"),
                Button(control=f"/review wrong {case.id}", label="Wrong"),
            )
        ),
    )


@asynccontextmanager
async def _open(settings: ComponentSettings, services: Services) -> AsyncGenerator[Sequence[Command]]:
    del settings
    place = office(services)
    yield () if place is None else _Reviews(place).all()


review = Component(name="review", settings=ComponentSettings, open=_open)
