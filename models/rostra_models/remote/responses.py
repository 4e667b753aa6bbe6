"""The responses API: a request's body, and what its events and whole responses say. Pure.

Source: https://platform.openai.com/docs/api-reference/responses and …/responses-streaming. It has no ``seed``, ``stop`` and
``n``. Responses are not stored with the server.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rostra.chat import FinishReason, Sampling, Utterance

from ..text import clean
from .delta import CallPart, Delta, Json, finish_of, index, items, logprobs_of, table, text, usage_of
from .failures import told
from .presets import Preset
from .tools import schema

PATH = "/responses"


def request(
    messages: Sequence[Utterance], sampling: Sampling, preset: Preset, *, logprobs: bool
) -> dict[str, Any]:
    """Return the fields that ask for a streamed answer, ``model`` excepted."""
    body: dict[str, Any] = {
        "input": [item for message in messages for item in _items(message)],
        "stream": True,
        "store": False,
        "max_output_tokens": sampling.max_tokens,
    }
    if sampling.temperature is not None:
        body["temperature"] = sampling.temperature
    if sampling.top_p is not None:
        body["top_p"] = sampling.top_p
    if sampling.tools:
        body["tools"] = [
            {
                "type": "function",
                "name": tool.name,
                "description": clean(tool.description),
                "parameters": schema(tool),
                "strict": False,
            }
            for tool in sampling.tools
        ]
    if logprobs and preset.logprobs:
        body["include"] = ["message.output_text.logprobs"]
    return body


def _items(said: Utterance) -> Iterator[dict[str, Any]]:
    if said.role == "tool":
        yield {"type": "function_call_output", "call_id": said.call, "output": clean(said.text)}
        return
    if said.text or not said.calls:
        yield {"role": said.role, "content": clean(said.text)}
    for call in said.calls:
        yield {
            "type": "function_call",
            "call_id": call.id,
            "name": call.name,
            "arguments": clean(call.arguments),
        }


def read(event: Json) -> Iterator[Delta]:
    """Yield what an event, or a whole response, says. Raises `BadReply`."""
    kind = text(event.get("type"))
    if kind == "error" or (not kind and event.get("error")):
        raise told(table(event.get("error")) or event)
    if kind == "response.output_text.delta":
        yield Delta(text=text(event.get("delta")), logprobs=logprobs_of(event.get("logprobs")))
    elif kind == "response.refusal.delta":
        yield Delta(text=text(event.get("delta")), refused=True)
    elif kind == "response.output_item.added":
        yield from _call_begun(event)
    elif kind == "response.function_call_arguments.delta":
        part = CallPart(index=index(event.get("output_index")), arguments=text(event.get("delta")))
        yield Delta(calls=(part,))
    elif kind in {"response.completed", "response.incomplete", "response.failed"}:
        yield from _ended(table(event.get("response")))
    elif kind.startswith("response.reasoning"):
        yield Delta(thinking=True)
    elif event.get("object") == "response":
        yield from _whole(event)


def _call_begun(event: Json) -> Iterator[Delta]:
    item = table(event.get("item"))
    if item.get("type") == "function_call":
        yield Delta(calls=(_call(item, index(event.get("output_index"))),))


def _call(item: Json, place: int) -> CallPart:
    return CallPart(
        index=place,
        id=text(item.get("call_id")) or text(item.get("id")),
        name=text(item.get("name")),
        arguments=text(item.get("arguments")),
    )


def _whole(response: Json) -> Iterator[Delta]:
    for place, item in enumerate(map(table, items(response.get("output")))):
        if item.get("type") == "function_call":
            yield Delta(calls=(_call(item, place),))
        elif item.get("type") == "message":
            for part in map(table, items(item.get("content"))):
                refusal = text(part.get("refusal"))
                yield Delta(
                    text=text(part.get("text")) + refusal,
                    logprobs=logprobs_of(part.get("logprobs")),
                    refused=bool(refusal),
                )
    yield from _ended(response)


def _ended(response: Json) -> Iterator[Delta]:
    status = text(response.get("status"))
    if status in {"failed", "cancelled"}:
        raise told(response.get("error"))
    usage = table(response.get("usage"))
    finish: FinishReason = "stop"
    if status == "incomplete":
        finish = finish_of(table(response.get("incomplete_details")).get("reason")) or "length"
    yield Delta(
        finish=finish,
        usage=usage_of(
            usage.get("input_tokens"),
            usage.get("output_tokens"),
            table(usage.get("input_tokens_details")).get("cached_tokens"),
        ),
    )
