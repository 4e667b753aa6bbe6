"""Chat in the terminal: streamed answers and a line editor at a terminal, plain lines in a pipe."""

from __future__ import annotations

import asyncio
import contextlib
import io
import os
import re
import signal
import sys
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from typing import Literal, assert_never

from uuid_utils import uuid7

from rostra.actions import (
    Action,
    Address,
    Append,
    Begin,
    Capabilities,
    Finish,
    Receipt,
    Replace,
    Retract,
    Show,
    Typing,
)
from rostra.clock import Clock
from rostra.components import Component, ComponentSettings, Services
from rostra.errors import Rejected, StoreError
from rostra.events import Event, Invocation, Message
from rostra.places import Person, Place
from rostra.protocols import Accept, Duplicate

from .console_lines import Given, Lines, Piped, Typed, answering_mode
from .console_screen import Plain, Screen, Terminal

PERSON = Person(id="local")
LEAVE = frozenset({"/quit", "/exit"})
_COMMAND = re.compile(r"/([A-Za-z][\w-]*)(?:\s+(.*))?", re.DOTALL)
_STOP_PATIENCE = 5.0  # seconds; a stopped answer ends with a message, one that was still waiting may not


class ConsoleSettings(ComponentSettings):
    """``[adapters.NAME]`` of kind ``console``. ``questions`` are asked instead of those typed, and then it ends."""

    prompt: str = "> "
    colour: Literal["auto", "always", "never"] = "auto"
    questions: tuple[str, ...] = ()


class Console:
    """The terminal as a chat platform with one place and one person.

    Questions are asked one by one: the next is read when the last was answered. In an ``interactive`` console Ctrl-C
    stops an answer. What is no answer to a question asked here goes to ``aside``: that a question could not be stored,
    and late replies to what was asked of a process that crashed.
    """

    def __init__(
        self,
        lines: Lines,
        screen: Screen,
        *,
        clock: Clock,
        name: str = "console",
        aside: Screen | None = None,
        interactive: bool = False,
    ) -> None:
        self.name = name
        self._lines = lines
        self._screen = screen
        self._aside = aside or screen
        self._clock = clock
        self._interactive = interactive
        # A conversation of its own for each run: what another one said is not taken up.
        self._place = Place(adapter=name, channel="terminal", thread=uuid7().hex)
        self._open: dict[str, asyncio.Event] = {}
        self._interrupted = asyncio.Event()
        self._left = asyncio.Event()

    @property
    def capabilities(self) -> Capabilities:
        return self._screen.capabilities

    async def run(self, accept: Accept) -> None:
        """Ask until the last question is answered, or its asker leaves."""
        with self._interrupts():
            while (line := await self._next()) is not None:
                if line.strip() in LEAVE:
                    return
                if line.strip():
                    await self._converse(accept, line.strip())

    async def perform(self, address: Address, action: Action, key: str) -> Receipt:
        del key  # a terminal remembers nothing
        screen = self._screen if address.question in self._open else self._aside
        try:
            ended = _perform(screen, action)
        except Rejected:
            self._left.set()
            raise
        if ended and address.question in self._open:
            self._open[address.question].set()
        return Receipt(shown=(action.reply,))

    def interrupt(self) -> None:
        """Stop the answer that is being given; without one, leave. This is what Ctrl-C does."""
        (self._interrupted if self._open else self._left).set()

    async def _next(self) -> str | None:
        line = asyncio.ensure_future(self._lines.next())
        await _either(line, self._left)
        return None if self._left.is_set() or line.cancelled() else line.result()

    async def _converse(self, accept: Accept, text: str) -> None:
        self._screen.freeze()
        self._interrupted.clear()
        try:
            async with self._asking(accept, text) as answered:
                if await _either(answered, self._interrupted, self._left) is self._interrupted:
                    await self._stop(accept, answered)
        except StoreError as error:
            self._aside.put(str(uuid7()), f"[not asked: {error}]", end=True)

    async def _stop(self, accept: Accept, answered: asyncio.Event) -> None:
        self._interrupted.clear()
        with contextlib.suppress(TimeoutError):
            async with self._asking(accept, "/stop") as stopped, self._clock.timeout(_STOP_PATIENCE):
                await _either(stopped, self._interrupted, self._left)
                await _either(answered, self._interrupted, self._left)

    @asynccontextmanager
    async def _asking(self, accept: Accept, text: str) -> AsyncGenerator[asyncio.Event]:
        """Have ``text`` accepted; yield what is set once it was answered."""
        event = self._event(text)
        answered = self._open[event.id] = asyncio.Event()
        try:
            if isinstance(await accept(event), Duplicate):
                answered.set()
            yield answered
        finally:
            del self._open[event.id]

    def _event(self, text: str) -> Event:
        id_, sent_at = str(uuid7()), self._clock.now()
        command = _COMMAND.fullmatch(text)
        if command is None:
            return Message(id=id_, place=self._place, author=PERSON, text=text, sent_at=sent_at)
        name, rest = command.group(1), command.group(2) or ""
        options = {"text": rest} if rest else {}
        return Invocation(
            id=id_, place=self._place, author=PERSON, path=(name,), options=options, sent_at=sent_at
        )

    @contextlib.contextmanager
    def _interrupts(self) -> Generator[None]:
        if not self._interactive:  # a pipe: Ctrl-C is for the process
            yield
            return
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGINT, self.interrupt)
        try:
            yield
        finally:
            loop.remove_signal_handler(signal.SIGINT)


def _perform(screen: Screen, action: Action) -> bool:
    """Do it, and return whether the reply has ended."""
    match action:
        case Typing():
            screen.think()
            return False
        case Append():
            screen.put(action.reply, action.text, add=True)
            return False
        case Begin() | Replace():
            screen.put(action.reply, action.text)
            return False
        case Retract() | Finish():
            screen.put(action.reply, action.text, end=True)
            return True
        case Show():
            screen.view(action.reply, action.view)
            return True
        case _:
            assert_never(action)


async def _either(first: asyncio.Event | asyncio.Future[str | None], *events: asyncio.Event) -> object:
    """Return the first of these that happens; the earlier argument where several have."""
    given = (first, *events)
    tasks = [asyncio.ensure_future(one.wait() if isinstance(one, asyncio.Event) else one) for one in given]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return next(one for one, task in zip(given, tasks, strict=True) if task.done())
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@asynccontextmanager
async def open_console(settings: ConsoleSettings, services: Services) -> AsyncGenerator[Console]:
    """Open standard input and output as a console."""
    for stream in (sys.stdin, sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
    capable = os.environ.get("TERM", "dumb") != "dumb"
    colour = settings.colour == "always" or (settings.colour == "auto" and not os.environ.get("NO_COLOR"))
    terminal = Terminal(sys.stdout, colour=colour) if sys.stdout.isatty() and capable else None
    screen = terminal or Plain(sys.stdout)
    if settings.questions or terminal is None or not sys.stdin.isatty():
        lines = Given(settings.questions) if settings.questions else Piped(sys.stdin)
        yield Console(lines, screen, clock=services.clock, name=services.name, aside=Plain(sys.stderr))
        return
    typed = Typed(settings.prompt, terminal.prompting, colour=colour)
    with answering_mode(sys.stdin.fileno()):
        yield Console(typed, terminal, clock=services.clock, name=services.name, interactive=True)


component = Component(name="console", settings=ConsoleSettings, open=open_console)
