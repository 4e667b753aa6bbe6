"""The chat completions API: a request's body, and what chunks and whole completions say. Pure.

Source: https://platform.openai.com/docs/api-reference/chat
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rostra.chat import Sampling, Usage, Utterance

from ..text import clean
from .delta import (
    CallPart,
    Delta,
    Json,
    finish_of,
    index,
    items,
    logprobs_of,
    table,
    text,
    usage_of,
)
from .failures import told
from .presets import Preset
from .tools import schema

PATH = "/chat/completions"

MORE = frozenset(
    {
        "frequency_penalty",
        "logit_bias",
        "parallel_tool_calls",
        "presence_penalty",
        "reasoning_effort",
        "response_format",
        "tool_choice",
    }
)
"""What a request may ask for that `Sampling` has no field for. A server that does not know one of them says so or passes it over."""


def request(
    messages: Sequence[Utterance], sampling: Sampling, preset: Preset, *, logprobs: bool
) -> dict[str, Any]:
    """Return the fields that ask for a streamed answer, ``model`` excepted."""
    body: dict[str, Any] = {
        "messages": [_message(message) for message in messages],
        "stream": True,
        preset.max_tokens: sampling.max_tokens,
    }
    if preset.usage:
        body["stream_options"] = {"include_usage": True}
    if sampling.temperature is not None:
        body["temperature"] = sampling.temperature
    if sampling.top_p is not None:
        body["top_p"] = sampling.top_p
    stops = [clean(stop) for stop in sampling.stop if stop][: preset.stop]
    if stops:
        body["stop"] = stops
    if sampling.seed is not None and preset.seed:
        body[preset.seed] = sampling.seed
    if sampling.n > 1:
        body["n"] = sampling.n
    if sampling.tools:
        body["tools"] = [
            {
                "type": "function",
                "function": {
                    "name": tool.name,
                    "description": clean(tool.description),
                    "parameters": schema(tool),
                },
            }
            for tool in sampling.tools
        ]
    if logprobs and preset.logprobs:
        body["logprobs"] = True
    return body


def _message(said: Utterance) -> dict[str, Any]:
    message: dict[str, Any] = {"role": said.role, "content": clean(said.text)}
    if said.calls:
        message["content"] = message["content"] or None
        message["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": clean(call.arguments)},
            }
            for call in said.calls
        ]
    if said.role == "tool" and said.call:
        message["tool_call_id"] = said.call
    return message


def read(event: Json) -> Iterator[Delta]:
    """Yield what a chunk, or a whole completion, says. Raises `BadReply`."""
    if event.get("error"):
        raise told(event["error"])
    for item in items(event.get("choices")):
        yield _choice(table(item))
    usage = _usage(event)
    if usage is not None:
        yield Delta(usage=usage)


def _choice(choice: Json) -> Delta:
    said = table(choice["delta"] if "delta" in choice else choice.get("message"))
    refusal = text(said.get("refusal"))
    return Delta(
        text=_content(said.get("content")) + refusal,
        choice=index(choice.get("index")),
        finish=finish_of(choice.get("finish_reason")),
        calls=tuple(_call(table(call), place) for place, call in enumerate(items(said.get("tool_calls")))),
        logprobs=logprobs_of(table(choice.get("logprobs")).get("content")),
        thinking=bool(text(said.get("reasoning_content")) or text(said.get("reasoning"))),
        refused=bool(refusal),
    )


def _content(content: object) -> str:
    """Return the text; some servers send a list of parts, of which only texts are shown."""
    parts = (table(part) for part in items(content))
    return text(content) or "".join(text(part.get("text")) for part in parts if part.get("type") == "text")


def _call(call: Json, place: int) -> CallPart:
    function = table(call.get("function"))
    return CallPart(
        index=index(call.get("index"), place),
        id=text(call.get("id")),
        name=text(function.get("name")),
        arguments=text(function.get("arguments")),
    )


def _usage(event: Json) -> Usage | None:
    usage = table(event.get("usage"))
    cached = table(usage.get("prompt_tokens_details")).get("cached_tokens")
    if cached is None:
        cached = usage.get("prompt_cache_hit_tokens")  # DeepSeek's name for it
    return usage_of(usage.get("prompt_tokens"), usage.get("completion_tokens"), cached)
