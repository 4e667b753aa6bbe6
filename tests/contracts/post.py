"""A post office as a chat service that can do everything, and breaks on request; and the postman, an adapter without fault."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Literal, TypeAlias, assert_never

from rostra.actions import (
    Action,
    Address,
    Append,
    Begin,
    Capabilities,
    Finish,
    Receipt,
    Replace,
    Retract,
    Show,
    Typing,
)
from rostra.controls import Control, ids
from rostra.errors import AdapterError, StoreError
from rostra.events import Attachment, Deleted, Edited, Event, Message, Press, Reaction, Submit
from rostra.places import Person, Place
from rostra.protocols import Accept, Adapter
from rostra.split import split
from rostra.testing.clock import ManualClock
from rostra.testing.contract import Shelf
from rostra.views import Ballot, Button, Choices, Form, as_text

WATCH = 200.0
"""Seconds without a word from the office after which the postman asks anew."""

Kind: TypeAlias = Literal["said", "pressed", "sent", "edited", "deleted", "reacted"]


@dataclass(frozen=True, kw_only=True)
class Letter:
    """What the office delivers: anything that somebody did."""

    id: str
    kind: Kind
    text: str = ""
    target: str = ""
    note: str = ""
    fields: Mapping[str, str] = field(default_factory=dict[str, str])
    picked: tuple[str, ...] = ()
    file: tuple[str, str, bytes] | None = None


@dataclass
class Note:
    """A message of the bot on the board."""

    text: str
    controls: Mapping[str, Control] = field(default_factory=dict[str, Control])


@dataclass(eq=False)
class Line:
    """A connection; None is its end."""

    letters: asyncio.Queue[Letter | None] = field(default_factory=asyncio.Queue[Letter | None])
    dead: bool = False


@dataclass
class Post:
    """The service: letters stay until they are acknowledged, answers are pinned to a board."""

    letters: list[Letter] = field(default_factory=list[Letter])
    taken: set[str] = field(default_factory=set[str])
    board: dict[str, Note] = field(default_factory=dict[str, Note])
    keys: dict[str, str] = field(default_factory=dict[str, str])
    waiting: set[str] = field(default_factory=set[str])
    refusals: deque[float] = field(default_factory=deque[float])
    form: str = ""
    filled: Mapping[str, str] | None = None
    line: Line | None = None
    replays: bool = False
    connected: asyncio.Condition = field(default_factory=asyncio.Condition)

    async def connect(self) -> Line:
        """Open a connection, and send what was not acknowledged; after a break, what was as well."""
        self.line = Line()
        for letter in self.letters:
            if self.replays or letter.id not in self.taken:
                self.line.letters.put_nowait(letter)
        self.replays = False
        async with self.connected:
            self.connected.notify_all()
        return self.line

    def send(self, letter: Letter) -> None:
        """Let somebody do something."""
        self.letters.append(letter)
        if letter.kind in {"pressed", "sent"}:
            self.waiting.add(letter.id)
        if self.line is not None and not self.line.dead:
            self.line.letters.put_nowait(letter)

    def pin(self, note: Note, key: str = "") -> str:
        """Pin a new note, or the one that this key pinned before."""
        name = f"note {len(self.board) + 1}"
        name = self.keys.setdefault(key, name) if key else name
        self.board[name] = note
        return name

    def open(self, form: str) -> None:
        """Show a form to whoever pressed last."""
        self.form = form
        self.fill()

    def fill(self) -> None:
        """Send the form that is open once somebody has filled it in."""
        if self.form and self.filled is not None:
            letter = Letter(
                id=f"letter {len(self.letters)}", kind="sent", target=self.form, fields=self.filled
            )
            self.form, self.filled = "", None
            self.send(letter)


class Postman:
    """An adapter without fault."""

    name = "post"
    capabilities = Capabilities(
        append=True, edit=True, delete=True, nonce=True, typing=True, buttons=True, forms=True, files=True
    )

    def __init__(self, post: Post, shelf: Shelf, clock: ManualClock) -> None:
        self.post = post
        self.shelf = shelf
        self.clock = clock

    async def run(self, accept: Accept) -> None:
        while True:
            line = await self.post.connect()
            try:
                while (letter := await self.next(line)) is not None:
                    await self.take(letter, accept)
            except TimeoutError:
                continue

    async def next(self, line: Line) -> Letter | None:
        async with self.clock.timeout(WATCH):
            return await line.letters.get()

    async def take(self, letter: Letter, accept: Accept) -> None:
        if letter.kind in {"pressed", "sent"}:
            self.post.waiting.discard(letter.id)
        if letter.kind == "pressed" and await self.opened(letter):
            self.post.taken.add(letter.id)
            return
        try:
            await accept(self.event(letter))
        except StoreError:
            return  # the office will bring it again
        self.post.taken.add(letter.id)

    async def opened(self, letter: Letter) -> bool:
        """Open the form, where that is what was pressed."""
        if not isinstance(await self.shelf.find(self.place(), letter.target), Form):
            return False
        self.post.open(letter.target)
        return True

    def place(self) -> Place:
        return Place(adapter=self.name, channel="office")

    def event(self, letter: Letter) -> Event:
        ann, now, place = (
            Person(id="ann", roles=frozenset({"clerk"})),
            datetime(2026, 1, 1, tzinfo=UTC),
            self.place(),
        )
        id_, target, extra = letter.id, letter.target, {"note": letter.note}
        match letter.kind:
            case "said":
                files = () if letter.file is None else (self.attachment(*letter.file),)
                return Message(
                    id=id_, place=place, author=ann, text=letter.text, sent_at=now, attachments=files
                )
            case "pressed":
                return Press(
                    id=id_,
                    place=place,
                    author=ann,
                    control=target,
                    values=letter.picked,
                    sent_at=now,
                    extra=extra,
                )
            case "sent":
                return Submit(id=id_, place=place, author=ann, form=target, fields=letter.fields, sent_at=now)
            case "edited":
                return Edited(id=id_, place=place, author=ann, target=target, text=letter.text, sent_at=now)
            case "deleted":
                return Deleted(id=id_, place=place, author=ann, target=target, sent_at=now)
            case "reacted":
                return Reaction(
                    id=id_, place=place, author=ann, target=target, emoji=letter.text, added=True, sent_at=now
                )
            case _:
                assert_never(letter.kind)

    def attachment(self, name: str, media_type: str, data: bytes) -> Attachment:
        text = data.decode() if media_type.startswith("text/") else None
        return Attachment(name=name, media_type=media_type, size=len(data), text=text)

    async def perform(self, address: Address, action: Action, key: str) -> Receipt:
        if self.post.refusals:
            raise AdapterError("too many letters", retry_after=self.post.refusals.popleft())
        shown = address.shown
        match action:
            case Typing():
                pass
            case Begin(text=text):
                shown = (self.post.pin(Note(text), key),)
            case Append(text=text):
                self.post.board[shown[0]].text += text
            case Replace(text=text) | Retract(text=text):
                shown = self.change(shown, Note(text), key)
            case Finish(text=text):
                shown = self.change(shown, self.finished(action), key)
            case Show():
                shown = self.show(address, action, key)
            case _:
                assert_never(action)
        await asyncio.sleep(0)
        return Receipt(shown=shown)

    def finished(self, action: Finish) -> Note:
        labels = " ".join(f"[{button.label}]" for button in action.buttons)
        text = f"{action.text}\n{labels}" if labels else action.text
        return Note(text, dict(ids(action.reply, action.buttons)))

    def show(self, address: Address, action: Show, key: str) -> tuple[str, ...]:
        note = Note(as_text(action.view), dict(ids(action.reply, action.view)))
        pressed = address.extra.get("note", "")
        if action.view.in_place and pressed:
            self.post.board[pressed] = note
            return (pressed,)
        return (self.post.pin(note, key),)

    def change(self, shown: Sequence[str], note: Note, key: str) -> tuple[str, ...]:
        if not shown:
            return (self.post.pin(note, key),) if note.text else ()
        self.post.board[shown[0]] = note
        return tuple(shown)


class Pager(Postman):
    """A postman whose notes are small: what is longer goes on several."""

    capabilities = replace(Postman.capabilities, length=1000)

    def change(self, shown: Sequence[str], note: Note, key: str) -> tuple[str, ...]:
        if not shown and not note.text:
            return ()
        pieces = [Note(piece) for piece in self.cut(note.text)] or [note]
        pieces[-1].controls = note.controls
        for name, piece in zip(shown, pieces, strict=False):
            self.post.board[name] = piece
        for name in shown[len(pieces) :]:
            self.post.board[name] = Note("")
        more = [self.post.pin(piece, f"{key} {number}") for number, piece in enumerate(pieces[len(shown) :])]
        return (*shown[: len(pieces)], *more)

    def cut(self, text: str) -> Sequence[str]:
        return split(text, 1000)


class Office:
    """The platform, with an adapter of some class: what people do there, and what breaks."""

    roles = frozenset({"clerk"})

    def __init__(self, kind: type[Postman] = Postman) -> None:
        self.kind = kind
        self.post = Post()
        self.controls = Shelf()
        self.clock = ManualClock()
        self.adapter: Adapter = kind(self.post, self.controls, self.clock)

    @property
    def people(self) -> Office:
        return self

    @property
    def faults(self) -> Office:
        return self

    def users_say(self, *texts: str) -> None:
        for text in texts:
            self.post.send(self._letter("said", text=text))

    def users_see(self) -> Sequence[str]:
        return [note.text for note in self.post.board.values() if note.text]

    def acknowledged(self) -> int:
        return len(self.post.taken)

    def press(self, label: str) -> None:
        for name, note in reversed(self.post.board.items()):
            for id_, control in note.controls.items():
                if _label(control).startswith(label):
                    self.post.send(self._letter("pressed", target=id_, note=name))
                    return
        raise LookupError(f"nothing is labelled {label!r}")

    def pick(self, *labels: str) -> None:
        for name, note in reversed(self.post.board.items()):
            for id_, control in note.controls.items():
                if isinstance(control, Choices):
                    picked = tuple(choice.value for choice in control.choices if choice.label in labels)
                    self.post.send(self._letter("pressed", target=id_, note=name, picked=picked))
                    return
        raise LookupError("there is nothing to pick from")

    def fill(self, fields: Mapping[str, str]) -> None:
        self.post.filled = fields
        self.post.fill()

    def attach(self, text: str, name: str, media_type: str, data: bytes) -> None:
        self.post.send(replace(self._letter("said", text=text), file=(name, media_type, data)))

    def edit(self, text: str) -> None:
        self.post.send(self._letter("edited", text=text, target=self._said()))

    def delete(self) -> None:
        self.post.send(self._letter("deleted", target=self._said()))

    def react(self, emoji: str) -> None:
        self.post.send(self._letter("reacted", text=emoji, target=list(self.post.board)[-1]))

    def repeat(self) -> None:
        self.post.send(next(letter for letter in reversed(self.post.letters) if letter.kind == "said"))

    def drop(self) -> None:
        assert self.post.line is not None
        self.post.replays = True
        self.post.line.dead = True
        self.post.line.letters.put_nowait(None)

    async def reconnect(self) -> None:
        async with self.post.connected:
            await self.post.connected.wait_for(lambda: self.post.line is not None and not self.post.line.dead)

    async def fall_silent(self) -> None:
        assert self.post.line is not None
        self.post.line.dead = True

    def storm(self, calls: int, retry_after: float) -> None:
        self.post.refusals.extend([retry_after] * calls)

    def unanswered(self) -> int:
        return len(self.post.waiting)

    def restart(self) -> Adapter:
        self.adapter = self.kind(self.post, self.controls, self.clock)
        return self.adapter

    def _letter(
        self,
        kind: Kind,
        *,
        text: str = "",
        target: str = "",
        note: str = "",
        picked: tuple[str, ...] = (),
    ) -> Letter:
        number = len(self.post.letters)
        return Letter(id=f"letter {number}", kind=kind, text=text, target=target, note=note, picked=picked)

    def _said(self) -> str:
        return next(letter.id for letter in reversed(self.post.letters) if letter.kind == "said")


def _label(control: Control) -> str:
    match control:
        case Button():
            return control.label
        case Choices():
            return control.prompt
        case Form():
            return control.title
        case Ballot():
            return control.question
        case _:
            assert_never(control)
