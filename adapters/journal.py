"""The journal: exact event bytes by aggregate and version, in an SQLite file of its own.

It is the second copy of the evidence: append-only (the file itself refuses changes), each append
one synced commit. Nothing rebuilds it away. It copies all there is, also bytes that no codec reads.
"""

import hashlib
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final, TypeAlias

from adapters.wire import actor_of, decode
from adapters.wire.chain import Chain
from application.fsck import Copy
from application.ports import EVERYTHING, Mark, Selection, Stored, Token, Undecodable
from domain.errors import Corrupt, Misconfigured, StoreFull, Unavailable
from domain.events import Aggregate
from projections.stamps import stamp

SCHEMA_VERSION: Final = 1
BUSY_SECONDS: Final = 5.0

TRIGGERS: Final = {
    "event_is_final": """CREATE TRIGGER event_is_final BEFORE UPDATE ON event
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END""",
    "event_stays": """CREATE TRIGGER event_stays BEFORE DELETE ON event
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END""",
    "head_stays": """CREATE TRIGGER head_stays BEFORE DELETE ON head
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END""",
    "head_rises": """CREATE TRIGGER head_rises BEFORE UPDATE ON head
WHEN new.position < old.position OR new.log_id <> old.log_id
BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END""",
}
"""What keeps the events as they are, by name; an older release wrote the very same text."""

SCHEMA: Final = """
CREATE TABLE event (
    position INTEGER PRIMARY KEY CHECK (position >= 1),
    kind TEXT NOT NULL,
    id TEXT NOT NULL,
    version INTEGER,
    type TEXT NOT NULL,
    time TEXT,
    raw BLOB NOT NULL
) STRICT;
CREATE INDEX event_by_aggregate ON event (kind, id, version);
CREATE INDEX event_by_time ON event (time, position);
CREATE TABLE head (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    log_id TEXT NOT NULL,
    position INTEGER NOT NULL CHECK (position >= 0),
    sha256 TEXT NOT NULL
) STRICT;
"""
"""``version`` is what the bytes say, NULL when they say nothing; it is not unique: a log that was
tampered with is copied as it is, and whoever folds it finds out. ``time`` too is what the bytes
say, NULL when they cannot be decoded."""

COLUMNS: Final = "position, kind, id, type, raw"

PAGE: Final = f"""
SELECT {COLUMNS} FROM event WHERE position IN (
    SELECT position FROM event INDEXED BY event_by_aggregate
    WHERE kind = ? AND id = ? AND position > ? ORDER BY position LIMIT ?
) ORDER BY position
"""
LAST: Final = f"""
SELECT {COLUMNS} FROM event WHERE position = (
    SELECT max(position) FROM event INDEXED BY event_by_aggregate WHERE kind = ? AND id = ?
)
"""
"""The index holds the positions of one aggregate, but by version, which tampered bytes may lie
about. So all of them are looked at, without the rows: 200,000 in some ten milliseconds."""

Value: TypeAlias = str | int
FoundRow: TypeAlias = tuple[int, str, str, str, bytes]


