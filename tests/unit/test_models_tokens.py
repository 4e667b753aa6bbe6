"""Counting tokens without a model."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rostra.errors import ModelError
from rostra_models.testing import tiny_llama
from rostra_models.tokens import TokenCounter


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> TokenCounter:
    made = TokenCounter(tiny_llama(tmp_path_factory.mktemp("models") / "tiny"), window=100)
    made.read()
    return made


@pytest.mark.parametrize(
    ("text", "count"),
    [("", 0), ("abc", 3), ("é", 2), ("中文", 6), ("<|im_end|>", 1), ("\ud800", 3), ("a\0", 2)],
)
def test_counts_as_the_tokenizer_does(counter: TokenCounter, text: str, count: int) -> None:
    assert counter.count(text) == count


def test_what_fills_the_window_in_any_case_is_not_tokenized(counter: TokenCounter) -> None:
    longest, longer = "<|im_end|>" * 80, "<|im_end|>" * 81
    assert counter.count(longest) == 80
    assert counter.count(longer) == len(longer)


@given(st.text(st.characters(codec=None), max_size=50))
def test_without_a_tokenizer_no_text_counts_less_than_it_has(counter: TokenCounter, text: str) -> None:
    blind = TokenCounter(Path("nowhere"), window=100)
    blind.read()
    assert blind.count(text) >= counter.count(text)


class Slow:
    """A tokenizer that says what it was asked."""

    asked: ClassVar[list[str]] = []

    @classmethod
    def from_file(cls, file: str) -> Slow:
        del file
        return cls()

    def encode(self, text: str, *, add_special_tokens: bool) -> SimpleNamespace:
        assert not add_special_tokens
        self.asked.append(text)
        return SimpleNamespace(ids=text.split())


def test_the_history_that_comes_with_every_question_is_tokenized_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tokenizers.Tokenizer", Slow)
    monkeypatch.setattr(Slow, "asked", [])
    (tmp_path / "tokenizer.json").touch()
    counter = TokenCounter(tmp_path, window=100)
    counter.read()
    history = ["one", "two words"]
    for question in ("what", "what else"):
        assert [counter.count(text) for text in (*history, question)] == [1, 2, len(question.split())]
    assert Slow.asked == ["one", "two words", "what", "what else"]


def test_a_damaged_tokenizer_is_named(tmp_path: Path) -> None:
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ModelError, match=r"tokenizer.json' is damaged: "):
        TokenCounter(tmp_path, window=100).read()
