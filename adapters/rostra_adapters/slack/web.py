"""Slack's Web API through slack_sdk: one client for each workspace, and errors as the core knows them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator, Awaitable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import aiohttp
from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.http_retry.async_handler import AsyncRetryHandler
from slack_sdk.http_retry.request import HttpRequest
from slack_sdk.http_retry.response import HttpResponse
from slack_sdk.http_retry.state import RetryState
from slack_sdk.web.async_client import AsyncWebClient

from rostra.clock import Clock
from rostra.errors import AdapterError, Rejected

from .incoming import Home
from .quiet import library_logger

if TYPE_CHECKING:
    from slack_sdk.web.async_slack_response import AsyncSlackResponse

Answer: TypeAlias = Mapping[str, Any]
Web: TypeAlias = Any
"""slack_sdk's ``AsyncWebClient``; its methods are only partly typed."""

SECONDS = 25
"""What one call may take, by the machine's clock: less than the core waits for a receipt."""
TOO_MANY = 429

FOR_GOOD = frozenset(
    "channel_not_found not_in_channel is_archived user_not_found user_not_in_channel thread_not_found cannot_dm_bot"  # noqa: SIM905  one a line would fill a page
    " account_inactive invalid_auth not_authed token_revoked no_permission missing_scope restricted_action"
    " restricted_action_read_only_channel restricted_action_thread_only_channel restricted_action_non_threadable_channel"
    " restricted_action_thread_locked as_user_not_supported ekm_access_denied org_login_required access_denied"
    " msg_too_long msg_blocks_too_long no_text invalid_blocks invalid_blocks_format invalid_arguments messages_tab_disabled cannot_reply_to_message"
    " slack_connect_file_upload_sharing_blocked not_allowed_token_type".split()
)
"""What Slack will answer for ever, however often it is asked."""


class Refused(AdapterError):
    """Slack answered with an error. ``code`` is Slack's name for it."""

    def __init__(self, message: str, *, code: str, retry_after: float | None = None) -> None:
        super().__init__(message, retry_after=retry_after)
        self.code = code


class RefusedForGood(Refused, Rejected):
    """Slack answered with an error that will not go away by itself."""


class Patient(AsyncRetryHandler):
    """Waits as long as Slack asks for after "too many requests", if that is not long; a lost connection is made anew once.

    By our clock; slack_sdk's own handlers wait by the machine's.
    """

    def __init__(self, clock: Clock, longest: float) -> None:
        super().__init__(max_retry_count=3)
        self._clock = clock
        self._longest = longest

    async def _can_retry_async(
        self,
        *,
        state: RetryState,
        request: HttpRequest,
        response: HttpResponse | None = None,
        error: Exception | None = None,
    ) -> bool:
        del request
        if response is None:
            lost = isinstance(error, aiohttp.ServerConnectionError | aiohttp.ClientOSError)
            return lost and state.current_attempt == 0
        if response.status_code != TOO_MANY:
            return False
        return (_asked_to_wait(response.headers) or 1.0) <= self._longest

    async def prepare_for_next_attempt_async(
        self,
        *,
        state: RetryState,
        request: HttpRequest,
        response: HttpResponse | None = None,
        error: Exception | None = None,
    ) -> None:
        del request, error
        state.next_attempt_requested = True
        await self._clock.sleep((_asked_to_wait(response.headers) if response else None) or 1.0)
        state.increment_current_attempt()


@dataclass(frozen=True, slots=True, kw_only=True)
class Team:
    """A workspace that the bot is installed in.

    ``client`` tries nothing twice: what it says would be there twice, and delivery knows how often to try. ``lookup``,
    for what changes nothing, waits a little where Slack asks for it.
    """

    home: Home
    bot_id: str
    client: Web
    lookup: Web


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """The way to Slack: the address of its Web API, and the connections to it."""

    api: str
    clock: Clock
    session: aiohttp.ClientSession

    def client(self, token: str | None = None, *, patient: float = 0.0) -> Web:
        """Return a client; one that is ``patient`` waits so many seconds where Slack asks for it."""
        handlers: list[AsyncRetryHandler] = []
        if patient:
            handlers = [Patient(self.clock, patient)]
        return AsyncWebClient(
            token=token,
            base_url=self.api,
            timeout=SECONDS,
            session=self.session,
            logger=library_logger(),
            retry_handlers=handlers,
        )

    def team(self, home: Home, bot_id: str, token: str) -> Team:
        """Return a workspace with its clients."""
        return Team(
            home=home, bot_id=bot_id, client=self.client(token), lookup=self.client(token, patient=5.0)
        )


@asynccontextmanager
async def connections() -> AsyncGenerator[aiohttp.ClientSession]:
    """Yield connections to Slack, kept open between calls; slack_sdk alone makes one for each call."""
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=SECONDS)) as session:
        yield session
    await asyncio.sleep(0)  # transports close in the loop's next round


async def asked(what: str, call: Awaitable[AsyncSlackResponse]) -> Answer:
    """Return what Slack answers to ``call``, the method ``what``.

    Raises `Refused` or `RefusedForGood`, with what Slack calls the error and nothing else of the answer, or
    `AdapterError` where Slack was not reached.
    """
    try:
        response = await call
    except SlackApiError as error:
        raise refusal(what, error) from None
    except (
        aiohttp.ClientError,
        SlackClientError,
        TimeoutError,
        asyncio.IncompleteReadError,
        OSError,
    ) as error:
        raise AdapterError(f"{what}: Slack could not be reached ({type(error).__name__})") from None
    given: Any = response
    data: Any = given.data
    return data if isinstance(data, Mapping) else {}  # pyright: ignore[reportUnknownVariableType]  JSON


def refusal(what: str, error: SlackApiError) -> Refused:
    """Return the error of slack_sdk as ours. Its own words quote the answer, which may quote a message."""
    response: Any = error.response
    status: Any = getattr(response, "status_code", None) or getattr(response, "status", 0)
    data: Any = getattr(response, "data", None)
    named: object = data.get("error") if isinstance(data, Mapping) else None  # pyright: ignore[reportUnknownVariableType, reportUnknownMemberType]  JSON
    code = (
        named
        if isinstance(named, str) and re.fullmatch(r"[A-Za-z0-9_.:-]{1,80}", named)
        else f"http_{status}"
    )
    if status == TOO_MANY or code in {"ratelimited", "rate_limited"}:
        wait = _asked_to_wait(getattr(response, "headers", None) or {})
        return Refused(
            f"{what}: too many requests", code="ratelimited", retry_after=1.0 if wait is None else wait
        )
    kind = RefusedForGood if code in FOR_GOOD else Refused
    return kind(f"{what}: Slack says {code!r}", code=code)


def _asked_to_wait(headers: Mapping[str, Any]) -> float | None:
    for name, value in headers.items():
        if name.lower() == "retry-after":
            given = value[0] if isinstance(value, list) else value  # pyright: ignore[reportUnknownVariableType]  slack_sdk's headers
            try:
                return max(0.0, float(str(given)))  # pyright: ignore[reportUnknownArgumentType]
            except ValueError:
                return None
    return None
