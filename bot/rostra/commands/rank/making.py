"""``/rank new`` and what puts questions into campaigns: answers are made, judged, stored, and handed out as a ballot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ...chat import Answerer, Utterance
from ...command import Call, Choosing, Command, Desk, Option, command
from ...feedback.candidates import Drawn, Topic, candidate
from ...feedback.queue import Next, campaign_called, chat_campaign
from ...feedback.ranking import MOST
from ...feedback.topics import Asked, asked_in, lines
from ...feedback.values import Batch, Campaign, Task, new_id
from ...places import Permission, Place
from ...versions import version_of
from ...views import View, text
from .office import Office, explained
from .paying import afforded

LEAST = 2
USUAL = 4

NOTHING_ASKED = "Nothing was asked here that I remember. Ask me something, then write `/rank new`."
ALL_THE_SAME = (
    "There is nothing to compare: fewer than two different answers came out that may be shown."
    " Another answerer, or a higher temperature, may help."
)

ANSWERERS = Option(name="answerers", help="who answers, such as default,pirate; by default, who answers here")
MESSAGE = Option(name="message", help="the platform's id of a message that shows an answer; else the last")


@dataclass(frozen=True, slots=True)
class Making:
    """The commands, over an office."""

    office: Office

    async def new(self, call: Call) -> View | str:
        """Make answers to the last question of the place, and hand them out as a ballot."""
        visitor = await self.office.visitor(call)
        plan = await chat_campaign(self.office.store, call.place)
        refused = self.office.refused(call, plan) or await self.office.unasked(call, visitor, _again(call))
        if refused is not None:
            return refused
        asked = await self._asked(call)
        if asked is None:
            return text(NOTHING_ASKED, private=True)
        k = _k(call.options.get("k", ""))
        made = await self._made(call, plan, asked, self._answerers(call), k)
        if not isinstance(made, Task):
            return made
        task = replace(made, reserved_for=visitor.person)
        await self.office.store.add_tasks([task])
        held = await self.office.store.lease(
            plan.id, visitor.person, surface=call.place.adapter, task=task.id
        )
        if held is None:
            return text("You have had your share of today.", private=True)
        found = Next(assignment=held, campaign=plan, first=False)
        return await self.office.shown(call, visitor, found, _fewer(k, len(task.candidates)))

    async def add(self, call: Call) -> View | str:
        """Put the last question of the place, with answers made to it, into a campaign."""
        plan = await campaign_called(self.office.store, call.place, call.options["campaign"])
        if plan is None:
            raise ValueError(f"there is no campaign {call.options['campaign'][:40]!r} here")
        asked = await self._asked(call)
        if asked is None:
            return text(NOTHING_ASKED, private=True)
        k = 1 if plan.mode == "write" else LEAST if plan.mode == "pair" else plan.k
        made = await self._made(call, plan, asked, self._answerers(call, plan), k)
        if not isinstance(made, Task):
            return made
        await self.office.store.add_tasks([made])
        return text(
            f"It is in `{plan.name}` now, with {len(made.candidates)} answers. `/rank next` hands it out."
        )

    async def _asked(self, call: Call) -> Asked | None:
        message = call.options.get("message", "")
        reply = await call.desk.reply_shown(call.place, message) if message else ""
        return None if reply is None else await asked_in(self.office.store, call.place, reply)

    def _answerers(self, call: Call, plan: Campaign | None = None) -> Sequence[Answerer]:
        """Return who answers: those that were named, else the campaign's, else the one of the place."""
        known = call.desk.answerers()
        given = call.options.get("answerers", "")
        names = [one for one in given.replace(" ", ",").split(",") if one] or list(
            plan.answerers if plan else ()
        )
        strange = [name for name in names if name not in known]
        if strange:
            raise ValueError(f"there is no answerer {strange[0][:40]!r}; there are {', '.join(known)}")
        return [known[name] for name in dict.fromkeys(names)] or [call.turn.answerer]

    async def _made(
        self, call: Call, plan: Campaign, asked: Asked, answerers: Sequence[Answerer], k: int
    ) -> Task | View:
        """Store answers to a question and return a task about them, which is not stored; or what went wrong."""
        topic = await self._topic(call, asked, answerers)
        async with afforded(self.office, call, topic, answerers, k) as refused:
            if refused is not None:
                return refused
            drawn = await self.office.kitchen.drawn(topic, answerers, k)
        if len(drawn) < min(k, LEAST):
            return text(ALL_THE_SAME, private=True)
        batch = await self._kept(call, asked, drawn)
        return Task(id=new_id(), campaign=plan.id, batch=batch[0], candidates=batch[1], required=plan.overlap)

    async def _kept(self, call: Call, asked: Asked, drawn: Sequence[Drawn]) -> tuple[str, tuple[str, ...]]:
        """Store a batch and return its id and those of its candidates."""
        store, place = self.office.store, call.place
        for one in drawn:
            version = version_of(self.office.models[one.answerer.model])
            if version is not None:
                await store.model_version(version)
            await store.sampling_config(one.sampling)
        context, asker = await lines(store, place, asked)
        id_ = new_id()
        candidates = [
            candidate(one, self.office.models[one.answerer.model], batch=id_, ordinal=number)
            for number, one in enumerate(drawn)
        ]
        await store.add_batch(
            Batch(
                id=id_,
                place=place,
                asker=asker,
                context=context,
                at=self.office.clock.now(),
                reply=asked.reply,
                decision="flag" if any(one.decision == "flag" for one in candidates) else "allow",
                policy=drawn[0].policy,
            ),
            candidates,
        )
        return id_, tuple(one.id for one in candidates)

    async def _topic(self, call: Call, asked: Asked, answerers: Sequence[Answerer]) -> Topic:
        personas = await call.desk.personas(call.place)
        chosen = (await call.desk.chosen(call.place)).get("persona", "")
        systems: dict[str, str] = {}
        for one in answerers:
            own = one.name == call.turn.answerer.name and chosen in personas
            spoken = personas.get(chosen if own else one.persona, "")
            systems[one.name] = "\n\n".join(filter(None, (spoken, one.prompt)))
        return Topic(
            turn=call.turn,
            question=asked.question,
            history=[Utterance(role=one.role, text=one.text) for one in asked.before],
            systems=systems,
            names=_names(self.office, call.desk),
        )


