"""The Hugging Face hub, or a server that speaks as it does: what is in a repository, and its files, verified.

Written over httpx rather than with ``huggingface_hub``: that one compares only the sizes of what it downloads, reads
a token from disk, and keeps a cache of its own. Two calls are needed:
``GET /api/models/{id}/revision/{revision}?blobs=true`` and ``GET /{id}/resolve/{commit}/{file}``
(https://huggingface.co/docs/hub/api). Nothing here is called unless somebody pulls a model from the hub.
"""

from __future__ import annotations

import hashlib
import json
import re
import ssl
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rostra.backoff import AGAIN, delay, retry_after
from rostra.clock import Clock
from rostra.errors import ModelError

from .json_files import inner

if TYPE_CHECKING:
    import httpx

ENDPOINT = "https://huggingface.co"
TRIES = 5
"""How often in a row a call may fail without having brought anything."""

SECONDS = 60.0
"""How long a server may be silent."""

_LISTING = 20_000_000
"""Bytes that the answer about a repository may have."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}")
_REVISION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,199}")
_COMMIT = re.compile(r"[0-9a-f]{40}([0-9a-f]{24})?")
_HASH = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Remote:
    """A file in a repository. ``digest`` is its SHA-256, or, of a small one that git keeps itself, git's SHA-1."""

    name: str
    size: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """What is there at one commit. ``files`` are those at the top, ``licence`` is what the model card says."""

    id: str
    commit: str
    licence: str
    files: Sequence[Remote]


class Hub:
    """A connection. Errors are `ModelError`s of one line; the token is in none of them."""

    def __init__(self, client: httpx.AsyncClient, endpoint: str, *, clock: Clock, token: bool) -> None:
        self._client = client
        self._endpoint = endpoint
        self._clock = clock
        self._token = token

    async def repository(self, name: str, revision: str = "main") -> Repository:
        """Return what is in ``owner/name`` at a branch, tag or commit."""
        if not _NAME.fullmatch(name) or ".." in name:
            raise ModelError(f"{name!r} is not the name of a model on the hub: OWNER/NAME is")
        if not _REVISION.fullmatch(revision) or ".." in revision:
            raise ModelError(f"{revision!r} is not a branch, a tag or a commit")
        path = f"/api/models/{name}/revision/{revision.replace('/', '%2F')}?blobs=true"
        body = await self._small(path, name)
        try:
            return _repository(name, json.loads(body))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ModelError(f"{self._endpoint} answers about {name!r} as no hub does: {error!r}") from error

    async def fetch(
        self, repository: Repository, file: Remote, target: Path, *, progress: Callable[[int], None]
    ) -> None:
        """Write ``file`` to ``target``; what is there of it is gone on from.

        ``progress`` hears how many bytes are there. Raises `ModelError`, and leaves nothing, if it is not what was
        announced.
        """
        failures = 0
        while (there := _size(target)) < file.size:
            progress(there)
            problem = await self._part(repository, file, target, progress)
            failures = failures + 1 if _size(target) <= there else 0
            if problem and failures >= TRIES:
                raise ModelError(
                    f"{file.name!r} of {repository.id!r} stopped at {_size(target)} of {file.size} bytes"
                    f" ({problem}); what is there is kept: pull again to go on"
                )
            if problem:
                await self._clock.sleep(delay(failures, first=1.0, longest=30.0))
        if not _verified(target, file):
            raise ModelError(
                f"{file.name!r} of {repository.id!r} is not what the hub announces: its hash is not {file.digest}"
            )
        progress(file.size)

    async def _part(
        self, repository: Repository, file: Remote, target: Path, progress: Callable[[int], None]
    ) -> str:
        """Write as much as comes. Return what went wrong, empty if nothing did."""
        import httpx

        there = _size(target)
        path = f"/{repository.id}/resolve/{repository.commit}/{file.name}"
        # Files are hashed as they are stored: packed on the way they could not be gone on with.
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={there}-"} if there else {})
        try:
            async with self._client.stream("GET", path, headers=headers) as response:
                if response.status_code in AGAIN:
                    await self._asked_to_wait(response)
                    return f"status {response.status_code}"
                self._check(response, repository.id)
                going_on = response.status_code == 206  # noqa: PLR2004  partial content
                if going_on and not response.headers.get("Content-Range", "").startswith(f"bytes {there}-"):
                    return "another part than the one asked for came"
                count = there if going_on else 0
                with target.open("ab" if going_on else "wb") as opened:
                    async for chunk in response.aiter_raw():  # as it comes: a break loses nothing
                        opened.write(chunk[: file.size - count])
                        count += len(chunk)
                        if count > file.size:
                            return "more came than was announced"
                        progress(count)
                return "" if count == file.size else "the connection was cut"
        except httpx.HTTPError as error:
            return type(error).__name__

    async def _small(self, path: str, name: str) -> bytes:
        import httpx

        problem = ""
        for attempt in range(TRIES):
            if attempt:
                await self._clock.sleep(delay(attempt, first=1.0, longest=30.0))
            try:
                async with self._client.stream("GET", path) as response:
                    if response.status_code in AGAIN:
                        await self._asked_to_wait(response)
                        problem = f"status {response.status_code}"
                        continue
                    self._check(response, name)
                    body = bytearray()
                    async for chunk in response.aiter_bytes():
                        body += chunk
                        if len(body) > _LISTING:
                            raise ModelError(
                                f"{self._endpoint} says more than {_LISTING} bytes about {name!r}"
                            )
                    return bytes(body)
            except httpx.HTTPError as error:
                problem = type(error).__name__
        raise ModelError(f"{self._endpoint} cannot be asked about {name!r}: {problem}")

    async def _asked_to_wait(self, response: httpx.Response) -> None:
        seconds = retry_after(response.headers.get("Retry-After", ""), self._clock.now())
        if seconds:
            await self._clock.sleep(seconds)

    def _check(self, response: httpx.Response, name: str) -> None:
        status = response.status_code
        if status in {200, 206}:
            return
        page = f"{self._endpoint}/{name}"
        says = response.headers.get("X-Error-Code", "")
        if says == "GatedRepo" or status == 403:  # noqa: PLR2004  forbidden
            raise ModelError(
                f"{name!r} is only for those who accepted its conditions at {page};"
                " do so, and set HF_TOKEN to a token of yours"
            )
        if status == 401 and not self._token:  # noqa: PLR2004  the hub says so of what it does not know, too
            raise ModelError(
                f"there is no model {name!r} at {self._endpoint} for everybody; if it is private or gated, set HF_TOKEN"
            )
        if status == 401:  # noqa: PLR2004
            raise ModelError(f"{self._endpoint} does not take the token in HF_TOKEN for {name!r}")
        if status == 404:  # noqa: PLR2004
            what = "revision or file" if says in {"RevisionNotFound", "EntryNotFound"} else "model"
            raise ModelError(f"there is no such {what} at {self._endpoint}: {name!r}")
        raise ModelError(f"{self._endpoint} answers with status {status} about {name!r}")


