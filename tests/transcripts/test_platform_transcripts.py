"""The same conversation on three platforms: what people see of it on each, step by step."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from venues import VENUES, Session, Used, Venue

FOLDER = Path(__file__).parent / "platforms"
CONVERSATION = FOLDER / "conversation.txt"

UNSTEADY = (
    (re.compile(r"\b[0-9a-f]{32}\b"), "ID"),
    (re.compile(r"(?<=policy )[0-9a-f]{12}\b"), "ID"),
    (re.compile(r"\b[0-9]{17,20}\b"), "SNOWFLAKE"),
)
"""What differs from run to run, or from release to release."""

STEP = re.compile(r"ann (?P<does>says|uses|presses|fills in) (?P<what>.*)")


@pytest.mark.slow
@pytest.mark.parametrize("name", VENUES)
async def test_the_conversation_is_seen_as_written(
    name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    happened = await played(name, CONVERSATION.read_text(encoding="utf-8"), tmp_path)
    file = FOLDER / f"{name}.txt"
    if request.config.getoption("--rewrite-transcripts"):
        file.write_text(happened, encoding="utf-8")
    assert happened == file.read_text(encoding="utf-8")


def test_every_platform_has_its_outcome_and_no_other() -> None:
    assert {file.stem for file in FOLDER.glob("*.txt")} == {"conversation", *VENUES}


async def played(name: str, conversation: str, folder: Path) -> str:
    """Hold the conversation at one venue; return it with what is seen of the bot after each step."""
    answers = dict(_answers(conversation))
    steps = [line for line in conversation.splitlines() if STEP.fullmatch(line)]
    written: list[str] = [f"# {name}: what is seen (+ new, ~ changed, - gone)", ""]
    async with VENUES[name](folder, answers) as session:
        before: Sequence[str] = session.venue.sees()
        for step in steps:
            said = await _step(session, step)
            after = session.venue.sees()
            written += [step, *(f"    {line}".rstrip() for line in [*said, *_changes(before, after)]), ""]
            before = after
    text = "\n".join(written)
    for pattern, stand_in in UNSTEADY:
        text = pattern.sub(stand_in, text)
    return text


async def _step(session: Session, step: str) -> Sequence[str]:
    """Do it, and wait for what the bot makes of it. Return why it cannot be done there, if so."""
    found = STEP.fullmatch(step)
    assert found is not None
    events = session.accepted + 1
    try:
        await _do(session.venue, found["does"], found["what"])
    except LookupError as error:
        return [f"(cannot: {error.args[0]})"]
    await session.done(events)
    return []


async def _do(venue: Venue, does: str, what: str) -> None:
    match does:
        case "says":
            venue.say(what)
        case "uses":
            venue.use(Used.of(what))
        case "presses":
            venue.press(what)
        case _:
            title, _, field = what.partition(": ")
            label, _, value = field.partition(" = ")
            await venue.fill(title, {label: value})


def _answers(conversation: str) -> Iterator[tuple[str, str]]:
    """Yield what the model says to what: ``answer QUESTION => TEXT``, ``\\n`` for a new line, ``{800x …}`` repeated."""
    for line in conversation.splitlines():
        if line.startswith("answer "):
            question, _, text = line.removeprefix("answer ").partition(" => ")
            text = re.sub(r"\{(\d+)x (.*?)\}", lambda many: many[2] * int(many[1]), text)
            yield question, text.replace("\\n", "\n")


def _changes(before: Sequence[str], after: Sequence[str]) -> Iterator[str]:
    for number, text in enumerate(after):
        if number >= len(before) or before[number] != text:
            first, *rest = _short(text).splitlines() or [""]
            yield f"{'+' if number >= len(before) else '~'} {first}".rstrip()
            yield from (f"  {line}".rstrip() for line in rest)
    yield from ("-" for _ in range(len(before) - len(after)))


def _short(text: str) -> str:
    """Leave out the middle of what is very long, and say how long it was."""
    if len(text) <= 1_500:
        return text
    return f"{text[:200]}\n… {len(text)} characters …\n{text[-200:]}"
