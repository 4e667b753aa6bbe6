"""Models behind HTTP: any server that speaks OpenAI's chat completions or responses API. Needs no torch."""

from .component import component

__all__ = ["component"]
