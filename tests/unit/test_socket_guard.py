"""The guard that keeps tests on this machine."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import pytest

from rostra.testing.network import BeyondLoopback, is_local, is_local_host, loopback_only

pytest_plugins = ["pytester"]

OUTSIDE = "192.0.2.1"  # TEST-NET-1, RFC 5737: it belongs to nobody


@pytest.mark.parametrize(
    ("address", "local"),
    [
        (("127.0.0.1", 80), True),
        (("127.9.9.9", 80), True),
        (("::1", 80, 0, 0), True),
        (("::ffff:127.0.0.1", 80, 0, 0), True),
        (("::ffff:192.0.2.1", 80, 0, 0), False),
        (("localhost", 80), True),
        ((b"localhost", 80), True),
        (("0.0.0.0", 80), True),
        (("", 80), True),
        ((OUTSIDE, 80), False),
        (("fe80::1%eth0", 80, 0, 0), False),
        (("2001:db8::1", 80, 0, 0), False),
        (("example.org", 80), False),
        (("localhost.example.org", 80), False),
        ("/run/some.sock", True),
        (b"\0abstract", True),
    ],
    ids=str,
)
def test_knows_what_stays_on_this_machine(address: object, local: bool) -> None:
    assert is_local(address) is local


def _connect(sock: socket.socket) -> None:
    sock.connect((OUTSIDE, 9))


def _connect_ex(sock: socket.socket) -> None:
    sock.connect_ex((OUTSIDE, 9))


def _sendto(sock: socket.socket) -> None:
    sock.sendto(b"x", (OUTSIDE, 9))


def _sendto_with_flags(sock: socket.socket) -> None:
    sock.sendto(b"x", 0, (OUTSIDE, 9))


def _sendmsg(sock: socket.socket) -> None:
    sock.sendmsg([b"x"], [], 0, (OUTSIDE, 9))


def _look_up(_: socket.socket) -> None:
    socket.getaddrinfo("example.org", 80)


def _look_up_by_old_name(_: socket.socket) -> None:
    socket.gethostbyname("example.org")


@pytest.mark.parametrize(
    "reach",
    [_connect, _connect_ex, _sendto, _sendto_with_flags, _sendmsg, _look_up, _look_up_by_old_name],
    ids=lambda reach: reach.__name__.strip("_"),
)
def test_refuses_and_remembers_every_way_out(reach: Callable[[socket.socket], None]) -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock,
        loopback_only() as attempts,
        pytest.raises(BeyondLoopback),
    ):
        reach(sock)
    assert len(attempts) == 1


async def test_lets_loopback_and_unix_sockets_pass() -> None:
    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")
        writer.close()

    with loopback_only() as attempts:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            reader, writer = await asyncio.open_connection("localhost", server.sockets[0].getsockname()[1])
            assert await reader.read() == b"hello"
            writer.close()
        one, other = socket.socketpair()
        with one, other:
            one.sendmsg([b"x"])
            assert other.recv(1) == b"x"
    assert attempts == []


def test_everything_is_as_before_afterwards() -> None:
    before = (socket.socket.connect, socket.socket.sendto, socket.getaddrinfo)
    with loopback_only():
        assert socket.socket.connect is not before[0]
    assert (socket.socket.connect, socket.socket.sendto, socket.getaddrinfo) == before


def test_a_host_that_is_no_name_is_local() -> None:
    assert is_local_host(None)


def test_the_plugin_fails_a_test_that_swallows_the_refusal(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        f"""
        import contextlib
        import socket

        def test_stays():
            socket.getaddrinfo("localhost", 80)

        def test_reaches_out_and_hides_it():
            with contextlib.suppress(OSError), socket.socket() as sock:
                sock.connect(("{OUTSIDE}", 9))
        """
    )
    result = pytester.runpytest_inprocess(
        "-p", "rostra.testing.plugin", "-p", "no:randomly", "-p", "no:asyncio"
    )
    result.assert_outcomes(passed=2, errors=1)
    result.stdout.fnmatch_lines(["*reached beyond loopback: connect to ('192.0.2.1', 9)*"])
