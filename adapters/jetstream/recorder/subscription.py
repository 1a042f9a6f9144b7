"""A subscription of the library: it blocks until the next event, across lost connections."""

from collections import deque
from collections.abc import Sequence

from eventsourcing.persistence import (
    ApplicationRecorder,
    InterfaceError,
    Notification,
    Subscription,
)

from adapters.jetstream.recorder.core import Core
from adapters.jetstream.recorder.notifying import Feed


class JetStreamSubscription(Subscription[ApplicationRecorder]):
    """Iterates over all events above ``gt`` in the order of the stream; ``stop`` ends it.

    ``stop`` may be called from any thread, also while another waits for the next event.
    """

    def __init__(
        self,
        recorder: ApplicationRecorder,
        core: Core,
        feed: Feed,
        gt: int | None,
        topics: Sequence[str],
    ) -> None:
        super().__init__(recorder, gt, topics)
        self._core = core
        self._feed = feed
        self._arrived: deque[Notification] = deque()

    def __next__(self) -> Notification:
        if not self._arrived and not self._has_been_stopped:
            self._arrived.extend(self._core.run(self._feed.next()))
        if self._has_been_stopped or not self._arrived:
            raise StopIteration
        self._last_notification_id = self._arrived[0].id
        return self._arrived.popleft()

    def stop(self) -> None:
        if self._has_been_stopped:
            return
        super().stop()
        try:
            self._core.run(self._feed.stop())
        except InterfaceError:
            return  # The recorder was closed, and the consumer went with it.
