"""What clients send to ``/v1/chat/completions``, read strictly: what cannot be done is refused, not passed over.

Source: https://platform.openai.com/docs/api-reference/chat/create
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from rostra.chat import Sampling, Tool, ToolCall, Utterance

from .refused import BAD_REQUEST, Refused

INT64 = 2**63
NAME = r"^[A-Za-z0-9_.-]{1,128}$"


class _Model(BaseModel):
    model_config = ConfigDict(extra="ignore", strict=True, frozen=True, allow_inf_nan=False)


class Part(_Model):
    """A part of what somebody says. Only text can be judged."""

    type: str
    text: str | None = None


class Function(_Model):
    """What a model may call."""

    name: Annotated[str, Field(pattern=NAME)]
    description: str | None = None
    parameters: dict[str, Any] = {}


class OfferedTool(_Model):
    """A tool that is offered."""

    type: Literal["function"]
    function: Function


class CalledFunction(_Model):
    """What a model called, as it was told to the client."""

    name: Annotated[str, Field(pattern=NAME)]
    arguments: str = ""


class MadeCall(_Model):
    """A call that a model made."""

    id: str
    type: Literal["function"] = "function"
    function: CalledFunction


class Message(_Model):
    """One message of the conversation."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[Part] | None = None
    tool_calls: list[MadeCall] | None = None
    tool_call_id: str | None = None


class StreamOptions(_Model):
    """How to stream."""

    include_usage: bool | None = None


class ChatRequest(_Model):
    """The body of a request. Fields that change nothing here are passed over, such as ``store`` and ``metadata``.

    Those that may only be null, or only text, would change the answer, and cannot be done.
    """

    messages: Annotated[list[Message], Field(min_length=1, max_length=4096)]
    model: Annotated[str, Field(min_length=1, max_length=256)] = "default"
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: Annotated[int, Field(ge=1, le=128)] | None = None
    stop: str | Annotated[list[str], Field(max_length=16)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2, allow_inf_nan=False)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    seed: Annotated[int, Field(ge=-INT64, lt=INT64)] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    response_format: dict[str, Any] | None = None
    tools: Annotated[list[OfferedTool], Field(max_length=128)] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    logit_bias: dict[str, float] | None = None
    reasoning_effort: str | None = None
    user: Annotated[str, Field(max_length=512)] | None = None
    safety_identifier: Annotated[str, Field(max_length=512)] | None = None
    modalities: list[Literal["text"]] | None = None
    audio: None = None
    function_call: None = None
    functions: None = None
    web_search_options: None = None

    @property
    def asker(self) -> str:
        """Who of the application's people asks, where it says so."""
        return self.safety_identifier or self.user or ""


MORE = (
    "response_format",
    "tool_choice",
    "parallel_tool_calls",
    "frequency_penalty",
    "presence_penalty",
    "logit_bias",
    "reasoning_effort",
    "logprobs",
)
_NOTHING: dict[str, Sequence[object]] = {
    "response_format": ({"type": "text"},),
    "tool_choice": ("none", "auto"),
    "frequency_penalty": (0,),
    "presence_penalty": (0,),
    "logit_bias": ({},),
    "logprobs": (False,),
}
"""What each of `MORE` may be for a model that does not take it: it asks for nothing then."""


def read(body: bytes) -> ChatRequest:
    """Return the request. Raises `Refused`, which names the field and quotes nothing."""
    try:
        return ChatRequest.model_validate_json(body)
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)[0]
        where = _path(found["loc"])
        if found["type"] == "json_invalid":
            raise Refused(BAD_REQUEST, "the body is no JSON", param=None) from None
        said = "is missing" if found["type"] == "missing" else _lower(found["msg"])
        raise Refused(BAD_REQUEST, f"{where or 'the body'}: {said}", param=where or None) from None


