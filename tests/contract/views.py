"""What the contract of the views is run against, and rows to run it with.

Another implementation joins with a ``ViewKind`` and one more entry in ``KINDS``.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, Protocol

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from adapters.views.files import SqliteViewFiles
from adapters.views.postgres.files import PostgresViewFiles
from adapters.views.postgres.server import PostgresServer
from adapters.views.postgres.store import PostgresViewStore
from adapters.views.schema import KEYS
from application.view_store import Changes, Difference, ViewFiles, ViewStore
from application.views import TRAIL_COLUMNS, Page
from domain import events as e
from domain.job import Job
from domain.states import JobPriority, JobState, JobType
from projections.audit_trail import AuditRow, high_after
from projections.cancellations import CancellationRow
from projections.folding import Around, Fold, JobFold
from projections.job_view import JobRow, job_row, task_row
from projections.stamps import stamp
from projections.subtask_view import SubtaskRow
from projections.tally import CountKey
from tests.support.postgres import run_sql

LOG = "log/1"
START = datetime(2026, 3, 1, 8, 0, 0, tzinfo=UTC)
ALL = Page(1000)
FIRST = datetime.min.replace(tzinfo=timezone(timedelta(hours=14)))
LAST = datetime.max.replace(tzinfo=timezone(-timedelta(hours=14)))
"""Moments that have no name in UTC."""


class ViewKind(Protocol):
    """A kind of views: where they are, and what is there. ``examples_max``: of a property; fewer
    where each takes long, for what a query means is the same for all kinds."""

    examples_max: int

    def files(self, directory: Path, log_id: str) -> ViewFiles:
        """As a service finds them at its start."""
        ...

    def names(self, directory: Path) -> set[str]:
        """The names of all views that are there."""
        ...

    def new_store(self) -> AbstractContextManager[ViewStore]:
        """New views for one of many examples."""
        ...

    def clear(self) -> None:
        """Nothing stays, where a directory is not all there is."""
        ...


class Kept:
    """A place for files of views, and what a service makes of it each time it starts."""

    def __init__(self, directory: Path, kind: ViewKind) -> None:
        self._directory = directory
        self._kind = kind
        self._opened: list[ViewStore | ViewFiles] = []

    def files(self, log_id: str = LOG) -> ViewFiles:
        """As a service finds them at its start."""
        files = self._kind.files(self._directory, log_id)
        self._opened.append(files)
        return files

    def names(self) -> set[str]:
        """The names of all views that are there."""
        return self._kind.names(self._directory)

    def store(self) -> ViewStore:
        """New views in a file of their own."""
        files = self.files()
        return self.opened(files.open(files.begin()))

    def opened(self, store: ViewStore) -> ViewStore:
        """Closed at the end."""
        self._opened.append(store)
        return store

    def close(self) -> None:
        for one in self._opened:
            one.close()
        self._kind.clear()


class Sqlite:
    """Files of SQLite."""

    examples_max = 250

    def files(self, directory: Path, log_id: str) -> ViewFiles:
        return SqliteViewFiles(directory, log_id)

    def names(self, directory: Path) -> set[str]:
        return {x.name for x in directory.glob("*.sqlite")}

    @contextmanager
    def new_store(self) -> Iterator[ViewStore]:
        with in_memory() as directory:
            place = Kept(directory / "views", self)
            try:
                yield place.store()
            finally:
                place.close()

    def clear(self) -> None:
        """The directory goes."""


class InPostgres:
    """Schemas of a database."""

    examples_max = 60

    def __init__(self, database: str) -> None:
        self._database = database
        self._store: PostgresViewStore | None = None

    def files(self, directory: Path, log_id: str) -> ViewFiles:
        return PostgresViewFiles(PostgresServer(self._database), log_id)

    def names(self, directory: Path) -> set[str]:
        return {str(row[0]) for row in run_sql(self._database, SCHEMAS)}

    @contextmanager
    def new_store(self) -> Iterator[ViewStore]:
        """The same one, emptied: to make the tables takes longer than most examples."""
        if self._store is None:
            self._store = PostgresViewStore(PostgresServer(self._database), EXAMPLES, LOG)
        run_sql(self._database, *EMPTY)
        yield self._store

    def close(self) -> None:
        """No examples follow."""
        if self._store is not None:
            self._store.close()
            self.clear()

    def clear(self) -> None:
        drops = [f"DROP SCHEMA {name} CASCADE" for name in self.names(Path())]
        run_sql(self._database, *drops, "DROP SCHEMA IF EXISTS countermand_views CASCADE")


SCHEMAS: Final = "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'countermand\\_v_\\_%'"
EXAMPLES: Final = "countermand_v1_0123456789ab"
EMPTY: Final = (
    *(f"DELETE FROM {EXAMPLES}.{x}" for x in (*KEYS, "stretch", "job_node")),
    f"DELETE FROM {EXAMPLES}.tracking WHERE application_name = 'countermand'",
    f"UPDATE {EXAMPLES}.about SET release_seconds = {Around().release_seconds}, high = NULL",
)
KINDS: Final = (
    "sqlite",
    pytest.param("postgres", marks=pytest.mark.xdist_group("postgres")),
)


def holds(
    check: Callable[..., None], kind: ViewKind, **examples: st.SearchStrategy[object]
) -> None:
    """Check a property with as many examples as this kind has time for."""
    thorough = settings(
        max_examples=kind.examples_max,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )
    thorough(given(kind=st.just(kind), **examples)(check))()


@contextmanager
def in_memory() -> Iterator[Path]:
    """A directory, in memory if possible: nothing here is about a machine that dies."""
    memory = Path("/dev/shm")
    with TemporaryDirectory(dir=memory if memory.is_dir() else None) as directory:
        yield Path(directory)


def differences(one: ViewStore, other: ViewStore) -> tuple[Difference, ...]:
    """Where two of one kind differ now."""
    comparison = one.comparison(other)
    try:
        return comparison.differences()
    finally:
        comparison.close()


def check_told(
    one: ViewStore, other: ViewStore, edit: Callable[[], None], told: Difference
) -> None:
    """Two that were filled alike differ where one was edited, whichever is the old one."""
    for store in (one, other):
        store.commit(job_changes(1, JobFold(job(1))))
        rows, cancels = [audit(n, message="disk") for n in (1, 2, 3)], [cancellation(9)]
        store.commit(changes(9, trail=rows, cancellations=cancels))
    edit()
    assert differences(one, other) == (told,)
    assert differences(other, one) == (told,)
    for store in (one, other):
        store.close()


# --- changes --------------------------------------------------------------------------------------


def changes(
    position: int,
    *,
    trail: Sequence[AuditRow] = (),
    cancellations: Sequence[CancellationRow] = (),
    jobs: Sequence[JobRow] = (),
    states: dict[e.Aggregate, Fold | None] | None = None,
    removed: Sequence[int] = (),
    counts: dict[CountKey, int] | None = None,
    around: Around = Around(),  # noqa: B008
) -> Changes:
    """A commit of these."""
    return Changes(
        position=position,
        around=around,
        states=states or {},
        jobs=jobs,
        tasks=[],
        subtasks=[],
        removed=removed,
        trail=trail,
        cancellations=cancellations,
        counts=counts or {},
    )


def job_changes(position: int, *folds: JobFold, before: JobFold | None = None) -> Changes:
    """A commit of jobs; of a job that was there ``before`` only the tasks that are other."""
    was = before.job.tasks if before else {}
    states: dict[e.Aggregate, Fold | None] = {e.job_aggregate(f.job.id): f for f in folds}
    tasks = [
        task_row(f.job.id, task)
        for f in folds
        for number, task in f.job.tasks.items()
        if task is not was.get(number)
    ]
    return Changes(
        position=position,
        around=Around(),
        states=states,
        jobs=[job_row(f.job, position) for f in folds],
        tasks=tasks,
        subtasks=[],
        removed=[],
        trail=[],
        cancellations=[],
        counts={},
    )


# --- rows -----------------------------------------------------------------------------------------


def at(seconds: float) -> datetime:
    """A moment."""
    return START + timedelta(seconds=seconds)


def audit(position: int, **columns: object) -> AuditRow:
    """A row of the trail; ``time`` and ``time_high`` may be moments."""
    moment = columns.pop("time", at(position))
    high = columns.pop("time_high", moment)
    assert isinstance(moment, datetime)
    assert isinstance(high, datetime)
    values: dict[str, object] = dict.fromkeys(AuditRow.__struct_fields__, "") | {
        "position": position,
        "time": stamp(moment),
        "time_high": stamp(high),
        "event_id": f"event-{position}",
        "job_id": None,
        "request_position": None,
        **columns,
    }
    return AuditRow(**values)  # type: ignore[arg-type]


def at_times(rows: Sequence[AuditRow], seconds: Sequence[float]) -> list[AuditRow]:
    """The rows in the seconds given for each, with the latest time that a fold would give them."""
    high: datetime | None = None
    made = []
    for row, second in zip(rows, seconds, strict=True):
        high = high_after(high, at(second))
        made.append(replace(row, time=stamp(at(second)), time_high=stamp(high)))
    return made


def values_of(line: bytes) -> tuple[object, ...]:
    """What a line of an export says, in the columns' order; a ``named`` one has them so as well."""
    decoded = msgspec.json.decode(line)
    if isinstance(decoded, dict):
        assert tuple(decoded) == TRAIL_COLUMNS
        return tuple(decoded.values())
    return tuple(decoded)


