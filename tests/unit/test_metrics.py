"""Figures for Prometheus: what is counted, and that nobody's words or names are in it."""

from __future__ import annotations

import pytest

from rostra.actions import Action, Begin, Emit, Finish, Retract, Typing
from rostra.chat import Usage
from rostra.errors import ModelError
from rostra.metrics import Metrics
from rostra.testing.clock import ManualClock
from rostra.testing.stages import a_turn
from rostra.turns import Turn
from rostra.verdicts import Decision, Verdict

BLOCK = Verdict(decision=Decision.BLOCK, source="rules", categories={"hate": 0.9})


async def nobody_hears(_: Action) -> None:
    pass


def value(metrics: Metrics, name: str) -> float:
    """Return the value of one line, which is written as ``name{labels}``."""
    lines = dict(
        line.rsplit(" ", 1) for line in metrics.exposed(dead=0).decode().splitlines() if line[0] != "#"
    )
    return float(lines.get(name, 0))


async def test_a_turn_is_counted_with_how_it_ended_and_how_long_it_took() -> None:
    metrics, clock = Metrics(), ManualClock()

    async def inner(turn: Turn, emit: Emit) -> None:
        turn.trace.used.append(Usage(prompt=7, completion=5, cached=3))
        await emit(Typing(reply=turn.reply))
        await clock.advance(0.2)
        await emit(Begin(reply=turn.reply, text="Fine"))
        await clock.advance(2)
        assert value(metrics, 'rostra_turns_under_way{adapter="fake"}') == 1
        await emit(Finish(reply=turn.reply, text="Fine.", ending="length"))

    await metrics.stage(clock)(inner)(a_turn(), nobody_hears)
    assert value(metrics, 'rostra_turns_total{adapter="fake",ending="length"}') == 1
    assert value(metrics, 'rostra_turns_under_way{adapter="fake"}') == 0
    assert value(metrics, 'rostra_first_text_seconds_sum{adapter="fake"}') == pytest.approx(0.2)
    assert value(metrics, 'rostra_turn_seconds_sum{adapter="fake"}') == pytest.approx(2.2)
    kinds = {"prompt": 7, "completion": 5, "cached": 3}
    for kind, many in kinds.items():
        assert value(metrics, f'rostra_tokens_total{{adapter="fake",kind="{kind}"}}') == many


async def test_what_moderation_decided_is_counted_by_kind() -> None:
    metrics = Metrics()

    async def inner(turn: Turn, emit: Emit) -> None:
        turn.trace.judged("question", BLOCK)
        await emit(Retract(reply=turn.reply))

    await metrics.stage(ManualClock())(inner)(a_turn(), nobody_hears)
    name = 'rostra_verdicts_total{adapter="fake",decision="block",direction="question",kind="judged"}'
    assert value(metrics, name) == 1
    assert value(metrics, 'rostra_turns_total{adapter="fake",ending="content_filter"}') == 1


async def test_a_turn_that_breaks_is_counted_and_breaks_on() -> None:
    metrics = Metrics()

    async def inner(_: Turn, __: Emit) -> None:
        raise ModelError("gone")

    with pytest.raises(ModelError):
        await metrics.stage(ManualClock())(inner)(a_turn(), nobody_hears)
    assert value(metrics, 'rostra_turns_total{adapter="fake",ending="error"}') == 1


async def test_figures_name_no_place_and_no_person_and_quote_nobody() -> None:
    metrics = Metrics()

    async def inner(turn: Turn, emit: Emit) -> None:
        await emit(Finish(reply=turn.reply, text="an answer that is secret"))

    turn = a_turn("a secret question", channel="secret-channel", author="secret-person")
    await metrics.stage(ManualClock())(inner)(turn, nobody_hears)
    assert b"secret" not in metrics.exposed(dead=3)
    assert b"rostra_dead_letters 3.0" in metrics.exposed(dead=3)
