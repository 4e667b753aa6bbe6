"""What moderation costs and what it finds, beside peers that score the same texts in the same run.

Speed is on one core; then come recall under disguises, and how well scores tell harm from none.

The texts are those of the public sets in the folder that ``ROSTRA_MODERATION_DATA`` names, as far as nothing was learned
from them, and the written groups that were kept apart. Without the folder only the latter are there, and the rest is
named under ``missing``.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

from rostra.benches.report import Figure, Report, figure, machine, peer_python
from rostra.places import Person, Place
from rostra.verdicts import Decision, Passage

from ..classifier import Classifier, ClassifierSettings, shipped
from ..evasion import TRANSFORMS
from ..heads import HEADS
from ..measures import auprc, recall_at, roc_auc
from ..rules import BLOCK, Rules, RulesSettings
from ..rules import build as rules_of
from ..train import sources, written
from ..train.rows import Row
from .evasion import mean, recall, severe_words

PLACE = Place(adapter="bench", channel="moderation")
AUTHOR = Person(id="bench")

_CHAT = frozenset({"topical_chat"})
"""Sources of everyday talk."""

EVERYDAY = (
    "I finally got round to fixing the bike yesterday, turns out it only needed a new chain and some oil.",
    "does anyone know whether the library is open on sunday? I have to return two books before monday",
    "We could meet at the station at seven and walk over to the restaurant together, if that suits you all",
    "My code compiles now, but the tests still fail on windows because of the line endings, any ideas why?",
    "honestly the second season was even better than the first one, the ending made me cry a little bit ha",
)
"""Messages of a hundred characters, for timing."""


async def bench(*, quick: bool) -> Report:
    """Measure. ``quick``: fewer texts, fewer rounds."""
    found = _rows(300 if quick else 2_500)
    rules = rules_of("rules", RulesSettings(), Path())
    full = Classifier("classifier", shipped(), ClassifierSettings())
    small = Classifier("linear", shipped(), ClassifierSettings(profile="linear"))
    figures = _speed(rules, full, small, rounds=40 if quick else 2_000)
    ratios: dict[str, float] = {}
    missing = [] if _folder() else ["the public sets of ROSTRA_MODERATION_DATA"]
    scored = full.score_rows([(row.text, row.question) for row in found])
    figures |= _quality(found, scored)
    figures |= _evasion(rules, full, found, quick=quick)
    ours = figures["validation_auprc"]["value"]
    for name, peer in _peers(found, quick=quick).items():
        if peer is None:
            missing.append(name)
            continue
        labels, scores = _any(found, peer)
        figures[f"validation_auprc_{name}"] = figure(auprc(labels, scores), "area")
        ratios[f"auprc_vs_{name}"] = round(ours / auprc(labels, scores), 3)
    full.close()
    small.close()
    return Report(bench="moderation", machine=machine(), figures=figures, ratios=ratios, missing=missing)


def _folder() -> Path | None:
    named = os.environ.get("ROSTRA_MODERATION_DATA")
    return Path(named) if named and Path(named).is_dir() else None


def _rows(most: int) -> list[Row]:
    """Return texts that nothing was learned from, not more than ``most``, of every source about alike."""
    folder = _folder()
    found: dict[str, list[Row]] = {"written": list(written.rows("measure"))}
    for row in sources.rows(folder, "measure") if folder else ():
        found.setdefault(row.source, []).append(row)
    share = most // len(found)
    chance = Random(1)  # noqa: S311  reproducible, not secret
    return [row for rows in found.values() for row in chance.sample(rows, min(share, len(rows)))]


def _passage(text: str) -> Passage:
    return Passage(text=text, direction="question", place=PLACE, author=AUTHOR)


# ── Speed ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _speed(rules: Rules, full: Classifier, small: Classifier, rounds: int) -> dict[str, Figure]:
    """Time one message at a time on one thread, and many together. Each text is new: nothing is remembered."""

    def chain(passage: Passage) -> None:
        rules.judge_now(passage)
        full.judge_all((passage,))

    return {
        "rules_us": figure(_median(rules.judge_now, rounds) * 1e6, "µs"),
        "linear_ms": figure(_median(lambda each: small.judge_all((each,)), rounds) * 1e3, "ms"),
        "classifier_ms": figure(_median(lambda each: full.judge_all((each,)), rounds // 4) * 1e3, "ms"),
        "chain_ms": figure(_median(chain, rounds // 4 + 1) * 1e3, "ms"),
        "batch_messages_per_second": figure(_rate(full, rounds), "messages/s"),
        "opening_seconds": figure(_opening(), "s"),
        "shipped_megabytes": figure(sum(each.stat().st_size for each in shipped().iterdir()) / 1e6, "MB"),
    }


def _texts(count: int, seed: int) -> list[Passage]:
    chance = Random(seed)  # noqa: S311  reproducible, not secret
    return [_passage(f"{chance.choice(EVERYDAY)[:95]} {chance.randrange(10**4)}") for _ in range(count)]


def _median(work: Callable[[Passage], object], rounds: int) -> float:
    """Return the median of the processor time of ``work``: neighbours on the machine do not count."""
    taken: list[float] = []
    for passage in _texts(rounds, seed=rounds):
        started = time.thread_time()
        work(passage)
        taken.append(time.thread_time() - started)
    return statistics.median(taken)


def _rate(full: Classifier, rounds: int) -> float:
    passages = _texts(rounds, seed=3)
    started = time.perf_counter()
    for start in range(0, len(passages), 256):
        full.judge_all(passages[start : start + 256])
    return len(passages) / (time.perf_counter() - started)


def _opening() -> float:
    started = time.perf_counter()
    Classifier("once more", shipped(), ClassifierSettings()).close()
    rules_of("rules", RulesSettings(), Path())
    return time.perf_counter() - started


# ── What is found ────────────────────────────────────────────────────────────────────────────────────────────────


def _any(found: Sequence[Row], scores: Sequence[float]) -> tuple[list[int], list[float]]:
    """Return, for rows that say whether there is any harm, the answer and the score."""
    known = [
        (label, score) for row, score in zip(found, scores, strict=True) if (label := _harm(row)) is not None
    ]
    return [label for label, _ in known], [score for _, score in known]


def _harm(row: Row) -> int | None:
    if "any" in row.labels:
        return row.labels["any"]
    return int(row.harmful) if len(row.labels) == len(HEADS) else None


def _quality(found: Sequence[Row], scored: Any) -> dict[str, Figure]:
    """Return how well all heads together, and each of them, tell harm from none."""
    labels, scores = _any(found, scored.max(axis=1).tolist())
    figures = _told("", labels, scores)
    for position, head in enumerate(HEADS):
        known = [index for index, row in enumerate(found) if head in row.labels]
        wanted = [found[index].labels[head] for index in known]
        if 0 < sum(wanted) < len(wanted):
            figures |= _told(f"_{head}", wanted, scored[known, position].tolist())
    chat = [index for index, row in enumerate(found) if row.source in _CHAT]
    chat = chat or [index for index, row in enumerate(found) if _harm(row) == 0]
    blocked = float((scored[chat].max(axis=1) >= BLOCK).mean())
    figures["benign_false_positive_rate"] = figure(blocked, "share")
    return figures


def _told(suffix: str, labels: Sequence[int], scores: Sequence[float]) -> dict[str, Figure]:
    return {
        f"validation_auprc{suffix}": figure(auprc(labels, scores), "area"),
        f"validation_roc_auc{suffix}": figure(roc_auc(labels, scores), "area"),
        f"validation_recall_at_1_percent{suffix}": figure(recall_at(labels, scores, 0.01), "share"),
    }


# ── Disguises ────────────────────────────────────────────────────────────────────────────────────────────────────


def _evasion(rules: Rules, full: Classifier, found: Sequence[Row], *, quick: bool) -> dict[str, Figure]:
    """Return how much of what is severe rules see through every disguise, and what disguises cost the classifier."""
    words = severe_words(10 if quick else 250)
    by_way = recall(lambda text: bool(rules.judge_now(_passage(text)).categories), words)
    worst = min((way for way in by_way if way != "plain"), key=by_way.__getitem__)
    plain, disguised = _disguised_roc(full, found, 60 if quick else 800)
    return {
        "evasion_recall": figure(mean(by_way), "share"),
        "evasion_transforms": figure(len(by_way) - 1, "ways"),
        "evasion_recall_worst": figure(by_way[worst], f"share, {worst}"),
        "rules_false_hits": figure(_false_hits(rules, found), "of 10,000"),
        "roc_auc_plain": figure(plain, "area"),
        "roc_auc_half_disguised": figure(disguised, "area"),
        "roc_auc_lost_to_disguise": figure(plain - disguised, "area"),
    }


def _false_hits(rules: Rules, found: Sequence[Row]) -> float:
    """Return how many of 10,000 harmless texts of chat the rules would block."""
    chat = [row.text for row in found if row.source in _CHAT] or [
        row.text for row in found if _harm(row) == 0
    ]
    blocked = sum(rules.judge_now(_passage(text)).decision is Decision.BLOCK for text in chat)
    return blocked * 10_000 / len(chat)


def _disguised_roc(full: Classifier, found: Sequence[Row], most: int) -> tuple[float, float]:
    """Return how well harm is told with every text as it is, and with half of its words disguised."""
    chance = Random(2)  # noqa: S311  reproducible, not secret
    known = [(row.text, label) for row in found if (label := _harm(row)) is not None and len(row.text) < 400]  # noqa: PLR2004
    known = chance.sample(known, min(most, len(known)))
    labels = [label for _, label in known]
    areas: list[float] = []
    for texts in ([text for text, _ in known], [_half(text, chance) for text, _ in known]):
        scored = full.score_rows([(text, "") for text in texts])
        areas.append(roc_auc(labels, scored.max(axis=1).tolist()))
    return areas[0], areas[1]


_WAYS = (
    "leet digits",
    "zero width",
    "cyrillic",
    "spaced",
    "dotted",
    "fullwidth",
    "small capitals",
    "letter repeats",
)
"""Disguises of single words in running text."""


def _half(text: str, chance: Random) -> str:
    way = TRANSFORMS[chance.choice(_WAYS)]
    return " ".join(way(word, chance) if chance.random() < 0.5 else word for word in text.split(" "))  # noqa: PLR2004


# ── Peers ────────────────────────────────────────────────────────────────────────────────────────────────────────

PEERS: Mapping[str, tuple[str, bool]] = {
    "alt_profanity_check": ("profanity_check", False),
    "better_profanity": ("better_profanity", False),
    "tfidf": ("sklearn", True),
}
"""The module that each needs, and whether it learns from our rows first."""


def _peers(found: Sequence[Row], *, quick: bool) -> dict[str, list[float] | None]:
    """Return the scores that each peer gives, or None where it is not installed."""
    return {name: _asked(name, found, quick=quick) for name in PEERS}


def _asked(name: str, found: Sequence[Row], *, quick: bool) -> list[float] | None:
    module, learns = PEERS[name]
    python = peer_python(module)
    if python is None:
        return None
    script = Path(__file__).with_name("peers") / "scores.py"
    learn = _learned(5_000 if quick else 20_000) if learns else []
    answered = subprocess.run(  # noqa: S603  the operator's own interpreter
        [python, script, name],
        input=json.dumps({"texts": [row.text for row in found], "learn": learn}),
        capture_output=True,
        check=True,
        text=True,
    )
    scores: list[float] = json.loads(answered.stdout)
    return scores


def _learned(most: int) -> list[tuple[str, int]]:
    """Return what a peer may learn from: the same rows that ours did, as harm or none."""
    folder = _folder()
    rows = [*written.rows("learn"), *(sources.rows(folder, "learn") if folder else ())]
    known = [(row.text, int(row.harmful)) for row in rows if row.harmful or len(row.labels) == len(HEADS)]
    return Random(1).sample(known, min(most, len(known)))  # noqa: S311  reproducible, not secret
