"""Without proof that an acknowledgement is a sync, nothing starts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from adapters.jetstream.durability import ask, prove_durability
from adapters.jetstream.lock import DataLock
from adapters.jetstream.log import JetStreamLog
from adapters.jetstream.server import EmbeddedServer
from application.settings import ACCEPT_LOSS
from domain.errors import Misconfigured
from tests.support.nats import Nats, fresh_stream, nats_server

__all__ = ["nats_server"]


class CarelessServer(EmbeddedServer):
    """A server with the default sync interval: it acknowledges up to two minutes too early."""

    def config_text(self) -> str:
        text = super().config_text()
        assert '"sync_interval": "always",' in text
        return text.replace('"sync_interval": "always",', "")


@asynccontextmanager
async def careless(directory: Path) -> AsyncIterator[Nats]:
    lock = await DataLock.acquire(directory)
    server = await CarelessServer.start(lock, cluster="*", stream="*")
    try:
        yield await fresh_stream(server)
    finally:
        await server.stop()
        lock.release()


async def test_a_server_that_syncs_is_proven(nats_server: EmbeddedServer) -> None:
    said = await ask(nats_server.monitor_url + "/")
    assert said.sync_always
    assert said.name == nats_server.server_name
    await prove_durability((nats_server.monitor_url,), frozenset({said.name}))


async def test_a_server_that_does_not_sync_is_refused(tmp_path: Path) -> None:
    async with careless(tmp_path) as nats:
        with pytest.raises(Misconfigured, match="does not have sync_always"):
            await nats.open()


async def test_only_the_exact_words_accept_loss(tmp_path: Path) -> None:
    async with careless(tmp_path) as nats:

        async def attempt(words: str) -> None:
            log = await JetStreamLog.open(
                nats.address(), nats.spec, monitor_urls=(), accept_loss=words
            )
            await log.close()

        for words in ("", "yes", ACCEPT_LOSS.lower()):
            with pytest.raises(Misconfigured, match="no monitoring URL"):
                await attempt(words)
        await attempt(ACCEPT_LOSS)


async def test_a_proof_from_another_server_does_not_count(nats_server: EmbeddedServer) -> None:
    with pytest.raises(Misconfigured, match="no monitoring URL proves replica-2"):
        await prove_durability(
            (nats_server.monitor_url,), frozenset({nats_server.server_name, "replica-2"})
        )


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "file:///etc/passwd", "nonsense"])
async def test_a_url_that_does_not_answer_is_named(url: str) -> None:
    with pytest.raises(Misconfigured, match="does not answer"):
        await prove_durability((url,), frozenset())


async def test_the_proof_ignores_proxies(
    nats_server: EmbeddedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert (await ask(nats_server.monitor_url)).sync_always
