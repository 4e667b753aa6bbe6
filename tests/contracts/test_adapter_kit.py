"""The contract kit for adapters: a good adapter passes it, and each way of being broken fails it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, assert_never

import pytest

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
from rostra.errors import StoreError
from rostra.events import Message
from rostra.places import Person, Place
from rostra.protocols import Accept, Adapter
from rostra.testing.adapters import HOSTILE, PARTS, AdapterContract, Platform
from rostra.views import as_text


@dataclass
class Post:
    """A post office: letters lie there until they are taken, answers are pinned to a board."""

    letters: list[str] = field(default_factory=list[str])
    board: dict[str, str] = field(default_factory=dict[str, str])
    taken: int = 0
    keys: dict[str, str] = field(default_factory=dict[str, str])

    def pin(self, text: str, key: str = "") -> str:
        """Pin a new note, or the one that this key pinned before."""
        note = (
            self.keys.setdefault(key, f"note {len(self.board) + 1}") if key else f"note {len(self.board) + 1}"
        )
        self.board[note] = text
        return note


class Postman:
    """An adapter without fault."""

    name = "post"
    capabilities = Capabilities(append=True, edit=True, delete=True, nonce=True, typing=True)

    def __init__(self, post: Post) -> None:
        self.post = post

    async def run(self, accept: Accept) -> None:
        while True:
            while self.post.taken < len(self.post.letters):
                await accept(self.event(self.post.taken))
                self.post.taken += 1
            await asyncio.Event().wait()

    def event(self, number: int) -> Message:
        return Message(
            id=f"letter {number}",
            place=Place(adapter=self.name, channel="office"),
            author=Person(id="ann"),
            text=self.post.letters[number],
            sent_at=datetime(2026, 1, 1, tzinfo=UTC),
        )

    async def perform(self, address: Address, action: Action, key: str) -> Receipt:
        shown = address.shown
        match action:
            case Typing():
                pass
            case Begin(text=text):
                shown = (self.post.pin(text, key),)
            case Append(text=text):
                self.post.board[shown[0]] += text
            case Replace(text=text) | Finish(text=text) | Retract(text=text):
                shown = self.change(shown, text, key)
            case Show(view=view):
                shown = (self.post.pin(as_text(view), key),)
            case _:
                assert_never(action)
        return Receipt(shown=shown)

    def change(self, shown: Sequence[str], text: str, key: str) -> tuple[str, ...]:
        if not shown:
            return (self.post.pin(text, key),) if text else ()
        self.post.board[shown[0]] = text
        return tuple(shown)


class Office:
    """The platform, with an adapter of some class."""

    def __init__(self, kind: type[Postman] = Postman) -> None:
        self.post = Post()
        self.adapter: Adapter = kind(self.post)

    def users_say(self, *texts: str) -> None:
        self.post.letters += texts

    def users_see(self) -> Sequence[str]:
        return [text for text in self.post.board.values() if text]

    def acknowledged(self) -> int:
        return self.post.taken


class TestPostman(AdapterContract):
    dangerous = ("@all the world",)

    @pytest.fixture
    def platform(self) -> Platform:
        return Office(Defusing)


class Defusing(Postman):
    async def perform(self, address: Address, action: Action, key: str) -> Receipt:
        if isinstance(action, Finish):
            action = replace(action, text=action.text.replace("@all", "(all)"))
        return await super().perform(address, action, key)


class LosesTheSecond(Postman):
    async def run(self, accept: Accept) -> None:
        if len(self.post.letters) > 1:
            del self.post.letters[1]
        await super().run(accept)


class Reverses(Postman):
    async def run(self, accept: Accept) -> None:
        self.post.letters.reverse()
        await super().run(accept)


class OneIdForAll(Postman):
    def event(self, number: int) -> Message:
        return replace(super().event(number), id="letter")


class NoId(Postman):
    def event(self, number: int) -> Message:
        return replace(super().event(number), id="")


class Elsewhere(Postman):
    def event(self, number: int) -> Message:
        return replace(super().event(number), place=Place(adapter="telegraph", channel="office"))


class NoTimeZone(Postman):
    def event(self, number: int) -> Message:
        return replace(super().event(number), sent_at=datetime(2026, 1, 1))  # noqa: DTZ001  that is the fault


class TakesFirst(Postman):
    async def run(self, accept: Accept) -> None:
        while self.post.taken < len(self.post.letters):
            self.post.taken += 1
            await accept(self.event(self.post.taken - 1))
        await asyncio.Event().wait()


class TakesWhatWasRefused(Postman):
    async def run(self, accept: Accept) -> None:
        while self.post.taken < len(self.post.letters):
            try:
                await accept(self.event(self.post.taken))
            except StoreError:
                pass
            finally:
                self.post.taken += 1
        await asyncio.Event().wait()


class NewIdEachTime(Postman):
    times: int = 0

    def event(self, number: int) -> Message:
        self.times += 1
        return replace(super().event(number), id=f"letter {number}, copy {self.times}")


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
        await super().perform(address, action, key)
        return Receipt()


class AppendsEverything(Postman):
    def change(self, shown: Sequence[str], text: str, key: str) -> tuple[str, ...]:
        if shown:
            self.post.board[shown[0]] += text
            return tuple(shown)
        return super().change(shown, text, key)


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
            self.post.pin("…")
            return Receipt()
        return await super().perform(address, action, key)


class SaysNothingAloud(Postman):
    def change(self, shown: Sequence[str], text: str, key: str) -> tuple[str, ...]:
        return super().change(shown, text or "(no answer)", key)


class NarrowMinded(Postman):
    def change(self, shown: Sequence[str], text: str, key: str) -> tuple[str, ...]:
        text.encode()
        return super().change(shown, text, key)


class Cuts(Postman):
    def change(self, shown: Sequence[str], text: str, key: str) -> tuple[str, ...]:
        return super().change(shown, text[:4000], key)


class Obedient(Postman):
    """Does nothing about mass mentions."""


class CommandsAreNobodys(Postman):
    async def run(self, accept: Accept) -> None:
        self.post.letters = [letter for letter in self.post.letters if not letter.startswith("/")]
        await super().run(accept)


class CannotBeCancelled(Postman):
    async def run(self, accept: Accept) -> None:
        try:
            await super().run(accept)
        except asyncio.CancelledError:
            await asyncio.Event().wait()


class Falls(Postman):
    async def run(self, accept: Accept) -> None:
        raise RuntimeError("tripped")


class Hasty(AdapterContract):
    patience = 0.1
    dangerous = ("@all the world",)


Check = Callable[[Hasty, Platform], Awaitable[None]]


def check(name: str, *arguments: Any) -> Check:
    """Return one test of the kit, to be run by hand."""

    async def run(kit: Hasty, platform: Platform) -> None:
        await getattr(kit, name)(platform, *arguments)

    run.__name__ = name
    return run


HALF_A_PAIR = next(text for text in HOSTILE if "\ud800" in text)
FAULTS: Sequence[tuple[type[Postman], Check]] = [
    (LosesTheSecond, check("test_hands_over_what_people_say_in_order")),
    (Reverses, check("test_hands_over_what_people_say_in_order")),
    (Falls, check("test_hands_over_what_people_say_in_order")),
    (OneIdForAll, check("test_every_event_has_an_id_of_its_own")),
    (NoId, check("test_every_event_has_an_id_of_its_own")),
    (Elsewhere, check("test_places_name_the_adapter_and_a_channel")),
    (NoTimeZone, check("test_events_say_who_and_when")),
    (TakesFirst, check("test_acknowledges_nothing_before_it_is_stored")),
    (TakesWhatWasRefused, check("test_what_could_not_be_stored_comes_again_under_its_id")),
    (NewIdEachTime, check("test_what_could_not_be_stored_comes_again_under_its_id")),
    (Mute, check("test_a_finished_answer_is_seen")),
    (ForgetsAfterwards, check("test_can_answer_what_was_asked_before_a_restart")),
    (NoReceipt, check("test_a_streamed_answer_is_seen_once")),
    (AppendsEverything, check("test_what_finishes_stands_instead_of_what_was_shown")),
    (AppendsEverything, check("test_a_replacement_replaces")),
    (KeepsWhatWasRetracted, check("test_a_retraction_leaves_nothing", "")),
    (KeepsWhatWasRetracted, check("test_a_retraction_leaves_nothing", "No.")),
    (ShowsTextOnly, check("test_every_part_of_a_view_is_shown_in_some_form", *PARTS[1])),
    (NoNonce, check("test_one_key_shows_one_message_where_nonces_are_honoured")),
    (TypesForGood, check("test_typing_leaves_nothing_behind")),
    (SaysNothingAloud, check("test_an_empty_answer_does_no_harm")),
    (NarrowMinded, check("test_hostile_text_does_no_harm", HALF_A_PAIR)),
    (Obedient, check("test_dangerous_text_is_defused")),
    (Cuts, check("test_a_long_answer_is_shown_whole")),
    (CommandsAreNobodys, check("test_a_command_is_a_message_or_an_invocation")),
    (CannotBeCancelled, check("test_ends_when_it_is_cancelled")),
]


@pytest.mark.parametrize(("kind", "fails"), FAULTS, ids=lambda value: value.__name__)
async def test_a_broken_adapter_fails(kind: type[Postman], fails: Check) -> None:
    with pytest.raises((AssertionError, LookupError, TimeoutError, UnicodeError, RuntimeError)):
        await fails(Hasty(), Office(kind))


def test_every_test_of_the_kit_is_failed_by_something() -> None:
    tests = {name for name in dir(AdapterContract) if name.startswith("test_")}
    assert tests == {fails.__name__ for _, fails in FAULTS}
