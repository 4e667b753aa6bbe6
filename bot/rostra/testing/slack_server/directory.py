"""Methods about who and what there is: ``auth``, ``team``, ``users``, ``usergroups``, ``conversations``."""

from __future__ import annotations

from .asking import Ask, Method, paged
from .values import Channel, Json, SlackError
from .world import World


def auth_test(world: World, ask: Ask) -> Json:
    workspace = ask.workspace
    return {
        "ok": True,
        "url": f"https://{workspace.id.lower()}.slack.com/",
        "team": workspace.name,
        "user": workspace.users[workspace.bot_user]["name"],
        "team_id": workspace.id,
        "user_id": workspace.bot_user,
        "bot_id": workspace.bot_id,
        "app_id": world.app_id,
        "is_enterprise_install": False,
    }


def auth_revoke(world: World, ask: Ask) -> Json:
    ask.workspace.installed = False
    world.touch()
    return {"ok": True, "revoked": True}


def team_info(world: World, ask: Ask) -> Json:
    del world
    workspace = ask.workspace
    if ask.text("team") not in {"", workspace.id}:
        raise SlackError("team_not_found")
    return {"ok": True, "team": {"id": workspace.id, "name": workspace.name, "domain": workspace.id.lower()}}


def users_info(world: World, ask: Ask) -> Json:
    del world
    user = ask.workspace.users.get(ask.needed("user"))
    if user is None:
        raise SlackError("user_not_found")
    return {"ok": True, "user": user}


def users_list(world: World, ask: Ask) -> Json:
    del world
    return paged(list(ask.workspace.users.values()), ask, "members")


def users_conversations(world: World, ask: Ask) -> Json:
    user = ask.text("user") or ask.workspace.bot_user
    kinds = _kinds(ask)
    mine = [one for one in ask.workspace.channels.values() if user in one.members and one.kind in kinds]
    return paged([_channel(world, ask, one) for one in mine], ask, "channels")


def conversations_list(world: World, ask: Ask) -> Json:
    kinds = _kinds(ask)
    all_ = [one for one in ask.workspace.channels.values() if one.kind in kinds]
    return paged([_channel(world, ask, one) for one in all_], ask, "channels")


def conversations_info(world: World, ask: Ask) -> Json:
    channel = world.channel(ask.workspace, ask.needed("channel"))
    return {"ok": True, "channel": _channel(world, ask, channel)}


def conversations_open(world: World, ask: Ask) -> Json:
    if ask.text("channel"):
        channel = world.channel(ask.workspace, ask.text("channel"))
    else:
        users = [one.strip() for one in ask.needed("users").split(",")]
        if any(one not in ask.workspace.users for one in users):
            raise SlackError("user_not_found")
        channel = _with(world, ask, users)
    return {"ok": True, "channel": {"id": channel.id}}


def _with(world: World, ask: Ask, users: list[str]) -> Channel:
    if len(users) == 1:
        return world.direct(ask.workspace, users[0])
    members = {*users, ask.workspace.bot_user}
    for one in ask.workspace.channels.values():
        if one.kind == "mpim" and one.members == members:
            return one
    made = Channel(id=world.new_id("G"), kind="mpim", members=members)
    ask.workspace.channels[made.id] = made
    return made


def conversations_members(world: World, ask: Ask) -> Json:
    channel = world.channel(ask.workspace, ask.needed("channel"))
    return paged(sorted(channel.members), ask, "members")


def conversations_replies(world: World, ask: Ask) -> Json:
    channel = world.channel(ask.workspace, ask.needed("channel"), member=True)
    ts = ask.needed("ts")
    root = ask.workspace.messages.get((channel.id, ts))
    if root is None:
        raise SlackError("thread_not_found")
    thread = ask.workspace.in_channel(channel.id, root.thread_ts or ts)
    return paged([world.message_json(ask.workspace, one) for one in thread], ask, "messages")


