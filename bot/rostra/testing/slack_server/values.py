"""What the server keeps: workspaces, channels, messages, streams, views, files and the calls made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, TypeGuard

Json: TypeAlias = dict[str, Any]
"""A JSON object, as it goes over the wire."""

ChannelKind: TypeAlias = Literal["channel", "group", "im", "mpim"]


def is_object(value: Any) -> TypeGuard[Json]:
    """Return whether ``value`` is a JSON object."""
    return isinstance(value, dict)


def is_list(value: Any) -> TypeGuard[list[Any]]:
    """Return whether ``value`` is a JSON list."""
    return isinstance(value, list)


def items(value: Any) -> list[Any]:
    """Return ``value`` if it is a list, and an empty one in place of anything else."""
    return list(value) if is_list(value) else []


class SlackError(Exception):
    """An answer ``{"ok": false, "error": code}``, with whatever else Slack says beside it."""

    def __init__(self, code: str, *messages: str, **more: Any) -> None:
        super().__init__(code)
        self.code = code
        self.more: Json = dict(more)
        if messages:
            self.more["errors"] = list(messages)
            self.more["response_metadata"] = {"messages": [f"[ERROR] {message}" for message in messages]}

    @property
    def body(self) -> Json:
        """The answer as it goes over the wire."""
        return {"ok": False, "error": self.code, **self.more}


@dataclass(slots=True, kw_only=True)
class Channel:
    """A conversation. ``kind`` is what events call its ``channel_type``."""

    id: str
    name: str = ""
    kind: ChannelKind = "channel"
    members: set[str] = field(default_factory=set[str])
    archived: bool = False


@dataclass(slots=True, kw_only=True)
class File:
    """A file in a workspace; ``data`` is what was uploaded."""

    id: str
    team: str
    name: str
    media_type: str
    data: bytes
    user: str
    title: str = ""
    shared: bool = False


@dataclass(slots=True, kw_only=True)
class Stream:
    """A message that is, or was, written with ``chat.startStream``.

    ``open`` is False once it was stopped; ``expired`` says that the server closed it, and not the app.
    """

    channel: str
    ts: str
    started: float
    open: bool = True
    expired: bool = False
    appends: int = 0


@dataclass(slots=True, kw_only=True)
class Message:
    """A message as it stands now. ``to`` is who alone sees it, where it is ephemeral.

    ``history`` has the texts it had before it was edited, oldest first.
    """

    team: str
    channel: str
    ts: str
    user: str
    text: str = ""
    blocks: list[Json] = field(default_factory=list[Json])
    attachments: list[Json] = field(default_factory=list[Json])
    thread_ts: str | None = None
    bot: bool = False
    to: str | None = None
    files: list[File] = field(default_factory=list[File])
    reactions: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    stream: Stream | None = None
    edited: bool = False
    deleted: bool = False
    metadata: Json | None = None
    history: list[str] = field(default_factory=list[str])

    @property
    def streaming(self) -> bool:
        """Whether the message is still being written."""
        return self.stream is not None and self.stream.open


@dataclass(slots=True, kw_only=True)
class View:
    """A modal or an App Home as somebody sees it. ``errors`` are those that the last submission was answered with."""

    id: str
    team: str
    user: str
    body: Json
    hash: str
    open: bool = True
    root: str = ""
    previous: str | None = None
    errors: Json = field(default_factory=dict[str, Any])
    state: dict[str, Json] = field(default_factory=dict[str, Json])

    @property
    def type(self) -> str:
        """``modal`` or ``home``."""
        return str(self.body.get("type", ""))

    @property
    def callback_id(self) -> str:
        return str(self.body.get("callback_id", ""))

    @property
    def title(self) -> str:
        """The plain text of the title; empty for an App Home."""
        title: Json = self.body.get("title") or {}
        return str(title.get("text", ""))

    @property
    def blocks(self) -> list[Json]:
        return list(self.body.get("blocks", []))


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call of the Web API. Tokens are masked; ``error`` is empty where it was answered with ok."""

    method: str
    arguments: Mapping[str, Any]
    team: str
    error: str = ""
    at: float = 0.0

    @property
    def ok(self) -> bool:
        return not self.error


@dataclass(slots=True, kw_only=True)
class Trigger:
    """A ``trigger_id``: who may be shown a view for it, until when on the server's clock."""

    team: str
    user: str
    expires: float
    used: bool = False
    view: str = ""


@dataclass(slots=True, kw_only=True)
class ResponseUrl:
    """A ``response_url``: five answers within 30 minutes, about one message or none."""

    team: str
    user: str
    channel: str
    expires: float
    left: int = 5
    message: Message | None = None
    thread_ts: str | None = None


@dataclass(slots=True, kw_only=True)
class Workspace:
    """A team with the app installed, its people and channels. ``scopes`` are those of the bot's token."""

    id: str
    name: str
    bot_token: str
    bot_user: str
    bot_id: str
    scopes: set[str]
    users: dict[str, Json] = field(default_factory=dict[str, Json])
    channels: dict[str, Channel] = field(default_factory=dict[str, Channel])
    groups: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    messages: dict[tuple[str, str], Message] = field(default_factory=dict[tuple[str, str], Message])
    ephemeral: list[Message] = field(default_factory=list[Message])
    installed: bool = True
    refresh_token: str = ""
    token_expires: float | None = None
    tokens_before: dict[str, float] = field(default_factory=dict[str, float])
    """Tokens that were exchanged, and when they end: until then they work."""

    def in_channel(self, channel: str, thread_ts: str | None = None) -> Sequence[Message]:
        """Return what can be seen in a channel, oldest first; with ``thread_ts`` only that thread and its root."""
        seen = [one for one in self.messages.values() if one.channel == channel and not one.deleted]
        if thread_ts is not None:
            seen = [one for one in seen if thread_ts in {one.ts, one.thread_ts}]
        return sorted(seen, key=lambda one: one.ts)
