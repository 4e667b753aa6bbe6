"""What can go wrong in training on purpose."""

from __future__ import annotations

from rostra.errors import RostraError


class TrainError(RostraError):
    """A run cannot start or go on. The message says what would be right."""


class Diverged(TrainError):
    """The loss is not a number any more, or jumps again and again. Checkpoints from before are good."""


class NotResumable(TrainError):
    """There is nothing to go on from, or it belongs to other settings."""
