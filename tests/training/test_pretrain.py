"""Pre-training from a text to a folder that plain transformers loads, from the command line and from Python."""

from __future__ import annotations

import json
import math
import runpy
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from training_texts import SHAPE, lines, loaded, pretraining, text_file
from typer.testing import CliRunner

from rostra.errors import ConfigError
from rostra_models.training.cli import app
from rostra_models.training.configured import settings
from rostra_models.training.corpus import opened, tokenised
from rostra_models.training.errors import TrainError
from rostra_models.training.estimate import Size, bytes_needed, step_flops
from rostra_models.training.folders import load_folder, save_folder
from rostra_models.training.loop import Means
from rostra_models.training.pretrain import PretrainSettings, pretrain
from rostra_models.training.settings import LoopSettings
from rostra_models.training.shapes import new_model
from rostra_models.training.texts import documents
from rostra_models.training.tokenizer import Kind, load_tokenizer, train_tokenizer

CONFIG = """
tokenizer = "char"
context = 16
rows = 4
overlap_limit = 1.0
sample_tokens = 8

[shape]
layers = 2
width = 16
heads = 2

[loop]
steps = 40
learning_rate = 1e-2
muon_learning_rate = 0.02
optimiser = "muon"
sample_every = 40
"""


@pytest.mark.slow
def test_the_command_ends_with_a_line_of_json_and_a_model_that_transformers_loads(tmp_path: Path) -> None:
    data = text_file(tmp_path)
    config = tmp_path / "small.toml"
    config.write_text(CONFIG, encoding="utf-8")
    out = tmp_path / "run"
    given = [f"data={data}", f"out={out}", "loop.save_every=40"]
    arguments = [
        "pretrain",
        "--config",
        str(config),
        *(word for one in given for word in ("--set", one)),
        "--json",
    ]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    row = json.loads(result.stdout.splitlines()[-1])
    assert row["stage"] == "pretrain"
    assert row["steps"] == 40
    assert row["validation_loss"] < math.log(20) - 0.5  # it learned something
    assert (out / "curve.png").is_file()
    assert len((out / "samples.jsonl").read_text(encoding="utf-8").splitlines()) == 1

    tokenizer = loaded(out / "model", "AutoTokenizer")
    ids = tokenizer("the cat sat on", return_tensors="pt")["input_ids"]
    assert tokenizer.decode(ids[0]) == "the cat sat on"
    plain = loaded(out / "model")
    kept = loaded(out / "checkpoints" / "step-00000040")
    assert type(plain).__name__ == "LlamaForCausalLM"
    with torch.no_grad():
        assert torch.equal(plain(ids).logits, kept(ids).logits)


