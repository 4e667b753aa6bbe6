"""What a `FakeServer` says: answers in the shapes of OpenAI's two APIs, made from the question. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

MODEL = "echo"
_TOKEN = 4  # characters
_NOW = 1_767_225_600


@dataclass(frozen=True, slots=True, kw_only=True)
class Speech:
    """An answer: its tokens, why it ends, and how many tokens the prompt had."""

    tokens: Sequence[str]
    finish: str
    prompt: int


def speech(messages: Sequence[Mapping[str, Any]], *, most: int, stop: Sequence[str] = ()) -> Speech:
    """Say what the last user said."""
    texts = [str(message.get("content") or "") for message in messages]
    asked = [text for message, text in zip(messages, texts, strict=True) if message.get("role") == "user"]
    text, finish = (asked[-1] if asked else ""), "stop"
    ends = [at for at in map(text.find, stop) if at >= 0]
    if ends:
        text = text[: min(ends)]
    tokens = [text[at : at + _TOKEN] for at in range(0, len(text), _TOKEN)]
    if len(tokens) > most:
        tokens, finish = tokens[:most], "length"
    return Speech(tokens=tokens, finish=finish, prompt=sum(len(text) // _TOKEN + 4 for text in texts))


def chat_chunks(body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the chunks of a chat completion."""
    said = _chat(body)
    options: Mapping[str, Any] = body.get("stream_options") or {}
    choices = range(body.get("n") or 1)
    for choice in choices:
        yield chunk({"role": "assistant", "content": ""}, choice=choice)
    for token in said.tokens:
        for choice in choices:
            logprobs = _logprobs([token]) if body.get("logprobs") else None
            yield chunk({"content": token}, choice=choice, logprobs=logprobs)
    for choice in choices:
        yield chunk({}, choice=choice, finish=said.finish)
    if options.get("include_usage"):
        yield {**chunk({}), "choices": [], "usage": _usage(said, len(choices))}


def chunk(
    delta: Mapping[str, Any],
    *,
    choice: int = 0,
    finish: str | None = None,
    logprobs: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return one chunk of a chat completion."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": _NOW,
        "model": MODEL,
        "choices": [{"index": choice, "delta": delta, "finish_reason": finish, "logprobs": logprobs}],
    }


def chat_whole(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a whole chat completion."""
    said = _chat(body)
    choices = range(body.get("n") or 1)
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": _NOW,
        "model": MODEL,
        "choices": [
            {
                "index": choice,
                "message": {"role": "assistant", "content": "".join(said.tokens), "refusal": None},
                "finish_reason": said.finish,
                "logprobs": _logprobs(said.tokens) if body.get("logprobs") else None,
            }
            for choice in choices
        ],
        "usage": _usage(said, len(choices)),
    }


def _chat(body: Mapping[str, Any]) -> Speech:
    most = body.get("max_tokens") or body.get("max_completion_tokens") or 1000
    return speech(body["messages"], most=most, stop=body.get("stop") or ())


def _logprobs(tokens: Sequence[str]) -> dict[str, Any]:
    return {
        "content": [
            {"token": token, "logprob": -0.25, "bytes": list(token.encode()), "top_logprobs": []}
            for token in tokens
        ],
        "refusal": None,
    }


def _usage(said: Speech, choices: int) -> dict[str, Any]:
    written = len(said.tokens) * choices
    return {
        "prompt_tokens": said.prompt,
        "completion_tokens": written,
        "total_tokens": said.prompt + written,
        "prompt_tokens_details": {"cached_tokens": said.prompt // 2, "audio_tokens": 0},
    }


def response_events(body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the events of a response."""
    said = _response(body)
    text = "".join(said.tokens)
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": _object([], "in_progress")},
        {"type": "response.in_progress", "response": _object([], "in_progress")},
        {"type": "response.output_item.added", "output_index": 0, "item": _message("", "in_progress")},
        {"type": "response.content_part.added", **_WHERE, "part": _part("")},
        *(
            {"type": "response.output_text.delta", **_WHERE, "delta": token, "logprobs": []}
            for token in said.tokens
        ),
        {"type": "response.output_text.done", **_WHERE, "text": text, "logprobs": []},
        {"type": "response.content_part.done", **_WHERE, "part": _part(text)},
        {"type": "response.output_item.done", "output_index": 0, "item": _message(text, "completed")},
        _end(said),
    ]
    for number, event in enumerate(events):
        yield {**event, "sequence_number": number}


_WHERE = {"item_id": "msg_1", "output_index": 0, "content_index": 0}


def _end(said: Speech) -> dict[str, Any]:
    whole = _finished(said)
    kind = "response.completed" if whole["status"] == "completed" else "response.incomplete"
    return {"type": kind, "response": whole}


def response_whole(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return a whole response."""
    return _finished(_response(body))


def _finished(said: Speech) -> dict[str, Any]:
    cut = said.finish == "length"
    message = _message("".join(said.tokens), "incomplete" if cut else "completed")
    return {
        **_object([message], "incomplete" if cut else "completed"),
        "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
        "usage": {
            "input_tokens": said.prompt,
            "input_tokens_details": {"cached_tokens": said.prompt // 2, "cache_write_tokens": 0},
            "output_tokens": len(said.tokens),
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": said.prompt + len(said.tokens),
        },
    }


def _response(body: Mapping[str, Any]) -> Speech:
    given: Any = body["input"]  # a text alone is a user's
    messages = [{"role": "user", "content": given}] if isinstance(given, str) else given
    return speech(messages, most=body.get("max_output_tokens") or 1000)


def _object(output: Sequence[Mapping[str, Any]], status: str) -> dict[str, Any]:
    return {
        "id": "resp_1",
        "object": "response",
        "created_at": _NOW,
        "model": MODEL,
        "status": status,
        "output": list(output),
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "metadata": {},
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "top_p": 1.0,
        "tool_choice": "auto",
        "tools": [],
    }


def _message(text: str, status: str) -> dict[str, Any]:
    content = [_part(text)] if text else []
    return {"id": "msg_1", "type": "message", "role": "assistant", "status": status, "content": content}


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}


def model_list() -> dict[str, Any]:
    """Return the list of models."""
    return {
        "object": "list",
        "data": [{"id": MODEL, "object": "model", "created": _NOW, "owned_by": "tests"}],
    }
