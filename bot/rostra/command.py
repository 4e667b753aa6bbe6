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
from .places import Permission, Person, Place
from .quotas import Quota, Quotas
from .scopes import Scope
from .stores import Audited, Explanation
from .turns import Turn
from .views import View


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """Something a command is told. ``free`` text is moderated like a question; names from a list are not.

    ``choices`` has the values that it may have in a place, where they come from a list: platforms offer them.
    """

    name: str
    help: str
    required: bool = False
    free: bool = False
    choices: Choosing | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What holds in a place, and why: ``persona``, ``pirate``, ``chosen for this channel``."""

    name: str
    value: str
    why: str


class Desk(Protocol):
    """What commands may do to the bot they belong to."""

    def commands(self) -> Sequence[Command]: ...

    def answerers(self) -> Mapping[str, Answerer]: ...

    async def personas(self, place: Place) -> Mapping[str, str]:
        """Return the system prompts by name: of the personas of the configuration, and of those made in the workspace."""
        ...

    async def keep_persona(self, turn: Turn, name: str, prompt: str) -> None:
        """Keep a persona for the workspace of the turn, and write it into the audit log. Raises `ValueError`."""
        ...

    async def remove_persona(self, turn: Turn, name: str) -> None:
        """Remove a persona that was made in the workspace, and write it into the audit log. Raises `ValueError`."""
        ...

    async def chosen(self, place: Place) -> Mapping[str, str]:
        """Return what was chosen for the place: ``answerer``, ``persona``.

        What was chosen for a thread goes before what was chosen for its channel, and that before the workspace's.
        """
        ...

    async def choose(self, turn: Turn, name: str, value: str | None, scope: Scope = "channel") -> None:
        """Choose for the turn's place, as far as ``scope`` reaches, and write it into the audit log.

        None goes back to what a wider scope or the configuration says. Raises `ValueError` where there is no such scope.
        """
        ...

    async def holding(self, place: Place) -> Sequence[Holding]:
        """Return what holds in the place, and why."""
        ...

    def permission(self, person: Person, place: Place) -> Permission:
        """Return the highest level that the configuration gives ``person`` in the place."""
        ...

    def roles(self, permission: Permission, place: Place) -> Sequence[str]:
        """Return the platform's roles that have ``permission``, or a higher one, in the place."""
        ...

    async def audited(self, place: Place | None, limit: int) -> Sequence[Audited]:
        """Return the last entries of the log of changes about the workspace of the place (None: of all), newest first."""
        ...

    def stop(self, place: Place) -> int:
        """End what is being answered in the place and drop what waits there. Return how much that was."""
        ...

    async def forget(self, place: Place) -> int:
        """Start the place afresh. Return how many utterances are no longer remembered."""
        ...

    @property
    def quotas(self) -> Quotas:
        """What may be used, and what is used of it."""
        ...

    async def set_quota(self, turn: Turn, quota: Quota) -> None:
        """Have a quota hold in the workspace of the turn, and write it into the audit log. Raises `ValueError`."""
        ...

    async def remove_quota(self, turn: Turn, name: str) -> None:
        """Remove a quota that was set in the workspace, and write it into the audit log. Raises `ValueError`."""
        ...

    async def explanation(self, place: Place, reply: str | None) -> Explanation | None:
        """Return why a reply of the place (None: the last one there) is what it is."""
        ...

    async def reply_shown(self, place: Place, message: str) -> str | None:
        """Return the id of the reply that the platform's message with this id shows, if it is one of the place's."""
        ...

    async def confirm(self, call: Call, request: str) -> View | str:
        """Do what somebody was asked to confirm: in the reply ``request``, or where that is empty, what they were asked last."""
        ...

    async def cancel(self, call: Call, request: str) -> View | str:
        """Have nobody confirm that any more."""
        ...


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

Danger: TypeAlias = Callable[[Call], Awaitable[str]]
"""Say what a command would do that is dangerous, this once; nothing, if it is not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """A path (``rank new``), what it is told, who may use it, and what it does.

    A command with ``control`` does not wait behind the questions of its place. One that is ``dangerous`` says here what
    it would do, and is done once whoever asked for it has confirmed that.
    """

    path: tuple[str, ...]
    help: str
    run: Run
    options: tuple[Option, ...] = ()
    permission: Permission = Permission.ASKER
    control: bool = False
    dangerous: str | Danger = ""

    @property
    def name(self) -> str:
        return " ".join(self.path)


PREFIX = "rostra"
"""What platforms with few commands of their own put before ours."""

Choosing: TypeAlias = Callable[[Desk, Place], Awaitable[Sequence[str]]]
"""What an option may be told in a place: names, in the order to offer them."""


def command(
    path: str,
    *,
    help: str,  # noqa: A002  what it is called everywhere else
    options: Sequence[Option] = (),
    permission: Permission = Permission.ASKER,
    control: bool = False,
    dangerous: str | Danger = "",
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
            dangerous=dangerous,
        )

    return made


class Commands:
    """The commands of a bot, by path.

    Raises `ValueError` where two have the same path, or one that takes options is another's beginning.
    """

    def __init__(self, commands: Sequence[Command]) -> None:
        self._by_path: dict[tuple[str, ...], Command] = {}
        for one in commands:
            for other in self._by_path:
                if _in_the_way(one, self._by_path[other]):
                    raise ValueError(f"commands {' '.join(other)!r} and {one.name!r} get in each other's way")
            self._by_path[one.path] = one

    def __iter__(self) -> Iterator[Command]:
        return iter(sorted(self._by_path.values(), key=lambda one: one.path))

    def plain(self, words: Sequence[str]) -> Sequence[str]:
        """Return ``words`` without the prefix; it alone asks for help."""
        if list(words[:1]) != [PREFIX] or any(path[0] == PREFIX for path in self._by_path):
            return words
        return words[1:] or ["help"]

    def match(self, words: Sequence[str]) -> tuple[Command, Sequence[str]] | None:
        """Return the command that ``words`` begin with, and the words left over.

        ``/rostra why`` is ``/why``: a first word ``rostra`` is left out unless a command begins with it.
        """
        words = self.plain(words)
        for length in range(len(words), 0, -1):
            found = self._by_path.get(tuple(words[:length]))
            if found is not None:
                return found, words[length:]
        return None


def _in_the_way(one: Command, other: Command) -> bool:
    short, long = sorted((one, other), key=lambda each: len(each.path))
    same = len(short.path) == len(long.path)
    return long.path[: len(short.path)] == short.path and (same or bool(short.options))


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


def written(command: Command, options: Mapping[str, str]) -> str:
    """Return a call as somebody might have written it, in one line that fits into inline code."""
    values = (options[option.name] for option in command.options if option.name in options)
    return " ".join(" ".join([f"/{command.name}", *values]).replace("`", "'").split())


def usage(command: Command) -> str:
    """Return how a command is written: ``/persona [NAME]``."""
    options = (
        option.name.upper() if option.required else f"[{option.name.upper()}]" for option in command.options
    )
    return " ".join([f"/{command.name}", *options])