def conversation(request: ChatRequest) -> tuple[str, tuple[Utterance, ...]]:
    """Return the system prompt, and what was said. Raises `Refused`."""
    system: list[str] = []
    said: list[Utterance] = []
    for number, message in enumerate(request.messages):
        text = _text(message, f"messages[{number}].content")
        if message.role in {"system", "developer"}:
            system.append(text)
            continue
        role: Literal["user", "assistant", "tool"] = message.role  # type: ignore[assignment]  # the others are above
        calls = tuple(
            ToolCall(id=one.id, name=one.function.name, arguments=one.function.arguments)
            for one in message.tool_calls or ()
        )
        if role == "tool" and not message.tool_call_id:
            raise Refused(
                BAD_REQUEST, "a message of a tool needs 'tool_call_id'", param=f"messages[{number}]"
            )
        said.append(Utterance(role=role, text=text, calls=calls, call=message.tool_call_id or ""))
    if not any(one.role == "user" and one.text.strip() for one in said):
        raise Refused(BAD_REQUEST, "no message of role 'user' says anything", param="messages")
    return "\n\n".join(filter(None, system)), tuple(said)


def sampling(request: ChatRequest, like: Sampling, *, takes: frozenset[str], most: int) -> Sampling:
    """Return how to answer: as ``like`` wherever the request says nothing, with ``most`` tokens at most. Raises `Refused`."""
    stop = [request.stop] if isinstance(request.stop, str) else request.stop
    if request.tools and "tools" not in takes:
        raise _unsupported("tools")
    if request.top_logprobs:
        raise _unsupported("top_logprobs")
    asked = request.max_completion_tokens or request.max_tokens or like.max_tokens
    return Sampling(
        temperature=like.temperature if request.temperature is None else request.temperature,
        top_p=like.top_p if request.top_p is None else request.top_p,
        max_tokens=min(asked, most),
        stop=like.stop if stop is None else tuple(filter(None, stop)),
        seed=like.seed if request.seed is None else request.seed,
        tools=tuple(_tool(one.function, f"tools[{at}]") for at, one in enumerate(request.tools or ())),
        more=_more(request, takes),
    )


def _more(request: ChatRequest, takes: frozenset[str]) -> tuple[tuple[str, str], ...]:
    found: list[tuple[str, str]] = []
    for name in MORE:
        value = getattr(request, name)
        if value is None or (value in _NOTHING.get(name, ()) and name not in takes):
            continue
        if name in takes:
            found.append((name, _json(value, name)))
        elif name != "logprobs":  # a model that gives them gives them unasked
            raise _unsupported(name)
    return tuple(found)


def _tool(function: Function, where: str) -> Tool:
    return Tool(
        name=function.name,
        description=function.description or "",
        parameters=_json(function.parameters, f"{where}.function.parameters"),
    )


def _json(value: object, where: str) -> str:
    """Return ``value`` as JSON, which has no NaN and no infinity, although its reader lets them in."""
    try:
        return json.dumps(value, allow_nan=False)
    except ValueError:
        raise Refused(BAD_REQUEST, f"{where}: a number in it is none", param=where) from None


def _unsupported(name: str) -> Refused:
    return Refused(
        BAD_REQUEST, f"{name!r} is not supported by this model", code="unsupported_parameter", param=name
    )


def _text(message: Message, where: str) -> str:
    if message.content is None:
        return ""
    if isinstance(message.content, str):
        return message.content
    texts: list[str] = []
    for number, part in enumerate(message.content):
        if part.type not in {"text", "refusal"} or part.text is None:
            # What cannot be judged does not get to the model.
            raise Refused(
                BAD_REQUEST,
                f"a part of type {part.type[:20]!r} cannot be judged; only 'text' with a 'text' can",
                code="unsupported_content",
                param=f"{where}[{number}]",
            )
        texts.append(part.text)
    return "\n".join(texts)


def _path(loc: tuple[int | str, ...]) -> str:
    """Return where a field is, as OpenAI writes it; names of the types in a union are no fields."""
    path = ""
    for step in loc:
        if isinstance(step, int):
            path += f"[{step}]"
        elif re.fullmatch(r"[a-z_]{1,40}", step) and step not in {"str", "list", "dict", "constrained"}:
            path += f".{step}" if path else step
    return path


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
