"""One message as it is to be: its text, what can be pressed in it, and its files. Made anew for every attempt to send it."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import discord


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A message to be. ``view`` makes its components; with ``layout`` they are all there is, as Components V2."""

    content: str = ""
    view: Callable[[], discord.ui.View | discord.ui.LayoutView] | None = None
    layout: bool = False
    files: tuple[tuple[str, bytes], ...] = ()

    @property
    def plain(self) -> bool:
        """Whether it is a text and nothing else."""
        return self.view is None and not self.files

    def sending(self) -> dict[str, Any]:
        """Return the arguments of discord.py's ``send``."""
        given: dict[str, Any] = {} if self.layout else {"content": self.content or None}
        if self.view is not None:
            given["view"] = self._components()
        if self.files:
            given["files"] = self._files()
        return given

    def text(self) -> dict[str, Any]:
        """Return the arguments of ``edit`` that change the text alone."""
        return {"content": self.content}

    def editing(self) -> dict[str, Any]:
        """Return the arguments of discord.py's ``edit``: what is not in the draft goes away."""
        given: dict[str, Any] = {} if self.layout else {"content": self.content or None}
        given["view"] = self._components() if self.view is not None else None
        given["attachments"] = self._files()
        return given

    def _components(self) -> discord.ui.View | discord.ui.LayoutView:
        assert self.view is not None  # noqa: S101  both callers asked
        made = self.view()
        made.stop()  # discord.py keeps a view that is not over for ever; ours are found by their ids
        return made

    def _files(self) -> list[discord.File]:
        return [discord.File(io.BytesIO(data), filename=name) for name, data in self.files]
