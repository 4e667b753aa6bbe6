"""Where the units of a streamed answer end: examples beside the promises in tests/properties/test_guard.py."""

from __future__ import annotations

import pytest

from rostra_moderation.guard import Guard, Hold


def shown(text: str, hold: Hold = "sentence", *, most: int | None = None) -> list[str]:
    """Return what comes out, unit by unit, when ``text`` comes in one character at a time and all is allowed."""
    guard = Guard(hold, most=most)
    out: list[str] = []
    for character in text:
        guard.feed(character)
        length = guard.due()
        if length is not None:
            out.append(guard.allow(length))
    guard.close()
    out.append(guard.allow(len(text)))
    assert "".join(out) == text
    return [unit for unit in out if unit]


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("One. Two! Three?", ["One.", " Two!", " Three?"]),
        ("Pi is 3.14 or so. Fine.", ["Pi is 3.14 or so.", " Fine."]),
        ("Use a tool, e.g. a saw. Done.", ["Use a tool, e.g. a saw.", " Done."]),
        ("Ask Dr. Smith. He knows.", ["Ask Dr. Smith.", " He knows."]),
        ("J. R. R. Tolkien wrote it. Yes.", ["J. R. R. Tolkien wrote it.", " Yes."]),
        ("Das gilt z.B. hier. Gut.", ["Das gilt z.B. hier.", " Gut."]),
        ('He said "no." She left.', ['He said "no."', " She left."]),
        ("Well... maybe. Or not.", ["Well...", " maybe.", " Or not."]),
        ("1. Milk\n2. Eggs", ["1. Milk\n", "2. Eggs"]),
        ("没有。好的。", ["没有。", "好的。"]),
        ("see example.com/a.b for it", ["see example.com/a.b for it"]),
        (
            "Run:\n```\ngo_on. And stop. Wait.\n```\nNow. Go.",
            ["Run:\n", "```\n", "go_on. And stop. Wait.\n", "```\n", "Now.", " Go."],
        ),
    ],
)
def test_sentences_end_where_a_reader_would_say(text: str, units: list[str]) -> None:
    assert shown(text) == units


def test_paragraphs_end_at_empty_lines_but_not_within_code() -> None:
    text = "One. Two.\n\nThree.\n```\na\n\nb\n```\n\nFour."
    assert shown(text, "paragraph") == ["One. Two.\n\n", "Three.\n```\na\n\nb\n```\n\n", "Four."]


def test_without_hold_only_complete_words_come_out() -> None:
    guard = Guard("none")
    guard.feed("not an ass")
    length = guard.due()
    assert length is not None
    assert guard.allow(length) == "not an "
    guard.feed("assin, ")
    length = guard.due()
    assert length is not None
    assert guard.allow(length) == "assassin, "


def test_scripts_without_spaces_flow_by_the_character() -> None:
    assert shown("没有好的", "none") == ["没", "有", "好", "的"]


def test_an_invisible_character_ends_no_word() -> None:
    guard = Guard("none")
    guard.feed("a bo\u200bmb")
    length = guard.due()
    assert length == 2
    assert guard.allow(length) == "a "


def test_nothing_comes_out_of_a_full_hold_before_the_end() -> None:
    assert shown("One. Two.\n\nThree. " * 500, "full") == ["One. Two.\n\nThree. " * 500]


def test_text_without_sentences_flows_in_pieces_that_split_no_word() -> None:
    text = "word " * 300
    units = shown(text)
    assert len(units) >= 3
    assert all(len(unit) <= 400 for unit in units)
    assert all(unit.strip().split() == ["word"] * (len(unit.split())) for unit in units)


def test_a_word_without_end_is_cut_but_no_character_loses_its_marks() -> None:
    family = "\U0001f469\u200d\U0001f469\u200d\U0001f467"
    units = shown(family * 20, most=7)
    assert all(unit[0] == "\U0001f469" for unit in units)


def test_verdicts_may_come_in_any_order() -> None:
    guard = Guard()
    guard.feed("One. Two. Three. F")
    assert guard.allow(9) == "One. Two."
    assert guard.allow(4) == ""
    assert guard.allow(16) == " Three."


def test_a_verdict_inside_a_unit_shows_only_what_is_complete() -> None:
    guard = Guard()
    guard.feed("One. Two. Three. F")
    assert guard.allow(7) == "One."


def test_after_a_block_nothing_comes_out_and_nothing_is_due() -> None:
    guard = Guard()
    guard.feed("One. Two. T")
    guard.block()
    assert guard.due() is None
    assert guard.allow(9) == ""
    guard.feed("hree. ")
    guard.close()
    assert guard.due() is None
    assert guard.release() == ""


def test_a_length_that_is_no_prefix_is_an_error() -> None:
    guard = Guard()
    guard.feed("One.")
    with pytest.raises(ValueError, match=r"5 is no length of a prefix of 4 characters"):
        guard.allow(5)


def test_a_closed_guard_takes_no_more_text() -> None:
    guard = Guard()
    guard.close()
    with pytest.raises(ValueError, match="closed"):
        guard.feed("more")


@pytest.mark.parametrize(
    "text", ["." * 200_000, "a. " + " " * 200_000, "\n" * 200_000, "`" * 200_000, "." * 50 + " "]
)
def test_marks_without_end_cost_no_more_than_other_text(text: str) -> None:
    guard = Guard("sentence")
    guard.feed(text)
    guard.close()
    assert guard.allow(len(text)) == text


def test_a_hold_can_be_made_stricter_on_the_way() -> None:
    guard = Guard("sentence")
    guard.feed("One. Two. T")
    guard.tighten("paragraph")
    assert guard.allow(9) == "One. Two."
    guard.feed("hree. Four.\n\nFive. S")
    assert guard.due() == 24
    assert guard.allow(24) == " Three. Four.\n\n"
    guard.tighten("full")
    guard.feed("ix.\n\nSeven. ")
    assert guard.due() is None
    guard.close()
    assert guard.allow(guard.due() or 0) == "Five. Six.\n\nSeven. "


def test_a_hold_is_never_made_looser() -> None:
    guard = Guard("full")
    guard.tighten("none")
    guard.feed("One. Two. Three. ")
    assert guard.due() is None
    assert guard.hold == "full"


def test_words_become_paragraphs_where_only_paragraphs_may_pass() -> None:
    guard = Guard("none")
    guard.feed("one two three")
    assert guard.allow(guard.due() or 0) == "one two "
    guard.tighten("paragraph")
    guard.feed(" four. Five.\n\nSix")
    assert guard.allow(len(guard.text)) == "three four. Five.\n\n"
