"""``rostra bench gateway``: its model, its clients and its names, over real sockets on loopback."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace

import pytest

from rostra.benches import report
from rostra.components import installed
from rostra_adapters.benches import gateway, gateway_served, gateway_talk
from rostra_adapters.benches.gateway_line import Got, Line, post, said
from rostra_adapters.benches.gateway_load import PATH, Askers, Task
from rostra_adapters.benches.gateway_served import Server
from rostra_adapters.benches.gateway_upstream import canned
from rostra_adapters.benches.told import told

HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def task(port: int, **changes: object) -> Task:
    values = {"port": port, "model": "up", "questions": 6, "at_once": 3, "streamed": True, **changes}
    return Task(**values)  # pyright: ignore[reportArgumentType]


def event(delta: str) -> bytes:
    data = b'data: {"choices": [{"delta": {"content": ' + json.dumps(delta).encode() + b"}}]}\n\n"
    return b"%x\r\n%s\r\n" % (len(data), data)


@asynccontextmanager
async def odd_server(reply: bytes, *, hangs: bool = False) -> AsyncGenerator[int]:
    """Serve one and the same reply to everybody, then close, or say no more."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(reply)
        if hangs:
            await reader.read()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


def test_it_is_installed() -> None:
    assert "gateway" in {point.name for point in installed("benches")}


def test_no_two_of_fifty_thousand_questions_are_alike() -> None:
    asked = [gateway_talk.words(number) for number in range(50_000)]
    assert len(set(asked)) == 50_000
    assert all(len(set(words)) == 3 for words in asked)


def test_the_model_finds_the_question_that_was_asked_last() -> None:
    first, second = gateway_talk.question(1), gateway_talk.question(2)
    assert gateway_talk.asked(f"{first} and {second}".encode()) == gateway_talk.words(2)
    with pytest.raises(ValueError, match="no question of this bench"):
        gateway_talk.asked(b"Hello.")


@pytest.mark.parametrize("streamed", [True, False])
async def test_every_client_gets_the_answer_to_its_own_question(streamed: bool) -> None:
    async with canned() as port:
        taken = await Askers().run(task(port, streamed=streamed))
    assert (taken.right, taken.stalled, taken.wrong) == (6, {}, {})
    assert len(taken.first) == 6
    assert 0 < max(taken.first) <= taken.seconds


async def test_the_first_text_is_measured_and_not_the_empty_one_before_nor_the_end() -> None:
    text = event("A")
    got = Got()
    for piece in (HEAD, event(""), text[:30]):
        got.add(piece)
        assert got.first is None
    got.add(text[30:])
    first = got.first
    assert first is not None
    assert not got.over.done()
    got.add(event("B") + b"0\r\n\r\n")
    assert got.first == first
    assert got.over.result()


async def test_a_connection_is_kept_from_one_question_to_the_next() -> None:
    connections = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        for _ in range(2):
            await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(2)
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        line = Line(server.sockets[0].getsockname()[1])
        replies = [await line.ask(post("/", {})) for _ in range(2)]
        line.close()
    assert [reply.whole for reply in replies] == [True, True]
    assert connections == 1


async def test_usage_is_counted_where_it_is_asked_for() -> None:
    async with canned() as port:
        line = Line(port)
        body = {"messages": [{"content": gateway_talk.question(1)}], "stream": True}
        plain = await line.ask(post(PATH, body))
        counted = await line.ask(post(PATH, {**body, "stream_options": {"include_usage": True}}))
        line.close()
    assert b"total_tokens" not in plain.raw
    assert b"total_tokens" in counted.raw
    assert said(counted.raw) == said(plain.raw)
    assert said(plain.raw).reason == "stop"


async def test_what_falls_silent_has_stalled() -> None:
    async with odd_server(HEAD + event("A"), hangs=True) as port:
        taken = await Askers().run(task(port, questions=2, at_once=2, patience=0.05))
    assert (taken.right, sum(taken.stalled.values()), taken.wrong) == (0, 2, {})
    assert len(taken.first) == 2


async def test_a_stream_that_ends_without_done_has_stalled() -> None:
    async with odd_server(HEAD + event("A") + b"0\r\n\r\n") as port:
        taken = await Askers().run(task(port, questions=1, at_once=1))
    assert (sum(taken.stalled.values()), taken.wrong) == (1, {})


async def test_a_stream_that_breaks_off_has_stalled() -> None:
    async with odd_server(HEAD + event("A")) as port:
        taken = await Askers().run(task(port, questions=2, at_once=1))
    assert sum(taken.stalled.values()) == 2


async def test_another_answer_than_the_models_is_wrong() -> None:
    done = b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"
    async with odd_server(HEAD + event("I cannot help with that.") + done) as port:
        taken = await Askers().run(task(port, questions=1, at_once=1))
    assert (taken.right, taken.stalled, sum(taken.wrong.values())) == (0, {}, 1)


async def test_an_error_is_no_answer() -> None:
    busy = b"HTTP/1.1 429 Too Many Requests\r\nContent-Length: 2\r\n\r\n{}"
    async with odd_server(busy) as port:
        streamed = await Askers().run(task(port, questions=1, at_once=1))
        whole = await Askers().run(task(port, questions=1, at_once=1, streamed=False))
    assert list(streamed.stalled) == list(whole.wrong) == ["status 429, finish_reason ''"]
    assert streamed.right == whole.right == 0


