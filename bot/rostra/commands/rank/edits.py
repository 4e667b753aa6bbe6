"""``/rank edit`` and ``/rank write``: what people write themselves. An edit is one more answer, and better than what it changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...command import Call, Command, Option, command
from ...feedback.ballots import Sheet
from ...feedback.booth import NoBallotError, Visitor, judgment_id
from ...feedback.queue import chat_campaign
from ...feedback.ranking import LETTERS, Ranking, RankingError
from ...feedback.topics import Asked, answered, asked_in, last_answer, lines
from ...feedback.values import Batch, Candidate, Task
from ...feedback.writing import derived, same
from ...views import View, text
from .office import Office, explained, in_place
from .thumbs import NO_ANSWER, asked_of

SAVED = "Saved: your answer counts as better than the one you changed."
THANKS = "Saved. Thank you for writing it."


@dataclass(frozen=True, slots=True)
class Edits:
    """The commands, over an office."""

    office: Office

    async def edit(self, call: Call) -> View | str:
        """Take a better text for the last answer of the place."""
        reply = await last_answer(self.office.store, call.place)
        return await self._of_reply(call, reply)

    async def improve(self, call: Call) -> View | str:
        """Take a better text for an answer of the chat, or for one on a ballot: ``BALLOT:LETTER``."""
        what = call.options["answer"]
        ballot, colon, name = what.partition(":")
        if not colon:
            return await self._of_reply(call, what)
        visitor = await self.office.visitor(call)
        sheet = await self.office.booth.sheet(visitor, ballot)
        unasked = self.office.refused(call, sheet.campaign) or await self.office.unasked(call, visitor, "")
        if unasked is not None:
            return unasked
        slot = LETTERS.find(name.upper()) if name else -1
        if not 0 <= slot < sheet.k:
            raise ValueError(f"there is no answer {name[:20]!r} on that ballot")
        changed = sheet.answers[slot]
        one = await self.office.booth.add(visitor, sheet, call.options["text"], changed)
        return await self._preferred(visitor, sheet.campaign.id, one, changed)

    async def write(self, call: Call) -> View | str:
        """Take an answer to the question that somebody has in hand."""
        visitor = await self.office.visitor(call)
        return await self._written(call, visitor, await self.office.booth.current(visitor))

    async def wrote(self, call: Call) -> View | str:
        """Take an answer from the form of a ballot."""
        visitor = await self.office.visitor(call)
        sheet = await self.office.booth.sheet(visitor, call.options["ballot"])
        return in_place(call, await self._written(call, visitor, sheet))

    async def _written(self, call: Call, visitor: Visitor, sheet: Sheet) -> View:
        refused = self.office.refused(call, sheet.campaign) or await self.office.unasked(
            call, visitor, f"rank resume {sheet.assignment.id}"
        )
        if refused is not None:
            return refused
        await self.office.booth.write(visitor, sheet.assignment.id, call.options["text"])
        return text(THANKS, private=True)

    async def _of_reply(self, call: Call, reply: str) -> View | str:
        visitor = await self.office.visitor(call)
        store = self.office.store
        asked = await asked_in(store, call.place, reply) if reply else None
        if asked is None or not asked.answer or not await answered(store, call.place, reply):
            return text(NO_ANSWER, private=True)
        plan = await chat_campaign(store, call.place)
        refused = self.office.refused(call, plan) or await self.office.unasked(call, visitor, "")
        if refused is not None:
            return refused
        if same(asked.answer, call.options["text"]):
            raise RankingError("That is what the answer says already.")
        shown, one = await self._batch(call, visitor, asked)
        return await self._preferred(visitor, plan.id, one, shown)

    async def _batch(self, call: Call, visitor: Visitor, asked: Asked) -> tuple[Candidate, Candidate]:
        """Store a question with the answer that it got and the one it got now; the same event again stores nothing."""
        id_ = judgment_id(visitor, asked.reply)
        context, asker = await lines(self.office.store, call.place, asked)
        facts = asked_of(await self.office.store.explanation(call.place, asked.reply))
        shown = Candidate(
            id=derived(id_, "shown"),
            batch=id_,
            ordinal=0,
            text=asked.answer,
            answerer=str(facts.get("answerer", "")),
            model_version=str(facts.get("model_version", "")),
            sampling_config=str(facts.get("sampling_config", "")),
        )
        one = Candidate(
            id=derived(id_, "edit"),
            batch=id_,
            ordinal=1,
            text=call.options["text"],
            origin="edit",
            author=visitor.person,
            edited_from=shown.id,
        )
        batch = Batch(
            id=id_,
            place=call.place,
            asker=asker,
            context=context,
            at=self.office.clock.now(),
            reply=asked.reply,
        )
        await self.office.store.add_batch(batch, (shown, one))
        return shown, one

    async def _preferred(self, visitor: Visitor, campaign: str, better: Candidate, worse: Candidate) -> View:
        """Store that an edit is better than what it changed, as a ballot of its own."""
        task = Task(
            id=derived(better.id, "task"),
            campaign=campaign,
            batch=better.batch,
            candidates=(better.id, worse.id),
            reserved_for=visitor.person,
        )
        store = self.office.store
        await store.add_tasks([task])
        held = await store.lease(campaign, visitor.person, surface=visitor.place.adapter, task=task.id)
        if held is None:
            raise NoBallotError("Your answer is kept; you have had your share of today.")
        sheet = await self.office.booth.sheet(visitor, held.id)
        slot = held.shown_order.index(better.id)
        await self.office.booth.judge(visitor, sheet, Ranking(tiers=((slot,), (1 - slot,))))
        return text(SAVED, private=True)


def commands(office: Office) -> Sequence[Command]:
    """Return the commands over ``office``."""
    edits = Edits(office)
    written = Option(name="text", help="the answer as it should be", required=True, free=True)
    answer = Option(name="answer", help="which one", required=True)
    ballot = Option(name="ballot", help="which one", required=True)
    return (
        command("rank edit", help="Write the last answer here as it should be", options=[written])(
            explained(edits.edit)
        ),
        command("rank improve", help="Write an answer as it should be", options=[answer, written])(
            explained(edits.improve)
        ),
        command("rank write", help="Answer the question you have in hand", options=[written])(
            explained(edits.write)
        ),
        command("rank wrote", help="Answer the question of a ballot", options=[ballot, written])(
            explained(edits.wrote)
        ),
    )
