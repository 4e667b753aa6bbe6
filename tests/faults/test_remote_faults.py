"""Servers that hang, lie, break off, storm or babble: each ends in an error in time, and nobody else waits for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, asynccontextmanager
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from rostra.breaker import State
from rostra.chat import Piece, Sampling, Utterance
from rostra.components import Services
from rostra.errors import ModelError
from rostra.testing.clock import ManualClock, settle
from rostra_models.remote import exchange, sse
from rostra_models.remote.component import opened
from rostra_models.remote.model import GRACE, RemoteModel
from rostra_models.remote.settings import RemoteSettings
from rostra_models.remote.speech import chunk
from rostra_models.remote.testing import (
    Asked,
    Behaviour,
    Connection,
    FakeServer,
    answering,
    event,
    refusing,
    saying,
)

SECRET = "the-secret-text"
ASKED = (Utterance(role="user", text=SECRET),)
FIRST, LAST = 20.0, 60.0
PATIENCE = 30
"""Real seconds after which a test has failed; none takes a hundredth of that."""


class Hasty(ManualClock):
    """Lets the time that somebody sleeps pass at once, and keeps a list of it."""

    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await self.advance(seconds)


@asynccontextmanager
async def asking(
    *script: Behaviour, clock: ManualClock | None = None, **given: object
) -> AsyncGenerator[tuple[RemoteModel, FakeServer]]:
    server = FakeServer(script=list(script))
    async with asyncio.timeout(PATIENCE), server.listening() as url:
        settings = RemoteSettings.model_validate(
            {
                "url": url,
                "model": "echo",
                "first_token_seconds": FIRST,
                "last_token_seconds": LAST,
                "retries": 0,
                **given,
            }
        )
        services = Services(name="far", data=Path(), base=Path(), clock=clock or Hasty())
        async with opened(settings, services) as model:
            yield model, server


async def heard(model: RemoteModel, into: list[Piece] | None = None) -> Sequence[Piece]:
    pieces: list[Piece] = [] if into is None else into
    async with aclosing(model.stream(ASKED, Sampling())) as stream:
        async for piece in stream:
            pieces += [piece]  # what was heard before an error counts
    return pieces


def text(pieces: Sequence[Piece]) -> str:
    return "".join(piece.text for piece in pieces)


async def silent(_: Asked, connection: Connection) -> None:
    """Hang before the headers."""
    await connection.gone()


async def headers_only(_: Asked, connection: Connection) -> None:
    await connection.head()
    await connection.gone()


async def half(_: Asked, connection: Connection) -> None:
    """Hang in the middle of a stream."""
    await connection.head()
    await connection.event(chunk({"content": "half"}))
    await connection.gone()


async def babbling(_: Asked, connection: Connection) -> None:
    """Keep the stream open with comments, and say nothing."""
    await connection.head()
    for _number in range(3):
        await connection.chunk(b": still here\n\n")
    await connection.gone()


async def half_closed(_: Asked, connection: Connection) -> None:
    """Say half of it, close one's own half of the connection and leave the other open (TCP FIN)."""
    await connection.raw(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n")
    await connection.raw(event(chunk({"content": "half"})))
    connection.writer.write_eof()
    await connection.gone()


async def cut_off(_: Asked, connection: Connection) -> None:
    """Close the connection within a chunk."""
    await connection.head()
    await connection.event(chunk({"content": "half"}))
    await connection.raw(b"fff\r\ndata: {")
    connection.writer.close()


async def reset(_: Asked, connection: Connection) -> None:
    await connection.head()
    await connection.event(chunk({"content": "half"}))
    connection.writer.transport.abort()


async def promises_more(_: Asked, connection: Connection) -> None:
    """Announce more bytes than come."""
    data = event(chunk({"content": "half"}))
    await connection.head(length=len(data) + 1000)
    await connection.raw(data)
    connection.writer.close()


async def promises_less(_: Asked, connection: Connection) -> None:
    """Announce fewer bytes than come."""
    data = event(chunk({"content": "half"})) + event(chunk({}, finish="stop"))
    await connection.head(length=len(data) // 2)
    await connection.raw(data)
    connection.writer.close()


async def endless_line(_: Asked, connection: Connection) -> None:
    await connection.head()
    for _number in range(sse.MOST // 65536 + 2):
        await connection.chunk(b"a" * 65536)
    await connection.gone()


async def endless_head(_: Asked, connection: Connection) -> None:
    await connection.raw(b"HTTP/1.1 200 OK\r\n")
    for _number in range(40):
        await connection.raw(b"X-A: " + b"a" * 8192 + b"\r\n")
    await connection.gone()


async def no_http(_: Asked, connection: Connection) -> None:
    await connection.raw(b"\x15\x03\x01\x00\x02\x02\x16\r\n\r\n")
    connection.writer.close()


async def compressed(_: Asked, connection: Connection) -> None:
    await connection.head(Content_Encoding="gzip")
    await connection.chunk(b"\x1f\x8b\x08")
    await connection.chunk(b"")


async def page(_: Asked, connection: Connection) -> None:
    data = f"<html>{SECRET}</html>".encode()
    await connection.head(kind="text/html; charset=utf-8", length=len(data))
    await connection.raw(data)


def body(data: bytes) -> Behaviour:
    async def behave(_: Asked, connection: Connection) -> None:
        await connection.head(length=len(data))
        await connection.raw(data)

    return behave


BROKEN = {
    "half-closed": (half_closed, "half", "broke off in the middle of an answer"),
    "cut off": (cut_off, "half", r"broke off \(ClientPayloadError\)"),
    "reset": (reset, "half", r"broke off \((ClientOSError|ClientPayloadError)\)"),
    "promises more than it sends": (promises_more, "half", r"broke off \(ClientPayloadError\)"),
    "promises less than it sends": (promises_less, None, "broke off|answered with nothing|no connection"),
    "an endless line": (endless_line, "", "sent a line of more than 4194304 characters"),
    "an endless head": (
        endless_head,
        "",
        r"no connection to its server \((ClientResponseError|LineTooLong|BadStatusLine)\)",
    ),
    "no HTTP": (
        no_http,
        "",
        r"no connection to its server \((ClientResponseError|LineTooLong|BadStatusLine)\)",
    ),
    "compressed": (compressed, "", "a compressed reply, which nobody asked for"),
    "a web page": (page, "", "a web page; 'url' must be where its API begins"),
    "nothing": (body(b""), "", "answered with nothing"),
    "bytes": (body(bytes(range(256)) * 40), "", "answered with nothing"),
    "no JSON": (body(b"data: {'a': 1}\n\n"), "", "something that is not JSON"),
    "deep JSON": (body(b"data: " + b"[" * 100_000 + b"\n\n"), "", "something that is not JSON"),
    "JSON that is no object": (body(b"data: [1]\n\n"), "", "JSON that is no object"),
    "only [DONE]": (body(b"data: [DONE]\n\n"), "", "answered with nothing"),
    "a call without a name": (
        saying(chunk({"tool_calls": [{"index": 0, "id": "a"}]}), chunk({}, finish="stop")),
        "",
        "a call without a name",
    ),
    "a thousand calls": (
        saying(*(chunk({"tool_calls": [{"index": index}]}) for index in range(1000))),
        "",
        "more than 128 calls",
    ),
    "an index that is none": (saying(chunk({"content": "x"}, choice=-1)), "", "an index that is none"),
}


@pytest.mark.parametrize(("behaviour", "said", "error"), BROKEN.values(), ids=BROKEN)
async def test_a_broken_reply_is_an_error_at_once_and_the_next_question_is_answered(
    behaviour: Behaviour, said: str | None, error: str
) -> None:
    clock = Hasty()
    async with asking(behaviour, clock=clock) as (model, _):
        pieces: list[Piece] = []
        with pytest.raises(ModelError, match=error) as caught:
            await heard(model, pieces)
        assert said is None or text(pieces) == said
        assert text(await heard(model)) == SECRET
    assert SECRET not in str(caught.value)
    assert str(caught.value).startswith("model 'far': ")
    assert clock.monotonic() == 0, "nobody had to wait"


@pytest.mark.parametrize("behaviour", [silent, headers_only, babbling])
async def test_who_does_not_begin_to_answer_is_given_up_in_time_and_nobody_else_waits(
    behaviour: Behaviour,
) -> None:
    clock = ManualClock()
    async with asking(*[behaviour] * 3, clock=clock) as (model, server):
        hanging = [asyncio.create_task(heard(model)) for _ in range(3)]
        while len(server.asked) < 3:
            await settle()
        assert text(await heard(model)) == SECRET, "a good question goes its way"
        await clock.advance(FIRST - 0.1)
        assert not any(task.done() for task in hanging)
        await clock.advance(0.1)
        outcomes = await asyncio.gather(*hanging, return_exceptions=True)
        assert [str(outcome) for outcome in outcomes] == [
            "model 'far': its server did not begin to answer in 20 s"
        ] * 3
        assert all(isinstance(outcome, ModelError) for outcome in outcomes)
        while len(server.open) > 1:
            await server.left.wait()
            server.left.clear()


async def test_who_stops_in_the_middle_is_given_up_in_time_and_nobody_else_waits() -> None:
    clock = ManualClock()
    async with asking(half, clock=clock) as (model, server):
        pieces: list[Piece] = []
        hanging = asyncio.create_task(heard(model, pieces))
        while not pieces:
            await settle()
        assert text(await heard(model)) == SECRET
        await clock.advance(LAST - 0.1)
        assert not hanging.done()
        await clock.advance(0.1)
        with pytest.raises(ModelError, match="its server did not finish in 60 s"):
            await hanging
        await server.left.wait()
    assert text(pieces) == "half"


async def test_a_slow_drip_is_cut_off_at_the_deadline() -> None:
    clock = ManualClock()

    async def drip(_: Asked, connection: Connection) -> None:
        await connection.head()
        while True:
            await connection.event(chunk({"content": "x"}))
            await clock.sleep(7)

    async with asking(drip, clock=clock) as (model, _):
        pieces: list[Piece] = []
        hanging = asyncio.create_task(heard(model, pieces))
        for second in range(int(LAST)):
            while len(pieces) <= second // 7:
                await settle()
            await clock.advance(1)
        with pytest.raises(ModelError, match="did not finish in 60 s"):
            await hanging
        assert text(pieces) == "x" * 9


async def test_an_answer_that_is_whole_is_given_even_if_the_server_does_not_let_go() -> None:
    clock = ManualClock()

    async def clings(_: Asked, connection: Connection) -> None:
        await connection.head()
        await connection.event(chunk({"content": "Yes."}, finish="stop"))
        await connection.gone()

    async def breaks(_: Asked, connection: Connection) -> None:
        await connection.head()
        await connection.event(chunk({"content": "Yes."}, finish="stop"))
        connection.writer.close()

    async with asking(clings, breaks, clock=clock) as (model, server):
        pieces: list[Piece] = []
        asked = asyncio.create_task(heard(model, pieces))
        while not pieces:
            await settle()
        await clock.advance(GRACE)
        assert (await asked)[-1].finish == "stop"
        await server.left.wait()
        assert (await heard(model))[-1].finish == "stop"


async def test_a_reply_without_an_end_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchange, "MOST_BYTES", 100_000)

    async def endless(_: Asked, connection: Connection) -> None:
        await connection.head()
        while True:
            await connection.event(chunk({"content": "x"}))

    async def endless_json(_: Asked, connection: Connection) -> None:
        await connection.head(kind="application/json")
        while True:
            await connection.chunk(b" " * 1000)

    async with asking(endless, endless_json) as (model, server):
        for _ in range(2):
            with pytest.raises(ModelError, match="more than 100000 bytes"):
                await heard(model)
            await server.left.wait()
            server.left.clear()


async def test_closing_the_answer_closes_the_connection() -> None:
    async with asking(half) as (model, server):
        stream = model.stream(ASKED, Sampling())
        assert (await anext(stream)).text == "half"
        assert len(server.open) == 1
        await stream.aclose()
        await server.left.wait()
        assert not server.open


@pytest.mark.parametrize("behaviour", [silent, half])
async def test_cancelling_the_reader_closes_the_connection(behaviour: Behaviour) -> None:
    async with asking(behaviour) as (model, server):
        task = asyncio.create_task(heard(model))
        await server.arrived.wait()
        await settle()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await server.left.wait()
        assert not server.open
        assert text(await heard(model)) == SECRET


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504, 529])
async def test_what_may_pass_is_tried_again(status: int) -> None:
    clock = Hasty()
    async with asking(refusing(status), refusing(status), clock=clock, retries=2) as (model, server):
        assert text(await heard(model)) == SECRET
    assert len(server.asked) == 3
    assert 0 <= clock.slept[0] <= 0.2
    assert 0 <= clock.slept[1] <= 0.4


