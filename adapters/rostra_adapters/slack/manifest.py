"""What an administrator enters at api.slack.com: the app's manifest, with the least that the bot needs. Pure.

Source: https://docs.slack.dev/reference/app-manifest.
"""

from __future__ import annotations

import json
from typing import Any

from rostra.components import Services

from .home import ASK
from .settings import SlackSettings

REASONS = {
    "app_mentions:read": "hear questions that mention it",
    "assistant:write": "show prompts, titles and that it is thinking",
    "chat:write": "answer",
    "commands": "offer its slash command and shortcuts",
    "files:read": "read texts that people attach",
    "files:write": "hand over files, such as exports",
    "im:history": "hear direct messages to it",
    "im:write": "answer a shortcut in direct messages",
    "reactions:read": "see reactions to its answers",
    "users:read": "know who is an admin or an owner",
}
"""Scopes of the bot's token, and what it could not do without each."""
SCOPES = tuple(REASONS)
OPTIONAL = {"usergroups:read": "know who is in which user group, to give permissions to groups"}

EVENTS = (
    "app_home_opened",
    "app_mention",
    "app_uninstalled",
    "assistant_thread_started",
    "message.im",
    "reaction_added",
    "reaction_removed",
    "tokens_revoked",
)
WHERE = "https://api.slack.com/apps?new_app=1"


def manifest(settings: SlackSettings) -> dict[str, Any]:
    """Return the app's manifest for these settings."""
    base = (settings.public_url or "https://YOUR.HOST").rstrip("/") + settings.path
    socket = settings.mode == "socket"
    scopes: dict[str, Any] = {"scopes": {"bot": list(SCOPES)}}
    if settings.several:
        scopes["redirect_urls"] = [f"{base}/oauth"]
    asked = {} if socket else {"request_url": f"{base}/events"}
    return {
        "display_information": {"name": "Rostra", "description": "A moderated chat model"},
        "features": _features(settings.command, {} if socket else {"url": f"{base}/events"}),
        "oauth_config": scopes,
        "settings": {
            "event_subscriptions": {**asked, "bot_events": list(EVENTS)},
            "interactivity": {"is_enabled": True, **asked},
            "org_deploy_enabled": False,
            "socket_mode_enabled": socket,
            "token_rotation_enabled": settings.several,
        },
    }


def _features(command: str, url: dict[str, str]) -> dict[str, Any]:
    """Return what people find in Slack; ``url`` is where the command goes in HTTP mode."""
    return {
        "app_home": {
            "home_tab_enabled": True,
            "messages_tab_enabled": True,
            "messages_tab_read_only_enabled": False,
        },
        "bot_user": {"display_name": "Rostra", "always_online": True},
        "assistant_view": {
            "assistant_description": "Ask anything; answers are moderated.",
            "suggested_prompts": list[Any](),
        },
        "shortcuts": [
            {
                "name": "Ask",
                "type": "global",
                "callback_id": ASK,
                "description": "Ask a question; the answer comes as a direct message",
            },
            {
                "name": "Why?",
                "type": "message",
                "callback_id": "rostra.why",
                "description": "Why is this answer what it is?",
            },
        ],
        "slash_commands": [
            {
                "command": command,
                "description": "Ask, or use a command: try help",
                "usage_hint": "[help | ask QUESTION | COMMAND]",
                "should_escape": True,
                **url,
            }
        ],
    }


def setup(settings: SlackSettings, services: Services) -> str:
    """Return what is to be entered at api.slack.com, and what to copy from there."""
    del services
    if settings.mode == "socket":
        rest = "Then: Install App, and copy the bot token (xoxb-…); Basic Information, App-Level Tokens, make one with connections:write (xapp-…)."
    elif settings.several:
        rest = "Then: Basic Information, and copy client id, client secret and signing secret; Manage Distribution, to let others install it."
    else:
        rest = "Then: Install App, and copy the bot token (xoxb-…); Basic Information, and copy the signing secret."
    return f"Open {WHERE}, choose 'From a manifest', and enter this as JSON:\n\n{json.dumps(manifest(settings), indent=2)}\n\n{rest}\n"
