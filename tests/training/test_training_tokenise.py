"""Tokenizers as a stage, and text that is too long to be held at once."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rostra_models.training import corpus, texts, tokenise
from rostra_models.training.cli import app
from rostra_models.training.corpus import tokenised
from rostra_models.training.errors import TrainError
from rostra_models.training.record import read
from rostra_models.training.texts import documents, parts
from rostra_models.training.tokenise import TokenizerSettings, blocks, tokenizer
from rostra_models.training.tokenizer import load_tokenizer, train_tokenizer

LINES = [f"{n} and {n + 1} are {2 * n + 1}.{' ' * (n % 3)}\n" + "\n" * (n % 2) for n in range(400)]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "text.txt"
    made.write_text("".join(LINES), encoding="utf-8")
    return made


def settings(file: Path, **fields: object) -> TokenizerSettings:
    return TokenizerSettings.model_validate(
        {"data": file, "out": file.parent / "run", "vocabulary": 300, "held_out": 0.25, **fields}
    )


def test_a_tokenizer_is_trained_on_what_is_not_held_out_and_measured_on_what_is(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokenise, "BLOCK", 200)
    run = tokenizer(settings(file))
    assert run.model == file.parent / "run" / "tokenizer"
    made = load_tokenizer(run.model)
    assert "<|im_start|>" in (run.model / "chat_template.jinja").read_text()
    assert 259 < len(made) == run.facts["vocabulary"] <= 300
    assert 1 < run.facts["bytes_per_token"] < 8
    held = [block for number, block in enumerate(blocks("".join(LINES)), 1) if number % 4 == 0]
    count = sum(len(made(block, add_special_tokens=False)["input_ids"]) for block in held)
    assert run.facts["bytes_per_token"] == pytest.approx(sum(map(len, held)) / count)
    record = read(run.folder)
    assert record is not None
    assert (record.stage, record.state, dict(record.facts)) == ("tokenizer", "done", dict(run.facts))


def test_bytes_are_one_token_each_and_an_unseen_character_is_one_token(file: Path) -> None:
    assert tokenizer(settings(file, kind="byte")).facts["learned_bytes_per_token"] == 1.0
    assert "bytes_per_token" not in tokenizer(settings(file, kind="char")).facts, "too short to hold some out"


def test_without_text_there_is_no_tokenizer(file: Path) -> None:
    file.write_text("")
    with pytest.raises(TrainError, match="there is no text in"):
        tokenizer(settings(file, kind="byte"))


def test_blocks_are_cut_at_the_ends_of_lines_where_there_are_any(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokenise, "BLOCK", 10)
    assert list(blocks("one two\nthree\n" + "x" * 25)) == [
        "one two\n",
        "three\n",
        "x" * 10,
        "x" * 10,
        "x" * 5,
    ]
    assert list(blocks("")) == []


@pytest.mark.slow
def test_a_pre_training_takes_the_tokenizer_from_its_folder(file: Path, tmp_path: Path) -> None:
    given = [f"data={file}", f"out={tmp_path / 'tokens'}", "vocabulary=280"]
    done = CliRunner().invoke(
        app,
        ["tokenizer", *(word for one in given for word in ("--set", one)), "--json"],
        catch_exceptions=False,
    )
    folder = json.loads(done.stdout.splitlines()[-1])["model"]
    loop = ["steps=1", "learning_rate=0.01", "tensorboard=false", "plot=false"]
    given = [
        f"data={file}",
        f"out={tmp_path / 'run'}",
        f"tokenizer={folder}",
        "context=16",
        "overlap_limit=1.0",
    ]
    given += ["shape.layers=1", "shape.width=16", "shape.heads=2", *(f"loop.{one}" for one in loop)]
    done = CliRunner().invoke(
        app,
        ["pretrain", *(word for one in given for word in ("--set", one)), "--json"],
        catch_exceptions=False,
    )
    assert done.exit_code == 0, done.output
    ours, theirs = load_tokenizer(Path(folder)), load_tokenizer(tmp_path / "run" / "model")
    assert ours.get_vocab() == theirs.get_vocab()
    assert 259 < len(ours) <= 280


def test_a_long_text_is_read_in_parts_and_is_the_same_document(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = train_tokenizer(LINES, kind="bpe", vocabulary=300)
    whole = tokenised(file, made, tmp_path / "whole")
    monkeypatch.setattr(texts, "PART", 500)
    monkeypatch.setattr(corpus, "SHARD_TOKENS", 300)
    found = list(parts(file, "text"))
    assert len(found) > 10
    assert [ends for _, ends in found] == [False] * (len(found) - 1) + [True]
    assert "".join(documents(file, "text")) == "".join(LINES)
    cut = tokenised(file, made, tmp_path / "cut")
    assert len(cut.shards) > 5
    assert cut.starts.tolist() == whole.starts.tolist() == [0, whole.tokens], "one document, one end"
    assert cut.read(0, cut.tokens).tolist() == whole.read(0, whole.tokens).tolist()


def test_a_long_text_without_lines_is_cut_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(texts, "PART", 10)
    (tmp_path / "a.txt").write_text("x" * 25)
    assert list(parts(tmp_path / "a.txt", "text")) == [("x" * 10, False), ("x" * 10, False), ("x" * 5, True)]
