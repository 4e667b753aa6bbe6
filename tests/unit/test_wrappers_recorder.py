"""Calls that are written down, and said again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from sayings import ASKED, END, HALL, SURE, Sayer, Take, heard, text

from rostra.chat import Piece, Sampling, Tool, ToolCall, Usage, Utterance
from rostra.components import Services
from rostra.errors import ConfigError, ModelError
from rostra.testing.clock import ManualClock, settle
from rostra.testing.samples import AWKWARD
from rostra.versions import ModelVersion
from rostra_models.wrappers.calls import Call, call_of, line_of
from rostra_models.wrappers.recorder import RecorderSettings, open_recorder
from rostra_models.wrappers.replay import ReplayModel, ReplaySettings, open_replay, read_calls
from rostra_models.wrappers.tape import Tape, open_tape, recorded

VERSION = ModelVersion(name="m", source="tests", content="1")
CALL = ToolCall(id="1", name="look", arguments='{"x": 1}')
FULL = Sampling(
    temperature=0.5, top_p=0.9, max_tokens=7, stop=("a", "b"), seed=3, n=2, tools=(Tool(name="look"),)
)


def services(folder: Path, takes: list[Take], clock: ManualClock | None = None) -> Services:
    return Services(
        name="watched",
        data=folder / "kept",
        base=folder,
        clock=clock or ManualClock(),
        models={"m": Sayer(takes, window=7, version=VERSION)},
    )


async def test_a_call_is_written_with_what_was_said_when_and_only_its_owner_can_read_it(
    tmp_path: Path,
) -> None:
    clock, gate = ManualClock(), asyncio.Event()
    own = services(tmp_path, [["a", gate, Piece(text="b", logprobs=[-0.5]), END]], clock)
    async with open_recorder(RecorderSettings(model="m"), own) as model:
        assert (model.name, model.window, model.count("a b"), model.version) == ("watched", 7, 2, VERSION)
        task = asyncio.create_task(heard(model, replace(SURE, place=HALL)))
        await clock.advance(2.5)
        gate.set()
        assert text(await task) == "ab"
    (file,) = recorded(tmp_path / "kept")
    assert (file.name, oct(file.stat().st_mode & 0o777)) == ("2026-01-01.0000.jsonl", "0o600")
    assert oct(file.parent.stat().st_mode & 0o777) == "0o700"
    (call,) = read_calls(file)
    assert call == Call(
        at="2026-01-01T00:00:00.000+00:00",
        model="sayer",
        messages=ASKED,
        sampling=SURE,
        pieces=((0.0, Piece(text="a")), (2.5, Piece(text="b", logprobs=[-0.5])), (2.5, END)),
        seconds=2.5,
        outcome="done",
    )
    assert "hall" not in file.read_text()


async def test_failed_and_closed_calls_say_so(tmp_path: Path) -> None:
    own = services(tmp_path, [["a", ModelError("down\nagain")], ["a", "b", END]])
    async with open_recorder(RecorderSettings(model="m"), own) as model:
        with pytest.raises(ModelError):
            await heard(model)
        async with aclosing(model.stream(ASKED, SURE)) as pieces:
            await anext(pieces)
        task = asyncio.create_task(heard(model))
        await asyncio.sleep(0)
        task.cancel()
        await settle()
    calls = read_calls(tmp_path / "kept")
    assert [(call.outcome, call.why) for call in calls] == [
        ("failed", "down again"),
        ("closed", ""),
        ("closed", ""),
    ]


def test_any_text_and_every_field_come_back_as_they_were() -> None:
    said = (
        Utterance(role="user", text=AWKWARD),
        Utterance(role="assistant", text="", calls=(CALL,)),
        Utterance(role="tool", text="\u2028", call="1"),
    )
    usage = Usage(prompt=1, completion=2, cached=1, cost=0.5)
    pieces = (
        (0.5, Piece(text=AWKWARD, choice=1)),
        (1.0, Piece(finish="tool_calls", usage=usage, calls=(CALL,))),
    )
    call = Call(
        at="now",
        model="m",
        messages=said,
        sampling=FULL,
        pieces=pieces,
        seconds=1.0,
        outcome="failed",
        why="x",
    )
    line = line_of(call)
    assert "\n" not in line
    assert call_of(line) == call


async def test_files_are_cut_and_the_oldest_go_when_there_is_too_much(tmp_path: Path) -> None:
    clock = ManualClock()
    for _ in range(30):
        async with open_tape(tmp_path, keep_days=7, megabytes=0.001, clock=clock) as tape:
            tape.write(lambda: "x" * 99)
    files = recorded(tmp_path)
    assert sum(file.stat().st_size for file in files) == 1000
    assert files[-1].name == "2026-01-01.0029.jsonl"


async def test_old_files_are_deleted_when_it_opens_and_others_left_alone(tmp_path: Path) -> None:
    clock = ManualClock()
    other = tmp_path / "notes.jsonl"
    other.write_text("mine")
    async with open_tape(tmp_path, keep_days=7, megabytes=1, clock=clock) as tape:
        tape.write(lambda: "old")
    await clock.advance(7 * 86400)
    async with open_tape(tmp_path, keep_days=7, megabytes=1, clock=clock):
        pass
    assert len(recorded(tmp_path)) == 1
    await clock.advance(86400)
    async with open_tape(tmp_path, keep_days=7, megabytes=1, clock=clock):
        pass
    assert recorded(tmp_path) == []
    assert other.exists()


async def test_a_disk_that_refuses_costs_no_answer(tmp_path: Path) -> None:
    (tmp_path / "kept").write_text("a file where a folder should be")
    async with open_recorder(RecorderSettings(model="m"), services(tmp_path, [["a", END]])) as model:
        assert text(await heard(model)) == "a"


async def test_what_cannot_be_written_costs_no_other_call(tmp_path: Path) -> None:
    odd = Piece(text="a", logprobs=cast("Any", ["x"]))
    async with open_recorder(
        RecorderSettings(model="m"), services(tmp_path, [[odd, END], ["b", END]])
    ) as model:
        assert [text(await heard(model)) for _ in range(2)] == ["a", "b"]
    assert [call.pieces[0][1].text for call in read_calls(tmp_path / "kept")] == ["b"]


async def test_a_tape_that_falls_behind_loses_lines_and_waits_for_nothing(tmp_path: Path) -> None:
    tape = Tape(tmp_path, keep_days=1, most=10**9, clock=ManualClock())
    for number in range(1500):
        tape.write(number.__repr__)
    running = asyncio.create_task(tape.run())
    await tape.end()
    await running
    (file,) = recorded(tmp_path)
    assert file.read_text().split() == [str(number) for number in range(1000)]


async def test_a_recording_answers_the_same_questions_with_the_same_pieces(tmp_path: Path) -> None:
    takes: list[Take] = [["a", END], ["b", END], [ModelError("down")]]
    other = (Utterance(role="user", text="And then?"),)
    async with open_recorder(RecorderSettings(model="m"), services(tmp_path, takes)) as model:
        await heard(model)
        await heard(model, replace(SURE, place=HALL))
        with pytest.raises(ModelError):
            await heard(model, messages=other)
    own = services(tmp_path, [])
    async with open_replay(ReplaySettings(path=Path("kept")), own) as again:
        assert [text(await heard(again)) for _ in range(3)] == ["a", "b", "b"]
        with pytest.raises(ModelError, match="down"):
            await heard(again, messages=other)
        with pytest.raises(ModelError, match="no answer to this question"):
            await heard(again, replace(SURE, seed=5))
        assert (again.window, again.count("12345")) == (8192, 2)


async def test_a_recording_can_be_replayed_at_the_pace_it_had() -> None:
    clock = ManualClock()
    call = Call(
        at="now",
        model="m",
        messages=ASKED,
        sampling=SURE,
        pieces=((1.0, Piece(text="a")), (3.0, END)),
        seconds=3.0,
        outcome="done",
    )
    model = ReplayModel("again", [call], ReplaySettings(path=Path(), pace=True), clock)
    task = asyncio.create_task(heard(model))
    await clock.advance(2.9)
    assert not task.done()
    await clock.advance(0.2)
    assert text(await task) == "a"


WHOLE = line_of(
    Call(at="", model="m", messages=ASKED, sampling=SURE, pieces=((0.0, END),), seconds=0.0, outcome="done")
)


WRONG: Sequence[Mapping[str, Any]] = [
    {"version": 2},
    {"outcome": "lost"},
    {"messages": [{"role": "wizard", "text": "", "calls": [], "call": ""}]},
    {"pieces": [[0, {"finish": "boom"}]]},
    {"pieces": [[0, {"colour": 1}]]},
    {"pieces": 5},
    {"sampling": {}},
    {"more": 1},
]


@pytest.mark.parametrize("change", WRONG, ids=str)
async def test_what_is_no_recording_is_named_by_file_and_line(
    tmp_path: Path, change: Mapping[str, Any]
) -> None:
    file = tmp_path / "calls.jsonl"
    file.write_text(f"{WHOLE}\n{json.dumps({**json.loads(WHOLE), **change})}\n")
    with pytest.raises(ConfigError, match=r"calls.jsonl', line 2, is no recorded call"):
        read_calls(file)


def test_a_recording_that_is_missing_or_empty_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is no recording"):
        read_calls(tmp_path / "nothing.jsonl")
    with pytest.raises(ConfigError, match="has no recorded call"):
        read_calls(tmp_path)
