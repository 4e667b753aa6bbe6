"""Views and answers as Block Kit: messages and modals that stay inside of every limit. Pure.

What is too long for one message becomes several; nothing is left out. Sources:
https://docs.slack.dev/reference/block-kit/blocks, https://docs.slack.dev/reference/methods/chat.postMessage, and for all
blocks of a message together slackapi/bolt-js#2509.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, assert_never

from rostra.controls import Control, ids
from rostra.split import split
from rostra.views import (
    Ballot,
    Button,
    Buttons,
    Choice,
    Choices,
    File,
    Form,
    Part,
    Table,
    Text,
    View,
    as_text,
)

from .text import clean, escape, markdown, short, spelled

Block: TypeAlias = dict[str, Any]

MARKDOWN = 11_000
"""Characters of a ``markdown`` block, and of one streamed message: Slack takes 12,000, fences and all."""
ALL = 12_000
"""Characters over all blocks of a message: that many of Markdown are allowed, and more than 13,200 were refused."""
BLOCKS = 50
SECTION = 3_000
BUTTON = 75
OPTION = 75
VALUE = 150
OPTIONS = 100
ACTIONS = 25
ROWS, COLUMNS, CELLS = 100, 20, 10_000
NOTICE = 300
"""Characters of the text that stands for a message in notifications."""
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One message: its blocks, and the text that notifications show."""

    blocks: tuple[Block, ...]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A view: messages in their order, then files."""

    pages: tuple[Page, ...]
    files: tuple[File, ...] = ()


def answer(reply: str, text: str, buttons: Sequence[Button] = ()) -> Sequence[Page]:
    """Return the messages of an answer, one for each piece of it, with ``buttons`` under the last."""
    pages = [page(piece) for piece in pieces_of(text)]
    row = _buttons(list(ids(reply, buttons)))
    if row and pages and sum(map(weight, [*pages[-1].blocks, *row])) <= ALL:
        pages[-1] = replace(pages[-1], blocks=(*pages[-1].blocks, *row))
    elif row:
        pages.extend(Page(blocks=tuple(blocks), text=_notice("")) for blocks in _pages(row))
    return pages


def page(piece: str) -> Page:
    """Return the message of one of `pieces_of` an answer."""
    return Page(blocks=(_markdown(piece),), text=_notice(piece))


def pieces_of(text: str) -> Sequence[str]:
    """Return a Markdown text as the messages that show it; none where there is nothing to see."""
    safe = markdown(text)
    return split(safe, MARKDOWN) if safe.strip() else ()


def render(reply: str, view: View) -> Rendered:
    """Return a view as messages and files. The controls get the ids that belong to the reply with this id."""
    controls = iter(list(ids(reply, view)))
    blocks = [block for part in view.parts for block in _part(part, controls)]
    files = tuple(part for part in view.parts if isinstance(part, File))
    notice = _notice(
        as_text(View(parts=tuple(_said(part) for part in view.parts if not isinstance(part, File))))
    )
    return Rendered(pages=tuple(Page(blocks=tuple(one), text=notice) for one in _pages(blocks)), files=files)


def worded(view: View, names: Collection[str], command: str) -> View:
    """Return ``view`` with the commands called ``names`` written as Slack takes them: after ``command``."""
    return replace(view, parts=tuple(_worded(part, names, command) for part in view.parts))


def _worded(part: Part, names: Collection[str], command: str) -> Part:
    match part:
        case Text():
            return replace(part, text=spelled(part.text, names, command))
        case Table():
            rows = tuple(tuple(_cell(cell, names, command) for cell in row) for row in part.rows)
            return replace(part, rows=rows)
        case _:
            return part


def _cell(cell: str, names: Collection[str], command: str) -> str:
    """Return a cell of a table; in one of commands they stand without backticks."""
    is_command = cell.startswith("/") and cell[1:].partition(" ")[0] in names
    return f"{command} {cell[1:]}" if is_command else spelled(cell, names, command)


def weight(value: object) -> int:
    """Return how many characters a block counts, all its texts and values together."""
    if isinstance(value, dict):
        items: dict[str, Any] = value  # pyright: ignore[reportUnknownVariableType]  JSON
        return sum(
            len(inner) if key in {"text", "value"} and isinstance(inner, str) else weight(inner)
            for key, inner in items.items()
        )
    if isinstance(value, list | tuple):
        return sum(weight(inner) for inner in value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  JSON
    return 0


def plain(text: str, most: int, otherwise: str = "\u2026") -> Block:
    """Return a text object that is not interpreted, of ``most`` characters at most and never empty."""
    return {"type": "plain_text", "text": short(text, most).strip() or otherwise, "emoji": True}


def section(text: str, most: int = SECTION) -> Block:
    """Return a section with a text that is not interpreted."""
    return {"type": "section", "text": {**plain(text, most), "emoji": False}}


def _pages(blocks: Sequence[Block]) -> Iterator[Sequence[Block]]:
    """Yield as many blocks as fit into each message. A message has one table at most."""
    together: list[Block] = []
    used = 0
    for block in blocks:
        heavy = weight(block)
        again = block["type"] == "table" and any(one["type"] == "table" for one in together)
        if together and (len(together) == BLOCKS or used + heavy > ALL or again):
            yield together
            together, used = [], 0
        together.append(block)
        used += heavy
    if together:
        yield together


def _part(part: Part, controls: Iterator[tuple[str, Control]]) -> Sequence[Block]:
    match part:
        case Text():
            return _markdowns(part.text)
        case Buttons():
            return _buttons([(next(controls)[0], button) for button in part.buttons])
        case Choices():
            return _choices(part, next(controls)[0])
        case Form():
            return _opener(part.title, part.title, next(controls)[0])
        case Ballot():
            return _ballot(part, next(controls)[0])
        case Table():
            return _table(part)
        case File():
            return ()
        case _:
            assert_never(part)


def _markdown(piece: str) -> Block:
    return {"type": "markdown", "text": piece}


def _markdowns(text: str) -> Sequence[Block]:
    return [_markdown(piece) for piece in pieces_of(text)]


def _buttons(buttons: Sequence[tuple[str, Control]]) -> Sequence[Block]:
    given = [(id_, button) for id_, button in buttons if isinstance(button, Button)]
    if [button.style for _, button in given] in (["good", "bad"], ["bad", "good"]):
        return [_feedback({button.style: (id_, button) for id_, button in given})]
    elements = [_button(id_, button) for id_, button in given]
    return [
        {"type": "actions", "elements": elements[start : start + ACTIONS]}
        for start in range(0, len(elements), ACTIONS)
    ]


def _button(id_: str, button: Button) -> Block:
    element: Block = {"type": "button", "action_id": id_, "value": id_, "text": plain(button.label, BUTTON)}
    style = {"primary": "primary", "danger": "danger", "good": "primary"}.get(button.style)
    return {**element, "style": style} if style else element


def _feedback(pair: dict[str, tuple[str, Button]]) -> Block:
    """Return Slack's own thumbs. Both are one element; which was pressed is told by the value."""
    (good_id, good), (bad_id, bad) = pair["good"], pair["bad"]
    return {
        "type": "context_actions",
        "elements": [
            {
                "type": "feedback_buttons",
                "action_id": good_id,
                "positive_button": {"text": plain(good.label, BUTTON), "value": good_id},
                "negative_button": {"text": plain(bad.label, BUTTON), "value": bad_id},
            }
        ],
    }


