"""Everything that is, behind the Web API: ids and times, who is where, what was said, who is told of it."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ...clock import Clock
from .blocks import with_ids
from .delivery import Courier, Delivery, Kind
from .rules import Limits
from .values import (
    Call,
    Channel,
    ChannelKind,
    File,
    Json,
    Message,
    ResponseUrl,
    SlackError,
    Stream,
    Trigger,
    View,
    Workspace,
)

SCOPES = frozenset(
    [
        "app_mentions:read",
        "assistant:write",
        "channels:history",
        "channels:read",
        "chat:write",
        "commands",
        "files:read",
        "files:write",
        "groups:history",
        "groups:read",
        "im:history",
        "im:read",
        "im:write",
        "mpim:history",
        "mpim:read",
        "reactions:read",
        "reactions:write",
        "team:read",
        "usergroups:read",
        "users:read",
        "users:read.email",
    ]
)
"""What an app like ours asks for; a workspace's ``scopes`` may be made fewer."""

SUBSCRIBED = frozenset(
    [
        "app_home_opened",
        "app_mention",
        "app_uninstalled",
        "assistant_thread_context_changed",
        "assistant_thread_started",
        "member_joined_channel",
        "message.channels",
        "message.groups",
        "message.im",
        "message.mpim",
        "reaction_added",
        "reaction_removed",
        "tokens_revoked",
    ]
)
"""Event types that the app gets; `World.subscribed` may be made fewer."""

_PLURAL: Mapping[ChannelKind, str] = {"channel": "channels", "group": "groups", "im": "im", "mpim": "mpim"}


