"""Ballots as people see them: the question, the answers under opaque letters, what was pressed so far, what to press. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..views import Ballot, Button, Buttons, Field, Form, Part, Scale, Text, View
from . import drafts, points
from .drafts import Draft
from .points import Points
from .ranking import LETTERS, Ranking, letter, written
from .values import Assignment, Axis, Campaign, Candidate, Rating, Shown

ENDS_FROM = 5
"""Answers from which on the best and the worst are asked for first: two presses compare most of the pairs."""

PAIR = 2

IN_PLACE = 3000
"""Characters that two answers may have together to be shown in full over their buttons."""

CHAT = "chat"
"""In `Campaign.more` of the one that takes what people compare in a chat, where they are."""

BEFORE = 4
LINE = 300

IN_A_ROW = 5
"""Points on an axis that are offered as buttons: as many as there are in a row. More are picked in the form of the answer."""

FEW = 4
"""Answers with so many of these buttons under them that all of it is one message."""

GIVE = "Write `/rank vote {example}`: points for each answer, `?` to skip, `report` if something is wrong."
HINT = "Write `/rank vote {example}`: the best first, `=` for ties, `!` if all are bad, `?` to skip, `report` if something is wrong."


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A ballot in somebody's hands: all that is needed to draw it."""

    assignment: Assignment
    campaign: Campaign
    shown: Shown
    answers: tuple[Candidate, ...]

    @property
    def k(self) -> int:
        """How many answers there are."""
        return len(self.answers)

    @property
    def draft(self) -> Draft:
        """What was pressed so far."""
        return drafts.read(self._stored, self.k, ends=self.ends)

    @property
    def points(self) -> Points:
        """What was given so far, where answers get points."""
        return points.read(self._stored, self.k, self.axes)

    @property
    def axes(self) -> tuple[Axis, ...]:
        """What answers get points for."""
        return self.campaign.axes or points.USUAL

    @property
    def said(self) -> str:
        """What was pressed or given so far, as people read it."""
        if self.campaign.mode == "rate":
            return points.written(self.points.given, self.axes)
        return drafts.so_far(self.draft)

    @property
    def _stored(self) -> str:
        return self.assignment.draft if self.assignment.state == "leased" else ""

    @property
    def ends(self) -> bool:
        """Whether the best and the worst are asked for first."""
        return self.campaign.mode == "best_worst" or self.k >= ENDS_FROM

    @property
    def retained(self) -> bool:
        """Whether all its texts are still there."""
        said = all(line.retained for line in self.shown.batch.context)
        return said and all(one.retained for one in self.answers)


def drawn(sheet: Sheet, *, buttons: bool, note: str = "", guideline: bool = False, hint: str = "") -> View:
    """Return the ballot; ``note`` is said before anything else, ``hint`` after it; ``buttons``: whether there are any to press."""
    head: list[Part] = [Text(text=note)] if note else []
    if guideline and sheet.campaign.guideline:
        head.append(Text(text=f"**How to judge.** {sheet.campaign.guideline}"))
    head.extend(_before(sheet))
    if sheet.campaign.mode == "write":
        head.extend(_write(sheet, buttons=buttons))
    elif sheet.campaign.mode == "rate":
        head.extend(_rate(sheet, buttons=buttons))
    else:
        head.extend((*_answers(sheet, buttons=buttons), *_below(sheet, buttons=buttons)))
    return View(parts=(*head, Text(text=hint)) if hint else tuple(head), private=True)


def read_back(sheet: Sheet, ranking: Ranking, ratings: Sequence[Rating] = ()) -> str:
    """Return what was stored of a ballot as its rater may write it again."""
    slots = {candidate: slot for slot, candidate in enumerate(sheet.assignment.shown_order)}
    given = {(slots[one.candidate], one.axis): one.value for one in ratings}
    return points.written(given, sheet.axes) if given else written(ranking, sheet.k)


def saved(
    sheet: Sheet, ranking: Ranking, ratings: Sequence[Rating] = (), *, changed: bool, buttons: bool
) -> View:
    """Return what is read back to the rater, and how to change it."""
    said = read_back(sheet, ranking, ratings)
    label = "Your points" if sheet.campaign.mode == "rate" else "Your ranking: the best first, = for ties"
    parts: list[Part] = [Text(text=f"{'Changed' if changed else 'Saved'}: {said_of(said)}")]
    if buttons:
        form = Form(
            control=f"/rank answer {sheet.assignment.id}",
            title="Change it",
            fields=(Field(name="ranking", label=label, value=said),),
        )
        parts.extend((form, Buttons(buttons=(Button(control="/rank next", label="Next"),))))
    return View(parts=tuple(parts), private=True)


def said_of(said: str) -> str:
    """Return a ranking in words, where its text is a sign."""
    return {"!": "all bad", "?": "skipped", "report": "reported", "": "your answer"}.get(said, said)


