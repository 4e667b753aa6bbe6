"""A model behind HTTP, as a `rostra.protocols.Model`."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from types import ModuleType

from rostra.chat import Piece, Sampling, Usage, Utterance
from rostra.clock import Clock
from rostra.errors import ModelError, PromptTooLong
from rostra.versions import ModelVersion

from . import chat, responses
from .assembly import Assembly
from .counting import Estimate
from .delta import BadReply, Delta
from .exchange import Exchange, Question, failed
from .presets import Api
from .server import Server
from .settings import RemoteSettings

_SHAPES: Mapping[Api, ModuleType] = {"chat": chat, "responses": responses}

GRACE = 1.0
"""Seconds that a server has, once every choice has ended, to say what was used and to end its reply."""


class RemoteModel:
    """Asks a server. Use it within `rostra_models.remote.component.opened`, which closes its connections.

    Several choices come from one request where the preset says that the server can do that, else from one request
    each, one after the other. A server's ``seed`` may or may not make answers repeatable.
    """

    def __init__(
        self,
        name: str,
        settings: RemoteSettings,
        clock: Clock,
        server: Server,
        counter: Callable[[str], int] | None,
    ) -> None:
        self.name = name
        self.window = settings.window
        self.server = server
        self.estimate = Estimate()
        self._settings = settings
        self._clock = clock
        self._counter = counter
        self._api: Api = settings.api or settings.known.api
        self._says = f"model {name!r}"

    @property
    def version(self) -> ModelVersion:
        """The server and what it calls the model; whether it is still the same one, only the server knows."""
        return ModelVersion(name=self._settings.model, kind="external", source=self._settings.address)

    def count(self, text: str) -> int:
        """Return how many tokens ``text`` has: exactly with a tokenizer, else as `Estimate` explains."""
        return self.estimate.count(text) if self._counter is None else self._counter(text)

    @property
    def takes(self) -> frozenset[str]:
        """What of a request is passed on to the server (`rostra.protocols.Obliging`): all of it, where the API is OpenAI's."""
        more = {"logprobs"} if self._settings.known.logprobs else set[str]()
        return frozenset({"tools", *more, *(chat.MORE if self._api == "chat" else ())})

    def most(self, prompt: int, completion: int) -> Usage:
        """Return what so many tokens cost, none of them cached (`rostra.protocols.Metered`)."""
        usage = Usage(prompt=prompt, completion=completion)
        return replace(usage, cost=cost(usage, self._settings))

    async def stream(self, messages: Sequence[Utterance], sampling: Sampling) -> AsyncGenerator[Piece]:
        wanted = list(range(max(1, sampling.n)))
        together = len(wanted) if self._settings.known.n and self._api == "chat" else 1
        deadline = self._clock.monotonic() + self._settings.last_token_seconds
        while wanted:
            assembly = Assembly(wanted[:together], sampling.stop)
            # A choice is drawn with a seed of its own, so that it is not the same as the others.
            seed = None if sampling.seed is None else sampling.seed + wanted[0]
            question = self._question(messages, replace(sampling, seed=seed, n=len(wanted[:together])))
            async with aclosing(self._answer(question, assembly, deadline)) as pieces:
                async for piece in pieces:
                    yield piece
            if assembly.usage is not None:
                self.estimate.learn(messages, sampling, assembly.usage.prompt)
            wanted = [*assembly.missing, *wanted[together:]]
            together = 1

    async def _answer(self, question: Question, assembly: Assembly, deadline: float) -> AsyncGenerator[Piece]:
        try:
            async with self.server.asked(question) as exchange:
                waiting: Sequence[Delta] = exchange.first
                while waiting:
                    for delta in waiting:
                        for piece in assembly.push(delta):
                            yield piece
                    waiting = () if assembly.stopped else await self._next(exchange, assembly, deadline)
                for piece in assembly.end():
                    yield self._priced(piece)
        except BadReply as error:
            raise failed(self._says, error) from error
        except PromptTooLong:
            self.estimate.was_too_low()
            raise

    async def _next(self, exchange: Exchange, assembly: Assembly, deadline: float) -> Sequence[Delta]:
        """Return the next part; nothing at the end. Raises `ModelError` if there is no whole answer by then."""
        finished = assembly.finished or exchange.done
        left = GRACE if finished else deadline - self._clock.monotonic()
        try:
            async with self._clock.timeout(max(0.0, left)):
                found = await exchange.next()
        except TimeoutError as error:
            if finished:
                return ()
            seconds = self._settings.last_token_seconds
            raise ModelError(f"{self._says}: its server did not finish in {seconds:g} s") from error
        except ModelError:
            if finished:
                return ()  # the answer is whole, whatever became of the rest
            raise
        if not found and not (assembly.ended or exchange.done):
            raise ModelError(f"{self._says}: its server broke off in the middle of an answer")
        return found

    def _question(self, messages: Sequence[Utterance], sampling: Sampling) -> Question:
        settings, shape = self._settings, _SHAPES[self._api]
        more = {name: json.loads(value) for name, value in sampling.more}
        logprobs = settings.logprobs or bool(more.pop("logprobs", False))
        # In a stream each token comes with its own log-probability; and a hedge waits for the first of them.
        whole = sampling.whole and not logprobs and settings.hedge_after_seconds is None
        body = shape.request(messages, sampling, settings.known, logprobs=logprobs)
        body = {"model": settings.model, **body, **settings.extra, **more}
        if whole:
            body["stream"] = False
            body.pop("stream_options", None)
        return Question(
            says=self._says,
            url=settings.address + shape.PATH,
            body=json.dumps(body).encode(),
            read=shape.read,
            seconds=settings.last_token_seconds if whole else settings.first_token_seconds,
            whole=whole,
        )

    def _priced(self, piece: Piece) -> Piece:
        if piece.usage is None:
            return piece
        return replace(piece, usage=replace(piece.usage, cost=cost(piece.usage, self._settings)))


def cost(usage: Usage, settings: RemoteSettings) -> float | None:
    """Return what ``usage`` costs, or None if no price is set. Cached tokens cost as others do if no price is set for them."""
    prompt, cached, completion = settings.price_prompt, settings.price_cached, settings.price_completion
    if prompt is None and cached is None and completion is None:
        return None
    cached = (prompt or 0.0) if cached is None else cached
    fresh = usage.prompt - usage.cached
    return (fresh * (prompt or 0.0) + usage.cached * cached + usage.completion * (completion or 0.0)) / 1e6