@pytest.mark.slow
def test_what_was_trained_and_what_was_loaded_say_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[Any] = []

    def new(*given: Any, **named: Any) -> Any:
        made.append(new_model(*given, **named))
        return made[-1]

    monkeypatch.setattr("rostra_models.training.pretrain.new_model", new)
    run = pretrain(pretraining(tmp_path, text_file(tmp_path)))
    ids = torch.arange(12)[None]
    again = loaded(run.model)
    kept = again.state_dict()
    assert all(torch.equal(one, kept[name]) for name, one in made[0].state_dict().items())
    # Where weights lie in memory settles in which order a processor adds up, so their products are equal up to rounding.
    with torch.no_grad():
        torch.testing.assert_close(made[0].eval()(ids).logits, again(ids).logits, atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize(
    ("kind", "name", "tied"),
    [
        ("llama", "LlamaForCausalLM", True),
        ("llama", "LlamaForCausalLM", False),
        ("gpt2", "GPT2LMHeadModel", True),
    ],
)
def test_a_folder_says_what_the_model_that_it_was_written_from_says(
    tmp_path: Path, kind: str, name: str, tied: bool
) -> None:
    shape = SHAPE.model_copy(update={"kind": kind, "inner": None, "tied": tied})
    model: Any = new_model(shape, vocabulary=20, context=16).eval()
    save_folder(model, tmp_path)
    ids = torch.arange(12)[None]
    again = loaded(tmp_path)
    assert type(again).__name__ == name
    other: Any = new_model(shape, vocabulary=20, context=16).eval()
    load_folder(other, tmp_path)
    with torch.no_grad():
        assert torch.equal(model(ids).logits, again(ids).logits)
        assert torch.equal(model(ids).logits, other(ids).logits)
    with pytest.raises(TrainError, match=r"another model.s: .*(missing|strange)"):
        load_folder(
            new_model(shape.model_copy(update={"layers": 3, "width": 8}), vocabulary=20, context=16), tmp_path
        )


@pytest.mark.slow
def test_pretraining_goes_on_from_a_model(tmp_path: Path) -> None:
    data = text_file(tmp_path)
    first = pretrain(pretraining(tmp_path, data, steps=20, learning_rate=0.03))
    again = pretraining(tmp_path / "again", data, steps=1, learning_rate=1e-9)
    again = again.model_copy(update={"init": first.model})
    run = pretrain(again)
    assert run.facts["validation_loss"] == pytest.approx(first.facts["validation_loss"], abs=1e-4)


def test_what_is_held_out_must_not_be_learned_from(tmp_path: Path) -> None:
    data = text_file(tmp_path)
    asked = pretraining(tmp_path, data).model_copy(update={"validation": data, "overlap_limit": 0.1})
    said: list[str] = []
    with pytest.raises(TrainError, match=r"100.0% .* hold other documents out"):
        pretrain(asked, means=Means(say=said.append))


def test_documents_come_from_text_json_lines_and_parquet(tmp_path: Path) -> None:
    import pyarrow as pa  # pyright: ignore[reportMissingTypeStubs]
    from pyarrow import parquet  # pyright: ignore[reportMissingTypeStubs]

    (tmp_path / "a.txt").write_text("one", encoding="utf-8")
    (tmp_path / "b.jsonl").write_text('{"text": "two"}\n{"text": ""}\n{"text": "three"}\n', encoding="utf-8")
    write: Any = parquet.write_table  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    table: Any = pa.table  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    write(table({"text": ["four", None], "other": ["x", "y"]}), tmp_path / "c.parquet")
    (tmp_path / "notes.csv").write_text("no", encoding="utf-8")
    assert list(documents(tmp_path, "text")) == ["one", "two", "three", "four"]
    with pytest.raises(TrainError, match="line 1: no text under 'words'"):
        list(documents(tmp_path / "b.jsonl", "words"))
    with pytest.raises(TrainError, match="no column 'words'; it has text, other"):
        list(documents(tmp_path / "c.parquet", "words"))


def test_text_is_tokenised_once_until_it_or_the_tokenizer_changes(tmp_path: Path) -> None:
    source, folder = text_file(tmp_path), tmp_path / "tokens"
    tokenizer = train_tokenizer((), kind="byte")
    made = tokenised(source, tokenizer, folder)
    assert made.tokens == len(source.read_bytes()) + 1  # and the end of the document
    first = (folder / "index.json").stat().st_mtime_ns
    tokenised(source, tokenizer, folder)
    assert (folder / "index.json").stat().st_mtime_ns == first
    source.write_text(lines(10, 9), encoding="utf-8")
    assert tokenised(source, tokenizer, folder).tokens == len(source.read_bytes()) + 1
    other = train_tokenizer([lines(50)], kind="bpe", vocabulary=300)
    assert tokenised(source, other, folder).tokens < len(source.read_bytes())


def test_a_shard_that_was_changed_is_found(tmp_path: Path) -> None:
    folder = tmp_path / "tokens"
    tokenised(text_file(tmp_path), train_tokenizer((), kind="byte"), folder)
    opened(folder, check=True)
    shard = folder / "shard-00000.bin"
    shard.write_bytes(b"\x09" + shard.read_bytes()[1:])
    with pytest.raises(TrainError, match="is not what was written"):
        opened(folder, check=True)


@pytest.mark.parametrize("kind", ["bpe", "byte", "char"])
def test_a_tokenizer_gives_texts_back_and_knows_chats(tmp_path: Path, kind: Kind) -> None:
    text = "the cat saw\n\ttwo  birds. 42"
    seen = [*lines(100).splitlines(), text, "user assistant <|>_"]
    made: Any = train_tokenizer(seen, kind=kind, vocabulary=400)
    made.save_pretrained(str(tmp_path))
    there: Any = load_tokenizer(tmp_path)
    ids = there(text, add_special_tokens=False)["input_ids"]
    assert there.decode(ids) == text
    assert made(text, add_special_tokens=False)["input_ids"] == ids
    assert {"bpe": len(ids) < 20, "byte": len(ids) == len(text), "char": len(ids) == len(text)}[kind]
    talk = [{"role": "user", "content": "the cat"}, {"role": "assistant", "content": "saw two"}]
    told = there.apply_chat_template(talk, tokenize=False)
    assert told == "<|im_start|>user\nthe cat<|im_end|>\n<|im_start|>assistant\nsaw two<|im_end|>\n"
    found = there.apply_chat_template(talk, return_dict=True, return_assistant_tokens_mask=True)
    learned = [one for one, mask in zip(found["input_ids"], found["assistant_masks"], strict=True) if mask]
    assert there.decode(learned) == "saw two<|im_end|>"
    assert there.eos_token == "<|im_end|>"
    assert there.pad_token_id != there.eos_token_id


def test_a_vocabulary_that_cannot_hold_the_bytes_is_refused() -> None:
    with pytest.raises(TrainError, match="vocabulary is 100"):
        train_tokenizer(["a"], kind="bpe", vocabulary=100)


def test_settings_come_from_the_file_and_the_command_line(tmp_path: Path) -> None:
    file = tmp_path / "small.toml"
    file.write_text(CONFIG, encoding="utf-8")
    given = ["data=some text.txt", "out=run", "loop.steps=7", "loop.warmup_steps=2"]
    found = settings(PretrainSettings, file, given)
    assert (found.data, found.loop.steps, found.loop.learning_rate) == (Path("some text.txt"), 7, 1e-2)
    for wrong, said in (
        (["data"], "--set 'data' is not KEY=VALUE"),
        (["loop.stepps=3"], "loop.stepps"),
        ([*given, "loop.warmup_steps=7"], "warmup_steps is 7"),
        ([*given, "shape.heads=3"], "an even number for each of 3 heads"),
        ([*given, "rows.x=3"], "'rows' is no table"),
    ):
        with pytest.raises(ConfigError, match=said):
            settings(PretrainSettings, file, wrong)


def test_every_setting_says_what_it_is() -> None:
    for kind in (PretrainSettings, LoopSettings):
        assert [name for name, one in kind.model_fields.items() if not one.description] == []


def test_memory_and_work_grow_with_what_they_depend_on() -> None:
    loop = LoopSettings(steps=1, learning_rate=1.0)
    given = {"parameters": 1000, "trained": 1000, "embedded": 100, "layers": 2, "width": 10, "inner": 20}
    size = Size(**given, vocabulary=50, rows=2, room=8)
    assert step_flops(size, 3) == (6 * 900 + 6 * 2 * 10 * 8) * 16 * 3
    fixed = bytes_needed(Size(**given, vocabulary=50, rows=0, room=8), loop)
    assert fixed == 16 * 1000  # weights, gradients and both of Adam's memories
    assert bytes_needed(size, loop) - fixed == 16 * (2 * (22 * 10 + 5 * 20) * 4 + 12 * 50)
    half = loop.model_copy(update={"precision": "bfloat16"})
    assert bytes_needed(size, half) < bytes_needed(size, loop)


def test_the_page_about_settings_is_up_to_date() -> None:
    root = Path(__file__).parents[2]
    page = runpy.run_path(str(root / "docs" / "rewrite_training.py"))["page"]()
    there = (root / "docs" / "reference" / "training.md").read_text(encoding="utf-8")
    assert there == page, "run: python docs/rewrite_training.py"


def test_many_documents_go_into_several_shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rostra_models.training.corpus.SHARD_TOKENS", 40)
    source = tmp_path / "b.jsonl"
    texts = [lines(1, seed).strip() for seed in range(9)]
    source.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    tokenizer: Any = train_tokenizer((), kind="byte")
    made = tokenised(source, tokenizer, tmp_path / "tokens")
    assert len(made.shards) > 2
    read = [tokenizer.decode(made.read(*pair)) for pair in pairwise(made.starts.tolist())]
    assert read == [f"{text}<|endoftext|>" for text in texts]


def test_the_benchmark_is_nanogpts_small_setting() -> None:
    file = Path(__file__).parents[2] / "benchmarks" / "shakespeare.toml"
    found = settings(PretrainSettings, file, ["data=input.txt", "out=run"])
    assert (found.context, found.rows * found.micro_batches, found.loop.steps) == (64, 12, 2000)
    assert (found.shape.layers, found.shape.heads, found.shape.width) == (4, 4, 128)
    assert found.tokenizer == "char"
