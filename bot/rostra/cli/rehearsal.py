"""A campaign from beginning to end at the console of a whole bot, with raters who do not exist: whether what they say arrives."""

from __future__ import annotations

import contextlib
import io
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import Any, cast

from ..actions import Action, Address, Capabilities, Receipt
from ..actions import Show as ShowAction
from ..app import App, open_app
from ..clock import SystemClock
from ..components import Component, Services, find
from ..config import Settings
from ..events import Event
from ..feedback.outset import Answered, begin
from ..feedback.ranking import Ranking, letter, written
from ..feedback.results import looked
from ..feedback.statistics.leaderboard import leaderboard
from ..feedback.statistics.simulate import CLEAR, Rater, Shown, Study, rate
from ..feedback.values import Campaign, new_id
from ..places import Permission, Person, Place
from ..protocols import Accept, Accepted, Adapter, Duplicate
from ..views import Ballot, View

NAME = "rehearsal"
CONSOLE = "console"
PLENTY = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """What became of a rehearsal: ``said`` ballots were written at the console, ``stored`` of them are in the store as they were said.

    ``order_recovered``: the leaderboard has the true order. ``caught`` are planted raters that were proposed, of ``planted``;
    ``wrongly`` is how many honest ones were.
    """

    said: int
    stored: int
    order_recovered: bool
    caught: int
    planted: int
    wrongly: int


@dataclass(slots=True)
class Script:
    """What raters write, line by line, each line after they have seen the answer to the one before."""

    raters: Sequence[Rater]
    answers: dict[str, Shown]
    chance: Random
    author: str = ""
    seen: list[View] = field(default_factory=list[View])
    said: dict[tuple[str, frozenset[str]], tuple[tuple[str, ...], Ranking]] = field(
        default_factory=dict[tuple[str, frozenset[str]], tuple[tuple[str, ...], Ranking]]
    )

    def __iter__(self) -> Iterator[str]:
        for rater in self.raters:
            self.author = rater.name
            yield "/privacy allow rate"
        waiting = list(self.raters)
        while waiting:
            for rater in tuple(waiting):
                self.author = rater.name
                self.seen.clear()
                yield f"/rank next {NAME}"
                shown = self._ballot()
                if not shown:
                    waiting.remove(rater)
                    continue
                ranking, _ = rate(rater, [self.answers[text] for text in shown], self.chance)
                self.said[rater.name, frozenset(shown)] = shown, ranking
                yield f"/rank vote {written(ranking, len(shown))}"

    def _ballot(self) -> tuple[str, ...]:
        parts = [part for view in self.seen for part in view.parts if isinstance(part, Ballot)]
        return parts[-1].answers if parts else ()


@dataclass(slots=True)
class Seat:
    """The console, with the rater of the moment at it. Passes everything on, and keeps the views that are shown."""

    adapter: Adapter
    script: Script

    @property
    def name(self) -> str:
        return self.adapter.name

    @property
    def capabilities(self) -> Capabilities:
        return self.adapter.capabilities

    async def run(self, accept: Accept) -> None:
        async def seated(event: Event) -> Accepted | Duplicate:
            return await accept(replace(event, author=Person(id=self.script.author)))

        await self.adapter.run(seated)

    async def perform(self, address: Address, action: Action, key: str) -> Receipt:
        if isinstance(action, ShowAction):
            self.script.seen.append(action.view)
        return await self.adapter.perform(address, action, key)


async def rehearse(study: Study, folder: Path, *, seed: int = 0) -> Rehearsed:
    """Begin a campaign like ``study`` in a bot with its data in ``folder``, have every rater rank all they get, and look at the results.

    Consent, ballots and votes go through the installed console adapter as lines of text, and through the moderation. Raises `ConfigError`.
    """
    chance = Random(seed)  # noqa: S311  nothing here is a secret
    answers: dict[str, Shown] = {}
    asked = list(_asked(study, answers, chance))
    script = Script(study.raters, answers, chance)
    async with _console(script) as console, open_app(_settings(folder), adapters={CONSOLE: console}) as bot:
        campaign = Campaign(
            id=new_id(),
            name=NAME,
            place=Place(adapter=CONSOLE, channel="terminal"),
            k=study.k,
            overlap=study.overlap,
            raters=Permission.ASKER,
            answerers=tuple(sorted(study.strengths)),
        )
        parts = bot.parts
        await begin(parts.store, campaign, asked, parts.moderation, parts.clock.now())
        with contextlib.redirect_stdout(io.StringIO()):
            await bot.run()
        return await _looked_at(bot, campaign, study, script)


def _settings(folder: Path) -> Settings:
    # Raters who do not exist may write as fast as they like.
    plenty = {"per_person_per_minute": PLENTY, "per_place_per_minute": PLENTY, "burst": PLENTY}
    return Settings.model_validate(
        {
            "data": folder,
            "models": {"silent": {"kind": "canned"}},
            "moderators": {"rules": {"kind": "rules"}},
            "limits": plenty,
        }
    )


@asynccontextmanager
async def _console(script: Script) -> AsyncGenerator[Adapter]:
    component = cast("Component[Any, Adapter]", find("adapters", CONSOLE, Path.cwd()))
    # Not validated: the lines are not known beforehand, each depends on what was answered to the last one.
    options = component.settings.model_construct(questions=script)
    services = Services(name=CONSOLE, data=Path.cwd(), base=Path.cwd(), clock=SystemClock())
    with contextlib.redirect_stdout(io.StringIO()):
        async with component.open(options, services) as adapter:
            yield Seat(adapter, script)


def _asked(study: Study, answers: dict[str, Shown], chance: Random) -> Iterator[Answered]:
    names = sorted(study.strengths)
    for prompt in range(study.prompts):
        gold = chance.random() < study.gold
        drawn = chance.sample(names, study.k)
        texts: list[tuple[str, str]] = []
        for slot, name in enumerate(drawn):
            text = f"Answer {slot + 1} to question {prompt + 1}."
            worth = -CLEAR * slot if gold else study.strengths[name] + chance.gauss(0, study.prompt_effect)
            answers[text] = Shown(quality=worth)
            texts.append((name, text))
        right = " > ".join(map(letter, range(study.k))) if gold else ""
        yield Answered(question=f"Question {prompt + 1}?", answers=tuple(texts), right=right)


async def _looked_at(bot: App, campaign: Campaign, study: Study, script: Script) -> Rehearsed:
    store = bot.parts.store
    judged = [one async for one in store.judged(campaign.id)]
    shown = await store.shown(sorted({one.batch for one in judged}))
    texts = {each.id: each.text for one in shown for each in one.candidates}
    names = {await store.pseudonym(CONSOLE, Person(id=one.name)): one.name for one in study.raters}
    stored = 0
    for one in judged:
        seen = tuple(texts[candidate] for candidate in one.candidates)
        stored += script.said.get((names[one.rater], frozenset(seen))) == (seen, one.ranking)
    order = [one.answerer for one in leaderboard(judged).standings]
    proposed = {names[one.rater] for one in (await looked(store, campaign)).proposed}
    planted = {one.name for one in study.raters if one.habit != "honest"}
    return Rehearsed(
        said=len(script.said),
        stored=stored if stored == len(judged) else 0,
        order_recovered=order == sorted(study.strengths, key=lambda name: -study.strengths[name]),
        caught=len(planted & proposed),
        planted=len(planted),
        wrongly=len(proposed - planted),
    )
