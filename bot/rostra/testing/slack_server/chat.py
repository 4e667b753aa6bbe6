"""Methods of ``chat.*`` other than streams."""

from __future__ import annotations

from typing import Any

from .asking import Ask, Method
from .rules import check_blocks
from .values import Channel, Json, Message, SlackError, Workspace, items
from .world import World


def content(world: World, ask: Ask, *, cut: bool = True) -> Json:
    """Return text, blocks, attachments and metadata as a message has them. Raises `SlackError`."""
    text, markdown, blocks = ask.text("text"), ask.text("markdown_text"), ask.json("blocks")
    attachments = items(ask.json("attachments"))
    if markdown and (text or blocks):
        raise SlackError("markdown_text_conflict")
    if len(markdown) > world.limits.markdown_text:
        raise SlackError("msg_too_long")
    if not cut and len(text) > world.limits.update_text:
        raise SlackError("msg_too_long")
    if not (text or markdown or blocks or attachments):
        raise SlackError("no_text")
    return {
        "text": markdown or text[: world.limits.text],
        "blocks": check_blocks(blocks, world.limits) if blocks else [],
        "attachments": attachments,
        "metadata": ask.json("metadata"),
    }


def _thread(world: World, workspace: Workspace, channel: Channel, ask: Ask) -> str | None:
    thread = ask.text("thread_ts") or None
    if thread is not None and (channel.id, thread) not in workspace.messages:
        raise SlackError("thread_not_found")
    return thread


def post_message(world: World, ask: Ask) -> Json:
    workspace = ask.workspace
    channel = world.channel(workspace, ask.needed("channel"), member=True)
    message = Message(
        team=workspace.id,
        channel=channel.id,
        ts=world.new_ts(),
        user=workspace.bot_user,
        bot=True,
        thread_ts=_thread(world, workspace, channel, ask),
        **content(world, ask),
    )
    world.put(workspace, message)
    world.say_event(workspace, message)
    world.status.pop((channel.id, message.thread_ts or message.ts), None)
    return _shown(world, workspace, message)


def post_ephemeral(world: World, ask: Ask) -> Json:
    workspace = ask.workspace
    channel = world.channel(workspace, ask.needed("channel"), member=True)
    user = ask.needed("user")
    if user not in channel.members:
        raise SlackError("user_not_in_channel")
    message = Message(
        team=workspace.id,
        channel=channel.id,
        ts=world.new_ts(),
        user=workspace.bot_user,
        bot=True,
        to=user,
        thread_ts=_thread(world, workspace, channel, ask),
        **content(world, ask),
    )
    whisper(world, workspace, message)
    return {"ok": True, "message_ts": message.ts}


def whisper(world: World, workspace: Workspace, message: Message) -> None:
    """Show a message to one person alone."""
    from .blocks import with_ids

    message.blocks = with_ids(message.blocks, world.new_ids("b"))
    workspace.ephemeral.append(message)
    world.touch()


def _own(world: World, ask: Ask) -> Message:
    workspace = ask.workspace
    message = world.message(workspace, ask.needed("channel"), ask.needed("ts"))
    if not message.bot:
        raise SlackError("cant_update_message" if ask.method == "chat.update" else "cant_delete_message")
    return message


def update(world: World, ask: Ask) -> Json:
    message = _own(world, ask)
    if message.streaming:
        raise SlackError("streaming_state_conflict")
    new = content(world, ask, cut=False)
    for name in (
        "blocks",
        "attachments",
    ):  # https://docs.slack.dev/reference/methods/chat.update: those are kept
        if name not in ask.arguments:
            del new[name]
    change(world, ask.workspace, message, new)
    return _shown(world, ask.workspace, message) | {"text": message.text}


def change(world: World, workspace: Workspace, message: Message, new: Json) -> None:
    """Let a message become another, and tell the app of it."""
    before = world.message_json(workspace, message)
    message.history.append(message.text)
    for name, value in new.items():
        if name != "metadata" or value is not None:
            setattr(message, name, value)
    message.edited = True
    world.put(workspace, message)
    channel = workspace.channels[message.channel]
    ts = world.new_ts()
    event: Json = {
        "type": "message",
        "subtype": "message_changed",
        "hidden": True,
        "message": world.message_json(workspace, message),
        "previous_message": before,
        "channel": channel.id,
        "channel_type": channel.kind,
        "ts": ts,
        "event_ts": ts,
    }
    world.message_event(workspace, channel, event)


def delete(world: World, ask: Ask) -> Json:
    message = _own(world, ask)
    remove(world, ask.workspace, message)
    return {"ok": True, "channel": message.channel, "ts": message.ts}


def remove(world: World, workspace: Workspace, message: Message) -> Any:
    """Take a message away, and tell the app of it."""
    message.deleted = True
    if message.stream is not None:
        message.stream.open = False
    world.touch()
    channel = workspace.channels[message.channel]
    ts = world.new_ts()
    event: Json = {
        "type": "message",
        "subtype": "message_deleted",
        "hidden": True,
        "deleted_ts": message.ts,
        "previous_message": world.message_json(workspace, message),
        "channel": channel.id,
        "channel_type": channel.kind,
        "ts": ts,
        "event_ts": ts,
    }
    return world.message_event(workspace, channel, event)


def permalink(world: World, ask: Ask) -> Json:
    message = world.message(ask.workspace, ask.needed("channel"), ask.needed("message_ts"))
    place = f"{world.address}/archives/{message.channel}/p{message.ts.replace('.', '')}"
    return {"ok": True, "channel": message.channel, "permalink": place}


def _shown(world: World, workspace: Workspace, message: Message) -> Json:
    return {
        "ok": True,
        "channel": message.channel,
        "ts": message.ts,
        "message": world.message_json(workspace, message),
    }


_WRITE = ("chat:write",)

METHODS = {
    "chat.postMessage": Method(answer=post_message, scopes=_WRITE),
    "chat.postEphemeral": Method(answer=post_ephemeral, scopes=_WRITE),
    "chat.update": Method(answer=update, scopes=_WRITE),
    "chat.delete": Method(answer=delete, scopes=_WRITE),
    "chat.getPermalink": Method(answer=permalink),
}
