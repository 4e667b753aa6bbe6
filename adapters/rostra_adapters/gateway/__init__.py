"""An API in OpenAI's shape in front of the bot's models: any client of OpenAI's becomes a moderated one by its base URL."""

from .component import component

__all__ = ["component"]
