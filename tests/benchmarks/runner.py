"""Views by the eventsourcing library's ProjectionRunner: what ``rebuild`` is to be compared with.

An application of the library has made events on JetStream (through the recorder here); a projection
stores a row for each of them in SQLite, with the position, as the library's documentation does it.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate
from eventsourcing.domain import event as makes
from eventsourcing.persistence import Tracking
from eventsourcing.projection import Projection, ProjectionRunner
from eventsourcing.sqlite import SQLiteDatastore, SQLiteTrackingRecorder

from tests.benchmarks.figures import ROUNDS, Figure
from tests.benchmarks.timing import timed
from tests.support.nats import AdminServer, threaded_server
from tests.support.recorder import environment

JOBS: Final = 1000
CANCELS_A_JOB: Final = 9
EVENTS: Final = JOBS * (1 + CANCELS_A_JOB)
SECONDS_MAX: Final = 600.0


class Asked(Aggregate):
    """A job that is asked to end again and again."""

    def __init__(self) -> None:
        self.message = ""

    @makes("CancelRequested")
    def cancel(self, message: str) -> None:
        """One event."""
        self.message = message


class Requests(Application[UUID]):
    """What makes the events."""

    def make(self) -> int:
        """All of a job at once; the last position."""
        job = Asked()
        for n in range(CANCELS_A_JOB):
            job.cancel(f"benchmark {n}")
        return self.save(job)[-1].notification.id


class Rows(SQLiteTrackingRecorder):
    """A row for each event."""

    def __init__(self, datastore: SQLiteDatastore, **more: Any) -> None:
        super().__init__(datastore, **more)
        self.create_table_statements.append(
            "CREATE TABLE IF NOT EXISTS trail"
            " (position INTEGER PRIMARY KEY, job TEXT, what TEXT, message TEXT)"
        )

    def add(self, tracking: Tracking, job: str, what: str, message: str) -> None:
        """One row and the position, in one commit."""
        with self.datastore.transaction(commit=True) as cursor:
            self._insert_tracking(cursor, tracking)
            values = (tracking.notification_id, job, what, message)
            cursor.execute("INSERT INTO trail VALUES (?, ?, ?, ?)", values)


class Trail(Projection[Rows]):
    """Every event of a job has a row."""

    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        """One event."""
        message = getattr(domain_event, "message", "")
        what = type(domain_event).__name__
        self.view.add(tracking, str(domain_event.originator_id), what, message)


def measure(directory: Path) -> Sequence[Figure]:
    """The same events, projected anew in each round."""
    with threaded_server(AdminServer, directory / "nats") as server:
        env = environment(server.url, server.admin)
        with Requests(env) as requests:
            last = max(requests.make() for _ in range(JOBS))
        rates = [rate(env, directory / f"{n}.sqlite", last) for n in range(ROUNDS)]
    return [Figure(f"ProjectionRunner into SQLite, {EVENTS} events", "per second", tuple(rates))]


def rate(env: dict[str, str], file: Path, last: int) -> float:
    """Events a second, from nothing to the last event."""
    view = {"TRAIL_PERSISTENCE_MODULE": "eventsourcing.sqlite", "TRAIL_SQLITE_DBNAME": str(file)}

    def run() -> None:
        made = env | view
        with ProjectionRunner(
            application_class=Requests, projection_class=Trail, view_class=Rows, env=made
        ) as runner:
            runner.wait(last, timeout=SECONDS_MAX)

    seconds, _ = timed(run)
    os.unlink(file)
    return EVENTS / seconds
