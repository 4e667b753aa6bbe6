"""The card of an export, as the Hugging Face hub shows it (https://huggingface.co/docs/hub/datasets-cards)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from .formats import Format
from .permission import REASONS

SIZES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
)
LARGEST = "10M<n<100M"

MADE_AGAIN = "`manifest.json` has the hashes of all files, and of the dataset they were made from. The same version of Rostra writes the same bytes from it"
TERMS = "What the files did not tell is empty; their licence and their terms hold."


def card(about: Mapping[str, Any], form: Format, purpose: str) -> str:
    """Return README.md for the manifest of an export: what is in it, where it comes from, and what it must not be used for."""
    dataset, made = about["dataset"], about["export"]
    title = f"{dataset['name']} {dataset['version']}"
    permitted = (
        "Everybody whose words or rankings are in it agreed that it is trained on and given to others."
        if purpose == "publish"
        else "Everybody whose words or rankings are in it agreed that it is trained on. Nobody was asked whether it may be given to others: keep it private."
    )
    parts = [
        _head(about, form.name, title),
        f"# {title}\n",
        "Answers to questions from chats, ranked by people. Raters did not see who wrote an answer, and each saw the answers in an order of their own.\n",
        f"{permitted}\n",
        "## What is in it\n",
        _table(
            ("File", "Rows", "SHA-256"), [(f["name"], f"{f['rows']:,}", f["sha256"]) for f in about["files"]]
        ),
        _counts(dataset),
        f"The form is `{made['format']}`; it does not tell {form.loses}.",
        _how(made, form),
        _table(("Column", "What it is"), [(f"`{name}`", text) for name, text in form.about.items()]),
        "## What is not in it\n",
        _refusals(dataset["refused"], about["refused"], about["not_said"]),
        "## People\n",
        _people(about),
        "## Made again\n",
        f"{MADE_AGAIN} with the key `{made['pseudonyms']}`, which is not part of the dataset.\n",
    ]
    return "\n".join(part for part in parts if part)


def imported_card(about: Mapping[str, Any]) -> str:
    """Return README.md for the manifest of what was imported."""
    made = about["imported"]
    names = ", ".join(one["name"] for one in made["from"])
    unused = [(f"{count:,}", why) for why, count in about["not_used"].items()]
    parts = [
        _head(about, "canonical", names),
        f"# {names}\n",
        f"Rankings read from files in the form `{made['format']}`: {about['judgments']:,} judgments of {about['prompts']:,} questions. {TERMS}\n",
        _table(
            ("File", "Rows", "SHA-256"), [(f["name"], f"{f['rows']:,}", f["sha256"]) for f in about["files"]]
        ),
        _table(("Read", "SHA-256"), [(one["name"], one["sha256"]) for one in made["from"]]),
        _table(("Rows", "Why they were not used"), unused) if unused else "",
    ]
    return "\n".join(part for part in parts if part)


def _head(about: Mapping[str, Any], form: str, title: str) -> str:
    rows = sum(one["rows"] for one in about["files"])
    size = next((name for most, name in SIZES if rows < most), LARGEST)
    files = "\n".join(
        f"  - split: {one['name'].partition('.')[0]}\n    path: {one['name']}" for one in about["files"]
    )
    tags = "\n".join(f"- {tag}" for tag in ("preference", "rlhf", "human-feedback", "rostra", form))
    return (
        f"---\npretty_name: {json.dumps(title)}\nlicense: other\ntask_categories:\n- text-generation\ntags:\n{tags}\n"
        f"size_categories:\n- {size}\nconfigs:\n- config_name: default\n  data_files:\n{files}\n---\n"
    )


def _counts(dataset: Mapping[str, Any]) -> str:
    counts = [
        (split, f"{dataset['judgments'][split]:,}", f"{dataset['prompts'][split]:,}")
        for split in dataset["judgments"]
    ]
    near = dataset["asked"]["near"]
    joined = f", as do questions whose wording is alike from {near} on" if near else ""
    return (
        f"The dataset holds, from {dataset['raters']:,} raters until {dataset['asked']['until']}:\n\n"
        + _table(("Split", "Judgments", "Questions"), counts)
        + f"\nA question stands on one side with all that was said about it{joined}, and stays there in later versions.\n"
    )


def _how(made: Mapping[str, Any], form: Format) -> str:
    if form.name in {"canonical", "trl-unpaired", "oasst"}:
        return ""
    which = {
        "all": "all pairs of each ranking",
        "best-worst": "the pairs of the best with the worst answers of each ranking",
        "adjacent": "the pairs of neighbours in each ranking",
        "one-random": "one pair of each ranking, drawn by chance",
    }[made["pairs"]]
    together = "; raters who compared the same two answers make one row" if made["labels"] == "soft" else ""
    return f"There are {which}{together}. Nobody appears with the same two answers twice.\n"


def _refusals(frozen: Mapping[str, int], now: Mapping[str, int], unsaid: Mapping[str, int]) -> str:
    rows = [(f"{count:,}", REASONS.get(name, name)) for name, count in sorted(frozen.items())]
    rows += [
        (f"{count:,}", REASONS.get(name, f"not asked for ({name.replace('_', ' ')})"))
        for name, count in sorted(now.items())
    ]
    said = _table(("Judgments", "Why they were left out"), rows) if rows else "No judgment was left out.\n"
    if unsaid:
        lost = [(f"{count:,}", name) for name, count in sorted(unsaid.items())]
        said += "\n" + _table(("Times", "What the form cannot say"), lost)
    return said


def _people(about: Mapping[str, Any]) -> str:
    scrubbed: Mapping[str, int] = about["scrubbed"]
    counts = ", ".join(f"{count:,} {name}" for name, count in sorted(scrubbed.items())) or "nothing was found"
    scrubber = about["export"]["scrubber"]
    how = (
        f"Personal data was looked for by `{scrubber}` and replaced by its kind in brackets ({counts}); what no pattern tells, such as a name in a sentence, stays."
        if scrubber
        else f"Texts were not searched for personal data; mentions of people and channels were replaced ({counts})."
    )
    return (
        "People appear under pseudonyms of this export: in another export they have others. The texts themselves are the same, so that two exports of the same judgments can be matched by them.\n\n"
        f"{how}\n\nSomebody may withdraw later. This copy is then to be deleted, and a new version to be used.\n"
    )


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"
