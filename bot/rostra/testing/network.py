"""A guard that keeps tests on this machine: whoever reaches beyond loopback is refused, and found out."""

from __future__ import annotations

import socket
from collections.abc import Callable, Generator
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any, TypeAlias, cast

Attempts: TypeAlias = list[str]

_METHODS = {"connect": 0, "connect_ex": 0, "sendto": -1, "sendmsg": 3}
"""Where each has the address: sendto(data[, flags], address), sendmsg(buffers, ancillary, flags, address)."""
_FUNCTIONS = ("getaddrinfo", "gethostbyname", "gethostbyname_ex")


class BeyondLoopback(OSError):
    """Raised where a test reaches beyond loopback: to the code under test, the network is down."""


def is_local(address: object) -> bool:
    """Return whether a socket address stays on this machine: loopback, a Unix socket, nothing at all.

    >>> is_local(("127.0.0.1", 80)), is_local(("example.org", 80)), is_local("/run/x.sock"), is_local(("8.8.8.8", 53))
    (True, False, True, False)
    """
    if not isinstance(address, tuple) or not address:
        return True  # a path, or nothing: families other than IP know no other machine
    return is_local_host(cast("tuple[object, ...]", address)[0])


def is_local_host(host: object) -> bool:
    """Return whether ``host`` is this machine, as far as can be told without asking anybody."""
    if isinstance(host, bytes | bytearray):
        host = host.decode("ascii", "replace")
    if host is None or not isinstance(host, str) or host in {"", "localhost"}:
        return True
    try:
        address = ip_address(host.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None) or address
    return mapped.is_loopback or mapped.is_unspecified


@contextmanager
def loopback_only() -> Generator[Attempts]:
    """Refuse every connection, datagram and name look-up beyond loopback within the block.

    Yields the list of what was tried, which grows: code that catches `OSError` is found out all the same. It guards
    Python's own sockets; a library that calls the system by itself (libpq) is not seen.
    """
    attempts: Attempts = []

    def refuse(what: str) -> None:
        attempts.append(what)
        raise BeyondLoopback(f"{what}: tests stay on this machine")

    originals: dict[tuple[Any, str], Any] = {
        **{(socket.socket, name): getattr(socket.socket, name) for name in _METHODS},
        **{(socket, name): getattr(socket, name) for name in _FUNCTIONS},
    }
    for (owner, name), original in originals.items():
        guard = _method if owner is socket.socket else _function
        setattr(owner, name, guard(name, original, refuse))
    try:
        yield attempts
    finally:
        for (owner, name), original in originals.items():
            setattr(owner, name, original)


def _method(name: str, original: Callable[..., Any], refuse: Callable[[str], None]) -> Callable[..., Any]:
    position = _METHODS[name]

    def call(sock: socket.socket, *arguments: Any) -> Any:
        address = arguments[position] if -len(arguments) <= position < len(arguments) else None
        if sock.family in {socket.AF_INET, socket.AF_INET6} and not is_local(address):
            refuse(f"{name} to {address!r}")
        return original(sock, *arguments)

    return call


def _function(name: str, original: Callable[..., Any], refuse: Callable[[str], None]) -> Callable[..., Any]:
    def call(host: Any, *arguments: Any, **named: Any) -> Any:
        if not is_local_host(host) and not _is_number(host):
            refuse(f"{name} of {host!r}")
        return original(host, *arguments, **named)

    return call


def _is_number(host: object) -> bool:
    """Return whether ``host`` is an address already, which nobody needs to be asked for."""
    try:
        ip_address(str(host).partition("%")[0])
    except ValueError:
        return False
    return True
