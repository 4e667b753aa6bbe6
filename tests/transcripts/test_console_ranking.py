"""Answers ranked at a terminal, with a line of text for each ballot: what is seen there."""

from __future__ import annotations

from pathlib import Path

import pytest
from venues import AtATerminal, Session

from rostra.testing.clock import ManualClock
from rostra.testing.fakes import ScriptedModel, bot
from rostra.testing.ordered import InOrder
from rostra_adapters.console import Console
from rostra_adapters.console_screen import Terminal

FILE = Path(__file__).parent / "console" / "ranking.txt"
SAID = ("Seven minutes in boiling water.", "Ask a hen.", "Put it into boiling water.", "Wait.", "Four.")


async def test_ranking_at_a_terminal_is_seen_as_written(request: pytest.FixtureRequest) -> None:
    written = FILE.read_text(encoding="utf-8")
    lines = [line for line in written.splitlines() if line.startswith("> ")]
    happened = "\n".join([written.splitlines()[0], "", await _played(lines)]) + "\n"
    if request.config.getoption("--rewrite-transcripts"):
        FILE.write_text(happened, encoding="utf-8")
    assert happened == written


async def _played(lines: list[str]) -> str:
    clock, venue = ManualClock(), AtATerminal()
    terminal = Terminal(venue.screen, colour=False, size=lambda: venue.screen.size)
    adapter = Console(venue, terminal, clock=clock)
    model = ScriptedModel(variants={"how do I boil an egg?": SAID})
    out: list[str] = []
    async with bot(adapter, model, clock=clock, store=InOrder(clock=clock)) as app:
        session = Session(venue, app, clock)
        async with session.running():
            before: list[str] = []
            for line in lines:
                events = session.accepted + 1
                venue.say(line[2:])
                await session.done(events)
                after = list(venue.sees())
                out += [line, *(f"  {one}".rstrip() for one in after[len(before) :]), ""]
                before = after
    return "\n".join(out).rstrip()
