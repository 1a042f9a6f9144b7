"""What the library makes of ``PERSISTENCE_MODULE=adapters.jetstream.recorder``."""

from typing import Never

from eventsourcing.persistence import (
    AggregateRecorder,
    ApplicationRecorder,
    InfrastructureFactory,
    NotSupportedError,
    ProcessRecorder,
    TrackingRecorder,
)
from eventsourcing.utils import Environment, EnvType, resolve_topic

from adapters.jetstream.recorder.core import Core
from adapters.jetstream.recorder.errors import SettingsError
from adapters.jetstream.recorder.naming import EVENTS
from adapters.jetstream.recorder.recorders import (
    JetStreamAggregateRecorder,
    JetStreamApplicationRecorder,
)
from adapters.jetstream.recorder.settings import create_table, read_settings


class JetStreamFactory(InfrastructureFactory[TrackingRecorder]):
    """Recorders that share one connection, which is made for the first of them.

    Raises ``SettingsError`` at once for what the environment lacks.
    """

    aggregate_recorder_class = JetStreamAggregateRecorder
    application_recorder_class = JetStreamApplicationRecorder

    def __init__(self, env: Environment | EnvType | None) -> None:
        super().__init__(env)
        self._core = Core(read_settings(self.env))

    def aggregate_recorder(self, purpose: str = EVENTS) -> AggregateRecorder:
        """Of ``events`` the same stream as the application's; of any other, one beside it."""
        store = self._core.store(purpose, may_create=create_table(self.env))
        return self.aggregate_recorder_class(self._core, store)

    def application_recorder(self) -> ApplicationRecorder:
        chosen = self._application_recorder_class()
        store = self._core.store(EVENTS, may_create=create_table(self.env))
        return chosen(self._core, store)

    def tracking_recorder(
        self, tracking_recorder_class: type[TrackingRecorder] | None = None
    ) -> Never:
        raise NotSupportedError(
            "a tracking recorder keeps a projection's position together with its rows, and a stream"
            " has no rows: give the projection a database of its own, such as"
            " <NAME OF THE PROJECTION>_PERSISTENCE_MODULE=eventsourcing.sqlite"
        )

    def process_recorder(self) -> ProcessRecorder:
        raise NotSupportedError(
            "a process recorder stores events and the position in another stream together, and"
            " JetStream cannot: follow this application with a projection"
            " (eventsourcing.projection.ProjectionRunner) whose view keeps the position, or give"
            " the process application itself PERSISTENCE_MODULE=eventsourcing.postgres or .sqlite"
        )

    def close(self) -> None:
        self._core.close()

    def _application_recorder_class(self) -> type[JetStreamApplicationRecorder]:
        topic = self.env.get(self.APPLICATION_RECORDER_TOPIC)
        if not topic:
            return self.application_recorder_class
        found = resolve_topic(topic)
        if not (isinstance(found, type) and issubclass(found, JetStreamApplicationRecorder)):
            raise SettingsError(
                f"{self.APPLICATION_RECORDER_TOPIC} is {topic!r}, which is no subclass of"
                " JetStreamApplicationRecorder"
            )
        return found
