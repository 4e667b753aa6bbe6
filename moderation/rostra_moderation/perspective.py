"""The shape of the Perspective API's AnalyzeComment, which ends on 2026-12-31: requests in, answers out.

Source: https://commentanalyzer.googleapis.com/$discovery/rest?version=v1alpha1
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rostra.verdicts import Verdict

from .openai_shape import worst

ATTRIBUTES: Mapping[str, Sequence[str]] = MappingProxyType(
    {
        "TOXICITY": ("harassment", "harassment/threatening", "hate", "hate/threatening"),
        "SEVERE_TOXICITY": ("harassment/threatening", "hate", "hate/threatening"),
        "IDENTITY_ATTACK": ("hate", "hate/threatening"),
        "INSULT": ("harassment", "harassment/threatening"),
        "PROFANITY": ("harassment", "hate", "sexual"),
        "THREAT": ("harassment/threatening", "hate/threatening", "violence", "illicit/violent"),
        "SEXUALLY_EXPLICIT": ("sexual", "sexual/minors"),
    }
)
"""For each attribute, the categories whose highest score it gets.

None of them is what Google's attribute of that name was trained on: thresholds have to be chosen anew. ``PROFANITY`` is
the loosest, since no category of ours is about swearing as such.
"""

LONGEST = 20_480
"""Bytes of UTF-8 that a comment may have, as it was there."""


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)


class _Comment(_Model):
    text: str
    type: str = "PLAIN_TEXT"


class _Attribute(_Model):
    score_type: str = Field(default="PROBABILITY", alias="scoreType")
    threshold: float = Field(default=0.0, alias="scoreThreshold")


class _Request(_Model):
    comment: _Comment
    attributes: dict[str, _Attribute] = Field(alias="requestedAttributes")
    languages: list[str] = []
    spans: bool = Field(default=False, alias="spanAnnotations")
    token: str | None = Field(default=None, alias="clientToken")


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """A request that can be served. ``attributes`` maps names to the score below which they are left out."""

    text: str
    attributes: Mapping[str, float]
    languages: tuple[str, ...] = ()
    spans: bool = False
    token: str | None = None


class BadComment(Exception):
    """A request that cannot be served; ``kind`` is the ``errorType`` of the API, where it has one."""

    def __init__(self, message: str, kind: str = "") -> None:
        super().__init__(message)
        self.kind = kind


def read_analysis(request: object) -> Analysis:
    """Return what is asked for. Raises `BadComment`, whose message never quotes the comment.

    ``context``, ``communityId``, ``sessionId`` and ``doNotStore`` are taken and change nothing: nothing is stored.
    """
    try:
        asked = _Request.model_validate(request)
    except ValidationError as error:
        where = ".".join(map(str, error.errors(include_input=False)[0]["loc"])) or "the request"
        raise BadComment(
            f"{where[:80]!r} is missing or wrong; a request is"
            ' {"comment": {"text": …}, "requestedAttributes": {"TOXICITY": {}}}'
        ) from None
    _check_comment(asked.comment)
    if not asked.attributes:
        raise BadComment(f"'requestedAttributes' is empty; it must name some of {', '.join(ATTRIBUTES)}")
    for name, attribute in asked.attributes.items():
        if name not in ATTRIBUTES:
            raise BadComment(f"no attribute {name[:40]!r}; there are {', '.join(ATTRIBUTES)}")
        if attribute.score_type not in {"PROBABILITY", "SCORE_TYPE_UNSPECIFIED"}:
            raise BadComment(f"no scoreType {attribute.score_type[:40]!r}; there is 'PROBABILITY'")
    return Analysis(
        text=asked.comment.text,
        attributes={name: attribute.threshold for name, attribute in asked.attributes.items()},
        languages=tuple(asked.languages),
        spans=asked.spans,
        token=asked.token,
    )


def _check_comment(comment: _Comment) -> None:
    if comment.type not in {"PLAIN_TEXT", "TEXT_TYPE_UNSPECIFIED"}:
        raise BadComment(f"comment.type {comment.type[:40]!r} cannot be judged; send 'PLAIN_TEXT'")
    if not comment.text.strip():
        raise BadComment("'comment.text' is empty", "COMMENT_EMPTY")
    size = len(comment.text.encode("utf-8", "replace"))
    if size > LONGEST:
        raise BadComment(f"'comment.text' has {size} bytes; {LONGEST} are allowed", "COMMENT_TOO_LONG")


def write_analysis(asked: Analysis, verdict: Verdict, detected: Sequence[str]) -> dict[str, Any]:
    """Return the answer; ``detected`` are languages, the likeliest first.

    Each attribute has a score for the whole comment, and with ``spans`` one for each span that was found in one of its
    categories. Offsets count characters (code points).
    """
    languages = list(asked.languages or detected)
    answer: dict[str, Any] = {
        "attributeScores": {
            name: _attribute(name, asked, verdict)
            for name, threshold in asked.attributes.items()
            if probability(name, verdict) >= threshold
        },
        "languages": languages,
        "detectedLanguages": list(detected),
    }
    if asked.token is not None:
        answer["clientToken"] = asked.token
    return answer


def probability(attribute: str, verdict: Verdict) -> float:
    """Return the score of ``attribute``: the highest of its categories."""
    return worst(verdict.categories.get(name, 0.0) for name in ATTRIBUTES[attribute])


def _attribute(name: str, asked: Analysis, verdict: Verdict) -> dict[str, Any]:
    whole = _score(probability(name, verdict))
    spans = [{"begin": 0, "end": len(asked.text), "score": whole}]
    if asked.spans:
        spans += [
            {
                "begin": span.start,
                "end": span.end,
                "score": _score(worst([verdict.categories.get(span.category, 0.0)])),
            }
            for span in verdict.spans
            if span.category in ATTRIBUTES[name]
        ]
    return {"spanScores": spans, "summaryScore": whole}


def _score(value: float) -> dict[str, Any]:
    return {"value": value, "type": "PROBABILITY"}


Status = Literal["INVALID_ARGUMENT", "UNAVAILABLE", "UNIMPLEMENTED"]


def write_error(message: str, *, code: int, status: Status, kind: str = "") -> dict[str, Any]:
    """Return an error as Google's APIs word it."""
    error: dict[str, Any] = {"code": code, "message": message, "status": status}
    if kind:
        where = "type.googleapis.com/google.commentanalyzer.v1alpha1.Error"
        error["details"] = [{"@type": where, "errorType": kind}]
    return {"error": error}
