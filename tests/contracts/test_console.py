"""The console as a platform: in a pipe, and on a terminal."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rostra.actions import Action, Address, Append, Begin, Finish, Replace, Retract, Show, Typing
from rostra.components import Services
from rostra.errors import Rejected, StoreError
from rostra.events import Event, Invocation, Message
from rostra.protocols import Accepted, Adapter, Duplicate
from rostra.testing.adapters import AdapterContract, Platform
from rostra.testing.clock import ManualClock, settle
from rostra.testing.screen import FakeScreen
from rostra.views import Button, Buttons, Table, Text, View
from rostra_adapters.console import PERSON, Console, component
from rostra_adapters.console_lines import Given, Piped, question
from rostra_adapters.console_screen import WITHDRAWN, Plain, Terminal
from rostra_adapters.console_text import clean, rows


OBEYED = ("\x1b[2J", "\x1b]0;title\x07", "\x9b31m", "\x07", "\r", "\u202e", "\u2066")


class Pipe:
    """Standard input and output as two streams."""

    def __init__(self) -> None:
        self.typed = io.StringIO()
        self.shown = io.StringIO()
        self.adapter: Adapter = Console(Piped(self.typed), Plain(self.shown), clock=ManualClock())

    def users_say(self, *texts: str) -> None:
        read = self.typed.tell()
        self.typed.seek(0, io.SEEK_END)
        self.typed.write("".join(f"{text}\n" for text in texts))
        self.typed.seek(read)

    def users_see(self) -> Sequence[str]:
        return self.shown.getvalue().splitlines()

    def acknowledged(self) -> None:
        return None


class Tty(Pipe):
    """A terminal, whose screen can be changed."""

    def __init__(self, *, colour: bool = True, columns: int = 80, lines: int = 24) -> None:
        super().__init__()
        self.screen = FakeScreen(columns, lines)
        self.terminal = Terminal(self.screen, colour=colour, size=lambda: self.screen.size)
        self.adapter = Console(Piped(self.typed), self.terminal, clock=ManualClock())

    def users_see(self) -> Sequence[str]:
        return self.screen.seen.splitlines()


class TestPipedConsole(AdapterContract):
    dangerous = OBEYED

    @pytest.fixture
    def platform(self) -> Platform:
        return Pipe()


class TestTerminalConsole(AdapterContract):
    dangerous = OBEYED

    @pytest.fixture
    def platform(self) -> Platform:
        return Tty(columns=60, lines=2_000)


class Bot:
    """Takes what a console asks and answers it with what a test wants."""

    def __init__(self, console: Console, *texts: str) -> None:
        self.console = console
        self.answers = list(texts)
        self.heard: list[Event] = []

    async def accept(self, event: Event) -> Accepted | Duplicate:
        self.heard.append(event)
        reply = f"r{len(self.heard)}"
        text = self.answers.pop(0) if self.answers else "ok"
        await self.console.perform(Address.of(event), Finish(reply=reply, text=text), reply)
        return Accepted(reply=reply)


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


async def test_a_pipe_gets_each_answer_whole_and_in_order() -> None:
    pipe = Pipe()
    pipe.users_say("one", "", "  ", "two")
    console = Console(Piped(pipe.typed), Plain(pipe.shown), clock=ManualClock())
    await console.run(Bot(console, "first", "second").accept)
    assert pipe.shown.getvalue() == "first\nsecond\n"


async def test_a_line_with_a_slash_invokes_a_command() -> None:
    console = Console(
        Given(["/persona pirate king", "/stop", "/ is a slash", "1/2"]),
        Plain(io.StringIO()),
        clock=ManualClock(),
    )
    bot = Bot(console)
    await console.run(bot.accept)
    persona, stop, slash, half = bot.heard
    assert isinstance(persona, Invocation)
    assert (persona.path, persona.options) == (("persona",), {"text": "pirate king"})
    assert isinstance(stop, Invocation)
    assert (stop.path, stop.options) == (("stop",), {})
    assert isinstance(slash, Message)
    assert isinstance(half, Message)
    assert persona.author == PERSON


@pytest.mark.parametrize("farewell", ["/quit", "/exit", " /quit "])
async def test_quit_leaves_without_asking(farewell: str) -> None:
    console = Console(Given(["one", farewell, "two"]), Plain(io.StringIO()), clock=ManualClock())
    bot = Bot(console)
    await console.run(bot.accept)
    assert [event.text for event in bot.heard if isinstance(event, Message)] == ["one"]


async def test_replies_to_questions_of_another_run_go_aside() -> None:
    shown, aside = io.StringIO(), io.StringIO()
    console = Console(Given(["mine"]), Plain(shown), clock=ManualClock(), aside=Plain(aside))
    other = Console(Given(["old"]), Plain(io.StringIO()), clock=ManualClock())
    old = Bot(other)
    await other.run(old.accept)
    await console.perform(Address.of(old.heard[0]), Finish(reply="r0", text="late answer"), "r0")
    await console.run(Bot(console, "my answer").accept)
    assert (shown.getvalue(), aside.getvalue()) == ("my answer\n", "late answer\n")


async def test_a_question_that_cannot_be_stored_is_said_not_to_be_asked_and_the_next_one_is() -> None:
    shown, aside = io.StringIO(), io.StringIO()
    console = Console(Given(["lost", "kept"]), Plain(shown), clock=ManualClock(), aside=Plain(aside))
    bot = Bot(console, "answer")

    async def accept(event: Event) -> Accepted | Duplicate:
        if isinstance(event, Message) and event.text == "lost":
            raise StoreError("the disk is full")
        return await bot.accept(event)

    await console.run(accept)
    assert aside.getvalue() == "[not asked: the disk is full]\n"
    assert shown.getvalue() == "answer\n"


async def test_a_duplicate_is_not_waited_for() -> None:
    console = Console(Given(["twice"]), Plain(io.StringIO()), clock=ManualClock())

    async def accept(event: Event) -> Duplicate:
        return Duplicate(reply="r")

    await console.run(accept)


async def test_an_interrupt_stops_the_answer_and_returns_to_the_prompt() -> None:
    console = Console(Given(["long story", "next"]), Plain(io.StringIO()), clock=ManualClock())
    heard: list[Event] = []

    async def accept(event: Event) -> Accepted:
        heard.append(event)
        if isinstance(event, Message) and event.text == "long story":
            console.interrupt()
        else:
            await console.perform(Address.of(event), Finish(reply="r2", text="stopped"), "r2")
        if isinstance(event, Invocation):
            await console.perform(Address.of(heard[0]), Finish(reply="r1", text="Once"), "r1")
        return Accepted(reply="r")

    await console.run(accept)
    assert [type(event).__name__ for event in heard] == ["Message", "Invocation", "Message"]
    stop = heard[1]
    assert isinstance(stop, Invocation)
    assert stop.path == ("stop",)


async def test_a_stopped_answer_that_never_ends_is_left_behind() -> None:
    clock = ManualClock()
    console = Console(Given(["still waiting", "next"]), Plain(io.StringIO()), clock=clock)
    heard: list[str] = []

    async def accept(event: Event) -> Accepted:
        heard.append(type(event).__name__)
        if len(heard) == 1:
            console.interrupt()
        else:
            await console.perform(Address.of(event), Finish(reply="r", text="ok"), "r")
        return Accepted(reply="r")

    run = asyncio.ensure_future(console.run(accept))
    await settle()
    assert heard == ["Message", "Invocation"]
    await clock.advance(10)
    await run
    assert heard == ["Message", "Invocation", "Message"]


async def test_an_interrupt_at_the_prompt_leaves() -> None:
    class Nothing:
        async def next(self) -> str | None:
            await asyncio.Event().wait()
            return None

    console = Console(Nothing(), Plain(io.StringIO()), clock=ManualClock())
    run = asyncio.ensure_future(console.run(Bot(console).accept))
    await settle()
    console.interrupt()
    await run


async def test_a_closed_standard_output_ends_the_console() -> None:
    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    console = Console(Given(["one", "two"]), Plain(Closed()), clock=ManualClock())
    heard: list[Event] = []

    async def accept(event: Event) -> Accepted:
        heard.append(event)
        with pytest.raises(Rejected):
            await console.perform(Address.of(event), Finish(reply="r", text="text"), "r")
        return Accepted(reply="r")

    await console.run(accept)
    assert len(heard) == 1


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
        Begin(reply="a", text="half an"),
        Show(reply="b", view=View(parts=(Text(text="Stopped."),))),
        Finish(reply="a", text="nothing"),
    )
    assert screen.seen == "nothing\nStopped."


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


@pytest.mark.parametrize(
    ("typed", "asked"),
    [
        (["one line"], "one line"),
        (["one \\", "two\\", "three"], "one \ntwo\nthree"),
        (['"""', "a", "", "b", '"""'], "a\n\nb"),
        (['"""inline"""'], "inline"),
        (['"""a', 'b"""'], "a\nb"),
        (['"""', "cut off"], "cut off"),
        (["cut off\\"], "cut off"),
    ],
    ids=["one", "backslash", "block", "inline", "tight block", "open block", "open backslash"],
)
def test_a_question_may_have_several_lines(typed: list[str], asked: str) -> None:
    lines = iter(typed)

    def line(prompt: str) -> str:
        try:
            return next(lines)
        except StopIteration:
            raise EOFError from None

    assert question(line, "> ") == asked


def test_the_end_of_input_is_no_question() -> None:
    def line(prompt: str) -> str:
        raise EOFError

    with pytest.raises(EOFError):
        question(line, "> ")


async def test_given_questions_are_asked_on_standard_output(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    settings = component.settings(questions=("hello",))
    services = Services(name="term", data=tmp_path, base=tmp_path, clock=ManualClock())
    async with component.open(settings, services) as console:
        bot = Bot(console, "good day")
        await console.run(bot.accept)
    assert capsys.readouterr().out == "good day\n"
    assert bot.heard[0].place.adapter == "term"
