"""Whatever a view holds, Slack takes what is made of it, and people can read all of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rostra.places import Place
from rostra.testing.slack_server.blocks import text_of
from rostra.testing.slack_server.rules import Limits, check_blocks, check_view
from rostra.views import Ballot, Button, Buttons, Choice, Choices, Field, Form, Part, Table, Text, View
from rostra_adapters.slack import modals
from rostra_adapters.slack.blocks import answer, render, weight
from rostra_adapters.slack.modals import opened_from, ranking
from rostra_adapters.slack.text import clean

REPLY = "0" * 32
PLACE = Place(adapter="slack", workspace="T1", channel="C1", thread="1.2")
LIMITS = Limits()

ANY = st.text(st.characters(codec="utf-8"), max_size=60)


def repeated(unit: str, length: int) -> str:
    return (unit * (length // len(unit) + 1))[:length]


def offered(count: int, value: str, label: str) -> tuple[Choice, ...]:
    return tuple(Choice(value=f"{number}{value}", label=f"{label}{number}") for number in range(count))


LONG = st.builds(
    repeated,
    st.text("abc \n`<>&*_~[]()#|😀ä", min_size=1, max_size=30),
    st.integers(0, 20_000),
)
BUTTONS = st.builds(
    Button,
    control=st.just("/x"),
    label=ANY,
    style=st.sampled_from(["plain", "primary", "danger", "good", "bad"]),
)
PARTS: st.SearchStrategy[Part] = st.one_of(
    st.builds(Text, text=LONG),
    st.builds(Buttons, buttons=st.lists(BUTTONS, max_size=60).map(tuple)),
    st.builds(
        Choices,
        control=st.just("/x"),
        prompt=LONG,
        most=st.integers(1, 5),
        choices=st.builds(
            offered, st.integers(0, 250), st.text("ab", max_size=200), st.text("ab ", max_size=100)
        ),
    ),
    st.builds(
        Form,
        control=st.just("/x"),
        title=ANY,
        fields=st.lists(st.builds(Field, name=st.just("n"), label=ANY), max_size=3).map(tuple),
    ),
    st.builds(
        Table,
        header=st.lists(ANY, min_size=1, max_size=25).map(tuple),
        rows=st.lists(st.lists(ANY, max_size=25).map(tuple), max_size=120).map(tuple),
    ),
)


def fits(blocks: tuple[dict[str, Any], ...], text: str) -> None:
    check_blocks(list(blocks), LIMITS)
    assert len(text) <= LIMITS.update_text
    assert weight(list(blocks)) <= LIMITS.blocks_text
    assert sum(len(one["text"]) for one in blocks if one["type"] == "markdown") <= LIMITS.markdown_text
    assert sum(one["type"] == "table" for one in blocks) <= 1


@settings(max_examples=60, deadline=None)
@given(st.lists(PARTS, max_size=5))
def test_every_view_fits(parts: list[Part]) -> None:
    for page in render(REPLY, View(parts=tuple(parts))).pages:
        fits(page.blocks, page.text)


@settings(max_examples=60, deadline=None)
@given(LONG, st.lists(BUTTONS, max_size=60))
def test_every_answer_fits(text: str, buttons: list[Button]) -> None:
    for page in answer(REPLY, text, buttons):
        fits(page.blocks, page.text)


@settings(max_examples=50, deadline=None)
@given(st.lists(LONG, min_size=2, max_size=9), ANY)
def test_every_ballot_fits_in_messages_and_in_its_modal(answers: list[str], question: str) -> None:
    ballot = Ballot(control="/rank", question=question, answers=tuple(answers))
    for page in render(REPLY, View(parts=(ballot,))).pages:
        fits(page.blocks, page.text)
    view = modals.ballot(ballot, f"{REPLY}.0", PLACE)
    check_view(view, LIMITS)
    assert weight(view["blocks"]) <= LIMITS.blocks_text
    carried = opened_from(view["private_metadata"])
    assert (carried.id, carried.channel, carried.thread, carried.ballot) == (f"{REPLY}.0", "C1", "1.2", True)


@pytest.mark.parametrize("count", range(2, 10))
@pytest.mark.parametrize("length", [0, 1, 3_000, 11_000, 20_000])
def test_the_messages_of_a_ballot_have_all_of_every_answer(count: int, length: int) -> None:
    answers = tuple(
        " ".join(f"{number}-{word}" for word in range(length // 6 + 1))[:length] for number in range(count)
    )
    ballot = Ballot(control="/rank", question="Which?", answers=answers)
    pages = render(REPLY, View(parts=(ballot,))).pages
    seen = "\n".join(text_of(page.blocks) for page in pages)
    assert [words[:40] for words in answers if set(words.split()) - set(seen.split())] == []
    for page in pages:
        fits(page.blocks, page.text)


@given(st.dictionaries(st.sampled_from("ABCDEFGHI"), st.integers(1, 9).map(str), min_size=2))
def test_places_become_an_order_that_has_everybody_once(places: dict[str, str]) -> None:
    order = ranking(places)
    assert order is not None
    groups = [group.split(" = ") for group in order.split(" > ")]
    assert sorted(letter for group in groups for letter in group) == sorted(places)
    assert all(len({places[letter] for letter in group}) == 1 for group in groups)
    assert [int(places[group[0]]) for group in groups] == sorted({int(place) for place in places.values()})


@settings(max_examples=60, deadline=None)
@given(st.lists(LONG, min_size=1, max_size=4), ANY)
def test_what_a_form_shows_comes_back_as_it_was(values: list[str], label: str) -> None:
    fields = tuple(
        Field(name=f"field{number}", label=label, value=value) for number, value in enumerate(values)
    )
    view = modals.form(Form(control="/x", title="A form", fields=fields), f"{REPLY}.0", PLACE)
    check_view(view, LIMITS)
    state = {
        block["block_id"]: {"value": {"value": block["element"].get("initial_value")}}
        for block in view["blocks"]
    }
    assert modals.filled(state) == {field.name: clean(field.value) for field in fields if clean(field.value)}
