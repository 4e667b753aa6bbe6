"""Assistant threads: a greeting with prompts, a title, and a status while an answer is made.

slack_bolt's own assistant keeps a thread's context in a message's metadata and reads it back with
``conversations.replies``, which Slack limits to one call a minute for many apps. Nothing of it is needed here: the threads
are direct messages like others, and what was said in them is in our store.

Source: https://docs.slack.dev/ai/developing-ai-apps.
"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TYPE_CHECKING

import structlog

from rostra.actions import Address
from rostra.errors import AdapterError
from rostra.events import Event, Message

from .incoming import Payload
from .office import Office
from .showing import thread_of
from .text import short
from .web import Refused, Team, asked

if TYPE_CHECKING:
    from slack_sdk.web.async_slack_response import AsyncSlackResponse

log = structlog.get_logger(__name__)

PROMPTS = 4
TITLE = 60
PATIENCE = 1.0
"""Seconds that what is only nice to have may keep an acknowledgement waiting."""
REFUSED = 3600.0
"""Seconds for which a workspace that refused a status is not asked for one again."""
THINKING = "is thinking \u2026"
DEFAULT = ("What can you do?", "Explain how this works, step by step: ", "Write a friendly reply to: ")


async def greet(office: Office, team: Team, thread: Payload) -> None:
    """Offer prompts in a thread that somebody opened."""
    channel, ts = str(thread.get("channel_id")), str(thread.get("thread_ts"))
    office.threads.opened(channel, ts)
    prompts = [
        {"title": short(prompt, TITLE), "message": prompt}
        for prompt in (office.settings.prompts or DEFAULT)[:PROMPTS]
    ]
    await _kindly(
        office,
        "assistant.threads.setSuggestedPrompts",
        team.client.assistant_threads_setSuggestedPrompts(channel_id=channel, thread_ts=ts, prompts=prompts),
    )


async def entitle(office: Office, team: Team, event: Payload, said: Event) -> None:
    """Name a thread after the first question in it."""
    where = str(event.get("channel")), str(event.get("thread_ts"))
    if where not in office.threads.untitled or not isinstance(said, Message) or not said.text:
        return
    del office.threads.untitled[where]
    await _kindly(
        office,
        "assistant.threads.setTitle",
        team.client.assistant_threads_setTitle(
            channel_id=where[0], thread_ts=where[1], title=short(" ".join(said.text.split()), TITLE)
        ),
    )


async def think(office: Office, team: Team, address: Address) -> None:
    """Show that an answer is being made, where there is a thread with the bot alone. Slack takes it away with the answer."""
    place, thread = address.place, thread_of(address)
    now = office.line.clock.monotonic()
    if thread is None or not place.channel.startswith("D"):
        return
    if office.threads.quiet_until.get(place.workspace, 0.0) > now:
        return
    error = await _kindly(
        office,
        "assistant.threads.setStatus",
        team.client.assistant_threads_setStatus(channel_id=place.channel, thread_ts=thread, status=THINKING),
    )
    if error is not None:
        for_good = isinstance(error, Refused) and error.retry_after is None
        waits = error.retry_after if isinstance(error, Refused) else None
        office.threads.quiet_until[place.workspace] = now + (REFUSED if for_good else waits or PATIENCE)


async def _kindly(
    office: Office, what: str, call: Awaitable[AsyncSlackResponse]
) -> AdapterError | TimeoutError | None:
    """Make a call that nobody misses if it fails. Return why it did."""
    try:
        async with office.line.clock.timeout(PATIENCE):
            await asked(what, call)
    except (AdapterError, TimeoutError) as error:
        log.info("not shown", what=what, error=str(error) or "too slow")
        return error
    return None
