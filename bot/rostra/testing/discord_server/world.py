"""What is on the pretended Discord: people, guilds, channels, messages and interactions, as plain values that change."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeAlias

from ...clock import Clock
from .components import buttons, texts

Json: TypeAlias = dict[str, Any]

EPOCH_MS = 1_420_070_400_000
"""The first millisecond of Discord's ids: https://docs.discord.com/developers/reference#snowflakes."""

TURNS = 12
"""Numbers of shards that divide it get guilds in turn."""

TEXT, DM, PUBLIC_THREAD, PRIVATE_THREAD = 0, 1, 11, 12
"""Kinds of channels: https://docs.discord.com/developers/resources/channel#channel-object-channel-types."""

EPHEMERAL, LOADING, COMPONENTS_V2 = 1 << 6, 1 << 7, 1 << 15
"""Flags of messages: https://docs.discord.com/developers/resources/message#message-object-message-flags."""


@dataclass(slots=True, kw_only=True, eq=False)
class Account:
    """A person, or the bot."""

    id: int
    name: str
    bot: bool = False

    @property
    def mention(self) -> str:
        return f"<@{self.id}>"


@dataclass(slots=True, kw_only=True, eq=False)
class Guild:
    """A Discord server. ``members`` has the names of the roles of each member."""

    id: int
    name: str
    roles: dict[str, int] = field(default_factory=dict[str, int])
    members: dict[Account, set[str]] = field(default_factory=dict[Account, set[str]])


@dataclass(slots=True, kw_only=True, eq=False)
class Channel:
    """A channel of a guild, a thread in one, or the direct messages of one person. ``closed`` ones answer 403."""

    id: int
    name: str
    kind: int = TEXT
    guild: Guild | None = field(default=None, repr=False)
    parent: Channel | None = None
    person: Account | None = None
    owner: Account | None = None
    closed: bool = False
    gone: bool = False
    typing: int = 0

    @property
    def is_thread(self) -> bool:
        return self.kind in {PUBLIC_THREAD, PRIVATE_THREAD}


@dataclass(slots=True, kw_only=True)
class Attached:
    """A file that came with a message."""

    id: int
    name: str
    data: bytes
    media_type: str = "application/octet-stream"


@dataclass(slots=True, kw_only=True, eq=False)
class Post:
    """A message.

    ``seen`` is all that people read in it, ``history`` what it said before its edits, ``pings`` whom it really notified,
    ``private_to`` the only one who sees it.
    """

    id: int
    channel: Channel
    author: Account
    sent_at: datetime
    text: str = ""
    components: list[Json] = field(default_factory=list[Json])
    embeds: list[Json] = field(default_factory=list[Json])
    files: list[Attached] = field(default_factory=list[Attached])
    flags: int = 0
    nonce: str = ""
    reply_to: Post | None = None
    edited_at: datetime | None = None
    history: list[str] = field(default_factory=list[str])
    pings: tuple[str, ...] = ()
    private_to: Account | None = None
    interaction: Interaction | None = field(default=None, repr=False)
    deleted: bool = False
    reactions: list[tuple[Account, str]] = field(default_factory=list[tuple[Account, str]])

    @property
    def seen(self) -> str:
        """What people read: content, embeds, text displays, labels, and the files (text files with their text)."""
        words = [self.text]
        for embed in self.embeds:
            words += [str(embed.get(name) or "") for name in ("title", "description")]
            words += [f"{one['name']} {one['value']}" for one in embed.get("fields", ())]
        words += texts(self.components)
        for file in self.files:
            words.append(file.name)
            if file.media_type.startswith("text/") or file.name.endswith((".txt", ".md")):
                words.append(file.data.decode("utf-8", "replace"))
        return "\n".join(filter(None, words))

    @property
    def labels(self) -> Sequence[str]:
        """The labels of the buttons that can be pressed."""
        return [str(one.get("label", "")) for one in buttons(self.components) if not one.get("disabled")]

    @property
    def thinking(self) -> bool:
        """Whether it stands for a deferred answer that has not come yet."""
        return bool(self.flags & LOADING)


@dataclass(slots=True, kw_only=True, eq=False)
class Interaction:
    """A slash command, a press, a form or a look for completions, and what the bot made of it.

    ``answer`` is the type of its first response (4 message, 5 deferred, 6 deferred update, 7 update, 8 completions,
    9 form), which came ``acknowledged_after`` seconds of the server's clock.
    """

    id: int
    token: str = field(repr=False)
    kind: int
    data: Json
    by: Account
    channel: Channel
    sent_at: float
    post: Post | None = field(default=None, repr=False)
    answer: int | None = None
    acknowledged_after: float | None = None
    response: Post | None = field(default=None, repr=False)
    modal: Json | None = None
    choices: list[Json] = field(default_factory=list[Json])
    followups: list[Post] = field(default_factory=list[Post], repr=False)

    @property
    def acknowledged(self) -> bool:
        return self.answer is not None

    @property
    def answered(self) -> bool:
        """Whether there is something to see: not merely a promise of it."""
        if self.answer in {8, 9} or self.followups:
            return True
        return self.response is not None and not self.response.thinking and self.answer != 6

    @property
    def seen(self) -> str:
        """What whoever asked reads of the answer."""
        posts = [self.response, *self.followups]
        return "\n".join(post.seen for post in posts if post is not None and not post.deleted)


