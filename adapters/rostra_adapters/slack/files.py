"""What people attach: texts are fetched, with the bot's token and from Slack's own hosts only; the rest is named."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

import aiohttp
import structlog

from rostra.clock import Clock
from rostra.events import Attachment

from .settings import SlackSettings

log = structlog.get_logger(__name__)

PATIENCE = 1.5
"""Seconds for all files of a message together: Slack waits for three until it sends the message again."""

TEXTUAL = frozenset(
    "application/json application/xml application/yaml application/x-yaml application/toml application/javascript"  # noqa: SIM905  one a line would fill a page
    " application/x-sh application/sql application/x-python application/csv application/x-ndjson".split()
)


async def attachments(
    files: Sequence[Mapping[str, Any]],
    token: str,
    settings: SlackSettings,
    session: aiohttp.ClientSession,
    clock: Clock,
) -> tuple[Attachment, ...]:
    """Return the files of a message; texts of at most ``file_bytes`` with what they say, as long as there is time."""
    found = [_named(file) for file in files]
    try:
        async with clock.timeout(PATIENCE):
            for number, file in enumerate(files[: settings.files]):
                url = str(file.get("url_private_download") or file.get("url_private") or "")
                if _is_text(found[number], settings) and settings.is_file(url):
                    found[number] = await _fetched(url, found[number], token, settings, session)
    except TimeoutError:
        log.info("files not read in time", files=len(files))
    return tuple(found)


def _named(file: Mapping[str, Any]) -> Attachment:
    size = file.get("size")
    return Attachment(
        name=str(file.get("name") or file.get("title") or file.get("id") or "file"),
        media_type=str(file.get("mimetype") or "application/octet-stream"),
        size=size if isinstance(size, int) else 0,
    )


def _is_text(file: Attachment, settings: SlackSettings) -> bool:
    kind = file.media_type.partition(";")[0].strip().lower()
    return 0 < file.size <= settings.file_bytes and (kind.startswith("text/") or kind in TEXTUAL)


async def _fetched(
    url: str, file: Attachment, token: str, settings: SlackSettings, session: aiohttp.ClientSession
) -> Attachment:
    # Redirects are not followed: they would carry the token elsewhere. A token that may not read files gets a page to
    # sign in at, with status 200.
    headers = {"Authorization": f"Bearer {token}"}
    try:
        async with session.get(url, headers=headers, allow_redirects=False) as answer:
            signing_in = answer.content_type == "text/html" and "html" not in file.media_type
            if answer.status != HTTPStatus.OK or signing_in:
                log.info("file not read", status=answer.status)
                return file
            data = await answer.content.read(settings.file_bytes + 1)
            while len(data) <= settings.file_bytes and (more := await answer.content.read(65_536)):
                data += more
        if len(data) > settings.file_bytes:
            return file
        text = data.decode("utf-8-sig")
    except (aiohttp.ClientError, UnicodeDecodeError, OSError) as error:
        log.info("file not read", error=type(error).__name__)
        return file
    return Attachment(name=file.name, media_type=file.media_type, size=file.size, text=text)
