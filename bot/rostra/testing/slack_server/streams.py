"""Native streams: ``chat.startStream``, ``chat.appendStream``, ``chat.stopStream``.

See https://docs.slack.dev/reference/methods/chat.startStream/
"""

from __future__ import annotations

from .asking import Ask, Method
from .rules import check_blocks
from .values import Json, Message, SlackError, Stream, items
from .world import World


def start(world: World, ask: Ask) -> Json:
    workspace = ask.workspace
    channel = world.channel(workspace, ask.needed("channel"), member=True)
    thread = ask.needed("thread_ts")
    if (channel.id, thread) not in workspace.messages:
        raise SlackError("thread_not_found")
    if channel.kind != "im":
        for name in ("recipient_team_id", "recipient_user_id"):
            if not ask.text(name):
                raise SlackError(f"missing_{name}")
        if ask.text("recipient_user_id") not in workspace.users:
            raise SlackError("user_not_found")
    text, blocks = _added(world, ask, "")
    ts = world.new_ts()
    stream = Stream(channel=channel.id, ts=ts, started=world.clock.monotonic())
    message = Message(
        team=workspace.id,
        channel=channel.id,
        ts=ts,
        user=workspace.bot_user,
        bot=True,
        thread_ts=thread,
        text=text,
        blocks=blocks,
        stream=stream,
    )
    world.streams.append(stream)
    world.put(workspace, message)
    world.status.pop((channel.id, thread), None)
    return {"ok": True, "channel": channel.id, "ts": ts}


def append(world: World, ask: Ask) -> Json:
    message, stream = _streaming(world, ask)
    text, blocks = _added(world, ask, message.text)
    if text == message.text and not blocks and not ask.json("chunks"):
        raise SlackError("no_text")
    message.text = text
    message.blocks = [*message.blocks, *blocks]
    stream.appends += 1
    world.touch()
    return {"ok": True, "channel": message.channel, "ts": message.ts}


def stop(world: World, ask: Ask) -> Json:
    message, stream = _streaming(world, ask)
    text, blocks = _added(world, ask, message.text)
    final = check_blocks(items(ask.json("blocks")), world.limits)
    message.text = text
    message.blocks = [*message.blocks, *blocks, *final]
    stream.open = False
    world.put(ask.workspace, message)
    world.say_event(ask.workspace, message)
    return {
        "ok": True,
        "channel": message.channel,
        "ts": message.ts,
        "message": world.message_json(ask.workspace, message),
    }


def _streaming(world: World, ask: Ask) -> tuple[Message, Stream]:
    message = world.message(ask.workspace, ask.needed("channel"), ask.needed("ts"))
    if not message.bot:
        raise SlackError("message_not_owned_by_app")
    stream = message.stream
    if stream is not None and stream.open:
        age = world.clock.monotonic() - stream.started
        if age >= world.limits.stream_seconds:
            expire(world, stream)
    if stream is None or not stream.open:
        raise SlackError("message_not_in_streaming_state")
    return message, stream


def expire(world: World, stream: Stream) -> None:
    """Close a stream from the server's side, as Slack does after some minutes."""
    stream.open, stream.expired = False, True
    world.touch()


def _added(world: World, ask: Ask, before: str) -> tuple[str, list[Json]]:
    """Return the text and the further blocks that a message has with what this call brings."""
    markdown, chunks = ask.text("markdown_text"), items(ask.json("chunks"))
    if markdown and chunks:
        raise SlackError("invalid_arguments", "markdown_text and chunks exclude one another")
    texts, blocks = [markdown], list[Json]()
    for chunk in chunks:
        kind = chunk.get("type")
        if kind == "markdown_text":
            texts.append(str(chunk.get("text", "")))
        elif kind == "blocks":
            blocks += check_blocks(chunk.get("blocks"), world.limits)
        elif kind not in {"task_update", "plan_update"}:
            raise SlackError("invalid_chunks")
    if any(len(text) > world.limits.markdown_text for text in texts):
        raise SlackError("msg_too_long")
    whole = before + "".join(texts)
    if len(whole) > world.limits.stream_text:
        raise SlackError("msg_too_long")
    return whole, blocks


_WRITE = ("chat:write",)

METHODS = {
    "chat.startStream": Method(answer=start, scopes=_WRITE),
    "chat.appendStream": Method(answer=append, scopes=_WRITE),
    "chat.stopStream": Method(answer=stop, scopes=_WRITE),
}
