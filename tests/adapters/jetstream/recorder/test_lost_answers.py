"""An insert whose answer is lost is stored once and says so, or says that it does not know."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from eventsourcing.persistence import IntegrityError, OperationalError

from adapters.jetstream.recorder import JetStreamApplicationRecorder, OutcomeUnknownError
from tests.adapters.jetstream.recorder.events import event, new_event
from tests.support.nats import AdminServer, LoopThread, admin_server
from tests.support.proxy import Proxy, proxy_to
from tests.support.recorder import environment, recorder_of

__all__ = ["admin_server"]

ACK = b'"stream":'
QUICK = {"NATS_TIMEOUT": "2"}


class Way:
    """A recorder behind a proxy, and one that sees the stream itself."""

    def __init__(
        self,
        thread: LoopThread,
        proxy: Proxy,
        recorder: JetStreamApplicationRecorder,
        beside: JetStreamApplicationRecorder,
    ) -> None:
        self._thread = thread
        self._proxy = proxy
        self.recorder = recorder
        self.beside = beside

    def lose(self, request: bytes, answer: bytes, *, cut: bool) -> None:
        async def arm() -> None:
            self._proxy.lose(request, answer, cut=cut)

        self._thread.run(arm())

    def lose_request(self, request: bytes) -> None:
        async def arm() -> None:
            self._proxy.lose_request(request)

        self._thread.run(arm())

    def swallow(self) -> None:
        async def arm() -> None:
            self._proxy.swallow()

        self._thread.run(arm())

    def lost(self) -> bool:
        return self._proxy.lost.is_set()


@pytest.fixture
def way(admin_server: AdminServer) -> Iterator[Way]:
    env = environment(admin_server.url, admin_server.admin) | QUICK
    with (
        proxied(admin_server.url) as (thread, proxy, url),
        recorder_of(env | {"NATS_URL": url}) as recorder,
        recorder_of(env) as beside,
    ):
        yield Way(thread, proxy, recorder, beside)


@contextmanager
def proxied(url: str) -> Iterator[tuple[LoopThread, Proxy, str]]:
    thread = LoopThread()
    manager = proxy_to(url)
    try:
        proxy, own_url = thread.run(manager.__aenter__())
        yield thread, proxy, own_url
        thread.run(manager.__aexit__(None, None, None))
    finally:
        thread.stop()


@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize("count", [1, 3])
def test_an_insert_whose_answer_is_lost_is_stored_once(way: Way, count: int, *, cut: bool) -> None:
    events = [new_event() for _ in range(count)]
    way.lose(b"Nats-Msg-Id" if count == 1 else b"Nats-Batch-Commit", ACK, cut=cut)
    assert way.recorder.insert_events(events) == list(range(1, count + 1))
    assert way.lost()
    assert way.beside.max_notification_id() == count


@pytest.mark.parametrize("count", [1, 3])
def test_an_insert_that_never_arrived_is_sent_again(way: Way, count: int) -> None:
    way.lose_request(b"Nats-Msg-Id" if count == 1 else b"Nats-Batch-Commit")
    events = [new_event() for _ in range(count)]
    assert way.recorder.insert_events(events) == list(range(1, count + 1))
    assert way.lost()
    assert way.beside.max_notification_id() == count


def test_the_same_bytes_of_somebody_else_are_not_ours(way: Way) -> None:
    """The answer that was lost was a refusal: the version was taken, with the very same state."""
    one = new_event()
    way.beside.insert_events([one])
    way.lose(b"Nats-Msg-Id", b"err_code", cut=False)
    with pytest.raises(IntegrityError):
        way.recorder.insert_events([one])
    assert way.lost()
    assert way.beside.max_notification_id() == 1


def test_when_nobody_can_be_asked_the_outcome_is_unknown(way: Way) -> None:
    one = new_event()
    way.recorder.insert_events([one])
    way.swallow()
    with pytest.raises(OutcomeUnknownError, match="may have been stored") as caught:
        way.recorder.insert_events([event(one.originator_id, 2)])
    assert isinstance(caught.value, OperationalError)
    found = [e.originator_version for e in way.beside.select_events(one.originator_id)]
    assert found in ([1], [1, 2])