def measured(**values: float) -> Mapping[str, float]:
    """Return what one server took, all of it 1.0 but ``values``."""
    names = ["requests_per_second", "requests_per_processor_second"]
    for at_once in gateway.STREAMS:
        names += [f"ttft_p{percent}_ms_{at_once}" for percent in (50, 99)]
        names += [f"streams_per_second_{at_once}"]
    zero = {f"stalled_streams_{at_once}": 0.0 for at_once in gateway.STREAMS}
    return {**dict.fromkeys(names, 1.0), **zero, **values}


@pytest.fixture
def standing_in(monkeypatch: pytest.MonkeyPatch) -> Mapping[str, Mapping[str, float]]:
    """Let no server be started, and each take what is in here."""
    taken = {
        "direct": measured(ttft_p50_ms_1=1.0),
        "rules": measured(ttft_p50_ms_1=3.5, requests_per_second=600.0),
        "classifier": measured(ttft_p50_ms_1=9.0, stalled_streams_256=2.0),
        "rules_durable": measured(ttft_p50_ms_1=5.0),
        "litellm": measured(ttft_p50_ms_1=21.0, requests_per_second=150.0, stalled_streams_256=7.0),
    }

    @asynccontextmanager
    async def opened(name: str) -> AsyncGenerator[Server]:
        yield Server(port=1, pid=0, model=name)

    async def measure(load: object, server: Server, size: gateway.Size) -> Mapping[str, float]:
        return taken["direct" if server.model == "up" else server.model]

    async def asked(*arguments: object, **more: object) -> None: ...

    def rostra(upstream: int, *, moderators: tuple[str, ...], durable: bool) -> object:
        return opened("rules_durable" if durable else moderators[-1])

    def litellm(upstream: int, python: Path) -> object:
        return opened("litellm")

    @asynccontextmanager
    async def no_process(module: str) -> AsyncGenerator[SimpleNamespace]:
        yield SimpleNamespace(first={"port": 1, "pid": 0})

    monkeypatch.setattr(gateway, "told", no_process)
    monkeypatch.setattr(gateway_served, "rostra", rostra)
    monkeypatch.setattr(gateway_served, "litellm", litellm)
    monkeypatch.setattr(gateway_served, "peer", lambda: Path("python"))
    monkeypatch.setattr(gateway, "measure", measure)
    monkeypatch.setattr(gateway, "_asked", asked)
    return taken


async def test_its_names_are_a_contract(standing_in: Mapping[str, Mapping[str, float]]) -> None:
    found = await gateway.bench(quick=True)
    figures = found["figures"]
    assert found["bench"] == "gateway"
    assert found["ratios"]["requests_vs_litellm"] == 4.0
    assert figures["added_ttft_p50_ms_rules"] == report.figure(2.5, "ms")
    assert figures["added_ttft_p50_ms_classifier"] == report.figure(8.0, "ms")
    assert figures["added_ttft_p50_ms_litellm"] == report.figure(20.0, "ms")
    assert figures["stalled_streams_256"] == report.figure(2.0, "")
    assert figures["requests_per_second_rules"]["unit"] == "1/s"
    assert figures["ttft_p99_ms_256_direct"]["unit"] == "ms"


async def test_a_peer_that_is_not_here_is_named_and_not_guessed(
    standing_in: Mapping[str, Mapping[str, float]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gateway_served, "peer", lambda: None)
    found = await gateway.bench(quick=True)
    assert "litellm[proxy]" in found["missing"]
    assert found["ratios"] == {}
    assert not [name for name in found["figures"] if "litellm" in name]


@pytest.mark.slow
async def test_model_and_askers_are_processes_that_end_with_their_input() -> None:
    async with told("gateway_upstream", "0") as upstream, told("gateway_load") as load:
        server = Server(port=upstream.first["port"], pid=upstream.first["pid"], model="up")
        size = gateway.Size(streams={1: 2, 4: 4}, requests=4, rounds=1)
        got = await gateway.measure(load, server, size)
        cost = gateway_served.cost(server.pid)
    assert got["stalled_streams_4"] == 0
    assert got["requests_per_second"] > 0
    assert 0 < got["ttft_p50_ms_4"] <= got["ttft_p99_ms_4"]
    assert cost is not None
    assert cost.memory > 1
    assert gateway_served.cost(server.pid) is None


async def test_a_server_that_does_not_come_up_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho no kind gateway >&2\nexit 2\n")
    broken.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(broken))
    with pytest.raises(RuntimeError, match="does not answer; it said: no kind gateway"):
        async with gateway_served.rostra(1, moderators=("rules",), durable=False):
            pass


@pytest.mark.slow
async def test_rostra_serve_passes_on_every_answer_of_the_model() -> None:
    async with (
        canned() as upstream,
        gateway_served.rostra(upstream, moderators=("rules",), durable=False) as server,
    ):
        for streamed in (True, False):
            chosen = task(server.port, model=server.model, questions=8, at_once=4, streamed=streamed)
            taken = await Askers().run(chosen)
            assert (taken.right, taken.stalled, taken.wrong) == (8, {}, {})
    assert gateway_served.cost(server.pid) is None
