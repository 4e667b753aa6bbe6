"""The two things a console can write to: a terminal, where what was shown can be changed, and anything else."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from rostra.actions import Capabilities
from rostra.errors import Rejected
from rostra.views import Part, Table, View, as_text

from .console_text import clean, rows

WITHDRAWN = "[withdrawn]"
_THINKING = "thinking…"
_UP, _ERASE = (
    "\x1b[{}A",
    "\x1b[J",
)  # CUU, ED: https://ecma-international.org/publications-and-standards/standards/ecma-48/
_SGR = re.compile(r"\x1b\[[0-9;]*m")


class Sink(Protocol):
    """As much of a text stream as is written to."""

    def write(self, text: str, /) -> int: ...

    def flush(self) -> None: ...


class Screen(Protocol):
    """Where replies are shown."""

    @property
    def capabilities(self) -> Capabilities: ...

    def freeze(self) -> None:
        """Leave what is shown as it is: something else comes below it now."""
        ...

    def think(self) -> None:
        """Show that an answer is being made."""
        ...

    def put(self, reply: str, text: str, *, add: bool = False, end: bool = False) -> None:
        """Let ``text`` be what is shown of the reply, or ``add`` it; ``end`` if it stays so. Raises `Rejected`."""
        ...

    def view(self, reply: str, view: View) -> None:
        """Show a view, and end the reply. Raises `Rejected`."""
        ...


@dataclass(frozen=True, slots=True)
class Plain:
    """A file, a pipe or a terminal that obeys nothing: answers arrive whole."""

    sink: Sink

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities()

    def freeze(self) -> None:
        """Do nothing: what is written stays."""

    def think(self) -> None:
        """Show nothing."""

    def put(self, reply: str, text: str, *, add: bool = False, end: bool = False) -> None:
        del reply, add
        if end and text:
            _write(self.sink, f"{clean(text)}\n")

    def view(self, reply: str, view: View) -> None:
        self.put(reply, as_text(view), end=True)


@dataclass(slots=True)
class _Block:
    """One reply on the screen. It starts in the first column."""

    reply: str
    body: str = ""
    ended: bool = False


class Terminal:
    """A terminal that obeys ANSI sequences (ECMA-48). The replies since the last prompt can still be changed.

    ``size`` gives columns and lines. While a line is being typed replies are shown above it, whole.
    """

    def __init__(
        self, sink: Sink, *, colour: bool = True, size: Callable[[], tuple[int, int]] | None = None
    ) -> None:
        self._prompt: Callable[[], str] | None = None
        self._sink = sink
        self._colour = colour
        self._size: Callable[[], tuple[int, int]] = size or shutil.get_terminal_size
        self._blocks: list[_Block] = []
        self._thinking = False

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(append=True, edit=True, typing=True)

    def prompting(self, prompt: Callable[[], str] | None) -> None:
        """Know that a line is being typed, and how to draw it again; None if it is no more."""
        self._prompt = prompt

    def freeze(self) -> None:
        self._blocks.clear()
        self._thinking = False

    def think(self) -> None:
        quiet = all(block.ended for block in self._blocks)
        if quiet and not self._thinking and self._prompt is None:
            self._thinking = True
            self._write(dim(_THINKING, colour=self._colour))

    def put(self, reply: str, text: str, *, add: bool = False, end: bool = False) -> None:
        block = self._open(reply)
        self._change(block, block.body + clean(text) if add else clean(text), ended=end)

    def view(self, reply: str, view: View) -> None:
        tables = any(isinstance(part, Table) for part in view.parts)
        body = styled(view, width=self._size()[0], colour=self._colour) if tables else clean(as_text(view))
        self._change(self._open(reply), body, ended=True)

    def _open(self, reply: str) -> _Block:
        found = next((block for block in self._blocks if block.reply == reply and not block.ended), None)
        if found is None:
            found = _Block(reply)
            # What stood last gets its line feed: the new one starts in the first column.
            self._change_to([*self._blocks, found], of=max(0, len(self._blocks) - 1))
        return found

    def _change(self, block: _Block, body: str, *, ended: bool) -> None:
        number = self._blocks.index(block)
        after = list(self._blocks)
        after[number] = _Block(block.reply, body, ended)
        self._change_to(after, of=number)

    def _change_to(self, blocks: list[_Block], *, of: int) -> None:
        """Show ``blocks`` instead of those shown; they differ from number ``of`` on."""
        before, after = _content(self._blocks[of:]), _content(blocks[of:])
        self._blocks = blocks
        if self._prompt is not None:
            if blocks[of].ended:
                self._write(f"\r{_ERASE}{after}{self._prompt()}")
            return
        if self._thinking and before != after:
            self._thinking = False
            self._write(f"\r{_ERASE}")
        if after.startswith(before):
            self._write(after[len(before) :])
            return
        width, lines = self._size()
        down = rows(_SGR.sub("", before), width)
        up = min(down, lines - 1)
        mark = f"{WITHDRAWN}\n" if down > up else ""  # the beginning is above the screen, out of reach
        self._write(f"\r{_UP.format(up) if up else ''}{_ERASE}{mark}{after}")

    def _write(self, text: str) -> None:
        _write(self._sink, text)


def _content(blocks: Sequence[_Block]) -> str:
    last = len(blocks) - 1
    return "".join(
        block.body + ("\n" if block.body and (block.ended or number < last) else "")
        for number, block in enumerate(blocks)
    )


def dim(text: str, *, colour: bool) -> str:
    """Return ``text`` in a faint style, if ``colour`` allows."""
    return f"\x1b[2m{text}\x1b[0m" if colour else text


def styled(view: View, *, width: int, colour: bool) -> str:
    """Return a view as lines for a terminal, its tables drawn."""
    from rich.console import Console, Group
    from rich.table import Table as RichTable
    from rich.text import Text

    def part(one: Part) -> RichTable | Text:
        if not isinstance(one, Table):
            return Text(clean(as_text(View(parts=(one,)))))
        table = RichTable(box=None, pad_edge=False, header_style="bold")
        for name in one.header:
            table.add_column(Text(clean(name)))
        for row in one.rows:
            table.add_row(*(Text(clean(cell)) for cell in row))
        return table

    console = Console(width=width, force_terminal=True, color_system="standard" if colour else None)
    with console.capture() as capture:
        for number, one in enumerate(view.parts):
            console.print(Group(*([""] if number else []), part(one)))
    lines = (line.rstrip() for line in capture.get().splitlines())
    return "\n".join(lines)


def _write(sink: Sink, text: str) -> None:
    if not text:
        return
    try:
        sink.write(text)
        sink.flush()
    except BrokenPipeError as error:
        raise Rejected("nobody reads standard output any more") from error