def conversations_history(world: World, ask: Ask) -> Json:
    channel = world.channel(ask.workspace, ask.needed("channel"), member=True)
    top = [
        one
        for one in reversed(ask.workspace.in_channel(channel.id))
        if one.thread_ts is None or one.thread_ts == one.ts
    ]
    return paged([world.message_json(ask.workspace, one) for one in top], ask, "messages")


def conversations_join(world: World, ask: Ask) -> Json:
    channel = world.channel(ask.workspace, ask.needed("channel"))
    channel.members.add(ask.workspace.bot_user)
    return {"ok": True, "channel": _channel(world, ask, channel)}


def usergroups_list(world: World, ask: Ask) -> Json:
    del world
    groups = [
        {"id": name, "handle": name.lower(), "users": users, "team_id": ask.workspace.id}
        for name, users in ask.workspace.groups.items()
    ]
    return {"ok": True, "usergroups": groups}


def usergroups_users(world: World, ask: Ask) -> Json:
    del world
    users = ask.workspace.groups.get(ask.needed("usergroup"))
    if users is None:
        raise SlackError("no_such_subteam")
    return {"ok": True, "users": users}


def authorizations(world: World, ask: Ask) -> Json:
    event = ask.needed("event_context").removeprefix("4-")
    teams = [one.team for one in world.courier.sent if one.id == event]
    found = [world.authorization(world.workspaces[team]) for team in teams[:1]]
    if not found:
        raise SlackError("invalid_arguments", "event_context is not known")
    return {"ok": True, "authorizations": found}


def _kinds(ask: Ask) -> set[str]:
    names = {"public_channel": "channel", "private_channel": "group"}
    asked = ask.text("types") or "public_channel"
    return {names.get(one.strip(), one.strip()) for one in asked.split(",")}


def _channel(world: World, ask: Ask, channel: Channel) -> Json:
    del world
    given: Json = {
        "id": channel.id,
        "name": channel.name,
        "is_channel": channel.kind == "channel",
        "is_group": channel.kind == "group",
        "is_im": channel.kind == "im",
        "is_mpim": channel.kind == "mpim",
        "is_private": channel.kind != "channel",
        "is_archived": channel.archived,
        "is_member": ask.workspace.bot_user in channel.members,
        "context_team_id": ask.workspace.id,
        "num_members": len(channel.members),
    }
    if channel.kind == "im":
        given["user"] = next(iter(channel.members - {ask.workspace.bot_user}), "")
    return given


_READ = ("channels:read", "groups:read", "im:read", "mpim:read")
_HISTORY = ("channels:history", "groups:history", "im:history", "mpim:history")

METHODS = {
    "auth.test": Method(answer=auth_test),
    "auth.revoke": Method(answer=auth_revoke),
    "team.info": Method(answer=team_info, scopes=("team:read",)),
    "users.info": Method(answer=users_info, scopes=("users:read",)),
    "users.list": Method(answer=users_list, scopes=("users:read",)),
    "users.conversations": Method(answer=users_conversations, scopes=_READ),
    "conversations.list": Method(answer=conversations_list, scopes=_READ),
    "conversations.info": Method(answer=conversations_info, scopes=_READ),
    "conversations.open": Method(answer=conversations_open, scopes=("im:write", "mpim:write")),
    "conversations.members": Method(answer=conversations_members, scopes=_READ),
    "conversations.replies": Method(answer=conversations_replies, scopes=_HISTORY),
    "conversations.history": Method(answer=conversations_history, scopes=_HISTORY),
    "conversations.join": Method(answer=conversations_join, scopes=("channels:join",)),
    "usergroups.list": Method(answer=usergroups_list, scopes=("usergroups:read",)),
    "usergroups.users.list": Method(answer=usergroups_users, scopes=("usergroups:read",)),
    "apps.event.authorizations.list": Method(answer=authorizations),
}
