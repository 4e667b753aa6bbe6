"""What the gateway judges: the question, all that was said before, and calls of tools; and who speaks."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from gateway_stand import BAD, WATCHED, standing, text_of, user

from rostra.chat import Piece, ToolCall

MASKED = """
[policies.default.categories]
custom = { flag = 0.1, block = 0.5, action = "mask" }
"""


def called(arguments: str, text: str | None = None) -> dict[str, Any]:
    call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": arguments}}
    return {"role": "assistant", "content": text, "tool_calls": [call]}


def tool(text: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": "c1", "content": text}


def conversations(word: str) -> Sequence[Sequence[Mapping[str, Any]]]:
    harm = f"It is a {word}."
    fine = called('{"town": "Bonn"}')
    return (
        [user(harm)],
        [user(harm), {"role": "assistant", "content": "No."}, user("Fine?")],
        [user("Hello"), {"role": "assistant", "content": harm}, user("Fine?")],
        [user("Hello"), fine, tool(harm)],
        [user("Hello"), fine, tool("sun"), user("Fine?"), {"role": "assistant", "content": harm}],
        [user("Hello"), called(json.dumps({"town": word})), tool("sun")],
        [{"role": "user", "content": [{"type": "text", "text": "Say"}, {"type": "text", "text": harm}]}],
    )


@pytest.mark.parametrize("word", [BAD, "kaboom"])
async def test_harm_anywhere_in_the_conversation_is_refused_before_the_model_is_asked(
    tmp_path: Path, word: str
) -> None:
    async with standing(tmp_path, more=WATCHED) as stand:
        for said in conversations(word):
            choice = (await stand.answer(said))["choices"][0]
            assert choice["finish_reason"] == "content_filter", said
            events = await stand.streamed(said)
            assert text_of(events) == choice["message"]["content"], said
        assert not stand.model().asked
        for said in conversations("good thing"):
            assert (await stand.answer(said))["choices"][0]["finish_reason"] == "stop", said


async def test_harm_that_is_blotted_out_is_so_wherever_it_was_said(tmp_path: Path) -> None:
    said = [
        user(f"A {BAD}."),
        called(json.dumps({"town": BAD}), f"One {BAD}, two."),
        tool(f"There: {BAD}."),
        user(f"Another {BAD}?"),
    ]
    async with standing(tmp_path, more=MASKED) as stand:
        await stand.answer(said)
        (asked, _), *_ = stand.model().asked
    assert BAD not in repr(asked)
    _, first, call, given, last = asked
    assert first.text == "A [custom]."
    assert (call.text, call.calls) == (
        "One [custom], two.",
        (ToolCall(id="c1", name="weather", arguments='{"town": "[custom]"}'),),
    )
    assert given.text == "There: [custom]."
    assert last.text == "Another [custom]?"


async def test_what_cannot_be_seen_reaches_no_model_and_calls_stay_calls(tmp_path: Path) -> None:
    said = [user("He\u200bllo"), called('{"town": "Bo\u200bnn"}'), tool("su\u200bn")]
    async with standing(tmp_path) as stand:
        await stand.answer(said)
        (_, asked, call, given), _ = stand.model().asked[0]
    assert (asked.text, call.text, given.text) == ("Hello", "", "sun")
    assert [one.arguments for one in call.calls] == ['{"town": "Bonn"}']


async def test_tokens_of_what_was_blotted_out_are_not_told(tmp_path: Path) -> None:
    async with standing(tmp_path, more=MASKED) as stand:
        stand.model().script["Hello"] = [
            Piece(text=text, logprobs=(-0.5,)) for text in ("It is ", BAD, ". And ", "more.")
        ]
        events = await stand.streamed("Hello", logprobs=True)
        whole = await stand.answer("Hello", logprobs=True)
    assert text_of(events) == whole["choices"][0]["message"]["content"] == "It is [custom]. And more."
    assert BAD not in json.dumps([events, whole])
    assert str(list(BAD.encode())) not in str([events, whole])


async def test_a_call_in_which_something_would_be_blotted_out_is_not_passed_on(tmp_path: Path) -> None:
    call = ToolCall(id="c1", name="weather", arguments=json.dumps({"town": BAD}))
    tools = [{"type": "function", "function": {"name": "weather"}}]
    async with standing(tmp_path, more=MASKED) as stand:
        stand.model().script["Well?"] = ["Let me see. ", Piece(calls=(call,), finish="tool_calls")]
        whole = await stand.answer("Well?", tools=tools)
        events = await stand.streamed("Well?", tools=tools)
    for said in (whole, events):
        assert BAD not in json.dumps(said)
        assert "tool_calls" not in json.dumps(said)
        assert "content_filter" in json.dumps(said)


async def test_the_persona_speaks_unless_the_client_brings_a_prompt(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        await stand.answer("Hello")
        await stand.answer([{"role": "system", "content": "You are theirs."}, user("Hello")])
        await stand.answer([{"role": "system", "content": ""}, user("Hello")])
        first, second, third = [messages[0].text for messages, _ in stand.model().asked]
    assert (first, second, third) == ("You are the persona.", "You are theirs.", "You are the persona.")


async def test_an_answer_that_nobody_could_judge_is_not_given(tmp_path: Path) -> None:
    async with standing(tmp_path, more=WATCHED) as stand:
        stand.model().broken = True
        choice = (await stand.answer("Hello"))["choices"][0]
        assert choice["finish_reason"] == "content_filter"
        assert not stand.model().asked
        reply = await stand.client.post("/v1/moderations", json={"input": "Hello"})
    assert (reply.status_code, reply.json()["error"]["code"]) == (503, "moderation_unavailable")


async def test_texts_are_judged_in_the_shapes_of_others_by_the_same_moderators(tmp_path: Path) -> None:
    async with standing(tmp_path, more=WATCHED) as stand:
        reply = await stand.client.post("/v1/moderations", json={"input": ["Hello", "kaboom", f"a {BAD}"]})
        comment: Mapping[str, Any] = {
            "comment": {"text": "kaboom"},
            "requestedAttributes": {"THREAT": {}, "INSULT": {}},
        }
        scored = (await stand.client.post("/v1alpha1/comments:analyze", json=comment)).json()
    results = reply.json()["results"]
    assert [one["flagged"] for one in results] == [False, True, True]
    assert (results[1]["categories"]["violence"], results[1]["category_scores"]["violence"]) == (True, 1.0)
    values = {name: one["summaryScore"]["value"] for name, one in scored["attributeScores"].items()}
    assert values == {"THREAT": 1.0, "INSULT": 0.0}
