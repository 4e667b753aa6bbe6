"""Postmen with one fault each: what the contract of adapters must find."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from post import Letter, Line, Note, Pager, Post, Postman

from rostra.actions import Action, Address, Finish, Receipt, Retract, Show, Typing
from rostra.errors import AdapterError
from rostra.events import Deleted, Edited, Event, Message, Press, Reaction, Submit
from rostra.places import Place
from rostra.protocols import Accept
from rostra.testing.clock import ManualClock
from rostra.testing.contract import Shelf
from rostra.views import as_text


class Defusing(Postman):
    async def perform(self, address: Address, action: Action, key: str) -> Receipt:
        if isinstance(action, Finish):
            action = replace(action, text=action.text.replace("@all", "(all)"))
        return await super().perform(address, action, key)


class LosesTheSecond(Postman):
    async def take(self, letter: Letter, accept: Accept) -> None:
        if letter not in self.post.letters[1:2]:
            await super().take(letter, accept)


class Reverses(Postman):
    async def run(self, accept: Accept) -> None:
        self.post.letters.reverse()
        await super().run(accept)


class OneIdForAll(Postman):
    def event(self, letter: Letter) -> Event:
        return replace(super().event(letter), id="letter")


class NoId(Postman):
    def event(self, letter: Letter) -> Event:
        return replace(super().event(letter), id="")


class Elsewhere(Postman):
    def event(self, letter: Letter) -> Event:
        return replace(super().event(letter), place=Place(adapter="telegraph", channel="office"))


class NoTimeZone(Postman):
    def event(self, letter: Letter) -> Event:
        return replace(super().event(letter), sent_at=datetime(2026, 1, 1))  # noqa: DTZ001  that is the fault


class TakesFirst(Postman):
    async def take(self, letter: Letter, accept: Accept) -> None:
        self.post.taken.add(letter.id)
        await super().take(letter, accept)


class NewIdEachTime(Postman):
    times: int = 0

    def event(self, letter: Letter) -> Event:
        NewIdEachTime.times += 1
        return replace(super().event(letter), id=f"{letter.id}, copy {self.times}")


class Mute(Postman):
    async def perform(self, address: Address, action: Action, key: str) -> Receipt:
        return Receipt()


class ForgetsAfterwards(Postman):
    running: bool = False

    async def run(self, accept: Accept) -> None:
        self.running = True
        try:
            await super().run(accept)
        finally:
            self.running = False

    async def perform(self, address: Address, action: Action, key: str) -> Receipt:
        return await super().perform(address, action, key) if self.running else Receipt()


class NoReceipt(Postman):
    async def perform(self, address: Address, action: Action, key: str) -> Receipt:
        await super().perform(address, action, f"{key} {type(action).__name__}")
        return Receipt()


class AppendsEverything(Postman):
    def change(self, shown: Sequence[str], note: Note, key: str) -> tuple[str, ...]:
        if shown:
            self.post.board[shown[0]].text += note.text
            return tuple(shown)
        return super().change(shown, note, key)


class KeepsWhatWasRetracted(Postman):
    async def perform(self, address: Address, action: Action, key: str) -> Receipt:
        if isinstance(action, Retract):
            return Receipt(shown=address.shown)
        return await super().perform(address, action, key)


class ShowsTextOnly(Postman):
    async def perform(self, address: Address, action: Action, key: str) -> Receipt:
        if isinstance(action, Show):
            action = Finish(reply=action.reply, text=getattr(action.view.parts[0], "text", ""))
        return await super().perform(address, action, key)


class NoNonce(Postman):
    async def perform(self, address: Address, action: Action, key: str) -> Receipt:
        return await super().perform(address, action, "")


class TypesForGood(Postman):
    async def perform(self, address: Address, action: Action, key: str) -> Receipt:
        if isinstance(action, Typing):
            self.post.pin(Note("…"))
            return Receipt()
        return await super().perform(address, action, key)


class SaysNothingAloud(Postman):
    def change(self, shown: Sequence[str], note: Note, key: str) -> tuple[str, ...]:
        return super().change(shown, Note(note.text or "(no answer)"), key)


class NarrowMinded(Postman):
    def change(self, shown: Sequence[str], note: Note, key: str) -> tuple[str, ...]:
        note.text.encode()
        return super().change(shown, note, key)


class Cuts(Postman):
    def change(self, shown: Sequence[str], note: Note, key: str) -> tuple[str, ...]:
        return super().change(shown, Note(note.text[:4000]), key)


class Obedient(Postman):
    """Does nothing about mass mentions."""


class CommandsAreNobodys(Postman):
    async def take(self, letter: Letter, accept: Accept) -> None:
        if not letter.text.startswith("/"):
            await super().take(letter, accept)


class CannotBeCancelled(Postman):
    async def run(self, accept: Accept) -> None:
        try:
            await super().run(accept)
        except asyncio.CancelledError:
            await asyncio.Event().wait()


class Falls(Postman):
    async def run(self, accept: Accept) -> None:
        raise RuntimeError("tripped")


class DropsRepeatsOfWhatWasRefused(Postman):
    known: frozenset[str] = frozenset()

    async def take(self, letter: Letter, accept: Accept) -> None:
        if letter.id not in self.known:
            self.known |= {letter.id}
            await super().take(letter, accept)


class HangsUp(Postman):
    async def run(self, accept: Accept) -> None:
        line = await self.post.connect()
        while (letter := await line.letters.get()) is not None:
            await self.take(letter, accept)
        await asyncio.Event().wait()


class StartsAfresh(Postman):
    """Takes nothing that was said before it came back."""

    connections: int = 0

    async def next(self, line: Line) -> Letter | None:
        if self.connections and line is not self.line:
            while not line.letters.empty():
                line.letters.get_nowait()
        self.line = line
        self.connections += 1
        return await super().next(line)

    line: Line | None = None


class AnswersOnTheOldLine(Postman):
    async def perform(self, address: Address, action: Action, key: str) -> Receipt:
        if self.asked is not None and self.asked.dead:
            raise AdapterError("the connection is closed")
        return await super().perform(address, action, key)

    asked: Line | None = None

    async def take(self, letter: Letter, accept: Accept) -> None:
        self.asked = self.asked or self.post.line
        await super().take(letter, accept)


class WaitsForEver(Postman):
    async def next(self, line: Line) -> Letter | None:
        return await line.letters.get()


class GivesUpInAStorm(Postman):
    async def perform(self, address: Address, action: Action, key: str) -> Receipt:
        try:
            return await super().perform(address, action, key)
        except AdapterError:
            return Receipt(shown=address.shown)


class StoresFirst(Postman):
    async def take(self, letter: Letter, accept: Accept) -> None:
        await accept(self.event(letter))
        self.post.waiting.discard(letter.id)


class RemembersWhatItShowed(Postman):
    """Keeps in memory what an address should say."""

    def __init__(self, post: Post, shelf: Shelf, clock: ManualClock) -> None:
        super().__init__(post, shelf, clock)
        self.mine: set[str] = set()

    async def perform(self, address: Address, action: Action, key: str) -> Receipt:
        address = replace(address, shown=tuple(note for note in address.shown if note in self.mine))
        receipt = await super().perform(address, action, f"{key} {type(action).__name__}")
        self.mine |= set(receipt.shown)
        return receipt


class RemembersViews(Postman):
    """Knows only the controls that it showed itself."""

    def __init__(self, post: Post, shelf: Shelf, clock: ManualClock) -> None:
        super().__init__(post, shelf, clock)
        self.mine: set[str] = set()

    def show(self, address: Address, action: Show, key: str) -> tuple[str, ...]:
        shown = super().show(address, action, key)
        self.mine |= {*self.post.board[shown[0]].controls}
        return shown

    async def take(self, letter: Letter, accept: Accept) -> None:
        if letter.kind != "pressed" or letter.target in self.mine:
            await super().take(letter, accept)


class TokenOfADay(Postman):
    async def perform(self, address: Address, action: Action, key: str) -> Receipt:
        if self.clock.monotonic() > 3600:
            raise AdapterError("the token has expired")
        return await super().perform(address, action, key)


class NobodyHasRoles(Postman):
    def event(self, letter: Letter) -> Event:
        event = super().event(letter)
        assert event.author is not None
        return replace(event, author=replace(event.author, roles=frozenset()))


class PressesWhatStandsFirst(Postman):
    def event(self, letter: Letter) -> Event:
        event = super().event(letter)
        if isinstance(event, Press):
            return replace(event, control=f"{event.control.partition('.')[0]}.0", values=())
        return event


class SendsLabels(Postman):
    def event(self, letter: Letter) -> Event:
        event = super().event(letter)
        if isinstance(event, Submit):
            return replace(event, fields={key: value.splitlines()[0] for key, value in event.fields.items()})
        return event


class NeverInPlace(Postman):
    def show(self, address: Address, action: Show, key: str) -> tuple[str, ...]:
        return super().show(replace(address, extra={}), action, key)


class NoButtonsUnderAnswers(Postman):
    def finished(self, action: Finish) -> Note:
        return Note(action.text)


class TooBigForTheBoard(Postman):
    def show(self, address: Address, action: Show, key: str) -> tuple[str, ...]:
        if len(as_text(action.view)) > 4000:
            raise AdapterError("a note may have 4,000 characters")
        return super().show(address, action, key)


class Tears(Pager):
    """Cuts wherever a note is full."""

    def cut(self, text: str) -> Sequence[str]:
        return [text[start : start + 1000] for start in range(0, len(text), 1000)]


class NoAttachments(Postman):
    def event(self, letter: Letter) -> Event:
        event = super().event(letter)
        return replace(event, attachments=()) if isinstance(event, Message) else event


class NamesTheEventItself(Postman):
    def event(self, letter: Letter) -> Event:
        event = super().event(letter)
        return replace(event, target=event.id) if isinstance(event, Edited | Deleted | Reaction) else event
