"""Subscriptions and sections: nothing left out, nothing twice, and an end when it is wanted."""

import queue
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from eventsourcing.persistence import (
    ApplicationRecorder,
    InterfaceError,
    InternalError,
    Notification,
    Subscription,
)

from adapters.jetstream.recorder import JetStreamApplicationRecorder
from tests.adapters.jetstream.recorder.events import event, new_event
from tests.support.nats import AdminServer, LoopThread, admin_server
from tests.support.proxy import Proxy, proxy_to
from tests.support.recorder import environment, opened, recorder_of

__all__ = ["admin_server"]

EVENTS = 300
SECONDS = 20
TOPICS = ("accounts:Opened", "accounts:Credited", "accounts:Closed")


@pytest.fixture
def env(admin_server: AdminServer) -> dict[str, str]:
    return environment(admin_server.url, admin_server.admin)


@pytest.fixture
def recorder(env: dict[str, str]) -> Iterator[JetStreamApplicationRecorder]:
    with recorder_of(env) as one:
        yield one


class Following:
    """A thread that iterates over a subscription."""

    def __init__(self, subscription: Subscription[ApplicationRecorder]) -> None:
        self.subscription = subscription
        self.arrived: queue.Queue[Notification] = queue.Queue()
        self.failed: Exception | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            for notification in self.subscription:
                self.arrived.put(notification)
        except Exception as error:
            self.failed = error

    def next(self) -> Notification:
        return self.arrived.get(timeout=SECONDS)

    def ended(self) -> bool:
        self._thread.join(SECONDS)
        return not self._thread.is_alive()


def test_what_was_there_and_what_comes(recorder: JetStreamApplicationRecorder) -> None:
    recorder.insert_events([new_event() for _ in range(EVENTS)])
    with recorder.subscribe(gt=10) as subscription:
        following = Following(subscription)
        ids = [following.next().id for _ in range(EVENTS - 10)]
        for _ in range(10):
            recorder.insert_events([new_event()])
        ids += [following.next().id for _ in range(10)]
    assert ids == list(range(11, EVENTS + 11))
    assert following.ended()
    assert following.failed is None


def test_it_follows_what_other_processes_store(env: dict[str, str]) -> None:
    with recorder_of(env) as one, recorder_of(env) as other, one.subscribe() as subscription:
        following = Following(subscription)
        for _ in range(3):
            (id_,) = other.insert_events([new_event()]) or ()
            assert following.next().id == id_


def test_only_the_topics_that_were_asked_for(recorder: JetStreamApplicationRecorder) -> None:
    for number in range(60):
        recorder.insert_events([new_event(topic=TOPICS[number % 3])])
    wanted = [number + 1 for number in range(60) if number % 3 != 1]
    with recorder.subscribe(topics=(TOPICS[0], TOPICS[2])) as subscription:
        following = Following(subscription)
        assert [following.next().id for _ in wanted] == wanted


def test_a_stop_from_another_thread_ends_the_wait(recorder: JetStreamApplicationRecorder) -> None:
    subscription = recorder.subscribe()
    following = Following(subscription)
    recorder.insert_events([new_event()])
    assert following.next().id == 1
    subscription.stop()
    assert following.ended()
    assert following.failed is None
    subscription.stop()


def test_a_subscription_lives_through_lost_connections(admin_server: AdminServer) -> None:
    thread = LoopThread()
    proxied = proxy_to(admin_server.url)
    try:
        proxy, url = thread.run(proxied.__aenter__())
        env = environment(admin_server.url, admin_server.admin)
        with recorder_of(env) as writer, recorder_of(env | {"NATS_URL": url}) as reader:
            _follow_through(writer, reader, proxy, thread)
        thread.run(proxied.__aexit__(None, None, None))
    finally:
        thread.stop()


def _follow_through(
    writer: JetStreamApplicationRecorder,
    reader: JetStreamApplicationRecorder,
    proxy: Proxy,
    thread: LoopThread,
) -> None:
    async def cut() -> None:
        proxy.cut()

    with reader.subscribe() as subscription:
        following = Following(subscription)
        ids = list[int]()
        for _ in range(3):
            for _ in range(20):
                writer.insert_events([new_event()])
            ids.append(following.next().id)
            thread.run(cut())
        ids += [following.next().id for _ in range(60 - len(ids))]
    assert ids == list(range(1, 61))


def test_a_recorder_that_is_closed_ends_its_subscriptions(env: dict[str, str]) -> None:
    with opened(env) as factory:
        recorder = factory.application_recorder()
        subscription = recorder.subscribe()
        following = Following(subscription)
        recorder.insert_events([new_event()])
        assert following.next().id == 1
        factory.close()
        assert following.ended()
        assert following.failed is None or isinstance(following.failed, InterfaceError)
        subscription.stop()


def test_a_follower_that_is_ahead_of_the_stream_is_told(
    recorder: JetStreamApplicationRecorder,
) -> None:
    """Its position comes from a stream that is gone: waiting would hide the loss."""
    recorder.insert_events([new_event()])
    ahead = pytest.raises(InternalError, match="ends at 1, but 5 was there before")
    with recorder.subscribe(gt=5) as subscription, ahead:
        next(subscription)


def test_sections_of_several_topics(recorder: JetStreamApplicationRecorder) -> None:
    for number in range(30):
        recorder.insert_events([new_event(topic=TOPICS[number % 3])])

    def ids(*topics: str, start: int = 1, limit: int = 100, stop: int | None = None) -> list[int]:
        found = recorder.select_notifications(start, limit, stop, topics)
        return [notification.id for notification in found]

    two = [number + 1 for number in range(30) if number % 3 != 1]
    assert ids(TOPICS[0], TOPICS[2]) == two
    assert ids(TOPICS[2], TOPICS[0], TOPICS[2], limit=7) == two[:7]
    assert ids(TOPICS[0], TOPICS[2], start=8, stop=20) == [n for n in two if 8 <= n <= 20]
    assert ids(*TOPICS) == list(range(1, 31))
    assert ids("unknown") == ids("unknown", "neither") == []
    assert ids(limit=0) == ids(start=31) == []
    assert ids(start=-5, limit=2) == [1, 2]


def test_readers_never_see_a_gap(recorder: JetStreamApplicationRecorder) -> None:
    """Whatever has been read, nothing can still come before its end."""
    writing = threading.Event()

    def write() -> None:
        while not writing.is_set():
            recorder.insert_events([new_event(topic=TOPICS[0]), new_event(topic=TOPICS[1])])
            recorder.insert_events([event(uuid.uuid4(), 1, topic=TOPICS[2])])

    def read(*topics: str) -> list[int]:
        seen = list[int]()
        while len(seen) < EVENTS:
            start = seen[-1] if seen else 0
            some = recorder.select_notifications(start, 10, None, topics, inclusive_of_start=False)
            seen += [notification.id for notification in some]
        return seen

    with ThreadPoolExecutor(6) as threads:
        writers = [threads.submit(write) for _ in range(3)]
        everything = threads.submit(read)
        two = threads.submit(read, TOPICS[0], TOPICS[2])
        seen, seen_of_two = everything.result(60), two.result(60)
        writing.set()
        for writer in writers:
            writer.result(SECONDS)
    assert seen == list(range(1, len(seen) + 1))
    stored = recorder.select_notifications(1, seen_of_two[-1], seen_of_two[-1])
    assert seen_of_two == [n.id for n in stored if n.topic != TOPICS[1]]
