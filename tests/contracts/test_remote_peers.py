"""Our remote model and our test server, each against somebody else's other half: transformers' server, OpenAI's SDK."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncGenerator, Generator, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import TypeAdapter

from rostra.chat import Piece, Sampling, Tool, ToolCall, Utterance
from rostra.components import Services
from rostra.errors import ModelError
from rostra_models.remote import chat, responses
from rostra_models.remote.assembly import Assembly
from rostra_models.remote.component import opened
from rostra_models.remote.model import RemoteModel
from rostra_models.remote.presets import Api, Preset
from rostra_models.remote.settings import RemoteSettings
from rostra_models.remote.speech import (
    chat_chunks,
    chat_whole,
    model_list,
    response_events,
    response_whole,
)
from rostra_models.remote.testing import FakeServer
from rostra_models.testing import tiny_llama

pytestmark = pytest.mark.slow

APIS: tuple[Api, ...] = get_args(Api)
HELLO = (Utterance(role="system", text="Be brief."), Utterance(role="user", text="Hello my friend"))
GREEDY = Sampling(temperature=0.0, max_tokens=12)
TOOL = Tool(name="weather", description="Tell it", parameters='{"type": "object", "properties": {}}')
CALL = ToolCall(id="call_1", name="weather", arguments='{"town": "Bonn"}')


@asynccontextmanager
async def asking(url: str, **given: object) -> AsyncGenerator[RemoteModel]:
    settings = RemoteSettings.model_validate({"url": url, "model": "echo", "retries": 0, **given})
    async with opened(settings, Services(name="far", data=Path(), base=Path())) as model:
        yield model


async def heard(model: RemoteModel, sampling: Sampling = GREEDY) -> Sequence[Piece]:
    async with aclosing(model.stream(HELLO, sampling)) as pieces:
        return [piece async for piece in pieces]


def text(pieces: Sequence[Piece]) -> str:
    return "".join(piece.text for piece in pieces)


@pytest.fixture(scope="module")
def transformers(tmp_path_factory: pytest.TempPathFactory) -> Generator[tuple[str, str]]:
    """transformers' server with a tiny model: where its API begins, and what it calls the model."""
    folder = tiny_llama(tmp_path_factory.mktemp("served") / "tiny", window=1024)
    cache = tmp_path_factory.mktemp("cache")
    offline = {"HF_HUB_OFFLINE": "1", "HF_HOME": str(cache), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, str(Path(__file__).with_name("served.py")), str(folder)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env={**os.environ, **offline}
    ) as process:
        try:
            assert process.stdout is not None
            port = process.stdout.readline().strip()
            assert port.isdigit(), "transformers' server did not start"
            yield f"http://127.0.0.1:{port}/v1", str(folder)
        finally:
            process.kill()


async def test_transformers_server_and_we_understand_each_other(transformers: tuple[str, str]) -> None:
    url, name = transformers  # one test, so that no second process has to start such a server
    given = {"model": name, "preset": "transformers", "price_prompt": 1.0}
    for api in APIS:
        async with asking(url, api=api, **given) as model:
            await answers(model)
    async with asking(url, **given) as model:
        for _ in range(3):
            stream = model.stream(HELLO, Sampling(max_tokens=500, seed=1))
            await anext(stream)
            await stream.aclose()
        assert len(text(await heard(model))) == 12, "it is left in the middle, and answers the next"
    async with asking(url, extra={"no_such_field": 1}, **given) as model:
        with pytest.raises(ModelError, match=r"status 422$"):
            await heard(model)


async def answers(model: RemoteModel) -> None:
    pieces = await heard(model)
    assert len(text(pieces)) == 12, "a token of the tiny model is a letter"
    assert len(pieces) > 1, "it came in pieces, of which those that come together are one"
    usage = pieces[-1].usage
    assert usage is not None
    assert usage.completion == 12
    assert usage.prompt > len("Hello my friend")
    assert usage.cost == pytest.approx(usage.prompt / 1e6)
    assert pieces[-1].finish in {"length", "stop"}
    together = await asyncio.gather(*(heard(model) for _ in range(3)))
    assert [text(one) for one in together] == [text(pieces)] * 3
    stop = text(pieces)[4:6]
    cut = await heard(model, Sampling(temperature=0.0, max_tokens=12, stop=(stop,)))
    assert text(cut) == text(pieces).partition(stop)[0]
    assert cut[-1].finish == "stop"


