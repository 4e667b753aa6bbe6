"""What the figures say, in Markdown for people: leaderboard, agreement, raters, recommendation."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from .agreement import Agreed, Agreement
from .anomalies import Proposal
from .evidence import Recommendation
from .fragility import Fragility
from .leaderboard import Effect, Leaderboard, Standing
from .means import Mean, Means
from .raters import RaterStatistics

MARK = "¹"


def leaderboard_text(board: Leaderboard, fragile: Fragility | None = None) -> str:
    """Return a leaderboard as a table, and below it what it must be read with."""
    against = f"`{board.baseline}`" if board.baseline else "the middle"
    rows = [_standing(standing) for standing in board.standings]
    notes = [
        (
            f"{board.ballots:,} ballots on {_count(board.prompts, 'prompt')} by {_count(board.raters, 'rater')},"
            f" {board.comparisons:,} comparisons, {board.ties:.0%} of them ties."
        ),
        (
            f"1000 is {against}; 400 more are odds of ten to one. Intervals are of 95 % and take ballots to be"
            f" dependent that share a {' or a '.join(board.clusters.split(' and '))}."
        ),
        *_effects(board),
        *([_fragile(fragile)] if fragile else []),
        *([_left_out(board)] if board.left_out else []),
        *(f"{MARK} {warning}." if ":" in warning else f"{warning}." for warning in board.warnings),
    ]
    head = ("rank", "answerer", "rating", "95 %", "best", "wins", "ballots")
    return "\n".join([*_table(head, rows), "", *(f"- {note}" for note in notes)])


def agreement_text(found: Agreement) -> str:
    """Return how much raters agree, as a table."""
    rows = [
        ("alpha, where answers stand", _agreed(found.places)),
        ("alpha, pairs, ordinal", _agreed(found.pairs)),
        ("alpha, pairs, nominal", _agreed(found.pairs_nominal)),
        ("tau-b with the others", _agreed(found.tau)),
        ("same way, where both see a difference", _share(found.same)),
    ]
    said = f"{found.raters} raters, {found.tasks} tasks that several ranked. 0 is chance, 1 is always."
    return "\n".join([*_table(("agreement", "value and 95 %"), rows), "", f"- {said}"])


def raters_text(found: Sequence[RaterStatistics], proposed: Iterable[Proposal] = ()) -> str:
    """Return how raters rate as a table, and below it whom somebody should look at. Nobody is left out by this."""
    rows = [
        (
            one.rater,
            str(one.ballots),
            f"{one.gold_low:.0%}" if one.gold_right + one.gold_wrong else "",
            _number(one.tau_shrunk),
            _share(one.first_share),
            _number(one.entropy),
            _share(one.same_twice),
            _number(one.seconds, 1),
        )
        for one in found
    ]
    head = ("rater", "ballots", "gold above", "tau-b", "first best", "evenness", "same twice", "seconds")
    notes = [
        f"- {one.rater}, {one.method}: {one.reason}.{' A hint: there are few ballots.' if one.hint else ''}"
        for one in proposed
    ]
    return "\n".join([*_table(head, rows), *([""] if notes else []), *notes])


def means_text(found: Means) -> str:
    """Return the points that answerers got, as a table, and below it what it must be read with."""
    rows = [(f"{one.axis}, 1 to {one.most}", one.answerer, *_mean(one)) for one in found.means]
    out = f" {_count(found.left_out, 'ballot')} without points that count." if found.left_out else ""
    notes = [
        (
            f"{_count(found.ballots, 'ballot')}.{out} Intervals are of 95 % and take points to be dependent that share"
            " a rater or a prompt."
        ),
        "Points are in no leaderboard of rankings, and no answerer is recommended from them.",
        *found.warnings,
    ]
    head = ("axis", "answerer", "mean", "95 %", "points", "raters")
    return "\n".join([*_table(head, rows), "", *(f"- {note}" for note in notes)])


def _mean(one: Mean) -> tuple[str, ...]:
    sure = "" if one.low is None or one.high is None else f"{one.low:.2f} to {one.high:.2f}"
    return f"{one.value:.2f}", sure, f"{one.points:,}", f"{one.raters:,}"


def recommendation_text(found: Recommendation) -> str:
    """Return a recommendation as three sentences at most."""
    said = found.evidence
    first = {
        "promote": f"Put `{found.candidate}` in the place of `{found.live}`",
        "keep": f"Keep `{found.live}`",
        "more": "Go on",
    }[found.decision]
    rate = (
        f"`{found.candidate}` wins {said.win_rate:.1%} ({said.low:.1%} to {said.high:.1%}) of comparisons"
        f" in {_count(said.tasks, 'task')}, a tie half."
    )
    rest = ""
    if found.decision == "more":
        rest = (
            f" About {found.more:,} tasks more are expected to decide, if they are like these."
            if found.more is not None
            else " There is no difference yet from which to say how many tasks it takes."
        )
    return f"{first}: {found.reason}. {rate}{rest}"


def _standing(standing: Standing) -> tuple[str, ...]:
    low, high = standing.rating_interval
    return (
        standing.place,
        standing.answerer + (f" {MARK}" if standing.flag else ""),
        f"{standing.rating:.0f}",
        f"{low:.0f} to {high:.0f}",
        "?" if standing.first is None else f"{standing.first:.0%}",
        f"{standing.won:.0%}",
        f"{standing.ballots:,}",
    )


def _effects(board: Leaderboard) -> list[str]:
    found: list[str] = []
    if board.position:
        found.append(f"Being shown first rather than last multiplies the odds by {_odds(board.position)}.")
    if board.length:
        found.append(f"Being three times as long multiplies them by {_odds(board.length, 0.5)}.")
    return found


def _odds(effect: Effect, by: float = 1.0) -> str:
    value, low, high = (math.exp(by * each) for each in (effect.value, effect.low, effect.high))
    sure = "" if effect.low > 0 or effect.high < 0 else ", which may be nothing"
    return f"{value:.2f} ({low:.2f} to {high:.2f}{sure})"


def _fragile(found: Fragility) -> str:
    if not found.rival:
        return f"`{found.leader}` stays first even without the half of the ballots that favours it most."
    count = _count(len(found.judgments), "ballot")
    return f"Without {count} ({found.share:.2%}), `{found.rival}` would lead instead of `{found.leader}`."


def _left_out(board: Leaderboard) -> str:
    said = ", ".join(f"{count:,} {reason}" for reason, count in sorted(board.left_out.items()))
    return f"Not in it: {said}."


def _agreed(found: Agreed) -> str:
    if math.isnan(found.value):
        return "nothing to compare"
    return f"{found.value:.2f} ({found.low:.2f} to {found.high:.2f})"


def _number(value: float, digits: int = 2) -> str:
    return "" if math.isnan(value) else f"{value:.{digits}f}"


def _share(value: float) -> str:
    return "" if math.isnan(value) else f"{value:.0%}"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a table; what would end a cell is escaped, as answerers are named by people."""
    safe = [[_cell(cell) for cell in row] for row in (head, *rows)]
    lines = [f"| {' | '.join(row)} |" for row in safe]
    return [lines[0], f"|{'---|' * len(head)}", *lines[1:]]


def _cell(text: str) -> str:
    return " ".join(text.replace("\\", "\\\\").replace("|", "\\|").split())
