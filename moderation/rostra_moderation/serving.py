"""Serves our own moderation in the shapes of other people's APIs, without a web framework: a request in, a reply out.

Whoever mounts it passes the decoded JSON of a body and sends `Reply.body` back as JSON with `Reply.status`. Nothing is
stored or logged. What could not be judged is an error, never "not flagged".
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from secrets import token_hex
from typing import Any, Literal, Protocol, TypeAlias

from rostra.places import Person, Place
from rostra.verdicts import Passage, Verdict

from . import openai_shape, perspective

Shape: TypeAlias = Literal["openai", "perspective"]

PATHS: dict[str, Shape] = {
    "/v1/moderations": "openai",
    "/v1alpha1/comments:analyze": "perspective",
}
"""Where clients of either API look for it."""

UNDETERMINED = "und"
"""The language tag for "nobody knows" (BCP 47, ISO 639-2)."""


PLACE = Place(adapter="api", channel="moderations")
CLIENT = Person(id="client")


class Judging(Protocol):
    """What judges: a `rostra.protocols.Moderation`, or one of its moderators."""

    async def judge(self, passage: Passage) -> Verdict: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """What is served, and within which limits.

    ``place`` and ``author`` are those that the policy sees; ``limit`` gives the score from which a category of OpenAI's
    is true; ``language_of`` the language of a text, or an empty string. ``most_inputs`` are judged in one request,
    ``concurrent`` of them at once; ``longest`` is in characters, for each.
    """

    judging: Judging
    place: Place = PLACE
    author: Person = CLIENT
    limit: Callable[[str], float] = lambda _: 0.5
    language_of: Callable[[str], str] = lambda _: ""
    model: str = "rostra-moderation"
    most_inputs: int = 64
    longest: int = 100_000
    concurrent: int = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An HTTP status and a body to be sent as JSON."""

    status: int
    body: dict[str, Any]


class _Unjudged(Exception):
    """No verdict could be had."""


async def serve(serving: Serving, request: object, shape: Shape) -> Reply:
    """Return the reply to the decoded JSON of ``request``. Never raises for what a client sends or a moderator does."""
    return await (_moderations if shape == "openai" else _analysis)(serving, request)


async def _moderations(serving: Serving, request: object) -> Reply:
    write_error = openai_shape.write_error
    try:
        texts = _within(openai_shape.read_inputs(request), serving)
        verdicts = await _judged(serving, texts)
    except openai_shape.BadRequest as error:
        kind = "invalid_request_error"
        return Reply(status=400, body=write_error(str(error), kind=kind, param=error.param, code=error.code))
    except _Unjudged as error:
        return Reply(
            status=503, body=write_error(str(error), kind="server_error", code="moderation_unavailable")
        )
    results = [openai_shape.write_result(verdict, serving.limit) for verdict in verdicts]
    body = {"id": f"modr-{token_hex(16)}", "model": serving.model, "results": results}
    return Reply(status=200, body=body)


def _within(texts: Sequence[str], serving: Serving) -> Sequence[str]:
    if len(texts) > serving.most_inputs:
        raise openai_shape.BadRequest(
            f"'input' has {len(texts)} texts; {serving.most_inputs} are allowed", "input"
        )
    longest = max(map(len, texts))
    if longest > serving.longest:
        raise openai_shape.BadRequest(
            f"'input' has a text of {longest} characters; {serving.longest} are allowed", "input"
        )
    return texts


async def _analysis(serving: Serving, request: object) -> Reply:
    write_error = perspective.write_error
    try:
        asked = perspective.read_analysis(request)
        (verdict,) = await _judged(serving, [asked.text])
    except perspective.BadComment as error:
        body = write_error(str(error), code=400, status="INVALID_ARGUMENT", kind=error.kind)
        return Reply(status=400, body=body)
    except _Unjudged as error:
        return Reply(status=503, body=write_error(str(error), code=503, status="UNAVAILABLE"))
    language = serving.language_of(asked.text) or UNDETERMINED
    return Reply(status=200, body=perspective.write_analysis(asked, verdict, [language]))


async def _judged(serving: Serving, texts: Sequence[str]) -> Sequence[Verdict]:
    """Return a verdict for each text, in order. Raises `_Unjudged` where one cannot be had."""
    room = asyncio.Semaphore(serving.concurrent)

    async def one(text: str) -> Verdict:
        passage = Passage(text=text, direction="question", place=serving.place, author=serving.author)
        async with room:
            return await serving.judging.judge(passage)

    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(text)) for text in texts]
    except ExceptionGroup:  # moderators may be anybody's: their failure is a reply, without their words
        raise _Unjudged("the text could not be judged; try again later") from None
    verdicts = [task.result() for task in tasks]
    if any(verdict.kind != "judged" for verdict in verdicts):
        raise _Unjudged("the text could not be judged; try again later")
    return verdicts
