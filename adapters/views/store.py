"""Writing the views: rows, folds and position in one commit, through the tracking recorder."""

import threading
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Final, Self

import msgspec
from eventsourcing.sqlite import SQLiteCursor
from msgspec.structs import astuple, replace

from adapters.views.compare import SqliteComparison
from adapters.views.datastore import ViewDatastore, used
from adapters.views.facets import facets_of
from adapters.views.reader import SqliteViewReader
from adapters.views.schema import NODES, insert, statements
from adapters.views.tracking import ViewRecorder, position_of
from adapters.views.words import plain
from adapters.wire.packed import from_ranges, packed
from application.view_store import Changes
from domain.errors import Corrupt
from domain.events import Aggregate
from domain.job import Task
from projections.audit_trail import AuditRow
from projections.folding import Around, Fold, JobFold
from projections.job_view import JobRow, TaskRow
from projections.stamps import stamp
from projections.tally import CountKey, Measure

INDEX_ROW: Final = (
    "INSERT INTO audit_index (rowid, message, explanation, facets) VALUES (?, ?, ?, ?)"
)
OTHER_NODES: Final = (
    "DELETE FROM job_node WHERE job_id = ?1 AND node NOT IN (SELECT value FROM json_each(?2))"
)
NODES_OF_JOB: Final = (
    "INSERT OR IGNORE INTO job_node (job_id, node) SELECT ?1, value FROM json_each(?2)"
)
"""A job's nodes seldom change: then nothing is written."""

FOLDS: Final = msgspec.msgpack.Decoder(Fold, dec_hook=from_ranges)
TASKS: Final = msgspec.msgpack.Decoder(Task, dec_hook=from_ranges)


class SqliteViewStore:
    """``ViewStore`` in a file. ``log_id``: the log that its events are from."""

    def __init__(self, path: Path, log_id: str, *, made: bool = False) -> None:
        """Open the file, or make it (0600); with ``made`` it must be whole already.

        Raises ``OSError``, ``Unavailable`` or ``Corrupt``.
        """
        path.touch(mode=0o600, exist_ok=True)
        self.path = path
        self.datastore = ViewDatastore(path)
        self._lock = threading.Lock()
        self._recorder = ViewRecorder(self.datastore, log_id)
        try:
            if not self._has_tables():
                if made:
                    raise Corrupt(f"{path.name} holds no views")
                self._recorder.make()
        except BaseException:
            self.close()
            raise

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def version(self) -> int:
        """Which columns and folds its contents are made by."""
        return self._about()[0]

    @property
    def log_id(self) -> str:
        """Which log the events are from."""
        return self._about()[1]

    @property
    def complete(self) -> bool:
        """Whether every table and index is as it is made."""
        with used(self.datastore, commit=False) as cursor:
            cursor.execute("SELECT sql FROM sqlite_schema")
            there = {row[0] for row in cursor.fetchall()}
        return set(statements()) <= there

    def position(self) -> int:
        with used(self.datastore, commit=False) as cursor:
            return position_of(cursor)

    def around(self) -> Around:
        with used(self.datastore, commit=False) as cursor:
            cursor.execute("SELECT release_seconds, high FROM about")
            seconds, high = cursor.fetchone()
            return Around(seconds, msgspec.convert(high, datetime | None))

    def states(self, aggregates: Sequence[Aggregate]) -> dict[Aggregate, Fold]:
        found: dict[Aggregate, Fold] = {}
        with used(self.datastore, commit=False) as cursor:
            for aggregate in aggregates:
                state = state_of(cursor, aggregate)
                if state is not None:
                    found[aggregate] = state
        return found

    def counts(self) -> dict[CountKey, int]:
        with used(self.datastore, commit=False) as cursor:
            return counts_of(cursor)

    def reader(self) -> SqliteViewReader:
        return SqliteViewReader(self.datastore)

    def comparison(self, other: Self) -> SqliteComparison:
        return SqliteComparison(self.datastore, other.path)

    def commit(self, changes: Changes) -> None:
        with self._lock, used(self.datastore, commit=True) as cursor:
            self._recorder.track(cursor, changes.position)
            put_jobs(cursor, changes)
            put_states(cursor, changes)
            cursor.executemany(insert("subtask"), map(astuple, changes.subtasks))
            put_trail(cursor, changes.trail)
            put_cancellations(cursor, changes)
            remove(cursor, changes.removed)
            put_counts(cursor, changes)
            put_around(cursor, changes)

    def close(self) -> None:
        self.datastore.close()

    def _has_tables(self) -> bool:
        with used(self.datastore, commit=False) as cursor:
            cursor.execute("SELECT count(*) FROM sqlite_schema WHERE name = 'about'")
            return bool(cursor.fetchone()[0])

    def _about(self) -> tuple[int, str]:
        with used(self.datastore, commit=False) as cursor:
            cursor.execute("SELECT version, log_id FROM about")
            row = cursor.fetchone()
        if row is None:
            raise Corrupt(f"{self.path.name} does not say which views it holds")
        return int(row[0]), str(row[1])


# --- reading what is folded on --------------------------------------------------------------------


def state_of(cursor: SQLiteCursor, aggregate: Aggregate) -> Fold | None:
    """The fold of one aggregate, a job's with its tasks."""
    cursor.execute(
        "SELECT bytes FROM state WHERE kind = ? AND id = ?", (aggregate.kind, aggregate.id)
    )
    row = cursor.fetchone()
    if row is None:
        return None
    try:
        return with_tasks(cursor, FOLDS.decode(row[0]))
    except msgspec.MsgspecError as error:
        raise Corrupt(f"the views hold a fold of {aggregate} that cannot be read") from error


