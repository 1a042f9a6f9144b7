"""The library's recorders on a stream: they block, and have the loop do the work."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    Notification,
    NotSupportedError,
    StoredEvent,
    Subscription,
)

from adapters.jetstream.recorder.core import Core, Store
from adapters.jetstream.recorder.notifying import Section
from adapters.jetstream.recorder.selecting import Wanted
from adapters.jetstream.recorder.subscription import JetStreamSubscription


class JetStreamAggregateRecorder(AggregateRecorder):
    """``AggregateRecorder`` on a stream of its own."""

    def __init__(self, core: Core, store: Store) -> None:
        self._core = core
        self._store = store

    def insert_events(
        self, stored_events: Sequence[StoredEvent], **kwargs: Any
    ) -> Sequence[int] | None:
        self._insert(stored_events, kwargs)
        return None

    def select_events(
        self,
        originator_id: UUID | str,
        *,
        gt: int | None = None,
        lte: int | None = None,
        desc: bool = False,
        limit: int | None = None,
    ) -> Sequence[StoredEvent]:
        originator = self._store.naming.token(originator_id)
        wanted = Wanted(gt, lte, desc, limit)
        return self._core.run(self._store.selector.select(originator, wanted))

    def _insert(self, events: Sequence[StoredEvent], kwargs: dict[str, Any]) -> list[int]:
        """A position in another stream cannot be stored together with events: refuse it loudly."""
        if kwargs.get("tracking") is not None:
            raise NotSupportedError(
                "JetStream cannot store a tracking record together with events: keep the position"
                " in the projection's own database (see docs/recorder.md)"
            )
        return self._core.run(self._store.writer.insert(events))


class JetStreamApplicationRecorder(JetStreamAggregateRecorder, ApplicationRecorder):
    """``ApplicationRecorder``: the id of a notification is its sequence in the stream."""

    def insert_events(
        self, stored_events: Sequence[StoredEvent], **kwargs: Any
    ) -> Sequence[int] | None:
        return self._insert(stored_events, kwargs)

    def select_notifications(
        self,
        start: int | None,
        limit: int,
        stop: int | None = None,
        topics: Sequence[str] = (),
        *,
        inclusive_of_start: bool = True,
    ) -> Sequence[Notification]:
        first = 1 if start is None else start + (not inclusive_of_start)
        section = Section(max(first, 1), limit, stop, tuple(dict.fromkeys(topics)))
        return self._core.run(self._store.notifier.select(section))

    def max_notification_id(self) -> int | None:
        return self._core.run(self._store.source.end()) or None

    def subscribe(
        self, gt: int | None = None, topics: Sequence[str] = ()
    ) -> Subscription[ApplicationRecorder]:
        feed = self._store.notifier.feed(max(gt or 0, 0), tuple(dict.fromkeys(topics)))
        return JetStreamSubscription(self, self._core, feed, gt, topics)
