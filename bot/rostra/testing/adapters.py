"""What every adapter must do, whatever the platform.

Write a `Platform`: a fake of the chat service at its wire, and the adapter that talks to it. Then::

    class TestTelegram(AdapterContract):
        @pytest.fixture
        def platform(self) -> Platform:
            return FakeTelegram()

Tests are skipped only where the adapter's own capabilities say that it cannot do a thing, or the fake platform says that
it does not happen there (`rostra.testing.contract.absent`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

import pytest

from ..actions import Action, Append, Begin, Finish, Replace, Retract, Show, Typing
from ..errors import StoreError
from ..events import Event, Invocation, Message
from ..protocols import Accepted
from ..views import Ballot, Button, Buttons, Choice, Choices, Field, File, Form, Part, Table, Text, View
from .adapter_faults import FaultContract
from .adapter_people import PeopleContract
from .answering import perform
from .contract import Faults, People, Platform, absent
from .stand import ended, idle

__all__ = ["HOSTILE", "PARTS", "AdapterContract", "Faults", "People", "Platform", "absent"]

HOSTILE = (
    "\x1b[2J\x1b[31mred\x1b]0;title\x07",
    "nul \0 and \x9b31m and \x7f",
    "\u202eoverridden\u2066",
    "\ud800 half a pair",
    "a\r\nb\rc\u2028d",
    "`" * 50 + "```\n```",
    "@everyone <!channel> <script>alert(1)</script>",
    "👩‍👩‍👧" * 100,
    " ",
)
"""Texts as a model may write them."""

PARTS: Sequence[tuple[Part, Sequence[str]]] = (
    (Text(text="plain words"), ["plain words"]),
    (Buttons(buttons=(Button(control="c1", label="Press me"),)), ["Press me"]),
    (
        Choices(control="c2", prompt="Pick one", choices=(Choice(value="a", label="Apple"),)),
        ["Pick one", "Apple"],
    ),
    (Form(control="c3", title="About you", fields=(Field(name="n", label="Name"),)), ["About you"]),
    (
        Ballot(control="c4", question="Which is best?", answers=("Red", "Blue")),
        ["Which is best?", "Red", "Blue"],
    ),
    (Table(header=("Name", "Age"), rows=(("Ann", "41"),)), ["Name", "Age", "Ann", "41"]),
    (File(name="data.csv", media_type="text/csv", data=b"a,b\n"), ["data.csv"]),
)
"""One part of each kind, and words that must be seen of it in some form."""


def _finish_with(text: str, reply: str) -> Action:
    return Finish(reply=reply, text=text)


class AdapterContract(FaultContract, PeopleContract):
    """Inherit the tests; provide ``platform``."""

    dangerous: Sequence[str] = ()
    """Texts that this platform would obey: mass mentions, markup, escape sequences. None may be seen as it is."""

    async def test_hands_over_what_people_say_in_order(self, platform: Platform) -> None:
        platform.users_say("one", "two", "three")
        async with self.running(platform) as bot:
            await bot.until_answered(3)
        assert [event.text for event in bot.heard if isinstance(event, Message)] == ["one", "two", "three"]

    async def test_every_event_has_an_id_of_its_own(self, platform: Platform) -> None:
        platform.users_say("again", "again")
        async with self.running(platform) as bot:
            await bot.until_answered(2)
        assert all(event.id for event in bot.heard)
        assert len({event.id for event in bot.heard}) == len(bot.heard)

    async def test_places_name_the_adapter_and_a_channel(self, platform: Platform) -> None:
        platform.users_say("where am I?")
        async with self.running(platform) as bot:
            await bot.until_answered(1)
        assert bot.heard[0].place.adapter == platform.adapter.name
        assert bot.heard[0].place.channel

    async def test_events_say_who_and_when(self, platform: Platform) -> None:
        platform.users_say("it is me")
        async with self.running(platform) as bot:
            await bot.until_answered(1)
        author = bot.heard[0].author
        assert author is not None
        assert author.id
        assert bot.heard[0].sent_at.tzinfo is not None

    async def test_acknowledges_nothing_before_it_is_stored(self, platform: Platform) -> None:
        if platform.acknowledged() is None:
            pytest.skip("the platform never delivers anything twice")
        platform.users_say("is it stored?")
        asked, stored = asyncio.Event(), asyncio.Event()
        seen_while_storing: list[int | None] = []

        async def accept(event: Event) -> Accepted:
            del event
            asked.set()
            await stored.wait()
            return Accepted(reply="r")

        run = asyncio.ensure_future(platform.adapter.run(accept))
        try:
            async with asyncio.timeout(self.patience):
                await asked.wait()
                await idle()
                seen_while_storing.append(platform.acknowledged())
                stored.set()
                while not platform.acknowledged():  # noqa: ASYNC110  the platform is foreign: it sets no event
                    await asyncio.sleep(0)
        finally:
            await ended(self.patience, run)
        assert seen_while_storing == [0]

    async def test_what_could_not_be_stored_comes_again_under_its_id(self, platform: Platform) -> None:
        if platform.acknowledged() is None:
            pytest.skip("the platform never delivers anything twice")
        platform.users_say("keep me")
        refused: list[Event] = []
        came = asyncio.Event()

        async def refuse(event: Event) -> Accepted:
            refused.append(event)
            came.set()
            raise StoreError("the disk is full")

        run = asyncio.ensure_future(platform.adapter.run(refuse))
        try:
            async with asyncio.timeout(self.patience):
                await came.wait()
                await idle()
        finally:
            await ended(self.patience, run)
        assert platform.acknowledged() == 0
        async with self.running(platform) as bot:
            await bot.until_answered(1)
        assert bot.heard[0].id == refused[0].id

    async def test_a_finished_answer_is_seen(self, platform: Platform) -> None:
        seen = await self.answered_with(platform, lambda reply: Finish(reply=reply, text="forty-two"))
        assert "forty-two" in seen

    async def test_can_answer_what_was_asked_before_a_restart(self, platform: Platform) -> None:
        platform.users_say("before")
        async with self.running(platform) as bot:
            await bot.until_answered(1)
        await perform(platform.adapter, bot.heard[0], [Finish(reply="late", text="better late")])
        assert "better late" in "\n".join(platform.users_see())

    async def test_a_streamed_answer_is_seen_once(self, platform: Platform) -> None:
        can = platform.adapter.capabilities
        if not can.streams:
            pytest.skip("answers arrive whole on this platform")
        seen = await self.answered_with(
            platform,
            lambda reply: Begin(reply=reply, text="forty"),
            lambda reply: (
                Append(reply=reply, text="-two") if can.append else Replace(reply=reply, text="forty-two")
            ),
            lambda reply: Finish(reply=reply, text="forty-two, of course"),
        )
        assert seen.count("forty") == 1
        assert "forty-two, of course" in seen

    async def test_what_finishes_stands_instead_of_what_was_shown(self, platform: Platform) -> None:
        if not platform.adapter.capabilities.edit:
            pytest.skip("what was shown cannot be changed on this platform")
        seen = await self.answered_with(
            platform,
            lambda reply: Begin(reply=reply, text="a guess"),
            lambda reply: Finish(reply=reply, text="the truth"),
        )
        assert "the truth" in seen
        assert "guess" not in seen

    async def test_a_replacement_replaces(self, platform: Platform) -> None:
        if not platform.adapter.capabilities.edit:
            pytest.skip("what was shown cannot be changed on this platform")
        seen = await self.answered_with(
            platform,
            lambda reply: Begin(reply=reply, text="first words"),
            lambda reply: Replace(reply=reply, text="other words"),
            lambda reply: Finish(reply=reply, text="other words, all of them"),
        )
        assert "first" not in seen
        assert seen.count("other words") == 1

    @pytest.mark.parametrize("instead", ["", "I would rather not."])
    async def test_a_retraction_leaves_nothing(self, platform: Platform, instead: str) -> None:
        can = platform.adapter.capabilities
        if not (can.streams and can.retracts):
            pytest.skip("nothing is taken back on this platform")
        seen = await self.answered_with(
            platform,
            lambda reply: Begin(reply=reply, text="something awful\nover two lines"),
            lambda reply: Retract(reply=reply, text=instead),
        )
        assert "awful" not in seen
        assert "two lines" not in seen
        assert instead in seen

    @pytest.mark.parametrize(("part", "words"), PARTS, ids=[type(part).__name__ for part, _ in PARTS])
    async def test_every_part_of_a_view_is_shown_in_some_form(
        self, platform: Platform, part: Part, words: Sequence[str]
    ) -> None:
        seen = await self.answered_with(platform, lambda reply: Show(reply=reply, view=View(parts=(part,))))
        assert [word for word in words if word not in seen] == []

    async def test_one_key_shows_one_message_where_nonces_are_honoured(self, platform: Platform) -> None:
        if not platform.adapter.capabilities.nonce:
            pytest.skip("the platform honours no nonce")
        platform.users_say("once, please")
        async with self.running(platform) as bot:
            await bot.until_answered(1)
            for _ in range(2):
                await perform(platform.adapter, bot.heard[0], [Finish(reply="same", text="only once")])
        assert "\n".join(platform.users_see()).count("only once") == 1

    async def test_typing_leaves_nothing_behind(self, platform: Platform) -> None:
        seen = await self.answered_with(
            platform,
            lambda reply: Typing(reply=reply),
            lambda reply: Finish(reply=reply, text="done typing"),
        )
        assert seen.strip() == "done typing"

    async def test_an_empty_answer_does_no_harm(self, platform: Platform) -> None:
        seen = await self.answered_with(platform, lambda reply: Finish(reply=reply, text=""))
        assert seen.strip() == ""

    @pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
    async def test_hostile_text_does_no_harm(self, platform: Platform, text: str) -> None:
        seen = await self.answered_with(
            platform, lambda reply: Finish(reply=reply, text=f"before {text} after")
        )
        assert seen.lstrip().startswith("before")
        assert seen.rstrip().endswith("after")

    async def test_dangerous_text_is_defused(self, platform: Platform) -> None:
        if not self.dangerous:
            pytest.skip("nothing is dangerous on this platform")
        for text in self.dangerous:
            seen = await self.answered_with(platform, partial(_finish_with, text))
            assert text not in seen

    async def test_a_long_answer_is_shown_whole(self, platform: Platform) -> None:
        length = platform.adapter.capabilities.length or 20_000
        words = " ".join(f"word{number}" for number in range(length // 10))[:length]
        seen = await self.answered_with(platform, lambda reply: Finish(reply=reply, text=words))
        assert [word for word in words.split() if word not in seen] == []

    async def test_a_command_is_a_message_or_an_invocation(self, platform: Platform) -> None:
        platform.users_say("/help model")
        async with self.running(platform) as bot:
            await bot.until_answered(1)
        assert isinstance(bot.heard[0], Message | Invocation)

    async def test_ends_when_it_is_cancelled(self, platform: Platform) -> None:
        platform.users_say("anybody there?")
        async with self.running(platform) as bot:
            await bot.until_answered(1)
        assert bot.run.done()
