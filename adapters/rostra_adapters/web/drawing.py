"""Pages and their parts, from templates that escape whatever is put into them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from .shown import Exchange, Face

HERE = Path(__file__).parent
TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
_IMPORTED = re.compile(r'"\./([a-z_]+\.js)"')


@dataclass(frozen=True, slots=True, kw_only=True)
class Asset:
    """A file for browsers, under a name that changes with what is in it."""

    name: str
    media_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Drawing:
    """Draws pages. Made by `open_drawing`."""

    title: str
    environment: Environment = field(repr=False)
    assets: Mapping[str, Asset] = field(repr=False)

    def page(self, template: str, **values: Any) -> str:
        """Return a whole page."""
        return self.environment.get_template(template).render(title=self.title, **values)

    def answer(self, face: Face) -> str:
        """Return what stands in an answer."""
        return str(self._parts.answer(face))

    def exchange(self, one: Exchange) -> str:
        """Return a question and its answer."""
        return str(self._parts.exchange(one))

    @property
    def _parts(self) -> Any:
        return self.environment.get_template("parts.html").module


@cache
def open_drawing(title: str) -> Drawing:
    """Read templates and assets: once in a process, for nothing changes them."""
    assets: dict[str, Asset] = {}
    names: dict[str, str] = {}

    def take(file: str) -> str:
        """Return the name that the file has for browsers, which depends on the files it imports as well."""
        if file not in names:
            text = (HERE / "static" / file).read_text(encoding="utf-8")
            text = _IMPORTED.sub(lambda found: f'"./{take(found[1])}"', text)
            data = text.encode()
            stem, _, ending = file.rpartition(".")
            name = names[file] = f"{stem}.{sha256(data).hexdigest()[:12]}.{ending}"
            assets[name] = Asset(name=name, media_type=TYPES[f".{ending}"], data=data)
        return names[file]

    for path in sorted((HERE / "static").iterdir()):
        take(path.name)
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )

    def asset(file: str) -> str:
        """Return where a browser gets a file."""
        return f"/static/{names[file]}"

    cast("dict[str, Any]", environment.globals)["asset"] = asset
    return Drawing(title, environment, assets)
