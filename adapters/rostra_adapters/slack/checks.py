"""What ``rostra doctor slack`` looks at: tokens, scopes, and whether events can come in."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import SecretStr

from rostra.addresses import is_loopback
from rostra.components import Finding, Services
from rostra.errors import AdapterError, ConfigError

from .manifest import OPTIONAL, REASONS
from .settings import SlackSettings

_SIGNING = re.compile(r"[0-9a-f]{32}")
TOKENS = "OAuth & Permissions at https://api.slack.com/apps"


async def check(settings: SlackSettings, services: Services) -> Sequence[Finding]:
    """Return what would keep the bot from answering, and what to do about it."""
    from .web import Line, connections  # slack_sdk takes its time

    findings: list[Finding] = []
    async with connections() as session:
        line = Line(api=settings.api, clock=services.clock, session=session)
        if settings.bot_token is not None:
            findings.extend(await _bot(line, settings.bot_token))
        if settings.mode == "socket" and settings.app_token is not None:
            findings.append(await _socket(line, settings.app_token))
    if settings.mode == "http":
        findings.extend(_http(settings))
    if settings.several:
        findings.extend(_several(settings, services))
    return findings


async def _bot(line: Any, token: SecretStr) -> Sequence[Finding]:
    from slack_sdk.errors import SlackApiError

    from .web import asked, refusal

    secret = token.get_secret_value()
    if not secret.startswith(("xoxb-", "xoxe.xoxb-")):
        return [
            Finding(
                ok=False,
                what="bot_token does not start with xoxb-",
                advice=f"copy the Bot User OAuth Token from {TOKENS}",
            )
        ]
    client = line.client(secret, patient=10.0)
    try:
        response = await client.auth_test()
        headers: Mapping[str, Any] = response.headers
        answer = await asked("auth.test", _given(response))
    except SlackApiError as error:
        return [
            Finding(
                ok=False,
                what=f"bot_token: {refusal('auth.test', error)}",
                advice=f"copy it again from {TOKENS}; if it was revoked, install the app again",
            )
        ]
    except Exception as error:  # noqa: BLE001  the network, in all its ways
        return [
            Finding(
                ok=False,
                what=f"Slack could not be reached ({type(error).__name__})",
                advice="is there a way out to https://slack.com, a proxy to be named in HTTPS_PROXY?",
            )
        ]
    found = Finding(ok=True, what=f"bot_token works in the workspace {answer.get('team')!r}")
    return [found, *_scopes(headers)]


async def _given(response: Any) -> Any:
    return response


def _scopes(headers: Mapping[str, Any]) -> Sequence[Finding]:
    given = next((value for name, value in headers.items() if name.lower() == "x-oauth-scopes"), None)
    if given is None:
        return [Finding(ok=True, what="Slack does not say which scopes the token has")]
    have = {one.strip() for one in str(given).split(",")}
    missing = [
        Finding(
            ok=False,
            what=f"scope {scope!r} is missing: without it the bot cannot {reason}",
            advice="add it under OAuth & Permissions, then install the app again",
        )
        for scope, reason in REASONS.items()
        if scope not in have
    ]
    optional = [
        Finding(ok=True, what=f"scope {scope!r} is not there; it would let the bot {reason}")
        for scope, reason in OPTIONAL.items()
        if scope not in have
    ]
    return [*(missing or [Finding(ok=True, what="all scopes are there")]), *optional]


async def _socket(line: Any, token: SecretStr) -> Finding:
    from .web import asked

    secret = token.get_secret_value()
    advice = "make one under Basic Information, App-Level Tokens, with the scope connections:write"
    if not secret.startswith("xapp-"):
        return Finding(ok=False, what="app_token does not start with xapp-", advice=advice)
    try:
        call = line.client(patient=10.0).apps_connections_open(app_token=secret)
        await asked("apps.connections.open", call)
    except AdapterError as error:
        return Finding(ok=False, what=f"app_token: {error}", advice=f"{advice}; is Socket Mode switched on?")
    return Finding(ok=True, what="Socket Mode can be opened")


def _http(settings: SlackSettings) -> Sequence[Finding]:
    from ..server import networks, split_address

    findings: list[Finding] = []
    secret = settings.signing_secret.get_secret_value() if settings.signing_secret else ""
    formed = _SIGNING.fullmatch(secret) is not None
    findings.append(
        Finding(
            ok=formed,
            what="signing_secret looks right" if formed else "signing_secret is not 32 hexadecimal digits",
            advice=""
            if formed
            else "copy it from Basic Information, App Credentials; it is not the client secret",
        )
    )
    try:
        split_address(settings.listen)
        networks(settings.trusted_proxies)
    except ConfigError as error:
        findings.append(Finding(ok=False, what=str(error), advice="correct it in the configuration"))
    public = settings.public_url
    fine = public.startswith("https://") or (bool(public) and is_loopback(public))
    findings.append(
        Finding(
            ok=fine,
            what=f"Slack posts to {public.rstrip('/')}{settings.path}/events"
            if fine
            else f"public_url = {public!r} is no address that Slack can post to",
            advice=""
            if fine
            else "name the address of your load balancer, such as 'https://bot.example.org'",
        )
    )
    return findings


def _several(settings: SlackSettings, services: Services) -> Sequence[Finding]:
    del services
    if settings.workspaces:
        return [Finding(ok=True, what=f"may be installed in {', '.join(settings.workspaces)}")]
    return [
        Finding(
            ok=False,
            what="nobody may install the bot: workspaces is empty",
            advice="list the workspaces' ids (T…), or '*' for any",
        )
    ]
