"""Whom a remote model connects to: certificates that it trusts, and proxies that the environment names."""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from rostra.chat import Sampling, Utterance
from rostra.components import Services
from rostra.errors import ModelError
from rostra_models.remote.component import opened
from rostra_models.remote.model import RemoteModel
from rostra_models.remote.server import proxy_for
from rostra_models.remote.settings import RemoteSettings
from rostra_models.remote.testing import FakeServer

ASKED = (Utterance(role="user", text="Hello"),)
VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in (*VARIABLES, *(name.upper() for name in VARIABLES)):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


def certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """Return a file with a certificate of this machine that signs itself, and what a server needs to show it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "here")])
    now = datetime.now(UTC)  # noqa: TID251  TLS asks the machine's own clock
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    trusted, secret = folder / "ca.pem", folder / "key.pem"
    trusted.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(trusted, secret)
    return trusted, context


@asynccontextmanager
async def model(url: str, **given: object) -> AsyncGenerator[RemoteModel]:
    settings = RemoteSettings.model_validate({"url": url, "model": "echo", "retries": 0, **given})
    async with opened(settings, Services(name="far", data=Path(), base=Path())) as made:
        yield made


async def answer(asked: RemoteModel) -> str:
    return "".join([piece.text async for piece in asked.stream(ASKED, Sampling())])


async def test_only_a_server_whose_certificate_is_trusted_is_told_anything(tmp_path: Path) -> None:
    trusted, context = certificate(tmp_path)
    server = FakeServer()
    async with server.listening(context) as url:
        async with model(url) as stranger:
            with pytest.raises(ModelError, match=r"no connection to its server \(\w*Certificate\w*\)"):
                await answer(stranger)
        assert server.asked == []
        async with model(url, ca_file=trusted) as known:
            assert await answer(known) == "Hello"
        async with model(url.replace("127.0.0.1", "localhost"), ca_file=trusted) as misnamed:
            with pytest.raises(ModelError, match="no connection to its server"):
                await answer(misnamed)
    assert len(server.asked) == 1


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "all_proxy"])
async def test_a_server_elsewhere_is_asked_by_the_proxy_that_the_environment_names(
    environment: pytest.MonkeyPatch, name: str
) -> None:
    proxy = FakeServer()
    async with proxy.listening() as url:
        environment.setenv(name, url.removesuffix("/v1"))
        async with model("http://far.example/v1", allow_http=True) as far:
            assert await answer(far) == "Hello"
    assert proxy.asked[0].target == "http://far.example/v1/chat/completions"


async def test_a_server_on_this_machine_is_asked_by_no_proxy(environment: pytest.MonkeyPatch) -> None:
    proxy, server = FakeServer(), FakeServer()
    async with proxy.listening() as by, server.listening() as url:
        environment.setenv("http_proxy", by)
        async with model(url) as near:
            assert await answer(near) == "Hello"
    assert proxy.asked == []


def test_a_proxy_may_be_named_without_a_scheme_and_hosts_excepted(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("https_proxy", "proxy.example:3128")
    environment.setenv("no_proxy", "near.example")
    assert proxy_for("https://far.example/v1") == "http://proxy.example:3128"
    assert proxy_for("https://near.example/v1") is None
    assert proxy_for("http://far.example/v1") is None
