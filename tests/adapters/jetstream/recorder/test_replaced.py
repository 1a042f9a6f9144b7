"""An administrator deletes the stream under a running recorder, and makes it again."""

import asyncio
import time
import uuid
from collections.abc import Callable, Iterator
from uuid import UUID

import pytest
from eventsourcing.persistence import IntegrityError, InternalError

from adapters.jetstream.api import StreamInfo
from adapters.jetstream.recorder import JetStreamApplicationRecorder
from tests.adapters.jetstream.recorder.events import event, new_event
from tests.support.nats import AdminServer, admin_server
from tests.support.recorder import environment, recorder_of
from tests.support.waiting import until

__all__ = ["admin_server"]

SOON_SECONDS = 4
"""Of the ten that a call may take: what will never come is not waited for."""

KNOWN = uuid.uuid4()
"""An aggregate of the stream that is deleted."""

Act = Callable[[JetStreamApplicationRecorder], object]
CALLS: dict[str, Act] = {
    "insert, known aggregate": lambda r: r.insert_events([event(KNOWN, 4)]),
    "insert, new aggregate": lambda r: r.insert_events([new_event()]),
    "insert, several": lambda r: r.insert_events([new_event(), new_event()]),
    "select_events": lambda r: r.select_events(KNOWN),
    "select_events, last": lambda r: r.select_events(KNOWN, desc=True, limit=1),
    "select_notifications": lambda r: r.select_notifications(1, 10),
    "max_notification_id": lambda r: r.max_notification_id(),
}


class Stream:
    """The stream of a recorder, in the hands of an administrator."""

    def __init__(self, server: AdminServer, name: str) -> None:
        self._server = server
        self.name = name
        self._config = self._call("INFO", None).config

    def delete(self) -> None:
        self._call("DELETE", None)

    def make(self) -> None:
        self._call("CREATE", self._config)

    def _call(self, verb: str, body: object) -> StreamInfo:
        async def call() -> StreamInfo:
            async with self._server.connection() as connection:
                subject = f"$JS.API.STREAM.{verb}.{self.name}"
                return await connection.call(subject, body, StreamInfo, 5)

        return asyncio.run(call())


@pytest.fixture
def env(admin_server: AdminServer) -> dict[str, str]:
    return environment(admin_server.url, admin_server.admin)


@pytest.fixture
def recorder(env: dict[str, str]) -> Iterator[JetStreamApplicationRecorder]:
    with recorder_of(env) as found:
        assert found.insert_events([event(KNOWN, v) for v in (1, 2, 3)]) == [1, 2, 3]
        yield found


@pytest.fixture
def stream(
    admin_server: AdminServer, env: dict[str, str], recorder: JetStreamApplicationRecorder
) -> Stream:
    del recorder  # It has made the stream.
    return Stream(admin_server, env["NATS_STREAM"])


def told(act: Act, recorder: JetStreamApplicationRecorder) -> str:
    """What ``act`` is told once the tenth of a second is over for which a read believes."""

    def words() -> str:
        try:
            act(recorder)
        except InternalError as error:
            return str(error)
        return ""

    return until(words, "it is noticed")


@pytest.mark.parametrize("name", CALLS)
def test_every_call_notices_that_the_stream_was_made_again(
    recorder: JetStreamApplicationRecorder, stream: Stream, name: str
) -> None:
    stream.delete()
    stream.make()
    said = told(CALLS[name], recorder)
    assert stream.name in said
    assert "was replaced" in said or "was there before" in said
    for act in CALLS.values():
        with pytest.raises(InternalError):
            act(recorder)


def test_an_insert_that_went_to_the_new_stream_says_what_is_stored_where(
    env: dict[str, str], recorder: JetStreamApplicationRecorder, stream: Stream
) -> None:
    stream.delete()
    stream.make()
    one: UUID = uuid.uuid4()
    with pytest.raises(InternalError, match="new events the ids 1 to 2, and 3 was there before"):
        recorder.insert_events([event(one, 1), event(one, 2)])
    with recorder_of(env) as another:
        assert [e.originator_version for e in another.select_events(one)] == [1, 2]


def test_inserts_notice_a_new_stream_that_is_longer_already(
    env: dict[str, str], recorder: JetStreamApplicationRecorder, stream: Stream
) -> None:
    stream.delete()
    stream.make()
    with recorder_of(env) as another:
        another.insert_events([new_event() for _ in range(10)])
    assert "was replaced" in told(CALLS["insert, new aggregate"], recorder)


@pytest.mark.parametrize("name", CALLS)
def test_a_stream_that_is_gone_is_said_soon(
    recorder: JetStreamApplicationRecorder, stream: Stream, name: str
) -> None:
    stream.delete()
    began = time.monotonic()
    with pytest.raises(InternalError, match=f"{stream.name} is gone"):
        CALLS[name](recorder)
    assert time.monotonic() - began < SOON_SECONDS


def test_a_follower_notices_too(recorder: JetStreamApplicationRecorder, stream: Stream) -> None:
    with recorder.subscribe(gt=3) as subscription:
        stream.delete()
        stream.make()
        with pytest.raises(InternalError):
            next(subscription)


def test_a_lost_race_is_no_damage(
    env: dict[str, str], recorder: JetStreamApplicationRecorder
) -> None:
    with recorder_of(env) as another:
        assert another.insert_events([event(KNOWN, 4)]) == [4]
        with pytest.raises(IntegrityError):
            recorder.insert_events([event(KNOWN, 4)])
        assert recorder.insert_events([event(KNOWN, 5)]) == [5]
