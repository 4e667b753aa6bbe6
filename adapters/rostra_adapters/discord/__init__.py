"""Discord, by discord.py: mentions, direct messages, threads, slash commands, buttons and forms."""

from __future__ import annotations

from .component import component

__all__ = ["component"]
