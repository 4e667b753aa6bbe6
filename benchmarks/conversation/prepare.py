"""Turn three public sets into what the recipes beside this file read.

    python prepare.py --chitchat dataset.json --oasst en_100_tree.jsonl --hh test.jsonl.gz --out data

`chitchat`  conversations of two people (PyPI's chitchat-dataset 0.9.0, MIT): some to fine-tune on (``talk.jsonl``), others to
            rank answers to (``exchanges.jsonl``), yet others to ask while learning (``ask.jsonl``) and to judge by (``held.jsonl``).
`oasst`     Open Assistant's hundred English trees (Apache-2.0): the answer that its raters put first, to fine-tune on.
`hh`        the test part of harmless-base of Anthropic's HH-RLHF (MIT): ``pairs.jsonl``, the shorter ones. It contains
            offensive text, and is for reward models alone: its answers are never taught.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

Message: TypeAlias = Mapping[str, str]

CONVERSATIONS, RANKED, ASKED = 1500, 800, 400
"""To fine-tune on, to rank answers to, to ask; the rest is held out."""
TURNS = 6
LONGEST_TURN, SHORTEST_TALK, LONGEST_ANSWER, LONGEST_PAIR = 300, 120, 600, 450
"""In characters: short conversations are what a small machine can learn from in minutes."""


def chitchat(file: Path) -> Iterator[Sequence[Message]]:
    """Yield the beginning of each conversation; who speaks first asks."""
    for _, talk in sorted(json.loads(file.read_text(encoding="utf-8")).items()):
        said = [" ".join(one["text"].strip() for one in turn).strip() for turn in talk["messages"]]
        turns = [text for text in said if text][:TURNS]
        turns = turns[: len(turns) // 2 * 2]
        fits = len(turns) >= 4 and sum(map(len, turns)) >= SHORTEST_TALK  # noqa: PLR2004  two questions, two answers
        if fits and all(len(text) <= LONGEST_TURN and "http" not in text for text in turns):
            yield [
                {"role": ("user", "assistant")[place % 2], "content": text}
                for place, text in enumerate(turns)
            ]


def oasst(file: Path) -> Iterator[Sequence[Message]]:
    """Yield the best answer to each question, behind what was said before it."""
    for line in file.read_text(encoding="utf-8").splitlines():
        yield from _best(json.loads(line)["prompt"], [])


def _best(message: Mapping[str, Any], before: Sequence[Message]) -> Iterator[Sequence[Message]]:
    role = "user" if message["role"] == "prompter" else "assistant"
    said = [*before, {"role": role, "content": message["text"]}]
    replies = [one for one in message["replies"] if not one.get("deleted")]
    if role == "user" and replies:
        best = min(replies, key=lambda one: one["rank"] if one.get("rank") is not None else len(replies))
        if len(best["text"]) < LONGEST_ANSWER:
            yield [*said, {"role": "assistant", "content": best["text"]}]
    for reply in replies:
        yield from _best(reply, said)


def questions(talk: Sequence[Message]) -> Iterator[Sequence[Message]]:
    """Yield every beginning of a conversation that ends with an answer."""
    for end in range(2, len(talk) + 1, 2):
        yield talk[:end]


def pairs(file: Path) -> Iterator[Mapping[str, str]]:
    """Yield the shorter pairs as they are."""
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for pair in map(json.loads, lines):
            if max(len(pair["chosen"]), len(pair["rejected"])) < LONGEST_PAIR:
                yield {"chosen": pair["chosen"], "rejected": pair["rejected"]}


def write(file: Path, rows: Iterable[object]) -> None:
    """Write JSON lines, and say how many."""
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    file.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    print(f"{file}: {len(lines)}")


def main() -> None:
    """Write the five files."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    for name in ("chitchat", "oasst", "hh", "out"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    order = random.Random(7)  # noqa: S311  an order, not a secret
    talk = list(chitchat(given.chitchat))
    order.shuffle(talk)
    both = [*talk[:CONVERSATIONS], *oasst(given.oasst)]
    order.shuffle(both)
    write(given.out / "talk.jsonl", ({"messages": said} for said in both))
    ranked, asked = CONVERSATIONS + RANKED, CONVERSATIONS + RANKED + ASKED
    write(given.out / "exchanges.jsonl", ({"messages": said} for said in talk[CONVERSATIONS:ranked]))
    write(
        given.out / "ask.jsonl", ({"messages": said} for one in talk[ranked:asked] for said in questions(one))
    )
    write(given.out / "held.jsonl", ({"messages": said} for said in talk[asked:]))
    found = list(pairs(given.hh))
    order.shuffle(found)
    write(given.out / "pairs.jsonl", found)


if __name__ == "__main__":
    main()
