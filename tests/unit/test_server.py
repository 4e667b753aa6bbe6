"""The shared HTTP server: who gets what, who is believed, and that it ends."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable

import aiohttp
import pytest
from aiohttp import web

from rostra.clock import SystemClock
from rostra.errors import ConfigError
from rostra_adapters.server import networks, serving, split_address

CLOCK = SystemClock()
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def free_address() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"127.0.0.1:{probe.getsockname()[1]}"


async def told(request: web.Request) -> web.Response:
    who = {"remote": request.remote, "scheme": request.scheme, "host": request.host}
    return web.json_response({**who, **request.match_info})


async def echo(request: web.Request) -> web.Response:
    return web.Response(body=await request.read())


async def get(url: str, **headers: str) -> tuple[int, str]:
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
        return answer.status, await answer.text()


async def test_adapters_that_name_one_address_share_a_server() -> None:
    address = free_address()
    async with serving(address, clock=CLOCK) as one:
        async with serving(address, clock=CLOCK) as other:
            assert one is other
            with one.mount("/a", [web.get("/{name}", told)]), other.mount("/b", [web.get("", told)]):
                assert (await get(f"{one.url}/a/x"))[0] == 200
                assert (await get(f"{one.url}/b"))[0] == 200
        assert (await get(f"{one.url}/healthz")) == (200, "ok\n")
    with pytest.raises(aiohttp.ClientConnectionError):
        await get(f"{one.url}/healthz")


async def test_answers_do_not_say_what_serves_them() -> None:
    async with serving("127.0.0.1:0", clock=CLOCK) as server, aiohttp.ClientSession() as session:
        for path in ("/healthz", "/nowhere"):
            async with session.get(server.url + path) as answer:
                assert "Server" not in answer.headers


async def test_routes_come_and_go_while_it_runs() -> None:
    async with serving("127.0.0.1:0", clock=CLOCK) as server:
        assert (await get(f"{server.url}/pages/ann"))[0] == 404
        with server.mount("/pages", [web.get("/{name}", told)]):
            status, text = await get(f"{server.url}/pages/ann")
            assert (status, '"name": "ann"' in text) == (200, True)
            assert (await get(f"{server.url}/pages"))[0] == 404
            assert (await get(f"{server.url}/pagesx/ann"))[0] == 404
            async with aiohttp.ClientSession() as session, session.post(f"{server.url}/pages/ann") as answer:
                assert answer.status == 405
        assert (await get(f"{server.url}/pages/ann"))[0] == 404


async def test_a_path_belongs_to_one_component() -> None:
    async with serving("127.0.0.1:0", clock=CLOCK) as server:
        with server.mount("/a/b", []), pytest.raises(ConfigError, match="/a/b"), server.mount("/a/b", []):
            pass
        for wrong in ("a", "/a/", "/{x}", "/"):
            with pytest.raises(ConfigError, match="mount"), server.mount(wrong, []):
                pass


async def test_the_longest_prefix_has_a_path_and_the_empty_one_what_is_left() -> None:
    def saying(word: str) -> Handler:
        async def say(request: web.Request) -> web.Response:
            return web.Response(text=word)

        return say

    every = "/{rest:.*}"
    async with serving("127.0.0.1:0", clock=CLOCK) as server:
        with (
            server.mount("", [web.get(every, saying("pages"))]),
            server.mount("/slack/more", [web.get(every, saying("more"))]),
            server.mount("/slack", [web.get(every, saying("slack"))]),
        ):
            for path, word in (
                ("/", "pages"),
                ("/slacks", "pages"),
                ("/slack/x", "slack"),
                ("/slack/more/x", "more"),
            ):
                assert await get(server.url + path) == (200, word)
            assert await get(f"{server.url}/healthz") == (200, "ok\n")


async def test_the_health_page_says_nothing_but_ok() -> None:
    async with serving("127.0.0.1:0", clock=CLOCK) as server:
        async with aiohttp.ClientSession() as session, session.get(f"{server.url}/healthz") as answer:
            assert await answer.text() == "ok\n"
        assert (await get(f"{server.url}/healthz/x"))[0] == 404


@pytest.mark.parametrize("declared", [True, False])
async def test_bodies_have_a_limit_of_each_mount(declared: bool) -> None:
    async def chunks() -> object:
        yield b"x" * 600_000

    async with serving("127.0.0.1:0", clock=CLOCK) as server:
        small, large = [web.post("", echo)], [web.post("", echo)]
        with server.mount("/small", small, body=10), server.mount("/large", large, body=1_000_000):
            async with aiohttp.ClientSession() as session:
                for path, status in (("small", 413), ("large", 200)):
                    data = b"x" * 600_000 if declared else chunks()
                    async with session.post(f"{server.url}/{path}", data=data) as answer:
                        assert answer.status == status


async def test_forwarded_headers_are_believed_of_configured_proxies_only() -> None:
    said = {
        "X-Forwarded-For": "6.6.6.6, 203.0.113.9, 10.1.2.3",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "bot.example.org",
    }
    for proxies, seen in (
        ((), '"remote": "127.0.0.1", "scheme": "http", "host": "127.0.0.1'),
        (("192.0.2.0/24",), '"remote": "127.0.0.1", "scheme": "http", "host": "127.0.0.1'),
        (
            ("127.0.0.1", "10.0.0.0/8"),
            '"remote": "203.0.113.9", "scheme": "https", "host": "bot.example.org"',
        ),
    ):
        async with serving("127.0.0.1:0", clock=CLOCK, proxies=proxies) as server:
            with server.mount("/a", [web.get("", told)]):
                _, text = await get(f"{server.url}/a", **said)
                assert seen in text


async def test_what_proxies_pass_on_is_checked() -> None:
    async with serving("127.0.0.1:0", clock=CLOCK, proxies=["127.0.0.1"]) as server:
        with server.mount("/a", [web.get("", told)]):
            _, text = await get(
                f"{server.url}/a",
                **{
                    "X-Forwarded-For": "not an address",
                    "X-Forwarded-Proto": "gopher",
                    "X-Forwarded-Host": "a/b",
                },
            )
    assert '"remote": "127.0.0.1", "scheme": "http", "host": "127.0.0.1' in text


async def test_a_handler_that_breaks_says_nothing_of_why() -> None:
    async def broken(request: web.Request) -> web.Response:
        raise ValueError("a secret from the request")

    async with serving("127.0.0.1:0", clock=CLOCK) as server:
        with server.mount("/a", [web.get("", broken)]):
            assert await get(f"{server.url}/a") == (500, "internal error\n")
        assert (await get(f"{server.url}/healthz"))[0] == 200


async def test_websockets_and_streams_work_through_a_mount() -> None:
    async def talk(request: web.Request) -> web.StreamResponse:
        socket_ = web.WebSocketResponse()
        await socket_.prepare(request)
        async for message in socket_:
            await socket_.send_str(message.data.upper())
        return socket_

    async with serving("127.0.0.1:0", clock=CLOCK) as server:
        with server.mount("/ws", [web.get("", talk)]):
            async with aiohttp.ClientSession() as session, session.ws_connect(f"{server.url}/ws") as client:
                await client.send_str("hello")
                assert await client.receive_str() == "HELLO"


async def test_an_address_that_is_taken_is_a_configuration_error() -> None:
    async with serving("127.0.0.1:0", clock=CLOCK) as server:
        with pytest.raises(ConfigError, match="cannot listen"):
            async with serving(f"127.0.0.1:{server.port}", clock=CLOCK):
                pass


async def test_those_who_share_trust_the_same_proxies() -> None:
    address = free_address()
    async with serving(address, clock=CLOCK, proxies=["10.0.0.0/8"]):
        with pytest.raises(ConfigError, match="trusted_proxies"):
            async with serving(address, clock=CLOCK):
                pass


@pytest.mark.parametrize("wrong", ["8080", "localhost", "localhost:", ":80", "h:99999", "h:x"])
def test_an_address_is_host_and_port(wrong: str) -> None:
    with pytest.raises(ConfigError, match="HOST:PORT"):
        split_address(wrong)


def test_proxies_are_addresses() -> None:
    with pytest.raises(ConfigError, match="trusted_proxies"):
        networks(["proxy.example.org"])


async def test_two_that_open_at_once_get_one_server() -> None:
    address = free_address()

    async def use() -> object:
        async with serving(address, clock=CLOCK) as server:
            await asyncio.sleep(0)
            return server

    first, second = await asyncio.gather(use(), use())
    assert first is second


async def test_who_comes_while_a_server_closes_gets_it_opened_again() -> None:
    address = free_address()
    entered, gate = asyncio.Event(), asyncio.Event()

    async def slow(request: web.Request) -> web.Response:
        entered.set()
        await gate.wait()
        return await told(request)

    async def one() -> None:
        async with serving(address, clock=CLOCK) as server:
            with server.mount("/a", [web.get("", slow)]):
                asking.append(asyncio.ensure_future(get(f"{server.url}/a")))
                await entered.wait()

    async def another() -> tuple[int, str]:
        async with serving(address, clock=CLOCK) as server:
            return await get(f"{server.url}/healthz")

    asking: list[asyncio.Future[tuple[int, str]]] = []
    first = asyncio.ensure_future(one())
    await entered.wait()
    second = asyncio.ensure_future(another())
    for _ in range(20):
        await asyncio.sleep(0)
    gate.set()
    await first
    assert await second == (200, "ok\n")
    assert (await asking[0])[0] == 200