def with_tasks(cursor: SQLiteCursor, state: Fold) -> Fold:
    """The fold; if it is a job's, with its tasks."""
    if not isinstance(state, JobFold):
        return state
    cursor.execute(
        "SELECT task_id, state_bytes FROM task WHERE job_id = ? ORDER BY task_id", (state.job.id,)
    )
    tasks = {number: TASKS.decode(coded) for number, coded in cursor.fetchall()}
    return replace(state, job=replace(state.job, tasks=tasks))


def counts_of(cursor: SQLiteCursor) -> dict[CountKey, int]:
    """All totals."""
    cursor.execute("SELECT measure, labels, total FROM tally")
    return {
        CountKey(
            msgspec.convert(measure, Measure), msgspec.json.decode(labels, type=tuple[str, ...])
        ): total
        for measure, labels, total in cursor.fetchall()
    }


# --- writing --------------------------------------------------------------------------------------


def put_jobs(cursor: SQLiteCursor, changes: Changes) -> None:
    """Rows of jobs and of the tasks that changed."""
    cursor.executemany(insert("job"), map(job_values, changes.jobs))
    cursor.executemany(OTHER_NODES, map(nodes_of, changes.jobs))
    cursor.executemany(NODES_OF_JOB, map(nodes_of, changes.jobs))
    states = {k.id: s for k, s in changes.states.items() if isinstance(s, JobFold)}
    cursor.executemany(
        insert("task"), (task_values(row, states[str(row.job_id)]) for row in changes.tasks)
    )


def put_cancellations(cursor: SQLiteCursor, changes: Changes) -> None:
    """Rows of cancels that began or changed."""
    rows = ((*astuple(row), 1) for row in changes.cancellations)
    cursor.executemany(insert("cancellation"), rows)


def remove(cursor: SQLiteCursor, jobs: Sequence[int]) -> None:
    """Jobs leave the job view; of their cancels it is noted."""
    for statement in (
        "DELETE FROM task WHERE job_id = ?",
        "DELETE FROM subtask WHERE job_id = ?",
        "DELETE FROM job_node WHERE job_id = ?",
        "DELETE FROM job WHERE job_id = ?",
        "UPDATE cancellation SET in_view = 0 WHERE job_id = ?",
    ):
        cursor.executemany(statement, ((job_id,) for job_id in jobs))


def job_values(row: JobRow) -> tuple[object, ...]:
    """A job's columns; the nodes are JSON."""
    values = astuple(row)
    return (*values[:NODES], msgspec.json.encode(row.nodes).decode(), *values[NODES + 1 :])


def nodes_of(row: JobRow) -> tuple[int, str]:
    """A job's number, and its nodes as JSON."""
    return row.job_id, msgspec.json.encode(row.nodes).decode()


def task_values(row: TaskRow, state: JobFold) -> tuple[object, ...]:
    """A task's columns, and the task itself to be folded on."""
    return (*astuple(row), packed(state.job.tasks[row.task_id]))


def put_states(cursor: SQLiteCursor, changes: Changes) -> None:
    """What is folded on. A job's tasks are in their own rows, so that few bytes change."""
    for aggregate, state in changes.states.items():
        if state is None:
            place = (aggregate.kind, aggregate.id)
            cursor.execute("DELETE FROM state WHERE kind = ? AND id = ?", place)
    cursor.executemany(
        "INSERT OR REPLACE INTO state VALUES (?, ?, ?)",
        ((a.kind, a.id, state_bytes(s)) for a, s in changes.states.items() if s is not None),
    )


def state_bytes(state: Fold) -> bytes:
    """The fold in MessagePack, without tasks."""
    if isinstance(state, JobFold):
        state = replace(state, job=replace(state.job, tasks={}))
    return packed(state)


def put_trail(cursor: SQLiteCursor, rows: Sequence[AuditRow]) -> None:
    """Rows of the trail, their words, and where the clock was set back."""
    cursor.executemany("INSERT INTO stretch VALUES (?)", first_places(cursor, rows))
    cursor.executemany(insert("audit"), map(astuple, rows))
    cursor.executemany(
        INDEX_ROW,
        ((r.position, plain(r.message), plain(r.explanation), facets_of(r)) for r in rows),
    )


def first_places(cursor: SQLiteCursor, rows: Sequence[AuditRow]) -> list[tuple[int]]:
    """Rows before which the clock was set back; and the very first one."""
    cursor.execute("SELECT time_high FROM audit ORDER BY position DESC LIMIT 1")
    last = cursor.fetchone()
    highs = [None if last is None else last[0], *(row.time_high for row in rows)]
    pairs = zip(rows, highs, strict=False)
    return [(r.position,) for r, before in pairs if before is None or r.time_high < before]


def put_counts(cursor: SQLiteCursor, changes: Changes) -> None:
    """The new totals."""
    cursor.executemany(
        "INSERT OR REPLACE INTO tally VALUES (?, ?, ?)",
        (
            (key.measure, msgspec.json.encode(key.labels).decode(), total)
            for key, total in changes.counts.items()
        ),
    )


def put_around(cursor: SQLiteCursor, changes: Changes) -> None:
    """What holds around the next event."""
    high = changes.around.high
    cursor.execute(
        "UPDATE about SET release_seconds = ?, high = ?",
        (changes.around.release_seconds, None if high is None else stamp(high)),
    )
