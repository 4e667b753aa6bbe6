"""Personal data and secrets in a text: addresses, numbers with their checksums, tokens and keys."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

Weight: TypeAlias = Annotated[float, Field(ge=0, le=1)] | Literal["off"]

_MOST = 100
"""Finds of one kind that a text is looked through for; further ones add nothing to a decision."""

_TRIED = 2_000
"""Places in a text that are looked at for one kind: what a text made of candidates costs is bounded by it."""

_LOCAL = re.compile(r"[A-Za-z0-9._%+-]{1,64}$")
_DOMAIN = re.compile(r"(?:[A-Za-z0-9-]{1,63}\.){1,5}[A-Za-z]{2,24}(?![A-Za-z0-9-])")
_SPOKEN = re.compile(
    r"(?<![\w.+-])[\w.+-]{1,64}\s?[\[({]\s?at\s?[\])}]\s?[\w-]{1,63}(?:\s?[\[({]\s?dot\s?[\])}]\s?|\.)[A-Za-z]{2,24}\b",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"(?<![\w.,])\+?\(?\d(?:[ ()./-]{0,3}\d){6,18}+(?![\w]|[.,]\d)")
_IBAN = re.compile(
    r"(?<![A-Za-z0-9])[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]{4}){2,7}(?:[ -]?[A-Za-z0-9]{1,3})?(?![A-Za-z0-9])"
)
_IP4 = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])")
_IP6 = re.compile(r"(?<![\w:])(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{1,4}(?![\w:])")
_SOCIAL = re.compile(r"(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}")
_INTERNATIONAL = re.compile(r"\(?\+[1-9]|00[1-9]")
_NANP = re.compile(r"(?:\+?1[ .-]?)?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[ .-])[2-9]\d{2}[ .-]\d{4}")
_NATIONAL = re.compile(r"0[1-9]\d{1,4}(?:[ /-]|/ )\d[\d -]{4,10}\d|\(0\d{2,5}\) ?\d[\d -]{4,10}\d")
_CARD_STARTS = re.compile(r"4|5[1-5]|2[2-7]|3[47]|6(?:011|5|4[4-9])|3(?:0[0-5]|[68])|35|62")
_SECRET = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"gh[pousr]_[A-Za-z0-9]{36,255}|github_pat_[A-Za-z0-9_]{50,255}|glpat-[A-Za-z0-9_-]{20,64}"
    r"|xox[abeoprs]-[A-Za-z0-9-]{10,250}|xapp-[0-9]-[A-Za-z0-9-]{20,250}"
    r"|(?:AKIA|ASIA)[0-9A-Z]{16}(?![0-9A-Za-z])"
    r"|sk-(?:proj-|ant-|live-|or-)?[A-Za-z0-9_-]{20,250}|[rs]k_live_[0-9A-Za-z]{20,99}"
    r"|AIza[0-9A-Za-z_-]{35}|hf_[A-Za-z0-9]{30,60}|npm_[A-Za-z0-9]{36}|pypi-[A-Za-z0-9_-]{50,250}"
    r"|[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,45}(?![A-Za-z0-9_-])"
    r"|eyJ[A-Za-z0-9_-]{8,4000}\.eyJ[A-Za-z0-9_-]{8,4000}\.[A-Za-z0-9_-]{8,2000}"
    r")"
)
_KEY = re.compile(
    r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----(?:[^-]{0,16000}-----END [A-Z ]{0,30}PRIVATE KEY(?: BLOCK)?-----)?"
)

Kind: TypeAlias = Literal["email", "phone", "card", "iban", "social", "ip", "token", "key"]


class PiiSettings(BaseModel):
    """How severe each kind is, ``"off"`` for what is not looked for.

    With the policy as it is by default, 0.5 and more is flagged, and nothing is blocked for personal data alone.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    email: Weight = 0.5
    phone: Weight = 0.5
    card: Weight = 0.9
    iban: Weight = 0.8
    social: Weight = 0.8
    ip: Weight = "off"
    token: Weight = 0.95
    key: Weight = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Private:
    """Something personal or secret: characters ``start`` to ``end`` (exclusive) of a text."""

    kind: Kind
    start: int
    end: int


