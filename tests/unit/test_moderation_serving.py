"""Our own moderation in the shapes of OpenAI's moderation endpoint and of the Perspective API."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from rostra.errors import ModerationError
from rostra.verdicts import Decision, Passage, Span, Verdict
from rostra_moderation.openai_shape import KEYS, read_results, write_result
from rostra_moderation.perspective import ATTRIBUTES
from rostra_moderation.serving import PATHS, Serving, serve

SPAN = Span(start=4, end=8, category="harassment")


@dataclass(slots=True, kw_only=True)
class Court:
    """Judges by words, like a whole moderation would."""

    words: Mapping[str, Verdict] = field(default_factory=dict[str, Verdict])
    seen: list[Passage] = field(default_factory=list[Passage])

    async def judge(self, passage: Passage) -> Verdict:
        self.seen.append(passage)
        for word, verdict in self.words.items():
            if word in passage.text:
                return verdict
        return verdict_of({"violence": 0.01})


class Broken:
    async def judge(self, passage: Passage) -> Verdict:
        raise ModerationError("the secret of it")


def verdict_of(scores: Mapping[str, float], decision: Decision = Decision.ALLOW, **more: Any) -> Verdict:
    return Verdict(decision=decision, source="policy", categories=scores, **more)


RUDE = verdict_of({"harassment": 0.8, "hate/threatening": 0.3}, Decision.BLOCK, spans=(SPAN,))
COURT = {"rude": RUDE, "spam": verdict_of({"spam": 1.0}, Decision.BLOCK)}


def serving() -> Serving:
    return Serving(judging=Court(words=COURT))


async def moderations(request: object, served: Serving | None = None) -> tuple[int, dict[str, Any]]:
    reply = await serve(served or serving(), request, "openai")
    json.dumps(reply.body)
    return reply.status, reply.body


async def analysis(request: object, served: Serving | None = None) -> tuple[int, dict[str, Any]]:
    reply = await serve(served or serving(), request, "perspective")
    json.dumps(reply.body)
    return reply.status, reply.body


async def test_an_answer_has_the_shape_of_openais_to_the_key() -> None:
    status, body = await moderations({"model": "omni-moderation-latest", "input": "so rude"})
    assert status == 200
    assert list(body) == ["id", "model", "results"]
    assert body["id"].startswith("modr-")
    assert body["model"] == "rostra-moderation"
    (result,) = body["results"]
    assert list(result) == ["flagged", "categories", "category_scores", "category_applied_input_types"]
    assert result["flagged"] is True
    for table in ("categories", "category_scores", "category_applied_input_types"):
        assert tuple(result[table]) == KEYS
    assert len(KEYS) == 13
    assert result["categories"]["harassment"] is True
    assert result["category_scores"]["harassment"] == 0.8
    assert all(types == ["text"] for types in result["category_applied_input_types"].values())


async def test_a_wider_category_is_never_below_what_is_part_of_it() -> None:
    _, body = await moderations({"input": "so rude"})
    scores = body["results"][0]["category_scores"]
    assert scores["hate"] == scores["hate/threatening"] == 0.3
    assert body["results"][0]["categories"]["hate"] is False


async def test_what_we_serve_is_what_we_read() -> None:
    _, body = await moderations({"input": ["so rude", "hello"]})
    rude, nice = read_results(json.dumps(body).encode(), 2)
    assert (rude["harassment"], nice["harassment"], nice["violence"]) == (0.8, 0.0, 0.01)


async def test_several_texts_get_several_results_in_order() -> None:
    court = Court(words=COURT)
    _, body = await moderations(
        {"input": ["hello", "so rude", "bye", "rude!"]}, Serving(judging=court, concurrent=2)
    )
    assert [each["flagged"] for each in body["results"]] == [False, True, False, True]
    assert [each.text for each in court.seen] == ["hello", "so rude", "bye", "rude!"]


async def test_parts_are_one_input() -> None:
    court = Court(words=COURT)
    parts = [{"type": "text", "text": "so"}, {"type": "text", "text": "rude"}]
    _, body = await moderations({"input": parts}, Serving(judging=court))
    assert len(body["results"]) == 1
    assert [each.text for each in court.seen] == ["so\nrude"]


async def test_a_block_without_a_key_of_its_own_is_flagged_all_the_same() -> None:
    _, body = await moderations({"input": "spam"})
    assert body["results"][0]["flagged"] is True
    assert not any(body["results"][0]["categories"].values())


async def test_the_limits_of_a_policy_make_the_booleans() -> None:
    _, body = await moderations(
        {"input": "so rude"},
        Serving(judging=Court(words=COURT), limit=lambda name: 0.2 if name == "hate" else 0.9),
    )
    true = [name for name, value in body["results"][0]["categories"].items() if value]
    assert true == ["hate"]


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        ({}, "'input' is missing"),
        (None, "'input' is not understood"),
        ([], "'input' is not understood"),
        ({"input": 7}, "'input' is not understood"),
        ({"input": []}, "at least one text"),
        ({"input": [["nested"]]}, "'input' is not understood"),
        ({"input": ["one", {"type": "text", "text": "two"}]}, "'input' is not understood"),
        (
            {"input": [{"type": "image_url", "image_url": {"url": "https://x"}}]},
            "type 'image_url' cannot be judged",
        ),
        ({"input": [{"type": "text"}]}, "with a 'text'"),
        ({"input": "secret", "model": 7}, "'model', if it is there, a text"),
        ({"input": ["secret"] * 65}, "has 65 texts; 64 are allowed"),
        ({"input": ["", "secret" * 20_000]}, "120000 characters; 100000 are allowed"),
    ],
)
async def test_a_request_that_is_wrong_is_explained_as_openai_does(request_: object, says: str) -> None:
    court = Court()
    status, body = await moderations(request_, Serving(judging=court))
    assert status == 400
    assert list(body) == ["error"]
    assert set(body["error"]) == {"message", "type", "param", "code"}
    assert (body["error"]["type"], body["error"]["param"]) == ("invalid_request_error", "input")
    assert says in body["error"]["message"]
    assert "secret" not in body["error"]["message"]
    assert court.seen == []


@pytest.mark.parametrize("kind", ["error", "timeout"])
async def test_what_could_not_be_judged_is_an_error_and_never_harmless(kind: str) -> None:
    court = Court(words={"": verdict_of({}, Decision.ALLOW, kind=kind)})
    status, body = await moderations({"input": ["a", "b"]}, Serving(judging=court))
    assert status == 503
    assert body["error"]["type"] == "server_error"
    status, body = await analysis(comment("a"), Serving(judging=court))
    assert status == 503
    assert body["error"]["status"] == "UNAVAILABLE"


async def test_a_moderator_that_raises_is_an_error_without_its_words() -> None:
    for status, body in [
        await moderations({"input": ["a", "b"]}, Serving(judging=Broken())),
        await analysis(comment("a"), Serving(judging=Broken())),
    ]:
        assert status == 503
        assert "secret" not in json.dumps(body)


def comment(text: str, *attributes: str, **more: object) -> dict[str, object]:
    asked: dict[str, object] = {name: {} for name in attributes or ("TOXICITY",)}
    return {"comment": {"text": text}, "requestedAttributes": asked, **more}


async def test_an_analysis_has_the_shape_of_perspectives() -> None:
    request = comment("you rude", "TOXICITY", "THREAT", clientToken="mine", languages=["en"], doNotStore=True)
    status, body = await analysis(request, Serving(judging=Court(words=COURT), language_of=lambda _: "de"))
    assert status == 200
    assert body == {
        "attributeScores": {
            "TOXICITY": {
                "spanScores": [{"begin": 0, "end": 8, "score": {"value": 0.8, "type": "PROBABILITY"}}],
                "summaryScore": {"value": 0.8, "type": "PROBABILITY"},
            },
            "THREAT": {
                "spanScores": [{"begin": 0, "end": 8, "score": {"value": 0.3, "type": "PROBABILITY"}}],
                "summaryScore": {"value": 0.3, "type": "PROBABILITY"},
            },
        },
        "languages": ["en"],
        "detectedLanguages": ["de"],
        "clientToken": "mine",
    }


async def test_without_a_language_the_detected_one_is_told_and_without_that_none() -> None:
    _, body = await analysis(
        comment("hello"), Serving(judging=Court(words=COURT), language_of=lambda _: "en")
    )
    assert (body["languages"], body["detectedLanguages"]) == (["en"], ["en"])
    _, body = await analysis(comment("hello"))
    assert body["languages"] == ["und"]
    assert "clientToken" not in body


@pytest.mark.parametrize("attribute", ATTRIBUTES)
async def test_each_attribute_follows_each_of_its_categories_and_no_other(attribute: str) -> None:
    for category in KEYS:
        court = Court(words={"x": verdict_of({category: 0.7})})
        _, body = await analysis(comment("x", attribute), Serving(judging=court))
        value = body["attributeScores"][attribute]["summaryScore"]["value"]
        assert value == (0.7 if category in ATTRIBUTES[attribute] else 0.0), category


async def test_spans_are_given_where_they_are_asked_for() -> None:
    _, body = await analysis(comment("you rude", "INSULT", "THREAT", spanAnnotations=True))
    spans = body["attributeScores"]["INSULT"]["spanScores"]
    assert [(each["begin"], each["end"]) for each in spans] == [(0, 8), (4, 8)]
    assert (
        len(body["attributeScores"]["THREAT"]["spanScores"]) == 2
        if "harassment" in ATTRIBUTES["THREAT"]
        else 1
    )


async def test_a_score_below_its_threshold_is_left_out() -> None:
    request = comment("you rude")
    request["requestedAttributes"] = {"TOXICITY": {"scoreThreshold": 0.8}, "THREAT": {"scoreThreshold": 0.31}}
    _, body = await analysis(request)
    assert list(body["attributeScores"]) == ["TOXICITY"]


@pytest.mark.parametrize(
    ("request_", "says", "kind"),
    [
        ({}, "'comment' is missing or wrong", None),
        (7, "'the request' is missing or wrong", None),
        ({"comment": {"text": "secret"}}, "'requestedAttributes' is missing or wrong", None),
        ({"comment": {"text": "secret"}, "requestedAttributes": {}}, "must name some of TOXICITY", None),
        (comment("secret", "FLIRTATION"), "no attribute 'FLIRTATION'; there are TOXICITY, SEVERE", None),
        (comment("secret", spanAnnotations="yes"), "'spanAnnotations' is missing or wrong", None),
        (comment("  "), "is empty", "COMMENT_EMPTY"),
        (comment("ä" * 10_241), "has 20482 bytes; 20480 are allowed", "COMMENT_TOO_LONG"),
        ({**comment(""), "comment": {"text": "<b>secret</b>", "type": "HTML"}}, "send 'PLAIN_TEXT'", None),
    ],
)
async def test_an_analysis_that_is_wrong_is_explained_as_google_does(
    request_: object, says: str, kind: str | None
) -> None:
    court = Court()
    status, body = await analysis(request_, Serving(judging=court))
    assert status == 400
    assert (body["error"]["code"], body["error"]["status"]) == (400, "INVALID_ARGUMENT")
    assert says in body["error"]["message"]
    assert "secret" not in json.dumps(body)
    assert [each["errorType"] for each in body["error"].get("details", [])] == ([kind] if kind else [])
    assert court.seen == []


async def test_lone_surrogates_and_other_oddities_are_served() -> None:
    for text in ("\ud83d", "\0", "\u202e", ""):
        status, _ = await moderations({"input": text})
        assert status == 200
    status, _ = await analysis(comment("\ud83d"))
    assert status == 200


def test_a_score_that_is_no_number_counts_as_the_worst() -> None:
    result = write_result(verdict_of({"hate": 0.1, "hate/threatening": float("nan")}), lambda _: 0.5)
    assert result["flagged"] is True


def test_the_paths_are_those_of_the_apis() -> None:
    assert PATHS == {"/v1/moderations": "openai", "/v1alpha1/comments:analyze": "perspective"}