@pytest.mark.parametrize("behaviour", [no_http, headers_only, body(b"data: {\n\n"), body(b"")])
async def test_what_broke_before_the_first_piece_is_tried_again(behaviour: Behaviour) -> None:
    async def closes(asked: Asked, connection: Connection) -> None:
        if behaviour is headers_only:
            await connection.head()
            connection.writer.close()
        else:
            await behaviour(asked, connection)

    async with asking(closes, retries=1) as (model, server):
        assert text(await heard(model)) == SECRET
    assert len(server.asked) == 2


async def test_what_was_begun_is_not_begun_again() -> None:
    async with asking(cut_off, retries=3) as (model, server):
        with pytest.raises(ModelError, match="broke off"):
            await heard(model)
    assert len(server.asked) == 1


async def test_a_server_that_says_when_to_come_back_is_asked_then() -> None:
    clock = Hasty()
    at = format_datetime(clock.now() + timedelta(seconds=9), usegmt=True)
    script = (refusing(429, Retry_After="2.5"), refusing(503, Retry_After=at))
    async with asking(*script, clock=clock, retries=2) as (model, _):
        await heard(model)
    assert clock.slept[0] == 2.5
    assert 6 <= clock.slept[1] <= 9


async def test_a_server_that_is_away_for_longer_than_the_deadline_is_not_waited_for_and_left_alone() -> None:
    clock = Hasty()
    async with asking(refusing(429, Retry_After="100"), clock=clock, retries=3) as (model, server):
        with pytest.raises(ModelError, match="status 429"):
            await heard(model)
        with pytest.raises(ModelError, match="is left alone for 100 more seconds"):
            await heard(model)
        assert len(server.asked) == 1
        assert clock.slept == []
        await clock.advance(100)
        assert text(await heard(model)) == SECRET


