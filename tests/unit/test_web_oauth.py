"""Signing in to the chat page with an account elsewhere: the whole way there and back, and what must not get in by it."""

from __future__ import annotations

import hmac
import json
import re
import socket
from base64 import urlsafe_b64encode
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from standin_provider import CLIENT, SECRET, Provider, ed25519, jwk, new_key, providing
from web_stand import Browser, Stand, standing

from rostra.accounts import Account, AccountRole, Session, new_token
from rostra.cli.survey import survey
from rostra.components import Services
from rostra.config import load
from rostra.errors import ConfigError
from rostra.logs import configured
from rostra.storage.memory import MemoryStore
from rostra.testing.clock import ManualClock
from rostra_adapters.web.component import check, opened_with
from rostra_adapters.web.oauth.accounts import take_back
from rostra_adapters.web.oauth.attempts import Attempts
from rostra_adapters.web.oauth.settings import ProviderSettings
from rostra_adapters.web.oauth.somebody import Somebody, admitted, roles_of
from rostra_adapters.web.settings import WebSettings
from rostra_adapters.web.signin import SignIn

ANN = {"sub": "a-1", "preferred_username": "ann", "email": "Ann@example.org", "email_verified": True}
BEN = {"sub": "b-2", "preferred_username": "ben", "email": "ben@example.org", "email_verified": True}
GO, BACK = "/sign-in/with/id", "/sign-in/with/id/back"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@dataclass(slots=True)
class Visitor:
    """Somebody with a browser."""

    browser: Browser

    @property
    def signed_in(self) -> bool:
        return bool(self.browser.client.cookies.get("rostra"))

    async def go(self, path: str = GO) -> str:
        """Press the button, and sign in at the provider; return the address that leads back."""
        there = await self.browser.client.get(path)
        assert there.status_code == 303, there.text
        return await self.at_provider(there.headers["Location"])

    async def at_provider(self, address: str) -> str:
        async with httpx.AsyncClient(verify=False) as elsewhere:
            back = await elsewhere.get(address)
        return back.headers["Location"]

    async def come_back(self, address: str) -> httpx.Response:
        return await self.browser.client.get(address, headers={"Accept": "text/html"})

    async def sign_in(self, path: str = GO) -> httpx.Response:
        return await self.come_back(await self.go(path))


@dataclass(slots=True)
class World:
    stand: Stand
    provider: Provider
    clock: ManualClock

    def visitor(self) -> Visitor:
        return Visitor(self.stand.browser())

    async def accounts(self) -> list[Account]:
        return list(await self.stand.app.parts.store.accounts_of("web"))

    async def whose(self, subject: str) -> Account | None:
        return await self.stand.app.parts.store.account_by("web", f"oidc:{self.provider.url}:{subject}")


@asynccontextmanager
async def world(
    tmp_path: Path, clock: ManualClock, *, options: dict[str, Any] | None = None, **sign_in: Any
) -> AsyncGenerator[World]:
    async with providing(clock, user=dict(ANN)) as provider:
        table = {
            "kind": "oidc",
            "client_id": CLIENT,
            "client_secret": SECRET,
            "issuer": provider.url,
            "emails": ["ann@example.org"],
            **sign_in,
        }
        with socket.create_server(("127.0.0.1", 0)) as free:
            listen = f"127.0.0.1:{free.getsockname()[1]}"
        about: dict[str, Any] = {
            "listen": listen,
            "accounts": False,
            "sign_in": {"id": table},
            **(options or {}),
        }
        async with standing(tmp_path, clock=clock, **about) as stand:
            yield World(stand, provider, clock)


@pytest.fixture
async def place(tmp_path: Path, clock: ManualClock) -> AsyncGenerator[World]:
    async with world(tmp_path, clock) as found:
        yield found


