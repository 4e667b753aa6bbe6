"""Who a provider says that somebody is, whether they may come in, and which roles they have."""

from __future__ import annotations

from dataclasses import dataclass

from rostra.accounts import ACCOUNT_ROLES, AccountRole

from .settings import ProviderSettings

GOOGLE = "https://accounts.google.com"


class NotIn(Exception):
    """Somebody is not signed in. ``said`` is for them; ``why`` is for the log, and has nothing of theirs in it."""

    def __init__(self, why: str, said: str, *, status: int = 403) -> None:
        super().__init__(why)
        self.why = why
        self.said = said
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Somebody:
    """What a provider says of somebody.

    ``by`` is as in `rostra.accounts.Account.by`. ``email`` is one that the provider verified, else empty; ``hosted`` the domain
    whose administrators made the account, where Google says so.
    """

    subject: str
    by: str
    name: str
    email: str = ""
    hosted: str = ""
    team: str = ""
    guilds: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()

    def __repr__(self) -> str:
        """Return what may stand in a log: nothing of whoever it is."""
        return "Somebody(…)"


def roles_of(settings: ProviderSettings, who: Somebody) -> frozenset[AccountRole]:
    """Return the roles of somebody, by their id, or by a group they are in."""
    theirs = {f"@{one}" for one in who.groups}
    if not who.subject.startswith("@"):  # which would pass for a group
        theirs.add(who.subject)
    lists = settings.roles
    return frozenset(role for role in ACCOUNT_ROLES if theirs & set(getattr(lists, role)))


def admitted(settings: ProviderSettings, who: Somebody) -> bool:
    """Return whether somebody may come in: whoever no setting lets in may not."""
    if settings.team and who.team != settings.team:
        return False
    if settings.guild and settings.guild not in who.guilds:
        return False
    if settings.open or who.subject in settings.people or roles_of(settings, who):
        return True
    if settings.people or settings.by_address:
        return _by_address(settings, who)
    return bool(settings.team or settings.guild)


def _by_address(settings: ProviderSettings, who: Somebody) -> bool:
    email = who.email.casefold()
    if email in {one.casefold() for one in settings.emails}:
        return True
    domain = email.rpartition("@")[2]
    if settings.where == GOOGLE:
        # Anybody may have a Google account with an address of a domain, also after they left it:
        # https://developers.google.com/identity/openid-connect/openid-connect#an-id-tokens-payload (hd)
        domain = who.hosted.casefold()
    return bool(domain) and domain in {one.casefold() for one in settings.domains}
