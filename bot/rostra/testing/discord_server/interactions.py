"""Routes of interactions: the first response within three seconds, and what may follow for fifteen minutes.

https://docs.discord.com/developers/interactions/receiving-and-responding.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from . import payloads
from .limits import check_completions, check_modal
from .messages import announce, change, fill
from .refusals import Refused, already_acknowledged, invalid, token_expired, unknown
from .rest import Asked, Backend, Route
from .world import EPHEMERAL, LOADING, Interaction, Json, Post

FIRST_SECONDS = 3.0
TOKEN_SECONDS = 900.0

PING, COMMAND, COMPONENT, COMPLETION, SUBMIT = 1, 2, 3, 4, 5
MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE, COMPLETIONS, MODAL = 4, 5, 6, 7, 8, 9

_ALLOWED = {
    COMMAND: {MESSAGE, DEFERRED, MODAL},
    COMPONENT: {MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE, MODAL},
    COMPLETION: {COMPLETIONS},
    SUBMIT: {MESSAGE, DEFERRED, DEFERRED_UPDATE, UPDATE},
}


def _callback(backend: Backend, asked: Asked) -> Any:
    one = backend.world.interactions.get(asked["token"])
    took = backend.clock.monotonic() - one.sent_at if one is not None else 0.0
    if one is None or str(one.id) != asked["interaction"] or (one.answer is None and took > FIRST_SECONDS):
        raise unknown("interaction")
    if one.answer is not None:
        raise already_acknowledged()
    kind = int(asked.given.get("type", 0))
    data: Json = asked.given.get("data") or {}
    if kind not in _ALLOWED[one.kind] or (kind in {DEFERRED_UPDATE, UPDATE} and one.post is None):
        raise invalid("type", "BASE_TYPE_CHOICES", "This response does not fit the interaction")
    _respond(backend, one, kind, data, asked)
    one.answer, one.acknowledged_after = kind, took
    backend.acknowledged.append(took)
    with_response = asked.query.get("with_response") in {"1", "true"}
    return payloads.callback(backend.world, one, base=backend.base()) if with_response else None


def _respond(backend: Backend, one: Interaction, kind: int, data: Json, asked: Asked) -> None:
    if kind == MESSAGE:
        one.response = _sent(backend, one, data, asked)
    elif kind == DEFERRED:
        one.response = _thinking(backend, one, private=bool(int(data.get("flags") or 0) & EPHEMERAL))
    elif kind == DEFERRED_UPDATE:
        one.response = one.post
    elif kind == UPDATE and one.post is not None:
        change(backend, one.post, data, dict(asked.files))
        one.response = one.post
    elif kind == COMPLETIONS:
        check_completions(data.get("choices", ()))
        one.choices = list(data.get("choices", ()))
    elif kind == MODAL:
        check_modal(data)
        one.modal = data


def _sent(backend: Backend, one: Interaction, data: Json, asked: Asked) -> Post:
    """Send a message as a response."""
    post = backend.world.post(one.channel, backend.world.bot)
    try:
        fill(backend, post, data, dict(asked.files))
    except Refused:
        del backend.world.posts[post.id]
        raise
    post.interaction = one
    post.private_to = one.by if post.flags & EPHEMERAL else None
    announce(backend, "MESSAGE_CREATE", post)
    return post


def _thinking(backend: Backend, one: Interaction, *, private: bool) -> Post:
    """Show that an answer will come."""
    post = backend.world.post(one.channel, backend.world.bot)
    post.flags = LOADING | (EPHEMERAL if private else 0)
    post.interaction, post.private_to = one, one.by if private else None
    announce(backend, "MESSAGE_CREATE", post)
    return post


def _followup(backend: Backend, asked: Asked) -> Any:
    one = _open(backend, asked)
    if one.response is not None and one.response.thinking:
        # What follows a deferred response first takes its place.
        return _filled(backend, one.response, asked)
    post = _sent(backend, one, asked.given, asked)
    one.followups.append(post)
    return payloads.message(backend.world, post, base=backend.base())


def _get(backend: Backend, asked: Asked) -> Any:
    post = _answer(_open(backend, asked), asked["message"])
    return payloads.message(backend.world, post, base=backend.base())


def _edit(backend: Backend, asked: Asked) -> Any:
    post = _answer(_open(backend, asked), asked["message"])
    return _filled(backend, post, asked)


def _delete(backend: Backend, asked: Asked) -> Any:
    post = _answer(_open(backend, asked), asked["message"])
    post.deleted = True
    announce(backend, "MESSAGE_DELETE", post)


def _filled(backend: Backend, post: Post, asked: Asked) -> Any:
    """Change a response; one that stood for an answer to come is the answer now."""
    first = post.thinking
    if not first:
        return change(backend, post, asked.given, dict(asked.files))
    # What was only a promise may still be born with the newer components, and pings whom it names.
    post.flags &= ~LOADING
    private = post.flags & EPHEMERAL
    try:
        fill(backend, post, asked.given, dict(asked.files))
    except Refused:
        post.flags |= LOADING
        raise
    post.flags |= private
    announce(backend, "MESSAGE_UPDATE", post)
    return payloads.message(backend.world, post, base=backend.base())


def _open(backend: Backend, asked: Asked) -> Interaction:
    """Return the interaction of a token that still holds. Raises `Refused`."""
    one = backend.world.interactions.get(asked["token"])
    if one is None or asked["webhook"] != str(backend.world.bot.id) or one.answer is None:
        raise unknown("Webhook")
    if backend.clock.monotonic() - one.sent_at > TOKEN_SECONDS:
        raise token_expired()
    return one


def _answer(one: Interaction, which: str) -> Post:
    posts = [one.response] if which == "@original" else [one.response, *one.followups]
    for post in posts:
        if post is not None and not post.deleted and which in {"@original", str(post.id)}:
            return post
    raise unknown("Message")


_WEBHOOK = "/webhooks/{webhook}/{token}"

ROUTES: Sequence[Route] = (
    Route(method="POST", path="/interactions/{interaction}/{token}/callback", handler=_callback, open=True),
    Route(method="POST", path=_WEBHOOK, handler=_followup, open=True),
    Route(method="GET", path=_WEBHOOK + "/messages/{message}", handler=_get, open=True),
    Route(method="PATCH", path=_WEBHOOK + "/messages/{message}", handler=_edit, open=True),
    Route(method="DELETE", path=_WEBHOOK + "/messages/{message}", handler=_delete, open=True),
)
