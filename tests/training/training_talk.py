"""Small conversations and rankings that a tiny model can learn something of in a second."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random
from typing import Any

from rostra.chat import Utterance


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


def sourced(folder: Path) -> Path:
    """Write rankings of two campaigns and of none: the first right for a model that likes an a, the second wrong."""
    folder.mkdir()
    rows = [
        {
            "id": f"{at}",
            "batch": f"{at}",
            "prompt": f"{at}",
            "campaign": "right" if at < 8 else "wrong" if at < 12 else "",
            "at": "2026-01-01T00:00:00Z",
            "context": [{"role": "user", "text": f"{at}: efgh"}],
            "answers": [
                {"id": "x", "text": "aaaa" if at < 8 else "bbbb", "tier": 1},
                {"id": "y", "text": "bbbb" if at < 8 else "aaaa", "tier": 2},
            ],
        }
        for at in range(14)
    ]
    (folder / "test.jsonl").write_text(
        "".join(json.dumps({**row, "split": "test"}) + "\n" for row in rows), "utf-8"
    )
    return folder


def ask(text: str) -> tuple[Utterance, ...]:
    """Return a conversation of one question."""
    return (Utterance(role="user", text=text),)
