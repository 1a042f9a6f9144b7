"""Reaching the stream of a data directory to look at it, whether its service runs or not."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from adapters.bootstrap.evidence import (
    Nats,
    directory_of,
    locked,
    nats,
    outside_nats,
    stream_spec,
)
from adapters.bootstrap.plan import refuse_unfinished
from adapters.jetstream.accounts import NatsRole
from adapters.jetstream.api import StreamInfo
from adapters.jetstream.config import StreamSpec
from adapters.jetstream.connection import Connection
from adapters.jetstream.lock import start_ticks
from adapters.jetstream.whole import NoStream, info_of, whole_stream
from application.checking import Whole
from application.settings import Settings
from domain.events import Aggregate

STORE: Final = "jetstream"


class Running(Struct, frozen=True):
    """What ``run/endpoint.json`` says of the service that runs."""

    nats_url: str
    pid: int


def running_service(settings: Settings) -> Running | None:
    """The service of the data directory, if one runs."""
    path = directory_of(settings) / "run" / "endpoint.json"
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Running)
    except (OSError, msgspec.MsgspecError):
        return None
    return found if start_ticks(found.pid) is not None else None


@asynccontextmanager
async def stream_reached(settings: Settings) -> AsyncIterator[Nats]:
    """The server that has the stream: an outside one, the running service's, or one started here.

    Raises ``NoStream`` when there is no store, ``Misconfigured`` when somebody else is at work on
    it.
    """
    if settings.nats_urls:
        yield outside_nats(settings)
        return
    running = running_service(settings)
    if running is not None:
        files = {role: credentials(settings, role) for role in NatsRole}
        yield Nats((running.nats_url,), (), files, None)
        return
    refuse_unfinished(directory_of(settings))
    refuse_no_store(settings)
    async with AsyncExitStack() as stack:
        lock = await stack.enter_async_context(locked(settings))
        yield await stack.enter_async_context(nats(settings, lock))


class Read(Struct, frozen=True):
    """A stream that is read, as it was when that began."""

    connection: Connection
    spec: StreamSpec
    info: StreamInfo

    @property
    def last(self) -> int:
        """The position of its last event."""
        return self.info.state.last_seq

    def events(
        self, after: int = 0, of: Aggregate | None = None
    ) -> AsyncGenerator[list[Whole], None]:
        """As ``whole_stream``."""
        return whole_stream(self.connection, self.spec, self.info, after, of)


@asynccontextmanager
async def stream_read(settings: Settings) -> AsyncIterator[Read]:
    """The same stream, connected to. Raises as ``stream_reached``, and ``Unavailable``."""
    async with stream_reached(settings) as server:
        connection = await Connection.open(server.address(NatsRole.SERVICE))
        try:
            spec = stream_spec(settings)
            yield Read(connection, spec, await info_of(connection, spec))
        finally:
            await connection.close()


def credentials(settings: Settings, role: NatsRole) -> Path:
    """The login of a role on the embedded server."""
    return directory_of(settings) / "credentials" / f"{role}.json"


def refuse_no_store(settings: Settings) -> None:
    """Raise ``NoStream`` where there is no store: a look must not make one."""
    store = directory_of(settings) / STORE
    if not store.is_dir():
        raise NoStream(
            f"{store} is not there: this data directory has no stream, or its store is lost (was "
            "another disk mounted?)"
        )
