"""Refusals: one for every reason, in every language, and nothing of what was refused."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from rostra.errors import ConfigError
from rostra.places import Place
from rostra.refusals import BUILT_IN, REASONS, Refusals
from rostra.verdicts import CATEGORIES

PLACE = Place(adapter="discord", workspace="1", channel="general")
LANGUAGES = ("en", "de")


def rendered(
    reason: str, folder: Path | None = None, /, place: Place = PLACE, language: str = "", **facts: str | float
) -> str:
    return Refusals(folder).render(reason, place=place, trace="trace-7", language=language, **facts)


def write(folder: Path, name: str, text: str) -> None:
    file = folder / f"{name}.j2"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("reason", REASONS)
def test_every_reason_has_a_text_of_its_own_in_every_language(reason: str, language: str) -> None:
    assert (BUILT_IN / language / f"{reason}.j2").is_file()
    text = rendered(reason, language=language)
    assert text
    assert "{" not in text
    assert len(text) < 300


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_category_has_a_text_that_is_not_just_the_general_one(language: str) -> None:
    general = rendered("blocked", language=language)
    same = [name for name in CATEGORIES if rendered(name, language=language) == general]
    assert same == ["custom"]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("reason", ["self-harm", "self-harm/intent", "self-harm/instructions"])
def test_who_speaks_of_self_harm_is_told_who_can_help(reason: str, language: str) -> None:
    text = rendered(reason, language=language)
    assert "findahelpline.com" in text
    assert "116 123" in text
    assert ("988" in text) or language != "en"
    assert ("112" in text) or language != "de"
    assert "trace-7" not in text


@pytest.mark.parametrize("language", LANGUAGES)
def test_only_what_is_broken_names_the_trace(language: str) -> None:
    naming = {
        reason for reason in (*REASONS, *CATEGORIES) if "trace-7" in rendered(reason, language=language)
    }
    assert naming == {"broken", "error", "model"}


def test_a_broken_check_does_not_read_like_a_block() -> None:
    assert "checking is broken" in rendered("broken")
    assert rendered("broken") != rendered("blocked")


def test_facts_are_told_where_they_are_known() -> None:
    assert "12 seconds" in rendered("busy", seconds=11.6)
    assert "30 questions" in rendered("limit", limit=30)
    assert "5 seconds" in rendered("limit", seconds=5)
    assert "60 Sekunden" in rendered("deadline", language="de", seconds=60)


@pytest.mark.parametrize("reason", REASONS)
def test_facts_that_are_missing_or_odd_disturb_nobody(reason: str) -> None:
    assert rendered(reason)
    assert rendered(reason, seconds="soon", limit=-1.0, unheard_of=3)


def test_a_template_has_no_way_to_the_refused_text(tmp_path: Path) -> None:
    names = ", ".join(
        f"{{{{ {name} }}}}" for name in ("text", "question", "answer", "passage", "turn", "verdict", "fact")
    )
    write(tmp_path, "en/blocked", f"[{names}]")
    assert rendered("blocked", tmp_path) == "[, , , , , , ]"
    # Facts are names and numbers: a sentence is none, and does not get through.
    assert rendered("blocked", tmp_path, fact="how do I build it") == "[, , , , , , ]"
    assert rendered("blocked", tmp_path, fact="x" * 65) == "[, , , , , , ]"
    assert rendered("blocked", tmp_path, fact="gpt-4.1/mini") == "[, , , , , , gpt-4.1/mini]"
    parameters = inspect.signature(Refusals.render).parameters
    assert list(parameters) == ["self", "reason", "place", "trace", "language", "facts"]


def test_templates_cannot_reach_into_python(tmp_path: Path) -> None:
    write(
        tmp_path, "en/blocked", "{{ reason.__class__.__mro__ }}{{ ''.__class__.__base__.__subclasses__() }}"
    )
    with capture_logs() as logs:
        assert rendered("blocked", tmp_path) == rendered("blocked")
    assert [entry["template"] for entry in logs] == ["blocked.j2"]


def test_an_operators_template_goes_before_the_built_in_one(tmp_path: Path) -> None:
    write(tmp_path, "en/violence", "Not here.")
    assert rendered("violence", tmp_path) == "Not here."
    assert rendered("violence/graphic", tmp_path) == "Not here."
    assert rendered("hate", tmp_path) == rendered("hate")


def test_a_subcategorys_own_template_goes_before_its_parents(tmp_path: Path) -> None:
    write(tmp_path, "en/self-harm.intent", "Talk to us.")
    assert rendered("self-harm/intent", tmp_path) == "Talk to us."
    assert rendered("self-harm/instructions", tmp_path) == rendered("self-harm")


def test_what_stands_for_a_reason_goes_before_what_stands_for_all(tmp_path: Path) -> None:
    write(tmp_path, "en/blocked", "No.")
    assert "findahelpline.com" in rendered("self-harm", tmp_path)
    assert rendered("custom", tmp_path) == "No."
    assert rendered("never-heard-of", tmp_path) == "No."


def test_places_have_their_own_templates_and_the_longest_pattern_counts(tmp_path: Path) -> None:
    write(tmp_path, "en/blocked", "No.")
    write(tmp_path, "places/discord*/en/blocked", "Not on Discord.")
    write(tmp_path, "places/discord?1?general/en/blocked", "Not in #general.")
    lobby = Place(adapter="discord", workspace="1", channel="lobby")
    console = Place(adapter="console", channel="x")
    texts = [rendered("blocked", tmp_path, place=place) for place in (PLACE, lobby, console)]
    assert texts == ["Not in #general.", "Not on Discord.", "No."]


def test_a_language_falls_back_to_its_trunk_and_then_to_english(tmp_path: Path) -> None:
    assert rendered("blocked", language="de-AT") == rendered("blocked", language="de")
    assert rendered("blocked", language="tlh") == rendered("blocked", language="en")
    write(tmp_path, "tlh/blocked", "Qo'.")
    assert rendered("blocked", tmp_path, language="tlh") == "Qo'."


def test_the_default_language_is_the_one_chosen_for_all_refusals() -> None:
    german = Refusals(language="de")
    assert german.render("stopped", place=PLACE, trace="t") == "Angehalten."
    assert german.render("stopped", place=PLACE, trace="t", language="en") == "Stopped."


def test_a_template_that_fails_gives_way_to_the_next(tmp_path: Path) -> None:
    write(tmp_path, "en/busy", "{{ 1 / 0 }}")
    with capture_logs() as logs:
        assert rendered("busy", tmp_path) == rendered("busy")
    assert logs[0]["error"] == "ZeroDivisionError"


def test_a_folder_or_a_template_that_is_wrong_is_named_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"no folder .*gone"):
        Refusals(tmp_path / "gone")
    write(tmp_path, "en/blocked", "{% if %}")
    with pytest.raises(ConfigError, match=r"blocked\.j2"):
        Refusals(tmp_path)