def _choices(part: Choices, id_: str) -> Sequence[Block]:
    blocks: list[Block] = []
    prompt = clean(part.prompt).strip()
    if len(prompt) > SECTION:
        blocks.extend(_markdowns(part.prompt))
        prompt = ""
    for group in _groups(part.choices):
        select: Block = {
            "type": "static_select" if part.most <= 1 else "multi_static_select",
            "action_id": id_,
            "placeholder": plain(f"{group[0].label} \u2026", 150),
            "options": [option(choice.value, choice.label) for choice in group],
        }
        if part.most > 1:
            select["max_selected_items"] = min(part.most, len(group))
        blocks.append({**section(prompt or "\u2026"), "accessory": select})
        prompt = ""
    return blocks or ([section(prompt)] if prompt else [])


def option(value: str, label: str) -> Block:
    """Return one of the options of a select. A value that is too long for Slack is one that nobody can pick."""
    return {"text": plain(label, OPTION), "value": value if 0 < len(value) <= VALUE else "\u2026"}


def _groups(choices: Sequence[Choice]) -> Iterator[Sequence[Choice]]:
    """Yield choices in selects of a size that Slack takes."""
    group: list[Choice] = []
    used = 0
    for choice in choices:
        heavy = min(len(choice.label), OPTION) + min(len(choice.value), VALUE) + 2
        if group and (len(group) == OPTIONS or used + heavy > ALL - SECTION - 200):
            yield group
            group, used = [], 0
        group.append(choice)
        used += heavy
    if group:
        yield group


def _opener(title: str, whole: str, id_: str) -> Sequence[Block]:
    """Return the button that opens a modal, and the title above it where it is too long for a button."""
    label = f"{short(title, BUTTON - 2)} \u2026"
    button = {"type": "button", "action_id": id_, "value": id_, "text": plain(label, BUTTON)}
    above = _markdowns(whole) if len(clean(whole)) > BUTTON - 2 else ()
    return [*above, {"type": "actions", "elements": [button]}]


def _ballot(part: Ballot, id_: str) -> Sequence[Block]:
    blocks, verb = list(_markdowns(part.question)), "Rate" if part.scales else "Rank"
    for letter, text in zip(LETTERS, part.answers, strict=False):
        blocks.append({"type": "divider"})
        blocks.append({"type": "section", "text": {"type": "mrkdwn", "text": f"*{letter}*"}})
        blocks.extend(_markdowns(text) or [section("(nothing)")])
    return [*blocks, {"type": "divider"}, *_opener(f"{verb} {len(part.answers)} answers", "", id_)]


def _table(part: Table) -> Sequence[Block]:
    rows = _rows(part)
    width = len(rows[0])
    if not width:
        return ()
    characters = sum(len(cell) for row in rows for cell in row)
    if len(rows) > ROWS or width > COLUMNS or characters > CELLS:
        return _markdowns(
            "```\n" + as_text(View(parts=(_even(rows),))).replace("```", "\u02cb\u02cb\u02cb") + "\n```"
        )
    cells = [[{"type": "raw_text", "text": cell.strip() or "\u00a0"} for cell in row] for row in rows]
    return [{"type": "table", "rows": cells}]


def _rows(part: Table) -> Sequence[Sequence[str]]:
    """Return all rows of a table, as long as the longest."""
    width = max([len(part.header), *(len(row) for row in part.rows)])
    return [[clean(cell) for cell in (*row, *[""] * (width - len(row)))] for row in (part.header, *part.rows)]


def _even(rows: Sequence[Sequence[str]]) -> Table:
    flat = [tuple(" ".join(cell.split()) for cell in row) for row in rows]
    return Table(header=flat[0], rows=tuple(flat[1:]))


def _said(part: Part) -> Part:
    return _even(_rows(part)) if isinstance(part, Table) else part


def _notice(text: str) -> str:
    return escape(short(" ".join(text.split()), NOTICE)) or "\u2026"
