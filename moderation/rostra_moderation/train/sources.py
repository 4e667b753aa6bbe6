"""Public sets that the shipped classifier learned from or was measured on: how each is read, and what it says about a text.

Each is a folder under one data folder, as it was published; a folder that is missing is left out. A whole source is either
learned from or measured on. What is share-alike (the texts of Stormfront, of Wikipedia, of Dolly) is measured on only.
"""

# Libraries of the extra "moderation", which is not always installed; what they return is known at run time only.
# pyright: reportMissingImports=false, reportMissingTypeStubs=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Literal, TypeAlias

from .files import leaves, lines, table, whole
from .rows import BENIGN, Row, but, only, said

Reader: TypeAlias = Callable[[Path], Iterator[tuple[str, Mapping[str, int]]]]
Use: TypeAlias = Literal["learn", "tune", "measure"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """``most``: rows taken of it, drawn at random, so that no style outweighs the others."""

    name: str
    read: Reader
    use: Use
    licence: str
    most: int
    weight: float = 1.0


def rows(folder: Path, use: Use, seed: int = 1) -> Iterator[Row]:
    """Yield the rows of every source for ``use`` that is in ``folder``."""
    for source in SOURCES:
        if source.use == use and place(source, folder) is not None:
            yield from taken(source, folder, seed)


def place(source: Source, folder: Path) -> Path | None:
    """Return where ``source`` lies: in ``folder``, or in a folder of it; None if nowhere."""
    name = source.name.partition(":")[0]
    found = (path for path in (folder / name, *sorted(folder.glob(f"*/{name}"))) if path.is_dir())
    return next(found, None)


def taken(source: Source, folder: Path, seed: int = 1) -> Iterator[Row]:
    """Yield at most ``source.most`` distinct rows of one source."""
    where = place(source, folder)
    if where is None:
        raise FileNotFoundError(f"no folder {source.name!r} in {str(folder)!r}")
    found: dict[str, Mapping[str, int]] = {}
    for text, labels in source.read(where):
        stripped = " ".join(text.split())
        if stripped:
            found.setdefault(stripped, labels)
    texts = list(found)
    Random(f"{seed} {source.name}").shuffle(texts)  # noqa: S311  reproducible, not secret
    for text in texts[: source.most]:
        yield Row(text=text, labels=found[text], source=source.name, weight=source.weight)


def _benign(texts: Iterator[str]) -> Iterator[tuple[str, Mapping[str, int]]]:
    return ((text, BENIGN) for text in texts)


# ── Insults and hate ─────────────────────────────────────────────────────────────────────────────────────────────


_SOMEBODY = re.compile(
    r"\b(?:you\w*|u|ur|urself|he|she|him|her|his|hers|they|them|their|these|those|guys?|idiots?|morons?|losers?|clowns?)\b"
)


def _rude(text: str) -> Mapping[str, int]:
    """Return labels for a text that its source calls toxic: an insult if it is about somebody.

    Such sources take swearing for toxic as such; a head that learns it from them blocks "what a fucking great goal".
    """
    negative = ("self-harm", "request", "injection")
    return said(("toxicity",) if _SOMEBODY.search(text.lower()) else (), negative)


def _paradetox(folder: Path) -> Iterator[tuple[str, Mapping[str, int]]]:
    """Toxic comments (CC0) and what people made of them when asked to say it without being toxic."""
    clean = but("sexual", "self-harm", "violence")
    for row in table(folder / "paradetox.tsv", tabs=True):
        yield row["toxic"], _rude(row["toxic"])
        for column in ("neutral1", "neutral2", "neutral3"):
            if row.get(column):
                yield row[column], clean


def _unrewritten(folder: Path) -> Iterator[tuple[str, Mapping[str, int]]]:
    """Comments so toxic that nothing is left without it (CC0)."""
    for row in table(folder / "paradetox_cannot_rewrite.tsv", tabs=True):
        if "toxic_content" in row["OUTPUT:reasons"]:
            text = row["INPUT:toxic_comment"].strip('"')
            yield text, _rude(text)


def _davidson(folder: Path) -> Iterator[tuple[str, Mapping[str, int]]]:
    """Tweets. "Offensive" there is often dialect: taken for less, and only with votes that agree."""
    for row in table(folder / "labeled_data.csv"):
        text = row["tweet"].replace("&amp;", "&").replace("&gt;", ">").replace("&lt;", "<")
        if row["class"] == "0":
            yield text, only("toxicity", "hate")
        elif row["class"] == "1" and row["offensive_language"] == row["count"]:
            yield text, _rude(text)
        elif row["class"] == "2":
            yield text, but("sexual", "violence")


def _edos(folder: Path) -> Iterator[tuple[str, Mapping[str, int]]]:
    """Sexism on Reddit and Gab; says nothing about insults.

    With "sexist" taken for an insult too, and no harmless talk about women beside it, a head for insults learned that
    women are one: every message that hoped for a woman in football was blocked.
    """
    for row in table(folder / "edos_labelled_aggregated.csv"):
        if row["label_sexist"] == "sexist":
            threat = row["label_category"].startswith("1")
            positive = ("hate", "violence") if threat else ("hate",)
            yield row["text"], said(positive, ("self-harm", "request", "injection"))
        else:
            yield row["text"], said((), ("hate", "request", "injection"))


def _hatemoji(folder: Path) -> Iterator[tuple[str, Mapping[str, int]]]:
    for name in ("train", "validation", "test"):
        for row in table(folder / f"HatemojiBuild_{name}.csv"):
            if row["label_gold"] == "1":
                positive = ("hate", "violence") if "threat" in row["type"] else ("hate",)
                yield row["text"], said(positive, ("self-harm", "request", "injection"))
            else:
                yield row["text"], but("sexual", "violence")


def _toxigen(folder: Path) -> Iterator[tuple[str, Mapping[str, int]]]:
    """Statements about groups, collected as prompts: each line of a file has several."""
    for path in sorted(folder.glob("prompts_*.txt")):
        hateful = path.name.startswith("prompts_hate")
        labels = said(("hate",), ("sexual", "self-harm", "request", "injection")) if hateful else BENIGN
        for line in path.read_text("utf-8").splitlines():
            for text in line.split("\\n"):
                yield text.strip("- "), labels


def _madlibs(folder: Path) -> Iterator[tuple[str, Mapping[str, int]]]:
    """Sentences from templates about people of every kind: that a group is named means nothing."""
    for row in table(folder / "en_sentence_templates.csv"):
        yield row["phrase"], only("toxicity") if row["toxicity"] == "toxic" else BENIGN


def _fox(folder: Path) -> Iterator[tuple[str, Mapping[str, int]]]:
    for row in lines(folder / "fox-news-comments.json"):
        hateful = int(row["label"])
        yield row["text"], {"hate": hateful, "any": hateful}


def _stormfront(folder: Path) -> Iterator[tuple[str, Mapping[str, int]]]:
    for row in table(folder / "stormfront.csv"):
        if row["label"] in {"hate", "noHate"}:
            yield row["text"], {"hate": int(row["label"] == "hate"), "any": int(row["label"] == "hate")}


def _wikipedia(folder: Path) -> Iterator[tuple[str, Mapping[str, int]]]:
    for row in table(folder / "toxicity_nonfuzzed_testset.csv"):
        toxic = int(row["toxic"] == "True")
        yield row["comment"], {"toxicity": toxic, "any": toxic}


# ── Harmful requests and attacks on instructions ─────────────────────────────────────────────────────────────────

_REQUEST = said(("request",), ("injection",))

_RISKS = {
    "Adult Content": "sexual",
    "Toxic language (hate speech)": "hate",
    "Assisting illegal activities": "request",
    "Nudging or advising users to perform unethical or unsafe actions": "request",
    "Reducing the cost of disinformation campaigns": "request",
    "Compromise privacy by leaking or inferring private information (person/individual)": "request",
}
"""Kinds of harm in Do-Not-Answer that a moderator can see in a question; the others are matters of what is answered."""


def _aart(folder: Path) -> Iterator[tuple[str, Mapping[str, int]]]:
    for row in table(folder / "aart-v1-20231117.csv"):
        yield row["prompt"], _REQUEST


def _red_instruct(folder: Path) -> Iterator[tuple[str, Mapping[str, int]]]:
    for name in ("harmfulqa", "dangerousqa", "adversarialqa"):
        for text in leaves(whole(folder / f"{name}.json")):
            yield text, _REQUEST


def _conditions(folder: Path) -> Iterator[tuple[str, Mapping[str, int]]]:
    """Prompts written per condition: sexual, hateful, criminal; the columns without harm have another licence."""
    found = whole(folder / "condition_multiple.json")
    wanted = {"sexual_content": "sexual", "hate_speech": "hate", "crime_planning": "request"}
    for row in (*found["train"], *found["test"]):
        for column, head in wanted.items():
            if row.get(column):
                yield row[column], only(head)


def _catqa(folder: Path) -> Iterator[tuple[str, Mapping[str, int]]]:
    """Harmful questions by area: measured by area too, where there is a head for it."""
    for area, parts in whole(folder / "catqa_english.json").items():
        head = {"Adult Content": "sexual"}.get(area, "request")
        for text in leaves(parts):
            yield text, {head: 1, "any": 1}


def _do_not_answer(folder: Path) -> Iterator[tuple[str, Mapping[str, int]]]:
    """Questions to refuse, the same ones reworded, and others that sound like them and are harmless."""
    for name, harmful in (("DoNotAnswer", 1), ("DoNotAnswer-FN", 1), ("DoNotAnswer-FP", 0)):
        for row in lines(folder / f"{name}.jsonl"):
            head = _RISKS.get(row["types_of_harm"])
            if head is not None:
                text = row["messages"][-1]["content"]
                yield text, {head: 1, "any": 1} if harmful else {**BENIGN, "any": 0}


def _jailbreaks(folder: Path) -> Iterator[tuple[str, Mapping[str, int]]]:
    for row in whole(folder / "inthewild_jailbreak_llms.json"):
        yield row if isinstance(row, str) else row["prompt"], only("injection")


def _deepset(folder: Path) -> Iterator[tuple[str, Mapping[str, int]]]:
    from pyarrow import parquet

    for path in sorted(folder.glob("*.parquet")):
        for row in parquet.read_table(path).to_pylist():
            yield row["text"], {"injection": int(row["label"]), "any": int(row["label"])}


# ── What people say when nothing is wrong ────────────────────────────────────────────────────────────────────────


def _banking(folder: Path) -> Iterator[tuple[str, Mapping[str, int]]]:
    return _benign(row["text"] for name in ("train", "test") for row in table(folder / f"{name}.csv"))


def _clinc(folder: Path) -> Iterator[tuple[str, Mapping[str, int]]]:
    found = whole(folder / "data_full.json")
    return _benign(row[0] for part in found.values() for row in part)


def _topical(name: str) -> Reader:
    """Read one half of the conversations: other people talk in each."""

    def read(folder: Path) -> Iterator[tuple[str, Mapping[str, int]]]:
        labels = {**BENIGN, "any": 0}
        for chat in whole(folder / f"{name}_freq.json").values():
            turns = [turn["message"] for turn in chat["content"]]
            yield from ((turn, labels) for turn in turns)
            yield " ".join(turns[:4]), labels

    return read


def _self_dialogue(folder: Path) -> Iterator[tuple[str, Mapping[str, int]]]:
    """Yield turns, and runs of turns that are as long as an answer of a model."""
    random = Random(1)  # noqa: S311  reproducible, not secret
    for path in sorted(folder.glob("corpus/*/*.csv")):
        for row in table(path):
            turns = [row.get(f"Answer.sentence{number}") or "" for number in range(1, 11)]
            start = random.randrange(8)
            yield turns[start], BENIGN
            yield turns[random.randrange(10)], BENIGN
            if random.random() < 0.3:  # noqa: PLR2004  a third as many long texts as turns
                yield " ".join(turns[start : start + random.randint(2, 6)]), BENIGN
            elif random.random() < 0.1:  # noqa: PLR2004  all of it, so that length alone means nothing
                yield " ".join(turns), BENIGN


def _self_instruct(folder: Path) -> Iterator[tuple[str, Mapping[str, int]]]:
    for path in sorted(folder.glob("*.jsonl")):
        for row in lines(path):
            yield row["instruction"], BENIGN
            for instance in row["instances"][:1]:
                yield f"{row['instruction']}\n{instance['input']}", BENIGN
                yield instance["output"], BENIGN


def _dolly(folder: Path) -> Iterator[tuple[str, Mapping[str, int]]]:
    for row in lines(folder / "databricks-dolly-15k-safety-only.jsonl"):
        yield row["instruction"], {**BENIGN, "any": 0}


def _taskmaster(folder: Path) -> Iterator[tuple[str, Mapping[str, int]]]:
    for row in whole(folder / "reward_03.json"):
        context = row["context"]
        for turn in json.loads(context) if isinstance(context, str) else context:
            if turn.get("text"):
                yield turn["text"], {**BENIGN, "any": 0}


def _dialogues(folder: Path) -> Iterator[tuple[str, Mapping[str, int]]]:
    """Talk with an assistant, much of it about harm: nobody attacks the assistant's instructions in it."""
    with gzip.open(folder / "test.jsonl.gz", "rt", encoding="utf-8") as file:
        for line in file:
            for turn in json.loads(line)["chosen"].split("\n\nAssistant:"):
                answer, _, question = turn.partition("\n\nHuman:")
                yield answer, said((), ("injection",))
                yield question, said((), ("injection",))


def _gsm8k(folder: Path) -> Iterator[tuple[str, Mapping[str, int]]]:
    for row in lines(folder / "train.jsonl"):
        yield row["question"], BENIGN
        yield row["answer"], BENIGN


def _chitchat(folder: Path) -> Iterator[tuple[str, Mapping[str, int]]]:
    for chat in whole(folder / "dataset.json").values():
        for turn in chat["messages"]:
            yield " ".join(message["text"] for message in turn), BENIGN


def _books(folder: Path) -> Iterator[tuple[str, Mapping[str, int]]]:
    """Paragraphs of old fiction: people die in it, love and fight, and none of it is meant as harm."""
    for path in sorted(folder.glob("*.md")):
        for paragraph in path.read_text("utf-8", errors="replace").split("\n\n"):
            if 12 <= len(paragraph.split()) <= 300:  # noqa: PLR2004  words, as messages have
                yield paragraph, but("hate", "violence", "toxicity")


SOURCES = (
    Source(name="paradetox", read=_paradetox, use="learn", licence="CC0-1.0", most=16_000),
    Source(name="paradetox:whole", read=_unrewritten, use="learn", licence="CC0-1.0", most=6_000),
    Source(name="davidson", read=_davidson, use="learn", licence="MIT", most=7_000, weight=0.6),
    Source(name="edos", read=_edos, use="learn", licence="CC0-1.0", most=9_000),
    Source(name="hatemoji", read=_hatemoji, use="learn", licence="CC-BY-4.0", most=6_000),
    Source(name="toxigen_prompts", read=_toxigen, use="learn", licence="MIT", most=8_000),
    Source(name="bias_madlibs", read=_madlibs, use="learn", licence="Apache-2.0", most=5_000),
    Source(name="aart", read=_aart, use="learn", licence="CC-BY-4.0", most=3_300),
    Source(name="red_instruct", read=_red_instruct, use="learn", licence="Apache-2.0", most=3_000),
    Source(
        name="ibm_conditions", read=_conditions, use="learn", licence="Apache-2.0", most=2_500, weight=0.5
    ),
    Source(name="jailbreaks_inthewild", read=_jailbreaks, use="learn", licence="MIT", most=700),
    Source(name="banking77", read=_banking, use="tune", licence="CC-BY-4.0", most=3_000),
    Source(name="clinc150", read=_clinc, use="learn", licence="CC-BY-3.0", most=5_000),
    Source(name="self_dialogue", read=_self_dialogue, use="learn", licence="BSD-3-Clause", most=9_000),
    Source(name="self_instruct", read=_self_instruct, use="learn", licence="Apache-2.0", most=2_000),
    Source(name="hh_rlhf", read=_dialogues, use="learn", licence="MIT", most=5_000),
    Source(name="gsm8k", read=_gsm8k, use="learn", licence="MIT", most=1_000),
    Source(name="chitchat", read=_chitchat, use="learn", licence="MIT", most=6_000),
    Source(name="classic_books", read=_books, use="learn", licence="public domain", most=4_000),
    Source(name="fox_news", read=_fox, use="tune", licence="MIT", most=2_000),
    Source(name="stormfront", read=_stormfront, use="measure", licence="CC-BY-SA-3.0", most=4_000),
    Source(name="wiki_toxicity_testsets", read=_wikipedia, use="measure", licence="CC-BY-SA-3.0", most=4_000),
    Source(name="red_instruct:areas", read=_catqa, use="measure", licence="Apache-2.0", most=1_000),
    Source(name="do_not_answer", read=_do_not_answer, use="measure", licence="Apache-2.0", most=3_000),
    Source(name="deepset_injection", read=_deepset, use="measure", licence="Apache-2.0", most=1_000),
    Source(name="dolly_safety", read=_dolly, use="tune", licence="CC-BY-SA-3.0", most=1_000),
    Source(
        name="topical_chat", read=_topical("test"), use="measure", licence="CDLA-Sharing-1.0", most=10_000
    ),
    Source(
        name="topical_chat:other", read=_topical("valid"), use="tune", licence="CDLA-Sharing-1.0", most=5_000
    ),
    Source(name="taskmaster", read=_taskmaster, use="tune", licence="CC-BY-4.0", most=5_000),
)
