"""Attachments inside of a question: joined, told apart again, cut fairly and with a notice."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rostra.attached import CUT, fitting, joined, parts, shortened
from rostra.events import Attachment


def words(text: str) -> int:
    return len(text.split())


def letters(text: str) -> int:
    return -(-len(text) // 4)


def file(text: str | None, name: str = "a.txt") -> Attachment:
    return Attachment(name=name, media_type="text/plain", size=len(text or ""), text=text)


def test_words_and_attachments_are_one_text_with_the_words_first() -> None:
    question = joined("look", [file("one"), file(None, "b.png"), file("two", "c.txt")])
    assert question == "look\n\n[attachment: a.txt]\none\n\n[attachment: c.txt]\ntwo"
    found, attached = parts(question)
    assert found == "look"
    assert [(part.name, part.text) for part in attached] == [("a.txt", "one"), ("c.txt", "two")]


def test_a_message_without_attachments_stays_as_it_is() -> None:
    assert joined("look", []) == "look"
    assert parts("look\n\nhere") == ("look\n\nhere", ())


@given(st.text(), st.lists(st.tuples(st.text(), st.text()), max_size=4))
def test_no_text_passes_for_an_attachment(text: str, files: list[tuple[str, str]]) -> None:
    spoofed = f"[attachment: x]\n{text}"
    question = joined(spoofed, [file(spoofed + body, name) for name, body in files])
    found, attached = parts(question)
    assert len(attached) == len(files)
    assert "x]" in found


def test_a_name_is_one_short_line() -> None:
    question = joined("", [file("t", "a]\n[attachment: b" + "c" * 500)])
    _, attached = parts(question)
    assert len(attached) == 1
    assert len(attached[0].name) <= 100


def test_what_fits_is_not_touched() -> None:
    question = joined("look", [file("one two three")])
    assert shortened(question, room=100, share=50, count=words) == question


def test_a_long_attachment_is_cut_and_says_how_much_is_left() -> None:
    text = "tea " * 10_000
    cut = shortened(joined("what is this?", [file(text, "tea.txt")]), room=1000, share=500, count=words)
    assert cut.startswith("what is this?\n\n[attachment: tea.txt]\ntea tea")
    kept = cut.count("tea ") * 4
    assert f"the first {kept:,} of 40,000 characters of tea.txt" in cut.replace(f"{kept - 1:,}", f"{kept:,}")
    assert 450 < words(cut) <= 503


def test_attachments_share_fairly() -> None:
    files = [file("a " * 5000, "a"), file("b " * 20, "b"), file("c " * 9000, "c")]
    cut = shortened(joined("read", files), room=2000, share=1000, count=words)
    _, (first, second, third) = parts(cut)
    assert second.text.split() == ["b"] * 20
    assert words(first.text) == pytest.approx(words(third.text), abs=3)
    assert words(first.text) + words(third.text) > 900


@pytest.mark.parametrize("spoken", [10, 400, 900])
def test_words_are_never_cut_in_favour_of_an_attachment(spoken: int) -> None:
    said = " ".join(f"w{number}" for number in range(spoken))
    cut = shortened(joined(said, [file("tea " * 9000)]), room=1000, share=500, count=words)
    assert cut.startswith(said + "\n\n[attachment: a.txt]")
    assert words(cut) <= 1000


def test_words_that_do_not_fit_by_themselves_are_cut_after_every_attachment() -> None:
    said = " ".join(f"w{number}" for number in range(3000))
    cut = shortened(joined(said, [file("tea " * 9000)]), room=1000, share=500, count=words)
    assert "tea" not in cut
    assert cut.endswith(CUT)
    assert 900 < words(cut) <= 1000


@given(
    st.text(max_size=300),
    st.lists(st.text(max_size=600), max_size=4),
    st.integers(30, 200),
)
def test_a_shortened_question_has_the_room_it_is_given(said: str, texts: list[str], room: int) -> None:
    question = joined(said, [file(text, f"{number}.txt") for number, text in enumerate(texts)])
    cut = shortened(question, room=room, share=room // 2, count=letters)
    assert letters(cut) <= room
    if letters(said) <= room // 4:
        assert cut.startswith(parts(question)[0])


def test_a_long_text_is_not_counted_whole() -> None:
    counted: list[int] = []

    def count(text: str) -> int:
        counted.append(len(text))
        return letters(text)

    assert fitting("a" * 1_000_000, 100, count) == 400
    assert max(counted) <= 1000
    assert fitting("abc", 100, count) == 3
    assert fitting("abc", 0, count) == 0
