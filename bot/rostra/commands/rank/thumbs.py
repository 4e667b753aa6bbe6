"""``/rank thumb``: whether an answer in the chat was good, and what was wrong with it. Nothing is changed: the last one counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from ...actions import Finish
from ...command import Call, Command, Option, command
from ...events import Reaction
from ...feedback.emoji import thumb_of
from ...feedback.topics import answered, last_answer
from ...feedback.values import Thumb, new_id
from ...stores import Explanation
from ...views import Choice, Choices, Field, Form, Part, Text, View, text
from ..choosing import one_of
from .office import Office, explained

VALUES: Mapping[str, Literal[-1, 0, 1]] = {"good": 1, "bad": -1, "none": 0}

REASONS: Mapping[str, str] = {
    "wrong": "It is not true",
    "unhelpful": "It does not help",
    "incomplete": "Something is missing",
    "unsafe": "It is harmful",
    "style": "It is badly put",
    "other": "Something else",
}

NOTHING = View(parts=())
BEGINNING = datetime.fromtimestamp(0, UTC)
NO_ANSWER = "That is no answer of mine that I still know about."
LONGEST = 4000


@dataclass(frozen=True, slots=True)
class Thumbs:
    """The command, over an office."""

    office: Office

    async def thumb(self, call: Call) -> View | str:
        """Store a thumb. Whoever put an emoji there is answered nothing, and nothing is kept of who did not agree."""
        given, reply, reason = _read(call)
        emoji = call.turn.event.emoji if isinstance(call.turn.event, Reaction) else ""
        visitor = await self.office.visitor(call)
        store = self.office.store
        if message := call.options.get("message", ""):
            reply = await call.desk.reply_shown(call.place, message) or ""
        elif not reply:
            reply = await last_answer(store, call.place)
        if not reply or not await answered(store, call.place, reply):
            return NOTHING if emoji else text(NO_ANSWER, private=True)
        then = " ".join(filter(None, ("rank thumb", given, reply, reason)))
        unasked = await self.office.unasked(call, visitor, then)
        if unasked is not None:
            return NOTHING if emoji else unasked
        if emoji and given == "none" and not await self._stands(call, emoji, visitor.person, reply):
            return NOTHING
        facts = asked_of(await store.explanation(call.place, reply))
        await store.thumb(
            Thumb(
                id=new_id(),
                reply=reply,
                person=visitor.person,
                value=VALUES[given],
                at=self.office.clock.now(),
                place=call.place,
                reason=reason,
                answerer=str(facts.get("answerer", "")),
                model_version=str(facts.get("model_version", "")),
                source_event=visitor.source,
            )
        )
        return NOTHING if emoji else await self._thanks(call, given, reply, reason)

    async def _stands(self, call: Call, emoji: str, person: str, reply: str) -> bool:
        """Return whether the emoji that was taken away is what the person said last: another thumb goes on to count."""
        value = VALUES[thumb_of(emoji)]
        standing = await self.office.store.thumbs(BEGINNING, call.place)
        return any((one.person, one.reply, one.value) == (person, reply, value) for one in standing)

    async def _thanks(self, call: Call, given: str, reply: str, reason: str) -> View:
        said = {"good": "Saved: a good answer.", "bad": "Saved: not a good answer.", "none": "Taken back."}
        first = said[given] if not reason else f"{said[given]} Reason: {REASONS[reason].lower()}."
        parts: list[Part] = [Text(text=first)]
        if given == "bad" and call.turn.capabilities.buttons:
            if not reason:
                choices = tuple(Choice(value=value, label=label) for value, label in REASONS.items())
                control = f"/rank thumb bad {reply}"
                parts.append(Choices(control=control, prompt="What is wrong with it?", choices=choices))
            entry = await self.office.store.entry(reply)
            action = None if entry is None else entry.reply.action
            if isinstance(action, Finish) and len(action.text) <= LONGEST:
                field = Field(name="text", label="A better answer", value=action.text, lines=8)
                parts.append(Form(control=f"/rank improve {reply}", title="Write it better", fields=(field,)))
        elif given == "bad" and not reason:
            parts.append(Text(text=f"`/rank thumb bad REASON` says why: {', '.join(REASONS)}."))
        return View(parts=tuple(parts), private=True)


def _read(call: Call) -> tuple[str, str, str]:
    """Return the value, the reply and the reason of a call; the reply may be left out. Raises `ValueError`."""
    given, reply, reason = (call.options.get(name, "") for name in ("value", "answer", "reason"))
    if given not in VALUES:
        raise ValueError(f"{given[:20]!r} is no thumb; write {', '.join(VALUES)}")
    if reply in REASONS and not reason:
        reply, reason = "", reply
    if reason and reason not in REASONS:
        raise ValueError(f"{reason[:20]!r} is no reason; there are {', '.join(REASONS)}")
    return given, reply, reason


def asked_of(found: Explanation | None) -> Mapping[str, object]:
    """Return what answered, as the trace of the answer has it."""
    steps = () if found is None else found.steps
    for step in steps:
        if (step.stage, step.what) == ("answer", "asked"):
            return dict(step.facts)
    return {}


def commands(office: Office) -> Sequence[Command]:
    """Return the commands over ``office``."""
    options = (
        Option(
            name="value", help="good, bad, or none to take it back", required=True, choices=one_of(*VALUES)
        ),
        Option(name="answer", help="the id of an answer; by default, the last one here"),
        Option(name="reason", help=", ".join(REASONS), choices=one_of(*REASONS)),
        Option(name="message", help="the message that shows the answer, where a menu or an emoji names it"),
    )
    made = command("rank thumb", help="Say that an answer is good or bad", options=options, control=True)
    return (made(explained(Thumbs(office).thumb)),)