@dataclass(slots=True, kw_only=True)
class World:
    """Everything that is there. Ids are snowflakes of the clock's time, each greater than the one before."""

    clock: Clock
    bot: Account = field(init=False)
    accounts: dict[int, Account] = field(default_factory=dict[int, Account])
    guilds: dict[int, Guild] = field(default_factory=dict[int, Guild])
    channels: dict[int, Channel] = field(default_factory=dict[int, Channel])
    posts: dict[int, Post] = field(default_factory=dict[int, Post])
    interactions: dict[str, Interaction] = field(default_factory=dict[str, Interaction])
    commands: dict[int | None, dict[int, Json]] = field(default_factory=dict[int | None, dict[int, Json]])
    nonces: dict[tuple[Channel, str], Post] = field(default_factory=dict[tuple[Channel, str], Post])
    _last: int = 0

    def __post_init__(self) -> None:
        self.bot = self.person("rostra", bot=True)

    def new_id(self) -> int:
        """Return an id that nobody had."""
        self._last = max(self._last + 1, self._now() << 22)
        return self._last

    def _guild_id(self) -> int:
        """Return an id of a guild. However much time has passed, two, three, four or six shards get guilds in turn."""
        at = max((self._last >> 22) + 1, self._now())
        at += (len(self.guilds) - at) % TURNS
        self._last = at << 22
        return self._last

    def _now(self) -> int:
        return int(self.clock.now().timestamp() * 1000) - EPOCH_MS

    def person(self, name: str, *, bot: bool = False, guild: Guild | None = None) -> Account:
        """Let somebody exist, as a member of ``guild`` if it is given."""
        account = Account(id=self.new_id(), name=name, bot=bot)
        self.accounts[account.id] = account
        if guild is not None:
            guild.members[account] = set()
        return account

    def guild(self, name: str) -> Guild:
        """Found a guild that the bot is a member of."""
        guild = Guild(id=self._guild_id(), name=name, members={self.bot: set()})
        self.guilds[guild.id] = guild
        return guild

    def channel(self, name: str, guild: Guild) -> Channel:
        """Open a text channel."""
        return self._kept(Channel(id=self.new_id(), name=name, guild=guild))

    def thread(self, name: str, parent: Channel, owner: Account, *, ident: int | None = None) -> Channel:
        """Open a public thread. One that starts from a message has that message's id."""
        ident = ident or self.new_id()
        made = Channel(
            id=ident, name=name, kind=PUBLIC_THREAD, guild=parent.guild, parent=parent, owner=owner
        )
        return self._kept(made)

    def dm(self, person: Account) -> Channel:
        """Return the direct messages of a person, opened if need be."""
        for channel in self.channels.values():
            if channel.person is person:
                return channel
        return self._kept(Channel(id=self.new_id(), name="", kind=DM, person=person))

    def role(self, name: str, guild: Guild, *members: Account) -> int:
        """Give members a role, made if need be; return its id."""
        ident = guild.roles.setdefault(name, self.new_id())
        for member in members:
            guild.members.setdefault(member, set()).add(name)
        return ident

    def post(self, channel: Channel, author: Account, text: str = "") -> Post:
        """Keep a new message."""
        made = Post(id=self.new_id(), channel=channel, author=author, sent_at=self.clock.now(), text=text)
        self.posts[made.id] = made
        return made

    def attached(self, name: str, data: bytes, media_type: str = "") -> Attached:
        """Return a file with an id."""
        return Attached(
            id=self.new_id(), name=name, data=data, media_type=media_type or "application/octet-stream"
        )

    def mentioned(self, text: str) -> Sequence[Account]:
        """Return the accounts that a text mentions, in their order."""
        found = (self.accounts.get(int(number)) for number in re.findall(r"<@!?(\d+)>", text))
        return list(dict.fromkeys(filter(None, found)))

    def shown(self, channel: Channel | None = None, *, to: Account | None = None) -> Iterator[Post]:
        """Yield what is there to see, oldest first: of ``channel`` or everywhere, of private messages only ``to``'s."""
        for post in self.posts.values():
            if post.deleted or (channel is not None and post.channel is not channel):
                continue
            if post.private_to is None or to is None or post.private_to is to:
                yield post

    def age(self, post: Post) -> timedelta:
        return self.clock.now() - post.sent_at

    def _kept(self, channel: Channel) -> Channel:
        self.channels[channel.id] = channel
        return channel
