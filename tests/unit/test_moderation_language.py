"""Which language a text is in."""

from __future__ import annotations

import pytest

from rostra.language import UNKNOWN, language_of
from rostra_moderation import language
from rostra_moderation.language import Languages

WIDE = {ord("!") + at: chr(0xFF01 + at) for at in range(94)}
BOLD = {ord("a") + at: chr(0x1D41A + at) for at in range(26)}


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("Could you tell me how this works, please?", "en"),
        ("Wie funktioniert das eigentlich genau?", "de"),
        ("Peux-tu me dire comment ça marche ?", "fr"),
        ("¿Puedes decirme cómo funciona esto?", "es"),
        ("Как это работает, расскажи мне?", "ru"),
        ("これはどうやって使うのですか", "ja"),
        ("你好", "zh"),
        ("이거 뭐예요", "ko"),
        ("\u03a4\u03b9 \u03b5\u03af\u03bd\u03b1\u03b9 \u03b1\u03c5\u03c4\u03cc;", "el"),
    ],
)
def test_a_sentence_is_enough(text: str, language: str) -> None:
    assert language_of(text) == language


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ok",
        "lol wtf",
        "Hallo Welt",
        "12345678901234567890 12345",
        "\U0001f600" * 40,
        "\u0301" * 50_000,
        "\ud83d" * 40,
        "\0" * 40,
        "!?!?!?!?!?!?!?!?!?!?!?!?",
    ],
)
def test_what_is_too_short_or_no_language_is_unknown(text: str) -> None:
    assert language_of(text) == UNKNOWN


@pytest.mark.parametrize(
    "text",
    [
        "h0w c4n 1 f1nd th3 b3st pl4c3 t0 34t",
        "how can I find a place to eat".translate(WIDE),
        "H O W  C A N  I  F I N D  I T  N O W",
        "how can I find a place to eat".translate(BOLD),
        "hoooow caaaan i fiiiiind iiiiit",
    ],
)
def test_english_in_disguise_is_not_taken_for_another_language(text: str) -> None:
    """… which would be a way round a classifier that knows English only."""
    assert language_of(text) in {"en", UNKNOWN}


def test_what_was_said_last_counts() -> None:
    assert (
        language_of("This is English. " * 100 + "Und jetzt sprechen wir Deutsch miteinander. " * 20) == "de"
    )


def test_a_text_is_looked_at_once_and_the_oldest_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[str] = []

    def find(text: str) -> str:
        looked.append(text)
        return text[:2]

    monkeypatch.setattr(language, "plain_language_of", find)
    languages = Languages(most=2)
    assert [languages(text) for text in ("en one", "de two", "en one", "fr three", "en one")] == [
        "en",
        "de",
        "en",
        "fr",
        "en",
    ]
    assert looked == ["en one", "de two", "fr three", "en one"]
