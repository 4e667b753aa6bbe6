"""The shape of OpenAI's moderation answers, read strictly and written exactly.

Source: https://platform.openai.com/docs/api-reference/moderations (``omni-moderation``).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias, cast

from pydantic import BaseModel, ConfigDict, ValidationError

from rostra.errors import ModerationError
from rostra.verdicts import CATEGORIES, Decision, Verdict

KEYS = CATEGORIES[:13]
"""The thirteen categories of an answer; those of ours that come after them have no place in it."""

_MAY_BE_NULL = frozenset({"illicit", "illicit/violent"})
"""What models from before November 2024 do not tell."""

Scores: TypeAlias = Mapping[str, float]


def read_results(body: bytes, count: int, *, flagged: float = 0.0) -> Sequence[Scores]:
    """Return the scores of ``count`` results. A category that the service flags gets ``flagged`` at least.

    Keys that are not known are ignored; one that is missing, a number that is no score, or another count of results
    raises `ModerationError`, which never quotes the answer.
    """
    try:
        answer: object = json.loads(body, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise ModerationError("the answer is no JSON") from error
    results = _table(answer, "the answer").get("results")
    if not isinstance(results, list):
        raise ModerationError("the answer has no list 'results'")
    found = cast("list[object]", results)
    if len(found) != count:
        raise ModerationError(f"the answer has {len(found)} results; {count} were asked for")
    return [_scores(result, flagged) for result in found]


def _scores(result: object, flagged: float) -> Scores:
    table = _table(result, "a result")
    if not isinstance(table.get("flagged"), bool):
        raise ModerationError("a result has no 'flagged' that is true or false")
    flags = _table(table.get("categories"), "'categories'")
    scores = _table(table.get("category_scores"), "'category_scores'")
    read: dict[str, float] = {}
    for key in KEYS:
        for name, values in (("categories", flags), ("category_scores", scores)):
            if key not in values:
                raise ModerationError(f"{name!r} has no {key!r}")
        flag, score = flags[key], scores[key]
        if key in _MAY_BE_NULL and flag is None and score is None:
            continue
        if not isinstance(flag, bool):
            raise ModerationError(f"the category {key!r} is neither true nor false")
        if isinstance(score, bool) or not isinstance(score, int | float) or not 0 <= score <= 1:
            raise ModerationError(f"the score of {key!r} is no number from 0 to 1")
        read[key] = max(float(score), flagged if flag else 0.0)
    return read


def _table(value: object, what: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise ModerationError(f"{what} is no JSON object")
    return cast("dict[str, object]", value)


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is no JSON")


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    type: str
    text: str | None = None


class _Request(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True)

    input: str | list[str] | list[_Part]
    model: str | None = None


class BadRequest(Exception):
    """A request that cannot be served. ``param`` names the key that is wrong, where one is."""

    def __init__(self, message: str, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.param = param
        self.code = code


def read_inputs(request: object) -> Sequence[str]:
    """Return the texts of a request, one for each result it gets. Raises `BadRequest`.

    A list of texts gives as many results; a list of parts is one input, as it is at OpenAI.
    """
    try:
        given = _Request.model_validate(request).input
    except ValidationError as error:
        missing = any(
            detail["type"] == "missing" and detail["loc"] == ("input",) for detail in error.errors()
        )
        what = "is missing" if missing else "is not understood"
        raise BadRequest(
            f"'input' {what}: it must be a text, a list of texts, or a list of parts"
            ' {"type": "text", "text": …}; \'model\', if it is there, a text',
            "input",
        ) from None
    if isinstance(given, str):
        return [given]
    if not given:
        raise BadRequest("'input' is an empty list; it must have at least one text", "input")
    parts = [part for part in given if isinstance(part, _Part)]
    if not parts:
        return cast("list[str]", given)
    return ["\n".join(map(_text, parts))]


def _text(part: _Part) -> str:
    if part.type != "text" or part.text is None:
        # Not judging it and saying nothing would pass for "not flagged".
        raise BadRequest(
            f"a part of type {part.type[:20]!r} cannot be judged here; only parts of type 'text', with a 'text', can",
            "input",
        )
    return part.text


def write_result(verdict: Verdict, limit: Callable[[str], float]) -> dict[str, Any]:
    """Return one result. A category is true from ``limit`` of it on; a wider one is never below what is part of it.

    ``flagged`` is true where the policy flags or blocks, even for something that has no key here, such as a rule of
    the house.
    """
    scores = {key: _wide(verdict.categories, key) for key in KEYS}
    categories = {key: scores[key] >= limit(key) for key in KEYS}
    return {
        "flagged": verdict.decision > Decision.ALLOW or any(categories.values()),
        "categories": categories,
        "category_scores": scores,
        "category_applied_input_types": {key: ["text"] for key in KEYS},
    }


def _wide(scores: Scores, key: str) -> float:
    return worst(score for name, score in scores.items() if name == key or name.startswith(f"{key}/"))


def worst(scores: Iterable[float]) -> float:
    """Return the highest of ``scores``, 0 for none; what is no score counts as 1."""
    return max((score if 0 <= score <= 1 else 1.0 for score in scores), default=0.0)


def write_error(
    message: str, *, kind: str, param: str | None = None, code: str | None = None
) -> dict[str, Any]:
    """Return an error as OpenAI's API words it."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}
