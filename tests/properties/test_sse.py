"""Server-sent events, however their bytes are cut."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rostra.chat import Piece, ToolCall
from rostra_models.remote import chat, responses
from rostra_models.remote.assembly import Assembly
from rostra_models.remote.delta import BadReply, Delta
from rostra_models.remote.sse import Event, EventParser, TooLong

LINES = st.one_of(
    st.sampled_from(
        ["", "", "data", "data:", "data: x", "data:  x", "event: ping", "event", "id: 7", "id", "id: a\0b"]
    ),
    st.sampled_from([": comment", ":", "retry: 10", "nothing: x", "data : x", "data: a:b", "\ufeffdata: x"]),
    st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=8),
    st.text(st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=8).map(
        "data: {}".format
    ),
)
ENDS = st.sampled_from(["\n", "\r", "\r\n"])
TEXTS = st.lists(st.tuples(LINES, ENDS), max_size=12).map(lambda lines: "".join(map("".join, lines)))
BODIES = st.one_of(
    TEXTS.map(str.encode),
    TEXTS.map(lambda text: b"\xef\xbb\xbf" + text.encode()),
    st.binary(max_size=40),
    st.tuples(TEXTS.map(str.encode), st.binary(max_size=6), TEXTS.map(str.encode)).map(b"".join),
)
CUTS = st.lists(st.integers(0, 300), max_size=20)


def cut(body: bytes, at: Sequence[int]) -> Sequence[bytes]:
    ends = [0, *sorted(min(one, len(body)) for one in at), len(body)]
    return [body[start:end] for start, end in pairwise(ends)]


def parsed(parts: Sequence[bytes], most: int = 4096) -> Sequence[Event | str]:
    parser = EventParser(most=most)
    found: list[Event | str] = []
    try:
        for part in parts:
            for event in parser.feed(part):
                found += [event]  # those before an error count
    except TooLong as error:
        found.append(str(error))
    return found


def by_the_book(body: bytes) -> Sequence[Event]:
    """Parse a whole body, as §9.2.6 words it."""
    text = body.decode("utf-8", "replace").removeprefix("\N{BOM}")
    *lines, _ = re.split(r"\r\n|\r|\n", text)
    events: list[Event] = []
    data, kind, last = "", "", ""
    for line in lines:
        if not line:
            if data:
                events.append(Event(data=data.removesuffix("\n"), kind=kind or "message", id=last))
            data, kind = "", ""
            continue
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "data":
            data += f"{value}\n"
        elif name == "event":
            kind = value
        elif name == "id" and "\0" not in value:
            last = value
    return events


@given(BODIES, CUTS)
@example(b"\xef\xbb\xbfdata: a\r\n\r\n", [1, 2, 3, 10, 11, 12, 13])
@example("data: \N{GRINNING FACE}\n\n".encode(), [7, 8, 9, 10])
@example(b"data: \xf0\x9f\n\n", [7, 8])
@example(b"data: x\r\rdata: y\r\n\r\n", [8, 9])
def test_any_chunking_gives_the_events_of_the_standard(body: bytes, at: Sequence[int]) -> None:
    assert parsed(cut(body, at)) == by_the_book(body)


@given(BODIES, CUTS, st.integers(1, 12))
def test_any_chunking_meets_the_same_limit_at_the_same_event(
    body: bytes, at: Sequence[int], most: int
) -> None:
    assert parsed(cut(body, at), most) == parsed([body], most)


def test_a_line_without_an_end_is_refused_before_it_is_kept() -> None:
    parser = EventParser(most=1000)
    for _ in range(10):
        assert list(parser.feed(b"a" * 100)) == []
    with pytest.raises(TooLong, match="a line of more than 1000 characters"):
        list(parser.feed(b"a"))


def test_an_event_without_an_end_is_refused() -> None:
    with pytest.raises(TooLong, match="an event of more than 1000 characters"):
        list(EventParser(most=1000).feed(b"data: aaaaaaaaaa\n" * 200))


TEXT = st.text(max_size=30)


@st.composite
def answers(draw: st.DrawFn) -> tuple[str, Sequence[ToolCall], Sequence[dict[str, object]]]:
    """Draw a text, calls, and deltas that tell both, cut anywhere."""
    text = draw(TEXT)
    calls = draw(
        st.lists(
            st.builds(ToolCall, id=st.text(min_size=1), name=st.text(min_size=1), arguments=TEXT), max_size=3
        )
    )
    deltas: list[dict[str, object]] = [{"content": part} for part in draw(parts(text))]
    for index, call in enumerate(calls):
        named = {"index": index, "id": call.id, "function": {"name": call.name, "arguments": ""}}
        deltas.append({"tool_calls": [named]})
        deltas.extend(
            {"tool_calls": [{"index": index, "function": {"arguments": part}}]}
            for part in draw(parts(call.arguments))
        )
    return text, calls, deltas


@st.composite
def parts(draw: st.DrawFn, text: str) -> Sequence[str]:
    # In UTF-16, as servers do that cut between the halves of a character.
    units = text.encode("utf-16-le")
    at = draw(st.lists(st.integers(0, len(units) // 2), max_size=6))
    return [part.decode("utf-16-le", "surrogatepass") for part in cut(units, [2 * one for one in at])]


@pytest.mark.slow
@given(answers())
def test_however_an_answer_is_cut_it_is_put_together(
    answer: tuple[str, Sequence[ToolCall], Sequence[dict[str, object]]],
) -> None:
    text, calls, deltas = answer
    assembly = Assembly([0], ())
    pieces: list[Piece] = []
    for delta in [*deltas, None]:
        finish = "stop" if delta is None else None
        event = {"choices": [{"index": 0, "delta": delta or {}, "finish_reason": finish}]}
        for found in chat.read(json.loads(json.dumps(event))):
            pieces += assembly.push(found)
    pieces += assembly.end()
    assert "".join(piece.text for piece in pieces) == text
    assert pieces[-1].calls == tuple(calls)
    assert pieces[-1].finish == ("tool_calls" if calls else "stop")
    assert not any("\ud800" <= character <= "\udfff" for piece in pieces for character in piece.text)


@given(st.text("ab|c", max_size=30), st.lists(st.integers(0, 30), max_size=6))
def test_stop_strings_are_found_however_they_are_cut(text: str, at: Sequence[int]) -> None:
    assembly = Assembly([0], ("|c", "ab|"))
    shown = ""
    for part in cut(text.encode(), at):
        shown += "".join(piece.text for piece in assembly.push(Delta(text=part.decode())))
    shown += "".join(piece.text for piece in assembly.push(Delta(finish="length")))
    (end,) = assembly.end() if text or assembly.finished else (Piece(),)
    first = min((found for found in (text.find("|c"), text.find("ab|")) if found >= 0), default=len(text))
    assert shown + end.text == text[:first]
    assert end.finish == ("stop" if first < len(text) else "length")


KEYS = """choices delta message content index finish_reason tool_calls function name arguments usage error id type
logprobs logprob prompt_tokens completion_tokens refusal response output status item call_id output_index code"""
TYPES = """error message function_call response response.output_text.delta response.output_item.added
response.function_call_arguments.delta response.completed response.incomplete response.failed failed incomplete"""
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(TYPES.split()),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS.split()), inner, max_size=6)
    ),
    max_leaves=6,
)
EVENTS = st.fixed_dictionaries(
    {},
    optional={
        "choices": st.lists(st.dictionaries(st.sampled_from(KEYS.split()), JSON), max_size=3),
        "type": st.sampled_from(TYPES.split()) | JSON,
        "object": st.just("response"),
        **dict.fromkeys(
            ("usage", "error", "response", "delta", "item", "output", "output_index", "status"), JSON
        ),
    },
)


@pytest.mark.slow
@given(EVENTS)
def test_whatever_a_server_sends_is_read_or_refused(event: dict[str, object]) -> None:
    for read in (chat.read, responses.read):
        assembly = Assembly([0, 1], ("x",))
        pieces: list[Piece] = []
        with suppress(BadReply):
            for delta in read(event):
                pieces += assembly.push(delta)
            assert all(piece.finish is not None for piece in assembly.end())
        assert all(piece.finish is None for piece in pieces)
