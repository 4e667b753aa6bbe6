"""What the pretended Discord's values look like on the wire, as discord.py reads them."""

from __future__ import annotations

from datetime import datetime

from .world import DM, LOADING, Account, Attached, Channel, Guild, Interaction, Json, Post, World

PERMISSIONS = str(((1 << 53) - 1) & ~(1 << 3))
"""All but administrator: what stands in a member's ``permissions`` unless a test closes a channel."""


def user(account: Account) -> Json:
    return {
        "id": str(account.id),
        "username": account.name,
        "global_name": account.name,
        "discriminator": "0",
        "avatar": None,
        "bot": account.bot,
        "public_flags": 0,
    }


def member(account: Account, guild: Guild, *, alone: bool = True) -> Json:
    """Return a membership; ``alone`` with its user, as everywhere but in messages."""
    made: Json = {
        "roles": [str(guild.roles[name]) for name in sorted(guild.members.get(account, ()))],
        "nick": None,
        "avatar": None,
        "joined_at": "2026-01-01T00:00:00+00:00",
        "premium_since": None,
        "deaf": False,
        "mute": False,
        "pending": False,
        "flags": 0,
        "communication_disabled_until": None,
    }
    return {**made, "user": user(account)} if alone else made


def guild(world: World, one: Guild) -> Json:
    """Return what GUILD_CREATE carries."""
    channels = [each for each in world.channels.values() if each.guild is one and not each.gone]
    everyone = _role(one.id, "@everyone", 0)
    roles = [_role(ident, name, number + 1) for number, (name, ident) in enumerate(one.roles.items())]
    return {
        "id": str(one.id),
        "name": one.name,
        "icon": None,
        "owner_id": str(next((each.id for each in one.members if not each.bot), world.bot.id)),
        "member_count": len(one.members),
        "large": False,
        "unavailable": False,
        "joined_at": "2026-01-01T00:00:00+00:00",
        "roles": [everyone, *roles],
        "channels": [channel(each) for each in channels if not each.is_thread],
        "threads": [channel(each) for each in channels if each.is_thread],
        "members": [member(each, one) for each in one.members],
        "presences": [],
        "voice_states": [],
        "emojis": [],
        "stickers": [],
        "features": [],
        "preferred_locale": "en-US",
        "verification_level": 0,
        "default_message_notifications": 1,
        "explicit_content_filter": 0,
        "mfa_level": 0,
        "nsfw_level": 0,
        "premium_tier": 0,
        "system_channel_id": None,
        "system_channel_flags": 0,
        "rules_channel_id": None,
        "public_updates_channel_id": None,
        "afk_channel_id": None,
        "afk_timeout": 300,
        "stage_instances": [],
        "guild_scheduled_events": [],
        "soundboard_sounds": [],
    }


def channel(one: Channel) -> Json:
    """Return a channel, a thread or direct messages."""
    if one.kind == DM:
        people = [user(one.person)] if one.person is not None else []
        return {"id": str(one.id), "type": DM, "last_message_id": None, "flags": 0, "recipients": people}
    made: Json = {
        "id": str(one.id),
        "type": one.kind,
        "name": one.name,
        "guild_id": str(one.guild.id) if one.guild else None,
        "parent_id": str(one.parent.id) if one.parent else None,
        "last_message_id": None,
        "rate_limit_per_user": 0,
        "flags": 0,
    }
    if not one.is_thread:
        return {**made, "position": 0, "topic": None, "nsfw": False, "permission_overwrites": []}
    archive = {
        "archived": False,
        "auto_archive_duration": 1440,
        "archive_timestamp": "2026-01-01T00:00:00+00:00",
        "locked": False,
    }
    owner = str(one.owner.id) if one.owner else "0"
    return {**made, "owner_id": owner, "message_count": 0, "member_count": 1, "thread_metadata": archive}


