"""One request to a server and its reply, read part by part."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rostra.backoff import retry_after
from rostra.clock import Clock
from rostra.errors import ModelError, PromptTooLong

from .delta import BadReply, Delta, Json
from .failures import TOO_LONG, Unreachable, decoded, refusal
from .sse import EventParser, TooLong

if TYPE_CHECKING:
    import httpx  # imported where it is used: it takes a tenth of a second

MOST_BYTES = 64 * 1024 * 1024
"""Bytes of a reply that are read: a token takes about 300 of them, and more with log-probabilities."""

_MOST_TOLD = 64 * 1024
"""Bytes of a refusal that are read."""

_OK = 200
_DONE = "[DONE]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is sent where. ``read`` is the API's: what an event says."""

    says: str
    url: str
    body: bytes
    read: Callable[[Json], Iterator[Delta]]


class Exchange:
    """A reply under way. Whoever gets one closes it.

    `first` is what ended the wait for the first token, and what came before it. Reading raises `Unreachable` where the
    server does not keep to HTTP or to its API, and other `ModelError` where it says that it cannot.
    """

    def __init__(self, question: Question, response: httpx.Response) -> None:
        self.first: list[Delta] = []
        self.done = False
        self._question = question
        self._response = response
        self._deltas = self._read()

    @classmethod
    async def opened(cls, client: httpx.AsyncClient, question: Question, clock: Clock) -> Exchange:
        """Send ``question`` and return the reply, once its first token is there."""
        import httpx

        request = client.build_request(
            "POST", question.url, content=question.body, headers={"Content-Type": "application/json"}
        )
        try:
            response = await client.send(request, stream=True)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise Unreachable(f"{question.says}: no connection to its server ({_name(error)})") from error
        exchange = cls(question, response)
        try:
            await exchange.begin(clock)
        except BaseException:
            await exchange.close()
            raise
        return exchange

    async def begin(self, clock: Clock) -> None:
        """Read up to the first token. Raises as reading does, and for a status that is not 200."""
        status = self._response.status_code
        if status != _OK:
            wait = retry_after(self._response.headers.get("retry-after", ""), clock.now())
            raise refusal(self._question.says, status, await self._told(), stay_away=wait)
        while (delta := await self.next()) is not None:
            self.first.append(delta)
            if delta.says_something:
                return
        raise Unreachable(f"{self._question.says}: its server answered with nothing")

    async def next(self) -> Delta | None:
        """Return the next part, or None at the end."""
        return await anext(self._deltas, None)

    async def close(self) -> None:
        """End the reply; the connection is kept if the reply was read to its end, and closed if not."""
        await self._deltas.aclose()
        await self._response.aclose()

    async def _read(self) -> AsyncGenerator[Delta]:
        says = self._question.says
        try:
            async with aclosing(self._objects()) as objects:
                async for found in objects:
                    for delta in self._question.read(found):
                        yield delta
                    if self.done:
                        yield Delta()  # whoever reads need not wait any longer than it takes to end the reply
        except TooLong as error:
            raise Unreachable(f"{says}: its server sent {error}") from error
        except BadReply as error:
            raise failed(says, error) from error

    async def _objects(self) -> AsyncGenerator[Json]:
        """Yield the objects of the body, up to the end of what the API says."""
        body = bytearray()
        parser: EventParser | None = None
        async with aclosing(self._chunks()) as chunks:
            async for chunk in chunks:
                if parser is None:
                    body += chunk
                    if (streams := self._streams(bytes(body))) is None:
                        continue
                    if not streams:
                        continue
                    chunk, parser = bytes(body), EventParser()  # noqa: PLW2901  what came before was kept
                for event in parser.feed(chunk):
                    if event.data.strip() == _DONE:
                        self.done = True
                        yield {}
                    elif event.data and not self.done:
                        yield decoded(event.data)
        if parser is None and body.strip():
            self.done = True
            yield decoded(bytes(body))

    def _streams(self, start: bytes) -> bool | None:
        """Return whether the body is a stream of events; None if it has not said so yet."""
        kind = self._response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == "text/event-stream":
            return True
        if kind.endswith("json"):
            return False
        if kind == "text/html":
            raise BadReply("a web page; 'url' must be where its API begins", again=False)
        start = start.removeprefix(b"\xef\xbb\xbf").lstrip()
        return not start.startswith(b"{") if start else None

    async def _chunks(self) -> AsyncGenerator[bytes]:
        import httpx

        if self._response.headers.get("content-encoding", "identity").lower() != "identity":
            raise BadReply("a compressed reply, which nobody asked for")
        read = 0
        try:
            async for chunk in self._response.aiter_raw():
                read += len(chunk)
                if read > MOST_BYTES:
                    raise BadReply(f"more than {MOST_BYTES} bytes", again=False)
                yield chunk
        except (httpx.HTTPError, httpx.StreamError) as error:
            says = self._question.says
            raise Unreachable(f"{says}: its server broke off ({_name(error)})") from error

    async def _told(self) -> bytes:
        import httpx

        body = bytearray()
        try:
            async for chunk in self._response.aiter_raw():
                body += chunk
                if len(body) > _MOST_TOLD:
                    break
        except (httpx.HTTPError, httpx.StreamError):
            pass  # the status is known, which is what counts
        return bytes(body)


def failed(says: str, error: BadReply) -> ModelError:
    """Return what to raise for ``error``; ``says`` names the model, as the start of a sentence."""
    what = f"{says}: its server sent {error}"
    if error.code in TOO_LONG:
        return PromptTooLong(f"{what}; 'window' must not be more than the model's")
    return Unreachable(what) if error.again else ModelError(what)


def _name(error: Exception) -> str:
    return type(error).__name__


def headers(key: str | None, own: Mapping[str, str]) -> dict[str, str]:
    """Return the headers of every request."""
    fixed: dict[str, Any] = {"Accept": "text/event-stream, application/json", "Accept-Encoding": "identity"}
    return {**own, **fixed, **({"Authorization": f"Bearer {key}"} if key else {})}