async def test_somebody_signs_in_at_an_issuer_and_is_the_same_the_next_time(place: World) -> None:
    ann = place.visitor()
    page = await ann.browser.page("/sign-in")
    assert 'href="/sign-in/with/id"' in page
    there = await ann.browser.client.get(GO)
    asked = {key: value for key, (value,) in parse_qs(urlsplit(there.headers["Location"]).query).items()}
    assert asked["redirect_uri"] == f"{place.stand.url}{BACK}"
    assert (asked["response_type"], asked["scope"]) == ("code", "openid profile email")
    assert asked["code_challenge_method"] == "S256"
    assert SECRET not in there.headers["Location"]
    address = await ann.at_provider(there.headers["Location"])
    planted = new_token()
    ann.browser.client.cookies.set("rostra", planted)
    back = await ann.come_back(address)
    assert (back.status_code, back.headers["Location"]) == (303, "/")
    assert planted not in back.headers["Set-Cookie"], "a session is new, whatever the browser brought"
    ann.browser.client.cookies.clear()
    ann.browser.client.cookies.set("rostra", re.findall(r"rostra=([\w-]{43});", str(back.headers))[0])
    assert "ann" in await ann.browser.page()
    (account,) = [one for one in await place.accounts() if one.by]
    assert (account.name, account.by) == ("ann", f"oidc:{place.provider.url}:a-1")
    assert (account.password, list(account.roles)) == ("", [])
    again = place.visitor()
    place.provider.user |= {"preferred_username": "another name"}
    assert (await again.sign_in()).status_code == 303
    assert [one for one in await place.accounts() if one.by] == [account]
    form = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', await again.browser.page()))
    assert (await again.browser.client.post("/sign-out", data=form)).status_code == 303
    assert (await again.browser.client.get("/")).status_code == 303, "signed out"


def signed_otherwise(**how: Any) -> Callable[[Provider], None]:
    def change(provider: Provider) -> None:
        for name, value in how.items():
            setattr(provider, name, value)

    return change


SEALING = new_key()


def without_a_signature(provider: Provider) -> None:
    provider.sign = lambda claims: jwt.encode(claims, "", algorithm="none")


def by_the_public_key(provider: Provider) -> None:
    public = provider.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def sign(claims: dict[str, Any]) -> str:
        token = jwt.encode(claims, "x" * 32, algorithm="HS256", headers={"kid": "k1"}).rpartition(".")[0]
        mac = hmac.digest(public, token.encode(), "sha256")
        return f"{token}.{urlsafe_b64encode(mac).rstrip(b'=').decode()}"

    provider.sign = sign


def by_the_clients_secret(provider: Provider) -> None:
    provider.sign = lambda claims: jwt.encode(claims, SECRET * 2, algorithm="HS256", headers={"kid": "k1"})


def by_somebody_elses_key(provider: Provider) -> None:
    provider.key = new_key()


def by_a_key_that_it_brings(provider: Provider) -> None:
    by_somebody_elses_key(provider)
    provider.header = {"jwk": jwk(provider.key, "k1"), "jku": f"{provider.url}/evil"}


def by_a_key_for_something_else(provider: Provider) -> None:
    provider.key, provider.kid = SEALING, "k2"


def changed_on_the_way(provider: Provider) -> None:
    def sign(claims: dict[str, Any]) -> str:
        head, _, tail = jwt.encode(claims, provider.key, algorithm="ES256", headers={"kid": "k1"}).split(".")
        other = jwt.encode({**claims, "sub": "x"}, provider.key, algorithm="ES256").split(".")[1]
        return f"{head}.{other}.{tail}"

    provider.sign = sign


def says(**claims: Any) -> Callable[[Provider], None]:
    return signed_otherwise(claims=claims)


FORGED: dict[str, Callable[[Provider], None]] = {
    "no signature": without_a_signature,
    "HS256 with the public key": by_the_public_key,
    "HS256 with the secret of the client": by_the_clients_secret,
    "another key": by_somebody_elses_key,
    "a key in its own header": by_a_key_that_it_brings,
    "a key for encryption": by_a_key_for_something_else,
    "changed claims": changed_on_the_way,
    "a key nobody knows": signed_otherwise(header={"kid": "other"}),
    "another audience": says(aud="page-2"),
    "no audience": says(aud=None),
    "several audiences": says(aud=[CLIENT, "page-2"]),
    "another azp": says(aud=[CLIENT, "page-2"], azp="page-2"),
    "another issuer": says(iss="https://evil.example"),
    "no issuer": says(iss=None),
    "over": says(exp=1_000_000_000),
    "no end": says(exp=None),
    "no beginning": says(iat=None),
    "of the future": says(iat=9_000_000_000),
    "no nonce": says(nonce=None),
    "another nonce": says(nonce="x" * 43),
    "nobody": says(sub=None),
    "an object": says(sub={"x": 1}),
    "no token": signed_otherwise(answer={"access_token": "x"}),
    "no text": signed_otherwise(answer={"id_token": 1}),
    "no JWT": signed_otherwise(answer={"id_token": "a.b.c"}),
}


