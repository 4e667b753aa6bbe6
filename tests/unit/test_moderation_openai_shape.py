"""Answers of OpenAI's shape are read strictly."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from rostra.errors import ModerationError
from rostra_moderation.openai_shape import KEYS, read_results
from rostra_moderation.testing import Asked, judged


def answer(change: Callable[[dict[str, Any]], object]) -> bytes:
    body = json.loads(judged(Asked(target="", headers={}, body={"input": ["hello"]}, connection=0)).body)
    change(body)
    return json.dumps(body).encode()


def result(change: Callable[[dict[str, Any]], object]) -> bytes:
    return answer(lambda body: change(body["results"][0]))


MALFORMED: Mapping[str, tuple[bytes, str]] = {
    "empty": (b"", "is no JSON"),
    "html": (b"<html>the-secret-text</html>", "is no JSON"),
    "half": (answer(lambda _: None)[:-9], "is no JSON"),
    "deep": (b"[" * 100_000, "is no JSON"),
    "not utf-8": (b'{"results": "\xff"}', "is no JSON"),
    "list": (b"[]", "the answer is no JSON object"),
    "no results": (answer(lambda body: body.pop("results")), "no list 'results'"),
    "none": (answer(lambda body: body["results"].clear()), "0 results; 1 were asked for"),
    "two": (answer(lambda body: body["results"].append(body["results"][0])), "2 results; 1 were"),
    "no object": (answer(lambda body: body.update(results=[7])), "a result is no JSON object"),
    "no flagged": (result(lambda one: one.pop("flagged")), "no 'flagged'"),
    "flagged a number": (result(lambda one: one.update(flagged=1)), "no 'flagged'"),
    "no categories": (result(lambda one: one.pop("categories")), "'categories' is no JSON object"),
    "a category missing": (result(lambda one: one["categories"].pop("hate")), "'categories' has no 'hate'"),
    "a score missing": (result(lambda one: one["category_scores"].pop("sexual")), "has no 'sexual'"),
    "illicit missing": (result(lambda one: one["category_scores"].pop("illicit")), "has no 'illicit'"),
    "a score null": (result(lambda one: one["category_scores"].update(hate=None)), "'hate' is no number"),
    "a score true": (result(lambda one: one["category_scores"].update(hate=True)), "'hate' is no number"),
    "a score too high": (result(lambda one: one["category_scores"].update(hate=1.01)), "from 0 to 1"),
    "a score negative": (result(lambda one: one["category_scores"].update(hate=-0.1)), "from 0 to 1"),
    "a score no number": (result(lambda one: one["category_scores"].update(hate=float("nan"))), "is no JSON"),
    "a score endless": (result(lambda one: one["category_scores"].update(hate=1e999)), "is no JSON"),
    "a text": (result(lambda one: one["categories"].update(hate="no")), "'hate' is neither true nor false"),
    "half null": (result(lambda one: one["categories"].update(illicit=None)), "'illicit' is neither"),
}


@pytest.mark.parametrize("name", MALFORMED)
def test_an_answer_that_is_not_as_it_should_be_is_refused(name: str) -> None:
    body, says = MALFORMED[name]
    with pytest.raises(ModerationError) as caught:
        read_results(body, 1)
    assert says in str(caught.value)
    assert "secret" not in str(caught.value)


def test_older_answers_and_newer_keys_are_read() -> None:
    def older(one: dict[str, Any]) -> None:
        for table in ("categories", "category_scores"):
            one[table].update({"illicit": None, "illicit/violent": None, "novelty": 7})

    (scores,) = read_results(result(older), 1)
    assert set(scores) == set(KEYS) - {"illicit", "illicit/violent"}


def test_what_the_service_flags_gets_a_score_to_be_seen_by() -> None:
    def flags(one: dict[str, Any]) -> None:
        one["categories"]["self-harm"] = True
        one["category_scores"]["self-harm"] = 0.2

    assert read_results(result(flags), 1, flagged=0.5)[0]["self-harm"] == 0.5
    assert read_results(result(flags), 1)[0]["self-harm"] == 0.2
