"""``countermand backup``: the stream, as JetStream's own snapshot, in one file.

What was written is put back and looked at like ``countermand fsck`` looks before it gets its name.
The journal is not in it: it is a copy of the stream, and a restore writes it from the stream.
"""

from collections.abc import Callable
from contextlib import aclosing
from datetime import UTC, datetime
from pathlib import Path

from adapters.bootstrap.backup_check import check_content, damaged_stream
from adapters.bootstrap.backup_file import BackupWriter, Header, events_to, verified
from adapters.bootstrap.done import Done
from adapters.bootstrap.evidence import Nats, stream_spec
from adapters.bootstrap.mend import looked_through
from adapters.bootstrap.reaching import stream_reached
from adapters.jetstream.accounts import NatsRole
from adapters.jetstream.connection import Connection
from adapters.jetstream.guard import hole_words
from adapters.jetstream.log import identity_of
from adapters.jetstream.snapshot_api import snapshot_of
from adapters.jetstream.whole import info_of
from application.fsck import Book
from application.settings import Settings
from domain.errors import Corrupt, Misconfigured

Told = Callable[[str], Callable[[int, int], None]]
"""Gives, for what is counted, who is told how many are done, and how many there are."""


async def backup(settings: Settings, path: Path, *, force: bool, told: Told) -> Done:
    """Write the stream to ``path``, whether its service runs or not, and check what was written.

    Raises ``Misconfigured`` when the name is taken or the stream cannot be reached that way,
    ``Corrupt`` for a damaged stream, ``Unavailable``, ``StoreFull``; then nothing is left of it.
    """
    with BackupWriter(path, force=force) as writer:
        async with stream_reached(settings) as server:
            await refuse_holes(settings, server)
            connection = await Connection.open(server.address(operator_of(settings, server)))
            try:
                header = await taken(settings, connection, writer, told("bytes"))
            finally:
                await connection.close()
        # As it stands in the file, not as it was sent: a disk may keep something else.
        header = verified(writer.part, told("bytes checked"))
        last = await check_content(settings, writer.part, header, told("events checked"))
        writer.publish()
    return Done(
        f"{path}: {events_to(header.last)} of the stream {header.log_id}, "
        f"{header.data_bytes} bytes, SHA-256 {header.data_sha256}; {events_to(last)} were read "
        "back, and nothing is damaged"
    )


async def refuse_holes(settings: Settings, server: Nats) -> None:
    """Raise ``Corrupt`` for a stream without all its events, naming the first that is missing."""
    spec = stream_spec(settings)
    connection = await Connection.open(server.address(NatsRole.SERVICE))
    try:
        info = await info_of(connection, spec)
        holes, book = hole_words(info), Book(1, frozenset({"missing"}))
        if holes:
            await looked_through(connection, spec, info, None, book)
    finally:
        await connection.close()
    if book.kept:
        raise damaged_stream(book.kept[0], book.total)
    if holes:
        raise Corrupt(
            f"the stream {spec.stream} has lost events: {'; '.join(holes)}. Mend it first"
        )


def operator_of(settings: Settings, server: Nats) -> NatsRole:
    """The one user who may ask for snapshots."""
    if NatsRole.OPERATOR not in server.credentials:
        raise Misconfigured(
            "a backup from an outside nats-server needs nats_operator_credentials_file: the login "
            "of its operator, who may ask for snapshots"
        )
    return NatsRole.OPERATOR


async def taken(
    settings: Settings,
    connection: Connection,
    writer: BackupWriter,
    told: Callable[[int, int], None],
) -> Header:
    """The snapshot in the file."""
    spec = stream_spec(settings)
    info = await info_of(connection, spec)
    at = datetime.now(UTC).isoformat(timespec="seconds")
    async with snapshot_of(connection, spec.stream, info.created) as snapshot:
        total = max(snapshot.info.state.bytes, 1)
        async with aclosing(snapshot.chunks) as chunks:
            async for chunk in chunks:
                writer.write(chunk)
                told(min(writer.data_bytes, total), total)
        told(total, total)
        return writer.seal(
            Header(
                cluster=spec.cluster,
                stream=spec.stream,
                log_id=identity_of(snapshot.info),
                last=snapshot.info.state.last_seq,
                taken_at=at,
                config=snapshot.config,
                state=snapshot.state,
            )
        )
