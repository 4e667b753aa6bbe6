"""How a remote model fails: what may help, and a reason that quotes nobody."""

from __future__ import annotations

import json
import re
from typing import Any

from rostra.backoff import AGAIN
from rostra.errors import ModelError, ModelMissing, PromptTooLong

from .delta import BadReply, Json, table

_CODE = re.compile(r"[a-z][a-z0-9_]{1,40}")
_SPENT = frozenset({"insufficient_quota", "billing_hard_limit_reached", "billing_not_active"})
"""Codes of status 429 that no waiting helps against."""

TOO_LONG = frozenset({"context_length_exceeded", "context_window_exceeded", "exceed_context_size_error"})
"""Codes with which servers say that a prompt is too long."""

_KEY_IS_WRONG = frozenset({401, 403})
_MISSING = 404
_TOO_MANY = 429


class Unreachable(ModelError):
    """A server could not be had, or was not up to it; the same call may succeed later.

    ``stay_away``: seconds for which it asked to be left alone. ``limited``: it is there and well, and limits how often
    it is asked.
    """

    def __init__(self, message: str, *, stay_away: float | None = None, limited: bool = False) -> None:
        super().__init__(message)
        self.stay_away = stay_away
        self.limited = limited


def code_of(error: object) -> str:
    """Return the code of an error object, if it is one word: messages may quote people."""
    told = table(error)
    for value in (told.get("code"), told.get("type")):
        if isinstance(value, str) and _CODE.fullmatch(value):
            return value
    return ""


def decoded(body: bytes | str) -> Json:
    """Return the object that ``body`` is. Raises `BadReply`."""
    try:
        value: Any = json.loads(body)
    except (ValueError, RecursionError):
        raise BadReply("something that is not JSON") from None
    found = table(value)
    if not found and value != {}:
        raise BadReply("JSON that is no object")
    return found


def told(error: object) -> BadReply:
    """Return what to raise for an error object that comes with a status of 200."""
    code = code_of(error)
    final = code in _SPENT | TOO_LONG or "invalid" in code
    return BadReply(f"error {code}" if code else "an error without a code", code=code, again=not final)


def refusal(says: str, status: int, body: bytes, *, stay_away: float | None) -> ModelError:
    """Return what to raise for a reply of ``status``. ``says`` names the model, as the start of a sentence."""
    try:
        code = code_of(decoded(body).get("error")) or code_of(decoded(body))
    except BadReply:
        code = ""
    what = f"{says}: its server says: status {status}{f' {code}' if code else ''}"
    if status == _TOO_MANY and code in _SPENT:
        return ModelError(f"{what}; the account behind 'api_key' must have credit")
    if status in AGAIN:
        return Unreachable(what, stay_away=stay_away, limited=status == _TOO_MANY)
    if code in TOO_LONG:
        return PromptTooLong(f"{what}; 'window' must not be more than the model's")
    if status == _MISSING:
        return ModelMissing(f"{what}; 'model' and 'url' must be ones that it has")
    if status in _KEY_IS_WRONG:
        return ModelError(f"{what}; 'api_key' must be one that it accepts")
    if 300 <= status < 400:  # noqa: PLR2004  redirections: nobody follows them with a key
        return ModelError(f"{what}; 'url' must be the final address")
    return ModelError(what)
