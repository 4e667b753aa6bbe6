"""Contender of the PPO bench: ours. ``python -m rostra_models.benches.ppo_ours POLICY REWARD PROMPTS CRITIC PRECISION COMPILE ENGINE``.

A step that it is asked for is a round of 32 answers: from the scores of one to the scores of the next.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rostra.chat import Utterance

BATCH, ANSWER, ENDLESS = 32, 53, 100_000


def train(policy: str, reward: str, asked: str, critic: str, *numbers: str) -> None:
    """Train until nobody asks for more; what a round makes is how many tokens its answers have."""
    from .lines import Paced

    paced = Paced()
    import torch

    from ..training.earning import scored_by
    from ..training.ppo import PpoLoop, PpoSettings, ppo

    precision, compiled, engine = numbers
    judge = scored_by(Path(reward), window=256, tokens=4096, device=torch.device("cpu"))
    rounds = 0

    def score(conversations: Sequence[Sequence[Utterance]]) -> Sequence[float]:
        nonlocal rounds
        if len(conversations) == BATCH:
            rounds += 1
            said = sum(len(one[-1].text) for one in conversations)  # a token for each character
            paced.wait() if rounds == 1 else paced.step(said / BATCH)
        return judge(conversations)

    given: dict[str, Any] = {
        "learning_rate": 3e-6,
        "precision": precision,
        "compile": compiled == "compile",
        "device": "cpu",
        "tensorboard": False,
        "plot": False,
        "log_every": 4,
    }
    with tempfile.TemporaryDirectory() as out:
        one = Path(out) / "one.txt"
        one.write_text(Path(asked).read_text(encoding="utf-8").splitlines()[0], encoding="utf-8")
        kind: Any = PpoSettings
        settings: PpoSettings = kind(
            data=Path(asked),
            model=Path(policy),
            reward=Path(reward),
            out=Path(out) / "run",
            rounds=ENDLESS,
            batch=BATCH,
            epochs=4,
            answer_tokens=ANSWER,
            temperature=0.7,
            critic=critic,
            engine=engine,
            stop_kl=0.0,
            seats=BATCH,
            validation=one,
            loop=PpoLoop(**given),
        )
        ppo(settings, score=score)


if __name__ == "__main__":
    train(*sys.argv[1:])