def _before(sheet: Sheet) -> Sequence[Part]:
    """Return what was said before the question, as far as it helps to understand it."""
    if sheet.campaign.more.get(CHAT):
        return ()  # it was said right there
    said = sheet.shown.batch.context[:-1][-BEFORE:]
    lines = [f"> {line.role}: {_cut(line.text)}" for line in said if line.text]
    return (Text(text="\n".join(lines)),) if lines else ()


def _answers(sheet: Sheet, *, buttons: bool) -> Sequence[Part]:
    question, texts = sheet.shown.batch.question, tuple(one.text for one in sheet.answers)
    if sheet.k == PAIR and buttons and sum(map(len, texts)) <= IN_PLACE:
        answers = (Text(text=f"**{letter(slot)}**\n\n{text}") for slot, text in enumerate(texts))
        return (Text(text=question), *answers)
    return (Ballot(control=f"/rank answer {sheet.assignment.id}", question=question, answers=texts),)


def _below(sheet: Sheet, *, buttons: bool) -> Sequence[Part]:
    draft, id_ = sheet.draft, sheet.assignment.id
    said = drafts.so_far(draft)
    lines = [f"So far: {said}"] if said else []
    if not buttons:
        example = {1: "!", 2: "B > A", 3: "B > A = C"}.get(sheet.k, "B > A = C > D")
        return (Text(text="\n".join([*lines, HINT.format(example=example)])),)
    if sheet.k == PAIR:
        row = _row(id_, [("A > B", "A"), ("B > A", "B"), ("A = B", "Tie"), ("!", "Both bad")])
        return (Text(text="Which is better?"), row, _row(id_, _OUT))
    lines.append(drafts.asked(draft) if sheet.k > 1 else HINT.format(example="!"))
    first: list[tuple[str, str]] = []
    if draft.taps:
        now = drafts.standing(draft)
        if now.rest and not now.joining:
            first.append(("=", "= (tie)"))
        first.append(("undo", "Undo"))
        if not now.joining:
            first.append(("save", "Save"))
    rows = [_row(id_, first)] if first else []
    return (Text(text="\n".join(lines)), *rows, _row(id_, [("!", "All bad"), *_OUT]))


_OUT = (("?", "Skip"), ("report", "Report"))


def _rate(sheet: Sheet, *, buttons: bool) -> Sequence[Part]:
    """Return the answers, each to be given points in a form of its own, or one number after the other."""
    now, id_ = sheet.points, sheet.assignment.id
    given = tuple(
        tuple((name, value) for (slot, name), value in now.given.items() if slot == here)
        for here in range(sheet.k)
    )
    ballot = Ballot(
        control=f"/rank answer {id_}",
        question=sheet.shown.batch.question,
        answers=tuple(one.text for one in sheet.answers),
        scales=tuple(Scale(name=axis.name, most=axis.maximum) for axis in sheet.axes),
        given=given,
    )
    scales = ", ".join(f"{axis.name} from 1 to {axis.maximum}" for axis in sheet.axes)
    lines = [f"So far: {sheet.said}"] if now.given else []
    if not buttons:
        hint = f"Points: {scales}. {GIVE.format(example=points.example(sheet.k, sheet.axes))}"
        rest = " `/rank save` saves what is there." if now.given else ""
        return (ballot, Text(text="\n".join([*lines, hint + rest])))
    asked, row = _asked(sheet, now)
    lines.append(asked or f"Give each answer points: {scales}.")
    first = [("undo", "Undo"), ("save", "Save")] if now.given else []
    rows = [_row(id_, row)] if row else []
    return (ballot, Text(text="\n".join(lines)), *rows, _row(id_, [*first, *_OUT]))


def _asked(sheet: Sheet, now: Points) -> tuple[str, Sequence[tuple[str, str]]]:
    """Return the question for the next number and the buttons for it; nothing where they would be too many."""
    if sheet.k > FEW or not now.missing or now.missing[0][1].maximum > IN_A_ROW:
        return "", ()
    slot, axis = now.missing[0]
    name = letter(slot)
    row = [(f"{name} {axis.name} {value}", str(value)) for value in range(1, axis.maximum + 1)]
    return f"{name}: how {axis.name}, from 1 to {axis.maximum}?", row


def _row(id_: str, said: Sequence[tuple[str, str]]) -> Buttons:
    return Buttons(
        buttons=tuple(
            Button(
                control=f"/rank answer {id_} {what}",
                label=label,
                style="primary" if what == "save" or label in LETTERS else "plain",
            )
            for what, label in said
        )
    )


def _write(sheet: Sheet, *, buttons: bool) -> Sequence[Part]:
    question = Text(text=sheet.shown.batch.question)
    if not buttons:
        return (
            question,
            Text(text="Write the best answer you can: `/rank write TEXT`, or `/rank vote ?` to skip."),
        )
    form = Form(
        control=f"/rank wrote {sheet.assignment.id}",
        title="Write the answer",
        fields=(Field(name="text", label="The best answer you can give", lines=10),),
    )
    return (question, form, _row(sheet.assignment.id, _OUT))


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= LINE else f"{line[: LINE - 1]}…"
