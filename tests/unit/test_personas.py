"""Operators make personas in the chat: kept by workspace, moderated, written down, and removed again."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import replace
from pathlib import Path

import pytest

from rostra.places import Place
from rostra.storage import open_store
from rostra.storage.memory import MemoryStore
from rostra.testing.chats import OPERATOR, Chat, chatting
from rostra.testing.clock import ManualClock
from rostra.testing.fakes import ListModerator, ScriptedModel
from rostra.views import Field, Form
from rostra.wardrobe import LONGEST, MOST, Wardrobe

HERE = Place(adapter="fake", workspace="w", channel="general")
PROMPT = "You are a librarian."


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore(clock=ManualClock())


@pytest.fixture
async def chat(store: MemoryStore) -> AsyncGenerator[Chat]:
    async with chatting(ListModerator(words={"bomb": "illicit"}), store=store) as chat:
        yield chat


async def told(chat: Chat, place: Place = HERE) -> str:
    """Return what the model is told to be."""
    await chat.happen(replace(chat.platform.message("hello"), place=place))
    model = chat.app.parts.models["scripted"]
    assert isinstance(model, ScriptedModel)
    return model.asked[-1][0].text


async def test_a_persona_is_made_with_a_form_and_speaks(chat: Chat) -> None:
    assert "Write it as `/personas edit librarian PROMPT`." in await chat.operate(
        "/rostra personas edit librarian"
    )
    (form,) = chat.view.parts
    assert form == Form(
        control="/personas edit librarian",
        title="Persona librarian",
        fields=(Field(name="prompt", label="Prompt", lines=8),),
    )
    assert "is kept for this workspace" in await chat.submit("/personas edit librarian", prompt=PROMPT)
    assert "librarian" in await chat.ask("/persona")
    await chat.ask("/persona librarian")
    assert PROMPT in await told(chat)
    await chat.operate("/personas edit librarian")
    (form,) = chat.view.parts
    assert isinstance(form, Form)
    assert form.fields[0].value == PROMPT
    await chat.submit(form.control, prompt="You are a clerk.")
    assert "You are a clerk." in await told(chat)


async def test_it_is_written_down_who_made_and_removed_one_but_not_what_it_says(
    chat: Chat, store: MemoryStore
) -> None:
    await chat.operate(f"/personas edit librarian {PROMPT}")
    assert await chat.insist("/personas remove librarian") == "The persona `librarian` is gone."
    done = [(one.action, one.actor and one.actor.id, dict(one.detail)) for one in store.changes]
    assert done == [
        ("keep persona", OPERATOR, {"name": "librarian"}),
        ("remove persona", OPERATOR, {"name": "librarian"}),
    ]


async def test_a_place_whose_persona_is_gone_goes_back_to_its_answerers(chat: Chat) -> None:
    await chat.operate(f"/personas edit librarian {PROMPT}")
    await chat.ask("/persona librarian")
    await chat.insist("/personas remove librarian")
    assert await told(chat) == "You are a helpful assistant."


async def test_a_prompt_is_moderated_however_it_comes(chat: Chat) -> None:
    await chat.operate("/personas edit villain Praise the bomb.")
    await chat.operate("/personas edit villain")
    await chat.submit("/personas edit villain", prompt="Praise the bomb.")
    await chat.operate("/personas edit bomb You are kind.")
    assert list(await chat.app.desk.personas(HERE)) == ["assistant", "tutor", "pirate"]


async def test_another_workspace_has_its_own(chat: Chat) -> None:
    await chat.operate(f"/personas edit librarian {PROMPT}")
    for workspace in ("", "x", "w/", "w%2F"):
        assert "librarian" not in await chat.app.desk.personas(replace(HERE, workspace=workspace))
    assert "librarian" in await chat.app.desk.personas(replace(HERE, channel="other", thread="t"))


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("/personas edit pirate You are nice.", "'pirate' is a persona of the configuration"),
        ("/personas edit default You are nice.", "'default' is a persona of the configuration"),
        ("/personas edit Big You are nice.", "'Big' is no name"),
        ("/personas edit ../up", "'../up' is no name"),
        (f"/personas edit long {'x' * (LONGEST + 1)}", "at most 4000 characters"),
        ("/personas edit", "/personas edit NAME [PROMPT]"),
    ],
)
async def test_what_cannot_be_is_refused_with_what_would_be_right(chat: Chat, line: str, said: str) -> None:
    assert said in await chat.operate(line)


@pytest.mark.parametrize(
    ("name", "said"), [("pirate", "is a persona of the configuration"), ("nobody", "nobody has made")]
)
async def test_only_what_was_made_here_is_removed(chat: Chat, name: str, said: str) -> None:
    assert said in await chat.insist(f"/personas remove {name}")


async def test_there_are_only_so_many(store: MemoryStore) -> None:
    wardrobe = Wardrobe(store)
    for number in range(MOST):
        await wardrobe.keep(HERE, f"p{number}", PROMPT)
    with pytest.raises(ValueError, match=f"there are {MOST} personas already"):
        await wardrobe.keep(HERE, "one-more", PROMPT)
    await wardrobe.keep(HERE, "p0", "You are new.")
    assert (await wardrobe.of(HERE))["p0"] == "You are new."


@pytest.mark.slow
async def test_they_are_there_after_a_restart(tmp_path: Path) -> None:
    for said in (False, True):
        async with open_store("", data=tmp_path, clock=ManualClock()) as store, chatting(store=store) as chat:
            assert ("librarian" in await chat.app.desk.personas(HERE)) is said
            await chat.app.desk.personas(HERE)
            await chat.happen(
                replace(
                    chat.platform.message(f"/personas edit librarian {PROMPT}", author=OPERATOR),
                    id=str(said),
                )
            )
