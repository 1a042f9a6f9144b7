"""Whatever is inserted in whatever order, the answers are those of the library's own SQLite."""

import itertools
from collections.abc import Iterator, Sequence
from uuid import UUID

import pytest
from eventsourcing.persistence import IntegrityError, StoredEvent
from eventsourcing.sqlite import SQLiteApplicationRecorder, SQLiteDatastore
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.jetstream.recorder import JetStreamApplicationRecorder
from tests.support.nats import AdminServer, admin_server
from tests.support.recorder import environment, recorder_of

__all__ = ["admin_server"]

EXAMPLES = 60
AGGREGATES = 2
VERSIONS = st.integers(min_value=0, max_value=5)
COUNTER = itertools.count()

Inserts = list[list[tuple[int, int]]]
INSERTS = st.lists(
    st.lists(st.tuples(st.integers(0, AGGREGATES - 1), VERSIONS), min_size=1, max_size=3),
    max_size=5,
)
BOUNDS = st.none() | VERSIONS


Ours = tuple[JetStreamApplicationRecorder, JetStreamApplicationRecorder]


@pytest.fixture(scope="module")
def ours(admin_server: AdminServer) -> Iterator[Ours]:
    """Two on one stream: neither knows what the other remembers."""
    env = environment(admin_server.url, admin_server.admin)
    with recorder_of(env) as one, recorder_of(env) as other:
        yield one, other


@pytest.fixture(scope="module")
def librarys() -> Iterator[SQLiteApplicationRecorder]:
    datastore = SQLiteDatastore(":memory:")
    recorder = SQLiteApplicationRecorder(datastore)
    recorder.create_table()
    yield recorder
    datastore.close()


def inserted(
    recorder: JetStreamApplicationRecorder | SQLiteApplicationRecorder, events: list[StoredEvent]
) -> bool:
    """Whether they were stored, rather than refused for a version that is taken."""
    try:
        return len(recorder.insert_events(events) or ()) == len(events)
    except IntegrityError:
        return False


@settings(max_examples=EXAMPLES, deadline=None)
@given(inserts=INSERTS, gt=BOUNDS, lte=BOUNDS, desc=st.booleans(), limit=st.none() | st.just(1))
def test_the_same_inserts_give_the_same_answers(
    ours: Ours,
    librarys: SQLiteApplicationRecorder,
    inserts: Inserts,
    gt: int | None,
    lte: int | None,
    desc: bool,
    limit: int | None,
) -> None:
    ids = [UUID(int=next(COUNTER)) for _ in range(AGGREGATES)]
    for number, rows in enumerate(inserts):
        events = [StoredEvent(ids[a], v, f"t{number}", b"%d" % number) for a, v in rows]
        assert inserted(ours[number % 2], events) == inserted(librarys, events)
    for one in ids:
        answers: list[Sequence[StoredEvent]] = [
            recorder.select_events(one, gt=gt, lte=lte, desc=desc, limit=limit)
            for recorder in (*ours, librarys)
        ]
        assert answers[0] == answers[2]
        assert answers[1] == answers[2]
