"""``rostra chat`` on a real terminal: a pseudo-terminal with a process at its other end."""

from __future__ import annotations

import codecs
import fcntl
import os
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Generator
from pathlib import Path

import pytest

MODEL = """
import asyncio
from contextlib import asynccontextmanager

from rostra import Component, ComponentSettings, Piece


class Model:
    name = "slow"
    window = 4096

    def count(self, text):
        return len(text)

    async def stream(self, messages, sampling):
        question = messages[-1].text
        if question == "forever":
            yield Piece(text="Once upon a time. There was ")
            await asyncio.Event().wait()
        for word in question.upper().splitlines():
            yield Piece(text=f"{word}. ")
        yield Piece(finish="stop")


@asynccontextmanager
async def opened(settings, services):
    yield Model()


component = Component(name="slow", settings=ComponentSettings, open=opened)
"""
PATIENCE = 20.0
PROMPT = "> "


class Terminal:
    """The person's side of a pseudo-terminal."""

    def __init__(self, folder: Path) -> None:
        self._master, slave = os.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        self.before = termios.tcgetattr(slave)
        self._slave = slave
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from rostra.cli.main import main; main()", "chat"],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            cwd=folder,
            env={**os.environ, "TERM": "xterm", "INPUTRC": "/dev/null"},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509  so that Ctrl-C is a signal
        )
        self.seen = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def type(self, keys: str) -> None:
        os.write(self._master, keys.encode())

    def see(self, *texts: str) -> str:
        """Wait until ``texts`` appeared in this order since the last call; return what was written until then."""
        start = ""
        for text in texts:
            while text not in self.seen:
                ready, _, _ = select.select([self._master], [], [], PATIENCE)
                assert ready, f"waited for {text!r}, saw {start + self.seen!r}"
                self.seen += self._decoder.decode(os.read(self._master, 4096))
            end = self.seen.index(text) + len(text)
            start, self.seen = start + self.seen[:end], self.seen[end:]
        return start

    def modes(self) -> object:
        """Return how the terminal treats what is typed: echo, signals, line by line."""
        return termios.tcgetattr(self._slave)[:4]

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        os.close(self._master)
        os.close(self._slave)


@pytest.fixture
def terminal(tmp_path: Path) -> Generator[Terminal]:
    (tmp_path / "slow.py").write_text(MODEL)
    (tmp_path / "rostra.toml").write_text(
        'data = "data"\n[storage]\nurl = "memory:"\n[models.slow]\nkind = "./slow.py:component"\n'
    )
    opened = Terminal(tmp_path)
    try:
        yield opened
    finally:
        opened.close()


@pytest.mark.slow
def test_a_conversation_at_a_terminal(terminal: Terminal) -> None:
    terminal.see("Rostra.", "Ctrl-D leaves", PROMPT)

    terminal.type("hello\n")
    terminal.see("HELLO.", PROMPT)

    terminal.type("\x1b[A\n")  # the up key brings the last line back
    terminal.see("HELLO.", PROMPT)

    terminal.type("half a line\x03")  # Ctrl-C drops it
    terminal.see(PROMPT)
    terminal.type("one \\\n")
    terminal.see("… ")
    terminal.type("two\n")
    answered = terminal.see("ONE", "TWO.", PROMPT)
    assert "HALF" not in answered

    terminal.type("forever\n")
    terminal.see("Once upon a time.")
    terminal.type("\x03")  # Ctrl-C stops the answer, and the chat goes on
    terminal.see("Stopped.", PROMPT)

    terminal.type("/help\n")
    terminal.see("/persona", PROMPT)

    terminal.type("\x04")  # Ctrl-D leaves
    assert terminal.process.wait(PATIENCE) == 0
    assert terminal.modes() == terminal.before[:4]


@pytest.mark.slow
def test_a_terminal_is_left_as_it_was_when_the_process_is_told_to_end(terminal: Terminal) -> None:
    terminal.see(PROMPT)
    terminal.type("half a line")
    terminal.see("half a line")
    terminal.process.send_signal(signal.SIGTERM)
    started = time.monotonic()
    assert terminal.process.wait(PATIENCE) == 0
    assert time.monotonic() - started < 10
    assert terminal.modes() == terminal.before[:4]
