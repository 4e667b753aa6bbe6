"""One call of a model as a line of JSON: what was asked, what was said when, and how it ended."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal, TypeAlias, get_args

from rostra.chat import FinishReason, Piece, Role, Sampling, Tool, ToolCall, Usage, Utterance

VERSION = 1

Outcome: TypeAlias = Literal["done", "failed", "closed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A call. ``pieces`` come with the seconds since it began; ``at`` is when, ISO 8601; no place is kept.

    It was ``done``, or ``failed`` (``why``), or ``closed`` by who read it.
    """

    at: str
    model: str
    messages: tuple[Utterance, ...]
    sampling: Sampling
    pieces: tuple[tuple[float, Piece], ...]
    seconds: float
    outcome: Outcome
    why: str = ""


def line_of(call: Call) -> str:
    """Return the line for ``call``, without its end. It is ASCII, so that any text comes back as it was."""
    fields = asdict(replace(call, sampling=replace(call.sampling, place=None), pieces=()))
    pieces = [[round(seconds, 4), _piece_fields(piece)] for seconds, piece in call.pieces]
    return json.dumps({"version": VERSION, **fields, "pieces": pieces})


def call_of(line: str) -> Call:
    """Return the call of a line. Raises `ValueError`, `KeyError` or `TypeError` for anything else."""
    fields: dict[str, Any] = json.loads(line)
    if fields.pop("version") != VERSION:
        raise ValueError(f"not of version {VERSION}")
    if fields["outcome"] not in get_args(Outcome):
        raise ValueError("no outcome")
    fields["messages"] = tuple(_utterance(one) for one in fields["messages"])
    fields["sampling"] = _sampling(fields["sampling"])
    fields["pieces"] = tuple((float(seconds), _piece(piece)) for seconds, piece in fields["pieces"])
    return Call(**fields)


def _piece_fields(piece: Piece) -> dict[str, Any]:
    """Return what is not as it always is: most pieces are a few characters."""
    fields: dict[str, Any] = {
        "text": piece.text,
        "finish": piece.finish,
        "usage": None if piece.usage is None else asdict(piece.usage),
        "logprobs": None if piece.logprobs is None else list(map(float, piece.logprobs)),
        "calls": [asdict(call) for call in piece.calls],
        "choice": piece.choice,
    }
    return {name: value for name, value in fields.items() if value}


def _piece(fields: dict[str, Any]) -> Piece:
    finish: FinishReason | None = fields.pop("finish", None)
    if finish is not None and finish not in get_args(FinishReason):
        raise ValueError("no finish")
    usage = fields.pop("usage", None)
    return Piece(
        finish=finish,
        usage=None if usage is None else Usage(**usage),
        calls=_calls(fields.pop("calls", ())),
        **fields,
    )


def _utterance(fields: dict[str, Any]) -> Utterance:
    if fields["role"] not in get_args(Role):
        raise ValueError("no role")
    return Utterance(calls=_calls(fields.pop("calls")), **fields)


def _sampling(fields: dict[str, Any]) -> Sampling:
    tools = tuple(Tool(**tool) for tool in fields.pop("tools"))
    stop = tuple(map(str, fields.pop("stop")))
    more = tuple((str(name), str(value)) for name, value in fields.pop("more", ()))
    fields.pop("place")
    return Sampling(stop=stop, tools=tools, more=more, **fields)


def _calls(fields: Sequence[dict[str, Any]]) -> tuple[ToolCall, ...]:
    return tuple(ToolCall(**call) for call in fields)