@pytest.mark.slow
async def test_an_id_token_that_proves_nothing_lets_nobody_in(tmp_path: Path, clock: ManualClock) -> None:
    async with world(tmp_path, clock, options={"sign_ins_per_minute": 100}) as place:
        provider = place.provider
        right: dict[str, Any] = {
            "key": provider.key,
            "kid": "k1",
            "claims": {},
            "header": {},
            "sign": None,
            "answer": None,
        }
        provider.keys = [jwk(provider.key, "k1"), {**jwk(SEALING, "k2"), "use": "enc"}]
        for what, change in FORGED.items():
            signed_otherwise(**right)(provider)
            change(provider)
            ann = place.visitor()
            back = await ann.sign_in()
            assert (back.status_code, ann.signed_in) == (403, False), what
            assert "would not say who you are" in back.text, what
        assert not [one for one in await place.accounts() if one.by]
        signed_otherwise(**right)(provider)
        provider.claims = {"aud": [CLIENT, "page-2"], "azp": CLIENT}
        assert (await place.visitor().sign_in()).status_code == 303, "without all that it does"


async def test_other_keys_and_algorithms_that_are_allowed_do(place: World) -> None:
    place.provider.key, place.provider.alg = ed25519(), "EdDSA"
    assert (await place.visitor().sign_in()).status_code == 303


async def test_what_was_begun_in_another_browser_is_not_finished_in_this_one(place: World) -> None:
    mallory, victim = place.visitor(), place.visitor()
    address = await mallory.go()
    assert (await victim.come_back(address)).status_code == 403, "a browser that began nothing"
    await victim.go()
    assert (await victim.come_back(address)).status_code == 403, "nor one that began something else"
    own, code = await victim.go(), parse_qs(urlsplit(address).query)["code"][0]
    spliced = re.sub(r"code=[^&]+", f"code={code}", own)
    assert (await victim.come_back(spliced)).status_code == 503, "a code belongs to its own attempt"
    assert not victim.signed_in
    assert (await mallory.come_back(address)).status_code == 503, "and is used up by that"


async def test_a_state_is_good_once_for_ten_minutes_and_for_one_provider(
    tmp_path: Path, clock: ManualClock
) -> None:
    async with world(tmp_path, clock, options={"sign_ins_per_minute": 100}) as place:
        ann = place.visitor()
        address = await ann.go()
        cookies = dict(ann.browser.client.cookies)
        assert (await ann.come_back(address)).status_code == 303
        replay = place.visitor()
        replay.browser.client.cookies.update(cookies)
        place.provider.used.clear()
        again = await replay.come_back(address)
        assert (again.status_code, replay.signed_in) == (403, False)
        assert len(place.provider.forms) == 1, "the provider is not even asked"
        for wrong in ("", "&state=x", "&state=%00", address.partition("?")[2].replace("state", "x")):
            assert (await ann.come_back(f"{BACK}?code=x{wrong}")).status_code == 403
        twice = f"{await ann.go()}&state=x"
        assert (await ann.come_back(twice)).status_code == 403
        late = place.visitor()
        address = await late.go()
        await clock.advance(599)
        early = await late.go()
        await clock.advance(2)
        assert (await late.come_back(address)).status_code == 403
        assert (await late.come_back(early)).status_code == 303
    attempts = Attempts(clock)
    one = attempts.begin("greeting", "id")
    assert attempts.take("greeting", "other", one.state) is None
    assert attempts.take("", "id", attempts.begin("", "id").state) is None, "anybody knows an empty greeting"
    assert attempts.take("greeting", "id", one.state) == one
    assert Attempts(clock).take("greeting", "id", one.state) == one, "another process can go on"
    assert attempts.take("greeting", "id", one.state) is None


