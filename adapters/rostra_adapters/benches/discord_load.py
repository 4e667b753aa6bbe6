"""The Discord of the bench, in a process of its own, so that what it takes is not counted: people who ask, and a stopwatch.

It prints one JSON object with where it is. Then, for each line ``KIND AT_ONCE EVENTS`` on standard input, it has people
ask that many questions, ``AT_ONCE`` of them under way at any time, in channels of their own, and prints how long
acknowledgements and all of it took. ``KIND`` is ``mentions`` or ``commands``: the slash command ``/ask``.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Mapping

from rostra.testing.discord_server import Channel, DiscordServer, Post

from .told import answering

ANSWER = "One more than you said."
"""What ends the answer of every contender."""


class Load:
    """Has people ask, and waits for the answers."""

    def __init__(self, server: DiscordServer) -> None:
        self._server = server
        self._channels: list[Channel] = []
        self._waiting: dict[Channel, asyncio.Future[None]] = {}
        self._asked = 0
        server.on_post(self._posted)

    def open(self, channels: int) -> None:
        """Open so many channels, before anybody connects."""
        self._channels = [
            self._server.world.channel(f"c{number}", self._server.home) for number in range(channels)
        ]

    async def run(self, kind: str, at_once: int, events: int) -> Mapping[str, object]:
        """Ask ``events`` questions and return what they took."""
        first = len(self._server.acknowledged)
        start = time.perf_counter()
        shares = [events // at_once + (number < events % at_once) for number in range(at_once)]
        await asyncio.gather(
            *(self._place(kind, self._channels[number], share) for number, share in enumerate(shares))
        )
        seconds = time.perf_counter() - start
        return {"seconds": seconds, "acknowledged": list(self._server.acknowledged[first:])}

    async def _place(self, kind: str, channel: Channel, questions: int) -> None:
        for _ in range(questions):
            answered = self._waiting[channel] = asyncio.get_running_loop().create_future()
            self._asked += 1
            question = f"What is {self._asked % 1_000} plus one?"  # some numbers are codes that rules refuse
            if kind == "mentions":
                self._server.people.mention(question, channel=channel)
            else:
                self._server.people.slash("ask", {"question": question}, channel=channel)
            await answered

    def _posted(self, post: Post) -> None:
        waiting = self._waiting.get(post.channel)
        if waiting is not None and not waiting.done() and post.text.endswith(ANSWER):
            waiting.set_result(None)


async def main() -> None:
    """Serve until standard input ends."""
    server = DiscordServer()
    load = Load(server)
    load.open(int(sys.argv[1]))
    async with server.listening():
        where = {"api": server.api, "gateway": server.gateway_url, "token": server.token}

        async def answer(line: str) -> Mapping[str, object]:
            await server.until_connected()
            kind, at_once, events = line.split()
            return await load.run(kind, int(at_once), int(events))

        await answering(where, answer)


if __name__ == "__main__":
    asyncio.run(main())
