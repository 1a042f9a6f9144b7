"""Many events into a real stream at once, as bytes that were made beforehand."""

from collections.abc import Iterable
from itertools import islice
from typing import Final

from adapters.jetstream.api import check
from adapters.jetstream.connection import Connection, ServerAddress
from adapters.jetstream.subjects import subject_and_filter
from application.ports import Stored
from tests.support.waiting import PATIENCE_SECONDS

AT_ONCE: Final = 5000


async def publish_all(address: ServerAddress, cluster: str, events: Iterable[Stored]) -> None:
    """Publish, waiting for the last of many only; return when all are stored."""
    connection = await Connection.open(address)
    try:
        rest = iter(events)
        while chunk := list(islice(rest, AT_ONCE)):
            for event in chunk[:-1]:
                await connection.publish(subject_of(event, cluster), event.raw, {})
            last = subject_of(chunk[-1], cluster)
            answer = await connection.request(last, chunk[-1].raw, PATIENCE_SECONDS, {})
            check(answer.data)
    finally:
        await connection.close()


def subject_of(event: Stored, cluster: str) -> str:
    """Where an event belongs."""
    return subject_and_filter(cluster, event.aggregate, event.type)[0]