async def test_a_storm_of_429_ends_for_everybody_within_the_deadline() -> None:
    clock = ManualClock()
    async with asking(clock=clock, retries=50, breaker_failures=1000) as (model, server):
        server.otherwise = refusing(429, "rate_limit_exceeded", Retry_After="3")
        storm = [asyncio.create_task(heard(model)) for _ in range(8)]
        for _ in range(int(FIRST)):
            await clock.advance(1)
            await settle(200)
        outcomes = await asyncio.gather(*storm, return_exceptions=True)
        assert {type(outcome) for outcome in outcomes} <= {ModelError} | set(ModelError.__subclasses__())
        assert clock.monotonic() <= FIRST
        assert 8 * 3 <= len(server.asked) <= 8 * 7


async def test_a_storm_that_passes_leaves_nobody_refused() -> None:
    clock = ManualClock()
    script = [refusing(429, Retry_After="3")] * 8
    async with asking(*script, clock=clock, retries=1, breaker_failures=2) as (model, _):
        storm = [asyncio.create_task(heard(model)) for _ in range(8)]
        while not all(task.done() for task in storm):
            await clock.advance(0.5)
            await settle(200)
        assert [text(task.result()) for task in storm] == [SECRET] * 8
        assert clock.monotonic() < FIRST


async def test_after_failures_in_a_row_the_server_is_left_alone_and_then_tried_once() -> None:
    clock = ManualClock()
    async with asking(
        refusing(500), cut_off, refusing(500), refusing(503), clock=clock, breaker_failures=2
    ) as (model, server):
        for _ in range(4):
            with pytest.raises(ModelError):
                await heard(model)
        assert len(server.asked) == 4, "an answer that was begun counts as one"
        assert model.server.breaker.state(clock.monotonic()) is State.OPEN
        with pytest.raises(ModelError, match="is left alone for 30 more seconds"):
            await heard(model)
        assert len(server.asked) == 4
        await clock.advance(30)
        assert model.server.breaker.state(clock.monotonic()) is State.HALF_OPEN
        server.script = [headers_only]
        probe = asyncio.create_task(heard(model))
        while len(server.asked) < 5:
            await settle()
        with pytest.raises(ModelError, match="left alone"):
            await heard(model)
        probe.cancel()
        await asyncio.gather(probe, return_exceptions=True)
        assert text(await heard(model)) == SECRET
        assert model.server.breaker.state(clock.monotonic()) is State.CLOSED


