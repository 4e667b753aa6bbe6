"""A chat in which answers are ranked: for the tests of ballots, campaigns and consent."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from rostra.chat import Piece, Sampling, Utterance
from rostra.config import Permissions
from rostra.errors import ModelError
from rostra.feedback.values import Judgment
from rostra.places import Person
from rostra.protocols import Model
from rostra.stores import Store
from rostra.testing.chats import Chat, chatting
from rostra.testing.clock import ManualClock
from rostra.testing.fakes import ListModerator, ScriptedModel
from rostra.testing.ordered import InOrder
from rostra.views import Ballot, Buttons, Form

ASKED = "how do I boil an egg?"
SAID = (
    "Seven minutes.",
    "Ask a hen.",
    "Three.",
    "In water.",
    "Four.",
    "Not at all.",
    "Five.",
    "Six.",
    "Nine.",
)
RATER = {"rater": ["fake/*:ann", "fake/*:ben"], "operator": ["fake/*:olga"], "owner": ["fake/*:oskar"]}


@dataclass(slots=True, kw_only=True)
class Counting:
    """A model that says a new thing each time, or that it cannot; ``asked`` has what it was told to be.

    A shy one says the same always, unless it is asked to be freer.
    """

    name: str = "counting"
    window: int = 4096
    fails: bool = False
    shy: bool = False
    asked: list[tuple[str, Sampling]] = field(default_factory=list[tuple[str, Sampling]])

    def count(self, text: str) -> int:
        return len(text.split())

    async def stream(self, messages: Sequence[Utterance], sampling: Sampling) -> AsyncGenerator[Piece]:
        self.asked.append((messages[0].text, sampling))
        if self.fails:
            raise ModelError("no")
        for choice in range(sampling.n):
            if self.shy:
                warm = sampling.temperature
                yield Piece(text=f"at {warm}" if warm else "always", finish="stop", choice=choice)
                continue
            yield Piece(text=f"answer {len(self.asked)}", choice=choice)
            yield Piece(text=f".{choice}", finish="stop", choice=choice)


@asynccontextmanager
async def asking(
    *,
    store: Store | None = None,
    said: Sequence[str] = SAID,
    clock: ManualClock | None = None,
    settings: Mapping[str, Any] | None = None,
    model: Model | None = None,
) -> AsyncGenerator[Chat]:
    """Open a bot that gives these answers in turn, in a channel where the question was just asked."""
    clock = clock or ManualClock()
    model = model or ScriptedModel(variants={ASKED: said})
    judge = ListModerator(words={"bomb": "illicit"})
    given = {"permissions": Permissions.model_validate(RATER), **(settings or {})}
    async with chatting(
        judge, store=store or InOrder(clock=clock), clock=clock, model=model, settings=given
    ) as chat:
        await chat.ask(ASKED)
        yield chat


def later(chat: Chat) -> None:
    """Have the platform go on where it was before a restart: it gives no id twice."""
    for _ in range(100):
        chat.platform.message("")


def control(chat: Chat, label: str) -> str:
    """Return what the button with this label in the last view stands for."""
    rows = [part.buttons for part in chat.view.parts if isinstance(part, Buttons)]
    return next(one.control for row in rows for one in row if one.label == label)


def labels(chat: Chat) -> Sequence[str]:
    return [one.label for part in chat.view.parts if isinstance(part, Buttons) for one in part.buttons]


def ballot_of(chat: Chat) -> str:
    """Return the id of the ballot that was shown last."""
    controls = [part.control for part in chat.view.parts if isinstance(part, Ballot | Form)]
    controls += [one.control for part in chat.view.parts if isinstance(part, Buttons) for one in part.buttons]
    return next(one.split()[2] for one in controls if one.startswith("/rank answer "))


async def press(chat: Chat, label: str, author: str = "ann") -> str:
    return await chat.press(control(chat, label), author=author)


async def tap(chat: Chat, letter: str, author: str = "ann") -> str:
    return await chat.press(f"/rank answer {ballot_of(chat)}", letter, author=author)


async def stored(chat: Chat, author: str = "ann") -> Sequence[Judgment]:
    """Return all that somebody said about the ballots they had, oldest first."""
    store = chat.app.parts.store
    person = await store.pseudonym("fake", Person(id=author))
    held = await store.assignments(person, state=None)
    return [one for each in reversed(held) for one in await store.revisions(each.id)]
