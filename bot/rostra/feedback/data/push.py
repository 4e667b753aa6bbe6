"""An export to the Hugging Face hub: a repository of one's own, private unless everybody in it agreed to more."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from .export import CARD, MANIFEST
from .record import DatasetError
from .shapes import digest_of

ENDPOINT = "https://huggingface.co"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """Where an export went, and the commit that it is."""

    repository: str
    url: str
    commit: str
    public: bool


def push(
    folder: Path, repository: str, *, token: str, public: bool = False, endpoint: str = ENDPOINT
) -> Pushed:
    """Upload the files that an export's manifest names to a dataset repository, ``owner/name``, made if it is not there.

    It is private, and one that is public is not written to unless ``public``, which only a dataset frozen to be published
    may be. Blocks while it uploads; nothing else in the folder is sent. Raises `DatasetError`.
    """
    if not NAME.fullmatch(repository):
        raise DatasetError(f"{repository!r} is no repository; write OWNER/NAME")
    if not token:
        raise DatasetError("the hub needs a token that may write; set HF_TOKEN")
    files = _checked(folder, public=public)
    hub = _hub()
    api = hub.HfApi(endpoint=endpoint, token=token)
    try:
        with _over_http():
            api.create_repo(repository, repo_type="dataset", private=not public, exist_ok=True)
            if not public and not api.dataset_info(repository).private:
                raise DatasetError(
                    f"{repository!r} is public; make it private, or freeze with --for publish and push with --public"
                )
            done = api.create_commit(
                repository,
                [hub.CommitOperationAdd(path_in_repo=path.name, path_or_fileobj=path) for path in files],
                commit_message="Export of a dataset by Rostra",
                repo_type="dataset",
            )
    except hub.errors.HfHubHTTPError as error:
        status = error.response.status_code if error.response is not None else "no answer"
        raise DatasetError(f"the hub refused {repository!r}: {status}") from error
    except RuntimeError as error:
        # What huggingface_hub raises where the upload of a file fails, whatever the cause.
        raise DatasetError(f"a file could not be sent to {repository!r}; try again") from error
    except OSError as error:
        raise DatasetError(f"the hub {endpoint!r} cannot be reached: {type(error).__name__}") from error
    return Pushed(
        repository=repository,
        url=f"{endpoint}/datasets/{repository}",
        commit=str(done.oid),
        public=public,
    )


def _checked(folder: Path, *, public: bool) -> list[Path]:
    """Return the files to send, as long as they are what the manifest says. Raises `DatasetError`."""
    try:
        manifest: Any = json.loads((folder / MANIFEST).read_bytes())
        purpose = manifest["dataset"]["asked"]["purpose"]
        listed = {str(one["name"]): str(one["sha256"]) for one in manifest["files"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DatasetError(f"{str(folder)!r} is no export: {MANIFEST} is missing, or damaged") from error
    if public and purpose != "publish":
        raise DatasetError("not everybody in it agreed to have it published; freeze with --for publish")
    for name, digest in {**listed, CARD: str(manifest.get("card_sha256"))}.items():
        path = folder / Path(name).name
        if not path.is_file() or digest_of(path) != digest:
            raise DatasetError(f"{name!r} in {str(folder)!r} is not what was exported; export again")
    return [folder / Path(name).name for name in (*listed, CARD, MANIFEST)]


def _hub() -> Any:
    try:
        hub = import_module("huggingface_hub")
        import_module("huggingface_hub.errors")
    except ImportError as error:
        raise DatasetError("pushing needs huggingface_hub; pip install 'rostra[analysis]'") from error
    return hub


@contextmanager
def _over_http() -> Generator[None]:
    """Send nothing about this machine, show no bars, and use plain uploads, which every server that speaks as the hub has."""
    from huggingface_hub import constants

    before = (constants.HF_HUB_DISABLE_XET, constants.HF_HUB_DISABLE_TELEMETRY)
    constants.HF_HUB_DISABLE_XET, constants.HF_HUB_DISABLE_TELEMETRY = True, True
    try:
        yield
    finally:
        constants.HF_HUB_DISABLE_XET, constants.HF_HUB_DISABLE_TELEMETRY = before


def token_from(environment: dict[str, str] | None = None) -> str:
    """Return the token that the environment has, as the hub's own tools look for it."""
    found = os.environ if environment is None else environment
    return found.get("HF_TOKEN", "")


def endpoint_from(environment: dict[str, str] | None = None) -> str:
    """Return the hub that the environment names."""
    found = os.environ if environment is None else environment
    return found.get("HF_ENDPOINT", ENDPOINT).rstrip("/")
