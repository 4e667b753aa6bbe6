"""Answers of the gateway as they come: what is sent when, how they end, and what happens when nobody listens."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path
from typing import Any

import pytest
from gateway_models import WORDS, Take
from gateway_stand import BAD, CHAT, WATCHED, body, finishes, standing, text_of

from rostra.chat import Piece, ToolCall, Usage
from rostra.errors import ModelError
from rostra.testing.clock import ManualClock

NAMES = ("one", "two", "three")
REFUSAL = "I can't help with that here."
TOOLS = [{"type": "function", "function": {"name": "weather"}}]


async def test_a_stream_begins_with_the_role_goes_on_with_text_and_ends_with_how(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        stand.model().script["Hello"] = ["One. ", "Two. ", "Three."]
        events = await stand.streamed("Hello")
    assert {event["object"] for event in events} == {"chat.completion.chunk"}
    assert len({(event["id"], event["created"], event["model"]) for event in events}) == 1
    deltas = [event["choices"][0]["delta"] for event in events]
    assert deltas[0] == {"role": "assistant", "content": ""}
    assert deltas[-1] == {}
    assert [delta["content"] for delta in deltas[1:-1]] == ["One.", " Two.", " Three."]
    assert finishes(events) == {0: "stop"}
    assert not any("usage" in event for event in events)


async def test_what_it_took_is_told_at_the_end_where_that_is_asked_for(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        events = await stand.streamed("Hello you", stream_options={"include_usage": True})
    assert events[-1]["choices"] == []
    assert (events[-1]["usage"]["prompt_tokens"], events[-1]["usage"]["completion_tokens"]) == (7, 3)
    assert finishes(events[:-1]) == {0: "stop"}


async def test_a_sentence_is_sent_while_the_next_is_still_being_written(tmp_path: Path) -> None:
    go_on = asyncio.Event()
    async with standing(tmp_path) as stand:
        stand.model().script["Hello"] = ["One. Two", go_on, " is done."]
        async with stand.streaming("Hello") as events:
            first = [await anext(events), await anext(events)]
            assert text_of(first) == "One."
            go_on.set()
            rest = [event async for event in events]
        assert text_of(rest) == " Two is done."


async def test_no_character_is_sent_before_everybody_has_judged_it(tmp_path: Path) -> None:
    said = "This is one. This is another! And does it end? It does, with a long last sentence"
    verdict = asyncio.Event()
    async with standing(tmp_path, more=WATCHED) as stand:
        model = stand.model()
        model.script["Hello"] = list(said)
        shown, judged = "", list[str]()
        async with stand.streaming("Hello") as events:
            async for event in events:
                shown += text_of([event])
                judged = [one.text for one in model.judged if one.direction == "answer"]
                assert not shown or any(text.startswith(shown) for text in judged), shown
        assert shown == said
        assert len({text for text in judged if text}) > 2, "it was judged piece by piece"
        model.verdict = verdict
        asked = asyncio.ensure_future(stand.client.post(CHAT, json=body("And now?", stream=True)))
        async with asyncio.timeout(5):
            while model.judged[-1].text != "And now?":
                model.changed.clear()
                await model.changed.wait()
        assert len(model.asked) == 1, "nobody is asked what was not judged"
        verdict.set()
        assert "And now?" in (await asked).text


@pytest.mark.parametrize("word", [BAD, "kaboom"])
async def test_an_answer_blocked_midway_ends_with_the_refusal_and_says_that_it_is_withdrawn(
    tmp_path: Path, word: str
) -> None:
    async with standing(tmp_path, more=WATCHED) as stand:
        stand.model().script["Hello"] = ["A good start. ", *f"It is a {word}, and more of that."]
        events = await stand.streamed("Hello")
    start, _, refusal = text_of(events).partition("\n\n")
    assert start == "A good start."
    assert refusal.startswith(("I can't help", "I won't help"))
    assert finishes(events) == {0: "content_filter"}
    assert events[-1]["choices"][0]["rostra"]["withdrawn"] is True
    assert word not in json.dumps(events)


async def test_a_refused_question_is_a_stream_with_the_refusal_alone(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        events = await stand.streamed(f"What is a {BAD}?")
        whole = (await stand.answer(f"What is a {BAD}?"))["choices"][0]
        assert not stand.model().asked
    assert text_of(events) == whole["message"]["content"] == REFUSAL
    assert finishes(events) == {0: whole["finish_reason"]} == {0: "content_filter"}
    assert whole["rostra"]["withdrawn"] is False


async def test_a_failure_before_the_first_word_is_an_error_of_http(tmp_path: Path) -> None:
    async with standing(tmp_path, more=WATCHED) as stand:
        stand.model().script["late"] = ["Not a whole sentence", ModelError(WORDS)]
        for question in ("fail", "late"):
            status, error = await stand.refused(question, stream=True)
            assert (status, error["code"], error["type"]) == (502, "model_failed", "server_error")
            assert WORDS not in json.dumps(error)
        stand.model().script["broken"] = [ConnectionRefusedError(WORDS)]
        for streams in (True, False):
            status, error = await stand.refused("broken", stream=streams)
            assert (status, error["message"]) == (500, "internal error")
        status, error = await stand.refused("word " * 120, model="tiny", stream=True)
        assert (status, error["code"]) == (400, "context_length_exceeded")


@pytest.mark.parametrize("wrong", [ModelError(WORDS), ValueError(WORDS), ConnectionResetError(WORDS)])
async def test_a_failure_after_the_first_word_is_an_event_and_the_last_one(
    tmp_path: Path, wrong: Exception
) -> None:
    async with standing(tmp_path) as stand:
        stand.model().script["Hello"] = ["A good start. And", wrong]
        async with stand.streaming("Hello") as events:
            found = [event async for event in events]
        assert stand.gateway.chat.busy == 0
    assert text_of(found) == "A good start."
    assert finishes(found) == {}
    assert found[-1]["error"]["type"] == "server_error"
    assert WORDS not in json.dumps(found)


async def test_several_choices_stream_side_by_side_and_end_each_by_itself(tmp_path: Path) -> None:
    gates = [asyncio.Event() for _ in range(3)]
    async with standing(tmp_path) as stand:
        model = stand.model()

        def take(number: int) -> Take:
            return (
                f"Start of {NAMES[number]}. And",
                gates[number],
                f" a {BAD}." if number == 1 else " so on.",
            )

        model.script["Hello"] = take
        async with stand.streaming("Hello", n=3, stream_options={"include_usage": True}) as events:
            found: list[dict[str, Any]] = []
            async for event in events:
                found.append(event)
                if len({one["index"] for each in found for one in each.get("choices", ())}) == 3:
                    for gate in gates:
                        gate.set()
    assert finishes(found) == {0: "stop", 1: "content_filter", 2: "stop"}
    assert text_of(found, 0) == "Start of one. And so on."
    assert text_of(found, 1) == f"Start of two.\n\n{REFUSAL}"
    assert found[-1] == {"done": True}
    assert found[-2]["usage"]["total_tokens"] > 0


async def test_logprobs_come_with_the_text_that_they_are_of(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        stand.model().script["Hello"] = [
            Piece(text=word, logprobs=(-0.25,)) for word in ("One", ". ", "Two", ".")
        ]
        events = await stand.streamed("Hello", logprobs=True)
        plain = await stand.streamed("Hello")
    shown, told = "", ""
    for event in events:
        shown += text_of([event])
        found = event["choices"][0]["logprobs"]
        told += "".join(one["token"] for one in found["content"]) if found else ""
        assert shown.startswith(told), "no token is told before its text was released"
    assert told == shown == "One. Two."
    assert all(event["choices"][0]["logprobs"] is None for event in plain)


async def test_calls_of_tools_come_in_a_stream_once_they_were_judged(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        stand.model().script["Well?"] = [
            "Let me see. ",
            Piece(calls=(ToolCall(id="c1", name="weather", arguments='{"town": "Bonn"}'),)),
            Piece(
                calls=(ToolCall(id="c2", name="weather", arguments='{"town": "Ulm"}'),), finish="tool_calls"
            ),
        ]
        events = await stand.streamed("Well?", tools=TOOLS)
    calls = [call for event in events for call in event["choices"][0]["delta"].get("tool_calls", ())]
    assert [(one["index"], one["id"], one["function"]["name"]) for one in calls] == [
        (0, "c1", "weather"),
        (1, "c2", "weather"),
    ]
    assert json.loads(calls[1]["function"]["arguments"]) == {"town": "Ulm"}
    assert text_of(events).rstrip() == "Let me see."
    assert finishes(events) == {0: "tool_calls"}


@pytest.mark.parametrize("word", [BAD, "kaboom"])
async def test_a_call_with_harm_in_it_is_not_passed_on(tmp_path: Path, word: str) -> None:
    call = ToolCall(id="c1", name="weather", arguments=json.dumps({"town": word}))
    async with standing(tmp_path, more=WATCHED) as stand:
        stand.model().script["Well?"] = ["Let me see. ", Piece(calls=(call,), finish="tool_calls")]
        events = await stand.streamed("Well?", tools=TOOLS)
        whole = await stand.answer("Well?", tools=TOOLS)
    for said in (events, whole):
        assert word not in json.dumps(said)
        assert "tool_calls" not in json.dumps(said)
    assert finishes(events) == {0: "content_filter"}
    assert whole["choices"][0]["finish_reason"] == "content_filter"


@pytest.mark.parametrize("streams", [True, False])
async def test_generation_ends_when_the_client_hangs_up(
    tmp_path: Path, streams: bool, caplog: pytest.LogCaptureFixture
) -> None:
    clock = ManualClock()
    never = asyncio.Event()
    async with standing(tmp_path, clock=clock) as stand:
        model = stand.model()
        model.script["Hello"] = ["A start. ", never]
        asked = asyncio.ensure_future(stand.client.post(CHAT, json=body("Hello", stream=streams)))
        await model.until(1)
        assert stand.gateway.chat.busy == 1
        asked.cancel()
        await asyncio.gather(asked, return_exceptions=True)
        async with asyncio.timeout(5):
            while model.open:
                await clock.advance(1)
        assert stand.gateway.chat.busy == 0
        assert (await stand.ask("Are you well?")).status_code == 200
    assert not [one for one in caplog.records if one.levelno >= logging.WARNING], "clients may hang up"


async def test_a_stream_that_has_nothing_to_say_for_long_says_so(tmp_path: Path) -> None:
    clock = ManualClock()
    go_on = asyncio.Event()
    async with standing(tmp_path, clock=clock) as stand:
        stand.model().script["Hello"] = ["A start. The", go_on, " end."]
        async with stand.streaming("Hello") as events:
            assert text_of([await anext(events), await anext(events)]) == "A start."
            coming = asyncio.ensure_future(anext(events))
            async with asyncio.timeout(5):
                while not coming.done():
                    await clock.advance(1)
            assert clock.monotonic() >= 14
            assert await coming == {"comment": ": still at it"}
            go_on.set()
            rest = [event async for event in events]
    assert text_of(rest) == " The end."
    assert rest[-1] == {"done": True}


async def test_a_model_that_takes_too_long_is_told_as_such(tmp_path: Path) -> None:
    clock = ManualClock()
    async with standing(tmp_path, clock=clock, more="[limits]\nanswer_seconds = 20") as stand:
        stand.model().script["Hello"] = [asyncio.Event()]
        asked = asyncio.ensure_future(stand.ask("Hello"))
        await stand.model().until(1)
        async with asyncio.timeout(5):
            while not asked.done():
                await clock.advance(1)
        reply = await asked
    assert (reply.status_code, reply.json()["error"]["code"]) == (504, "timeout")


async def test_what_was_cut_off_by_its_length_says_so(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        end = Piece(text="cut", finish="length", usage=Usage(prompt=1, completion=1))
        stand.model().script["Hello"] = ["It is ", end]
        assert finishes(await stand.streamed("Hello")) == {0: "length"}
        assert (await stand.answer("Hello"))["choices"][0]["finish_reason"] == "length"
