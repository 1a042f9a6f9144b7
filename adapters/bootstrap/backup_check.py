"""What a backup holds, looked at like ``countermand fsck`` looks, before it gets its name.

The snapshot is put back into a store of its own beside the file, by a nats-server of its own, and
every event is read from there: what is checked is what was written, not what it was written from.
"""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from adapters.bootstrap.backup_file import Header
from adapters.bootstrap.evidence import Nats, nats, stream_spec
from adapters.bootstrap.mend import looked_through
from adapters.bootstrap.restore import put_back_into
from adapters.jetstream.accounts import NatsRole
from adapters.jetstream.connection import Connection
from adapters.jetstream.lock import DataLock
from adapters.jetstream.whole import info_of
from application.checking import Damage
from application.fsck import Book
from application.mending import sentence
from application.settings import Settings
from domain.errors import Corrupt, StoreFull

CHECKED: Final = "check"
"""What the directory beside the file is called, behind the file's name; it is gone afterwards."""

Told = Callable[[int, int], None]


async def check_content(settings: Settings, part: Path, header: Header, told: Told) -> int:
    """The position of the last event in the file ``part``; every one up to it is whole.

    Raises ``Corrupt`` with the first damage, ``StoreFull`` when there is no room for a second copy.
    """
    place = part.with_suffix(f".{CHECKED}")
    try:
        lock = await DataLock.acquire(place)
    except OSError as error:
        raise StoreFull(f"{place} cannot be made to check the backup: {error.strerror}") from None
    try:
        alone = replace(settings, data_directory=str(place), nats_urls=(), stream_replicas=1)
        async with nats(alone, lock) as server:
            await put_back_into(server, part, header, lambda done, total: None)
            return await content_checked(alone, server, header, told)
    finally:
        lock.release()
        shutil.rmtree(place, ignore_errors=True)


async def content_checked(settings: Settings, server: Nats, header: Header, told: Told) -> int:
    """The same of the stream that was put back."""
    spec = stream_spec(settings)
    connection = await Connection.open(server.address(NatsRole.SERVICE))
    try:
        info = await info_of(connection, spec)
        last, book = info.state.last_seq, Book(1)
        await looked_through(connection, spec, info, None, book, told)
    finally:
        await connection.close()
    if last < header.last:
        raise Corrupt(f"the backup ends at event {last}, and was taken at {header.last}")
    if book.kept:
        raise damaged_stream(book.kept[0], book.total)
    return last


def damaged_stream(first: Damage, total: int) -> Corrupt:
    """A stream that is not backed up as if it were whole."""
    more = f" ({total - 1} more are damaged)" if total > 1 else ""
    return Corrupt(
        f"the stream is damaged: {sentence(first)}{more}. It is not backed up as if it were whole: "
        "see all of it with 'countermand fsck', and mend it first"
    )
