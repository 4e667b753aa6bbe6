"""Values to test with: events of every kind, and texts that have broken things."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count

from ..events import Attachment, Deleted, Edited, Event, Invocation, Message, Press, Reaction, Submit
from ..places import Person, Place
from ..turns import Step
from ..verdicts import Decision, Judged, Span, Verdict

ROOM = Place(adapter="test", workspace="house", channel="room")
THREAD = replace(ROOM, thread="7")
ANN = Person(id="ann", roles=frozenset({"regular", "rater"}))
NOON = datetime(2026, 3, 1, 12, 30, 15, 123456, tzinfo=UTC)
AWKWARD = "naïve 日本語 🙂 'quoted' \"twice\" \\ \n\t\0 \ud83d %s {x}"
"""A text with what has broken databases: quotes, NUL, a lone surrogate, placeholders."""

_ids = count(1)


def question(text: str = "why?", *, place: Place = ROOM, author: Person = ANN) -> Message:
    """Return a message with an id of its own."""
    return Message(id=f"m{next(_ids)}", place=place, author=author, text=text, sent_at=NOON)


def every_kind() -> Sequence[Event]:
    """Return one event of each kind, with something in every field."""
    extra = {"token": AWKWARD}
    file = Attachment(name="a.txt", media_type="text/plain", size=3, text="abc")
    return [
        Message(
            id=f"m{next(_ids)}",
            place=THREAD,
            author=ANN,
            text=AWKWARD,
            sent_at=NOON,
            reply_to="m0",
            attachments=(file, replace(file, text=None)),
            extra=extra,
        ),
        Invocation(
            id=f"i{next(_ids)}",
            place=ROOM,
            author=replace(ANN, kind="bot"),
            path=("rank", "new"),
            options={"k": AWKWARD},
            sent_at=NOON,
            extra=extra,
        ),
        Press(id=f"p{next(_ids)}", place=ROOM, author=ANN, control="c", sent_at=NOON, values=("a", "b")),
        Submit(id=f"s{next(_ids)}", place=ROOM, author=ANN, form="f", fields={"x": AWKWARD}, sent_at=NOON),
        Reaction(
            id=f"r{next(_ids)}", place=ROOM, author=ANN, target="m1", emoji="👍", added=True, sent_at=NOON
        ),
        Edited(id=f"e{next(_ids)}", place=ROOM, author=ANN, target="m1", text=AWKWARD, sent_at=NOON),
        Deleted(id=f"d{next(_ids)}", place=ROOM, target="m1", sent_at=NOON),
    ]


STEPS = (
    Step(stage="limits", what="passed", facts=(("left", 3), ("fresh", True), ("share", 0.25))),
    Step(stage="model", what="answered", facts=(("name", "canned"),)),
)
VERDICTS = (
    Judged(direction="question", verdict=Verdict(decision=Decision.ALLOW, source="rules", policy="p1")),
    Judged(
        direction="answer",
        verdict=Verdict(
            decision=Decision.FLAG,
            source="rules",
            categories={"violence": 0.5, "hate": 0.25},
            spans=(Span(start=1, end=4, category="violence"),),
            rule="violence>0.4",
            policy="p1",
        ),
    ),
)
