"""Answers that give away who wrote them: raters are not to know, and are not to guess."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

NAMES = (
    "chatgpt",
    r"gpt-?[2-9]\w*",
    "openai",
    "anthropic",
    "deepmind",
    "hugging ?face",
    r"smollm\d*",
    r"qwen[\d.]*",
    "tongyi",
    "deepseek",
    "mixtral",
    "chatglm",
    "vicuna",
    r"gemma[\d.]*",
    "stablelm",
    "open ?assistant",
    "mistral ai",
    "meta ai",
    "alibaba cloud",
)
"""Makers and models that are hardly ever named for another reason."""

_NAMED = re.compile(rf"(?<!\w)(?:{'|'.join(NAMES)})(?!\w)")
_INTRODUCED = re.compile(
    r"\b(?:i am|i'm|i was|my name is|as an?|as the)\b[^.!?\n]{0,60}?"
    r"\b(?:(?:trained|developed|created|made|built|designed) by|claude|gemini|bard|llama|mistral|falcon|phi|grok|copilot)\b"
)
"""A sentence in which somebody introduces themselves as something that people know, or as made by somebody."""

COMMON = frozenset({"assistant", "default", "embedded", "helper", "instruct", "chat", "tutor", "pirate"})
"""Names of this bot's own that are words of every answer."""

SHORTEST = 5
"""Characters of a name that is looked for: shorter ones are words."""


def gives_away(text: str, question: str, names: Iterable[str] = ()) -> bool:
    """Return whether ``text`` says who wrote it. ``names`` are those of the models and answerers of this bot.

    A name that the question has is no sign of that.
    """
    said, asked = _plain(text), _plain(question)
    if any(found[0] not in asked for found in _NAMED.finditer(said)):
        return True
    if any(found[0] not in asked for found in _INTRODUCED.finditer(said)):
        return True
    own = {_plain(name) for name in names}
    return any(
        re.search(rf"(?<!\w){re.escape(name)}(?!\w)", said) is not None and name not in asked
        for name in own - COMMON
        if len(name) >= SHORTEST
    )


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold().replace("\u2019", "'")
    return " ".join(folded.split())