class SqliteJournal:
    """``Journal`` in a file. Safe to call from any thread.

    Reading what many follow goes on beside the rest: neither waits for the other.
    """

    def __init__(self, path: Path, cluster: str) -> None:
        """Open or make the file (0600).

        Raises ``Misconfigured`` when it is not a journal of this version or cannot be opened.
        """
        self._cluster = cluster
        self._main = _Connection(path)
        self._beside = _Connection(path)

    def mark(self) -> Mark | None:
        with self._main.use() as database:
            return _mark(database)

    def adopt(self, log_id: str) -> None:
        with self._main.use() as database:
            mark = _mark(database)
            if mark is not None and mark.log_id != log_id:
                raise Corrupt(f"this journal belongs to the log {mark.log_id}, not to {log_id}")
            if mark is None:
                database.execute("INSERT INTO head VALUES (1, ?, 0, '')", (log_id,))

    def append(self, events: Sequence[Stored]) -> None:
        if not events:
            return
        with self._main.use() as database:
            mark = _mark(database)
            if mark is None:
                raise Corrupt("this journal belongs to no log yet")
            _check_continues(mark.position, events)
            database.execute("BEGIN IMMEDIATE")
            try:
                database.executemany(
                    "INSERT INTO event VALUES (?, ?, ?, ?, ?, ?, ?)", _rows(events)
                )
                last = events[-1]
                database.execute("UPDATE head SET position = ?, sha256 = ?", _head(last))
            except BaseException:
                database.execute("ROLLBACK")
                raise
            database.execute("COMMIT")

    def page(
        self, aggregate: Aggregate, after: int, limit: int, bytes_max: int | None = None
    ) -> tuple[Stored, ...]:
        values = (aggregate.kind, aggregate.id, after, limit)
        return self._select(self._beside, PAGE, values, bytes_max)

    def load(
        self, aggregate: Aggregate, after: Token, limit: int, bytes_max: int
    ) -> tuple[Stored, ...]:
        values = (aggregate.kind, aggregate.id, after.position, limit)
        rows = self._rows(self._beside, PAGE, values, bytes_max)
        chain = Chain(aggregate, self._cluster, after)
        try:
            return tuple(chain.follow(at, type_, raw) for at, _, _, type_, raw in rows)
        except Corrupt as error:
            raise Corrupt(f"in the journal the {error.message}") from None

    def last(self, aggregate: Aggregate) -> Stored | None:
        found = self._select(self._beside, LAST, (aggregate.kind, aggregate.id))
        return found[0] if found else None

    def at_version(self, aggregate: Aggregate, version: int) -> Stored | None:
        query = (
            f"SELECT {COLUMNS} FROM event WHERE kind = ? AND id = ? AND version = ?"
            " ORDER BY position LIMIT 1"
        )
        found = self._select(self._beside, query, (aggregate.kind, aggregate.id, version))
        return found[0] if found else None

    def read(
        self,
        after: int,
        limit: int,
        *,
        until: int | None = None,
        bytes_max: int | None = None,
        only: Selection = EVERYTHING,
    ) -> tuple[Stored, ...]:
        wheres, values = conditions(after, until, only)
        query = f"SELECT {COLUMNS} FROM event WHERE {wheres} ORDER BY position LIMIT ?"
        return self._select(self._beside, query, (*values, limit), bytes_max)

    def first_later_than(self, time: datetime) -> int | None:
        # Left alone, SQLite looks at every event from the first on, which is slow for a late time.
        query = "SELECT min(position) FROM event INDEXED BY event_by_time WHERE time > ?"
        with self._beside.use() as database:
            (position,) = database.execute(query, (stamp(time),)).fetchone()
        return None if position is None else int(position)

    def succeed(self, log_id: str) -> None:
        """Belong to another log from now on, one that holds these very events. Idempotent.

        For who made that log from this journal. The events stay as they are.
        """
        with self._main.use() as database:
            database.execute("BEGIN IMMEDIATE")
            try:
                database.execute("DROP TRIGGER IF EXISTS head_rises")
                database.execute("UPDATE head SET log_id = ?", (log_id,))
                database.execute(TRIGGERS["head_rises"])
            except BaseException:
                database.execute("ROLLBACK")
                raise
            database.execute("COMMIT")

    def flaws(self) -> str:
        """Which of the triggers that keep it append-only are missing or other ones; "" for none."""
        query = "SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'"
        with self._main.use() as database:
            found = dict(database.execute(query).fetchall())
        wrong = [name for name, sql in TRIGGERS.items() if found.get(name) != sql]
        return f"it lacks {', '.join(wrong)}" if wrong else ""

    def copies(self, after: int, until: int, limit: int) -> tuple[Copy, ...]:
        query = (
            f"SELECT {COLUMNS} FROM event WHERE position > ? AND position <= ?"
            " ORDER BY position LIMIT ?"
        )
        with self._beside.use() as database:
            rows = database.execute(query, (after, until, limit)).fetchall()
        return tuple(
            Copy(at, Aggregate(kind, id_), type_, raw) for at, kind, id_, type_, raw in rows
        )

    def close(self) -> None:
        self._main.close()
        self._beside.close()

    def pragma(self, name: str) -> str:
        """A setting of the open file, such as ``synchronous``; for the health page."""
        with self._main.use() as database:
            return str(database.execute(f"PRAGMA {name}").fetchone()[0])

    def _select(
        self,
        where: "_Connection",
        query: str,
        values: tuple[Value, ...],
        bytes_max: int | None = None,
    ) -> tuple[Stored, ...]:
        return tuple(self._stored(*row) for row in self._rows(where, query, values, bytes_max))

    def _rows(
        self, where: "_Connection", query: str, values: tuple[Value, ...], bytes_max: int | None
    ) -> list[FoundRow]:
        with where.use() as database, closing(database.execute(query, values)) as found:
            return found.fetchall() if bytes_max is None else up_to(bytes_max, found)

    def _stored(self, position: int, kind: str, id_: str, type_: str, raw: bytes) -> Stored:
        aggregate = Aggregate(kind, id_)
        fact = decode(raw, self._cluster, aggregate, type_).fact
        return Stored(position, aggregate, type_, raw, fact)


