"""Questions that a policy practises on: conversations up to what is to be answered, as the prompts they are asked with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rostra.chat import Utterance
from rostra.errors import ModelError
from rostra.feedback.data.record import is_list, is_object
from rostra.feedback.data.shapes import read_rows

from ..conversation import Conversation
from .chat_rows import conversation_of, files_of
from .chats import Unusable
from .errors import TrainError

if TYPE_CHECKING:
    from .loop import Means
    from .ppo import PpoSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What was said so far, a person last, and the tokens of the prompt for an answer."""

    said: tuple[Utterance, ...]
    tokens: tuple[int, ...]


def question_of(row: Mapping[str, Any]) -> tuple[Utterance, ...]:
    """Return what a row asks: a conversation without the answers at its end, or a question alone. Raises `Unusable`.

    Rows are those of `conversation_of`, whose answer is not needed here, and judgments in our canonical form.
    """
    given = {name: value for name, value in row.items() if value}
    if is_list(context := row.get("context")):  # a judgment of ours: its "prompt" is no text
        given = {"messages": [_message(one) for one in context]}
    said = list(conversation_of({"answer": "-", **given}))
    while said and said[-1].role == "assistant":
        said.pop()
    if not said or said[-1].role not in {"user", "tool"}:
        raise Unusable("nothing that could be answered")
    return tuple(said)


def _message(one: Any) -> Any:
    return {"role": one.get("role"), "content": one.get("text")} if is_object(one) else one


def asked(data: Path, lost: Counter[str]) -> Iterator[tuple[Utterance, ...]]:
    """Yield what ``data`` asks: lines of a ``.txt`` file, or rows of JSON lines or Parquet; a folder is all of these in it.

    Counts rows that ask nothing by reason. Raises `DatasetError`.
    """
    for file in files_of(data):
        if file.suffix == ".txt":
            lines = file.read_text(encoding="utf-8").splitlines()
            yield from ((Utterance(role="user", text=one.strip()),) for one in lines if one.strip())
            continue
        for row in read_rows(file):
            try:
                yield question_of(row)
            except Unusable as reason:
                lost[str(reason)] += 1


def questions(data: Path, conversation: Conversation, *, longest: int, lost: Counter[str]) -> list[Question]:
    """Return each question of ``data`` once, in order; those longer than ``longest`` tokens lose their oldest turns."""
    found: dict[tuple[int, ...], Question] = {}
    for said in asked(data, lost):
        try:
            one = _question(said, conversation, longest)
        except (Unusable, ModelError) as reason:
            lost[str(reason)] += 1
            continue
        if one.tokens in found:
            lost["asked before"] += 1
        found.setdefault(one.tokens, one)
    return list(found.values())


def _question(said: Sequence[Utterance], conversation: Conversation, longest: int) -> Question:
    """Return the question, cut where a turn begins: half a sentence is no question."""
    head = [one for one in said[:1] if one.role == "system"]
    begins = [0, *(at for at in range(len(head) + 1, len(said)) if said[at].role == "user")]
    for begin in begins:
        kept = [*head, *said[begin:]] if begin else list(said)
        tokens = conversation.tokens(kept)
        if len(tokens) <= longest:
            return Question(said=tuple(kept), tokens=tuple(tokens))
    raise Unusable(f"a question longer than {longest} tokens")


def room_for(settings: PpoSettings, policy: Any) -> int:
    """Return how many tokens a question may have before its answer."""
    room: int | None = getattr(policy.config, "max_position_embeddings", None)
    left = (
        settings.question_tokens
        if room is None
        else min(settings.question_tokens, room - settings.answer_tokens)
    )
    if left < 1:
        raise TrainError(
            f"answer_tokens is {settings.answer_tokens!r}: the model reads {room!r}, questions included"
        )
    return left


def parted(
    settings: PpoSettings, tokenizer: Any, longest: int, means: Means
) -> tuple[list[Question], list[Question]]:
    """Return the questions to practise on, and those held out."""
    lost: Counter[str] = Counter()
    conversation = Conversation(tokenizer)
    learnt = questions(settings.data, conversation, longest=longest, lost=lost)
    if settings.validation is not None:
        held = questions(settings.validation, conversation, longest=longest, lost=lost)
        known = {one.tokens for one in held}
        learnt = [one for one in learnt if one.tokens not in known]
    else:
        sides = [_side(settings.loop.seed, one) < settings.validation_share for one in learnt]
        held = [one for one, side in zip(learnt, sides, strict=True) if side]
        learnt = [one for one, side in zip(learnt, sides, strict=True) if not side]
    for reason, count in lost.most_common():
        means.say(f"{count:,} rows left out: {reason}")
    if not learnt:
        raise TrainError(f"{str(settings.data)!r} has no questions to practise on")
    if not held:
        means.say("no question is held out: figures are of questions that are practised on")
    return learnt, (held or learnt)[: settings.validation_questions]


def _side(number: int, question: Question) -> float:
    """Return where in [0, 1) a question stands, whatever else there is; what begins alike stands together."""
    first = next((one.text for one in question.said if one.role == "user"), "")
    digest = sha256(f"{number}\n{first}".encode("utf-8", "replace")).digest()
    return int.from_bytes(digest[:6]) / 2**48
