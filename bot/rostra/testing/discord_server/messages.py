"""Routes of messages: sent, changed, deleted, reacted to; typing, threads and direct messages."""

from __future__ import annotations

import mimetypes
from collections.abc import Sequence
from typing import Any
from urllib.parse import unquote

from . import payloads
from .limits import check_message
from .refusals import Refused, invalid, not_yours, too_long, unknown
from .rest import Asked, Backend, Route
from .world import COMPONENTS_V2, EPHEMERAL, Attached, Json, Post

NONCE_SECONDS = 300.0
"""How long a nonce is remembered: "the past few minutes" in the documentation of ``enforce_nonce``."""


def fill(backend: Backend, post: Post, given: Json, files: dict[str, Attached], *, new: bool = True) -> None:
    """Give a message what a request says. Raises `Refused`; then the message is as before."""
    before = (post.text, post.components, post.embeds, post.files, post.flags)
    if "content" in given:
        post.text = str(given["content"] or "").strip()
    for name in ("components", "embeds"):
        if name in given:
            setattr(post, name, given[name] or [])
    if "flags" in given:
        keep = post.flags & (EPHEMERAL | COMPONENTS_V2)
        post.flags = int(given["flags"] or 0) | (0 if new else keep)
    _attach(post, given, files)
    try:
        check_message(post)
    except Refused:
        post.text, post.components, post.embeds, post.files, post.flags = before
        raise
    post.pings = pinged(backend, post, given.get("allowed_mentions")) if new else post.pings


def pinged(backend: Backend, post: Post, allowed: Json | None) -> tuple[str, ...]:
    """Return whom a message notifies: names, ``everyone``, ``here`` and roles.

    https://docs.discord.com/developers/resources/message#allowed-mentions-object: without it, everything in the text.
    """
    kinds = {"everyone", "users", "roles"} if allowed is None else set(allowed.get("parse", ()))
    words = "\n".join([post.text, *(str(one.get("content", "")) for one in post.components)])
    found = [name for name in ("everyone", "here") if f"@{name}" in words and "everyone" in kinds]
    users = backend.world.mentioned(words)
    named = set(map(str, (allowed or {}).get("users", ())))
    found += [each.name for each in users if "users" in kinds or str(each.id) in named]
    guild = post.channel.guild
    for name, ident in guild.roles.items() if guild else ():
        if f"<@&{ident}>" in words and ("roles" in kinds or str(ident) in (allowed or {}).get("roles", ())):
            found.append(name)
    if post.reply_to is not None and (allowed is None or allowed.get("replied_user")):
        found.append(post.reply_to.author.name)
    return tuple(dict.fromkeys(found))


def announce(backend: Backend, name: str, post: Post) -> None:
    """Tell of a message that was sent, changed or deleted, unless it is private."""
    if post.author is backend.world.bot:
        backend.on_post(post)
    if post.private_to is not None:
        backend.watch.changed()
        return
    if name == "MESSAGE_DELETE":
        data: Json = {"id": str(post.id), "channel_id": str(post.channel.id)}
        if post.channel.guild is not None:
            data["guild_id"] = str(post.channel.guild.id)
    else:
        data = payloads.message(backend.world, post, base=backend.base())
    backend.tell(name, data, post.channel, plain=backend.plain(post))


def change(backend: Backend, post: Post, given: Json, files: dict[str, Attached]) -> Json:
    """Change a message as a request says and tell of it."""
    if post.flags & COMPONENTS_V2 and given.get("content"):
        raise invalid(
            "content",
            "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2",
            "The 'content' field cannot be used when using MessageFlags.IS_COMPONENTS_V2",
        )
    before = post.text
    fill(backend, post, given, files, new=False)
    post.history.append(before)
    post.edited_at = backend.clock.now()
    announce(backend, "MESSAGE_UPDATE", post)
    return payloads.message(backend.world, post, base=backend.base())


