"""The views of a real service, looked at from outside: their file, and the same built anew."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from adapters.jetstream.config import StreamSpec
from adapters.jetstream.connection import ServerAddress
from adapters.jetstream.log import JetStreamLog
from adapters.views.files import POINTER, Pointer
from adapters.views.store import SqliteViewStore
from application.settings import ACCEPT_LOSS, Settings
from application.view_building import fill
from application.view_store import Difference
from application.view_writer import ViewWriter
from domain.errors import CountermandError
from tests.contract.views import differences
from tests.e2e.service import Service
from tests.support.waiting import until

T = TypeVar("T")
QUIET_LOOKS: Final = 5


def in_use(service: Service) -> Path:
    """The file in use."""
    directory = service.data / "views"
    pointer = msgspec.json.decode((directory / POINTER).read_bytes(), type=Pointer)
    return directory / pointer.file


@contextmanager
def live(service: Service) -> Iterator[SqliteViewStore]:
    """The views in use, also while the service writes them."""
    store = SqliteViewStore(in_use(service), log_id(service), made=True)
    try:
        yield store
    finally:
        store.close()


async def opened(service: Service) -> JetStreamLog:
    """The service's own stream, as the service sees it."""
    where = service.endpoint
    spec = StreamSpec(
        where["cluster"], where["stream"], Settings(str(service.data)).stream_bytes_max
    )
    address = ServerAddress((where["nats_url"],), service.credentials("service"))
    return await JetStreamLog.open(address, spec, monitor_urls=(), accept_loss=ACCEPT_LOSS)


def on_stream(service: Service, act: Callable[[JetStreamLog], Awaitable[T]]) -> T:
    """Something done with the stream."""

    async def done() -> T:
        log = await opened(service)
        try:
            return await act(log)
        finally:
            await log.close()

    return asyncio.run(done())


def log_id(service: Service) -> str:
    """Which stream it is."""

    async def of(log: JetStreamLog) -> str:
        return log.id

    return on_stream(service, of)


def last_of(service: Service) -> int:
    """Where the stream ends."""

    async def last(log: JetStreamLog) -> int:
        return (await log.identity()).last

    return on_stream(service, last)


def until_quiet(service: Service) -> int:
    """Until nothing happens any more and the views know all of it; where the stream ends."""
    looks = list[int]()

    def quiet() -> bool:
        looks.append(last_of(service))
        same = looks[-QUIET_LOOKS:] == [looks[-1]] * QUIET_LOOKS
        return same and position(service) == looks[-1]

    until(quiet, "the views know a stream that has come to rest")
    return looks[-1]


def position(service: Service) -> int:
    """What the views are true for; -1 while there are none."""
    try:
        with live(service) as store:
            return store.position()
    except (OSError, CountermandError, msgspec.MsgspecError):
        return -1


def against_rebuild(service: Service, directory: Path) -> tuple[Difference, ...]:
    """Where the views in use differ from the same built anew from the stream, at one place of it:
    a task that sleeps may end meanwhile."""
    with live(service) as store:
        rebuilt = SqliteViewStore(directory / f"rebuilt-{threading.get_ident()}", log_id(service))

        async def build(log: JetStreamLog) -> None:
            await fill(log, ViewWriter(rebuilt), lambda at, last: None)

        def compared() -> tuple[tuple[Difference, ...]] | None:
            on_stream(service, build)
            place = rebuilt.position()
            found = differences(store, rebuilt)
            return (found,) if store.position() == place else None

        try:
            return until(compared, "the two are at one place")[0]
        finally:
            rebuilt.close()
