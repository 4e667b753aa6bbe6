"""The workspaces that the bot is installed in: the one of its token, or those that installed it."""

from __future__ import annotations

import asyncio
from typing import Protocol

from rostra.errors import AdapterError, ConfigError

from .incoming import Home
from .web import Line, RefusedForGood, Team, asked


class Teams(Protocol):
    """What knows the workspaces."""

    async def of(self, team: str) -> Team | None:
        """Return the workspace with this id, or None if the bot is not installed there. Raises `AdapterError`."""
        ...

    async def ready(self) -> None:
        """Return once it is known that the bot's tokens work. Raises `ConfigError`, `AdapterError`."""
        ...

    async def gone(self, team: str) -> None:
        """Forget a workspace that has removed the bot."""
        ...

    async def close(self) -> None:
        """Finish what was begun with Slack."""
        ...


class OneTeam:
    """The workspace of one token, asked for when it is first needed."""

    def __init__(self, adapter: str, line: Line, token: str) -> None:
        self._adapter = adapter
        self._line = line
        self._token = token
        self._team: Team | None = None
        self._asking = asyncio.Lock()

    async def of(self, team: str) -> Team | None:
        only = await self._only()
        return only if team in {"", only.home.team} else None

    async def ready(self) -> None:
        try:
            await self._only()
        except RefusedForGood as error:
            raise ConfigError(
                f"bot_token: {error}; copy it from OAuth & Permissions, it starts with xoxb-"
            ) from None

    async def gone(self, team: str) -> None:
        del team  # its token does not work any more; the next call says so

    async def close(self) -> None:
        pass

    async def _only(self) -> Team:
        async with self._asking:
            if self._team is None:
                client = self._line.client(self._token, patient=30.0)
                answer = await asked("auth.test", client.auth_test())
                home = Home(
                    adapter=self._adapter, team=str(answer.get("team_id")), bot=str(answer.get("user_id"))
                )
                self._team = self._line.team(home, str(answer.get("bot_id") or ""), self._token)
            return self._team


async def needed(teams: Teams, team: str) -> Team:
    """Return a workspace that a reply goes to. Raises `AdapterError` if the bot is not there any more."""
    found = await teams.of(team)
    if found is None:
        raise AdapterError(f"the bot is not installed in the workspace {team!r}")
    return found