async def test_whoever_may_not_come_in_reads_the_same_whyever(tmp_path: Path, clock: ManualClock) -> None:
    async with world(tmp_path, clock, domains=["club.example"], people=["p-1"]) as place:
        told: set[str] = set()
        change: dict[str, Any]
        for change in (
            {"email": "ben@example.org"},
            {"email_verified": False},
            {"email_verified": None},
            {"email": "ann@club.example.evil.example"},
            {"email": "ann@sub.club.example"},
            {"email": None},
        ):
            place.provider.user = {key: one for key, one in {**ANN, **change}.items() if one is not None}
            place.provider.more = {"email_verified": True}
            ann = place.visitor()
            back = await ann.sign_in()
            assert (back.status_code, ann.signed_in) == (403, False), change
            told.add(re.sub(r'value="[^"]*"', "", back.text))
        assert len(told) == 1
        assert "may not come in here" in told.pop()
        assert not [one for one in await place.accounts() if one.by]
        for change in ({"email": "ben@CLUB.example"}, {"email": None, "sub": "p-1"}):
            place.provider.user = {**ANN, **change}
            assert (await place.visitor().sign_in()).status_code == 303, change


async def test_an_address_may_come_from_userinfo_if_that_is_of_the_same_person(
    tmp_path: Path, clock: ManualClock
) -> None:
    async with world(tmp_path, clock) as place:
        place.provider.user = {"sub": "a-1"}
        place.provider.more = {"email": "ann@example.org", "email_verified": True, "name": "Ann\u202e  O."}
        assert (await place.visitor().sign_in()).status_code == 303
        found = await place.whose("a-1")
        assert found is not None
        assert found.name == "Ann O."
        place.provider.user |= {"email": "ann@example.org"}
        place.provider.more["email"] = "mallory@example.net"
        refused = await place.visitor().sign_in()
        assert refused.status_code == 403, "one address is verified, and it is another"
        assert "may not come in here" in refused.text
        del place.provider.user["email"]
        place.provider.more |= {"email": "ann@example.org", "sub": "b-2"}
        assert (await place.visitor().sign_in()).status_code == 403


async def test_roles_are_those_of_the_settings_at_each_sign_in(tmp_path: Path, clock: ManualClock) -> None:
    roles = {"owner": ["@board"], "rater": ["a-1"]}
    async with world(tmp_path, clock, roles=roles, role_claim="groups") as place:
        ann = place.visitor()
        place.provider.user |= {"groups": ["board", "a-2"]}
        assert (await ann.sign_in()).status_code == 303
        found = await place.whose("a-1")
        assert found is not None
        assert found.roles == {"owner", "rater"}
        place.provider.user |= {"groups": ["staff"]}
        other = place.visitor()
        assert (await other.sign_in()).status_code == 303
        found = await place.whose("a-1")
        assert found is not None
        assert found.roles == {"rater"}
        assert (await ann.browser.client.get("/")).status_code == 303, "with the old roles nobody stays"
        await other.browser.page()
        log = await place.stand.app.parts.store.audited(None)
        assert [one.action for one in log if one.subject == f"account {found.id}"] == [
            "change account",
            "add account",
        ]


