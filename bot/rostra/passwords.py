"""Passwords: hashed with Argon2id, checked in a thread, a few at a time.

Source: RFC 9106, whose second recommended option (64 MiB, 3 passes, 4 lanes) is the library's default.
"""

from __future__ import annotations

import asyncio
import unicodedata
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from argon2 import PasswordHasher

SHORTEST = 10
"""Characters of a password, at least: NIST SP 800-63B asks for eight, and for no rules about what they are."""
LONGEST = 256
AT_ONCE = 2
"""Hashes under way at once: each takes 64 MiB."""
NOBODY = (
    "$argon2id$v=19$m=65536,t=3,p=4$cm9zdHJhLW5vYm9keS1hdC1hbGw$C9hYq1QnV2nJw4cEgYlMvV3hQ1wJ8m6m8n1Jm1m1m1k"
)
"""Checked for a name that nobody has, so that the time it takes does not tell."""


class Passwords:
    """Makes and checks hashes off the event loop."""

    def __init__(self) -> None:
        self._few = asyncio.Semaphore(AT_ONCE)

    async def fits(self, encoded: str, password: str) -> bool:
        """Return whether ``password`` is the one that ``encoded`` was made of; an empty one is nobody's."""
        async with self._few:
            return await asyncio.to_thread(fits, encoded, password)


def encode(password: str) -> str:
    """Return the hash of a password, with all that it takes to check it. Raises `ValueError`."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise ValueError(
            f"a password of {len(password)} characters; {SHORTEST} to {LONGEST} of any kind would be right"
        )
    return _hasher().hash(_normal(password))


def fits(encoded: str, password: str) -> bool:
    """Return whether ``password`` is the one that ``encoded`` was made of. Without ``encoded`` it takes as long, and is not."""
    from argon2.exceptions import InvalidHashError, VerificationError

    if len(password) > LONGEST:
        return False
    try:
        _hasher().verify(encoded or NOBODY, _normal(password))
    except (VerificationError, InvalidHashError):
        return False
    return bool(encoded)


@cache
def _hasher() -> PasswordHasher:
    from argon2 import PasswordHasher

    return PasswordHasher()


def _normal(password: str) -> bytes:
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")
