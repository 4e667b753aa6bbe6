from __future__ import annotations

import asyncio
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from rostra.actions import Action, Address, Finish, Receipt, Show
from rostra.codec import dump_action, load_action
from rostra.controls import StoredControls, controls_of, ids
from rostra.delivery.reply import Reply, arrived, ask
from rostra.events import Press
from rostra.places import Person
from rostra.protocols import Accepted
from rostra.stages.dispatch import pressed
from rostra.storage.memory import MemoryStore
from rostra.testing.clock import ManualClock
from rostra.testing.samples import ANN, NOON, ROOM, question
from rostra.views import (
    Ballot,
    Button,
    Buttons,
    Choice,
    Choices,
    Field,
    File,
    Form,
    Table,
    Text,
    View,
    as_text,
)

WORDS = st.text(max_size=8)
BUTTONS = st.builds(
    Button,
    control=WORDS,
    label=WORDS,
    style=st.sampled_from(["plain", "primary", "danger", "good", "bad"]),
)
ROWS = st.lists(BUTTONS, max_size=3).map(tuple)
PARTS = st.one_of(
    st.builds(Text, text=WORDS),
    st.builds(Buttons, buttons=ROWS),
    st.builds(
        Choices,
        control=WORDS,
        prompt=WORDS,
        choices=st.lists(st.builds(Choice, value=WORDS, label=WORDS), max_size=3).map(tuple),
        least=st.integers(0, 3),
        most=st.integers(0, 3),
    ),
    st.builds(
        Form,
        control=WORDS,
        title=WORDS,
        fields=st.lists(st.builds(Field, name=WORDS, label=WORDS, value=WORDS), max_size=2).map(tuple),
    ),
    st.builds(Ballot, control=WORDS, question=WORDS, answers=st.lists(WORDS, max_size=3).map(tuple)),
    st.builds(
        Table, header=st.just(("a", "b")), rows=st.lists(st.tuples(WORDS, WORDS), max_size=2).map(tuple)
    ),
    st.builds(File, name=WORDS, media_type=WORDS, data=st.binary(max_size=8), description=WORDS),
)
VIEWS = st.builds(
    View,
    parts=st.lists(PARTS, max_size=4).map(tuple),
    private=st.booleans(),
    in_place=st.booleans(),
)
ENDINGS: st.SearchStrategy[Show | Finish] = st.one_of(
    st.builds(Show, reply=st.just("r"), view=VIEWS),
    st.builds(Finish, reply=st.just("r"), text=WORDS, buttons=ROWS),
)


@settings(max_examples=50, deadline=None, database=None)
@given(ENDINGS)
def test_what_is_shown_comes_back_from_the_store_as_it_was(action: Action) -> None:
    assert load_action(dump_action(action)) == action


@settings(max_examples=50, deadline=None, database=None)
@given(VIEWS)
def test_every_view_has_a_text_form(view: View) -> None:
    assert isinstance(as_text(view), str)


@settings(max_examples=50, deadline=None, database=None)
@given(ENDINGS, st.one_of(WORDS, st.integers(-2, 20).map(lambda number: f"REPLY.{number}")))
def test_ids_that_were_given_out_find_their_control_and_others_find_none(
    action: Show | Finish, guess: str
) -> None:
    asyncio.run(_find(action, guess))


async def _find(action: Show | Finish, guess: str) -> None:
    store = MemoryStore(clock=ManualClock())
    event = question()
    taken = await store.accept(event)
    assert isinstance(taken, Accepted)
    reply = ask(Reply(id=taken.reply, address=Address.of(event)), replace(action, reply=taken.reply))
    await store.advance(reply)
    await store.advance(arrived(reply, Receipt(shown=("m",))))
    controls = StoredControls(store)
    shown = action.view if isinstance(action, Show) else action.buttons
    given_out = dict(ids(taken.reply, shown))
    assert list(given_out.values()) == list(controls_of(shown))
    for id_, control in given_out.items():
        assert await controls.find(ROOM, id_, by=ANN) == control
        assert await controls.find(replace(ROOM, workspace="other"), id_) is None
        others = await controls.find(ROOM, id_, by=Person(id="nobody"))
        assert others is None or not (isinstance(shown, View) and shown.private)
    tried = guess.replace("REPLY", taken.reply)
    if tried not in given_out:
        found = await controls.find(ROOM, tried)
        assert found is None
        press = Press(id="p", place=ROOM, author=ANN, control=tried, sent_at=NOON)
        assert pressed(found, press) is None
