"""Answers made to be compared: drawn from one or more answerers, judged before anybody sees them, and none of them a giveaway."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import cast

from ..chat import Answerer, FinishReason, Piece, Sampling, Utterance
from ..clock import Clock
from ..errors import ModelError
from ..metering import metered
from ..prompts import Prompt, budget_of, fit
from ..protocols import Model, Moderation
from ..turns import Turn
from ..verdicts import Decision, Passage
from ..versions import sampling_id, version_of
from .identity import gives_away
from .values import Candidate, DecisionName, new_id

SPARE = 3
"""Answers of one answerer that are drawn in place of those that cannot be shown."""

WARMER = (0.7, 1.0)
"""Temperatures at least, one after the other, for an answerer that says the same again: at its own it often does, and nothing is learned."""

PATIENCE = 45.0
"""Seconds after which what is there has to do."""

SEEDS = 2**31

DECISIONS: Mapping[Decision, DecisionName] = {Decision.ALLOW: "allow", Decision.FLAG: "flag"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """What is answered. ``systems`` has the system prompt of each answerer by its name, ``names`` what may give it away."""

    turn: Turn
    question: str
    history: Sequence[Utterance] = ()
    systems: Mapping[str, str] = field(default_factory=dict[str, str])
    names: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawn:
    """One answer that may be shown. ``sampling`` is how it was drawn, ``leaks``: it says who wrote it."""

    answerer: Answerer
    sampling: Sampling
    text: str
    seed: int
    finish: str
    tokens: int
    latency_ms: int
    decision: DecisionName = "allow"
    policy: str = ""
    leaks: bool = False


@dataclass(slots=True)
class _Said:
    text: str = ""
    finish: FinishReason | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Kitchen:
    """Makes candidates with the models of a bot."""

    models: Mapping[str, Model]
    moderation: Moderation
    clock: Clock

    async def drawn(self, topic: Topic, answerers: Sequence[Answerer], k: int) -> Sequence[Drawn]:
        """Return up to ``k`` different answers that may be shown, from each answerer as many as from the others.

        There are fewer where models are too slow, say the same again and again, or what they say is blocked. One that gives
        its writer away is among them only where there was nothing better. Raises `ModelError` if no model said anything.
        """
        shares = {one.name: len(range(number, k, len(answerers))) for number, one in enumerate(answerers)}
        pots: dict[str, list[Drawn]] = {one.name: [] for one in answerers}
        errors: list[ModelError] = []

        async def fill(one: Answerer) -> None:
            try:
                await self._fill(topic, one, shares[one.name], pots[one.name])
            except ModelError as error:
                errors.append(error)

        try:
            async with self.clock.timeout(PATIENCE):
                await asyncio.gather(*(fill(one) for one in answerers if shares[one.name]))
        except TimeoutError:
            topic.turn.trace.note("rank", "no more time", seconds=PATIENCE)
        found = _different(answerers, shares, pots)
        if not found and errors:
            raise errors[0]
        return found[:k]

    async def _fill(self, topic: Topic, one: Answerer, share: int, pot: list[Drawn]) -> None:
        """Put ``share`` good answers of one answerer into ``pot``, as far as a few spare ones allow."""
        asked, repeated = 0, 0
        seen: set[str] = set()
        while asked < share + SPARE:
            lacking = share - len({_same(each.text) for each in pot if not each.leaks})
            if lacking <= 0:
                return
            found = await self._asked(topic, one, _warmer(one.sampling, repeated), lacking)
            fresh = {_same(each.text) for each in found} - seen
            repeated += len(fresh) < len(found)
            seen |= fresh
            for each in found:
                judged = await self._judged(topic, each)
                if judged is not None:
                    pot.append(judged)
            asked += max(1, len(found))

    async def _asked(self, topic: Topic, one: Answerer, sampling: Sampling, count: int) -> Sequence[Drawn]:
        """Ask an answerer once for ``count`` answers. A model that gives one at a time gives one."""
        model, seed = self.models[one.model], random.SystemRandom().randrange(SEEDS)
        prompt = _prompt(topic, one, model)
        most = min(sampling.max_tokens, max(model.window - prompt.tokens, 1))
        asked = replace(sampling, n=count, seed=seed, place=topic.turn.place, max_tokens=most, tools=())
        started = self.clock.monotonic()
        said: dict[int, _Said] = {}
        with metered(topic.turn, model, prompt.tokens) as meter:
            async with _closing(model.stream(prompt.messages, asked)) as pieces:
                async for piece in pieces:
                    meter.take(piece)
                    each = said.setdefault(piece.choice, _Said())
                    each.text += piece.text
                    each.finish = piece.finish or each.finish
        took = round((self.clock.monotonic() - started) * 1000)
        return [
            Drawn(
                answerer=one,
                sampling=sampling,
                text=each.text.strip(),
                seed=seed,
                finish=each.finish or "stop",
                tokens=model.count(each.text),
                latency_ms=took,
                leaks=gives_away(each.text, topic.question, topic.names),
            )
            for _, each in sorted(said.items())
            if each.text.strip()
        ]

    async def _judged(self, topic: Topic, one: Drawn) -> Drawn | None:
        """Return the answer with the moderation's decision, None if it may not be shown."""
        turn = topic.turn
        verdict = await self.moderation.judge(
            Passage(
                text=one.text,
                direction="answer",
                place=turn.place,
                author=turn.author,
                question=topic.question,
            )
        )
        turn.trace.judged("answer", verdict)
        decision = DECISIONS.get(verdict.decision)
        return None if decision is None else replace(one, decision=decision, policy=verdict.policy)


