"""What goes with somebody to a provider and must come back with them: made of their browser's greeting, and good once."""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode
from collections import OrderedDict
from dataclasses import dataclass, field
from secrets import token_urlsafe

from rostra.clock import Clock

LASTS = 600
"""Seconds that somebody has to sign in at the provider."""
REMEMBERED = 20_000
_STATE = re.compile(r"([0-9]{1,12})\.([A-Za-z0-9_-]{22})\.([A-Za-z0-9_-]{43})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """Somebody goes to sign in elsewhere. ``state`` and ``nonce`` go with them; ``verifier`` stays here (RFC 7636)."""

    state: str
    nonce: str
    verifier: str = field(repr=False)

    @property
    def challenge(self) -> str:
        """What the provider is told of the verifier: S256 of it."""
        return _text(hashlib.sha256(self.verifier.encode()).digest())


@dataclass(slots=True)
class Attempts:
    """Makes attempts, and takes each back once.

    Nothing is kept of one that is under way: everything in it follows from a random id and from the greeting, 256 random
    bits that only this browser has, in a cookie out of reach of scripts. So anybody may begin as often as they
    like without filling anything up, and whichever of several processes the browser comes back to can take it. What was
    taken is remembered by the process that did; anywhere else the provider has used the code up, and the greeting is gone.
    """

    clock: Clock
    _taken: OrderedDict[str, float] = field(default_factory=OrderedDict[str, float])

    def begin(self, greeting: str, word: str) -> Attempt:
        """Return a new attempt of the browser with this greeting, at the provider called ``word``."""
        return _attempt(greeting, word, str(int(self.clock.now().timestamp()) + LASTS), token_urlsafe(16))

    def take(self, greeting: str, word: str, state: str) -> Attempt | None:
        """Return the attempt that ``state`` came back from; None if it is another browser's, over, or was taken."""
        found = _STATE.fullmatch(state)
        if found is None or not greeting:
            return None
        attempt = _attempt(greeting, word, found[1], found[2])
        now = self.clock.now().timestamp()
        if not hmac.compare_digest(attempt.state.encode(), state.encode()):
            return None
        if not now < int(found[1]) <= now + LASTS or state in self._taken:
            return None
        self._taken[state] = int(found[1])
        while len(self._taken) > REMEMBERED or next(iter(self._taken.values())) <= now:
            self._taken.popitem(last=False)
        return attempt


def _attempt(greeting: str, word: str, until: str, id_: str) -> Attempt:
    def made(what: str) -> str:
        text = f"{what} {word} {until} {id_}"
        return _text(hmac.digest(greeting.encode(), text.encode(), "sha256"))

    return Attempt(state=f"{until}.{id_}.{made('state')}", nonce=made("nonce"), verifier=made("verifier"))


def _text(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
