"""One call of the Web API: what was asked, for which workspace, and what a method is."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from .values import Json, SlackError, Workspace
from .world import World


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """The arguments of a call, whether they came in the address, as a form or as JSON."""

    method: str
    arguments: Mapping[str, Any]
    workspace: Workspace

    def text(self, name: str) -> str:
        """Return an argument as text; empty where it was not given."""
        value = self.arguments.get(name)
        return "" if value is None else str(value)

    def needed(self, name: str) -> str:
        """Return an argument that must be given. Raises `SlackError`."""
        if not (value := self.text(name)):
            raise SlackError("invalid_arguments", f"missing required field: {name}")
        return value

    def json(self, name: str) -> Any:
        """Return an argument that is JSON, perhaps within a text. Raises `SlackError`."""
        value = self.arguments.get(name)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value)
        except ValueError as error:
            raise SlackError("invalid_arguments", f"{name} is no JSON") from error

    def true(self, name: str) -> bool:
        """Return whether an argument says yes."""
        return self.text(name).lower() in {"true", "1"}


Answer: TypeAlias = Callable[[World, Ask], Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """What answers a method, and the scope that its token needs; any of several will do."""

    answer: Answer
    scopes: tuple[str, ...] = ()


def paged(items: list[Any], ask: Ask, name: str) -> Json:
    """Return one page of ``items`` under ``name``, with the cursor of the next."""
    start, size = int(ask.text("cursor") or 0), int(ask.text("limit") or 100)
    rest = start + size < len(items)
    cursor = str(start + size) if rest else ""
    page = items[start : start + size]
    return {"ok": True, name: page, "has_more": rest, "response_metadata": {"next_cursor": cursor}}
