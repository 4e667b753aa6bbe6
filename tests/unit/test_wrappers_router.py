"""Which model a question goes to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from sayings import END, HALL, SURE, YARD, Sayer, heard, text

from rostra.chat import Sampling, Utterance
from rostra.components import Services
from rostra_models.wrappers.router import RouterModel, RouterSettings, open_router

FRENCH = "Peux-tu me dire comment ça marche, cette machine ?"
ENGLISH = "Could you tell me how this machine works, please?"


def router(
    rules: Sequence[Mapping[str, Any]],
    *,
    prices: Mapping[str, Any] | None = None,
    models: Mapping[str, Sayer] | None = None,
    **settings: Any,
) -> RouterModel:
    own = RouterSettings.model_validate({"default": "a", "rules": rules, "prices": prices or {}, **settings})
    named = {name: Sayer([[name, END]], name=name) for name in "abc"}
    return RouterModel("front", {**named, **(models or {})}, own)


def chosen(model: RouterModel, words: str = "Why?", sampling: Sampling = SURE) -> str:
    return model.choose(
        (Utterance(role="system", text="Be kind."), Utterance(role="user", text=words)), sampling
    )


async def test_the_first_rule_that_fits_wins_and_else_the_default() -> None:
    model = router([{"place": "test//yard", "models": ["b"]}, {"place": "test/*", "models": ["c"]}])
    said = [text(await heard(model, replace(SURE, place=place))) for place in (YARD, HALL, None)]
    assert said == ["b", "c", "a"]


@pytest.mark.slow
def test_a_language_is_that_of_what_was_asked_last() -> None:
    model = router([{"languages": ["fr", "de"], "models": ["b"]}])
    assert [chosen(model, words) for words in (FRENCH, ENGLISH, "ok", "")] == ["b", "a", "a", "a"]
    said = [
        Utterance(role="user", text=FRENCH),
        Utterance(role="assistant", text="Bien."),
        Utterance(role="user", text=ENGLISH),
    ]
    assert model.choose(said, SURE) == "a"
    assert model.choose(said[:2], SURE) == "b"


def test_a_length_is_that_of_the_whole_prompt() -> None:
    model = router([{"above": 5, "models": ["b"]}, {"below": 4, "models": ["c"]}])
    assert [chosen(model, "word " * count) for count in (1, 2, 3, 4)] == ["c", "a", "a", "b"]


def test_of_several_the_cheapest_answers_whichever_comes_first() -> None:
    prices = {"b": {"prompt": 1, "completion": 9}, "c": {"prompt": 4, "completion": 1}}
    model = router([{"models": ["b", "c"]}], prices=prices)
    assert chosen(model, sampling=Sampling(max_tokens=10)) == "c"
    assert chosen(model, "word " * 100, Sampling(max_tokens=1)) == "b"


def test_what_would_cost_more_than_the_ceiling_goes_elsewhere() -> None:
    model = router([{"models": ["b"], "ceiling": 0.001}], prices={"b": {"completion": 10}})
    assert chosen(model, sampling=Sampling(max_tokens=100)) == "b"
    assert chosen(model, sampling=Sampling(max_tokens=101)) == "a"
    assert chosen(model, sampling=Sampling(max_tokens=100, n=2)) == "a"


@pytest.mark.parametrize("rule", [{"models": ["b", "c"]}, {"models": ["b"], "ceiling": 1}, {"models": []}])
def test_rules_about_prices_need_prices_and_models(rule: Mapping[str, Any]) -> None:
    with pytest.raises(ValidationError, match=r"no price|at least 1 item"):
        router([rule])


def test_the_window_is_the_smallest_of_the_models_in_use_or_what_is_said() -> None:
    models = {
        "a": Sayer([], window=90, tokens=1),
        "b": Sayer([], window=50, tokens=7),
        "c": Sayer([], window=9),
    }
    rules = [{"models": ["b"]}]
    model = router(rules, models=models)
    assert (model.window, model.count("x")) == (50, 7)
    assert router(rules, models=models, window=80).window == 80


@pytest.mark.slow
async def test_it_opens_around_the_models_that_it_names(tmp_path: Path) -> None:
    models = {name: Sayer([[name, END]]) for name in "ab"}
    services = Services(name="mine", data=tmp_path, base=tmp_path, models=models)
    own = RouterSettings.model_validate({"default": "a", "rules": [{"languages": ["fr"], "models": ["b"]}]})
    async with open_router(own, services) as model:
        assert model.name == "mine"
        assert text(await heard(model, messages=(Utterance(role="user", text=FRENCH),))) == "b"
