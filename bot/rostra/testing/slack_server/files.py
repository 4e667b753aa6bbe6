"""Files: given up in three steps as ``files_upload_v2`` does, and read with the bot's token.

Whoever asks for a private address without the right token gets a page to sign in at, with status 200, as Slack answers.
"""

from __future__ import annotations

import mimetypes

from aiohttp import web

from .asking import Ask, Method
from .chat import content
from .values import File, Json, Message, SlackError, items
from .world import World

SIGN_IN = "<!DOCTYPE html><html><title>Sign in to Slack</title><body>Sign in</body></html>"


def get_upload_url(world: World, ask: Ask) -> Json:
    name = ask.needed("filename")
    if int(ask.needed("length")) <= 0:
        raise SlackError("invalid_arguments", "length must be more than 0")
    file = File(
        id=world.new_id("F"),
        team=ask.workspace.id,
        name=name,
        media_type=mimetypes.guess_type(name)[0] or "application/octet-stream",
        data=b"",
        user=ask.workspace.bot_user,
    )
    world.files[file.id] = file
    return {"ok": True, "file_id": file.id, "upload_url": f"{world.address}/upload/v1/{file.id}"}


def complete_upload(world: World, ask: Ask) -> Json:
    files = [_uploaded(world, ask, one) for one in items(ask.json("files"))]
    if not files:
        raise SlackError("invalid_arguments", "missing required field: files")
    channels = [one for one in (ask.text("channel_id") or ask.text("channels")).split(",") if one]
    for name in channels:
        _share(world, ask, name, files)
    return {"ok": True, "files": [world.file_json(one) for one in files]}


def _share(world: World, ask: Ask, name: str, files: list[File]) -> None:
    channel = world.channel(ask.workspace, name, member=True)
    said = {"text": ask.text("initial_comment"), "blocks": ask.json("blocks")}
    wanted = Ask(method=ask.method, arguments=said, workspace=ask.workspace)
    message = Message(
        team=ask.workspace.id,
        channel=channel.id,
        ts=world.new_ts(),
        user=ask.workspace.bot_user,
        bot=True,
        thread_ts=ask.text("thread_ts") or None,
        files=files,
        **(content(world, wanted) if said["text"] or said["blocks"] else {}),
    )
    for file in files:
        file.shared = True
    world.put(ask.workspace, message)
    world.say_event(ask.workspace, message, subtype="file_share")


def _uploaded(world: World, ask: Ask, given: Json) -> File:
    file = world.files.get(str(given.get("id")))
    if file is None or file.team != ask.workspace.id or not file.data:
        raise SlackError("file_not_found")
    file.title = str(given.get("title") or file.name)
    return file


def info(world: World, ask: Ask) -> Json:
    file = world.files.get(ask.needed("file"))
    if file is None or file.team != ask.workspace.id:
        raise SlackError("file_not_found")
    return {"ok": True, "file": world.file_json(file)}


def delete(world: World, ask: Ask) -> Json:
    file = world.files.get(ask.needed("file"))
    if file is None or file.team != ask.workspace.id:
        raise SlackError("file_not_found")
    del world.files[file.id]
    for message in ask.workspace.messages.values():
        if file in message.files:
            message.files = [one for one in message.files if one is not file]
            message.deleted = not (message.files or message.text or message.blocks)
    world.touch()
    return {"ok": True}


async def take(world: World, request: web.Request) -> web.Response:
    """Take the bytes of a file: as the body, or as the one part of a form."""
    file = world.files.get(request.match_info["file"])
    if file is None:
        return web.Response(status=404, text="no_such_file")
    file.data = await _body(request)
    world.touch()
    return web.Response(text=f"OK - {len(file.data)}")


async def _body(request: web.Request) -> bytes:
    if not request.content_type.startswith("multipart/"):
        return await request.read()
    for value in (await request.post()).values():
        if isinstance(value, web.FileField):
            return value.file.read()
    return b""


async def give(world: World, request: web.Request) -> web.Response:
    """Give a private file to whoever has the token of its workspace, with the scope to read files."""
    file = world.files.get(request.match_info["file"].rpartition("-")[2])
    token = request.headers.get("Authorization", "").removeprefix("Bearer ")
    workspace = world.workspaces[file.team] if file is not None else None
    if file is None or workspace is None:
        return web.Response(status=404, text="not found")
    if token != workspace.bot_token or "files:read" not in workspace.scopes:
        return web.Response(text=SIGN_IN, content_type="text/html")
    return web.Response(body=file.data, content_type=file.media_type)


METHODS = {
    "files.getUploadURLExternal": Method(answer=get_upload_url, scopes=("files:write",)),
    "files.completeUploadExternal": Method(answer=complete_upload, scopes=("files:write",)),
    "files.info": Method(answer=info, scopes=("files:read",)),
    "files.delete": Method(answer=delete, scopes=("files:write",)),
}
