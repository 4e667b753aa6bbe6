"""What makes a version of a model, and what does not; what is kept of it when a bot opens."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from rostra.chat import Sampling
from rostra.errors import ModelError
from rostra.testing.clock import ManualClock
from rostra.testing.samples import ROOM
from rostra.versions import ModelVersion, canonical, sampling_from, sampling_id
from rostra.versions import version_of as told_by
from rostra_models.canned import CannedModel, CannedSettings
from rostra_models.shelf import copy
from rostra_models.testing import tiny_llama
from rostra_models.versions import about, version_of


def quietly(what: str, share: float | None) -> None:
    pass


@pytest.fixture
def tiny(tmp_path: Path) -> Path:
    return tiny_llama(tmp_path / "tiny")


def canned(**settings: str) -> CannedModel:
    return CannedModel("demo", CannedSettings.model_validate(settings), ManualClock())


def test_the_id_is_made_of_what_is_in_the_model_and_of_nothing_else() -> None:
    version = ModelVersion(name="a", content="ab" * 32)
    assert version.id == replace(version, name="b", source="elsewhere", licence="mit", parameters=7).id
    assert version.id != replace(version, content="cd" * 32).id
    assert len(version.id) == 32
    unseen = ModelVersion(name="a", kind="external", source="https://one.example")
    assert (
        len({unseen.id, replace(unseen, name="b").id, replace(unseen, source="https://two.example").id}) == 3
    )


def test_ids_stay_what_they_were_written_down_as() -> None:
    assert ModelVersion(name="a", content="ab" * 32).id == "2967b78e7fd132da45db40f7acf5e476"
    assert sampling_id(Sampling()) == "83e0032d9800cdc89e91ce749dee3482"


def test_only_how_one_answer_is_drawn_counts() -> None:
    sampling = Sampling(temperature=0, top_p=1, max_tokens=9, stop=("b", "a"), seed=3)
    same = [replace(sampling, temperature=-0.0), replace(sampling, n=4), replace(sampling, place=ROOM)]
    assert {sampling_id(one) for one in same} == {sampling_id(sampling)}
    others = [
        replace(sampling, temperature=None),
        replace(sampling, top_p=0.5),
        replace(sampling, max_tokens=10),
        replace(sampling, stop=("a", "b")),
        replace(sampling, seed=None),
    ]
    assert len({sampling_id(one) for one in (sampling, *others)}) == 6
    assert canonical(sampling) == b'{"max_tokens":9,"seed":3,"stop":["b","a"],"temperature":0.0,"top_p":1.0}'
    assert sampling_from(json.loads(canonical(sampling))) == sampling


def test_a_model_that_tells_no_version_has_none() -> None:
    assert told_by(object()) is None
    one = canned(otherwise="yes")
    assert told_by(one) == one.version
    assert one.version.id == canned(otherwise="yes").version.id != canned(otherwise="no").version.id


def test_a_kept_model_is_the_version_of_the_folder_it_came_from(tiny: Path, tmp_path: Path) -> None:
    folder = copy(tiny, tmp_path / "models" / "mine", clock=ManualClock(), progress=quietly)
    kept, plain = version_of(folder), version_of(tiny, name="other")
    assert (kept.name, kept.source, plain.name) == ("mine", str(tiny), "other")
    assert kept.id == plain.id
    assert kept.made_at == ManualClock().now()
    assert (kept.parameters, kept.meta["architecture"], kept.meta["dtype"]) == (
        plain.parameters,
        "llama",
        "F32",
    )


def test_whatever_shapes_answers_makes_another_version(tiny: Path) -> None:
    ids = {version_of(tiny).id}
    template = json.loads((tiny / "tokenizer_config.json").read_text())
    changes = {
        "tokenizer_config.json": json.dumps({**template, "chat_template": "{{ messages }}"}),
        "config.json": (tiny / "config.json").read_text() + " ",
        "generation_config.json": '{"temperature": 0.1}',
        "chat_template.jinja": "{{ messages }}",
    }
    for number, (name, text) in enumerate(changes.items(), 2):
        (tiny / name).write_text(text)
        ids.add(version_of(tiny).id)
        assert len(ids) == number, name
    tiny_llama(tiny, seed=1)
    assert version_of(tiny).id not in ids


def test_what_is_for_people_makes_no_other_version(tiny: Path) -> None:
    before = version_of(tiny).id
    for name in ("LICENSE.txt", "README.md", "rostra.json", "notice.txt", "pytorch_model.bin"):
        (tiny / name).write_text("words")
    (tiny / "model.safetensors").rename(tiny / "weights.safetensors")
    assert version_of(tiny).id == before


def test_a_model_says_what_runs_it_and_whether_it_knows_chat(tiny: Path, tmp_path: Path) -> None:
    assert (about(tiny).architecture, about(tiny).engine, len(about(tiny).template)) == ("llama", "lean", 64)
    config = json.loads((tiny / "config.json").read_text())
    (tiny / "config.json").write_text(json.dumps({**config, "model_type": "gemma3"}))
    assert about(tiny).engine == "transformers"
    assert about(tiny_llama(tmp_path / "plain", template=None)).template == ""
    (tiny / "config.json").write_text("[]")
    with pytest.raises(ModelError, match=r"config.json' is not a JSON object"):
        about(tiny)
