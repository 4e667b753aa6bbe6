"""Answers as OpenAI's clients read them: whole, and piece by piece as server-sent events.

Sources: https://platform.openai.com/docs/api-reference/chat/object, …/chat/streaming; WHATWG HTML, "Server-sent events".
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rostra.chat import Usage

from .choice import Choice

DONE = b"data: [DONE]\n\n"
PING = b": still at it\n\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """What every piece of one answer says of it."""

    id: str
    created: int
    model: str
    fingerprint: str

    def plain(self, kind: str) -> dict[str, Any]:
        """Return its fields."""
        return {
            "id": self.id,
            "object": kind,
            "created": self.created,
            "model": self.model,
            "system_fingerprint": self.fingerprint or None,
        }


def event(body: object) -> bytes:
    """Return a server-sent event with ``body`` as JSON."""
    return b"data: " + json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"


def chunk(
    head: Head,
    number: int,
    delta: dict[str, Any],
    *,
    finish: str | None = None,
    more: dict[str, Any] | None = None,
) -> bytes:
    """Return a piece of one choice; ``more`` are further fields of that choice."""
    choice = {"index": number, "delta": delta, "logprobs": None, "finish_reason": finish, **(more or {})}
    return event({**head.plain("chat.completion.chunk"), "choices": [choice]})


def last(head: Head, usage: Usage) -> bytes:
    """Return the piece that says what the answer took."""
    return event({**head.plain("chat.completion.chunk"), "choices": [], "usage": told(usage)})


def whole(head: Head, choices: Sequence[Choice], usage: Usage, *, logprobs: bool) -> dict[str, Any]:
    """Return an answer that is sent at once."""
    return {
        **head.plain("chat.completion"),
        "choices": [_choice(one, logprobs=logprobs) for one in choices],
        "usage": told(usage),
    }


def _choice(one: Choice, *, logprobs: bool) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": one.text, "refusal": None}
    if one.calls:
        message |= {"content": one.text or None, "tool_calls": one.told_calls()}
    same = one.text == "".join(text for text, _ in one.tokens)
    return {
        "index": one.number,
        "message": message,
        "logprobs": one.logprobs(len(one.text)) if logprobs and same else None,
        "finish_reason": one.finish,
        **explained(one),
    }


def explained(one: Choice) -> dict[str, Any]:
    """Return what a choice says beyond OpenAI's fields: by what id it is explained, where it is not what the model said."""
    if one.finish != "content_filter":
        return {}
    return {"rostra": {"trace": one.reply, "withdrawn": one.taken_back}}


def told(usage: Usage) -> dict[str, Any]:
    """Return what was used as clients read it."""
    return {
        "prompt_tokens": usage.prompt,
        "completion_tokens": usage.completion,
        "total_tokens": usage.prompt + usage.completion,
        "prompt_tokens_details": {"cached_tokens": usage.cached},
    }
