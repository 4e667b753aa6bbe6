"""Small conversations and rankings that a tiny model can learn something of in a second."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any


def talk(folder: Path, rows: int = 48) -> Path:
    """Write questions of random letters whose answer repeats the first of them, and return the file."""
    random = Random(0)
    file = folder / "talk.jsonl"
    with file.open("w", encoding="utf-8") as out:
        for _ in range(rows):
            letter = random.choice("abc")
            asked = letter + "".join(random.choices("defgh", k=random.randrange(2, 12)))
            out.write(json.dumps({"question": asked, "answer": letter * 6}) + "\n")
    return file


def rankings(file: Path, questions: int = 60, *, seed: int = 0) -> Path:
    """Write preference pairs in TRL's form: what has more ``a`` in it is better, and length says nothing. Return the file."""
    random = Random(seed)
    with file.open("w", encoding="utf-8") as out:
        for number in range(questions):
            best, asked = _answer(random, "a"), f"{number}: " + "".join(random.choices("efghijklmno", k=20))
            for _ in range(3):
                row: dict[str, Any] = {
                    "prompt": asked,
                    "chosen": best,
                    "rejected": _answer(random, "b"),
                }
                out.write(json.dumps(row) + "\n")
    return file


def _answer(random: Random, letter: str) -> str:
    return "".join(random.choices(letter * 5 + "cd", k=random.randrange(5, 15)))
