"""One of those that the bench compares, in a process of its own, so that nothing but what it takes is counted.

``python -m rostra_adapters.benches.contender PLATFORM NAME WHERE`` runs the contender of this name against the platform at
``WHERE`` (JSON), and tells for each line on standard input what it has taken so far.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Mapping
from importlib import import_module

from rostra.benches.report import peak_mb
from rostra.garbage import collect_seldom
from rostra.logs import configured

from .told import answering


async def main(platform: str, name: str, where: str) -> None:
    """Run until standard input ends."""
    contender = import_module(f"{__package__}.{platform}").CONTENDERS[name]
    collect_seldom()  # as `rostra serve` does; so the others have it too
    async with contender(json.loads(where)):
        await answering(await _taken(""), _taken)


async def _taken(line: str) -> Mapping[str, float]:
    """Return the seconds of processor time that all threads of this process had, and the most memory."""
    del line
    return {"processor": time.process_time(), "memory": peak_mb()}


if __name__ == "__main__":
    with configured(level="error"):  # standard output is for what it takes
        asyncio.run(main(*sys.argv[1:]))
