"""JSON that others wrote: objects, and objects in them, where something else may stand."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from rostra.errors import ModelError, ModelMissing


def json_object(file: Path, *, needed: bool = True) -> Mapping[str, Any]:
    """Return the object in a file; an empty one if there is no file and none is ``needed``.

    Raises `ModelMissing` if there is no file, and `ModelError` if it holds something else.
    """
    try:
        found: object = json.loads(file.read_bytes())
    except FileNotFoundError:
        if not needed:
            return {}
        raise ModelMissing(f"no {file.name!r} in {str(file.parent)!r}: it is not a whole model") from None
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{str(file)!r} cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise ModelError(f"{str(file)!r} is not a JSON object")
    return cast("Mapping[str, Any]", found)


def inner(found: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Return the object ``name`` in another one; an empty one if there is something else, or nothing."""
    value: object = found.get(name)
    return cast("Mapping[str, Any]", value) if isinstance(value, dict) else {}
