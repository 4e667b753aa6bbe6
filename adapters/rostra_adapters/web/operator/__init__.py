"""The operator's pages: what waits to be reviewed, what the policy says of a text, campaigns, people, and how the bot is."""

from .pages import Operator, open_operator

__all__ = ["Operator", "open_operator"]