def _attach(post: Post, given: Json, files: dict[str, Attached]) -> None:
    listed: Sequence[Json] | None = given.get("attachments")
    if listed is None:
        kept = [*post.files, *files.values()]
    else:
        by_id = {str(file.id): file for file in post.files}
        kept = [file for one in listed if (file := files.get(str(one["id"])) or by_id.get(str(one["id"])))]
    for file in kept:
        if file.media_type == "application/octet-stream":
            file.media_type = mimetypes.guess_type(file.name)[0] or file.media_type
    post.files = kept


def _create(backend: Backend, asked: Asked) -> Any:
    world, given = backend.world, asked.given
    channel = backend.channel(asked["channel"])
    nonce = str(given.get("nonce") or "")
    if len(nonce) > 25:
        raise too_long("nonce", 25)
    if nonce and given.get("enforce_nonce"):
        old = world.nonces.get((channel, nonce))
        if old is not None and not old.deleted and world.age(old).total_seconds() < NONCE_SECONDS:
            return payloads.message(world, old, base=backend.base())
    reference: Json = given.get("message_reference") or {}
    replied = world.posts.get(int(reference["message_id"])) if reference.get("message_id") else None
    if reference and (replied is None or replied.deleted):
        if reference.get("fail_if_not_exists", True):
            raise invalid("message_reference", "MESSAGE_REFERENCE_UNKNOWN_MESSAGE", "Unknown message")
        replied = None
    post = world.post(channel, world.bot)
    post.nonce, post.reply_to = nonce, replied
    try:
        fill(backend, post, given, dict(asked.files))
    except Refused:
        del world.posts[post.id]
        raise
    channel.typing = 0
    if nonce:
        world.nonces[channel, nonce] = post
    announce(backend, "MESSAGE_CREATE", post)
    return payloads.message(world, post, base=backend.base())


def _edit(backend: Backend, asked: Asked) -> Any:
    post = _own(backend, asked)
    return change(backend, post, asked.given, dict(asked.files))


def _delete(backend: Backend, asked: Asked) -> Any:
    post = backend.post(backend.channel(asked["channel"]), asked["message"])
    if post.author is not backend.world.bot and post.channel.guild is None:
        raise not_yours()
    post.deleted = True
    announce(backend, "MESSAGE_DELETE", post)


def _own(backend: Backend, asked: Asked) -> Post:
    post = backend.post(backend.channel(asked["channel"]), asked["message"])
    if post.author is not backend.world.bot:
        raise not_yours()
    return post


def _get(backend: Backend, asked: Asked) -> Any:
    post = backend.post(backend.channel(asked["channel"]), asked["message"])
    return payloads.message(backend.world, post, base=backend.base())


def _list(backend: Backend, asked: Asked) -> Any:
    channel = backend.channel(asked["channel"])
    before = int(asked.query.get("before", 1 << 63))
    after = int(asked.query.get("after", 0))
    found = [
        post for post in backend.world.shown(channel) if after < post.id < before and not post.private_to
    ]
    newest = sorted(found, key=lambda post: post.id, reverse=True)[: int(asked.query.get("limit", 50))]
    return [payloads.message(backend.world, post, base=backend.base()) for post in newest]


def _typing(backend: Backend, asked: Asked) -> Any:
    backend.channel(asked["channel"]).typing += 1


def _channel(backend: Backend, asked: Asked) -> Any:
    return payloads.channel(backend.channel(asked["channel"]))


def _open_dm(backend: Backend, asked: Asked) -> Any:
    person = backend.world.accounts.get(int(asked.given["recipient_id"]))
    if person is None:
        raise unknown("User")
    return payloads.channel(backend.world.dm(person))


def _thread(backend: Backend, asked: Asked) -> Any:
    parent = backend.channel(asked["channel"])
    ident = int(asked["message"]) if "message" in asked.params else None
    if ident is not None:
        backend.post(parent, asked["message"])
    if not 1 <= len(str(asked.given.get("name", ""))) <= 100:
        raise invalid("name", "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 100 in length.")
    thread = backend.world.thread(str(asked.given["name"]), parent, backend.world.bot, ident=ident)
    made = payloads.channel(thread)
    backend.tell("THREAD_CREATE", {**made, "newly_created": True}, thread)
    return made


