"""Reserve what a question may take before it is asked, and settle what it took when it is answered.

It sits inside of history, since a prompt is as long as what was said before, and outside of moderation, so that nobody
who has nothing left is judged at the expense of whoever pays for that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce

from ..actions import Action, Emit, Finish, Retract
from ..chat import Usage
from ..metering import added, most_of
from ..prompts import FRAME, budget_of, overhead
from ..protocols import Model
from ..quotas import Held, Quotas, money
from ..refusals import Refusals
from ..spending import MILLIONTHS, Amounts, Bill, Ceiling, Granted, amounts_of
from ..turns import Handler, Stage, Turn

SYSTEM = 1_000
"""Tokens that are reserved for the persona's prompt, which is chosen further inside."""


REFUSED = " refused"
"""What a step of this stage ends in that let nobody through; its fact ``seconds`` says when there is room again."""


def quota(quotas: Quotas, models: Mapping[str, Model], refusals: Refusals) -> Stage:
    """Refuse a question for which a quota has not enough left, saying when that begins anew; count what others take.

    What is reserved is one message and `estimate`. It is settled before the end of the answer is passed on; what no
    model was asked for, because moderation refused it or it failed before, takes nothing.
    """
    till = _Till(quotas, models, refusals)

    def stage(inner: Handler) -> Handler:
        async def handle(turn: Turn, emit: Emit) -> None:
            bill = Bill(
                event=turn.event, reply=turn.reply, answerer=turn.answerer.name, model=turn.answerer.model
            )
            held = await quotas.of(turn.author, turn.permission, turn.place, turn.answerer.name)
            if held and not await till.reserve(turn, bill, held, emit):
                return
            account = _Account(quotas, turn, bill, reserved=bool(held))

            async def heard(action: Action) -> None:
                if isinstance(action, Finish | Retract):
                    account.settle()
                await emit(action)

            try:
                await inner(turn, heard)
            finally:
                account.close()

        return handle

    return stage


def estimate(turn: Turn, model: Model) -> Usage:
    """Return what the question of ``turn`` takes at most, as far as that is known before it is asked.

    The prompt is what the question, the history and the summary count, a thousand tokens for the system prompt, and what
    templates add, but no more than fits beside the answer; the answer is as long as it may be. The model says what that
    costs, and how often it asks (`rostra.protocols.Metered`).
    """
    sampling, count = turn.answerer.sampling, model.count
    texts = [turn.question, turn.summary, turn.answerer.prompt, *(said.text for said in turn.history)]
    prompt = SYSTEM + FRAME + sum(count(text) + overhead(count) for text in texts if text)
    fits = budget_of(model.window, sampling.max_tokens, sampling.tools, count=count)
    return most_of(model, min(prompt, fits), min(sampling.max_tokens, model.window) * max(1, sampling.n))


class _Till:
    """Where questions are let through, or not."""

    def __init__(self, quotas: Quotas, models: Mapping[str, Model], refusals: Refusals) -> None:
        self._quotas = quotas
        self._models = models
        self._refusals = refusals

    async def reserve(self, turn: Turn, bill: Bill, held: Sequence[Held], emit: Emit) -> bool:
        """Reserve what the question may take; refuse it, and return False, where there is not enough left."""
        want = self._wanted(turn, [one.share.ceiling for one in held])
        granted = await self._quotas.spendings.reserve(bill, want, [one.share for one in held])
        if granted.refused is not None:
            await self._refuse(turn, held[granted.refused], granted, want, emit)
            return False
        for one, used in zip(held, granted.used, strict=True):
            turn.trace.note("quota", f"{one.quota.name} reserved", **_figures(one, used + want))
        return True

    def _wanted(self, turn: Turn, ceilings: Sequence[Ceiling]) -> Amounts:
        if all(one.tokens is None and one.cost is None for one in ceilings):
            return Amounts(messages=1)  # nothing has to be counted
        return amounts_of(estimate(turn, self._models[turn.answerer.model]))

    async def _refuse(self, turn: Turn, one: Held, granted: Granted, want: Amounts, emit: Emit) -> None:
        used = granted.used[granted.refused or 0]
        kind = one.share.ceiling.over(used, want)[0]
        ends = one.share.ends_at
        seconds = round((ends - self._quotas.clock.now()).total_seconds())
        figures = _figures(one, used)
        turn.trace.note("quota", f"{one.quota.name}{REFUSED}", lacks=kind, **figures, seconds=seconds)
        most, taken = getattr(one.share.ceiling, kind), getattr(used, kind)
        unit = MILLIONTHS if kind == "cost" else 1
        text = self._refusals.render(
            "quota",
            place=turn.place,
            trace=turn.reply,
            what=kind,
            per=one.quota.per,
            window=one.quota.window,
            limit=most / unit,
            left=max(0, most - taken) / unit,
            date=f"{ends:%Y-%m-%d}",
            time=f"{ends:%H:%M}",
            seconds=seconds,
        )
        await emit(Finish(reply=turn.reply, text=text, ending="content_filter"))


class _Account:
    """What one question took, and whether that is settled."""

    def __init__(self, quotas: Quotas, turn: Turn, bill: Bill, *, reserved: bool) -> None:
        self._quotas = quotas
        self._turn = turn
        self._bill = bill
        self._noted = reserved
        self._reserved = reserved
        self._settled = 0

    def settle(self) -> None:
        """Count what models were asked for since the last time. Without that, what is reserved stays so."""
        new = self._turn.trace.used[self._settled :]
        if not new:
            return
        self._settled += len(new)
        usage = reduce(added, new)
        self._quotas.spendings.settle(self._bill, usage)
        self._reserved = False
        if self._noted:
            cost = {} if usage.cost is None else {"cost": money(amounts_of(usage).cost)}
            tokens = f"{usage.prompt:,} + {usage.completion:,}"
            self._turn.trace.note("quota", "settled", tokens=tokens, **cost)

    def close(self) -> None:
        """Count what is left to count, and give back what is reserved and was not used."""
        self.settle()
        if self._reserved:
            self._quotas.spendings.settle(self._bill, None)


def _figures(one: Held, used: Amounts) -> Mapping[str, str]:
    """Return how much of a quota is used: ``messages 3 of 20``."""
    found: dict[str, str] = {"per": one.quota.per, "window": one.quota.window}
    ceiling = one.share.ceiling
    if ceiling.messages is not None:
        found["messages"] = f"{used.messages:,} of {ceiling.messages:,}"
    if ceiling.tokens is not None:
        found["tokens"] = f"{used.tokens:,} of {ceiling.tokens:,}"
    if ceiling.cost is not None:
        found["cost"] = f"{money(used.cost)} of {money(ceiling.cost)}"
    return found
