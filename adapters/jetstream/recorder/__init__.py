"""A persistence module for the ``eventsourcing`` library: applications on NATS JetStream.

``PERSISTENCE_MODULE=adapters.jetstream.recorder``; ``docs/recorder.md`` has the settings, what is
promised, and what is not. The library looks for the one factory class in this module.
"""

from adapters.jetstream.recorder.errors import OutcomeUnknownError, SettingsError
from adapters.jetstream.recorder.factory import JetStreamFactory
from adapters.jetstream.recorder.recorders import (
    JetStreamAggregateRecorder,
    JetStreamApplicationRecorder,
)
from adapters.jetstream.recorder.subscription import JetStreamSubscription

Factory = JetStreamFactory

__all__ = [
    "Factory",
    "JetStreamAggregateRecorder",
    "JetStreamApplicationRecorder",
    "JetStreamFactory",
    "JetStreamSubscription",
    "OutcomeUnknownError",
    "SettingsError",
]
