"""What a restart makes of a reply that a crash cut off. Pure.

A crash leaves two questions open: was the platform's call made, and did it get there? A platform that honours a nonce
answers both, since the same key shows one message. One that can edit a message whose id we know needs no answer. For
the rest the reply is given again and says so.
"""

from __future__ import annotations

from dataclasses import replace

from ..actions import Capabilities
from .reply import Reply, State


def again(reply: Reply, can: Capabilities) -> Reply:
    """Return ``reply`` as the restarted process goes on with it.

    ``ACCEPTED`` and ``OPEN`` replies are to be answered anew (the latter into the message that is there), ``CLOSING``
    ones are to be shown; ``repeated`` asks for the mark that says a text may be there twice.
    """
    match reply.state:
        case State.OPENING:
            return replace(reply, state=State.ACCEPTED, repeated=reply.repeated or not can.nonce)
        case State.OPEN:
            if can.edit and reply.address.shown:
                return reply
            address = replace(reply.address, shown=())
            return replace(reply, state=State.ACCEPTED, address=address, repeated=not can.nonce)
        case State.CLOSING:
            sure = can.nonce or (can.edit and bool(reply.address.shown))
            return replace(reply, repeated=reply.repeated or not sure)
        case State.ACCEPTED | State.CLOSED | State.DEAD:
            return reply
