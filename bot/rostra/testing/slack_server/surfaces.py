"""Methods of views, assistant threads and reactions."""

from __future__ import annotations

from .asking import Ask, Method
from .blocks import initial_state, with_ids
from .rules import check_view
from .values import Json, SlackError, Trigger, View, Workspace
from .world import World


def new_view(world: World, workspace: Workspace, user: str, body: Json) -> View:
    """Return a view with what Slack adds to one."""
    filled = {**body, "blocks": with_ids(body.get("blocks", []), world.new_ids("b"))}
    view = View(
        id=world.new_id("V"),
        team=workspace.id,
        user=user,
        body=filled,
        hash=world.new_id("hash"),
        state=initial_state(filled["blocks"]),
    )
    view.root = view.id
    return view


def view_json(world: World, view: View) -> Json:
    """Return a view as the Web API and interactions give it."""
    workspace = world.workspaces[view.team]
    return {
        "private_metadata": "",
        "callback_id": "",
        "external_id": "",
        "close": None,
        "submit": None,
        "clear_on_close": False,
        "notify_on_close": False,
        **view.body,
        "id": view.id,
        "team_id": view.team,
        "app_id": world.app_id,
        "bot_id": workspace.bot_id,
        "hash": view.hash,
        "root_view_id": view.root,
        "previous_view_id": view.previous,
        "state": {"values": view.state},
    }


def stack(world: World, team: str, user: str) -> list[View]:
    """Return the modals that somebody has open, the one on top last."""
    mine = (one for one in world.views.values() if (one.team, one.user) == (team, user))
    return [one for one in mine if one.open and one.type == "modal"]


def push(world: World, workspace: Workspace, user: str, body: Json) -> View:
    """Put a modal on top of those that are open. Raises `SlackError`."""
    below = stack(world, workspace.id, user)
    if len(below) >= world.limits.view_stack:
        raise SlackError("push_limit_reached")
    view = new_view(world, workspace, user, check_view(body, world.limits))
    if below:
        view.root, view.previous = below[0].id, below[-1].id
    world.views[view.id] = view
    world.touch()
    return view


def replace(world: World, view: View, body: Json) -> None:
    """Let a view become another. What was entered is kept where block and action have their old ids."""
    workspace = world.workspaces[view.team]
    fresh = new_view(world, workspace, view.user, check_view(body, world.limits))
    kept = view.state
    view.body, view.hash, view.errors = fresh.body, fresh.hash, {}
    view.state = {
        block: {name: kept.get(block, {}).get(name, value) for name, value in actions.items()}
        for block, actions in fresh.state.items()
    }
    world.touch()


def _trigger(world: World, ask: Ask) -> Trigger:
    trigger = world.triggers.get(ask.text("trigger_id") or ask.text("interactivity_pointer"))
    if trigger is None or trigger.team != ask.workspace.id:
        raise SlackError("invalid_trigger_id")
    if trigger.used:
        raise SlackError("exchanged_trigger_id")
    if world.clock.monotonic() > trigger.expires:
        raise SlackError("expired_trigger_id")
    return trigger


def views_open(world: World, ask: Ask) -> Json:
    trigger = _trigger(world, ask)
    if ask.method == "views.open" and stack(world, trigger.team, trigger.user):
        for one in stack(world, trigger.team, trigger.user):
            one.open = False  # a new modal takes the place of those that are open
    if ask.method == "views.push" and not trigger.view:
        raise SlackError("invalid_trigger_id")
    view = push(world, ask.workspace, trigger.user, ask.json("view"))
    trigger.used = True
    return {"ok": True, "view": view_json(world, view)}


def views_update(world: World, ask: Ask) -> Json:
    name, external = ask.text("view_id"), ask.text("external_id")
    view = world.views.get(name) or next(
        (one for one in world.views.values() if external and one.body.get("external_id") == external), None
    )
    if view is None or view.team != ask.workspace.id or not view.open:
        raise SlackError("not_found")
    if ask.text("hash") not in {"", view.hash}:
        raise SlackError("hash_conflict")
    replace(world, view, ask.json("view"))
    return {"ok": True, "view": view_json(world, view)}


def views_publish(world: World, ask: Ask) -> Json:
    user = ask.needed("user_id")
    if user not in ask.workspace.users:
        raise SlackError("invalid_arguments", "user_id is not known")
    known = world.homes.get((ask.workspace.id, user))
    if known is not None and ask.text("hash") not in {"", known.hash}:
        raise SlackError("hash_conflict")
    view = new_view(world, ask.workspace, user, check_view(ask.json("view"), world.limits))
    world.homes[ask.workspace.id, user] = view
    world.touch()
    return {"ok": True, "view": view_json(world, view)}


def _assistant_thread(world: World, ask: Ask) -> tuple[str, str]:
    channel = world.channel(ask.workspace, ask.needed("channel_id"))
    thread = ask.text("thread_ts")
    if thread and (channel.id, thread) not in ask.workspace.messages:
        raise SlackError("invalid_thread_ts")
    return channel.id, thread


def set_status(world: World, ask: Ask) -> Json:
    where, status = _assistant_thread(world, ask), ask.text("status")
    if not where[1]:
        raise SlackError("invalid_thread_ts")
    if status:
        world.status[where] = status
    else:
        world.status.pop(where, None)
    world.touch()
    return {"ok": True}


def set_prompts(world: World, ask: Ask) -> Json:
    where, prompts = _assistant_thread(world, ask), ask.json("prompts")
    if not prompts or len(prompts) > world.limits.prompts:
        raise SlackError("invalid_arguments", f"1 to {world.limits.prompts} prompts are allowed")
    if any(not (one.get("title") and one.get("message")) for one in prompts):
        raise SlackError("invalid_arguments", "prompts need title and message")
    world.prompts[where] = prompts
    world.touch()
    return {"ok": True}


def set_title(world: World, ask: Ask) -> Json:
    world.titles[_assistant_thread(world, ask)] = ask.needed("title")
    world.touch()
    return {"ok": True}


def reactions_add(world: World, ask: Ask) -> Json:
    message = world.message(ask.workspace, ask.needed("channel"), ask.needed("timestamp"))
    people = message.reactions.setdefault(ask.needed("name").strip(":"), [])
    if ask.workspace.bot_user in people:
        raise SlackError("already_reacted")
    people.append(ask.workspace.bot_user)
    world.touch()
    return {"ok": True}


def reactions_remove(world: World, ask: Ask) -> Json:
    message = world.message(ask.workspace, ask.needed("channel"), ask.needed("timestamp"))
    people = message.reactions.get(ask.needed("name").strip(":"), [])
    if ask.workspace.bot_user not in people:
        raise SlackError("no_reaction")
    people.remove(ask.workspace.bot_user)
    world.touch()
    return {"ok": True}


_ASSISTANT = ("assistant:write", "chat:write")

METHODS = {
    "views.open": Method(answer=views_open),
    "views.push": Method(answer=views_open),
    "views.update": Method(answer=views_update),
    "views.publish": Method(answer=views_publish),
    "assistant.threads.setStatus": Method(answer=set_status, scopes=_ASSISTANT),
    "assistant.threads.setSuggestedPrompts": Method(answer=set_prompts, scopes=_ASSISTANT),
    "assistant.threads.setTitle": Method(answer=set_title, scopes=_ASSISTANT),
    "reactions.add": Method(answer=reactions_add, scopes=("reactions:write",)),
    "reactions.remove": Method(answer=reactions_remove, scopes=("reactions:write",)),
}
