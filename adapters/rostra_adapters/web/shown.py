"""What a page shows of a conversation: exchanges, made of what is kept of each reply and of what is being written."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from rostra.actions import Action, Append, Begin, Finish, Replace, Retract, Show
from rostra.controls import ids
from rostra.events import Event, Invocation, Message, Press, Submit
from rostra.stores import Entry
from rostra.views import Ballot, Button, Buttons, Choices, File, Form, Table, Text, View

from ..console_text import clean
from .markdown import Growing, html, line
from .rank_shown import Card

State: TypeAlias = Literal["waiting", "writing", "done", "view", "refused", "withdrawn", "stopped", "failed"]
NOTES: Mapping[State, str] = {
    "withdrawn": "This answer was withdrawn.",
    "refused": "Not answered.",
    "failed": "This went wrong.",
}
ENDINGS: Mapping[str, State] = {
    "stop": "done",
    "length": "done",
    "content_filter": "refused",
    "stopped": "stopped",
    "error": "failed",
}
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
BALLOT = re.compile(r"[0-9a-f]{32}")
FEW = 6
"""Choices that are buttons; more are a list."""
PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp"})

ON, BASE, QUIET = "on", "base", "quiet"
"""What an event of the page says in its ``extra``: the exchange that it belongs to, what was pressed there (`VIEW` or an
answer), and that nobody waits to see what comes of it."""
VIEW = "view"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """One part of a view, for a template: its ``kind``, the id of its control, and what it shows.

    Of ballots: which one it is, and what answers get points for, each with the most there are.
    """

    kind: str
    id: str = ""
    part: Any = None
    html: str = ""
    options: Sequence[Any] = ()
    ballot: str = ""
    axes: Sequence[tuple[str, int]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Face:
    """How a reply looks now. ``settled`` and ``tail`` are safe HTML; the tail is what may still change."""

    state: State = "waiting"
    settled: str = ""
    tail: str = ""
    note: str = ""
    cut: bool = False
    parts: Sequence[Drawn] = ()
    marks: Sequence[tuple[str, Button]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """What somebody asked, and what they got. ``after`` is what came of the controls under the answer."""

    id: str
    asked: str
    again: bool
    answer: Face
    after: Face | None = None


def face_of(reply: str, action: Action | None, live: Growing | None = None) -> Face:
    """Return how a reply looks after ``action``; ``live`` is its text as far as it is written."""
    match action:
        case Finish():
            state = ENDINGS[action.ending]
            note = NOTES.get(state, "")
            return Face(
                state=state,
                settled=html(action.text),
                note=note,
                cut=action.ending == "length",
                marks=[(id_, one) for id_, one in ids(reply, action.buttons) if isinstance(one, Button)],
            )
        case Retract():
            return Face(state="withdrawn", settled=html(action.text), note=NOTES["withdrawn"])
        case Show():
            return Face(state="view", parts=drawn(reply, action.view))
        case Begin() | Replace() | Append():
            growing = live or Growing(action.text)
            return Face(state="writing", settled=growing.settled, tail=growing.tail)
        case _:
            return Face()


def drawn(reply: str, view: View) -> Sequence[Drawn]:
    """Return the parts of a view, with the ids of their controls."""
    named = iter(ids(reply, view))
    found: list[Drawn] = []
    files = 0
    for part in view.parts:
        match part:
            case Text():
                found.append(Drawn(kind="text", html=html(part.text)))
            case Buttons():
                found.append(Drawn(kind="buttons", options=[next(named) for _ in part.buttons]))
            case Choices():
                kind = (
                    "many"
                    if part.most > 1 or part.least != 1
                    else "few"
                    if len(part.choices) <= FEW
                    else "one"
                )
                found.append(Drawn(kind=kind, id=next(named)[0], part=part, options=part.choices))
            case Form():
                found.append(Drawn(kind="form", id=next(named)[0], part=part))
            case Ballot():
                found.append(_ballot(part, next(named)[0]))
            case Table():
                rows = [[line(cell) for cell in row] for row in part.rows]
                found.append(Drawn(kind="table", part=part, options=rows))
            case File():
                kind = "picture" if part.media_type in PICTURES else "file"
                found.append(Drawn(kind=kind, id=f"{reply}/{files}", part=part))
                files += 1
    return found


def _ballot(part: Ballot, control: str) -> Drawn:
    """Return a ballot, with its answers as cards."""
    given = [dict(each) for each in part.given] or [{} for _ in part.answers]
    cards = [
        Card(slot=slot, letter=letter, html=html(answer), given=given[slot])
        for slot, (letter, answer) in enumerate(zip(LETTERS, part.answers, strict=False))
    ]
    named = part.control.rpartition(" ")[2]
    return Drawn(
        kind="ballot",
        id=control,
        part=part,
        html=html(part.question),
        options=cards,
        ballot=named if BALLOT.fullmatch(named) else "",
        axes=[(scale.name, scale.most) for scale in part.scales],
    )


def files_of(view: View) -> Sequence[File]:
    """Return the files of a view, in the order of their numbers."""
    return [part for part in view.parts if isinstance(part, File)]


def exchange_of(event: Event, face: Face) -> Exchange:
    """Return the exchange that ``event`` begins."""
    text = said(event)
    again = isinstance(event, Message) and not text.startswith("/")
    return Exchange(id=event.id, asked=clean(text), again=again, answer=face)


def said(event: Event) -> str:
    """Return what somebody wrote."""
    match event:
        case Message():
            return event.text
        case Invocation():
            return " ".join(["/" + " ".join(event.path), *event.options.values()])
        case _:
            return ""


def after(exchange: Exchange, extra: Mapping[str, str], face: Face, *, in_place: bool) -> Exchange:
    """Return ``exchange`` once something pressed in it was answered by ``face``."""
    if where(extra, in_place=in_place) == "answer":
        return replace(exchange, answer=face)
    return replace(exchange, after=face)


def where(extra: Mapping[str, str], *, in_place: bool) -> Literal["answer", "after"]:
    """Return where the answer to something pressed is shown: in place of a view, or under an answer."""
    return "answer" if in_place and extra.get(BASE) == VIEW else "after"


def in_place(action: Action | None) -> bool:
    """Return whether an action shows a view that stands instead of the one that was pressed."""
    return isinstance(action, Show) and action.view.in_place


def empty(action: Action | None) -> bool:
    """Return whether an action shows nothing."""
    return isinstance(action, Finish) and not action.text and action.ending in {"stop", "length"}


def exchanges(entries: Sequence[Entry], live: Mapping[str, Growing]) -> Sequence[Exchange]:
    """Return what is shown of what was accepted in a conversation."""
    found: dict[str, Exchange] = {}
    for entry in entries:
        event, reply = entry.event, entry.reply
        if QUIET in event.extra:
            continue
        face = face_of(reply.id, reply.action, live.get(reply.id))
        if not isinstance(event, Press | Submit):
            found[event.id] = exchange_of(event, face)
            continue
        root = found.get(event.extra.get(ON, ""))
        if root is not None and reply.action is not None and not empty(reply.action):
            found[root.id] = after(root, event.extra, face, in_place=in_place(reply.action))
    return tuple(found.values())
