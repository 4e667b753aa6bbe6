"""What can go wrong on purpose.

::

    RostraError
    ├── ConfigError       the configuration asks for something impossible; fix it and start again
    ├── StoreError        the database refused: read-only, full, locked, of another version
    ├── AdapterError      a platform refused or was unreachable
    │   └── Rejected      … and will refuse for ever: repeating the call cannot help
    ├── ModelError        a model refused, died or was unreachable
    │   ├── ModelMissing  … because its weights, or the memory for them, are not there
    │   └── PromptTooLong … because what it was asked does not fit into its window
    ├── ModerationError   a moderator could not judge
    └── DeliveryError     an action that the state of its reply does not allow: a bug, never bad luck

Messages name the value and what would be right, in one line. They are for operators: what a person in a
chat reads comes from `rostra.refusals`, never from an exception.
"""

from __future__ import annotations


class RostraError(Exception):
    """Base of all errors raised on purpose."""


class ConfigError(RostraError):
    """The configuration asks for something impossible. Names file, table and key."""


class StoreError(RostraError):
    """The database refused. Nothing that was accepted before is lost."""


class AdapterError(RostraError):
    """A platform refused or was unreachable; the same call may succeed later."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        """``retry_after``: seconds the platform asked to wait, where it said so."""
        super().__init__(message)
        self.retry_after = retry_after


class Rejected(AdapterError):
    """A platform will refuse this call for ever: the channel is gone, the bot may not write there."""


class ModelError(RostraError):
    """A model refused, died or was unreachable."""


class ModelMissing(ModelError):
    """The weights of a model, or the memory to hold them, are missing."""


class PromptTooLong(ModelError):
    """What a model was asked does not fit into its window."""


class ModerationError(RostraError):
    """A moderator could not judge. The moderation stage turns this into a refusal."""


class DeliveryError(RostraError):
    """An action that the state of its reply does not allow."""
