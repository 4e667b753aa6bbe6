"""What operators do from the chat, who else may not, and what everybody is told then."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rostra.config import Permissions, Settings
from rostra.events import Invocation
from rostra.places import Permission, Person, Place
from rostra.storage.memory import MemoryStore
from rostra.testing.chats import GENEROUS, OPERATOR, OWNER, Chat, chatting
from rostra.testing.clock import ManualClock
from rostra.testing.fakes import ListModerator, ScriptedModel, bot
from rostra.testing.platform import FakePlatform
from rostra.testing.samples import NOON

BIRDS = ListModerator(words={"heron": "hate"})
HERE = Place(adapter="fake", workspace="w", channel="general")
PERSON = Person(id="ann")


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(clock=ManualClock())


async def test_whoever_is_no_operator_is_refused_at_every_admin_command(store: MemoryStore) -> None:
    async with chatting(BIRDS, store=store) as chat:
        guarded = [one for one in chat.app.desk.commands() if one.permission > Permission.ASKER]
        assert {"policy set", "review block", "strikes timeout", "personas edit", "settings", "audit"} <= {
            one.name for one in guarded
        }
        for number, one in enumerate(guarded):
            needed = one.permission.name.lower()
            for prefix in ("/", "/rostra "):
                said = await chat.ask(f"{prefix}{one.name} a b c d")
                assert said.startswith(f"`/{one.name}` is for {needed}s; you are an asker here."), one.name
                assert chat.view.private
            options = {option.name: "x" for option in one.options}
            native = Invocation(
                id=f"n{number}", place=HERE, author=PERSON, path=one.path, options=options, sent_at=NOON
            )
            assert f"is for {needed}s" in await chat.happen(native), one.name
    assert list(store.changes) == []


async def test_bots_are_refused_whatever_they_are_called(store: MemoryStore) -> None:
    async with chatting(BIRDS, store=store) as chat:
        native = Invocation(
            id="n",
            place=HERE,
            author=Person(id=OPERATOR, kind="bot"),
            path=("audit",),
            options={},
            sent_at=NOON,
        )
        assert await chat.happen(native) == ""


async def test_a_refusal_names_the_roles_and_the_line_that_would_help() -> None:
    permissions = Permissions.model_validate(
        {
            "operator": ["fake/w:@mods", "fake/other:@strangers", "fake/w:olga"],
            "owner": ["fake/*:@admins"],
            "rater": ["fake/w:@raters"],
        }
    )
    settings = Settings(permissions=permissions, limits=GENEROUS)
    platform = FakePlatform()
    async with bot(platform, ScriptedModel(), settings=settings, clock=ManualClock()) as app:
        chat = Chat(platform=platform, app=app)
        said = await chat.ask("/audit", author="ann")
    assert said == (
        "`/audit` is for operators; you are an asker here. Operators here are those with the role `@mods` or `@admins`."
        ' Whoever runs the bot makes you one with `operator = ["fake/w:ann"]` under `[permissions]` in its configuration.'
    )
    assert "olga" not in said


async def test_the_log_says_who_did_what(store: MemoryStore) -> None:
    async with chatting(BIRDS, store=store) as chat:
        assert await chat.operate("/rostra audit") == "Nothing was changed here yet."
        await chat.ask("/persona pirate", author="ann")
        await chat.insist("/strikes timeout ben 5")
        lines = (await chat.operate("/audit")).splitlines()
        assert chat.view.private
    assert [line.split()[3:5] for line in lines[1:]] == [[OPERATOR, "timeout"], ["ann", "choose"]]
    assert "value pirate, scope channel" in lines[2]


async def test_what_other_workspaces_changed_is_for_owners(store: MemoryStore) -> None:
    async with chatting(BIRDS, store=store) as chat:
        message = chat.platform.message("/persona pirate", author="xenia")
        await chat.happen(replace(message, place=replace(HERE, workspace="x")))
        assert await chat.operate("/audit") == "Nothing was changed here yet."
        assert await chat.operate("/audit all") == "Only owners see what was changed in other workspaces."
        assert "xenia" in await chat.operate("/audit all", author=OWNER)
        assert "`some` is nowhere" in await chat.operate("/audit some")


async def test_changes_of_policies_are_seen_in_every_workspace(store: MemoryStore) -> None:
    async with chatting(BIRDS, store=store) as chat:
        await chat.operate("/policy set default categories.hate.block 0.1")
        message = chat.platform.message("/audit", author=OPERATOR)
        seen = await chat.happen(replace(message, place=replace(HERE, workspace="x")))
    assert "change policy" in seen


async def test_an_answer_is_explained_by_the_message_that_shows_it(store: MemoryStore) -> None:
    async with chatting(BIRDS, store=store) as chat:
        await chat.ask("hello")
        first = chat.platform.calls[-1][0].reply
        (message,) = [ref for ref, shown in chat.platform.shown.items() if shown.text == "hello"]
        await chat.ask("a heron")
        native = Invocation(
            id="n", place=HERE, author=PERSON, path=("why",), options={"message": message}, sent_at=NOON
        )
        assert f"Trace `{first}`" in await chat.happen(native)
        assert chat.view.private
        unknown = replace(native, id="n2", options={"message": "m999"})
        assert await chat.happen(unknown) == "That is no answer of mine that I still know about."
        elsewhere = replace(native, id="n3", place=replace(HERE, channel="lounge"))
        assert await chat.happen(elsewhere) == "That is no answer of mine that I still know about."


async def test_the_prefix_alone_helps_and_is_no_part_of_what_is_unknown() -> None:
    async with chatting() as chat:
        assert "/persona [NAME]" in await chat.ask("/rostra")
        assert await chat.ask("/rostra hepl") == (
            "There is no command `/hepl`. Did you mean `/help`? `/help` lists all of them."
        )
        assert "`/why [TRACE] [MESSAGE]`" in await chat.ask("/rostra help /rostra why")


async def test_what_options_may_be_is_offered() -> None:
    async with chatting(BIRDS) as chat:
        await chat.operate("/personas edit librarian You are a librarian.")
        await chat.insist("/strikes timeout ben 5")
        desk = chat.app.desk
        offered: dict[str, list[str]] = {}
        for one in desk.commands():
            for option in one.options:
                if option.choices is not None:
                    offered[f"{one.name} {option.name}"] = list(await option.choices(desk, HERE))
    assert offered["persona name"] == ["default", "assistant", "tutor", "pirate", "librarian"]
    assert offered["persona scope"] == ["channel", "workspace"]
    assert offered["model name"] == ["default"]
    assert offered["policy show policy"] == ["default"]
    assert offered["policy rollback version"] == ["0"]
    assert "categories.hate.block" in offered["policy set path"]
    assert offered["strikes pardon person"] == ["ben"]
    assert offered["audit where"] == ["here", "all"]
    assert "policy set" in offered["help command"]


async def test_help_lists_the_commands_that_begin_with_a_word(store: MemoryStore) -> None:
    async with chatting(BIRDS, store=store) as chat:
        said = await chat.ask("/help personas", author=OPERATOR)
        assert "/personas edit NAME" in said
        assert "/personas remove NAME" in said
        assert "/reset" not in said
        assert (await chat.ask("/help perso", author=OPERATOR)).startswith("There is no command `/perso`.")


async def test_why_explains_the_last_answer_and_no_command_after_it(store: MemoryStore) -> None:
    async with chatting(BIRDS, store=store) as chat:
        await chat.ask("hello")
        before = await chat.ask("/why")
        await chat.ask("/help")
        assert await chat.ask("/why") == before
        assert "moderation" in before


async def test_whoever_writes_half_a_command_is_told_what_they_may_use(store: MemoryStore) -> None:
    async with chatting(BIRDS, store=store) as chat:
        said = await chat.ask("/rank")
        assert "`/rank new`" in said
        assert "`/rank raters`" not in said
        assert chat.view.private
        assert "`/rank raters`" in await chat.ask("/rank", author=OPERATOR)
