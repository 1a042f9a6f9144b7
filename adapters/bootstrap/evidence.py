"""The data directory, the stream and the journal: opened, and proven to belong together."""

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager, closing
from pathlib import Path
from typing import Final

from msgspec import Struct

from adapters.bootstrap.marker import Known, Marker, check_known, read_marker, write_marker
from adapters.jetstream.accounts import NatsRole
from adapters.jetstream.config import StreamSpec
from adapters.jetstream.connection import ServerAddress
from adapters.jetstream.durability import prove_durability
from adapters.jetstream.lock import DataLock
from adapters.jetstream.log import JetStreamLog
from adapters.jetstream.provision import grow, provision
from adapters.jetstream.publish import UnseenDisk
from adapters.jetstream.server import EmbeddedServer
from adapters.journal import SqliteJournal
from adapters.mark import FileMark
from application.ports import CaughtUp, Mark
from application.second_copy import SecondCopy
from application.settings import REBUILD_JOURNAL, Settings
from application.startup_check import compare, prove
from domain.errors import Misconfigured

NOTHING_KNOWN: Final = Mark("", 0, "")


class Nats(Struct, frozen=True):
    """Where the stream is: addresses by role, monitoring, and the embedded server if it is ours."""

    urls: tuple[str, ...]
    monitor_urls: tuple[str, ...]
    credentials: dict[NatsRole, Path]
    server: EmbeddedServer | None

    def address(self, role: NatsRole) -> ServerAddress:
        """How to connect in a role."""
        return ServerAddress(self.urls, self.credentials[role], str(role))


def directory_of(settings: Settings) -> Path:
    """The data directory."""
    return Path(settings.data_directory)


def journal_path(settings: Settings) -> Path:
    """Where the journal lies; it may be another disk."""
    chosen = Path(settings.journal) if settings.journal else None
    return chosen or directory_of(settings) / "journal" / "journal.sqlite"


def mark_path(settings: Settings) -> Path:
    """Where the mark lies; it belongs on another disk than the stream."""
    chosen = Path(settings.mark_file) if settings.mark_file else None
    return chosen or journal_path(settings).parent / "mark"


def mark_file(settings: Settings) -> FileMark:
    """The mark."""
    return FileMark(mark_path(settings))


def copied_by(settings: Settings) -> Mark | None:
    """How far the journal went."""
    path = journal_path(settings)
    if not path.exists():
        return None
    with closing(SqliteJournal(path, settings.cluster)) as journal:
        return journal.mark()


def marked_by(settings: Settings) -> Mark | None:
    """The mark; one that is damaged says nothing."""
    try:
        return mark_file(settings).read()
    except Misconfigured:
        return None


def furthest(*known: Mark | None) -> Mark:
    """The one with the highest position, the first of several; one at position 0 for none."""
    return max((x for x in known if x is not None), key=lambda x: x.position, default=NOTHING_KNOWN)


def stream_spec(settings: Settings) -> StreamSpec:
    """The stream as it must be."""
    return StreamSpec(
        cluster=settings.cluster,
        stream=settings.stream,
        max_bytes=settings.stream_bytes_max,
        replicas=settings.stream_replicas,
    )


@asynccontextmanager
async def locked(settings: Settings) -> AsyncIterator[DataLock]:
    """The data directory, ours alone. Others may enter a new one, but it hides what is in it."""
    directory = directory_of(settings)
    try:
        new = not directory.exists()
        lock = await DataLock.acquire(directory)
    except OSError as error:
        raise unusable(directory, error) from None
    try:
        open_to_others(directory, new)
        yield lock
    finally:
        lock.release()


def open_to_others(directory: Path, new: bool) -> None:
    """Others may pass through a directory that we made, to the socket in ``run``."""
    run = directory / "run"
    try:
        if new:
            directory.chmod(0o711)
        run.mkdir(exist_ok=True)
        run.chmod(0o711)
    except OSError as error:
        raise unusable(directory, error) from None


def unusable(directory: Path, error: OSError) -> Misconfigured:
    """A data directory that cannot be one."""
    why = error.strerror or str(error)
    return Misconfigured(
        f"{directory} cannot be the data directory: {why}; choose a directory that this account "
        "may make or write"
    )


@asynccontextmanager
async def nats(settings: Settings, lock: DataLock) -> AsyncIterator[Nats]:
    """The embedded server, started and ended here, or an outside one."""
    if settings.nats_urls:
        yield outside_nats(settings)
        return
    server = await EmbeddedServer.start(lock, cluster=settings.cluster, stream=settings.stream)
    try:
        files = {role: server.credentials_file(role) for role in NatsRole}
        yield Nats((server.url,), (server.monitor_url,), files, server)
    finally:
        await server.stop()


