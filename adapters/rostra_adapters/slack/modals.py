"""Forms and ballots as modals, and what comes back from them. Pure.

A modal carries the id of its control and the place it was opened from: the payload of a submission names no channel.
Both are checked again when it is sent. Source: https://docs.slack.dev/surfaces/modals.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rostra.places import Place
from rostra.views import Ballot, Field, Form, Scale

from .blocks import LETTERS, SECTION, Block, option, plain, section
from .text import clean

MODAL = "rostra.form"
"""The ``callback_id`` of every modal that shows a form or a ballot."""
TITLE = 24
LABEL = 2_000
NAME = 240
"""Characters of a field's name in the id of its input, which Slack lets have 255."""
BLOCKS = 100
ROOM = 12_000
"""Characters of the texts of a modal together; where answers have more, their beginnings are shown."""
QUESTION = 1_500
PIECE = "#"
JOINTS = {"\n\n": "p", "\n": "n", " ": "s", "": "o"}
"""How an input of several for one field is called: the field, `PIECE`, its number, and what stands between it and the next."""
_PIECE = re.compile(r"(.+)#([0-9]{1,3})([pnso])", re.DOTALL | re.ASCII)
CUT = " \u2026 (the whole answer is in the message)"


def form(part: Form, id_: str, place: Place, *, outside: bool = False) -> Block:
    """Return the modal of a form. ``outside``: it is about a thread, and was opened outside of it."""
    blocks: list[Block] = [section(part.title)] if len(clean(part.title)) > TITLE else []
    for field in part.fields:
        blocks.extend(_inputs(field))
    carried = metadata(id_, place, outside=outside)
    return _modal(part.title, blocks[:BLOCKS] or [section(part.title or "\u2026")], carried)


def _inputs(field: Field) -> Sequence[Block]:
    """Return the inputs of a field: several where its value is longer than Slack takes in one. `filled` joins them."""
    pieces = _cut(clean(field.value))
    found: list[Block] = []
    for number, (piece, joint) in enumerate(pieces):
        element: Block = {
            "type": "plain_text_input",
            "action_id": "value",
            "multiline": field.lines > 1 or len(pieces) > 1,
        }
        if piece:
            element["initial_value"] = piece
        label, id_ = field.label, field.name[:NAME]
        if len(pieces) > 1:
            label = f"{label or field.name} ({number + 1} of {len(pieces)})"
            id_ = f"{id_}{PIECE}{number}{JOINTS[joint]}"
        found.append(
            {
                "type": "input",
                "block_id": id_,
                "optional": number > 0 or not field.required,
                "label": plain(label, LABEL, field.name[:LABEL]),
                "element": element,
            }
        )
    return found


def _cut(text: str) -> Sequence[tuple[str, str]]:
    """Return pieces that fit into an input, each with what stood between it and the next: a line's end, a space, nothing."""
    pieces: list[tuple[str, str]] = []
    while len(text) > SECTION:
        at, joint = next(
            (
                (at, joint)
                for joint in ("\n\n", "\n", " ")
                if (at := text.rfind(joint, 0, SECTION)) >= SECTION // 2
            ),
            (SECTION, ""),
        )
        pieces.append((text[:at], joint))
        text = text[at + len(joint) :]
    return [*pieces, (text, "")]


def ballot(part: Ballot, id_: str, place: Place, *, outside: bool = False) -> Block:
    """Return the modal in which answers are given places, equal ones for a tie, or points. ``outside``: as of `form`."""
    letters = LETTERS[: len(part.answers)]
    question = clean(part.question).strip()
    blocks: list[Block] = [section(question, QUESTION)] if question else []
    room = ROOM - QUESTION - 100 * len(letters) * max(1, len(part.scales))
    shares = _shares([len(clean(text)) for text in part.answers], room)
    for slot, (letter, text, share) in enumerate(zip(letters, part.answers, shares, strict=True)):
        shown = clean(text).strip() or "(nothing)"
        if len(shown) > share:
            shown = shown[: max(0, share - len(CUT))].rstrip() + CUT
        pieces = [shown[start : start + SECTION] for start in range(0, len(shown), SECTION)]
        blocks.append({"type": "header", "text": plain(letter, 150)})
        blocks.extend(section(piece) for piece in pieces)
        given = dict(part.given[slot]) if slot < len(part.given) else {}
        blocks.extend(_scale(letter, scale, given.get(scale.name, 0)) for scale in part.scales)
        if not part.scales:
            blocks.append(_select(letter, f"Place of {letter}: 1 is the best", len(letters)))
    title = "Rate" if part.scales else "Rank"
    return _modal(title, blocks, metadata(id_, place, ballot=True, outside=outside))


