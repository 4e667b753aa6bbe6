"""A chat page of the bot's own: people sign in, write, and see answers as they are written."""

from .component import component

__all__ = ["component"]
