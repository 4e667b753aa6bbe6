"""Who asks in the gateway's bench, in a process of its own: so many clients at once, each with a stopwatch.

For each line on standard input, a `Task` as JSON, it asks that many questions, no two alike, each client the next one once
it has an answer, and prints what they took (`Taken` as JSON).
"""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from http import HTTPStatus
from itertools import count
from typing import Any

from rostra.garbage import collect_seldom

from . import gateway_talk as talk
from .gateway_line import PATIENCE, Line, Reply, post, said
from .told import answering

PATH = "/v1/chat/completions"


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Ask the ``model`` at ``port`` so many ``questions``, ``at_once`` of them; ``streamed`` or as JSON."""

    port: int
    model: str
    questions: int
    at_once: int
    streamed: bool
    patience: float = PATIENCE


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """The seconds of it all, those to each first text, and what went wrong, by how often.

    ``stalled`` got nothing for a while or ended without ``[DONE]``; ``wrong`` ended as it should, but with something else
    than the model's answer to that question.
    """

    seconds: float
    first: tuple[float, ...]
    right: int
    stalled: Mapping[str, int]
    wrong: Mapping[str, int]


class Askers:
    """Asks, and never the same."""

    def __init__(self) -> None:
        self._numbers = count()

    async def run(self, task: Task) -> Taken:
        """Ask all that ``task`` wants and return what it took. Raises `OSError` where nobody listens."""
        left = iter([next(self._numbers) for _ in range(task.questions)])
        replies: dict[int, Reply] = {}
        start = time.perf_counter()
        await asyncio.gather(*(_client(task, left, replies) for _ in range(task.at_once)))
        seconds = time.perf_counter() - start
        return _read(task, seconds, replies)


async def _client(task: Task, left: Any, replies: dict[int, Reply]) -> None:
    line = Line(task.port)
    try:
        for number in left:
            messages = [{"role": "user", "content": talk.question(number)}]
            body: dict[str, Any] = {"model": task.model, "messages": messages}
            if task.streamed:
                body["stream"] = True
            replies[number] = await line.ask(post(PATH, body), patience=task.patience)
    finally:
        line.close()


def _read(task: Task, seconds: float, replies: Mapping[int, Reply]) -> Taken:
    """Look at what was said, after the measuring."""
    stalled: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    for number, reply in replies.items():
        heard = said(reply.raw)
        ended = f"status {heard.status}, finish_reason {heard.reason!r}"
        if not reply.whole or heard.done != task.streamed:
            stalled[ended] += 1
        elif heard.status != HTTPStatus.OK or heard.text != talk.answer(*talk.words(number)):
            wrong[ended] += 1
    return Taken(
        seconds=seconds,
        first=tuple(reply.first for reply in replies.values() if reply.first is not None),
        right=len(replies) - stalled.total() - wrong.total(),
        stalled=dict(stalled),
        wrong=dict(wrong),
    )


async def main() -> None:
    """Ask until standard input ends."""
    askers = Askers()
    collect_seldom()

    async def answer(line: str) -> Mapping[str, object]:
        return asdict(await askers.run(Task(**json.loads(line))))

    await answering("ready", answer)


if __name__ == "__main__":
    asyncio.run(main())
