"""``rostra moderate``: judge texts with the configured moderation, from the command line or line by line."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias, cast

import typer

from rostra.cli.running import Config, Json, run

if TYPE_CHECKING:
    from rostra.config import Settings
    from rostra.places import Place
    from rostra.protocols import Moderation
    from rostra.verdicts import Passage, Verdict

Side: TypeAlias = Literal["question", "answer"]

AT_ONCE = 64
"""Lines that are judged together: enough to fill a batch, few enough that none waits for its turn longer than it may."""

Texts = Annotated[list[str] | None, typer.Argument(metavar="[TEXT]…", help="What to judge.")]
Lines = Annotated[
    bool,
    typer.Option(
        "--jsonl", help='Read lines {"id": …, "text": …} from standard input, write one verdict a line.'
    ),
]
Which = Annotated[Side, typer.Option("--direction", help="What people ask, or what the bot answers.")]
Where = Annotated[str, typer.Option("--place", metavar="ADAPTER/WORKSPACE/CHANNEL", help="As if said there.")]


def moderate(
    texts: Texts = None,
    config: Config = None,
    direction: Which = "question",
    place: Where = "//",
    *,
    jsonl: Lines = False,
    as_json: Json = False,
) -> None:
    """Judge texts as the bot would. Nothing is stored, nothing is sent anywhere that the configuration does not name.

    A line that cannot be read gets a line with "error" in its place. Lines may carry a "question" for an answer.

    Example: echo '{"id": 1, "text": "hello"}' | rostra moderate --jsonl
    """
    from rostra.config import load
    from rostra.logs import configured

    if jsonl == bool(texts):
        raise typer.BadParameter("give texts, or --jsonl and lines on standard input")
    settings = load(config)
    where = _place(place)
    with configured(level="error"):
        if jsonl:
            run(_lines(settings, direction, where))
            return
        verdicts = run(_texts(settings, texts or [], direction, where))
    rows = [_row(text_id, verdict) for text_id, verdict in enumerate(verdicts)]
    if as_json:
        typer.echo(json.dumps({"verdicts": rows}, indent=2))
        return
    for row, text in zip(rows, texts or [], strict=True):
        _print(row, text)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line that was read: a text, or why there is none."""

    id: object = None
    text: str = ""
    question: str = ""
    error: str = ""


def parsed(line: str) -> Line:
    """Return what ``line`` says. Never raises: a line that says nothing is one with an error."""
    try:
        found: object = json.loads(line)
    except (ValueError, RecursionError):
        return Line(error="not a line of JSON")
    if not isinstance(found, dict):
        return Line(error='not an object {"id": …, "text": …}')
    table = cast("dict[str, object]", found)
    name, text, question = table.get("id"), table.get("text"), table.get("question", "")
    if not isinstance(text, str) or not isinstance(question, str):
        return Line(id=name, error='"text" must be a string')
    return Line(id=name, text=text, question=question)


async def _lines(settings: Settings, direction: Side, place: Place) -> None:
    from .opened import opened

    source = (line for line in sys.stdin if line.strip())
    async with opened(settings) as moderation:
        while chunk := [parsed(line) for line in islice(source, AT_ONCE)]:
            for row in await _judged(moderation, chunk, direction, place):
                sys.stdout.write(json.dumps(row) + "\n")
            sys.stdout.flush()


async def _texts(settings: Settings, texts: Iterable[str], direction: Side, place: Place) -> list[Verdict]:
    from .opened import opened

    async with opened(settings) as moderation:
        passages = [_passage(Line(text=text), direction, place) for text in texts]
        return list(await asyncio.gather(*map(moderation.judge, passages)))


async def _judged(
    moderation: Moderation, chunk: Sequence[Line], direction: Side, place: Place
) -> list[dict[str, Any]]:
    """Return one row a line, in order."""
    passages = [_passage(line, direction, place) for line in chunk if not line.error]
    verdicts = iter(await asyncio.gather(*map(moderation.judge, passages)))
    return [
        {"id": line.id, "error": line.error} if line.error else _row(line.id, next(verdicts))
        for line in chunk
    ]


def _passage(line: Line, direction: Side, place: Place) -> Passage:
    from rostra.places import Person
    from rostra.verdicts import Passage

    author = Person(id="")
    return Passage(text=line.text, direction=direction, place=place, author=author, question=line.question)


def _place(key: str) -> Place:
    from rostra.places import Place

    adapter, workspace, channel = [*key.split("/", 2), "", ""][:3]
    return Place(adapter=adapter, workspace=workspace, channel=channel)


def _row(name: object, verdict: Verdict) -> dict[str, Any]:
    """Return a verdict as the contract has it; one that could not be had says so, and blocks."""
    score = verdict.score if verdict.categories or verdict.kind == "judged" else 1.0
    row = {
        "id": name,
        "decision": verdict.decision.name.lower(),
        "score": round(score, 4),
        "categories": {category: round(each, 4) for category, each in verdict.categories.items()},
        "source": verdict.source,
    }
    return row if verdict.kind == "judged" else {**row, "kind": verdict.kind}


def _print(row: Mapping[str, Any], text: str) -> None:
    scores = ", ".join(f"{name} {score:.2f}" for name, score in sorted(row["categories"].items(), key=_score))
    shown = text if len(text) <= 60 else f"{text[:59]}…"  # noqa: PLR2004  what a line has room for
    typer.echo(f"{row['decision']:5}  {row['score']:.2f}  {shown}")
    typer.echo(f"       {row['source']}: {scores or 'nothing found'}")


def _score(item: tuple[str, float]) -> float:
    return -item[1]