async def test_a_server_that_hangs_counts_as_failing_even_if_people_give_up_sooner() -> None:
    clock = ManualClock()
    async with asking(*[silent] * 2, clock=clock, breaker_failures=1) as (model, server):
        for wait, state in ((1.0, State.CLOSED), (FIRST / 2, State.OPEN)):
            server.arrived.clear()
            task = asyncio.create_task(heard(model))
            await server.arrived.wait()
            await clock.advance(wait)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            assert model.server.breaker.state(clock.monotonic()) is state


async def test_a_refusal_is_no_failure_of_the_server() -> None:
    async with asking(*[refusing(400)] * 3, breaker_failures=1) as (model, server):
        for _ in range(3):
            with pytest.raises(ModelError, match="status 400"):
                await heard(model)
    assert len(server.asked) == 3


async def test_a_second_request_wins_over_one_that_hangs_and_the_loser_is_closed() -> None:
    clock = ManualClock()
    async with asking(silent, clock=clock, hedge_after_seconds=2) as (model, server):
        task = asyncio.create_task(heard(model))
        await server.arrived.wait()
        await clock.advance(1.9)
        assert len(server.asked) == 1
        await clock.advance(0.1)
        assert text(await task) == SECRET
        assert len(server.asked) == 2
        await server.left.wait()
        assert server.open == {2}, "the loser's connection is closed, the winner's is kept"


