"""Answers that tell which model wrote them: a rater who reads that is not blind."""

from __future__ import annotations

import re

_MODELS = (
    r"chat\s?gpt|gpt[- ]?\d[\w.-]{0,12}|claude|gemini|bard|copilot|grok|llama(?:[- ]?\d)?|smol\s?lm\d?|qwen|mistral|mixtral"
    r"|deepseek|gemma|phi-\d|falcon|vicuna|alpaca|command[- ]r|ernie|kimi|glm-?\d?|granite|olmo|nemotron|zephyr"
)
_MAKERS = (
    r"open\s?ai|anthropic|google(?:\s+deepmind)?|deepmind|meta(?:\s+ai)?|microsoft|mistral(?:\s+ai)?|hugging\s?face|alibaba(?:\s+cloud)?"
    r"|deepseek|x\.?ai|cohere|baidu|moonshot|zhipu|nvidia|ibm|amazon"
)
_SELF = re.compile(
    rf"\b(?:i\s?am|i['\u2019]m|i\s+was|as|my\s+name\s+is|call\s+me|this\s+is|known\s+as)\s+(?:an?\s+)?(?:ai\b\s*)?(?:assistant\b\s*)?"
    rf"(?:(?:large\s+)?language\s+model\b\s*)?(?:,\s*)?(?:called\s+|named\s+)?(?:{_MODELS})\b",
    re.IGNORECASE,
)
_MADE = re.compile(
    rf"\b(?:i\s?am|i['\u2019]m|i\s+was|i['\u2019]ve\s+been|model|assistant|ai)\b[^.!?\n]{{0,60}}?"
    rf"\b(?:trained|developed|created|made|built|designed)\s+by\s+(?:the\s+team\s+at\s+|researchers\s+at\s+)?(?:{_MAKERS})\b",
    re.IGNORECASE,
)
_NAMES = (
    *(
        "gpt",
        "claude",
        "gemini",
        "bard",
        "copilot",
        "grok",
        "llama",
        "smol",
        "qwen",
        "mistral",
        "mixtral",
        "deepseek",
        "gemma",
    ),
    *(
        "phi-",
        "falcon",
        "vicuna",
        "alpaca",
        "command",
        "ernie",
        "kimi",
        "glm",
        "granite",
        "olmo",
        "nemotron",
        "zephyr",
    ),
    *(
        "openai",
        "open ai",
        "anthropic",
        "google",
        "deepmind",
        "meta",
        "microsoft",
        "hugging",
        "alibaba",
        "x.ai",
        "xai",
    ),
    *("cohere", "baidu", "moonshot", "zhipu", "nvidia", "ibm", "amazon"),
)
"""One of these is in every find: looking for them takes a tenth of the time."""

LONGEST = 50_000
"""Characters of an answer that are looked at."""


def gives_away(text: str) -> bool:
    """Whether an answer speaks of itself as a known model, or as made by a known maker."""
    beginning = text[:LONGEST]
    if not _named(beginning.lower()):
        return False
    return _SELF.search(beginning) is not None or _MADE.search(beginning) is not None


def _named(lower: str) -> bool:
    """Whether a name is in it; as a loop, which takes half the time of a generator."""
    for name in _NAMES:  # noqa: SIM110
        if name in lower:
            return True
    return False