def outside_nats(settings: Settings) -> Nats:
    """What the settings say of a server that is not ours."""
    files = {
        NatsRole.SERVICE: Path(settings.nats_service_credentials_file),
        NatsRole.PROVISIONER: Path(settings.nats_provisioner_credentials_file),
        NatsRole.READER: Path(settings.nats_reader_credentials_file),
    }
    if settings.nats_operator_credentials_file:
        files[NatsRole.OPERATOR] = Path(settings.nats_operator_credentials_file)
    return Nats(settings.nats_urls, settings.nats_monitor_urls, files, None)


async def provision_stream(settings: Settings, server: Nats) -> bool:
    """Make the stream; whether it was made now. The one place that does.

    Durability is proven before: nothing is made on a server that would be refused.
    """
    await prove_durability(server.monitor_urls, frozenset(), settings.accept_loss)
    address, spec = server.address(NatsRole.PROVISIONER), stream_spec(settings)
    return await provision(address, spec, may_create=not knows_a_stream(settings))


async def grow_stream(settings: Settings, server: Nats) -> int | None:
    """Give our own stream the room that the settings say; the bytes it had, None for no change."""
    if server.server is None:
        return None  # an outside server's streams are its operator's
    return await grow(server.address(NatsRole.OPERATOR), stream_spec(settings))


def knows_a_stream(settings: Settings) -> bool:
    """Whether this data directory has ever had a stream."""
    return read_marker(directory_of(settings)) is not None or journal_path(settings).exists()


async def proven(settings: Settings) -> Mark:
    """The stream's head, when a start would accept it. Nothing is written.

    Raises as a start does: ``Corrupt`` and ``Misconfigured`` with a report.
    """
    async with locked(settings) as lock, nats(settings, lock) as server:
        log = await opened(settings, server, JetStreamLog)
        try:
            identity, mark = await log.identity(), mark_file(settings).read()
            check_known(known(settings, mark), identity.id, identity.last)
            if not journal_there(settings):
                head = (await prove(log, None, mark))[1]
                await read_through(log, None)
                return head
            with closing(SqliteJournal(journal_path(settings), settings.cluster)) as journal:
                copied = journal.mark()
                head = (await prove(log, copied, mark, journal))[1]
                await read_through(log, SecondCopy(journal, copied.position if copied else 0))
            return head
        finally:
            await log.close()


async def read_through(log: JetStreamLog, second: SecondCopy | None) -> None:
    """Every event, read and compared as a start does. Raises ``Corrupt`` for a hole, or for one
    that the journal has otherwise."""
    async with aclosing(log.read(0)) as batches:
        async for batch in batches:
            if second is not None and not isinstance(batch, CaughtUp):
                await second.compare(batch)


def journal_there(settings: Settings) -> bool:
    """Whether there is a journal that something was written to."""
    path = journal_path(settings)
    return path.exists() and path.stat().st_size > 0


def known(settings: Settings, mark: Mark | None) -> Known:
    """What is known of the stream beside it."""
    return Known(
        marker=read_marker(directory_of(settings)),
        journal=journal_there(settings) and copied_by(settings) is not None,
        mark=mark is not None,
        own=not settings.nats_urls,
        rebuild=settings.rebuild_journal == REBUILD_JOURNAL,
    )


async def opened(settings: Settings, server: Nats, log_type: type[JetStreamLog]) -> JetStreamLog:
    """The log, whole and durable. Raises as ``JetStreamLog.open``."""
    return await log_type.open(
        server.address(NatsRole.SERVICE),
        stream_spec(settings),
        monitor_urls=server.monitor_urls,
        accept_loss=settings.accept_loss,
        disk=server.server or UnseenDisk(),
    )


@asynccontextmanager
async def evidence(
    settings: Settings, server: Nats, log_type: type[JetStreamLog] = JetStreamLog
) -> AsyncIterator[tuple[JetStreamLog, SqliteJournal]]:
    """The log and its second copy, proven to belong together."""
    log = await opened(settings, server, log_type)
    try:
        identity = await log.identity()
        path, marker = journal_path(settings), read_marker(directory_of(settings))
        mark = mark_file(settings)
        marked = mark.read()
        check_known(known(settings, marked), identity.id, identity.last)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        journal = SqliteJournal(path, settings.cluster)
        try:
            compared = await compare(log, journal, marked)
            mark.begin(compared.head)
            if marker is None:  # last: with it both witnesses must be there
                write_marker(directory_of(settings), Marker(identity.id))
            yield log, journal
        finally:
            journal.close()
    finally:
        await log.close()
