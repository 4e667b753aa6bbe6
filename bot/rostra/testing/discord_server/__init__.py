"""A Discord for tests: gateway and REST on a loopback port, for unmodified clients, with faults on demand.

See ``docs/reference/test-kits.md``. It needs ``aiohttp``, which comes with discord.py.
"""

from .rest import Call
from .server import TOKEN, DiscordServer
from .world import Account, Channel, Guild, Interaction, Post, World

__all__ = ["TOKEN", "Account", "Call", "Channel", "DiscordServer", "Guild", "Interaction", "Post", "World"]
