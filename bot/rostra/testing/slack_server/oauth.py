"""Installation: the page where a workspace agrees, the code it gives back, and the tokens for it.

See https://docs.slack.dev/authentication/installing-with-oauth/
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode

from aiohttp import web

from .values import Json, SlackError, Workspace
from .world import World


@dataclass(slots=True, kw_only=True)
class _Code:
    team: str
    user: str
    scopes: set[str]
    redirect_uri: str
    expires: float


class OAuth:
    """What happens between "Add to Slack" and a bot token.

    ``agrees`` is the workspace whose administrator is at the page, and ``refuses`` that they press Cancel. With
    ``rotation`` tokens live for twelve hours and come with a refresh token.
    """

    def __init__(self, world: World) -> None:
        self._world = world
        self._codes: dict[str, _Code] = {}
        self.client_id = "1.2"
        self.client_secret = "client-secret"  # noqa: S105  of a server in memory
        self.agrees = ""
        self.refuses = False
        self.rotation = False

    async def authorize(self, request: web.Request) -> web.Response:
        """Send the browser back to the app, with a code and the state that it came with."""
        asked = request.query
        if asked.get("client_id") != self.client_id:
            return web.Response(status=400, text="invalid_client_id")
        back, state = asked.get("redirect_uri", ""), asked.get("state", "")
        given = {"state": state}
        if self.refuses:
            given["error"] = "access_denied"
        else:
            given["code"] = self.code(asked.get("team") or self.agrees, asked.get("scope", ""), back)
        raise web.HTTPFound(f"{back}?{urlencode(given)}")

    def code(self, team: str, scopes: str, redirect_uri: str = "", user: str = "") -> str:
        """Return a code that is good for ten minutes, and once."""
        workspace = self._world.workspaces.get(team) or next(iter(self._world.workspaces.values()))
        people = (one for one in workspace.users if one != workspace.bot_user)
        name = self._world.new_id("code-")
        self._codes[name] = _Code(
            team=workspace.id,
            user=user or next(people, ""),
            scopes={one for one in scopes.split(",") if one} or set(workspace.scopes),
            redirect_uri=redirect_uri,
            expires=self._world.clock.monotonic() + 600.0,
        )
        return name

    def access(self, arguments: Mapping[str, str], authorization: str) -> Json:
        """Answer ``oauth.v2.access``: a code, or a refresh token, for a token. Raises `SlackError`."""
        client, secret = _basic(authorization)
        client, secret = arguments.get("client_id") or client, arguments.get("client_secret") or secret
        if client != self.client_id:
            raise SlackError("invalid_client_id")
        if secret != self.client_secret:
            raise SlackError("bad_client_secret")
        if arguments.get("grant_type") == "refresh_token":
            return self._refreshed(arguments.get("refresh_token", ""))
        code = self._codes.pop(arguments.get("code", ""), None)
        if code is None or code.expires < self._world.clock.monotonic():
            raise SlackError("invalid_code")
        if code.redirect_uri != arguments.get("redirect_uri", "") and code.redirect_uri:
            raise SlackError("bad_redirect_uri")
        workspace = self._world.workspaces[code.team]
        workspace.installed, workspace.scopes = True, code.scopes
        return self._granted(workspace, code.user)

    def _refreshed(self, token: str) -> Json:
        for workspace in self._world.workspaces.values():
            if token and workspace.refresh_token == token:
                return self._granted(workspace, "")
        raise SlackError("invalid_refresh_token")

    def _granted(self, workspace: Workspace, user: str) -> Json:
        answer: Json = {
            "ok": True,
            "app_id": self._world.app_id,
            "authed_user": {"id": user},
            "scope": ",".join(sorted(workspace.scopes)),
            "token_type": "bot",
            "bot_user_id": workspace.bot_user,
            "team": {"id": workspace.id, "name": workspace.name},
            "enterprise": None,
            "is_enterprise_install": False,
        }
        if self.rotation:
            if workspace.token_expires is not None:
                workspace.tokens_before[workspace.bot_token] = workspace.token_expires
            workspace.bot_token = self._world.new_id(f"xoxe.xoxb-{workspace.id}-")
            workspace.refresh_token = self._world.new_id("xoxe-1-")
            workspace.token_expires = self._world.clock.monotonic() + 43_200.0
            answer |= {"expires_in": 43_200, "refresh_token": workspace.refresh_token}
        self._world.touch()
        return answer | {"access_token": workspace.bot_token}


def _basic(authorization: str) -> tuple[str, str]:
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() != "basic":
        return "", ""
    client, _, secret = base64.b64decode(value).decode().partition(":")
    return client, secret
