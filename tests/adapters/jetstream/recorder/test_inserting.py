"""Storing: versions once, calls whole, limits named, many threads at a time."""

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest
from eventsourcing.persistence import (
    DataError,
    IntegrityError,
    NotSupportedError,
    OperationalError,
    ProgrammingError,
    StoredEvent,
    Tracking,
)

from adapters.jetstream.publish import BATCH_EVENTS_MAX
from adapters.jetstream.recorder import JetStreamApplicationRecorder
from adapters.jetstream.recorder.naming import TOKEN_BYTES_MAX
from adapters.jetstream.recorder.writing import HEADER_BYTES
from tests.adapters.jetstream.recorder.events import event, new_event
from tests.support.nats import AdminServer, admin_server
from tests.support.recorder import environment, opened, recorder_of

__all__ = ["admin_server"]

WRITERS = 8
ROUNDS = 25
SERVER_BYTES_MAX = 1024**2
THREADS = 64
EVENTS_A_THREAD = 20


@pytest.fixture
def env(admin_server: AdminServer) -> dict[str, str]:
    return environment(admin_server.url, admin_server.admin)


@pytest.fixture
def recorder(env: dict[str, str]) -> Iterator[JetStreamApplicationRecorder]:
    with recorder_of(env) as one:
        yield one


def refused(act: Callable[[], object]) -> bool:
    """Whether it was refused because the version is taken."""
    try:
        act()
    except IntegrityError:
        return True
    return False


def test_of_writers_at_once_exactly_one_wins(env: dict[str, str]) -> None:
    """Each has a connection of its own, as processes have, and the same bytes to store."""
    with ExitStack() as stack, ThreadPoolExecutor(WRITERS) as threads:
        writers = [stack.enter_context(recorder_of(env)) for _ in range(WRITERS)]
        one = uuid.uuid4()
        for version in range(1, ROUNDS + 1):
            same = [event(one, version)]
            lost = list(threads.map(lambda w: refused(lambda: w.insert_events(same)), writers))  # noqa: B023
            assert lost.count(False) == 1, version
        assert [e.originator_version for e in writers[0].select_events(one)] == list(
            range(1, ROUNDS + 1)
        )


def test_many_threads_each_get_their_own_ids(recorder: JetStreamApplicationRecorder) -> None:
    def some() -> list[tuple[uuid.UUID, int]]:
        found = []
        for _ in range(EVENTS_A_THREAD):
            one = new_event()
            (id_,) = recorder.insert_events([one]) or ()
            assert isinstance(one.originator_id, uuid.UUID)
            found.append((one.originator_id, id_))
        return found

    with ThreadPoolExecutor(THREADS) as threads:
        futures = [threads.submit(some) for _ in range(THREADS)]
        told = {id_: one for future in futures for one, id_ in future.result()}
    stored = recorder.select_notifications(1, THREADS * EVENTS_A_THREAD + 1)
    assert [n.id for n in stored] == list(range(1, THREADS * EVENTS_A_THREAD + 1))
    assert {n.id: n.originator_id for n in stored} == told


def test_a_conflict_among_many_is_only_its_own(recorder: JetStreamApplicationRecorder) -> None:
    """Calls that are stored as one batch fail or succeed each by itself."""
    taken = [new_event() for _ in range(THREADS)]
    for one in taken:
        recorder.insert_events([one])
    calls = [c for one in taken for c in ([one, new_event()], [new_event(), new_event()])]
    with ThreadPoolExecutor(2 * THREADS) as threads:
        lost = list(threads.map(lambda c: refused(lambda: recorder.insert_events(c)), calls))
    assert lost == [True, False] * THREADS
    assert recorder.max_notification_id() == 3 * THREADS


def test_several_aggregates_are_stored_together_or_not_at_all(
    recorder: JetStreamApplicationRecorder,
) -> None:
    one, other = uuid.uuid4(), uuid.uuid4()
    mixed = [event(one, 1), event(other, 1), event(one, 2), event(other, 2)]
    assert recorder.insert_events(mixed) == [1, 2, 3, 4]
    with pytest.raises(IntegrityError, match="version 2 of"):
        recorder.insert_events([event(one, 3), event(other, 2)])
    assert len(recorder.select_events(one)) == len(recorder.select_events(other)) == 2
    assert recorder.max_notification_id() == 4