async def test_cancelling_a_race_closes_both_connections() -> None:
    clock = ManualClock()
    async with asking(silent, headers_only, clock=clock, hedge_after_seconds=2) as (model, server):
        task = asyncio.create_task(heard(model))
        await server.arrived.wait()
        await clock.advance(2)
        while len(server.asked) < 2:
            await settle()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        while server.open:
            await server.left.wait()
            server.left.clear()
        assert text(await heard(model)) == SECRET


async def test_the_first_request_may_win_after_the_second_was_begun() -> None:
    clock = ManualClock()
    go = asyncio.Event()

    async def late(asked: Asked, connection: Connection) -> None:
        await go.wait()
        await answering(asked, connection)

    async with asking(late, silent, clock=clock, hedge_after_seconds=2) as (model, server):
        task = asyncio.create_task(heard(model))
        await server.arrived.wait()
        await clock.advance(2)
        while len(server.asked) < 2:
            await settle()
        go.set()
        assert text(await task) == SECRET
        await server.left.wait()
        assert server.open == {1}


async def test_a_quick_answer_is_asked_for_once_and_a_failure_is_not_waited_with() -> None:
    clock = ManualClock()
    async with asking(clock=clock, hedge_after_seconds=2) as (model, server):
        assert text(await heard(model)) == SECRET
        server.script = [refusing(400)]
        with pytest.raises(ModelError, match="status 400"):
            await heard(model)
        await clock.advance(10)
        assert len(server.asked) == 2


async def test_if_one_of_two_fails_the_other_decides() -> None:
    clock = ManualClock()
    go = asyncio.Event()

    async def fails(asked: Asked, connection: Connection) -> None:
        await go.wait()
        await refusing(500)(asked, connection)

    for second, outcome in ((answering, SECRET), (refusing(500), None)):
        go.clear()
        async with asking(fails, second, clock=clock, hedge_after_seconds=2) as (model, server):
            task = asyncio.create_task(heard(model))
            await server.arrived.wait()
            await clock.advance(2)
            go.set()
            if outcome is None:
                with pytest.raises(ModelError, match="status 500"):
                    await task
            else:
                assert text(await task) == outcome
            assert len(server.asked) == 2


async def test_more_answers_than_connections_wait_their_turn_and_not_for_ever() -> None:
    clock = ManualClock()
    async with asking(half, clock=clock, max_connections=1, breaker_failures=1) as (model, server):
        pieces: list[Piece] = []
        first = asyncio.create_task(heard(model, pieces))
        while not pieces:
            await settle()
        second = asyncio.create_task(heard(model))
        await clock.advance(FIRST)
        with pytest.raises(ModelError, match="1 answers are under way, which is what 'max_connections'"):
            await second
        third = asyncio.create_task(heard(model))
        await settle()
        first.cancel()
        assert text(await third) == SECRET, "it had its turn, and the server is not blamed"
        assert len(server.asked) == 2


async def test_a_hundred_answers_that_are_closed_early_leave_nothing_behind() -> None:
    async with asking(max_connections=4) as (model, server):
        for _ in range(100):
            stream = model.stream(ASKED, Sampling())
            await anext(stream)
            await stream.aclose()
        assert text(await heard(model)) == SECRET
        while len(server.open) > 1:
            await server.left.wait()
            server.left.clear()
