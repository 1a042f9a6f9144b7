"""What the recorders of a factory share: one connection on one loop, a store for each stream."""

import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from eventsourcing.persistence import InterfaceError, ProgrammingError
from msgspec import Struct

from adapters.jetstream.connection import Connection
from adapters.jetstream.recorder.background import Background
from adapters.jetstream.recorder.errors import in_librarys_words
from adapters.jetstream.recorder.naming import Naming, stream_name
from adapters.jetstream.recorder.notifying import Notifier
from adapters.jetstream.recorder.selecting import Selector
from adapters.jetstream.recorder.settings import RecorderSettings
from adapters.jetstream.recorder.source import Source
from adapters.jetstream.recorder.streams import open_stream
from adapters.jetstream.recorder.tails import Tails
from adapters.jetstream.recorder.writing import Writer
from domain.errors import CountermandError

T = TypeVar("T")


class Store(Struct, frozen=True):
    """One stream: what writes to it and what reads it, for work on the loop."""

    naming: Naming
    source: Source
    writer: Writer
    selector: Selector
    notifier: Notifier


class Core:
    """The asynchronous side, for threads that block. It connects when it is first needed."""

    def __init__(self, settings: RecorderSettings) -> None:
        self.settings = settings
        self._lock = threading.Lock()
        self._background: Background | None = None
        self._connection: Connection | None = None
        self._stores: dict[str, Store] = {}
        self._closed = False

    def store(self, purpose: str, *, may_create: bool) -> Store:
        """The store for a purpose, opened once.

        Raises ``ProgrammingError`` for a missing or unsuitable stream, ``OperationalError`` when
        the server cannot be reached.
        """
        try:
            name = stream_name(self.settings.stream, purpose)
        except ValueError as error:
            raise ProgrammingError(f"a recorder's purpose: {error}") from error
        with self._lock:
            self._refuse_closed()
            if name not in self._stores:
                connection = self._connect()
                work = _open(connection, name, self.settings, may_create=may_create)
                self._stores[name] = self.run(work)
            return self._stores[name]

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What comes of ``work``. Raises the library's exceptions, ``InterfaceError`` if closed."""
        assert self._background is not None, "there is no work before there is a store"
        try:
            return self._background.run(work)
        except CountermandError as error:
            raise in_librarys_words(error) from error

    def close(self) -> None:
        """Close the connection and end the thread. Idempotent; whoever waits gets an error."""
        self._closed = True
        if self._background is not None:
            self._background.close()

    def _refuse_closed(self) -> None:
        if self._closed:
            raise InterfaceError("the recorder was closed")

    def _connect(self) -> Connection:
        if self._background is None:
            self._background = Background(f"recorder of {self.settings.stream}")
        if self._connection is None:
            settings = self.settings
            work = Connection.open(settings.address, settings.patience.deadline_seconds)
            self._connection = self.run(work)
            self._background.at_end(self._connection.close)
        return self._connection


async def _open(
    connection: Connection, stream: str, settings: RecorderSettings, *, may_create: bool
) -> Store:
    naming = Naming(stream, settings.uuid_ids)
    info = await open_stream(connection, naming, settings, may_create=may_create)
    tails = Tails()
    source = Source(connection, stream, info, settings.patience)
    return Store(
        naming,
        source,
        Writer(connection, naming, source, tails, settings.patience),
        Selector(naming, source, tails),
        Notifier(naming, source),
    )
