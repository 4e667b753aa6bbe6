"""``rostra policy``: what is moderated and how strictly, what another policy would have decided, which thresholds to take."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rostra.cli.running import Config, Json, run

if TYPE_CHECKING:
    from .calibrate import Calibration, Row
    from .replay import Replay

app = typer.Typer(
    help="Show what is moderated, and how strictly; try other policies, and find thresholds.",
    rich_markup_mode=None,
)

Name = Annotated[str | None, typer.Argument(help="One policy; all of them by default.")]
One = Annotated[str, typer.Argument(help="A policy.")]
Where = Annotated[
    str, typer.Option("--place", metavar="ADAPTER/WORKSPACE/CHANNEL", help="As it is in this place.")
]
Instead = Annotated[
    str | None,
    typer.Option(
        "--policy",
        metavar="FILE|NAME",
        help="A TOML file, or a policy of the configuration; those in force by default.",
    ),
]
Since = Annotated[str, typer.Option("--since", help="Days (7d), hours (12h), or a date such as 2026-03-01.")]
Many = Annotated[int, typer.Option("--limit", min=1, help="Replies to go through, the last ones.")]
Examples = Annotated[int, typer.Option("--examples", min=0, help="Changed decisions to list.")]
Lines = Annotated[
    Path,
    typer.Argument(
        metavar="FILE", help='Lines {"text" or "categories" or "score", "label"}; - for standard input.'
    ),
]
Target = Annotated[
    float,
    typer.Option("--fpr", min=0.000001, max=0.5, help="The share of harmless lines that may be blocked."),
]
Output = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="Where to; standard output by default.")
]


@app.callback()
def policy() -> None:
    """Show what is moderated, and how strictly; try other policies, and find thresholds."""


@app.command()
def show(name: Name = None, config: Config = None, place: Where = "//", *, as_json: Json = False) -> None:
    """Show the score from which each category is flagged and blocked, in questions and in answers.

    What operators changed while the bot ran is laid over the configuration.

    Example: rostra policy show default --json
    """
    from .policy_data import policies

    found = run(policies(config, name, place))
    if as_json:
        typer.echo(json.dumps({"policies": found}, indent=2))
        return
    for each, sheet in found.items():
        _print_sheet(each, sheet)


@app.command()
def history(name: One = "default", config: Config = None, *, as_json: Json = False) -> None:
    """List what operators changed in a policy, newest first.

    Example: rostra policy history default
    """
    from rostra.cli.printing import table

    from .policy_data import changes

    rows = run(changes(config, name))
    if as_json:
        typer.echo(json.dumps({"policy": name, "versions": rows}, indent=2))
        return
    table(
        ["Version", "When", "Who", "What"],
        [[str(row["version"]), row["at"], row["by"], row["what"]] for row in rows],
    )


@app.command()
def replay(
    instead: Instead = None,
    since: Since = "30d",
    limit: Many = 20_000,
    examples: Examples = 10,
    config: Config = None,
    *,
    as_json: Json = False,
) -> None:
    """Show which recorded decisions another policy would have made otherwise. Nothing is changed, no text is read.

    Example: rostra policy replay --policy stricter.toml --since 7d
    """
    from .policy_data import replayed

    found = run(replayed(config, instead, since, limit))
    if as_json:
        typer.echo(json.dumps(_replay_json(found, examples), indent=2))
    else:
        _print_replay(found, examples)


@app.command()
def calibrate(file: Lines, target: Target = 0.01, config: Config = None, *, as_json: Json = False) -> None:
    """Find thresholds that block at most a given share of your own harmless lines, and say how sure that is.

    Lines with a text are judged by the configured moderators. A label is true, false, or a list of categories.

    Example: rostra policy calibrate labelled.jsonl --fpr 0.01
    """
    from .calibrate import as_toml
    from .policy_data import calibrated

    found = run(calibrated(config, file, target))
    if as_json:
        typer.echo(json.dumps({**_calibration_json(found), "toml": as_toml(found)}, indent=2))
        return
    _print_calibration(found)
    typer.echo(f"\n{as_toml(found)}", nl=False)
    for warning in found.warnings:
        typer.echo(f"rostra: {warning}", err=True)


@app.command()
def export(out: Output = None, config: Config = None) -> None:
    """Write what operators decided in `/review` as labelled lines; texts only as long as they are kept.

    Example: rostra policy export --out labelled.jsonl
    """
    from .policy_data import exported

    text = "".join(json.dumps(line) + "\n" for line in run(exported(config)))
    if out is None:
        typer.echo(text, nl=False)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise typer.BadParameter(
            f"{str(out)!r} cannot be written: {error.strerror}", param_hint="--out"
        ) from None


def _print_sheet(name: str, sheet: Mapping[str, Any]) -> None:
    from rostra.cli.printing import table

    changed = f" (changed by operators, version {sheet['changed']})" if sheet["changed"] else ""
    typer.echo(f"policy {name}{changed}: hold {sheet['hold']}, what cannot be judged: {sheet['unjudgeable']}")
    rows = [
        [side, category, str(limits["flag"]), str(limits["block"]), limits["action"]]
        for side in ("question", "answer")
        for category, limits in sheet[side].items()
    ]
    table(["Side", "Category", "Flag from", "Block from", "Then"], rows)


def _replay_json(found: Replay, examples: int) -> dict[str, Any]:
    from .replay import counted

    keys = ("direction", "before", "after", "category", "place")
    return {
        "replayed": found.total,
        "changed": len(found.changed),
        "skipped": found.skipped,
        "decided": [
            {"direction": side, "decision": decision.name.lower(), "count": count}
            for (side, decision), count in sorted(found.decided.items())
        ],
        "counts": [
            {**dict(zip(keys, what, strict=True)), "count": count}
            for what, count in counted(found.changed).most_common()
        ],
        "examples": [
            {
                "trace": one.trace,
                "direction": one.direction,
                "before": one.before.name.lower(),
                "after": one.after.name.lower(),
                "action": one.action,
                "category": one.category,
                "rule": one.rule,
            }
            for one in found.changed[::-1][:examples]
        ],
    }


def _print_replay(found: Replay, examples: int) -> None:
    from rostra.cli.printing import table

    plain = _replay_json(found, examples)
    typer.echo(f"{plain['replayed']} decisions, of which {plain['changed']} would be others.")
    if found.skipped:
        typer.echo(f"{found.skipped} were left out: their places have no policy.")
    if not found.changed:
        return
    table(
        ["Count", "Side", "Was", "Would be", "Category", "Place"],
        [
            [str(row["count"]), row["direction"], row["before"], row["after"], row["category"], row["place"]]
            for row in plain["counts"]
        ],
    )
    if plain["examples"]:
        typer.echo("")
        table(
            ["Trace", "Side", "Was", "Would be", "Because"],
            [
                [row["trace"], row["direction"], row["before"], row["after"], row["rule"]]
                for row in plain["examples"]
            ],
        )


def _calibration_json(found: Calibration) -> dict[str, Any]:
    return {
        "target": found.target,
        "harmless": found.harmless,
        "harmful": found.harmful,
        "categories": {row.category: _row_json(row) for row in found.rows},
        "any": {key: value for key, value in _row_json(found.overall).items() if key != "block"},
        "warnings": list(found.warnings),
    }


def _row_json(row: Row) -> dict[str, Any]:
    return {
        "block": row.threshold,
        "false_positives": row.false_positives,
        "fpr": row.fpr,
        "fpr_interval": list(row.fpr_interval),
        "positives": row.positives,
        "recall": row.recall,
        "recall_interval": None if row.recall_interval is None else list(row.recall_interval),
    }


def _print_calibration(found: Calibration) -> None:
    from rostra.cli.printing import table

    typer.echo(
        f"{found.harmless} harmless and {found.harmful} harmful lines; at most {found.target:.4g} of the harmless ones"
        " blocked. Intervals: 95 %."
    )
    rows = [_cells(row) for row in (*found.rows, found.overall)]
    table(["Category", "Block from", "False alarms", "Interval", "Harmful", "Caught", "Interval"], rows)


def _cells(row: Row) -> list[str]:
    threshold = "never" if row.threshold is None else f"{row.threshold:.4f}"
    caught = "" if row.recall is None or math.isnan(row.recall) else f"{row.recall:.3f}"
    span = "" if row.recall_interval is None else "{:.3f} to {:.3f}".format(*row.recall_interval)
    return [
        row.category,
        "" if row.category == "any" else threshold,
        f"{row.fpr:.4f}",
        "{:.4f} to {:.4f}".format(*row.fpr_interval),
        str(row.positives),
        caught,
        span,
    ]
