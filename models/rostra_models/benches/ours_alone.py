"""What is asked of our engine alone: follow-up questions, questions into the midst of answers, many that wait, quality."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random

from rostra.benches.report import Figure, figure

from .contenders import Contender, started
from .rounds import SHORTEST, lengths, prompts
from .samples import growth

HISTORY, QUESTION = 2_000, 20
"""Tokens of a conversation so far, and of what is asked next."""

RUNNING = 7
"""Conversations that are answered while another one comes."""

WAITING = (1, 8, 25, 50, 100)
"""Conversations asked at once."""

WAITING_PROMPT, WAITING_TOKENS = 32, 32


def alone(folder: Path, vocabulary: int, *, rounds: int, history: int = HISTORY) -> dict[str, Figure]:
    """Ask it all ``rounds`` times of a process of its own. Raises `Died`."""
    command: list[str | Path] = [sys.executable, "-m", "rostra_models.benches.ours", folder, "auto"]
    chance = Random(4)  # noqa: S311  reproducible, not secret
    with started("ours", command) as ours:
        ours.ask("answer", prompts=prompts(chance, vocabulary, lengths(8)), tokens=4)  # warms up
        return {
            **_follow_up(ours, chance, vocabulary, rounds, history),
            **_interrupt(ours, chance, vocabulary, rounds),
            **_waiting(ours, chance, vocabulary, rounds),
        }


def _follow_up(
    ours: Contender, chance: Random, vocabulary: int, rounds: int, history: int
) -> dict[str, Figure]:
    told: list[Mapping[str, float]] = []
    for number in range(rounds):
        before, question, stranger = prompts(chance, vocabulary, (history, QUESTION, history + 100))
        told.append(
            ours.ask(
                "follow_up", place=str(number), history=before, question=question, stranger=stranger
            ).made
        )
    middle = _medians(told)
    speed_up = statistics.median(one["without_cache"] / one["with_cache"] for one in told)
    return {
        "ttft_follow_up_ratio": figure(speed_up, "times sooner than without the cache"),
        "ttft_follow_up_ms": figure(middle["with_cache"] * 1000, "ms"),
        "ttft_follow_up_without_cache_ms": figure(middle["without_cache"] * 1000, "ms"),
        "follow_up_tokens": figure(middle["tokens"], "tokens"),
        "follow_up_new_tokens": figure(middle["new"], "tokens"),
        "follow_up_prefilled_tokens": figure(middle["read_again"], "tokens"),
        "follow_up_prefilled_tokens_without_cache": figure(middle["read_without"], "tokens"),
    }


def _interrupt(ours: Contender, chance: Random, vocabulary: int, rounds: int) -> dict[str, Figure]:
    running = prompts(chance, vocabulary, lengths(RUNNING))
    questions = prompts(chance, vocabulary, [SHORTEST] * 2 * (4 * rounds + 1))
    told = ours.ask("interrupt", running=running, questions=questions).made
    bar = 2 * told["idle"] + told["step"]
    return {
        "ttft_idle_ms": figure(told["idle"] * 1000, "ms"),
        "ttft_busy_ms": figure(told["busy"] * 1000, f"ms, {RUNNING} answers running"),
        "decode_step_ms": figure(told["step"] * 1000, f"ms, {RUNNING} answers running"),
        "ttft_busy_of_bar": figure(told["busy"] / bar, "of twice the idle time and a step"),
    }


def _waiting(ours: Contender, chance: Random, vocabulary: int, rounds: int) -> dict[str, Figure]:
    costs: dict[int, list[float]] = {count: [] for count in WAITING}
    kept: list[float] = []
    for _ in range(rounds):
        for count in WAITING:
            costs[count].append(_cost(ours, chance, vocabulary, count))
        # All of these are answered now, and their caches kept as far as memory allows.
        kept.append(_cost(ours, chance, vocabulary, 1))
    middle = {count: statistics.median(found) for count, found in costs.items()}
    return {
        **{f"cost_a_token_{count}_ms": figure(cost * 1000, "ms") for count, cost in middle.items()},
        "cost_a_token_growth": figure(growth(list(middle.values())), "times, from 1 to 100 waiting"),
        "cost_a_token_growth_kept": figure(
            statistics.median(kept) / middle[1], "times, one alone after 100 were answered"
        ),
    }


def _cost(ours: Contender, chance: Random, vocabulary: int, count: int) -> float:
    asked = prompts(chance, vocabulary, [WAITING_PROMPT] * count)
    cost: float = ours.ask("waiting", prompts=asked, tokens=WAITING_TOKENS).made
    return cost


def _medians(told: Sequence[Mapping[str, float]]) -> dict[str, float]:
    return {name: statistics.median(one[name] for one in told) for name in told[0]}


def perplexities(folder: Path, text: str, windows: int) -> dict[str, Figure]:
    """Return the perplexity of ``text`` in full and in 8-bit weights, and what the latter cost. Raises `Died`."""
    found: dict[str, float] = {}
    for dtype in ("float32", "int8"):
        command: list[str | Path] = [sys.executable, "-m", "rostra_models.benches.perplexity", folder, dtype]
        with started(f"perplexity in {dtype}", command) as judge:
            found[dtype] = judge.ask("perplexity", text=text, windows=windows).made
    return {
        **{f"perplexity_{dtype}": figure(value, "per token") for dtype, value in found.items()},
        "perplexity_price_of_int8": figure((found["int8"] / found["float32"] - 1) * 100, "%"),
    }
