"""Discord: views as messages, inside of every limit."""

from __future__ import annotations

from typing import Any

import discord
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simcord.components import validate_components, walk_components

from rostra.views import (
    Ballot,
    Button,
    Buttons,
    Choice,
    Choices,
    Field,
    File,
    Form,
    Part,
    Table,
    Text,
    View,
)
from rostra_adapters.discord.drafts import Draft
from rostra_adapters.discord.drawing import buttons_under, drawn
from rostra_adapters.discord.items import TEMPLATE
from rostra_adapters.discord.layouts import layout_of
from rostra_adapters.discord.modals import modal
from rostra_adapters.discord.pieces import finished

REPLY = "0192aba4-73e9-9943-b957-63d7d82a9000"

texts = st.text(max_size=300) | st.integers(0, 20_000).map(lambda size: "word " * (size // 5))
labels = st.text(max_size=120)
buttons = st.builds(
    Button,
    control=st.just("/x"),
    label=labels,
    style=st.sampled_from(["plain", "primary", "danger", "good", "bad"]),
)
parts: st.SearchStrategy[Part] = st.one_of(
    st.builds(Text, text=texts),
    st.builds(Buttons, buttons=st.lists(buttons, max_size=7).map(tuple)),
    st.builds(
        Choices,
        control=st.just("/x"),
        prompt=labels,
        choices=st.lists(st.builds(Choice, value=labels, label=labels), max_size=140).map(tuple),
        least=st.integers(0, 3),
        most=st.integers(1, 30),
    ),
    st.builds(
        Form,
        control=st.just("/x"),
        title=labels,
        fields=st.lists(st.builds(Field, name=labels, label=labels), max_size=7).map(tuple),
    ),
    st.builds(
        Ballot,
        control=st.just("/x"),
        question=texts,
        answers=st.lists(texts, min_size=2, max_size=9).map(tuple),
    ),
    st.builds(
        Table, header=st.just(("a", "b")), rows=st.lists(st.tuples(labels, labels), max_size=40).map(tuple)
    ),
    st.builds(File, name=labels, media_type=st.sampled_from(["text/plain", "image/png"]), data=st.just(b"x")),
)


def sent(draft: Draft) -> dict[str, Any]:
    """Return a draft as Discord gets it, checked by discord.py on the way and by simcord after."""
    given = draft.sending()
    flags = discord.MessageFlags(components_v2=draft.layout).value
    components: list[Any] = given["view"].to_components() if "view" in given else []
    validate_components(components, flags=flags)
    found = list(walk_components(components))
    if draft.layout:
        assert len(found) <= 40
        assert sum(len(one.get("content", "")) for one in found if one["type"] == 10) <= 4000
        assert "content" not in given
        shown = {one["file"]["url"] for one in found if one["type"] == 13}
        shown |= {item["media"]["url"] for one in found if one["type"] == 12 for item in one["items"]}
        assert shown == {f"attachment://{name}" for name, _ in draft.files}
    assert len(draft.content) <= 2000
    assert draft.content.strip() or components or draft.files
    assert len(draft.files) <= 10
    assert len({name for name, _ in draft.files}) == len(draft.files)
    ids = [one["custom_id"] for one in found if "custom_id" in one]
    assert all(len(one) <= 100 and TEMPLATE.fullmatch(one) for one in ids)
    assert len(set(ids)) == len(ids)
    return {"components": found, **given}


@pytest.mark.slow
@settings(max_examples=50)
@given(view=st.lists(parts, min_size=1, max_size=6).map(tuple).map(lambda found: View(parts=found)))
def test_every_view_stays_inside_of_every_limit(view: View) -> None:
    for draft in drawn(view, REPLY):
        sent(draft)


@pytest.mark.slow
@settings(max_examples=50)
@given(answers=st.lists(st.integers(0, 20_000), min_size=2, max_size=9), question=texts)
def test_a_ballot_is_one_message_with_all_of_every_answer(answers: list[int], question: str) -> None:
    written = [f"{'lorem `ipsum` '[: size % 14]}{'x' * size}"[:size] for size in answers]
    (draft,) = drawn(View(parts=(Ballot(control="/v", question=question, answers=tuple(written)),)), REPLY)
    given = sent(draft)
    files = dict(draft.files)
    sections = [one for one in given["components"] if one["type"] == 9]
    assert [one["accessory"]["label"] for one in sections] == list("ABCDEFGHI"[: len(answers)])
    for section, letter, answer in zip(sections, "ABCDEFGHI", written, strict=False):
        shown = section["components"][0]["content"]
        assert shown == (answer.strip() or "*(nothing)*") or files[f"{letter}.md"].decode() == answer


def test_long_answers_on_a_ballot_get_the_same_room() -> None:
    answers = ("short", "a" * 9000, "b" * 20_000)
    (draft,) = drawn(View(parts=(Ballot(control="/v", question="Which?", answers=answers),)), REPLY)
    shown = [one["components"][0]["content"] for one in sent(draft)["components"] if one["type"] == 9]
    assert shown[0] == "short"
    assert len(shown[1]) == len(shown[2]) > 1500


def test_texts_and_controls_by_turns_are_born_as_a_layout() -> None:
    view = View(
        parts=(
            Text(text="first"),
            Buttons(buttons=(Button(control="/a", label="A"),)),
            Text(text="second"),
            Buttons(buttons=(Button(control="/b", label="B"),)),
        )
    )
    (draft,) = drawn(view, REPLY)
    assert draft.layout
    assert [
        one.get("content") or one.get("label") for one in sent(draft)["components"] if one["type"] in {2, 10}
    ] == [
        "first",
        "A",
        "second",
        "B",
    ]
    (plain,) = drawn(view, REPLY, layout=False)
    assert not plain.layout
    assert plain.content == "first\n\nsecond"


def test_a_text_with_controls_under_it_is_an_ordinary_message() -> None:
    view = View(parts=(Text(text="words"), Buttons(buttons=(Button(control="/a", label="A"),))))
    (draft,) = drawn(view, REPLY)
    assert (draft.layout, draft.content) == (False, "words")


def test_more_than_a_layout_holds_is_several_messages_and_nothing_is_lost() -> None:
    many = tuple(Button(control="/a", label=f"press {number}") for number in range(60))
    view = View(parts=(Text(text="z" * 9000), Buttons(buttons=many), Text(text="end")))
    assert layout_of(view, REPLY) is None
    drafts = drawn(view, REPLY)
    labels_ = [one.get("label") for draft in drafts for one in sent(draft)["components"]]
    assert [label for label in labels_ if label] == [one.label for one in many]
    assert "".join(draft.content for draft in drafts).count("z") == 9000


def test_a_table_is_code_and_a_large_one_a_file() -> None:
    small = View(parts=(Table(header=("Name", "Age"), rows=(("Ann", "4```1"),)),))
    (draft,) = drawn(small, REPLY)
    assert draft.content.startswith("```\nName")
    assert draft.content.count("```") == 2
    large = View(parts=(Table(header=("n",), rows=tuple((f"row {number}",) for number in range(500))),))
    (draft,) = drawn(large, REPLY)
    assert draft.files[0][0] == "table.txt"
    assert b"row 499" in draft.files[0][1]


def test_a_name_of_a_file_leads_nowhere() -> None:
    (draft,) = drawn(
        View(parts=(File(name="../../a\u202eb\n.txt", media_type="text/plain", data=b""),)), REPLY
    )
    assert draft.files[0][0] == "_.._ab_.txt"


def test_buttons_stand_under_the_last_message_of_an_answer() -> None:
    drafts = buttons_under(
        finished("word " * 600, 5), REPLY, [Button(control="/good", label="Good", style="good")]
    )
    assert [bool(sent(draft)["components"]) for draft in drafts] == [False, True]
    assert buttons_under([], REPLY, [Button(control="/good", label="Good")]) == []


def test_a_form_is_a_modal_inside_of_the_limits() -> None:
    fields = tuple(
        Field(name=f"n{number}", label="l" * 99, value="v" * 9000, lines=number) for number in range(5)
    )
    made = modal(Form(control="/x", title="t" * 99, fields=fields), f"{REPLY}.0").to_dict()
    assert len(made["title"]) <= 45
    assert made["custom_id"] == f"rostra:{REPLY}.0"
    for number, label in enumerate(made["components"]):
        assert len(label["label"]) <= 45
        assert label["component"]["custom_id"] == str(number)
        assert len(label["component"]["value"]) <= 4000


def test_a_form_with_too_many_fields_is_written_down() -> None:
    fields = tuple(Field(name=f"n{number}", label=f"label {number}") for number in range(6))
    (draft,) = drawn(View(parts=(Form(control="/x", title="About you", fields=fields),)), REPLY)
    assert "label 5" in draft.content
    assert draft.view is None


@pytest.mark.parametrize("number", [0, 1, 26, 125, 126])
def test_choices_are_offered_as_long_as_there_is_room(number: int) -> None:
    choices = tuple(Choice(value=f"v{one}", label=f"choice {one}") for one in range(number))
    drafts = drawn(View(parts=(Choices(control="/x", prompt="Pick", choices=choices),)), REPLY)
    options = [
        option["label"]
        for draft in drafts
        for one in sent(draft)["components"]
        if one["type"] == 3
        for option in one["options"]
    ]
    assert options == ([one.label for one in choices] if number <= 125 else [])
    assert all(one.label in "".join(draft.content for draft in drafts) or options for one in choices)
