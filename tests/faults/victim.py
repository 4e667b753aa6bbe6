"""The process that the fault tests kill: a whole bot on a database, connected to the test's platforms.

Run as a script it imports everything once and then, for each line ``PORT URL FOLDER`` on standard input, forks a bot and
prints its process id; for a line ``kill`` it kills the bot with signal 9, sees it gone and prints ``dead``. So a test
can afford many restarts.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
from pathlib import Path

import structlog

from rostra.actions import Capabilities
from rostra.app import App
from rostra.chat import Answerer
from rostra.clock import SystemClock
from rostra.command import Commands
from rostra.config import DeliverySettings, Limits, Settings
from rostra.parts import Parts
from rostra.refusals import Refusals
from rostra.storage import open_store
from rostra.testing.fakes import NoModeration, ScriptedModel
from rostra.testing.wire import WireAdapter

PLATFORMS = {
    "nonce": Capabilities(edit=True, nonce=True),
    "edits": Capabilities(edit=True),
    "whole": Capabilities(),
}
QUICK = DeliverySettings(first_delay=0.001, longest_delay=0.01, grace_seconds=5)


def answer(question: str) -> str:
    return f"You said: {question}."


def main() -> None:
    """Fork and kill bots as told."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    pid = 0
    for line in sys.stdin:
        if line.strip() == "kill":
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            print("dead", flush=True)
            continue
        port, url, folder = line.split()
        pid = os.fork()
        if pid == 0:
            asyncio.run(live(int(port), url, Path(folder)))
            os._exit(0)
        print(pid, flush=True)


async def live(port: int, url: str, folder: Path) -> None:
    """Run a bot until killed."""
    model = ScriptedModel(script=_Answers())
    named = {"default": Answerer(name="default", model=model.name)}
    settings = Settings(
        data=folder, answerers=named, delivery=QUICK, limits=Limits(per_person_per_minute=10**6, burst=10**6)
    )
    clock = SystemClock()
    adapters = {name: WireAdapter(name, can, port) for name, can in PLATFORMS.items()}
    async with open_store(url, data=folder, clock=clock, master_key=None) as store:
        await App(
            Parts(
                settings=settings,
                store=store,
                models={model.name: model},
                moderation=NoModeration(),
                adapters=adapters,
                commands=Commands([]),
                refusals=Refusals(),
                clock=clock,
            )
        ).run()


class _Answers(dict[str, list[str]]):
    """The script: every question is said again, in three pieces."""

    def get(self, key: str, default: object = None) -> list[str]:  # type: ignore[override]  # narrower on purpose
        text = answer(key)
        return [text[:5], text[5:9], text[9:]]


if __name__ == "__main__":
    main()