def _react(backend: Backend, asked: Asked) -> Any:
    post = backend.post(backend.channel(asked["channel"]), asked["message"])
    post.reactions.append((backend.world.bot, unquote(asked["emoji"])))


def _unreact(backend: Backend, asked: Asked) -> Any:
    post = backend.post(backend.channel(asked["channel"]), asked["message"])
    mine = (backend.world.bot, unquote(asked["emoji"]))
    post.reactions = [one for one in post.reactions if one != mine]


def _me(backend: Backend, _: Asked) -> Any:
    return payloads.user(backend.world.bot)


def _user(backend: Backend, asked: Asked) -> Any:
    found = backend.world.accounts.get(int(asked["user"]))
    if found is None:
        raise unknown("User")
    return payloads.user(found)


def _guilds(backend: Backend, _: Asked) -> Any:
    return [{"id": str(each.id), "name": each.name, "owner": False} for each in backend.world.guilds.values()]


def _guild(backend: Backend, asked: Asked) -> Any:
    found = backend.world.guilds.get(int(asked["guild"]))
    if found is None:
        raise unknown("Guild")
    return payloads.guild(backend.world, found)


def _member(backend: Backend, asked: Asked) -> Any:
    guild = backend.world.guilds.get(int(asked["guild"]))
    account = backend.world.accounts.get(int(asked["user"]))
    if guild is None or account is None or account not in guild.members:
        raise unknown("User")
    return payloads.member(account, guild)


def _application(backend: Backend, _: Asked) -> Any:
    return payloads.application(backend.world)


def _gateway(backend: Backend, _: Asked) -> Any:
    address = backend.base().replace("http", "ws", 1) + "/gateway"
    start = {
        "total": 1000,
        "remaining": 999,
        "reset_after": 0,
        "max_concurrency": max(1, backend.gateway.shards),
    }
    return {"url": address, "shards": backend.gateway.shards, "session_start_limit": start}


_MESSAGES = "/channels/{channel}/messages"

ROUTES: Sequence[Route] = (
    Route(method="GET", path="/gateway", handler=_gateway),
    Route(method="GET", path="/gateway/bot", handler=_gateway),
    Route(method="GET", path="/oauth2/applications/@me", handler=_application),
    Route(method="GET", path="/applications/@me", handler=_application),
    Route(method="GET", path="/users/@me", handler=_me),
    Route(method="GET", path="/users/@me/guilds", handler=_guilds),
    Route(method="POST", path="/users/@me/channels", handler=_open_dm),
    Route(method="GET", path="/users/{user}", handler=_user),
    Route(method="GET", path="/guilds/{guild}", handler=_guild),
    Route(method="GET", path="/guilds/{guild}/members/{user}", handler=_member),
    Route(method="GET", path="/channels/{channel}", handler=_channel),
    Route(method="POST", path="/channels/{channel}/typing", handler=_typing),
    Route(method="POST", path="/channels/{channel}/threads", handler=_thread),
    Route(method="POST", path=_MESSAGES + "/{message}/threads", handler=_thread),
    Route(method="GET", path=_MESSAGES, handler=_list),
    Route(method="POST", path=_MESSAGES, handler=_create),
    Route(method="GET", path=_MESSAGES + "/{message}", handler=_get),
    Route(method="PATCH", path=_MESSAGES + "/{message}", handler=_edit),
    Route(method="DELETE", path=_MESSAGES + "/{message}", handler=_delete),
    Route(method="PUT", path=_MESSAGES + "/{message}/reactions/{emoji}/@me", handler=_react),
    Route(method="DELETE", path=_MESSAGES + "/{message}/reactions/{emoji}/@me", handler=_unreact),
)
