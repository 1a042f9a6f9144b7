"""A full store refuses, says so, and evicts nothing."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.jetstream.publish import Patience
from adapters.jetstream.server import EmbeddedServer
from application.ports import CaughtUp, Token
from domain.errors import StoreFull
from tests.support.events import job, queued, rejected, write
from tests.support.nats import fresh_stream, nats_server, own_server

__all__ = ["nats_server"]

MIB = 1024**2
FILLER_BYTES = 50_000


async def test_a_full_store_refuses_single_events_and_batches(
    nats_server: EmbeddedServer,
) -> None:
    nats = await fresh_stream(nats_server, max_bytes=MIB)
    log = await nats.open()
    token = Token()
    stored = (MIB - MIB // 100) // (FILLER_BYTES + 1000)
    for _ in range(stored):
        (token,) = await log.append([write(token, rejected("x" * FILLER_BYTES))])
    with pytest.raises(StoreFull, match="nothing was stored"):
        await log.append([write(token, rejected("x" * FILLER_BYTES))])
    with pytest.raises(StoreFull):
        await log.append([write(token, *(rejected("x" * FILLER_BYTES) for _ in range(3)))])
    events = [e async for b in log.read(0) if not isinstance(b, CaughtUp) for e in b]
    assert [event.position for event in events] == list(range(1, stored + 1))
    await log.close()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 6 MiB of its own; needs the right to mount."""
    command = ["mount", "-t", "tmpfs", "-o", "size=6m", "countermand-test", str(tmp_path)]
    try:
        done = subprocess.run(command, capture_output=True, check=False)
    except OSError:
        pytest.skip("there is no mount command")
    if done.returncode != 0:
        pytest.skip(f"not allowed to mount: {done.stderr.decode()}")
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


async def test_a_full_disk_is_said_clearly_and_heals(small_disk: Path) -> None:
    async with own_server(small_disk) as server:
        nats = await fresh_stream(server)
        log = await nats.open(patience=Patience(deadline_seconds=3.0, answer_seconds=0.5))
        (token,) = await log.append([write(Token(), rejected("x" * FILLER_BYTES))])
        used, limit = await log.store_use()
        assert limit - used < 6 * MIB
        filler = small_disk / "filler"
        filler.write_bytes(b"x" * (server.free_bytes() - 8192))
        with pytest.raises(StoreFull, match="bytes left"):
            await log.append([write(token, rejected("x" * FILLER_BYTES))])
        with pytest.raises(StoreFull, match="bytes left"):
            await log.append([write(token, *(rejected("x" * FILLER_BYTES) for _ in range(2)))])
        filler.unlink()
        (token,) = await log.append([write(token, rejected("room again"))])
        assert (token.version, token.position) == (2, 2)
        assert len(await log.load(job())) == 2
        await log.close()


async def test_the_use_of_the_store_is_known_before_it_is_full(
    nats_server: EmbeddedServer,
) -> None:
    nats = await fresh_stream(nats_server, max_bytes=MIB)
    log = await nats.open()
    assert await log.store_use() == (0, MIB)
    (token,) = await log.append([write(Token(), rejected("x" * FILLER_BYTES))])
    used, limit = await log.store_use()
    assert FILLER_BYTES < used < FILLER_BYTES + 3000
    assert limit == MIB
    await log.append([write(token, queued())])
    again, _ = await log.store_use()
    assert again > used
    await log.close()
