"""The Slack of the bench, in a process of its own, so that what it takes is not counted: people who ask, and a stopwatch.

It prints one JSON object with where it is; then, for each line ``window events`` on standard input, it has people ask
that many questions, ``window`` of them at once, and prints how long acknowledgements and all of it took.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from rostra.testing.slack_server import Delivery, SlackServer

from .told import answering

PEOPLE = 50
ENDS = {"chat.postMessage", "chat.stopStream"}
"""Calls that end an answer."""


class Load:
    """Has people ask, and counts the answers."""

    def __init__(self, server: SlackServer) -> None:
        self._server = server
        self._people = [server.user(f"U{number}") for number in range(10, 10 + PEOPLE)]
        self._seen = 0
        self._asked = 0

    async def run(self, window: int, events: int) -> dict[str, float | Sequence[float]]:
        """Ask ``events`` questions, ``window`` at once, and return seconds."""
        loop, world = asyncio.get_running_loop(), self._server.world
        first, self._seen = len(self._server.deliveries), len(world.calls)
        asked = answered = 0
        start = loop.time()
        while answered < events:
            while asked < min(events, answered + window):
                self._ask()
                asked += 1
            await world.changed()
            answered += self._answers()
        seconds = loop.time() - start
        await self._server.delivered()
        sent: Sequence[Delivery] = self._server.deliveries[first:]
        return {
            "seconds": seconds,
            "acknowledged": [one.latency for one in sent],
            "repeated": float(sum(len(one.retries) for one in sent)),
        }

    def _ask(self) -> None:
        self._asked += 1
        person = self._people[self._asked % PEOPLE]
        person.mention(
            "C1", f"What is {self._asked % 1_000} plus one?"
        )  # some numbers are codes that rules refuse

    def _answers(self) -> int:
        calls = self._server.calls[self._seen :]
        self._seen += len(calls)
        return sum(call.ok and call.method in ENDS for call in calls)


async def main() -> None:
    """Serve until standard input ends."""
    async with SlackServer(patience=120) as server:
        server.world.subscribed -= {"message.channels"}  # one event for each question
        where = {"api": server.api, "bot_token": server.bot_token, "app_token": server.app_token}
        load = Load(server)

        async def answer(line: str) -> Mapping[str, object]:
            await server.until_connected()
            window, events = map(int, line.split())
            return await load.run(window, events)

        await answering(where, answer)


if __name__ == "__main__":
    asyncio.run(main())
