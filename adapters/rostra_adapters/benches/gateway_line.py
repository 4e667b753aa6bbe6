"""A client for the gateway's bench that does little: one kept connection, and a stopwatch for the answer's first text.

An HTTP library takes a millisecond of processor time for a stream of sixty tokens, which is more than some of the servers
do. This one looks at no more than it must while the answer comes; what it said is read afterwards, by `said`.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

PATIENCE = 10.0
"""Seconds without a byte after which a stream has stalled."""

_TEXT = re.compile(rb'"content":\s*"[^"]')
_LENGTH = re.compile(rb"content-length:\s*(\d+)", re.IGNORECASE)
_CHUNKED = re.compile(rb"transfer-encoding:\s*chunked", re.IGNORECASE)
_CLOSES = re.compile(rb"connection:\s*close", re.IGNORECASE)
_LAST_CHUNK = b"0\r\n\r\n"
_OVERLAP = 32
_HEX = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came for one request: seconds to the first text and to the end, and the bytes.

    ``first`` is None where no text came; ``whole`` is false where nothing came for `PATIENCE`, or the end was cut off.
    """

    first: float | None
    seconds: float
    whole: bool
    raw: bytes


@dataclass(slots=True, eq=False)
class Got:
    """What came so far of one reply."""

    UNTIL_CLOSED = -2
    _CHUNKS = -1

    raw: bytearray = field(default_factory=bytearray)
    start: float = field(default_factory=time.perf_counter)
    last: float = field(default_factory=time.perf_counter)
    first: float | None = None
    body: int = 0
    length: int = 0
    over: asyncio.Future[bool] = field(default_factory=lambda: asyncio.get_running_loop().create_future())

    @property
    def head(self) -> bytes:
        return bytes(self.raw[: self.body])

    def add(self, data: bytes) -> None:
        """Take what just came."""
        self.last = time.perf_counter()
        seen = len(self.raw)
        self.raw += data
        if not self.body and not self._headed():
            return
        if self.first is None and _TEXT.search(self.raw, max(self.body, seen - _OVERLAP)):
            self.first = self.last
        if self.length == self._CHUNKS:
            if self.raw.endswith(_LAST_CHUNK):
                self.end(whole=True)
        elif self.length != self.UNTIL_CLOSED and len(self.raw) >= self.body + self.length:
            self.end(whole=True)

    def end(self, *, whole: bool) -> None:
        """Say that no more will come."""
        if not self.over.done():
            self.over.set_result(whole)

    def _headed(self) -> bool:
        end = self.raw.find(b"\r\n\r\n")
        if end < 0:
            return False
        self.body = end + 4
        length = _LENGTH.search(self.head)
        if length is not None:
            self.length = int(length.group(1))
        else:
            self.length = self._CHUNKS if _CHUNKED.search(self.head) else self.UNTIL_CLOSED
        return True


class Line(asyncio.Protocol):
    """A connection to a server, opened when it is first needed and again after the server closed it."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        self._address = host, port
        self._transport: asyncio.Transport | None = None
        self._got = Got()

    async def ask(self, request: bytes, *, patience: float = PATIENCE) -> Reply:
        """Send a request, wait for its reply and return it. Raises `OSError` without a connection."""
        if self._transport is None:
            await asyncio.get_running_loop().create_connection(lambda: self, *self._address)
        got = self._got = Got()
        if self._transport is not None:
            self._transport.write(request)
        while not got.over.done():
            left = got.last + patience - time.perf_counter()
            if left <= 0:
                self.close()
                break
            await asyncio.wait((got.over,), timeout=left)
        first = None if got.first is None else got.first - got.start
        if got.over.done() and _CLOSES.search(got.head):
            self.close()
        return Reply(
            first=first,
            seconds=got.last - got.start,
            whole=got.over.done() and got.over.result(),
            raw=bytes(got.raw),
        )

    def close(self) -> None:
        """Close the connection; what is asked next opens another."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if isinstance(transport, asyncio.Transport):
            self._transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._transport = None
        self._got.end(whole=self._got.length == Got.UNTIL_CLOSED)

    def data_received(self, data: bytes) -> None:
        self._got.add(data)


def post(path: str, body: Any) -> bytes:
    """Return a request with a JSON body."""
    written = json.dumps(body).encode()
    return (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(written)}\r\n\r\n"
    ).encode() + written


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a reply said: its status, all of its text, why it ended, and whether a stream came to its ``[DONE]``."""

    status: int
    text: str
    reason: str
    done: bool


def said(raw: bytes) -> Said:
    """Read a reply, streamed or not; what is no reply has the status 0."""
    head, _, body = raw.partition(b"\r\n\r\n")
    first = head.split(b" ", 2)
    status = int(first[1]) if len(first) > 1 and first[1].isdigit() else 0
    if _CHUNKED.search(head):
        body = _joined(body)
    if b"text/event-stream" in head:
        return _streamed(status, body)
    try:
        choice: dict[str, Any] = json.loads(body)["choices"][0] if status == HTTPStatus.OK else {}
    except (ValueError, KeyError, IndexError, TypeError):
        choice = {}
    message: dict[str, Any] = choice.get("message") or {}
    text = message.get("content") or ""
    return Said(status=status, text=text, reason=choice.get("finish_reason") or "", done=False)


def _streamed(status: int, body: bytes) -> Said:
    pieces: list[str] = []
    reason, done = "", False
    for line in body.splitlines():
        data = line.removeprefix(b"data:").strip()
        if data == b"[DONE]":
            done = True
        elif data.startswith(b"{"):
            for choice in _choices(data):
                delta: dict[str, Any] = choice.get("delta") or {}
                pieces.append(delta.get("content") or "")
                reason = choice.get("finish_reason") or reason
    return Said(status=status, text="".join(pieces), reason=reason, done=done)


def _choices(data: bytes) -> list[dict[str, Any]]:
    try:
        return json.loads(data).get("choices") or []
    except ValueError:
        return []


def _joined(body: bytes) -> bytes:
    """Return a chunked body without its framing, as far as it came."""
    pieces: list[bytes] = []
    at = 0
    while (end := body.find(b"\r\n", at)) >= 0:
        try:
            size = int(body[at:end].partition(b";")[0], _HEX)
        except ValueError:
            break
        pieces.append(body[end + 2 : end + 2 + size])
        at = end + 2 + size + 2
    return b"".join(pieces)
