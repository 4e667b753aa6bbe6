"""What every adapter must make of what people do besides writing: press, pick, fill in, attach, edit, delete, react."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

import pytest

from ..actions import Action, Finish, Show
from ..events import Deleted, Edited, Event, Message, Press, Reaction, Submit
from ..views import Ballot, Button, Buttons, Choice, Choices, Field, Form, Text, View
from .answering import Bot
from .contract import Platform
from .stand import Stand

E = TypeVar("E", bound=Event)

PICTURE = (
    b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x00\x01\x00\x00\x00\x01\x08\x06\x00\x00\x00\x1f\x15\xc4\x89"
    b"\x00\x00\x00\nIDATx\x9cc\x00\x01\x00\x00\x05\x00\x01\r\n-\xb4\x00\x00\x00\x00IEND\xaeB`\x82"
)
"""The smallest picture there is."""

FORM = Form(
    control="/about",
    title="About you",
    fields=(Field(name="name", label="Your name"), Field(name="why", label="Why?", lines=3)),
)
PETS = Choices(
    control="/pet",
    prompt="Which pet?",
    choices=(Choice(value="c", label="Cat"), Choice(value="d", label="Dog")),
)
LENGTHS = (20_000, 0, 1, 3_000, 4_000, 12_000, 17, 1_999, 20_000)
"""Characters in the answers of a ballot."""


class PeopleContract(Stand):
    """The tests of what people do. A part of `rostra.testing.adapters.AdapterContract`."""

    async def test_events_say_which_roles_somebody_has(self, platform: Platform) -> None:
        people = self.people_of(platform)
        platform.users_say("who am I?")
        async with self.running(platform) as bot:
            await bot.until_answered(1)
        author = bot.heard[0].author
        assert author is not None
        assert author.kind == "human"
        assert author.roles == people.roles

    async def test_a_press_names_the_control(self, platform: Platform) -> None:
        buttons = Buttons(
            buttons=(Button(control="/yes", label="Yes"), Button(control="/no", label="No", style="danger"))
        )
        shown = View(parts=(Text(text="Shall I?"), buttons))
        bot = await self.done_with(platform, shown, lambda: self.people_of(platform).press("No"), Press)
        pressed = _only(bot, Press)
        assert pressed.control == f"{_reply(bot)}.1"
        assert pressed.author == bot.heard[0].author
        assert pressed.place == bot.heard[0].place
        assert pressed.id != bot.heard[0].id

    async def test_what_is_picked_comes_with_its_values(self, platform: Platform) -> None:
        shown = View(parts=(PETS,))
        bot = await self.done_with(platform, shown, lambda: self.people_of(platform).pick("Dog"), Press)
        assert (_only(bot, Press).control, _only(bot, Press).values) == (f"{_reply(bot)}.0", ("d",))

    async def test_a_form_comes_back_filled_in(self, platform: Platform) -> None:
        if not platform.adapter.capabilities.forms:
            pytest.skip("the platform has no forms")
        filled = {"name": "Ann", "why": "because\nof two lines & <more>"}

        def fill() -> None:
            people = self.people_of(platform)
            people.press("About you")
            people.fill(filled)

        bot = await self.done_with(platform, View(parts=(FORM,)), fill, Submit)
        sent = _only(bot, Submit)
        assert (sent.form, dict(sent.fields)) == (f"{_reply(bot)}.0", filled)
        assert sent.author == bot.heard[0].author
        assert sent.place == bot.heard[0].place
        assert not [event for event in bot.heard if isinstance(event, Press)]

    async def test_a_view_takes_the_place_of_the_one_that_was_pressed(self, platform: Platform) -> None:
        people, can = self.people_of(platform), platform.adapter.capabilities
        if not (can.buttons and can.edit):
            pytest.skip("nothing shown can be changed by a press on this platform")

        def answers(event: Event, reply: str) -> Iterable[Action]:
            if isinstance(event, Press):
                yield Show(reply=reply, view=View(parts=(Text(text="page two"),), in_place=True))
            else:
                more = Buttons(buttons=(Button(control="/next", label="More"),))
                yield Show(reply=reply, view=View(parts=(Text(text="page one"), more)))

        platform.users_say("pages, please")
        async with self.running(platform, answers) as bot:
            await bot.until_answered(1)
            people.press("More")
            await bot.until_answered(2)
        seen = "\n".join(platform.users_see())
        assert "page two" in seen
        assert "page one" not in seen

    async def test_buttons_under_an_answer_can_be_pressed(self, platform: Platform) -> None:
        people = self.people_of(platform)
        if not platform.adapter.capabilities.buttons:
            pytest.skip("the platform has no buttons")
        marks = (
            Button(control="/good", label="Good", style="good"),
            Button(control="/bad", label="Bad", style="bad"),
        )

        def answers(event: Event, reply: str) -> Iterable[Action]:
            thanks = isinstance(event, Press)
            yield Finish(
                reply=reply, text="thank you" if thanks else "forty-two", buttons=() if thanks else marks
            )

        platform.users_say("a question")
        async with self.running(platform, answers) as bot:
            await bot.until_answered(1)
            seen = "\n".join(platform.users_see())
            people.press("Bad")
            await bot.until_answered(2)
        assert "forty-two" in seen
        assert _only(bot, Press).control == f"{_reply(bot)}.1"
        assert "thank you" in "\n".join(platform.users_see())

    async def test_a_ballot_of_nine_long_answers_is_shown(self, platform: Platform) -> None:
        answers = tuple(
            (f"answer {number} " + "word " * 5_000)[:length] for number, length in enumerate(LENGTHS)
        )
        ballot = Ballot(control="/rank", question="Which is best?", answers=answers)
        seen = await self.answered_with(platform, lambda reply: Show(reply=reply, view=View(parts=(ballot,))))
        assert "Which is best?" in seen
        assert [answer[:9] for answer in answers if answer[:9].rstrip() not in seen] == []

    async def test_long_code_stays_code_in_every_message(self, platform: Platform) -> None:
        length = platform.adapter.capabilities.length
        if length is None:
            pytest.skip("a message may be as long as it likes")
        lines = [f"line_{number} = {number}" for number in range(length // 5)]
        text = "\n".join(["Here it is:", "", "```python", *lines, "```", "", "That was it."])
        seen = await self.answered_with(platform, lambda reply: Finish(reply=reply, text=text))
        assert [line for line in lines if line not in seen] == []
        assert "That was it." in seen
        assert [message[:40] for message in platform.users_see() if message.count("```") % 2] == []

    @pytest.mark.parametrize(
        ("name", "media_type", "data", "text"),
        [("notes.txt", "text/plain", "läuft".encode(), "läuft"), ("dot.png", "image/png", PICTURE, None)],
        ids=["text", "picture"],
    )
    async def test_what_is_attached_comes_with_the_message(
        self, platform: Platform, name: str, media_type: str, data: bytes, text: str | None
    ) -> None:
        self.people_of(platform).attach("look at this", name, media_type, data)
        async with self.running(platform) as bot:
            await bot.until_answered(1)
        message = _only(bot, Message)
        assert message.text == "look at this"
        assert len(message.attachments) == 1
        attached = message.attachments[0]
        assert (attached.name, attached.size, attached.text) == (name, len(data), text)
        assert attached.media_type.partition(";")[0] == media_type

    async def test_an_edited_message_is_named(self, platform: Platform) -> None:
        bot = await self.done_after_a_message(
            platform, lambda: self.people_of(platform).edit("better words"), Edited
        )
        assert _only(bot, Edited).target == bot.heard[0].id
        assert _only(bot, Edited).text == "better words"

    async def test_a_deleted_message_is_named(self, platform: Platform) -> None:
        bot = await self.done_after_a_message(platform, lambda: self.people_of(platform).delete(), Deleted)
        assert _only(bot, Deleted).target == bot.heard[0].id
        assert _only(bot, Deleted).place == bot.heard[0].place

    async def test_a_reaction_names_the_answer(self, platform: Platform) -> None:
        bot = await self.done_after_a_message(
            platform, lambda: self.people_of(platform).react("👍"), Reaction
        )
        reaction = _only(bot, Reaction)
        assert reaction.added
        assert reaction.emoji
        assert reaction.target in bot.receipts[0].shown
        assert reaction.author == bot.heard[0].author

    async def done_with(
        self, platform: Platform, view: View, do: Callable[[], None], kind: type[Event]
    ) -> Bot:
        """Show ``view`` to whoever writes, have somebody do something with it, and return what was heard."""
        self.people_of(platform)
        if not platform.adapter.capabilities.buttons:
            pytest.skip("the platform has nothing to press")

        def answers(event: Event, reply: str) -> Iterable[Action]:
            yield (
                Finish(reply=reply, text="thank you")
                if isinstance(event, kind)
                else Show(reply=reply, view=view)
            )

        platform.users_say("show me")
        async with self.running(platform, answers) as bot:
            await bot.until_answered(1)
            do()
            await bot.until(lambda: bot.answered >= 2 and _has(bot, kind))
        return bot

    async def done_after_a_message(
        self, platform: Platform, do: Callable[[], None], kind: type[Event]
    ) -> Bot:
        """Have somebody write, be answered and then do something; return what was heard."""
        self.people_of(platform)
        platform.users_say("some words")
        async with self.running(platform) as bot:
            await bot.until_answered(1)
            do()
            await bot.until(lambda: _has(bot, kind))
        return bot


def _has(bot: Bot, kind: type[Event]) -> bool:
    return any(isinstance(event, kind) for event in bot.heard)


def _only(bot: Bot, kind: type[E]) -> E:
    (event,) = [event for event in bot.heard if isinstance(event, kind)]
    return event


def _reply(bot: Bot) -> str:
    """Return the id of the first reply."""
    return next(iter(bot.replies.values()))
