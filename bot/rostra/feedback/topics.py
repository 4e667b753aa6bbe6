"""What was asked in a place, with what went before it, as something that can be answered again and compared."""

from __future__ import annotations

from dataclasses import dataclass

from ..actions import Finish
from ..places import Place
from ..stores import Said, Store
from .values import Line

RECALLED = 20
"""Utterances before the question that go into a batch, and that the models read."""

PRESENT = 80
"""Utterances that are looked at for a question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question, the reply that it got in the chat, and what was said before it, oldest first."""

    reply: str
    question: str
    answer: str
    before: tuple[Said, ...]


async def asked_in(store: Store, place: Place, reply: str = "") -> Asked | None:
    """Return the last question of a place, or the one that ``reply`` answered; None where there is none any more.

    Raises `StoreError`.
    """
    said = await store.recall(place, PRESENT)
    at = next(
        (
            number
            for number in range(len(said) - 1, -1, -1)
            if said[number].role == "user" and reply in {"", said[number].reply}
        ),
        None,
    )
    if at is None:
        return None
    answer = next((one.text for one in said[at + 1 :] if one.reply == said[at].reply), "")
    return Asked(
        reply=said[at].reply,
        question=said[at].text,
        answer=answer,
        before=tuple(said[max(0, at - RECALLED) : at]),
    )


async def lines(store: Store, place: Place, asked: Asked) -> tuple[tuple[Line, ...], str]:
    """Return the context of a batch, each line with its author's pseudonym, and the pseudonym of who asked.

    Somebody who is no longer known is nobody. Raises `StoreError`.
    """
    authors: dict[str, str] = {}
    for reply in {asked.reply, *(one.reply for one in asked.before)}:
        entry = await store.entry(reply)
        author = None if entry is None else entry.event.author
        authors[reply] = "" if author is None else await store.pseudonym(place.adapter, author)
    context = [
        Line(role=one.role, text=one.text, author=authors[one.reply] if one.role == "user" else "")
        for one in asked.before
    ]
    question = Line(role="user", text=asked.question, author=authors[asked.reply])
    return (*context, question), authors[asked.reply]


async def answered(store: Store, place: Place, reply: str) -> bool:
    """Return whether the reply with this id is an answer that was given in the channel of ``place``."""
    entry = await store.entry(reply)
    if entry is None:
        return False
    there, action = entry.event.place, entry.reply.action
    return (
        (there.adapter, there.workspace, there.channel) == (place.adapter, place.workspace, place.channel)
        and isinstance(action, Finish)
        and action.ending in {"stop", "length"}
    )


async def last_answer(store: Store, place: Place) -> str:
    """Return the id of the last answer in a place; nothing if there is none."""
    said = await store.recall(place, 2)
    return next((one.reply for one in reversed(said) if one.role == "assistant"), "")
