"""Answers of remote models that nobody sees before their end: asked for as one JSON object, and no less strictly read."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from rostra.chat import Piece, Sampling, ToolCall, Utterance
from rostra.components import Services
from rostra.errors import ModelError
from rostra.testing.clock import ManualClock, settle
from rostra_models.remote import exchange
from rostra_models.remote.component import opened
from rostra_models.remote.delta import CallPart, Delta
from rostra_models.remote.model import RemoteModel
from rostra_models.remote.reading import together
from rostra_models.remote.settings import RemoteSettings
from rostra_models.remote.speech import chunk
from rostra_models.remote.testing import Asked, Behaviour, Connection, FakeServer, event, refusing, saying

TEXT = "Nobody sees this before its end."
ASKED = (Utterance(role="user", text=TEXT),)
WHOLE = Sampling(whole=True)
FIRST, LAST = 20.0, 60.0


@asynccontextmanager
async def asking(
    *script: Behaviour, clock: ManualClock | None = None, **given: object
) -> AsyncGenerator[tuple[RemoteModel, FakeServer]]:
    server = FakeServer(script=list(script))
    async with server.listening() as url:
        settings = RemoteSettings.model_validate(
            {
                "url": url,
                "model": "echo",
                "retries": 0,
                "first_token_seconds": FIRST,
                "last_token_seconds": LAST,
                **given,
            }
        )
        services = Services(name="far", data=Path(), base=Path(), clock=clock or ManualClock())
        async with opened(settings, services) as model:
            yield model, server


async def heard(model: RemoteModel, sampling: Sampling = WHOLE) -> Sequence[Piece]:
    async with aclosing(model.stream(ASKED, sampling)) as pieces:
        return [piece async for piece in pieces]


def text(pieces: Sequence[Piece], choice: int = 0) -> str:
    return "".join(piece.text for piece in pieces if piece.choice == choice)


def replying(said: Mapping[str, Any] | bytes) -> Behaviour:
    async def behave(_: Asked, connection: Connection) -> None:
        data = said if isinstance(said, bytes) else json.dumps(said).encode()
        await connection.head(kind="application/json", length=len(data))
        await connection.raw(data)

    return behave


def completion(message: Mapping[str, Any], finish: str = "stop") -> Mapping[str, Any]:
    return {
        "object": "chat.completion",
        "choices": [{"index": 0, "message": message, "finish_reason": finish}],
    }


@pytest.mark.parametrize("api", ["chat", "responses"])
async def test_what_nobody_sees_come_is_asked_for_at_once_and_says_the_same(api: str) -> None:
    async with asking(api=api) as (model, server):
        at_once, streamed = await heard(model), await heard(model, Sampling())
    assert text(at_once) == text(streamed) == TEXT
    assert at_once[-1].usage == streamed[-1].usage
    assert at_once[-1].usage is not None
    assert at_once[-1].finish == "stop"
    assert [one.body["stream"] for one in server.asked] == [False, True]
    assert "stream_options" not in server.asked[0].body


async def test_options_of_a_stream_that_were_configured_are_left_out() -> None:
    async with asking(extra={"stream_options": {"x": 1}, "y": 2}) as (model, server):
        await heard(model)
    assert "stream_options" not in server.asked[0].body
    assert server.asked[0].body["y"] == 2


@pytest.mark.parametrize("given", [{"logprobs": True}, {"hedge_after_seconds": 5.0}])
async def test_what_only_a_stream_can_give_is_streamed(given: dict[str, Any]) -> None:
    async with asking(**given) as (model, server):
        assert text(await heard(model)) == TEXT
    assert server.asked[0].body["stream"] is True


async def test_log_probabilities_that_a_request_wants_are_streamed() -> None:
    async with asking() as (model, server):
        pieces = await heard(model, Sampling(whole=True, more=(("logprobs", "true"),)))
    assert server.asked[0].body["stream"] is True
    assert [len(piece.logprobs or ()) for piece in pieces if piece.text] == [1] * (len(TEXT) // 4)


@pytest.mark.parametrize(("known", "requests"), [({"preset": "openai"}, 1), ({}, 2)])
async def test_every_choice_comes_whole(known: dict[str, Any], requests: int) -> None:
    async with asking(**known) as (model, server):
        pieces = await heard(model, Sampling(whole=True, n=2))
    assert [text(pieces, choice) for choice in range(2)] == [TEXT, TEXT]
    assert len(server.asked) == requests


async def test_calls_come_whole() -> None:
    call = {"id": "a", "type": "function", "function": {"name": "weather", "arguments": "{}"}}
    said = completion({"role": "assistant", "content": None, "tool_calls": [call]}, "tool_calls")
    async with asking(replying(said)) as (model, _):
        pieces = await heard(model)
    assert pieces[-1].calls == (ToolCall(id="a", name="weather", arguments="{}"),)
    assert pieces[-1].finish == "tool_calls"


async def test_stop_strings_hold_for_what_comes_whole() -> None:
    async with asking(replying(completion({"content": "One. Two. Three."}))) as (model, _):
        pieces = await heard(model, Sampling(whole=True, stop=(" Two",)))
    assert text(pieces) == "One."
    assert pieces[-1].finish == "stop"


async def test_a_server_that_streams_all_the_same_is_read() -> None:
    async with asking(saying(chunk({"content": "Yes"}), chunk({}, finish="stop"), "[DONE]")) as (model, _):
        assert text(await heard(model)) == "Yes"


async def test_a_whole_answer_has_the_time_of_the_last_piece_and_no_more() -> None:
    async def silent(_: Asked, connection: Connection) -> None:
        await connection.gone()

    clock = ManualClock()
    async with asking(silent, clock=clock) as (model, server):
        hanging = asyncio.create_task(heard(model))
        await server.arrived.wait()
        await settle()
        await clock.advance(LAST - 0.1)
        assert not hanging.done(), "the first piece is the last one"
        await clock.advance(0.1)
        with pytest.raises(ModelError, match="its server did not answer in 60 s"):
            await hanging
        await server.left.wait()
        assert not server.open


async def cut_off(_: Asked, connection: Connection) -> None:
    await connection.head(kind="application/json", length=1000)
    await connection.raw(json.dumps(completion({"content": "ha"})).encode()[:-9])
    connection.writer.close()


@pytest.mark.parametrize(
    ("behaviour", "error"),
    [
        (cut_off, "broke off"),
        (replying(b'{"choices": ['), "something that is not JSON"),
        (replying(b"[]"), "JSON that is no object"),
        (replying(b""), "answered with nothing"),
        (replying({"choices": []}), "answered with nothing"),
        (replying({"error": {"code": "overloaded"}}), "error overloaded"),
        (refusing(503), "status 503"),
    ],
    ids=["cut off", "no JSON", "no object", "nothing", "no choice", "an error", "a refusal"],
)
async def test_nobody_has_seen_anything_so_a_broken_answer_is_asked_for_again(
    behaviour: Behaviour, error: str
) -> None:
    class Hasty(ManualClock):
        async def sleep(self, seconds: float) -> None:
            await self.advance(seconds)

    async with asking(behaviour, behaviour, clock=Hasty(), retries=1) as (model, server):
        with pytest.raises(ModelError, match=error) as caught:
            await heard(model)
        assert text(await heard(model)) == TEXT
    assert len(server.asked) == 3
    assert TEXT not in str(caught.value)


async def test_a_whole_answer_without_an_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "MOST_BYTES", 100_000)

    async def endless(_: Asked, connection: Connection) -> None:
        await connection.head(kind="application/json")
        while True:
            await connection.chunk(b" " * 1000)

    async with asking(endless) as (model, server):
        with pytest.raises(ModelError, match="more than 100000 bytes"):
            await heard(model)
        await server.left.wait()


async def test_a_question_of_more_than_a_megabyte_is_sent() -> None:
    long = "word " * 300_000
    async with (
        asking(window=10_000_000) as (model, server),
        aclosing(model.stream((Utterance(role="user", text=long),), WHOLE)) as pieces,
    ):
        assert text([piece async for piece in pieces]) == long[: 4 * 512]
    assert server.asked[0].body["messages"][0]["content"] == long


async def test_what_comes_together_is_one_piece_and_what_comes_later_is_another() -> None:
    go_on = asyncio.Event()

    async def behave(_: Asked, connection: Connection) -> None:
        await connection.head()
        await connection.chunk(b"".join(event(chunk({"content": word})) for word in ("To", "get", "her")))
        await go_on.wait()
        await connection.event(chunk({"content": ", later"}))
        await connection.event(chunk({}, finish="stop"))
        await connection.chunk(b"")

    async with asking(behave) as (model, _):
        stream = model.stream(ASKED, Sampling())
        assert (await anext(stream)).text == "Together"
        go_on.set()
        assert "".join([piece.text async for piece in stream]) == ", later"


def test_only_text_of_one_choice_and_nothing_else_is_joined() -> None:
    apart = [
        Delta(text="a"),
        Delta(text="b", choice=1),
        Delta(text="c", logprobs=(-0.5,)),
        Delta(text="d", refused=True),
        Delta(text="e", thinking=True),
        Delta(calls=(CallPart(index=0),)),
        Delta(text="f", finish="stop"),
    ]
    assert together(apart) == apart
    assert together([Delta(text="a"), Delta(text="b"), Delta(finish="stop")]) == [
        Delta(text="ab"),
        Delta(finish="stop"),
    ]
