"""Conversations in files: the shapes of rows that people publish questions and answers in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from rostra.chat import Role, Utterance
from rostra.feedback.data.record import is_list, is_object
from rostra.feedback.data.shapes import read_rows

from .chats import Unusable

ROLES: Mapping[str, Role] = {
    "system": "system",
    "user": "user",
    "human": "user",
    "prompter": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "bot": "assistant",
    "model": "assistant",
    "tool": "tool",
}
"""What others call the roles."""

QUESTIONS = ("question", "prompt", "instruction")
ANSWERS = ("answer", "completion", "response", "output")


def conversation_of(row: Mapping[str, Any]) -> tuple[Utterance, ...]:
    """Return the conversation that a row holds. Raises `Unusable`.

    ``messages`` or ``conversations``: a list of ``{"role", "content"}`` (OpenAI, TRL) or ``{"from", "value"}`` (ShareGPT).
    Else a question (``question``, ``prompt`` or ``instruction``, with Alpaca's ``input``) and an answer (``answer``,
    ``completion``, ``response`` or ``output``), each a text or a list of messages; ``system`` is taken along.
    """
    for name in ("messages", "conversations"):
        if is_list(found := row.get(name)):
            return _messages(found)
    question = next((row[name] for name in QUESTIONS if row.get(name)), None)
    answer = next((row[name] for name in ANSWERS if row.get(name)), None)
    if question is None or answer is None:
        raise Unusable("neither messages nor a question with an answer")
    if isinstance(question, str) and isinstance(more := row.get("input"), str) and more:
        question = f"{question}\n\n{more}"
    system = row.get("system")
    head = (_said("system", system),) if isinstance(system, str) and system else ()
    return (*head, *_part("user", question), *_part("assistant", answer))


def _part(role: Role, given: Any) -> tuple[Utterance, ...]:
    return _messages(given) if is_list(given) else (_said(role, given),)


def _messages(given: Sequence[Any]) -> tuple[Utterance, ...]:
    found: list[Utterance] = []
    for one in given:
        if not is_object(one):
            raise Unusable("a message that is no object")
        name = one.get("role", one.get("from"))
        role = ROLES.get(name.lower()) if isinstance(name, str) else None
        if role is None:
            raise Unusable("a message of an unknown role")
        found.append(_said(role, one.get("content", one.get("value"))))
    return tuple(found)


def _said(role: Role, text: Any) -> Utterance:
    if not isinstance(text, str):
        raise Unusable("a message that is no text")
    return Utterance(role=role, text=text)


def conversations(paths: Iterable[Path], lost: Counter[str]) -> Iterator[tuple[Utterance, ...]]:
    """Yield the conversations of JSON or Parquet files; counts rows that hold none by reason. Raises `DatasetError`."""
    for path in paths:
        for row in read_rows(path):
            try:
                yield conversation_of(row)
            except Unusable as reason:
                lost[str(reason)] += 1


def files_of(data: Path) -> list[Path]:
    """Return ``data`` itself, or the JSON lines and Parquet files in that folder, by name."""
    if not data.is_dir():
        return [data]
    return sorted(one for one in data.iterdir() if one.suffix in {".jsonl", ".json", ".parquet"})