def find(text: str) -> Sequence[Private]:
    """Return what is personal or secret in ``text``, in order. Takes time linear in its length."""
    found = [*_secrets(text), *_emails(text), *_accounts(text), *_addresses(text)]
    taken = [(each.start, each.end) for each in found]
    taken += [match.span() for match in islice(_IBAN.finditer(text), _MOST)]  # also those that are none
    found += [
        each
        for each in _numbers(text)
        if not any(start < each.end and each.start < end for start, end in taken)
    ]
    return sorted(found, key=lambda each: (each.start, each.end))


def _secrets(text: str) -> Iterator[Private]:
    for match in islice(_SECRET.finditer(text), _MOST):
        yield Private(kind="token", start=match.start(), end=match.end())
    if "-----BEGIN" in text:
        for match in islice(_KEY.finditer(text), _MOST):
            yield Private(kind="key", start=match.start(), end=match.end())


def _emails(text: str) -> Iterator[Private]:
    at = text.find("@")
    for _ in range(_TRIED):
        if at < 0:
            break
        local = _LOCAL.search(text[max(0, at - 64) : at])
        domain = _DOMAIN.match(text, at + 1)
        if local is not None and domain is not None:
            yield Private(kind="email", start=at - len(local[0]), end=domain.end())
        at = text.find("@", at + 1)
    if "at" in text or "AT" in text:
        for match in islice(_SPOKEN.finditer(text), _MOST):
            yield Private(kind="email", start=match.start(), end=match.end())


def _accounts(text: str) -> Iterator[Private]:
    for match in islice(_IBAN.finditer(text), _TRIED):
        if is_iban(match[0]):
            yield Private(kind="iban", start=match.start(), end=match.end())


def _addresses(text: str) -> Iterator[Private]:
    for pattern in (_IP4, _IP6):
        for match in islice(pattern.finditer(text), _TRIED):
            if _is_address(match[0]):
                yield Private(kind="ip", start=match.start(), end=match.end())


def _is_address(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).is_global
    except ValueError:
        return False


def _numbers(text: str) -> Iterator[Private]:
    for match in islice(_NUMBER.finditer(text), _TRIED):
        kind = _numbered(match[0])
        if kind is not None:
            yield Private(kind=kind, start=match.start(), end=match.end())


def _numbered(written: str) -> Literal["card", "social", "phone"] | None:
    digits = re.sub(r"\D", "", written)
    if 13 <= len(digits) <= 19 and _CARD_STARTS.match(digits) and "(" not in written and is_luhn(digits):  # noqa: PLR2004  ISO/IEC 7812
        return "card"
    if _SOCIAL.fullmatch(written):
        return "social"
    international = _INTERNATIONAL.match(written) is not None and 8 <= len(digits) <= 17  # noqa: PLR2004  E.164, with 00
    if international or _NANP.fullmatch(written) or _NATIONAL.fullmatch(written):
        return "phone"
    return None


def is_luhn(digits: str) -> bool:
    """Say whether the last of ``digits`` checks the others (ISO/IEC 7812-1, annex B), and they are not all one."""
    total = 0
    for index, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + index % 2)
        total += value - 9 if value > 9 else value  # noqa: PLR2004  the sum of two digits
    return total % 10 == 0 and len(set(digits)) > 1


def is_iban(text: str) -> bool:
    """Say whether ``text``, with or without spaces, is an account number whose check digits are right (ISO 13616)."""
    bare = re.sub(r"[ -]", "", text).upper()
    if not 15 <= len(bare) <= 34:  # noqa: PLR2004  the shortest and the longest there are
        return False
    turned = bare[4:] + bare[:4]
    return int("".join(str(int(each, 36)) for each in turned)) % 97 == 1
