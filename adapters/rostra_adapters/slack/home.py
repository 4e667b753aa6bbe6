"""The App Home, and the shortcut that asks a question from anywhere: what is kept, and the ways to one's own data. Pure, but for `publish`."""

from __future__ import annotations

import re
from datetime import datetime

import structlog

from rostra.errors import AdapterError
from rostra.events import Invocation, Message
from rostra.places import Person, Place

from .blocks import NOTICE, Block, Page, plain, section
from .incoming import Payload, replying
from .modals import filled
from .office import Office
from .text import escape, short
from .web import Team, asked

log = structlog.get_logger(__name__)

ASK = "rostra.ask"
"""The shortcut and its modal."""
ACTIONS = re.compile(r"rostra\.home\.[a-z]+")

BUTTONS = {
    "rank": (("rank", "next"), "Rank answers"),
    "limits": (("limits",), "My limits"),
    "privacy": (("privacy",), "My data"),
}
"""Commands that the App Home offers, by the name of their button, where the bot has them for everybody."""

WHAT_IS_KEPT = (
    "*What is kept.* Your messages to the bot, its answers and why it answered so are stored by whoever runs it, encrypted,"
    " and removed after a time that they set. Messages that do not speak to the bot are not read. Nothing you write trains a"
    " model unless everybody concerned has agreed."
)


async def publish(office: Office, team: Team, user: str) -> None:
    """Show the App Home to somebody."""
    try:
        await asked(
            "views.publish", team.client.views_publish(user_id=user, view=view(office, team.home.bot))
        )
    except AdapterError as error:
        log.info("home not shown", error=str(error))


def view(office: Office, bot: str) -> Block:
    """Return the App Home. It says nothing about anybody: what is one's own is answered in direct messages."""
    command = office.settings.command
    how = (
        f"*Ask me here under Messages, or mention <@{bot}> in a channel.* In a thread I go on where we were.\n"
        f"`{command} help` lists what else I can do, `{command} stop` ends the answer you are waiting for;"
        f" in a thread write <@{bot}> `stop`."
    )
    buttons = [
        {"type": "button", "action_id": f"rostra.home.{name}", "text": plain(label, 75)}
        for name, (path, label) in BUTTONS.items()
        if office.offers(path)
    ]
    blocks: list[Block] = [
        {"type": "section", "text": {"type": "mrkdwn", "text": how}},
        {"type": "divider"},
        {"type": "section", "text": {"type": "mrkdwn", "text": WHAT_IS_KEPT}},
    ]
    if buttons:
        blocks.append({"type": "actions", "elements": buttons})
    return {"type": "home", "blocks": blocks}


def invoked(body: Payload, action: Payload, place: Place, author: Person, now: datetime) -> Invocation:
    """Return the command that a button of the App Home stands for."""
    name = str(action.get("action_id")).rpartition(".")[2]
    return Invocation(
        id=f"home:{body.get('trigger_id') or ''}:{action.get('action_ts') or ''}",
        place=place,
        author=author,
        path=BUTTONS[name][0] if name in BUTTONS else (name,),
        options={},
        sent_at=now,
        extra=replying(body, author),
    )


def quoted(said: Message) -> Page:
    """Return the message that shows what somebody asked by the shortcut, above its answer."""
    text = f"You asked: {said.text}"
    return Page(blocks=(section(text),), text=escape(short(text, NOTICE)))


def ask_modal() -> Block:
    """Return the modal of the shortcut: one question."""
    return {
        "type": "modal",
        "callback_id": ASK,
        "title": plain("Ask", 24),
        "submit": plain("Ask", 24),
        "close": plain("Cancel", 24),
        "blocks": [
            {
                "type": "input",
                "block_id": "question",
                "label": plain("Your question; the answer comes as a direct message", 2000),
                "element": {"type": "plain_text_input", "action_id": "value", "multiline": True},
            }
        ],
    }


def question(body: Payload, place: Place, author: Person, now: datetime) -> Message:
    """Return the question of the shortcut's modal, asked in direct messages."""
    sent: Payload = body["view"]
    state: Payload = sent.get("state") or {}
    fields = filled(state.get("values") or {})
    return Message(
        id=f"ask:{sent['id']}:{sent.get('hash', '')}",
        place=place,
        author=author,
        text=fields.get("question", ""),
        sent_at=now,
        extra=replying(body, author),
    )
