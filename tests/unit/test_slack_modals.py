"""Forms and ballots as modals: what is filled in comes back, from where it was opened."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from slack_stand import Stand, opened

from rostra.actions import Address, Show
from rostra.events import Press, Submit
from rostra.testing.contract import Shelf
from rostra.testing.slack_server import SlackServer
from rostra.views import Ballot, Button, Buttons, Choice, Choices, Field, Form, View
from rostra_adapters.slack.modals import opened_from

R = "r" * 32
BALLOT = Ballot(control="/rank", question="Which is best?", answers=("red", "green", "blue"))


@pytest.fixture
async def server() -> AsyncGenerator[SlackServer]:
    async with SlackServer() as server:
        yield server


@pytest.fixture
async def stand(tmp_path: Path, server: SlackServer) -> AsyncGenerator[Stand]:
    shelf = Shelf()
    async with opened(tmp_path, server, shelf=shelf) as stand:
        run = asyncio.ensure_future(stand.slack.run(stand.accept))
        yield stand
        run.cancel()
        await asyncio.gather(run, return_exceptions=True)


async def shown(stand: Stand, server: SlackServer, view: View) -> None:
    server.user("U1").mention("C1", "show me")
    address = Address.of(await stand.event())
    shelf = stand.slack.office.services.controls
    assert isinstance(shelf, Shelf)
    action = Show(reply=R, view=view)
    shelf.put(action)
    await stand.perform(address, action)


def after(stand: Stand, kind: type) -> list[object]:
    return [event for event in stand.heard if isinstance(event, kind)]


async def test_places_in_a_ballot_come_as_an_order(stand: Stand, server: SlackServer) -> None:
    await shown(stand, server, View(parts=(BALLOT,)))
    asked = stand.heard[0].place
    person = server.user("U1")
    await person.press("Rank 3 answers")
    modal = person.modal
    assert opened_from(modal.body["private_metadata"]).ballot
    await person.submit(values={"A": "2", "B": "1", "C": "2"})
    (sent,) = after(stand, Submit)
    assert isinstance(sent, Submit)
    assert (sent.form, dict(sent.fields)) == (f"{R}.0", {"ranking": "B > A = C"})
    assert sent.place == asked
    assert not modal.open


async def test_a_form_with_a_field_called_like_a_letter_is_a_form(stand: Stand, server: SlackServer) -> None:
    form = Form(control="/x", title="About you", fields=(Field(name="A", label="Age"),))
    await shown(stand, server, View(parts=(form,)))
    person = server.user("U1")
    await person.press("About you")
    await person.submit(values={"A": "7"})
    (sent,) = after(stand, Submit)
    assert isinstance(sent, Submit)
    assert dict(sent.fields) == {"A": "7"}


@pytest.mark.parametrize(
    "text",
    ["\n\n".join(["A sentence of many words. " * 20] * 12), "line\n" * 1_500, "x" * 7_001, "word " * 1_300],
    ids=["paragraphs", "lines", "one word", "words"],
)
async def test_a_text_too_long_for_one_input_comes_back_whole(
    stand: Stand, server: SlackServer, text: str
) -> None:
    form = Form(control="/x", title="Change it", fields=(Field(name="text", label="Text", value=text),))
    await shown(stand, server, View(parts=(form,)))
    person = server.user("U1")
    await person.press("Change it")
    labels = [block["label"]["text"] for block in person.modal.blocks]
    assert labels[0] == f"Text (1 of {len(labels)})"
    await person.submit()
    (sent,) = after(stand, Submit)
    assert isinstance(sent, Submit)
    assert dict(sent.fields) == {"text": text}


async def test_a_part_of_a_long_text_can_be_changed_and_another_taken_out(
    stand: Stand, server: SlackServer
) -> None:
    text = "\n\n".join(letter * 2_000 for letter in "abc")
    form = Form(control="/x", title="Change it", fields=(Field(name="text", label="Text", value=text),))
    await shown(stand, server, View(parts=(form,)))
    person = server.user("U1")
    await person.press("Change it")
    await person.submit(values={"Text (2 of 3)": "", "Text (3 of 3)": "the end"})
    (sent,) = after(stand, Submit)
    assert isinstance(sent, Submit)
    assert dict(sent.fields) == {"text": "a" * 2_000 + "\n\nthe end"}


async def test_several_are_picked_once_there_are_enough(stand: Stand, server: SlackServer) -> None:
    choices = tuple(Choice(value=name, label=name.title()) for name in ("red", "green", "blue"))
    await shown(
        stand, server, View(parts=(Choices(control="/x", prompt="Two", choices=choices, least=2, most=3),))
    )
    person = server.user("U1")
    await person.select(f"{R}.0", "Red")
    assert not after(stand, Press)
    await person.select(f"{R}.0", "Red", "Blue")
    (press,) = after(stand, Press)
    assert isinstance(press, Press)
    assert press.values == ("red", "blue")


async def test_what_a_modal_carries_is_its_id_and_its_place(stand: Stand, server: SlackServer) -> None:
    await shown(stand, server, View(parts=(Buttons(buttons=(Button(control="/x", label="X"),)), BALLOT)))
    await server.user("U1").press("Rank 3 answers")
    carried = opened_from(server.user("U1").modal.body["private_metadata"])
    assert (carried.id, carried.channel, carried.thread) == (f"{R}.1", "C1", stand.heard[0].place.thread)


@pytest.mark.parametrize(
    "wrong", ["", "{}", "[]", "x", '{"id": 1, "channel": "C1"}', '{"id": "r.0", "channel": "C1"}']
)
def test_what_no_modal_of_ours_carries_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        opened_from(wrong)