class _Connection:
    """The open file, for one caller at a time."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._closed = False
        self._database = _open(path)

    @contextmanager
    def use(self) -> Iterator[sqlite3.Connection]:
        """The database, with SQLite's errors in our words."""
        with self._lock:
            if self._closed:
                raise Unavailable("the journal is closed")
            try:
                yield self._database
            except sqlite3.IntegrityError as error:
                raise Corrupt(f"the journal refused the events: {error}") from error
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode == sqlite3.SQLITE_FULL:
                    raise StoreFull(f"the journal's disk is full: {error}") from error
                raise Unavailable(f"the journal cannot be used: {error}") from error
            except sqlite3.DatabaseError as error:
                raise Corrupt(f"the journal's file is damaged: {error}") from error

    def close(self) -> None:
        """Release the file. Idempotent."""
        with self._lock:
            if not self._closed:
                self._closed = True
                self._database.close()


def conditions(after: int, until: int | None, only: Selection) -> tuple[str, tuple[Value, ...]]:
    """What stands behind WHERE, and its values."""
    parts: list[tuple[str, tuple[Value, ...]]] = [("position > ?", (after,))]
    if until is not None:
        parts.append(("position <= ?", (until,)))
    if only.aggregate is not None:
        parts.append(("kind = ? AND id = ?", (only.aggregate.kind, only.aggregate.id)))
    if only.types is not None:
        parts.append((one_of("type", only.types), (*only.types,)))
    if only.actors is not None:
        parts.append((one_of("actor_of(raw)", only.actors), (*only.actors,)))
    return " AND ".join(part for part, _ in parts), tuple(x for _, xs in parts for x in xs)


def one_of(what: str, values: frozenset[str]) -> str:
    """An SQL condition with a place for each value."""
    return f"{what} IN ({', '.join('?' * len(values))})"


def up_to(bytes_max: int, found: Iterable[FoundRow]) -> list[FoundRow]:
    """Rows up to the one with which their bytes reach ``bytes_max``."""
    rows, size = [], 0
    for row in found:
        rows.append(row)
        size += len(row[-1])
        if size >= bytes_max:
            break
    return rows


def _open(path: Path) -> sqlite3.Connection:
    try:
        path.touch(mode=0o600, exist_ok=True)
        database = sqlite3.connect(
            path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            _prepare(database, path)
        except BaseException:
            database.close()
            raise
    except (OSError, sqlite3.Error) as error:
        raise Misconfigured(f"the journal {path} cannot be opened: {error}") from error
    return database


def _prepare(database: sqlite3.Connection, path: Path) -> None:
    database.execute("PRAGMA journal_mode = WAL")
    database.execute("PRAGMA synchronous = FULL")
    database.execute("PRAGMA trusted_schema = OFF")
    database.create_function("actor_of", 1, actor_of, deterministic=True)
    (version,) = database.execute("PRAGMA user_version").fetchone()
    (tables,) = database.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if version == 0 and tables == 0:
        script = ["BEGIN", SCHEMA.strip().removesuffix(";"), *TRIGGERS.values()]
        script += [f"PRAGMA user_version = {SCHEMA_VERSION}", "COMMIT;"]
        database.executescript(";\n".join(script))
    elif version != SCHEMA_VERSION:
        raise Misconfigured(f"{path} is no journal of version {SCHEMA_VERSION} (it has {version})")


def _mark(database: sqlite3.Connection) -> Mark | None:
    row = database.execute("SELECT log_id, position, sha256 FROM head").fetchone()
    return None if row is None else Mark(*row)


def _check_continues(position: int, events: Iterable[Stored]) -> None:
    for event in events:
        if event.position != position + 1:
            raise Corrupt(
                f"the journal ends at {position}; {event.position} cannot follow:"
                " events in between are missing, or it was written before"
            )
        position = event.position


Row = tuple[int, str, str, int | None, str, str | None, bytes]


def _rows(events: Iterable[Stored]) -> Iterator[Row]:
    for event in events:
        place, fact = event.aggregate, event.fact
        time = None if isinstance(fact, Undecodable) else stamp(fact.time)
        yield event.position, place.kind, place.id, fact.version, event.type, time, event.raw


def _head(event: Stored) -> tuple[int, str]:
    return event.position, hashlib.sha256(event.raw).hexdigest()
