"""Rank answers where nobody has: by how they were made, which is known.

    python rank.py --exchanges data/exchanges.jsonl --model runs/sft/model --out data/constructed.jsonl

To each question four answers: what the other person said; what the fine-tuned model says; what it says at a temperature that
takes its sense away; and what somebody said in another conversation. The first is best, the second next, the last two are
level. Rankings by construction are poor men's rankings (Kim et al. 2023, arXiv:2305.13735, rank by the size of the model): they
teach to speak as people do and to the point, and nothing of what people want. Length says little about them.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Iterator, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeAlias

from rostra.chat import Utterance
from rostra_models.training.drawing import Drawing, drawn

Message: TypeAlias = Mapping[str, str]

WARM, HOT = 1.0, 1.5
LONGEST = 40
"""Tokens of a drawn answer: about the longest turns of the people."""
SIDES = ("train",) * 7 + ("validation",) + ("test",) * 2


def as_long(text: str, like: str) -> str:
    """Return as many words of ``text`` as ``like`` has: what makes no sense does not end, and length would tell it."""
    return " ".join(text.split()[: max(1, len(like.split()))])


def utterances(said: Sequence[Message]) -> list[Utterance]:
    """Return a question as models take it."""
    return [
        Utterance(role="user" if one["role"] == "user" else "assistant", text=one["content"]) for one in said
    ]


def rankings(talks: Sequence[Sequence[Message]], model: Path) -> Iterator[Mapping[str, Any]]:
    """Yield a canonical record for each conversation, its last answer and three others."""
    asked = [utterances(said[:-1]) for said in talks]
    warm, hot = (
        drawn(model, asked, Drawing(temperature=heat, max_tokens=LONGEST, seed=seed))
        for seed, heat in enumerate((WARM, HOT))
    )
    others = [said[-1]["content"] for said in talks]
    random.Random(7).shuffle(others)  # noqa: S311  an order, not a secret
    for number, (said, first, second, other) in enumerate(zip(talks, warm, hot, others, strict=True)):
        texts = [
            said[-1]["content"],
            *(one.text for one in first),
            *(as_long(one.text, first[0].text) for one in second if first),
            other,
        ]
        if len(texts) == len(set(texts)) == 4 and all(texts):  # noqa: PLR2004  else there is nothing to rank
            yield record(said[:-1], texts, SIDES[number % len(SIDES)])


def record(question: Sequence[Message], texts: Sequence[str], side: str) -> Mapping[str, Any]:
    """Return ``texts``, best first and the last two level, as a ranking."""
    name = sha256(json.dumps(question).encode()).hexdigest()[:32]
    return {
        "id": name,
        "batch": name,
        "prompt": name,
        "dataset": "constructed",
        "split": side,
        "at": "1970-01-01T00:00:00Z",
        "context": [{"role": one["role"], "text": one["content"]} for one in question],
        "answers": [
            {"id": f"{name}{place}", "text": text, "tier": tier}
            for place, (text, tier) in enumerate(zip(texts, (1, 2, 3, 3), strict=True))
        ],
    }


def main() -> None:
    """Write the rankings, and say how many."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("exchanges", "model", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    given = parser.parse_args()
    talks = [
        json.loads(line)["messages"] for line in given.exchanges.read_text(encoding="utf-8").splitlines()
    ]
    rows = [json.dumps(row, ensure_ascii=False) for row in rankings(talks, given.model)]
    given.out.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    print(f"{given.out}: {len(rows)}")


if __name__ == "__main__":
    main()
