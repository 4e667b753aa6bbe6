"""What a terminal shows of replies that grow, change and are withdrawn."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rostra.actions import Action, Append, Begin, Finish, Replace, Retract, Show, Typing
from rostra.testing.screen import FakeScreen
from rostra.views import Button, Buttons, Table, Text, View
from rostra_adapters.console_screen import WITHDRAWN, Terminal
from rostra_adapters.console_text import clean, rows


def on_screen(*actions: Action, columns: int = 20, lines: int = 6) -> FakeScreen:
    """Perform actions on a terminal, and return its screen."""
    screen = FakeScreen(columns, lines)
    terminal = Terminal(screen, size=lambda: screen.size)
    for action in actions:
        _show(terminal, action)
    return screen


def _show(terminal: Terminal, action: Action) -> None:
    match action:
        case Typing():
            terminal.think()
        case Append(reply=reply, text=text):
            terminal.put(reply, text, add=True)
        case Begin(reply=reply, text=text) | Replace(reply=reply, text=text):
            terminal.put(reply, text)
        case Finish(reply=reply, text=text) | Retract(reply=reply, text=text):
            terminal.put(reply, text, end=True)
        case Show(reply=reply, view=view):
            terminal.view(reply, view)


def test_the_sign_that_an_answer_is_made_goes_with_its_first_text() -> None:
    screen = on_screen(Typing(reply="r"), Typing(reply="r"))
    assert screen.seen == "thinking…"
    assert on_screen(Typing(reply="r"), Begin(reply="r", text="so")).seen == "so"


def test_pieces_are_written_as_they_come_and_once() -> None:
    sink = io.StringIO()
    terminal = Terminal(sink, size=lambda: (80, 24))
    for text in ("Par", "is", "."):
        terminal.put("r", text, add=True)
    terminal.put("r", "Paris.", end=True)
    assert sink.getvalue() == "Paris.\n"


def test_a_text_over_many_rows_is_replaced_whole() -> None:
    long = "x" * 45 + "\nsecond line\n"
    screen = on_screen(Begin(reply="r", text=long), Replace(reply="r", text="short"), lines=9)
    assert screen.seen == "short"


def test_a_full_row_takes_no_second_one() -> None:
    screen = on_screen(
        Finish(reply="a", text="above"), Begin(reply="r", text="y" * 20), Retract(reply="r", text="no")
    )
    assert screen.seen == "above\nno"


def test_what_scrolled_away_is_said_to_be_withdrawn() -> None:
    lines = "\n".join(f"line {number}" for number in range(12))
    screen = on_screen(Begin(reply="r", text=lines), Retract(reply="r", text="refused"), lines=6)
    assert screen.seen.splitlines()[-2:] == [WITHDRAWN, "refused"]
    visible = screen.seen.splitlines()[-6:]
    assert not [row for row in visible if row in {"line 9", "line 10", "line 11"}]


def test_a_reply_is_still_replaced_when_another_came_below_it() -> None:
    screen = on_screen(
        Finish(reply="z", text="above"),
        Begin(reply="a", text="half an"),
        Show(reply="b", view=View(parts=(Text(text="Stopped."),))),
        Finish(reply="a", text="nothing"),
    )
    assert screen.seen == "above\nnothing\nStopped."


def test_tables_are_drawn_without_the_colours_of_their_content() -> None:
    table = Table(header=("Name", "\x1b[31mAge"), rows=(("[bold]Ann[/bold]", "4\x1b[2J1"),))
    sink = io.StringIO()
    terminal = Terminal(sink, colour=False, size=lambda: (60, 24))
    terminal.view(
        "r", View(parts=(Text(text="People"), table, Buttons(buttons=(Button(control="c", label="Go"),))))
    )
    seen = sink.getvalue()
    assert "\x1b[31m" not in seen
    assert "\x1b[2J" not in seen
    assert "[bold]Ann[/bold]" in seen
    assert "[Go]" in seen


def test_no_style_reaches_a_terminal_without_colours() -> None:
    sink = io.StringIO()
    terminal = Terminal(sink, colour=False, size=lambda: (60, 24))
    terminal.think()
    terminal.put("r", "text")
    assert "\x1b[2m" not in sink.getvalue()


def test_a_reply_that_comes_while_a_line_is_typed_stands_above_it() -> None:
    screen = FakeScreen(40, 10)
    terminal = Terminal(screen, size=lambda: screen.size)
    screen.write("> half a li")
    terminal.prompting(lambda: "> half a li")
    terminal.put("late", "an ol", add=True)
    terminal.put("late", "an old answer", end=True)
    assert screen.seen == "an old answer\n> half a li"


@pytest.mark.parametrize(
    ("text", "down"),
    [
        ("", 0),
        ("a\n", 1),
        ("12345", 0),
        ("123456", 1),
        ("1234漢", 1),
        ("漢漢", 0),
        ("e\u0301" * 5, 0),
        ("a\nb\nc", 2),
    ],
    ids=range(8),
)
def test_rows_are_counted_as_terminals_wrap(text: str, down: int) -> None:
    assert rows(text, 5) == down


@given(text=st.text(alphabet=st.sampled_from("ab 漢\n\u0301é👩"), max_size=60), width=st.integers(2, 12))
def test_rows_are_counted_as_the_screen_does(text: str, width: int) -> None:
    screen = FakeScreen(width, 1000)
    screen.write(text)
    assert rows(text, width) == len(screen.rows) - 1


@given(text=st.text(), cut=st.integers(0, 30))
def test_cleaning_does_not_depend_on_how_a_text_is_cut(text: str, cut: int) -> None:
    assert clean(text[:cut]) + clean(text[cut:]) == clean(text)


@given(text=st.text())
def test_a_clean_text_has_nothing_to_obey(text: str) -> None:
    assert not [
        character
        for character in clean(text)
        if character != "\n" and (ord(character) < 0x20 or 0x7F <= ord(character) < 0xA0)
    ]


@given(
    texts=st.lists(st.text(alphabet="ab 漢\n", max_size=40), min_size=1, max_size=6),
    columns=st.integers(2, 20),
)
def test_whatever_was_shown_before_the_last_text_stands_alone(texts: list[str], columns: int) -> None:
    actions: list[Action] = [
        Begin(reply="r", text=texts[0]),
        *(Replace(reply="r", text=text) for text in texts[1:]),
    ]
    last = on_screen(Begin(reply="r", text=texts[-1]), columns=columns, lines=500)
    assert on_screen(*actions, columns=columns, lines=500).seen == last.seen
