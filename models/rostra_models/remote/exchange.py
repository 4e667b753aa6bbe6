"""One request to a server and its reply, read part by part."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, Any

from rostra.backoff import retry_after
from rostra.clock import Clock
from rostra.errors import ModelError, PromptTooLong

from .delta import BadReply, Delta, Json
from .failures import TOO_LONG, Unreachable, refusal
from .reading import Reading, together
from .sse import TooLong

if TYPE_CHECKING:
    import aiohttp  # imported where it is used: it takes a third of a second

MOST_BYTES = 64 * 1024 * 1024
"""Bytes of a reply that are read: a token takes about 300 of them, and more with log-probabilities."""

_MOST_TOLD = 64 * 1024
"""Bytes of a refusal that are read."""

_LARGE = 1024 * 1024
"""Bytes of a request from which it is sent in parts: aiohttp warns of larger ones."""

_OK = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is sent where. ``read`` is the API's: what an event says. ``seconds``: until there must be a reply.

    ``whole``: it asks for all of the answer at once, so that the reply only begins when that is made.
    """

    says: str
    url: str
    body: bytes
    read: Callable[[Json], Iterator[Delta]]
    seconds: float
    whole: bool = False


class Exchange:
    """A reply under way. Whoever gets one closes it.

    `first` is what ended the wait for the first token, and what came before it. ``done``: the server has said that this
    is all. Reading raises `Unreachable` where the server does not keep to HTTP or to its API, and other `ModelError`
    where it says that it cannot.
    """

    def __init__(self, question: Question, response: aiohttp.ClientResponse) -> None:
        self.first: Sequence[Delta] = ()
        self._question = question
        self._response = response
        self._reading = Reading(response.headers.get("content-type", ""), question.read)
        self._bytes = 0
        self._ended = False
        self._failure: ModelError | None = None

    @property
    def done(self) -> bool:
        return self._reading.done

    @classmethod
    async def opened(cls, client: aiohttp.ClientSession, question: Question, clock: Clock) -> Exchange:
        """Send ``question`` and return the reply, once its first token is there."""
        body = question.body if len(question.body) < _LARGE else BytesIO(question.body)
        try:
            response = await client.post(
                question.url,
                data=body,
                headers={"Content-Type": "application/json"},
                allow_redirects=False,
            )
        except failures() as error:
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
        status = self._response.status
        if status != _OK:
            wait = retry_after(self._response.headers.get("retry-after", ""), clock.now())
            raise refusal(self._question.says, status, await self._told(), stay_away=wait)
        if self._response.headers.get("content-encoding", "identity").lower() != "identity":
            error = BadReply("a compressed reply, which nobody asked for")
            raise failed(self._question.says, error)
        first: list[Delta] = []
        while found := await self.next():
            first += found
            if any(delta.says_something for delta in found):
                self.first = first
                return
        raise Unreachable(f"{self._question.says}: its server answered with nothing")

    async def next(self) -> Sequence[Delta]:
        """Return what comes next, all that is there of it; nothing at the end.

        After the server has said that this is all, it returns once more, and then at the end of the reply.
        """
        was_done = self.done
        while not self._ended and self._failure is None:
            found = self._said(await self._chunk())
            if found:
                return together(found)
            if self.done and not was_done:
                return (Delta(),)  # whoever reads need not wait any longer than it takes to end the reply
        if self._failure is not None:
            raise self._failure
        return ()

    async def close(self) -> None:
        """End the reply; the connection is kept if the reply was read to its end, and closed if not."""
        self._response.close()

    def _said(self, data: bytes) -> Sequence[Delta]:
        """Return what ``data`` says, up to what is wrong with it: the next one to read gets to know that."""
        found: list[Delta] = []
        try:
            for delta in self._reading.feed(data) if data else self._reading.end():
                found.append(delta)  # noqa: PERF402  what was read before an error counts
        except TooLong as error:
            self._fail(Unreachable(f"{self._question.says}: its server sent {error}"), error)
        except BadReply as error:
            self._fail(failed(self._question.says, error), error)
        return found

    async def _chunk(self) -> bytes:
        """Return what is there of the body, as soon as anything is; nothing at its end or where it broke off."""
        try:
            data = await self._response.content.readany()
        except failures() as error:
            self._fail(Unreachable(f"{self._question.says}: its server broke off ({_name(error)})"), error)
            # From here on aiohttp keeps to itself what came before the break and was not read yet.
            return b"".join(getattr(self._response.content, "_buffer", ()))
        self._bytes += len(data)
        self._ended = not data
        if self._bytes > MOST_BYTES:
            raise failed(self._question.says, BadReply(f"more than {MOST_BYTES} bytes", again=False))
        return data

    def _fail(self, failure: ModelError, cause: Exception) -> None:
        if self._failure is None:
            failure.__cause__ = cause
            self._failure = failure

    async def _told(self) -> bytes:
        body = bytearray()
        try:
            while len(body) <= _MOST_TOLD and (data := await self._response.content.readany()):
                body += data
        except failures():
            pass  # the status is known, which is what counts
        return bytes(body)


def failures() -> tuple[type[Exception], ...]:
    """Return what aiohttp raises where a server cannot be reached, or does not keep to HTTP."""
    import aiohttp
    from aiohttp.http_exceptions import HttpProcessingError

    return aiohttp.ClientError, HttpProcessingError, OSError


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
