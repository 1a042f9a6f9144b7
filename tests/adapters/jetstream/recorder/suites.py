"""The library's shipped cases, on our recorder. Where they run is up to who inherits these.

The cases themselves come from the installed package; here stands only what each leaves open.
"""

from functools import cached_property
from typing import ClassVar, Final
from unittest import TestCase

import pytest
from eventsourcing.persistence import (
    AggregateRecorder,
    ProcessRecorder,
    Tracking,
    TrackingRecorder,
)
from eventsourcing.popo import POPOTrackingRecorder
from eventsourcing.tests import application, persistence, projection
from eventsourcing.utils import Environment, get_topic

from adapters.jetstream.recorder import (
    JetStreamAggregateRecorder,
    JetStreamApplicationRecorder,
    JetStreamFactory,
)


class OnStream(TestCase):
    """A case with a stream of its own: ``settings`` lead there, also those of the process."""

    settings: dict[str, str]

    @cached_property
    def factory_of_case(self) -> JetStreamFactory:
        factory = JetStreamFactory(self.settings)
        self.addCleanup(factory.close)
        return factory


class AggregateRecorders(persistence.AggregateRecorderTestCase, OnStream):
    def create_recorder(self) -> AggregateRecorder:
        return self.factory_of_case.aggregate_recorder()


class SnapshotRecorders(persistence.AggregateRecorderTestCase, OnStream):
    def create_recorder(self) -> AggregateRecorder:
        return self.factory_of_case.aggregate_recorder(purpose="snapshots")


class ApplicationRecorders(persistence.ApplicationRecorderTestCase, OnStream):
    def create_recorder(self) -> JetStreamApplicationRecorder:
        recorder = self.factory_of_case.application_recorder()
        assert isinstance(recorder, JetStreamApplicationRecorder)
        return recorder

    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class ApplicationRecordersOfText(ApplicationRecorders):
    """Originator ids that are any text."""

    def new_originator_id(self) -> str:
        return f"account/{super().new_originator_id()}.* >"

    def create_recorder(self) -> JetStreamApplicationRecorder:
        self.settings["ORIGINATOR_ID_TYPE"] = "text"
        return super().create_recorder()


class NonInterleaving(persistence.NonInterleavingNotificationIDsBaseCase, OnStream):
    def create_recorder(self) -> JetStreamApplicationRecorder:
        recorder = self.factory_of_case.application_recorder()
        assert isinstance(recorder, JetStreamApplicationRecorder)
        return recorder


class Factories(persistence.InfrastructureFactoryTestCase[JetStreamFactory], OnStream):
    """Its two cases of recorders that JetStream does not have are replaced by none."""

    test_create_tracking_recorder: ClassVar[None] = None  # type: ignore[assignment]
    test_create_process_recorder: ClassVar[None] = None  # type: ignore[assignment]

    def setUp(self) -> None:
        self.env = Environment("TestCase", self.settings)
        super().setUp()

    def expected_factory_class(self) -> type[JetStreamFactory]:
        return JetStreamFactory

    def expected_aggregate_recorder_class(self) -> type[AggregateRecorder]:
        return JetStreamAggregateRecorder

    def expected_application_recorder_class(self) -> type[JetStreamApplicationRecorder]:
        return JetStreamApplicationRecorder

    def expected_tracking_recorder_class(self) -> type[TrackingRecorder]:
        raise NotImplementedError

    def tracking_recorder_subclass(self) -> type[TrackingRecorder]:
        raise NotImplementedError

    def expected_process_recorder_class(self) -> type[ProcessRecorder]:
        raise NotImplementedError


class ExampleApplications(application.ExampleApplicationTestCase, OnStream):
    expected_factory_topic = get_topic(JetStreamFactory)


@pytest.mark.filterwarnings("default:'log' is deprecated:DeprecationWarning")
class Applications(application.ApplicationTestCase, OnStream):
    """One case records the warning that it provokes; here warnings are errors otherwise."""


class EventCounters(POPOTrackingRecorder, projection.EventCountersView):
    """A view in memory: its own database keeps its position, as any view's must."""

    def __init__(self) -> None:
        super().__init__()
        self._created = 0
        self._subsequent = 0

    def get_created_event_counter(self) -> int:
        return self._created

    def get_subsequent_event_counter(self) -> int:
        return self._subsequent

    def incr_created_event_counter(self, tracking: Tracking) -> None:
        with self._database_lock:
            self.insert_tracking(tracking)
            self._created += 1

    def incr_subsequent_event_counter(self, tracking: Tracking) -> None:
        with self._database_lock:
            self.insert_tracking(tracking)
            self._subsequent += 1


class Projections(projection.AggregateEventCountersProjectionTestCase, OnStream):
    view_class: type[projection.EventCountersView] = EventCounters
    env: ClassVar[dict[str, str]] = {"EVENTCOUNTERS_PERSISTENCE_MODULE": "eventsourcing.popo"}


class EventSourcedProjections(projection.EventSourcedProjectionTestCase, OnStream):
    env: ClassVar[dict[str, str]] = {"COUNTERS_PERSISTENCE_MODULE": "eventsourcing.popo"}


SUITES: Final[tuple[type[OnStream], ...]] = (
    AggregateRecorders,
    SnapshotRecorders,
    ApplicationRecorders,
    ApplicationRecordersOfText,
    NonInterleaving,
    Factories,
    ExampleApplications,
    Applications,
    Projections,
    EventSourcedProjections,
)