def commands(office: Office) -> Sequence[Command]:
    """Return the commands over ``office``."""
    making = Making(office)
    return (
        command(
            "rank new",
            help="Compare several answers to the last question here",
            options=[Option(name="k", help="how many answers, 2 to 9; by default 4"), ANSWERERS, MESSAGE],
        )(explained(making.new)),
        command(
            "rank campaign add",
            help="Put the last question here into a campaign",
            options=[
                Option(name="campaign", help="which one", required=True, choices=_campaigns(office)),
                MESSAGE,
            ],
            permission=Permission.OPERATOR,
        )(explained(making.add)),
    )


def _campaigns(office: Office) -> Choosing:
    async def names(desk: Desk, place: Place) -> Sequence[str]:
        del desk
        return tuple(one.name for one in await office.store.campaigns(place))

    return names


def _again(call: Call) -> str:
    """Return the command as it was given, to go on with it later."""
    given = (call.options[name] for name in ("k", "answerers", "message") if name in call.options)
    return " ".join(["rank new", *(" ".join(value.split()).replace(" ", ",") for value in given)])


def _k(given: str) -> int:
    if not given:
        return USUAL
    if not given.isdecimal() or not LEAST <= int(given) <= MOST:
        raise ValueError(f"{given[:20]!r} answers cannot be ranked; write a number from {LEAST} to {MOST}")
    return int(given)


def _fewer(wanted: int, got: int) -> str:
    return "" if got == wanted else f"Only {got} different answers came out that may be shown."


def _names(office: Office, desk: Desk) -> frozenset[str]:
    """Return what may give away who wrote an answer."""
    versions = [version_of(model) for model in office.models.values()]
    found = {*office.models, *(one.name for one in versions if one is not None)}
    return frozenset(found | {one.name for one in desk.answerers().values()})
