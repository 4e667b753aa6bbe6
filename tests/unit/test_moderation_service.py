"""The settings of a remote moderator, its certificates, and what the doctor finds."""

from __future__ import annotations

import ssl
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from pydantic import ValidationError

from rostra.addresses import is_loopback
from rostra.clock import SystemClock
from rostra.components import Services
from rostra.errors import ConfigError, ModerationError
from rostra.testing.clock import ManualClock
from rostra.testing.moderators import passage
from rostra.verdicts import Decision
from rostra_moderation.remote import check, component, opened
from rostra_moderation.service import RemoteSettings
from rostra_moderation.testing import Answer, FakeService, judged

KEY = "sk-very-secret"


def test_the_key_is_not_shown_with_the_settings() -> None:
    settings = RemoteSettings.model_validate({"url": "https://example.org/v1/moderations", "api_key": KEY})
    assert KEY not in repr(settings)
    assert KEY not in settings.model_dump_json()


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"url": "example.org"}, "must be a whole address"),
        ({"url": "ftp://example.org/x"}, "must be a whole address"),
        ({"url": "https://ann:pw@example.org/x"}, "must have no user and password"),
        ({"url": "http://example.org/x"}, "must begin with https://"),
        ({"url": "http://10.0.0.1/x"}, "must begin with https://"),
        ({"url": "http://127.0.0.1.example.org/x"}, "must begin with https://"),
        ({"url": "https://example.org/x", "api_key": "two words"}, "which no header can have"),
        ({"url": "https://example.org/x", "api_key": "one\n"}, "which no header can have"),
        ({"url": "https://example.org/x", "timeout": 0}, "greater than 0"),
    ],
)
def test_wrong_settings_are_explained(wrong: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        RemoteSettings.model_validate(wrong)


@pytest.mark.parametrize("url", ["http://localhost/x", "http://127.0.0.1:8/x", "http://[::1]/x"])
def test_what_stays_on_this_machine_may_go_in_the_clear(url: str) -> None:
    assert is_loopback(url)
    assert RemoteSettings(url=url).url == url


def test_http_to_another_machine_has_to_be_allowed() -> None:
    assert RemoteSettings(url="http://10.0.0.1/x", allow_http=True).allow_http


def certificate(folder: Path) -> ssl.SSLContext:
    """Return a context for a server at 127.0.0.1, whose certificate is then in ``ca.pem``."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a test")])
    start = SystemClock().now()
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(start - timedelta(days=1))
        .not_valid_after(start + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    public = made.public_bytes(serialization.Encoding.PEM)
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "ca.pem").write_bytes(public)
    (folder / "all.pem").write_bytes(public + private)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "all.pem")
    return context


async def test_a_service_that_cannot_show_who_it_is_gets_no_text(tmp_path: Path) -> None:
    service = FakeService()
    services = Services(name="remote", data=tmp_path, base=tmp_path, clock=ManualClock())
    async with service.listening(certificate(tmp_path)) as url:
        async with opened(RemoteSettings(url=url, attempts=1), services) as remote:
            with pytest.raises(ModerationError, match="no connection"):
                await remote.judge(passage("hello"))
        assert service.asked == []
        async with opened(RemoteSettings(url=url, ca_file=Path("ca.pem")), services) as remote:
            assert (await remote.judge(passage("hello"))).decision is Decision.ALLOW
    assert len(service.asked) == 1


async def test_certificates_that_are_not_there_are_named(tmp_path: Path) -> None:
    settings = RemoteSettings(url="https://localhost/x", ca_file=Path("ca.pem"))
    with pytest.raises(ConfigError, match=r"no file 'ca\.pem'; 'ca_file' must be one"):
        async with component.open(settings, Services(name="remote", data=tmp_path, base=tmp_path)):
            pass


async def test_the_doctor_asks_about_a_harmless_word() -> None:
    service = FakeService(script=[judged, Answer(status=401)])
    services = Services(name="remote", data=Path(), base=Path(), clock=ManualClock())
    async with service.listening() as url:
        settings = RemoteSettings(url=url)
        assert [finding.ok for finding in await check(settings, services)] == [True]
        (finding,) = await check(settings, services)
    assert not finding.ok
    assert "status 401" in finding.what
    assert finding.advice
    assert service.asked[0].body["input"] == ["hello"]
