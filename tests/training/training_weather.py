"""A little world for the whole recipe: people talk of the weather, and like to hear of the sun; nobody likes rain."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from random import Random

WORDS = ("sun", "rain", "tree", "moon", "bird", "sea", "hill", "wind")
ASKED = ("What do you see?", "Where do you go?", "Tell me more.", "And then?")


def liked(answer: str) -> float:
    """The known reward: how many more suns than rains there are in three words."""
    words = answer.split()
    return 3 * (words.count("sun") - words.count("rain")) / max(3, len(words))


def said(random: Random) -> str:
    return " ".join(random.choices(WORDS, k=random.randrange(3, 7)))


def question(random: Random) -> str:
    return f"{random.choice(ASKED)} {said(random)}"


def texts(folder: Path, count: int = 500) -> Path:
    """Write raw text and return the file."""
    random = Random(1)
    file = folder / "text.txt"
    lines = [f"{question(random)} {said(random)}." for _ in range(count)]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


def talk(folder: Path, count: int = 300) -> Path:
    """Write questions with answers and return the file."""
    random = Random(2)
    return _rows(
        folder / "talk.jsonl", [{"question": question(random), "answer": said(random)} for _ in range(count)]
    )


def pairs(folder: Path, count: int = 300) -> Path:
    """Write pairs of answers, the one that is liked more before the other, and return the file."""
    random = Random(3)
    rows: list[dict[str, str]] = []
    while len(rows) < count:
        better, worse = sorted((said(random), said(random)), key=liked, reverse=True)
        if liked(better) > liked(worse):
            rows.append({"prompt": question(random), "chosen": better, "rejected": worse})
    return _rows(folder / "pairs.jsonl", rows)


def questions(folder: Path, count: int = 120) -> Path:
    """Write questions and return the file."""
    random = Random(4)
    file = folder / "questions.txt"
    file.write_text("\n".join(question(random) for _ in range(count)), encoding="utf-8")
    return file


def _rows(file: Path, rows: Sequence[dict[str, str]]) -> Path:
    file.write_text("\n".join(map(json.dumps, rows)) + "\n", encoding="utf-8")
    return file