async def test_roles_that_no_setting_gives_any_more_are_gone_at_the_next_start(clock: ManualClock) -> None:
    store = MemoryStore(clock=clock)
    settings = ProviderSettings.model_validate(
        {
            "kind": "oidc",
            "client_id": "x",
            "client_secret": "x",
            "issuer": "https://id.example",
            "role_claim": "groups",
            "roles": {"owner": ["o:1"], "operator": ["@staff"]},
        }
    )
    held: frozenset[AccountRole] = frozenset({"owner", "operator"})
    made = {
        name: await store.add_account(Account(adapter="web", name=name, roles=held, by=by, password=password))
        for name, by, password in (
            ("listed", settings.by("o:1"), ""),
            ("dropped", settings.by("o"), ""),
            ("elsewhere", "discord:1", ""),
            ("own", "", "x"),
        )
    }
    await take_back(store, "web", [settings])
    roles = {one.name: sorted(one.roles) for one in await store.accounts_of("web")}
    both = ["operator", "owner"]
    assert roles == {"listed": both, "dropped": ["operator"], "elsewhere": [], "own": both}
    about = WebSettings(sign_in={"id": settings})
    sign_in = SignIn(adapter="web", settings=about, store=store, clock=clock)
    stays: list[bool] = []
    for one in made.values():
        token, now = new_token(), clock.now()
        await store.open_session(
            Session(account=one.id, made_at=now, seen_at=now, expires_at=now.replace(year=2999)), token
        )
        stays.append(await sign_in.visit_of(token) is not None)
    assert stays == [True, True, False, True], "whose way in is not configured any more is out"


async def test_a_discord_account_comes_in_by_its_server(tmp_path: Path, clock: ManualClock) -> None:
    async with world(
        tmp_path, clock, kind="discord", emails=[], guild="77", roles={"owner": ["1001"]}
    ) as place:
        provider = place.provider
        provider.user = {"id": "1001", "username": "ann_99", "global_name": "Ann", "email": "x@example.org"}
        ann = place.visitor()
        there = await ann.browser.client.get(GO)
        query = parse_qs(urlsplit(there.headers["Location"]).query)
        assert query["scope"] == ["identify guilds"]
        assert (await ann.come_back(await ann.at_provider(there.headers["Location"]))).status_code == 403
        assert not ann.signed_in
        provider.guilds = ["76", "77"]
        assert (await ann.sign_in()).status_code == 303
        found = await place.stand.app.parts.store.account_by("web", "discord:1001")
        assert found is not None
        assert (found.name, list(found.roles)) == ("Ann", ["owner"])
        provider.user = {"id": "1 OR 1"}
        assert (await place.visitor().sign_in()).status_code == 403


async def test_a_slack_account_comes_in_by_its_workspace(tmp_path: Path, clock: ManualClock) -> None:
    async with world(tmp_path, clock, kind="slack", emails=[], team="T1") as place:
        ann, claim = place.visitor(), "https://slack.com/team_id"
        for team in ("T2", "", None):
            place.provider.user = {"sub": "U1", "name": "Ann", claim: team}
            assert (await ann.sign_in()).status_code == 403
            assert not ann.signed_in
        place.provider.user = {"sub": "U1", "name": "Ann", claim: "T1"}
        there = await ann.browser.client.get(GO)
        assert parse_qs(urlsplit(there.headers["Location"]).query)["team"] == ["T1"]
        assert (await ann.sign_in()).status_code == 303
        assert await place.stand.app.parts.store.account_by("web", "slack:T1:U1") is not None
        place.provider.answer = {"ok": False, "error": "invalid_code"}
        assert (await place.visitor().sign_in()).status_code == 503
    async with world(tmp_path, clock, kind="slack", emails=[], open=True) as place:
        place.provider.user = {"sub": "U1", "name": "Ann"}
        assert (await place.visitor().sign_in()).status_code == 403, "ids are those of a workspace"


async def test_nothing_that_a_provider_sends_gets_into_the_log(place: World) -> None:
    stream = StringIO()
    with configured(stream=stream, level="debug", format="json", content=True):
        assert (await place.visitor().sign_in()).status_code == 303
        place.provider.claims = {"nonce": "n0-nonce"}
        addresses = [await (ann := place.visitor()).go()]
        await ann.come_back(addresses[0])
        place.provider.claims, place.provider.user = {}, dict(BEN)
        await place.visitor().sign_in()
        place.provider.back = {"error": "<b>my\nown</b>", "error_description": "look here"}
        told = await place.visitor().sign_in()
        place.provider.back, place.provider.answer = {}, {"ok": False, "error": "SOME THING"}
        await place.visitor().sign_in()
    ours = [
        line for line in stream.getvalue().splitlines() if not json.loads(line)["logger"].startswith("http")
    ]
    said = "\n".join(ours)
    assert "rostra_adapters" in said
    assert "its nonce differs" in said
    assert "may not come in" in said
    secrets = [*place.provider.tokens, *place.provider.issued, SECRET, "n0-nonce", "example.org", "look here"]
    secrets += [form["code_verifier"] for form in place.provider.forms]
    secrets += [asked["state"] for asked in place.provider.issued.values()]
    assert not [one for one in [*secrets, "my", "b-2", "SOME"] if one in said]
    assert "look here" not in told.text
    assert "my\nown" not in told.text