def candidate(one: Drawn, model: Model, *, batch: str, ordinal: int) -> Candidate:
    """Return an answer as the store keeps it."""
    version = version_of(model)
    return Candidate(
        id=new_id(),
        batch=batch,
        ordinal=ordinal,
        text=one.text,
        answerer=one.answerer.name,
        model_version="" if version is None else version.id,
        sampling_config=sampling_id(one.sampling),
        seed=one.seed,
        finish=one.finish,
        tokens=one.tokens,
        decision="flag" if one.leaks else one.decision,
        policy=one.policy,
        latency_ms=one.latency_ms,
    )


def _warmer(sampling: Sampling, repeated: int) -> Sampling:
    """Return how an answerer draws that repeated itself so many times."""
    if not repeated:
        return sampling
    least = WARMER[min(repeated, len(WARMER)) - 1]
    return replace(sampling, temperature=max(sampling.temperature or 0.0, least))


def _prompt(topic: Topic, one: Answerer, model: Model) -> Prompt:
    return fit(
        topic.systems.get(one.name, ""),
        topic.history,
        topic.question,
        budget=budget_of(model.window, one.sampling.max_tokens, count=model.count),
        count=model.count,
    )


def _different(
    answerers: Sequence[Answerer], shares: Mapping[str, int], pots: Mapping[str, Sequence[Drawn]]
) -> Sequence[Drawn]:
    """Return no answer twice, those that give nobody away first; what two answerers both said counts for the first."""
    found: dict[str, Drawn] = {}
    for leaks in (False, True):
        for one in answerers:
            had = sum(each.answerer.name == one.name for each in found.values())
            for each in pots[one.name]:
                if each.leaks == leaks and had < shares[one.name] and _same(each.text) not in found:
                    found[_same(each.text)] = each
                    had += 1
    return list(found.values())


def _same(text: str) -> str:
    return " ".join(text.split())


@asynccontextmanager
async def _closing(pieces: AsyncIterator[Piece]) -> AsyncGenerator[AsyncIterator[Piece]]:
    # An async generator must be closed by whoever stops reading it; other iterators have nothing to close.
    if isinstance(pieces, AsyncGenerator):
        async with aclosing(cast("AsyncGenerator[Piece]", pieces)) as generator:
            yield generator
    else:
        yield pieces
