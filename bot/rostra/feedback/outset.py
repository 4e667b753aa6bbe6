"""Campaigns from files: questions with answers that are there already, judged by the moderation and made into tasks."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any, TypeGuard, cast

from ..errors import ConfigError
from ..places import Person, Place
from ..protocols import Moderation
from ..stores import Store
from ..verdicts import Passage
from .candidates import DECISIONS
from .ranking import MOST, RankingError, parse
from .values import Batch, Campaign, Candidate, DecisionName, Line, Task, candidate_tiers, new_id

LEAST = 2

LONGEST = 100_000
"""Characters of a text; more nobody reads on a ballot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """A question of a file with its answers, as (answerer, text); ``right`` is the known ranking by letters in this order, if there is one."""

    question: str
    answers: tuple[tuple[str, str], ...]
    right: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """What became of a file: ``tasks`` can be ranked, ``blocked`` answers and ``left_out`` questions cannot."""

    campaign: Campaign
    tasks: int
    blocked: int
    left_out: int


def read(file: Path) -> list[Answered]:
    """Return the questions of ``file``: one JSON object a line, with ``prompt``, ``answers`` and perhaps ``right``.

    Lines that begin with # are left out. An answer is a text, or an object with ``text`` and ``answerer``. Raises `ConfigError` that names the line.
    """
    found: list[Answered] = []
    try:
        for number, line in enumerate(file.read_text(encoding="utf-8-sig").split("\n"), start=1):
            if line.strip() and not line.startswith("#"):
                found.append(_read(line, f"{file.name} line {number}"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{str(file)!r} cannot be read: {error}") from error
    if not found:
        raise ConfigError(f"{str(file)!r} has no prompts; one JSON object a line would be right")
    return found


def _read(line: str, where: str) -> Answered:
    try:
        given: Any = json.loads(line)
    except ValueError as error:
        raise ConfigError(f"{where}: this is no JSON: {error}") from error
    if not isinstance(given, dict):
        raise ConfigError(f'{where}: {{"prompt": …, "answers": […]}} would be right')
    row = cast("dict[str, Any]", given)
    question, answers, right = row.get("prompt"), row.get("answers"), row.get("right", "")
    if not _is_text(question):
        raise ConfigError(f"{where}: prompt is {_kind(question)}; a text would be right")
    listed = answers if _is_list(answers) else []
    if not LEAST <= len(listed) <= MOST:
        raise ConfigError(f"{where}: answers is {_kind(answers)}; a list of {LEAST} to {MOST} would be right")
    found = tuple(_answer(one, where) for one in listed)
    if not isinstance(right, str):
        raise ConfigError(f"{where}: right is {_kind(right)}; a ranking such as 'B > A' would be right")
    if right:
        try:
            parse(right, len(found))
        except RankingError as error:
            raise ConfigError(f"{where}: right: {error}") from error
    return Answered(question=cast("str", question), answers=found, right=right)


def _answer(given: Any, where: str) -> tuple[str, str]:
    row = cast("dict[str, Any]", given) if isinstance(given, dict) else {"text": given}
    text, answerer = row.get("text"), row.get("answerer", "")
    if not _is_text(text) or not isinstance(answerer, str):
        raise ConfigError(f'{where}: an answer is a text, or {{"text": …, "answerer": …}}')
    return answerer, cast("str", text)


def _is_text(given: Any) -> bool:
    return isinstance(given, str) and bool(given.strip()) and len(given) <= LONGEST


def _is_list(given: object) -> TypeGuard[list[Any]]:
    return isinstance(given, list)


def _kind(given: Any) -> str:
    name = type(given).__name__
    return f"{name} of {len(given)}" if isinstance(given, str) or _is_list(given) else name


async def begin(
    store: Store, campaign: Campaign, asked: Sequence[Answered], moderation: Moderation | None, now: datetime
) -> Begun:
    """Store ``campaign`` with a task for each question, all of which ``moderation`` judged before; None: nothing is judged.

    A blocked answer is not shown, nor is a question that is blocked or keeps fewer than two answers. Raises `StoreError`.
    """
    # Nobody gets a task before all of them are there.
    await store.save_campaign(replace(campaign, status="draft"))
    tasks = blocked = 0
    for one in asked:
        passed = await _judged(moderation, one, campaign.place)
        kept = [] if passed is None else [each for each in passed if each[2] != "block"]
        blocked += 0 if passed is None else len(passed) - len(kept)
        if len(kept) < LEAST:
            continue
        batch, candidates, task = _made(campaign, one, kept, now)
        await store.add_batch(batch, candidates, [task])
        tasks += 1
    await store.save_campaign(campaign)
    return Begun(campaign=campaign, tasks=tasks, blocked=blocked, left_out=len(asked) - tasks)


_Passed = tuple[int, str, DecisionName]


async def _judged(moderation: Moderation | None, one: Answered, place: Place) -> list[_Passed] | None:
    """Return each answer as (where it stood, policy, decision), None where the question is blocked."""
    if moderation is None:
        return [(slot, "", "allow") for slot in range(len(one.answers))]
    author = Person(id="")
    passage = Passage(text=one.question, direction="question", place=place, author=author)
    if DECISIONS.get((await moderation.judge(passage)).decision) is None:
        return None
    found: list[_Passed] = []
    for slot, (_, text) in enumerate(one.answers):
        verdict = await moderation.judge(
            replace(passage, text=text, direction="answer", question=one.question)
        )
        found.append((slot, verdict.policy, DECISIONS.get(verdict.decision) or "block"))
    return found


def _made(
    campaign: Campaign, one: Answered, kept: Sequence[_Passed], now: datetime
) -> tuple[Batch, list[Candidate], Task]:
    batch = Batch(
        id=new_id(),
        place=campaign.place,
        asker="",
        context=(Line(role="user", text=one.question),),
        at=now,
        policy=kept[0][1],
        decision="flag" if any(decision == "flag" for _, _, decision in kept) else "allow",
    )
    candidates = list(_candidates(batch.id, one, kept))
    task = Task(
        id=new_id(),
        campaign=campaign.id,
        batch=batch.id,
        candidates=tuple(each.id for each in candidates),
        required=campaign.overlap,
        # Of points none are the right ones.
        gold=()
        if campaign.mode == "rate"
        else _gold(one, {slot: each.id for (slot, _, _), each in zip(kept, candidates, strict=True)}),
    )
    return batch, candidates, task


def _candidates(batch: str, one: Answered, kept: Sequence[_Passed]) -> Iterator[Candidate]:
    for ordinal, (slot, policy, decision) in enumerate(kept):
        answerer, text = one.answers[slot]
        yield Candidate(
            id=new_id(),
            batch=batch,
            ordinal=ordinal,
            text=text,
            origin="model" if answerer else "human",
            answerer=answerer,
            decision=decision,
            policy=policy,
        )


def _gold(one: Answered, ids: Mapping[int, str]) -> tuple[tuple[str, ...], ...]:
    """Return the right tiers; none where an answer of the ranking is not shown."""
    if not one.right or len(ids) < len(one.answers):
        return ()
    order = [ids[slot] for slot in range(len(one.answers))]
    return candidate_tiers(parse(one.right, len(order)), order)
