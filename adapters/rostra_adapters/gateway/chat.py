"""``/v1/chat/completions``: a conversation in, a judged answer out, whole or as it comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from functools import reduce
from http import HTTPStatus
from typing import Any, assert_never

from aiohttp import web
from uuid_utils.compat import uuid7

from rostra.actions import Action, Append, Begin, Finish, Replace, Retract, Show, Typing
from rostra.api_keys import ApiKey
from rostra.asked import Asked
from rostra.chat import Answerer, Usage
from rostra.clock import Clock
from rostra.direct import lacking
from rostra.metering import added, taken_by
from rostra.places import Person, Place
from rostra.protocols import Direct, Model
from rostra.turns import Trace
from rostra.versions import version_of
from rostra.views import as_text

from . import spoken, wire
from .choice import Choice
from .refused import BAD_REQUEST, BUSY, NOT_FOUND, TOO_MANY, Refused
from .settings import GatewaySettings
from .spoken import Head

CHANNEL = "chat"
"""All of an application's conversations are one channel: who asks tells them apart, where the application says who does."""
WATCH = 1.0
"""Seconds between two looks at whether the client is still there."""
QUIET = 15
"""Looks after which a stream that has nothing to say says so, before a proxy gives up on it."""
RETRY = 2.0
"""Seconds after which whoever found no room may come again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One request, ready to be answered: once for each choice."""

    asked: Sequence[Asked]
    head: Head
    logprobs: bool
    usage: bool


class Chat:
    """Answers what applications ask."""

    def __init__(
        self,
        name: str,
        settings: GatewaySettings,
        direct: Direct,
        answerers: Callable[[], dict[str, tuple[Answerer, Model]]],
        clock: Clock,
    ) -> None:
        """``answerers`` are those that may be asked, by name, each with its model."""
        self._name = name
        self._settings = settings
        self._direct = direct
        self._answerers = answerers
        self._clock = clock
        self._busy = 0

    @property
    def busy(self) -> int:
        """How many requests are under way."""
        return self._busy

    def read(self, body: bytes, key: ApiKey) -> Question:
        """Return the question in ``body``. Raises `Refused`."""
        request = wire.read(body)
        found = self._answerers().get(request.model)
        if found is None:
            raise Refused(
                NOT_FOUND,
                f"there is no model {request.model[:80]!r}; /v1/models lists them",
                code="model_not_found",
                param="model",
            )
        answerer, model = found
        if (request.n or 1) > self._settings.choices:
            raise Refused(BAD_REQUEST, f"n: {self._settings.choices} choices are allowed", param="n")
        system, said = wire.conversation(request)
        drawn = wire.sampling(
            request, answerer.sampling, takes=taken_by(model), most=self._settings.max_tokens
        )
        replies = [uuid7().hex for _ in range(request.n or 1)]
        asked = [
            Asked(
                reply=reply,
                place=Place(adapter=self._name, workspace=key.application, channel=CHANNEL),
                author=Person(id=request.asker),
                answerer=replace(
                    answerer, sampling=drawn if drawn.seed is None else replace(drawn, seed=drawn.seed + at)
                ),
                said=said,
                system=system,
                streams=bool(request.stream),
            )
            for at, reply in enumerate(replies)
        ]
        version = version_of(model)
        head = Head(
            id=f"chatcmpl-{replies[0]}",
            created=int(self._clock.now().timestamp()),
            model=answerer.name,
            fingerprint=f"fp_{version.id[:12]}" if version else "",
        )
        options = request.stream_options
        return Question(
            asked=asked,
            head=head,
            logprobs=bool(request.logprobs),
            usage=bool(options and options.include_usage),
        )

    async def whole(self, question: Question, request: web.Request) -> dict[str, Any]:
        """Return the answer, once all of it was judged. Raises `Refused` and what `Direct.answer` does."""
        choices = [Choice(at, one.reply) for at, one in enumerate(question.asked)]

        async def one(choice: Choice, asked: Asked) -> Usage:
            async def emit(action: Action) -> None:
                match action:
                    case Finish():
                        choice.end(action.text, action.ending)
                    case Retract():
                        choice.take_back(action.text)
                    case Show():
                        choice.end(as_text(action.view), "stop")
                    case Begin() | Append() | Replace() | Typing():
                        pass  # the whole of it comes in the end
                    case _:
                        assert_never(action)

            return await self._answered(asked, choice, emit)

        async with self._seat():
            used = await self._attended(_together(one, choices, question.asked), request)
        return spoken.whole(question.head, choices, used, logprobs=question.logprobs)

    async def stream(
        self,
        question: Question,
        request: web.Request,
        headers: dict[str, str],
        told: Callable[[Exception], Refused],
    ) -> web.StreamResponse:
        """Send the answer as it is released. Raises what `whole` does, as long as nothing was sent.

        Afterwards an event says what went wrong, as ``told`` has it, and is the last.
        """
        line = Line(question, request, headers)
        choices = [Choice(at, one.reply) for at, one in enumerate(question.asked)]

        async def one(choice: Choice, asked: Asked) -> Usage:
            async def emit(action: Action) -> None:
                await line.carry(choice, action)

            used = await self._answered(asked, choice, emit)
            await line.end(choice)
            return used

        async with self._seat():
            try:
                used = await self._attended(_together(one, choices, question.asked), request, line.ping)
            except Exception as error:  # models and stages are foreign code
                if not line.open or gone(request):
                    raise
                await line.say(spoken.event(told(error).body))
                return await line.close()
        return await line.close((spoken.last(question.head, used) if question.usage else b"") + spoken.DONE)

    async def _answered(
        self, asked: Asked, choice: Choice, emit: Callable[[Action], Coroutine[Any, Any, None]]
    ) -> Usage:
        trace = Trace()

        async def out(action: Action) -> None:
            wait = lacking(trace)
            if wait is not None:
                raise Refused(TOO_MANY, "a quota is used up", code="insufficient_quota", retry_after=wait)
            await emit(action)

        await self._direct.answer(asked, out, trace=trace, hear=choice.hear)
        return reduce(added, trace.used) if trace.used else Usage(prompt=0, completion=0)

    @asynccontextmanager
    async def _seat(self) -> AsyncGenerator[None]:
        if self._busy >= self._settings.requests:
            raise Refused(BUSY, "too many requests are under way", code="overloaded", retry_after=RETRY)
        self._busy += 1
        try:
            yield
        finally:
            self._busy -= 1

    async def _attended(
        self,
        work: Coroutine[Any, Any, Usage],
        request: web.Request,
        quiet: Callable[[], Coroutine[Any, Any, None]] | None = None,
    ) -> Usage:
        """Return what ``work`` does, ended where its client hangs up; call ``quiet`` while it takes long."""
        task = asyncio.ensure_future(work)
        looks = 0
        try:
            while not task.done():
                with suppress(TimeoutError):
                    async with self._clock.timeout(WATCH):
                        await asyncio.wait({task})
                looks += 1
                if not task.done() and gone(request):
                    raise ConnectionResetError("the client hung up")
                if not task.done() and quiet is not None and looks % QUIET == 0:
                    await quiet()
            return task.result()
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task})


