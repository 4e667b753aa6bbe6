"""``/policy``: what is moderated here, and how strictly; operators change it while the bot runs."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from rostra.command import Call, Command, Desk, Option, command
from rostra.components import Component, ComponentSettings, Services
from rostra.errors import StoreError
from rostra.places import Permission, Place
from rostra.verdicts import CATEGORIES, Direction, Passage
from rostra.views import Table, Text, View

from ..amend import Amendments, shown
from ..policy import Policy, Ruling
from ..sheets import Sheet, Thresholds, thresholds
from .office import Office, explained, office


@dataclass(frozen=True, slots=True)
class _Policies:
    """The commands, over an office."""

    office: Office
    amendments: Amendments

    async def show(self, call: Call) -> View | str:
        """Show the thresholds of a policy as they are here, and what operators changed."""
        name = call.options.get("policy") or self.office.policy_of(call.place)
        policy = self._policy(name)
        sheet = policy.at(call.place)
        newest = (await self.office.store.policies()).get(name)
        changed = (
            "as configured" if newest is None or not newest.table else f"changed, version {newest.number}"
        )
        shadow = {True: " It only watches: nothing is blocked.", False: ""}.get(
            policy.settings.shadow is True, ""
        )
        head = (
            f"Policy `{name}` here ({changed}, `{policy.version}`): hold {sheet.hold}, what cannot be judged:"
            f" {sheet.unjudgeable}, judge: {shown(sheet.judge)}, strikes: {shown(sheet.strikes.limit)}.{shadow}"
        )
        return View(parts=(Text(text=head), _limits(sheet)), private=True)

    async def set(self, call: Call) -> View | str:
        """Change one value of a policy, for all places that it holds in, at once and for good."""
        options = call.options
        made = await self.amendments.set(
            options["policy"],
            options["path"],
            options["value"],
            actor=call.turn.author,
            adapter=call.place.adapter,
        )
        said = f" ({made.tendency})" if made.tendency else ""
        return (
            f"`{made.change.policy}` version {made.change.number}: `{made.path}` {made.old} → {made.new}{said}."
            f" `/policy rollback {made.change.policy} {made.change.number - 1}` undoes it."
        )

    async def rollback(self, call: Call) -> View | str:
        """Have an earlier version hold again."""
        number = call.options["version"]
        if not number.isdecimal():
            raise ValueError(
                f"{number!r} is no version; `/policy history` lists them, 0 is the configuration"
            )
        made = await self.amendments.roll_back(
            call.options["policy"], int(number), actor=call.turn.author, adapter=call.place.adapter
        )
        return f"`{made.policy}` is as in version {number} again; that is version {made.number} now."

    async def history(self, call: Call) -> View | str:
        """List who changed what when."""
        name = call.options.get("policy") or self.office.policy_of(call.place)
        self._policy(name)
        changes = await self.office.store.policy_changes(name)
        if not changes:
            return f"Nobody has changed `{name}`: it is as configured."
        rows = tuple(
            (str(one.number), f"{one.at:%Y-%m-%d %H:%M}", one.by or "?", one.what) for one in changes
        )
        return View(parts=(Table(header=("Version", "When (UTC)", "Who", "What"), rows=rows),), private=True)

    async def test(self, call: Call) -> View | str:
        """Show what the moderators say about a text, and what the policy makes of it here, in both directions."""
        parts: list[Text | Table] = []
        sides: tuple[Direction, ...] = ("question", "answer")
        for side in sides:
            passage = Passage(
                text=call.options["text"], direction=side, place=call.place, author=call.turn.author
            )
            ruling = await self.office.moderation.rule(passage)
            sheet = self.office.moderation.sheet(call.place, call.turn.author)
            parts.append(Text(text=_said(side, ruling)))
            if ruling.verdict.categories:
                parts.append(_scores(ruling.verdict.categories, sheet.table(side)))
        return View(parts=tuple(parts), private=True)

    async def loosens(self, call: Call) -> str:
        """Say what a change would let pass, unless it makes the policy stricter."""
        options = call.options
        try:
            plan = await self.amendments.plan(options["policy"], options["path"], options["value"])
        except (ValueError, StoreError):  # the command says so itself
            return ""
        if plan.tendency == "stricter" or plan.old == plan.new:
            return ""
        what = "makes the policy looser" if plan.tendency else "may make the policy looser"
        return f"{what}, wherever it holds: {plan.old} → {plan.new}."

    async def goes_back(self, call: Call) -> str:
        """Say that an earlier version will hold, where there is one."""
        name, number = call.options["policy"], call.options["version"]
        kept = await self.office.store.policy_changes(name, 10_000)
        if number not in {"0", *(str(one.number) for one in kept)}:
            return ""
        return "puts that version of the policy in force again, wherever it holds."

    async def names(self, desk: Desk, place: Place) -> Sequence[str]:
        """Return the names of the policies."""
        del desk, place
        return self.office.moderation.rulebook.names

    async def paths(self, desk: Desk, place: Place) -> Sequence[str]:
        """Return what is changed most."""
        del desk, place
        limits = (f"categories.{name}.{limit}" for name in sorted(CATEGORIES) for limit in ("block", "flag"))
        return ("hold", "unjudgeable", "shadow", "strikes.limit", "judge", *limits)

    async def versions(self, desk: Desk, place: Place) -> Sequence[str]:
        """Return the numbers of the versions of the policy that holds in the place, newest first."""
        del desk
        changes = await self.office.store.policy_changes(self.office.policy_of(place))
        return (*(str(one.number) for one in changes), "0")

    def _policy(self, name: str) -> Policy:
        rulebook = self.office.moderation.rulebook
        found = rulebook.of(name)
        if found is None:
            raise ValueError(f"there is no policy {name!r}; there are: {', '.join(rulebook.names)}")
        return found

    def all(self) -> Sequence[Command]:
        """Return the commands themselves."""
        operator = Permission.OPERATOR
        name = Option(
            name="policy",
            help="the name of a policy; by default, the one that holds here",
            choices=self.names,
        )
        needed = Option(name="policy", help="the name of a policy", required=True, choices=self.names)
        value = Option(
            name="value", help="the value; 'default' goes back to the configuration's", required=True
        )
        path = Option(
            name="path", help="such as categories.harassment.block", required=True, choices=self.paths
        )
        version = Option(
            name="version", help="its number; 0 is the configuration", required=True, choices=self.versions
        )
        text = Option(name="text", help="what to judge", required=True)
        return (
            command(
                "policy show",
                help="Show what is moderated here, and how strictly",
                options=[name],
                permission=operator,
            )(explained(self.show)),
            command(
                "policy set",
                help="Change a policy, at once",
                options=[needed, path, value],
                permission=operator,
                dangerous=self.loosens,
            )(explained(self.set)),
            command("policy test", help="Try a text", options=[text], permission=operator)(
                explained(self.test)
            ),
            command("policy history", help="List who changed a policy", options=[name], permission=operator)(
                explained(self.history)
            ),
            command(
                "policy rollback",
                help="Go back to a version of a policy",
                options=[needed, version],
                permission=operator,
                dangerous=self.goes_back,
            )(explained(self.rollback)),
        )


def _limits(sheet: Sheet) -> Table:
    names = sorted({*sheet.question, *sheet.answer})
    rows = tuple(
        (
            name,
            _pair(thresholds(sheet.question, name)),
            _pair(thresholds(sheet.answer, name)),
            thresholds(sheet.question, name).action,
        )
        for name in names
    )
    return Table(header=("Category", "Questions: flag, block", "Answers: flag, block", "Then"), rows=rows)


def _pair(limits: Thresholds) -> str:
    return f"{_number(limits.flag)}, {_number(limits.block)}"


def _number(threshold: float) -> str:
    return "never" if math.isinf(threshold) else f"{threshold:g}"


def _said(side: Direction, ruling: Ruling) -> str:
    what = ruling.decision.name.lower()
    if ruling.action != "refuse":
        what = f"{what}, {ruling.action}"
    because = f": {ruling.verdict.rule}" if ruling.verdict.rule else ""
    failed = "" if ruling.verdict.kind == "judged" else f" ({ruling.verdict.kind})"
    shadow = f" A shadow would say: {ruling.aside}." if ruling.aside else ""
    return f"As {'a question' if side == 'question' else 'an answer'}: **{what}**{failed}{because}, says {ruling.verdict.source}.{shadow}"


def _scores(scores: Mapping[str, float], table: Mapping[str, Thresholds]) -> Table:
    rows = tuple(
        (name, f"{score:.3f}", _number(thresholds(table, name).flag), _number(thresholds(table, name).block))
        for name, score in sorted(scores.items(), key=lambda item: -item[1])
    )
    return Table(header=("Category", "Score", "Flag from", "Block from"), rows=rows)


@asynccontextmanager
async def _open(settings: ComponentSettings, services: Services) -> AsyncGenerator[Sequence[Command]]:
    del settings
    place = office(services)
    if place is None:
        yield ()
        return
    amendments = Amendments(place.moderation.rulebook, place.store, place.moderators)
    yield _Policies(place, amendments).all()


policy = Component(name="policy", settings=ComponentSettings, open=_open)
