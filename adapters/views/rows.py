"""Rows, folds and position of the views: how they are written in one commit, and read again."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

import msgspec
from msgspec.structs import astuple, replace

from adapters.views.cursor import Cursor
from adapters.views.dialect import Dialect
from adapters.views.schema import NODES
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

UPSTREAM: Final = "countermand"
"""The name under which the position is tracked."""

FOLDS: Final = msgspec.msgpack.Decoder(Fold, dec_hook=from_ranges)
TASKS: Final = msgspec.msgpack.Decoder(Task, dec_hook=from_ranges)


# --- reading what is folded on --------------------------------------------------------------------


def state_of(cursor: Cursor, aggregate: Aggregate) -> Fold | None:
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


def with_tasks(cursor: Cursor, state: Fold) -> Fold:
    """The fold; if it is a job's, with its tasks."""
    if not isinstance(state, JobFold):
        return state
    cursor.execute(
        "SELECT task_id, state_bytes FROM task WHERE job_id = ? ORDER BY task_id", (state.job.id,)
    )
    tasks = {number: TASKS.decode(coded) for number, coded in cursor.fetchall()}
    return replace(state, job=replace(state.job, tasks=tasks))


def position_of(cursor: Cursor, tracking: str = "tracking") -> int:
    """The position that the open transaction sees, in this table."""
    cursor.execute(
        f"SELECT max(notification_id) FROM {tracking} WHERE application_name = ?", (UPSTREAM,)
    )
    return int(cursor.fetchone()[0] or 0)


def around_of(cursor: Cursor) -> Around:
    """What holds around the next event."""
    cursor.execute("SELECT release_seconds, high FROM about")
    seconds, high = cursor.fetchone()
    return Around(seconds, msgspec.convert(high, datetime | None))


def states_of(cursor: Cursor, aggregates: Sequence[Aggregate]) -> dict[Aggregate, Fold]:
    """The folds of these aggregates; those without one are left out."""
    found = ((aggregate, state_of(cursor, aggregate)) for aggregate in aggregates)
    return {aggregate: state for aggregate, state in found if state is not None}


def about(cursor: Cursor) -> tuple[int, str] | None:
    """Which columns and folds these views are made by, and the log that the events are from."""
    cursor.execute("SELECT version, log_id FROM about")
    row = cursor.fetchone()
    return None if row is None else (int(row[0]), str(row[1]))


def counts_of(cursor: Cursor) -> dict[CountKey, int]:
    """All totals."""
    cursor.execute("SELECT measure, labels, total FROM tally")
    return {
        CountKey(
            msgspec.convert(measure, Measure), msgspec.json.decode(labels, type=tuple[str, ...])
        ): total
        for measure, labels, total in cursor.fetchall()
    }


# --- writing --------------------------------------------------------------------------------------


def put(cursor: Cursor, dialect: Dialect, changes: Changes) -> None:
    """All of it but the position, which the recorder tracks in the same transaction."""
    put_jobs(cursor, dialect, changes)
    put_states(cursor, dialect, changes)
    cursor.executemany(dialect.insert("subtask"), map(astuple, changes.subtasks))
    put_trail(cursor, dialect, changes.trail)
    put_cancellations(cursor, dialect, changes)
    remove(cursor, changes.removed)
    put_counts(cursor, dialect, changes)
    put_around(cursor, changes)


def put_jobs(cursor: Cursor, dialect: Dialect, changes: Changes) -> None:
    """Rows of jobs and of the tasks that changed."""
    cursor.executemany(dialect.insert("job"), map(job_values, changes.jobs))
    cursor.executemany(dialect.lose_nodes, map(nodes_of, changes.jobs))
    cursor.executemany(dialect.gain_nodes, map(nodes_of, changes.jobs))
    states = {k.id: s for k, s in changes.states.items() if isinstance(s, JobFold)}
    cursor.executemany(
        dialect.insert("task"), (task_values(row, states[str(row.job_id)]) for row in changes.tasks)
    )


def put_cancellations(cursor: Cursor, dialect: Dialect, changes: Changes) -> None:
    """Rows of cancels that began or changed."""
    rows = ((*astuple(row), 1) for row in changes.cancellations)
    cursor.executemany(dialect.insert("cancellation"), rows)


def remove(cursor: Cursor, jobs: Sequence[int]) -> None:
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


def put_states(cursor: Cursor, dialect: Dialect, changes: Changes) -> None:
    """What is folded on. A job's tasks are in their own rows, so that few bytes change."""
    for aggregate, state in changes.states.items():
        if state is None:
            place = (aggregate.kind, aggregate.id)
            cursor.execute("DELETE FROM state WHERE kind = ? AND id = ?", place)
    cursor.executemany(
        dialect.insert("state"),
        ((a.kind, a.id, state_bytes(s)) for a, s in changes.states.items() if s is not None),
    )


def state_bytes(state: Fold) -> bytes:
    """The fold in MessagePack, without tasks."""
    if isinstance(state, JobFold):
        state = replace(state, job=replace(state.job, tasks={}))
    return packed(state)


def put_trail(cursor: Cursor, dialect: Dialect, rows: Sequence[AuditRow]) -> None:
    """Rows of the trail, their words, and where the clock was set back."""
    cursor.executemany("INSERT INTO stretch VALUES (?)", first_places(cursor, rows))
    dialect.index.put(cursor, rows)


def first_places(cursor: Cursor, rows: Sequence[AuditRow]) -> list[tuple[int]]:
    """Rows before which the clock was set back; and the very first one."""
    cursor.execute("SELECT time_high FROM audit ORDER BY position DESC LIMIT 1")
    last = cursor.fetchone()
    highs = [None if last is None else last[0], *(row.time_high for row in rows)]
    pairs = zip(rows, highs, strict=False)
    return [(r.position,) for r, before in pairs if before is None or r.time_high < before]


def put_counts(cursor: Cursor, dialect: Dialect, changes: Changes) -> None:
    """The new totals."""
    cursor.executemany(
        dialect.insert("tally"),
        (
            (key.measure, msgspec.json.encode(key.labels).decode(), total)
            for key, total in changes.counts.items()
        ),
    )


def put_around(cursor: Cursor, changes: Changes) -> None:
    """What holds around the next event."""
    high = changes.around.high
    cursor.execute(
        "UPDATE about SET release_seconds = ?, high = ?",
        (changes.around.release_seconds, None if high is None else stamp(high)),
    )