async def test_what_a_provider_says_instead_of_a_code_is_told_plainly(place: World) -> None:
    ann = place.visitor()
    for error, told in (
        ("access_denied", "it was cancelled"),
        ("login_required", "would not say who you are"),
    ):
        place.provider.error = error
        back = await ann.sign_in()
        assert back.status_code == 403
        assert told in back.text
    stranger = await place.visitor().come_back(f"{BACK}?error=access_denied&state=x")
    assert "cancelled" not in stranger.text, "not to whoever did not begin it"


async def test_what_comes_back_names_its_issuer_where_the_issuer_says_so(
    tmp_path: Path, clock: ManualClock
) -> None:
    async with providing(clock, user=dict(ANN)) as provider:
        provider.discovery = {"authorization_response_iss_parameter_supported": True}
        table = {
            "kind": "oidc",
            "client_id": CLIENT,
            "client_secret": SECRET,
            "issuer": provider.url,
            "open": True,
        }
        async with standing(tmp_path, clock=clock, accounts=False, sign_in={"id": table}) as stand:
            for iss, status in ((None, 403), ("https://evil.example", 403), (provider.url, 303)):
                provider.back = {} if iss is None else {"iss": iss}
                assert (await Visitor(stand.browser()).sign_in()).status_code == status, iss


async def test_a_new_key_is_asked_for_once_and_an_old_one_is_not_believed(place: World) -> None:
    assert (await place.visitor().sign_in()).status_code == 303
    old = place.provider.key
    place.provider.rotate("k2")
    assert (await place.visitor().sign_in()).status_code == 303
    place.provider.key, place.provider.kid = old, "k1"
    before = place.provider.asked.count("/keys")
    assert (await place.visitor().sign_in()).status_code == 403
    assert place.provider.asked.count("/keys") == before + 1 == 3
    assert place.provider.asked.count("/.well-known/openid-configuration") == 1


async def test_an_issuer_that_does_not_answer_is_told_of_and_left_alone_for_a_moment(
    place: World, clock: ManualClock
) -> None:
    place.provider.down = True
    ann = place.visitor()
    for _ in range(3):
        back = await ann.browser.client.get(GO)
        assert back.status_code == 503
        assert "does not answer as it should" in back.text
    assert len(place.provider.asked) == 1
    place.provider.down, place.provider.moved = False, True
    await clock.advance(6)
    assert (await ann.browser.client.get(GO)).status_code == 503
    assert "/moved" not in place.provider.asked, "it might lead inside the network that the bot is in"
    place.provider.moved = False
    await clock.advance(6)
    assert (await ann.sign_in()).status_code == 303


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"issuer": "https://evil.example"}, "another issuer"),
        ({"token_endpoint": "http://10.0.0.1/token"}, "no token_endpoint"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "no authorization_endpoint"),
        ({"jwks_uri": None}, "no jwks_uri"),
        ({"filler": "x" * 600_000}, "ValueError"),
    ],
)
async def test_a_discovery_document_that_leads_elsewhere_is_not_followed(
    tmp_path: Path, clock: ManualClock, said: dict[str, Any], why: str
) -> None:
    async with providing(clock, discovery=said) as provider:
        table = {"kind": "oidc", "client_id": "x", "client_secret": "x", "issuer": provider.url, "open": True}
        settings = WebSettings.model_validate({"sign_in": {"id": table}})
        services = Services(name="web", data=tmp_path, base=tmp_path, clock=clock)
        _, finding = await check(settings, services)
        assert not finding.ok
        assert why in finding.what
        assert finding.advice
        provider.discovery = {}
        _, finding = await check(settings, services)
        assert finding.ok
        assert "http://127.0.0.1:8080/sign-in/with/id/back" in finding.what


