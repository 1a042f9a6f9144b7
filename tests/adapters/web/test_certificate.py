"""HTTPS: a certificate made here is trusted by those who are told so, and its key is private."""

import asyncio
import os
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from adapters.bootstrap.certificate import Pair, certificate_of
from adapters.bootstrap.self_signed import self_signed
from adapters.web.closing import Closing
from adapters.web.server import WebServer
from adapters.web.sockets import bind_tcp
from adapters.web.tls import server_context
from application.settings import Settings, check
from domain.errors import Misconfigured

NOW = datetime.now(UTC)


async def nothing(scope: object, receive: object, send: object) -> None:
    raise AssertionError("no request gets here")


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return self_signed(tmp_path / "https", "127.0.0.1", NOW)


async def handshake(pair: Pair, client: ssl.SSLContext, name: str) -> str:
    """The version of TLS that a client agrees on with a server of this certificate."""
    context = server_context(pair.certificate, pair.key)
    server = WebServer(nothing, [], Closing(), secure=[(bind_tcp(), context)])
    await server.start()
    try:
        _, writer = await asyncio.open_connection(
            "127.0.0.1", server.tcp_port, ssl=client, server_hostname=name
        )
        version = writer.get_extra_info("ssl_object").version()
        writer.close()
        await writer.wait_closed()
        return str(version)
    finally:
        await server.stop()


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
async def test_who_trusts_the_certificate_gets_in(pair: Pair, name: str) -> None:
    client = ssl.create_default_context(cafile=pair.certificate)
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    assert await handshake(pair, client, name) == "TLSv1.3"


async def test_tls_1_2_is_spoken_and_nothing_older(pair: Pair) -> None:
    client = ssl.create_default_context(cafile=pair.certificate)
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    assert await handshake(pair, client, "localhost") == "TLSv1.2"
    assert server_context(pair.certificate, pair.key).minimum_version is ssl.TLSVersion.TLSv1_2


async def test_who_does_not_trust_it_stays_out(pair: Pair) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        await handshake(pair, ssl.create_default_context(), "localhost")


def test_the_key_is_private(pair: Pair) -> None:
    assert os.stat(pair.key).st_mode & 0o777 == 0o600
    assert os.stat(pair.key.parent).st_mode & 0o777 == 0o700


def test_it_is_kept_as_long_as_it_will_do(tmp_path: Path, pair: Pair) -> None:
    before = pair.certificate.read_bytes()
    self_signed(tmp_path / "https", "127.0.0.1", NOW + timedelta(days=300))
    assert pair.certificate.read_bytes() == before
    self_signed(tmp_path / "https", "127.0.0.1", NOW + timedelta(days=340))
    assert pair.certificate.read_bytes() != before


def test_a_broken_one_is_made_anew(tmp_path: Path, pair: Pair) -> None:
    pair.key.write_text("not a key")
    again = self_signed(tmp_path / "https", "127.0.0.1", NOW)
    server_context(again.certificate, again.key)


def test_a_certificate_and_key_that_do_not_fit_are_refused(tmp_path: Path, pair: Pair) -> None:
    other = self_signed(tmp_path / "other", "127.0.0.1", NOW)
    with pytest.raises(Misconfigured, match="cannot be used for HTTPS"):
        server_context(pair.certificate, other.key)


def test_a_key_that_everybody_may_read_is_refused(pair: Pair) -> None:
    pair.key.chmod(0o644)
    with pytest.raises(Misconfigured, match="everybody may read the key"):
        server_context(pair.certificate, pair.key)


def test_a_missing_key_is_named(tmp_path: Path, pair: Pair) -> None:
    with pytest.raises(Misconfigured, match="no-such-key"):
        server_context(pair.certificate, tmp_path / "no-such-key")


def test_no_https_unless_it_is_set(tmp_path: Path) -> None:
    assert certificate_of(Settings(str(tmp_path)), NOW) is None


def test_a_certificate_without_a_key_is_not_allowed(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match="belong together"):
        check(Settings(str(tmp_path), https_certificate="some.pem"))
