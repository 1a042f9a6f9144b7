"""Threads that go on inserting while servers are killed, and what must hold afterwards."""

import queue
import threading
from uuid import UUID

from eventsourcing.persistence import ApplicationRecorder, OperationalError, Subscription

from adapters.jetstream.recorder import JetStreamApplicationRecorder
from tests.adapters.jetstream.recorder.events import new_event
from tests.support.waiting import until

SECONDS = 60


class Load:
    """Each thread inserts new aggregates, of one or two events, and notes what it was told."""

    def __init__(self, recorder: JetStreamApplicationRecorder, threads: int) -> None:
        self.told: dict[UUID, int] = {}
        self.unclear: set[UUID] = set()
        self._recorder = recorder
        self._over = threading.Event()
        self._failures: queue.Queue[BaseException] = queue.Queue()
        counts = [1 + number % 2 for number in range(threads)]
        self._threads = [threading.Thread(target=self._run, args=(count,)) for count in counts]
        for thread in self._threads:
            thread.start()

    def _run(self, count: int) -> None:
        try:
            while not self._over.is_set():
                self._insert(count)
        except BaseException as error:
            self._failures.put(error)

    def _insert(self, count: int) -> None:
        events = [new_event() for _ in range(count)]
        ids = [UUID(str(one.originator_id)) for one in events]
        try:
            self.told.update(zip(ids, self._recorder.insert_events(events) or (), strict=True))
        except OperationalError:
            self.unclear.update(ids)

    def wait_for(self, count: int) -> None:
        """Until so many more events were acknowledged."""
        before = len(self.told)
        until(lambda: len(self.told) >= before + count, "events are acknowledged", SECONDS)

    def end(self) -> None:
        """Stop the threads. What they met was nothing but ``OperationalError``."""
        self._over.set()
        for thread in self._threads:
            thread.join(SECONDS)
            assert not thread.is_alive()
        assert self._failures.empty(), self._failures.get()

    def check(self, followed: Subscription[ApplicationRecorder]) -> None:
        """Nothing acknowledged is lost or has another id, nothing is there twice or unasked."""
        last = self._recorder.max_notification_id() or 0
        stored = self._recorder.select_notifications(1, last + 1)
        assert [n.id for n in stored] == list(range(1, last + 1))
        assert [next(followed).id for _ in range(last)] == list(range(1, last + 1))
        ids = {UUID(str(n.originator_id)): n.id for n in stored}
        assert len(ids) == len(stored)
        assert {one: ids.get(one) for one in self.told} == self.told
        assert set(ids) - set(self.told) <= self.unclear