@pytest.mark.parametrize("api", APIS)
async def test_openais_client_reads_our_test_server_as_we_do(api: Api) -> None:
    from openai import AsyncOpenAI

    async with FakeServer().listening() as url, AsyncOpenAI(base_url=url, api_key="none") as client:
        theirs = ""
        if api == "chat":
            chunks = await client.chat.completions.create(
                model="echo", messages=[{"role": "user", "content": "Hello my friend"}], stream=True
            )
            async for chunk in chunks:
                theirs += chunk.choices[0].delta.content or ""
        else:
            async with client.responses.stream(model="echo", input="Hello my friend") as events:
                async for event in events:
                    theirs += event.delta if event.type == "response.output_text.delta" else ""
                assert (await events.get_final_response()).output_text == theirs
        async with asking(url, api=api) as model:
            assert text(await heard(model)) == theirs == "Hello my friend"


def test_what_our_test_server_says_has_the_shapes_of_openais_sdk() -> None:
    from openai.types import Model
    from openai.types.chat import ChatCompletion, ChatCompletionChunk
    from openai.types.responses import Response, ResponseStreamEvent

    event: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
    for most in (2, 100):
        asked = {"messages": [{"role": "user", "content": "Hello my friend"}], "max_tokens": most}
        full = {**asked, "n": 2, "logprobs": True, "stream_options": {"include_usage": True}}
        for chunk in (*chat_chunks(asked), *chat_chunks(full)):
            ChatCompletionChunk.model_validate(chunk)
        ChatCompletion.model_validate(chat_whole(full))
        asked = {"input": asked["messages"], "max_output_tokens": most}
        for said in response_events(asked):
            event.validate_python(said)
        Response.model_validate(response_whole(asked))
    for listed in model_list()["data"]:
        Model.model_validate(listed)


def test_what_we_send_has_the_shapes_of_openais_sdk() -> None:
    from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming
    from openai.types.responses.response_create_params import ResponseCreateParamsStreaming

    said = (
        *HELLO,
        Utterance(role="assistant", text="", calls=(CALL,)),
        Utterance(role="tool", text="Rain.", call=CALL.id),
        Utterance(role="assistant", text="It rains."),
    )
    sampling = Sampling(temperature=0.5, top_p=0.9, stop=("x",), seed=1, n=2, tools=(TOOL,))
    params: TypeAdapter[Any] = TypeAdapter(CompletionCreateParamsStreaming)
    body = {"model": "m", **chat.request(said, sampling, Preset(), logprobs=True)}
    checked = params.validate_python(body)
    assert set(checked) == set(body), "the SDK knows every field"
    assert len(list(checked["messages"])) == 5
    assert len(list(checked["tools"])) == 1
    params = TypeAdapter(ResponseCreateParamsStreaming)
    body = {"model": "m", **responses.request(said, sampling, Preset(), logprobs=True)}
    checked = params.validate_python(body)
    assert set(checked) == set(body), "the SDK knows every field"


def test_what_openais_sdk_can_say_is_understood() -> None:
    from openai.types.chat.chat_completion_chunk import (
        ChatCompletionChunk,
        Choice,
        ChoiceDelta,
        ChoiceDeltaToolCall,
        ChoiceDeltaToolCallFunction,
    )

    function = ChoiceDeltaToolCallFunction
    calls = (
        ChoiceDeltaToolCall(index=0, id="call_1", function=function(name="weather"), type="function"),
        ChoiceDeltaToolCall(index=0, function=function(arguments='{"town": ')),
        ChoiceDeltaToolCall(index=0, function=function(arguments='"Bonn"}')),
    )
    deltas = [ChoiceDelta(role="assistant", content=""), *(ChoiceDelta(tool_calls=[call]) for call in calls)]
    choices = [Choice(delta=delta, index=0) for delta in deltas]
    choices.append(Choice(delta=ChoiceDelta(), index=0, finish_reason="tool_calls"))
    assembly = Assembly([0], ())
    for choice in choices:
        chunk = ChatCompletionChunk(
            id="1", choices=[choice], created=1, model="m", object="chat.completion.chunk"
        )
        for delta in chat.read(chunk.model_dump(mode="json")):
            assert list(assembly.push(delta)) == []
    (last,) = assembly.end()
    assert last.calls == (CALL,)
    assert last.finish == "tool_calls"


def test_every_event_that_is_read_is_one_of_openais_sdk() -> None:
    import inspect
    import re

    from openai.types.responses import ResponseStreamEvent

    union = get_args(ResponseStreamEvent)[0]
    known = {get_args(event.model_fields["type"].annotation)[0] for event in get_args(union)}
    read = set(re.findall(r'"(response\.[a-z_.]+)"', inspect.getsource(responses)))
    assert read - known == {"response.reasoning"}, "a beginning, of these:"
    assert any(name.startswith("response.reasoning") for name in known)
