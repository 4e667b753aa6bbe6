"""A Slack for tests: the Web API, Socket Mode and HTTP mode over real sockets, and people who use it.

::

    pytest_plugins = ["rostra.testing.slack_server.plugin"]


    async def test_answers(slack_server):
        app = AsyncApp(client=AsyncWebClient(slack_server.bot_token, base_url=slack_server.api))
        ...
        slack_server.user("U1").mention("C1", "hello")
        await slack_server.until_text("Hello!")

Needs pytest, pytest-asyncio and aiohttp, and nothing else of Rostra but its clock: any client of Slack can use it.
"""

from .blocks import shown, text_of
from .delivery import Delivery, Kind, NotAcknowledged, Undelivered
from .http_mode import Posted, signature
from .people import AssistantThread, User
from .rules import Limits
from .server import SlackServer
from .values import Call, Channel, File, Message, SlackError, Stream, View, Workspace

__all__ = [
    "AssistantThread",
    "Call",
    "Channel",
    "Delivery",
    "File",
    "Kind",
    "Limits",
    "Message",
    "NotAcknowledged",
    "Posted",
    "SlackError",
    "SlackServer",
    "Stream",
    "Undelivered",
    "User",
    "View",
    "Workspace",
    "shown",
    "signature",
    "text_of",
]
