"""What a model may call, as JSON schemas. Pure."""

from __future__ import annotations

import json
from typing import Any, cast

from rostra.chat import Tool
from rostra.errors import ModelError


def schema(tool: Tool) -> dict[str, Any]:
    """Return the schema of a tool's parameters; one without any takes none. Raises `ModelError` if it is no object."""
    try:
        found: object = json.loads(tool.parameters)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise ModelError(f"tool {tool.name!r}: its parameters must be a JSON schema, an object")
    return cast("dict[str, Any]", found) or {"type": "object", "properties": {}}
