"""What every adapter must survive: repeats, broken and silent connections, storms, restarts, time that jumps."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

import pytest

from ..actions import Action, Address, Append, Begin, Finish, Replace, Show
from ..controls import ids
from ..errors import StoreError
from ..events import Event, Message, Press
from ..protocols import Accepted
from ..views import Button, Buttons, Text, View
from .answering import Bot, insist, kept_running
from .contract import Faults, Platform
from .stand import Stand, ended, passing

LIMIT = 2.9
"""Seconds in which a press has to be acknowledged; Discord and Slack both wait for three."""

DAY = 86_400.0

BUTTONS = View(
    parts=(
        Text(text="Shall I?"),
        Buttons(buttons=(Button(control="/yes", label="Yes"), Button(control="/no", label="No"))),
    )
)


class FaultContract(Stand):
    """The tests of faults. A part of `rostra.testing.adapters.AdapterContract`."""

    pause = 1.0
    """Seconds that a storm tells the bot to wait. Set it low where a client library waits by the machine's clock."""

    async def test_a_repeated_message_has_the_same_id(self, platform: Platform) -> None:
        faults = self.faults_of(platform)
        platform.users_say("said once")
        async with self.running(platform) as bot:
            await bot.until_answered(1)
            faults.repeat()
            platform.users_say("said next")
            await passing(faults.clock, bot.until_heard("said next"))
        assert len(_ids(bot, "said once")) == 1

    async def test_a_repeat_of_what_could_not_be_stored_is_taken(self, platform: Platform) -> None:
        faults = self.faults_of(platform)
        heard: list[Event] = []
        changed = asyncio.Event()

        async def accept(event: Event) -> Accepted:
            heard.append(event)
            changed.set()
            if len(heard) == 1:
                raise StoreError("the disk is full")
            return Accepted(reply="r")

        platform.users_say("keep me")
        run = asyncio.ensure_future(kept_running(platform.adapter, accept, faults.clock))
        try:
            async with asyncio.timeout(self.patience):
                await changed.wait()
                changed.clear()
                faults.repeat()
                await passing(faults.clock, changed.wait())
        finally:
            await ended(self.patience, run)
        assert len(heard) >= 2
        assert len({event.id for event in heard}) == 1

    async def test_what_is_said_while_the_connection_is_broken_arrives(self, platform: Platform) -> None:
        faults = self.faults_of(platform)
        platform.users_say("before")
        async with self.running(platform) as bot:
            await bot.until_answered(1)
            faults.drop()
            platform.users_say("meanwhile")
            await passing(faults.clock, faults.reconnect())
            platform.users_say("afterwards")
            await passing(faults.clock, bot.until_heard("afterwards"))
        assert list(dict.fromkeys(_texts(bot))) == ["before", "meanwhile", "afterwards"]
        assert [len(_ids(bot, text)) for text in ("before", "meanwhile", "afterwards")] == [1, 1, 1]

    async def test_can_answer_after_the_connection_broke(self, platform: Platform) -> None:
        faults = self.faults_of(platform)
        platform.users_say("are you there?")
        async with self.running(platform, _silence) as bot:
            await bot.until_answered(1)
            faults.drop()
            await passing(faults.clock, faults.reconnect())
            answer = Finish(reply="r", text="I am here")
            await insist(platform.adapter, Address.of(bot.heard[0]), answer, faults.clock)
        assert "\n".join(platform.users_see()).count("I am here") == 1

    async def test_a_connection_that_fell_silent_is_renewed(self, platform: Platform) -> None:
        faults = self.faults_of(platform)
        platform.users_say("before")
        async with self.running(platform) as bot:
            await bot.until_answered(1)
            await faults.fall_silent()
            platform.users_say("is anybody there?")
            await passing(faults.clock, bot.until_heard("is anybody there?"))
            await passing(faults.clock, bot.until_answered(2))
        assert [len(_ids(bot, text)) for text in ("before", "is anybody there?")] == [1, 1]

    async def test_an_answer_comes_once_and_whole_through_a_storm(self, platform: Platform) -> None:
        faults = self.faults_of(platform)
        can = platform.adapter.capabilities
        faults.storm(0, self.pause)  # where there are none, the test ends here

        def answers(event: Event, reply: str) -> Iterable[Action]:
            del event
            if can.streams:
                faults.storm(1, self.pause)
                yield Begin(reply=reply, text="forty")
                faults.storm(2, self.pause)
                yield (
                    Append(reply=reply, text="-two") if can.append else Replace(reply=reply, text="forty-two")
                )
            faults.storm(3, self.pause)
            yield Finish(reply=reply, text="forty-two, of course")

        platform.users_say("a question")
        async with self.running(platform, answers) as bot:
            await passing(faults.clock, bot.until_answered(1))
        seen = "\n".join(platform.users_see())
        assert seen.count("forty") == 1
        assert "forty-two, of course" in seen

    async def test_a_press_is_acknowledged_in_time_however_long_it_takes_to_store(
        self, platform: Platform
    ) -> None:
        faults, people = self.faults_of(platform), self.people_of(platform)
        if not platform.adapter.capabilities.buttons:
            pytest.skip("the platform has no buttons")
        platform.users_say("buttons, please")
        async with self.running(platform, _buttons) as bot:
            await bot.until_answered(1)
            bot.gate = asyncio.Event()
            people.press("Yes")
            await bot.until(lambda: any(isinstance(event, Press) for event in bot.heard))
            await passing(faults.clock, _acknowledged(faults))
            bot.gate.set()
            await passing(faults.clock, bot.until_answered(2))
        assert "pressed" in "\n".join(platform.users_see())

    async def test_an_answer_that_a_restart_cut_short_is_finished_in_its_place(
        self, platform: Platform
    ) -> None:
        faults = self.faults_of(platform)
        can = platform.adapter.capabilities
        if not can.edit:
            pytest.skip("what was shown cannot be changed on this platform")
        begun = asyncio.Event()

        def answers(event: Event, reply: str) -> Iterable[Action]:
            yield Begin(reply=reply, text="forty")
            begun.set()

        platform.users_say("a question")
        async with self.running(platform, answers) as bot:
            await begun.wait()
            await bot.until_answered(1)
        (reply, address), *_ = bot.shown.items()
        adapter = faults.restart()
        async with self.running(platform):
            await insist(adapter, address, Finish(reply=reply, text="forty-two, of course"), faults.clock)
        seen = "\n".join(platform.users_see())
        assert seen.count("forty") == 1
        assert "forty-two, of course" in seen

    @pytest.mark.parametrize("rounds", [1, 10, 100])
    async def test_a_call_that_a_restart_cut_short_shows_one_message(
        self, platform: Platform, rounds: int
    ) -> None:
        faults = self.faults_of(platform)
        if not platform.adapter.capabilities.nonce:
            pytest.skip("the platform honours no nonce")
        platform.users_say("a question")
        async with self.running(platform, _silence) as bot:
            await bot.until_answered(1)
            address, action = Address.of(bot.heard[0]), Finish(reply="r", text="only once")
            call = asyncio.ensure_future(platform.adapter.perform(address, action, "key"))
            for _ in range(rounds):
                await asyncio.sleep(0)
            call.cancel()
            await asyncio.wait([call])
        adapter = faults.restart()
        async with self.running(platform):
            await adapter.perform(address, action, "key")
        assert "\n".join(platform.users_see()).count("only once") == 1

    async def test_a_view_of_before_a_restart_can_be_pressed(self, platform: Platform) -> None:
        faults, people = self.faults_of(platform), self.people_of(platform)
        if not platform.adapter.capabilities.buttons:
            pytest.skip("the platform has no buttons")
        platform.users_say("buttons, please")
        async with self.running(platform, _buttons) as before:
            await before.until_answered(1)
        ((reply, _),) = before.shown.items()
        faults.restart()
        async with self.running(platform, _buttons) as after:
            people.press("No")
            await passing(faults.clock, after.until_answered(1))
        pressed = [event.control for event in after.heard if isinstance(event, Press)]
        assert pressed == [id_ for id_, control in ids(reply, BUTTONS) if control.control == "/no"]
        assert "pressed" in "\n".join(platform.users_see())

    async def test_goes_on_after_the_clock_has_jumped(self, platform: Platform) -> None:
        faults = self.faults_of(platform)
        platform.users_say("yesterday")
        async with self.running(platform, _echo) as bot:
            await bot.until_answered(1)
            await faults.clock.advance(DAY)
            platform.users_say("today")
            await passing(faults.clock, bot.until_heard("today"))
            await passing(faults.clock, bot.until_answered(2))
        assert [len(_ids(bot, text)) for text in ("yesterday", "today")] == [1, 1]
        seen = "\n".join(platform.users_see())
        assert [seen.count(f"Echo: {text}") for text in ("yesterday", "today")] == [1, 1]


def _texts(bot: Bot) -> Sequence[str]:
    return [event.text for event in bot.heard if isinstance(event, Message)]


def _ids(bot: Bot, text: str) -> set[str]:
    return {event.id for event in bot.heard if isinstance(event, Message) and event.text == text}


def _silence(_event: Event, _reply: str) -> Iterable[Action]:
    """Answer nothing."""
    return ()


def _echo(event: Event, reply: str) -> Iterable[Action]:
    yield Finish(reply=reply, text=f"Echo: {event.text if isinstance(event, Message) else ''}")


def _buttons(event: Event, reply: str) -> Iterable[Action]:
    """Answer a message with buttons, and a press with words."""
    if isinstance(event, Press):
        yield Finish(reply=reply, text="pressed")
    else:
        yield Show(reply=reply, view=BUTTONS)


async def _acknowledged(faults: Faults) -> None:
    """Return once the service waits for nothing any more; fails where that takes too long."""
    until = faults.clock.monotonic() + LIMIT
    while faults.unanswered():
        assert faults.clock.monotonic() < until, "a press was not acknowledged in time"
        await asyncio.sleep(0)
