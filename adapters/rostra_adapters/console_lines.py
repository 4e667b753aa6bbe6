"""Where a console's questions come from: a terminal with a line editor, a pipe, or a list."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import threading
from collections.abc import Callable, Generator, Sequence
from functools import partial
from typing import Protocol, TextIO, TypeVar

T = TypeVar("T")

FENCE = '"""'
_MORE = "… "


class Lines(Protocol):
    """Questions, one after the other."""

    async def next(self) -> str | None:
        """Return the next question, or None after the last."""
        ...


class Given:
    """Questions that are known beforehand."""

    def __init__(self, questions: Sequence[str]) -> None:
        self._questions = iter(questions)

    async def next(self) -> str | None:
        return next(self._questions, None)


class Piped:
    """Every line of a stream is a question."""

    def __init__(self, source: TextIO) -> None:
        self._source = source

    async def next(self) -> str | None:
        line = await in_thread(self._source.readline)
        return line.rstrip("\r\n") if line else None


class Typed:
    """Lines typed into a terminal, with the editing keys and the history of GNU readline.

    A line that ends in a backslash goes on in the next, and so does everything between two lines of three double
    quotes. Ctrl-C drops what was typed, Ctrl-D ends. The history lives as long as the process: what people ask is
    not left in a file.
    """

    def __init__(
        self, prompt: str, prompting: Callable[[Callable[[], str] | None], None], *, colour: bool = True
    ) -> None:
        """``prompting`` is told, before a line is typed, how to draw it again, and None after it."""
        self._prompt = prompt
        self._prompting = prompting
        # readline counts the columns of its prompt; what it must not count stands between these two marks.
        self._style = "\x01\x1b[1m\x02{}\x01\x1b[0m\x02" if colour else "{}"

    async def next(self) -> str | None:
        return await in_thread(self._ask)

    def _ask(self) -> str | None:
        import readline

        def line(prompt: str) -> str:
            self._prompting(lambda: prompt + readline.get_line_buffer())
            try:
                return input(self._style.format(prompt))
            finally:
                self._prompting(None)

        sys.stdout.write("\n")
        try:
            with typing_mode(sys.stdin.fileno()):
                return question(line, self._prompt)
        except EOFError:
            sys.stdout.write("\n")  # what comes after the chat starts in a line of its own
            return None


def question(line: Callable[[str], str], prompt: str) -> str:
    r"""Read one question, which may have several lines. Raises `EOFError` if there is nothing at all.

    >>> typed = iter(["one \\", "two"])
    >>> question(lambda prompt: next(typed), "> ")
    'one \ntwo'
    """
    first = line(prompt)
    fenced = first.strip().startswith(FENCE)
    if fenced:
        return _fenced(line, first.strip().removeprefix(FENCE))
    lines = [first]
    with contextlib.suppress(EOFError):
        while lines[-1].endswith("\\"):
            lines[-1] = lines[-1][:-1]
            lines.append(line(_MORE))
    return "\n".join(lines)


def _fenced(line: Callable[[str], str], first: str) -> str:
    lines = [first] if first else []
    with contextlib.suppress(EOFError):
        while not (lines and lines[-1].rstrip().endswith(FENCE)):
            lines.append(line(_MORE))
        lines[-1] = lines[-1].rstrip().removesuffix(FENCE)
    return "\n".join(lines).strip("\n")


@contextlib.contextmanager
def typing_mode(terminal: int) -> Generator[None]:
    """Let Ctrl-C reach the line editor as a key while a line is typed: it drops the line."""
    import readline
    import termios

    if "libedit" in (readline.__doc__ or ""):  # it binds keys in another language; Ctrl-C then ends the chat
        yield
        return
    readline.parse_and_bind(r'"\C-c": "\C-a\C-k\C-m"')
    before = termios.tcgetattr(terminal)
    raw = list(before)
    raw[3] |= termios.ECHO
    raw[6] = [*before[6]]
    raw[6][termios.VINTR] = b"\0"
    termios.tcsetattr(terminal, termios.TCSADRAIN, raw)
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


@contextlib.contextmanager
def answering_mode(terminal: int) -> Generator[None]:
    """Show no typed characters in the middle of an answer, and leave the terminal as it was found."""
    import termios

    before = termios.tcgetattr(terminal)
    silent = list(before)
    silent[3] &= ~termios.ECHO
    termios.tcsetattr(terminal, termios.TCSADRAIN, silent)
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSADRAIN, before)


async def in_thread(work: Callable[[], T]) -> T:
    """Return what ``work`` returns, from a thread that nobody waits for when the process ends.

    A read from a terminal cannot be called off: asyncio's own threads would keep the process until the next line.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(set_: Callable[[], None]) -> None:
        if not done.done():
            set_()

    def run() -> None:
        try:
            value = work()
        except Exception as error:  # noqa: BLE001  whatever it is, it is raised where the result is awaited
            outcome = partial(done.set_exception, error)
        else:
            outcome = partial(done.set_result, value)
        with contextlib.suppress(RuntimeError):  # the loop was closed meanwhile
            loop.call_soon_threadsafe(settle, outcome)

    threading.Thread(target=run, name="console input", daemon=True).start()
    return await done