@asynccontextmanager
async def open_hub(
    *,
    clock: Clock,
    endpoint: str = ENDPOINT,
    token: str = "",
    transport: httpx.AsyncBaseTransport | None = None,
) -> AsyncGenerator[Hub]:
    """Open a connection. ``token`` is told to ``endpoint`` alone: other hosts that it redirects to do not get it.

    Raises `ModelError` if ``endpoint`` is no address.
    """
    import httpx

    endpoint = endpoint.rstrip("/") or ENDPOINT
    if not re.fullmatch(r"https?://[^\s/?#@]+(/[^\s?#]*)?", endpoint):
        raise ModelError(f"HF_ENDPOINT is {endpoint!r}; an address such as {ENDPOINT} is right")
    headers = {"User-Agent": "rostra"} | ({"Authorization": f"Bearer {token}"} if token else {})
    async with httpx.AsyncClient(
        base_url=endpoint,
        headers=headers,
        timeout=SECONDS,
        follow_redirects=True,
        max_redirects=5,
        transport=transport,
        verify=_certificates(),
    ) as client:
        yield Hub(client, endpoint, clock=clock, token=bool(token))


@cache
def _certificates() -> ssl.SSLContext:
    import httpx

    return httpx.create_ssl_context()  # takes a tenth of a second


def digest_of(file: Path, like: str) -> str:
    """Return the hash of a file as the hub gives it: SHA-256, or git's SHA-1 where ``like`` is as short as one."""
    if len(like) == 64:  # noqa: PLR2004  hexadecimal digits of a SHA-256
        with file.open("rb") as opened:
            return hashlib.file_digest(opened, "sha256").hexdigest()
    content = file.read_bytes()
    head = b"blob %d\0" % len(content)
    return hashlib.sha1(head + content, usedforsecurity=False).hexdigest()


def _repository(name: str, found: Mapping[str, Any]) -> Repository:
    commit = found["sha"]
    if not isinstance(commit, str) or not _COMMIT.fullmatch(commit):
        raise ValueError("it names no commit")
    files = [_file(one) for one in found["siblings"]]
    card = inner(found, "cardData")
    licence = card.get("license")
    if licence == "other":
        licence = card.get("license_name")
    return Repository(
        id=name,
        commit=commit,
        licence=licence[:120] if isinstance(licence, str) and licence.isprintable() else "",
        files=[one for one in files if "/" not in one.name],
    )


def _file(one: Mapping[str, Any]) -> Remote:
    name, lfs = one["rfilename"], inner(one, "lfs")
    parts = name.split("/")
    if not name.isprintable() or "\\" in name or any(part in {"", ".", ".."} for part in parts):
        raise ModelError(f"the hub names a file {name!r}, which is no name of a file in a repository")
    size: object = one.get("size", lfs.get("size"))
    digest: object = lfs.get("sha256") or one.get("blobId")
    if type(size) is not int or size < 0 or not isinstance(digest, str) or not _HASH.fullmatch(digest):
        raise ValueError(f"{name!r} has no size or no hash")
    return Remote(name=name, size=size, digest=digest)


def _verified(target: Path, file: Remote) -> bool:
    """Return whether ``target`` is what was announced; if not, it is gone."""
    target.touch()
    if _size(target) == file.size and digest_of(target, file.digest) == file.digest:
        return True
    target.unlink()
    return False


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return 0