def cells(row: AuditRow) -> tuple[object, ...]:
    """What the line of a row must say."""
    return tuple(getattr(row, name) for name in TRAIL_COLUMNS)


def job(number: int, **columns: object) -> Job:
    """A job in Configuring that was made at its number's second."""
    values: dict[str, object] = {
        "id": number,
        "name": f"job {number}",
        "owner": "alice",
        "job_type": JobType.BATCH,
        "priority": JobPriority.NORMAL,
        "run_as": "",
        "properties": {},
        "tasks": {},
        "version": 1,
        "created_at": at(number),
        "changed_at": at(number),
        "state": JobState.CONFIGURING,
        **columns,
    }
    return Job(**values)  # type: ignore[arg-type]


def cancellation(position: int, **columns: object) -> CancellationRow:
    """A row of the effect view: a normal cancel of alice's job 1 that is over and was in time."""
    values: dict[str, object] = dict.fromkeys(CancellationRow.__struct_fields__) | {
        "position": position,
        "job_id": 1,
        "instance": 0,
        "owner": "alice",
        "request_id": f"r{position}",
        "mode": "normal",
        "message": "",
        "reason_code": "",
        "actor": "alice",
        "on_behalf_of": "",
        "requested_at": stamp(at(position)),
        "stage": "canceled",
        "open": 0,
        "late": 0,
        "running": 0,
        "waiting": 0,
        "stopped": 0,
        "force_stopped": 0,
        "ended_otherwise": 0,
        "killed": 0,
        "survivors": 0,
        "release": "none",
        **columns,
    }
    return CancellationRow(**values)  # type: ignore[arg-type]


def subtask(instance: int, attempt: int = 1) -> SubtaskRow:
    """A run of a subtask of job 7 that ended well."""
    began, ended = stamp(at(instance)), stamp(at(instance + 1))
    return SubtaskRow(7, 2, instance, attempt, "n1", 0, None, began, ended, "", "")
