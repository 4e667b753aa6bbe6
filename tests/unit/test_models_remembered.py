"""What is remembered of texts that come back."""

from __future__ import annotations

from rostra_models.remembered import Remembered


def test_a_text_that_comes_back_is_not_looked_at_again() -> None:
    looked: list[str] = []
    lengths = Remembered(lambda text: looked.append(text) or len(text))
    assert [lengths("tea"), lengths("milk"), lengths("tea")] == [3, 4, 3]
    assert looked == ["tea", "milk"]


def test_what_was_not_asked_for_longest_is_forgotten_first() -> None:
    looked: list[str] = []
    lengths = Remembered(lambda text: looked.append(text) or len(text), most=2)
    for text in ("tea", "milk", "tea", "water", "tea", "milk"):
        lengths(text)
    assert looked == ["tea", "milk", "water", "milk"]


def test_no_words_are_kept() -> None:
    lengths = Remembered(len)
    lengths("a secret, \ud800")
    assert "secret" not in repr(vars(lengths))
