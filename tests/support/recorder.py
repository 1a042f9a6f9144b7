"""What an application needs to know to be recorded on a test's own stream."""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from adapters.jetstream.accounts import Login
from adapters.jetstream.recorder import JetStreamApplicationRecorder, JetStreamFactory

MODULE: Final = "adapters.jetstream.recorder"


def environment(url: str, login: Login, **others: str) -> dict[str, str]:
    """The settings for a stream that nobody has used before."""
    return {
        "PERSISTENCE_MODULE": MODULE,
        "NATS_URL": url,
        "NATS_USER": login.user,
        "NATS_PASSWORD": login.password,
        "NATS_STREAM": f"S{uuid.uuid4().hex[:12]}",
    } | others


@contextmanager
def opened(env: dict[str, str]) -> Iterator[JetStreamFactory]:
    """A factory, closed at the end."""
    factory = JetStreamFactory(env)
    try:
        yield factory
    finally:
        factory.close()


@contextmanager
def recorder_of(env: dict[str, str]) -> Iterator[JetStreamApplicationRecorder]:
    """The recorder of a factory, closed at the end."""
    with opened(env) as factory:
        recorder = factory.application_recorder()
        assert isinstance(recorder, JetStreamApplicationRecorder)
        yield recorder