def message(world: World, post: Post, *, base: str, nested: bool = True) -> Json:
    """Return a message; ``nested`` with the one that it replies to. Files are to be had from ``base``."""
    where = post.channel.guild
    made: Json = {
        "id": str(post.id),
        "channel_id": str(post.channel.id),
        "type": 19 if post.reply_to else 0,
        "author": user(post.author),
        "content": post.text,
        "timestamp": _time(post.sent_at),
        "edited_timestamp": _time(post.edited_at) if post.edited_at else None,
        "tts": False,
        "mention_everyone": "everyone" in post.pings,
        "mentions": [user(each) for each in world.mentioned(post.text)],
        "mention_roles": [],
        "attachments": [attachment(each, post, base) for each in post.files],
        "embeds": post.embeds,
        "components": post.components,
        "pinned": False,
        "flags": post.flags,
        "reactions": [],
    }
    if post.nonce:
        made["nonce"] = post.nonce
    if where is not None:
        made["guild_id"] = str(where.id)
        if not post.author.bot:
            made["member"] = member(post.author, where, alone=False)
    if post.author.bot:
        made["application_id"] = str(world.bot.id)
    if post.reply_to is not None:
        made["message_reference"] = {
            "type": 0,
            "message_id": str(post.reply_to.id),
            "channel_id": str(post.reply_to.channel.id),
            "guild_id": made.get("guild_id"),
        }
        if nested:
            gone = post.reply_to.deleted
            referenced = None if gone else message(world, post.reply_to, base=base, nested=False)
            made["referenced_message"] = referenced
            if referenced is not None and post.reply_to.author not in world.mentioned(post.text):
                made["mentions"].append(user(post.reply_to.author))
    if post.interaction is not None and post.interaction.kind == 2:
        made["interaction_metadata"] = {
            "id": str(post.interaction.id),
            "type": 2,
            "user": user(post.interaction.by),
            "authorizing_integration_owners": {},
        }
    return made


def attachment(file: Attached, post: Post, base: str) -> Json:
    """Return a file of a message."""
    address = f"{base}/attachments/{post.channel.id}/{file.id}/{file.name}"
    return {
        "id": str(file.id),
        "filename": file.name,
        "size": len(file.data),
        "url": address,
        "proxy_url": address,
        "content_type": file.media_type,
    }


def interaction(world: World, one: Interaction, *, base: str) -> Json:
    """Return what INTERACTION_CREATE carries."""
    where = one.channel.guild
    made: Json = {
        "id": str(one.id),
        "application_id": str(world.bot.id),
        "type": one.kind,
        "data": one.data,
        "token": one.token,
        "version": 1,
        "channel_id": str(one.channel.id),
        "channel": {**channel(one.channel), "permissions": PERMISSIONS},
        "app_permissions": PERMISSIONS,
        "locale": "en-US",
        "entitlements": [],
        "entitlement_sku_ids": [],
        "authorizing_integration_owners": {},
        "attachment_size_limit": 10 * 1024 * 1024,
        "context": 1 if where is None else 0,
    }
    if where is None:
        made["user"] = user(one.by)
    else:
        made["guild_id"] = str(where.id)
        made["guild_locale"] = "en-US"
        made["guild"] = {"id": str(where.id), "locale": "en-US", "features": []}
        made["member"] = {**member(one.by, where), "permissions": PERMISSIONS}
        made["authorizing_integration_owners"] = {"0": str(where.id)}
    if one.post is not None:
        made["message"] = message(world, one.post, base=base)
    return made


def callback(world: World, one: Interaction, *, base: str) -> Json:
    """Return what the first response gets back, ``with_response``."""
    post = one.response
    made: Json = {"interaction": {"id": str(one.id), "type": one.kind}}
    if post is not None:
        made["interaction"] |= {
            "response_message_id": str(post.id),
            "response_message_loading": bool(post.flags & LOADING),
            "response_message_ephemeral": post.private_to is not None,
        }
        made["resource"] = {"type": one.answer, "message": message(world, post, base=base)}
    elif one.answer is not None:
        made["resource"] = {"type": one.answer}
    return made


def application(world: World) -> Json:
    """Return what ``/oauth2/applications/@me`` says."""
    owner = next((each for each in world.accounts.values() if not each.bot), world.bot)
    return {
        "id": str(world.bot.id),
        "name": world.bot.name,
        "description": "",
        "icon": None,
        "bot_public": True,
        "bot_require_code_grant": False,
        "owner": user(owner),
        "verify_key": "0" * 64,
        "team": None,
        "flags": 0,
        "tags": [],
        "redirect_uris": [],
        "approximate_guild_count": len(world.guilds),
        "integration_types_config": {},
    }


def _role(ident: int, name: str, position: int) -> Json:
    return {
        "id": str(ident),
        "name": name,
        "color": 0,
        "colors": {"primary_color": 0, "secondary_color": None, "tertiary_color": None},
        "hoist": False,
        "icon": None,
        "unicode_emoji": None,
        "position": position,
        "permissions": PERMISSIONS,
        "managed": False,
        "mentionable": False,
        "flags": 0,
    }


def _time(at: datetime) -> str:
    return at.isoformat()
