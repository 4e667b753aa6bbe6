"""``rostra rank``: campaigns and ballots from the terminal, and what they have shown."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .rank_simulate import simulate
from .running import Config, Json, run, store_of

if TYPE_CHECKING:
    from ..feedback.ballots import Sheet
    from ..feedback.booth import Said
    from ..feedback.outset import Begun
    from ..feedback.results import Results, Sides
    from ..feedback.values import Campaign, Task

app = typer.Typer(help="Have answers ranked, and see what rankings show.", rich_markup_mode=None)

Named = Annotated[
    str | None, typer.Argument(metavar="[CAMPAIGN]", help="Its name or id; not needed where there is one.")
]
Who = Annotated[str, typer.Option("--as", metavar="NAME", help="Who ranks; in `rostra chat` it is local.")]
LISTED = 50


class Way(StrEnum):
    """How raters are asked, where answers are there already."""

    rank = "rank"
    best_worst = "best_worst"
    pair = "pair"
    rate = "rate"


@app.callback()
def rank() -> None:
    """Have answers ranked, and see what rankings show."""


@app.command("list")
def list_(campaign: Named = None, config: Config = None, *, as_json: Json = False) -> None:
    """List the campaigns, or with one named its tasks.

    Example: rostra rank list weekly --json
    """
    from .printing import table

    if campaign is None:
        rows = run(_progress(config, None))
        if as_json:
            typer.echo(json.dumps({"campaigns": rows}, indent=2))
        else:
            keys = ("campaign", "status", "mode", "tasks", "done", "ballots", "place")
            table([key.capitalize() for key in keys], [[str(row[key]) for key in keys] for row in rows])
        return
    tasks = run(_tasks(config, campaign))
    if as_json:
        typer.echo(json.dumps({"tasks": [_task(one) for one in tasks]}, indent=2))
        return
    table(
        ["Task", "Status", "Answers", "Raters"],
        [[one.id, one.status, str(len(one.candidates)), str(one.required)] for one in tasks[:LISTED]],
    )
    if len(tasks) > LISTED:
        typer.echo(f"… and {len(tasks) - LISTED:,} more; --json has them all")


def _task(one: Task) -> dict[str, Any]:
    return {
        "task": one.id,
        "status": one.status,
        "answers": len(one.candidates),
        "required": one.required,
        "gold": bool(one.gold),
    }


async def _tasks(config: Path | None, wanted: str) -> list[Task]:
    from .rank_desk import campaign_of

    async with store_of(config) as store:
        campaign, after = await campaign_of(store, wanted), ""
        found: list[Task] = []
        while portion := await store.tasks(campaign.id, after):
            found += portion
            after = portion[-1].id
        return found


async def _progress(config: Path | None, wanted: str | None) -> list[dict[str, Any]]:
    from .rank_desk import campaign_of, progress_rows

    async with store_of(config) as store:
        found = await store.campaigns() if wanted is None else [await campaign_of(store, wanted)]
        return await progress_rows(store, found)


@app.command()
def status(campaign: Named = None, config: Config = None, *, as_json: Json = False) -> None:
    """Show how far campaigns have come: tasks, ballots, raters.

    Example: rostra rank status weekly
    """
    rows = run(_progress(config, campaign))
    if as_json:
        typer.echo(json.dumps({"campaigns": rows}, indent=2))
        return
    if not rows:
        typer.echo("There is no campaign; 'rostra rank start' begins one.")
    for row in rows:
        typer.echo(
            f"{row['campaign']} ({row['status']}): {row['done']:,} of {row['tasks']:,} tasks done,"
            f" {row['ballots']:,} ballots by {row['raters']:,} raters,"
            f" {row['skipped']:,} skipped, {row['in_hand']:,} in hand"
        )


@app.command()
def start(  # noqa: PLR0913, PLR0917  one parameter an option
    name: Annotated[str, typer.Argument(metavar="NAME", help="What to call it.")],
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help='Lines of {"prompt": …, "answers": [{"text": …, "answerer": …}, …], "right": "A > B"}.',
        ),
    ],
    mode: Annotated[Way, typer.Option("--mode", help="How raters are asked.")] = Way.rank,
    axes: Annotated[
        str, typer.Option("--axes", help="What answers get points for with --mode rate: helpful 5, true 5.")
    ] = "",
    overlap: Annotated[int, typer.Option("--overlap", min=1, max=50, help="Raters of each task.")] = 1,
    guideline: Annotated[str, typer.Option("--guideline", help="How to judge; raters see it first.")] = "",
    budget: Annotated[int, typer.Option("--budget", min=0, help="Ballots at most; 0: no limit.")] = 0,
    config: Config = None,
    *,
    as_json: Json = False,
) -> None:
    """Begin a campaign from a file of prompts with answers, judged by the moderation first. It is ranked in `rostra chat` or here.

    Where "right" is known (letters in the order of the file), the task checks raters and counts for no answerer.

    Example: rostra rank start weekly answers.jsonl --overlap 3
    """
    from ..feedback.outset import read
    from ..feedback.values import Campaign, new_id
    from .rank_desk import axes_for, check_name, console_place, version_of

    check_name(name)
    asked = read(file)
    most = max(len(one.answers) for one in asked)
    plan = Campaign(
        id=new_id(),
        name=name,
        place=console_place(config),
        mode=mode.value,
        k=most,
        overlap=overlap,
        guideline=guideline,
        guideline_version=version_of(guideline),
        axes=axes_for(mode.value, axes),
        budget=budget,
        answerers=tuple(sorted({answerer for one in asked for answerer, _ in one.answers if answerer})),
    )
    if mode is Way.pair and most > 2:  # noqa: PLR2004  a pair is two
        raise typer.BadParameter(
            f"pair takes two answers to a prompt; there are up to {most}", param_hint="--mode"
        )
    begun = run(_begun(config, plan, file))
    if as_json:
        row = {"campaign": name, "id": plan.id, "tasks": begun.tasks}
        typer.echo(json.dumps(row | {"blocked": begun.blocked, "left_out": begun.left_out}, indent=2))
        return
    typer.echo(f"{name} is open with {begun.tasks:,} tasks; 'rostra rank show {name}' hands out the first")
    if begun.blocked or begun.left_out:
        typer.echo(
            f"The moderation blocked {begun.blocked:,} answers; {begun.left_out:,} prompts were left out."
        )


async def _begun(config: Path | None, plan: Campaign, file: Path) -> Begun:
    from ..clock import SystemClock
    from ..config import load
    from ..errors import ConfigError
    from ..feedback.outset import begin, read
    from ..logs import configured
    from .judging import moderation_of

    with configured(level="error"):
        async with store_of(config) as store, moderation_of(load(config)) as moderation:
            if any(one.name == plan.name for one in await store.campaigns(plan.place)):
                raise ConfigError(f"there is a campaign {plan.name!r} already; choose another name")
            return await begin(store, plan, read(file), moderation, SystemClock().now())


@app.command()
def show(
    what: Annotated[
        str | None, typer.Argument(metavar="[TASK]", help="A task or a campaign; else whatever is next.")
    ] = None,
    who: Who = "local",
    config: Config = None,
    *,
    as_json: Json = False,
) -> None:
    """Show a ballot and take it in hand: the question, and the answers under letters in an order of your own.

    Example: rostra rank show weekly
    """
    sheet, agreed = run(_shown(config, what, who))
    _print_sheet(sheet, agreed=agreed, as_json=as_json)


async def _shown(config: Path | None, what: str | None, who: str) -> tuple[Sheet, bool]:
    from ..errors import ConfigError
    from ..feedback.booth import NoBallotError
    from .rank_desk import at_terminal, handed_out

    async with at_terminal(config, who) as at:
        try:
            return await handed_out(at, what), await at.agreed()
        except NoBallotError as error:
            raise ConfigError(str(error.args[0])) from error


@app.command()
def resume(who: Who = "local", config: Config = None, *, as_json: Json = False) -> None:
    """Show the ballot in hand again, with what was chosen so far, after whatever came between.

    Example: rostra rank resume
    """
    sheet, agreed = run(_resumed(config, who))
    _print_sheet(sheet, agreed=agreed, as_json=as_json)


async def _resumed(config: Path | None, who: str) -> tuple[Sheet, bool]:
    from ..errors import ConfigError
    from ..feedback.booth import Booth, NoBallotError
    from .rank_desk import at_terminal

    async with at_terminal(config, who) as at:
        try:
            return await Booth(at.store, at.clock).current(at.visitor()), await at.agreed()
        except NoBallotError as error:
            raise ConfigError("you have no ballot in hand; 'rostra rank show' gets one") from error


def _print_sheet(sheet: Sheet, *, agreed: bool, as_json: bool) -> None:
    from ..feedback.notices import NOTICE
    from .rank_desk import lettered, plain, usage

    answers, task, chosen = lettered(sheet), sheet.assignment.task, sheet.said
    if as_json:
        found = {
            "task": task,
            "campaign": sheet.campaign.name,
            "guideline": sheet.campaign.guideline,
            "context": [{"role": one.role, "text": one.text} for one in sheet.shown.batch.context[:-1]],
            "question": sheet.shown.batch.question,
            "answers": {letter: one.text for letter, one in zip(answers, sheet.answers, strict=True)},
            "chosen": chosen,
            "state": sheet.assignment.state,
            "axes": {one.name: one.maximum for one in sheet.campaign.axes},
            "agreed": agreed,
        }
        typer.echo(json.dumps(found, indent=2))
        return
    if sheet.campaign.guideline:
        typer.echo(f"How to judge: {plain(sheet.campaign.guideline)}\n")
    typer.echo(plain(sheet.shown.batch.question))
    for letter, answer in answers.items():
        typer.echo(f"\n{letter}) {answer}")
    typer.echo(f"\nSo far: {chosen}" if chosen else "")
    if not agreed:
        typer.echo(f"{NOTICE}\n\nTo agree, vote with --agree.\n")
    typer.echo(f"rostra rank vote {task} {usage(sheet)}")


@app.command()
def vote(
    task: Annotated[str, typer.Argument(metavar="TASK", help="The task that you were shown.")],
    ranking: Annotated[
        str,
        typer.Argument(
            metavar="RANKING", help="Best first, = for ties: B > A = C > D; or points: A: 4 5; B: 3 2."
        ),
    ],
    who: Who = "local",
    config: Config = None,
    *,
    agree: Annotated[bool, typer.Option("--agree", help="Allow that your rankings are kept.")] = False,
    as_json: Json = False,
) -> None:
    """Rank the answers of a task that you were shown; once more, to change it.

    Example: rostra rank vote 019a0b1c2d3e4f5a6b7c8d9e0f1a2b3c "B > A = C > D" --agree
    """
    from ..feedback.ballots import read_back, said_of

    said = run(_voted(config, (task, ranking, who), agree=agree))
    found = said.ranking
    text = said.sheet.said if found is None else read_back(said.sheet, found, said.ratings)
    if as_json:
        outcome = None if found is None else found.outcome
        row = {"task": task, "outcome": outcome, "ranking": text, "changed": said.changed}
        typer.echo(json.dumps(row, indent=2))
        return
    how = "So far" if found is None else "Changed" if said.changed else "Saved"
    typer.echo(f"{how}: {said_of(text)}")


async def _voted(config: Path | None, given: tuple[str, str, str], *, agree: bool) -> Said:
    from ..errors import ConfigError
    from .rank_desk import at_terminal, voted

    task, ranking, who = given
    async with at_terminal(config, who) as at:
        if agree and not await at.agreed():
            await at.agree()
        if not await at.agreed():
            raise ConfigError(
                "nothing is kept without your consent; read 'rostra rank show', then add --agree"
            )
        return await voted(at, task, ranking)


@app.command()
def results(
    campaign: Named = None,
    live: Annotated[
        str,
        typer.Option(
            "--live", metavar="ANSWERER", help="Who answers now; by default the first after the best."
        ),
    ] = "",
    candidate: Annotated[
        str,
        typer.Option(
            "--candidate", metavar="ANSWERER", help="Who may take their place; by default the best."
        ),
    ] = "",
    picture: Annotated[
        Path | None, typer.Option("--picture", metavar="FILE", help="Write the leaderboard as PNG.")
    ] = None,
    config: Config = None,
    *,
    as_json: Json = False,
) -> None:
    """Show the leaderboard with its intervals, the agreement, and which answerer to choose, or how many ballots are missing for that.

    Name both answerers before you look: who is picked by the same figures needs more evidence.

    Example: rostra rank results weekly --live default --candidate terse --picture board.png
    """
    from ..feedback.results import Sides, described, said
    from ..feedback.statistics.report import agreement_text, leaderboard_text

    found = run(_results(config, campaign, Sides(live=live, candidate=candidate)))
    if picture is not None:
        _draw(found, picture)
    if as_json:
        typer.echo(json.dumps(described(found), indent=2))
        return
    if found.board is not None:
        typer.echo(f"{leaderboard_text(found.board)}\n\n{agreement_text(found.agreed)}\n")
    typer.echo(said(found))


def _draw(found: Results, picture: Path) -> None:
    from ..errors import ConfigError
    from ..feedback.statistics.pictures import leaderboard_picture

    if found.board is None:
        raise ConfigError(f"nothing was compared in {found.campaign.name!r} yet; there is no picture of that")
    try:
        picture.write_bytes(leaderboard_picture(found.board))
    except OSError as error:
        raise ConfigError(f"{str(picture)!r} cannot be written: {error.strerror}") from error


async def _results(config: Path | None, wanted: str | None, sides: Sides) -> Results:
    from ..feedback.results import results
    from .rank_desk import campaign_of

    async with store_of(config) as store:
        try:
            return await results(store, await campaign_of(store, wanted), sides)
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--live or --candidate") from error


app.command()(simulate)
