"""Links in a text: where they lead, and whether they hide it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from typing import Annotated, Literal, TypeAlias
from urllib.parse import unquote

from pydantic import BaseModel, ConfigDict, Field

from .skeleton import lookalikes, skeleton

Weight: TypeAlias = Annotated[float, Field(ge=0, le=1)] | Literal["off"]
Why: TypeAlias = Literal["blocked", "invite", "disguised", "lookalike", "other"]

_MOST = 200
"""Links of one text that are looked at."""

_ENDS = (
    "com net org io gg ru xyz info biz co me ly to tv cc top site online shop store club app dev link click live pro vip"
    " win bid loan icu cn tk ml ga cf gq de uk fr es it nl pl eu us ca au br jp kr in ch at be se no dk fi cz gift gifts"
    " chat codes fun page website space tech world zone finance bond cfd monster rest wang ws su pw sbs cyou lol"
)
"""Last parts of domains that are taken for links without ``https://`` before them."""

_LINK = re.compile(
    r"(?P<scheme>(?:https?|hxxps?)://|www\.)(?P<rest>[^\s<>\"`|\\\]]{1,2048})"
    rf"|(?<![\w@./%-])(?P<bare>(?:[^\W_](?:[\w-]{{0,61}}[^\W_])?\.){{1,5}}(?:{'|'.join(_ENDS.split())}))(?P<path>/[^\s<>\"`|\\]{{0,2048}})?(?![\w.-]*[\w@])",
    re.IGNORECASE,
)
_MARKDOWN = re.compile(r"\[([^\[\]\n]{1,300})\]\(\s{0,4}(https?://[^\s()<>]{1,2048})", re.IGNORECASE)
_INVITE = re.compile(
    r"(?:discord\.gg|discord(?:app)?\.com/invite|dsc\.gg|invite\.gg|t\.me/(?:\+|joinchat/)|chat\.whatsapp\.com"
    r"|join\.slack\.com|guilded\.gg/i|signal\.group)(?:/|#|$|[\w+-])",
    re.IGNORECASE,
)
_DECIMAL_HOST = re.compile(r"0x[0-9a-f]{6,8}|\d{8,10}", re.IGNORECASE)

_IMITATED = (
    "adobe.com airbnb.com amazon.com apple.com binance.com blizzard.com coinbase.com discord.com discord.gg discordapp.com"
    " dropbox.com ebay.com epicgames.com facebook.com github.com gitlab.com gmail.com google.com icloud.com instagram.com"
    " kraken.com linkedin.com metamask.io microsoft.com minecraft.net netflix.com opensea.io outlook.com paypal.com"
    " playstation.com reddit.com roblox.com slack.com spotify.com steamcommunity.com steampowered.com telegram.org"
    " tiktok.com twitch.tv twitter.com whatsapp.com wikipedia.org youtube.com"
)
"""Addresses that others are made to look like."""


class LinkSettings(BaseModel):
    """How severe links are, ``"off"`` for what is not looked for. ``allow`` and ``block`` are domains with all below them.

    ``others`` is for links that are none of the rest: with 0.9 and a list of ``allow``, only those can be posted.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    allow: tuple[str, ...] = ()
    block: tuple[str, ...] = ()
    blocked: Weight = 0.9
    invites: Weight = 0.5
    disguised: Weight = 0.85
    others: Weight = "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A link to ``host``: characters ``start`` to ``end`` (exclusive) of a text. ``disguised``: it hides where it leads."""

    host: str
    path: str
    start: int
    end: int
    disguised: bool = False


def find(text: str) -> Sequence[Link]:
    """Return the links in ``text``, also those without a scheme. Takes time linear in its length."""
    return [*_plain(text), *_mismatched(text)]


def judge(link: Link, settings: LinkSettings) -> Why:
    """Return what ``link`` is to those who set ``settings``; what they allow is other than all else, and fine."""
    if _under(link.host, settings.block):
        return "blocked"
    if _INVITE.match(f"{link.host.removeprefix('www.')}{link.path}"):
        return "invite"
    if link.disguised:
        return "disguised"
    return "lookalike" if imitates(link.host) else "other"


def is_allowed(link: Link, settings: LinkSettings) -> bool:
    """Say whether ``link`` leads openly to a domain of ``allow``."""
    return not link.disguised and _under(link.host, settings.allow)


def imitates(host: str) -> str:
    """Return the well-known domain that ``host`` is made to look like, or an empty string.

    In the way of UTS #39: both are the same once letters that look alike are one.
    """
    host = host.removeprefix("www.")
    parts = host.split(".")
    for take in (2, 3):
        domain = ".".join(parts[-take:])
        known = _skeletons().get(_alike(domain), "")
        if known and known != domain:
            return known
    return ""


@cache
def _skeletons() -> dict[str, str]:
    return {_alike(domain): domain for domain in _IMITATED.split()}


def _alike(domain: str) -> str:
    if "xn--" in domain:
        try:
            domain = domain.encode("ascii").decode("idna")
        except UnicodeError:
            return domain
    seen = skeleton(domain).text.lower().translate(lookalikes())
    for pair, letter in (("rn", "m"), ("vv", "w"), ("cl", "d")):
        seen = seen.replace(pair, letter)
    return seen.translate(str.maketrans("l1|0", "iiio"))


def _under(host: str, domains: Sequence[str]) -> bool:
    return any(host == domain or host.endswith(f".{domain}") for domain in map(str.lower, domains))


def _plain(text: str) -> Iterator[Link]:
    for match in islice(_LINK.finditer(text), _MOST):
        if match["bare"]:
            host, path, hidden = match["bare"], match["path"] or "", False
            end = match.end()
        else:
            rest = match["rest"].rstrip(".,;:!?'\")]}*_~")
            host, path, hidden = _parts(rest)
            end = match.start("rest") + len(rest)
            if "." not in host and not _DECIMAL_HOST.fullmatch(host):
                continue
        yield Link(host=host.lower(), path=path, start=match.start(), end=end, disguised=hidden)


def _parts(rest: str) -> tuple[str, str, bool]:
    """Return host and path of what follows the scheme, and whether the host is written so that it is misread."""
    authority, slash, path = re.split(r"([/?#]|$)", rest, maxsplit=1)
    user, at, host = authority.rpartition("@")
    decoded = unquote(host)
    host, _, _ = decoded.partition(":")
    hidden = "%" in authority or ("." in user and bool(at)) or _DECIMAL_HOST.fullmatch(host) is not None
    if "/" in host:
        host, slash, path = host.partition("/")
    return host.rstrip("."), unquote(slash + path), hidden


def _mismatched(text: str) -> Iterator[Link]:
    """Yield links of Markdown whose words name another address than the one they lead to."""
    if "](" not in text:
        return
    for match in islice(_MARKDOWN.finditer(text), _MOST):
        shown = next(_plain(match[1].strip()), None)
        led = next(_plain(match[2]), None)
        if shown is not None and led is not None and _domain(shown.host) != _domain(led.host):
            yield Link(host=led.host, path=led.path, start=match.start(), end=match.end(), disguised=True)


def _domain(host: str) -> str:
    return ".".join(host.split(".")[-2:])
