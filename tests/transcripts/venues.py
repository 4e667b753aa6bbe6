"""Three platforms on which the same conversation is held with the same bot: a terminal, Discord and Slack."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeAlias

from rostra.app import App, open_app
from rostra.config import load
from rostra.events import Event
from rostra.protocols import Accepted, Adapter, Duplicate
from rostra.testing.clock import ManualClock
from rostra.testing.discord_server import DiscordServer
from rostra.testing.screen import FakeScreen
from rostra.testing.slack_server import SlackServer, shown
from rostra.testing.stand import passing
from rostra_adapters.console import Console
from rostra_adapters.console_screen import Terminal

CONFIG = """
[storage]
url = "memory:"

[moderators.rules]
kind = "rules"

[models.canned]
kind = "canned"
piece = 8

[models.canned.answers]
{answers}

[answerers.default]
model = "canned"

[answerers.default.sampling]
max_tokens = 4_000

[permissions]
operator = ["*/*:*"]
"""


@dataclass(frozen=True, slots=True)
class Used:
    """A command as somebody uses it: ``/personas remove name:poet``."""

    path: str
    options: Mapping[str, str]

    @staticmethod
    def of(line: str) -> Used:
        """Read what stands in a conversation."""
        words = line.removeprefix("/").split()
        options = dict(word.split(":", 1) for word in words if ":" in word)
        return Used(" ".join(word for word in words if ":" not in word), options)

    @property
    def typed(self) -> str:
        """The command as it is typed."""
        return " ".join(["/" + self.path, *self.options.values()])


class Venue(Protocol):
    """Somebody at a platform: what they do, and what they see of the bot. `LookupError`: it cannot be done there."""

    def say(self, text: str) -> None: ...

    def use(self, command: Used) -> None:
        """Use a command natively, as the platform offers it."""
        ...

    def press(self, label: str) -> None: ...

    async def fill(self, title: str, fields: Mapping[str, str]) -> None:
        """Open a form by its title, fill it in by the labels of its fields, and send it."""
        ...

    def sees(self) -> Sequence[str]: ...


@dataclass(slots=True)
class Session:
    """A venue with the bot at work there."""

    venue: Venue
    app: App
    clock: ManualClock
    accepted: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def done(self, events: int) -> None:
        """Return once so many events were accepted in all, and every one of them is answered."""
        await passing(self.clock, self._heard(events))
        await passing(self.clock, self.app.reception.drain())

    async def _heard(self, events: int) -> None:
        while self.accepted < events:
            self.changed.clear()
            await self.changed.wait()

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None]:
        """Run the bot; end it in good order."""
        accept = self.app.reception.accept

        async def counted(event: Event) -> Accepted | Duplicate:
            taken = await accept(event)
            self.accepted += isinstance(taken, Accepted)
            self.changed.set()
            return taken

        self.app.reception.accept = counted  # type: ignore[method-assign]
        run = asyncio.ensure_future(self.app.run())
        try:
            yield
        finally:
            self.app.stop()
            await passing(self.clock, run)


Answers: TypeAlias = Mapping[str, str]
Opened: TypeAlias = Callable[[Path, Answers], AbstractAsyncContextManager[Session]]


@asynccontextmanager
async def _bot(
    folder: Path, answers: Answers, clock: ManualClock, table: str, adapter: Adapter | None = None
) -> AsyncGenerator[App]:
    canned = "\n".join(f"{_quoted(question)} = {_quoted(answer)}" for question, answer in answers.items())
    file = folder / "rostra.toml"
    file.write_text(CONFIG.format(answers=canned) + table, encoding="utf-8")
    settings = load(file, {"ROSTRA_DATA": str(folder / "data")})
    adapters = None if adapter is None else {adapter.name: adapter}
    async with open_app(settings, clock=clock, adapters=adapters) as app:
        yield app


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


class AtATerminal:
    """A person at a keyboard."""

    def __init__(self) -> None:
        self.lines: asyncio.Queue[str] = asyncio.Queue()
        self.screen = FakeScreen(100, 4_000)

    async def next(self) -> str | None:
        return await self.lines.get()

    def say(self, text: str) -> None:
        self.lines.put_nowait(text)

    def use(self, command: Used) -> None:
        self.lines.put_nowait(command.typed)

    def press(self, label: str) -> None:
        raise LookupError(f"a terminal has no button {label!r}")

    async def fill(self, title: str, fields: Mapping[str, str]) -> None:
        raise LookupError(f"a terminal has no form {title!r}")

    def sees(self) -> Sequence[str]:
        return [line for line in self.screen.seen.splitlines() if line.strip()]


@asynccontextmanager
async def console(folder: Path, answers: Answers) -> AsyncGenerator[Session]:
    """Open a bot at a terminal."""
    clock, venue = ManualClock(), AtATerminal()
    terminal = Terminal(venue.screen, colour=False, size=lambda: venue.screen.size)
    adapter = Console(venue, terminal, clock=clock)
    async with _bot(folder, answers, clock, "", adapter) as app:
        session = Session(venue, app, clock)
        async with session.running():
            yield session


class OnDiscord:
    """Ann in the channel ``general`` of a Discord server."""

    def __init__(self, server: DiscordServer) -> None:
        self.server = server

    def say(self, text: str) -> None:
        self.server.people.mention(text)

    def use(self, command: Used) -> None:
        try:
            self.server.people.slash(command.path, command.options)
        except LookupError:  # what operators use
            self.server.people.slash(f"rostra {command.path}", command.options)

    def press(self, label: str) -> None:
        self.server.people.press(label)

    async def fill(self, title: str, fields: Mapping[str, str]) -> None:
        self.server.people.press(title)
        await self.server.until(
            lambda: any(one.modal is not None for one in self.server.world.interactions.values())
        )
        self.server.people.submit(fields)

    def sees(self) -> Sequence[str]:
        return self.server.seen(by=self.server.ann)


@asynccontextmanager
async def discord(folder: Path, answers: Answers) -> AsyncGenerator[Session]:
    """Open a bot on Discord."""
    clock = ManualClock()
    server = DiscordServer(clock=clock)
    async with server.listening():
        table = f'[adapters.discord]\nkind = "discord"\ntoken = "{server.token}"\napi = "{server.api}"\n'
        async with _bot(folder, answers, clock, table) as app:
            session = Session(OnDiscord(server), app, clock)
            async with session.running():
                await passing(clock, server.until_connected())
                yield session


class OnSlack:
    """U1 in the channel ``#general`` of a Slack workspace."""

    def __init__(self, server: SlackServer) -> None:
        self.server = server
        self.user = server.user("U1")

    def say(self, text: str) -> None:
        self.user.mention("C1", text)

    def use(self, command: Used) -> None:
        self.user.slash("/rostra", command.typed.removeprefix("/"), channel="C1")

    def press(self, label: str) -> None:
        self.user.press(label)

    async def fill(self, title: str, fields: Mapping[str, str]) -> None:
        self.user.press(title)
        await self.server.until(lambda: self.server.views)
        self.user.submit(values=fields)

    def sees(self) -> Sequence[str]:
        seen = [*self.server.answers(), *self.server.ephemeral]
        return [shown(message) for message in sorted(seen, key=lambda one: one.ts)]


@asynccontextmanager
async def slack(folder: Path, answers: Answers) -> AsyncGenerator[Session]:
    """Open a bot on Slack."""
    clock = ManualClock()
    async with SlackServer(clock=clock) as server:
        tokens = f'bot_token = "{server.bot_token}"\napp_token = "{server.app_token}"\n'
        table = f'[adapters.slack]\nkind = "slack"\napi = "{server.api}"\n{tokens}'
        async with _bot(folder, answers, clock, table) as app:
            session = Session(OnSlack(server), app, clock)
            async with session.running():
                await passing(clock, server.until_connected())
                yield session


VENUES: Mapping[str, Opened] = {"console": console, "discord": discord, "slack": slack}