async def test_the_way_back_leads_to_the_page_and_nowhere_else(place: World) -> None:
    ann = place.visitor()
    there = await ann.browser.client.get(f"{GO}?next=https://evil.example&redirect_uri=https://evil.example")
    assert "evil" not in there.headers["Location"]
    address = await ann.at_provider(there.headers["Location"])
    back = await ann.come_back(f"{address}&next=//evil.example&redirect=https://evil.example")
    assert (back.status_code, back.headers["Location"]) == (303, "/")
    spoofed = place.stand.browser(Host="evil.example")
    moved = await spoofed.client.get(GO)
    assert moved.status_code == 400, "an address that nobody configured is not put into a redirect"
    assert "public_url" in moved.text
    assert (await spoofed.client.get("/sign-in/with/nobody")).status_code == 404


async def test_whoever_opens_another_name_of_the_page_is_brought_to_its_own(place: World) -> None:
    port = place.stand.url.rpartition(":")[2]
    moved = await place.stand.browser(Host=f"localhost:{port}").client.get(GO)
    assert (moved.status_code, moved.headers["Location"]) == (303, f"{place.stand.url}{GO}?moved")


async def test_coming_back_is_slowed_down_as_passwords_are(tmp_path: Path, clock: ManualClock) -> None:
    async with world(tmp_path, clock, options={"sign_ins_per_minute": 1}) as place:
        told = [(await place.visitor().come_back(f"{BACK}?state=x&code=x")) for _ in range(6)]
        assert [one.status_code for one in told] == [403, 403, 403, 403, 429, 429]
        assert int(told[-1].headers["Retry-After"]) > 0
        await clock.advance(16)
        assert (await place.visitor().sign_in()).status_code == 303


async def test_names_are_had_by_one_and_the_operators_is_nobody_elses(
    tmp_path: Path, clock: ManualClock
) -> None:
    # With an owner of its own the page needs no account for an operator, whose name is free then.
    about: dict[str, Any] = {"emails": [], "open": True, "roles": {"owner": ["0"]}}
    async with world(tmp_path, clock, options={"sign_ins_per_minute": 100}, **about) as place:
        await place.stand.account("Ann")
        for subject, name in (("1", "ANN"), ("2", "ann"), ("3", "Operator"), ("4", " \u200b\n")):
            place.provider.user = {"sub": subject, "preferred_username": name}
            assert (await place.visitor().sign_in()).status_code == 303
        found = [one.name for one in await place.accounts() if one.by]
        assert found == ["ANN 2", "ann 3", "Operator 2", "somebody"]


GOOGLE = {"kind": "oidc", "client_id": "x", "client_secret": "x", "issuer": "https://accounts.google.com"}


def test_a_domain_at_google_is_that_of_whoever_made_the_account() -> None:
    settings = ProviderSettings.model_validate({**GOOGLE, "domains": ["club.example"]})
    private = Somebody(subject="1", by="x", name="ann", email="ann@club.example")
    assert not admitted(settings, private)
    assert admitted(settings, replace(private, hosted="club.example"))


def test_a_group_and_a_person_of_the_same_name_are_two() -> None:
    table = {**GOOGLE, "role_claim": "groups", "roles": {"owner": ["@board"], "rater": ["ann"]}}
    settings = ProviderSettings.model_validate(table)
    ann = Somebody(subject="@board", by="x", name="ann", groups=frozenset({"ann"}))
    assert roles_of(settings, ann) == frozenset()
    assert not admitted(settings, ann)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"domains": []}, "nobody may come in"),
        ({"issuer": "http://id.example"}, "no issuer"),
        ({"issuer": "https://id.example/?a"}, "no issuer"),
        ({"issuer": ""}, "needs an issuer"),
        ({"client_secret": " \n"}, "is empty"),
        ({"kind": "discord", "issuer": ""}, "Discord's people have ids"),
        ({"kind": "slack", "issuer": ""}, "team"),
        ({"team": "T1"}, "team is for kind = 'slack'"),
        ({"guild": "1"}, "guild is for kind = 'discord'"),
        ({"roles": {"owner": ["@board"]}}, "set role_claim"),
        ({"scopes": ["email"]}, "'openid'"),
        ({"emails": ["example.org"]}, "emails are written"),
        ({"domains": ["@example.org"]}, "domains as"),
    ],
)
def test_settings_that_would_let_in_nobody_or_the_wrong_ones_are_refused(
    change: dict[str, Any], why: str
) -> None:
    with pytest.raises(ValueError, match=re.escape(why)) as failure:
        ProviderSettings.model_validate({**GOOGLE, "domains": ["club.example"], **change})
    assert "s3cret" not in str(failure.value)


