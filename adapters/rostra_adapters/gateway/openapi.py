"""What the gateway answers, as an OpenAPI 3.1 document.

Source: https://spec.openapis.org/oas/v3.1.0
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.metadata import version
from typing import Any

from rostra.endpoints import Endpoint

from .wire import ChatRequest

TEXT: Mapping[str, Any] = {"type": "string"}
WHOLE: Mapping[str, Any] = {"type": "integer"}
OPTIONAL: Mapping[str, Any] = {"type": ["string", "null"]}
WENT_WRONG = {
    400: "something in the request is not understood or cannot be done",
    401: "there is no key, or it is no good",
    403: "the key is for something else",
    404: "there is no such thing",
    405: "the method is not for this path",
    408: "the body did not come",
    409: "the same request is still being answered",
    413: "the body is too large",
    429: "too often, or a quota is used up",
    500: "a fault of ours",
    502: "the model failed",
    503: "out of order, or too busy",
    504: "the model took too long",
}
ALWAYS = (401, 403, 404, 405, 429, 503)


def document(endpoints: Sequence[Endpoint]) -> dict[str, Any]:
    """Return the document, with ``endpoints`` in it."""
    paths = {
        "/v1/chat/completions": {"post": _completions()},
        "/v1/models": {"get": _read("listModels", "List the models that can be asked", "ModelList")},
        "/v1/models/{id}": {"get": _read("getModel", "Say whether a model can be asked", "Model", by="id")},
        "/v1/why/{id}": {"get": _read("why", "Say why an answer is what it is", "Explanation", by="id")},
        **{one.path: {"post": _endpoint(one)} for one in endpoints},
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Rostra",
            "version": version("rostra"),
            "description": "Models behind moderation, in the shape of OpenAI's API.",
        },
        "paths": paths,
        "components": {
            "schemas": {**_schemas(), **_request()},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}},
        },
        "security": [{"key": []}],
    }


def _completions() -> dict[str, Any]:
    responses = _failures(*ALWAYS, 400, 408, 409, 413, 500, 502, 504)
    responses["200"] = {
        "description": "the answer: whole, or with `stream` as server-sent events that end in `[DONE]`",
        "content": {**_json("Answer"), "text/event-stream": {"schema": TEXT}},
    }
    again = {
        "name": "Idempotency-Key",
        "in": "header",
        "required": False,
        "schema": {"type": "string", "maxLength": 255, "pattern": "^[!-~]*$"},
        "description": "the same request with the same key gets the same answer, for some minutes",
    }
    return {
        "operationId": "createChatCompletion",
        "summary": "Answer a conversation, judged on its way in and out",
        "parameters": [again],
        "requestBody": {"required": True, "content": _json("ChatRequest")},
        "responses": responses,
    }


def _read(operation: str, summary: str, schema: str, by: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {
        "operationId": operation,
        "summary": summary,
        "responses": {
            **_failures(*ALWAYS),
            "200": {"description": "what was asked for", "content": _json(schema)},
        },
    }
    if by:
        found["parameters"] = [{"name": by, "in": "path", "required": True, "schema": TEXT}]
    return found


def _endpoint(one: Endpoint) -> dict[str, Any]:
    responses = _failures(*ALWAYS, 400, 408, 413, 500)
    own = {"application/json": {"schema": {"anyOf": [one.error, {"$ref": "#/components/schemas/Error"}]}}}
    for status in one.statuses:
        if status == 200:  # noqa: PLR2004  the one that is no failure
            content = {"application/json": {"schema": one.response}}
            responses["200"] = {"description": "the verdicts", "content": content}
        else:
            responses[str(status)] = {"description": WENT_WRONG[status], "content": own}
    return {
        "summary": one.summary,
        "externalDocs": {"url": one.source},
        "requestBody": {"required": True, "content": {"application/json": {"schema": one.request}}},
        "responses": responses,
    }


def _failures(*statuses: int) -> dict[str, Any]:
    return {
        str(status): {"description": WENT_WRONG[status], "content": _json("Error")}
        for status in sorted({*statuses})
    }


def _json(schema: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}}


def _of(properties: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "object", "properties": dict(properties), "required": list(properties)}


def _listed(items: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": dict(items)}


@cache
def _request() -> dict[str, Any]:
    schema = ChatRequest.model_json_schema(ref_template="#/components/schemas/{model}")
    return {**schema.pop("$defs", {}), "ChatRequest": schema}


def _schemas() -> dict[str, Any]:
    message = _of({"role": {"const": "assistant"}, "content": OPTIONAL})
    choice = _of(
        {
            "index": WHOLE,
            "message": message,
            "finish_reason": {"enum": ["stop", "length", "tool_calls", "content_filter"]},
        }
    )
    model = _of({"id": TEXT, "object": {"const": "model"}, "created": WHOLE, "owned_by": TEXT})
    step = _of({"stage": TEXT, "what": TEXT, "facts": {"type": "object"}})
    return {
        "Error": _of({"error": _of({"message": TEXT, "type": TEXT, "param": OPTIONAL, "code": OPTIONAL})}),
        "Answer": _of(
            {
                "id": TEXT,
                "object": {"const": "chat.completion"},
                "created": WHOLE,
                "model": TEXT,
                "choices": _listed(choice),
                "usage": _of({"prompt_tokens": WHOLE, "completion_tokens": WHOLE, "total_tokens": WHOLE}),
            }
        ),
        "Model": model,
        "ModelList": _of({"object": {"const": "list"}, "data": _listed(model)}),
        "Explanation": _of({"id": TEXT, "at": TEXT, "steps": _listed(step)}),
    }