def gone(request: web.Request) -> bool:
    """Say whether nobody waits for a reply any more."""
    return request.transport is None or request.transport.is_closing()


async def _together(
    one: Callable[[Choice, Asked], Coroutine[Any, Any, Usage]],
    choices: Sequence[Choice],
    asked: Sequence[Asked],
) -> Usage:
    """Answer all choices at once; what they take counts together, but for the prompt, which they share."""
    if len(choices) == 1:
        return await one(choices[0], asked[0])
    tasks = [asyncio.ensure_future(one(*each)) for each in zip(choices, asked, strict=True)]
    try:
        used = await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    first, *others = used
    return reduce(added, (replace(each, prompt=0, cached=0) for each in others), first)


class Line:
    """A stream of events to one client, which begins with the first thing there is to say."""

    def __init__(self, question: Question, request: web.Request, headers: dict[str, str]) -> None:
        self._question = question
        self._request = request
        self._response = web.StreamResponse(
            status=HTTPStatus.OK,
            headers={
                **headers,
                "Content-Type": "text/event-stream; charset=utf-8",
                "Cache-Control": "no-cache",
                "X-Accel-Buffering": "no",
            },
        )
        self._opening = asyncio.Lock()
        self._begun: set[int] = set()
        self._ended = 0
        self._ending = b""

    @property
    def open(self) -> bool:
        """Whether anything was sent."""
        return self._response.prepared

    async def say(self, data: bytes) -> None:
        """Send some bytes. Raises `ConnectionError` where nobody listens any more."""
        if not self._response.prepared:
            async with self._opening:
                if not self._response.prepared:
                    await self._response.prepare(self._request)
        await self._response.write(data)

    async def ping(self) -> None:
        """Say that there is nothing to say yet."""
        await self.say(spoken.PING)

    async def close(self, last: bytes = b"") -> web.StreamResponse:
        """Send what is left and ``last``, in one go, and return the response, at its end."""
        if self._ending or last:
            await self.say(self._ending + last)
        await self._response.write_eof()
        return self._response

    async def carry(self, choice: Choice, action: Action) -> None:
        """Do what ``action`` asks for, as far as a stream can: what was sent stays with the client."""
        if choice.finish is not None:
            return
        match action:
            case Begin() | Append():
                await self._grow(choice, action.text)
            case Finish():
                await self._finish(choice, action.text, action)
            case Retract():
                await self._finish(choice, action.text, action)
            case Replace():
                # Something in what was sent should not be read: all that can be said is that none of it holds.
                await self._finish(choice, "", Retract(reply=action.reply))
            case Show():
                await self._finish(choice, as_text(action.view), Finish(reply=action.reply, text=""))
            case Typing():
                pass
            case _:
                assert_never(action)

    async def _grow(self, choice: Choice, text: str) -> None:
        choice.text += text
        await self._delta(choice, {"content": text})

    async def _finish(self, choice: Choice, text: str, action: Finish | Retract) -> None:
        shown = choice.text
        if isinstance(action, Retract):
            choice.take_back(text)
        else:
            choice.end(text, action.ending)
        rest = text[len(shown) :] if text.startswith(shown) else f"\n\n{text}" if text else ""
        if rest:
            await self._delta(choice, {"content": rest})
        if choice.calls:
            calls = [{"index": at, **call} for at, call in enumerate(choice.told_calls())]
            await self._delta(choice, {"tool_calls": calls})

    async def _delta(self, choice: Choice, delta: dict[str, Any]) -> None:
        head = self._question.head
        data = b""
        if choice.number not in self._begun:
            self._begun.add(choice.number)
            data = spoken.chunk(head, choice.number, {"role": "assistant", "content": ""})
        more: dict[str, Any] = {}
        if self._question.logprobs and choice.finish != "content_filter":
            more["logprobs"] = choice.logprobs(len(choice.text))
        await self.say(data + spoken.chunk(head, choice.number, delta, more=more))

    async def end(self, choice: Choice) -> None:
        """Say how a choice ended; of the last one, `close` does."""
        if choice.number not in self._begun:
            await self._delta(choice, {})
        self._ended += 1
        ending = spoken.chunk(
            self._question.head, choice.number, {}, finish=choice.finish, more=spoken.explained(choice)
        )
        if self._ended == len(self._question.asked):
            self._ending = ending
        else:
            await self.say(ending)
