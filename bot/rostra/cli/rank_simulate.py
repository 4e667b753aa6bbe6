"""``rostra rank simulate``: raters who do not exist, to see whether what statistics say is true and whether ballots arrive."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .running import Json, run

if TYPE_CHECKING:
    from ..feedback.statistics.simulate import Study
    from ..feedback.statistics.trial import Trial
    from .rehearsal import Rehearsed

CAMPAIGNS = 200
QUICK = 20


def simulate(
    campaigns: Annotated[
        int | None, typer.Option("--campaigns", min=1, max=100_000, help="How many; 200, or 20 with --quick.")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Other raters, other answers.")] = 0,
    *,
    quick: Annotated[
        bool, typer.Option("--quick", help="Less of everything: a check, not a measurement.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Simulate campaigns whose truth is known: raters with ties, noise and a liking for what is shown first, and planted spammers.

    Many campaigns are statistics alone: "coverage" of 95 % intervals, leaderboards in the true order, spammers proposed. One more,
    "console", goes through a whole bot with a database of its own: consent, ballots and votes as lines at the console.

    Example: rostra rank simulate --quick --json
    """
    from ..feedback.statistics.trial import trial

    count = campaigns or (QUICK if quick else CAMPAIGNS)
    found = trial(usual(), count, seed=seed, truth_ballots=6_000 if quick else 60_000)
    rehearsed = run(_rehearsed(small(quick=quick), seed))
    if as_json:
        typer.echo(json.dumps({**_figures(found), "console": asdict(rehearsed)}, indent=2))
    else:
        _print(found, rehearsed)
    if rehearsed.stored != rehearsed.said:
        typer.echo("rostra: ballots are not in the store as they were written at the console", err=True)
        raise typer.Exit(1)


def usual() -> Study:
    """Return what the many campaigns are like."""
    from ..feedback.statistics.simulate import Rater, Study, crowd

    like = Rater(name="", ties=0.2, position=0.2, skips=0.02, all_bad=0.02)
    return Study(
        strengths={"ant": 0.0, "bee": 0.7, "cat": 1.4, "dog": 2.1},
        raters=crowd(12, like, spammers={"first": 1, "same": 1}),
        prompts=100,
        k=3,
        overlap=3,
        prompt_effect=0.5,
        gold=0.1,
    )


def small(*, quick: bool) -> Study:
    """Return what the campaign at the console is like."""
    from ..feedback.statistics.simulate import Rater, Study, crowd

    return Study(
        strengths={"ant": 0.0, "bee": 1.5, "cat": 3.0},
        raters=crowd(5, Rater(name="", ties=0.2, position=0.2), spammers={"first": 1}),
        prompts=18 if quick else 40,
        k=3,
        overlap=4,
        gold=0.1,
    )


async def _rehearsed(study: Study, seed: int) -> Rehearsed:
    import tempfile
    from pathlib import Path

    from ..logs import configured
    from .rehearsal import rehearse

    with configured(level="error"), tempfile.TemporaryDirectory() as folder:
        return await rehearse(study, Path(folder), seed=seed)


def _figures(found: Trial) -> dict[str, Any]:
    return {
        "campaigns": found.campaigns,
        "coverage": round(found.coverage, 4),
        "order_recovered": round(found.order_recovered, 4),
        "first_recovered": round(found.first_recovered, 4),
        "spammers_caught": found.spammers_caught,
        "honest_proposed": round(found.honest_proposed, 4),
    }


def _print(found: Trial, rehearsed: Rehearsed) -> None:
    caught = "there were none" if found.spammers_caught is None else f"{found.spammers_caught:.1%}"
    for line in (
        f"{found.campaigns:,} campaigns, statistics alone:",
        f"  95 % intervals that hold what is true   {found.coverage:.1%}",
        f"  leaderboards in the true order          {found.order_recovered:.1%}",
        f"  planted spammers proposed               {caught}",
        f"  honest raters proposed                  {found.honest_proposed:.1%}",
        "One campaign through the console of a whole bot:",
        f"  ballots written, and stored as written  {rehearsed.said:,}, {rehearsed.stored:,}",
        f"  leaderboard in the true order           {'yes' if rehearsed.order_recovered else 'no'}",
        f"  spammers proposed                       {rehearsed.caught} of {rehearsed.planted}",
        f"  honest raters proposed                  {rehearsed.wrongly}",
    ):
        typer.echo(line)
