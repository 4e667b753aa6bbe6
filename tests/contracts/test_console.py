"""The console as a platform: in a pipe, and on a terminal."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Sequence
from pathlib import Path

import pytest

from rostra.actions import Address, Finish
from rostra.components import Services
from rostra.errors import Rejected, StoreError
from rostra.events import Event, Invocation, Message
from rostra.protocols import Accepted, Adapter, Duplicate
from rostra.testing.adapters import AdapterContract, Faults, Platform, absent
from rostra.testing.clock import ManualClock, settle
from rostra.testing.screen import FakeScreen
from rostra_adapters.console import PERSON, Console, component
from rostra_adapters.console_lines import Given, Piped, question
from rostra_adapters.console_screen import Plain, Terminal

OBEYED = ("\x1b[2J", "\x1b]0;title\x07", "\x9b31m", "\x07", "\r", "\u202e", "\u2066")


class Pipe:
    """Standard input and output as two streams. The first ends with what is in it, so nothing can break meanwhile."""

    people = None
    faults: Faults | None = None

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


class Keyboard:
    """Lines that a person types, now or later."""

    def __init__(self) -> None:
        self.lines: asyncio.Queue[str] = asyncio.Queue()

    async def next(self) -> str | None:
        return await self.lines.get()


class Tty:
    """A terminal, whose screen can be changed: a person at a keyboard in front of it."""

    people = None

    def __init__(self, *, colour: bool = True, columns: int = 80, lines: int = 24) -> None:
        self.keyboard = Keyboard()
        self.screen = FakeScreen(columns, lines)
        self.terminal = Terminal(self.screen, colour=colour, size=lambda: self.screen.size)
        self.clock = ManualClock()
        self.adapter: Adapter = Console(self.keyboard, self.terminal, clock=self.clock)
        self.faults: Faults | None = TtyFaults(self.clock)

    def users_say(self, *texts: str) -> None:
        for text in texts:
            self.keyboard.lines.put_nowait(text)

    def users_see(self) -> Sequence[str]:
        return self.screen.seen.splitlines()

    def acknowledged(self) -> None:
        return None


class TtyFaults:
    """What can go wrong with a terminal: its clock jumps. There is no network, and nothing outlives the program."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock

    def repeat(self) -> None:
        absent("a terminal delivers nothing twice")

    def drop(self) -> None:
        absent("a terminal that is gone does not come back")

    async def reconnect(self) -> None:
        absent("a terminal that is gone does not come back")

    async def fall_silent(self) -> None:
        absent("a silent terminal is one where nobody writes")

    def storm(self, calls: int, retry_after: float) -> None:
        absent("a terminal refuses nothing")

    def unanswered(self) -> int:
        absent("a terminal waits for nothing")

    def restart(self) -> Adapter:
        absent("a new program cannot change what another one printed")


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
