"""Our moderation as endpoints of the gateway, in the shapes of other people's APIs (`rostra_moderation.serving`)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from rostra.components import Component, ComponentSettings, Services
from rostra.endpoints import Endpoint, Response
from rostra.errors import ConfigError
from rostra.places import Place

from . import openai_shape, perspective
from .language import plain_language_of
from .serving import Serving, Shape, serve

TEXT: Mapping[str, Any] = {"type": "string"}
SCORE: Mapping[str, Any] = {"type": "number", "minimum": 0, "maximum": 1}


class EndpointsSettings(ComponentSettings):
    """It has none: what is judged, and how, is what ``[moderation]`` says for the place."""


@asynccontextmanager
async def opened(_: EndpointsSettings, services: Services) -> AsyncGenerator[Sequence[Endpoint]]:
    """Yield the endpoints. Raises `ConfigError` where nothing judges."""
    if services.moderation is None:
        raise ConfigError("there is no moderation that endpoints could ask")
    serving = Serving(judging=services.moderation, language_of=plain_language_of)

    async def respond(shape: Shape, request: object, place: Place) -> Response:
        reply = await serve(replace(serving, place=place), request, shape)
        return Response(status=reply.status, body=reply.body)

    yield (
        Endpoint(
            path="/v1/moderations",
            scope="moderations",
            respond=partial(respond, "openai"),
            summary="Judge texts",
            source="https://platform.openai.com/docs/api-reference/moderations",
            request=_of(
                {"input": {"anyOf": [TEXT, {"type": "array", "items": TEXT, "minItems": 1}]}, "model": TEXT},
                "input",
            ),
            response=_of({"id": TEXT, "model": TEXT, "results": {"type": "array", "items": _result()}}),
            error=_of({"error": _of({"message": TEXT, "type": TEXT})}),
        ),
        Endpoint(
            path="/v1alpha1/comments:analyze",
            scope="moderations",
            respond=partial(respond, "perspective"),
            summary="Score a comment, as the Perspective API did until 2026-12-31",
            source="https://developers.perspectiveapi.com/s/about-the-api-methods",
            request=_of(
                {
                    "comment": _of({"text": TEXT}),
                    "requestedAttributes": {
                        "type": "object",
                        "propertyNames": {"enum": list(perspective.ATTRIBUTES)},
                        "additionalProperties": {"type": "object"},
                        "minProperties": 1,
                    },
                }
            ),
            response=_of(
                {"attributeScores": {"type": "object"}, "languages": {"type": "array", "items": TEXT}}
            ),
            error=_of({"error": _of({"code": {"type": "integer"}, "message": TEXT, "status": TEXT})}),
        ),
    )


def _of(properties: Mapping[str, Any], *required: str) -> Mapping[str, Any]:
    """Return the schema of an object; without ``required`` all of ``properties`` are."""
    return {"type": "object", "properties": properties, "required": list(required or properties)}


def _result() -> Mapping[str, Any]:
    flags = _of({key: {"type": "boolean"} for key in openai_shape.KEYS})
    scores = _of(dict.fromkeys(openai_shape.KEYS, SCORE))
    return _of({"flagged": {"type": "boolean"}, "categories": flags, "category_scores": scores})


component = Component(name="moderation", settings=EndpointsSettings, open=opened)