def test_a_page_for_others_has_an_address_and_each_person_one_way_in() -> None:
    google = {**GOOGLE, "open": True}
    with pytest.raises(ValueError, match="sign_in needs public_url"):
        WebSettings.model_validate({"listen": "0.0.0.0:80", "sign_in": {"id": google}})
    for wrong in (
        "http://chat.example.org",
        "https://chat.example.org/page",
        "chat.example.org",
        "https://a@b/",
    ):
        with pytest.raises(ValueError, match="is not the address of a page"):
            WebSettings(public_url=wrong)
    assert WebSettings(public_url="https://Chat.example.org/").public_url == "https://chat.example.org"
    slack = {"kind": "slack", "client_id": "x", "client_secret": "x", "team": "T1"}
    for two in (google, {**slack, "team": "", "open": True}):
        with pytest.raises(ValueError, match="for the same people"):
            WebSettings.model_validate({"sign_in": {"a": google if two is google else slack, "b": two}})
    WebSettings.model_validate({"sign_in": {"a": slack, "b": {**slack, "team": "T2"}, "c": google}})
    with pytest.raises(ValueError, match="pattern"):
        WebSettings.model_validate({"sign_in": {"a/b": google}})


async def test_a_page_for_others_starts_if_an_owner_can_come_in(tmp_path: Path, clock: ManualClock) -> None:
    store = MemoryStore(clock=clock)
    services = Services(name="web", data=tmp_path, base=tmp_path, clock=clock, store=store)
    table = {**GOOGLE, "domains": ["club.example"]}
    others = {"listen": "0.0.0.0:0", "public_url": "https://chat.example.org"}
    told: list[str] = []
    nobodys = WebSettings.model_validate({**others, "sign_in": {"club": table}})
    await store.add_account(Account(adapter="web", name="eve", roles=frozenset({"owner"}), password="x"))
    with pytest.raises(
        ConfigError, match=r"set roles.owner in \[adapters.web.sign_in.club\], or set accounts"
    ):
        async with opened_with(nobodys, services, announce=told.append):
            pass
    anns = {**table, "roles": {"owner": ["1"]}}
    for about in ({"sign_in": {"club": anns}}, {"sign_in": {"club": table}, "accounts": True}):
        async with opened_with(
            WebSettings.model_validate({**others, **about}), services, announce=told.append
        ):
            pass
    assert told == []


def test_a_secret_may_stand_in_the_environment_and_is_never_shown(tmp_path: Path) -> None:
    file = tmp_path / "rostra.toml"
    table = '[adapters.web.sign_in.my-club]\nkind = "slack"\nclient_id = "x"\n'
    file.write_text(f'[adapters.web]\nkind = "web"\n{table}team = "T1"\n[models.canned]\nkind = "canned"\n')
    assert "client_secret" in str(survey(load(file, {})).problems)
    known = {"ROSTRA_ADAPTERS__WEB__SIGN_IN__MY_CLUB__CLIENT_SECRET": SECRET}
    settings = load(file, known)
    assert list(survey(settings).problems) == []
    web = WebSettings.model_validate(settings.adapters["web"].options)
    assert SECRET not in f"{settings!r} {web!r}"
    file.write_text(file.read_text().replace('team = "T1"', "team = 1"))
    assert SECRET not in str(survey(load(file, known)).problems)