def _scale(letter: str, scale: Scale, given: int) -> Block:
    """Return the menu for the points of an answer on a scale. Those that are left open are asked for later."""
    label = f"{letter}, {scale.name}: from 1 to {scale.most}"
    made: Block = {**_select(f"{letter} {scale.name}"[:NAME], label, scale.most), "optional": True}
    if 1 <= given <= scale.most:
        made["element"]["initial_option"] = option(str(given), str(given))
    return made


def _select(id_: str, label: str, most: int) -> Block:
    return {
        "type": "input",
        "block_id": id_,
        "label": plain(label, LABEL),
        "element": {
            "type": "static_select",
            "action_id": "value",
            "placeholder": plain("\u2026", 150),
            "options": [option(str(number), str(number)) for number in range(1, most + 1)],
        },
    }


def _shares(lengths: Sequence[int], room: int) -> Sequence[int]:
    """Return what each gets of ``room``: all it needs, where the others leave it."""
    given = [0] * len(lengths)
    for done, number in enumerate(sorted(range(len(lengths)), key=lengths.__getitem__)):
        given[number] = min(max(lengths[number], 20), room // (len(lengths) - done))
        room -= given[number]
    return given


def _modal(title: str, blocks: Sequence[Block], carried: str) -> Block:
    return {
        "type": "modal",
        "callback_id": MODAL,
        "private_metadata": carried,
        "title": plain(title, TITLE),
        "submit": plain("Send", TITLE),
        "close": plain("Cancel", TITLE),
        "blocks": list(blocks),
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """What a modal carries: the id of its control, what kind that is, and where its answer goes.

    ``outside``: it is about the thread, and is answered outside of it, where the modal was opened.
    """

    id: str
    channel: str
    thread: str | None = None
    ballot: bool = False
    outside: bool = False


def metadata(id_: str, place: Place, *, ballot: bool = False, outside: bool = False) -> str:
    """Return what a modal carries, as text."""
    where = {"channel": place.channel, "thread": place.thread, "outside": outside}
    return json.dumps({"id": id_, **where, "ballot": ballot})


def opened_from(text: str) -> Carried:
    """Return what a modal carries. Raises `ValueError`."""
    values: Any = json.loads(text)
    match values:
        case {
            "id": str(id_),
            "channel": str(channel),
            "thread": str() | None as thread,
            "ballot": bool(ballot),
            "outside": bool(outside),
        }:
            return Carried(id=id_, channel=channel, thread=thread, ballot=ballot, outside=outside)
        case _:
            raise ValueError("a modal carries an id, a channel and perhaps a thread")


def filled(values: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Mapping[str, str]:
    """Return what was filled in, by the names of the fields, from the state of a modal. Empty fields are left out."""
    found: dict[str, str] = {}
    pieces: dict[str, list[tuple[int, str, str]]] = {}
    for name, actions in values.items():
        for state in actions.values():
            picked: Mapping[str, Any] = state.get("selected_option") or {}
            value = str(state.get("value") or picked.get("value") or "")
            written = _PIECE.fullmatch(name)
            if value and written is None:
                found[name] = value
            elif value and written is not None:
                pieces.setdefault(written[1], []).append((int(written[2]), value, written[3]))
    return {**found, **{name: _joined(given) for name, given in pieces.items()}}


def _joined(pieces: Sequence[tuple[int, str, str]]) -> str:
    joints = {letter: joint for joint, letter in JOINTS.items()}
    whole = "".join(value + joints[letter] for _, value, letter in sorted(pieces))
    return whole[: len(whole) - len(joints[max(pieces)[2]])]


def ranking(places: Mapping[str, str]) -> str | None:
    """Return the order that a ballot's modal says, as people write it; None if it says something else.

    >>> ranking({"A": "2", "B": "1", "C": "2"})
    'B > A = C'
    """
    order: dict[int, list[str]] = {}
    for letter, number in places.items():
        if letter not in LETTERS or len(letter) != 1 or not number.isdecimal():
            return None
        order.setdefault(int(number), []).append(letter)
    return " > ".join(" = ".join(sorted(letters)) for _, letters in sorted(order.items())) or None


def points(values: Mapping[str, str]) -> str | None:
    """Return the points that a ballot's modal says, as people write them; None if it says something else.

    >>> points({"A helpful": "4", "A true": "5", "B helpful": "3"})
    'A: helpful 4, true 5; B: helpful 3'
    """
    said: dict[str, list[str]] = {}
    for name, number in values.items():
        letter, _, scale = name.partition(" ")
        if letter not in LETTERS or len(letter) != 1 or not scale or not number.isdecimal():
            return None
        said.setdefault(letter, []).append(f"{scale} {number}")
    return "; ".join(f"{letter}: {', '.join(marks)}" for letter, marks in sorted(said.items())) or None
