"""What making answers to compare takes out of people's quotas."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from functools import reduce

from ...chat import Answerer
from ...command import Call
from ...feedback.candidates import Topic
from ...metering import added, most_of
from ...prompts import FRAME, budget_of, overhead
from ...quotas import Held
from ...spending import MILLIONTHS, NOTHING, Amounts, Bill, amounts_of
from ...views import View, text
from .office import Office


@asynccontextmanager
async def afforded(
    office: Office, call: Call, topic: Topic, answerers: Sequence[Answerer], k: int
) -> AsyncGenerator[View | None]:
    """Reserve what ``k`` answers may take, and settle what they took at the end.

    Yields what somebody is told who has not enough left, None if they have. Raises `StoreError`.
    """
    turn, quotas, first = call.turn, call.desk.quotas, answerers[0]
    bill = Bill(event=turn.event, reply=turn.reply, answerer=first.name, model=first.model)
    held = await quotas.of(turn.author, turn.permission, turn.place, first.name)
    if held:
        refused = await _reserved(office, call, bill, held, _most(office, topic, answerers, k))
        if refused is not None:
            yield refused
            return
    done = len(turn.trace.used)
    try:
        yield None
    finally:
        used = turn.trace.used[done:]
        if used or held:
            quotas.spendings.settle(bill, reduce(added, used) if used else None)


def _most(office: Office, topic: Topic, answerers: Sequence[Answerer], k: int) -> Amounts:
    """Return what ``k`` answers take at most, spare ones left out: as one message, which is what people asked for."""
    total = NOTHING
    for number, one in enumerate(answerers):
        model, share = office.models[one.model], len(range(number, k, len(answerers)))
        said = [topic.systems.get(one.name, ""), topic.question, *(line.text for line in topic.history)]
        fits = budget_of(model.window, one.sampling.max_tokens, count=model.count)
        prompt = FRAME + sum(model.count(part) + overhead(model.count) for part in said if part)
        each = amounts_of(most_of(model, min(prompt, fits), one.sampling.max_tokens))
        total += Amounts(tokens=each.tokens * share, cost=each.cost * share)
    return total + Amounts(messages=1)


async def _reserved(
    office: Office, call: Call, bill: Bill, held: Sequence[Held], want: Amounts
) -> View | None:
    quotas, turn = call.desk.quotas, call.turn
    granted = await quotas.spendings.reserve(bill, want, [one.share for one in held])
    if granted.refused is None:
        return None
    one, used = held[granted.refused], granted.used[granted.refused]
    kind = one.share.ceiling.over(used, want)[0]
    unit = MILLIONTHS if kind == "cost" else 1
    most, taken, ends = getattr(one.share.ceiling, kind), getattr(used, kind), one.share.ends_at
    turn.trace.note("quota", f"{one.quota.name} refused", lacks=kind)
    said = office.refusals.render(
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
        seconds=round((ends - quotas.clock.now()).total_seconds()),
    )
    return text(said, private=True)
