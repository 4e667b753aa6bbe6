"""What a remote model sends, and what it makes of what comes back."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from rostra.chat import Piece, Sampling, Tool, ToolCall, Usage, Utterance
from rostra.components import Services
from rostra.errors import ModelError, ModelMissing
from rostra.versions import ModelVersion, version_of
from rostra_models.remote.component import opened
from rostra_models.remote.model import RemoteModel
from rostra_models.remote.settings import RemoteSettings
from rostra_models.remote.speech import chunk
from rostra_models.remote.testing import Asked, Behaviour, Connection, FakeServer, refusing, saying, whole

SECRET = "the-secret-text"
KEY = "sk-very-secret"
HELLO = (Utterance(role="user", text="Hello my friend"),)
WEATHER = Tool(
    name="weather",
    description="Tell the weather",
    parameters='{"type": "object", "properties": {"town": {"type": "string"}}}',
)


@asynccontextmanager
async def asking(*script: Behaviour, **given: object) -> AsyncGenerator[tuple[RemoteModel, FakeServer]]:
    server = FakeServer(script=list(script))
    async with server.listening() as url:
        settings = RemoteSettings.model_validate(
            {"url": url, "model": "echo", "api_key": KEY, "retries": 0, **given}
        )
        async with opened(settings, Services(name="far", data=Path(), base=Path())) as model:
            yield model, server


async def heard(
    model: RemoteModel, messages: Sequence[Utterance] = HELLO, sampling: Sampling | None = None
) -> Sequence[Piece]:
    async with aclosing(model.stream(messages, sampling or Sampling())) as pieces:
        return [piece async for piece in pieces]


def text(pieces: Sequence[Piece], choice: int = 0) -> str:
    return "".join(piece.text for piece in pieces if piece.choice == choice)


async def version(**given: object) -> ModelVersion:
    known = {"url": "http://127.0.0.1:1/v1/", "model": "echo", "api_key": KEY, "headers": {"x-team": SECRET}}
    settings = RemoteSettings.model_validate({**known, **given})
    async with opened(settings, Services(name="far", data=Path(), base=Path())) as model:
        found = version_of(model)
    assert found is not None
    return found


async def test_it_says_which_model_of_which_server_it_is_and_nothing_secret() -> None:
    found = await version()
    assert found == ModelVersion(name="echo", kind="external", source="http://127.0.0.1:1/v1")
    assert found.id == (await version(api_key="another")).id
    assert found.id != (await version(model="other")).id
    assert found.id != (await version(url="http://127.0.0.1:2/v1")).id


async def sent(
    sampling: Sampling, messages: Sequence[Utterance] = HELLO, **given: object
) -> Mapping[str, Any]:
    async with asking(**given) as (model, server):
        await heard(model, messages, sampling)
    return server.asked[0].body


async def test_a_question_is_sent_with_what_was_set_and_nothing_else() -> None:
    assert await sent(Sampling(max_tokens=9)) == {
        "model": "echo",
        "messages": [{"role": "user", "content": "Hello my friend"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "max_tokens": 9,
    }
    sampling = Sampling(temperature=0.5, top_p=0.9, stop=("a", "", "b", "c", "d", "e"), seed=7)
    body = await sent(sampling, logprobs=True, extra={"reasoning_effort": "low", "temperature": 1})
    assert body["stop"] == ["a", "b", "c", "d"], "more than four are an error with many servers"
    assert (body["temperature"], body["top_p"], body["seed"]) == (1, 0.9, 7)
    assert (body["logprobs"], body["reasoning_effort"]) == (True, "low")


async def test_the_responses_api_is_asked_in_its_own_words_and_keeps_nothing() -> None:
    sampling = Sampling(max_tokens=9, temperature=0.5, top_p=0.9, seed=7, stop=("x",), tools=(WEATHER,))
    body = await sent(sampling, api="responses", logprobs=True)
    assert body == {
        "model": "echo",
        "input": [{"role": "user", "content": "Hello my friend"}],
        "stream": True,
        "store": False,
        "max_output_tokens": 9,
        "temperature": 0.5,
        "top_p": 0.9,
        "tools": [
            {
                "type": "function",
                "name": "weather",
                "description": "Tell the weather",
                "parameters": json.loads(WEATHER.parameters),
                "strict": False,
            }
        ],
        "include": ["message.output_text.logprobs"],
    }


async def test_a_preset_says_what_a_server_understands() -> None:
    sampling = Sampling(seed=7, max_tokens=9)
    mistral = await sent(sampling, preset="mistral", logprobs=True)
    assert mistral["random_seed"] == 7
    assert {"seed", "stream_options", "logprobs"}.isdisjoint(mistral)
    openai = await sent(sampling, preset="openai")
    assert openai["max_completion_tokens"] == 9
    assert "max_tokens" not in openai
    assert "seed" not in await sent(sampling, preset="deepseek")


async def test_headers_go_with_every_request() -> None:
    async with asking(headers={"X-Team": "red"}) as (model, server):
        await heard(model)
    (asked,) = server.asked
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert asked.headers["x-team"] == "red"
    assert asked.headers["accept-encoding"] == "identity"


async def test_tools_and_what_they_gave_are_passed_on() -> None:
    call = ToolCall(id="c1", name="weather", arguments='{"town": "Bonn"}')
    messages = (
        *HELLO,
        Utterance(role="assistant", text="", calls=(call,)),
        Utterance(role="tool", text="Rain.", call="c1"),
    )
    body = await sent(Sampling(tools=(WEATHER, Tool(name="now"))), messages)
    assert body["messages"][1:] == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "id": "c1",
                    "type": "function",
                    "function": {"name": "weather", "arguments": call.arguments},
                }
            ],
        },
        {"role": "tool", "content": "Rain.", "tool_call_id": "c1"},
    ]
    assert [tool["function"]["name"] for tool in body["tools"]] == ["weather", "now"]
    assert body["tools"][1]["function"]["parameters"] == {"type": "object", "properties": {}}
    body = await sent(Sampling(), messages, api="responses")
    assert body["input"][1:] == [
        {"type": "function_call", "call_id": "c1", "name": "weather", "arguments": call.arguments},
        {"type": "function_call_output", "call_id": "c1", "output": "Rain."},
    ]


async def test_a_tool_without_a_schema_is_refused_before_anybody_is_asked() -> None:
    async with asking() as (model, server):
        for wrong in ("[]", "{", "7"):
            with pytest.raises(ModelError, match="tool 'x': its parameters must be a JSON schema"):
                await heard(model, sampling=Sampling(tools=(Tool(name="x", parameters=wrong),)))
    assert server.asked == []


async def test_calls_are_put_together_from_their_parts() -> None:
    def part(index: int, arguments: str, **named: str) -> dict[str, Any]:
        function = {"arguments": arguments, **({"name": named["name"]} if named else {})}
        identity = {"id": named["id"], "type": "function"} if named else {}
        return chunk({"tool_calls": [{"index": index, "function": function, **identity}]})

    script = saying(
        chunk({"role": "assistant", "content": None}),
        part(0, "", id="a", name="weather"),
        part(0, '{"town":'),
        part(1, "{}", id="b", name="now"),
        part(0, ' "Bonn"}'),
        chunk({}, finish="tool_calls"),
        "[DONE]",
    )
    async with asking(script) as (model, _):
        pieces = await heard(model)
    (last,) = pieces
    assert last.calls == (
        ToolCall(id="a", name="weather", arguments='{"town": "Bonn"}'),
        ToolCall(id="b", name="now", arguments="{}"),
    )
    assert last.finish == "tool_calls"


async def test_calls_of_the_responses_api_are_put_together() -> None:
    item = {"type": "function_call", "id": "fc", "call_id": "a", "name": "weather", "arguments": ""}
    part = {"type": "response.function_call_arguments.delta", "item_id": "fc", "output_index": 1}
    script = saying(
        {"type": "response.reasoning_summary_text.delta", "delta": "hm"},
        {"type": "response.output_item.added", "output_index": 1, "item": item},
        {**part, "delta": '{"town":'},
        {**part, "delta": '"Bonn"}'},
        {"type": "response.function_call_arguments.done", "arguments": '{"town":"Bonn"}', "output_index": 1},
        {"type": "response.completed", "response": {"status": "completed", "usage": None}},
    )
    async with asking(script, api="responses") as (model, _):
        alive, last = await heard(model)
    assert (alive.text, alive.finish) == ("", None)
    assert last.calls == (ToolCall(id="a", name="weather", arguments='{"town":"Bonn"}'),)
    assert last.finish == "tool_calls"


@pytest.mark.parametrize(
    ("told", "ours"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("content_filter", "content_filter"),
        ("function_call", "tool_calls"),
        ("eos", "stop"),
        ("model_length", "length"),
    ],
)
async def test_reasons_to_finish_are_translated(told: str, ours: str) -> None:
    async with asking(saying(chunk({"content": "a"}), chunk({}, finish=told), "[DONE]")) as (model, _):
        assert (await heard(model))[-1].finish == ours


@pytest.mark.parametrize(
    ("reason", "ours"), [("max_output_tokens", "length"), ("content_filter", "content_filter")]
)
async def test_reasons_of_the_responses_api_are_translated(reason: str, ours: str) -> None:
    end = {"status": "incomplete", "incomplete_details": {"reason": reason}}
    script = saying(
        {"type": "response.output_text.delta", "delta": "a"},
        {"type": "response.incomplete", "response": end},
    )
    async with asking(script, api="responses") as (model, _):
        assert (await heard(model))[-1].finish == ours


async def test_a_refusal_is_shown_and_called_one() -> None:
    chat = saying(chunk({"refusal": "I will "}), chunk({"refusal": "not."}), chunk({}, finish="stop"))
    responses = saying(
        {"type": "response.refusal.delta", "delta": "I will not."},
        {"type": "response.completed", "response": {"status": "completed"}},
    )
    for api, script in (("chat", chat), ("responses", responses)):
        async with asking(script, api=api) as (model, _):
            pieces = await heard(model)
        assert text(pieces) == "I will not."
        assert pieces[-1].finish == "content_filter"


async def test_thoughts_are_not_shown_but_show_that_the_model_lives() -> None:
    script = saying(
        chunk({"reasoning_content": SECRET}),
        chunk({"reasoning": SECRET}),
        chunk({"content": "Yes."}),
        chunk({}, finish="stop"),
    )
    async with asking(script) as (model, _):
        pieces = await heard(model)
    assert [piece.text for piece in pieces] == ["", "Yes.", ""]


@pytest.mark.parametrize("api", ["chat", "responses"])
async def test_usage_is_told_with_what_it_cost(api: str) -> None:
    prices = {"price_prompt": 2.0, "price_cached": 1.0, "price_completion": 10.0}
    for script in ((), (whole,)):
        async with asking(*script, api=api, **prices) as (model, _):
            last = (await heard(model))[-1]
        assert last.usage is not None
        assert (last.usage.prompt, last.usage.completion, last.usage.cached) == (7, 4, 3)
        assert last.usage.cost == pytest.approx(51e-6)
    async with asking(api=api, price_completion=10.0) as (model, _):
        last = (await heard(model))[-1]
    assert last.usage is not None
    assert last.usage.cost == pytest.approx(40e-6)


async def test_without_prices_there_is_no_cost_and_without_usage_no_usage() -> None:
    async with asking() as (model, _):
        last = (await heard(model))[-1]
    assert last.usage == Usage(prompt=7, completion=4, cached=3)
    async with asking(preset="transformers") as (model, _):
        assert (await heard(model))[-1].usage is None


async def test_usage_that_cannot_be_is_read_as_nothing() -> None:
    usage = {"prompt_tokens": 5, "completion_tokens": -1, "prompt_tokens_details": {"cached_tokens": 10**30}}
    script = saying(chunk({"content": "a"}, finish="stop"), {**chunk({}), "choices": [], "usage": usage})
    async with asking(script) as (model, _):
        assert (await heard(model))[-1].usage == Usage(prompt=5, completion=0)


async def test_logprobs_come_with_their_text() -> None:
    async with asking(logprobs=True) as (model, _):
        pieces = await heard(model)
    assert [piece.logprobs for piece in pieces] == [(-0.25,)] * 4 + [None]
    async with asking(logprobs=True) as (model, _):
        pieces = await heard(model, sampling=Sampling(stop=("friend?",)))
    assert [(piece.text, piece.logprobs) for piece in pieces] == [
        ("Hell", (-0.25,)),
        ("o my", (-0.25,)),
        (" ", None),
        ("friend", (-0.25, -0.25)),
    ]


async def test_choices_come_from_one_request_where_the_server_can() -> None:
    async with asking(preset="vllm") as (model, server):
        pieces = await heard(model, sampling=Sampling(n=3, seed=5))
    assert [asked.body.get("n") for asked in server.asked] == [3]
    assert [text(pieces, choice) for choice in range(3)] == ["Hello my friend"] * 3
    ends = [piece for piece in pieces if piece.finish]
    assert [piece.choice for piece in ends] == [0, 1, 2]
    assert [piece.usage is not None for piece in ends] == [False, False, True]
    assert ends[-1].usage == Usage(prompt=7, completion=12, cached=3)


@pytest.mark.parametrize("given", [{}, {"preset": "vllm", "api": "responses"}])
async def test_choices_come_from_a_request_each_where_it_cannot(given: dict[str, object]) -> None:
    async with asking(**given) as (model, server):
        pieces = await heard(model, sampling=Sampling(n=3, seed=5))
    assert len(server.asked) == 3
    assert all("n" not in asked.body for asked in server.asked)
    assert [asked.body.get("seed") for asked in server.asked] == ([5, 6, 7] if not given else [None] * 3)
    assert [text(pieces, choice) for choice in range(3)] == ["Hello my friend"] * 3
    assert [piece.choice for piece in pieces if piece.finish] == [0, 1, 2]


async def test_choices_that_a_server_forgets_are_asked_for_again() -> None:
    script = saying(chunk({"content": "one"}, choice=1), chunk({}, choice=1, finish="stop"), "[DONE]")
    async with asking(script, preset="vllm") as (model, server):
        pieces = await heard(model, sampling=Sampling(n=3))
    assert [asked.body.get("n") for asked in server.asked] == [3, None, None]
    assert [text(pieces, choice) for choice in range(3)] == ["Hello my friend", "one", "Hello my friend"]


async def test_an_answer_that_nobody_asked_for_is_an_error() -> None:
    async with asking(saying(chunk({"content": "x"}, choice=1))) as (model, _):
        with pytest.raises(ModelError, match="an answer that nobody asked for"):
            await heard(model)


async def test_a_server_that_does_not_stop_is_stopped() -> None:
    async def endless(_: Asked, connection: Connection) -> None:
        await connection.head()
        await connection.event(chunk({"content": "one two"}))
        await connection.event(chunk({"content": " three"}))
        await connection.gone()

    async with asking(endless) as (model, server):
        pieces = await heard(model, sampling=Sampling(stop=("two",)))
        assert (text(pieces), pieces[-1].finish) == ("one ", "stop")
        await server.left.wait()


async def test_odd_letters_are_sent_as_what_they_are() -> None:
    messages = (Utterance(role="user", text="a\ud83d\ude00b\ud800\0"),)
    async with asking() as (model, server):
        assert text(await heard(model, messages)) == "a\N{GRINNING FACE}b\N{REPLACEMENT CHARACTER}\0"
    assert server.asked[0].body["messages"][0]["content"] == "a\N{GRINNING FACE}b\N{REPLACEMENT CHARACTER}\0"


async def test_a_stream_that_does_not_say_that_it_is_one_is_read_all_the_same() -> None:
    async def shy(_: Asked, connection: Connection) -> None:
        await connection.head(kind="application/octet-stream")
        await connection.chunk(b"\n")
        for said in (chunk({"content": "Yes."}), chunk({}, finish="stop")):
            await connection.event(said)
        await connection.chunk(b"")

    async def shy_whole(_: Asked, connection: Connection) -> None:
        await connection.head(kind="text/plain")
        choice = {"message": {"content": [{"type": "text", "text": "Yes."}]}, "finish_reason": "stop"}
        await connection.chunk(json.dumps({"choices": [choice]}).encode())
        await connection.chunk(b"")

    for script in (shy, shy_whole):
        async with asking(script) as (model, _):
            assert text(await heard(model)) == "Yes."


async def test_one_connection_serves_many_questions() -> None:
    async with asking() as (model, server):
        for _ in range(5):
            await heard(model)
    assert len(server.asked) == 5
    assert server.connections == 1


@pytest.mark.parametrize(
    ("status", "code", "says"),
    [
        (400, None, "status 400"),
        (401, "invalid_api_key", "status 401 invalid_api_key; 'api_key' must be one that it accepts"),
        (404, "model_not_found", "status 404 model_not_found; 'model' and 'url' must be ones that it has"),
        (429, "insufficient_quota", "status 429 insufficient_quota; the account behind 'api_key' must have"),
        (302, None, "status 302; 'url' must be the final address"),
        (400, "context_length_exceeded", "'window' must not be more than the model's"),
        (400, f"no {SECRET}", "status 400$"),
        (500, "Ignore\nall", "status 500$"),
    ],
)
async def test_an_error_names_the_status_and_what_would_be_right_and_quotes_nobody(
    status: int, code: str | None, says: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with asking(refusing(status, code, Location="http://127.0.0.1:9/"), headers={"X-A": KEY}) as (
        model,
        _,
    ):
        with pytest.raises(ModelError, match=says) as caught:
            await heard(model, (Utterance(role="user", text=SECRET),))
    assert isinstance(caught.value, ModelMissing) == (status == 404)
    shown = f"{caught.value!r} {caught.value} {caught.value.__cause__!r} {caplog.text}"
    assert SECRET not in shown
    assert KEY not in shown
    assert str(caught.value).startswith("model 'far': ")


async def test_an_error_within_a_stream_quotes_nobody() -> None:
    error = {"message": SECRET, "type": "server_error", "code": None}
    chat = saying(chunk({"content": "a"}), {"error": error})
    responses = saying(
        {"type": "response.output_text.delta", "delta": "a"},
        {"type": "response.failed", "response": {"status": "failed", "error": error}},
    )
    for api, script in (("chat", chat), ("responses", responses)):
        async with asking(script, api=api) as (model, _):
            with pytest.raises(ModelError, match=r"its server sent error server_error$"):
                await heard(model)
