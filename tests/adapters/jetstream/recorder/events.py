"""Events to be recorded."""

import uuid
from uuid import UUID

from eventsourcing.persistence import StoredEvent

TOPIC = "accounts.domain:Account.Credited"


def event(
    originator: UUID | str, version: int, *, topic: str = TOPIC, state: bytes = b'{"amount":1}'
) -> StoredEvent:
    """One event of an aggregate."""
    return StoredEvent(originator, version, topic, state)


def new_event(*, topic: str = TOPIC, state: bytes = b'{"amount":1}') -> StoredEvent:
    """The first event of an aggregate that nobody knows yet."""
    return event(uuid.uuid4(), 1, topic=topic, state=state)
