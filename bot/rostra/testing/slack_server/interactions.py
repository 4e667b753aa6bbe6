"""What interactions say, and what becomes of the app's answers to them."""

from __future__ import annotations

from aiohttp import web

from . import surfaces
from .blocks import with_ids
from .chat import change, remove, whisper
from .rules import check_blocks
from .values import Json, Message, ResponseUrl, SlackError, View, Workspace, items
from .world import World


def who(world: World, workspace: Workspace, user: str) -> Json:
    """Return who did something, where, as every interaction says it."""
    name = workspace.users[user]["name"]
    return {
        "user": {"id": user, "username": name, "name": name, "team_id": workspace.id},
        "team": {"id": workspace.id, "domain": workspace.id.lower()},
        "api_app_id": world.app_id,
        "token": world.verification_token,
        "enterprise": None,
        "is_enterprise_install": False,
    }


def answer_submission(world: World, view: View, answer: Json) -> None:
    """Do what the app answered a submitted view with: show errors, change it, put one on top, close."""
    action, workspace = answer.get("response_action", ""), world.workspaces[view.team]
    view.errors = {}
    if action == "errors":
        view.errors = answer["errors"]
    elif action == "update":
        surfaces.replace(world, view, answer["view"])
    elif action == "push":
        surfaces.push(world, workspace, view.user, answer["view"])
    else:
        gone = surfaces.stack(world, view.team, view.user) if action == "clear" else [view]
        for one in gone:
            one.open = False
    world.touch()


def from_response(
    world: World, workspace: Workspace, where: tuple[str, str], answer: Json, thread_ts: str | None = None
) -> Message:
    """Show what the app answered a command with, or sent to a ``response_url``. Raises `SlackError`."""
    channel, user = where
    blocks = items(answer.get("blocks"))
    text = str(answer.get("text") or "")
    if not (text or blocks or answer.get("attachments")):
        raise SlackError("no_text")
    message = Message(
        team=workspace.id,
        channel=channel,
        ts=world.new_ts(),
        user=workspace.bot_user,
        bot=True,
        text=text[: world.limits.text],
        blocks=with_ids(check_blocks(blocks, world.limits), world.new_ids("b")),
        attachments=answer.get("attachments") or [],
        thread_ts=answer.get("thread_ts") or thread_ts,
    )
    if answer.get("response_type") == "in_channel":
        world.put(workspace, message)
        world.say_event(workspace, message)
    else:
        message.to = user
        whisper(world, workspace, message)
    return message


async def take_response(world: World, request: web.Request) -> web.Response:
    """Take what the app posts to a ``response_url``."""
    known = world.response_urls.get(request.match_info["name"])
    if known is None or known.expires < world.clock.monotonic():
        return web.json_response({"ok": False, "error": "expired_url"}, status=404)
    if known.left <= 0:
        return web.json_response({"ok": False, "error": "used_url"}, status=404)
    known.left -= 1
    try:
        _respond(world, known, await request.json())
    except SlackError as error:
        return web.json_response(error.body, status=400)
    return web.json_response({"ok": True})


def _respond(world: World, known: ResponseUrl, answer: Json) -> None:
    workspace = world.workspaces[known.team]
    about = known.message
    if about is not None and answer.get("delete_original"):
        about.deleted = True
        if about.to is None:
            remove(world, workspace, about)
    elif about is not None and answer.get("replace_original"):
        text, blocks = str(answer.get("text") or ""), items(answer.get("blocks"))
        new: Json = {"text": text, "blocks": check_blocks(blocks, world.limits)}
        if about.to is None:
            change(world, workspace, about, new)
        else:
            about.text = text
            about.blocks = with_ids(new["blocks"], world.new_ids("b"))
    else:
        shown = from_response(world, workspace, (known.channel, known.user), answer, known.thread_ts)
        if about is None:
            known.message = shown
    world.touch()
