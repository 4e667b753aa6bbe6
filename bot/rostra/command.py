"""Commands: written once, shown by every adapter in its own way.

A whole command is one function in one file::

    from rostra import Call, command

    @command("roll", help="Roll dice", options=[Option(name="dice", help="such as 3d6")])
    async def roll(call: Call) -> str: ...
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from .actions import Address
from .chat import Answerer
from .places import Permission, Place
from .stores import Explanation
from .turns import Turn
from .views import View


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """Something a command is told. ``free`` text is moderated like a question; names from a list are not."""

    name: str
    help: str
    required: bool = False
    free: bool = False


class Desk(Protocol):
    """What commands may do to the bot they belong to."""

    def commands(self) -> Sequence[Command]: ...

    def answerers(self) -> Mapping[str, Answerer]: ...

    def personas(self) -> Mapping[str, str]:
        """Return the system prompts of the personas by name."""
        ...

    async def chosen(self, place: Place) -> Mapping[str, str]:
        """Return what was chosen for the place: ``answerer``, ``persona``."""
        ...

    async def choose(self, turn: Turn, name: str, value: str | None) -> None:
        """Choose for the turn's place, and write it into the audit log."""
        ...

    def stop(self, place: Place) -> int:
        """End what is being answered in the place and drop what waits there. Return how much that was."""
        ...

    async def forget(self, place: Place) -> int:
        """Start the place afresh. Return how many utterances are no longer remembered."""
        ...

    async def explanation(self, place: Place, reply: str | None) -> Explanation | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One use of a command."""

    turn: Turn
    options: Mapping[str, str]
    desk: Desk
    address: Address

    @property
    def place(self) -> Place:
        return self.turn.place


Run: TypeAlias = Callable[[Call], Awaitable[View | str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A path (``rank new``), what it is told, who may use it, and what it does.

    A command with ``control`` does not wait behind the questions of its place.
    """

    path: tuple[str, ...]
    help: str
    run: Run
    options: tuple[Option, ...] = ()
    permission: Permission = Permission.ASKER
    control: bool = False

    @property
    def name(self) -> str:
        return " ".join(self.path)


def command(
    path: str,
    *,
    help: str,  # noqa: A002  what it is called everywhere else
    options: Sequence[Option] = (),
    permission: Permission = Permission.ASKER,
    control: bool = False,
) -> Callable[[Run], Command]:
    """Make a command of the function below."""

    def made(run: Run) -> Command:
        return Command(
            path=tuple(path.split()),
            help=help,
            run=run,
            options=tuple(options),
            permission=permission,
            control=control,
        )

    return made


class Commands:
    """The commands of a bot, by path. Raises `ValueError` where two have the same path, or one is another's beginning."""

    def __init__(self, commands: Sequence[Command]) -> None:
        self._by_path: dict[tuple[str, ...], Command] = {}
        for one in commands:
            for other in self._by_path:
                if other[: len(one.path)] == one.path or one.path[: len(other)] == other:
                    raise ValueError(f"commands {' '.join(other)!r} and {one.name!r} get in each other's way")
            self._by_path[one.path] = one

    def __iter__(self) -> Iterator[Command]:
        return iter(sorted(self._by_path.values(), key=lambda one: one.path))

    def match(self, words: Sequence[str]) -> tuple[Command, Sequence[str]] | None:
        """Return the command that ``words`` begin with, and the words left over."""
        for length in range(len(words), 0, -1):
            found = self._by_path.get(tuple(words[:length]))
            if found is not None:
                return found, words[length:]
        return None


def read(command: Command, given: Mapping[str, str], words: Sequence[str]) -> Mapping[str, str]:
    """Return the options of a call: ``given`` by name, or from the ``words`` that follow the command.

    Words fill the options in their order; the last option takes all that are left. Raises `ValueError`, with what would
    be right, if a required option is missing or there is no room for a word.
    """
    known = {option.name for option in command.options}
    options = {name: value for name, value in given.items() if name in known and value}
    left = list(words)
    free = [option for option in command.options if option.name not in options]
    for number, option in enumerate(free):
        if left:
            last = number == len(free) - 1
            options[option.name] = " ".join(left) if last else left[0]
            left = [] if last else left[1:]
    missing = [option.name for option in command.options if option.required and option.name not in options]
    if left or missing:
        raise ValueError(usage(command))
    return options


def usage(command: Command) -> str:
    """Return how a command is written: ``/persona [NAME]``."""
    options = (
        option.name.upper() if option.required else f"[{option.name.upper()}]" for option in command.options
    )
    return " ".join([f"/{command.name}", *options])