def test_a_call_may_hold_a_thousand_events(recorder: JetStreamApplicationRecorder) -> None:
    one = uuid.uuid4()
    events = [event(one, version) for version in range(BATCH_EVENTS_MAX + 1)]
    with pytest.raises(ProgrammingError, match="1001 events in one call: at most 1000"):
        recorder.insert_events(events)
    assert recorder.max_notification_id() is None
    assert recorder.insert_events(events[:-1]) == list(range(1, BATCH_EVENTS_MAX + 1))
    assert list(recorder.select_events(one)) == events[:-1]


def test_an_event_may_be_as_big_as_the_server_takes(
    recorder: JetStreamApplicationRecorder,
) -> None:
    one = uuid.uuid4()
    big = bytes(SERVER_BYTES_MAX - HEADER_BYTES)
    with pytest.raises(DataError, match=f"has {len(big) + 1} bytes, and the server takes"):
        recorder.insert_events([event(one, 1, state=big + b"x")])
    longest = "t" * TOKEN_BYTES_MAX
    recorder.insert_events([event(one, 1, topic=longest, state=big)])
    assert list(recorder.select_events(one)) == [event(one, 1, topic=longest, state=big)]


def test_long_histories_are_read_whole(recorder: JetStreamApplicationRecorder) -> None:
    """The server ends an answer at 64 MiB, whatever number of events was asked for."""
    one = uuid.uuid4()
    for first in range(0, 80, 8):
        recorder.insert_events([event(one, first + i, state=bytes(900_000)) for i in range(8)])
    assert [e.originator_version for e in recorder.select_events(one)] == list(range(80))
    assert [n.id for n in recorder.select_notifications(1, 80)] == list(range(1, 81))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (event("no uuid", 1), "'no uuid' is no UUID"),
        (new_event(topic=""), "has 0"),
        (event(uuid.uuid4(), "1.*"), "'1\\.\\*' is no version"),  # type: ignore[arg-type]
        (new_event(topic="t" * (TOKEN_BYTES_MAX + 1)), "1 to 1000 characters"),
        (StoredEvent(uuid.uuid4(), 1, "t", "text"), "of type str: only bytes are allowed"),  # type: ignore[arg-type]
        (new_event(topic="\udc80"), "no text that can be stored"),
    ],
)
def test_what_cannot_be_stored_is_refused_in_words(
    recorder: JetStreamApplicationRecorder, wrong: StoredEvent, said: str
) -> None:
    with pytest.raises(DataError, match=said):
        recorder.insert_events([new_event(), wrong])
    assert recorder.max_notification_id() is None


@pytest.mark.parametrize(
    "topic",
    ["a.b:C.D", "a/b", "*", ">", "a b", "\r\nPUB x 0\r\n", "%2F", "Zürich\u202e", "a..b", "."],
)
def test_any_topic_comes_back_as_it_was(recorder: JetStreamApplicationRecorder, topic: str) -> None:
    one = new_event(topic=topic)
    recorder.insert_events([one, new_event(topic="another")])
    (found,) = recorder.select_notifications(1, 10, topics=[topic])
    assert (found.topic, found.originator_id, found.id) == (topic, one.originator_id, 1)


def fill(recorder: JetStreamApplicationRecorder) -> None:
    """Store more than a MiB, event by event."""
    for _ in range(20):
        recorder.insert_events([new_event(state=bytes(100_000))])


def test_a_full_stream_refuses_and_forgets_nothing(env: dict[str, str]) -> None:
    with recorder_of(env | {"NATS_MAX_BYTES": str(1024**2), "NATS_TIMEOUT": "5"}) as recorder:
        with pytest.raises(OperationalError, match="no room"):
            fill(recorder)
        stored = recorder.max_notification_id() or 0
        assert 5 < stored < 11
        assert [n.id for n in recorder.select_notifications(1, 20)] == list(range(1, stored + 1))
        assert recorder.insert_events([new_event()]) == [stored + 1]


def test_a_position_beside_the_events_is_refused(env: dict[str, str]) -> None:
    with opened(env) as factory:
        for recorder in (factory.application_recorder(), factory.aggregate_recorder("snapshots")):
            with pytest.raises(NotSupportedError, match="tracking record"):
                recorder.insert_events([new_event()], tracking=Tracking("upstream", 1))
        assert factory.application_recorder().max_notification_id() is None