class World:
    """The state of the server. What changes it calls `touch`, so that nobody has to poll."""

    def __init__(self, clock: Clock, limits: Limits) -> None:
        self.clock = clock
        self.limits = limits
        self.app_id = "A0LOOPBACK"
        self.verification_token = "verification-token"  # noqa: S105  of a server in memory
        self.courier = Courier(clock, self.touch)
        self.workspaces: dict[str, Workspace] = {}
        self.files: dict[str, File] = {}
        self.streams: list[Stream] = []
        self.views: dict[str, View] = {}
        self.homes: dict[tuple[str, str], View] = {}
        self.status: dict[tuple[str, str], str] = {}
        self.titles: dict[tuple[str, str], str] = {}
        self.prompts: dict[tuple[str, str], list[Json]] = {}
        self.calls: list[Call] = []
        self.triggers: dict[str, Trigger] = {}
        self.response_urls: dict[str, ResponseUrl] = {}
        self.subscribed: set[str] = set(SUBSCRIBED)
        self.address = ""
        """Where the server listens: ``http://127.0.0.1:port``."""
        self._numbers = itertools.count(1)
        self._last = (0, 0)
        self._waiting: list[asyncio.Future[None]] = []

    def touch(self) -> None:
        """Wake everybody who waits for something to change."""
        waiting, self._waiting = self._waiting, []
        for one in waiting:
            if not one.done():
                one.set_result(None)

    async def changed(self) -> None:
        """Return once something has changed."""
        change: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(change)
        await change

    async def until(self, predicate: Callable[[], Any], seconds: float) -> Any:
        """Return what ``predicate`` gives once that is true. Raises `TimeoutError`, with the last calls."""
        try:
            async with asyncio.timeout(seconds):
                while not (found := predicate()):
                    await self.changed()
                return found
        except TimeoutError as error:
            last = ", ".join(f"{call.method} {call.error or 'ok'}" for call in self.calls[-8:])
            raise TimeoutError(
                f"it did not come true within {seconds} s; the last calls: {last or 'none'}"
            ) from error

    def new_id(self, prefix: str) -> str:
        """Return an id that nothing else on this server has."""
        return f"{prefix}{next(self._numbers):06d}"

    def new_ids(self, prefix: str) -> Iterator[str]:
        """Yield such ids for ever."""
        while True:
            yield self.new_id(prefix)

    def new_ts(self) -> str:
        """Return the server's time as messages carry it; no two are alike, each is later than the one before."""
        now = int(self.clock.now().timestamp())
        second, number = self._last
        self._last = (now, 1) if now > second else (second, number + 1)
        return f"{self._last[0]}.{self._last[1]:06d}"

    def of_token(self, token: str) -> Workspace:
        """Return the workspace that a bot token is for. Raises `SlackError`."""
        for workspace in self.workspaces.values():
            if token == workspace.bot_token or token in workspace.tokens_before:
                if not workspace.installed:
                    raise SlackError("account_inactive")
                expires = workspace.tokens_before.get(token, workspace.token_expires)
                if expires is not None and expires <= self.clock.monotonic():
                    raise SlackError("token_expired")
                return workspace
        raise SlackError("invalid_auth")

    def channel(self, workspace: Workspace, channel: str, *, member: bool = False) -> Channel:
        """Return a channel by its id, or by ``#name``. Raises `SlackError`, also where the bot is no ``member``."""
        found = workspace.channels.get(channel) or next(
            (
                one
                for one in workspace.channels.values()
                if channel.startswith("#") and f"#{one.name}" == channel
            ),
            None,
        )
        if found is None and channel in workspace.users:
            found = self.direct(workspace, channel)
        if found is None or (found.kind == "im" and workspace.bot_user not in found.members):
            raise SlackError("channel_not_found")
        if found.archived:
            raise SlackError("is_archived")
        if member and workspace.bot_user not in found.members:
            raise SlackError("not_in_channel")
        return found

    def direct(self, workspace: Workspace, user: str) -> Channel:
        """Return the conversation of a person with the bot, opened where it was not yet."""
        members = {user, workspace.bot_user}
        for one in workspace.channels.values():
            if one.kind == "im" and one.members == members:
                return one
        made = Channel(id=self.new_id("D"), kind="im", members=members)
        workspace.channels[made.id] = made
        return made

    def message(self, workspace: Workspace, channel: str, ts: str) -> Message:
        """Return a message that is there. Raises `SlackError`."""
        found = workspace.messages.get((self.channel(workspace, channel).id, ts))
        if found is None or found.deleted:
            raise SlackError("message_not_found")
        return found

    def put(self, workspace: Workspace, message: Message) -> Message:
        """Put a message into its channel, and tell the app of it."""
        message.blocks = with_ids(message.blocks, self.new_ids("b"))
        workspace.messages[message.channel, message.ts] = message
        self.touch()
        return message

    def say_event(self, workspace: Workspace, message: Message, **more: Any) -> Delivery | None:
        """Tell the app that a message was written, if it is in the channel and subscribed."""
        channel = workspace.channels[message.channel]
        event = self.message_json(workspace, message) | {
            "channel": channel.id,
            "channel_type": channel.kind,
            "event_ts": message.ts,
            **more,
        }
        return self.message_event(workspace, channel, event)

    def message_event(self, workspace: Workspace, channel: Channel, event: Json) -> Delivery | None:
        """Send an event of type ``message``, whatever its subtype, where the app is to get it."""
        if workspace.bot_user not in channel.members:
            return None
        return self.emit(workspace, event, subscription=f"message.{_PLURAL[channel.kind]}")

    def message_json(self, workspace: Workspace, message: Message) -> Json:
        """Return a message as the Web API and events give it."""
        given: Json = {
            "type": "message",
            "user": message.user,
            "text": message.text,
            "ts": message.ts,
            "team": workspace.id,
        }
        if message.bot:
            given |= {
                "bot_id": workspace.bot_id,
                "app_id": self.app_id,
                "bot_profile": {"id": workspace.bot_id},
            }
        optional: Json = {
            "thread_ts": message.thread_ts,
            "blocks": message.blocks,
            "attachments": message.attachments,
            "files": [self.file_json(one) for one in message.files],
            "metadata": message.metadata,
        }
        if message.edited:
            optional["edited"] = {"user": message.user, "ts": message.ts}
        if message.streaming:
            optional["streaming_state"] = "in_progress"
        if message.thread_ts is not None and message.thread_ts != message.ts:
            root = workspace.messages.get((message.channel, message.thread_ts))
            optional["parent_user_id"] = root.user if root is not None else None
        return given | {name: value for name, value in optional.items() if value}

    def file_json(self, file: File) -> Json:
        """Return a file as messages carry it; its private addresses want the bot's token."""
        address = f"{self.address}/files-pri/{file.team}-{file.id}"
        return {
            "id": file.id,
            "name": file.name,
            "title": file.title or file.name,
            "mimetype": file.media_type,
            "filetype": file.name.rpartition(".")[2],
            "size": len(file.data),
            "user": file.user,
            "mode": "hosted",
            "file_access": "visible",
            "url_private": f"{address}/{file.name}",
            "url_private_download": f"{address}/download/{file.name}",
        }

    def emit(self, workspace: Workspace, event: Json, *, subscription: str = "") -> Delivery | None:
        """Send an event to the app, if it is subscribed to it."""
        if (subscription or event["type"]) not in self.subscribed or not workspace.installed:
            return None
        name = self.new_id("Ev")
        payload = {
            "token": self.verification_token,
            "team_id": workspace.id,
            "context_team_id": workspace.id,
            "context_enterprise_id": None,
            "api_app_id": self.app_id,
            "event": event,
            "type": "event_callback",
            "event_id": name,
            "event_time": int(self.clock.now().timestamp()),
            "authorizations": [self.authorization(workspace)],
            "is_ext_shared_channel": False,
            "event_context": f"4-{name}",
        }
        return self.send("events_api", workspace, payload, name)

    def authorization(self, workspace: Workspace) -> Json:
        """Return for whom an event is, as ``authorizations`` say it."""
        return {
            "enterprise_id": None,
            "team_id": workspace.id,
            "user_id": workspace.bot_user,
            "is_bot": True,
            "is_enterprise_install": False,
        }

    def send(
        self,
        kind: Kind,
        workspace: Workspace,
        payload: Json,
        name: str = "",
        on_answer: Callable[[Json], None] | None = None,
    ) -> Delivery:
        """Send anything to the app."""
        delivery = Delivery(
            id=name or self.new_id("delivery-"),
            kind=kind,
            team=workspace.id,
            payload=payload,
            on_answer=on_answer,
        )
        return self.courier.send(delivery)

    def new_trigger(self, workspace: Workspace, user: str, view: str = "") -> str:
        """Return a ``trigger_id`` that opens one view within three seconds."""
        name = self.new_id("trigger-")
        expires = self.clock.monotonic() + self.limits.trigger_seconds
        self.triggers[name] = Trigger(team=workspace.id, user=user, expires=expires, view=view)
        return name

    def new_response_url(
        self, workspace: Workspace, user: str, channel: str, message: Message | None = None
    ) -> str:
        """Return an address that takes five answers within half an hour."""
        name = self.new_id("response-")
        self.response_urls[name] = ResponseUrl(
            team=workspace.id,
            user=user,
            channel=channel,
            expires=self.clock.monotonic() + 1800.0,
            message=message,
        )
        return f"{self.address}/response/{name}"
