"""What the gateway makes of a request: every field, what it refuses, and how it says so."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from gateway_stand import CHAT, Stand, body, error_of, standing, user

from rostra.chat import Tool
from rostra_models.remote.testing import FakeServer

WEATHER = {
    "type": "function",
    "function": {"name": "weather", "description": "Tell it", "parameters": {"type": "object"}},
}
CALLED = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"id": "call_9", "type": "function", "function": {"name": "weather", "arguments": "{}"}}],
}


async def test_an_answer_has_all_fields_that_clients_read(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        answer = await stand.answer("Hello my friend")
    assert answer["id"].startswith("chatcmpl-")
    assert answer.pop("id") != answer.pop("created")
    assert answer == {
        "object": "chat.completion",
        "model": "script",
        "system_fingerprint": None,
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "Hello my friend", "refusal": None},
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
            "prompt_tokens": 7,
            "completion_tokens": 3,
            "total_tokens": 10,
            "prompt_tokens_details": {"cached_tokens": 0},
        },
    }


async def test_what_is_asked_for_is_what_the_model_is_asked_for(tmp_path: Path) -> None:
    async with standing(tmp_path, max_tokens=300) as stand:
        await stand.answer(
            "Hello",
            temperature=0,
            top_p=0.25,
            max_completion_tokens=200,
            max_tokens=9,
            stop=["END", ""],
            seed=-5,
            tools=[WEATHER],
            tool_choice="none",
            parallel_tool_calls=False,
            response_format={"type": "json_object"},
            store=True,
            metadata={"shop": "1"},
        )
        await stand.answer("Hello", max_tokens=9, stop="END", temperature=None, n=None, stream=None)
        await stand.answer("Hello", max_tokens=10**6)
        first, second, third = [sampling for _, sampling in stand.model().asked]
    assert (first.temperature, first.top_p, first.max_tokens, first.stop) == (0, 0.25, 200, ("END",))
    assert first.seed == -5
    assert first.tools == (Tool(name="weather", description="Tell it", parameters='{"type": "object"}'),)
    assert dict(first.more) == {
        "tool_choice": '"none"',
        "parallel_tool_calls": "false",
        "response_format": '{"type": "json_object"}',
    }
    assert (second.max_tokens, second.stop, second.temperature, second.seed) == (9, ("END",), None, None)
    assert third.max_tokens == 300, "the most that the settings allow"


async def test_a_conversation_reaches_the_model_as_it_is(tmp_path: Path) -> None:
    said = [
        {"role": "developer", "content": "Be brief."},
        {"role": "system", "content": [{"type": "text", "text": "Be"}, {"type": "text", "text": "kind."}]},
        user("What is the weather?"),
        {**CALLED, "refusal": None, "name": "bot"},
        {"role": "tool", "tool_call_id": "call_9", "content": "sun"},
        {"role": "assistant", "content": "Sunny."},
        user("And there?"),
        {**CALLED, "content": "Let me see."},
        {"role": "tool", "tool_call_id": "call_9", "content": "rain"},
    ]
    async with standing(tmp_path) as stand:
        answer = await stand.answer(said)
        asked = stand.model().asked[0][0]
    assert answer["choices"][0]["message"]["content"] == "rain"
    assert [(one.role, one.text, len(one.calls), one.call) for one in asked] == [
        ("system", "Be brief.\n\nBe\nkind.", 0, ""),
        ("user", "What is the weather?", 0, ""),
        ("assistant", "", 1, ""),
        ("tool", "sun", 0, "call_9"),
        ("assistant", "Sunny.", 0, ""),
        ("user", "And there?", 0, ""),
        ("assistant", "Let me see.", 1, ""),
        ("tool", "rain", 0, "call_9"),
    ]
    assert (asked[2].calls[0].id, asked[2].calls[0].name, asked[2].calls[0].arguments) == (
        "call_9",
        "weather",
        "{}",
    )


async def test_several_choices_are_drawn_with_seeds_of_their_own_and_share_the_prompt(tmp_path: Path) -> None:
    async with standing(tmp_path, choices=3) as stand:
        answer = await stand.answer("Hello", n=3, seed=40)
        seeds = sorted(sampling.seed or 0 for _, sampling in stand.model().asked)
        status, error = await stand.refused("Hello", n=4)
    assert [one["index"] for one in answer["choices"]] == [0, 1, 2]
    assert seeds == [40, 41, 42]
    assert (answer["usage"]["prompt_tokens"], answer["usage"]["completion_tokens"]) == (7, 9)
    assert (status, error["param"]) == (400, "n")


async def test_logprobs_are_given_where_they_are_asked_for_and_the_model_has_them(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        with_them = await stand.answer("Hello you", logprobs=True)
        stand.model().script["plain"] = ["No ", "figures."]
        without = await stand.answer("plain")
        unknown = await stand.answer("plain", logprobs=True)
        status, error = await stand.refused("Hello", logprobs=True, top_logprobs=2)
    found = with_them["choices"][0]["logprobs"]
    assert [(one["token"], one["logprob"]) for one in found["content"]] == [("Hello ", -0.5), ("you", -0.5)]
    assert bytes(found["content"][0]["bytes"]) == b"Hello "
    assert without["choices"][0]["logprobs"] is None
    assert unknown["choices"][0]["logprobs"] is None, "nobody knows, which is not the same as certain"
    assert (status, error["param"], error["code"]) == (400, "top_logprobs", "unsupported_parameter")


async def test_tools_are_called_and_what_they_gave_is_answered(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        first = (await stand.answer("Weather?", tools=[WEATHER]))["choices"][0]
        again = [
            user("Weather?"),
            first["message"],
            {"role": "tool", "tool_call_id": "call_1", "content": "sun"},
        ]
        second = (await stand.answer(again, tools=[WEATHER]))["choices"][0]
    assert first["finish_reason"] == "tool_calls"
    assert first["message"]["content"] is None
    assert first["message"]["tool_calls"] == [
        {
            "id": "call_1",
            "type": "function",
            "function": {"name": "weather", "arguments": '{"town": "Bonn"}'},
        }
    ]
    assert (second["message"]["content"], second["finish_reason"]) == ("sun", "stop")


PART: Mapping[str, Any] = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
WRONG: list[tuple[str, dict[str, Any], str | None, str | None]] = [
    ("no model of that name", {"model": "gpt-9"}, "model", "model_not_found"),
    ("an empty name", {"model": ""}, "model", None),
    ("no messages", {"messages": []}, "messages", None),
    ("nobody asks", {"messages": [{"role": "assistant", "content": "x"}]}, "messages", None),
    ("a blank question", {"messages": [user(" \n")]}, "messages", None),
    ("an unknown role", {"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role", None),
    ("a message that is none", {"messages": [user("x"), 7]}, "messages[1]", None),
    ("content of no kind", {"messages": [user("x"), {"role": "user", "content": 7}]}, "messages[1].content", None),
    ("an image", {"messages": [{"role": "user", "content": [{"type": "text", "text": "x"}, PART]}]},
     "messages[0].content[1]", "unsupported_content"),
    ("a part without text", {"messages": [{"role": "user", "content": [{"type": "text"}]}]},
     "messages[0].content[0]", "unsupported_content"),
    ("a tool that answers no call", {"messages": [user("x"), {"role": "tool", "content": "x"}]}, "messages[1]", None),
    ("a call without a function", {"messages": [user("x"), {"role": "assistant", "tool_calls": [{"id": "1"}]}]},
     "messages[1].tool_calls[0].function", None),
    ("a temperature beyond", {"temperature": 2.1}, "temperature", None),
    ("a temperature as text", {"temperature": "0.1"}, "temperature", None),
    ("no share at all", {"top_p": 0}, "top_p", None),
    ("no tokens", {"max_tokens": 0}, "max_tokens", None),
    ("half a token", {"max_completion_tokens": 1.5}, "max_completion_tokens", None),
    ("a seed beyond 64 bits", {"seed": 2**63}, "seed", None),
    ("no choice", {"n": 0}, "n", None),
    ("true as a number", {"n": True}, "n", None),
    ("too many stops", {"stop": ["x"] * 17}, "stop", None),
    ("a penalty beyond", {"presence_penalty": 3}, "presence_penalty", None),
    ("a stream of text", {"stream": "yes"}, "stream", None),
    ("a name with spaces", {"tools": [{"type": "function", "function": {"name": "a b"}}]},
     "tools[0].function.name", None),
    ("a tool that is no function", {"tools": [{"type": "custom", "custom": {}}]}, "tools[0].type", None),
    ("functions of old", {"functions": [{"name": "f"}]}, "functions", None),
    ("a voice", {"modalities": ["text", "audio"]}, "modalities[1]", None),
    ("the web", {"web_search_options": {}}, "web_search_options", None),
]  # fmt: skip


@pytest.mark.slow
async def test_what_is_wrong_is_refused_by_the_name_of_the_field_and_not_quoted(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        for what, changed, param, code in WRONG:
            reply = await stand.client.post(CHAT, json={**body("Hello"), **changed})
            error = error_of(reply)
            assert reply.status_code == (404 if code == "model_not_found" else 400), what
            assert (error["param"], error["code"]) == (param, code), what
            assert error["type"] == "invalid_request_error", what
            assert "robot" not in reply.text, what
            assert "base64" not in reply.text, what
        assert not stand.model().asked


NONE = (b"", b"{", b"[]", b'"text"', b"[" * 1500, b'{"a": "\xff"}', b'{"messages": "\\ud800"}', b"null")


async def test_a_body_that_is_no_request_is_refused(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        for sent in NONE:
            for path in (CHAT, "/v1/moderations", "/v1alpha1/comments:analyze"):
                reply = await stand.client.post(path, content=sent)
                assert reply.status_code == 400, (path, sent)
                assert "message" in reply.json()["error"]


async def test_a_number_that_json_has_not_goes_to_no_model(tmp_path: Path) -> None:
    tool = '{"type": "function", "function": {"name": "f", "parameters": {"most": NaN}}}'
    async with standing(tmp_path) as stand:
        for more in (
            f'"tools": [{tool}]',
            '"response_format": {"most": Infinity}',
            '"temperature": NaN',
            '"logit_bias": {"5": Infinity}',
        ):
            sent = f'{{"model": "script", "messages": [{{"role": "user", "content": "x"}}], {more}}}'
            assert (await stand.client.post(CHAT, content=sent)).status_code == 400, more
            assert not stand.model().asked


async def test_a_model_is_not_asked_for_what_it_does_not_take(tmp_path: Path) -> None:
    more: Mapping[str, Any] = {
        "tools": [WEATHER],
        "tool_choice": "required",
        "response_format": {"type": "json_object"},
        "parallel_tool_calls": True,
        "frequency_penalty": 1,
        "presence_penalty": -1,
        "logit_bias": {"5": 1},
        "reasoning_effort": "low",
    }
    nothing: Mapping[str, Any] = {
        "tools": [],
        "tool_choice": "auto",
        "response_format": {"type": "text"},
        "frequency_penalty": 0,
        "presence_penalty": 0.0,
        "logit_bias": {},
        "logprobs": False,
    }
    async with standing(tmp_path) as stand:
        for name, value in more.items():
            status, error = await stand.refused("Hello", model="plain", **{name: value})
            assert (status, error["param"], error["code"]) == (400, name, "unsupported_parameter")
        assert not stand.model("plain").asked
        await stand.answer("Hello", model="plain", **nothing)
        assert stand.model("plain").asked[0][1].more == ()


FAR = """
[models.far]
kind = "remote"
url = "{url}"
model = "echo"
retries = 0
"""


async def test_what_a_server_takes_goes_through_to_it(tmp_path: Path) -> None:
    server = FakeServer()
    schema = {"type": "json_schema", "json_schema": {"name": "town", "schema": {"type": "object"}}}
    more: Mapping[str, Any] = {
        "response_format": schema,
        "tool_choice": {"type": "function", "function": {"name": "weather"}},
        "frequency_penalty": 0.5,
        "logit_bias": {"50": -100},
        "seed": 3,
        "stop": ["END"],
        "reasoning_effort": "low",
    }
    async with server.listening() as url, standing(tmp_path, more=FAR.format(url=url)) as stand:
        await stand.answer("Hello", model="far", tools=[WEATHER], **more)
    sent = server.asked[0].body
    assert {name: sent[name] for name in more} == dict(more)
    assert sent["tools"] == [WEATHER]
    assert sent["messages"][0] == {"role": "system", "content": "You are the persona."}


async def test_a_conversation_that_does_not_fit_is_not_cut_short_in_secret(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        status, error = await stand.refused("word " * 80, model="tiny")
        assert not stand.model("tiny").asked
    assert (status, error["code"], error["param"]) == (400, "context_length_exceeded", "messages")


async def listed(stand: Stand) -> list[str]:
    return [one["id"] for one in (await stand.client.get("/v1/models")).json()["data"]]


async def test_models_are_listed_by_the_names_that_can_be_asked(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        names = await listed(stand)
        assert {"default", "script", "plain", "tiny"} <= set(names)
        for name in names:
            assert (await stand.client.get(f"/v1/models/{name}")).json()["id"] == name
            assert (await stand.ask("Hello", model=name)).status_code == 200
        reply = await stand.client.get("/v1/models/gpt-9")
        assert (reply.status_code, error_of(reply)["code"]) == (404, "model_not_found")


async def test_paths_and_methods_that_are_not_there_are_told_in_the_same_shape(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        for path in ("/v1/nothing/here", "/v1/models/", "/v1/why/{}"):
            reply = await stand.client.get(path)
            assert (reply.status_code, error_of(reply)["code"]) == (404, "unknown_url"), path
        for method, path, allowed in (
            ("PUT", CHAT, "POST"),
            ("GET", CHAT, "POST"),
            ("DELETE", "/v1/models", "GET"),
            ("GET", "/v1/moderations", "POST"),
        ):
            reply = await stand.client.request(method, path)
            assert (reply.status_code, error_of(reply)["code"]) == (405, "method_not_allowed")
            assert reply.headers["allow"] == allowed
        for reply in (await stand.client.get("/v1/models"), await stand.ask("x"), await stand.ask("")):
            assert reply.headers["x-request-id"].startswith("req_")


async def test_the_document_names_every_path_and_the_fields_of_a_request(tmp_path: Path) -> None:
    async with standing(tmp_path) as stand:
        found = (await stand.client.get("/v1/openapi.json")).json()
    assert set(found["paths"]) >= {
        CHAT,
        "/v1/models",
        "/v1/models/{id}",
        "/v1/why/{id}",
        "/v1/moderations",
        "/v1alpha1/comments:analyze",
    }
    fields = found["components"]["schemas"]["ChatRequest"]["properties"]
    assert {"messages", "model", "stream", "tools", "response_format"} <= set(fields)
    assert "rostra" in json.dumps(found["info"]).lower()
