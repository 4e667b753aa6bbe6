"""Getting models from the hub (a stand-in on the loopback interface), from folders and from GGUF files."""

from __future__ import annotations

import json
from collections.abc import Generator
from dataclasses import replace
from pathlib import Path

import pytest
from standin_hub import COMMIT, StandIn, standing_in

from rostra.errors import ModelError, ModelMissing
from rostra.testing.clock import ManualClock
from rostra_models.export_gguf import export
from rostra_models.pull import PARTIAL, Means, Order, pull
from rostra_models.shelf import copy, kept, record, sha256
from rostra_models.tensors import tensors
from rostra_models.testing import tiny_llama

NAME = "somebody/tiny"
WEIGHTS = "model.safetensors"
TOKEN = "hf_do_not_tell"


class HastyClock(ManualClock):
    """A clock that does not let anybody wait, and remembers how long they would have."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)


def quietly(what: str, share: float | None) -> None:
    pass


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_llama(tmp_path_factory.mktemp("source") / "tiny")


@pytest.fixture
def there(tiny: Path, tmp_path: Path) -> Path:
    """A repository as they are: the model, what is for people, and what could run."""
    folder = tmp_path / "there"
    copy(tiny, folder, clock=ManualClock(), progress=quietly)
    (folder / "rostra.json").unlink()
    (tmp_path / ".lock").unlink()
    for name in ("modeling_evil.py", "pytorch_model.bin", "consolidated.safetensors"):
        (folder / name).write_bytes(b"evil")
    (folder / "LICENSE.txt").write_text("free")
    return folder


@pytest.fixture
def hub(there: Path) -> Generator[StandIn]:
    with standing_in({NAME: there}) as hub:
        yield hub


@pytest.fixture
def means(tmp_path: Path, hub: StandIn) -> Means:
    return Means(
        models=tmp_path / "models",
        clock=HastyClock(),
        progress=quietly,
        environ={"HF_ENDPOINT": hub.url},
        memory=lambda: None,
    )


async def failure(order: Order, means: Means) -> str:
    """Return the one line that pulling fails with; nothing is left but what can be gone on with."""
    with pytest.raises(ModelError) as failed:
        await pull(order, means)
    assert "\n" not in str(failed.value)
    assert kept(means.models) == []
    return str(failed.value)


async def test_a_model_of_the_hub_is_kept_with_its_commit_its_licence_and_its_hashes(
    there: Path, means: Means
) -> None:
    folder = await pull(Order(source=NAME), means)
    assert folder == means.models / "tiny"
    found = record(folder)
    assert found is not None
    assert (found.source, found.licence) == (f"hf:{NAME}@{COMMIT}", "apache-2.0")
    assert found.files == {WEIGHTS: sha256(there / WEIGHTS)}
    assert not any((means.models / PARTIAL).iterdir())


async def test_nothing_that_could_run_comes_nor_the_weights_twice(hub: StandIn, means: Means) -> None:
    folder = await pull(Order(source=NAME), means)
    assert {file.name for file in folder.iterdir()} == {
        "LICENSE.txt",
        "config.json",
        "model.safetensors",
        "rostra.json",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    assert not [
        path for path, _, _ in hub.asked if path.endswith((".py", ".bin", "consolidated.safetensors"))
    ]


async def test_what_is_there_is_not_asked_for_again(hub: StandIn, means: Means) -> None:
    await pull(Order(source=NAME), means)
    hub.asked.clear()
    await pull(Order(source=f"hf:{NAME}"), means)
    assert hub.asked == []
    await pull(Order(source=NAME, revision=COMMIT), means)
    assert [path for path, _, _ in hub.asked] == [f"/api/models/{NAME}/revision/{COMMIT}"]


async def test_a_cut_download_is_gone_on_with(hub: StandIn, means: Means, there: Path) -> None:
    hub.cut, hub.cuts = 40_000, 2
    folder = await pull(Order(source=NAME), means)
    assert sha256(folder / WEIGHTS) == sha256(there / WEIGHTS)
    ranges = {begun for path, begun, _ in hub.asked if path.endswith(WEIGHTS)}
    assert ranges == {"", "bytes=40000-", "bytes=80000-"}


async def test_another_process_goes_on_where_a_killed_one_stopped(
    hub: StandIn, means: Means, there: Path
) -> None:
    part = means.models / PARTIAL / f"somebody--tiny@{COMMIT}"
    part.mkdir(parents=True)
    (part / WEIGHTS).write_bytes((there / WEIGHTS).read_bytes()[:1234])
    await pull(Order(source=NAME), means)
    assert "bytes=1234-" in {begun for _, begun, _ in hub.asked}


async def test_a_server_that_knows_no_ranges_starts_over(hub: StandIn, means: Means, there: Path) -> None:
    hub.cut, hub.cuts, hub.ranges = 40_000, 2, False
    folder = await pull(Order(source=NAME), means)
    assert sha256(folder / WEIGHTS) == sha256(there / WEIGHTS)


async def test_a_connection_that_keeps_breaking_ends_in_a_line_and_keeps_what_came(
    hub: StandIn, means: Means, there: Path
) -> None:
    (there / WEIGHTS).replace(there / "model-00001.safetensors")
    hub.cut, hub.cuts = 0, 1000
    said = await failure(Order(source=NAME), means)
    assert "stopped at 0 of " in said
    assert said.endswith("what is there is kept: pull again to go on")


async def test_what_is_not_what_was_announced_is_refused_and_not_kept(
    hub: StandIn, means: Means, there: Path
) -> None:
    genuine = (there / WEIGHTS).read_bytes()
    hub.forged = {"config.json": b" " * (there / "config.json").stat().st_size}
    assert "'config.json' of 'somebody/tiny' is not what" in await failure(Order(source=NAME), means)
    hub.forged = {WEIGHTS: genuine[:-4] + b"evil"}
    assert "'model.safetensors' of 'somebody/tiny' is not what the hub announces" in await failure(
        Order(source=NAME), means
    )
    assert not list(means.models.rglob(WEIGHTS))
    hub.forged = {WEIGHTS: genuine + b"more"}
    folder = await pull(Order(source=NAME), means)
    assert (folder / WEIGHTS).read_bytes() == genuine


async def test_a_busy_hub_is_left_alone_for_as_long_as_it_asks(hub: StandIn, means: Means) -> None:
    hub.busy = 2
    await pull(Order(source=NAME), means)
    assert isinstance(means.clock, HastyClock)
    assert means.clock.waits.count(7.0) == 2


async def test_the_token_goes_to_the_hub_and_to_nobody_else(means: Means, there: Path) -> None:
    with standing_in({NAME: there}) as hub, standing_in({NAME: there}) as store:
        hub.token, hub.elsewhere = TOKEN, store.url
        told = replace(means, environ={"HF_ENDPOINT": hub.url, "HF_TOKEN": TOKEN})
        await pull(Order(source=NAME), told)
        assert {token for _, _, token in hub.asked} == {f"Bearer {TOKEN}"}
        assert {token for _, _, token in store.asked} == {""}
        assert TOKEN not in repr(told)


async def test_what_the_hub_does_not_give_is_said_with_what_to_do(hub: StandIn, means: Means) -> None:
    hub.token = TOKEN
    assert "if it is private or gated, set HF_TOKEN" in await failure(Order(source=NAME), means)
    wrong = replace(means, environ={**means.environ, "HF_TOKEN": "wrong-one"})
    said = await failure(Order(source=NAME), wrong)
    assert "does not take the token in HF_TOKEN" in said
    assert "wrong-one" not in said
    hub.token, hub.gated = "", True
    assert f"accepted its conditions at {hub.url}/{NAME}" in await failure(Order(source=NAME), means)


async def test_what_is_not_there_is_named(hub: StandIn, means: Means) -> None:
    assert f"there is no such model at {hub.url}: 'somebody/else'" in await failure(
        Order(source="somebody/else"), means
    )
    assert "there is no such revision" in await failure(Order(source=NAME, revision="v9"), means)


@pytest.mark.parametrize(
    ("names", "what"),
    [
        (["config.json", "pytorch_model.bin"], "has only 'pytorch_model.bin', a format that may run code"),
        (["tiny.gguf", "README.md"], "has 'tiny.gguf' and no '*.safetensors'; download that file"),
        (["README.md"], "has no '*.safetensors': it is not a model"),
        (["model.safetensors", "tokenizer.json"], "has no config.json"),
        (["model.safetensors", "config.json"], "has no tokenizer.json or tokenizer.model"),
        (["../x.safetensors"], "the hub names a file '../x.safetensors'"),
        (["model.safetensors", "a/../../x.json"], "the hub names a file 'a/../../x.json'"),
        (["/etc/x.json"], "the hub names a file '/etc/x.json'"),
        (["a\\b.json"], "the hub names a file"),
    ],
)
async def test_a_repository_without_a_model_is_refused_before_anything_comes(
    hub: StandIn, means: Means, names: list[str], what: str
) -> None:
    hub.listing = {"siblings": [{"rfilename": name, "size": 1, "blobId": "0" * 40} for name in names]}
    assert what in await failure(Order(source=NAME), means)
    assert len(hub.asked) == 1


@pytest.mark.parametrize(
    "listing",
    [
        {"sha": "../../x"},
        {"sha": 7},
        {"siblings": None},
        {"siblings": [{"rfilename": "config.json"}]},
        {"siblings": [{"rfilename": "config.json", "size": -1, "blobId": "0" * 40}]},
        {"siblings": [{"rfilename": "config.json", "size": 1, "blobId": "../x"}]},
        {"siblings": ["config.json"]},
    ],
)
async def test_a_server_that_is_no_hub_is_told_so(
    hub: StandIn, means: Means, listing: dict[str, object]
) -> None:
    hub.listing = listing
    assert "as no hub does" in await failure(Order(source=NAME), means)


async def test_too_little_disk_is_said_before_anything_comes(hub: StandIn, means: Means) -> None:
    siblings = [*hub.described(NAME)["siblings"]]
    siblings.append({"rfilename": "model-2.safetensors", "size": 10**18, "blobId": "0" * 64})
    hub.listing = {"siblings": siblings}
    assert "MB free; 1000000000050 MB are needed" in await failure(Order(source=NAME), means)
    assert len(hub.asked) == 1


async def test_a_name_that_is_taken_by_another_model_is_refused(
    hub: StandIn, means: Means, tiny: Path
) -> None:
    await pull(Order(source=str(tiny)), means)
    for order in (Order(source=NAME), Order(source=str(tiny.parent / "tiny"), dtype=None, name="tiny")):
        if order.source == NAME:
            with pytest.raises(ModelError, match=r"'tiny' is kept already, from .*--name"):
                await pull(order, means)
        else:
            assert await pull(order, means) == means.models / "tiny"
    assert await pull(Order(source=NAME, name="other"), means) == means.models / "other"


async def test_weights_become_what_is_asked_for_on_the_way(hub: StandIn, means: Means) -> None:
    folder = await pull(Order(source=NAME, dtype="bfloat16"), means)
    found = record(folder)
    assert found is not None
    assert (found.dtype, found.source) == ("BF16", f"hf:{NAME}@{COMMIT} as bfloat16")
    assert json.loads((folder / "config.json").read_text())["dtype"] == "bfloat16"
    assert not any((means.models / PARTIAL).iterdir())


async def test_a_folder_is_meant_where_one_is_called_like_a_model_of_the_hub(
    hub: StandIn, means: Means, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    copy(tiny, tmp_path / "somebody" / "tiny", clock=ManualClock(), progress=quietly)
    await pull(Order(source=NAME, name="here"), means)
    assert hub.asked == []
    await pull(Order(source=f"hf:{NAME}", name="there"), means)
    assert hub.asked != []


async def test_a_gguf_file_becomes_a_folder_with_the_same_weights(
    means: Means, tiny: Path, tmp_path: Path
) -> None:
    file = export(tiny, tmp_path / "packed.gguf", kind="f16")
    folder = await pull(Order(source=str(file)), means)
    assert folder == means.models / "packed"
    before = {one.name: one.values() for one in tensors(tiny)}
    after = {one.name: one.values() for one in tensors(folder)}
    assert before.keys() == after.keys()
    assert all(abs(before[name] - after[name]).max() < 0.005 for name in before)
    assert await pull(Order(source=str(file)), means) == folder


async def test_what_does_not_fit_into_memory_is_refused_before_anything_is_written(
    means: Means, tiny: Path, tmp_path: Path
) -> None:
    file = export(tiny, tmp_path / "packed.gguf", kind="f16")
    tight = replace(means, memory=lambda: 10_000_000)
    said = await failure(Order(source=str(file)), tight)
    assert said.startswith("converting 'packed.gguf' takes 100 MB of memory and 10 MB are free")


@pytest.mark.parametrize(
    ("order", "what"),
    [
        (Order(source="gpt-5"), "'gpt-5' is neither 'embedded', nor a folder"),
        (Order(source="no/such.gguf"), "'no/such.gguf' is neither"),
        (Order(source="./owner/name"), "'./owner/name' is neither"),
        (Order(source="hf:../x"), "'../x' is not the name of a model on the hub"),
        (Order(source="hf:gpt2"), "'gpt2' is not the name of a model on the hub: OWNER/NAME is"),
        (Order(source=NAME, revision="../x"), "'../x' is not a branch, a tag or a commit"),
        (Order(source="embedded", revision="v1"), "--revision 'v1' is for models of the hub"),
        (Order(source="embedded", name="mine"), "the embedded model is called 'embedded'"),
        (Order(source="embedded", dtype="bfloat16"), "`rostra model convert embedded --to bfloat16`"),
        (Order(source=NAME, name="../up"), "'../up' cannot be the name"),
    ],
)
async def test_an_order_that_makes_no_sense_is_refused_without_asking_anybody(
    hub: StandIn, means: Means, order: Order, what: str
) -> None:
    assert what in await failure(order, means)
    assert hub.asked == []


async def test_an_endpoint_that_is_no_address_is_named(means: Means) -> None:
    odd = replace(means, environ={"HF_ENDPOINT": "hub.example"})
    assert "HF_ENDPOINT is 'hub.example'" in await failure(Order(source=NAME), odd)


async def test_a_folder_without_a_model_is_not_pulled(means: Means, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelMissing, match="no model in"):
        await pull(Order(source=str(tmp_path / "empty")), means)
