"""An export goes to the hub as it is, privately, and to everybody only where everybody agreed."""

from __future__ import annotations

import asyncio
from collections.abc import Generator
from pathlib import Path

import pytest
from standin_dataset_hub import COMMIT, DatasetHub, dataset_hub

from rostra.feedback.data.export import Order, export
from rostra.feedback.data.permission import Purpose
from rostra.feedback.data.push import endpoint_from, push, token_from
from rostra.feedback.data.record import DatasetError
from rostra.storage import open_store
from rostra.testing.clock import ManualClock
from rostra.testing.dataset_stand import RATERS, stand

pytestmark = [
    pytest.mark.slow,
    # huggingface_hub's own way to send a file
    pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning"),
]


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Generator[DatasetHub]:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    with dataset_hub() as running:
        yield running


def exported(folder: Path, purpose: Purpose = "train") -> Path:
    """Return the folder of an export."""

    async def make() -> Path:
        clock = ManualClock()
        async with open_store("memory:", data=folder, clock=clock) as store:
            here = await stand(store, clock, folder)
            await here.agree("ann", *RATERS, scopes=("publish",))
            await here.ask("why?", "A > B > C > D", "+B -D")
            frozen = await here.freeze(purpose=purpose)
            out = folder / "out"
            await export(store, frozen.dataset, Order(), out, setting=here.setting, scrubber=None)
            return out

    return asyncio.run(make())


def test_an_export_becomes_a_private_repository_with_the_same_files(hub: DatasetHub, tmp_path: Path) -> None:
    folder = exported(tmp_path)
    (folder / "notes.txt").write_text("of my own", encoding="utf-8")
    done = push(folder, "ann/best", token=hub.token, endpoint=hub.url)
    assert (done.commit, done.public, done.url) == (COMMIT, False, f"{hub.url}/datasets/ann/best")
    assert hub.private == {"ann/best": True}
    assert hub.files == {
        path.name: path.read_bytes() for path in folder.iterdir() if path.name != "notes.txt"
    }
    assert push(folder, "ann/best", token=hub.token, endpoint=hub.url) == done


def test_a_public_repository_is_not_written_to_unless_everybody_agreed_to_that(
    hub: DatasetHub, tmp_path: Path
) -> None:
    folder = exported(tmp_path)
    hub.private["ann/open"] = False
    with pytest.raises(DatasetError, match="is public"):
        push(folder, "ann/open", token=hub.token, endpoint=hub.url)
    with pytest.raises(DatasetError, match="not everybody in it agreed"):
        push(folder, "ann/open", token=hub.token, endpoint=hub.url, public=True)
    assert not hub.files


def test_what_everybody_agreed_to_publish_may_be_public(hub: DatasetHub, tmp_path: Path) -> None:
    folder = exported(tmp_path, "publish")
    assert push(folder, "ann/open", token=hub.token, endpoint=hub.url, public=True).public
    assert hub.private == {"ann/open": False}
    assert set(hub.files) == {"train.jsonl", "README.md", "manifest.json"}


def test_what_is_not_as_it_was_exported_is_not_sent(hub: DatasetHub, tmp_path: Path) -> None:
    folder = exported(tmp_path)
    (folder / "train.jsonl").write_text("{}\n", encoding="utf-8")
    with pytest.raises(DatasetError, match="not what was exported"):
        push(folder, "ann/best", token=hub.token, endpoint=hub.url)
    with pytest.raises(DatasetError, match="is no export"):
        push(tmp_path, "ann/best", token=hub.token, endpoint=hub.url)
    assert not hub.asked


def test_refusals_of_the_hub_are_said_in_one_line(hub: DatasetHub, tmp_path: Path) -> None:
    folder = exported(tmp_path)
    for repository, token, match in (
        ("best", hub.token, "write OWNER/NAME"),
        ("ann/best", "", "HF_TOKEN"),
        ("ann/best", "hf_wrong", "refused 'ann/best': 401"),
    ):
        with pytest.raises(DatasetError, match=match) as error:
            push(folder, repository, token=token, endpoint=hub.url)
        assert "\n" not in str(error.value)
        assert "hf_wrong" not in str(error.value)


def test_an_upload_that_breaks_off_leaves_no_commit(hub: DatasetHub, tmp_path: Path) -> None:
    hub.broken = True
    with pytest.raises(DatasetError, match="could not be sent to 'ann/best'"):
        push(exported(tmp_path), "ann/best", token=hub.token, endpoint=hub.url)
    assert not hub.files


def test_token_and_address_come_from_the_environment_as_the_hubs_own_tools_have_it() -> None:
    assert token_from({"HF_TOKEN": "x"}) == "x"
    assert token_from({}) == ""
    assert endpoint_from({"HF_ENDPOINT": "http://here/"}) == "http://here"
    assert endpoint_from({}) == "https://huggingface.co"
