"""What the classifier answers: its heads, and how their probabilities become scores of categories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

HEADS = ("toxicity", "hate", "sexual", "self-harm", "violence", "request", "injection")
"""One question each: is somebody insulted, is a group hated, is it sexual, …, is help with harm asked for or given, are the
model's instructions attacked. They are separate because they are not alike: with one head for any harm, a classifier that
learns from harmful requests learns that an imperative is harmful."""

_CATEGORIES: Mapping[str, str] = {
    "toxicity": "harassment",
    "hate": "hate",
    "sexual": "sexual",
    "self-harm": "self-harm",
    "violence": "violence",
    "request": "illicit",
    "injection": "prompt-injection",
}

_BOTH: Mapping[str, tuple[str, str]] = {
    "harassment/threatening": ("harassment", "violence"),
    "hate/threatening": ("hate", "violence"),
    "illicit/violent": ("illicit", "violence"),
}
"""Categories that are two at once. Their score is the lower one: never stricter than either."""

NOTHING = 0.01
"""Scores below this say nothing, and are left out."""


def categories(probabilities: Sequence[float]) -> dict[str, float]:
    """Return the scores of categories (0…1) for one probability a head, in the order of `HEADS`.

    ``sexual/minors``, ``self-harm/…``, ``violence/graphic``, ``pii`` and ``spam`` have no head: rules and judges know them.
    """
    scores = {_CATEGORIES[head]: float(p) for head, p in zip(HEADS, probabilities, strict=True)}
    for name, (one, other) in _BOTH.items():
        scores[name] = min(scores[one], scores[other])
    return {name: round(score, 4) for name, score in scores.items() if score >= NOTHING}
