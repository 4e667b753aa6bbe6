"""Manifests: what a frozen dataset, or an export of it, consists of, as JSON with one way to write it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from importlib.metadata import version
from typing import Any

from ..values import DatasetMember, DatasetVersion

FORMAT = "rostra-dataset/1"


def written(manifest: Mapping[str, Any]) -> bytes:
    """Return a manifest as it stands in files, and as its hash is made of it."""
    return (
        json.dumps(manifest, ensure_ascii=False, indent=1, sort_keys=True).encode("utf-8", "replace") + b"\n"
    )


def digest(manifest: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a manifest."""
    return sha256(written(manifest)).hexdigest()


def frozen(dataset: DatasetVersion) -> Mapping[str, Any]:
    """Return the manifest of a frozen dataset, whose hash is `DatasetVersion.manifest`."""
    return {
        "format": FORMAT,
        "name": dataset.name,
        "version": dataset.version,
        "code": dataset.code_version,
        "salt": dataset.split_salt,
        **dataset.query,
    }


def label(dataset: DatasetVersion) -> str:
    """Return what a version is called: ``name@version``."""
    return f"{dataset.name}@{dataset.version}"


def code() -> str:
    """Return the version of the code."""
    return version("rostra")


class Membership:
    """The SHA-256 of who is in a dataset, members in the order of their judgments' ids."""

    def __init__(self) -> None:
        self._hash = sha256()

    def add(self, member: DatasetMember) -> None:
        """Take in the next member."""
        self._hash.update(f"{member.judgment} {member.split} {member.weight!r}\n".encode())

    @property
    def digest(self) -> str:
        """The hash so far."""
        return self._hash.hexdigest()
