"""What ``[adapters.NAME.sign_in.WORD]`` may say: whom to ask who somebody is, and who of those may come in."""

from __future__ import annotations

from typing import Annotated, Literal, Self, TypeAlias
from urllib.parse import quote, urlsplit

from pydantic import ConfigDict, Field, SecretStr, field_validator, model_validator

from rostra.addresses import is_loopback
from rostra.components import ComponentSettings

Kind: TypeAlias = Literal["oidc", "discord", "slack"]
Text = Annotated[str, Field(min_length=1, max_length=255)]
DISCORD = "https://discord.com"
SLACK = "https://slack.com"
PATH = "/sign-in/with"
"""Where signing in with an account elsewhere begins, and under which the browser comes back."""


class RoleLists(ComponentSettings):
    """``roles``: who has which, by their id at the provider, or as ``@GROUP`` by what ``role_claim`` says of them."""

    rater: tuple[Text, ...] = ()
    operator: tuple[Text, ...] = ()
    owner: tuple[Text, ...] = ()

    @property
    def all(self) -> frozenset[str]:
        """Whoever has any."""
        return frozenset({*self.rater, *self.operator, *self.owner})


class ProviderSettings(ComponentSettings):
    """``[adapters.NAME.sign_in.WORD]``: a button on the page to sign in. WORD is in the address that the provider is told.

    - ``kind``: ``oidc`` for whoever speaks OpenID Connect, ``discord``, ``slack``.
    - ``client_id``, ``client_secret``: what the provider gave this page.
    - ``issuer``: where an ``oidc`` is, as its own discovery document writes it.
    - ``label``: what the button calls it.
    - ``scopes``: what is asked for, if other than what is needed.
    - ``prompt``: what the provider is told of asking again.
    - ``open``: everybody may come in. Else ``people`` by their id there, ``emails`` and ``domains`` where the provider says
      that it verified the address, and whoever has a role.
    - ``team``: only members of this Slack workspace; ``guild``: only members of this Discord server. With neither
      ``people`` nor addresses they may all come in.
    - ``roles``: see `RoleLists`; ``role_claim``: the claim of an ``oidc`` that names somebody's groups.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)  # it has the secret

    kind: Kind
    client_id: Text
    client_secret: SecretStr
    issuer: str = ""
    label: Annotated[str, Field(max_length=40)] = ""
    scopes: tuple[Text, ...] = ()
    prompt: Literal["", "none", "login", "consent", "select_account"] = ""
    open: bool = False
    people: tuple[Text, ...] = ()
    emails: tuple[Text, ...] = ()
    domains: tuple[Text, ...] = ()
    team: str = ""
    guild: Annotated[str, Field(pattern=r"^[0-9]{0,20}$", coerce_numbers_to_str=True)] = ""
    roles: RoleLists = RoleLists()
    role_claim: str = ""

    @property
    def where(self) -> str:
        """The issuer."""
        known = {"discord": DISCORD, "slack": SLACK}
        return self.issuer or known[self.kind]

    @property
    def name(self) -> str:
        """What people know it as."""
        return self.label or {"discord": "Discord", "slack": "Slack", "oidc": "single sign-on"}[self.kind]

    @property
    def scope(self) -> str:
        """What is asked for."""
        if self.scopes:
            return " ".join(self.scopes)
        if self.kind == "discord":
            return "identify guilds" if self.guild else "identify"
        return "openid profile email"

    def by(self, subject: str, team: str = "") -> str:
        """Return what `rostra.accounts.Account.by` is of whoever the provider knows by ``subject``."""
        # Quoted, so that no subject of one issuer looks like that of another whose address goes on behind a colon.
        return ":".join((*self._within(team), quote(subject, safe="")))

    def knows(self, by: str) -> bool:
        """Return whether whoever is ``by`` signs in this way."""
        within = tuple(by.rpartition(":")[0].split(":", 1 if self.kind == "oidc" else -1))
        return within == self._within(within[-1] if self.kind == "slack" and not self.team else self.team)

    def meets(self, other: ProviderSettings) -> bool:
        """Return whether somebody might sign in by both."""
        if self.kind != other.kind:
            return False
        alike = self.team == other.team or not (self.team and other.team)
        return alike if self.kind == "slack" else self._within("") == other._within("")

    def _within(self, team: str) -> tuple[str, ...]:
        return {"oidc": ("oidc", self.where), "discord": ("discord",), "slack": ("slack", team)}[self.kind]

    @property
    def by_address(self) -> bool:
        """Whether it matters which mail address somebody has."""
        return bool(self.emails or self.domains)

    @field_validator("client_secret")
    @classmethod
    def _plain(cls, secret: SecretStr) -> SecretStr:
        plain = secret.get_secret_value().strip()  # of a file, with its line feed
        if not plain:
            raise ValueError("is empty; the provider shows it where the client is registered")
        return SecretStr(plain)

    @field_validator("issuer")
    @classmethod
    def _an_address(cls, issuer: str) -> str:
        if issuer and not fit(issuer):
            raise ValueError(
                f"{issuer!r} is no issuer; https://… without a query would be right, http:// on this machine only"
            )
        return issuer

    @model_validator(mode="after")
    def _of_its_kind(self) -> Self:
        others = {"guild": "discord", "team": "slack", "role_claim": "oidc"}
        for key, kind in others.items():
            if getattr(self, key) and self.kind != kind:
                raise ValueError(f"{key} is for kind = {kind!r}, not {self.kind!r}")
        if self.kind == "oidc" and not self.issuer:
            raise ValueError("kind = 'oidc' needs an issuer, such as issuer = 'https://accounts.google.com'")
        if self.kind == "discord" and self.by_address:
            raise ValueError("emails and domains are for 'oidc' and 'slack'; Discord's people have ids")
        if self.kind != "discord" and "openid" not in self.scope.split():
            raise ValueError("scopes needs 'openid' among them")
        if self.guild and "guilds" not in self.scope.split():
            raise ValueError("guild needs 'guilds' among the scopes")
        return self

    @model_validator(mode="after")
    def _for_somebody(self) -> Self:
        if any(one.startswith("@") for one in self.roles.all) and not self.role_claim:
            raise ValueError(
                "roles that begin with '@' are groups: set role_claim to the claim that has them"
            )
        if any(one.count("@") != 1 for one in self.emails) or any("@" in one for one in self.domains):
            raise ValueError("emails are written as 'ann@example.org', domains as 'example.org'")
        if self.open:
            return self
        if self.kind == "slack" and not self.team:
            raise ValueError("team, the workspace whose members may come in, is missing; or set open = true")
        if not (self.team or self.guild or self.people or self.by_address or self.roles.all):
            raise ValueError(
                "nobody may come in: name some in people, emails, domains, guild or roles, or set open = true"
            )
        return self


def fit(url: str) -> bool:
    """Return whether what is secret may be sent to ``url``: by TLS, or on this machine."""
    parts = urlsplit(url)
    if parts.query or parts.fragment or parts.username or parts.password or not parts.hostname:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(url))
