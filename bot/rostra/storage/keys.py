"""Keys: one master key outside of the database, one key a person inside it, wrapped by the master key.

Texts are sealed with AES-256-GCM under the key of the person they belong to. Deleting that one row makes them
unreadable, in every copy of the database too. What rows are found by is hashed with a key.

The master key is 32 bytes: in base64 in ``ROSTRA_MASTER_KEY``, or in the file ``master.key`` of the data
folder, which only its owner may read.
"""

from __future__ import annotations

import hmac
import os
import stat
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from secrets import token_bytes, token_hex
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ..errors import StoreError

KEY_BYTES = 32
NONCE_BYTES = 12
LOOKUP_BYTES = 16
"""Half of a SHA-256, which RFC 2104 (section 5) allows."""
FILE = "master.key"


@dataclass(frozen=True, slots=True)
class Keyring:
    """What the master key is good for. ``check`` tells a wrong master key from the right one."""

    check: bytes
    _lookup: bytes
    _wrapping: AESGCM
    _own: AESGCM

    @staticmethod
    def of(master: bytes) -> Keyring:
        """Derive all keys from the master key (RFC 5869)."""
        return Keyring(
            check=_derive(master, b"check"),
            _lookup=_derive(master, b"lookup"),
            _wrapping=AESGCM(_derive(master, b"wrap")),
            _own=AESGCM(_derive(master, b"own")),
        )

    def lookup(self, noun: str, *parts: str) -> bytes:
        """Return what a row is found by, which tells nothing to those who have not got the master key."""
        text = "\0".join((noun, *parts)).encode("utf-8", "surrogatepass")
        return hmac.digest(self._lookup, text, "sha256")[:LOOKUP_BYTES]

    def new_key(self, person: UUID) -> bytes:
        """Return a new key for ``person``, wrapped."""
        nonce = os.urandom(NONCE_BYTES)
        return person.bytes + nonce + self._wrapping.encrypt(nonce, token_bytes(KEY_BYTES), person.bytes)

    def seal(self, wrapped: bytes | None, row: bytes, text: bytes) -> bytes:
        """Seal ``text`` with the key in ``wrapped`` (None: the store's own), to stand in the row with this id."""
        nonce = os.urandom(NONCE_BYTES)
        return nonce + self._cipher(wrapped).encrypt(nonce, text, row)

    def open(self, wrapped: bytes | None, row: bytes, body: bytes) -> bytes:
        """Return the text that `seal` sealed. Raises `StoreError`."""
        try:
            return self._cipher(wrapped).decrypt(body[:NONCE_BYTES], body[NONCE_BYTES:], row)
        except InvalidTag as error:
            raise StoreError(f"row {row.hex()} cannot be unsealed; it was changed by hand") from error

    def _cipher(self, wrapped: bytes | None) -> AESGCM:
        return self._own if wrapped is None else _unwrap(self._wrapping, wrapped)


@lru_cache(maxsize=4096)
def _unwrap(wrapping: AESGCM, wrapped: bytes) -> AESGCM:
    person, nonce, key = wrapped[:16], wrapped[16 : 16 + NONCE_BYTES], wrapped[16 + NONCE_BYTES :]
    try:
        return AESGCM(wrapping.decrypt(nonce, key, person))
    except InvalidTag as error:
        raise StoreError(f"the key of person {UUID(bytes=person)} does not fit the master key") from error


def _derive(master: bytes, use: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=b"rostra " + use).derive(master)


def read_master(given: str | None, data: Path) -> bytes | None:
    """Return the master key: ``given`` in base64, else what stands in the file of the ``data`` folder, if any.

    Raises `StoreError` where it is no key, or others may read the file.
    """
    if given:
        return _decode(given, "ROSTRA_MASTER_KEY")
    path = data / FILE
    try:
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StoreError(f"the master key {str(path)!r} cannot be read: {error.strerror}") from error
    with os.fdopen(handle, encoding="ascii", errors="replace") as file:
        mode = stat.S_IMODE(os.fstat(handle).st_mode)
        if mode & 0o077:
            raise StoreError(f"others may read the master key (mode {mode:04o}); run: chmod 600 {path}")
        return _decode(file.read(), str(path))


def make_master(data: Path) -> bytes:
    """Make a master key and put it into its file, which must not be there. Raises `StoreError`."""
    master = token_bytes(KEY_BYTES)
    path = data / FILE
    fresh = data / f".{FILE}.{token_hex(8)}"
    try:
        handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(b64encode(master) + b"\n")
            file.flush()
            os.fsync(handle)
        # Whole or not at all: a crash while writing must not leave half a key.
        fresh.rename(path)
        sync_folder(data)
    except OSError as error:
        raise StoreError(f"the master key {str(path)!r} cannot be written: {error.strerror}") from error
    return master


def sync_folder(folder: Path) -> None:
    """Make what was created or renamed in ``folder`` durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _decode(text: str, where: str) -> bytes:
    try:
        master = b64decode(text.strip(), validate=True)
    except (Base64Error, ValueError):
        master = b""
    if len(master) != KEY_BYTES:
        raise StoreError(f"{where} holds no master key; it is {KEY_BYTES} random bytes in base64")
    return master
