"""Rounds of practice one after the other: when answers are drawn, what is told of them, and where a resumed run goes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..scorer_engine import batches as alike
from .actor import Actor, Reference
from .chat_batches import padded
from .chats import Example
from .earning import Scale, Score, Tariff, earned, scale_of, scores_of, tariff_of, texts
from .machine import device_of, numbers
from .order import examples as numbers_of
from .policy import adapted
from .practice import Part, Weighing, example, figures, judged, measured
from .processes import gathered, portion, processes, rank
from .questions import Question
from .recipe import Loss
from .rollouts import Answer, Speaker
from .settings import LoopSettings

if TYPE_CHECKING:
    from .ppo import PpoSettings

DRAWN, HELD, CUT = 0, 1, 2
"""What random numbers are for, beside the seed and the round."""

FEWER, MORE = 0.5, 2.0
"""Answers this much shorter or longer than at first are warned of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class First:
    """The first policy's answers to held-out questions: what everything later is compared with."""

    reward: float
    deviation: float
    length: float
    finished: float
    scale: Scale


class Rounds:
    """The rounds of a run, and where in one it is."""

    def __init__(  # noqa: PLR0913  what a round is made of
        self,
        settings: PpoSettings,
        loop: LoopSettings,
        *,
        actor: Actor,
        reference: Reference,
        speaker: Speaker,
        tokenizer: Any,
        learnt: Sequence[Question],
        held: Sequence[Question],
        score: Score,
        say: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._loop = loop
        self._actor = actor
        self._reference = reference
        self._speaker = speaker
        self._tokenizer = tokenizer
        self._learnt = learnt
        self._held = held
        self._score = score
        self._say = say
        self.device = device_of(loop)
        self._first: First | None = None
        self._tariff = Tariff(usual=0.0)
        self._coefficient = settings.kl_coefficient
        self._round = -1
        self._place = 0  # steps that were taken in this round
        self._over = True
        self._cuts: list[list[Part]] = []
        self._figures: dict[str, float] = {}
        self._warned = ""

    # What the loop asks for

    def batches(self, _step: int) -> Sequence[Part]:
        """Return the next minibatch; answers are drawn where a round begins."""
        if self._over:
            self._round += 1
            self._place, self._over = 0, False
            self._practise()
        cut = self._place % self._settings.minibatches
        self._place += 1
        return self._cuts[cut]

    @property
    def learns(self) -> bool:
        """Whether the policy learns in this round, or the critic alone."""
        return self._round >= self._settings.critic_warmup

    def told(self, part: Part, loss: Loss) -> Loss:
        """Return the loss with the figures of the round beside it."""
        return replace(
            loss,
            facts={
                **loss.facts,
                **{name: value * part.count for name, value in self._figures.items()},
            },
        )

    def after(self, _step: int, means: Mapping[str, float]) -> bool:
        """Hear of a step: end the round where the policy has moved too far, and the run after the last one."""
        settings = self._settings
        whole = self._place == settings.epochs * settings.minibatches
        far = 0 < settings.stop_kl < means.get("moved", 0.0)
        self._over = whole or far
        return not (self._over and self._round + 1 == settings.rounds)

    def state(self) -> Mapping[str, Any]:
        """Return what a resumed run needs, the answers of a round under way among it."""
        first = self._first
        return {
            "round": self._round,
            "place": self._place,
            "over": self._over,
            "coefficient": self._coefficient,
            "figures": dict(self._figures),
            "first": first
            and {
                "reward": first.reward,
                "deviation": first.deviation,
                "length": first.length,
                "finished": first.finished,
                "mean": first.scale.mean,
                "unit": first.scale.deviation,
            },
            "tariff": (self._tariff.usual, self._tariff.price),
            "cuts": []
            if self._over
            else [
                [{name: getattr(part, name) for name in Part.__slots__} for part in cut] for cut in self._cuts
            ],
            "judging": {name: one.detach().cpu().clone() for name, one in self._actor.judging().items()},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Take back what `state` gave."""
        self._round, self._place, self._over = state["round"], state["place"], state["over"]
        self._coefficient = state["coefficient"]
        self._figures = dict(state["figures"])
        self._cuts = [[Part(**part) for part in cut] for cut in state["cuts"]]
        if found := state["first"]:
            self._first = First(
                reward=found["reward"],
                deviation=found["deviation"],
                length=found["length"],
                finished=found["finished"],
                scale=Scale(mean=found["mean"], deviation=found["unit"]),
            )
        usual, price = state["tariff"]
        self._tariff = Tariff(usual=usual, price=price)
        with torch.no_grad():
            for name, one in self._actor.judging().items():
                one.copy_(state["judging"][name])

    # A round

    def begin(self) -> None:
        """Let the first policy answer the held-out questions: its rewards are the scale of all that follow."""
        answers, rewards = self._answered()
        given = torch.tensor(rewards)
        self._first = First(
            reward=float(given.mean()),
            deviation=float(given.std()) if len(rewards) > 1 else 0.0,
            length=_length(answers),
            finished=_finished(answers),
            scale=scale_of(rewards) if self._settings.normalise else Scale(),
        )
        self._tariff = tariff_of(answers)
        self._say(
            f"first policy: reward {self._first.reward:.3f} ± {self._first.deviation:.3f},"
            f" {self._first.length:.1f} tokens an answer, {self._first.finished:.0%} finished"
        )

    def _practise(self) -> None:
        """Draw answers, score them, and judge their tokens."""
        settings, first = self._settings, self._known()
        asked = [
            self._learnt[at]
            for at in numbers_of(
                len(self._learnt),
                settings.batch // settings.answers,
                seed=self._loop.seed,
                step=self._round,
            )
        ]
        answers, rewards = self._scored(asked, each=settings.answers)
        self._actor.train()  # a model that transformers runs itself was in evaluation mode to speak
        self._tariff = self._tariff.after(answers, settings.length_rate)
        gained = earned(
            rewards,
            answers,
            first.scale,
            tariff=self._tariff,
            unfinished=settings.unfinished,
            clip=settings.reward_clip,
        )
        rows = [example(asked[one.question].tokens, one) for one in answers]
        cuts = [self._measured(rows, cut, share=True) for cut in self._divided(len(rows))]
        weighing = Weighing(
            advantage=settings.advantage,
            estimate=settings.kl_estimate,
            coefficient=self._coefficient,
            gamma=settings.gamma,
            lam=settings.lam,
            whiten=settings.whiten,
            each=settings.answers,
        )
        parts = iter(judged([part for cut in cuts for part in cut], gained, weighing))
        self._cuts = [[next(parts) for _ in cut] for cut in cuts]
        found = figures([part for cut in self._cuts for part in cut], answers)
        mean: float = float(gained.mean())
        self._figures = {
            "round": float(self._round),
            "reward": sum(rewards) / len(rewards),
            "earned": mean,
            "earned_with_penalty": mean - self._coefficient * found["kl"],
            "coefficient": self._coefficient,
            **({"length_price": self._tariff.price} if settings.length_rate else {}),
            **found,
        }
        self._warn(found["length"], found["finished"])
        if settings.kl_target is not None:
            self._coefficient = adapted(
                self._coefficient,
                found["kl"],
                target=settings.kl_target,
                horizon=settings.kl_horizon,
                episodes=settings.batch,
            )

    def _divided(self, count: int) -> list[list[int]]:
        """Return the answers of each minibatch, the same in every pass: the first ratios are then exactly 1."""
        chance = np.random.Generator(
            np.random.Philox(np.random.SeedSequence((self._loop.seed, self._round, CUT)))
        )
        order = chance.permutation(count)
        return [sorted(int(at) for at in cut) for cut in np.array_split(order, self._settings.minibatches)]

    def _scored(self, asked: Sequence[Question], *, each: int) -> tuple[list[Answer], list[float]]:
        """Return answers and what they earn. Each process of the run asks some of the questions."""
        mine = range(rank(), len(asked), processes())
        answers = self._speaker.answers(
            {at: asked[at].tokens for at in mine}, seed=(self._loop.seed, self._round, DRAWN), each=each
        )
        rewards = scores_of(asked, answers, texts(answers, self._tokenizer), self._score)
        shares = gathered(list(zip(answers, rewards, strict=True)))
        found = sorted((one for share in shares for one in share), key=lambda one: one[0].question)
        return [answer for answer, _ in found], [reward for _, reward in found]

    def _measured(self, rows: Sequence[Example], cut: Sequence[int], *, share: bool = False) -> list[Part]:
        """Return a minibatch as micro-batches of similar lengths, with what is known of their tokens now.

        With ``share``, each process looks at those that it will learn from.
        """
        most = portion(self._settings.micro_tokens, [len(rows[at].tokens) for at in cut]) if share else None
        found: dict[int, Part] = {}
        groups = list(alike([len(rows[at].tokens) for at in cut], most or self._settings.micro_tokens))
        for number, group in enumerate(groups):
            if share and number % processes() != rank():
                continue
            at = [cut[one] for one in group]
            batch = padded([rows[one] for one in at])
            with numbers(self._loop):
                found[number] = measured(
                    self._actor,
                    self._reference,
                    batch.ids.to(self.device),
                    batch.wanted.to(self.device),
                    at,
                    graph=self._loop.compile,
                )
        if share:
            found = {number: part for one in gathered(found) for number, part in one.items()}
        return [found[number] for number in range(len(groups))]

    def _known(self) -> First:
        if self._first is None:
            self.begin()
        assert self._first is not None  # noqa: S101  begin sets it
        return self._first

    def _warn(self, length: float, finished: float) -> None:
        """Say when answers have become much shorter or longer than at first, once each time it happens."""
        first = self._known()
        what = ""
        if length < FEWER * first.length:
            what = f"answers have become short: {length:.1f} tokens, {first.length:.1f} at first"
        elif length > MORE * first.length:
            what = f"answers have become long: {length:.1f} tokens, {first.length:.1f} at first"
        elif finished < FEWER * first.finished:
            what = f"answers do not end any more: {finished:.0%} do, {first.finished:.0%} at first"
        if what and what[:24] != self._warned:
            self._say(
                f"warning, round {self._round}: {what}. The reward may follow length and not what is said:"
                " look at the samples; a higher kl_coefficient or a lower learning rate holds the policy back"
            )
        self._warned = what[:24]

    # Held-out questions

    def _answered(self) -> tuple[list[Answer], list[float]]:
        answers = self._speaker.answers(
            {at: one.tokens for at, one in enumerate(self._held)},
            seed=(self._loop.seed, 0, HELD),
            greedy=self._settings.validation_greedy,
        )
        return answers, scores_of(self._held, answers, texts(answers, self._tokenizer), self._score)

    def evaluated(self) -> Mapping[str, float]:
        """Return the figures of held-out questions as the policy answers them now, always with the same random numbers."""
        first = self._known()
        answers, rewards = self._answered()
        rows = [example(self._held[one.question].tokens, one) for one in answers]
        found = figures(self._measured(rows, range(len(rows))), answers)
        reward = sum(rewards) / len(rewards)
        return {
            "validation_reward": reward,
            "lift": (reward - first.reward) / (first.deviation or 1.0),
            **{f"validation_{name}": found[name] for name in ("kl", "length", "finished", "entropy")},
        }

    def samples(self) -> list[str]:
        """Return answers to held-out questions with what they earn."""
        asked = self._held[: self._settings.samples]
        answers = self._speaker.answers(
            {at: one.tokens for at, one in enumerate(asked)}, seed=(self._loop.seed, 0, HELD)
        )
        said = texts(answers, self._tokenizer)
        rewards = scores_of(asked, answers, said, self._score)
        return [
            f"{question.said[-1].text}\n→ {text}\n[{reward:.3f}{'' if one.ended else ', no end'}]"
            for question, text, reward, one in zip(asked, said, rewards, answers, strict=True)
        ]

    def facts(self, found: Mapping[str, float]) -> Mapping[str, float]:
        """Return what came of the run, beside the loop's facts, which have the last evaluation."""
        first = self._known()
        return {
            "reward": found["validation_reward"],
            "kl": found["validation_kl"],
            "length": found["validation_length"],
            "first_reward": first.reward,
            "first_reward_deviation": first.deviation,
            "first_length": first.length,
            "first_finished": first.finished,
        }


def _length(answers: Sequence[Answer]) -> float:
    return sum(len(one.said) for one in answers) / len(answers)


def _finished(answers: Sequence[Answer]) -> float:
    return sum(one.ended for one in answers) / len(answers)
